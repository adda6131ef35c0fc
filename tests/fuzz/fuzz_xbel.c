/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Somebody's bookmarks: what is added is there, once, and goes without a
 * trace. */
#include <stdint.h>
#include <stdlib.h>

/* The program's sources are not in the library. */
#include "fs/xbel.c"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	static const struct xbel_place pl = { "coffre/a", "/home/u/a b", "A&B",
	    "folder" };
	struct buf a = BUF_INIT(2 * XBEL_MAX), b = BUF_INIT(2 * XBEL_MAX);
	struct buf c = BUF_INIT(2 * XBEL_MAX);
	unsigned long line;
	int r, had;

	had = xbel_remove(p, n, pl.id, &a, &line);
	if (had >= 0 && (a.len > n || (had == 0 && (a.len != n ||
	    memcmp(a.data, p, n) != 0))))
		abort();
	r = xbel_add(p, n, &pl, &b, &line);
	if ((r < 0) != (had < 0))
		abort();
	if (r >= 0) {
		buf_reset(&a);
		if (xbel_add(b.data, b.len, &pl, &a, &line) != 0 ||
		    xbel_remove(b.data, b.len, pl.id, &c, &line) != 1)
			abort();
		buf_reset(&a);
		if (xbel_remove(c.data, c.len, pl.id, &a, &line) != 0)
			abort();
	}
	buf_done(&a);
	buf_done(&b);
	buf_done(&c);
	return 0;
}
