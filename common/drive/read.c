/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Reading.  Memory, then the block file or the small table, then the fetcher.
 * A reader that goes forward has blocks asked for ahead of it, ever more of
 * them.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "drive/cache.h"
#include "drive/content.h"
#include "drive/slab.h"
#include "util/clock.h"

#define AHEAD_MAX 128		/* blocks: 16 MiB */
#define READ_TRIES 8
#define JUMP_MAX 16384		/* bytes that are read without their block */
#define NEAR 8			/* blocks asked for together: 1 MiB */

/* How a block that is not here is got. */
struct ask {
	const struct drive_wait *w;
	size_t n;		/* blocks asked for, from it on */
	bool is_jump;		/* few bytes anywhere: not the rest of it */
};

/* ---- one block ----------------------------------------------------------- */

static bool
have_all(const uint8_t *map, uint32_t from, uint32_t to)
{
	for (; from < to; from++)
		if (!(map[from >> 3] & 1u << (from & 7)))
			return false;
	return true;
}

/* Lay the base under a dirty block of which only parts are known.  What is
 * behind the end of the file was made zeros, and is left out. */
static int
dirty_fill(struct drive *d, const struct node *n, struct dirty *b,
    const uint8_t *base, uint32_t base_len) REQUIRES(n->lock)
{
	uint64_t end = n->size - b->idx * BLOCK_SIZE;
	uint32_t i;
	int r;

	if (base_len > end)
		base_len = (uint32_t)end;
	if (b->len > end) {
		memset(b->buf + end, 0, b->len - end);
		b->len = (uint32_t)end;
	}
	r = dirty_grow(d, b, base_len > b->len ? base_len : b->len);
	if (r < 0)
		return r;
	for (i = 0; i < base_len; i++)
		if (!(b->have[i >> 3] & 1u << (i & 7)))
			b->buf[i] = base[i];
	if (b->len < base_len)
		b->len = base_len;
	free(b->have);
	b->have = NULL;
	return 0;
}

/*
 * What memory has of the block: 1 done, 0 look at the rows, -EREMOTE its
 * base is needed.
 */
static int
read_memory(struct drive *d, struct node *n, uint64_t idx, uint32_t o,
    uint32_t len, uint8_t *out) REQUIRES(n->lock)
{
	struct block row;
	struct dirty *b;
	struct fresh *f;
	uint8_t *p;
	int r;

	HASH_FIND(hh, n->dirty, &idx, sizeof(idx), b);
	if (b && b->have && !have_all(b->have, o, o + len))
		return -EREMOTE;
	if (b) {
		copy_part(b->buf, b->len, o, len, out);
		return 1;
	}
	HASH_FIND(hh, n->fresh, &idx, sizeof(idx), f);
	if (!f)
		return 0;
	p = content_scratch(1);
	if (!p)
		return -ENOMEM;
	memset(&row, 0, sizeof(row));
	row.ino = n->ino;
	row.idx = idx;
	row.len = f->len;
	row.frame = f->frame;
	memcpy(row.nonce, f->nonce, sizeof(row.nonce));
	memcpy(row.tag, f->tag, sizeof(row.tag));
	r = block_load(d, &row, &n->id, n->key, p);
	if (r < 0)
		return r == -EAGAIN ? -EIO : r;
	copy_part(p, f->len, o, len, out);
	return 1;
}

/* From the opened blocks or from disk: 1 done, 0 not here. */
static int
read_row(struct drive *d, const struct block *b, const struct vault_id *id,
    const struct aead *key, uint32_t o, uint32_t len, uint8_t *out,
    bool is_jump)
{
	const struct opened *op;
	int r, part = 0;
	uint8_t *p;

	op = cache_get(d->cache, b->ino, b->idx, b->bid);
	if (op) {
		copy_part(op->data, (uint32_t)op->len, o, len, out);
		cache_unref(d->cache, op);
		return 1;
	}
	if (!block_is_local(b))
		return 0;
	if (o == 0 && len >= b->len) {
		/* The whole of it: straight to the reader. */
		r = block_load(d, b, id, key, out);
		if (r == 0)
			memset(out + b->len, 0, len - b->len);
		return r < 0 ? r : 1;
	}
	if (is_jump)
		part = block_load_part(d, b, key, o, len, out);
	if (part == 1)
		return 1;
	p = malloc(b->len ? b->len : 1);
	if (!p)
		return -ENOMEM;
	r = block_load(d, b, id, key, p);
	if (r < 0) {
		free(p);
		return r;
	}
	if (part < 0)
		sums_mend(d, b, key);
	copy_part(p, b->len, o, len, out);
	cache_add(d->cache, b->ino, b->idx, b->bid, p, b->len);
	return 1;
}

