/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdlib.h>
#include <string.h>

#include "crypto/crypto.h"
#include "util/buf.h"
#include "vault/vault.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t len);

/*
 * A passphrase file, a slot; what they hold; words typed by a person.  Headers
 * that are in order cost a key derivation each, so only one in 256 of those
 * is let through, by its last byte.
 */
static bool
is_cheap(const uint8_t *p, size_t len)
{
	uint64_t n = len >= 24 ? get_le64(p + 8) : 0;

	if (n < 1u << 14 || n > 1u << 20)
		return true;
	return n == 1u << 14 && p[len - 1] == 0;
}

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t len)
{
	static const uint8_t key[SLOT_KEY_LEN], ks[84] = "CFK1";
	struct buf out = BUF_INIT(KEYSTORE_MAX);
	struct vault_keys *k;
	uint8_t seed[32];
	char *text;

	if (is_cheap(p, len))
		(void)keystore_open("p", 1, p, len, &out);
	buf_wipe(&out);
	(void)slot_open(SLOT_KEYRING, key, ks, sizeof(ks), p, len, &out);
	buf_wipe(&out);
	if (vault_keys_decode(p, len, &k) == 0) {
		/* What was read can be written, and is the same. */
		if (vault_keys_encode(k, &out) < 0 || out.len != len ||
		    memcmp(out.data, p, len) != 0)
			abort();
		vault_keys_free(k);
	}
	buf_wipe(&out);
	text = malloc(len + 1);
	if (!text)
		return 0;
	memcpy(text, p, len);
	text[len] = '\0';
	(void)recovery_parse(text, seed);
	free(text);
	return 0;
}
