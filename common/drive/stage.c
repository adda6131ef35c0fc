/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Staging: inodes with content to publish, the versions frozen of them, and
 * the batches of blocks that uploaders take.  All state is under the db lock.
 *
 * A version is the rows of an inode up to a block id.  While it is under way
 * new writes make rows with greater ids and leave those of the version alone;
 * when its put has been sealed into a segment the rows become clean.  After a
 * crash versions are forgotten: what was sent stays sent, the rest is frozen
 * anew.
 */
#include "drive/content.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "drive/slab.h"
#include "drive/tree_priv.h"
#include "util/clock.h"
#include "util/log.h"

#define BUSY_MS 30000		/* an open, busy file gets a version so often */
#define RETRY_MS 5000		/* after a base could not be fetched */
#define FREEZE_ROUND 128	/* versions frozen in one turn of the lock */
#define BUSY_LOOK_MS 1000

struct pending *
pending_find(struct drive *d, uint64_t ino)
{
	struct pending *p;

	HASH_FIND(hh, d->stage->table, &ino, sizeof(ino), p);
	return p;
}

static void
pending_unqueue(struct drive *d, struct pending *p) REQUIRES(d->db_lock)
{
	if (p->queue == PENDING_WAITING)
		TAILQ_REMOVE(&d->stage->waiting, p, link);
	else if (p->queue == PENDING_FROZEN)
		TAILQ_REMOVE(&d->stage->frozen, p, link);
	p->queue = PENDING_OUT;
}

void
pending_queue(struct drive *d, struct pending *p)
{
	pending_unqueue(d, p);
	if (!p->v) {
		p->queue = PENDING_WAITING;
		TAILQ_INSERT_TAIL(&d->stage->waiting, p, link);
	} else if (!p->v->is_taken_all) {
		p->queue = PENDING_FROZEN;
		TAILQ_INSERT_TAIL(&d->stage->frozen, p, link);
	}
}

void
pending_free(struct drive *d, struct pending *p)
{
	pending_unqueue(d, p);
	HASH_DEL(d->stage->table, p);
	unread_drop(d, p->ino);
	free(p->v);
	free(p);
}

int
stage_changed(struct drive *d, uint64_t ino, uint64_t bytes, uint64_t size)
{
	int64_t now = clock_mono_ms();
	struct pending *p = pending_find(d, ino);

	if (!p) {
		p = calloc(1, sizeof(*p));
		if (!p)
			return -ENOMEM;
		p->ino = ino;
		p->first_ms = now;
		p->txn = d->stage->txn_no;
		p->lo = UINT64_MAX;
		HASH_ADD(hh, d->stage->table, ino, sizeof(p->ino), p);
		if (HASH_IS_OUT(p)) {
			free(p);
			return -ENOMEM;
		}
	}
	p->staged += bytes;
	p->last_ms = now;
	unread_back(d, p);
	if (!p->v)
		pending_queue(d, p);
	if (p->v) {
		p->v->is_stale = true;
		if (p->v->trunc_txn != d->stage->txn_no) {
			p->v->trunc_txn = d->stage->txn_no;
			p->v->trunc_was = p->v->trunc_next;
		}
		if (p->v->trunc_next > size)
			p->v->trunc_next = size;
	}
	return 0;
}

int
stage_rows(struct drive *d, uint64_t ino, uint64_t lo, uint64_t hi)
{
	struct pending *p;
	int r;

	r = stage_changed(d, ino, 0, UINT64_MAX);
	if (r < 0)
		return r;
	p = pending_find(d, ino);
	if (p->lo > lo)
		p->lo = lo;
	if (p->hi < hi)
		p->hi = hi;
	return 0;
}

int
stage_note(struct drive *d, uint64_t ino)
{
	return stage_rows(d, ino, 0, UINT64_MAX);
}

bool
stage_is_frozen(struct drive *d, uint64_t ino, uint64_t bid)
{
	struct pending *p = pending_find(d, ino);

	return p && p->v && bid <= p->v->bid_max;
}

int
stage_is_live(struct drive *d, const struct block *b)
{
	struct block top, base;
	int r;

	r = block_get(d, b->ino, b->idx, &top);
	if (r <= 0 || top.bid == b->bid)
		return r;
	if (top.state != BLOCK_PATCH)
		return 0;
	r = block_below(d, &top, &base);
	return r == 1 ? base.bid == b->bid : r;
}

/* ---- rollbacks ----------------------------------------------------------- */

