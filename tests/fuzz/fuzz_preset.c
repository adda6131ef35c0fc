/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "store/preset.h"
#include "util/buf.h"
#include "util/err.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t len);

/* A file of presets; its first line is a short form, too. */
int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t len)
{
	const struct preset_region *g;
	struct buf out = BUF_INIT(64 * 1024);
	struct err e = { "" };
	struct presets s;
	const char *nl = len ? memchr(p, '\n', len) : NULL;
	char *text;

	if (presets_parse(p, len, &s, &e) < 0) {
		if (!e.msg[0])
			abort();
		return 0;
	}
	text = strndup(len ? (const char *)p + (*p == '#') : "",
	    nl ? (size_t)(nl - (const char *)p) - (*p == '#') : 0);
	if (presets_expand(&s, text, &out, &e) == 0 && out.len)
		abort();
	(void)presets_by_url(&s, text, &g);
	free(text);
	buf_done(&out);
	presets_done(&s);
	return 0;
}
