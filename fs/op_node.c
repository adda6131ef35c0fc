/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "fs/ops.h"
#include "fs/reply.h"
#include "fs/thumbs.h"
#include "fs/virtual.h"
#include "util/clock.h"

#define NS 1000000000

static int
attr_get(fuse_req_t req, fuse_ino_t ino, struct drive_attr *ret)
{
	if (!virtual_is(ino))
		return drive_getattr(drive_of(req), ino, ret);
	virtual_attr(ctx_of(req)->virtual, ret);
	return 0;
}

void
op_lookup(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	struct ops_ctx *x = ctx_of(req);
	struct drive_attr a;
	int r;

	/* These are asked for file handles (NFS) of an inode that the kernel
	 * has forgotten: if it is gone the handle is stale. */
	if (strcmp(name, ".") == 0) {
		r = attr_get(req, parent, &a);
		if (r == -ENOENT || (r == 0 && a.nlink == 0))
			r = -ESTALE;
	} else if (strcmp(name, "..") == 0) {
		r = drive_parent(x->drive, parent, &a);
		if (r == -ENOENT)
			r = -ESTALE;
	} else {
		r = virtual_lookup(x->virtual, x->drive, parent, name, &a);
	}
	reply_lookup(req, r, &a);
}

void
op_forget(fuse_req_t req, fuse_ino_t ino, uint64_t n)
{
	(void)n;
	if (!virtual_is(ino))
		drive_forget(drive_of(req), ino);
	fuse_reply_none(req);
}

void
op_forget_multi(fuse_req_t req, size_t n, struct fuse_forget_data *f)
{
	size_t i;

	for (i = 0; i < n; i++) {
		if (!virtual_is(f[i].ino))
			drive_forget(drive_of(req), f[i].ino);
	}
	fuse_reply_none(req);
}

void
op_getattr(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	struct drive_attr a;
	int r;

	(void)fi;
	r = attr_get(req, ino, &a);
	reply_attr(req, r, &a);
}

/* The nearest time that can be kept. */
static int64_t
ns_of(struct timespec ts)
{
	int64_t ns;

	if (__builtin_mul_overflow((int64_t)ts.tv_sec, (int64_t)NS, &ns) ||
	    __builtin_add_overflow(ns, (int64_t)ts.tv_nsec, &ns))
		return ts.tv_sec < 0 ? INT64_MIN : INT64_MAX;
	return ns;
}

void
op_setattr(fuse_req_t req, fuse_ino_t ino, struct stat *st, int set,
    struct fuse_file_info *fi)
{
	static const struct { int from; unsigned to; } map[] = {
		{ FUSE_SET_ATTR_MODE, DRIVE_SET_MODE },
		{ FUSE_SET_ATTR_UID, DRIVE_SET_UID },
		{ FUSE_SET_ATTR_GID, DRIVE_SET_GID },
		{ FUSE_SET_ATTR_SIZE, DRIVE_SET_SIZE },
		{ FUSE_SET_ATTR_ATIME, DRIVE_SET_ATIME },
		{ FUSE_SET_ATTR_ATIME_NOW, DRIVE_SET_ATIME },
		{ FUSE_SET_ATTR_MTIME, DRIVE_SET_MTIME },
		{ FUSE_SET_ATTR_MTIME_NOW, DRIVE_SET_MTIME },
		{ FUSE_SET_ATTR_CTIME, DRIVE_SET_CTIME },
	};
	struct drive_attr in, a;
	struct req_cred cred;
	bool with_groups;
	unsigned to = 0;
	int64_t now;
	size_t i;
	int r;

	(void)fi;
	if (virtual_is(ino)) {
		ops_make_real(req);
		return;
	}
	memset(&in, 0, sizeof(in));
	in.mode = st->st_mode;
	in.uid = st->st_uid;
	in.gid = st->st_gid;
	in.size = (uint64_t)st->st_size;
	in.atime_ns = ns_of(st->st_atim);
	in.mtime_ns = ns_of(st->st_mtim);
	in.ctime_ns = ns_of(st->st_ctim);
	for (i = 0; i < sizeof(map) / sizeof(*map); i++) {
		if (set & map[i].from)
			to |= map[i].to;
	}
	if (!(set & FUSE_SET_ATTR_SIZE))
		req_settle_maps(req, ino);
	/* After what is settled, and one for all three. */
	now = clock_real_ns();
	if (set & FUSE_SET_ATTR_ATIME_NOW)
		in.atime_ns = now;
	if (set & FUSE_SET_ATTR_MTIME_NOW)
		in.mtime_ns = now;
	if ((set & (FUSE_SET_ATTR_ATIME_NOW | FUSE_SET_ATTR_MTIME_NOW)) &&
	    !(set & FUSE_SET_ATTR_CTIME)) {
		in.ctime_ns = now;
		to |= DRIVE_SET_CTIME;
	}
	with_groups = (to & (DRIVE_SET_MODE | DRIVE_SET_GID)) != 0;
	if ((to & (DRIVE_SET_SIZE | DRIVE_SET_UID | DRIVE_SET_GID)) &&
	    req_is_marked(req, ino)) {
		with_groups = true;
		to |= DRIVE_SET_KILLPRIV;
	}
	r = drive_setattr(drive_of(req), req_cred(req, with_groups, &cred),
	    ino, &in, to, &a);
	if (r == 0 && (to & (DRIVE_SET_SIZE | DRIVE_SET_MTIME)))
		thumbs_written(ctx_of(req)->thumbs, ino);
	reply_attr(req, r, &a);
}

void
op_statfs(fuse_req_t req, fuse_ino_t ino)
{
	struct drive_statfs s;

	(void)ino;
	drive_statfs(drive_of(req), &s);
	reply_statfs(req, &s);
}
