/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef SYNC_CHECK_PRIV_H
#define SYNC_CHECK_PRIV_H

#include "sync/sync_priv.h"

/* A sealed block that must be on the store: of a file, or (ino 0) a manifest
 * page that a journal or a checkpoint needs. */
struct check_ref {
	struct block_ref ref;
	uint64_t ino, idx;
};

struct check;

/* Does it verify?  Takes out of it what is wanted, if it does. */
typedef int (*check_open)(struct check *c, void *arg, const struct buf *o);

/* An object, and how it is seen whether it is right. */
struct check_want {
	const char *name;
	size_t max;
	check_open open;
	void *arg;
};

struct check {
	struct store *store;
	struct store *all;	/* with the others; lists what they have */
	const struct vault_keys *keys;
	struct drive *drive;
	struct sync_found found;
	struct check_ref *refs;
	size_t n, cap;
	void (*say)(void *arg, const char *finding);
	void (*progress)(void *arg, uint64_t done, uint64_t total);
	void *arg;
	int findings;
	size_t first_lost;	/* accept.c */
	unsigned tries;		/* to get an object; 0: OBJECT_PATIENT */
	struct buf *pack;	/* what check_pack read stays here; NULL */
	/* The store has it not right (why).  0: what is wanted was taken from
	 * another one, and the finding told; why: none has it right.  NULL:
	 * there is no other. */
	int (*other)(struct check *c, const struct check_want *w, int why);
	/* The store has it right: what o holds.  NULL: not of interest. */
	int (*good)(struct check *c, const struct check_want *w,
	    const struct buf *o);
};

void check_say(struct check *c, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
int check_ref_add(struct check *c, uint64_t ino, uint64_t idx,
    const struct block_ref *ref);
/* A finding: the row of that file, or of a block of it, does not verify. */
void check_say_unread(struct check *c, uint64_t ino);
/* fn for the references of each pack in turn (sorted by file in it), until it
 * fails. */
int check_each_pack(struct check *c, int (*fn)(struct check *c,
    const struct check_ref *refs, size_t n));
/* The one pack that these are all of: every block, and the pack itself. */
int check_pack(struct check *c, const struct check_ref *refs, size_t n);
/* A finding: n blocks of the file of r, from that one on. */
void check_say_blocks(struct check *c, const struct check_ref *r, size_t n,
    const char *what);
/* Of the object that w names, by w->open; from another store if this one has it
 * not right, and there is one.  is_needed: that it is not there counts, too. */
int check_object(struct check *c, const struct check_want *w, bool is_needed);
/* What does not verify or is not there is a finding, not a failure. */
bool check_is_finding(int r);
/* The store did not give an object, or anything: nobody knows what it has. */
bool check_is_unread(int r);
/* Genesis, who is who and the grants of the keys: without one of them no
 * recovery key opens the drive. */
int check_who(struct check *c);
/* Journals and checkpoints of every device; collects the manifest pages that
 * they need. */
int check_journals(struct check *c);

#endif
