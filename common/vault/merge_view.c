/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "vault/merge_set.h"

#include <errno.h>
#include <stdlib.h>

/*
 * The view: which folders are one, and who keeps a name.  Worked out from the
 * top down: folders of one name in one folder are one folder, so their
 * children compete for names together.
 */

/* ---- who keeps a name -------------------------------------------------- */

static int
name_cmp(const struct merge *m, const struct merge_item *a,
    const struct merge_item *b)
{
	uint8_t n = a->name_len < b->name_len ? a->name_len : b->name_len;
	int c = n ? memcmp(m->names + a->name, m->names + b->name, n) : 0;

	return c ? c : (int)a->name_len - (int)b->name_len;
}

static int
kid_cmp(const void *a, const void *b, void *arg)
{
	const struct merge_show *w = arg;
	const struct merge_child *x = a, *y = b;
	const struct merge_item *p, *q;
	int c;

	if (x->prefix != y->prefix)
		return x->prefix < y->prefix ? -1 : 1;
	p = merge_place(w, x->node);
	q = merge_place(w, y->node);
	c = name_cmp(w->m, p, q);
	return c ? c : merge_order(w->m, p, q);
}

static int
kid_add(struct merge_show *w, uint32_t node)
{
	const struct merge_item *p = merge_place(w, node);
	struct merge_child *q;
	uint64_t prefix = 0;
	size_t cap;
	int i;

	if (w->nkids == w->kids_cap) {
		cap = w->kids_cap ? 2 * w->kids_cap : 256;
		q = reallocarray(w->kids, cap, sizeof(*q));
		if (!q)
			return -ENOMEM;
		w->kids = q;
		w->kids_cap = cap;
	}
	for (i = 0; i < 8; i++)
		prefix = prefix << 8 |
		    (i < p->name_len ? w->m->names[p->name + i] : 0);
	w->kids[w->nkids].prefix = prefix;
	w->kids[w->nkids++].node = node;
	return 0;
}

static void
stamp_of(const struct merge *m, const struct merge_item *o,
    struct op_stamp *ret)
{
	ret->lamport = o->lamport;
	ret->dev = m->devs[o->dev].id;
	ret->seq = o->seq;
}

/* Losers are listed once, beside the oldest of the file's names. */
static bool
is_first_name(const struct merge_show *w, uint32_t node)
{
	uint32_t i;

	for (i = w->seats[w->seats[node].inode].dentries; i != MERGE_NONE;
	    i = w->seats[i].next_dentry)
		if (i != node && merge_order(w->m, merge_place(w, i),
		    merge_place(w, node)) < 0)
			return false;
	return true;
}

static int
entry_emit(struct merge_show *w, uint32_t folder, uint32_t node, uint32_t rank)
{
	const struct merge *m = w->m;
	const struct merge_item *p = merge_place(w, node);
	struct merge_entry e;
	size_t i, n;
	int r = merge_show_heads(w, w->seats[node].inode);

	if (r < 0)
		return r;
	memset(&e, 0, sizeof(e));
	e.parent = m->nodes[folder].id;
	e.name = m->names + p->name;
	e.name_len = p->name_len;
	e.kind = merge_kind(m, w->seats[node].inode);
	e.rank = rank;
	e.dentry = m->nodes[node].id;
	e.inode = m->nodes[w->seats[node].inode].id;
	stamp_of(m, p, &e.placed);
	n = w->nheads && is_first_name(w, node) ? w->nheads : 1;
	for (i = 0; r == 0 && i < n; i++) {
		e.has_version = i < w->nheads;
		if (e.has_version)
			stamp_of(m, &m->ops[w->heads[i]], &e.version);
		e.is_loser = i > 0;
		r = w->v->entry(w->v->arg, &e);
	}
	return r;
}

/* One with the folder `into`; its children come with it. */
static int
twin_join(struct merge_show *w, uint32_t into, uint32_t node)
{
	w->seats[node].next_twin = w->seats[into].next_twin;
	w->seats[into].next_twin = node;
	if (!w->v->alias)
		return 0;
	return w->v->alias(w->v->arg, &w->m->nodes[node].id,
	    &w->m->nodes[into].id);
}

/* The children from..to have one name: the first folder takes the others in,
 * and everything else stands in the order of its placing. */
static int
name_show(struct merge_show *w, uint32_t folder, size_t from, size_t to)
{
	uint32_t rank = 0, dir = MERGE_NONE, node;
	size_t i;
	int r = 0;

	for (i = from; r == 0 && i < to; i++) {
		node = w->kids[i].node;
		if (merge_kind(w->m, w->seats[node].inode) != OP_KIND_DIR) {
			r = entry_emit(w, folder, node, rank++);
		} else if (dir != MERGE_NONE) {
			r = twin_join(w, dir, node);
		} else {
			dir = node;
			w->queue[w->nqueue++] = node;
			r = entry_emit(w, folder, node, rank++);
		}
	}
	return r;
}

static int
folder_show(struct merge_show *w, uint32_t folder)
{
	uint32_t twin, i;
	size_t from, to;
	int r = 0;

	w->nkids = 0;
	for (twin = folder; twin != MERGE_NONE;
	    twin = w->seats[twin].next_twin)
		for (i = w->seats[twin].children; r == 0 && i != MERGE_NONE;
		    i = w->seats[i].next_child)
			r = kid_add(w, i);
	if (r < 0)
		return r;
	if (w->nkids > 1)
		qsort_r(w->kids, w->nkids, sizeof(*w->kids), kid_cmp, w);
	for (from = 0; r == 0 && from < w->nkids; from = to) {
		for (to = from + 1; to < w->nkids; to++)
			if (w->kids[to].prefix != w->kids[from].prefix ||
			    name_cmp(w->m, merge_place(w, w->kids[from].node),
			    merge_place(w, w->kids[to].node)) != 0)
				break;
		r = name_show(w, folder, from, to);
	}
	return r;
}

int
merge_view(struct merge *m, const struct merge_visitor *v)
{
	struct merge_show w = { .m = m, .v = v };
	size_t i;
	int r = merge_settle(m);

	if (r < 0)
		return r;
	w.seats = calloc(m->nnodes, sizeof(*w.seats));
	w.cells = calloc(3 * (size_t)m->ndevs + 1, sizeof(*w.cells));
	w.queue = calloc(m->nnodes, sizeof(*w.queue));
	if (!w.seats || !w.cells || !w.queue) {
		r = -ENOMEM;
		goto out;
	}
	merge_show_alive(&w);
	w.queue[w.nqueue++] = MERGE_ROOT;
	for (i = 0; r == 0 && i < w.nqueue; i++)
		r = folder_show(&w, w.queue[i]);
out:
	free(w.seats);
	free(w.cells);
	free(w.kids);
	free(w.queue);
	free(w.heads);
	return r;
}
