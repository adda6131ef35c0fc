/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "fs/laggard.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

enum { SIGN_IN, FULL, AWAY };	/* as NOTICE_STORE_* */

/* -1: nothing to tell, until *next_ms at the most. */
static int
kind_of(const struct mirror_state *st, int64_t now_ms, int64_t *next_ms)
{
	int64_t at = st->away_ms + LAGGARD_AWAY_MS;

	if (!st->is_away)
		return -1;
	if (st->why == -EACCES || st->why == -EPERM)
		return SIGN_IN;
	if (st->why == -ENOSPC || st->why == -EDQUOT)
		return FULL;
	if (at <= now_ms)
		return AWAY;
	if (*next_ms == 0 || at < *next_ms)
		*next_ms = at;
	return -1;
}

static int
kind_was(const struct laggard *l, const char *id)
{
	size_t i;

	for (i = 0; i < l->n; i++) {
		if (strcmp(l->seen[i].id, id) == 0)
			return l->seen[i].kind;
	}
	return -1;
}

static unsigned
kinds_of(const struct laggard *l)
{
	unsigned bits = 0;
	size_t i;

	for (i = 0; i < l->n; i++)
		bits |= l->seen[i].kind < 0 ? 0 : 1u << l->seen[i].kind;
	return bits;
}

unsigned
laggard_look(struct laggard *l, const struct mirror_state *st, size_t n,
    int64_t now_ms, struct notice *notice, int64_t *ret_next_ms)
{
	unsigned over = kinds_of(l), i;
	struct laggard was = *l;
	int kind;

	*ret_next_ms = 0;
	l->n = n < MIRROR_MEMBERS_MAX ? n : MIRROR_MEMBERS_MAX;
	for (i = 0; i < l->n; i++) {
		kind = kind_of(&st[i], now_ms, ret_next_ms);
		(void)snprintf(l->seen[i].id, sizeof(l->seen[i].id), "%s",
		    st[i].id);
		l->seen[i].kind = kind;
		if (kind < 0 || kind == kind_was(&was, st[i].id))
			continue;
		(void)snprintf(l->url[kind], sizeof(l->url[kind]), "%s",
		    st[i].url);
		notice_add(notice, laggard_kind((unsigned)kind), 1);
	}
	over &= ~kinds_of(l);
	for (i = 0; i < LAGGARD_KINDS; i++) {
		if (over & 1u << i)
			notice_drop(notice, laggard_kind(i));
	}
	return over;
}

enum notice_kind
laggard_kind(unsigned bit)
{
	return (enum notice_kind)(NOTICE_STORE_SIGN_IN + bit);
}

const char *
laggard_url(const struct laggard *l, enum notice_kind kind)
{
	unsigned i = (unsigned)kind - NOTICE_STORE_SIGN_IN;

	return i < LAGGARD_KINDS ? l->url[i] : NULL;
}
