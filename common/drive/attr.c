/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Attributes: getattr, setattr, and whose file is whose.  Identity 0 is the
 * drive's own user, identity n the local id n - 1.
 */
#include "drive/drive.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "drive/perm.h"
#include "drive/tree_priv.h"
#include "util/clock.h"

/* ---- owners ------------------------------------------------------------- */

uint32_t
owner_from_uid(const struct drive *d, uid_t uid)
{
	return uid == d->conf.owner_uid ? 0 : uid + 1;
}

uint32_t
owner_from_gid(const struct drive *d, gid_t gid)
{
	return gid == d->conf.owner_gid ? 0 : gid + 1;
}

uid_t
owner_to_uid(const struct drive *d, uint32_t id)
{
	return id == 0 || !d->conf.is_multi_user ? d->conf.owner_uid : id - 1;
}

gid_t
owner_to_gid(const struct drive *d, uint32_t id)
{
	return id == 0 || !d->conf.is_multi_user ? d->conf.owner_gid : id - 1;
}

/* ---- reading ------------------------------------------------------------ */

void
mode_note(struct drive *d, uint32_t mode)
{
	if (S_ISREG(mode) && perm_is_marked(mode))
		__atomic_store_n(&d->has_marked, true, __ATOMIC_RELAXED);
}

bool
drive_is_marked(struct drive *d, uint64_t ino)
{
	struct drive_attr a;

	return __atomic_load_n(&d->has_marked, __ATOMIC_RELAXED) &&
	    drive_getattr(d, ino, &a) == 0 && S_ISREG(a.mode) &&
	    perm_is_marked(a.mode);
}

int
drive_getattr(struct drive *d, uint64_t ino, struct drive_attr *ret)
{
	struct inode i;
	int r;

	mutex_lock(&d->db_lock);
	r = inode_load(d, ino, &i);
	if (r == 0 && i.flags & INODE_ORPHAN && is_forgotten(d, ino))
		r = -ENOENT;
	if (r == 0)
		inode_attr(d, &i, ret);
	mutex_unlock(&d->db_lock);
	return r;
}

/* ---- setattr ------------------------------------------------------------ */

/* With one user, everybody is that one: nothing else can be set. */
static int
set_owner(struct drive *d, const struct drive_attr *in, unsigned set,
    struct inode *i)
{
	if ((set & DRIVE_SET_UID) && in->uid == (uint32_t)-1)
		return -EINVAL;
	if ((set & DRIVE_SET_GID) && in->gid == (uint32_t)-1)
		return -EINVAL;
	if (!d->conf.is_multi_user) {
		if ((set & DRIVE_SET_UID) && in->uid != d->conf.owner_uid)
			return -EPERM;
		if ((set & DRIVE_SET_GID) && in->gid != d->conf.owner_gid)
			return -EPERM;
	} else {
		if (set & DRIVE_SET_UID)
			i->uid = owner_from_uid(d, in->uid);
		if (set & DRIVE_SET_GID)
			i->gid = owner_from_gid(d, in->gid);
	}
	if (set & (DRIVE_SET_UID | DRIVE_SET_GID))
		i->mode = perm_chown(i->mode, i->kind == OP_KIND_DIR);
	return 0;
}

static int
set_locked(struct drive *d, const struct drive_cred *c, uint64_t ino,
    const struct drive_attr *in, unsigned set, struct drive_attr *ret)
    REQUIRES(d->db_lock)
{
	unsigned marks = OUTBOX_ATTR;
	uint32_t was_mode;
	gid_t was_gid;
	struct inode i;
	int r;

	r = inode_load(d, ino, &i);
	if (r == 0 && (set & DRIVE_SET_SIZE) && i.kind != OP_KIND_FILE)
		r = i.kind == OP_KIND_DIR ? -EISDIR : -EINVAL;
	if (r < 0)
		return r;
	was_mode = i.mode;
	was_gid = owner_to_gid(d, i.gid);
	r = set_owner(d, in, set, &i);
	if (r < 0)
		return r;
	i.atime_ns = atime_of(d, &i);
	i.read_ns = 0;
	if (set & DRIVE_SET_MODE) {
		i.mode = perm_chmod(c, owner_to_gid(d, i.gid),
		    in->mode & 07777);
		r = acl_chmod(d, &i);
		if (r < 0)
			return r;
		if (r == 1)
			marks |= OUTBOX_XATTR;
	}
	if ((set & DRIVE_SET_KILLPRIV) && i.kind == OP_KIND_FILE)
		i.mode = perm_killpriv(c, was_gid, i.mode);
	if (set == DRIVE_SET_KILLPRIV && i.mode == was_mode) {
		inode_attr(d, &i, ret);
		return 0;
	}
	if (set & DRIVE_SET_ATIME)
		i.atime_ns = in->atime_ns;
	if (set & DRIVE_SET_MTIME)
		i.mtime_ns = in->mtime_ns;
	i.ctime_ns = set & DRIVE_SET_CTIME ? in->ctime_ns : clock_real_ns();
	r = inode_save(d, &i);
	if (r == 0)
		r = outbox_mark(d, ino, marks);
	if (r == 0)
		atime_drop(d, ino);
	if (r == 0)
		inode_attr(d, &i, ret);
	return r;
}

int
drive_setattr(struct drive *d, const struct drive_cred *c, uint64_t ino,
    const struct drive_attr *in, unsigned set, struct drive_attr *ret) NO_TSA
{
	unsigned rest = set & ~(unsigned)(DRIVE_SET_SIZE |
	    DRIVE_SET_KILLPRIV);
	struct drive_attr now;
	int r;

	if (set & DRIVE_SET_SIZE) {
		/* Refuse what cannot be before anything is changed. */
		r = drive_getattr(d, ino, &now);
		if (r == 0 && (now.mode & 0170000) != 0100000)
			r = (now.mode & 0170000) == 0040000 ? -EISDIR :
			    -EINVAL;
		if (r == 0 && __atomic_load_n(&d->is_readonly,
		    __ATOMIC_RELAXED))
			r = -EROFS;
		if (r == 0)
			r = content_truncate(d, ino, in->size);
	} else {
		/* What is written but not committed would bring its own times
		 * later. */
		r = content_flush(d, ino);
	}
	if (r < 0)
		return r;
	/* A truncation has set its times. */
	if (rest == 0 && !(set & DRIVE_SET_KILLPRIV) &&
	    (set & DRIVE_SET_SIZE))
		return drive_getattr(d, ino, ret);
	r = drive_begin(d);
	if (r < 0)
		return r;
	return drive_end(d, set_locked(d, c, ino, in, set, ret));
}
