/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Blocks that are not here: asked of the fetcher, kept when they come.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "drive/cache.h"
#include "drive/content.h"
#include "drive/slab.h"

void
drive_set_fetcher(struct drive *d, const struct drive_fetcher *f)
{
	static const struct drive_fetcher none;

	mutex_lock(&d->conf_lock);
	d->fetcher = f ? *f : none;
	mutex_unlock(&d->conf_lock);
}

struct wants {
	struct fetch_want *v;
	size_t n, cap;
	uint64_t end;		/* rows with a smaller index */
};

static int
want_row(void *arg, const struct block *b)
{
	struct wants *w = arg;
	struct fetch_want *f;

	if (b->idx >= w->end)
		return 1;
	if (block_is_away(b)) {
		f = &w->v[w->n++];
		f->ino = b->ino;
		f->idx = b->idx;
		f->bid = b->bid;
		f->ref = b->ref;
	}
	return w->n == w->cap;
}

int
fetch_from(struct drive *d, uint64_t ino, uint64_t idx, size_t n,
    unsigned how, const struct drive_wait *w)
{
	struct wants wants = { .cap = n, .end = idx + n };
	struct drive_fetcher f;
	size_t more = (how & FETCH_NEAR) && idx == 0 ? NEAR_MAX : 0;
	bool need = (how & FETCH_NEED) != 0;
	int r;

	mutex_lock(&d->conf_lock);
	f = d->fetcher;
	mutex_unlock(&d->conf_lock);
	if (!f.fetch)
		return -EHOSTUNREACH;
	wants.v = calloc(n + more, sizeof(*wants.v));
	if (!wants.v)
		return -ENOMEM;
	mutex_lock(&d->db_lock);
	r = block_each(d, ino, idx, UINT64_MAX, false, want_row, &wants);
	if (r > 0)
		r = 0;
	if (need && (wants.n == 0 || wants.v[0].idx != idx))
		need = false;	/* it came meanwhile */
	if (r == 0 && need && more && wants.v[0].ref.len < BLOCK_SIZE)
		wants.n += near_missed(d, ino, wants.v + wants.n);
	mutex_unlock(&d->db_lock);
	if (r == 0 && wants.n)
		r = f.fetch(f.arg, wants.v, wants.n, need ? 1 : 0, w);
	free(wants.v);
	return r;
}

int
fetch_row(struct drive *d, const struct block *b, const struct drive_wait *w)
{
	struct fetch_want want = { b->ino, b->idx, b->bid, b->ref };
	struct drive_fetcher f;

	mutex_lock(&d->conf_lock);
	f = d->fetcher;
	mutex_unlock(&d->conf_lock);
	return f.fetch ? f.fetch(f.arg, &want, 1, 1, w) : -EHOSTUNREACH;
}

/* Keep the ciphertext in the block file or the small table, as clean. */
static int
cache_keep(struct drive *d, struct block *b, const uint8_t *sealed)
{
	const uint8_t *ct = sealed + AEAD_NONCE_LEN;
	struct block now;
	int r = 0;

	memcpy(b->nonce, sealed, AEAD_NONCE_LEN);
	memcpy(b->tag, ct + b->len, AEAD_TAG_LEN);
	if (b->len <= BLOCK_SMALL_MAX) {
		b->has_data = true;
	} else {
		r = slab_alloc(d->slab, &b->frame);
		if (r < 0)
			return r;
		r = slab_write(d->slab, b->frame, ct, b->len);
	}
	if (r == 0)
		r = drive_begin_internal(d);
	if (r == 0) {
		r = block_get_bid(d, b->ino, b->idx, b->bid, &now);
		if (r == 1 && block_is_local(&now))
			r = 0;
		if (r == 1) {
			now.frame = b->frame;
			now.has_data = b->has_data;
			memcpy(now.nonce, b->nonce, sizeof(now.nonce));
			memcpy(now.tag, b->tag, sizeof(now.tag));
			r = block_update(d, &now);
			if (r == 0 && b->has_data)
				r = block_data_set(d, b->bid, ct, b->len);
			/* A superseded row is in no counter. */
			if (r == 0)
				r = stage_is_live(d, &now);
			if (r == 1)
				d->stage->clean_bytes += b->len;
			if (r == 0)
				r = 1;
		}
		r = drive_end(d, r);
	}
	if (r != 1 && b->frame != SLAB_NONE)
		slab_cancel(d->slab, b->frame);
	return r < 0 ? r : 0;
}

int
drive_cache_put(struct drive *d, const struct fetch_want *w,
    const void *sealed, size_t len)
{
	struct aead *key = NULL;
	struct inode i;
	struct block b;
	uint8_t *p;
	int r;

	mutex_lock(&d->db_lock);
	r = block_get_bid(d, w->ino, w->idx, w->bid, &b);
	if (r == 1)
		r = inode_load(d, w->ino, &i) < 0 ? 0 : 1;
	mutex_unlock(&d->db_lock);
	if (r <= 0)
		return r;	/* nobody needs it any more */
	if (len != (size_t)b.len + AEAD_OVERHEAD)
		return -EBADMSG;
	if (block_is_local(&b))
		return 0;
	r = cache_keep(d, &b, sealed);
	if (r == 0)
		return 0;
	/* No room on the disk: whoever waits for it gets it from memory. */
	p = malloc(b.len);
	r = p ? vault_file_key(i.key, &key) : -ENOMEM;
	memcpy(b.nonce, sealed, AEAD_NONCE_LEN);
	memcpy(b.tag, (const uint8_t *)sealed + len - AEAD_TAG_LEN,
	    AEAD_TAG_LEN);
	if (r == 0)
		r = block_open(d, &b, &i.id, key,
		    (const uint8_t *)sealed + AEAD_NONCE_LEN, p);
	aead_free(key);
	crypto_wipe(i.key, sizeof(i.key));
	if (r < 0) {
		free(p);
		return r;
	}
	cache_add(d->cache, b.ino, b.idx, b.bid, p, b.len);
	return 0;
}
