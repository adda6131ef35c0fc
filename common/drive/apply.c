/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What others published, applied here; and the rebuilding of a drive from
 * its journals and checkpoints.  Applying a thing twice changes nothing, so
 * an interrupted rebuild starts over on what there is.
 */
#include "drive/apply_priv.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "util/log.h"

/* ---- inodes ------------------------------------------------------------- */

static void
attr_take(struct inode *i, const struct op_attr *a)
{
	if (a->mask & OP_ATTR_MODE)
		i->mode = a->mode & 07777;
	if (a->mask & OP_ATTR_UID)
		i->uid = a->uid;
	if (a->mask & OP_ATTR_GID)
		i->gid = a->gid;
	if (a->mask & OP_ATTR_ATIME) {
		i->atime_ns = a->atime_ns;
		i->read_ns = 0;
	}
	if (a->mask & OP_ATTR_MTIME)
		i->mtime_ns = a->mtime_ns;
	if (a->mask & OP_ATTR_CTIME)
		i->ctime_ns = a->ctime_ns;
	if (a->mask & OP_ATTR_BTIME)
		i->btime_ns = a->btime_ns;
}

struct birth {
	const struct vault_id *id;
	const struct op_stamp *stamp;
	uint8_t kind;
	const struct op_attr *attr;
	const uint8_t *key;
	const uint8_t *target;
	uint16_t target_len;
};

/* 1: it was there already. */
static int
apply_create(struct apply *a, const struct birth *b) NO_TSA
{
	struct dentry_ref ref;
	struct drive *d = a->d;
	struct inode i;
	uint64_t ino;
	int r;

	memset(&ref, 0, sizeof(ref));
	memset(&i, 0, sizeof(i));
	r = inode_by_id(d, b->id, &ino);
	if (r == 0)
		r = inode_load(d, ino, &i);
	if (r == 0 && (!(i.flags & INODE_AWAITED) || b->kind !=
	    OP_KIND_DIR))
		return 1;
	if (r == -ENOENT)
		r = number_next(d, &ino);
	if (r < 0)
		return r;
	i.ino = ref.ino = ref.did = ino;
	i.id = *b->id;
	i.kind = b->kind;
	i.created = *b->stamp;
	memcpy(i.key, b->key, VAULT_KEY_LEN);
	attr_take(&i, b->attr);
	r = target_take(d, &i, b->target, b->target_len);
	if (r < 0)
		return r;
	/* Without a name it is an orphan until its place comes; a folder
	 * whose children came first keeps its links. */
	if (i.flags & INODE_AWAITED) {
		i.flags &= (uint8_t)~INODE_AWAITED;
		r = inode_save(d, &i);
	} else {
		r = inode_orphan(d, &i);
		/* Folders may come into it before it has its place. */
		if (r == 0 && b->kind == OP_KIND_DIR) {
			i.nlink = 2;
			r = inode_save(d, &i);
		}
	}
	if (r == 0)
		r = inode_id_put(d, b->id, ino);
	return r < 0 ? r : dentry_ref_put(d, b->id, &ref);
}

int
apply_find(struct drive *d, const struct vault_id *id, struct inode *ret)
{
	uint64_t ino;
	int r = inode_by_id(d, id, &ino);

	return r < 0 ? r : inode_load(d, ino, ret);
}

static int
apply_attr(struct apply *a, const struct vault_id *id,
    const struct op_attr *attr) NO_TSA
{
	struct inode i;
	int r = apply_find(a->d, id, &i);

	if (r < 0)
		return r == -ENOENT ? 0 : r;
	attr_take(&i, attr);
	note_add(a, i.ino, NULL);
	return inode_save(a->d, &i);
}

