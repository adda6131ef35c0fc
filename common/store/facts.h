/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef STORE_FACTS_H
#define STORE_FACTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "store/store.h"

struct buf;

/*
 * facts - what a probe found of a store, and when.
 *
 * A small file per store keeps them, so that they can be shown without asking
 * it again, and a change be noticed.  Nothing in them is secret, and nothing
 * but the capabilities is relied upon.
 */

#define FACTS_WAIT_MS 3000	/* how long a probe waits for something to
				 * show */
#define FACTS_MS_UNKNOWN (-1)
#define FACTS_MS_OVER (-2)	/* not within that time */

/* A put with If-Match and an entity tag that is no longer right. */
enum facts_match {
	FACTS_MATCH_UNKNOWN = 0,
	FACTS_MATCH_IGNORED,	/* it goes through */
	FACTS_MATCH_REFUSED,	/* refused, as is one with the right tag */
	FACTS_MATCH_HONOURED,
};

struct store_facts {
	int64_t time_s;			/* of the probe; 0: there was none */
	unsigned caps;			/* STORE_CAP_ */
	int list_ms;			/* until a new object is listed */
	int over_ms;			/* until a replaced one reads new */
	enum facts_match bare, quoted;	/* by how the tag is written */
	bool has_clock;
	int64_t clock_s;		/* its clock less ours */
	char tls[16];			/* "TLSv1.3"; "": without */
	char cipher[48];
	char issuer[160];		/* of its certificate */
	struct store_space space;	/* with STORE_CAP_QUOTA */
};

/* Nothing is known. */
void facts_init(struct store_facts *f);
/* Replace the file, and make its folder. */
int facts_write(const char *path, const struct store_facts *f);
/* -ENOENT: there is none; -EPROTO: it is not such a file. */
int facts_read(const char *path, struct store_facts *ret);
/* Append them for people, a line each. */
void facts_text(const struct store_facts *f, struct buf *out);
/* Append a line for each that should have stayed as it was and did not. */
void facts_changes(const struct store_facts *before,
    const struct store_facts *now, struct buf *out);

#endif
