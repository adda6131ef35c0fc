/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FS_PREVIEW_H
#define FS_PREVIEW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct buf;
struct drive_attr;

/*
 * preview - the small picture that is kept with a file, as bytes:
 *
 *	0	1	1, the version
 *	1	8	mtime of the content that it shows, ns since 1970
 *	9	8	size of that content
 *	17		a PNG, see png_check
 *
 * Another version of the program, or another program, may have written it.
 */

#define PREVIEW_SIDE 128u	/* pixels: what desktops call "normal" */
/* Any picture of that size fits, also one that cannot be packed, but with
 * transparency. */
#define PREVIEW_MAX (56u * 1024)

struct preview {
	int64_t mtime_ns;
	uint64_t size;
	const uint8_t *png;	/* borrowed */
	size_t png_len;
};

/* -EBADMSG: it is none, or not one of ours. */
int preview_read(const uint8_t *p, size_t len, struct preview *ret);
/* Append. */
int preview_write(const struct preview *v, struct buf *out);
/* Does it show the content as it is now? */
bool preview_is_of(const struct preview *v, const struct drive_attr *a);

#endif
