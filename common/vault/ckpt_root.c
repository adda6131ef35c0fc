/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "vault/ckpt_parts.h"

#include <errno.h>
#include <stdlib.h>

#include "crypto/crypto.h"
#include "util/buf.h"
#include "vault/body.h"
#include "vault/envelope.h"
#include "vault/op_parts.h"

/*
 * Body of a root:
 *	rand u64 | lamport u64 | state hash | seen | top folder's attributes
 *	and extended attributes | page count u32 | pages | zeros
 * A page:
 *	n u64 | rand u64 | device's tag | SHA-256 of the object | sum | first
 */
#define PAGE_REF_LEN (8 + 8 + VAULT_TAG_LEN + 2 * VAULT_HASH_LEN + \
	VAULT_ID_LEN)

/* SHA-256 over the sums of all pages, in their order. */
static int
state_hash(const struct ckpt_root *r, uint8_t out[static VAULT_HASH_LEN])
{
	struct sha256 *h = sha256_new();
	uint32_t i;

	if (!h)
		return -ENOMEM;
	for (i = 0; i < r->npages; i++)
		sha256_add(h, r->pages[i].sum, VAULT_HASH_LEN);
	sha256_end(h, out);
	return 0;
}

static bool
root_check(const struct ckpt_root *r)
{
	uint32_t i;

	if (!op_attr_check(&r->root_attr) ||
	    !ckpt_xattrs_check(r->root_xattrs, r->nroot_xattrs))
		return false;
	for (i = 1; i < r->npages; i++)
		if (memcmp(r->pages[i - 1].first.b, r->pages[i].first.b,
		    VAULT_ID_LEN) >= 0)
			return false;
	return true;
}

static int
body_encode(const struct ckpt_root *r, uint64_t rand, struct buf *b)
{
	uint8_t state[VAULT_HASH_LEN];
	uint32_t i;
	int e = state_hash(r, state);

	if (e < 0)
		return e;
	(void)buf_put_u64(b, rand);
	(void)buf_put_u64(b, r->lamport);
	(void)buf_put(b, state, sizeof(state));
	e = body_seen_write(b, r->frontier, r->nfrontier, NULL);
	if (e < 0)
		return e;
	op_attr_write(b, &r->root_attr);
	ckpt_xattrs_write(b, r->root_xattrs, r->nroot_xattrs);
	(void)buf_put_u32(b, r->npages);
	for (i = 0; i < r->npages; i++) {
		(void)buf_put_u64(b, r->pages[i].n);
		(void)buf_put_u64(b, r->pages[i].rand);
		(void)buf_put(b, r->pages[i].dtag, VAULT_TAG_LEN);
		(void)buf_put(b, r->pages[i].sha, VAULT_HASH_LEN);
		(void)buf_put(b, r->pages[i].sum, VAULT_HASH_LEN);
		(void)buf_put(b, r->pages[i].first.b, VAULT_ID_LEN);
	}
	return body_pad(b);
}

int
ckpt_root_seal(const struct vault_keys *k, const struct ckpt_root *r,
    uint64_t n, uint64_t rand, struct buf *out,
    uint8_t ret_sha[static VAULT_HASH_LEN])
{
	struct buf b = BUF_INIT(BODY_ROOM(CKPT_ROOT_MAX));
	struct aead *key = NULL;
	int e = root_check(r) ? body_encode(r, rand, &b) : -EINVAL;

	if (e == 0)
		e = vault_type_key(k, VAULT_ROOT, &key);
	if (e == 0)
		e = envelope_seal(k, VAULT_ROOT, n, NULL, key, b.data, b.len,
		    out, ret_sha);
	aead_free(key);
	buf_done(&b);
	return e;
}

static int
pages_read(struct rd *rd, struct ckpt_root *r)
{
	uint32_t i, n = rd_u32(rd);
	struct ckpt_page_ref *f;

	if (rd->err || n > rd->left / PAGE_REF_LEN)
		return -EPROTO;
	r->pages = calloc(n ? n : 1, sizeof(*r->pages));
	if (!r->pages)
		return -ENOMEM;
	r->npages = n;
	for (i = 0; i < n; i++) {
		f = &r->pages[i];
		f->n = rd_u64(rd);
		f->rand = rd_u64(rd);
		rd_copy(rd, f->dtag, VAULT_TAG_LEN);
		rd_copy(rd, f->sha, VAULT_HASH_LEN);
		rd_copy(rd, f->sum, VAULT_HASH_LEN);
		rd_copy(rd, f->first.b, VAULT_ID_LEN);
	}
	return rd->err;
}

static int
body_decode(const struct buf *b, struct ckpt_root *r)
{
	struct rd rd = rd_of(b->data, b->len);
	uint8_t state[VAULT_HASH_LEN];
	int e;

	(void)rd_u64(&rd);
	r->lamport = rd_u64(&rd);
	rd_copy(&rd, r->state_hash, VAULT_HASH_LEN);
	e = body_seen_read(&rd, &r->frontier, &r->nfrontier);
	op_attr_read(&rd, &r->root_attr);
	if (e == 0)
		e = ckpt_xattrs_read(&rd, &r->root_xattrs, &r->nroot_xattrs);
	if (e == 0)
		e = pages_read(&rd, r);
	if (e == 0 && (body_pad_read(&rd) < 0 || !root_check(r)))
		e = -EPROTO;
	if (e == 0)
		e = state_hash(r, state);
	if (e == 0 && memcmp(state, r->state_hash, sizeof(state)) != 0)
		e = -EPROTO;
	return e;
}

int
ckpt_root_open(const struct vault_keys *k, const struct vault_device *dev,
    const uint8_t sha[static VAULT_HASH_LEN], const void *p, size_t len,
    struct ckpt_root *ret)
{
	struct buf b = BUF_INIT(BODY_ROOM(CKPT_ROOT_MAX));
	uint8_t hash[VAULT_HASH_LEN];
	struct aead *key = NULL;
	struct ckpt_root root;
	struct envelope env;
	int e;

	memset(&root, 0, sizeof(root));
	e = envelope_verify(k, dev, VAULT_ROOT, p, len,
	    ENVELOPE_CLEAR_OVERHEAD + CKPT_ROOT_MAX, &env, hash);
	if (e == 0 && memcmp(hash, sha, sizeof(hash)) != 0)
		e = -EBADMSG;
	if (e == 0)
		e = vault_type_key(k, VAULT_ROOT, &key);
	if (e == 0)
		e = envelope_decrypt(key, &env, p, &b);
	if (e == 0)
		e = body_decode(&b, &root);
	if (e < 0)
		goto out;

	*ret = root;
	memset(&root, 0, sizeof(root));
out:
	ckpt_root_done(&root);
	aead_free(key);
	buf_done(&b);
	return e;
}

void
ckpt_root_done(struct ckpt_root *r)
{
	free(r->frontier);
	ckpt_xattrs_done(r->root_xattrs, r->nroot_xattrs);
	free(r->pages);
	memset(r, 0, sizeof(*r));
}
