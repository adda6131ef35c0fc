/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Rows inside a transaction: what becomes the content of an index, what is
 * superfluous, and when it may go.
 */
#include <errno.h>
#include <stdlib.h>

#include "drive/content.h"
#include "drive/slab.h"

#define REAP_ROWS 16
#define REAP_MAX 4096		/* in one transaction: others wait for it */

int
gones_add(struct gones *g, const struct gone *e)
{
	struct gone *v;
	size_t cap;

	if (g->n == g->cap) {
		cap = g->cap ? g->cap * 2 : 64;
		v = realloc(g->v, cap * sizeof(*v));
		if (!v)
			return -ENOMEM;
		g->v = v;
		g->cap = cap;
	}
	g->v[g->n++] = *e;
	return 0;
}

void
stage_count(struct drive *d, const struct block *b, int sign)
{
	uint64_t len = (uint64_t)(sign * (int64_t)b->len);
	struct stage *s = d->stage;

	if (!block_is_local(b))
		return;
	if (b->state == BLOCK_STAGED || b->state == BLOCK_PATCH) {
		s->staged_bytes += len;
		s->staged_blocks += (uint64_t)(int64_t)sign;
	} else if (b->state != BLOCK_INLINE) {
		/* Only what can be evicted: the cache's limit is for that. */
		s->clean_bytes += len;
	}
}

/* The row is superfluous.  One that a frozen version uses, or that was on the
 * disk at the last flush (a power cut may need it), stays until stage_bury. */
int
block_gone(struct drive *d, const struct block *b, bool is_later)
{
	struct gone g = { b->ino, b->idx, b->bid, b->frame, b->len,
	    b->has_data, is_later, (uint8_t)b->state };
	int r;

	r = gones_add(&d->stage->txn, &g);
	if (r == 0)
		stage_count(d, b, -1);
	if (r == 0 && !is_later)
		r = block_delete(d, b->ino, b->idx, b->bid, b->has_data);
	return r;
}

int
stage_bury_note(struct drive *d, const struct gone *g)
{
	return gones_add(&d->stage->txn, g);
}

void
content_txn_begin(struct drive *d)
{
	struct stage *s = d->stage;

	s->txn_no++;
	s->saved[0] = s->staged_bytes;
	s->saved[1] = s->staged_blocks;
	s->saved[2] = s->clean_bytes;
}

/*
 * Versions are memory, which a rollback does not bring back.  Those that the
 * transaction froze are void at once: their rows may be gone.  What it made
 * pending may not even be there, and goes.  What it sealed or reaped is no
 * longer known, although its rows wait as before: stage_mend finds all that
 * waits by the outbox, before anything is frozen again.
 */
static void
stage_rollback(struct drive *d) REQUIRES(d->db_lock)
{
	struct stage *s = d->stage;
	struct pending *p, *t;

	s->is_torn = true;
	HASH_ITER(hh, s->table, p, t) {
		if (p->txn == s->txn_no) {
			pending_free(d, p);
			continue;
		}
		if (!p->v)
			continue;
		if (p->v->trunc_txn == s->txn_no)
			p->v->trunc_next = p->v->trunc_was;
		if (p->v->txn != s->txn_no)
			continue;
		p->v->is_void = true;
		version_abort(d, p->ino);
	}
}

void
content_txn_done(struct drive *d, bool is_committed)
{
	struct stage *s = d->stage;
	struct gones *t = &s->txn;
	size_t k;

	if (!is_committed) {
		s->staged_bytes = s->saved[0];
		s->staged_blocks = s->saved[1];
		s->clean_bytes = s->saved[2];
		stage_rollback(d);
	}
	for (k = 0; is_committed && k < t->n; k++) {
		if (t->v[k].is_later)
			(void)gones_add(&d->stage->dead, &t->v[k]);
		else if (t->v[k].frame != SLAB_NONE)
			slab_free(d->slab, t->v[k].frame);
	}
	t->n = 0;
}

static bool
must_stay(struct drive *d, const struct block *b) REQUIRES(d->db_lock)
{
	return b->bid <= d->stage->kept_bid ||
	    stage_is_frozen(d, b->ino, b->bid);
}

/* b, which is not there yet, is about to be put on top. */
static int
supersede(struct drive *d, struct inode *i, struct block *b)
    REQUIRES(d->db_lock)
{
	struct block old, base;
	int r;

	r = block_get(d, b->ino, b->idx, &old);
	if (r <= 0)
		return r;
	i->alloc -= i->alloc < old.len ? i->alloc : old.len;
	if (b->state == BLOCK_PATCH && old.state != BLOCK_PATCH)
		return 0;	/* the base stays below */
	if (old.is_end && !must_stay(d, &old)) {
		b->is_end = true;
		b->end = old.end;
	}
	r = block_gone(d, &old, must_stay(d, &old));
	if (r == 0 && old.state == BLOCK_PATCH && b->state != BLOCK_PATCH) {
		r = block_below(d, &old, &base);
		if (r == 1)
			r = block_gone(d, &base, must_stay(d, &base));
	}
	return r < 0 ? r : 0;
}

