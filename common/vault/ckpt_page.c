/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "vault/ckpt_parts.h"

#include <errno.h>
#include <stdlib.h>

#include "crypto/crypto.h"
#include "util/buf.h"
#include "vault/body.h"
#include "vault/envelope.h"

/*
 * Body of a page: node count u32 | nodes by ascending id | zeros up to the
 * size class.  Its sum is the SHA-256 of the body without the zeros.
 */

struct ckpt_page {
	struct buf body;
	struct buf scratch;	/* one node, to know its size */
	uint32_t n;
	struct vault_id first, last;
};

int
ckpt_page_new(struct ckpt_page **ret)
{
	struct ckpt_page *p = calloc(1, sizeof(*p));

	if (!p)
		return -ENOMEM;
	buf_init(&p->body, BODY_ROOM(CKPT_NODE_MAX));
	buf_init(&p->scratch, BODY_ROOM(CKPT_NODE_MAX) - 4);
	ckpt_page_reset(p);
	*ret = p;
	return 0;
}

void
ckpt_page_reset(struct ckpt_page *p)
{
	buf_wipe(&p->body);
	buf_wipe(&p->scratch);
	p->n = 0;
}

void
ckpt_page_free(struct ckpt_page *p)
{
	if (!p)
		return;
	ckpt_page_reset(p);
	free(p);
}

bool
ckpt_page_empty(const struct ckpt_page *p)
{
	return p->n == 0;
}

/* One id in 256 starts a page, whatever is before it: a node that comes or
 * goes changes the page it is in and no other. */
static bool
is_boundary(const struct vault_id *id)
{
	uint64_t h = get_le64(id->b) +
	    get_le64(id->b + 8) * 0x9e3779b97f4a7c15u;

	h = (h ^ h >> 32) * 0xff51afd7ed558ccdu;
	return h >> 56 == 0;
}

int
ckpt_page_add(struct ckpt_page *p, const struct ckpt_node *n)
{
	int r;

	if (p->n && memcmp(n->id.b, p->last.b, VAULT_ID_LEN) <= 0)
		return -EINVAL;
	if (p->n && is_boundary(&n->id))
		return 1;
	buf_reset(&p->scratch);
	r = ckpt_node_write(&p->scratch, n);
	if (r < 0)
		return r;
	if (p->n &&
	    p->body.len + p->scratch.len > BODY_ROOM(CKPT_PAGE_MAX))
		return 1;
	if (!p->n)
		(void)buf_put_u32(&p->body, 0);
	r = buf_put(&p->body, p->scratch.data, p->scratch.len);
	if (r < 0)
		return r;
	if (!p->n)
		p->first = n->id;
	p->last = n->id;
	buf_set_u32(&p->body, 0, ++p->n);
	return 0;
}

void
ckpt_page_sum(const struct ckpt_page *p, struct vault_id *ret_first,
    uint8_t ret_sum[static VAULT_HASH_LEN])
{
	*ret_first = p->first;
	sha256(p->body.data, p->body.len, ret_sum);
}

int
ckpt_page_seal(const struct vault_keys *k, struct ckpt_page *p, uint64_t n,
    struct buf *out, struct ckpt_page_ref *ret)
{
	struct ckpt_page_ref f;
	struct aead *key = NULL;
	size_t len = p->body.len;
	int r;

	if (!p->n)
		return -EINVAL;
	memset(&f, 0, sizeof(f));
	f.n = n;
	f.rand = crypto_random_u64();
	memcpy(f.dtag, k->dtag.b, VAULT_TAG_LEN);
	ckpt_page_sum(p, &f.first, f.sum);
	r = body_pad(&p->body);
	if (r == 0)
		r = vault_type_key(k, VAULT_PAGE, &key);
	if (r == 0)
		r = envelope_seal(k, VAULT_PAGE, n, NULL, key, p->body.data,
		    p->body.len, out, f.sha);
	p->body.len = len;
	aead_free(key);
	if (r == 0)
		*ret = f;
	return r;
}

/* All of it is read once before anything is handed on. */
static int
body_check(const struct buf *b, const struct ckpt_page_ref *ref)
{
	struct rd rd = rd_of(b->data, b->len);
	uint32_t i, n = rd_u32(&rd);
	uint8_t sum[SHA256_LEN];
	struct ckpt_node node;
	struct vault_id last = ref->first;
	int r = n ? 0 : -EPROTO;

	for (i = 0; r == 0 && i < n; i++) {
		r = ckpt_node_read(&rd, &node);
		if (r < 0)
			break;
		if (i ? memcmp(node.id.b, last.b, VAULT_ID_LEN) <= 0 :
		    !vault_id_eq(&node.id, &last))
			r = -EPROTO;
		last = node.id;
		ckpt_node_done(&node);
	}
	if (r < 0)
		return r;
	sha256(b->data, b->len - rd.left, sum);
	if (memcmp(sum, ref->sum, sizeof(sum)) != 0)
		return -EBADMSG;
	return body_pad_read(&rd);
}

int
ckpt_page_open(const struct vault_keys *k, const struct vault_device *dev,
    const struct ckpt_page_ref *ref, const void *p, size_t len,
    int (*fn)(void *arg, const struct ckpt_node *n), void *arg)
{
	struct buf b = BUF_INIT(BODY_ROOM(CKPT_NODE_MAX));
	uint8_t hash[VAULT_HASH_LEN];
	struct aead *key = NULL;
	struct ckpt_node node;
	struct envelope e;
	struct rd rd;
	uint32_t i, n;
	int r;

	r = envelope_verify(k, dev, VAULT_PAGE, p, len,
	    ENVELOPE_CLEAR_OVERHEAD + CKPT_NODE_MAX, &e, hash);
	if (r == 0 && (e.seq != ref->n ||
	    memcmp(e.dtag.b, ref->dtag, VAULT_TAG_LEN) != 0 ||
	    memcmp(hash, ref->sha, VAULT_HASH_LEN) != 0))
		r = -EBADMSG;
	if (r == 0)
		r = vault_type_key(k, VAULT_PAGE, &key);
	if (r == 0)
		r = envelope_decrypt(key, &e, p, &b);
	if (r == 0)
		r = body_check(&b, ref);
	if (r < 0)
		goto out;
	rd = rd_of(b.data, b.len);
	n = rd_u32(&rd);
	for (i = 0; r == 0 && i < n; i++) {
		r = ckpt_node_read(&rd, &node);
		if (r < 0)
			break;
		r = fn(arg, &node);
		ckpt_node_done(&node);
	}
out:
	aead_free(key);
	buf_wipe(&b);
	return r;
}
