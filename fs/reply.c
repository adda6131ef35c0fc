/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "fs/reply.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "drive/drive.h"
#include "fs/handle.h"
#include "fs/ops.h"
#include "util/log.h"

#define NS 1000000000

/* What a program may be told: our own meanings become errors it knows. */
static int
errno_of(fuse_req_t req, ssize_t r)
{
	/* It would ask again at once, and again, and be in the middle of it
	 * when the kernel wants to freeze it. */
	if ((r == -ECANCELED || r == -EINTR) && ctx_of(req)->is_resting)
		return EHOSTUNREACH;
	switch (-r) {
	case EBADMSG:	/* does not verify: never altered bytes */
	case EPROTO:
	case EKEYREJECTED:
		return EIO;
	case ECANCELED:
		return EINTR;
	default:
		return (int)-r;
	}
}

/* A reply fails when the request was given up meanwhile: nobody is left to
 * tell. */
static void
sent(int r)
{
	if (r < 0 && r != -ENOENT)
		log_debug("reply: %s", strerror(-r));
}

static struct timespec
ts_of(int64_t ns)
{
	struct timespec ts;

	ts.tv_sec = ns / NS;
	ts.tv_nsec = ns % NS;
	if (ts.tv_nsec < 0) {	/* before 1970 */
		ts.tv_sec--;
		ts.tv_nsec += NS;
	}
	return ts;
}

void
reply_stat(const struct drive_attr *a, struct stat *st)
{
	memset(st, 0, sizeof(*st));
	st->st_ino = a->ino;
	st->st_mode = a->mode;
	st->st_rdev = a->rdev;
	st->st_nlink = a->nlink;
	st->st_uid = a->uid;
	st->st_gid = a->gid;
	st->st_size = (off_t)a->size;
	st->st_blocks = (blkcnt_t)a->blocks;
	st->st_blksize = OPS_BLKSIZE;
	st->st_atim = ts_of(a->atime_ns);
	st->st_mtim = ts_of(a->mtime_ns);
	st->st_ctim = ts_of(a->ctime_ns);
}

static void
entry_of(fuse_req_t req, const struct drive_attr *a,
    struct fuse_entry_param *ep)
{
	memset(ep, 0, sizeof(*ep));
	ep->ino = a->ino;
	/* The kernel has the root without having asked. */
	ep->generation = a->ino != FUSE_ROOT_ID;
	ep->attr_timeout = ep->entry_timeout = ctx_of(req)->timeout;
	reply_stat(a, &ep->attr);
}

void
reply_err(fuse_req_t req, int r)
{
	sent(fuse_reply_err(req, errno_of(req, r)));
}

void
reply_lookup(fuse_req_t req, int r, const struct drive_attr *a)
{
	struct fuse_entry_param ep;

	if (r != -ENOENT) {
		reply_entry(req, r, a);
		return;
	}
	memset(&ep, 0, sizeof(ep));
	ep.entry_timeout = ctx_of(req)->timeout;
	sent(fuse_reply_entry(req, &ep));
}

void
reply_entry(fuse_req_t req, int r, const struct drive_attr *a)
{
	struct fuse_entry_param ep;

	if (r < 0) {
		reply_err(req, r);
		return;
	}
	entry_of(req, a, &ep);
	sent(fuse_reply_entry(req, &ep));
}

void
reply_attr(fuse_req_t req, int r, const struct drive_attr *a)
{
	struct stat st;

	if (r < 0) {
		reply_err(req, r);
		return;
	}
	reply_stat(a, &st);
	sent(fuse_reply_attr(req, &st, ctx_of(req)->timeout));
}

void
reply_open(fuse_req_t req, int r, struct fuse_file_info *fi,
    struct handle *h)
{
	if (r < 0) {
		reply_err(req, r);
		return;
	}
	fi->fh = (uintptr_t)h;
	fi->keep_cache = 1;
	/* What was only read has nothing to commit when it is closed. */
	fi->noflush = (fi->flags & O_ACCMODE) == O_RDONLY;
	r = fuse_reply_open(req, fi);
	sent(r);
	if (r < 0)
		(void)handle_close(h);	/* nothing was written */
}

void
reply_create(fuse_req_t req, int r, const struct drive_attr *a,
    struct fuse_file_info *fi, struct handle *h)
{
	struct fuse_entry_param ep;

	if (r < 0) {
		reply_err(req, r);
		return;
	}
	fi->fh = (uintptr_t)h;
	fi->keep_cache = 1;
	entry_of(req, a, &ep);
	r = fuse_reply_create(req, &ep, fi);
	sent(r);
	if (r < 0)
		(void)handle_close(h);
}

void
reply_opendir(fuse_req_t req, int r, struct fuse_file_info *fi,
    struct handle *h)
{
	if (r < 0) {
		reply_err(req, r);
		return;
	}
	fi->fh = (uintptr_t)h;
	fi->keep_cache = 1;
	fi->cache_readdir = 1;
	r = fuse_reply_open(req, fi);
	sent(r);
	if (r < 0)
		(void)handle_close(h);
}

void
reply_buf(fuse_req_t req, ssize_t n, const void *p)
{
	if (n < 0)
		sent(fuse_reply_err(req, errno_of(req, n)));
	else
		sent(fuse_reply_buf(req, p, (size_t)n));
}

void
reply_count(fuse_req_t req, ssize_t n)
{
	if (n < 0)
		sent(fuse_reply_err(req, errno_of(req, n)));
	else
		sent(fuse_reply_write(req, (size_t)n));
}

void
reply_xattr_size(fuse_req_t req, ssize_t n)
{
	if (n < 0)
		sent(fuse_reply_err(req, errno_of(req, n)));
	else
		sent(fuse_reply_xattr(req, (size_t)n));
}

void
reply_readlink(fuse_req_t req, int r, const char *target)
{
	if (r < 0)
		reply_err(req, r);
	else
		sent(fuse_reply_readlink(req, target));
}

void
reply_lseek(fuse_req_t req, int64_t off)
{
	if (off < 0)
		sent(fuse_reply_err(req, errno_of(req, off)));
	else
		sent(fuse_reply_lseek(req, off));
}

void
reply_statfs(fuse_req_t req, const struct drive_statfs *s)
{
	struct statvfs v;

	memset(&v, 0, sizeof(v));
	v.f_bsize = v.f_frsize = (unsigned long)s->bsize;
	v.f_blocks = s->blocks;
	v.f_bfree = s->bfree;
	v.f_bavail = s->bavail;
	v.f_files = s->files;
	v.f_ffree = v.f_favail = s->ffree;
	v.f_namemax = VAULT_NAME_MAX;
	sent(fuse_reply_statfs(req, &v));
}