/* A local copy that does not verify is dropped if the store has another. */
static int
row_spoiled(struct drive *d, const struct block *b)
{
	struct block now;
	int r;

	if (!b->has_ref)
		return -EIO;
	r = drive_begin_internal(d);
	if (r < 0)
		return r;
	r = block_get_bid(d, b->ino, b->idx, b->bid, &now);
	if (r == 1 && now.frame == b->frame && now.has_data == b->has_data) {
		now.frame = SLAB_NONE;
		now.has_data = false;
		r = block_update(d, &now);
		if (r == 0)
			r = stage_is_live(d, &now);
		if (r == 1)
			d->stage->clean_bytes -= b->len;
	}
	return drive_end(d, r < 0 ? r : 0);
}

/* The plaintext at [o, o + len) of block idx, zeros where there is none. */
static int
read_block(const struct drive_file *f, uint64_t idx, uint32_t o,
    uint32_t len, uint8_t *out, const struct ask *ask)
{
	struct drive *d = f->d;
	struct node *n = f->n;
	int tries, r, got;
	struct block b;

	for (tries = 0; tries < READ_TRIES; tries++) {
		r = node_lock(d, n);
		if (r < 0)
			return r;
		r = node_key(n);
		if (r == 0)
			r = read_memory(d, n, idx, o, len, out);
		if (r == 0 && idx >= n->row_end) {
			memset(out, 0, len);
			r = 1;
		}
		mutex_unlock(&n->lock);
		if (r == -EREMOTE) {
			r = patch_complete(d, n, idx, ask->w);
			if (r < 0)
				return r;
			continue;
		}
		if (r != 0)
			return r < 0 ? r : 0;
		mutex_lock(&d->db_lock);
		got = block_get(d, n->ino, idx, &b);
		mutex_unlock(&d->db_lock);
		if (got <= 0 || b.state == BLOCK_HOLE) {
			memset(out, 0, len);
			return got < 0 ? got : 0;
		}
		if (b.state == BLOCK_PATCH) {
			r = patch_complete(d, n, idx, ask->w);
			if (r < 0)
				return r;
			continue;
		}
		r = read_row(d, &b, &n->id, n->key, o, len, out,
		    ask->is_jump);
		if (r == 1)
			return 0;
		if (r == -EAGAIN && tries >= 3)
			r = row_spoiled(d, &b);
		else if (r == 0)
			r = fetch_from(d, n->ino, idx, ask->n, f->is_sparing ?
			    FETCH_NEED : FETCH_NEED | FETCH_NEAR, ask->w);
		if (r < 0 && r != -EAGAIN)
			return r;
	}
	return -EIO;
}

/* ---- patches ------------------------------------------------------------- */

/* The base of what is patched at idx, into out (BLOCK_SIZE bytes). */
static int
base_read(struct drive *d, struct node *n, uint64_t idx, uint8_t *out,
    uint32_t *ret_len, const struct drive_wait *w)
{
	int tries, r;
	struct block b, top;

	for (tries = 0; tries < READ_TRIES; tries++) {
		mutex_lock(&d->db_lock);
		r = block_get(d, n->ino, idx, &top);
		if (r == 1 && top.state == BLOCK_PATCH)
			r = block_below(d, &top, &b);
		else
			b = top;
		mutex_unlock(&d->db_lock);
		if (r < 0)
			return r;
		if (r == 0 || b.state == BLOCK_HOLE) {
			*ret_len = 0;
			return 0;
		}
		r = read_row(d, &b, &n->id, n->key, 0, BLOCK_SIZE, out, false);
		if (r == 1) {
			*ret_len = b.len;
			return 0;
		}
		if (r == -EAGAIN && tries >= 3)
			r = row_spoiled(d, &b);
		else if (r == 0)
			r = fetch_row(d, &b, w);
		if (r < 0 && r != -EAGAIN)
			return r;
	}
	return -EIO;
}

int
patch_complete(struct drive *d, struct node *n, uint64_t idx,
    const struct drive_wait *w)
{
	uint8_t *base = malloc(BLOCK_SIZE);
	uint32_t base_len;
	struct dirty *b;
	struct block row;
	int64_t was;
	int r;

	if (!base)
		return -ENOMEM;
	r = node_lock(d, n);
	if (r == 0) {
		r = node_key(n);
		mutex_unlock(&n->lock);
	}
	if (r == 0)
		r = base_read(d, n, idx, base, &base_len, w);
	if (r < 0)
		goto out;
	r = node_lock(d, n);
	if (r < 0)
		goto out;
	was = node_held(n, idx);
	HASH_FIND(hh, n->dirty, &idx, sizeof(idx), b);
	if (!b) {
		mutex_lock(&d->db_lock);
		r = block_get(d, n->ino, idx, &row);
		mutex_unlock(&d->db_lock);
		if (r == 1 && row.state == BLOCK_PATCH) {
			b = calloc(1, sizeof(*b));
			if (b) {
				b->idx = idx;
				b->under = row.len;
				HASH_ADD(hh, n->dirty, idx, sizeof(b->idx), b);
			}
			if (b && HASH_IS_OUT(b)) {
				free(b);
				b = NULL;
			}
			if (b) {
				r = patch_load(d, &row, b);
				if (r < 0)
					dirty_free(d, n, b);
			} else {
				r = -ENOMEM;
			}
		} else {
			b = NULL;
		}
		if (r > 0)
			r = 0;
	}
	if (r == 0 && b && b->have) {
		r = dirty_fill(d, n, b, base, base_len);
		n->held += node_held(n, idx) - was;
		/* Content is as it was: times stay. */
		if (r == 0 && !n->dirty_ms) {
			struct inode i;

			mutex_lock(&d->db_lock);
			r = inode_load(d, n->ino, &i);
			mutex_unlock(&d->db_lock);
			if (r == 0) {
				n->mtime_ns = i.mtime_ns;
				node_touch(d, n, false);
			}
		}
	}
	if (r < 0 && !n->dirty_ms)
		node_undo(d, n);
	mutex_unlock(&n->lock);
out:
	explicit_bzero(base, BLOCK_SIZE);
	free(base);
	return r;
}

