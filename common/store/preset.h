/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef STORE_PRESET_H
#define STORE_PRESET_H

#include <stddef.h>

struct buf;
struct err;

/*
 * preset - what is known of providers: how the address of a store of theirs
 * is made, where it lies, under which law.  Read from a file of text (its
 * format stands at its beginning); pure.  What it says of a provider is what
 * its sources said when it was written, no proof.
 */

#define PRESET_FILE_MAX (256u * 1024)
#define PRESETS_MAX 128
#define PRESET_REGIONS_MAX 32
#define PRESET_TEXT_MAX 320

struct preset_region {
	char id[32];
	char country[4];
};

struct preset {
	char id[32];
	char kind[16];		/* s3, swift, sftp, nextcloud, webdav; none: it
				 * cannot be a store */
	char name[64];
	char url[PRESET_TEXT_MAX];	/* with {user}, {prefix} and args */
	char hosts[PRESET_TEXT_MAX];	/* other hosts of it: "s3.{region}.x" */
	char args[64];		/* "region bucket": what follows the name */
	char law[8];
	char technology[96];
	char qualification[PRESET_TEXT_MAX];	/* as declared, and by whom,
						 * when; "": none known */
	char quirks[PRESET_TEXT_MAX];
	char note[PRESET_TEXT_MAX];	/* of "none": why, what can be done */
	struct preset_region regions[PRESET_REGIONS_MAX];
	size_t nregions;
};

struct presets {
	struct preset *p;
	size_t n;
};

/* -EINVAL with a message that names the line. */
int presets_parse(const void *p, size_t len, struct presets *ret,
    struct err *e);
void presets_done(struct presets *s);
/* kind NULL: the first of that id.  NULL: none. */
const struct preset *presets_find(const struct presets *s, const char *id,
    const char *kind);
/*
 * "s3:KEYID@ovhcloud/gra/bucket/prefix" to the address it is short for, with
 * the options that may follow behind a '?': they count more than those of the
 * preset.  1: it was; 0: it is no short form, nothing was appended; -EINVAL
 * with a message: an unknown provider or region, or something is missing.
 */
int presets_expand(const struct presets *s, const char *text,
    struct buf *out, struct err *e);
/* Whose store is at this address?  NULL: nobody's that is known, or it has no
 * host; *region (may come out NULL) where the host's name tells it, or the
 * option "region" if the provider's regions are behind one host. */
const struct preset *presets_by_url(const struct presets *s,
    const char *url, const struct preset_region **region);

#endif
