/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FS_WHERE_H
#define FS_WHERE_H

#include <limits.h>
#include <stdbool.h>

#include "fs/ask.h"

/* where - asks where a drive is to be kept: a provider of the presets, a
 * folder, or an address that somebody knows. */

/* out: an address or short form as behind --store.  -ECANCELED. */
int where_ask(struct ask *a, char out[static ASK_MAX], struct err *e);
/* Can a drive be mounted there, on an empty folder or one to be made?  out: the
 * whole path, "~" written out.  Makes nothing. */
int where_folder(const char *path, char out[static PATH_MAX], struct err *e);
/* Do file managers show in their sidebar what is mounted there?  A whole
 * path. */
bool where_is_shown(const char *path);

#endif
