/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "crypto/crypto.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>

#include "crypto/internal.h"

static int
raw_public(int id, const uint8_t *secret, uint8_t pub[32])
{
	size_t len = 32;
	EVP_PKEY *k;
	int ok;

	k = EVP_PKEY_new_raw_private_key(id, NULL, secret, 32);
	ok = k && EVP_PKEY_get_raw_public_key(k, pub, &len) == 1 && len == 32;
	EVP_PKEY_free(k);
	ERR_clear_error();
	return ok ? 0 : -EIO;
}

int
sign_public(const uint8_t seed[static 32], uint8_t pub[static 32])
{
	return raw_public(EVP_PKEY_ED25519, seed, pub);
}

int
dh_public(const uint8_t secret[static 32], uint8_t pub[static 32])
{
	return raw_public(EVP_PKEY_X25519, secret, pub);
}

/* label | 0x00 | p in one piece: Ed25519 reads its message twice.  Caller
 * frees; NULL if out of memory. */
static uint8_t *
labelled(const char *label, const void *p, size_t len, size_t *ret_len)
{
	size_t n = strlen(label) + 1;
	uint8_t *m;

	if (len > SIZE_MAX - n)
		return NULL;
	m = malloc(n + len);
	if (!m)
		return NULL;
	memcpy(m, label, n);
	if (len)
		memcpy(m + n, p, len);
	*ret_len = n + len;
	return m;
}

int
sign_make(const uint8_t seed[static 32], const char *label, const void *p,
    size_t len, uint8_t sig[static 64])
{
	EVP_MD_CTX *c = NULL;
	EVP_PKEY *k = NULL;
	size_t m_len, sig_len = 64;
	uint8_t *m;
	int r = 0;

	m = labelled(label, p, len, &m_len);
	if (!m)
		return -ENOMEM;
	k = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, seed, 32);
	c = EVP_MD_CTX_new();
	if (!k || !c || EVP_DigestSignInit(c, NULL, NULL, NULL, k) != 1 ||
	    EVP_DigestSign(c, sig, &sig_len, m, m_len) != 1 || sig_len != 64)
		r = -EIO;
	EVP_MD_CTX_free(c);
	EVP_PKEY_free(k);
	free(m);
	ERR_clear_error();
	return r;
}

int
sign_check(const uint8_t pub[static 32], const char *label, const void *p,
    size_t len, const uint8_t sig[static 64])
{
	EVP_MD_CTX *c = NULL;
	EVP_PKEY *k = NULL;
	size_t m_len;
	uint8_t *m;
	int r = 0;

	m = labelled(label, p, len, &m_len);
	if (!m)
		return -ENOMEM;
	k = EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, pub, 32);
	c = EVP_MD_CTX_new();
	if (!k || !c || EVP_DigestVerifyInit(c, NULL, NULL, NULL, k) != 1)
		r = -EIO;
	else if (EVP_DigestVerify(c, sig, 64, m, m_len) != 1)
		r = -EBADMSG;
	EVP_MD_CTX_free(c);
	EVP_PKEY_free(k);
	free(m);
	ERR_clear_error();
	return r;
}
