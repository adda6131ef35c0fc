/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "crypto/crypto.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>
#include <openssl/err.h>

#include "crypto/internal.h"

/*
 * XAES-256-GCM (c2sp.org/XAES-256-GCM): two AES blocks make a key for this
 * message out of the first half of the nonce, AES-256-GCM does the rest with
 * the other half.  Nonces are random and never counted, so a machine that is
 * restored from a backup cannot repeat one.
 */

struct aead {
	uint64_t serial;
	uint8_t key[AEAD_KEY_LEN];
	uint8_t k1[16];		/* CMAC's first subkey */
};

/* The library takes lengths as int. */
#define STEP ((size_t)1 << 30)

static int
gcm_feed(EVP_CIPHER_CTX *c, const uint8_t *in, size_t len, uint8_t *out)
{
	size_t n;
	int done;

	for (; len > 0; len -= n) {
		n = len < STEP ? len : STEP;
		if (EVP_CipherUpdate(c, out, &done, in, (int)n) != 1)
			return -EIO;
		in += n;
		if (out)
			out += n;
	}
	return 0;
}

int
gcm_seal(const uint8_t key[static 32], const uint8_t nonce[static 12],
    const void *aad, size_t aad_len, const void *in, size_t len, void *out,
    uint8_t tag[static 16])
{
	EVP_CIPHER_CTX *c = crypto_thread()->gcm;
	uint8_t none[16];
	int n, r;

	if (EVP_CipherInit_ex2(c, NULL, key, nonce, 1, NULL) != 1)
		return -EIO;
	r = gcm_feed(c, aad, aad_len, NULL);
	if (r == 0)
		r = gcm_feed(c, in, len, out);
	if (r == 0 && (EVP_CipherFinal_ex(c, none, &n) != 1 ||
	    EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_AEAD_GET_TAG, 16, tag) != 1))
		r = -EIO;
	return r;
}

int
gcm_open(const uint8_t key[static 32], const uint8_t nonce[static 12],
    const void *aad, size_t aad_len, const void *in, size_t len,
    const uint8_t tag[static 16], void *out)
{
	EVP_CIPHER_CTX *c = crypto_thread()->gcm;
	uint8_t want[16], none[16];
	int n, r;

	memcpy(want, tag, sizeof(want));
	if (EVP_CipherInit_ex2(c, NULL, key, nonce, 0, NULL) != 1 ||
	    EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_AEAD_SET_TAG, 16, want) != 1)
		return -EIO;
	r = gcm_feed(c, aad, aad_len, NULL);
	if (r == 0)
		r = gcm_feed(c, in, len, out);
	if (r == 0 && EVP_CipherFinal_ex(c, none, &n) != 1)
		r = -EBADMSG;
	if (r < 0) {
		crypto_wipe(out, len);
		ERR_clear_error();
	}
	return r;
}

/* Encrypt whole blocks under the long key, whose schedule stays in the
 * thread's context: runs of messages under one key set it up once. */
static int
blocks(const struct aead *a, uint8_t *p, size_t len)
{
	struct crypto_thread *t = crypto_thread();
	int n;

	if (t->ecb_serial != a->serial) {
		t->ecb_serial = 0;
		if (EVP_EncryptInit_ex2(t->ecb, NULL, a->key, NULL, NULL) != 1)
			return -EIO;
		t->ecb_serial = a->serial;
	}
	return EVP_EncryptUpdate(t->ecb, p, &n, p, (int)len) == 1 ? 0 : -EIO;
}

static int
message_key(const struct aead *a, char label, const uint8_t *nonce,
    uint8_t out[32])
{
	int i, j;

	for (i = 0; i < 2; i++) {
		out[16 * i] = 0;
		out[16 * i + 1] = (uint8_t)(i + 1);
		out[16 * i + 2] = (uint8_t)label;
		out[16 * i + 3] = 0;
		memcpy(out + 16 * i + 4, nonce, 12);
		for (j = 0; j < 16; j++)
			out[16 * i + j] ^= a->k1[j];
	}
	return blocks(a, out, 32);
}

int
aead_new(const uint8_t key[static AEAD_KEY_LEN], struct aead **ret)
{
	uint8_t l[16] = { 0 };
	struct aead *a;
	int r;

	a = calloc(1, sizeof(*a));
	if (!a)
		return -ENOMEM;
	a->serial = crypto_serial();
	memcpy(a->key, key, sizeof(a->key));
	r = blocks(a, l, sizeof(l));
	if (r < 0) {
		aead_free(a);
		return r;
	}
	cmac_double(l, a->k1);
	crypto_wipe(l, sizeof(l));
	*ret = a;
	return 0;
}

void
aead_free(struct aead *a)
{
	if (!a)
		return;
	crypto_wipe(a, sizeof(*a));
	free(a);
}

int
aead_seal(const struct aead *a, const uint8_t nonce[static 24],
    const void *aad, size_t aad_len, const void *in, size_t len, void *out,
    uint8_t tag[static 16])
{
	uint8_t key[32];
	int r;

	r = message_key(a, 'X', nonce, key);
	if (r == 0)
		r = gcm_seal(key, nonce + 12, aad, aad_len, in, len, out, tag);
	crypto_wipe(key, sizeof(key));
	return r;
}

