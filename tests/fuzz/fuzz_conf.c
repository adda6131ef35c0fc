/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A configuration file: whatever parses, formats to what parses to the same. */
#include <stdlib.h>
#include <string.h>

/* The program's sources are not in the library. */
#include "fs/opts.c"

#include "fs/place.c"

#include "fs/conf.c"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct buf a = BUF_INIT(2 * CONF_MAX), b = BUF_INIT(2 * CONF_MAX);
	struct opts o, again;
	struct err e;
	char *list;

	opts_init(&o);
	opts_init(&again);
	if (conf_parse(p, n, &o, &e) == 0) {
		if (conf_format(&o, &a) < 0 ||
		    conf_parse(a.data, a.len, &again, &e) < 0 ||
		    conf_format(&again, &b) < 0 || a.len != b.len ||
		    (a.len > 0 && memcmp(a.data, b.data, a.len) != 0))
			abort();
	}
	list = strndup((const char *)p, n);
	if (list)
		(void)opts_parse_list(&o, list, &e);
	free(list);
	buf_done(&a);
	buf_done(&b);
	opts_done(&o);
	opts_done(&again);
	return 0;
}
