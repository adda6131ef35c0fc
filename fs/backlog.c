/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "fs/backlog.h"

#define NS_PER_MS 1000000

static int64_t
later(int64_t a, int64_t b)
{
	return a > b ? a : b;
}

enum backlog_news
backlog_look(struct backlog *b, bool is_online, int64_t oldest_ns,
    int64_t now_ms, int64_t real_ns, int64_t *ret_next_ms)
{
	bool was_told = b->is_told;
	int64_t due, look = now_ms + BACKLOG_LOOK_MS;

	*ret_next_ms = 0;
	if (is_online) {
		b->away_ms = 0;
		b->is_told = false;
		return was_told ? BACKLOG_OVER : BACKLOG_NONE;
	}
	if (b->away_ms == 0)
		b->away_ms = now_ms;
	if (was_told)
		return BACKLOG_NONE;
	*ret_next_ms = look;
	if (oldest_ns == 0)
		return BACKLOG_NONE;
	due = later(b->away_ms + BACKLOG_AWAY_MS, now_ms + BACKLOG_AGE_MS -
	    (real_ns - oldest_ns) / NS_PER_MS);
	if (due > now_ms) {
		*ret_next_ms = due < look ? due : look;
		return BACKLOG_NONE;
	}
	*ret_next_ms = 0;
	b->is_told = true;
	return BACKLOG_TELL;
}

void
backlog_wake(struct backlog *b, int64_t now_ms)
{
	if (b->away_ms > 0)
		b->away_ms = now_ms;
}