int
aead_open(const struct aead *a, const uint8_t nonce[static 24],
    const void *aad, size_t aad_len, const void *in, size_t len,
    const uint8_t tag[static 16], void *out)
{
	uint8_t key[32];
	int r;

	r = message_key(a, 'X', nonce, key);
	if (r == 0)
		r = gcm_open(key, nonce + 12, aad, aad_len, in, len, tag, out);
	crypto_wipe(key, sizeof(key));
	return r;
}

/* ---- parts -------------------------------------------------------------- */

static void
counter_add(uint8_t p[static 4], uint32_t n)
{
	uint32_t v = (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 |
	    (uint32_t)p[2] << 8 | p[3];

	v += n;
	p[0] = (uint8_t)(v >> 24);
	p[1] = (uint8_t)(v >> 16);
	p[2] = (uint8_t)(v >> 8);
	p[3] = (uint8_t)v;
}

/* The sums of parts n and on. */
static int
part_sums(const struct aead *a, const uint8_t *nonce, size_t n,
    const uint8_t *in, size_t len, uint8_t (*sums)[16])
{
	EVP_CIPHER_CTX *c = crypto_thread()->gcm;
	uint8_t key[32], iv[12], none[16];
	size_t k, at;
	int r, done;

	r = message_key(a, 'P', nonce, key);
	for (k = 0; r == 0 && k < AEAD_PARTS(len); k++) {
		memcpy(iv, nonce + 12, sizeof(iv));
		counter_add(iv + 8, (uint32_t)(n + k));
		at = k * AEAD_PART;
		/* The key's schedule is made once. */
		if (EVP_CipherInit_ex2(c, NULL, k ? NULL : key, iv, 1,
		    NULL) != 1 || gcm_feed(c, in + at, len - at < AEAD_PART ?
		    len - at : AEAD_PART, NULL) < 0 ||
		    EVP_CipherFinal_ex(c, none, &done) != 1 ||
		    EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_AEAD_GET_TAG, 16,
		    sums[k]) != 1)
			r = -EIO;
	}
	crypto_wipe(key, sizeof(key));
	return r;
}

int
aead_part_sums(const struct aead *a, const uint8_t nonce[static 24],
    const uint8_t *in, size_t len, uint8_t (*sums)[16])
{
	return part_sums(a, nonce, 0, in, len, sums);
}

/* The key stream of GCM: the first of its counters after the one of the tag
 * is 2 (SP 800-38D, 7.1). */
static int
part_decrypt(const struct aead *a, const uint8_t *nonce, size_t n,
    const uint8_t *in, size_t len, uint8_t *out)
{
	EVP_CIPHER_CTX *c = crypto_thread()->ctr;
	uint8_t key[32], iv[16] = { 0 };
	int r, done;

	memcpy(iv, nonce + 12, 12);
	counter_add(iv + 12, (uint32_t)(2 + n * (AEAD_PART / 16)));
	r = message_key(a, 'X', nonce, key);
	if (r == 0 && (EVP_CipherInit_ex2(c, NULL, key, iv, 0, NULL) != 1 ||
	    EVP_CipherUpdate(c, out, &done, in, (int)len) != 1))
		r = -EIO;
	crypto_wipe(key, sizeof(key));
	return r;
}

int
aead_part_open(const struct aead *a, const uint8_t nonce[static 24],
    size_t n, const uint8_t *in, size_t len, const uint8_t (*sums)[16],
    uint8_t *out)
{
	uint8_t sum[AEAD_PARTS_MAX][16];
	size_t k;
	int r;

	if (AEAD_PARTS(len) > AEAD_PARTS_MAX)
		return -EINVAL;
	r = part_sums(a, nonce, n, in, len, sum);
	for (k = 0; r == 0 && k < AEAD_PARTS(len); k++)
		if (CRYPTO_memcmp(sum[k], sums[k], 16) != 0)
			r = -EBADMSG;
	if (r == 0)
		r = part_decrypt(a, nonce, n, in, len, out);
	if (r < 0)
		crypto_wipe(out, len);
	return r;
}

int
aead_seal_box(const struct aead *a, const void *aad, size_t aad_len,
    const void *in, size_t len, uint8_t *out)
{
	crypto_random(out, AEAD_NONCE_LEN);
	return aead_seal(a, out, aad, aad_len, in, len, out + AEAD_NONCE_LEN,
	    out + AEAD_NONCE_LEN + len);
}

int
aead_open_box(const struct aead *a, const void *aad, size_t aad_len,
    const uint8_t *box, size_t box_len, void *out)
{
	size_t len;

	if (box_len < AEAD_OVERHEAD)
		return -EBADMSG;
	len = box_len - AEAD_OVERHEAD;
	return aead_open(a, box, aad, aad_len, box + AEAD_NONCE_LEN, len,
	    box + AEAD_NONCE_LEN + len, out);
}
