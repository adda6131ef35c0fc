/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/fuzz/fuzz_vault.h"

static void
try(const uint8_t *sha, const void *p, size_t n)
{
	const struct vault_keys *k = fuzz_keys();
	struct ckpt_root r;

	if (ckpt_root_open(k, &k->self, sha, p, n, &r) == 0)
		ckpt_root_done(&r);
}

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	uint8_t sha[VAULT_HASH_LEN];
	struct buf b = fuzz_seal(VAULT_ROOT, p, n, sha);

	try(sha, b.data, b.len);
	sha256(p, n, sha);
	try(sha, p, n);
	buf_done(&b);
	return 0;
}
