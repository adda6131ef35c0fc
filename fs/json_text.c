/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "fs/json_text.h"

#include <stdio.h>
#include <string.h>

#include "util/buf.h"

json_t *
json_text(const char *s)
{
	json_t *j = json_string(s);
	char clean[512];
	size_t i;

	if (j)
		return j;
	for (i = 0; i < sizeof(clean) - 1 && s[i]; i++)
		clean[i] = s[i];
	clean[i] = '\0';
	for (i = 0; clean[i]; i++) {
		if ((unsigned char)clean[i] >= 0x80)
			clean[i] = '?';
	}
	return json_string(clean);
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
