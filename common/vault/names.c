/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "vault/vault.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "util/text.h"

/*
 * Names are made of [a-z0-9/-] only, which every store keeps as they are, and
 * numbers are hexadecimal of a fixed width, so that they sort.
 */

struct tag_text {
	char s[BASE32_LEN(VAULT_TAG_LEN) + 1];
};

static struct tag_text
text(const struct vault_tag *t)
{
	struct tag_text x = { .s = "" };

	base32_encode(t->b, VAULT_TAG_LEN, x.s);
	return x;
}

void
vault_name_genesis(char out[static VAULT_PATH_MAX])
{
	(void)snprintf(out, VAULT_PATH_MAX, "drive");
}

void
vault_name_chain(const struct vault_tag *utag, uint64_t seq,
    char out[static VAULT_PATH_MAX])
{
	(void)snprintf(out, VAULT_PATH_MAX, "u/%s/%016" PRIx64, text(utag).s,
	    seq);
}

void
vault_name_grants(const struct vault_tag *rtag,
    char out[static VAULT_PATH_MAX])
{
	(void)snprintf(out, VAULT_PATH_MAX, "r/%s/k/", text(rtag).s);
}

void
vault_name_grant(const struct vault_tag *rtag, uint32_t epoch,
    const uint8_t hash[static 32], char out[static VAULT_PATH_MAX])
{
	char h[17];

	hex_encode(hash, 8, h);
	(void)snprintf(out, VAULT_PATH_MAX, "r/%s/k/%08" PRIx32 "-%s",
	    text(rtag).s, epoch, h);
}

void
vault_name_segment(const struct vault_tag *rtag, const struct vault_tag *dtag,
    uint64_t seq, char out[static VAULT_PATH_MAX])
{
	(void)snprintf(out, VAULT_PATH_MAX, "r/%s/j/%s/%016" PRIx64,
	    text(rtag).s, text(dtag).s, seq);
}

void
vault_name_head(const struct vault_tag *rtag, const struct vault_tag *dtag,
    char out[static VAULT_PATH_MAX])
{
	(void)snprintf(out, VAULT_PATH_MAX, "r/%s/h/%s", text(rtag).s,
	    text(dtag).s);
}

bool
vault_name_is_head(const char *name)
{
	size_t n;

	if (strncmp(name, "r/", 2) != 0)
		return false;
	n = 2 + strcspn(name + 2, "/");
	return strncmp(name + n, "/h/", 3) == 0;
}

void
vault_name_pack(const struct vault_tag *rtag, const struct pack_id *p,
    char out[static VAULT_PATH_MAX])
{
	/* A folder for every 4096 packs: some servers list a large one
	 * slowly or not at all. */
	(void)snprintf(out, VAULT_PATH_MAX,
	    "r/%s/d/%s/%09" PRIx64 "/%012" PRIx64 "-%016" PRIx64,
	    text(rtag).s, text(&p->dtag).s, p->n >> 12, p->n, p->rand);
}

void
vault_name_page(const struct vault_tag *rtag, const struct vault_tag *dtag,
    uint64_t n, uint64_t rand, char out[static VAULT_PATH_MAX])
{
	(void)snprintf(out, VAULT_PATH_MAX,
	    "r/%s/s/%s/%012" PRIx64 "-%016" PRIx64, text(rtag).s,
	    text(dtag).s, n, rand);
}