/* ---- the call ------------------------------------------------------------ */

/* Keep the window ahead of a reader that goes forward full. */
static void
read_ahead(struct drive_file *f, uint64_t off, size_t size, uint64_t row_end)
{
	uint64_t next = __atomic_load_n(&f->next_off, __ATOMIC_RELAXED);
	uint64_t win = __atomic_load_n(&f->ra_blocks, __ATOMIC_RELAXED);
	uint64_t idx = (off + size) / BLOCK_SIZE;
	uint64_t end = __atomic_load_n(&f->ra_end, __ATOMIC_RELAXED);

	/* Nobody goes forward yet, or shall be helped to. */
	if (!__atomic_exchange_n(&f->has_read, true, __ATOMIC_RELAXED) ||
	    f->is_sparing) {
		__atomic_store_n(&f->next_off, off + size, __ATOMIC_RELAXED);
		return;
	}
	/* The kernel's own read-ahead overtakes: a little disorder is still
	 * going forward. */
	if (off > next + 4 * BLOCK_SIZE || off + 8 * BLOCK_SIZE < next) {
		__atomic_store_n(&f->ra_blocks, 0, __ATOMIC_RELAXED);
		__atomic_store_n(&f->ra_end, 0, __ATOMIC_RELAXED);
		__atomic_store_n(&f->next_off, off + size, __ATOMIC_RELAXED);
		return;
	}
	if (off + size > next)
		__atomic_store_n(&f->next_off, off + size, __ATOMIC_RELAXED);
	/* The first block alone may be a program that only looks what kind
	 * of file it is. */
	if (off == 0 || idx >= row_end)
		return;
	if (end > idx && end - idx > win / 2 && win)
		return;
	win = win ? win * 2 : 8;
	if (win > AHEAD_MAX)
		win = AHEAD_MAX;
	__atomic_store_n(&f->ra_blocks, win, __ATOMIC_RELAXED);
	__atomic_store_n(&f->ra_end, idx + win, __ATOMIC_RELAXED);
	(void)fetch_from(f->d, f->n->ino, idx, win, 0, NULL);
}

/*
 * The first read of a file may be that of a program which only looks what
 * kind of file it is, at the beginning or the end: it gets what it asks for.
 */
static size_t
ask_size(bool is_first, uint64_t idx, uint64_t end)
{
	if (is_first)
		return (size_t)((end + BLOCK_SIZE - 1) / BLOCK_SIZE - idx);
	return idx ? NEAR : 1;
}

ssize_t
drive_read(struct drive_file *f, void *out, size_t size, uint64_t off,
    const struct drive_wait *w)
{
	uint8_t *at = out;
	uint64_t pos = off, row_end;
	struct ask ask = { w, 1, false };
	bool is_first;
	size_t left;
	int r;

	r = node_lock(f->d, f->n);
	if (r < 0)
		return r;
	if (off >= f->n->size)
		size = 0;
	else if (size > f->n->size - off)
		size = (size_t)(f->n->size - off);
	row_end = f->n->row_end;
	mutex_unlock(&f->n->lock);
	ask.is_jump = off != 0 && size <= JUMP_MAX && off !=
	    __atomic_load_n(&f->next_off, __ATOMIC_RELAXED);
	is_first = f->is_sparing || !__atomic_load_n(&f->has_read,
	    __ATOMIC_RELAXED);
	if (size && off == 0 && !f->is_sparing)
		near_read(f->d, f->n->ino);
	if (size)
		read_ahead(f, off, size, row_end);
	left = size;
	while (left > 0) {
		uint32_t o = (uint32_t)(pos % BLOCK_SIZE);
		uint32_t len = BLOCK_SIZE - o;

		if (len > left)
			len = (uint32_t)left;
		ask.n = ask_size(is_first, pos / BLOCK_SIZE, off + size);
		r = read_block(f, pos / BLOCK_SIZE, o, len, at, &ask);
		/* All or nothing: the kernel takes less than it asked for to
		 * be the end of the file and shows zeros in its place. */
		if (r < 0)
			return r;
		at += len;
		pos += len;
		left -= len;
	}
	return (ssize_t)size;
}
