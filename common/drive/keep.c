/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What is done now and then: commits of what is old, the flush to disk.
 */
#include <errno.h>
#include <stdlib.h>

#include "drive/content.h"
#include "drive/slab.h"
#include "util/clock.h"
#include "util/log.h"

/* Inodes with something to commit, and those kept for that: their number, or
 * -ENOMEM.  The caller frees. */
static ssize_t
live_inos(struct drive *d, uint64_t **ret)
{
	struct node *n, *nt;
	ssize_t c = 0;

	mutex_lock(&d->nodes->lock);
	*ret = malloc((HASH_COUNT(d->nodes->table) + 1) * sizeof(**ret));
	if (*ret)
		HASH_ITER(hh, d->nodes->table, n, nt)
			if (n->is_kept ||
			    __atomic_load_n(&n->is_live, __ATOMIC_RELAXED))
				(*ret)[c++] = n->ino;
	mutex_unlock(&d->nodes->lock);
	return *ret ? c : -ENOMEM;
}

static bool
is_deleted(struct drive *d, uint64_t ino)
{
	struct inode i;
	int r;

	mutex_lock(&d->db_lock);
	r = inode_load(d, ino, &i);
	mutex_unlock(&d->db_lock);
	return r == -ENOENT || (r == 0 && i.flags & INODE_ORPHAN);
}

/* Commit what has been dirty for too long. */
static int
commit_aged(struct drive *d, uint64_t ino)
{
	struct node *n = node_ref(d, ino, false);
	bool is_clean, is_gone;
	int r = 0;

	if (!n)
		return 0;
	mutex_lock(&n->lock);
	if (n->dirty_ms && clock_mono_ms() - n->dirty_ms >= DIRTY_AGE_MS)
		r = node_commit(d, n);
	/* Not again at once: the disk is full, perhaps. */
	if (r < 0)
		n->dirty_ms = clock_mono_ms();
	is_clean = !n->dirty_ms;
	mutex_unlock(&n->lock);
	/* On a full disk a deleted one is to give its room back. */
	is_gone = !is_clean && is_deleted(d, ino);
	if (is_clean || is_gone)
		node_let_go(d, n, is_gone);
	node_unref(d, n);
	return r;
}

void
content_tick(struct drive *d)
{
	uint64_t *inos;
	ssize_t k, c = live_inos(d, &inos);
	unsigned failed = 0;
	int r, why = 0;

	for (k = 0; k < c; k++) {
		r = commit_aged(d, inos[k]);
		if (r < 0)
			why = r;
		failed += r < 0;
	}
	if (failed)
		log_warn("drive: op=commit-aged n=%u r=%d", failed, why);
	free(inos);
	atime_tick(d, false);
	(void)content_evict(d, d->conf.cache_max ? d->conf.cache_max :
	    UINT64_C(10) << 30);
}

int
drive_commit_all(struct drive *d)
{
	uint64_t *inos;
	ssize_t k, c = live_inos(d, &inos);
	int r, ret = 0;

	if (c < 0)
		return (int)c;
	for (k = 0; k < c; k++) {
		r = content_flush(d, inos[k]);
		if (r < 0)
			ret = r;
	}
	free(inos);
	return ret;
}

void
content_usage(struct drive *d, struct drive_usage *ret)
{
	mutex_lock(&d->db_lock);
	ret->staged_bytes = d->stage->staged_bytes;
	ret->staged_blocks = d->stage->staged_blocks;
	ret->clean_bytes = d->stage->clean_bytes;
	mutex_unlock(&d->db_lock);
	ret->disk_free_bytes = slab_disk_free(d->slab);
}

/*
 * Flush: the block file first, so that no row on the disk names bytes that
 * are not.  Then superseded rows and freed frames may go: those of before the
 * commits that are settled here.  What is superseded while this goes on may
 * have given way to bytes that it does not flush.
 */
static int
flush(struct drive *d)
{
	uint64_t bid, mark;
	size_t ndead;
	int r;

	mutex_lock(&d->db_lock);
	bid = d->stage->next_bid - 1;
	d->stage->kept_bid = bid;
	ndead = d->stage->dead.n;
	mark = slab_settle_begin(d->slab);
	r = drive_settle(d);
	mutex_unlock(&d->db_lock);
	if (r == 0)
		r = slab_sync(d->slab);
	if (r == 0)
		r = db_sync(d->db);
	if (r < 0)
		return r;
	slab_settle_end(d->slab, mark);
	mutex_lock(&d->db_lock);
	d->stage->synced_bid = bid;
	mutex_unlock(&d->db_lock);
	/* All that was asked for is done: tidying up can wait for the next. */
	r = stage_bury(d, ndead);
	if (r < 0)
		log_warn("drive: op=bury r=%d", r);
	return 0;
}

/* Whoever waits while one goes on is served by the next, all together. */
int
drive_sync_disk(struct drive *d)
{
	uint64_t mine = __atomic_add_fetch(&d->flush_asked, 1,
	    __ATOMIC_SEQ_CST), upto;
	int r = 0;

	mutex_lock(&d->flush_lock);
	if (d->flush_done < mine) {
		upto = __atomic_load_n(&d->flush_asked, __ATOMIC_SEQ_CST);
		r = flush(d);
		if (r == 0)
			d->flush_done = upto;
	}
	mutex_unlock(&d->flush_lock);
	return r;
}
