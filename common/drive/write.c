/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Writing.  A whole block goes from the caller's memory through the cipher to
 * the block file at once; a part of one waits in a dirty block.  A part of a
 * block that is only on the store is kept with a map of the bytes written:
 * a write never waits for the network.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "drive/content.h"
#include "drive/slab.h"
#include "util/clock.h"

#define ADMIT_WAIT_MS 3000	/* back-pressure before ENOSPC */

/* ---- dirty blocks -------------------------------------------------------- */

void
have_set(uint8_t *map, uint32_t from, uint32_t to)
{
	while (from < to && (from & 7)) {
		map[from >> 3] |= (uint8_t)(1u << (from & 7));
		from++;
	}
	if (to - from >= 8) {
		memset(map + (from >> 3), 0xff, (to - from) >> 3);
		from += (to - from) & ~7u;
	}
	for (; from < to; from++)
		map[from >> 3] |= (uint8_t)(1u << (from & 7));
}

static struct dirty *
dirty_new(struct node *n, uint64_t idx) REQUIRES(n->lock)
{
	struct dirty *b = calloc(1, sizeof(*b));

	if (!b)
		return NULL;
	b->idx = idx;
	HASH_ADD(hh, n->dirty, idx, sizeof(b->idx), b);
	if (HASH_IS_OUT(b)) {
		free(b);
		b = NULL;
	}
	return b;
}

/* A block that was sealed and is written again: back to plaintext. */
static int
dirty_from_fresh(struct drive *d, struct node *n, struct fresh *f,
    struct dirty *b) REQUIRES(n->lock)
{
	struct block row = { .ino = n->ino, .idx = f->idx, .len = f->len,
	    .frame = f->frame };
	int r;

	memcpy(row.nonce, f->nonce, sizeof(row.nonce));
	memcpy(row.tag, f->tag, sizeof(row.tag));
	r = dirty_grow(d, b, f->len);
	if (r == 0)
		r = block_load(d, &row, &n->id, n->key, b->buf);
	if (r < 0)
		return r == -EAGAIN ? -EIO : r;
	b->len = f->len;
	b->under = f->under;
	slab_cancel(d->slab, f->frame);
	HASH_DEL(n->fresh, f);
	free(f);
	return 0;
}

/* Content from the row below; what is not here is known by its map. */
static int
dirty_from_row(struct drive *d, struct node *n, struct dirty *b, uint32_t o,
    uint32_t len) REQUIRES(n->lock)
{
	struct block row;
	int r, tries = 0;

again:
	mutex_lock(&d->db_lock);
	r = block_get(d, n->ino, b->idx, &row);
	mutex_unlock(&d->db_lock);
	if (r <= 0 || row.state == BLOCK_HOLE)
		return r < 0 ? r : 0;
	b->under = row.len;
	if (row.state == BLOCK_PATCH)
		return patch_load(d, &row, b);
	if (o == 0 && len >= row.len)
		return 0;	/* all of it is written over */
	if (block_is_local(&row)) {
		r = dirty_grow(d, b, row.len);
		if (r == 0)
			r = block_load(d, &row, &n->id, n->key, b->buf);
		if (r == -EAGAIN && ++tries < 4)
			goto again;
		if (r == 0) {
			b->len = row.len;
			return 0;
		}
		if (r != -EAGAIN || !row.has_ref)
			return r == -EAGAIN ? -EIO : r;
	}
	b->have = calloc(1, PATCH_MAP);
	return b->have ? 0 : -ENOMEM;
}

int
dirty_get(struct drive *d, struct node *n, uint64_t idx, uint32_t o,
    uint32_t len, struct dirty **ret)
{
	struct dirty *b;
	struct fresh *f;
	int r;

	HASH_FIND(hh, n->dirty, &idx, sizeof(idx), b);
	if (!b) {
		b = dirty_new(n, idx);
		if (!b)
			return -ENOMEM;
		HASH_FIND(hh, n->fresh, &idx, sizeof(idx), f);
		if (f)
			r = dirty_from_fresh(d, n, f, b);
		else if (idx < n->row_end)
			r = dirty_from_row(d, n, b, o, len);
		else
			r = 0;
		if (r < 0) {
			dirty_free(d, n, b);
			return r;
		}
	}
	r = dirty_grow(d, b, o + len);
	if (r == 0)
		*ret = b;
	else if (b->len == 0)
		dirty_free(d, n, b);	/* nothing is in it */
	return r;
}

