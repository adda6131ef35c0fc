/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Operations on open files. */
#include "ops.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define PAGE 4096

static bool
can_read(const struct slot *s)
{
	return (s->flags & O_ACCMODE) != O_WRONLY;
}

static bool
can_write(const struct slot *s)
{
	return (s->flags & O_ACCMODE) != O_RDONLY;
}

/* The open file that is meant; NULL: there is none, do nothing. */
static struct slot *
slot_of(struct ctx *c, unsigned i)
{
	return c->slot[i].fd >= 0 ? &c->slot[i] : NULL;
}

int
slot_close(struct ctx *c, struct slot *s)
{
	struct mnode *n = s->node;
	int r;

	if (s->map)
		munmap(s->map, RND_FILE_MAX);
	s->map = NULL;
	r = close(s->fd);
	s->fd = -1;
	n->refs--;
	mnode_put(c, n);
	return expect(c, r, 0);
}

int
op_close(struct ctx *c, const struct op *o)
{
	struct slot *s = slot_of(c, o->slot);

	return s ? slot_close(c, s) : 0;
}

/* Offset and length as this file takes them; false: not at all. */
static bool
fits(const struct slot *s, uint64_t *off, size_t *len)
{
	if (s->flags & O_DIRECT) {
		*off -= *off % PAGE;
		*len = (*len + PAGE - 1) / PAGE * PAGE;
	}
	if (*off >= RND_FILE_MAX)
		return false;
	if (*len > RND_FILE_MAX - *off)
		*len = RND_FILE_MAX - *off;
	return true;
}

int
op_read(struct ctx *c, const struct op *o)
{
	struct slot *s = slot_of(c, o->slot);
	bool has_off = o->kind == OP_PREAD;
	size_t len = o->len, want;
	uint64_t off;
	ssize_t r;

	if (!s)
		return 0;
	off = has_off ? o->off : s->pos;
	if (!fits(s, &off, &len) || (!has_off && off != s->pos))
		return 0;
	want = off >= s->node->size ? 0 : s->node->size - off;
	if (want > len)
		want = len;
	r = has_off ? pread(s->fd, c->buf, len, (off_t)off) :
	    read(s->fd, c->buf, len);
	if (expect(c, r, can_read(s) ? 0 : EBADF) < 0)
		return -1;
	if (r < 0)
		return 0;
	s->node->atime = -1;
	if ((size_t)r != want)
		return failf(c, "%zd bytes instead of %zu", r, want);
	if (!has_off)
		s->pos += want;
	return verify_bytes(c, s->node, off, c->buf, want);
}

int
op_write(struct ctx *c, const struct op *o)
{
	struct slot *s = slot_of(c, o->slot);
	bool has_off = o->kind == OP_PWRITE;
	size_t len = o->len;
	uint64_t off;
	ssize_t r;

	if (!s)
		return 0;
	off = s->flags & O_APPEND ? s->node->size : has_off ? o->off : s->pos;
	if (!fits(s, &off, &len) || (!has_off && off != s->pos &&
	    !(s->flags & O_APPEND)))
		return 0;
	fill(c->buf, len, o->seed);
	r = has_off ? pwrite(s->fd, c->buf, len, (off_t)off) :
	    write(s->fd, c->buf, len);
	if (expect(c, r, can_write(s) ? 0 : EBADF) < 0)
		return -1;
	if (r < 0)
		return 0;
	if ((size_t)r != len)
		return failf(c, "%zd bytes instead of %zu", r, len);
	mnode_write(s->node, off, c->buf, len);
	if (!has_off)
		s->pos = len ? off + len : s->pos;
	if (len)
		mtime_now(c, s->node);
	return o->seed % 8 ? 0 : verify_fstat(c, s);
}

int
op_seek(struct ctx *c, const struct op *o)
{
	struct slot *s = slot_of(c, o->slot);
	int whence = (int)(o->flags % 3);
	off_t off = (off_t)o->off, from, r;

	if (!s)
		return 0;
	from = whence == SEEK_SET ? 0 : whence == SEEK_CUR ? (off_t)s->pos :
	    (off_t)s->node->size;
	if (o->flags & 4)
		off = -off;
	r = lseek(s->fd, off, whence);
	if (expect(c, r, from + off < 0 ? EINVAL : 0) < 0)
		return -1;
	if (r < 0)
		return 0;
	if (r != from + off)
		return failf(c, "%lld instead of %lld", (long long)r,
		    (long long)(from + off));
	s->pos = (uint64_t)r;
	return 0;
}

