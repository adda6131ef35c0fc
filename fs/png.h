/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FS_PNG_H
#define FS_PNG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct buf;

/*
 * png - the chunks of a small PNG picture: what is in it is judged by form
 * alone, nothing is unpacked.  Pure.
 */

/* -EBADMSG unless it is a PNG of at most side by side pixels that holds what
 * makes the picture and nothing else, with right checksums and nothing
 * behind it. */
int png_check(const uint8_t *p, size_t len, uint32_t side);
/* Append what makes the picture, without comments, dates and the like, so
 * that png_check takes it; -EBADMSG if that cannot be. */
int png_strip(const uint8_t *p, size_t len, uint32_t side, struct buf *out);

/* A line of text in a picture. */
struct png_text {
	const char *key, *value;
};
/* Append a picture that png_check takes, with such lines. */
int png_label(const uint8_t *p, size_t len, const struct png_text *t,
    size_t n, struct buf *out);
/* The text of that key in the first len bytes of any PNG, without a NUL;
 * NULL if there is none. */
const uint8_t *png_find(const uint8_t *p, size_t len, const char *key,
    size_t *ret_len);
/* Is there one, and is it that? */
bool png_says(const uint8_t *p, size_t len, const struct png_text *t);

#endif
