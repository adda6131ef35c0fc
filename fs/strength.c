/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "fs/strength.h"

#include <stdbool.h>
#include <string.h>
#include <strings.h>

/* In tenths of a bit. */
#define BITS_MAX 2560
#define BITS_FOLLOWS 20		/* a letter within a word, the next blank */
#define BITS_ROW 5		/* repeated, or the next of a row */
#define BITS_WORD 35		/* all of a word that everybody tries first */

static const char *const rows[] = { "abcdefghijklmnopqrstuvwxyz",
    "01234567890", "qwertyuiop", "asdfghjkl", "zxcvbnm", "azertyuiop",
    "qsdfghjklm", "wxcvbn", "qwertzuiop", "yxcvbnm" };
static const char *const tried[] = { "password", "passwort", "passphrase",
    "motdepasse", "secret", "welcome", "bonjour", "soleil", "iloveyou",
    "jetaime", "admin", "letmein", "monkey", "dragon", "coffre", "azerty",
    "qwerty", "qwertz" };

static bool
is_letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* Is b beside a in a row of keys, in either direction? */
static bool
is_row(char a, char b)
{
	size_t i;

	a = is_letter(a) ? (char)(a | 0x20) : a;
	b = is_letter(b) ? (char)(b | 0x20) : b;
	for (i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		const char *p = strchr(rows[i], a);

		if (a && b && p && (p[1] == b || (p > rows[i] && p[-1] == b)))
			return true;
	}
	return false;
}

/* The length of a well-known word at p; 0. */
static size_t
is_tried(const char *p, size_t len)
{
	size_t i, n;

	for (i = 0; i < sizeof(tried) / sizeof(*tried); i++) {
		n = strlen(tried[i]);
		if (n <= len && strncasecmp(p, tried[i], n) == 0)
			return n;
	}
	return 0;
}

/* What a character alone may be worth, from the kinds that are in use. */
static unsigned
pool_bits(const char *p, size_t len)
{
	bool lower = false, upper = false, digit = false, other = false;
	size_t i;

	for (i = 0; i < len; i++) {
		if (is_digit(p[i]))
			digit = true;
		else if (!is_letter(p[i]))
			other = true;
		else if (p[i] & 0x20)
			lower = true;
		else
			upper = true;
	}
	/* log2 of 10, 26, 52, 62 and 95 */
	if (other)
		return lower || upper || digit ? 66 : 50;
	if (lower && upper)
		return digit ? 60 : 57;
	if (lower || upper)
		return digit ? 52 : 47;
	return 33;
}

unsigned
strength_bits(const char *p, size_t len)
{
	unsigned pool = pool_bits(p, len), bits = 0;
	size_t i, n;

	for (i = 0; i < len && bits < BITS_MAX; i++) {
		n = is_tried(p + i, len - i);
		if (n > 0) {
			bits += BITS_WORD;
			i += n - 1;
		} else if (i > 0 && (p[i] == p[i - 1] ||
		    is_row(p[i - 1], p[i]))) {
			bits += BITS_ROW;
		} else if (i > 0 && is_letter(p[i - 1]) &&
		    (is_letter(p[i]) || p[i] == ' ')) {
			bits += BITS_FOLLOWS;
		} else {
			bits += pool;
		}
	}
	return (bits < BITS_MAX ? bits : BITS_MAX) / 10;
}
