/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef CRYPTO_INTERNAL_H
#define CRYPTO_INTERNAL_H

#include <stddef.h>
#include <stdint.h>

#include <openssl/evp.h>
#include <openssl/kdf.h>

/*
 * What the files of crypto/ share: algorithms fetched once per process, and
 * contexts kept per thread (fetching costs a lock and a search by name,
 * several times the price of a small operation).
 */

struct crypto_algs {
	EVP_CIPHER *ecb;	/* AES-256, for the XAES key derivation */
	EVP_CIPHER *cbc;	/* AES-256, for CMAC */
	EVP_CIPHER *gcm;	/* AES-256 */
	EVP_CIPHER *ctr;	/* AES-256, for a part of what GCM made */
	EVP_MD *sha256;
	EVP_MAC *hmac;
	EVP_KDF *scrypt;
};

struct crypto_thread {
	EVP_CIPHER_CTX *ecb;
	EVP_CIPHER_CTX *cbc;
	EVP_CIPHER_CTX *gcm;
	EVP_CIPHER_CTX *ctr;
	EVP_MD_CTX *md;
	EVP_MAC_CTX *hmac;
	/* Which key (see crypto_serial) the first two contexts hold now. */
	uint64_t ecb_serial;
	uint64_t cbc_serial;
};

/* Fetched on first use; aborts if the library lacks one of them. */
const struct crypto_algs *crypto_algs(void);
/* Contexts of the calling thread, freed when it ends. */
struct crypto_thread *crypto_thread(void);
/* Hashes have no way to fail, and the library allocates in them: whoever
 * could not be given memory asks here whether to try again.  Waits a little;
 * aborts when that has been going on for ten seconds.  *tries begins at 0. */
void crypto_again(unsigned *tries);
/* A number never given before in this process: names a key, so that a thread
 * can tell whether its context holds it. */
uint64_t crypto_serial(void);

/* A piece of a message that is hashed without being put together. */
struct crypto_part {
	const void *p;
	size_t len;
};

void hmac_sha256_parts(const uint8_t *key, size_t key_len,
    const struct crypto_part *part, size_t n, uint8_t out[static 32]);

/* x * 2 in the field of CMAC (SP 800-38B, 6.1). */
void cmac_double(const uint8_t in[static 16], uint8_t out[static 16]);

/* AES-256-GCM under a key used for one message only. */
int gcm_seal(const uint8_t key[static 32], const uint8_t nonce[static 12],
    const void *aad, size_t aad_len, const void *in, size_t len, void *out,
    uint8_t tag[static 16]);
int gcm_open(const uint8_t key[static 32], const uint8_t nonce[static 12],
    const void *aad, size_t aad_len, const void *in, size_t len,
    const uint8_t tag[static 16], void *out);

#endif