int
block_put(struct drive *d, struct inode *i, struct block *b, const void *data,
    size_t data_len)
{
	uint64_t at = b->idx * BLOCK_SIZE;
	int r = 0;

	b->is_end = at + b->len > i->size;
	b->end = b->is_end ? i->size : 0;
	if (at < i->size)
		r = supersede(d, i, b);
	if (r < 0)
		return r;
	if (!b->bid)
		b->bid = d->stage->next_bid++;
	r = block_insert(d, b, NULL);
	if (r == 0 && b->has_data && data)
		r = block_data_set(d, b->bid, data, data_len);
	if (r < 0)
		return r;
	i->alloc += b->len;
	stage_count(d, b, 1);
	r = stage_changed(d, b->ino, b->len, i->size);
	return r < 0 ? r : stage_rows(d, b->ino, b->idx, b->idx + 1);
}

int
block_clear(struct drive *d, struct inode *i, uint64_t idx)
{
	struct block hole = { .ino = i->ino, .idx = idx,
	    .state = BLOCK_HOLE, .frame = SLAB_NONE }, b, below;
	bool was_frozen, was_published;
	int r;

	r = block_get(d, i->ino, idx, &b);
	if (r <= 0 || b.state == BLOCK_HOLE)
		return r < 0 ? r : 0;
	was_frozen = stage_is_frozen(d, i->ino, b.bid);
	was_published = i->version.seq != 0;
	hole.bid = 0;
	r = supersede(d, i, &hole);
	if (r < 0)
		return r;
	/* A hole must be said where a version knows of data, and where any
	 * older row is kept for now: it would be the content again. */
	r = block_get(d, i->ino, idx, &below);
	if (r < 0 || (r == 0 && !was_frozen && !was_published))
		return r;
	hole.bid = d->stage->next_bid++;
	r = block_insert(d, &hole, NULL);
	return r < 0 ? r : stage_rows(d, i->ino, idx, idx + 1);
}

int
content_reap(struct drive *d, uint64_t ino)
{
	bool is_covered = false, is_patched = false;
	struct block v[REAP_ROWS];
	uint64_t idx = UINT64_MAX;
	struct pending *p;
	int n, k, r = 0;

	p = pending_find(d, ino);
	if (p)
		pending_free(d, p);
	/* Rows may not change under a cursor. */
	do {
		n = block_tail(d, ino, v, REAP_ROWS);
		if (n < 0)
			return n;
		for (k = 0; k < n && r == 0; k++) {
			if (v[k].idx != idx) {
				if (d->stage->txn.n >= REAP_MAX)
					return 1;
				is_covered = is_patched = false;
			}
			idx = v[k].idx;
			/* Superseded rows left the counters when they were. */
			if (is_covered ||
			    (is_patched && v[k].state == BLOCK_PATCH))
				stage_count(d, &v[k], 1);
			is_patched |= v[k].state == BLOCK_PATCH;
			is_covered |= v[k].state != BLOCK_PATCH;
			r = block_gone(d, &v[k], false);
		}
	} while (n == REAP_ROWS && r == 0);
	return r;
}

/* ---- superseded rows ----------------------------------------------------- */

static int
bury_one(struct drive *d, const struct gone *g, bool *ret_keep)
    REQUIRES(d->db_lock)
{
	struct gone now = *g;
	struct block b;
	int r;

	*ret_keep = false;
	r = block_get_bid(d, g->ino, g->idx, g->bid, &b);
	/* It went with its inode, or cannot be read: that one the next start
	 * deletes. */
	if (r == 0 || unread_is(r))
		return 0;
	if (r < 0)
		return r;
	if (stage_is_frozen(d, g->ino, g->bid)) {
		*ret_keep = true;
		return 0;
	}
	r = block_delete(d, b.ino, b.idx, b.bid, b.has_data);
	now.is_later = false;
	now.frame = b.frame;
	if (r == 0)
		r = stage_bury_note(d, &now);
	return r;
}

int
stage_bury(struct drive *d, size_t n)
{
	struct gones *g = &d->stage->dead;
	size_t k, kept = 0;
	bool keep;
	int r;

	if (!n)
		return 0;
	r = drive_begin_internal(d);
	if (r < 0)
		return r;
	for (k = 0; k < n && r == 0; k++) {
		r = bury_one(d, &g->v[k], &keep);
		g->v[k].is_later = keep;
	}
	r = drive_end(d, r);
	/* If it was rolled back all stay; others have come behind them. */
	mutex_lock(&d->db_lock);
	for (k = 0; k < g->n; k++) {
		if (k < n && r == 0 && !g->v[k].is_later)
			continue;
		g->v[kept] = g->v[k];
		g->v[kept++].is_later = true;
	}
	g->n = kept;
	mutex_unlock(&d->db_lock);
	return r;
}
