/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "crypto/crypto.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/params.h>

#include "crypto/internal.h"

struct sha256 {
	EVP_MD_CTX *ctx;
};

/* A hash that was not computed must never be used as if it had been. */
static void
must(int ok)
{
	if (ok != 1)
		abort();
}

void
sha256(const void *p, size_t len, uint8_t out[static SHA256_LEN])
{
	struct crypto_thread *t = crypto_thread();
	unsigned tries = 0;

	while (EVP_DigestInit_ex2(t->md, crypto_algs()->sha256, NULL) != 1 ||
	    EVP_DigestUpdate(t->md, p, len) != 1 ||
	    EVP_DigestFinal_ex(t->md, out, NULL) != 1)
		crypto_again(&tries);
}

struct sha256 *
sha256_new(void)
{
	struct sha256 *h;

	h = malloc(sizeof(*h));
	if (!h)
		return NULL;
	h->ctx = EVP_MD_CTX_new();
	if (!h->ctx ||
	    !EVP_DigestInit_ex2(h->ctx, crypto_algs()->sha256, NULL)) {
		EVP_MD_CTX_free(h->ctx);
		free(h);
		return NULL;
	}
	return h;
}

void
sha256_add(struct sha256 *h, const void *p, size_t len)
{
	must(EVP_DigestUpdate(h->ctx, p, len));
}

void
sha256_end(struct sha256 *h, uint8_t out[static SHA256_LEN])
{
	must(EVP_DigestFinal_ex(h->ctx, out, NULL));
	EVP_MD_CTX_free(h->ctx);
	free(h);
}

static bool
hmac_try(EVP_MAC_CTX *c, const uint8_t *key, size_t key_len,
    const struct crypto_part *part, size_t n, uint8_t out[static 32])
{
	size_t i, len;

	/* No key pointer at all would mean "the same key as before". */
	if (!EVP_MAC_init(c, key ? key : (const uint8_t *)"", key_len, NULL))
		return false;
	for (i = 0; i < n; i++)
		if (part[i].len &&
		    !EVP_MAC_update(c, part[i].p, part[i].len))
			return false;
	return EVP_MAC_final(c, out, &len, SHA256_LEN) == 1;
}

void
hmac_sha256_parts(const uint8_t *key, size_t key_len,
    const struct crypto_part *part, size_t n, uint8_t out[static 32])
{
	struct crypto_thread *t = crypto_thread();
	unsigned tries = 0;

	while (!hmac_try(t->hmac, key, key_len, part, n, out))
		crypto_again(&tries);
}

void
hmac_sha256(const uint8_t *key, size_t key_len, const void *p, size_t len,
    uint8_t out[static SHA256_LEN])
{
	struct crypto_part part = { p, len };

	hmac_sha256_parts(key, key_len, &part, 1, out);
}

int
hkdf_sha256(const void *ikm, size_t ikm_len, const void *salt,
    size_t salt_len, const void *info, size_t info_len, uint8_t *out,
    size_t out_len)
{
	uint8_t prk[SHA256_LEN], t[SHA256_LEN], i = 0;
	struct crypto_part part[3];
	size_t n;

	if (out_len > 255 * SHA256_LEN)
		return -EINVAL;
	hmac_sha256(salt, salt_len, ikm, ikm_len, prk);
	while (out_len > 0) {
		part[0] = (struct crypto_part){ t, i ? sizeof(t) : 0 };
		part[1] = (struct crypto_part){ info, info_len };
		i++;
		part[2] = (struct crypto_part){ &i, 1 };
		hmac_sha256_parts(prk, sizeof(prk), part, 3, t);
		n = out_len < sizeof(t) ? out_len : sizeof(t);
		memcpy(out, t, n);
		out += n;
		out_len -= n;
	}
	crypto_wipe(prk, sizeof(prk));
	crypto_wipe(t, sizeof(t));
	return 0;
}

int
scrypt_kdf(const void *pass, size_t pass_len, const void *salt,
    size_t salt_len, uint64_t n, uint32_t r, uint32_t p, uint8_t *out,
    size_t out_len)
{
	OSSL_PARAM par[7];
	EVP_KDF_CTX *c;
	uint64_t maxmem;
	int ok;

	if (n < 1u << 14 || n > 1u << 20 || (n & (n - 1)) != 0 || r != 8 ||
	    p != 1)
		return -ERANGE;
	c = EVP_KDF_CTX_new(crypto_algs()->scrypt);
	if (!c)
		return -ENOMEM;
	/* What RFC 7914 needs, and a little for the library. */
	maxmem = 128 * (uint64_t)r * (n + p + 2) + (1u << 20);
	/* The library takes what it reads as not const. */
	par[0] = OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_PASSWORD,
	    (void *)(uintptr_t)(pass_len ? pass : ""), pass_len);
	par[1] = OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_SALT,
	    (void *)(uintptr_t)(salt_len ? salt : ""), salt_len);
	par[2] = OSSL_PARAM_construct_uint64(OSSL_KDF_PARAM_SCRYPT_N, &n);
	par[3] = OSSL_PARAM_construct_uint32(OSSL_KDF_PARAM_SCRYPT_R, &r);
	par[4] = OSSL_PARAM_construct_uint32(OSSL_KDF_PARAM_SCRYPT_P, &p);
	par[5] = OSSL_PARAM_construct_uint64(OSSL_KDF_PARAM_SCRYPT_MAXMEM,
	    &maxmem);
	par[6] = OSSL_PARAM_construct_end();
	ok = EVP_KDF_derive(c, out, out_len, par);
	EVP_KDF_CTX_free(c);
	if (ok != 1)
		ERR_clear_error();
	return ok == 1 ? 0 : -EIO;
}
