/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "crypto/crypto.h"

#include <errno.h>
#include <string.h>

#include "util/buf.h"

/* DESIGN.md beside this file says every byte. */
#define MAGIC "CFK1"
#define VERSION_1 1
#define KDF_SCRYPT 1
#define AEAD_XAES 1
#define HEADER_LEN 84
#define SALT_LEN 32
#define SALT_AT 24
#define NONCE_AT 56
#define LEN_AT 80
#define N_DEFAULT ((uint64_t)1 << 17)

_Static_assert(SALT_AT + SALT_LEN == NONCE_AT, "salt, then nonce");
_Static_assert(NONCE_AT + AEAD_NONCE_LEN == LEN_AT, "nonce, then length");
_Static_assert(LEN_AT + 4 == HEADER_LEN, "length ends the header");

static void
header_put(uint8_t h[HEADER_LEN], uint64_t n, size_t len)
{
	memcpy(h, MAGIC, 4);
	put_le16(h + 4, VERSION_1);
	h[6] = KDF_SCRYPT;
	h[7] = AEAD_XAES;
	put_le64(h + 8, n);
	put_le32(h + 16, 8);
	put_le32(h + 20, 1);
	crypto_random(h + SALT_AT, SALT_LEN + AEAD_NONCE_LEN);
	put_le32(h + LEN_AT, (uint32_t)len);
}

static int
key_derive(const void *pass, size_t pass_len, const uint8_t *h,
    struct aead **ret)
{
	uint8_t key[AEAD_KEY_LEN];
	int r;

	r = scrypt_kdf(pass, pass_len, h + SALT_AT, SALT_LEN, get_le64(h + 8),
	    get_le32(h + 16), get_le32(h + 20), key, sizeof(key));
	if (r == 0)
		r = aead_new(key, ret);
	crypto_wipe(key, sizeof(key));
	return r;
}

int
keystore_seal(const void *pass, size_t pass_len, uint64_t n,
    const void *secret, size_t len, struct buf *out)
{
	uint8_t h[HEADER_LEN], *at;
	struct aead *a = NULL;
	int r;

	if (len > KEYSTORE_MAX - HEADER_LEN - AEAD_TAG_LEN)
		return -EFBIG;
	header_put(h, n ? n : N_DEFAULT, len);
	r = key_derive(pass, pass_len, h, &a);
	if (r < 0)
		return r;
	at = buf_reserve(out, HEADER_LEN + len + AEAD_TAG_LEN);
	if (at) {
		memcpy(at, h, HEADER_LEN);
		r = aead_seal(a, h + NONCE_AT, h, HEADER_LEN, secret, len,
		    at + HEADER_LEN, at + HEADER_LEN + len);
		if (r == 0)
			out->len += HEADER_LEN + len + AEAD_TAG_LEN;
	} else {
		r = out->err;
	}
	aead_free(a);
	return r;
}

int
keystore_open(const void *pass, size_t pass_len, const void *p, size_t len,
    struct buf *out)
{
	const uint8_t *h = p;
	struct aead *a = NULL;
	uint8_t *at;
	size_t n;
	int r;

	if (len < HEADER_LEN + AEAD_TAG_LEN || len > KEYSTORE_MAX ||
	    memcmp(h, MAGIC, 4) != 0 || get_le16(h + 4) != VERSION_1 ||
	    h[6] != KDF_SCRYPT || h[7] != AEAD_XAES)
		return -EPROTO;
	n = len - HEADER_LEN - AEAD_TAG_LEN;
	if (get_le32(h + LEN_AT) != n)
		return -EPROTO;
	r = key_derive(pass, pass_len, h, &a);
	if (r < 0)
		return r == -ERANGE ? -EPROTO : r;
	at = buf_reserve(out, n);
	if (at) {
		r = aead_open(a, h + NONCE_AT, h, HEADER_LEN, h + HEADER_LEN,
		    n, h + HEADER_LEN + n, at);
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
