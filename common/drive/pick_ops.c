/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The ops that rows of the outbox become: built phase by phase, then joined
 * in the order in which each refers only to what is before it.
 */
#include "drive/pick_priv.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define PAGE_COST 112		/* of a manifest page in a put, bytes */
#define PUT_COST 512		/* of a put with pages, without them */

/* ---- building ops ------------------------------------------------------- */

static struct op *
op_add(struct ctx *c, int phase, uint16_t type, uint64_t num,
    const struct vault_id *node)
{
	struct phase *ph = &c->ph[phase];
	struct sent *t;
	struct op *o;

	if (ph->ops.n == ph->cap) {
		size_t cap = ph->cap ? ph->cap * 2 : 64;

		t = realloc(ph->sent, cap * sizeof(*t));
		if (!t)
			return NULL;
		ph->sent = t;
		ph->cap = cap;
	}
	o = op_list_add(&ph->ops);
	if (!o)
		return NULL;
	t = &ph->sent[ph->ops.n - 1];
	memset(t, 0, sizeof(*t));
	t->type = o->type = type;
	t->num = num;
	t->node = o->node = *node;
	return o;
}

static void
attr_fill(const struct inode *i, struct op_attr *a)
{
	a->mask = OP_ATTR_ALL;
	a->mode = i->mode;
	a->uid = i->uid;
	a->gid = i->gid;
	a->atime_ns = i->atime_ns;
	a->mtime_ns = i->mtime_ns;
	a->ctime_ns = i->ctime_ns;
	a->btime_ns = i->btime_ns;
}

static int
add_create(struct ctx *c, const struct outbox_row *row,
    const struct inode *i) NO_TSA
{
	struct op *o;
	int r;

	o = op_add(c, PHASE_CREATE, OP_CREATE, row->num, &i->id);
	if (!o)
		return -ENOMEM;
	o->create.kind = i->kind;
	attr_fill(i, &o->create.attr);
	memcpy(o->create.key, i->key, VAULT_KEY_LEN);
	r = target_give(c->d, i, &o->create.target, &o->create.target_len);
	if (r < 0)
		return r;
	c->bytes += op_size(o);
	return 0;
}

/* How far below the root a folder lies.  Places are told from the top down:
 * then each comes under a folder that stands where it stays, and none under
 * itself. */
static int
depth_of(struct drive *d, uint64_t ino, unsigned *ret) REQUIRES(d->db_lock)
{
	struct inode i;
	unsigned n;
	int r;

	for (n = 0; ino != DRIVE_ROOT_INO && n < PATH_DEPTH_LIMIT; n++) {
		r = inode_load(d, ino, &i);
		if (r < 0)
			return r;
		ino = i.parent;
	}
	*ret = n;
	return 0;
}

int
pick_names(struct ctx *c, const struct outbox_row *row, unsigned flags,
    const struct inode *i, const struct inode *parent,
    const struct dentry *x) NO_TSA
{
	struct phase *ph = &c->ph[PHASE_PLACE];
	unsigned depth = 0;
	struct op *o;
	int r;

	if (flags & OUTBOX_CREATE) {
		r = add_create(c, row, i);
		if (r < 0)
			return r;
	}
	if (flags & OUTBOX_LINK) {
		o = op_add(c, PHASE_LINK, OP_LINK, row->num, &row->id);
		if (!o)
			return -ENOMEM;
		o->link.inode = i->id;
		c->bytes += op_size(o);
	}
	if (flags & OUTBOX_PLACE) {
		o = op_add(c, PHASE_PLACE, OP_PLACE, row->num, &row->id);
		if (!o)
			return -ENOMEM;
		o->place.parent = parent->id;
		memcpy(o->place.name, x->name, x->name_len);
		o->place.name_len = x->name_len;
		if (row->has_over)
			o->place.replaces = row->over;
		c->bytes += op_size(o);
		r = depth_of(c->d, parent->ino, &depth);
		if (r < 0)
			return r;
		ph->sent[ph->ops.n - 1].depth = depth;
	}
	return 0;
}

/* The block list of a long put goes to manifest pages. */
static size_t
put_cost(const struct op *o)
{
	if (o->put.nblocks <= VAULT_LIST_MAX)
		return op_size(o);
	return PUT_COST + (o->put.nblocks / VAULT_MANIFEST_MAX + 1) *
	    PAGE_COST;
}

struct xadd {
	struct ctx *c;
	const struct outbox_row *row;
	const struct inode *i;
	bool is_cut;		/* not all fit */
};

static int
xattr_add(void *arg, const struct xattr *x)
{
	struct xadd *a = arg;
	struct ctx *c = a->c;
	struct op *o;

	if (c->bytes + x->value_len + 512 > c->bytes_max) {
		a->is_cut = true;
		return 1;
	}
	o = op_add(c, PHASE_BODY, OP_XATTR, a->row->num, &a->i->id);
	if (!o)
		return -ENOMEM;
	memcpy(c->ph[PHASE_BODY].sent[c->ph[PHASE_BODY].ops.n - 1].xtag,
	    x->ntag, TAG_LEN);
	memcpy(o->xattr.name, x->name, x->name_len);
	o->xattr.name_len = x->name_len;
	o->xattr.is_removed = (x->dirty & XATTR_REMOVED) != 0;
	if (!o->xattr.is_removed) {
		o->xattr.value = malloc(x->value_len + 1u);
		if (!o->xattr.value)
			return -ENOMEM;
		memcpy(o->xattr.value, x->value, x->value_len);
		o->xattr.value_len = x->value_len;
	}
	c->bytes += op_size(o);
	return 0;
}

