/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef DRIVE_APPLY_PRIV_H
#define DRIVE_APPLY_PRIV_H

#include "drive/tree_priv.h"

/*
 * apply_priv - between apply.c (ops, nodes), apply_pages.c (long lists of
 * blocks) and apply_name.c (what they do to names).  Changes that come from
 * others leave no mark in the outbox.
 */

/* A name that was taken when an entry was to get it. */
struct clash {
	struct vault_id id;	/* of the entry that waits for it */
	struct place at;	/* where that stands meanwhile */
	uint64_t parent;
	uint8_t name_len;
	char name[VAULT_NAME_MAX + 1];
};

/* What is not settled yet: at the end of an apply, or of a rebuild. */
struct rebuild {
	struct clash *clashes;
	size_t nclashes, clashes_cap;
	uint64_t *awaited;	/* folders known by their children only */
	size_t nawaited, awaited_cap;
};

/* What the kernel has to be told. */
struct note {
	uint64_t ino;		/* inode, or the folder of name */
	char *name;		/* NULL: an inode */
	uint64_t gone;		/* what had the name and has none now; or 0 */
};

struct apply {
	struct drive *d;
	struct note *notes;
	size_t n, cap;
	unsigned conflicts;	/* names that stay other ones */
};

#define NOTES_MAX 65536

int stamp_cmp(const struct op_stamp *a, const struct op_stamp *b);
void note_add(struct apply *a, uint64_t ino, const char *name);
void note_gone(struct apply *a, uint64_t ino, const char *name,
    uint64_t gone);
/* Tell and free them; no lock held. */
void notes_send(struct apply *a);

/* The folder of this id; one that is not known yet is made to wait for. */
int apply_parent(struct apply *a, const struct vault_id *id, uint64_t *ret)
    NO_TSA;
int apply_link(struct apply *a, const struct vault_id *id,
    const struct vault_id *inode) NO_TSA;
int apply_place(struct apply *a, const struct op_stamp *stamp,
    const struct vault_id *id, const struct vault_id *parent,
    const uint8_t *name, size_t len) NO_TSA;
int apply_delete(struct apply *a, const struct vault_id *id) NO_TSA;
/* Find x a free place in x->parent: its own name, or one beside it. */
int place_free(struct drive *d, struct dentry *x) REQUIRES(d->db_lock);
/* Entry x (new, or moved from old) of inode i now stands at x->at. */
int place_put(struct apply *a, const struct dentry *old, struct dentry *x,
    struct inode *i) NO_TSA;
/* -ENOENT: nobody knows it (any more). */
int apply_find(struct drive *d, const struct vault_id *id, struct inode *ret)
    REQUIRES(d->db_lock);
/* stamp: NULL while more parts of the same version follow. */
int apply_put(struct apply *a, const struct vault_id *id,
    const struct op_stamp *stamp, const struct op_put *p) NO_TSA;
/* A version with manifest pages; it counts once the last is in. */
int apply_pages(struct apply *a, const struct vault_id *id,
    const struct op_stamp *stamp, const struct op_put *put) NO_TSA;
/* Will no later try get another answer? */
bool lost_is(int r);
/* A version of ino could not be had; what it left out is of no interest any
 * more; tell of all there are (no lock held). */
int lost_add(struct drive *d, uint64_t ino) REQUIRES(d->db_lock);
void lost_over(struct drive *d, uint64_t ino) REQUIRES(d->db_lock);
void lost_tell(struct drive *d);
/* p comes to lie on the version of i: did its author know of that one? */
int mixed_look(struct drive *d, const struct inode *i,
    const struct op_put *p) REQUIRES(d->db_lock);
/* Names that became free are given; folders that never came are shown. */
int apply_settle(struct apply *a, bool is_end) NO_TSA;

#endif
