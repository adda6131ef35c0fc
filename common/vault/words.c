/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "vault/vault.h"

#include <errno.h>
#include <string.h>

#include "crypto/crypto.h"
#include "util/buf.h"

/*
 * Proquints: 16 bits as consonant, vowel, consonant, vowel, consonant.  They
 * can be read out and typed without knowing any language, and no letter
 * looks like another.
 */

static const char consonant[] = "bdfghjklmnprstvz";
static const char vowel[] = "aiou";

#define WORD_LEN 5
#define SEED_LEN 32
#define CHECK_LEN 4	/* two words: one letter in 2^32 typed wrong passes */
#define LETTERS ((SEED_LEN + CHECK_LEN) / 2 * WORD_LEN)

_Static_assert(LETTERS + (SEED_LEN + CHECK_LEN) / 2 <= RECOVERY_TEXT_MAX,
    "words, separators, NUL");

static void
words_put(const uint8_t *p, size_t len, char *out)
{
	size_t i;
	unsigned v;

	for (i = 0; i < len; i += 2) {
		v = (unsigned)p[i] << 8 | p[i + 1];
		if (i)
			*out++ = '-';
		*out++ = consonant[v >> 12];
		*out++ = vowel[v >> 10 & 3];
		*out++ = consonant[v >> 6 & 15];
		*out++ = vowel[v >> 4 & 3];
		*out++ = consonant[v & 15];
	}
	*out = '\0';
}

static void
check_make(const uint8_t *seed, uint8_t out[CHECK_LEN])
{
	static const char label[] = "coffre/1/recovery words";
	uint8_t m[sizeof(label) + SEED_LEN], h[SHA256_LEN];

	memcpy(m, label, sizeof(label));
	memcpy(m + sizeof(label), seed, SEED_LEN);
	sha256(m, sizeof(m), h);
	memcpy(out, h, CHECK_LEN);
	crypto_wipe(m, sizeof(m));
	crypto_wipe(h, sizeof(h));
}

void
recovery_words(const uint8_t seed[static 32],
    char out[static RECOVERY_TEXT_MAX])
{
	uint8_t m[SEED_LEN + CHECK_LEN];

	memcpy(m, seed, SEED_LEN);
	check_make(seed, m + SEED_LEN);
	words_put(m, sizeof(m), out);
	crypto_wipe(m, sizeof(m));
}

/* The letters alone, in lower case; whatever may stand between words is left
 * out.  Returns how many, or -EINVAL. */
static int
letters_get(const char *s, char out[LETTERS])
{
	int n = 0;

	for (; *s; s++) {
		if (strchr(" \t\r\n-", *s))
			continue;
		if (n == LETTERS)
			return -EINVAL;
		out[n++] = *s >= 'A' && *s <= 'Z' ? (char)(*s + 32) : *s;
	}
	return n;
}

static int
word_get(const char *w, uint8_t out[2])
{
	unsigned v = 0, i;
	const char *set, *at;

	for (i = 0; i < WORD_LEN; i++) {
		set = i % 2 ? vowel : consonant;
		at = w[i] ? strchr(set, w[i]) : NULL;
		if (!at)
			return -EINVAL;
		v = v << (i % 2 ? 2 : 4) | (unsigned)(at - set);
	}
	out[0] = (uint8_t)(v >> 8);
	out[1] = (uint8_t)v;
	return 0;
}

int
recovery_parse(const char *words, uint8_t out[static 32])
{
	uint8_t m[SEED_LEN + CHECK_LEN], check[CHECK_LEN];
	char letters[LETTERS];
	size_t i;
	int r;

	r = letters_get(words, letters) == LETTERS ? 0 : -EINVAL;
	for (i = 0; r == 0 && i < sizeof(m) / 2; i++)
		r = word_get(letters + i * WORD_LEN, m + 2 * i);
	if (r == 0) {
		check_make(m, check);
		if (!crypto_equal(check, m + SEED_LEN, CHECK_LEN))
			r = -EINVAL;
	}
	if (r == 0)
		memcpy(out, m, SEED_LEN);
	crypto_wipe(m, sizeof(m));
	crypto_wipe(letters, sizeof(letters));
	return r;
}

void
fingerprint_words(const uint8_t hash[static 16],
    char out[static RECOVERY_TEXT_MAX])
{
	words_put(hash, 16, out);
}
