/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The whole tree out: nodes for a checkpoint, the blocks it needs, and paths
 * for people.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "drive/tree_priv.h"
#include "util/buf.h"
#include "util/clock.h"

#define BATCH 64		/* ids read at a time */
#define LINKS_AT_ONCE 256
#define PATH_DEPTH_MAX 4096
#define YIELD_SHARE 3		/* of the time for others, to one for a walk */
#define YIELD_MAX_MS 100

struct named {
	struct vault_id id;
	uint64_t ino;
};

/* Published inodes with an id beyond *after (NULL: from the first). */
static int
ids_after(struct drive *d, const struct vault_id *after, struct named *out)
    REQUIRES(d->db_lock)
{
	struct stmt *s;
	const void *p;
	size_t len;
	int r, n = 0;

	s = db_stmt(d->db, STMT_WALK_IDS, "SELECT id, ino FROM inode_id "
	    "WHERE id > ?1 ORDER BY id LIMIT ?2");
	stmt_blob(s, 1, after ? after->b : NULL, after ? VAULT_ID_LEN : 0);
	stmt_i64(s, 2, BATCH);
	while ((r = stmt_step(s)) == 1 && n < BATCH) {
		p = stmt_get_blob(s, 0, &len);
		if (len != VAULT_ID_LEN) {
			r = -EIO;
			break;
		}
		memcpy(out[n].id.b, p, len);
		out[n++].ino = (uint64_t)stmt_get_i64(s, 1);
	}
	stmt_reset(s);
	return r < 0 ? r : n;
}

/* ---- nodes -------------------------------------------------------------- */

static void
attr_give(const struct inode *i, struct op_attr *a)
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

struct xgather {
	struct ckpt_xattr *v;
	uint32_t n, cap;
};

static int
xattr_gather(void *arg, const struct xattr *x)
{
	struct xgather *g = arg;
	struct ckpt_xattr *t;

	if (x->dirty & XATTR_REMOVED)
		return 0;
	if (g->n == g->cap) {
		g->cap = g->cap ? g->cap * 2 : 8;
		t = realloc(g->v, g->cap * sizeof(*t));
		if (!t)
			return -ENOMEM;
		g->v = t;
	}
	t = &g->v[g->n];
	t->name = malloc(x->name_len + 1u);
	t->value = malloc(x->value_len + 1u);
	if (!t->name || !t->value) {
		free(t->name);
		free(t->value);
		return -ENOMEM;
	}
	memcpy(t->name, x->name, x->name_len);
	memcpy(t->value, x->value, x->value_len);
	t->name_len = x->name_len;
	t->value_len = x->value_len;
	g->n++;
	return 0;
}

/* Also on failure what was gathered is the caller's. */
static int
xattrs_of(struct drive *d, const struct inode *i, struct ckpt_xattr **ret,
    uint32_t *ret_n) REQUIRES(d->db_lock)
{
	struct xgather g = { .v = NULL };
	int r = 0;

	if (i->flags & INODE_XATTR)
		r = xattr_each(d, i->ino, 0, xattr_gather, &g);
	*ret = g.v;
	*ret_n = g.n;
	return r;
}

static int
name_add(struct drive *d, struct ckpt_node *n, const struct dentry *x)
    REQUIRES(d->db_lock)
{
	struct ckpt_dentry *t;
	struct inode p;
	int r;

	if (!stamp_is_set(&x->placed))
		return -EAGAIN;
	r = inode_load(d, x->parent, &p);
	if (r < 0)
		return r;
	t = realloc(n->dentries, (n->ndentries + 1) * sizeof(*t));
	if (!t)
		return -ENOMEM;
	n->dentries = t;
	t = &t[n->ndentries++];
	memset(t, 0, sizeof(*t));
	t->id = x->id;
	t->parent = p.id;
	t->name_len = x->name_len;
	memcpy(t->name, x->name, x->name_len);
	t->placed = x->placed;
	return 0;
}

static int
names_of(struct drive *d, const struct inode *i, struct ckpt_node *n)
    REQUIRES(d->db_lock)
{
	struct dentry first, *x;
	uint64_t from = 0;
	int r, k, got;

	r = dentry_first(d, i, &first);
	if (r == 0)
		r = name_add(d, n, &first);
	if (r < 0 && r != -ENOENT)
		return r;
	if (i->kind == OP_KIND_DIR)
		return r;
	x = malloc(LINKS_AT_ONCE * sizeof(*x));
	if (!x)
		return -ENOMEM;
	do {
		got = link_list(d, i->ino, from, x, LINKS_AT_ONCE);
		r = got < 0 ? got : 0;
		for (k = 0; k < got && r == 0; k++) {
			r = name_add(d, n, &x[k]);
			from = x[k].did + 1;
		}
	} while (r == 0 && got == LINKS_AT_ONCE);
	free(x);
	return r;
}

