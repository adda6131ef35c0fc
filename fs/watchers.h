/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FS_WATCHERS_H
#define FS_WATCHERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/*
 * watchers - which inodes of a file system programs watch by inotify(7), as
 * /proc tells of those processes that we may look at: those of the same user,
 * and all of them if we are root.
 */
struct watchers {
	uint64_t *inos;		/* ascending */
	size_t n;
};

#define WATCHERS_MAX 65536u	/* of one file system; more are not seen */

/* dev as in st_dev.  Returns 0 or a negative errno; *ret is to be freed by
 * watchers_done in any case. */
int watchers_find(dev_t dev, struct watchers *ret);
void watchers_done(struct watchers *w);
bool watchers_has(const struct watchers *w, uint64_t ino);

#endif
