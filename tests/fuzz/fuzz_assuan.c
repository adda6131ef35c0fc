/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A line of pinentry's, and a text that is sent to one. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* The program's sources are not in the library. */
#include "fs/assuan.c"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	char pin[64], line[3 * 64 + 1], back[64], text[64];
	struct assuan a;
	ssize_t len;

	if (assuan_parse((const char *)p, n, &a) == 0 &&
	    a.kind == ASSUAN_DATA) {
		len = assuan_decode(a.arg, a.len, pin, sizeof(pin));
		if (len > (ssize_t)sizeof(pin) ||
		    (len > 0 && memchr(pin, '\0', (size_t)len)))
			abort();
	}
	/* What was encoded is one line, and decodes to the same. */
	if (n >= sizeof(text) || memchr(p, '\0', n))
		return 0;
	memcpy(text, p, n);
	text[n] = '\0';
	if (assuan_encode(text, line, sizeof(line)) < 0 ||
	    strpbrk(line, "\r\n"))
		abort();
	len = assuan_decode(line, strlen(line), back, sizeof(back));
	if (len != (ssize_t)n || (n > 0 && memcmp(back, p, n) != 0))
		abort();
	return 0;
}
