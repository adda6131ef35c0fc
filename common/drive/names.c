/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Names given to and taken from what is there: link, unlink, rmdir.
 */
#include "drive/drive.h"

#include <errno.h>
#include <string.h>

#include "drive/pin_priv.h"
#include "drive/tree_priv.h"
#include "util/clock.h"

static int
link_check(struct drive *d, const struct inode *i, uint64_t parent,
    const char *name, int *ret_len) REQUIRES(d->db_lock)
{
	struct dentry x;
	int r;

	if (i->kind == OP_KIND_DIR)
		return -EPERM;
	/* What was deleted stays so. */
	if ((i->flags & INODE_ORPHAN) && !(i->flags & INODE_UNNAMED))
		return -ENOENT;
	if (i->nlink >= VAULT_LINKS_MAX)
		return -EMLINK;
	*ret_len = name_check(name);
	if (*ret_len < 0)
		return *ret_len;
	r = dentry_get(d, parent, name, &x);
	return r == 0 ? -EEXIST : r == -ENOENT ? 0 : r;
}

static int
link_locked(struct drive *d, uint64_t ino, uint64_t parent, const char *name,
    struct drive_attr *ret) REQUIRES(d->db_lock)
{
	int64_t now = clock_real_ns();
	struct inode i, p;
	struct dentry x;
	bool is_first;
	int r, len = 0;

	r = folder_load(d, parent, &p);
	if (r == 0)
		r = inode_load(d, ino, &i);
	if (r == 0)
		r = link_check(d, &i, parent, name, &len);
	if (r < 0)
		return r;
	is_first = (i.flags & INODE_UNNAMED) != 0;
	memset(&x, 0, sizeof(x));
	place_of(d, parent, name, (size_t)len, &x.at);
	x.ino = ino;
	x.parent = parent;
	x.kind = i.kind;
	x.name_len = (uint8_t)len;
	memcpy(x.name, name, (size_t)len);
	if (is_first) {
		x.did = ino;
		x.id = i.id;
		i.parent = parent;
		r = inode_unorphan(d, &i);
		i.flags &= (uint8_t)~INODE_UNNAMED;
	} else {
		id_new(d, &x.id);
		r = number_next(d, &x.did);
	}
	if (r < 0)
		return r;
	i.nlink++;
	i.ctime_ns = now;
	r = inode_save(d, &i);
	if (r == 0)
		r = dentry_put(d, &x);
	if (r == 0)
		r = outbox_added(d, &x, !is_first,
		    is_first && (i.flags & INODE_XATTR) ? OUTBOX_XATTR : 0);
	if (r == 0)
		r = outbox_mark(d, ino, OUTBOX_ATTR);
	if (r == 0)
		r = folder_touch(d, &p, now);
	if (r == 0)
		inode_attr(d, &i, ret);
	pins_moved(d);
	return r;
}

int
drive_link(struct drive *d, uint64_t ino, uint64_t parent, const char *name,
    struct drive_attr *ret) NO_TSA
{
	int r = drive_begin(d);

	if (r < 0)
		return r;
	return drive_end(d, link_locked(d, ino, parent, name, ret));
}

static int
remove_locked(struct drive *d, uint64_t parent, const char *name,
    bool is_rmdir) REQUIRES(d->db_lock)
{
	int64_t now = clock_real_ns();
	struct inode i, p;
	struct dentry x;
	int r;

	r = folder_load(d, parent, &p);
	if (r == 0)
		r = dentry_get(d, parent, name, &x);
	if (r < 0)
		return r;
	r = inode_load(d, x.ino, &i);
	if (r < 0)
		return r == -ENOENT ? -EIO : r;
	if (is_rmdir != (i.kind == OP_KIND_DIR))
		return is_rmdir ? -ENOTDIR : -EISDIR;
	if (is_rmdir) {
		r = dentry_any(d, i.ino);
		if (r != 0)
			return r < 0 ? r : -ENOTEMPTY;
	}
	r = tree_detach(d, &x, &i, 0, now);
	if (r == 0 && i.nlink > 0)
		r = outbox_mark(d, i.ino, OUTBOX_ATTR);
	if (r < 0)
		return r;
	if (is_rmdir)
		p.nlink--;
	return folder_touch(d, &p, now);
}

int
drive_unlink(struct drive *d, uint64_t parent, const char *name) NO_TSA
{
	int r;

	if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
		return -EISDIR;
	r = drive_begin(d);
	return r < 0 ? r : drive_end(d, remove_locked(d, parent, name,
	    false));
}

int
drive_rmdir(struct drive *d, uint64_t parent, const char *name) NO_TSA
{
	int r;

	if (strcmp(name, ".") == 0)
		return -EINVAL;
	if (strcmp(name, "..") == 0)
		return -ENOTEMPTY;
	r = drive_begin(d);
	return r < 0 ? r : drive_end(d, remove_locked(d, parent, name, true));
}
