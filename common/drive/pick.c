/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What can be published now, and in which order.
 *
 * Rows are visited in order of their numbers, going on where the last visit
 * ended, so that nothing starves.  A row draws in what must come before it:
 * its folder and every folder above that waits to be made or moved (so that
 * no receiver sees a folder inside itself), the inode of an extra link, the
 * row it comes after.  If one of those is held, so is the row.
 */
#include "drive/pick_priv.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "util/log.h"

#define SCAN 256		/* rows read at a time */
#define PICKS_MAX 2000		/* rows in one segment */
#define DEPTH_MAX 64
#define LINKS_AT_ONCE 8

static int row_pick(struct ctx *c, uint64_t num, struct visit **ret);

/* ---- what must come first ----------------------------------------------- */

static struct visit *
visit_add(struct ctx *c, struct visit **table, uint64_t num)
{
	struct visit *v;

	v = calloc(1, sizeof(*v));
	if (!v)
		return NULL;
	v->num = num;
	v->state = VISITING;
	v->order = ++c->order;
	v->has_put = true;
	HASH_ADD(hh, *table, num, sizeof(v->num), v);
	if (HASH_IS_OUT(v)) {
		free(v);
		v = NULL;
	}
	return v;
}

static struct visit *
visit_get(struct visit *table, uint64_t num)
{
	struct visit *v;

	HASH_FIND(hh, table, &num, sizeof(num), v);
	return v;
}

static struct mark
mark_set(const struct ctx *c)
{
	struct mark m = { .npicks = c->p->npicks, .bytes = c->bytes,
	    .order = c->order, .cycles = c->cycles };
	int k;

	for (k = 0; k < PHASES; k++)
		m.n[k] = c->ph[k].ops.n;
	return m;
}

static void
visits_undo(struct visit **table, uint64_t order, bool is_picked_only)
{
	struct visit *v, *t;

	HASH_ITER(hh, *table, v, t) {
		if (v->order <= order ||
		    (is_picked_only && v->state != PICKED))
			continue;
		HASH_DEL(*table, v);
		free(v);
	}
}

/* Untake what was picked since; it may be visited again. */
static int
mark_undo(struct ctx *c, const struct mark *m) NO_TSA
{
	struct outbox_row *o;
	int k, r = 0;

	for (k = 0; k < PHASES; k++)
		while (c->ph[k].ops.n > m->n[k])
			op_done(&c->ph[k].ops.ops[--c->ph[k].ops.n]);
	while (c->p->npicks > m->npicks && r == 0) {
		o = &c->p->picks[--c->p->npicks].row;
		r = outbox_put(c->d, o);
		if (o->num == o->ino)
			inode_set_marked(c->d, o->ino, o->flags);
	}
	visits_undo(&c->rows, m->order, true);
	visits_undo(&c->folders, m->order, false);
	c->bytes = m->bytes;
	return r;
}

/* Has the folder, by itself, been told of or picked?  1, 0 held, or errno. */
static int
folder_pick(struct ctx *c, uint64_t ino) NO_TSA
{
	struct outbox_row o;
	struct visit *v;
	int r;

	if (ino == DRIVE_ROOT_INO)
		return 1;
	r = outbox_get(c->d, ino, &o);
	if (r < 0)
		return r;
	if (r == 0 || !(o.flags & (OUTBOX_CREATE | OUTBOX_PLACE)))
		return 1;
	r = row_pick(c, ino, &v);
	return r < 0 ? r : v->state != HELD;
}

/* The folder and all above it, topmost first. */
static int
ancestors_pick(struct ctx *c, uint64_t ino) NO_TSA
{
	uint64_t *path = NULL, *t;
	size_t n = 0, cap = 0;
	struct inode i;
	struct visit *v = NULL;
	int r = 1;

	while (ino != DRIVE_ROOT_INO && !(v = visit_get(c->folders, ino))) {
		if (n == cap) {
			cap = cap ? cap * 2 : 32;
			t = cap > PATH_DEPTH_LIMIT ? NULL :
			    realloc(path, cap * sizeof(*path));
			if (!t) {
				r = -ENOMEM;
				goto out;
			}
			path = t;
		}
		path[n++] = ino;
		r = inode_load(c->d, ino, &i);
		if (r < 0)
			goto out;
		/* A removed folder above: nothing below it can be told. */
		if (i.parent == 0) {
			r = 0;
			goto out;
		}
		ino = i.parent;
	}
	r = v ? v->state != HELD : 1;
	if (v && v->state == VISITING)
		c->cycles++;
	while (n-- > 0 && r >= 0) {
		v = visit_add(c, &c->folders, path[n]);
		if (!v) {
			r = -ENOMEM;
			break;
		}
		if (r == 1)
			r = folder_pick(c, path[n]);
		v->state = r > 0 ? PICKED : HELD;
	}
out:
	free(path);
	return r;
}

