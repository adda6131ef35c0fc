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
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#define HASH_FUNCTION HASH_FNV
#include <uthash.h>

#include "drive/tree_priv.h"
#include "util/log.h"

#define SCAN 256		/* rows read at a time */

#define DEPTH_MAX 64
#define LINKS_AT_ONCE 8
#define PATH_MAX_DEPTH 65536
#define PAGE_COST 112		/* of a manifest page in a put, bytes */
#define PUT_COST 512		/* of a put with pages, without them */

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

static int row_pick(struct ctx *c, uint64_t num, struct visit **ret);

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
	char target[VAULT_SYMLINK_MAX + 1];
	struct op *o;
	int r;

	o = op_add(c, PHASE_CREATE, OP_CREATE, row->num, &i->id);
	if (!o)
		return -ENOMEM;
	o->create.kind = i->kind;
	attr_fill(i, &o->create.attr);
	memcpy(o->create.key, i->key, VAULT_KEY_LEN);
	if (i->kind == OP_KIND_SYMLINK) {
		r = symlink_get(c->d, i, target);
		if (r < 0)
			return r;
		o->create.target = malloc(i->target_len + 1u);
		if (!o->create.target)
			return -ENOMEM;
		memcpy(o->create.target, target, i->target_len);
		o->create.target_len = i->target_len;
	}
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

	for (n = 0; ino != DRIVE_ROOT_INO && n < PATH_MAX_DEPTH; n++) {
		r = inode_load(d, ino, &i);
		if (r < 0)
			return r;
		ino = i.parent;
	}
	*ret = n;
	return 0;
}

static int
add_names(struct ctx *c, const struct outbox_row *row, unsigned flags,
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
static int
add_body(struct ctx *c, const struct outbox_row *row, unsigned flags,
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
			t = cap > PATH_MAX_DEPTH ? NULL :
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
		if (r >= 0)
			v->state = r ? PICKED : HELD;
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

static int
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
	return r;
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
		r = add_names(c, row, flags, i, &parent, x);
	if (r == 0)
		r = add_body(c, row, flags, i, &stay);
	if (r == 0 && (flags & OUTBOX_DELETE)) {
		struct op *o = op_add(c, PHASE_DELETE, OP_DELETE, row->num,
		    &row->id);

		if (o)
			c->bytes += op_size(o);
		else
			r = -ENOMEM;
	}
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

static int
row_pick(struct ctx *c, uint64_t num, struct visit **ret) NO_TSA
{
	struct outbox_row row;
	struct inode i;
	struct dentry x;
	struct visit *v;
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
	r = outbox_get(c->d, num, &row);
	if (r < 0)
		return r;
	*ret = v;
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
	} else if (r == 0 || r == -ENOENT) {
		/* A row that refers to nothing is for fsck to mend. */
		if (r == -ENOENT)
			log_error("drive: outbox row %llu (%#x) of inode "
			    "%llu dangles", (unsigned long long)num,
			    row.flags, (unsigned long long)row.ino);
		v->state = HELD;
		v->has_put = false;
		/* What was taken on the assumption that this goes, stays. */
		r = c->cycles > m.cycles ? mark_undo(c, &m) : 0;
	}
	return r;
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
			is_full = c->bytes >= c->bytes_max - c->bytes_max / 8;
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

static int
ops_join(struct ctx *c, struct op_list *ops)
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
		r = ops_join(&c, ops);
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