int
op_ftruncate(struct ctx *c, const struct op *o)
{
	struct slot *s = slot_of(c, o->slot);
	int r;

	if (!s)
		return 0;
	r = ftruncate(s->fd, (off_t)o->len);
	if (expect(c, r, can_write(s) ? 0 : EINVAL) < 0)
		return -1;
	if (r < 0)
		return 0;
	mnode_resize(s->node, o->len);
	mtime_now(c, s->node);
	return o->seed % 2 ? 0 : verify_fstat(c, s);
}

int
op_fallocate(struct ctx *c, const struct op *o)
{
	static const int modes[] = { 0, FALLOC_FL_KEEP_SIZE,
	    FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, FALLOC_FL_ZERO_RANGE,
	    FALLOC_FL_ZERO_RANGE | FALLOC_FL_KEEP_SIZE };
	struct slot *s = slot_of(c, o->slot);
	uint64_t off = o->off % RND_FILE_MAX, end;
	int mode = modes[o->flags % 5], want = 0, r;
	size_t len = o->len;
	struct mnode *n;

	if (!s)
		return 0;
	n = s->node;
	if (len > RND_FILE_MAX - off)
		len = RND_FILE_MAX - off;
	want = len == 0 ? EINVAL : can_write(s) ? 0 : EBADF;
	r = fallocate(s->fd, mode, (off_t)off, (off_t)len);
	if (expect(c, r, want) < 0)
		return -1;
	if (r < 0)
		return 0;
	end = off + len;
	if (!(mode & FALLOC_FL_KEEP_SIZE) && end > n->size)
		mnode_resize(n, end);
	if (end > n->size)
		end = n->size;
	if ((mode & ~FALLOC_FL_KEEP_SIZE) && off < end)
		memset(n->data + off, 0, end - off);
	if (mode & FALLOC_FL_PUNCH_HOLE)
		n->was_punched = true;
	mtime_maybe(c, n);
	return o->seed % 2 ? 0 : verify_fstat(c, s);
}

/* Where data and holes are said to be has to agree with the bytes. */
int
op_seekdata(struct ctx *c, const struct op *o)
{
	struct slot *s = slot_of(c, o->slot);
	bool is_data = o->flags & 1;
	uint64_t off = o->off;
	struct mnode *n;
	off_t r;
	int e;

	if (!s)
		return 0;
	n = s->node;
	r = lseek(s->fd, (off_t)off, is_data ? SEEK_DATA : SEEK_HOLE);
	e = errno;
	(void)lseek(s->fd, (off_t)s->pos, SEEK_SET);
	errno = e;
	c->did_it = r >= 0;
	if (r < 0 && e != ENXIO)
		return failf(c, "%s", strerrorname_np(e));
	if (off >= n->size)
		return r < 0 ? 0 : failf(c, "found past the end");
	if (r < 0)
		return is_data && mnode_is_zero(n, off, n->size) ? 0 :
		    failf(c, "ENXIO, and there is some");
	if ((uint64_t)r < off || (uint64_t)r > n->size)
		return failf(c, "%lld, from %llu of %zu", (long long)r,
		    (unsigned long long)off, n->size);
	if (is_data && !mnode_is_zero(n, off, (uint64_t)r))
		return failf(c, "data before %lld is left out", (long long)r);
	if (!is_data && !mnode_is_zero(n, (uint64_t)r, (uint64_t)r + 1))
		return failf(c, "data at %lld is called a hole", (long long)r);
	return 0;
}

static int
copy_wants(const struct slot *from, const struct slot *to, uint64_t a,
    uint64_t b, size_t len)
{
	if (!can_read(from) || !can_write(to) || (to->flags & O_APPEND))
		return EBADF;
	if (from->node == to->node && a < b + len && b < a + len)
		return EINVAL;
	return 0;
}

