/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Versions: frozen content as put ops, and put ops as content.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "drive/content.h"
#include "drive/slab.h"
#include "util/clock.h"

#define UNREAD_MS 60000		/* between looks at what cannot be read */

int
version_ready(struct drive *d, const struct inode *i)
{
	struct pending *p = pending_find(d, i->ino);

	return p && p->v && !p->v->is_void && !p->v->is_unnamed &&
	    p->v->is_taken_all && p->v->out == 0;
}

/* ---- rows to ops --------------------------------------------------------- */

struct fill {
	struct op_block *v;
	size_t n, cap;
	uint64_t end;		/* rows before this index */
	bool all;		/* the whole content, not only what is new */
	bool sent_only;		/* what is not on the store is left out */
};

static int
fill_row(void *arg, const struct block *b)
{
	struct fill *f = arg;
	struct op_block *o;
	size_t cap;

	if (b->idx >= f->end)
		return 1;
	if (f->all ? b->state == BLOCK_HOLE : b->state == BLOCK_CLEAN)
		return 0;
	if (f->sent_only && (!b->has_ref || b->state == BLOCK_PATCH))
		return 0;
	if (b->state != BLOCK_HOLE && !b->has_ref)
		return -EAGAIN;	/* not on the store: must not be published */
	if (f->n == f->cap) {
		cap = f->cap ? f->cap * 2 : 16;
		o = realloc(f->v, cap * sizeof(*o));
		if (!o)
			return -ENOMEM;
		f->v = o;
		f->cap = cap;
	}
	o = &f->v[f->n++];
	memset(o, 0, sizeof(*o));
	o->idx = b->idx;
	if (b->state == BLOCK_HOLE)
		return 0;
	o->kind = b->is_shared ? OP_BLOCK_SHARED : OP_BLOCK_DATA;
	o->ref = b->ref;
	if (b->is_shared) {
		o->from = b->from;
		o->from_idx = b->from_idx;
		memcpy(o->from_key, b->from_key, VAULT_KEY_LEN);
	}
	return 0;
}

/* The plaintext of a small file, size bytes, from its block 0. */
static int
fill_inline(struct drive *d, const struct inode *i, uint64_t size,
    uint64_t bid_max, struct op_put *ret) REQUIRES(d->db_lock)
{
	struct aead *key = NULL;
	struct block b;
	uint8_t *p, *ct;
	int r;

	p = content_scratch(1);
	ct = content_scratch(0);
	if (!p || !ct)
		return -ENOMEM;
	memset(p, 0, size);
	r = block_get(d, i->ino, 0, &b);
	while (r == 1 && b.bid > bid_max) {
		struct block below;

		r = block_below(d, &b, &below);
		b = below;
	}
	/* It was sent by itself meanwhile, and may have made way: so it is no
	 * longer one that travels inside. */
	if (r == 1 && (b.state == BLOCK_SENT || b.state == BLOCK_CLEAN))
		r = -EAGAIN;
	if (r == 1 && b.state != BLOCK_HOLE && b.len) {
		r = vault_file_key(i->key, &key);
		if (r == 0)
			r = b.has_data ? block_data_get(d, b.bid, ct, b.len) :
			    slab_read(d->slab, b.frame, ct, b.len);
		if (r == 0)
			r = block_open(d, &b, &i->id, key, ct, p);
		aead_free(key);
	}
	if (r < 0)
		return r == -EBADMSG ? -EIO : r;
	ret->data = malloc(size ? size : 1);
	if (!ret->data)
		return -ENOMEM;
	memcpy(ret->data, p, size);
	ret->data_len = (uint32_t)size;
	ret->is_inline = true;
	return 0;
}

static int
fill_parents(const struct inode *i, struct op_put *ret)
{
	if (!i->version.seq)
		return 0;
	ret->parents = calloc(1, sizeof(*ret->parents));
	if (!ret->parents)
		return -ENOMEM;
	ret->parents[0] = i->version;
	ret->nparents = 1;
	return 0;
}

static void
put_done(struct op_put *p)
{
	free(p->parents);
	free(p->data);
	free(p->blocks);
	memset(p, 0, sizeof(*p));
}

int
version_fill(struct drive *d, const struct inode *i, struct op_put *ret)
{
	struct pending *p = pending_find(d, i->ino);
	struct fill f = { .all = false };
	struct op_put put = { 0 };
	struct version *v;
	int r;

	if (!p || !p->v)
		return -EAGAIN;
	v = p->v;
	put.size = v->size;
	put.trunc = v->trunc;
	put.mtime_ns = v->mtime_ns;
	put.ctime_ns = v->ctime_ns;
	f.end = (v->size + BLOCK_SIZE - 1) / BLOCK_SIZE;
	if (f.end > v->hi)
		f.end = v->hi;
	r = fill_parents(i, &put);
	if (r == 0 && v->is_inline)
		r = fill_inline(d, i, v->size, v->bid_max, &put);
	else if (r == 0)
		r = block_each(d, i->ino, v->lo, v->bid_max, false, fill_row,
		    &f);
	if (r < 0) {
		free(f.v);
		put_done(&put);
		/* It is frozen anew: at once, or after a while. */
		if (r == -EAGAIN)
			version_abort(d, i->ino);
		else if (unread_is(r))
			version_unread(d, i->ino);
		return r;
	}
	put.blocks = f.v;
	put.nblocks = (uint32_t)f.n;
	*ret = put;
	return 0;
}

