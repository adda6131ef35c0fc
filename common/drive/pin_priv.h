/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef DRIVE_PIN_PRIV_H
#define DRIVE_PIN_PRIV_H

#include "drive/content.h"
#include "drive/tree_priv.h"
#include "util/hash.h"

/*
 * pin_priv - what is to stay on this machine.  A pin is a row of one inode
 * (pin.c); what lies below a pinned folder is pinned by where it lies, which
 * is looked up from the inode upwards and never noted.
 */

struct pin {
	uint64_t ino;
	int64_t since_ns;	/* real time */
	struct drive_held held;	/* as last counted; pins inside another: 0 */
	UT_hash_handle hh;
};

/* All under db_lock, but for the two that are atomic. */
struct pins {
	struct pin *table;
	bool is_loaded;		/* the table agrees with the rows */
	bool has_any;		/* atomic; a hint for who has no lock */
	uint64_t gen;		/* atomic; what is pinned may have changed */

	/* Evictable bytes that are pinned, about: as last counted, and what
	 * came since. */
	uint64_t clean;

	/* What the last count found. */
	bool is_counted;
	uint64_t seen_gen, seen_inodes, seen_bid, seen_staged;
	bool is_asked;		/* a user waits for the next count */
	struct drive_held all;
	uint64_t lost;		/* bytes that the store does not give */
	bool is_full;		/* the disk has no room for the rest */
	uint64_t *todo;		/* files of which something is not here */
	size_t ntodo, captodo, at;
	size_t todo_max;
	bool is_cut;		/* there were more than that */
	uint64_t idx;		/* block of the file todo[at] to go on with */
};

int pins_new(struct pins **ret);
void pins_free(struct pins *p);
/* After a rollback: the rows are read anew when they are needed. */
void pins_drop(struct drive *d) REQUIRES(d->db_lock);
/* The table is there: 0 or an error. */
int pins_load(struct drive *d) REQUIRES(d->db_lock);
/* 1: ino is pinned, by itself or by a place that it has; *ret_by (may be
 * NULL) is what has the pin. */
int pin_find(struct drive *d, uint64_t ino, uint64_t *ret_by)
    REQUIRES(d->db_lock);
/* The same, not counting a pin of its own; -ENOENT. */
int pin_above(struct drive *d, uint64_t ino, uint64_t *ret_by)
    REQUIRES(d->db_lock);
/* Nothing that counts has changed since the last look. */
bool pins_is_counted(const struct drive *d) REQUIRES(d->db_lock);
/* Something has come to another place. */
void pins_moved(struct drive *d);
/* Has it a pin of its own, in the loaded table; away with it. */
bool pin_has_row(struct drive *d, uint64_t ino) REQUIRES(d->db_lock);
int pin_row_del(struct drive *d, uint64_t ino) REQUIRES(d->db_lock);
/* Inside a transaction: the inode goes for good. */
int pin_gone(struct drive *d, uint64_t ino) REQUIRES(d->db_lock);
/* Inside a transaction: now was renamed over old. */
int pin_replaced(struct drive *d, const struct inode *old,
    const struct inode *now) REQUIRES(d->db_lock);

/* ---- pin_walk.c: the files of a tree ------------------------------------- */

#define PIN_STEP 64		/* names looked at under one lock */

struct pin_walk {
	struct drive *d;
	uint64_t root;
	uint64_t *dirs;		/* folders to be looked into */
	size_t ndirs, capdirs;
	uint64_t dir;		/* the one under way; 0: none */
	uint8_t from[TAG_LEN];	/* its next name */
	uint64_t files[PIN_STEP];	/* found, not given yet */
	size_t nfiles;
	struct pin_seen *seen;	/* files that have several names */
};

/* Files of ino, or ino itself.  Folders that move meanwhile may be missed or
 * come twice. */
int pin_walk_begin(struct pin_walk *w, struct drive *d, uint64_t ino);
/* 1: *ret is the next file; 0: that was all.  No lock held. */
int pin_walk_next(struct pin_walk *w, uint64_t *ret);
void pin_walk_end(struct pin_walk *w);

/* Add what of the file is where; no lock held. */
int pin_tally(struct drive *d, uint64_t ino, struct drive_held *h,
    uint64_t *clean);

/* ---- evict.c ------------------------------------------------------------- */

/* Take the bytes of clean blocks of ino away; no lock held. */
int evict_file(struct drive *d, uint64_t ino, uint64_t *freed);

#endif
