/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FS_NAMES_H
#define FS_NAMES_H

#include <stddef.h>

struct drive;

/* names - what the root of a drive holds. */
struct names {
	char **v;
	size_t n, cap;
};

/* As many as there is memory for; t is empty before. */
void names_get(struct drive *d, struct names *t);
/* Its folders only. */
void names_folders(struct drive *d, struct names *t);
void names_done(struct names *t);

#endif
