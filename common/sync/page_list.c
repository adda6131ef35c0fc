/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "sync/sync_priv.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* The default function makes clang complain of its switch. */
#define HASH_FUNCTION HASH_FNV

#include "crypto/crypto.h"
#include "util/hash.h"

/* What the drive keeps for the cache, at most. */
#define CACHE_MAX (64u * 1024 * 1024)

/* A page is known by its inode, its first index and its plaintext. */
struct page_key {
	uint8_t inode[VAULT_ID_LEN];
	uint8_t first_idx[8];
	uint8_t sum[SHA256_LEN];
};

struct page_known {
	struct page_key key;
	struct block_ref ref;
	enum { PAGE_LOADED, PAGE_MADE, PAGE_PUT } state;
	bool is_used;
	UT_hash_handle hh;
};

struct page_cache {
	struct page_known *known;
};

/* ---- the cache ---- */

static void
ref_write(const struct block_ref *f, struct buf *out)
{
	(void)buf_put(out, f->pack.dtag.b, VAULT_TAG_LEN);
	(void)buf_put_u64(out, f->pack.n);
	(void)buf_put_u64(out, f->pack.rand);
	(void)buf_put_u32(out, f->off);
	(void)buf_put_u32(out, f->len);
	(void)buf_put(out, f->sha, VAULT_HASH_LEN);
}

static void
ref_read(struct rd *r, struct block_ref *ret)
{
	rd_copy(r, ret->pack.dtag.b, VAULT_TAG_LEN);
	ret->pack.n = rd_u64(r);
	ret->pack.rand = rd_u64(r);
	ret->off = rd_u32(r);
	ret->len = rd_u32(r);
	rd_copy(r, ret->sha, VAULT_HASH_LEN);
}

static int
cache_add(struct page_cache *c, const struct page_key *key,
    const struct block_ref *ref, bool is_made)
{
	struct page_known *k;

	k = calloc(1, sizeof(*k));
	if (!k)
		return -ENOMEM;
	k->key = *key;
	k->ref = *ref;
	k->state = is_made ? PAGE_MADE : PAGE_LOADED;
	k->is_used = is_made;
	HASH_ADD(hh, c->known, key, sizeof(k->key), k);
	if (HASH_IS_OUT(k)) {
		free(k);
		return -ENOMEM;
	}
	return 0;
}

static struct page_known *
cache_find(struct page_cache *c, const struct page_key *key)
{
	struct page_known *k;

	HASH_FIND(hh, c->known, key, sizeof(*key), k);
	return k;
}

int
page_cache_load(struct drive *d, struct page_cache **c)
{
	struct buf b = BUF_INIT(CACHE_MAX);
	struct page_key key;
	struct block_ref ref;
	struct rd rd;
	int r;

	if (!*c)
		*c = calloc(1, sizeof(**c));
	if (!*c)
		return -ENOMEM;
	r = value_get(d, SYNC_KV_LISTS, 0, &b);
	if (r == -ENOENT)
		r = 0;
	rd = rd_of(b.data, b.len);
	while (r == 0 && rd.left > 0) {
		memset(&ref, 0, sizeof(ref));
		rd_copy(&rd, &key, sizeof(key));
		ref_read(&rd, &ref);
		r = rd.err;
		if (r == 0 && !cache_find(*c, &key))
			r = cache_add(*c, &key, &ref, false);
	}
	/* Pages that are not known are made anew. */
	if (r == -EPROTO)
		r = 0;
	buf_done(&b);
	return r;
}

void
page_cache_settle(struct page_cache *c)
{
	struct page_known *k;

	for (k = c->known; k; k = k->hh.next)
		if (k->state == PAGE_MADE)
			k->state = PAGE_PUT;
}

size_t
page_cache_trim(struct page_cache *c)
{
	struct page_known *k, *next;

	HASH_ITER(hh, c->known, k, next) {
		k->is_used = false;
		if (k->state == PAGE_PUT)
			continue;
		HASH_DEL(c->known, k);
		free(k);
	}
	return HASH_COUNT(c->known);
}

int
page_cache_save(struct drive *d, struct page_cache *c)
{
	struct buf b = BUF_INIT(CACHE_MAX);
	struct page_known *k;
	int r;

	for (k = c->known; k; k = k->hh.next) {
		if (!k->is_used)
			continue;
		(void)buf_put(&b, &k->key, sizeof(k->key));
		ref_write(&k->ref, &b);
	}
	r = b.err;
	if (r == 0)
		r = drive_kv_set(d, SYNC_KV_LISTS, b.data, b.len);
	/* Too many to keep: the pages are made anew the next time. */
	if (r == -EFBIG)
		r = drive_kv_set(d, SYNC_KV_LISTS, "", 0);
	buf_done(&b);
	return r;
}

void
page_cache_free(struct page_cache *c)
{
	struct page_known *k, *next;

	if (!c)
		return;
	k = c->known;
	HASH_CLEAR(hh, c->known);	/* the table; the chain is left */
	for (; k; k = next) {
		next = k->hh.next;
		free(k);
	}
	free(c);
}

/* ---- making pages ---- */

struct maker {
	struct pack_list *l;
	const struct vault_id *inode;
	struct aead *key;
	struct page_cache *cache;
	struct op_page *pages;
	size_t n, cap;
};

static int
page_seal(struct maker *m, uint64_t first_idx, const struct buf *plain,
    struct block_ref *ret)
{
	const struct vault_keys *k = m->l->s->keys;
	uint8_t aad[VAULT_BLOCK_AAD_LEN];
	size_t len = plain->len + AEAD_OVERHEAD;
	uint8_t *box;
	int r;

