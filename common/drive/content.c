/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Nodes: open inodes, their dirty blocks, and the commit that makes rows of
 * them.
 */
#include "drive/content.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "drive/cache.h"
#include "drive/slab.h"
#include "util/buf.h"
#include "util/clock.h"
#include "util/log.h"

/* ---- scratch ------------------------------------------------------------- */

#define SCRATCHES 2
#define SCRATCH_LEN (BLOCK_SIZE + PATCH_MAP + 4 + AEAD_OVERHEAD)

static pthread_key_t scratch_key;
static pthread_once_t scratch_once = PTHREAD_ONCE_INIT;

static void
scratch_free(void *p)
{
	explicit_bzero(p, SCRATCHES * SCRATCH_LEN);
	free(p);
}

static void
scratch_init(void)
{
	(void)pthread_key_create(&scratch_key, scratch_free);
}

uint8_t *
content_scratch(unsigned which)
{
	uint8_t *p;

	(void)pthread_once(&scratch_once, scratch_init);
	p = pthread_getspecific(scratch_key);
	if (!p) {
		p = malloc(SCRATCHES * SCRATCH_LEN);
		if (!p || pthread_setspecific(scratch_key, p) != 0) {
			free(p);
			return NULL;
		}
	}
	return p + which * SCRATCH_LEN;
}

/* ---- nodes --------------------------------------------------------------- */

struct node *
node_ref(struct drive *d, uint64_t ino, bool make)
{
	struct node *n;

	mutex_lock(&d->nodes->lock);
	HASH_FIND(hh, d->nodes->table, &ino, sizeof(ino), n);
	if (!n && make) {
		n = calloc(1, sizeof(*n));
		if (n) {
			n->ino = ino;
			mutex_init(&n->lock, RANK_NODE);
			HASH_ADD(hh, d->nodes->table, ino, sizeof(n->ino), n);
		}
	}
	if (n) {
		n->refs++;
		if (make)
			n->is_forgotten = false;
	}
	mutex_unlock(&d->nodes->lock);
	return n;
}

static void
node_free(struct drive *d, struct node *n) NO_TSA
{
	struct fresh *f, *ft;
	struct dirty *b, *bt;

	HASH_ITER(hh, n->dirty, b, bt)
		dirty_free(d, n, b);
	HASH_ITER(hh, n->fresh, f, ft) {
		slab_cancel(d->slab, f->frame);
		HASH_DEL(n->fresh, f);
		free(f);
	}
	aead_free(n->key);
	crypto_wipe(n->file_key, sizeof(n->file_key));
	mutex_done(&n->lock);
	free(n);
}

/* The last handle is gone: what is dirty was committed before. */
void
node_unref(struct drive *d, struct node *n)
{
	bool forgotten = false, last;

	mutex_lock(&d->nodes->lock);
	last = --n->refs == 0;
	if (last) {
		HASH_DEL(d->nodes->table, n);
		forgotten = n->is_forgotten;
	}
	mutex_unlock(&d->nodes->lock);
	if (!last)
		return;
	if (forgotten)
		drive_forget(d, n->ino);
	node_free(d, n);
}

int
node_lock(struct drive *d, struct node *n)
{
	struct inode i;
	int r;

	mutex_lock(&n->lock);
	if (n->is_loaded)
		return 0;
	mutex_lock(&d->db_lock);
	r = inode_load(d, n->ino, &i);
	mutex_unlock(&d->db_lock);
	if (r == 0 && i.kind != OP_KIND_FILE)
		r = i.kind == OP_KIND_DIR ? -EISDIR : -EINVAL;
	if (r < 0) {
		mutex_unlock(&n->lock);
		return r;
	}
	n->id = i.id;
	memcpy(n->file_key, i.key, sizeof(n->file_key));
	crypto_wipe(i.key, sizeof(i.key));
	n->size = i.size;
	n->row_end = (i.size + BLOCK_SIZE - 1) / BLOCK_SIZE;
	n->is_loaded = true;
	return 0;
}

int
node_key(struct node *n)
{
	return n->key ? 0 : vault_file_key(n->file_key, &n->key);
}

