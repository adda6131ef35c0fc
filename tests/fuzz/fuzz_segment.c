/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/fuzz/fuzz_vault.h"

static void
try(const void *p, size_t n)
{
	const struct vault_keys *k = fuzz_keys();
	uint8_t hash[VAULT_HASH_LEN];
	struct segment s;

	(void)segment_peek_prev(p, n, hash);
	if (segment_open(k, &k->self, 1, NULL, p, n, &s, hash) == 0)
		segment_done(&s);
}

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	uint8_t hash[VAULT_HASH_LEN];
	struct buf b = fuzz_seal(VAULT_SEGMENT, p, n, hash);

	try(p, n);
	try(b.data, b.len);
	buf_done(&b);
	return 0;
}
