/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef MARK_H
#define MARK_H

#include <stdbool.h>

/*
 * mark - where the content of a file on a Coffre drive is, as a file manager
 * shows it.  The driver answers from memory, so nothing here waits; a file
 * that is on no such drive is never asked.  For the main thread only.
 */

enum mark {
	MARK_NONE = 0,		/* not on a drive, or not said: a folder */
	MARK_LOCAL = 1,		/* only here */
	MARK_QUEUED = 2,	/* on its way */
	MARK_STORED = 3,	/* on the store */
};

#define MARK_TEXT_MAX 1024

/* text: what the driver said, "" for MARK_NONE. */
enum mark mark_of_path(const char *path, char text[static MARK_TEXT_MAX]);
/* Is it on a drive, by its name alone?  Folders are, too. */
bool mark_is_on_drive(const char *path);
/* What the driver says of a file or folder; "": nothing. */
void mark_text(const char *path, char text[static MARK_TEXT_MAX]);
/* text is that of a file that is to stay on this computer. */
bool mark_is_kept(const char *text);
/* ... and not only with its folder. */
bool mark_has_pin(const char *text);
/* The same as mark_of_path, of a file:// address. */
enum mark mark_of_uri(const char *uri, char text[static MARK_TEXT_MAX]);
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
