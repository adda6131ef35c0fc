/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What open files have dirty, and the commit that makes rows of it.
 */
#include "drive/content.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "drive/cache.h"
#include "drive/slab.h"
#include "drive/sums.h"
#include "util/buf.h"
#include "util/clock.h"
#include "util/log.h"

/* ---- dirty blocks ------------------------------------------------------- */

void
dirty_drop(struct drive *d, struct dirty *b)
{
	__atomic_sub_fetch(&d->nodes->dirty_bytes, b->cap, __ATOMIC_RELAXED);
	if (b->buf)
		explicit_bzero(b->buf, b->len);
	free(b->buf);
	free(b->have);
}

void
dirty_free(struct drive *d, struct node *n, struct dirty *b)
{
	HASH_DEL(n->dirty, b);
	dirty_drop(d, b);
	free(b);
}

int
dirty_grow(struct drive *d, struct dirty *b, uint32_t cap)
{
	uint32_t want = b->cap ? b->cap : 4096;
	uint8_t *p;

	while (want < cap)
		want *= 2;
	if (want == b->cap)
		return 0;
	p = malloc(want);
	if (!p)
		return -ENOMEM;
	if (b->len)
		memcpy(p, b->buf, b->len);
	memset(p + b->len, 0, want - b->len);
	if (b->buf)
		explicit_bzero(b->buf, b->len);
	free(b->buf);
	__atomic_add_fetch(&d->nodes->dirty_bytes, want - b->cap,
	    __ATOMIC_RELAXED);
	b->buf = p;
	b->cap = want;
	return 0;
}

int64_t
node_held(const struct node *n, uint64_t idx)
{
	const struct dirty *b;
	const struct fresh *f;

	HASH_FIND(hh, n->dirty, &idx, sizeof(idx), b);
	if (b)
		return (int64_t)b->len - b->under;
	HASH_FIND(hh, n->fresh, &idx, sizeof(idx), f);
	return f ? (int64_t)f->len - f->under : 0;
}

/* Size or content changed: others see it at once, the row at the commit. */
void
node_touch(struct drive *d, struct node *n, bool set_mtime)
{
	int64_t now = clock_real_ns();

	if (set_mtime || !n->mtime_ns)
		n->mtime_ns = now;
	if (!n->dirty_ms)
		n->dirty_ms = clock_mono_ms();
	mutex_lock(&d->db_lock);
	__atomic_store_n(&n->is_live, true, __ATOMIC_RELAXED);
	n->live_size = n->size;
	n->live_bytes = n->held > 0 ? (uint64_t)n->held : 0;
	n->live_mtime_ns = n->mtime_ns;
	mutex_unlock(&d->db_lock);
	(void)__atomic_add_fetch(&n->touches, 1, __ATOMIC_RELAXED);
}

void
content_overlay(struct drive *d, uint64_t ino, struct drive_attr *a)
{
	uint64_t more, room;
	struct node *n;

	mutex_lock(&d->nodes->lock);
	HASH_FIND(hh, d->nodes->table, &ino, sizeof(ino), n);
	if (n && n->is_live) {
		a->size = n->live_size;
		/* One that is the same was set: what came is no change. */
		if (a->mtime_ns != n->live_mtime_ns &&
		    a->ctime_ns < n->live_mtime_ns)
			a->ctime_ns = n->live_mtime_ns;
		a->mtime_ns = n->live_mtime_ns;
		/* Not more than the size: the rest is padding, or written
		 * over what is counted.  Not 0: that says all is a hole. */
		more = a->size < n->live_bytes ? a->size : n->live_bytes;
		room = (a->size + 511) / 512;
		more = a->blocks + (more + 511) / 512;
		if (more > room)
			more = room;
		if (a->blocks < more)
			a->blocks = more;
	}
	mutex_unlock(&d->nodes->lock);
}

bool
content_forgotten(struct drive *d, uint64_t ino)
{
	struct node *n;

	mutex_lock(&d->nodes->lock);
	HASH_FIND(hh, d->nodes->table, &ino, sizeof(ino), n);
	if (n)
		n->is_forgotten = true;
	mutex_unlock(&d->nodes->lock);
	return n != NULL;
}

/* ---- commit -------------------------------------------------------------- */

/* A row to be: sealed outside the transaction. */
struct making {
	struct block b;
	uint8_t *data;		/* for the table of small ones */
	size_t data_len;
	bool is_new_frame;	/* cancelled if the commit fails */
};

