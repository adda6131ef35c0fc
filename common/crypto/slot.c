/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "crypto/crypto.h"

#include <errno.h>
#include <string.h>

#include "util/buf.h"

/* DESIGN.md beside this file says every byte. */
#define MAGIC "CFS1"
#define VERSION_1 1
#define AEAD_XAES 1
#define ID_AT 8
#define NONCE_AT 24
#define LEN_AT 48
#define HEADER_LEN 52
#define KS_MAGIC "CFK1"
#define KS_HEADER_LEN 84

_Static_assert(ID_AT + SLOT_ID_LEN == NONCE_AT, "id, then nonce");
_Static_assert(NONCE_AT + AEAD_NONCE_LEN == LEN_AT, "nonce, then length");
_Static_assert(LEN_AT + 4 == HEADER_LEN, "length ends the header");

/* What is sealed along: the slot's header, then the keystore's. */
static int
aad_make(const uint8_t *h, const void *ks, size_t ks_len,
    uint8_t out[static HEADER_LEN + KS_HEADER_LEN])
{
	if (ks_len < KS_HEADER_LEN || memcmp(ks, KS_MAGIC, 4) != 0)
		return -EPROTO;
	memcpy(out, h, HEADER_LEN);
	memcpy(out + HEADER_LEN, ks, KS_HEADER_LEN);
	return 0;
}

int
slot_seal(enum slot_kind kind, const uint8_t key[static SLOT_KEY_LEN],
    const uint8_t id[static SLOT_ID_LEN], const void *ks, size_t ks_len,
    const void *secret, size_t len, struct buf *out)
{
	uint8_t h[HEADER_LEN], aad[HEADER_LEN + KS_HEADER_LEN], *at;
	struct aead *a = NULL;
	int r;

	if (len > SLOT_MAX - HEADER_LEN - AEAD_TAG_LEN)
		return -EFBIG;
	memcpy(h, MAGIC, 4);
	put_le16(h + 4, VERSION_1);
	h[6] = (uint8_t)kind;
	h[7] = AEAD_XAES;
	memcpy(h + ID_AT, id, SLOT_ID_LEN);
	crypto_random(h + NONCE_AT, AEAD_NONCE_LEN);
	put_le32(h + LEN_AT, (uint32_t)len);
	r = aad_make(h, ks, ks_len, aad);
	if (r == 0)
		r = aead_new(key, &a);
	if (r < 0)
		return r;
	at = buf_reserve(out, HEADER_LEN + len + AEAD_TAG_LEN);
	if (at) {
		memcpy(at, h, HEADER_LEN);
		r = aead_seal(a, h + NONCE_AT, aad, sizeof(aad), secret, len,
		    at + HEADER_LEN, at + HEADER_LEN + len);
		if (r == 0)
			out->len += HEADER_LEN + len + AEAD_TAG_LEN;
	} else {
		r = out->err;
	}
	aead_free(a);
	return r;
}

static int
header_check(enum slot_kind kind, const uint8_t *h, size_t len)
{
	if (len < HEADER_LEN + AEAD_TAG_LEN || len > SLOT_MAX ||
	    memcmp(h, MAGIC, 4) != 0 || get_le16(h + 4) != VERSION_1 ||
	    h[6] != kind || h[7] != AEAD_XAES ||
	    get_le32(h + LEN_AT) != len - HEADER_LEN - AEAD_TAG_LEN)
		return -EPROTO;
	return 0;
}

int
slot_open(enum slot_kind kind, const uint8_t key[static SLOT_KEY_LEN],
    const void *ks, size_t ks_len, const void *p, size_t len,
    struct buf *out)
{
	uint8_t aad[HEADER_LEN + KS_HEADER_LEN], *at;
	const uint8_t *h = p;
	struct aead *a = NULL;
	size_t n;
	int r;

	r = header_check(kind, h, len);
	if (r == 0)
		r = aad_make(h, ks, ks_len, aad);
	if (r == 0)
		r = aead_new(key, &a);
	if (r < 0)
		return r;
	n = len - HEADER_LEN - AEAD_TAG_LEN;
	at = buf_reserve(out, n);
	if (at) {
		r = aead_open(a, h + NONCE_AT, aad, sizeof(aad),
		    h + HEADER_LEN, n, h + HEADER_LEN + n, at);
		if (r == 0)
			out->len += n;
		else if (r == -EBADMSG)
			r = -EKEYREJECTED;
	} else {
		r = out->err;
	}
	aead_free(a);
	return r;
}

int
slot_id(enum slot_kind kind, const void *p, size_t len,
    uint8_t ret[static SLOT_ID_LEN])
{
	int r = header_check(kind, p, len);

	if (r == 0)
		memcpy(ret, (const uint8_t *)p + ID_AT, SLOT_ID_LEN);
	return r;
}
