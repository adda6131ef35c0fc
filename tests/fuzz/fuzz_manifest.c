/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/fuzz/fuzz_vault.h"

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct buf b = BUF_INIT(FUZZ_BODY_MAX);
	struct op_block *list;
	size_t count;

	if (op_blocks_decode(p, n, &list, &count) < 0)
		return 0;
	/* There is one way only to write a list. */
	if (op_blocks_encode(list, count, &b) < 0 || b.len != n ||
	    memcmp(b.data, p, n) != 0)
		abort();
	buf_done(&b);
	free(list);
	return 0;
}
