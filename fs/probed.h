/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FS_PROBED_H
#define FS_PROBED_H

#include <jansson.h>
#include <limits.h>

struct store;
struct store_facts;

/* probed - what probes found of a drive's stores: where that is kept, and how
 * it is shown. */

/* The file of a drive's store at url, in the state folder. */
int probed_path(const char *drive, const char *url,
    char out[static PATH_MAX]);
/* Keep what the probe of s found.  That it fails does no harm. */
void probed_save(const char *drive, const char *url, struct store *s);
/* 0, or -ENOENT: nothing is known. */
int probed_load(const char *drive, const char *url, struct store_facts *ret);
void probed_forget(const char *drive, const char *url);

/* NULL without facts. */
json_t *probed_json(const struct store_facts *f);
/* The same of a file. */
json_t *probed_json_of(const char *drive, const char *url);
/* "2026-11-28 10:00: TLSv1.3, ..." of that: the head of what is shown. */
#define PROBED_WHEN_MAX 32
const char *probed_when(const json_t *o, char out[static PROBED_WHEN_MAX]);
/* The lines of that on standard output, each after lead. */
void probed_print(const json_t *o, const char *lead);
/* On standard error: what the probe of s has just found, and what people
 * should know of it, each line after its address. */
void probed_tell(struct store *s);

#endif
