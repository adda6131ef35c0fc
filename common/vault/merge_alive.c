/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "vault/merge_set.h"

#include <errno.h>
#include <stdlib.h>

/* What there is to show: names that are alive, folders that stay because of
 * them, versions that nobody has replaced. */

uint8_t
merge_kind(const struct merge *m, uint32_t inode)
{
	if (inode == MERGE_ROOT)
		return OP_KIND_DIR;
	return m->nodes[inode].create == MERGE_NONE ? 0 :
	    m->ops[m->nodes[inode].create].kind;
}

/* ---- which names are alive --------------------------------------------- */

/* The inode a dentry names: its own, or the one it was linked to. */
static uint32_t
inode_of(const struct merge *m, uint32_t node)
{
	const struct merge_node *n = &m->nodes[node];
	uint32_t to;

	if (n->create != MERGE_NONE)
		return node;
	if (n->link == MERGE_NONE)
		return MERGE_NONE;
	to = m->ops[n->link].other;
	/* A folder has one name, and what was never made has none. */
	if (merge_kind(m, to) == 0 || merge_kind(m, to) == OP_KIND_DIR)
		return MERGE_NONE;
	return to;
}

/* Raise life[device] to the last op that keeps a dentry alive. */
static void
life_add(const struct merge *m, uint32_t node, bool only_puts, uint64_t *life)
{
	const struct merge_item *o;
	uint32_t i;

	for (i = m->nodes[node].ops; i != MERGE_NONE; i = o->next) {
		o = &m->ops[i];
		if (o->type == OP_DELETE || (only_puts && o->type != OP_PUT))
			continue;
		if (life[o->dev] < o->seq)
			life[o->dev] = o->seq;
	}
}

/* A delete takes a name away if its author had seen all that keeps it. */
static bool
is_covered(const struct merge *m, const struct merge_item *del,
    const uint64_t *life)
{
	uint32_t d;

	for (d = 0; d < m->ndevs; d++)
		if (life[d] > merge_saw(m, del, d))
			return false;
	return true;
}

static bool
is_dead(const struct merge_show *w, uint32_t node)
{
	const struct merge *m = w->m;
	uint32_t i, inode = w->seats[node].inode;
	bool dead = false, has_life = false;

	for (i = m->nodes[node].ops; i != MERGE_NONE && !dead;
	    i = m->ops[i].next) {
		if (m->ops[i].type != OP_DELETE)
			continue;
		if (!has_life) {
			life_add(m, node, false, w->cells);
			/* A new version keeps every name of its file. */
			if (inode != node)
				life_add(m, inode, true, w->cells);
			has_life = true;
		}
		dead = is_covered(m, &m->ops[i], w->cells);
	}
	if (has_life)
		memset(w->cells, 0, m->ndevs * sizeof(*w->cells));
	return dead;
}

/* A folder stays as long as something in it does. */
static void
show_up(struct merge_show *w, uint32_t node)
{
	uint32_t up;

	for (;;) {
		w->seats[node].is_shown = true;
		up = merge_place(w, node)->other;
		if (up == MERGE_ROOT || w->seats[up].is_shown ||
		    w->m->nodes[up].place == MERGE_NONE ||
		    merge_kind(w->m, up) != OP_KIND_DIR)
			return;
		node = up;
	}
}

void
merge_show_alive(struct merge_show *w)
{
	struct merge *m = w->m;
	struct merge_seat *s = w->seats;
	uint32_t i, up;

	for (i = 0; i < m->nnodes; i++) {
		s[i].inode = inode_of(m, i);
		s[i].dentries = s[i].next_dentry = MERGE_NONE;
		s[i].children = s[i].next_child = MERGE_NONE;
		s[i].next_twin = MERGE_NONE;
	}
	for (i = 1; i < m->nnodes; i++) {
		if (s[i].inode == MERGE_NONE ||
		    m->nodes[i].place == MERGE_NONE || is_dead(w, i))
			continue;
		s[i].is_alive = true;
		s[i].next_dentry = s[s[i].inode].dentries;
		s[s[i].inode].dentries = i;
		show_up(w, i);
	}
	for (i = 1; i < m->nnodes; i++) {
		if (!s[i].is_shown)
			continue;
		up = merge_place(w, i)->other;
		s[i].next_child = s[up].children;
		s[up].children = i;
	}
}

/* ---- which versions are shown ------------------------------------------ */

