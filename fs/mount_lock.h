/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FS_MOUNT_LOCK_H
#define FS_MOUNT_LOCK_H

struct err;

/*
 * mount_lock - one mount of a drive, also while it is locked and nobody has
 * it open.
 *
 * umount(8) returns when the kernel has let go; the process may still be
 * uploading.  A mount that comes then waits for it, for at most that many
 * seconds or until there is something to read from stop_fd (-ECANCELED).
 * -EBUSY: the drive is mounted, or still was at the end of that time.
 */
int mount_lock_take(const char *name, unsigned seconds, int stop_fd,
    int *ret_fd, struct err *e);

#endif
