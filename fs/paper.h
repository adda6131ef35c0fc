/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FS_PAPER_H
#define FS_PAPER_H

struct ask;
struct setup;
struct vault_birth;

/* paper - the recovery key is shown, and asked back before anything depends
 * on it: a key that nobody has written down is none. */

/* Returns when three groups of it, chosen at random, were given; -ECANCELED. */
int paper_ask(struct ask *a, const struct setup *s,
    const struct vault_birth *b);

#endif