/* ---- after publication --------------------------------------------------- */

struct rows {
	struct block *v;
	size_t n, cap;
	uint64_t end;
};

static int
rows_add(void *arg, const struct block *b)
{
	struct rows *r = arg;
	struct block *v;
	size_t cap;

	if (b->idx >= r->end)
		return 1;
	if (b->state == BLOCK_CLEAN || b->state == BLOCK_INLINE)
		return 0;
	if (r->n == r->cap) {
		cap = r->cap ? r->cap * 2 : 16;
		v = realloc(r->v, cap * sizeof(*v));
		if (!v)
			return -ENOMEM;
		r->v = v;
		r->cap = cap;
	}
	r->v[r->n++] = *b;
	return 0;
}

/* One row of the version has been published. */
static int
sealed_row(struct drive *d, struct block *b, bool is_inline)
    REQUIRES(d->db_lock)
{
	struct block below;
	int live;

	if (b->state == BLOCK_HOLE) {
		/* While a row is kept below, which would be the content
		 * again, the hole is kept as long. */
		live = block_below(d, b, &below);
		if (live < 0)
			return live;
		return block_gone(d, b, live == 1);
	}
	if (b->state == BLOCK_STAGED && is_inline) {
		live = stage_is_live(d, b);
		if (live < 0)
			return live;
		if (live) {
			d->stage->staged_bytes -= b->len;
			d->stage->staged_blocks--;
		}
		b->state = BLOCK_INLINE;
	} else if (b->state == BLOCK_SENT) {
		b->state = BLOCK_CLEAN;
	}
	return block_update(d, b);
}

int
version_sealed(struct drive *d, struct inode *i, const struct op_stamp *stamp)
{
	struct pending *p = pending_find(d, i->ino);
	struct rows rows = { 0 };
	struct version *v;
	struct block now;
	bool stale;
	size_t k;
	int r;

	if (!p || !p->v)
		return 1;
	v = p->v;
	rows.end = v->hi;
	r = block_each(d, i->ino, v->lo, v->bid_max, false, rows_add, &rows);
	for (k = 0; k < rows.n && r >= 0; k++) {
		/* A superseded row goes when stage_bury comes by: only the
		 * current one changes its state. */
		r = block_get(d, i->ino, rows.v[k].idx, &now);
		if (r == 1 && now.bid == rows.v[k].bid)
			r = sealed_row(d, &rows.v[k], v->is_inline);
	}
	for (k = 0; k < rows.n; k++)
		crypto_wipe(rows.v[k].from_key, VAULT_KEY_LEN);
	free(rows.v);
	if (r < 0)
		return r;
	i->version = *stamp;
	i->trunc = v->trunc_next;
	stale = v->is_stale;
	free(v);
	p->v = NULL;
	p->staged = 0;
	if (stale) {
		p->first_ms = p->last_ms = clock_mono_ms();
		pending_queue(d, p);
		return 1;
	}
	pending_free(d, p);
	return 0;
}

void
version_abort(struct drive *d, uint64_t ino)
{
	struct pending *p = pending_find(d, ino);

	/* What was taken for packs is still out; only an idle version can be
	 * given up, and only such ones are ever published. */
	if (!p || !p->v || p->v->out)
		return;
	if (p->lo > p->v->lo)
		p->lo = p->v->lo;
	if (p->hi < p->v->hi)
		p->hi = p->v->hi;
	free(p->v);
	p->v = NULL;
	pending_queue(d, p);
}

void
version_unread(struct drive *d, uint64_t ino)
{
	struct pending *p = pending_find(d, ino);

	if (!p)
		return;
	unread_add(d, ino);
	p->retry_ms = clock_mono_ms() + UNREAD_MS;
	/* What was written over it meanwhile may be sound. */
	if (p->v) {
		p->v->is_void = true;
		version_abort(d, ino);
	}
}

void
unread_back(struct drive *d, struct pending *p)
{
	p->retry_ms = 0;
	unread_drop(d, p->ino);
}

void
version_orphan(struct drive *d, uint64_t ino)
{
	struct pending *p;

	version_abort(d, ino);
	p = pending_find(d, ino);
	if (!p)
		return;
	if (p->v) {
		p->v->is_unnamed = true;
		return;
	}
	/* Most are closed soon, and then nothing of it need travel. */
	p->first_ms = p->last_ms = clock_mono_ms();
	pending_queue(d, p);
}

