/* SPDX-License-Identifier: GPL-3.0-or-later */
/* How to make previews, as whoever installs a program says it. */
#include <stdlib.h>

/* The program's sources are not in the library. */
#include "fs/child.c"
#include "fs/thumbnailer.c"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

static void
command(const char *exec)
{
	struct thumbnailer t;
	size_t i, len;

	memset(&t, 0xee, sizeof(t));
	if (thumbnailer_parse(exec, 256, &t) < 0)
		return;
	/* The words lie behind each other, and in the text. */
	for (i = 1, len = 0; t.argv[i]; i++) {
		if (i > THUMBNAILER_WORDS || t.argv[i] != t.text + len)
			abort();
		len += strnlen(t.text + len, sizeof(t.text) - len) + 1;
		if (len > sizeof(t.text))
			abort();
	}
	if (i < 2)
		abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	char *text = strndup((const char *)p, n), value[100];

	if (!text)
		abort();
	command(text);
	if (value_of(text, "Exec=", value, sizeof(value)))
		command(value);
	if (value_of(text, "MimeType=", value, sizeof(value)))
		(void)has_type(value, "image/png");
	(void)picture_type(p, n);
	free(text);
	return 0;
}