static int
apply_xattr(struct apply *a, const struct vault_id *id, const uint8_t *name,
    size_t name_len, const uint8_t *value, size_t len) NO_TSA
{
	char s[VAULT_XATTR_NAME_MAX + 1];
	struct inode i;
	uint32_t mode = 0;
	bool is_plain;
	int r;

	r = apply_find(a->d, id, &i);
	if (r < 0)
		return r == -ENOENT ? 0 : r;
	memcpy(s, name, name_len);
	s[name_len] = '\0';
	/* What this version does not know, it does not keep. */
	if (strcmp(s, XATTR_ACCESS) == 0 || strcmp(s, XATTR_DEFAULT) == 0) {
		if (value && acl_mode(value, len, &mode, &is_plain) < 0)
			return 0;
	} else if (!xattr_known(s)) {
		return 0;
	}
	r = xattr_store(a->d, &i, s, value, len, XATTR_CLEAN);
	if (r == 0)
		r = inode_save(a->d, &i);
	note_add(a, i.ino, NULL);
	return r;
}

/* ---- content ------------------------------------------------------------ */

int
apply_put(struct apply *a, const struct vault_id *id,
    const struct op_stamp *stamp, const struct op_put *p)
{
	struct inode i;
	int r = apply_find(a->d, id, &i);

	if (r < 0)
		return r == -ENOENT ? 0 : r;
	if (i.kind != OP_KIND_FILE)
		return 0;
	if (stamp && stamp_cmp(stamp, &i.version) <= 0)
		return 0;
	r = mixed_look(a->d, &i, p);
	if (r == 0)
		r = version_apply(a->d, &i, p);
	if (r < 0)
		return r;
	/* All of it is known again. */
	if (p->is_inline || p->trunc == 0)
		lost_over(a->d, i.ino);
	if (stamp)
		i.version = *stamp;
	note_add(a, i.ino, NULL);
	return inode_save(a->d, &i);
}

/* ---- ops ---------------------------------------------------------------- */

static int
apply_op(struct apply *a, const struct op_stamp *stamp, const struct op *o)
    NO_TSA
{
	struct birth b;
	int r;

	switch ((enum op_type)o->type) {
	case OP_CREATE:
		b.id = &o->node;
		b.stamp = stamp;
		b.kind = o->create.kind;
		b.attr = &o->create.attr;
		b.key = o->create.key;
		b.target = o->create.target;
		b.target_len = o->create.target_len;
		r = apply_create(a, &b);
		return r < 0 ? r : 0;
	case OP_LINK:
		return apply_link(a, &o->node, &o->link.inode);
	case OP_PLACE:
		return apply_place(a, stamp, &o->node, &o->place.parent,
		    o->place.name, o->place.name_len);
	case OP_DELETE:
		return apply_delete(a, &o->node);
	case OP_PUT:
		return apply_put(a, &o->node, stamp, &o->put);
	case OP_ATTR:
		return apply_attr(a, &o->node, &o->attr);
	case OP_XATTR:
		return apply_xattr(a, &o->node, o->xattr.name,
		    o->xattr.name_len, o->xattr.is_removed ? NULL :
		    o->xattr.value ? o->xattr.value : (const uint8_t *)"",
		    o->xattr.value_len);
	case OP_CHECKPOINT:
	case OP_HEARTBEAT:
		break;
	}
	return 0;
}

/* Ops up to the next with manifest pages; returns how many were applied. */
static int
apply_run(struct apply *a, const struct vault_id *dev, const struct op *ops,
    size_t n, size_t *ret) NO_TSA
{
	struct drive *d = a->d;
	struct op_stamp stamp = { .dev = *dev };
	size_t k;
	int r;

	r = drive_begin_internal(d);
	if (r < 0)
		return r;
	for (k = 0; k < n && r == 0; k++) {
		if (ops[k].type == OP_PUT && ops[k].put.npages)
			break;
		stamp.lamport = ops[k].lamport;
		stamp.seq = ops[k].seq;
		r = apply_op(a, &stamp, &ops[k]);
	}
	/* What waits for a name may get one from this batch. */
	if (r == 0)
		r = apply_settle(a, k == n && !d->is_rebuilding);
	r = drive_end(d, r);
	if (r == 0)
		*ret = k;
	return r;
}

