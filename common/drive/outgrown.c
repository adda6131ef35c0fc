/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Files whose block 0 was published inside a put and which are larger by now
 * than what may travel so.  Who makes a file larger sends the block by itself
 * (version_restage).  In a journal such a file can come about all the same: of
 * two who wrote without knowing of each other, and of versions of this program
 * that put a block inside which they had sent by itself before.  No checkpoint
 * could list that block, so it is sent from here.
 */
#include <errno.h>

#include "drive/content.h"
#include "drive/tree_priv.h"
#include "util/log.h"

#define BATCH 64		/* files under one lock */

/* 1: its block is to be sent now. */
static int
outgrown_one(struct drive *d, uint64_t ino) REQUIRES(d->db_lock)
{
	struct inode i;
	struct block b;
	int r;

	r = block_get(d, ino, 0, &b);
	if (r <= 0 || b.state != BLOCK_INLINE)
		return r;
	r = inode_load(d, ino, &i);
	crypto_wipe(i.key, sizeof(i.key));
	if (r < 0 || i.size <= VAULT_INLINE_MAX || (i.flags & INODE_ORPHAN))
		return r;
	r = version_restage(d, ino);
	if (r == 0)
		r = outbox_mark(d, ino, OUTBOX_PUT);
	return r < 0 ? r : 1;
}

/* The next file after *ino that has blocks: 1, or 0 if there is none. */
static int
outgrown_next(struct drive *d, uint64_t *ino) REQUIRES(d->db_lock)
{
	struct stmt *s;
	int r;

	s = db_stmt(d->db, STMT_OUTGROWN_NEXT, "SELECT ino FROM block "
	    "WHERE ino > ?1 ORDER BY ino LIMIT 1");
	stmt_i64(s, 1, (int64_t)*ino);
	r = stmt_step(s);
	if (r == 1) {
		*ino = (uint64_t)stmt_get_i64(s, 0);
		stmt_reset(s);
	}
	return r;
}

int
content_outgrown(struct drive *d)
{
	uint64_t ino = 0, n = 0;
	int r, k, more = 1;

	if (__atomic_load_n(&d->is_readonly, __ATOMIC_RELAXED))
		return 0;
	while (more == 1) {
		r = drive_begin_internal(d);
		if (r < 0)
			return r;
		for (k = 0; k < BATCH && r >= 0 && more == 1; k++) {
			more = r = outgrown_next(d, &ino);
			if (more == 1)
				r = outgrown_one(d, ino);
			/* What cannot be read holds up nothing else. */
			if (more == 1 && (unread_is(r) || r == -ENOENT))
				r = 0;
			n += r == 1;
		}
		r = drive_end(d, r < 0 ? r : 0);
		if (r < 0)
			return r;
	}
	if (n)
		log_info("drive: blocks that were inside their puts are sent: "
		    "n=%llu", (unsigned long long)n);
	return 0;
}
