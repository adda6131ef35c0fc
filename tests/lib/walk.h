/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TESTS_LIB_WALK_H
#define TESTS_LIB_WALK_H

#include "vault/identity.h"

/*
 * walk - a fresh drive and somebody who has its recovery key and genesis, for
 * tests of user chain and grants.  One at a time.
 */
struct walk {
	struct vault_keys *keys;	/* of the first device */
	struct vault_birth birth;
	struct vault_recovery *rec;
	uint8_t seed[32];
};

extern struct walk walk;

/* A checked fixture. */
void walk_setup(void);
void walk_teardown(void);
/* Give it the next chain record or a grant. */
int walk_chain(const struct buf *b);
int walk_grant(const struct buf *b);
/* Start anew, with nothing but genesis. */
void walk_restart(void);
size_t walk_ndevices(void);
/* The chain as the walk knows it, to make records by hand.  Caller frees
 * dev. */
struct chain walk_known(uint64_t seq, uint8_t (*hash)[32]);
/* Keys of a device of the same drive that nobody has enrolled. */
struct vault_keys *walk_stranger(const char *label);
/* Record 2 with this change, signed by author.  Caller frees it. */
struct buf walk_record_2(const struct vault_keys *author,
    const struct chain_change *ch);

#endif
