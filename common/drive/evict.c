/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Eviction of clean blocks: a clock hand goes round the rows; a frame that was
 * read since the hand last passed gets another round.  Staged blocks are not
 * seen by it at all, and what is pinned it passes by: that does not count
 * against the limit either.
 */
#include <errno.h>
#include <stdlib.h>

#include "drive/cache.h"
#include "drive/pin_priv.h"
#include "drive/slab.h"

#define EVICT_STEP 128

struct batch {
	struct block v[EVICT_STEP];
	size_t n;
	uint64_t ino;		/* the last one asked about */
	bool is_pinned;		/* ... and the answer */
	uint64_t pinned;	/* bytes passed by in this round */
};

static int
batch_row(void *arg, const struct block *b)
{
	struct batch *k = arg;

	k->v[k->n++] = *b;
	return k->n == EVICT_STEP;
}

/* Take one row's bytes away; its reference to the store stays. */
static int
evict_row(struct drive *d, struct block *b, uint64_t *ret_freed)
    REQUIRES(d->db_lock)
{
	struct gone g = { b->ino, b->idx, b->bid, b->frame, b->len,
	    b->has_data, false, (uint8_t)b->state };
	bool had_data = b->has_data;
	int r;

	/* What is superseded and kept for a while left the counters then, and
	 * gives its space back when it goes. */
	r = stage_is_live(d, b);
	/* One above it that cannot be read is no reason to stop. */
	if (r <= 0)
		return unread_is(r) ? 0 : r;
	b->frame = SLAB_NONE;
	b->has_data = false;
	r = block_update(d, b);
	if (r == 0 && had_data)
		r = block_data_drop(d, b->bid);
	if (r == 0)
		r = stage_bury_note(d, &g);
	if (r < 0)
		return r;
	d->stage->clean_bytes -= b->len;
	*ret_freed += b->len;
	return 0;
}

/* ... or cannot be taken: what cannot be read may be only here. */
static bool
is_pinned(struct drive *d, struct batch *k, const struct block *b)
    REQUIRES(d->db_lock)
{
	if (b->is_bad)
		return true;
	if (k->ino != b->ino) {
		k->ino = b->ino;
		/* What cannot be told is no reason to keep all. */
		k->is_pinned = pin_find(d, b->ino, NULL) == 1;
	}
	return k->is_pinned;
}

/* Of the cache: what eviction may take. */
static uint64_t
evictable(struct drive *d) REQUIRES(d->db_lock)
{
	uint64_t all = d->stage->clean_bytes, pinned = d->pins->clean;

	return all > pinned ? all - pinned : 0;
}

/* One step of the hand: 1 went on, 0 came round to the start. */
static int
evict_step(struct drive *d, struct batch *k, uint64_t keep, bool is_hard,
    uint64_t *freed) REQUIRES(d->db_lock)
{
	struct stage *s = d->stage;
	size_t i;
	int r;

	k->n = 0;
	k->ino = 0;		/* it may have moved meanwhile */
	r = block_evictable(d, s->evict_ino, s->evict_idx, EVICT_STEP,
	    batch_row, k);
	if (r < 0)
		return r;
	for (i = 0; i < k->n; i++) {
		s->evict_ino = k->v[i].ino;
		s->evict_idx = k->v[i].idx;
		if (evictable(d) <= keep)
			return 0;
		if (is_pinned(d, k, &k->v[i])) {
			k->pinned += k->v[i].len;
			continue;
		}
		if (k->v[i].frame != SLAB_NONE && !is_hard &&
		    slab_was_touched(d->slab, k->v[i].frame))
			continue;
		r = evict_row(d, &k->v[i], freed);
		if (r < 0)
			return r;
	}
	if (k->n == EVICT_STEP)
		return 1;
	s->evict_ino = s->evict_idx = 0;
	/* A whole round that takes what it can has seen all the rest: so the
	 * next call need not go round in vain. */
	if (is_hard)
		d->pins->clean = k->pinned;
	return 0;
}

uint64_t
content_evict(struct drive *d, uint64_t keep)
{
	struct batch *k = calloc(1, sizeof(*k));
	uint64_t freed = 0;
	int round, r = k ? 0 : -ENOMEM;

	/* Two rounds let the recently read ones go last; the third takes. */
	for (round = 0; round < 3 && r == 0; round++) {
		k->pinned = 0;
		do {
			mutex_lock(&d->db_lock);
			r = evictable(d) > keep;
			mutex_unlock(&d->db_lock);
			if (!r)
				goto out;
			r = drive_begin_internal(d);
			if (r < 0)
				goto out;
			r = drive_end(d, evict_step(d, k, keep, round == 2,
			    &freed));
		} while (r == 1);
	}
out:
	free(k);
	return freed;
}

/* ---- one file ------------------------------------------------------------ */

static int
file_step(struct drive *d, struct batch *k, uint64_t ino, uint64_t *idx,
    uint64_t *freed) REQUIRES(d->db_lock)
{
	struct block *b;
	size_t i;
	int r, more;

	k->n = 0;
	more = block_each(d, ino, *idx, UINT64_MAX, false, batch_row, k);
	if (more < 0)
		return more;
	for (i = 0; i < k->n; i++) {
		b = &k->v[i];
		*idx = b->idx + 1;
		if ((b->state != BLOCK_SENT && b->state != BLOCK_CLEAN) ||
		    !b->has_ref || !block_is_local(b))
			continue;
		r = evict_row(d, b, freed);
		if (r < 0)
			return r;
	}
	return more;
}

int
evict_file(struct drive *d, uint64_t ino, uint64_t *freed) NO_TSA
{
	struct batch *k = calloc(1, sizeof(*k));
	uint64_t idx = 0, n = 0;
	int r;

	if (!k)
		return -ENOMEM;
	do {
		r = drive_begin_internal(d);
		if (r < 0)
			break;
		r = drive_end(d, file_step(d, k, ino, &idx, &n));
	} while (r == 1);
	free(k);
	*freed += n;
	return r;
}

/* How much of the cache is pinned, as of now: things may have moved since it
 * was counted. */
static void
pinned_count(struct drive *d)
{
	struct batch *k = calloc(1, sizeof(*k));
	uint64_t ino = 0, idx = 0;
	size_t i;
	int r = k ? 0 : -ENOMEM;

	do {
		mutex_lock(&d->db_lock);
		if (r == 0)
			r = pins_load(d);
		if (r < 0 || !d->pins->table) {
			mutex_unlock(&d->db_lock);
			break;
		}
		k->n = 0;
		k->ino = 0;
		r = block_evictable(d, ino, idx, EVICT_STEP, batch_row, k);
		for (i = 0; i < k->n; i++) {
			ino = k->v[i].ino;
			idx = k->v[i].idx;
			if (is_pinned(d, k, &k->v[i]))
				k->pinned += k->v[i].len;
		}
		if (r == 0)
			d->pins->clean = k->pinned;
		mutex_unlock(&d->db_lock);
		r = r < 0 ? r : 0;
	} while (r == 0 && k->n == EVICT_STEP);
	free(k);
}

uint64_t
drive_cache_trim(struct drive *d, uint64_t keep)
{
	uint64_t freed;

	pinned_count(d);
	freed = content_evict(d, keep);
	cache_empty(d->cache);
	/* Only a flush lets freed frames give their space back. */
	if (freed)
		(void)drive_sync_disk(d);
	return freed;
}
