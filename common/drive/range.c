/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Operations on ranges: truncate, fallocate, lseek (and copy.c).  Each
 * commits what is dirty first and then works on rows, under the node's lock.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "drive/content.h"
#include "drive/slab.h"
#include "util/clock.h"


int
node_lock_clean(struct drive *d, struct node *n)
{
	int r;

	r = node_lock(d, n);
	if (r < 0)
		return r;
	r = node_key(n);
	if (r == 0)
		r = node_commit(d, n);
	if (r < 0)
		mutex_unlock(&n->lock);
	return r;
}

/* The bytes of a block that is not here are zeros by its map. */
static int
zero_patch(struct drive *d, struct node *n, uint64_t idx, uint32_t from,
    uint32_t to) REQUIRES(n->lock)
{
	static const uint8_t zeros[4096];
	uint32_t len;
	int r;

	while (from < to) {
		len = to - from < sizeof(zeros) ? to - from : sizeof(zeros);
		r = node_write_part(d, n, idx, from, zeros, len);
		if (r < 0)
			return r;
		from += len;
	}
	return 0;
}

/*
 * Zero [from, to) of block idx in memory: it becomes dirty, and shorter if
 * nothing but zeros would follow.  Inside the block only; the caller commits.
 */
static int
zero_part(struct drive *d, struct node *n, uint64_t idx, uint32_t from,
    uint32_t to) REQUIRES(n->lock)
{
	int64_t was = node_held(n, idx);
	struct dirty *b;
	struct block row;
	int r;

	if (idx >= n->row_end)
		return 0;
	mutex_lock(&d->db_lock);
	r = block_get(d, n->ino, idx, &row);
	mutex_unlock(&d->db_lock);
	if (r <= 0 || row.state == BLOCK_HOLE)
		return r < 0 ? r : 0;	/* zeros already */
	if (row.state != BLOCK_PATCH && from >= row.len)
		return 0;
	r = node_key(n);
	if (r == 0)
		r = dirty_get(d, n, idx, from, 0, &b);
	if (r < 0)
		return r;
	if (b->have) {
		n->held += node_held(n, idx) - was;
		return zero_patch(d, n, idx, from, to);
	}
	if (to > b->len)
		to = b->len;
	if (from < to)
		memset(b->buf + from, 0, to - from);
	if (from > 0 && from < b->len && to == b->len)
		b->len = from;
	n->held += node_held(n, idx) - was;
	return 0;
}

int
clear_rows(struct drive *d, struct inode *i, uint64_t from, uint64_t to,
    uint64_t *ret_next)
{
	unsigned step;
	struct block b;
	int r;

	for (step = 0; step < CLEAR_STEP; step++) {
		r = block_next(d, i->ino, from, &b);
		if (r <= 0 || b.idx >= to)
			return r < 0 ? r : 0;
		r = block_clear(d, i, b.idx);
		if (r < 0)
			return r;
		from = b.idx + 1;
	}
	*ret_next = from;
	return 1;
}

/* Take data out of whole blocks [from, to); the row of the inode follows. */
static int
clear_range(struct drive *d, struct node *n, uint64_t from, uint64_t to)
    REQUIRES(n->lock)
{
	struct inode i;
	int r = 1;

	while (r == 1) {
		r = drive_begin(d);
		if (r < 0)
			return r;
		r = inode_load(d, n->ino, &i);
		if (r == 0)
			r = clear_rows(d, &i, from, to, &from);
		if (r >= 0) {
			int s = inode_save(d, &i);

			if (s == 0)
				s = content_changed(d, &i);
			if (s == 0)
				s = stage_changed(d, n->ino, 0, i.size);
			if (s < 0)
				r = s;
		}
		r = drive_end(d, r);
	}
	return r;
}

/* The size becomes `size`, and rows from index `from` on go, at once: nobody
 * finds the old size with nothing in it, even after a crash. */
