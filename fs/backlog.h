/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FS_BACKLOG_H
#define FS_BACKLOG_H

#include <stdbool.h>
#include <stdint.h>

/*
 * backlog - changes that have waited for a day while the store takes nothing:
 * work goes on, and nobody would notice.  No I/O here.
 */
#define BACKLOG_AGE_MS (24LL * 60 * 60 * 1000)
/* So long the store has not answered: a network comes up in less. */
#define BACKLOG_AWAY_MS (10 * 60 * 1000)
#define BACKLOG_LOOK_MS (60 * 60 * 1000)

struct backlog {
	int64_t away_ms;	/* since; 0: it is not */
	bool is_told;
};

enum backlog_news {
	BACKLOG_NONE = 0,
	BACKLOG_TELL,
	BACKLOG_OVER,		/* what was told is */
};

/*
 * It is so now; oldest_ns: real time of the oldest change, 0: there is none;
 * now_ms: of clock_mono_ms, real_ns: of clock_real_ns.  *ret_next_ms: when to
 * look again by itself, 0: not.
 */
enum backlog_news backlog_look(struct backlog *b, bool is_online,
    int64_t oldest_ns, int64_t now_ms, int64_t real_ns,
    int64_t *ret_next_ms);
/* The machine has slept: the network has yet to come up. */
void backlog_wake(struct backlog *b, int64_t now_ms);

#endif
