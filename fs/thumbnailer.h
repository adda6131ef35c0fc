/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FS_THUMBNAILER_H
#define FS_THUMBNAILER_H

#include <stddef.h>
#include <stdint.h>

struct buf;

/*
 * thumbnailer - the programs that the desktop makes previews with, as they
 * are installed: found by the type of a picture, run in a jail.  What they
 * read and write are files in memory that have no name.
 */

#define THUMBNAILER_WORDS 24
#define THUMBNAILER_TEXT 2048

struct thumbnailer {
	char *argv[THUMBNAILER_WORDS + 2];	/* the jail's name first */
	char text[THUMBNAILER_TEXT];		/* of the words */
};

/* The type of a picture, by how it begins; NULL: none that is known. */
const char *picture_type(const uint8_t *p, size_t len);

/* Make a command of a line of Exec, for a picture of side pixels; -EINVAL. */
int thumbnailer_parse(const char *exec, unsigned side,
    struct thumbnailer *ret);
/* The program for a type; -ENOENT: none is installed. */
int thumbnailer_find(const char *type, unsigned side,
    struct thumbnailer *ret);
/*
 * Append what it makes of the file open as fd.  -ETIMEDOUT; -ECANCELED: stop_fd
 * can be read; -EIO: it failed.
 */
int thumbnailer_run(const struct thumbnailer *t, int fd, int stop_fd,
    struct buf *out);

#endif
