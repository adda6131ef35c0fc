/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TESTS_FUZZ_VAULT_H
#define TESTS_FUZZ_VAULT_H

#include "tests/lib/fix_vault.h"
#include "util/buf.h"
#include "vault/envelope.h"

/*
 * fuzz_vault - an input is tried twice: as the object itself, which seldom
 * gets past the signature, and as the body of an object that was properly
 * sealed and signed, which reaches the parser behind.
 */

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

#define FUZZ_BODY_MAX (8u << 20)

static inline const struct vault_keys *
fuzz_keys(void)
{
	static struct vault_keys *k;

	if (!k)
		k = fix_keys(0xa1);
	return k;
}

/* A signed object number one with this body; free with buf_done(). */
static inline struct buf
fuzz_seal(enum vault_type type, const void *body, size_t n,
    uint8_t hash[static VAULT_HASH_LEN])
{
	struct buf b = BUF_INIT(FUZZ_BODY_MAX);
	struct aead *key;

	if (vault_type_key(fuzz_keys(), type, &key) < 0)
		abort();
	if (envelope_seal(fuzz_keys(), type, 1, NULL, key, body, n, &b,
	    hash) < 0)
		buf_reset(&b);
	aead_free(key);
	return b;
}

#endif
