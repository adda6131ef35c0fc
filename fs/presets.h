/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FS_PRESETS_H
#define FS_PRESETS_H

#include <stdbool.h>

#include "store/preset.h"

struct err;
struct opts;

/* presets - the file of providers, and what a drive says of where its stores
 * may be. */

/* The user's own file, or the installed one.  -ENOENT: there is none. */
int presets_load(struct presets *ret, struct err *e);
/* The store's address written out, if it is a short form. */
int presets_apply(struct opts *o, struct err *e);
/* Do the drive's settings have rules (countries, laws, providers)? */
bool presets_has_rules(const struct opts *drive);
/* Do they let this store in?  -EPERM with the reason.  What is on this machine
 * always is. */
int presets_check(const struct opts *drive, const struct opts *store,
    struct err *e);

#endif
