/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "vault/merge.h"

#include <errno.h>
#include <stdlib.h>

#include "vault/merge_set.h"

/* Room for one more element behind n: the array, perhaps moved, or NULL. */
static void *
grow(void *p, size_t n, size_t *cap, size_t size)
{
	size_t want;
	void *q;

	if (n < *cap)
		return p;
	want = *cap ? *cap + *cap / 2 : 64;
	q = reallocarray(p, want, size);
	if (q)
		*cap = want;
	return q;
}

#define GROW(m, field) ({ \
	void *grown = grow((m)->field, (m)->n##field, &(m)->field##_cap, \
	    sizeof(*(m)->field)); \
	if (grown) \
		(m)->field = grown; \
	grown ? 0 : -ENOMEM; \
})

int
merge_order(const struct merge *m, const struct merge_item *a,
    const struct merge_item *b)
{
	int c;

	if (a->lamport != b->lamport)
		return a->lamport < b->lamport ? -1 : 1;
	if (a->dev != b->dev) {
		c = memcmp(m->devs[a->dev].id.b, m->devs[b->dev].id.b,
		    VAULT_ID_LEN);
		return c < 0 ? -1 : 1;
	}
	return a->seq < b->seq ? -1 : a->seq > b->seq;
}

uint64_t
merge_saw(const struct merge *m, const struct merge_item *o, uint32_t dev)
{
	const struct merge_vec *v = &m->vecs[o->seen];

	if (dev == o->dev)
		return o->seq - 1;
	return dev < v->n ? m->cells[v->off + dev] : 0;
}

/* ---- nodes ------------------------------------------------------------- */

static size_t
id_hash(const struct vault_id *id)
{
	uint64_t a, b;

	memcpy(&a, id->b, 8);
	memcpy(&b, id->b + 8, 8);
	a = (a ^ b * 0x9e3779b97f4a7c15u) * 0xff51afd7ed558ccdu;
	return (size_t)(a ^ a >> 29);
}

static int
slots_double(struct merge *m)
{
	size_t at, mask = m->slots_mask * 2 + 1;
	uint32_t i, *s = calloc(mask + 1, sizeof(*s));

	if (!s)
		return -ENOMEM;
	for (i = 0; i < m->nnodes; i++) {
		at = id_hash(&m->nodes[i].id) & mask;
		while (s[at])
			at = (at + 1) & mask;
		s[at] = i + 1;
	}
	free(m->slots);
	m->slots = s;
	m->slots_mask = mask;
	return 0;
}

/* The number of a node; new ones are made. */
static int
node_of(struct merge *m, const struct vault_id *id, uint32_t *ret)
{
	struct merge_node *n;
	size_t at = id_hash(id) & m->slots_mask;
	int r;

	for (; m->slots[at]; at = (at + 1) & m->slots_mask)
		if (vault_id_eq(&m->nodes[m->slots[at] - 1].id, id)) {
			*ret = m->slots[at] - 1;
			return 0;
		}
	if (m->nnodes == MERGE_NONE - 1)
		return -EFBIG;
	r = GROW(m, nodes);
	if (r < 0)
		return r;
	n = &m->nodes[m->nnodes];
	n->id = *id;
	n->ops = n->create = n->link = n->place = MERGE_NONE;
	n->nchild = 0;
	m->slots[at] = ++m->nnodes;
	if (m->nnodes > m->slots_mask / 4 * 3) {
		r = slots_double(m);
		if (r < 0) {
			m->slots[at] = 0;
			m->nnodes--;
			return r;
		}
	}
	*ret = m->nnodes - 1;
	return 0;
}

/* ---- devices and what they had seen ------------------------------------ */

static int
dev_of(struct merge *m, const struct vault_id *id, uint32_t *ret)
{
	struct merge_dev *d;
	uint32_t i;
	int r;

	for (i = 0; i < m->ndevs; i++)
		if (vault_id_eq(&m->devs[i].id, id)) {
			*ret = i;
			return 0;
		}
	if (m->ndevs == MERGE_DEVICES_MAX)
		return -EFBIG;
	r = GROW(m, devs);
	if (r < 0)
		return r;
	d = &m->devs[m->ndevs];
	memset(d, 0, sizeof(*d));
	d->id = *id;
	*ret = m->ndevs++;
	return 0;
}

/* Add a zeroed vector of n cells. */
static int
vec_new(struct merge *m, uint32_t n, uint32_t *ret)
{
	size_t want = m->ncells + n, cap = m->cells_cap;
	uint64_t *q;
	int r;

	if (m->nvecs == MERGE_NONE)
		return -EFBIG;
	r = GROW(m, vecs);
	if (r < 0)
		return r;
	if (want > cap) {
		cap = cap ? cap : 64;
		while (cap < want)
			cap += cap / 2;
		q = reallocarray(m->cells, cap, sizeof(*q));
		if (!q)
			return -ENOMEM;
		m->cells = q;
		m->cells_cap = cap;
	}
	if (n)
		memset(m->cells + m->ncells, 0, n * sizeof(*m->cells));
	m->vecs[m->nvecs].off = m->ncells;
	m->vecs[m->nvecs].n = n;
	m->ncells = want;
	*ret = m->nvecs++;
	return 0;
}

