/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FS_ASSUAN_H
#define FS_ASSUAN_H

#include <stddef.h>
#include <sys/types.h>

/* assuan - lines of the protocol that pinentry(1) speaks. */

#define ASSUAN_LINE_MAX 1000	/* bytes of a line without its end */

enum assuan_kind {
	ASSUAN_OK = 1,
	ASSUAN_ERR,
	ASSUAN_DATA,
	ASSUAN_INQUIRE,		/* wants more of us */
	ASSUAN_OTHER,		/* a status or a comment: to be passed over */
};

/* Codes of libgpg-error that mean something to us. */
enum {
	ASSUAN_TIMEOUT = 62,
	ASSUAN_CANCELED = 99,
	ASSUAN_NOT_CONFIRMED = 114,
	ASSUAN_FULLY_CANCELED = 198,
};

struct assuan {
	enum assuan_kind kind;
	unsigned code;		/* ERR: without what says who found it */
	const char *arg;	/* what follows the word; in the line */
	size_t len;
};

/* A line without its end.  -EPROTO. */
int assuan_parse(const char *line, size_t len, struct assuan *ret);
/* What data stands for; bytes, or -EPROTO, -EFBIG.  No NUL is added, and none
 * is let through. */
ssize_t assuan_decode(const char *s, size_t len, char *out, size_t cap);
/* A text as an argument, with a NUL; -EFBIG. */
int assuan_encode(const char *s, char *out, size_t cap);

#endif
