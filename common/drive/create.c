/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Making nodes: mknod, symlink and files without a name.
 */
#include "drive/drive.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "drive/perm.h"
#include "drive/tree_priv.h"
#include "util/clock.h"

struct make {
	const struct drive_cred *c;
	uint64_t parent;
	const char *name;
	uint8_t kind;
	mode_t mode;
	dev_t rdev;
	const char *target;
};

static int
kind_of(mode_t mode, uint8_t *ret)
{
	switch (mode & S_IFMT) {
	case 0:
	case S_IFREG:
		*ret = OP_KIND_FILE;
		return 0;
	case S_IFDIR:
		*ret = OP_KIND_DIR;
		return 0;
	case S_IFIFO:
		*ret = OP_KIND_FIFO;
		return 0;
	case S_IFSOCK:
		*ret = OP_KIND_SOCK;
		return 0;
	case S_IFCHR:
		*ret = OP_KIND_CHAR;
		return 0;
	case S_IFBLK:
		*ret = OP_KIND_BLOCK;
		return 0;
	default:
		return -EINVAL;
	}
}

/* The new inode, with what it has from its folder; not saved yet. */
static int
inode_new(struct drive *d, const struct make *m, const struct inode *p,
    int64_t now, struct inode *i, unsigned *ret_marks) REQUIRES(d->db_lock)
{
	gid_t gid;
	int r;

	memset(i, 0, sizeof(*i));
	r = number_next(d, &i->ino);
	if (r < 0)
		return r;
	id_new(d, &i->id);
	crypto_random(i->key, sizeof(i->key));
	i->kind = m->kind;
	i->mode = m->mode & 07777;
	i->rdev = (uint32_t)m->rdev;
	i->nlink = m->kind == OP_KIND_DIR ? 2 : 1;
	i->parent = m->parent;
	i->atime_ns = i->mtime_ns = i->ctime_ns = i->btime_ns = now;
	perm_inherit(m->c, p->mode, owner_to_gid(d, p->gid),
	    m->kind == OP_KIND_DIR, &gid, &i->mode);
	if (d->conf.is_multi_user) {
		i->uid = owner_from_uid(d, m->c->uid);
		i->gid = owner_from_gid(d, gid);
	}
	if (m->target)
		i->target_len = (uint16_t)strlen(m->target);
	return acl_inherit(d, p, i, m->c->umask, ret_marks);
}

static int
make_name(struct drive *d, const struct make *m, struct inode *p,
    struct inode *i, size_t len, unsigned marks, int64_t now)
    REQUIRES(d->db_lock)
{
	struct dentry x;
	int r;

	memset(&x, 0, sizeof(x));
	place_of(d, m->parent, m->name, len, &x.at);
	x.ino = x.did = i->ino;
	x.parent = m->parent;
	x.id = i->id;
	x.kind = i->kind;
	x.name_len = (uint8_t)len;
	memcpy(x.name, m->name, len);
	r = inode_add(d, i);
	if (r == 0)
		r = dentry_put(d, &x);
	if (r == 0)
		r = outbox_added(d, &x, false, marks);
	if (r < 0)
		return r;
	if (i->kind == OP_KIND_DIR)
		p->nlink++;
	return folder_touch(d, p, now);
}

static int
make_locked(struct drive *d, const struct make *m, struct drive_attr *ret)
    REQUIRES(d->db_lock)
{
	int64_t now = clock_real_ns();
	unsigned marks = 0;
	struct inode p, i;
	struct dentry x;
	int len, r;

	r = folder_load(d, m->parent, &p);
	if (r < 0)
		return r;
	len = name_check(m->name);
	if (len < 0)
		return len;
	r = dentry_get(d, m->parent, m->name, &x);
	if (r != -ENOENT)
		return r == 0 ? -EEXIST : r;
	r = inode_new(d, m, &p, now, &i, &marks);
	if (r == 0 && m->target)
		r = symlink_put(d, i.ino, m->target, i.target_len);
	if (r == 0)
		r = make_name(d, m, &p, &i, (size_t)len, marks, now);
	if (r == 0)
		inode_attr(d, &i, ret);
	return r;
}

int
whiteout_make(struct drive *d, const struct drive_cred *c, uint64_t parent,
    const char *name)
{
	struct make m = { .c = c, .parent = parent, .name = name,
	    .kind = OP_KIND_CHAR };
	struct drive_attr a;

	return make_locked(d, &m, &a);
}

static int
make(struct drive *d, const struct make *m, struct drive_attr *ret) NO_TSA
{
	int r = drive_begin(d);

	if (r < 0)
		return r;
	return drive_end(d, make_locked(d, m, ret));
}

/* An orphan from the start: it goes with its last handle, or with the
 * process, unless drive_link gives it a name before. */
static int
unnamed_locked(struct drive *d, const struct make *m, struct drive_attr *ret)
    REQUIRES(d->db_lock)
{
	int64_t now = clock_real_ns();
	unsigned marks = 0;
	struct inode p, i;
	int r;

	r = folder_load(d, m->parent, &p);
	if (r == 0)
		r = inode_new(d, m, &p, now, &i, &marks);
	if (r < 0)
		return r;
	i.flags |= INODE_UNNAMED;
	r = inode_add(d, &i);
	if (r == 0)
		r = inode_orphan(d, &i);
	if (r == 0)
		inode_attr(d, &i, ret);
	return r;
}

int
drive_tmpfile(struct drive *d, const struct drive_cred *c, uint64_t parent,
    mode_t mode, int flags, struct drive_attr *ret_attr,
    struct drive_file **ret) NO_TSA
{
	struct make m = { .c = c, .parent = parent, .kind = OP_KIND_FILE,
	    .mode = mode };
	int r;

	r = drive_begin(d);
	if (r == 0)
		r = drive_end(d, unnamed_locked(d, &m, ret_attr));
	if (r < 0)
		return r;
	r = drive_file_open(d, ret_attr->ino, flags & ~O_TRUNC, ret);
	if (r < 0)
		drive_forget(d, ret_attr->ino);
	return r;
}

int
drive_mkdev(struct drive *d, const struct drive_cred *c, uint64_t parent,
    const char *name, mode_t mode, dev_t rdev, struct drive_attr *ret)
{
	struct make m = { .c = c, .parent = parent, .name = name,
	    .mode = mode };
	int r = kind_of(mode, &m.kind);

	if (r < 0)
		return r;
	if (S_ISCHR(mode) || S_ISBLK(mode)) {
		if (major(rdev) > OP_MAJOR_MAX || minor(rdev) > OP_MINOR_MAX)
			return -EINVAL;
		m.rdev = rdev;
	}
	return make(d, &m, ret);
}

int
drive_mknod(struct drive *d, const struct drive_cred *c, uint64_t parent,
    const char *name, mode_t mode, struct drive_attr *ret)
{
	return drive_mkdev(d, c, parent, name, mode, 0, ret);
}

int
drive_symlink(struct drive *d, const struct drive_cred *c, uint64_t parent,
    const char *name, const char *target, struct drive_attr *ret)
{
	struct make m = { .c = c, .parent = parent, .name = name,
	    .kind = OP_KIND_SYMLINK, .mode = 0777, .target = target };
	size_t len = strnlen(target, VAULT_SYMLINK_MAX + 1);

	if (len == 0)
		return -ENOENT;
	if (len > VAULT_SYMLINK_MAX)
		return -ENAMETOOLONG;
	return make(d, &m, ret);
}