/* The row of the inode of an extra name. */
static int
owner_pick(struct ctx *c, const struct outbox_row *row) NO_TSA
{
	struct outbox_row o;
	struct visit *v;
	int r;

	r = outbox_get(c->d, row->ino, &o);
	if (r <= 0)
		return r < 0 ? r : 1;
	if (!(o.flags & OUTBOX_CREATE) &&
	    !(row->has_over && (o.flags & OUTBOX_PUT)))
		return 1;
	r = row_pick(c, row->ino, &v);
	if (r < 0)
		return r;
	return v->state != HELD && (v->has_put || !row->has_over);
}

static int
after_pick(struct ctx *c, const struct outbox_row *row) NO_TSA
{
	struct outbox_row o;
	struct visit *v;
	int r;

	if (row->after == 0 || row->after == row->num)
		return 1;
	r = outbox_get(c->d, row->after, &o);
	if (r <= 0)
		return r < 0 ? r : 1;
	if (!(o.flags & OUTBOX_PLACE))
		return 1;
	r = row_pick(c, row->after, &v);
	return r < 0 ? r : v->state != HELD;
}

/* One name of a file goes, others stay: they are told of first, or for
 * others the file would be gone. */
static int
survivors_pick(struct ctx *c, const struct outbox_row *row) NO_TSA
{
	struct dentry x[LINKS_AT_ONCE];
	struct visit *v;
	struct inode i;
	uint64_t from = 0;
	int r, n, k;

	r = inode_load(c->d, row->ino, &i);
	if (r < 0)
		return r == -ENOENT ? 1 : r;
	if (i.flags & INODE_ORPHAN)
		return 1;
	r = dentry_first(c->d, &i, &x[0]);
	if (r < 0 && r != -ENOENT)
		return r;
	n = r == 0;
	do {
		for (k = 0; k < n; k++) {
			from = x[k].did == x[k].ino ? from : x[k].did + 1;
			if (stamp_is_set(&x[k].placed))
				return 1;
			r = row_pick(c, x[k].did, &v);
			if (r < 0 || v->state != HELD)
				return r < 0 ? r : 1;
		}
		n = link_list(c->d, row->ino, from, x, LINKS_AT_ONCE);
	} while (n > 0);
	return n;
}

/* ---- picking ------------------------------------------------------------ */

/* Content first: does it hold the row?  Takes OUTBOX_PUT off *flags if only
 * that has to wait. */
static int
content_pick(struct ctx *c, const struct outbox_row *row,
    const struct inode *i, unsigned *flags) NO_TSA
{
	int r;

	if (!(*flags & OUTBOX_PUT))
		return 1;
	r = version_ready(c->d, i);
	if (r != 0)
		return r;
	if ((*flags & OUTBOX_CREATE) ||
	    ((*flags & OUTBOX_PLACE) && row->has_over))
		return 0;
	*flags &= ~(unsigned)OUTBOX_PUT;
	return *flags != 0;
}

/* Everything that the row needs is there: make its ops. */
static int
row_take(struct ctx *c, const struct outbox_row *row, unsigned flags,
    const struct inode *i, const struct dentry *x) NO_TSA
{
	struct inode parent;
	unsigned stay = 0;
	int r = 0;

	if (flags & OUTBOX_PLACE)
		r = inode_load(c->d, x->parent, &parent);
	if (r == 0)
		r = pick_names(c, row, flags, i, &parent, x);
	if (r == 0)
		r = pick_body(c, row, flags, i, &stay);
	if (r == 0 && (flags & OUTBOX_DELETE))
		r = pick_delete(c, row);
	return r < 0 ? r : pick_add(c, row, flags, stay);
}

/* Can it go?  1: with *flags; 0: not now. */
static int
row_judge(struct ctx *c, const struct outbox_row *row, unsigned *flags,
    struct inode *i, struct dentry *x) NO_TSA
{
	int r = 0;

	/* A deleted name needs its id only, which the row has. */
	if (*flags & ~(unsigned)OUTBOX_DELETE) {
		r = inode_load(c->d, row->ino, i);
		if (r < 0)
			return r;
	}
	if (*flags & OUTBOX_PLACE) {
		r = dentry_at(c->d, &row->at, x);
		if (r < 0)
			return r;
	}
	r = content_pick(c, row, i, flags);
	if (r == 1 && row->num != row->ino)
		r = owner_pick(c, row);
	if (r == 1 && (*flags & OUTBOX_PLACE))
		r = ancestors_pick(c, x->parent);
	if (r == 1 && (*flags & OUTBOX_DELETE))
		r = survivors_pick(c, row);
	if (r == 1)
		r = after_pick(c, row);
	return r;
}

/* Not now, for reason r: others go on without it?  Not if it is ours (no
 * memory, a full disk). */