	box = malloc(len);
	if (!box)
		return -ENOMEM;
	vault_block_aad(&k->drive, &k->realm, m->inode, VAULT_CLASS_MANIFEST,
	    first_idx, aad);
	r = aead_seal_box(m->key, aad, sizeof(aad), plain->data, plain->len,
	    box);
	if (r == 0)
		r = pack_list_add(m->l, m->inode, VAULT_CLASS_MANIFEST,
		    first_idx, box, len, ret);
	free(box);
	return r;
}

static int
page_add(struct maker *m, uint64_t first_idx, const struct buf *plain)
{
	struct page_key key;
	struct page_known *known;
	struct block_ref ref;
	struct op_page *p;
	size_t cap;
	int r;

	if (m->n == m->cap) {
		cap = m->cap ? m->cap * 2 : 16;
		p = realloc(m->pages, cap * sizeof(*p));
		if (!p)
			return -ENOMEM;
		m->pages = p;
		m->cap = cap;
	}
	memcpy(key.inode, m->inode->b, VAULT_ID_LEN);
	put_le64(key.first_idx, first_idx);
	sha256(plain->data, plain->len, key.sum);
	known = m->cache ? cache_find(m->cache, &key) : NULL;
	if (known) {
		known->is_used = true;
		ref = known->ref;
	} else {
		memset(&ref, 0, sizeof(ref));
		r = page_seal(m, first_idx, plain, &ref);
		if (r == 0 && m->cache)
			r = cache_add(m->cache, &key, &ref, true);
		if (r < 0)
			return r;
	}
	m->pages[m->n++] = (struct op_page){ first_idx, ref };
	return 0;
}

/* How many of b[0..n) make the next page: those of one aligned run of
 * indexes, so that a change elsewhere in the file moves no boundary. */
static size_t
page_extent(const struct op_block *b, size_t n)
{
	uint64_t run = b[0].idx / VAULT_MANIFEST_MAX;
	size_t i;

	for (i = 1; i < n && i < VAULT_MANIFEST_MAX; i++)
		if (b[i].idx / VAULT_MANIFEST_MAX != run)
			break;
	return i;
}

static int
pages_make(struct maker *m, const struct op_put *o)
{
	struct buf plain = BUF_INIT(VAULT_BLOCK_SIZE);
	size_t at = 0, n;
	int r = 0;

	while (at < o->nblocks && r == 0) {
		n = page_extent(o->blocks + at, o->nblocks - at);
		/* Entries of shared blocks are longer: half as many, then. */
		for (;;) {
			buf_reset(&plain);
			r = op_blocks_encode(o->blocks + at, n, &plain);
			if (r != -EFBIG || n == 1)
				break;
			n /= 2;
		}
		if (r == 0)
			r = page_add(m, o->blocks[at].idx, &plain);
		at += n;
	}
	buf_wipe(&plain);	/* keys of shared blocks are in it */
	return r;
}

int
page_list_make(struct pack_list *l, const struct vault_id *inode,
    const uint8_t key[static VAULT_KEY_LEN], struct op_put *o,
    struct page_cache *cache)
{
	struct maker m = { .l = l, .inode = inode, .cache = cache };
	int r;

	r = vault_file_key(key, &m.key);
	if (r < 0)
		return r;
	r = pages_make(&m, o);
	aead_free(m.key);
	if (r < 0) {
		free(m.pages);
		return r;
	}
	o->pages = m.pages;
	o->npages = (uint32_t)m.n;
	return 0;
}

/* ---- reading pages ---- */

int
page_list_get(void *source, const struct vault_id *inode,
    const uint8_t key[static VAULT_KEY_LEN], const struct op_page *page,
    struct op_block **ret, size_t *ret_n)
{
	const struct page_source *src = source;
	const struct vault_keys *k = src->keys;
	struct buf box = BUF_INIT(VAULT_BLOCK_SIZE + AEAD_OVERHEAD);
	uint8_t aad[VAULT_BLOCK_AAD_LEN];
	char name[VAULT_PATH_MAX];
	struct aead *a = NULL;
	uint8_t *plain = NULL;
	int r;

	if (page->ref.len == 0 || page->ref.len > VAULT_BLOCK_SIZE)
		return -EPROTO;
	vault_name_pack(&k->rtag, &page->ref.pack, name);
	r = object_get_range(src->store, name, page->ref.off,
	    page->ref.len + AEAD_OVERHEAD, OBJECT_PATIENT, &box);
	if (r == 0)
		r = block_ref_verify(&page->ref, box.data, box.len);
	/* Only of a store that is there something is gone; and one that talks
	 * nonsense may have it. */
	if (r == -EPROTO || ((r == -ENOENT || r == -EBADMSG) &&
	    object_check_genesis(src->store, k, OBJECT_PATIENT) < 0))
		r = -EIO;
	if (r == 0)
		r = vault_file_key(key, &a);
	if (r < 0)
		goto out;
	plain = malloc(page->ref.len);
	if (!plain) {
		r = -ENOMEM;
		goto out;
	}
	vault_block_aad(&k->drive, &k->realm, inode, VAULT_CLASS_MANIFEST,
	    page->first_idx, aad);
	r = aead_open_box(a, aad, sizeof(aad), box.data, box.len, plain);
	if (r == 0)
		r = op_blocks_decode(plain, page->ref.len, ret, ret_n);
out:
	if (plain)
		crypto_wipe(plain, page->ref.len);
	free(plain);
	aead_free(a);
	buf_done(&box);
	return r;
}
