/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Eviction of clean blocks: a clock hand goes round the rows; a frame that was
 * read since the hand last passed gets another round.  Staged blocks are not
 * seen by it at all.
 */
#include <errno.h>
#include <stdlib.h>

#include "drive/content.h"
#include "drive/slab.h"

#define EVICT_STEP 128

struct batch {
	struct block v[EVICT_STEP];
	size_t n;
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
	if (r <= 0)
		return r;
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

/* One step of the hand: 1 went on, 0 came round to the start. */
static int
evict_step(struct drive *d, struct batch *k, uint64_t keep, bool is_hard,
    uint64_t *freed) REQUIRES(d->db_lock)
{
	struct stage *s = d->stage;
	size_t i;
	int r;

	k->n = 0;
	r = block_evictable(d, s->evict_ino, s->evict_idx, EVICT_STEP,
	    batch_row, k);
	if (r < 0)
		return r;
	for (i = 0; i < k->n; i++) {
		s->evict_ino = k->v[i].ino;
		s->evict_idx = k->v[i].idx;
		if (s->clean_bytes <= keep)
			return 0;
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
		do {
			mutex_lock(&d->db_lock);
			r = d->stage->clean_bytes > keep;
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

uint64_t
drive_cache_trim(struct drive *d, uint64_t keep)
{
	uint64_t freed = content_evict(d, keep);

	/* Only a flush lets freed frames give their space back. */
	if (freed)
		(void)drive_sync_disk(d);
	return freed;
}
