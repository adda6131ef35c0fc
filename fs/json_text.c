/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "fs/json_text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "util/buf.h"

json_t *
json_text(const char *s)
{
	json_t *j = json_string(s);
	char *clean, *c;

	if (j)
		return j;
	clean = strdup(s);
	if (!clean)
		return NULL;
	for (c = clean; *c; c++) {
		if ((unsigned char)*c >= 0x80)
			*c = '?';
	}
	j = json_string(clean);
	free(clean);
	return j;
}

void
json_text_lines(json_t *all, struct buf *b)
{
	const char *text = b->len ? buf_cstr(b) : NULL, *nl;
	char line[1024];

	for (; text && *text; text = nl + (*nl == '\n')) {
		nl = strchrnul(text, '\n');
		(void)snprintf(line, sizeof(line), "%.*s", (int)(nl - text),
		    text);
		(void)json_array_append_new(all, json_text(line));
	}
}
