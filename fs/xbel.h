/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FS_XBEL_H
#define FS_XBEL_H

#include <stddef.h>

struct buf;

/*
 * xbel - the bookmarks of KDE's file managers and dialogs, one of which is
 * ours.  It is known by its ID, so that it may be renamed and moved by the
 * user.  Only its bytes are changed.
 */

#define XBEL_MAX (4u << 20)	/* bytes of such a file */

struct xbel_place {
	const char *id;		/* no characters that XML minds */
	const char *path, *title, *icon;
};

/* A file with no bookmarks in it, nor a version: KDE adds its own to it. */
extern const char xbel_empty[];

/* Put the place among the bookmarks, or make the one that has its ID like it.
 * Returns 1 with the new bytes in out, 0 if it is there as it should be,
 * -EBADMSG: these are no bookmarks in UTF-8; *ret_line is where that shows;
 * -EINVAL: the place cannot be written in XML. */
int xbel_add(const void *p, size_t len, const struct xbel_place *pl,
    struct buf *out, unsigned long *ret_line);
/* Take the place with that ID away.  As above; 0 if there is none. */
int xbel_remove(const void *p, size_t len, const char *id, struct buf *out,
    unsigned long *ret_line);

#endif
