/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/fuzz/fuzz_vault.h"

/* Whatever can be read is written as the same bytes again, and op_size knows
 * how many. */
int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct buf b = BUF_INIT(FUZZ_BODY_MAX);
	struct rd r = rd_of(p, n);
	const uint8_t *at;
	struct op o;

	while (r.left) {
		at = r.p;
		if (op_decode(&r, &o) < 0)
			break;
		buf_reset(&b);
		if (o.type >= OP_CREATE && o.type <= OP_HEARTBEAT &&
		    (op_encode(&o, &b) < 0 || b.len != op_size(&o) ||
		    b.len != (size_t)(r.p - at) ||
		    memcmp(b.data, at, b.len) != 0))
			abort();
		op_done(&o);
	}
	buf_done(&b);
	return 0;
}