static bool
row_hold(struct ctx *c, const struct outbox_row *row, int r) NO_TSA
{
	if (unread_is(r)) {
		unread_add(c->d, row->ino);
		return true;
	}
	/* A row that refers to nothing is for fsck to mend. */
	if (r == -ENOENT)
		log_error("drive: outbox row %llu (%#x) of inode %llu dangles",
		    (unsigned long long)row->num, row->flags,
		    (unsigned long long)row->ino);
	return r == 0 || r == -ENOENT || r == -EAGAIN;
}

static int
row_pick(struct ctx *c, uint64_t num, struct visit **ret) NO_TSA
{
	struct outbox_row row;
	struct inode i;
	struct dentry x;
	struct visit *v;
	bool is_begun = false;
	struct mark m;
	unsigned flags;
	int r;

	v = visit_get(c->rows, num);
	if (v) {
		if (v->state == VISITING)
			c->cycles++;
		*ret = v;
		return 0;
	}
	v = visit_add(c, &c->rows, num);
	if (!v)
		return -ENOMEM;
	*ret = v;
	r = outbox_get(c->d, num, &row);
	if (unread_is(r)) {
		/* Of what is gone here only the row can tell. */
		unread_add(c->d, num);
		v->state = HELD;
		v->has_put = false;
		return 0;
	}
	if (r < 0)
		return r;
	if (r == 0 || row.flags == 0 || c->depth >= DEPTH_MAX) {
		v->state = r == 0 ? PICKED : HELD;
		return 0;
	}
	flags = row.flags;
	memset(&i, 0, sizeof(i));
	m = mark_set(c);
	c->depth++;
	r = row_judge(c, &row, &flags, &i, &x);
	c->depth--;
	if (r == 1) {
		v->has_put = flags == row.flags ||
		    !(row.flags & OUTBOX_PUT);
		r = row_take(c, &row, flags, &i, &x);
		v->state = PICKED;
		if (r == 0)
			return 0;
		is_begun = true;
	}
	if (!row_hold(c, &row, r))
		return r;
	v->state = HELD;
	v->has_put = false;
	/* What was taken on the assumption that this goes, stays. */
	return is_begun || c->cycles > m.cycles ? mark_undo(c, &m) : 0;
}

/* ---- the whole ---------------------------------------------------------- */

static int
pick_all(struct ctx *c) NO_TSA
{
	struct drive *d = c->d;
	uint64_t start = d->pub_cursor, from = start + 1;
	struct outbox_row *o;
	struct visit *v;
	struct mark m;
	unsigned seen = 0;
	bool is_wrapped = false, is_full = false;
	int n, k, r = 0;

	o = malloc(SCAN * sizeof(*o));
	if (!o)
		return -ENOMEM;
	while (r >= 0 && !is_full && seen < PICK_VISITS) {
		n = outbox_scan(d, from, o, SCAN);
		if (n < 0)
			r = n;
		for (k = 0; k < n && r >= 0 && !is_full; k++) {
			if (is_wrapped && o[k].num > start) {
				n = 0;
				break;
			}
			m = mark_set(c);
			r = row_pick(c, o[k].num, &v);
			if (r == 0 && c->bytes > c->bytes_max && m.npicks) {
				r = mark_undo(c, &m);
				is_full = true;
				break;
			}
			d->pub_cursor = o[k].num;
			from = o[k].num + 1;
			seen++;
			/* The lock is not held for long. */
			is_full = c->bytes >= c->bytes_max - c->bytes_max /
			    8 || c->p->npicks >= PICKS_MAX;
		}
		if (n < SCAN && !is_full) {
			if (is_wrapped)
				break;
			is_wrapped = true;
			from = 0;
		}
	}
	free(o);
	return r;
}

static void
visits_free(struct visit **table)
{
	struct visit *v, *t;

	HASH_ITER(hh, *table, v, t) {
		HASH_DEL(*table, v);
		free(v);
	}
}

int
publish_pick(struct drive *d, size_t bytes_max, struct publish *p,
    struct op_list *ops)
{
	struct ctx c = { .d = d, .p = p, .bytes_max = bytes_max };
	size_t j;
	int k, r;

	r = pick_all(&c);
	if (r >= 0)
		r = pick_join(&c, ops);
	for (j = 0; j < p->nsent && r >= 0; j++)
		if (p->sent[j].type == OP_XATTR)
			r = xattr_sent(d, p->sent[j].num, p->sent[j].xtag);
	for (k = 0; k < PHASES; k++) {
		op_list_done(&c.ph[k].ops);
		free(c.ph[k].sent);
	}
	visits_free(&c.rows);
	visits_free(&c.folders);
	if (r < 0)
		op_list_done(ops);
	return r < 0 ? r : p->npicks ? 0 : -EAGAIN;
}

void
publish_free(struct publish *p)
{
	if (!p)
		return;
	free(p->picks);
	free(p->sent);
	free(p);
}
