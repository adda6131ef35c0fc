/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FS_MOUNTPOINT_H
#define FS_MOUNTPOINT_H

#include <limits.h>
#include <stdbool.h>
#include <sys/types.h>

#include "fs/place.h"

struct err;

/* mountpoint - what is mounted where, and folders to mount on. */

#define MOUNT_FSTYPE "fuse.coffre"
/* Before the drive's name; by mount(8) also without it. */
#define MOUNT_SOURCE "coffre#"

struct mounted {
	char name[PLACE_NAME_MAX + 1];	/* of the drive */
	char path[PATH_MAX];		/* the mount point */
	unsigned major, minor;		/* of its device */
	uid_t uid;			/* who mounted it */
	bool is_readonly;
};

/* In a drive's folder of state: held by its mount, and says where that is or
 * was.  Of several homes of a user each can have a drive of that name. */
#define MOUNT_LOCK "mount.lock"
void mountpoint_note(int lock_fd, const char *path);

/* The topmost mount of the drive by this user and, as far as it was noted,
 * this home; -ENOENT. */
int mounted_by_name(const char *name, struct mounted *ret);
/* The mount point that was noted last; "": none, or not all of it. */
void mountpoint_noted(const char *name, char out[static PATH_MAX]);
/* The Coffre drive that is mounted just there; -ENOENT.  Asks none.  real is
 * of mountpoint_real. */
int mounted_at(const char *real, struct mounted *ret);
/* -EBUSY: something is mounted in a folder of the drive that is mounted just at
 * real, here or where else it is seen.  Asks none. */
int mountpoint_free_inside(const char *real, struct err *e);
/* The Coffre drive that path lies in; -ENOENT.  Also for a mount point whose
 * process has died. */
int mounted_by_path(const char *path, struct mounted *ret);
/* Absolute, without links; works on a dead mount point too. */
int mountpoint_real(const char *path, char out[static PATH_MAX]);
/* Is it a mount whose process has died? */
bool mountpoint_is_dead(const char *path);
/* Make path fit to mount on: made if missing, a dead mount taken away, an
 * empty folder.  Fills the absolute path. */
int mountpoint_prepare(const char *path, char out[static PATH_MAX],
    struct err *e);
/*
 * The folder below a mount.  While nothing is mounted on it, what a program
 * puts there would lie on this machine in clear and be in the way of the next
 * mount: so the user may not write into it then.  That of root, or of somebody
 * else, is left as it is.
 */
struct below {
	int fd;			/* -1: left as it is */
	mode_t mode;		/* as it was found */
};
/* Just before it is mounted on: writable, as fusermount3 wants it. */
void mountpoint_open(const char *path, struct below *ret);
/* That is over.  is_mounted: it is closed from now on; otherwise as it was
 * found. */
void mountpoint_close(struct below *b, bool is_mounted);
/* Unmount.  -EBUSY: in use (not when lazy: it then goes when it no longer
 * is). */
int mountpoint_unmount(const char *path, bool is_lazy, struct err *e);
/* Unmount what a crash has left of the drive; 0 also if there is nothing. */
int mountpoint_unmount_stale(const char *name, struct err *e);

#endif
