/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "vault/vault.h"

#include <errno.h>

#include "crypto/crypto.h"
#include "util/buf.h"
#include "vault/envelope.h"

/* Body of a head: always the same length, so it needs no padding. */
#define HEAD_LEN (8 + VAULT_HASH_LEN + 8 + 8 + 8 + 8 + 8 + VAULT_HASH_LEN)

int
head_seal(const struct vault_keys *k, const struct vault_head *h,
    struct buf *out)
{
	struct buf b = BUF_INIT(HEAD_LEN);
	struct aead *key = NULL;
	int r;

	(void)buf_put_u64(&b, h->seq);
	(void)buf_put(&b, h->hash, VAULT_HASH_LEN);
	(void)buf_put_u64(&b, h->op_seq);
	(void)buf_put_u64(&b, h->lamport);
	(void)buf_put_u64(&b, (uint64_t)h->heartbeat_ns);
	(void)buf_put_u64(&b, h->ckpt_n);
	(void)buf_put_u64(&b, h->ckpt_rand);
	r = buf_put(&b, h->ckpt_sha, VAULT_HASH_LEN);
	if (r == 0)
		r = vault_type_key(k, VAULT_HEAD, &key);
	if (r == 0)
		r = envelope_seal(k, VAULT_HEAD, h->seq, NULL, key, b.data,
		    b.len, out, NULL);
	aead_free(key);
	buf_done(&b);
	return r;
}

int
head_open(const struct vault_keys *k, const struct vault_device *dev,
    const void *p, size_t len, struct vault_head *ret)
{
	struct buf b = BUF_INIT(HEAD_LEN);
	struct aead *key = NULL;
	struct vault_head h;
	struct envelope e = { .seq = 0 };
	struct rd rd;
	int r;

	/* It has one length, so this one is none. */
	if (len > ENVELOPE_OVERHEAD + HEAD_LEN)
		return -EBADMSG;
	r = vault_type_key(k, VAULT_HEAD, &key);
	if (r == 0)
		r = envelope_open(k, dev, VAULT_HEAD, key, p, len,
		    ENVELOPE_OVERHEAD + HEAD_LEN, &e, &b, NULL);
	if (r < 0)
		goto out;
	memset(&h, 0, sizeof(h));
	rd = rd_of(b.data, b.len);
	h.seq = rd_u64(&rd);
	rd_copy(&rd, h.hash, VAULT_HASH_LEN);
	h.op_seq = rd_u64(&rd);
	h.lamport = rd_u64(&rd);
	h.heartbeat_ns = (int64_t)rd_u64(&rd);
	h.ckpt_n = rd_u64(&rd);
	h.ckpt_rand = rd_u64(&rd);
	rd_copy(&rd, h.ckpt_sha, VAULT_HASH_LEN);
	r = rd_end(&rd);
	if (r == 0 && h.seq != e.seq)
		r = -EPROTO;
	if (r == 0)
		*ret = h;
out:
	aead_free(key);
	buf_done(&b);
	return r;
}
