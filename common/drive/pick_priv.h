/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef DRIVE_PICK_PRIV_H
#define DRIVE_PICK_PRIV_H

#define HASH_FUNCTION HASH_FNV

#include "drive/tree_priv.h"
#include "util/hash.h"

/*
 * pick_priv - between pick.c (which rows can go now) and pick_ops.c (the ops
 * that they become).
 */

#define PATH_DEPTH_LIMIT 65536	/* folders above one another */

enum state {
	VISITING = 1,
	PICKED = 2,
	HELD = 3,
};

struct visit {
	uint64_t num;
	enum state state;
	uint64_t order;		/* visits are numbered */
	bool has_put;		/* its put goes too, or there is none */
	UT_hash_handle hh;
};

/* Ops of one phase and what is remembered of them. */
struct phase {
	struct op_list ops;
	struct sent *sent;
	size_t cap;
};

enum {
	PHASE_CREATE,
	PHASE_LINK,
	PHASE_PLACE,		/* upper folders first */
	PHASE_BODY,		/* put, attr, xattr */
	PHASE_DELETE,
	PHASES,
};

struct ctx {
	struct drive *d;
	struct publish *p;
	struct visit *rows, *folders;
	struct phase ph[PHASES];
	size_t bytes, bytes_max;
	unsigned depth;
	uint64_t order;		/* of the last visit */
	uint64_t cycles;	/* times that something relied on a row which
				 * was still being judged */
};

/* What had been taken at a moment. */
struct mark {
	size_t n[PHASES], npicks, bytes;
	uint64_t order, cycles;
};

/* The ops of a row that goes; *ret_stay: flags that stay all the same. */
int pick_names(struct ctx *c, const struct outbox_row *row, unsigned flags,
    const struct inode *i, const struct inode *parent,
    const struct dentry *x) NO_TSA;
int pick_body(struct ctx *c, const struct outbox_row *row, unsigned flags,
    const struct inode *i, unsigned *ret_stay) NO_TSA;
int pick_delete(struct ctx *c, const struct outbox_row *row);
/* The row goes with these flags; stay: those that wait again. */
int pick_add(struct ctx *c, const struct outbox_row *row, unsigned flags,
    unsigned stay) NO_TSA;
/* All phases into one list, and what is remembered of them into c->p. */
int pick_join(struct ctx *c, struct op_list *ops);

#endif
