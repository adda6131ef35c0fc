/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <limits.h>
#include <sys/stat.h>

#include "fs/ops.h"
#include "fs/reply.h"

void
op_mknod(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode,
    dev_t rdev)
{
	struct drive_attr a;
	struct req_cred cred;
	int r;

	(void)rdev;	/* devices are refused by the drive */
	r = drive_mknod(drive_of(req), req_cred(req, (mode & S_ISGID) != 0,
	    &cred), parent, name, mode, &a);
	reply_entry(req, r, &a);
}

void
op_mkdir(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode)
{
	struct drive_attr a;
	struct req_cred cred;
	int r;

	r = drive_mknod(drive_of(req), req_cred(req, false, &cred), parent,
	    name, (mode & 07777) | S_IFDIR, &a);
	reply_entry(req, r, &a);
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
	reply_entry(req, r, &a);
}

void
op_readlink(fuse_req_t req, fuse_ino_t ino)
{
	char target[PATH_MAX];
	int r;

	r = drive_readlink(drive_of(req), ino, target, sizeof(target));
	reply_readlink(req, r, target);
}

void
op_link(fuse_req_t req, fuse_ino_t ino, fuse_ino_t parent, const char *name)
{
	struct drive_attr a;
	int r;

	r = drive_link(drive_of(req), ino, parent, name, &a);
	reply_entry(req, r, &a);
}

void
op_unlink(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	reply_err(req, drive_unlink(drive_of(req), parent, name));
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
	reply_err(req, drive_rename(drive_of(req), parent, name, newparent,
	    newname, flags));
}
