/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What is not here of a file.
 */
#include <errno.h>

#include "drive/content.h"

#define STEP 256		/* rows looked at under one lock */

struct count {
	uint64_t end;		/* rows with a smaller index */
	uint64_t next;		/* where to go on */
	uint64_t bytes, enough;
	unsigned seen;
	bool is_done;
};

static int
count_row(void *arg, const struct block *b)
{
	struct count *c = arg;

	if (b->idx >= c->end) {
		c->is_done = true;
		return 1;
	}
	c->next = b->idx + 1;
	if (b->state != BLOCK_PATCH && b->state != BLOCK_HOLE &&
	    b->has_ref && !block_is_local(b))
		c->bytes += b->len;
	if (c->bytes >= c->enough)
		c->is_done = true;
	return c->is_done || ++c->seen == STEP;
}

int64_t
drive_missing(struct drive *d, uint64_t ino, uint64_t off, uint64_t len,
    uint64_t enough)
{
	struct count c = { .next = off / BLOCK_SIZE, .enough = enough };
	int r;

	if (len == 0)
		return 0;
	c.end = len > UINT64_MAX - off ? UINT64_MAX : (off + len - 1) /
	    BLOCK_SIZE + 1;
	/* A large file is no reason to keep others waiting. */
	do {
		c.seen = 0;
		mutex_lock(&d->db_lock);
		r = block_each(d, ino, c.next, UINT64_MAX, false, count_row,
		    &c);
		mutex_unlock(&d->db_lock);
	} while (r > 0 && !c.is_done);
	return r < 0 ? r : (int64_t)c.bytes;
}
