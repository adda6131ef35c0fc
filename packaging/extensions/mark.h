/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef MARK_H
#define MARK_H

#include <stdbool.h>

/*
 * mark - where the content of a file on a Coffre drive is, as a file manager
 * shows it.  A file that is on no such drive is never asked.  For the main
 * thread only, but for mark_look.
 */

enum mark {
	MARK_NONE = 0,		/* not on a drive, or not said: a folder */
	MARK_LOCAL = 1,		/* only here */
	MARK_QUEUED = 2,	/* on its way */
	MARK_STORED = 3,	/* on the store */
};

struct seen {
	enum mark mark;
	bool is_link;		/* it may lead out of the drive */
	char *text;		/* what the driver says; "": nothing */
};

/* Ask the driver, which answers from memory; but while it cannot, whoever asks
 * waits: by a thread of its own.  Caller frees the text. */
void mark_look(const char *path, struct seen *ret);
/* Is it on a drive, by its name alone?  Folders are, too.  Waits for none. */
bool mark_is_on_drive(const char *path);
/* text is that of a file that is to stay on this computer. */
bool mark_is_kept(const char *text);
/* ... and not only with its folder. */
bool mark_has_pin(const char *text);
/* The name of its emblem; NULL: none. */
const char *mark_emblem(enum mark m);
/* A text of the menu in the language of the session, as GTK wants it. */
const char *mark_say(const char *s) __attribute__((format_arg(1)));
#define _(s) mark_say(s)

/* text in the language of the session; caller frees. */
char *mark_words(const char *text);
/* Is it the other one of two that wanted one name, by its own? */
bool mark_is_conflict(const char *uri);
#define MARK_CONFLICT "dialog-warning"	/* the emblem of that */
/* May it become another by itself? */
bool mark_is_passing(enum mark m);

#endif
