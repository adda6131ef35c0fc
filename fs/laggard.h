/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FS_LAGGARD_H
#define FS_LAGGARD_H

#include <stddef.h>
#include <stdint.h>

#include "fs/notice.h"
#include "store/mirror.h"

/*
 * laggard - of several stores of a drive that works, one that refuses access,
 * is full or stays away: nobody would notice until it is needed.  No I/O here.
 */
#define LAGGARD_KINDS 3		/* NOTICE_STORE_SIGN_IN and what follows */
#define LAGGARD_AWAY_MS (24 * 60 * 60 * 1000)

struct laggard {
	struct {
		char id[256];
		int kind;		/* -1: nothing to tell */
	} seen[MIRROR_MEMBERS_MAX];
	size_t n;
	char url[LAGGARD_KINDS][256];	/* who is spoken of: the last one */
};

/* The stores are so now: what is to be told is added to n, what is over is
 * dropped there.  Returns the kinds that are over, as bits; *ret_next_ms: when
 * to look again by itself, 0: not. */
unsigned laggard_look(struct laggard *l, const struct mirror_state *st,
    size_t n, int64_t now_ms, struct notice *notice, int64_t *ret_next_ms);
/* The kind of a bit, and the store that it is about; NULL: it is about none. */
enum notice_kind laggard_kind(unsigned bit);
const char *laggard_url(const struct laggard *l, enum notice_kind kind);

#endif
