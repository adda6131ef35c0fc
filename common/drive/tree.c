/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Looking names up, and what the operations on names share.
 */
#include "drive/drive.h"

#include <errno.h>
#include <string.h>

#include "drive/tree_priv.h"
#include "util/clock.h"

#define DEPTH_MAX 1000000	/* a longer way to the root is a cycle */

int
drive_lookup(struct drive *d, uint64_t parent, const char *name,
    struct drive_attr *ret)
{
	struct dentry x;
	struct inode i;
	int r;

	mutex_lock(&d->db_lock);
	r = dentry_get(d, parent, name, &x);
	if (r == 0) {
		r = inode_load(d, x.ino, &i);
		if (r == -ENOENT)
			r = -EIO;
	}
	if (r == 0)
		inode_attr(d, &i, ret);
	else if (r == -ENOENT && inode_load(d, parent, &i) == 0 &&
	    i.kind != OP_KIND_DIR)
		r = -ENOTDIR;
	mutex_unlock(&d->db_lock);
	return r;
}

int
drive_readlink(struct drive *d, uint64_t ino, char *out, size_t size)
{
	char target[VAULT_SYMLINK_MAX + 1];
	struct inode i;
	int r;

	mutex_lock(&d->db_lock);
	r = inode_load(d, ino, &i);
	if (r == 0)
		r = i.kind == OP_KIND_SYMLINK ? symlink_get(d, &i, target) :
		    -EINVAL;
	mutex_unlock(&d->db_lock);
	if (r < 0)
		return r;
	if (size == 0)
		return -EINVAL;
	if (i.target_len >= size)
		return -ENAMETOOLONG;
	memcpy(out, target, i.target_len + 1u);
	return 0;
}

/* ---- folders ------------------------------------------------------------ */

int
folder_load(struct drive *d, uint64_t ino, struct inode *ret)
{
	int r = inode_load(d, ino, ret);

	if (r < 0)
		return r;
	if (ret->kind != OP_KIND_DIR)
		return -ENOTDIR;
	return ret->flags & INODE_ORPHAN ? -ENOENT : 0;
}

int
drive_parent(struct drive *d, uint64_t ino, struct drive_attr *ret)
{
	struct inode i;
	int r;

	mutex_lock(&d->db_lock);
	r = folder_load(d, ino, &i);
	if (r == 0)
		r = inode_load(d, i.parent, &i);
	if (r == 0)
		inode_attr(d, &i, ret);
	mutex_unlock(&d->db_lock);
	return r;
}

int
folder_touch(struct drive *d, struct inode *p, int64_t now)
{
	int r;

	p->mtime_ns = p->ctime_ns = now;
	r = inode_save(d, p);
	return r < 0 ? r : outbox_mark(d, p->ino, OUTBOX_ATTR);
}

int
folder_is_below(struct drive *d, uint64_t ino, uint64_t anc)
{
	struct inode i;
	unsigned n;
	int r;

	for (n = 0; n < DEPTH_MAX; n++) {
		if (ino == anc)
			return 1;
		if (ino == DRIVE_ROOT_INO || ino == 0)
			return 0;
		r = inode_load(d, ino, &i);
		if (r < 0)
			return r == -ENOENT ? -EIO : r;
		ino = i.parent;
	}
	return -EIO;
}

int
tree_detach(struct drive *d, const struct dentry *x, struct inode *i,
    uint64_t by, int64_t now)
{
	int r;

	r = dentry_gone(d, x);
	if (r < 0)
		return r;
	i->ctime_ns = now;
	if (x->did == x->ino)
		i->parent = 0;
	if (i->kind == OP_KIND_DIR || i->nlink <= 1) {
		r = inode_orphan(d, i);
	} else {
		i->nlink--;
		r = inode_save(d, i);
	}
	return r < 0 ? r : outbox_deleted(d, x, i, by);
}
