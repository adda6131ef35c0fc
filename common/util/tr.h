/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef UTIL_TR_H
#define UTIL_TR_H

#include <stdbool.h>
#include <stddef.h>

/*
 * tr - the language of whoever reads.
 *
 * A message is made in English where it happens: in a log, on the control
 * socket, in JSON and in a file it stays so.  It is put into the language of
 * the reader where the reader is shown it, and there alone: the format, if
 * it is filled in there (tr), or the whole text, if it was made elsewhere,
 * perhaps by the process of a mount or out of several messages (tr_text).
 * The catalogues are in packaging/po, looked up with libc's gettext.
 *
 * Nothing else of the process follows the locale: numbers, the classes of
 * characters and strerror(3) are those of "C".  Any thread may call.
 */

/* Mark a text that is looked up later. */
#define N_(s) (s)
/* The same, by n, which is the first number in it. */
#define NP_(one, many, n) ((n) == 1 ? (one) : (many))
#define _(s) tr(s)

#define TR_MAX 2048	/* bytes of a text, with its NUL */

/* Take the language from the environment; before there are threads.  dir:
 * where catalogues are; NULL: where they belong. */
void tr_init(const char *dir);
/* Is there a catalogue for it? */
bool tr_is_on(void);

/* The text of the catalogue; s itself if there is none. */
const char *tr(const char *s) __attribute__((format_arg(1)));
/* By number, as the language counts. */
const char *tr_n(const char *one, const char *many, unsigned long n)
    __attribute__((format_arg(1), format_arg(2)));

/* What libc says of an errno. */
const char *tr_libc(const char *s);

/* A text that was made from formats of the catalogue: "cannot list 'x': No
 * such file or directory".  What is not known of it stays as it is.  Returns
 * out, or s itself. */
const char *tr_text(const char *s, char out[static TR_MAX]);

/* Columns of s on a terminal. */
size_t tr_width(const char *s);

/* If s was made from fmt, fill `to` in with the same values, which stand
 * there in the same order or by number ("%2$s"); false: it was not. */
bool tr_refill(const char *fmt, const char *to, const char *s,
    char out[static TR_MAX]);

/* All formats that are in the catalogues; made from packaging/po. */
struct tr_format {
	const char *one;
	const char *many;	/* NULL: it does not depend on a number */
};
extern const struct tr_format tr_formats[];
extern const size_t tr_nformats;

#endif
