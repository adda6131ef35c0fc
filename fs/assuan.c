/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "fs/assuan.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "util/text.h"

#define CODE_MASK 0xffffu	/* above it: who found the error */

static const struct {
	const char *word;
	enum assuan_kind kind;
} words[] = {
	{ "OK", ASSUAN_OK },
	{ "ERR", ASSUAN_ERR },
	{ "D", ASSUAN_DATA },
	{ "S", ASSUAN_OTHER },
	{ "INQUIRE", ASSUAN_INQUIRE },
};

/* The number that an ERR begins with. */
static int
code_parse(const char *s, size_t len, unsigned *ret)
{
	unsigned long v = 0;
	size_t i;

	for (i = 0; i < len && s[i] >= '0' && s[i] <= '9'; i++) {
		v = v * 10 + (unsigned)(s[i] - '0');
		if (v > 0xffffffffu)
			return -EPROTO;
	}
	if (i == 0 || (i < len && s[i] != ' '))
		return -EPROTO;
	*ret = (unsigned)v & CODE_MASK;
	return 0;
}

int
assuan_parse(const char *line, size_t len, struct assuan *ret)
{
	struct assuan a = { .kind = ASSUAN_OTHER };
	size_t i, n = 0;

	if (len > ASSUAN_LINE_MAX)
		return -EPROTO;
	if (len > 0 && line[0] == '#') {
		*ret = a;
		return 0;
	}
	while (n < len && line[n] != ' ')
		n++;
	for (i = 0; i < sizeof(words) / sizeof(*words); i++) {
		if (strlen(words[i].word) == n &&
		    memcmp(words[i].word, line, n) == 0)
			break;
	}
	if (i == sizeof(words) / sizeof(*words))
		return -EPROTO;
	a.kind = words[i].kind;
	if (n < len)
		n++;		/* one blank; more would be data */
	a.arg = line + n;
	a.len = len - n;
	if (a.kind == ASSUAN_ERR && code_parse(a.arg, a.len, &a.code) < 0)
		return -EPROTO;
	*ret = a;
	return 0;
}

ssize_t
assuan_decode(const char *s, size_t len, char *out, size_t cap)
{
	char hex[3] = "", c;
	size_t i, n = 0;

	for (i = 0; i < len; i++) {
		c = s[i];
		if (c == '%') {
			if (len - i < 3)
				return -EPROTO;
			hex[0] = s[i + 1];
			hex[1] = s[i + 2];
			if (hex[0] >= 'A' && hex[0] <= 'F')
				hex[0] = (char)(hex[0] - 'A' + 'a');
			if (hex[1] >= 'A' && hex[1] <= 'F')
				hex[1] = (char)(hex[1] - 'A' + 'a');
			if (hex_decode(hex, &c, 1) < 0)
				return -EPROTO;
			i += 2;
		}
		if (c == '\0')
			return -EPROTO;
		if (n == cap)
			return -EFBIG;
		out[n++] = c;
	}
	return (ssize_t)n;
}

int
assuan_encode(const char *s, char *out, size_t cap)
{
	size_t n = 0;

	for (; *s; s++) {
		bool is_plain = *s != '%' && *s != '\n' && *s != '\r';

		if (cap - n < (is_plain ? 2u : 4u))
			return -EFBIG;
		if (is_plain) {
			out[n++] = *s;
			continue;
		}
		out[n] = '%';
		hex_encode(s, 1, out + n + 1);
		n += 3;
	}
	if (n >= cap)
		return -EFBIG;
	out[n] = '\0';
	return 0;
}
