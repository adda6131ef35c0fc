/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "crypto/crypto.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>

#include "crypto/internal.h"

static const char label[] = "coffre/1/wrap";

static int
dh(const uint8_t *secret, const uint8_t *pub, uint8_t out[32])
{
	EVP_PKEY *k, *peer;
	EVP_PKEY_CTX *c = NULL;
	size_t len = 32;
	int r = -EIO;

	k = EVP_PKEY_new_raw_private_key(EVP_PKEY_X25519, NULL, secret, 32);
	peer = EVP_PKEY_new_raw_public_key(EVP_PKEY_X25519, NULL, pub, 32);
	if (k && peer)
		c = EVP_PKEY_CTX_new_from_pkey(NULL, k, NULL);
	if (c && EVP_PKEY_derive_init(c) == 1 &&
	    EVP_PKEY_derive_set_peer(c, peer) == 1) {
		/* Refuses a point of small order: its secret is no secret. */
		r = EVP_PKEY_derive(c, out, &len) == 1 && len == 32 ? 0 :
		    -EBADMSG;
	}
	EVP_PKEY_CTX_free(c);
	EVP_PKEY_free(peer);
	EVP_PKEY_free(k);
	ERR_clear_error();
	return r;
}

/* The key and nonce of this one box.  info is label, both public keys and
 * the context: a box opens nowhere but where it was meant to. */
static int
derive(const uint8_t *shared, const uint8_t *eph, const uint8_t *to,
    const void *context, size_t context_len, uint8_t out[44])
{
	size_t n = sizeof(label) + 64;
	uint8_t *info;
	int r;

	if (context_len > SIZE_MAX - n)
		return -EINVAL;
	info = malloc(n + context_len);
	if (!info)
		return -ENOMEM;
	memcpy(info, label, sizeof(label));
	memcpy(info + sizeof(label), eph, 32);
	memcpy(info + sizeof(label) + 32, to, 32);
	if (context_len)
		memcpy(info + n, context, context_len);
	r = hkdf_sha256(shared, 32, NULL, 0, info, n + context_len, out, 44);
	free(info);
	return r;
}

int
wrap_seal(const uint8_t to_pub[static 32], const void *context,
    size_t context_len, const void *secret, size_t len, uint8_t *out)
{
	uint8_t eph[32], shared[32], key[44];
	int r;

	crypto_random(eph, sizeof(eph));
	r = dh_public(eph, out);
	if (r == 0)
		r = dh(eph, to_pub, shared);
	if (r == 0)
		r = derive(shared, out, to_pub, context, context_len, key);
	if (r == 0)
		r = gcm_seal(key, key + 32, NULL, 0, secret, len, out + 32,
		    out + 32 + len);
	crypto_wipe(eph, sizeof(eph));
	crypto_wipe(shared, sizeof(shared));
	crypto_wipe(key, sizeof(key));
	return r;
}

int
wrap_open(const uint8_t secret_key[static 32], const void *context,
    size_t context_len, const uint8_t *box, size_t box_len, void *out)
{
	uint8_t pub[32], shared[32], key[44];
	size_t len;
	int r;

	if (box_len < WRAP_OVERHEAD)
		return -EBADMSG;
	len = box_len - WRAP_OVERHEAD;
	r = dh_public(secret_key, pub);
	if (r == 0)
		r = dh(secret_key, box, shared);
	if (r == 0)
		r = derive(shared, box, pub, context, context_len, key);
	if (r == 0)
		r = gcm_open(key, key + 32, NULL, 0, box + 32, len,
		    box + 32 + len, out);
	crypto_wipe(shared, sizeof(shared));
	crypto_wipe(key, sizeof(key));
	return r;
}