int
op_copy(struct ctx *c, const struct op *o)
{
	struct slot *from = slot_of(c, o->slot), *to = slot_of(c, o->slot2);
	off_t a = (off_t)(o->off % RND_FILE_MAX);
	off_t b = (off_t)(o->off2 % RND_FILE_MAX);
	size_t len = o->len, done = 0;
	ssize_t r;

	/* Where it becomes writes, O_DIRECT wants them aligned. */
	if (!from || !to || (from->flags | to->flags) & O_DIRECT)
		return 0;
	if (len > RND_FILE_MAX - (size_t)b)
		len = RND_FILE_MAX - (size_t)b;
	if ((size_t)a + len > from->node->size)
		len = (size_t)a < from->node->size ?
		    from->node->size - (size_t)a : 0;
	if (len == 0)
		return 0;
	do {
		r = copy_file_range(from->fd, &a, to->fd, &b, len - done, 0);
		if (r > 0)
			done += (size_t)r;
	} while (r > 0 && done < len);
	a -= (off_t)done;
	b -= (off_t)done;
	if (expect(c, r, copy_wants(from, to, (uint64_t)a, (uint64_t)b, len))
	    < 0)
		return -1;
	if (r < 0)
		return 0;
	if (done != len)
		return failf(c, "%zu bytes instead of %zu", done, len);
	memcpy(c->buf, from->node->data + a, len);
	mnode_write(to->node, (uint64_t)b, c->buf, len);
	mtime_now(c, to->node);
	from->node->atime = -1;
	return o->seed % 2 ? 0 : verify_fstat(c, to);
}

int
op_fsync(struct ctx *c, const struct op *o)
{
	struct slot *s = slot_of(c, o->slot);
	int r;

	if (!s)
		return 0;
	r = o->flags & 1 ? fdatasync(s->fd) : fsync(s->fd);
	return expect(c, r, 0);
}

int
op_fstat(struct ctx *c, const struct op *o)
{
	struct slot *s = slot_of(c, o->slot);

	if (!s)
		return 0;
	c->did_it = true;
	return verify_fstat(c, s);
}

/* ---- maps --------------------------------------------------------------- */

int
op_map(struct ctx *c, const struct op *o)
{
	struct slot *s = slot_of(c, o->slot);
	int prot = PROT_READ;
	void *p;

	if (!s || s->map || !can_read(s))
		return 0;
	if (can_write(s))
		prot |= PROT_WRITE;
	p = mmap(NULL, RND_FILE_MAX, prot, MAP_SHARED, s->fd, 0);
	if (expect(c, p == MAP_FAILED ? -1 : 0, 0) < 0)
		return -1;
	s->map = p;
	s->node->atime = -1;
	return 0;
}

static size_t
map_len(const struct slot *s, const struct op *o)
{
	if (o->off >= s->node->size)
		return 0;
	return o->len < s->node->size - o->off ? o->len :
	    s->node->size - o->off;
}

int
op_mapread(struct ctx *c, const struct op *o)
{
	struct slot *s = slot_of(c, o->slot);
	size_t len;

	if (!s || !s->map)
		return 0;
	len = map_len(s, o);
	memcpy(c->buf, s->map + o->off, len);
	s->node->atime = -1;
	c->did_it = len > 0;
	return verify_bytes(c, s->node, o->off, c->buf, len);
}

static int
map_flush(struct ctx *c, struct slot *s)
{
	return expect(c, msync(s->map, RND_FILE_MAX, MS_SYNC), 0);
}

int
op_mapwrite(struct ctx *c, const struct op *o)
{
	struct slot *s = slot_of(c, o->slot);
	size_t len;

	if (!s || !s->map || !can_write(s))
		return 0;
	len = map_len(s, o);
	if (len == 0)
		return 0;
	fill(c->buf, len, o->seed);
	memcpy(s->map + o->off, c->buf, len);
	mnode_write(s->node, o->off, c->buf, len);
	c->did_it = true;
	/* The times move when the page is touched or when it is written. */
	s->node->is_map_dirty = true;
	mtime_maybe(c, s->node);
	return o->flags & 1 ? map_flush(c, s) : 0;
}

int
op_unmap(struct ctx *c, const struct op *o)
{
	struct slot *s = slot_of(c, o->slot);
	int r;

	if (!s || !s->map)
		return 0;
	r = munmap(s->map, RND_FILE_MAX);
	s->map = NULL;
	return expect(c, r, 0);
}