static int
making_patch(struct drive *d, const struct dirty *b, struct making *ret)
{
	/* The bid is the row's name and is needed for sealing. */
	mutex_lock(&d->db_lock);
	ret->b.bid = d->stage->next_bid++;
	mutex_unlock(&d->db_lock);
	ret->b.state = BLOCK_PATCH;
	ret->b.has_data = true;
	return patch_seal(d, b, ret->b.bid, &ret->data, &ret->data_len);
}

static int
making_seal(struct drive *d, struct node *n, const struct dirty *b,
    struct making *ret)
{
	uint8_t *ct;
	int r;

	memset(ret, 0, sizeof(*ret));
	ret->b.ino = n->ino;
	ret->b.idx = b->idx;
	ret->b.len = b->len;
	ret->b.frame = SLAB_NONE;
	if (b->have)
		return making_patch(d, b, ret);
	ret->b.state = BLOCK_STAGED;
	if (b->len <= BLOCK_SMALL_MAX) {
		ct = ret->data = malloc(b->len ? b->len : 1);
		ret->data_len = b->len;
		ret->b.has_data = true;
	} else {
		ct = content_scratch(0);
	}
	if (!ct)
		return -ENOMEM;
	r = block_seal(d, &n->id, n->key, b->idx, b->buf, b->len,
	    ret->b.nonce, ret->b.tag, ct);
	if (r < 0 || ret->b.has_data)
		return r;
	r = slab_alloc(d->slab, &ret->b.frame);
	if (r < 0) {
		ret->b.frame = SLAB_NONE;
		return r;
	}
	ret->is_new_frame = true;
	r = slab_write(d->slab, ret->b.frame, ct, b->len);
	if (r == 0)
		sums_make(d, n->key, ret->b.nonce, ret->b.frame, ct, b->len);
	return r;
}

static void
making_fresh(const struct node *n, const struct fresh *f, struct making *ret)
{
	memset(ret, 0, sizeof(*ret));
	ret->b.ino = n->ino;
	ret->b.idx = f->idx;
	ret->b.len = f->len;
	ret->b.frame = f->frame;
	ret->b.state = BLOCK_STAGED;
	memcpy(ret->b.nonce, f->nonce, sizeof(f->nonce));
	memcpy(ret->b.tag, f->tag, sizeof(f->tag));
}

static int
commit_rows(struct drive *d, struct node *n, struct making *m, size_t nm)
    REQUIRES(d->db_lock)
{
	struct inode i;
	size_t k;
	int r;

	r = inode_load(d, n->ino, &i);
	for (k = 0; k < nm && r == 0; k++)
		r = block_put(d, &i, &m[k].b, m[k].data, m[k].data_len);
	if (r < 0)
		return r;
	/* The last part of a truncation. */
	if (n->size < i.size && i.trunc > n->size)
		i.trunc = n->size;
	i.size = n->size;
	if (i.mtime_ns != n->mtime_ns && i.ctime_ns < n->mtime_ns)
		i.ctime_ns = n->mtime_ns;
	i.mtime_ns = n->mtime_ns;
	r = inode_save(d, &i);
	if (r == 0)
		r = content_changed(d, &i);
	if (r == 0)
		r = stage_changed(d, n->ino, 0, n->size);
	crypto_wipe(i.key, sizeof(i.key));
	return r;
}

/* Nothing is dirty any more: it was committed, or is given up. */
static void
node_clean(struct drive *d, struct node *n, bool is_committed)
    REQUIRES(n->lock)
{
	struct fresh *f, *ft;
	struct dirty *b, *bt;

	HASH_ITER(hh, n->dirty, b, bt)
		dirty_free(d, n, b);
	HASH_ITER(hh, n->fresh, f, ft) {
		if (!is_committed)
			slab_cancel(d->slab, f->frame);
		HASH_DEL(n->fresh, f);
		free(f);
	}
	n->held = 0;
	n->dirty_ms = 0;
	n->mtime_ns = 0;
	mutex_lock(&d->db_lock);
	__atomic_store_n(&n->is_live, false, __ATOMIC_RELAXED);
	mutex_unlock(&d->db_lock);
}

void
node_undo(struct drive *d, struct node *n)
{
	node_clean(d, n, false);
}

