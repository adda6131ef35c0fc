/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fs/handle.h"
#include "fs/meter.h"
#include "fs/ops.h"
#include "fs/refused.h"
#include "fs/reply.h"
#include "fs/thumbs.h"
#include "fs/virtual.h"
#include "util/clock.h"

#define COPY_MAX (UINT32_MAX & ~(size_t)4095)

static void
open_virtual(fuse_req_t req, struct fuse_file_info *fi)
{
	struct handle *h = NULL;
	int r;

	if ((fi->flags & O_ACCMODE) != O_RDONLY) {
		ops_make_real(req);
		return;
	}
	r = handle_virtual(ctx_of(req)->handles, &h);
	reply_open(req, r, fi, h);
}

/*
 * Programs that read what nobody asked them to read: makers of previews are
 * refused what is not here, and what they fetch of the rest is metered.  Who
 * stands in for one that was refused is refused as well, once.  0, or -EACCES.
 */
static int
open_unasked(fuse_req_t req, fuse_ino_t ino, int flags, struct handle *h)
{
	struct ops_ctx *x = ctx_of(req);
	char name[PROGRAM_NAME_MAX + 1];
	bool is_own = fuse_req_ctx(req)->uid == getuid(), is_refused;
	enum program_kind kind;

	kind = program_of(fuse_req_ctx(req)->pid, is_own, flags, name);
	if (kind == PROGRAM_OTHER)
		return 0;
	is_refused = x->no_thumbnails && (kind == PROGRAM_THUMBNAILER ||
	    (kind == PROGRAM_STAND_IN && is_own &&
	    refused_take(x->refused, ino, clock_mono_ms()))) &&
	    drive_missing(x->drive, ino, 0, UINT64_MAX, 1) != 0;
	if (is_refused && kind == PROGRAM_THUMBNAILER && is_own)
		refused_add(x->refused, ino, clock_mono_ms());
	if (is_refused) {
		if (is_own)
			thumbs_refused(x->thumbs, ino);
		return -EACCES;
	}
	if (kind == PROGRAM_STAND_IN)
		return 0;
	/* Names are taken by whoever likes: nobody uses up what another may
	 * fetch. */
	if (is_own)
		memcpy(h->metered, name, sizeof(name));
	else
		(void)snprintf(h->metered, sizeof(h->metered), "uid %u",
		    (unsigned)fuse_req_ctx(req)->uid);
	drive_file_spare(h->file);
	return 0;
}

void
op_open(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	struct drive_file *f = NULL;
	struct handle *h = NULL;
	int r;

	if (virtual_is(ino)) {
		open_virtual(req, fi);
		return;
	}
	r = drive_file_open(drive_of(req), ino, fi->flags, &f);
	if (r == 0)
		r = handle_file(ctx_of(req)->handles, f, ino, fi->flags, &h);
	if (r == 0 && (fi->flags & O_ACCMODE) == O_RDONLY) {
		r = open_unasked(req, ino, fi->flags, h);
		if (r < 0)
			(void)handle_close(h);	/* nothing was written */
	}
	reply_open(req, r, fi, h);
}

void
op_create(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode,
    struct fuse_file_info *fi)
{
	struct drive_file *f = NULL;
	struct handle *h = NULL;
	struct drive_attr a;
	struct req_cred cred;
	int r;

	r = drive_create(drive_of(req), req_cred(req, (mode & S_ISGID) != 0,
	    &cred), parent, name, (mode & 07777) | S_IFREG, fi->flags, &a,
	    &f);
	if (r == 0)
		r = handle_file(ctx_of(req)->handles, f, a.ino, fi->flags,
		    &h);
	virtual_changed(ctx_of(req)->virtual, parent, name);
	reply_create(req, r, &a, fi, h);
}

/* Has a metered program fetched enough for now? */
static bool
is_over(fuse_req_t req, fuse_ino_t ino, uint64_t off, size_t size,
    const struct handle *h)
{
	struct ops_ctx *x = ctx_of(req);
	int64_t n;

	if (!h->metered[0])
		return false;
	n = drive_missing(x->drive, ino, off, size, UINT64_MAX);
	return n > 0 && !meter_take(x->meter, h->metered, (uint64_t)n);
}

void
op_read(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off,
    struct fuse_file_info *fi)
{
	struct ops_wait w;
	void *p = ops_buf(req);
	ssize_t n = -ENOMEM;
	const char *text;