void
dirty_free(struct drive *d, struct node *n, struct dirty *b)
{
	HASH_DEL(n->dirty, b);
	__atomic_sub_fetch(&d->nodes->dirty_bytes, b->cap, __ATOMIC_RELAXED);
	if (b->buf)
		explicit_bzero(b->buf, b->len);
	free(b->buf);
	free(b->have);
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
	n->live_bytes = ((uint64_t)HASH_COUNT(n->dirty) +
	    HASH_COUNT(n->fresh)) * BLOCK_SIZE;
	n->live_mtime_ns = n->mtime_ns;
	mutex_unlock(&d->db_lock);
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
		a->mtime_ns = n->live_mtime_ns;
		if (a->ctime_ns < n->live_mtime_ns)
			a->ctime_ns = n->live_mtime_ns;
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

/* ---- sealing ------------------------------------------------------------- */

int
block_seal(struct drive *d, const struct vault_id *id, const struct aead *key,
    uint64_t idx, const uint8_t *p, uint32_t len,
    uint8_t nonce[static AEAD_NONCE_LEN], uint8_t tag[static AEAD_TAG_LEN],
    uint8_t *ct)
{
	uint8_t aad[VAULT_BLOCK_AAD_LEN];

	vault_block_aad(&d->drive_id, &d->realm_id, id, VAULT_CLASS_DATA, idx,
	    aad);
	crypto_random(nonce, AEAD_NONCE_LEN);
	return aead_seal(key, nonce, aad, sizeof(aad), p, len, ct, tag);
}

int
block_open(struct drive *d, const struct block *b, const struct vault_id *id,
    const struct aead *key, const uint8_t *ct, uint8_t *out)
{
	uint8_t aad[VAULT_BLOCK_AAD_LEN];
	struct aead *other = NULL;
	int r = 0;

	if (b->is_shared)
		r = vault_file_key(b->from_key, &other);
	if (r < 0)
		return r;
	vault_block_aad(&d->drive_id, &d->realm_id,
	    b->is_shared ? &b->from : id, VAULT_CLASS_DATA,
	    b->is_shared ? b->from_idx : b->idx, aad);
	r = aead_open(other ? other : key, b->nonce, aad, sizeof(aad), ct,
	    b->len, b->tag, out);
	aead_free(other);
	return r;
}

int
block_load(struct drive *d, const struct block *b, const struct vault_id *id,
    const struct aead *key, uint8_t *out)
{
	uint8_t *ct = content_scratch(0);
	int r;

	if (!ct)
		return -ENOMEM;
	if (b->frame != SLAB_NONE) {
		r = slab_read(d->slab, b->frame, ct, b->len);
		slab_touch(d->slab, b->frame);
	} else {
		mutex_lock(&d->db_lock);
		r = block_data_get(d, b->bid, ct, b->len);
		mutex_unlock(&d->db_lock);
		if (r == -EIO)
			return -EAGAIN;
	}
	if (r == 0)
		r = block_open(d, b, id, key, ct, out);
	return r == -EBADMSG ? -EAGAIN : r;
}

int
patch_load(struct drive *d, const struct block *b, struct dirty *ret)
{
	uint8_t *box = content_scratch(0), *p = content_scratch(1);
	static const uint8_t none[16];
	size_t len = 4 + PATCH_MAP + b->len;
	int r;

	if (!box || !p)
		return -ENOMEM;
	mutex_lock(&d->db_lock);
	r = block_data_get(d, b->bid, box, len + AEAD_OVERHEAD);
	mutex_unlock(&d->db_lock);
	if (r == 0)
		r = row_open(d, "ptch", b->bid, none, box,
		    len + AEAD_OVERHEAD, p);
	if (r == 0 && get_le32(p) != b->len)
		r = -EIO;
	if (r == 0)
		r = dirty_grow(d, ret, b->len ? b->len : 1);
	if (r < 0)
		return r == -EBADMSG ? -EIO : r;
	if (!ret->have)
		ret->have = calloc(1, PATCH_MAP);
	if (!ret->have)
		return -ENOMEM;
	memcpy(ret->have, p + 4, PATCH_MAP);
	memcpy(ret->buf, p + 4 + PATCH_MAP, b->len);
	ret->len = b->len;
	return 0;
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
	static const uint8_t none[16];
	uint8_t *p = content_scratch(1);
	size_t len = 4 + PATCH_MAP + b->len;
	int r;

	/* The bid is the row's name and is needed for sealing. */
	mutex_lock(&d->db_lock);
	ret->b.bid = d->stage->next_bid++;
	mutex_unlock(&d->db_lock);
	ret->data = malloc(len + AEAD_OVERHEAD);
	if (!p || !ret->data)
		return -ENOMEM;
	put_le32(p, b->len);
	memcpy(p + 4, b->have, PATCH_MAP);
	memcpy(p + 4 + PATCH_MAP, b->buf, b->len);
	r = row_seal(d, "ptch", ret->b.bid, none, p, len, ret->data);
	crypto_wipe(p, len);
	ret->data_len = len + AEAD_OVERHEAD;
	ret->b.state = BLOCK_PATCH;
	ret->b.has_data = true;
	return r;
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
	return slab_write(d->slab, ret->b.frame, ct, b->len);
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
	i.size = n->size;
	i.mtime_ns = n->mtime_ns;
	if (i.ctime_ns < n->mtime_ns)
		i.ctime_ns = n->mtime_ns;
	r = inode_save(d, &i);
	if (r == 0)
		r = outbox_mark(d, n->ino, OUTBOX_PUT);
	if (r == 0)
		stage_changed(d, n->ino, 0, n->size);
	crypto_wipe(i.key, sizeof(i.key));
	return r;
}

static void
commit_clean(struct drive *d, struct node *n) REQUIRES(n->lock)
{
	struct fresh *f, *ft;
	struct dirty *b, *bt;

	HASH_ITER(hh, n->dirty, b, bt)
		dirty_free(d, n, b);
	HASH_ITER(hh, n->fresh, f, ft) {
		HASH_DEL(n->fresh, f);
		free(f);
	}
	n->dirty_ms = 0;
	n->mtime_ns = 0;
	if (n->row_end < (n->size + BLOCK_SIZE - 1) / BLOCK_SIZE)
		n->row_end = (n->size + BLOCK_SIZE - 1) / BLOCK_SIZE;
	mutex_lock(&d->db_lock);
	__atomic_store_n(&n->is_live, false, __ATOMIC_RELAXED);
	mutex_unlock(&d->db_lock);
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
	if (r == 0)
		r = drive_begin(d);
	if (r == 0)
		r = drive_end(d, commit_rows(d, n, m, nm));
	if (r == 0)
		commit_clean(d, n);
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

/* ---- rows inside a transaction ------------------------------------------- */

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
	} else {
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
content_txn_done(struct drive *d, bool is_committed)
{
	struct gones *t = &d->stage->txn;
	size_t k;

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
	return b->bid <= d->stage->synced_bid ||
	    stage_is_frozen(d, b->ino, b->bid);
}

static int
supersede(struct drive *d, struct inode *i, const struct block *b)
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
	int r = 0;

	if (b->idx < (i->size + BLOCK_SIZE - 1) / BLOCK_SIZE)
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
	stage_changed(d, b->ino, b->len, i->size);
	return 0;
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
	return block_insert(d, &hole, NULL);
}

int
content_reap(struct drive *d, uint64_t ino)
{
	bool is_covered = false, is_patched = false;
	struct pending *p;
	struct block b;
	uint64_t idx = 0;
	int r;

	/* One row at a time: rows may not change under a cursor. */
	for (;;) {
		r = block_next(d, ino, idx, &b);
		if (r <= 0)
			break;
		if (b.idx != idx)
			is_covered = is_patched = false;
		idx = b.idx;
		/* Superseded rows left the counters when they were. */
		if (is_covered || (is_patched && b.state == BLOCK_PATCH))
			stage_count(d, &b, 1);
		is_patched |= b.state == BLOCK_PATCH;
		is_covered |= b.state != BLOCK_PATCH;
		r = block_gone(d, &b, false);
		if (r < 0)
			return r;
	}
	p = pending_find(d, ino);
	if (p)
		pending_free(d, p);
	return r;
}

/* ---- life ---------------------------------------------------------------- */

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
		r = content_scan(d);
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
	d->nodes = NULL;
	d->stage = NULL;
	d->cache = NULL;
	d->slab = NULL;
}