/* ---- ops to rows --------------------------------------------------------- */

static int
drop_rows(struct drive *d, struct inode *i, uint64_t from)
    REQUIRES(d->db_lock)
{
	struct block b;
	int r;

	while ((r = block_next(d, i->ino, from, &b)) == 1) {
		i->alloc -= i->alloc < b.len ? i->alloc : b.len;
		r = block_gone(d, &b, false);
		if (r < 0)
			return r;
	}
	return r;
}

static int
apply_inline(struct drive *d, struct inode *i, const struct op_put *p)
    REQUIRES(d->db_lock)
{
	struct block b = { .ino = i->ino, .idx = 0, .state = BLOCK_INLINE,
	    .frame = SLAB_NONE, .has_data = true, .len = p->data_len };
	struct aead *key = NULL;
	uint8_t *ct;
	int r;

	r = drop_rows(d, i, 0);
	if (r < 0 || p->data_len == 0)
		return r;
	ct = malloc(p->data_len);
	r = ct ? vault_file_key(i->key, &key) : -ENOMEM;
	if (r == 0)
		r = block_seal(d, &i->id, key, 0, p->data, p->data_len,
		    b.nonce, b.tag, ct);
	if (r == 0) {
		b.bid = d->stage->next_bid++;
		r = block_insert(d, &b, NULL);
	}
	if (r == 0)
		r = block_data_set(d, b.bid, ct, b.len);
	if (r == 0)
		i->alloc = b.len;
	aead_free(key);
	free(ct);
	return r;
}

static int
apply_block(struct drive *d, struct inode *i, const struct op_block *o)
    REQUIRES(d->db_lock)
{
	struct block b, old;
	int r;

	while ((r = block_get(d, i->ino, o->idx, &old)) == 1) {
		i->alloc -= i->alloc < old.len ? i->alloc : old.len;
		r = block_gone(d, &old, false);
		if (r < 0)
			return r;
	}
	if (r < 0 || o->kind == OP_BLOCK_HOLE)
		return r;
	memset(&b, 0, sizeof(b));
	b.ino = i->ino;
	b.idx = o->idx;
	b.bid = d->stage->next_bid++;
	b.state = BLOCK_CLEAN;
	b.len = o->ref.len;
	b.frame = SLAB_NONE;
	b.has_ref = true;
	b.ref = o->ref;
	if (o->kind == OP_BLOCK_SHARED) {
		b.is_shared = true;
		b.from = o->from;
		b.from_idx = o->from_idx;
		memcpy(b.from_key, o->from_key, VAULT_KEY_LEN);
	}
	i->alloc += b.len;
	return block_insert(d, &b, NULL);
}

int
version_apply(struct drive *d, struct inode *i, const struct op_put *p)
{
	uint32_t k;
	int r;

	if (p->is_inline) {
		r = apply_inline(d, i, p);
	} else {
		r = drop_rows(d, i, (p->trunc + BLOCK_SIZE - 1) / BLOCK_SIZE);
		for (k = 0; k < p->nblocks && r == 0; k++)
			r = apply_block(d, i, &p->blocks[k]);
	}
	if (r < 0)
		return r;
	i->size = p->size;
	i->mtime_ns = p->mtime_ns;
	i->ctime_ns = p->ctime_ns;
	i->trunc = UINT64_MAX;
	return 0;
}

int
version_walk(struct drive *d, const struct inode *i, struct op_put *ret)
{
	struct fill f = { .all = true };
	struct op_put put = { 0 };
	struct block b;
	int r;

	put.size = i->size;
	put.mtime_ns = i->mtime_ns;
	put.ctime_ns = i->ctime_ns;
	f.end = (i->size + BLOCK_SIZE - 1) / BLOCK_SIZE;
	r = block_get(d, i->ino, 0, &b);
	if (r < 0)
		return r;
	if (i->size <= VAULT_INLINE_MAX && (r == 0 ||
	    b.state == BLOCK_INLINE || b.state == BLOCK_HOLE))
		r = fill_inline(d, i, i->size, UINT64_MAX, &put);
	else
		r = block_each(d, i->ino, 0, UINT64_MAX, false, fill_row, &f);
	if (r < 0) {
		free(f.v);
		put_done(&put);
		return r;
	}
	put.blocks = f.v;
	put.nblocks = (uint32_t)f.n;
	*ret = put;
	return 0;
}

int
version_refs(struct drive *d, const struct inode *i, struct op_put *ret)
{
	struct fill f = { .all = true, .sent_only = true };
	int r;

	f.end = (i->size + BLOCK_SIZE - 1) / BLOCK_SIZE;
	r = block_each(d, i->ino, 0, UINT64_MAX, false, fill_row, &f);
	if (r < 0) {
		free(f.v);
		return r;
	}
	ret->blocks = f.v;
	ret->nblocks = (uint32_t)f.n;
	return 0;
}
