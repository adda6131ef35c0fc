/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "vault/envelope.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "crypto/crypto.h"
#include "util/buf.h"

static const char magic[4] = { 'C', 'F', 'R', '1' };

static const char *const labels[] = {
	[VAULT_GENESIS] = "coffre/1/genesis",
	[VAULT_CHAIN] = "coffre/1/chain",
	[VAULT_GRANT] = "coffre/1/grant",
	[VAULT_SEGMENT] = "coffre/1/segment",
	[VAULT_HEAD] = "coffre/1/head",
	[VAULT_PACK] = "coffre/1/pack",
	[VAULT_PAGE] = "coffre/1/page",
	[VAULT_ROOT] = "coffre/1/root",
};

const char *
envelope_label(enum vault_type type)
{
	return labels[type];
}

/* The tag of the place an object lies in: user chains belong to a user, all
 * else to a realm. */
static const struct vault_tag *
scope_of(const struct vault_keys *k, enum vault_type type)
{
	return type == VAULT_CHAIN ? &k->utag : &k->rtag;
}

static uint32_t
epoch_of(const struct vault_keys *k, enum vault_type type)
{
	return type == VAULT_GENESIS || type == VAULT_CHAIN ? 0 : k->epoch;
}

bool
vault_object_is_whole(const void *p, size_t len)
{
	const uint8_t *b = p;
	uint64_t end;

	if (len < sizeof(magic) || memcmp(b, magic, sizeof(magic)) != 0)
		return len >= sizeof(magic);
	if (len > 4 && b[4] == VAULT_PACK)
		end = len < PACK_HEADER_LEN ? UINT64_MAX :
		    (uint64_t)get_le32(b + 96) + get_le32(b + 100);
	else
		end = len < ENVELOPE_HEADER_LEN ? UINT64_MAX :
		    (uint64_t)get_le32(b + 120) + ENVELOPE_CLEAR_OVERHEAD;
	return len >= end;
}

void
envelope_author_tag(const struct vault_keys *k, enum vault_type type,
    const struct vault_id *dev, struct vault_tag *ret)
{
	static const char label[] = "coffre/1/author";
	uint8_t m[sizeof(label) + VAULT_ID_LEN + VAULT_TAG_LEN + VAULT_ID_LEN];
	uint8_t h[SHA256_LEN], *at = m;

	if (type != VAULT_GENESIS && type != VAULT_CHAIN &&
	    type != VAULT_GRANT) {
		vault_device_tag(k, dev, ret);
		return;
	}
	memcpy(at, label, sizeof(label));
	at += sizeof(label);
	memcpy(at, k->drive.b, VAULT_ID_LEN);
	at += VAULT_ID_LEN;
	memcpy(at, scope_of(k, type)->b, VAULT_TAG_LEN);
	at += VAULT_TAG_LEN;
	memcpy(at, dev->b, VAULT_ID_LEN);
	sha256(m, sizeof(m), h);
	memcpy(ret->b, h, VAULT_TAG_LEN);
}

void
envelope_encode(const struct envelope *e,
    uint8_t out[static ENVELOPE_HEADER_LEN])
{
	memcpy(out, magic, 4);
	out[4] = e->type;
	out[5] = e->suite;
	put_le16(out + 6, e->flags);
	put_le16(out + 8, e->fmt_major);
	put_le16(out + 10, e->fmt_minor);
	memcpy(out + 12, e->drive.b, VAULT_ID_LEN);
	memcpy(out + 28, e->rtag.b, VAULT_TAG_LEN);
	put_le32(out + 40, e->epoch);
	memcpy(out + 44, e->dtag.b, VAULT_TAG_LEN);
	put_le64(out + 56, e->seq);
	memcpy(out + 64, e->prev, VAULT_HASH_LEN);
	memcpy(out + 96, e->nonce, VAULT_NONCE_LEN);
	put_le32(out + 120, e->body_len);
}

int
envelope_parse(const void *p, size_t len, struct envelope *ret)
{
	struct envelope e = { 0 };
	const uint8_t *b = p;
	int r = 0;

	if (len < ENVELOPE_CLEAR_OVERHEAD || memcmp(b, magic, 4) != 0)
		return -EBADMSG;
	e.type = b[4];
	e.suite = b[5];
	e.flags = get_le16(b + 6);
	e.fmt_major = get_le16(b + 8);
	e.fmt_minor = get_le16(b + 10);
	memcpy(e.drive.b, b + 12, VAULT_ID_LEN);
	memcpy(e.rtag.b, b + 28, VAULT_TAG_LEN);
	e.epoch = get_le32(b + 40);
	memcpy(e.dtag.b, b + 44, VAULT_TAG_LEN);
	e.seq = get_le64(b + 56);
	memcpy(e.prev, b + 64, VAULT_HASH_LEN);
	memcpy(e.nonce, b + 96, VAULT_NONCE_LEN);
	e.body_len = get_le32(b + 120);
	e.body = b + ENVELOPE_HEADER_LEN;
	/* The floor and the ceiling of this version are the same: suite 1,
	 * format 1.  A minor version adds nothing that must be understood. */
	if (e.suite != VAULT_SUITE || e.fmt_major != VAULT_FMT_MAJOR ||
	    e.flags != 0)
		r = -EPROTONOSUPPORT;
	else if (e.body_len != len - ENVELOPE_CLEAR_OVERHEAD)
		return -EBADMSG;
	*ret = e;
	return r;
}

