/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef SYNC_SCRUB_H
#define SYNC_SCRUB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct drive;
struct err;
struct store;
struct vault_keys;

/* scrub - read what is on each store of a drive, and see whether it is what
 * was put there. */

struct scrub_conf {
	struct store *store;		/* a mirror, or not */
	const struct vault_keys *keys;
	struct drive *drive;
	uint64_t budget;		/* bytes to read of each member, at
					 * random; 0: all, journals too */
	bool has_leaving;		/* this member is not looked at, but
					 * may give what another has not; and
					 * journals are in any case */
	size_t leaving;
	/* A finding, for people. */
	void (*say)(void *arg, const char *finding);
	/* Objects looked at, of so many; false: stop. */
	bool (*progress)(void *arg, uint64_t done, uint64_t total);
	void *arg;
};

struct scrub_result {
	unsigned findings;		/* objects missing or altered */
	unsigned mended;		/* of these, copied anew from another
					 * member that has them right */
	unsigned unreached;		/* members that could not be read, or
					 * hold no drive or another */
	unsigned whole;			/* members where nothing is wrong, or
					 * is any more, of what was read */
	uint64_t objects, bytes;	/* read */
};

/* 0, -ECANCELED (progress said so), or a failure on this side. */
int sync_scrub(const struct scrub_conf *c, struct scrub_result *ret,
    struct err *e);

#endif