	if (size > OPS_IO_MAX)
		size = OPS_IO_MAX;
	if (virtual_is(ino)) {
		size = virtual_read(ctx_of(req)->virtual, (uint64_t)off, size,
		    &text);
		reply_buf(req, (ssize_t)size, text);
		return;
	}
	if (is_over(req, ino, (uint64_t)off, size, handle_of(fi))) {
		n = -EACCES;
	} else if (p) {
		n = drive_read(file_of(fi), p, size, (uint64_t)off,
		    req_wait(req, handle_of(fi), &w));
		req_wait_end(&w);
	}
	/* A metered program was not asked to read. */
	if (n >= 0 && !(fi->flags & O_NOATIME) && !ctx_of(req)->no_atime &&
	    !handle_of(fi)->metered[0])
		drive_file_accessed(file_of(fi));
	reply_buf(req, n, p);
}

/* Data that did not come as one piece of memory is gathered first. */
static ssize_t
write_gather(fuse_req_t req, struct fuse_bufvec *in, uint64_t off,
    struct drive_file *f)
{
	struct fuse_bufvec to = FUSE_BUFVEC_INIT(OPS_IO_MAX);
	ssize_t n;

	to.buf[0].mem = ops_buf(req);
	if (!to.buf[0].mem)
		return -ENOMEM;
	n = fuse_buf_copy(&to, in, 0);
	if (n < 0)
		return n;
	return drive_write(f, to.buf[0].mem, (size_t)n, off);
}

void
op_write_buf(fuse_req_t req, fuse_ino_t ino, struct fuse_bufvec *in,
    off_t off, struct fuse_file_info *fi)
{
	const struct fuse_buf *b = &in->buf[0];
	ssize_t n;

	req_kill_mark(req, ino);
	if (in->count == 1 && !(b->flags & FUSE_BUF_IS_FD) && in->idx == 0 &&
	    in->off == 0)
		n = drive_write(file_of(fi), b->mem, b->size, (uint64_t)off);
	else
		n = write_gather(req, in, (uint64_t)off, file_of(fi));
	reply_count(req, n);
}

void
op_flush(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	reply_err(req, virtual_is(ino) ? 0 : drive_flush(file_of(fi)));
}

void
op_release(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	if (handle_of(fi)->is_fetched)
		thumbs_fetched(ctx_of(req)->thumbs, ino);
	else if ((fi->flags & O_ACCMODE) != O_RDONLY)
		thumbs_written(ctx_of(req)->thumbs, ino);
	reply_err(req, handle_close(handle_of(fi)));
}

void
op_fsync(fuse_req_t req, fuse_ino_t ino, int datasync,
    struct fuse_file_info *fi)
{
	(void)datasync;
	reply_err(req, virtual_is(ino) ? 0 : drive_fsync(file_of(fi)));
}

void
op_fallocate(fuse_req_t req, fuse_ino_t ino, int mode, off_t off, off_t len,
    struct fuse_file_info *fi)
{
	req_kill_mark(req, ino);
	reply_err(req, drive_fallocate(file_of(fi), mode, (uint64_t)off,
	    (uint64_t)len));
}

void
op_lseek(fuse_req_t req, fuse_ino_t ino, off_t off, int whence,
    struct fuse_file_info *fi)
{
	if (virtual_is(ino)) {
		reply_lseek(req, virtual_lseek(ctx_of(req)->virtual, off,
		    whence));
		return;
	}
	req_settle_maps(req, ino);
	reply_lseek(req, drive_lseek(file_of(fi), off, whence));
}

void
op_copy_file_range(fuse_req_t req, fuse_ino_t ino_in, off_t off_in,
    struct fuse_file_info *in, fuse_ino_t ino_out, off_t off_out,
    struct fuse_file_info *out, size_t len, int flags)
{
	struct ops_wait w;
	ssize_t n;

	if (virtual_is(ino_in)) {
		reply_err(req, -EXDEV);	/* the kernel reads and writes */
		return;
	}
	if (flags != 0) {
		reply_err(req, -EINVAL);
		return;
	}
	/* The answer has 32 bits for it; older kernels ask for more. */
	if (len > COPY_MAX)
		len = COPY_MAX;
	req_kill_mark(req, ino_out);
	n = drive_copy_range(file_of(in), (uint64_t)off_in, file_of(out),
	    (uint64_t)off_out, len, req_wait(req, handle_of(in), &w));
	req_wait_end(&w);
	reply_count(req, n);
}