static int
node_load(struct drive *d, const struct inode *i, struct ckpt_node *n)
    REQUIRES(d->db_lock)
{
	int r;

	n->id = i->id;
	n->kind = i->kind;
	attr_give(i, &n->attr);
	memcpy(n->key, i->key, VAULT_KEY_LEN);
	n->created = i->created;
	n->version = i->version;
	r = target_give(d, i, &n->target, &n->target_len);
	if (r == 0)
		r = names_of(d, i, n);
	if (r == 0)
		r = xattrs_of(d, i, &n->xattrs, &n->nxattrs);
	if (r == 0 && i->kind == OP_KIND_FILE && stamp_is_set(&i->version))
		r = version_walk(d, i, &n->content);
	return r;
}

/* Everything that was made here is on the store, and nothing has been
 * published since gen. */
static int
walk_check(struct drive *d, uint64_t gen) REQUIRES(d->db_lock)
{
	struct stmt *s;
	int r;

	if (d->usage.outbox_ops || d->publish || d->pub_gen != gen)
		return -EAGAIN;
	s = db_stmt(d->db, STMT_WALK_PENDING, "SELECT 1 FROM segment LIMIT 1");
	r = stmt_step(s);
	if (r == 1)
		stmt_reset(s);
	return r == 1 ? -EAGAIN : r;
}

static int
walk_one(struct drive *d, const struct named *w, uint64_t gen,
    int (*fn)(void *arg, const struct ckpt_node *n), void *arg)
{
	struct inode i = { .ino = 0 };
	struct ckpt_node n;
	bool is_early;
	int r;

	memset(&n, 0, sizeof(n));
	mutex_lock(&d->db_lock);
	r = walk_check(d, gen);
	is_early = r == -EAGAIN;
	if (r == 0)
		r = inode_load(d, w->ino, &i);
	/* Without a name it is gone but for those who have it open. */
	if (r == 0 && (i.flags & INODE_ORPHAN))
		r = -ENOENT;
	/* Something of it is missing: without it the checkpoint would be a
	 * loss for who recovers from it. */
	if (r == 0 && (r = node_load(d, &i, &n)) == -ENOENT)
		r = -EUCLEAN;
	mutex_unlock(&d->db_lock);
	if (r == 0) {
		r = fn(arg, &n);
	} else if (r == -EAGAIN && !is_early) {
		/* No put is to come, and a block has no reference. */
		r = content_outgrown(d);
		r = r < 0 ? r : -EAGAIN;
	} else if (r == -ENOENT) {
		r = 0;
	}
	ckpt_node_done(&n);
	return r;
}

/* A walk has no hurry, and the lock for each node, whose row may have to come
 * from the disk: as long as others wait for it they get most of the time. */
static void
walk_yield(struct drive *d, unsigned waits, int64_t since_ms)
{
	int64_t ms = (clock_mono_ms() - since_ms) * YIELD_SHARE;

	if (mutex_waits(&d->db_lock) == waits)
		return;
	ms = ms < 1 ? 1 : ms;
	thread_pause_ms(ms < YIELD_MAX_MS ? ms : YIELD_MAX_MS);
}

int
drive_walk(struct drive *d, int (*fn)(void *arg, const struct ckpt_node *n),
    void *arg)
{
	struct named w[BATCH];
	struct vault_id last;
	uint64_t gen;
	bool is_first = true;
	int64_t since_ms;
	unsigned waits;
	int r, n = 0, k;

	mutex_lock(&d->db_lock);
	gen = d->pub_gen;
	r = walk_check(d, gen);
	mutex_unlock(&d->db_lock);
	do {
		since_ms = clock_mono_ms();
		waits = mutex_waits(&d->db_lock);
		if (r == 0) {
			mutex_lock(&d->db_lock);
			n = ids_after(d, is_first ? NULL : &last, w);
			mutex_unlock(&d->db_lock);
			r = n < 0 ? n : 0;
		}
		for (k = 0; k < n && r == 0; k++)
			r = walk_one(d, &w[k], gen, fn, arg);
		if (n > 0)
			last = w[n - 1].id;
		is_first = false;
		walk_yield(d, waits, since_ms);
	} while (r == 0 && n == BATCH);
	if (r != 0)
		return r;
	mutex_lock(&d->db_lock);
	r = walk_check(d, gen);
	mutex_unlock(&d->db_lock);
	return r;
}

int
drive_walk_root(struct drive *d, struct op_attr *ret_attr,
    struct ckpt_xattr **ret_xattrs, uint32_t *ret_n)
{
	struct ckpt_xattr *v = NULL;
	struct inode i;
	uint32_t n = 0, k;
	int r;

	mutex_lock(&d->db_lock);
	r = inode_load(d, DRIVE_ROOT_INO, &i);
	if (r == 0)
		r = xattrs_of(d, &i, &v, &n);
	mutex_unlock(&d->db_lock);
	if (r < 0) {
		for (k = 0; k < n; k++) {
			free(v[k].name);
			free(v[k].value);
		}
		free(v);
		return r;
	}
	attr_give(&i, ret_attr);
	*ret_xattrs = v;
	*ret_n = n;
	return 0;
}

/* ---- references --------------------------------------------------------- */

