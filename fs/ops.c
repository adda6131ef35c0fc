/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "fs/ops.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "fs/handle.h"
#include "fs/leftover.h"
#include "fs/loop.h"
#include "fs/reply.h"
#include "fs/virtual.h"
#include "util/clock.h"
#include "util/log.h"

#define OPS_BACKGROUND 64	/* read-aheads the kernel may have under way */

int
ops_ctx_init(struct ops_ctx *c, double timeout)
{
	int r;

	memset(c, 0, sizeof(*c));
	c->timeout = timeout;
	r = handles_new(&c->handles);
	if (r < 0)
		return r;
	r = -pthread_key_create(&c->buf_key, free);
	if (r < 0) {
		handles_free(c->handles);
		c->handles = NULL;
	}
	return r;
}

void
ops_ctx_done(struct ops_ctx *c)
{
	leftover_stop(c->leftover);
	c->leftover = NULL;
	handles_free(c->handles);
	free(pthread_getspecific(c->buf_key));
	(void)pthread_key_delete(c->buf_key);
}

void *
ops_buf(fuse_req_t req)
{
	pthread_key_t key = ctx_of(req)->buf_key;
	void *p = pthread_getspecific(key);

	if (p)
		return p;
	p = aligned_alloc(4096, OPS_IO_MAX);
	if (p && pthread_setspecific(key, p) != 0) {
		free(p);
		p = NULL;
	}
	return p;
}

const struct drive_cred *
req_cred(fuse_req_t req, bool with_groups, struct req_cred *ret)
{
	const struct fuse_ctx *x = fuse_req_ctx(req);
	int n;

	ret->c.uid = x->uid;
	ret->c.gid = x->gid;
	ret->c.umask = x->umask;
	ret->c.is_privileged = x->uid == 0;
	ret->c.ngroups = 0;
	ret->c.groups = ret->groups;
	if (!with_groups || x->uid == 0)
		return &ret->c;
	n = fuse_req_getgroups(req, OPS_GROUPS_MAX, ret->groups);
	if (n > OPS_GROUPS_MAX)
		n = OPS_GROUPS_MAX;
	if (n > 0)
		ret->c.ngroups = (uint32_t)n;
	return &ret->c;
}

bool
req_is_marked(fuse_req_t req, fuse_ino_t ino)
{
	return fuse_req_ctx(req)->uid != 0 &&
	    drive_is_marked(drive_of(req), ino);
}

void
req_kill_mark(fuse_req_t req, fuse_ino_t ino)
{
	struct drive_attr in, a;
	struct req_cred cred;

	if (!req_is_marked(req, ino))
		return;
	memset(&in, 0, sizeof(in));
	(void)drive_setattr(drive_of(req), req_cred(req, true, &cred), ino, &in,
	    DRIVE_SET_KILLPRIV, &a);
}

void
ops_make_real(fuse_req_t req)
{
	struct ops_ctx *x = ctx_of(req);
	struct req_cred cred;

	reply_err(req, virtual_make_real(x->virtual, x->drive, req_cred(req,
	    false, &cred)));
}

static bool
is_interrupted(void *arg)
{
	struct ops_wait *o = arg;
	struct ops_ctx *x = ctx_of(o->req);

	/* Asked before each wait. */
	if (!o->is_lent)
		o->is_lent = loop_lend(LOOP_LENT_FAR);
	loop_will_wait();
	__atomic_store_n(&o->h->is_fetched, true, __ATOMIC_RELAXED);
	return x->is_stopping || x->is_locking || x->is_resting ||
	    fuse_req_interrupted(o->req);
}

const struct drive_wait *
req_wait(fuse_req_t req, struct handle *h, struct ops_wait *ret)
{
	ret->w.is_interrupted = is_interrupted;
	ret->w.arg = ret;
	ret->w.timeout_ms = 0;
	ret->w.is_patient = false;
	ret->req = req;
	ret->h = h;
	ret->is_lent = false;
	return &ret->w;
}

void
req_wait_end(struct ops_wait *o)
{
	if (o->is_lent)
		loop_lend_end();
	o->is_lent = false;
}

void
req_settle_maps(fuse_req_t req, fuse_ino_t ino)
{
	struct ops_ctx *x = ctx_of(req);

	if (!handles_may_map(x->handles, ino))
		return;
	/* The kernel waits for answers that another thread has to give.  With
	 * hundreds at it the times may come out late. */
	if (!loop_lend(LOOP_LENT_MAX))
		return;
	(void)fuse_lowlevel_notify_inval_inode(x->se, ino, 0, 0);
	loop_lend_end();
}

