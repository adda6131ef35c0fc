/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "vault/vault.h"

#include <errno.h>
#include <stdlib.h>

#include "crypto/crypto.h"
#include "util/buf.h"
#include "vault/body.h"
#include "vault/envelope.h"

/*
 * Body of a segment:
 *	lamport u64 | first op u64 | clock i64 | seen | op count u32 | ops |
 *	zeros up to the size class
 */

#define OPS_MAX 65536		/* bounds what a reader allocates */
#define OBJECT_MAX (ENVELOPE_CLEAR_OVERHEAD + VAULT_SEGMENT_MAX)
/* Far from overflow, and further than anybody gets. */
#define COUNT_MAX ((uint64_t)1 << 62)

static bool
numbers_check(const struct segment *s)
{
	uint32_t i;

	if (s->seq < 1 || s->first_op < 1 || s->first_op > COUNT_MAX ||
	    s->lamport < 1 || s->lamport > COUNT_MAX ||
	    s->ops.n < 1 || s->ops.n > OPS_MAX)
		return false;
	/* Nobody can date an op back before what its author had seen. */
	for (i = 0; i < s->nseen; i++)
		if (s->seen[i].lamport >= s->lamport &&
		    !vault_id_eq(&s->seen[i].dev, &s->dev))
			return false;
	return true;
}

static int
body_encode(const struct segment *s, const struct vault_id *self,
    struct buf *b)
{
	size_t i;
	int r;

	(void)buf_put_u64(b, s->lamport);
	(void)buf_put_u64(b, s->first_op);
	(void)buf_put_u64(b, (uint64_t)s->wall_ns);
	r = body_seen_write(b, s->seen, s->nseen, self);
	if (r < 0)
		return r;
	(void)buf_put_u32(b, (uint32_t)s->ops.n);
	for (i = 0; i < s->ops.n; i++) {
		r = op_encode(&s->ops.ops[i], b);
		if (r < 0)
			return r;
	}
	return body_pad(b);
}

int
segment_seal(const struct vault_keys *k, const struct segment *s,
    struct buf *out, uint8_t ret_hash[static VAULT_HASH_LEN])
{
	struct buf b = BUF_INIT(BODY_ROOM(VAULT_SEGMENT_MAX));
	struct aead *key = NULL;
	int r = -EINVAL;

	if (!vault_id_eq(&s->dev, &k->self.id) || !numbers_check(s))
		goto out;
	r = body_encode(s, &k->self.id, &b);
	if (r == 0)
		r = vault_type_key(k, VAULT_SEGMENT, &key);
	if (r == 0)
		r = envelope_seal(k, VAULT_SEGMENT, s->seq, s->prev, key,
		    b.data, b.len, out, ret_hash);
out:
	aead_free(key);
	buf_wipe(&b);
	return r;
}

static int
body_decode(const struct buf *b, struct segment *s)
{
	struct rd rd = rd_of(b->data, b->len);
	struct op *o;
	uint32_t i, n;
	int r;

	s->lamport = rd_u64(&rd);
	s->first_op = rd_u64(&rd);
	s->wall_ns = (int64_t)rd_u64(&rd);
	r = body_seen_read(&rd, &s->seen, &s->nseen);
	if (r < 0)
		return r;
	n = rd_u32(&rd);
	if (rd.err || n > OPS_MAX)
		return -EPROTO;
	for (i = 0; i < n; i++) {
		o = op_list_add(&s->ops);
		if (!o)
			return -ENOMEM;
		r = op_decode(&rd, o);
		if (r < 0)
			return r;
		o->lamport = s->lamport + i;
		o->seq = s->first_op + i;
	}
	if (body_pad_read(&rd) < 0 || !numbers_check(s))
		return -EPROTO;
	for (i = 0; i < s->nseen; i++)
		if (vault_id_eq(&s->seen[i].dev, &s->dev))
			return -EPROTO;
	return 0;
}

int
segment_open(const struct vault_keys *k, const struct vault_device *dev,
    uint64_t seq, const uint8_t *prev, const void *p, size_t len,
    struct segment *ret, uint8_t ret_hash[static VAULT_HASH_LEN])
{
	static const uint8_t none[VAULT_HASH_LEN];
	struct buf b = BUF_INIT(BODY_ROOM(VAULT_SEGMENT_MAX));
	uint8_t hash[VAULT_HASH_LEN];
	struct aead *key = NULL;
	struct segment s;
	struct envelope e;
	int r;

	memset(&s, 0, sizeof(s));
	r = envelope_verify(k, dev, VAULT_SEGMENT, p, len, OBJECT_MAX, &e,
	    hash);
	if (r < 0)
		goto out;
	r = -EBADMSG;
	if (e.seq != seq || (seq == 1 && memcmp(e.prev, none, 32) != 0) ||
	    (prev && memcmp(e.prev, prev, VAULT_HASH_LEN) != 0))
		goto out;
	s.seq = seq;
	memcpy(s.prev, e.prev, VAULT_HASH_LEN);
	s.dev = dev->id;
	r = vault_type_key(k, VAULT_SEGMENT, &key);
	if (r == 0)
		r = envelope_decrypt(key, &e, p, &b);
	if (r == 0)
		r = body_decode(&b, &s);
	if (r < 0)
		goto out;

	memcpy(ret_hash, hash, VAULT_HASH_LEN);
	*ret = s;
	memset(&s, 0, sizeof(s));
out:
	segment_done(&s);
	aead_free(key);
	buf_wipe(&b);
	return r;
}

void
segment_done(struct segment *s)
{
	free(s->seen);
	op_list_done(&s->ops);
	memset(s, 0, sizeof(*s));
}

int
segment_peek_prev(const void *p, size_t len,
    uint8_t ret[static VAULT_HASH_LEN])
{
	struct envelope e;
	int r;

	if (len > OBJECT_MAX)
		return -EFBIG;
	r = envelope_parse(p, len, &e);
	if (r == 0 && e.type != VAULT_SEGMENT)
		r = -EBADMSG;
	if (r == 0)
		memcpy(ret, e.prev, VAULT_HASH_LEN);
	return r;
}
