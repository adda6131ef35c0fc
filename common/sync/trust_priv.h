/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef SYNC_TRUST_PRIV_H
#define SYNC_TRUST_PRIV_H

#include "sync/sync_priv.h"

/* trust_priv - between trust.c, trust_mirror.c and trust_alarm.c. */

/* What a store shows in place of what this device knows to be there. */
enum trust_seen {
	TRUST_OLD = 1,		/* less than it had */
	TRUST_OTHER,		/* what is not of this device */
	TRUST_SPOILED,		/* what nobody has made so */
	TRUST_DRIVE,		/* another drive */
	TRUST_CLONE,		/* what only one with our keys has made */
};

/* Say so, with what to do; -EROFS. */
int trust_alarm(struct sync *s, enum sync_alarm_kind kind);
bool trust_is_alarm(struct sync *s);

/* Look at one store: 0: it is as it should be; a trust_seen; or why nothing
 * can be said. */
typedef int (*trust_look)(struct sync *s, struct store *st, void *arg);

/*
 * The stores of a mirror one by one, where one of them gave cause for an
 * alarm.  0: one bears out what we know, and those that lie are named in the
 * log and the status; TRUST_CLONE: one has what is of another copy of this
 * device; TRUST_OLD: nobody bears it out, or there is one store only.
 */
int trust_ask(struct sync *s, trust_look look, void *arg);
/* The same: has one of them what we put, and others something else there?
 * Then those get it over theirs. */
bool trust_ask_mend(struct sync *s, trust_look look, void *arg,
    const char *name);

#endif