int
drive_apply(struct drive *d, const struct vault_id *dev,
    const struct op *ops, size_t n)
{
	struct apply a = { .d = d };
	struct op_stamp stamp = { .dev = *dev };
	size_t k = 0, done;
	int r = 0;

	while (k < n && r == 0) {
		done = 0;
		r = apply_run(&a, dev, ops + k, n - k, &done);
		k += done;
		if (r < 0 || k == n)
			break;
		stamp.lamport = ops[k].lamport;
		stamp.seq = ops[k].seq;
		r = apply_pages(&a, &ops[k].node, &stamp, &ops[k].put);
		k++;
	}
	notes_send(&a);
	return r;
}

/* ---- checkpoints -------------------------------------------------------- */

static int
node_names(struct apply *a, const struct ckpt_node *n) NO_TSA
{
	const struct ckpt_dentry *x;
	uint32_t k;
	int r = 0;

	for (k = 0; k < n->ndentries && r == 0; k++) {
		x = &n->dentries[k];
		if (!vault_id_eq(&x->id, &n->id))
			r = apply_link(a, &x->id, &n->id);
		if (r == 0)
			r = apply_place(a, &x->placed, &x->id, &x->parent,
			    x->name, x->name_len);
	}
	for (k = 0; k < n->nxattrs && r == 0; k++)
		r = apply_xattr(a, &n->id, n->xattrs[k].name,
		    n->xattrs[k].name_len, n->xattrs[k].value ?
		    n->xattrs[k].value : (const uint8_t *)"",
		    n->xattrs[k].value_len);
	return r;
}

int
drive_apply_node(struct drive *d, const struct ckpt_node *n) NO_TSA
{
	struct birth b = { &n->id, &n->created, n->kind, &n->attr, n->key,
	    n->target, n->target_len };
	struct apply a = { .d = d };
	bool has_content = n->kind == OP_KIND_FILE &&
	    stamp_is_set(&n->version);
	int r;

	r = drive_begin_internal(d);
	if (r < 0)
		return r;
	r = apply_create(&a, &b);
	if (r >= 0)
		r = node_names(&a, n);
	if (r == 0 && has_content && n->content.npages == 0)
		r = apply_put(&a, &n->id, &n->version, &n->content);
	if (r == 0)
		r = apply_settle(&a, !d->is_rebuilding);
	r = drive_end(d, r);
	if (r == 0 && has_content && n->content.npages)
		r = apply_pages(&a, &n->id, &n->version, &n->content);
	/* Times as they were: content has brought its own. */
	if (r == 0 && has_content) {
		r = drive_begin_internal(d);
		if (r == 0)
			r = drive_end(d, apply_attr(&a, &n->id, &n->attr));
	}
	notes_send(&a);
	return r;
}

int
drive_apply_root(struct drive *d, const struct ckpt_root *r) NO_TSA
{
	static const struct vault_id root;
	struct apply a = { .d = d };
	uint32_t k;
	int err;

	err = drive_begin_internal(d);
	if (err < 0)
		return err;
	err = apply_attr(&a, &root, &r->root_attr);
	for (k = 0; k < r->nroot_xattrs && err == 0; k++)
		err = apply_xattr(&a, &root, r->root_xattrs[k].name,
		    r->root_xattrs[k].name_len, r->root_xattrs[k].value ?
		    r->root_xattrs[k].value : (const uint8_t *)"",
		    r->root_xattrs[k].value_len);
	err = drive_end(d, err);
	notes_send(&a);
	return err;
}

/* ---- rebuilding --------------------------------------------------------- */

int
drive_rebuild_begin(struct drive *d)
{
	mutex_lock(&d->db_lock);
	d->is_rebuilding = true;
	d->is_rebuild_lost = false;
	mutex_unlock(&d->db_lock);
	return 0;
}

int
drive_rebuild_end(struct drive *d) NO_TSA
{
	struct apply a = { .d = d };
	int r;

	r = drive_begin_internal(d);
	if (r < 0)
		return r;
	r = apply_settle(&a, true);
	d->is_rebuilding = false;
	/* The last group's commit. */
	r = drive_end(d, r);
	if (r == 0)
		r = orphans_reap(d);
	if (r == 0)
		r = content_outgrown(d);
	notes_send(&a);
	lost_tell(d);
	return r < 0 ? r : drive_sync_disk(d);
}
