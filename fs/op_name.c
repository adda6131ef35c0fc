/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <limits.h>
#include <sys/stat.h>

#include "fs/ops.h"
#include "fs/reply.h"
#include "fs/virtual.h"

/* A name came into being, or could not. */
static void
named(fuse_req_t req, int r, const struct drive_attr *a, fuse_ino_t parent,
    const char *name)
{
	virtual_changed(ctx_of(req)->virtual, parent, name);
	reply_entry(req, r, a);
}

void
op_mknod(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode,
    dev_t rdev)
{
	struct drive_attr a;
	struct req_cred cred;
	int r;

	/* Who may make a device, the kernel knows; nobody can open one here. */
	r = drive_mkdev(drive_of(req), req_cred(req, (mode & S_ISGID) != 0,
	    &cred), parent, name, mode, rdev, &a);
	named(req, r, &a, parent, name);
}

void
op_mkdir(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode)
{
	struct drive_attr a;
	struct req_cred cred;
	int r;

	r = drive_mknod(drive_of(req), req_cred(req, false, &cred), parent,
	    name, (mode & 07777) | S_IFDIR, &a);
	named(req, r, &a, parent, name);
}

void
op_symlink(fuse_req_t req, const char *target, fuse_ino_t parent,
    const char *name)
{
	struct drive_attr a;
	struct req_cred cred;
	int r;

	r = drive_symlink(drive_of(req), req_cred(req, false, &cred), parent,
	    name, target, &a);
	named(req, r, &a, parent, name);
}

void
op_readlink(fuse_req_t req, fuse_ino_t ino)
{
	char target[PATH_MAX];
	int r;

	r = drive_readlink(drive_of(req), ino, target, sizeof(target));
	if (r == 0 && !ctx_of(req)->no_atime)
		drive_accessed(drive_of(req), ino);
	reply_readlink(req, r, target);
}

void
op_link(fuse_req_t req, fuse_ino_t ino, fuse_ino_t parent, const char *name)
{
	struct drive_attr a;
	int r;

	r = virtual_is(ino) ? -EPERM : drive_link(drive_of(req), ino, parent,
	    name, &a);
	named(req, r, &a, parent, name);
}

void
op_unlink(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	reply_err(req, virtual_gone(parent, name, drive_unlink(drive_of(req),
	    parent, name)));
}

void
op_rmdir(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	reply_err(req, drive_rmdir(drive_of(req), parent, name));
}

void
op_rename(fuse_req_t req, fuse_ino_t parent, const char *name,
    fuse_ino_t newparent, const char *newname, unsigned flags)
{
	struct ops_ctx *x = ctx_of(req);
	struct req_cred cred;
	int r;

	r = drive_rename_as(x->drive, req_cred(req, false, &cred), parent,
	    name, newparent, newname, flags);
	virtual_changed(x->virtual, parent, name);	/* an exchange */
	virtual_changed(x->virtual, newparent, newname);
	r = virtual_gone(parent, name, r);
	reply_err(req, virtual_gone(newparent, newname, r));
}
