/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/fuzz/fuzz_vault.h"

#define HEADER_LEN 104

static void
try(const uint8_t *p, size_t n)
{
	struct pack_entry *e;
	struct pack_id id;
	size_t count;

	memset(&id, 0, sizeof(id));
	if (n >= HEADER_LEN) {
		memcpy(id.dtag.b, p + 44, VAULT_TAG_LEN);
		id.n = get_le64(p + 56);
		id.rand = get_le64(p + 64);
	}
	if (pack_open(fuzz_keys(), &id, p, n, &e, &count) == 0)
		free(e);
}

/* The first two bytes say how much of the input is blocks; the rest becomes
 * the plaintext of a properly sealed index behind them. */
static void
try_index(const uint8_t *p, size_t n)
{
	const struct vault_keys *k = fuzz_keys();
	struct buf b = BUF_INIT(FUZZ_BODY_MAX);
	size_t blocks, plain;
	struct aead *key;
	uint8_t *at;

	if (n < 2)
		return;
	blocks = get_le16(p);
	blocks = blocks < n - 2 ? blocks : n - 2;
	plain = n - 2 - blocks;
	(void)buf_put(&b, "CFR1\x06\x01\0\0\x01\0\0\0", 12);
	(void)buf_put(&b, k->drive.b, VAULT_ID_LEN);
	(void)buf_put(&b, k->rtag.b, VAULT_TAG_LEN);
	(void)buf_put_u32(&b, k->epoch);
	(void)buf_put(&b, k->dtag.b, VAULT_TAG_LEN);
	(void)buf_put_zero(&b, 16 + VAULT_NONCE_LEN);
	(void)buf_put_u32(&b, (uint32_t)(HEADER_LEN + blocks));
	(void)buf_put_u32(&b, (uint32_t)(plain + VAULT_MAC_LEN));
	(void)buf_put(&b, p + 2, blocks);
	at = buf_reserve(&b, plain + VAULT_MAC_LEN);
	if (at && vault_type_key(k, VAULT_PACK, &key) == 0) {
		if (aead_seal(key, b.data + 72, b.data, HEADER_LEN,
		    p + 2 + blocks, plain, at, at + plain) == 0)
			b.len += plain + VAULT_MAC_LEN;
		aead_free(key);
		try(b.data, b.len);
	}
	buf_done(&b);
}

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	try(p, n);
	try_index(p, n);
	return 0;
}
