/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef STORE_DIR_PRIV_H
#define STORE_DIR_PRIV_H

#include "store/backend.h"

/* dir_priv - shared by store_dir.c and dir_list.c. */

/* Begins the name of a file being written: no object's name has a dot. */
#define DIR_TEMP ".tmp-"
/* A temporary file this old belongs to nobody who is still writing. */
#define DIR_TEMP_AGE_S 86400

struct dir {
	struct store base;
	char *path;
};

/* The root folder, open; -EHOSTUNREACH if it is not there. */
int dir_root(struct dir *d);
/* What an errno means here. */
int dir_errno(int err);
int dir_list(struct store *s, const char *prefix,
    int (*fn)(void *arg, const char *name, uint64_t size), void *arg);

#endif