static int
truncate_rows(struct drive *d, struct node *n, uint64_t size, uint64_t from)
    REQUIRES(n->lock)
{
	struct inode i;
	uint64_t next;
	int r;

	r = drive_begin(d);
	if (r < 0)
		return r;
	r = inode_load(d, n->ino, &i);
	if (r == 0 && size < i.size)
		r = clear_rows(d, &i, from, (i.size + BLOCK_SIZE - 1) /
		    BLOCK_SIZE, &next);
	if (r == 1)
		r = -EFBIG;	/* no more than CLEAR_STEP: cannot be */
	if (r == 0) {
		i.size = size;
		if (i.trunc > size)
			i.trunc = size;
		i.mtime_ns = i.ctime_ns = clock_real_ns();
		r = inode_save(d, &i);
	}
	if (r == 0)
		r = content_changed(d, &i);
	if (r == 0)
		r = stage_changed(d, n->ino, 0, size);
	r = drive_end(d, r);
	if (r < 0)
		return r;
	n->size = size;
	n->row_end = (size + BLOCK_SIZE - 1) / BLOCK_SIZE;
	return 0;
}

/* Shrink to size, which is at the end of a block or 0; a large file from its
 * end in several steps, so that what a crash leaves is a shorter file. */
static int
truncate_blocks(struct drive *d, struct node *n, uint64_t size)
    REQUIRES(n->lock)
{
	uint64_t whole = size / BLOCK_SIZE, end, from;
	int r;

	do {
		end = (n->size + BLOCK_SIZE - 1) / BLOCK_SIZE;
		mutex_lock(&d->db_lock);
		r = block_last(d, n->ino, whole, end, CLEAR_STEP - 2, &from);
		mutex_unlock(&d->db_lock);
		if (r == 0)
			from = whole;
		if (r >= 0)
			r = truncate_rows(d, n, from * BLOCK_SIZE, from);
	} while (r == 0 && from > whole);
	return r;
}

/* The end of the block that size lies in becomes zeros, with the size. */
static int
truncate_tail(struct drive *d, struct node *n, uint64_t size)
    REQUIRES(n->lock)
{
	uint64_t idx = size / BLOCK_SIZE, old = n->size;
	int r;

	r = zero_part(d, n, idx, (uint32_t)(size % BLOCK_SIZE),
	    (uint32_t)(old - idx * BLOCK_SIZE));
	if (r == 0 && !n->dirty && !n->fresh)
		return truncate_rows(d, n, size, idx + 1);
	if (r == 0) {
		n->size = size;
		node_touch(d, n, true);
		r = node_commit(d, n);
	}
	if (r < 0) {
		n->size = old;
		node_undo(d, n);
	}
	return r;
}

static int
truncate_locked(struct drive *d, struct node *n, uint64_t size)
    REQUIRES(n->lock)
{
	uint64_t whole = (size + BLOCK_SIZE - 1) / BLOCK_SIZE;
	int r = 0;

	if (size >= n->size)
		return truncate_rows(d, n, size, whole);
	if (whole * BLOCK_SIZE < n->size || size % BLOCK_SIZE == 0)
		r = truncate_blocks(d, n, whole * BLOCK_SIZE);
	if (r == 0 && size < n->size)
		r = truncate_tail(d, n, size);
	return r;
}

int
content_truncate(struct drive *d, uint64_t ino, uint64_t size)
{
	struct node *n;
	int r;

	if (size > FILE_SIZE_MAX)
		return -EFBIG;
	n = node_ref(d, ino, true);
	if (!n)
		return -ENOMEM;
	r = node_lock_clean(d, n);
	if (r == 0) {
		r = truncate_locked(d, n, size);
		mutex_unlock(&n->lock);
	}
	node_unref(d, n);
	return r;
}

/* ---- fallocate ----------------------------------------------------------- */

static int
zero_range(struct drive *d, struct node *n, uint64_t off, uint64_t end)
    REQUIRES(n->lock)
{
	uint64_t first = (off + BLOCK_SIZE - 1) / BLOCK_SIZE;
	uint64_t last = end / BLOCK_SIZE;
	uint32_t o = (uint32_t)(off % BLOCK_SIZE);
	uint32_t tail = (uint32_t)(end % BLOCK_SIZE);
	int r = 0;

	if (o)
		r = zero_part(d, n, off / BLOCK_SIZE, o,
		    off / BLOCK_SIZE == last ? tail : BLOCK_SIZE);
	/* All that the last block of the file has goes with it. */
	if (end == n->size)
		last = (end + BLOCK_SIZE - 1) / BLOCK_SIZE;
	else if (r == 0 && tail && last >= first)
		r = zero_part(d, n, last, 0, tail);
	if (r == 0) {
		node_touch(d, n, true);
		r = node_commit(d, n);
	}
	if (r < 0) {
		node_undo(d, n);
		return r;
	}
	return first < last ? clear_range(d, n, first, last) : 0;
}

