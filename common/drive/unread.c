/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Files that cannot be uploaded because this machine's disk does not give
 * what is to be sent of them, or their row.  Others go on without them, so
 * they have to be told of.
 */
#include <errno.h>
#include <stdlib.h>

#include "drive/content.h"
#include "drive/tree_priv.h"
#include "util/buf.h"
#include "util/log.h"

#define UNREAD_MAX 1000		/* of more it is enough to know these */

struct unread {
	uint64_t ino;
	UT_hash_handle hh;
};

/* However many there are, whoever waits learns that nothing else is left. */
static void
pending_mark(struct drive *d, uint64_t ino, bool is_unread)
    REQUIRES(d->db_lock)
{
	struct pending *p = pending_find(d, ino);

	if (p)
		p->is_unread = is_unread;
}

void
unread_add(struct drive *d, uint64_t ino)
{
	struct unread *u;

	pending_mark(d, ino, true);
	HASH_FIND(hh, d->unread, &ino, sizeof(ino), u);
	if (u || HASH_COUNT(d->unread) >= UNREAD_MAX)
		return;
	u = calloc(1, sizeof(*u));
	if (!u)
		return;		/* it will be tried again */
	u->ino = ino;
	HASH_ADD(hh, d->unread, ino, sizeof(u->ino), u);
	if (HASH_IS_OUT(u)) {
		free(u);
		return;
	}
	__atomic_store_n(&d->nunread, HASH_COUNT(d->unread),
	    __ATOMIC_RELAXED);
	log_error("drive: inode %llu cannot be read here and is not uploaded",
	    (unsigned long long)ino);
}

static void
unread_free(struct drive *d, struct unread *u) REQUIRES(d->db_lock)
{
	HASH_DEL(d->unread, u);
	free(u);
	__atomic_store_n(&d->nunread, HASH_COUNT(d->unread),
	    __ATOMIC_RELAXED);
}

void
unread_drop(struct drive *d, uint64_t ino)
{
	struct unread *u;

	pending_mark(d, ino, false);
	HASH_FIND(hh, d->unread, &ino, sizeof(ino), u);
	if (u)
		unread_free(d, u);
}

void
unread_done(struct drive *d)
{
	struct unread *u, *t;

	HASH_ITER(hh, d->unread, u, t)
		unread_free(d, u);
}

/* Does nothing else wait to be sent, and is nothing being published?  What has
 * been sent and is not published is held up by one of these. */
static bool
is_all(struct drive *d) REQUIRES(d->db_lock)
{
	struct pending *p, *t;

	if (d->publish)
		return false;
	HASH_ITER(hh, d->stage->table, p, t) {
		if (p->v && p->v->is_taken_all && !p->v->out)
			continue;
		/* It is being tried once more. */
		if (p->v || !p->is_unread)
			return false;
	}
	return true;
}

size_t
drive_unread(struct drive *d, bool *ret_is_all, struct buf *path)
{
	struct outbox_row o;
	struct unread *u, *t;
	struct inode i;
	bool is_over;
	size_t n;

	*ret_is_all = false;
	if (!__atomic_load_n(&d->nunread, __ATOMIC_RELAXED))
		return 0;
	mutex_lock(&d->db_lock);
	/* Those that have been deleted are no loss, if that can be told; and
	 * where nothing waits, all could be read in the end. */
	is_over = d->usage.outbox_ops == 0 && !d->stage->table;
	HASH_ITER(hh, d->unread, u, t)
		if (is_over || (inode_load(d, u->ino, &i) == -ENOENT &&
		    !unread_is(outbox_get(d, u->ino, &o))))
			unread_free(d, u);
	crypto_wipe(i.key, sizeof(i.key));
	n = HASH_COUNT(d->unread);
	if (n)
		*ret_is_all = is_all(d);
	if (n && path && path_of(d, d->unread->ino, path) < 0) {
		buf_reset(path);
		(void)buf_printf(path, "inode %llu",
		    (unsigned long long)d->unread->ino);
	}
	mutex_unlock(&d->db_lock);
	return n;
}
