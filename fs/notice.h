/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FS_NOTICE_H
#define FS_NOTICE_H

#include <stdbool.h>
#include <stdint.h>

/*
 * notice - what a person at the desktop is told, and how often: of each kind
 * one at once and then one in ten minutes, which says how often it happened.
 * The texts are ours alone: what a store says is not shown.  No I/O here.
 */
enum notice_kind {
	NOTICE_SIGN_IN,		/* the store refuses access */
	NOTICE_FULL,		/* no room at the store */
	NOTICE_ALARM,		/* a trust rule */
	NOTICE_CONFLICT,	/* two files wanted one name */
	NOTICE_UNSENT,		/* left at unmount */
	NOTICE_FAULT,		/* the store answers nonsense */
	NOTICE_STALLED,		/* nothing has been uploaded for a day */
	NOTICE_LOCKED,		/* still, a while after it was mounted */
	NOTICE_NOT_LOCKED,	/* before the machine slept */
	NOTICE_NOT_MOUNTED,	/* where nobody looks */
	/* One store of several, while the drive works. */
	NOTICE_STORE_SIGN_IN,	/* refuses access */
	NOTICE_STORE_FULL,	/* has no room */
	NOTICE_STORE_AWAY,	/* has been away for long */
	NOTICE_KINDS,
};

#define NOTICE_EVERY_MS (10 * 60 * 1000)
#define NOTICE_LINE_MAX 2048

struct notice {
	struct {
		unsigned waiting;	/* times not told yet */
		int64_t not_before_ms;
	} of[NOTICE_KINDS];
};

/* It has happened, so often. */
void notice_add(struct notice *n, enum notice_kind kind, unsigned times);
/* It is no longer so: there is no more to tell. */
void notice_drop(struct notice *n, enum notice_kind kind);
/* One that may be told now, and how often it happened; it counts as told.
 * False: none. */
bool notice_take(struct notice *n, int64_t now_ms, enum notice_kind *ret,
    unsigned *ret_times);
/* Milliseconds until there may be one; -1: none waits. */
int64_t notice_wait(const struct notice *n, int64_t now_ms);

/* Who is spoken of. */
struct notice_of {
	const char *title;	/* as file managers show it */
	const char *name;	/* as commands want it */
	uint64_t changes;	/* of NOTICE_UNSENT */
	unsigned times;
	const char *store;	/* of NOTICE_STORE_*: its address */
	const char *why;	/* of NOTICE_NOT_MOUNTED, in words */
};

/* The lines of fs/desktop_words.h: to show it, and to take it away again.
 * The length. */
int notice_line(enum notice_kind kind, const struct notice_of *o,
    char out[static NOTICE_LINE_MAX]);
int notice_gone_line(enum notice_kind kind,
    char out[static NOTICE_LINE_MAX]);

#endif