/* Commit what has been dirty for too long; up to 64 files a round. */
void
content_tick(struct drive *d)
{
	uint64_t inos[64];
	struct node *n, *nt;
	size_t k, c = 0;
	int r;

	mutex_lock(&d->nodes->lock);
	HASH_ITER(hh, d->nodes->table, n, nt)
		if (c < 64 && __atomic_load_n(&n->is_live, __ATOMIC_RELAXED))
			inos[c++] = n->ino;
	mutex_unlock(&d->nodes->lock);
	for (k = 0; k < c; k++) {
		int64_t since;

		n = node_ref(d, inos[k], false);
		if (!n)
			continue;
		mutex_lock(&n->lock);
		since = n->dirty_ms;
		r = 0;
		if (since && clock_mono_ms() - since >= DIRTY_AGE_MS)
			r = node_commit(d, n);
		mutex_unlock(&n->lock);
		if (r < 0)
			log_warn("drive: op=commit-aged r=%d", r);
		node_unref(d, n);
	}
	(void)content_evict(d, d->conf.cache_max ? d->conf.cache_max :
	    UINT64_C(10) << 30);
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
 * are not.  Then superseded rows and freed frames may go.
 */
int
drive_sync_disk(struct drive *d)
{
	uint64_t bid, mark;
	int r;

	mutex_lock(&d->db_lock);
	bid = d->stage->next_bid - 1;
	mutex_unlock(&d->db_lock);
	mark = slab_settle_begin(d->slab);
	r = slab_sync(d->slab);
	if (r == 0)
		r = db_sync(d->db);
	if (r < 0)
		return r;
	slab_settle_end(d->slab, mark);
	mutex_lock(&d->db_lock);
	if (d->stage->synced_bid < bid)
		d->stage->synced_bid = bid;
	mutex_unlock(&d->db_lock);
	return stage_bury(d);
}

/* ---- handles ------------------------------------------------------------- */

int
drive_file_open(struct drive *d, uint64_t ino, int flags,
    struct drive_file **ret)
{
	struct drive_file *f;
	int r;

	f = calloc(1, sizeof(*f));
	if (!f)
		return -ENOMEM;
	f->d = d;
	f->n = node_ref(d, ino, true);
	if (!f->n) {
		free(f);
		return -ENOMEM;
	}
	r = node_lock(d, f->n);
	if (r == 0)
		mutex_unlock(&f->n->lock);
	if (r == 0 && (flags & O_TRUNC))
		r = content_truncate(d, ino, 0);
	if (r < 0) {
		node_unref(d, f->n);
		free(f);
		return r;
	}
	*ret = f;
	return 0;
}

int
drive_create(struct drive *d, const struct drive_cred *c, uint64_t parent,
    const char *name, mode_t mode, int flags, struct drive_attr *ret_attr,
    struct drive_file **ret)
{
	int r;

	r = drive_mknod(d, c, parent, name, (mode & 07777) | 0100000,
	    ret_attr);
	if (r < 0)
		return r;
	return drive_file_open(d, ret_attr->ino, flags & ~O_TRUNC, ret);
}

uint64_t
drive_file_ino(const struct drive_file *f)
{
	return f->n->ino;
}

int
drive_flush(struct drive_file *f)
{
	int r;

	r = node_lock(f->d, f->n);
	if (r < 0)
		return r;
	r = node_commit(f->d, f->n);
	mutex_unlock(&f->n->lock);
	return r;
}

int
drive_fsync(struct drive_file *f)
{
	int r = drive_flush(f);

	return r < 0 ? r : drive_sync_disk(f->d);
}

int
drive_file_close(struct drive_file *f)
{
	int r = drive_flush(f);

	node_unref(f->d, f->n);
	free(f);
	return r;
}
