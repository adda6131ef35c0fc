/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FS_ASK_H
#define FS_ASK_H

#include <stdbool.h>
#include <stddef.h>

struct err;
struct secret;

/*
 * ask - questions to a person, one after the other, on the terminal or in
 * windows.  Whatever waits for an answer returns -ECANCELED when the person
 * gives up: ^D, a closed window.
 */

#define ASK_MAX 1024	/* bytes of an answer and of a question */

struct ask;

struct ask_ops {
	/* Say something; nothing to answer. */
	void (*tell)(struct ask *a, const char *text);
	/* A line; def (may be "") is taken for an empty one. */
	int (*line)(struct ask *a, const char *what, const char *def,
	    char out[static ASK_MAX]);
	/* Not shown while it is typed.  May come out empty. */
	int (*secret)(struct ask *a, const char *what, struct secret *ret);
	/* 1: yes, 0: no. */
	int (*yes)(struct ask *a, const char *what, bool def);
	/* One of n, below a line that says of what; by number from 0. */
	int (*choice)(struct ask *a, const char *what, const char *const *of,
	    size_t n);
	/* Something that must not stay on the screen: seen, then gone. */
	int (*show)(struct ask *a, const char *text);
	/* Something that takes a while; until the next question. */
	void (*busy)(struct ask *a, const char *text);
	/* An address for the user's browser, opened there; until the next
	 * question, or the person gives up: is_given_up.  NULL: not known. */
	void (*visit)(struct ask *a, const char *url);
	bool (*is_given_up)(struct ask *a);
	/* It is over: what was told last is read.  why: it has failed; NULL. */
	void (*end)(struct ask *a, const char *why);
	void (*close)(struct ask *a);
};

struct ask {
	const struct ask_ops *ops;
};

/* -ENOTTY: there is none. */
int ask_terminal(struct ask **ret, struct err *e);
/* In windows, by zenity or kdialog.  What is told is read with the next
 * question.  -ENOTTY: there is no display; -ENOENT: neither is installed. */
int ask_windows(struct ask **ret, struct err *e);
void ask_close(struct ask *a);	/* NULL is fine */
void ask_tell(struct ask *a, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
void ask_busy(struct ask *a, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
/* For a handler of signals: bring the terminal back to what it was, take
 * windows away. */
void ask_restore(void);
void ask_windows_restore(void);	/* of that the windows */

#endif