/* Returns the flags that stay although they were taken. */
int
pick_body(struct ctx *c, const struct outbox_row *row, unsigned flags,
    const struct inode *i, unsigned *ret_stay) NO_TSA
{
	struct xadd a = { .c = c, .row = row, .i = i };
	bool is_late = false;	/* times were set after the freeze */
	struct op *o;
	int r;

	if (flags & OUTBOX_PUT) {
		o = op_add(c, PHASE_BODY, OP_PUT, row->num, &i->id);
		if (!o)
			return -ENOMEM;
		r = version_fill(c->d, i, &o->put);
		if (r < 0)
			return r;
		c->bytes += put_cost(o);
		is_late = o->put.mtime_ns != i->mtime_ns ||
		    o->put.ctime_ns != i->ctime_ns;
	}
	if (is_late ||
	    ((flags & OUTBOX_ATTR) && !(flags & OUTBOX_CREATE))) {
		o = op_add(c, PHASE_BODY, OP_ATTR, row->num, &i->id);
		if (!o)
			return -ENOMEM;
		attr_fill(i, &o->attr);
		c->bytes += op_size(o);
	}
	if (flags & OUTBOX_XATTR) {
		r = xattr_each(c->d, i->ino, XATTR_SET | XATTR_REMOVED,
		    xattr_add, &a);
		if (r < 0)
			return r;
		if (a.is_cut)
			*ret_stay |= OUTBOX_XATTR;
	}
	return 0;
}

int
pick_delete(struct ctx *c, const struct outbox_row *row)
{
	struct op *o = op_add(c, PHASE_DELETE, OP_DELETE, row->num, &row->id);

	if (!o)
		return -ENOMEM;
	c->bytes += op_size(o);
	return 0;
}

/* ---- what has been taken ------------------------------------------------ */

int
pick_add(struct ctx *c, const struct outbox_row *row, unsigned flags,
    unsigned stay) NO_TSA
{
	struct publish *p = c->p;
	struct outbox_row o = *row;
	struct pick *t;
	int r;

	if (p->npicks == p->picks_cap) {
		size_t cap = p->picks_cap ? p->picks_cap * 2 : 64;

		t = realloc(p->picks, cap * sizeof(*t));
		if (!t)
			return -ENOMEM;
		p->picks = t;
		p->picks_cap = cap;
	}
	t = &p->picks[p->npicks++];
	t->row = *row;
	t->flags = flags;
	o.infl = flags;
	o.flags = (o.flags & ~flags) | stay;
	r = outbox_put(c->d, &o);
	if (r == 0 && o.num == o.ino)
		inode_set_marked(c->d, o.ino, o.flags);
	if (r == 0 && o.num == o.ino && o.flags == 0)
		unread_drop(c->d, o.ino);
	return r;
}

/* ---- joining them ------------------------------------------------------- */

struct placed {
	struct op op;
	struct sent sent;
	size_t at;
};

static int
placed_cmp(const void *a, const void *b)
{
	const struct placed *x = a, *y = b;

	if (x->sent.depth != y->sent.depth)
		return x->sent.depth < y->sent.depth ? -1 : 1;
	return x->at < y->at ? -1 : 1;
}

static int
places_sort(struct phase *ph)
{
	struct placed *v;
	size_t k;

	v = calloc(ph->ops.n ? ph->ops.n : 1, sizeof(*v));
	if (!v)
		return -ENOMEM;
	for (k = 0; k < ph->ops.n; k++) {
		v[k].op = ph->ops.ops[k];
		v[k].sent = ph->sent[k];
		v[k].at = k;
	}
	qsort(v, ph->ops.n, sizeof(*v), placed_cmp);
	for (k = 0; k < ph->ops.n; k++) {
		ph->ops.ops[k] = v[k].op;
		ph->sent[k] = v[k].sent;
	}
	free(v);
	return 0;
}

int
pick_join(struct ctx *c, struct op_list *ops)
{
	size_t n = 0, j;
	struct sent *s;
	struct op *o;
	int k, r;

	r = places_sort(&c->ph[PHASE_PLACE]);
	if (r < 0)
		return r;
	for (k = 0; k < PHASES; k++)
		n += c->ph[k].ops.n;
	s = calloc(n ? n : 1, sizeof(*s));
	if (!s)
		return -ENOMEM;
	c->p->sent = s;
	for (k = 0; k < PHASES; k++) {
		for (j = 0; j < c->ph[k].ops.n; j++) {
			o = op_list_add(ops);
			if (!o)
				return -ENOMEM;
			*o = c->ph[k].ops.ops[j];
			memset(&c->ph[k].ops.ops[j], 0, sizeof(*o));
			*s++ = c->ph[k].sent[j];
		}
	}
	c->p->nsent = n;
	return 0;
}