/* Give a device's vector up again if it says what its last one said. */
static uint32_t
vec_share(struct merge *m, uint32_t old, uint32_t fresh)
{
	const struct merge_vec *a = &m->vecs[old], *b = &m->vecs[fresh];
	uint32_t i;

	if (a->n > b->n)
		return fresh;
	for (i = 0; i < b->n; i++)
		if (m->cells[b->off + i] !=
		    (i < a->n ? m->cells[a->off + i] : 0))
			return fresh;
	m->nvecs--;
	m->ncells = b->off;
	return old;
}

int
merge_author(struct merge *m, const struct vault_id *dev,
    const struct merge_seen *seen, size_t n)
{
	uint32_t d, i = 0, vec = 0;
	size_t k;
	int r;

	m->author = MERGE_NONE;
	r = dev_of(m, dev, &d);
	for (k = 0; r == 0 && k < n; k++)
		r = dev_of(m, &seen[k].dev, &i);
	if (r == 0)
		r = vec_new(m, m->ndevs, &vec);
	if (r < 0)
		return r;
	for (k = 0; k < n; k++) {
		(void)dev_of(m, &seen[k].dev, &i);
		/* Its own is implied by the number of each op. */
		if (i != d)
			m->cells[m->vecs[vec].off + i] = seen[k].seq;
	}
	m->devs[d].seen = vec_share(m, m->devs[d].seen, vec);
	m->author = d;
	return 0;
}

/* ---- ops --------------------------------------------------------------- */

static int
name_keep(struct merge *m, const uint8_t *name, size_t len, uint32_t *ret)
{
	size_t cap = m->names_cap;
	uint8_t *q;

	if (m->names_len + len > UINT32_MAX)
		return -EFBIG;
	if (m->names_len + len > cap) {
		cap = cap ? cap + cap / 2 : 4096;
		q = realloc(m->names, cap);
		if (!q)
			return -ENOMEM;
		m->names = q;
		m->names_cap = cap;
	}
	if (len)
		memcpy(m->names + m->names_len, name, len);
	*ret = (uint32_t)m->names_len;
	m->names_len += len;
	return 0;
}

/* Of two ops that claim to make one thing the lower counts. */
static void
claim(const struct merge *m, uint32_t *slot, uint32_t op)
{
	if (*slot == MERGE_NONE ||
	    merge_order(m, &m->ops[op], &m->ops[*slot]) < 0)
		*slot = op;
}

static int
item_add(struct merge *m, const struct merge_op *o, uint32_t dev,
    uint32_t seen)
{
	struct merge_item it;
	uint32_t at = m->nops;
	int r;

	if (at == MERGE_NONE - 1)
		return -EFBIG;
	memset(&it, 0, sizeof(it));
	it.lamport = o->lamport;
	it.seq = o->seq;
	it.dev = dev;
	it.seen = seen;
	it.type = (uint8_t)o->type;
	it.kind = o->kind;
	it.name_len = o->type == OP_PLACE ? o->name_len : 0;
	it.other = MERGE_NONE;
	r = GROW(m, ops);
	if (r == 0)
		r = GROW(m, pending);
	if (r == 0)
		r = node_of(m, &o->node, &it.node);
	if (r == 0 && (o->type == OP_LINK || o->type == OP_PLACE))
		r = node_of(m, &o->other, &it.other);
	if (r == 0 && o->type == OP_PLACE)
		r = name_keep(m, o->name, o->name_len, &it.name);
	if (r < 0)
		return r;
	it.next = m->nodes[it.node].ops;
	m->nodes[it.node].ops = at;
	m->ops[m->nops++] = it;
	if (o->type == OP_CREATE)
		claim(m, &m->nodes[it.node].create, at);
	else if (o->type == OP_LINK)
		claim(m, &m->nodes[it.node].link, at);
	else if (o->type == OP_PLACE)
		m->pending[m->npending++] = at;
	return 0;
}

int
merge_add(struct merge *m, const struct merge_op *o)
{
	struct merge_dev *d;
	int r;

	if (m->author == MERGE_NONE || o->seq == 0)
		return -EINVAL;
	d = &m->devs[m->author];
	if (o->seq <= d->last || o->seq <= d->folded)
		return 0;
	if (o->type < OP_CREATE || o->type > OP_PUT) {
		d->last = o->seq;
		return 0;
	}
	if (vault_id_is_root(&o->node))
		return -EINVAL;
	r = item_add(m, o, m->author, d->seen);
	if (r == 0)
		m->devs[m->author].last = o->seq;
	return r;
}