/* After stage_rollback, before anything is frozen. */
static int
stage_mend(struct drive *d) REQUIRES(d->db_lock)
{
	struct outbox_row o[64];
	struct pending *p;
	uint64_t from = 0;
	int n, k, r = 0;

	for (n = 64; d->stage->is_torn && n == 64; ) {
		n = outbox_scan(d, from, o, 64);
		if (n < 0)
			return n;
		for (k = 0; k < n; k++) {
			from = o[k].num + 1;
			if (!((o[k].flags | o[k].infl) & OUTBOX_PUT))
				continue;
			p = pending_find(d, o[k].ino);
			if (!p || !p->v)
				r = stage_note(d, o[k].ino);
			if (r < 0)
				return r;
		}
	}
	d->stage->is_torn = false;
	return 0;
}

/* ---- freezing ------------------------------------------------------------ */

static bool
pending_is_due(const struct drive *d, const struct pending *p, int64_t now)
    REQUIRES(d->db_lock)
{
	if (p->retry_ms > now)
		return false;
	return d->stage->is_forced ||
	    now - p->last_ms >= d->stage->quiet_ms ||
	    now - p->first_ms >= BUSY_MS;
}

struct freeze {
	struct drive *d;
	struct inode *i;
	uint64_t end;		/* rows before this index are looked at */
	bool has_patch;
	bool has_staged;
	bool is_small_only;	/* only block 0, and it is nowhere but here */
};

static int
freeze_row(void *arg, const struct block *b)
{
	struct freeze *f = arg;

	if (b->idx >= f->end)
		return 1;
	if (b->state == BLOCK_PATCH)
		f->has_patch = true;
	if (b->state == BLOCK_STAGED)
		f->has_staged = true;
	/* What was sent by itself stays so, also in a file that became small:
	 * when that grows again no put would tell of the block. */
	if (b->state != BLOCK_HOLE && (b->idx != 0 || b->has_ref ||
	    !block_is_local(b)))
		f->is_small_only = false;
	return 0;
}

int
version_restage(struct drive *d, uint64_t ino)
{
	struct stage *s = d->stage;
	struct block b;
	int r;

	r = block_get(d, ino, 0, &b);
	if (r <= 0 || b.state != BLOCK_INLINE)
		return r < 0 ? r : 0;
	b.state = BLOCK_STAGED;
	r = block_update(d, &b);
	if (r < 0)
		return r;
	s->staged_bytes += b.len;
	s->staged_blocks++;
	return stage_rows(d, ino, 0, 1);
}

/* Freeze what is committed of p.  1 frozen, 0 a patch must be completed. */
static int
version_freeze(struct drive *d, struct pending *p, struct inode *i)
    REQUIRES(d->db_lock)
{
	struct freeze f = { .d = d, .i = i, .is_small_only = true };
	bool is_small = i->size <= VAULT_INLINE_MAX;
	struct version *v;
	int r;

	r = stage_mend(d);
	if (r == 0 && !is_small)
		r = version_restage(d, p->ino);
	/* Whether a small one fits into its put, all its rows say. */
	f.end = is_small ? UINT64_MAX : p->hi;
	if (r == 0)
		r = block_each(d, i->ino, is_small ? 0 : p->lo, UINT64_MAX,
		    false, freeze_row, &f);
	if (r < 0)
		return r;
	if (f.has_patch)
		return 0;
	/* Of a file without a name no put comes: its blocks travel by
	 * themselves, or somebody waits as long as it is open. */
	if ((i->flags & INODE_ORPHAN) && !f.has_staged) {
		pending_free(d, p);
		return 1;
	}
	v = calloc(1, sizeof(*v));
	if (!v)
		return -ENOMEM;
	v->bid_max = d->stage->next_bid - 1;
	v->size = i->size;
	v->trunc = i->trunc < i->size ? i->trunc : i->size;
	v->mtime_ns = i->mtime_ns;
	v->ctime_ns = i->ctime_ns;
	v->is_unnamed = (i->flags & INODE_ORPHAN) != 0;
	v->is_inline = is_small && f.is_small_only && !v->is_unnamed;
	v->is_taken_all = v->is_inline || !f.has_staged;
	v->trunc_next = UINT64_MAX;
	v->txn = d->stage->txn_no;
	v->lo = v->next_idx = p->lo;
	v->hi = p->hi;
	p->lo = UINT64_MAX;
	p->hi = 0;
	p->v = v;
	p->first_ms = clock_mono_ms();
	pending_queue(d, p);
	return 1;
}