/* The times of a call that changed nothing else. */
static int
times_set(struct drive *d, uint64_t ino)
{
	struct inode i;
	int r;

	r = drive_begin(d);
	if (r < 0)
		return r;
	r = inode_load(d, ino, &i);
	if (r == 0) {
		i.mtime_ns = i.ctime_ns = clock_real_ns();
		r = inode_save(d, &i);
	}
	if (r == 0)
		r = outbox_mark(d, ino, OUTBOX_ATTR);
	return drive_end(d, r);
}

int
drive_fallocate(struct drive_file *f, int mode, uint64_t off, uint64_t len)
{
	bool keep = mode & FALLOC_FL_KEEP_SIZE;
	int what = mode & ~FALLOC_FL_KEEP_SIZE;
	struct drive *d = f->d;
	struct node *n = f->n;
	uint64_t end;
	int r;

	if (__atomic_load_n(&d->is_readonly, __ATOMIC_RELAXED))
		return -EROFS;
	if (len == 0)
		return -EINVAL;
	if (off > FILE_SIZE_MAX || len > FILE_SIZE_MAX - off)
		return -EFBIG;
	if (what == FALLOC_FL_PUNCH_HOLE ? !keep :
	    what != 0 && what != FALLOC_FL_ZERO_RANGE)
		return -EOPNOTSUPP;
	/* Space is promised: as much as can be promised on a shared disk. */
	if (what == 0 && slab_room(d->slab, len) < 0)
		return -ENOSPC;
	end = off + len;
	r = node_lock_clean(d, n);
	if (r < 0)
		return r;
	if (what != 0 && off < n->size)
		r = zero_range(d, n, off, end < n->size ? end : n->size);
	else if (keep || end <= n->size)
		r = times_set(d, n->ino);
	if (r == 0 && !keep && end > n->size)
		r = truncate_locked(d, n, end);
	mutex_unlock(&n->lock);
	return r;
}

/* ---- lseek --------------------------------------------------------------- */

#define SEEK_STEP 1024		/* rows looked at without giving way */

struct seek {
	uint64_t idx;		/* next index that would continue the run */
	uint64_t found;
	uint64_t from;		/* where the next step begins */
	unsigned n;		/* rows of this one */
	bool want_data;
};

static int
seek_row(void *arg, const struct block *b)
{
	struct seek *s = arg;

	if (s->n++ == SEEK_STEP)
		return 2;
	s->from = b->idx + 1;
	if (b->state == BLOCK_HOLE)
		return 0;
	if (s->want_data) {
		s->found = b->idx;
		return 1;
	}
	if (b->idx > s->idx)
		return 1;	/* a gap before it */
	s->idx = b->idx + 1;
	return 0;
}

int64_t
drive_lseek(struct drive_file *f, int64_t off, int whence)
{
	struct seek s = { .found = UINT64_MAX,
	    .want_data = whence == SEEK_DATA };
	struct drive *d = f->d;
	uint64_t at;
	int r;

	if (whence != SEEK_DATA && whence != SEEK_HOLE)
		return -EINVAL;
	r = node_lock_clean(d, f->n);
	if (r < 0)
		return r;
	if (off < 0 || (uint64_t)off >= f->n->size) {
		mutex_unlock(&f->n->lock);
		return -ENXIO;
	}
	s.idx = s.from = (uint64_t)off / BLOCK_SIZE;
	do {
		s.n = 0;
		mutex_lock(&d->db_lock);
		r = block_each(d, f->n->ino, s.from, UINT64_MAX, false,
		    seek_row, &s);
		mutex_unlock(&d->db_lock);
	} while (r == 2);
	at = (s.want_data ? s.found : s.idx);
	if (r >= 0 && s.want_data && at == UINT64_MAX)
		r = -ENXIO;
	at = at > UINT64_MAX / BLOCK_SIZE ? 0 : at * BLOCK_SIZE;
	if (at < (uint64_t)off)
		at = (uint64_t)off;
	if (at > f->n->size)
		at = f->n->size;
	mutex_unlock(&f->n->lock);
	return r < 0 ? r : (int64_t)at;
}
