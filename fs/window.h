/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FS_WINDOW_H
#define FS_WINDOW_H

#include <stdbool.h>
#include <stddef.h>

struct buf;
struct child;
struct err;

/*
 * window - zenity(1) or kdialog(1): a window that shows a text and takes an
 * answer.  They are started as they are, with no shell between.  All users
 * can see the words that a program was started with, so no secret is among
 * them: one that is answered comes by standard output, one that is shown
 * goes through memory.
 */

enum window_kind {
	WINDOW_LINE,		/* prints a line */
	WINDOW_SECRET,
	WINDOW_YES,
	WINDOW_CHOICE,		/* prints its number, from 1 */
	WINDOW_SHOW,		/* text is shown as it is, not wrapped */
	WINDOW_TELL,
	WINDOW_FAIL,
	WINDOW_BUSY,		/* nothing to answer: the caller ends it */
};

struct window {
	enum window_kind kind;
	const char *text;		/* any text: nothing in it means
					 * anything */
	const char *def;		/* of a line; NULL: none */
	const char *const *of;		/* to choose from */
	size_t n;
	bool is_no;			/* the answer that is at hand */
};

enum window_end {
	WINDOW_OK = 0,		/* also: yes */
	WINDOW_NO = 1,		/* also: given up, with a button */
	WINDOW_CLOSED = 2,
};

/* Which of the two, by what is installed and what desktop this is.  -ENOTTY:
 * there is no display; -ENOENT: neither is installed. */
int window_program(const char **ret, struct err *e);
/* Its input stays open. */
int window_open(struct child *c, const char *program, const struct window *w);
/* What its exit status means: one of window_end; -EIO: no window came up. */
int window_ended(const char *program, int status);
/* Is this session KDE's? */
bool window_is_kde(void);
/* The desktop's own program for a folder or an address of the web. */
int window_browse(const char *what);
/* This command, with these words, in a terminal of the desktop instead.
 * Returns if there is none. */
void window_terminal(const char *const *words);

/* How a text is to be written. */
enum window_form {
	WINDOW_PLAIN,
	WINDOW_MNEMONIC,	/* GLib's escapes; "_" is a key */
	WINDOW_MARKUP,		/* Pango's, with GLib's escapes */
	WINDOW_HTML,
	WINDOW_FORMS,
};

/* s, broken into lines that a window has room for unless `width` is 0; what
 * is no UTF-8 and what controls are question marks. */
void window_text(enum window_form form, size_t width, const char *s,
    struct buf *out);

#endif