/* Raise or set cells to what the deletes of a dentry cover. */
static bool
deletes_saw(const struct merge_show *w, uint32_t node, uint64_t *cells)
{
	const struct merge *m = w->m;
	bool any = false;
	uint64_t n;
	uint32_t i, d;

	for (i = m->nodes[node].ops; i != MERGE_NONE; i = m->ops[i].next) {
		if (m->ops[i].type != OP_DELETE)
			continue;
		for (d = 0; d < m->ndevs; d++) {
			n = merge_saw(m, &m->ops[i], d);
			if (!any || cells[d] < n)
				cells[d] = n;
		}
		any = true;
	}
	return any;
}

/*
 * What is deleted under every name that is still there: gone[] becomes the
 * least over the names of what was covered there.
 */
static void
gone_fill(const struct merge_show *w, uint32_t inode, uint64_t *gone)
{
	uint64_t *one = w->cells + 2 * (size_t)w->m->ndevs;
	uint32_t i, d;
	bool first = true;

	for (i = w->seats[inode].dentries; i != MERGE_NONE;
	    i = w->seats[i].next_dentry) {
		if (!deletes_saw(w, i, one)) {
			memset(gone, 0, w->m->ndevs * sizeof(*gone));
			break;
		}
		for (d = 0; d < w->m->ndevs; d++)
			if (first || gone[d] > one[d])
				gone[d] = one[d];
		first = false;
	}
	memset(one, 0, w->m->ndevs * sizeof(*one));
}

static int
head_cmp(const void *a, const void *b, void *arg)
{
	const struct merge *m = arg;

	return merge_order(m, &m->ops[*(const uint32_t *)b],
	    &m->ops[*(const uint32_t *)a]);
}

static int
head_add(struct merge_show *w, uint32_t op)
{
	uint32_t *q;
	size_t cap;

	if (w->nheads == w->heads_cap) {
		cap = w->heads_cap ? 2 * w->heads_cap : 16;
		q = reallocarray(w->heads, cap, sizeof(*q));
		if (!q)
			return -ENOMEM;
		w->heads = q;
		w->heads_cap = cap;
	}
	w->heads[w->nheads++] = op;
	return 0;
}

/* At most one version and one name, and no delete. */
static bool
is_plain(const struct merge_show *w, uint32_t inode, uint32_t *ret_put)
{
	const struct merge *m = w->m;
	uint32_t i, put = MERGE_NONE;

	if (w->seats[inode].dentries != inode ||
	    w->seats[inode].next_dentry != MERGE_NONE)
		return false;
	for (i = m->nodes[inode].ops; i != MERGE_NONE; i = m->ops[i].next) {
		if (m->ops[i].type == OP_DELETE ||
		    (m->ops[i].type == OP_PUT && put != MERGE_NONE))
			return false;
		if (m->ops[i].type == OP_PUT)
			put = i;
	}
	*ret_put = put;
	return true;
}

/* The versions that no other one and no delete has seen, greatest first. */
int
merge_show_heads(struct merge_show *w, uint32_t inode)
{
	const struct merge *m = w->m;
	uint64_t *seen = w->cells, *gone = w->cells + m->ndevs, n;
	const struct merge_item *o;
	uint32_t i, d;
	int r = 0;

	w->nheads = 0;
	if (merge_kind(m, inode) != OP_KIND_FILE)
		return 0;
	/* The common file: one version, nothing deleted. */
	if (is_plain(w, inode, &i))
		return i == MERGE_NONE ? 0 : head_add(w, i);
	for (i = m->nodes[inode].ops; i != MERGE_NONE; i = o->next) {
		o = &m->ops[i];
		for (d = 0; o->type == OP_PUT && d < m->ndevs; d++) {
			n = merge_saw(m, o, d);
			if (seen[d] < n)
				seen[d] = n;
		}
	}
	gone_fill(w, inode, gone);
	for (i = m->nodes[inode].ops; r == 0 && i != MERGE_NONE; i = o->next) {
		o = &m->ops[i];
		if (o->type == OP_PUT && o->seq > seen[o->dev] &&
		    o->seq > gone[o->dev])
			r = head_add(w, i);
	}
	memset(w->cells, 0, 2 * (size_t)m->ndevs * sizeof(*w->cells));
	if (w->nheads > 1)
		qsort_r(w->heads, w->nheads, sizeof(*w->heads), head_cmp,
		    w->m);
	return r;
}