/* Freeze the pending inode ino; called with no lock. */
static int
stage_freeze(struct drive *d, uint64_t ino)
{
	struct pending *p;
	struct inode i;
	int r;

	r = content_flush(d, ino);
	if (r == 0)
		r = drive_begin_internal(d);
	if (r < 0)
		return r;
	p = pending_find(d, ino);
	if (p && !p->v) {
		r = inode_load(d, ino, &i);
		if (r == 0)
			r = version_freeze(d, p, &i);
		if (r == 0)
			r = -EREMOTE;
		crypto_wipe(i.key, sizeof(i.key));
	}
	return drive_end(d, r < 0 ? r : 0);
}

static int
find_patch(void *arg, const struct block *b)
{
	uint64_t *idx = arg;

	if (b->state != BLOCK_PATCH)
		return 0;
	*idx = b->idx;
	return 1;
}

/* Complete every patch of ino through the fetcher, then freeze. */
static int
stage_complete(struct drive *d, uint64_t ino)
{
	struct node *n = node_ref(d, ino, true);
	uint64_t idx = 0;
	int r;

	if (!n)
		return -ENOMEM;
	for (;;) {
		mutex_lock(&d->db_lock);
		r = block_each(d, ino, idx, UINT64_MAX, false, find_patch,
		    &idx);
		mutex_unlock(&d->db_lock);
		if (r <= 0)
			break;
		r = patch_complete(d, n, idx, NULL);
		if (r < 0)
			break;
		idx++;
	}
	if (r == 0)
		r = content_flush(d, ino);
	node_unref(d, n);
	return r < 0 ? r : stage_freeze(d, ino);
}

/* The inodes that are due, from the queue's head on: quiet ones come first
 * there.  Files that stay busy are looked for once a second. */
static size_t
due_list(struct drive *d, uint64_t inos[static FREEZE_ROUND])
    REQUIRES(d->db_lock)
{
	struct stage *s = d->stage;
	int64_t now = clock_mono_ms();
	bool all = now - s->busy_look_ms >= BUSY_LOOK_MS;
	struct pending *p;
	size_t n = 0;

	TAILQ_FOREACH(p, &s->waiting, link) {
		if (n == FREEZE_ROUND)
			break;
		if (pending_is_due(d, p, now))
			inos[n++] = p->ino;
		else if (!all && !s->is_forced &&
		    now - p->last_ms < s->quiet_ms)
			break;
	}
	if (all)
		s->busy_look_ms = now;
	return n;
}

/* Freeze those that are at rest, in one transaction; what is left of inos
 * needs more than that. */
static int
freeze_idle(struct drive *d, uint64_t *inos, size_t *n)
{
	size_t k, left = 0;
	struct pending *p;
	struct inode i;
	struct node *o;
	int r;

	r = drive_begin_internal(d);
	if (r < 0)
		return r;
	for (k = 0; k < *n && r >= 0; k++) {
		mutex_lock(&d->nodes->lock);
		HASH_FIND(hh, d->nodes->table, &inos[k], sizeof(inos[k]), o);
		mutex_unlock(&d->nodes->lock);
		p = pending_find(d, inos[k]);
		if (!p || p->v)
			continue;
		if (!o && inode_load(d, inos[k], &i) == 0) {
			r = version_freeze(d, p, &i);
			crypto_wipe(i.key, sizeof(i.key));
			if (r == 1)
				continue;
			/* By itself it holds up nobody. */
			r = unread_is(r) ? 0 : r;
		}
		inos[left++] = inos[k];
	}
	*n = left;
	return drive_end(d, r < 0 ? r : 0);
}

int
stage_freeze_due(struct drive *d)
{
	uint64_t inos[FREEZE_ROUND];
	struct pending *p;
	int r, ret = 0;
	size_t k, n, n_due;

	mutex_lock(&d->db_lock);
	r = stage_mend(d);
	n = n_due = r < 0 ? 0 : due_list(d, inos);
	mutex_unlock(&d->db_lock);
	if (n == 0)
		return r;
	r = freeze_idle(d, inos, &n);
	if (r < 0)
		return r;
	for (k = 0; k < n; k++) {
		r = stage_freeze(d, inos[k]);
		if (r == -EREMOTE)
			r = stage_complete(d, inos[k]);
		if (r >= 0 || r == -ENOENT)
			continue;
		ret = r;
		mutex_lock(&d->db_lock);
		if (unread_is(r))
			version_unread(d, inos[k]);
		else if ((p = pending_find(d, inos[k])) != NULL)
			p->retry_ms = clock_mono_ms() + RETRY_MS;
		mutex_unlock(&d->db_lock);
	}
	return ret < 0 ? ret : n_due == FREEZE_ROUND;
}
