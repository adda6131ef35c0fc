/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "vault/merge_set.h"

#include <errno.h>
#include <stdlib.h>

/*
 * The view: which names are alive, which folders stay because of them, which
 * folders are one, who keeps a name, and which versions are shown.  Worked
 * out from the top down: folders of one name in one folder are one folder, so
 * their children compete for names together.
 */

/* Scratch for each node, as long as a view is made. */
struct seat {
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
struct child {
	uint64_t prefix;
	uint32_t node;
};

struct shower {
	struct merge *m;
	const struct merge_visitor *v;
	struct seat *seats;
	uint64_t *cells;	/* scratch by device: 3 * ndevs, zero at rest */
	struct child *kids;
	size_t nkids, kids_cap;
	uint32_t *queue;	/* folders to be shown: first twin of each */
	size_t nqueue;
	uint32_t *heads;	/* put ops shown of one file */
	size_t nheads, heads_cap;
};

static const struct merge_item *
place_of(const struct shower *w, uint32_t node)
{
	return &w->m->ops[w->m->nodes[node].place];
}

static uint8_t
kind_of(const struct merge *m, uint32_t inode)
{
	if (inode == MERGE_ROOT)
		return OP_KIND_DIR;
	return m->nodes[inode].create == MERGE_NONE ? 0 :
	    m->ops[m->nodes[inode].create].kind;
}

/* ---- which names are alive ------------------------------------------------- */

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
	if (kind_of(m, to) == 0 || kind_of(m, to) == OP_KIND_DIR)
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
is_dead(const struct shower *w, uint32_t node)
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
show_up(struct shower *w, uint32_t node)
{
	uint32_t up;

	for (;;) {
		w->seats[node].is_shown = true;
		up = place_of(w, node)->other;
		if (up == MERGE_ROOT || w->seats[up].is_shown ||
		    w->m->nodes[up].place == MERGE_NONE ||
		    kind_of(w->m, up) != OP_KIND_DIR)
			return;
		node = up;
	}
}

static void
seats_fill(struct shower *w)
{
	struct merge *m = w->m;
	struct seat *s = w->seats;
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
		up = place_of(w, i)->other;
		s[i].next_child = s[up].children;
		s[up].children = i;
	}
}

/* ---- which versions are shown ------------------------------------------------ */

/* Raise or set cells to what the deletes of a dentry cover. */
static bool
deletes_saw(const struct shower *w, uint32_t node, uint64_t *cells)
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
gone_fill(const struct shower *w, uint32_t inode, uint64_t *gone)
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
head_add(struct shower *w, uint32_t op)
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
is_plain(const struct shower *w, uint32_t inode, uint32_t *ret_put)
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
static int
heads_find(struct shower *w, uint32_t inode)
{
	const struct merge *m = w->m;
	uint64_t *seen = w->cells, *gone = w->cells + m->ndevs, n;
	const struct merge_item *o;
	uint32_t i, d;
	int r = 0;

	w->nheads = 0;
	if (kind_of(m, inode) != OP_KIND_FILE)
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

/* ---- who keeps a name ----------------------------------------------------------- */

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
	const struct shower *w = arg;
	const struct child *x = a, *y = b;
	const struct merge_item *p, *q;
	int c;

	if (x->prefix != y->prefix)
		return x->prefix < y->prefix ? -1 : 1;
	p = place_of(w, x->node);
	q = place_of(w, y->node);
	c = name_cmp(w->m, p, q);
	return c ? c : merge_order(w->m, p, q);
}

static int
kid_add(struct shower *w, uint32_t node)
{
	const struct merge_item *p = place_of(w, node);
	struct child *q;
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
is_first_name(const struct shower *w, uint32_t node)
{
	uint32_t i;

	for (i = w->seats[w->seats[node].inode].dentries; i != MERGE_NONE;
	    i = w->seats[i].next_dentry)
		if (i != node && merge_order(w->m, place_of(w, i),
		    place_of(w, node)) < 0)
			return false;
	return true;
}

static int
entry_emit(struct shower *w, uint32_t folder, uint32_t node, uint32_t rank)
{
	const struct merge *m = w->m;
	const struct merge_item *p = place_of(w, node);
	struct merge_entry e;
	size_t i, n;
	int r = heads_find(w, w->seats[node].inode);

	if (r < 0)
		return r;
	memset(&e, 0, sizeof(e));
	e.parent = m->nodes[folder].id;
	e.name = m->names + p->name;
	e.name_len = p->name_len;
	e.kind = kind_of(m, w->seats[node].inode);
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
twin_join(struct shower *w, uint32_t into, uint32_t node)
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
name_show(struct shower *w, uint32_t folder, size_t from, size_t to)
{
	uint32_t rank = 0, dir = MERGE_NONE, node;
	size_t i;
	int r = 0;

	for (i = from; r == 0 && i < to; i++) {
		node = w->kids[i].node;
		if (kind_of(w->m, w->seats[node].inode) != OP_KIND_DIR) {
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
folder_show(struct shower *w, uint32_t folder)
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
			    name_cmp(w->m, place_of(w, w->kids[from].node),
			    place_of(w, w->kids[to].node)) != 0)
				break;
		r = name_show(w, folder, from, to);
	}
	return r;
}

int
merge_view(struct merge *m, const struct merge_visitor *v)
{
	struct shower w = { .m = m, .v = v };
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
	seats_fill(&w);
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
