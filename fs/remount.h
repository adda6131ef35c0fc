/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FS_REMOUNT_H
#define FS_REMOUNT_H

#include <stdbool.h>

struct err;

/* remount - other flags for what is mounted.  They are the kernel's; what the
 * daemon was told when it began stays as it is. */

/* Does a list as behind -o ask for it? */
bool remount_is(const char *list);
/* The flags of mount(2) that it asks for.  What the kernel shows of a mount of
 * ours, and settings of the daemon, are left out.  -EINVAL with a message. */
int remount_parse(const char *list, unsigned long *ret, struct err *e);
int remount(const char *dir, unsigned long flags, struct err *e);
/* Read-only, the rest as it is. */
int remount_readonly(const char *dir, struct err *e);

#endif
