/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "fs/raw.h"

#include <errno.h>
#include <linux/fuse.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "fs/gate.h"
#include "fs/handle.h"
#include "fs/ops.h"
#include "util/log.h"

#define NS 1000000000

struct tmpfile_in {
	struct fuse_in_header h;
	struct fuse_create_in c;
};

struct tmpfile_out {
	struct fuse_out_header h;
	struct fuse_entry_out e;
	struct fuse_open_out o;
};

_Static_assert(sizeof(struct tmpfile_in) == 40 + 16, "as the kernel sends it");
_Static_assert(sizeof(struct tmpfile_out) == 16 + 128 + 16,
    "as the kernel reads it");

/* Seconds may be negative; the nanoseconds of a time never are. */
static void
split(int64_t ns, uint64_t *ret_s, uint32_t *ret_ns)
{
	int64_t s = ns / NS, n = ns % NS;

	if (n < 0) {
		s--;
		n += NS;
	}
	*ret_s = (uint64_t)s;
	*ret_ns = (uint32_t)n;
}

static void
attr_fill(const struct drive_attr *a, struct fuse_attr *ret)
{
	ret->ino = a->ino;
	ret->size = a->size;
	ret->blocks = a->blocks;
	split(a->atime_ns, &ret->atime, &ret->atimensec);
	split(a->mtime_ns, &ret->mtime, &ret->mtimensec);
	split(a->ctime_ns, &ret->ctime, &ret->ctimensec);
	ret->mode = a->mode;
	ret->nlink = a->nlink;
	ret->uid = a->uid;
	ret->gid = a->gid;
	ret->rdev = (uint32_t)a->rdev;
	ret->blksize = OPS_BLKSIZE;
}

static int
tmpfile_make(struct ops_ctx *x, const struct tmpfile_in *in,
    struct tmpfile_out *out, struct handle **ret)
{
	struct drive_cred cred = { .uid = in->h.uid, .gid = in->h.gid,
	    .umask = in->c.umask, .is_privileged = in->h.uid == 0 };
	struct drive_file *f;
	struct drive_attr a;
	struct handle *h;
	int r;

	r = drive_tmpfile(x->drive, &cred, in->h.nodeid, (in->c.mode &
	    07777) | S_IFREG, (int)in->c.flags, &a, &f);
	if (r < 0)
		return r;
	r = handle_file(x->handles, f, a.ino, (int)in->c.flags, &h);
	if (r < 0)
		return r;
	out->e.nodeid = a.ino;
	out->e.generation = 1;
	out->e.attr_valid = out->e.entry_valid = (uint64_t)x->timeout;
	attr_fill(&a, &out->e.attr);
	out->o.fh = (uintptr_t)h;
	out->o.open_flags = FOPEN_KEEP_CACHE;
	*ret = h;
	return 0;
}

static void
tmpfile_answer(int fd, struct ops_ctx *x, const void *p, size_t len)
{
	struct tmpfile_out out;
	struct handle *h = NULL;
	struct tmpfile_in in;
	int r = -EIO;

	memset(&out, 0, sizeof(out));
	memcpy(&in, p, len < sizeof(in) ? len : sizeof(in));
	if (len >= sizeof(in))
		r = tmpfile_make(x, &in, &out, &h);
	out.h.unique = in.h.unique;
	out.h.error = r == -EBADMSG || r == -EPROTO ? -EIO : r;
	out.h.len = r < 0 ? sizeof(out.h) : sizeof(out);
	if (write(fd, &out, out.h.len) < 0) {
		/* The program has given up: nobody will close it. */
		log_debug("reply: r=%d", -errno);
		if (h)
			(void)handle_close(h);	/* nothing was written */
	}
}

static ssize_t
raw_read(int fd, void *buf, size_t len, void *userdata)
{
	const struct fuse_in_header *h = buf;
	struct ops_ctx *x = userdata;
	ssize_t n;

	for (;;) {
		n = read(fd, buf, len);
		if (n < (ssize_t)sizeof(*h) || h->opcode != FUSE_TMPFILE ||
		    !gate_enter(x->gate))
			return n;
		tmpfile_answer(fd, x, buf, (size_t)n);
		gate_leave(x->gate);
	}
}

static ssize_t
raw_writev(int fd, struct iovec *iov, int n, void *userdata)
{
	(void)userdata;
	return writev(fd, iov, n);
}

int
raw_install(struct fuse_session *se)
{
	static const struct fuse_custom_io io = {
		.read = raw_read,
		.writev = raw_writev,
	};

	return fuse_session_custom_io(se, &io, fuse_session_fd(se));
}
