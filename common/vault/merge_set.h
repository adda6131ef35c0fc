/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef VAULT_MERGE_SET_H
#define VAULT_MERGE_SET_H

#include "vault/merge.h"

/*
 * merge_set - the inside of struct merge, for merge*.c only.
 *
 * Everything is an array and everything refers by number: devices, nodes
 * (any id: inode or dentry), ops, and vectors of what had been seen.
 */

#define MERGE_NONE UINT32_MAX
#define MERGE_ROOT 0		/* the node of the top folder */

struct merge_dev {
	struct vault_id id;
	uint64_t last;		/* seq of its last op here */
	uint64_t folded;	/* ops up to here are in the base */
	uint32_t seen;		/* its newest vector */
};

/* What an author had seen: n numbers at cells[off], by device number. */
struct merge_vec {
	size_t off;
	uint32_t n;
};

struct merge_item {
	uint64_t lamport, seq;
	uint32_t dev, seen;
	uint32_t node;
	uint32_t other;		/* link: inode, place: folder (nodes) */
	uint32_t next;		/* of the same node */
	uint32_t name;		/* offset in names */
	uint8_t name_len, type, kind;
};

struct merge_node {
	struct vault_id id;
	uint32_t ops;		/* first of its ops */
	uint32_t create;	/* lowest create op */
	uint32_t link;		/* lowest link op */
	uint32_t place;		/* the place op that holds now */
	uint32_t nchild;	/* nodes placed in it now */
};

/* A place op in the order, and what held before it. */
struct merge_log {
	uint32_t op, old;
};

struct merge {
	struct merge_dev *devs;
	uint32_t ndevs;
	size_t devs_cap;
	struct merge_vec *vecs;
	uint32_t nvecs;
	size_t vecs_cap;
	uint64_t *cells;
	size_t ncells, cells_cap;
	struct merge_node *nodes;
	uint32_t nnodes;
	size_t nodes_cap;
	uint32_t *slots;	/* hash of ids: node + 1, 0: free */
	size_t slots_mask;
	struct merge_item *ops;
	uint32_t nops;
	size_t ops_cap;
	uint8_t *names;
	size_t names_len, names_cap;
	struct merge_log *log;
	size_t nlog, log_cap;
	uint32_t *pending;	/* place ops not yet in the log */
	size_t npending, pending_cap;
	uint32_t author;	/* device, or MERGE_NONE */
	bool has_base;
};

/* The total order of ops: -1 or 1; 0 for the same one. */
int merge_order(const struct merge *m, const struct merge_item *a,
    const struct merge_item *b);
/* How much of device dev the author of o had seen. */
uint64_t merge_saw(const struct merge *m, const struct merge_item *o,
    uint32_t dev);
/* Slot pending place ops into the log.  -ENOMEM. */
int merge_settle(struct merge *m);

#endif
