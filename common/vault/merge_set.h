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

/* ---- making a view ---- */

/* Scratch for each node, as long as a view is made. */
struct merge_seat {
	uint32_t inode;		/* of this dentry, or MERGE_NONE */
	uint32_t dentries;	/* of this inode: first */
	uint32_t next_dentry;
	uint32_t children;	/* first of what is shown in this folder */
	uint32_t next_child;
	uint32_t next_twin;	/* next folder that is one with this one */
	bool is_alive;
	bool is_shown;
};

/* A child while a folder is sorted: eight bytes of the name decide mostly. */
struct merge_child {
	uint64_t prefix;
	uint32_t node;
};

struct merge_show {
	struct merge *m;
	const struct merge_visitor *v;
	struct merge_seat *seats;
	uint64_t *cells;	/* scratch by device: 3 * ndevs, zero at rest */
	struct merge_child *kids;
	size_t nkids, kids_cap;
	uint32_t *queue;	/* folders to be shown: first twin of each */
	size_t nqueue;
	uint32_t *heads;	/* put ops shown of one file */
	size_t nheads, heads_cap;
};

/* The kind of an inode; 0: it was never made. */
uint8_t merge_kind(const struct merge *m, uint32_t inode);
/* Which names are alive and which folders stay: fills the seats. */
void merge_show_alive(struct merge_show *w);
/* The versions shown of an inode, greatest first, into heads.  -ENOMEM. */
int merge_show_heads(struct merge_show *w, uint32_t inode);

static inline const struct merge_item *
merge_place(const struct merge_show *w, uint32_t node)
{
	return &w->m->ops[w->m->nodes[node].place];
}

#endif
