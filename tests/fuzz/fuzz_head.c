/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/fuzz/fuzz_vault.h"

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	const struct vault_keys *k = fuzz_keys();
	uint8_t hash[VAULT_HASH_LEN];
	struct buf b = fuzz_seal(VAULT_HEAD, p, n, hash);
	struct vault_head h;

	(void)head_open(k, &k->self, p, n, &h);
	(void)head_open(k, &k->self, b.data, b.len, &h);
	buf_done(&b);
	return 0;
}