/* The next inodes after that have rows of blocks; at most BATCH. */
static int
inos_after(struct drive *d, uint64_t after, uint64_t *out)
    REQUIRES(d->db_lock)
{
	struct stmt *s;
	int r, n;

	for (n = 0; n < BATCH; n++) {
		s = db_stmt(d->db, STMT_WALK_BLOCKS, "SELECT ino FROM block "
		    "WHERE ino > ?1 ORDER BY ino LIMIT 1");
		stmt_i64(s, 1, (int64_t)after);
		r = stmt_step(s);
		if (r <= 0)
			return r < 0 ? r : n;
		out[n] = after = (uint64_t)stmt_get_i64(s, 0);
		stmt_reset(s);
	}
	return n;
}

/* A file that will never have a name (again) needs nothing there. */
static bool
is_needed(const struct inode *i)
{
	return i->kind == OP_KIND_FILE && (!(i->flags & INODE_ORPHAN) ||
	    (i->flags & INODE_UNNAMED));
}

static int
refs_one(struct drive *d, uint64_t ino, int (*fn)(void *arg, uint64_t ino,
    uint64_t idx, const struct block_ref *ref), void *arg)
{
	struct op put;
	struct inode i;
	uint32_t k;
	int r;

	memset(&put, 0, sizeof(put));
	put.type = OP_PUT;
	mutex_lock(&d->db_lock);
	r = inode_load(d, ino, &i);
	if (r == 0 && is_needed(&i))
		r = version_refs(d, &i, &put.put);
	mutex_unlock(&d->db_lock);
	if (unread_is(r))
		return fn(arg, ino, 0, NULL);
	if (r < 0)
		return r == -ENOENT ? 0 : r;
	for (k = 0; k < put.put.nblocks && r == 0; k++)
		r = fn(arg, ino, put.put.blocks[k].idx,
		    &put.put.blocks[k].ref);
	op_done(&put);
	return r;
}

int
drive_walk_refs(struct drive *d, int (*fn)(void *arg, uint64_t ino,
    uint64_t idx, const struct block_ref *ref), void *arg)
{
	uint64_t inos[BATCH], last = 0;
	int r = 0, n, k;

	do {
		mutex_lock(&d->db_lock);
		n = inos_after(d, last, inos);
		mutex_unlock(&d->db_lock);
		if (n < 0)
			return n;
		for (k = 0; k < n && r == 0; k++)
			r = refs_one(d, inos[k], fn, arg);
		if (n > 0)
			last = inos[n - 1];
	} while (r == 0 && n == BATCH);
	return r;
}

/* ---- paths -------------------------------------------------------------- */

static int
name_of(struct drive *d, uint64_t ino, struct dentry *ret)
    REQUIRES(d->db_lock)
{
	struct inode i;
	int r;

	r = inode_load(d, ino, &i);
	if (r < 0)
		return r;
	r = dentry_first(d, &i, ret);
	/* The first name is gone: any other will do. */
	if (r == -ENOENT && i.kind != OP_KIND_DIR) {
		r = link_list(d, ino, 0, ret, 1);
		r = r == 0 ? -ENOENT : r < 0 ? r : 0;
	}
	return r;
}

/* The names from the top down to ino, in front of what is in rev. */
static int
path_up(struct drive *d, uint64_t ino, struct buf *rev) REQUIRES(d->db_lock)
{
	struct dentry x;
	unsigned n;
	int r, k;

	for (n = 0; ino != DRIVE_ROOT_INO && n < PATH_DEPTH_MAX; n++) {
		r = name_of(d, ino, &x);
		if (r < 0)
			return r;
		for (k = x.name_len - 1; k >= 0; k--)
			(void)buf_put_u8(rev, (uint8_t)x.name[k]);
		(void)buf_put_u8(rev, '/');
		ino = x.parent;
	}
	return n == PATH_DEPTH_MAX ? -ELOOP : rev->err;
}

int
path_of(struct drive *d, uint64_t ino, struct buf *out)
{
	struct buf rev = BUF_INIT(1u << 20);
	size_t k;
	int r;

	r = path_up(d, ino, &rev);
	if (r == 0 && rev.len == 0)
		r = buf_put_u8(out, '/');
	for (k = rev.len; k > 0 && r == 0; k--)
		r = buf_put_u8(out, rev.data[k - 1]);
	buf_done(&rev);
	return r;
}

int
drive_path(struct drive *d, uint64_t ino, struct buf *out)
{
	int r;

	mutex_lock(&d->db_lock);
	r = path_of(d, ino, out);
	mutex_unlock(&d->db_lock);
	return r;
}

int
drive_name(struct drive *d, uint64_t ino, uint64_t *ret_folder,
    char ret[static VAULT_NAME_MAX + 1])
{
	struct dentry x;
	int r;

	mutex_lock(&d->db_lock);
	r = ino == DRIVE_ROOT_INO ? -ENOENT : name_of(d, ino, &x);
	mutex_unlock(&d->db_lock);
	if (r < 0)
		return r;
	*ret_folder = x.parent;
	memcpy(ret, x.name, x.name_len + 1u);
	return 0;
}
