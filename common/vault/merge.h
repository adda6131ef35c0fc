/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef VAULT_MERGE_H
#define VAULT_MERGE_H

#include "vault/vault.h"

/*
 * merge - the visible tree as a function of a set of ops.  MERGE.md has the
 * rules and their reasons.
 *
 * A struct merge is that set.  Ops may be added in any order across devices
 * (those of one device in its own order); whatever the order, the view is the
 * same.  Nothing is computed until a view is asked for: then the placements
 * that came late are slotted into the order by undo, do and redo, so that
 * adding a little to a lot costs a little, and adding all at once costs one
 * sort.
 *
 * Knows no keys, signatures or segments' validity: what is added has been
 * verified.  Not for use by several threads at once.
 */
struct merge;

#define MERGE_DEVICES_MAX 4096

/* How much of a device somebody had seen. */
struct merge_seen {
	struct vault_id dev;
	uint64_t seq;		/* of the last op seen */
};

struct merge_op {
	uint16_t type;		/* OP_CREATE, LINK, PLACE, DELETE, PUT */
	uint8_t kind;		/* create: enum op_kind */
	uint8_t name_len;
	uint64_t lamport, seq;
	struct vault_id node;	/* as in struct op */
	struct vault_id other;	/* link: inode; place: folder */
	const uint8_t *name;	/* place; copied */
};

int merge_new(struct merge **ret);
/* NULL is ignored. */
void merge_free(struct merge *m);

/*
 * Who wrote the ops that are added from now on, and what it had seen of the
 * others (of itself it has seen everything before).  -ENOMEM; -EFBIG over
 * MERGE_DEVICES_MAX.
 */
int merge_author(struct merge *m, const struct vault_id *dev,
    const struct merge_seen *seen, size_t n);
/*
 * Add an op of that author.  Other types and ops that are there already are
 * passed over.  -EINVAL without an author, or for a node that cannot be;
 * -EFBIG over 2^32 - 2 ops or 4 GiB of names; -ENOMEM.
 */
int merge_add(struct merge *m, const struct merge_op *o);
/* The same for an op and for a whole segment (author included). */
int merge_add_op(struct merge *m, const struct op *o);
int merge_add_segment(struct merge *m, const struct segment *s);

/*
 * Start from a checkpoint: ops up to the frontier are folded into the nodes
 * that follow, and are passed over when they are added.  Into an empty set
 * only (-EINVAL).
 */
int merge_base(struct merge *m, const struct merge_seen *frontier, size_t n);
/* After merge_base, before the first op: a node of the checkpoint. */
int merge_add_node(struct merge *m, const struct ckpt_node *n);

/* One line of the view. */
struct merge_entry {
	struct vault_id parent;	/* folder that shows it */
	const uint8_t *name;	/* as bound, without a conflict suffix */
	uint8_t name_len;
	uint8_t kind;		/* enum op_kind */
	uint32_t rank;		/* 0: keeps the name; others get a suffix */
	struct vault_id dentry;
	struct vault_id inode;
	struct op_stamp placed;	/* the place op that holds */
	bool has_version;	/* else an empty file, or not a file */
	struct op_stamp version;	/* the put that is shown */
	bool is_loser;		/* a concurrent version, shown beside */
};

struct merge_visitor {
	int (*entry)(void *arg, const struct merge_entry *e);
	/* NULL if not wanted: folder `alias` is shown as part of `into`,
	 * which has one name with it. */
	int (*alias)(void *arg, const struct vault_id *alias,
	    const struct vault_id *into);
	void *arg;
};

/*
 * The view, a folder before what is in it.  Entries are borrowed during the
 * call.  Stops when a call returns other than 0 and returns that; -ENOMEM.
 */
int merge_view(struct merge *m, const struct merge_visitor *v);

/*
 * "stem (conflict DEVICE ID).ext" for what lost its name, cut to
 * VAULT_NAME_MAX bytes at a character; label is the device's, ID is made of
 * the op that lost.
 */
void merge_conflict_name(const uint8_t *name, size_t len, const char *label,
    const struct op_stamp *lost, uint8_t out[static VAULT_NAME_MAX],
    uint8_t *ret_len);
/* The id of the file that shows a version that lost: the same everywhere. */
void merge_conflict_id(const struct op_stamp *lost, struct vault_id *ret);

#endif
