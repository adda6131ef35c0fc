/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FS_THUMBCACHE_H
#define FS_THUMBCACHE_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <time.h>

struct preview;

/*
 * thumbcache - the user's thumbnail cache, where file managers look for
 * previews of files by a hash of their addresses, and note those that could
 * not be made.  Paths in the drive begin with '/'.  Results: 0 or a negative
 * errno; -EXDEV: it is on the drive itself.  Any thread may call.
 */
struct thumbcache {
	const char *mountpoint;	/* borrowed */
	char marks[PATH_MAX];	/* notes of failures */
	char pictures[PATH_MAX];
	uint64_t floor;		/* leave that much of the disk free, bytes */
};

/* -ENOENT: there is no home, or its cache is on the drive itself. */
int thumbcache_init(struct thumbcache *t, const char *mountpoint,
    uint64_t floor);
/* Is there anything that thumbcache_unmark could remove? */
bool thumbcache_has_marks(const struct thumbcache *t);
/* Remove the note that there is no preview of the file. */
int thumbcache_unmark(const struct thumbcache *t, const char *path);
/* Put a preview of the file there, unless one of the same mtime is there, and
 * remove the note.  -ENOSPC: there is no room. */
int thumbcache_put(const struct thumbcache *t, const char *path,
    const struct preview *v);
/* Remove all that were put there, by this process or others, for files below
 * the mount point; with before, what was written since stays.  -ETIME: not all
 * of it, as stopped(arg), which is asked for each, said so. */
int thumbcache_sweep(const struct thumbcache *t,
    const struct timespec *before, bool (*stopped)(void *arg), void *arg);

#endif
