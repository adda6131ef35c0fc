/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FS_MOUNT_HELPER_H
#define FS_MOUNT_HELPER_H

#include <stdbool.h>

/*
 * mount_helper - the program as mount(8) calls it for a line of fstab(5), and
 * as umount(8) does:
 *
 *	mount.coffre SOURCE DIR [-sfnv] [-o OPTIONS] [-t TYPE]
 *	umount.coffre DIR [-lfrnv] [-t TYPE] [-N NAMESPACE]
 *
 * Its name says so (mount.coffre, mount.fuse.coffre and those with umount).
 */

/* Is that name, with or without a folder, one of them? */
bool mount_helper_is(const char *argv0);
/* Exit codes are those of mount(8). */
int mount_helper_run(int argc, char **argv);

/* cmd_mount.c: mount the drive of that source ("NAME" or "coffre#NAME"), which
 * the kernel is to show as given; list as behind -o.  Returns an exit code. */
int cmd_mount_source(const char *source, const char *dir, const char *list);

#endif
