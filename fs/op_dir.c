/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fs/handle.h"
#include "fs/ops.h"
#include "fs/reply.h"
#include "fs/thumbs.h"

/* A listing being put together for one request. */
struct listing {
	fuse_req_t req;
	char *p;
	size_t size, len;
	bool is_plus;
	char name[VAULT_NAME_MAX + 1];
};

void
op_opendir(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	struct drive_dir *d = NULL;
	struct handle *h = NULL;
	int r;

	r = drive_opendir(drive_of(req), ino, &d);
	if (r == 0)
		r = handle_dir(ctx_of(req)->handles, d, ino, &h);
	if (r == 0)
		h->no_atime = (fi->flags & O_NOATIME) != 0;
	if (r == 0 && fuse_req_ctx(req)->uid == getuid())
		thumbs_listed(ctx_of(req)->thumbs, ino,
		    fuse_req_ctx(req)->pid);
	reply_opendir(req, r, fi, h);
}

static bool
is_dots(const char *name)
{
	return name[0] == '.' && (!name[1] || (name[1] == '.' && !name[2]));
}

static size_t
entry_plus(struct listing *l, const struct drive_dirent *e)
{
	struct fuse_entry_param ep;

	memset(&ep, 0, sizeof(ep));
	ep.attr.st_ino = e->ino;
	ep.attr.st_mode = e->mode;
	/* An entry with an inode number is a look-up that will be forgotten;
	 * the kernel wants none for "." and "..". */
	if (e->attr && !is_dots(l->name)) {
		ep.ino = e->ino;
		ep.generation = 1;
		ep.attr_timeout = ep.entry_timeout = ctx_of(l->req)->timeout;
		reply_stat(e->attr, &ep.attr);
	}
	return fuse_add_direntry_plus(l->req, l->p + l->len,
	    l->size - l->len, l->name, &ep, (off_t)e->off);
}

static int
entry_add(void *arg, const struct drive_dirent *e)
{
	struct listing *l = arg;
	struct stat st;
	size_t n;

	if (e->name_len > VAULT_NAME_MAX)
		return -EIO;
	memcpy(l->name, e->name, e->name_len);
	l->name[e->name_len] = '\0';
	if (l->is_plus) {
		n = entry_plus(l, e);
	} else {
		memset(&st, 0, sizeof(st));
		st.st_ino = e->ino;
		st.st_mode = e->mode;
		n = fuse_add_direntry(l->req, l->p + l->len, l->size - l->len,
		    l->name, &st, (off_t)e->off);
	}
	if (n > l->size - l->len)
		return 1;
	l->len += n;
	return 0;
}

static void
list(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off,
    struct fuse_file_info *fi, bool is_plus)
{
	struct listing l = { .req = req, .is_plus = is_plus };
	const struct ops_ctx *x = ctx_of(req);
	int r = -ENOMEM;

	l.p = ops_buf(req);
	l.size = size < OPS_IO_MAX ? size : OPS_IO_MAX;
	if (l.p)
		r = drive_readdir(drive_of(req), dir_of(fi), (uint64_t)off,
		    is_plus, entry_add, &l);
	if (r == 0 && !x->no_atime && !x->no_diratime &&
	    !handle_of(fi)->no_atime)
		drive_accessed(x->drive, ino);
	/* What was got before an error is given; the next call meets it. */
	reply_buf(req, r < 0 && l.len == 0 ? r : (ssize_t)l.len, l.p);
}

void
op_readdir(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off,
    struct fuse_file_info *fi)
{
	list(req, ino, size, off, fi, false);
}

void
op_readdirplus(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off,
    struct fuse_file_info *fi)
{
	list(req, ino, size, off, fi, true);
}

void
op_releasedir(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	(void)ino;
	reply_err(req, handle_close(handle_of(fi)));
}

void
op_fsyncdir(fuse_req_t req, fuse_ino_t ino, int datasync,
    struct fuse_file_info *fi)
{
	(void)datasync;
	(void)fi;
	reply_err(req, drive_fsyncdir(drive_of(req), ino));
}
