/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A text of a mount's or a server's, traced back to messages.  In place of a
 * catalogue: the same message with a mark before it. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "util/tr.h"

static const char *marked(const char *s);

#define tr(s) marked(s)
#define tr_n(one, many, n) marked((n) == 1 ? (one) : (many))
#define tr_is_on() true
#define tr_libc(s) (s)
/* Takes the place of that of the library. */
#include "util/tr_text.c"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

static const char *
marked(const char *s)
{
	static char *all;
	static size_t size;
	size_t i, len;
	char *at;

	if (!all) {
		for (i = 0; i < tr_nformats; i++)
			size += strlen(tr_formats[i].one) + 2;
		all = at = malloc(size);
		if (!all)
			abort();
		for (i = 0; i < tr_nformats; i++, at += len)
			len = (size_t)sprintf(at, "~%s",
			    tr_formats[i].one) + 1;
	}
	for (at = all; at < all + size; at += strlen(at) + 1)
		if (strcmp(at + 1, s) == 0)
			return at;
	return s;
}

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	char text[TR_MAX + 64], out[TR_MAX];
	const char *r;
	size_t i;

	if (n >= sizeof(text) || memchr(p, '\0', n))
		return 0;
	memcpy(text, p, n);
	text[n] = '\0';
	r = tr_text(text, out);
	if (r != text && (r != out || strlen(out) >= TR_MAX))
		abort();
	/* Whatever fits gives back what it was given. */
	for (i = 0; i < tr_nformats; i++)
		if (n < TR_MAX && tr_refill(tr_formats[i].one,
		    tr_formats[i].one, text, out) && strcmp(text, out) != 0)
			abort();
	return 0;
}