/* Seal a whole block from the caller's memory into the block file. */
static int
fresh_write(struct drive *d, struct node *n, uint64_t idx, const uint8_t *p)
    REQUIRES(n->lock)
{
	uint8_t *ct = content_scratch(0);
	struct dirty *b;
	struct fresh *f;
	int r;

	r = ct ? node_key(n) : -ENOMEM;
	if (r < 0)
		return r;
	HASH_FIND(hh, n->fresh, &idx, sizeof(idx), f);
	if (!f) {
		f = calloc(1, sizeof(*f));
		if (!f)
			return -ENOMEM;
		r = slab_alloc(d->slab, &f->frame);
		if (r < 0) {
			free(f);
			return r;
		}
		f->idx = idx;
		HASH_ADD(hh, n->fresh, idx, sizeof(f->idx), f);
		if (HASH_IS_OUT(f)) {
			slab_cancel(d->slab, f->frame);
			free(f);
			return -ENOMEM;
		}
	}
	f->len = BLOCK_SIZE;
	r = block_seal(d, &n->id, n->key, idx, p, BLOCK_SIZE, f->nonce,
	    f->tag, ct);
	if (r == 0)
		r = slab_write(d->slab, f->frame, ct, BLOCK_SIZE);
	if (r == 0)
		sums_make(d, n->key, f->nonce, f->frame, ct, BLOCK_SIZE);
	if (r < 0) {
		slab_cancel(d->slab, f->frame);
		HASH_DEL(n->fresh, f);
		free(f);
		return r;
	}
	HASH_FIND(hh, n->dirty, &idx, sizeof(idx), b);
	if (b) {
		f->under = b->under;
		dirty_free(d, n, b);
	}
	return 0;
}

static int
part_write(struct drive *d, struct node *n, uint64_t idx, uint32_t o,
    const uint8_t *p, uint32_t len) REQUIRES(n->lock)
{
	struct dirty *b = NULL;
	int r;

	r = node_key(n);
	if (r == 0)
		r = dirty_get(d, n, idx, o, len, &b);
	if (r < 0)
		return r;
	memcpy(b->buf + o, p, len);
	if (b->len < o + len)
		b->len = o + len;
	if (b->have) {
		have_set(b->have, o, o + len);
		return 0;
	}
	/* A writer that goes forward has filled it: seal it now.  If that
	 * cannot be, the commit tries again. */
	if (b->len == BLOCK_SIZE && o + len == BLOCK_SIZE && o > 0)
		(void)fresh_write(d, n, idx, b->buf);
	return 0;
}

int
node_write_part(struct drive *d, struct node *n, uint64_t idx, uint32_t o,
    const uint8_t *p, uint32_t len)
{
	int64_t was = node_held(n, idx);
	int r;

	if (len == BLOCK_SIZE)
		r = fresh_write(d, n, idx, p);
	else
		r = part_write(d, n, idx, o, p, len);
	n->held += node_held(n, idx) - was;
	return r;
}

/* ---- admission ----------------------------------------------------------- */

/* Room for what will have to be kept: in the quota for staged data, and on
 * the disk.  Clean blocks make way first; then the writer waits a little. */
static int
write_admit(struct drive *d, uint64_t bytes)
{
	int64_t deadline = clock_mono_ms() + ADMIT_WAIT_MS;
	uint64_t staged, dirty;
	int r;

	for (;;) {
		dirty = __atomic_load_n(&d->nodes->dirty_bytes,
		    __ATOMIC_RELAXED);
		mutex_lock(&d->db_lock);
		staged = d->stage->staged_bytes;
		mutex_unlock(&d->db_lock);
		r = 0;
		if (d->conf.stage_max && staged + dirty + bytes >
		    d->conf.stage_max)
			r = -ENOSPC;
		else if (slab_room(d->slab, bytes + dirty) < 0) {
			/* What was freed is room as soon as it is flushed. */
			if ((content_evict(d, 0) > 0 ||
			    slab_has_waiting(d->slab)) &&
			    drive_sync_disk(d) == 0)
				continue;
			r = -ENOSPC;
		}
		if (r == 0 || clock_mono_ms() >= deadline)
			return r;
		drive_wake(d);
		mutex_lock(&d->wake_lock);
		(void)cond_wait_until(&d->stop, &d->wake_lock,
		    clock_mono_ms() + 100);
		mutex_unlock(&d->wake_lock);
	}
}

ssize_t
drive_write(struct drive_file *f, const void *p, size_t size, uint64_t off)
{
	struct drive *d = f->d;
	struct node *n = f->n;
	const uint8_t *at = p;
	size_t left = size;
	uint64_t pos = off;
	int r;

	if (__atomic_load_n(&d->is_readonly, __ATOMIC_RELAXED))
		return -EROFS;
	if (off > FILE_SIZE_MAX || size > FILE_SIZE_MAX - off)
		return -EFBIG;
	r = write_admit(d, size);
	if (r == 0)
		r = node_lock(d, n);
	if (r < 0)
		return r;
	while (left > 0) {
		uint32_t o = (uint32_t)(pos % BLOCK_SIZE);
		uint32_t len = BLOCK_SIZE - o;

		if (len > left)
			len = (uint32_t)left;
		r = node_write_part(d, n, pos / BLOCK_SIZE, o, at, len);
		if (r < 0)
			break;
		at += len;
		pos += len;
		left -= len;
	}
	if (pos > off) {
		if (pos > n->size)
			n->size = pos;
		node_touch(d, n, true);
		r = 0;
	}
	if (r == 0 && (HASH_COUNT(n->fresh) >= FRESH_MAX ||
	    __atomic_load_n(&d->nodes->dirty_bytes, __ATOMIC_RELAXED) >
	    DIRTY_TOTAL_MAX))
		r = node_commit(d, n);
	mutex_unlock(&n->lock);
	return r < 0 ? r : (ssize_t)(pos - off);
}