struct settling {
	struct fuse_session *se;
	int64_t end_ms;
};

static void
settle(void *arg, uint64_t ino)
{
	struct settling *s = arg;

	if (clock_mono_ms() < s->end_ms)
		(void)fuse_lowlevel_notify_inval_inode(s->se, ino, 0, 0);
}

void
ops_settle_maps(struct ops_ctx *x, int64_t end_ms)
{
	struct settling s = { x->se, end_ms };

	handles_each_map(x->handles, settle, &s);
}

/*
 * What we want of the kernel.  The driver tells it about every change that
 * does not go through this mount, so names, attributes and pages may be kept
 * for long.  No write-back cache: it halves the speed of large writes and
 * lets data lie in the kernel that close(2) promised to be safe from a crash
 * of the daemon.  No splice: blocks are sealed from memory.  O_TRUNC comes as
 * a request of its own: only that one clears setuid bits.
 */
static void
op_init(void *arg, struct fuse_conn_info *conn)
{
	static const unsigned on = FUSE_CAP_ASYNC_READ | FUSE_CAP_ASYNC_DIO |
	    FUSE_CAP_DONT_MASK | FUSE_CAP_POSIX_ACL |
	    FUSE_CAP_PARALLEL_DIROPS |
	    FUSE_CAP_READDIRPLUS | FUSE_CAP_READDIRPLUS_AUTO |
	    FUSE_CAP_CACHE_SYMLINKS | FUSE_CAP_EXPLICIT_INVAL_DATA |
	    FUSE_CAP_EXPORT_SUPPORT;
	static const unsigned off = FUSE_CAP_SPLICE_READ |
	    FUSE_CAP_SPLICE_WRITE | FUSE_CAP_SPLICE_MOVE |
	    FUSE_CAP_WRITEBACK_CACHE | FUSE_CAP_POSIX_LOCKS |
	    FUSE_CAP_FLOCK_LOCKS | FUSE_CAP_AUTO_INVAL_DATA |
	    FUSE_CAP_HANDLE_KILLPRIV | FUSE_CAP_ATOMIC_O_TRUNC |
	    FUSE_CAP_NO_OPEN_SUPPORT | FUSE_CAP_NO_OPENDIR_SUPPORT;

	(void)arg;
	conn->want |= on & conn->capable;
	conn->want &= ~off;
	conn->max_write = OPS_IO_MAX;
	conn->max_background = OPS_BACKGROUND;
	conn->congestion_threshold = OPS_BACKGROUND * 3 / 4;
	conn->time_gran = 1;
	log_debug("init proto=%u.%u capable=%x want=%x readahead=%u",
	    conn->proto_major, conn->proto_minor, conn->capable, conn->want,
	    conn->max_readahead);
}

/*
 * No lock ops: the kernel then keeps flock and fcntl locks itself, which is
 * right for one mount.  No access op: default_permissions has the kernel
 * check modes and ACLs.
 */
const struct fuse_lowlevel_ops ops_table = {
	.init = op_init,
	.lookup = op_lookup,
	.forget = op_forget,
	.forget_multi = op_forget_multi,
	.getattr = op_getattr,
	.setattr = op_setattr,
	.statfs = op_statfs,
	.mknod = op_mknod,
	.mkdir = op_mkdir,
	.symlink = op_symlink,
	.readlink = op_readlink,
	.link = op_link,
	.unlink = op_unlink,
	.rmdir = op_rmdir,
	.rename = op_rename,
	.open = op_open,
	.create = op_create,
	.read = op_read,
	.write_buf = op_write_buf,
	.flush = op_flush,
	.release = op_release,
	.fsync = op_fsync,
	.fallocate = op_fallocate,
	.lseek = op_lseek,
	.copy_file_range = op_copy_file_range,
	.opendir = op_opendir,
	.readdir = op_readdir,
	.readdirplus = op_readdirplus,
	.releasedir = op_releasedir,
	.fsyncdir = op_fsyncdir,
	.getxattr = op_getxattr,
	.setxattr = op_setxattr,
	.listxattr = op_listxattr,
	.removexattr = op_removexattr,
};
