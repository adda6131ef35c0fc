/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "util/text.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char b32[] = "abcdefghijklmnopqrstuvwxyz234567";

void
hex_encode(const void *p, size_t len, char *out)
{
	static const char digit[] = "0123456789abcdef";
	const uint8_t *b = p;
	size_t i;

	for (i = 0; i < len; i++) {
		out[2 * i] = digit[b[i] >> 4];
		out[2 * i + 1] = digit[b[i] & 15];
	}
	out[2 * len] = '\0';
}

static int
hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

int
hex_decode(const char *s, void *out, size_t len)
{
	uint8_t *b = out;
	size_t i;

	if (strlen(s) != 2 * len)
		return -EINVAL;
	for (i = 0; i < 2 * len; i++)
		if (hex_value(s[i]) < 0)
			return -EINVAL;
	for (i = 0; i < len; i++)
		b[i] = (uint8_t)(hex_value(s[2 * i]) << 4 |
		    hex_value(s[2 * i + 1]));
	return 0;
}

void
base32_encode(const void *p, size_t len, char *out)
{
	const uint8_t *b = p;
	uint32_t acc = 0;
	unsigned bits = 0;
	size_t i;

	for (i = 0; i < len; i++) {
		acc = acc << 8 | b[i];
		bits += 8;
		while (bits >= 5) {
			bits -= 5;
			*out++ = b32[acc >> bits & 31];
		}
	}
	if (bits)
		*out++ = b32[acc << (5 - bits) & 31];
	*out = '\0';
}

int
base32_decode(const char *s, void *out, size_t len)
{
	uint8_t *b = out;
	uint32_t acc = 0;
	unsigned bits = 0;
	const char *at;

	if (strlen(s) != BASE32_LEN(len))
		return -EINVAL;
	for (; *s; s++) {
		at = strchr(b32, *s);
		if (!at)
			return -EINVAL;
		acc = acc << 5 | (uint32_t)(at - b32);
		bits += 5;
		if (bits >= 8) {
			bits -= 8;
			*b++ = (uint8_t)(acc >> bits);
		}
	}
	/* The bits left over are zero, so that each value has one text. */
	return acc & ((1u << bits) - 1) ? -EINVAL : 0;
}

void
base64_encode(const void *p, size_t len, char *out)
{
	static const char b64[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	    "abcdefghijklmnopqrstuvwxyz0123456789+/";
	const uint8_t *b = p;
	size_t i, n;
	uint32_t v;

	for (i = 0; i < len; i += 3) {
		n = len - i < 3 ? len - i : 3;
		v = (uint32_t)b[i] << 16 | (n > 1 ? (uint32_t)b[i + 1] << 8 :
		    0) | (n > 2 ? b[i + 2] : 0u);
		*out++ = b64[v >> 18];
		*out++ = b64[v >> 12 & 63];
		*out++ = n > 1 ? b64[v >> 6 & 63] : '=';
		*out++ = n > 2 ? b64[v & 63] : '=';
	}
	*out = '\0';
}

size_t
utf8_get(const char *s, uint32_t *ret)
{
	static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	const unsigned char *u = (const unsigned char *)s;
	size_t n = u[0] < 0x80 ? 1 : u[0] >= 0xf0 ? 4 : u[0] >= 0xe0 ? 3 :
	    u[0] >= 0xc0 ? 2 : 0, i;
	uint32_t c = n < 2 ? u[0] : u[0] & (0x7fu >> n);

	if (u[0] >= 0xf8)
		return 0;
	for (i = 1; i < n; i++) {
		if ((u[i] & 0xc0) != 0x80)
			return 0;
		c = c << 6 | (u[i] & 0x3f);
	}
	if (n > 1 && (c < least[n] || c > 0x10ffff ||
	    (c >= 0xd800 && c < 0xe000)))
		return 0;
	*ret = c;
	return n;
}

bool
text_is_control(uint32_t c)
{
	return c < ' ' || (c >= 0x7f && c < 0xa0) || c == 0x61c ||
	    c == 0x200e || c == 0x200f || (c >= 0x2028 && c <= 0x202e) ||
	    (c >= 0x2066 && c <= 0x2069);
}

void
text_clean(char *s)
{
	char *to = s;
	uint32_t c;
	size_t n;

	for (; *s; s += n ? n : 1) {
		n = utf8_get(s, &c);
		if (n == 0 || (text_is_control(c) && c != '\t' &&
		    c != '\n')) {
			*to++ = '?';
		} else {
			memmove(to, s, n);
			to += n;
		}
	}
	*to = '\0';
}

int
size_parse(const char *s, uint64_t *ret)
{
	static const char unit[] = "KMGTPE";
	const char *u;
	double v;
	char *end;

	v = strtod(s, &end);
	if (end == s || !(v >= 0))
		return -EINVAL;
	if (*end) {
		u = strchr(unit, *end >= 'a' ? *end - 32 : *end);
		if (!u)
			return -EINVAL;
		for (; u >= unit; u--)
			v *= 1024;
		end++;
		if (strcmp(end, "iB") == 0)
			end += 2;
		else if (*end == 'B')
			end++;
	}
	if (*end)
		return -EINVAL;
	if (v > 4.6e18)
		return -ERANGE;
	*ret = (uint64_t)v;
	return 0;
}

char *
size_format(uint64_t bytes, char *out)
{
	static const char *const unit[] = { "B", "KiB", "MiB", "GiB", "TiB",
	    "PiB", "EiB" };
	double v = (double)bytes;
	int i = 0;

	while (v >= 1024 && i < 6) {
		v /= 1024;
		i++;
	}
	(void)snprintf(out, 32, i ? "%.1f %s" : "%.0f %s", v, unit[i]);
	return out;
}