int
merge_add_op(struct merge *m, const struct op *o)
{
	struct merge_op mo;

	memset(&mo, 0, sizeof(mo));
	mo.type = o->type;
	mo.lamport = o->lamport;
	mo.seq = o->seq;
	mo.node = o->node;
	if (o->type == OP_CREATE) {
		mo.kind = o->create.kind;
	} else if (o->type == OP_LINK) {
		mo.other = o->link.inode;
	} else if (o->type == OP_PLACE) {
		mo.other = o->place.parent;
		mo.name = o->place.name;
		mo.name_len = o->place.name_len;
	}
	return merge_add(m, &mo);
}

int
merge_add_segment(struct merge *m, const struct segment *s)
{
	struct merge_seen *seen;
	size_t i;
	int r;

	seen = calloc(s->nseen ? s->nseen : 1, sizeof(*seen));
	if (!seen)
		return -ENOMEM;
	for (i = 0; i < s->nseen; i++) {
		seen[i].dev = s->seen[i].dev;
		seen[i].seq = s->seen[i].op_seq;
	}
	r = merge_author(m, &s->dev, seen, s->nseen);
	free(seen);
	for (i = 0; r == 0 && i < s->ops.n; i++)
		r = merge_add_op(m, &s->ops.ops[i]);
	return r;
}

/* ---- from a checkpoint ------------------------------------------------- */

int
merge_base(struct merge *m, const struct merge_seen *frontier, size_t n)
{
	uint32_t d;
	size_t i;
	int r = 0;

	if (m->nops || m->has_base)
		return -EINVAL;
	for (i = 0; r == 0 && i < n; i++) {
		r = dev_of(m, &frontier[i].dev, &d);
		if (r == 0)
			m->devs[d].folded = frontier[i].seq;
	}
	if (r == 0)
		m->has_base = true;
	return r;
}

/*
 * A folded op comes without what its author had seen: it covers nothing, for
 * what it covered is not in the checkpoint any more.
 */
static int
base_add(struct merge *m, const struct op_stamp *s, struct merge_op *o)
{
	uint32_t d;
	int r = dev_of(m, &s->dev, &d);

	if (r < 0)
		return r;
	if (!s->seq)
		return -EINVAL;
	o->lamport = s->lamport;
	o->seq = s->seq;
	return item_add(m, o, d, 0);
}

static int
base_dentry(struct merge *m, const struct ckpt_node *n,
    const struct ckpt_dentry *d)
{
	struct merge_op o;
	int r = 0;

	memset(&o, 0, sizeof(o));
	o.node = d->id;
	if (!vault_id_eq(&d->id, &n->id)) {
		o.type = OP_LINK;
		o.other = n->id;
		/* Its own stamp is not kept; that of its place is later. */
		r = base_add(m, &d->placed, &o);
	}
	o.type = OP_PLACE;
	o.other = d->parent;
	o.name = d->name;
	o.name_len = d->name_len;
	return r < 0 ? r : base_add(m, &d->placed, &o);
}

int
merge_add_node(struct merge *m, const struct ckpt_node *n)
{
	struct merge_op o;
	uint32_t i;
	int r;

	if (!m->has_base || vault_id_is_root(&n->id))
		return -EINVAL;
	memset(&o, 0, sizeof(o));
	o.type = OP_CREATE;
	o.node = n->id;
	o.kind = n->kind;
	r = base_add(m, &n->created, &o);
	for (i = 0; r == 0 && i < n->ndentries; i++)
		r = base_dentry(m, n, &n->dentries[i]);
	if (r == 0 && n->version.seq) {
		o.type = OP_PUT;
		r = base_add(m, &n->version, &o);
	}
	return r;
}

/* ---- life -------------------------------------------------------------- */

int
merge_new(struct merge **ret)
{
	static const struct vault_id root;
	struct merge *m = calloc(1, sizeof(*m));
	uint32_t n;
	int r = -ENOMEM;

	if (!m)
		return -ENOMEM;
	m->author = MERGE_NONE;
	m->slots_mask = 63;
	m->slots = calloc(m->slots_mask + 1, sizeof(*m->slots));
	if (m->slots)
		r = node_of(m, &root, &n);
	if (r == 0)
		r = vec_new(m, 0, &n);
	if (r < 0) {
		merge_free(m);
		return r;
	}
	*ret = m;
	return 0;
}

void
merge_free(struct merge *m)
{
	if (!m)
		return;
	free(m->devs);
	free(m->vecs);
	free(m->cells);
	free(m->nodes);
	free(m->slots);
	free(m->ops);
	free(m->names);
	free(m->log);
	free(m->pending);
	free(m);
}