static int
body_put(const struct aead *key, const struct envelope *e,
    const uint8_t *header, const void *body, size_t len, uint8_t *at)
{
	if (key)
		return aead_seal(key, e->nonce, header, ENVELOPE_HEADER_LEN,
		    body, len, at, at + len);
	if (len)
		memcpy(at, body, len);
	return 0;
}

int
envelope_seal(const struct vault_keys *k, enum vault_type type, uint64_t seq,
    const uint8_t *prev, const struct aead *key, const void *body,
    size_t len, struct buf *out, uint8_t *ret_hash)
{
	struct envelope e = { 0 };
	size_t body_len, total;
	uint8_t *at;
	int r;

	body_len = len + (key ? VAULT_MAC_LEN : 0);
	if (len > UINT32_MAX - ENVELOPE_OVERHEAD)
		return -EFBIG;
	e.type = (uint8_t)type;
	e.suite = VAULT_SUITE;
	e.fmt_major = VAULT_FMT_MAJOR;
	e.fmt_minor = VAULT_FMT_MINOR;
	e.drive = k->drive;
	e.rtag = *scope_of(k, type);
	e.epoch = epoch_of(k, type);
	envelope_author_tag(k, type, &k->self.id, &e.dtag);
	e.seq = seq;
	if (prev)
		memcpy(e.prev, prev, VAULT_HASH_LEN);
	crypto_random(e.nonce, sizeof(e.nonce));
	e.body_len = (uint32_t)body_len;

	total = ENVELOPE_CLEAR_OVERHEAD + body_len;
	at = buf_reserve(out, total);
	if (!at)
		return out->err;
	envelope_encode(&e, at);
	r = body_put(key, &e, at, body, len, at + ENVELOPE_HEADER_LEN);
	if (r == 0)
		r = sign_make(k->sign_seed, envelope_label(type), at,
		    ENVELOPE_HEADER_LEN + body_len,
		    at + ENVELOPE_HEADER_LEN + body_len);
	if (r < 0)
		return r;
	if (ret_hash)
		sha256(at, total, ret_hash);
	out->len += total;
	return 0;
}

int
envelope_verify(const struct vault_keys *k, const struct vault_device *author,
    enum vault_type type, const void *p, size_t len, size_t max,
    struct envelope *ret, uint8_t *ret_hash)
{
	struct vault_tag tag;
	struct envelope e;
	const uint8_t *b = p;
	int r, bad;

	if (len > max)
		return -EFBIG;
	r = envelope_parse(p, len, &e);
	/* A bit that fell over makes no newer version. */
	if (r == -EPROTONOSUPPORT) {
		bad = sign_check(author->sign_pub, envelope_label(type), p,
		    len - ENVELOPE_SIG_LEN, b + len - ENVELOPE_SIG_LEN);
		return bad < 0 ? bad : r;
	}
	if (r < 0)
		return r;
	envelope_author_tag(k, type, &author->id, &tag);
	if (e.type != (uint8_t)type || !vault_id_eq(&e.drive, &k->drive) ||
	    memcmp(e.rtag.b, scope_of(k, type)->b, VAULT_TAG_LEN) != 0 ||
	    memcmp(e.dtag.b, tag.b, VAULT_TAG_LEN) != 0)
		return -EBADMSG;
	r = sign_check(author->sign_pub, envelope_label(type), p,
	    len - ENVELOPE_SIG_LEN, e.body + e.body_len);
	if (r < 0)
		return r;
	/* Grants tell which epochs there are; everything else is read with
	 * the key of one. */
	if (type != VAULT_GRANT && e.epoch != epoch_of(k, type))
		return -ENOKEY;
	if (ret_hash)
		sha256(p, len, ret_hash);
	*ret = e;
	return 0;
}

int
envelope_decrypt(const struct aead *key, const struct envelope *e,
    const void *p, struct buf *ret_body)
{
	size_t len;
	uint8_t *at;
	int r;

	if (e->body_len < VAULT_MAC_LEN)
		return -EBADMSG;
	len = e->body_len - VAULT_MAC_LEN;
	at = buf_reserve(ret_body, len);
	if (!at)
		return ret_body->err;
	r = aead_open(key, e->nonce, p, ENVELOPE_HEADER_LEN, e->body, len,
	    e->body + len, at);
	if (r == 0)
		ret_body->len += len;
	return r;
}

int
envelope_open(const struct vault_keys *k, const struct vault_device *author,
    enum vault_type type, const struct aead *key, const void *p, size_t len,
    size_t max, struct envelope *ret, struct buf *ret_body,
    uint8_t *ret_hash)
{
	uint8_t hash[VAULT_HASH_LEN];
	struct envelope e;
	int r;

	r = envelope_verify(k, author, type, p, len, max, &e, hash);
	if (r < 0)
		return r;
	if (key)
		r = envelope_decrypt(key, &e, p, ret_body);
	else
		r = buf_put(ret_body, e.body, e.body_len);
	if (r < 0)
		return r;
	*ret = e;
	if (ret_hash)
		memcpy(ret_hash, hash, sizeof(hash));
	return 0;
}
