/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "vault/merge.h"

#include "crypto/crypto.h"
#include "util/buf.h"
#include "util/text.h"

/* Names and ids of what lost: functions of the op that lost, so that every
 * device gives the same ones. */

#define ID_BYTES 5		/* eight letters */
#define LABEL_MAX 40
#define EXT_MAX 20		/* with its dot; a longer one is no extension */

static void
lost_hash(const char *purpose, const struct op_stamp *lost,
    uint8_t out[static SHA256_LEN])
{
	uint8_t t[16 + VAULT_ID_LEN + 8];
	size_t n = strlen(purpose);

	memset(t, 0, sizeof(t));
	memcpy(t, purpose, n < 16 ? n : 16);
	memcpy(t + 16, lost->dev.b, VAULT_ID_LEN);
	put_le64(t + 16 + VAULT_ID_LEN, lost->seq);
	sha256(t, sizeof(t), out);
}

void
merge_conflict_id(const struct op_stamp *lost, struct vault_id *ret)
{
	uint8_t h[SHA256_LEN];

	lost_hash("conflict id", lost, h);
	memcpy(ret->b, h, VAULT_ID_LEN);
}

/* The greatest length of at most max that does not cut a UTF-8 character. */
static size_t
utf8_cut(const uint8_t *p, size_t len, size_t max)
{
	size_t n = max;

	if (len <= max)
		return len;
	while (n > 0 && n + 4 > max && (p[n] & 0xc0) == 0x80)
		n--;
	/* Not UTF-8 at all: cut anywhere. */
	return (p[n] & 0xc0) == 0x80 ? max : n;
}

/* The extension begins at the last dot, if it is one. */
static size_t
stem_len(const uint8_t *name, size_t len)
{
	const uint8_t *dot = memrchr(name, '.', len);
	size_t at;

	if (!dot)
		return len;
	at = (size_t)(dot - name);
	if (at == 0 || at + 1 == len || len - at > EXT_MAX)
		return len;
	return at;
}

void
merge_conflict_name(const uint8_t *name, size_t len, const char *label,
    const struct op_stamp *lost, uint8_t out[static VAULT_NAME_MAX],
    uint8_t *ret_len)
{
	static const char open[] = " (conflict ";
	uint8_t tail[sizeof(open) + LABEL_MAX + 1 + BASE32_LEN(ID_BYTES) + 2];
	char id[BASE32_LEN(ID_BYTES) + 1];
	uint8_t h[SHA256_LEN];
	size_t i, n, label_len, stem, ext, at = sizeof(open) - 1;

	lost_hash("conflict name", lost, h);
	base32_encode(h, ID_BYTES, id);
	memcpy(tail, open, at);
	label_len = strlen(label);
	label_len = utf8_cut((const uint8_t *)label, label_len, LABEL_MAX);
	for (i = 0; i < label_len; i++)
		tail[at++] = (uint8_t)label[i] < ' ' || label[i] == '/' ||
		    label[i] == 0x7f ? '_' : (uint8_t)label[i];
	if (label_len)
		tail[at++] = ' ';
	memcpy(tail + at, id, BASE32_LEN(ID_BYTES));
	at += BASE32_LEN(ID_BYTES);
	tail[at++] = ')';

	stem = stem_len(name, len);
	ext = len - stem;
	n = utf8_cut(name, stem, VAULT_NAME_MAX - at - ext);
	memcpy(out, name, n);
	memcpy(out + n, tail, at);
	memcpy(out + n + at, name + stem, ext);
	*ret_len = (uint8_t)(n + at + ext);
}
