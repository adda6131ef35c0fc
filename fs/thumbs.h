/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FS_THUMBS_H
#define FS_THUMBS_H

#include <stdint.h>

struct drive;

/*
 * thumbs - previews of files whose content has come.  A program that makes
 * previews is refused what is not on this machine, and the file manager then
 * remembers in the user's thumbnail cache that there is none, for good.  A
 * thread removes that mark once all of the file is here.
 */
struct thumbs;

/* Both are borrowed until thumbs_stop. */
int thumbs_start(struct drive *d, const char *mountpoint,
    struct thumbs **ret);
/* Content of the file was fetched.  Never waits. */
void thumbs_fetched(struct thumbs *t, uint64_t ino);
/* NULL is ignored. */
void thumbs_stop(struct thumbs *t);

#endif