int
node_commit(struct drive *d, struct node *n)
{
	size_t nm = 0, k, want;
	struct making *m;
	struct fresh *f;
	struct dirty *b;
	int r;

	if (!n->dirty_ms)
		return 0;
	r = node_key(n);
	if (r < 0)
		return r;
	want = HASH_COUNT(n->dirty) + HASH_COUNT(n->fresh);
	m = calloc(want ? want : 1, sizeof(*m));
	if (!m)
		return -ENOMEM;
	for (b = n->dirty; b && r == 0; b = b->hh.next)
		r = making_seal(d, n, b, &m[nm++]);
	for (f = n->fresh; f && r == 0; f = f->hh.next)
		making_fresh(n, f, &m[nm++]);
	/* It was accepted when the drive could still be written to. */
	if (r == 0)
		r = drive_begin_accepted(d);
	if (r == 0)
		r = drive_end(d, commit_rows(d, n, m, nm));
	if (r == 0) {
		node_clean(d, n, true);
		if (n->row_end < (n->size + BLOCK_SIZE - 1) / BLOCK_SIZE)
			n->row_end = (n->size + BLOCK_SIZE - 1) / BLOCK_SIZE;
	}
	for (k = 0; k < nm; k++) {
		if (r < 0 && m[k].is_new_frame)
			slab_cancel(d->slab, m[k].b.frame);
		free(m[k].data);
	}
	free(m);
	return r;
}

int
content_flush(struct drive *d, uint64_t ino)
{
	struct node *n = node_ref(d, ino, false);
	int r;

	if (!n)
		return 0;
	r = node_lock(d, n);
	if (r == 0) {
		r = node_commit(d, n);
		mutex_unlock(&n->lock);
	} else if (r == -EISDIR || r == -EINVAL || r == -ENOENT) {
		r = 0;
	}
	node_unref(d, n);
	return r;
}

/* ---- life ---------------------------------------------------------------- */

/* What the last process has written may not be on the disk, and the memory of
 * what waited for that ended with it: nothing is superseded, and no frame used
 * again, before it is. */
static int
flush_first(struct drive *d)
{
	int r;

	mutex_lock(&d->db_lock);
	r = drive_settle(d);
	mutex_unlock(&d->db_lock);
	if (r == 0)
		r = slab_sync(d->slab);
	return r < 0 ? r : db_sync(d->db);
}

int
content_open_all(struct drive *d, struct err *e)
{
	int r;

	d->nodes = calloc(1, sizeof(*d->nodes));
	d->stage = calloc(1, sizeof(*d->stage));
	if (!d->nodes || !d->stage)
		return -ENOMEM;
	mutex_init(&d->nodes->lock, RANK_NODES);
	TAILQ_INIT(&d->stage->waiting);
	TAILQ_INIT(&d->stage->frozen);
	d->stage->quiet_ms = 2000;
	r = cache_new(d->conf.memory_max ? d->conf.memory_max : 32u << 20,
	    &d->cache);
	if (r == 0)
		r = slab_open(d->conf.state_dir, d->conf.free_floor, &d->slab,
		    e);
	if (r == 0)
		d->sums = sums_open(d->conf.state_dir);
	if (r == 0)
		r = flush_first(d);
	if (r == 0)
		r = content_scan(d);
	if (r == 0)
		slab_trim(d->slab);
	return r;
}

void
content_close_all(struct drive *d)
{
	struct pending *p, *pt;
	struct node *n, *nt;

	if (d->nodes) {
		HASH_ITER(hh, d->nodes->table, n, nt) {
			if (node_lock(d, n) == 0) {
				int r = node_commit(d, n);

				if (r < 0)
					log_error("drive: op=close r=%d", r);
				mutex_unlock(&n->lock);
			}
			HASH_DEL(d->nodes->table, n);
			node_free(d, n);
		}
		mutex_done(&d->nodes->lock);
		free(d->nodes);
	}
	if (d->stage) {
		HASH_ITER(hh, d->stage->table, p, pt) {
			HASH_DEL(d->stage->table, p);
			free(p->v);
			free(p);
		}
		free(d->stage->txn.v);
		free(d->stage->dead.v);
		free(d->stage);
	}
	cache_free(d->cache);
	slab_close(d->slab);
	sums_close(d->sums);
	d->nodes = NULL;
	d->stage = NULL;
	d->cache = NULL;
	d->slab = NULL;
	d->sums = NULL;
}
