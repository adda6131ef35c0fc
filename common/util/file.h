/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef UTIL_FILE_H
#define UTIL_FILE_H

#include <stddef.h>

struct buf;

/* file - whole files, small ones.  Returns 0 or a negative errno. */

/* Append the file to out, whose maximum bounds it (-EFBIG). */
int file_read(const char *path, struct buf *out);
/* Replace the file at once (temporary name, fsync, rename, fsync of the
 * folder): a reader sees the old or the new one, also after a power cut. */
int file_write(const char *path, const void *p, size_t len, unsigned mode);
/* All of it to an open descriptor, in as many calls as it takes. */
int file_write_fd(int fd, const void *p, size_t len);
/* Create the folder and its missing parents with mode 0700.  An existing one
 * is left alone. */
int file_mkdirs(const char *path);
/* fsync the folder that holds path. */
int file_sync_parent(const char *path);

#endif
