/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FS_LOCKED_H
#define FS_LOCKED_H

#include <stdbool.h>
#include <stddef.h>

/*
 * locked - what a mount answers while there are no keys: a root that only the
 * user may read, with one note in it that says how to unlock, and the name and
 * icon for file managers.  Everything else is refused.  Requests are taken and
 * answered as the kernel has them, past the FUSE library.
 */

struct virtual;

#define LOCKED_NOTE "LOCKED.txt"

struct locked {
	int fd;			/* of the session */
	const char *name;	/* of the drive; borrowed */
	const struct virtual *info;	/* borrowed */
};

/* Is it about those two files, or the root as it was listed while locked?
 * Answered by locked_answer also when the drive is back. */
bool locked_is_own(const void *req, size_t len);
/* Answer the request, or let it go unanswered where that is right.  is_own: it
 * is of the thread in live.c, which the kernel shall let tell of the root. */
void locked_answer(const struct locked *l, const void *req, size_t len,
    bool is_own);

#endif
