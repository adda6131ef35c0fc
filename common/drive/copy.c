/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * copy_file_range: whole aligned blocks of the source become blocks of the
 * target without being sealed anew; what is not whole is read and written.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "drive/content.h"
#include "drive/slab.h"
#include "util/clock.h"

#define COPY_CHUNK (1u << 20)

struct share {
	struct block *v;
	size_t n, cap;
	uint64_t end;		/* rows with idx < end */
};

static int
share_row(void *arg, const struct block *b)
{
	struct share *s = arg;

	if (b->idx >= s->end || s->n == s->cap)
		return 1;
	if (b->state == BLOCK_PATCH)
		return -EAGAIN;	/* not a block of its own yet */
	if (b->state != BLOCK_HOLE)
		s->v[s->n++] = *b;
	return 0;
}

/* One row of the source as a row of the target; small data is copied. */
static int
share_put(struct drive *d, struct inode *to, const struct inode *from,
    const struct block *src, uint64_t idx) REQUIRES(d->db_lock)
{
	struct block b = *src;
	uint8_t *data = NULL;
	int r = 0;

	b.ino = to->ino;
	b.idx = idx;
	b.bid = 0;
	b.state = src->has_ref ? BLOCK_SENT : BLOCK_STAGED;
	if (!b.is_shared) {
		b.is_shared = true;
		b.from = from->id;
		b.from_idx = src->idx;
		memcpy(b.from_key, from->key, VAULT_KEY_LEN);
	}
	if (b.has_data) {
		data = malloc(b.len ? b.len : 1);
		r = data ? block_data_get(d, src->bid, data, b.len) : -ENOMEM;
	}
	if (r == 0)
		r = block_put(d, to, &b, data, b.len);
	if (r == 0 && b.frame != SLAB_NONE)
		slab_ref(d->slab, b.frame);
	free(data);
	crypto_wipe(b.from_key, sizeof(b.from_key));
	return r;
}

/* Make [to, to + n) of the target the blocks [from, from + n) of the source;
 * the target's size becomes at least size. */
static int
share_blocks(struct drive_file *ff, uint64_t from, struct drive_file *ft,
    uint64_t to, uint64_t n, uint64_t size) REQUIRES(ft->n->lock)
{
	struct share s = { .cap = n, .end = from + n };
	struct drive *d = ft->d;
	struct inode fi, ti;
	size_t k, nrefs = 0;
	uint64_t next;
	int r;

	s.v = calloc(n, sizeof(*s.v));
	if (!s.v)
		return -ENOMEM;
	r = drive_begin(d);
	if (r < 0)
		goto out;
	r = inode_load(d, ff->n->ino, &fi);
	if (r == 0)
		r = inode_load(d, ft->n->ino, &ti);
	/* Its last block may have got longer since. */
	if (r == 0 && size % BLOCK_SIZE &&
	    fi.size != from * BLOCK_SIZE + (size - to * BLOCK_SIZE))
		r = -EAGAIN;
	if (r == 0)
		r = block_each(d, fi.ino, from, UINT64_MAX, false, share_row,
		    &s);
	if (r >= 0)
		r = clear_rows(d, &ti, to, to + n, &next);
	if (r == 1)
		r = -EAGAIN;	/* n <= CLEAR_STEP: cannot be */
	for (k = 0; k < s.n && r == 0; k++) {
		r = share_put(d, &ti, &fi, &s.v[k],
		    to + (s.v[k].idx - from));
		nrefs += r == 0;
	}
	if (r == 0) {
		if (ti.size < size)
			ti.size = size;
		ti.mtime_ns = ti.ctime_ns = clock_real_ns();
		r = inode_save(d, &ti);
	}
	if (r == 0)
		r = content_changed(d, &ti);
	if (r == 0)
		r = stage_changed(d, ti.ino, 0, ti.size);
	r = drive_end(d, r);
	if (r == 0) {
		ft->n->size = ti.size;
		ft->n->row_end = (ti.size + BLOCK_SIZE - 1) / BLOCK_SIZE;
	}
	/* No row that stays refers to them. */
	for (k = 0; k < nrefs && r < 0; k++)
		if (s.v[k].frame != SLAB_NONE)
			slab_free(d->slab, s.v[k].frame);
out:
	free(s.v);
	return r;
}

/* How many whole blocks can be shared at this point; 0: copy instead. */
static uint64_t
share_count(struct drive_file *ff, uint64_t from, struct drive_file *ft,
    uint64_t to, uint64_t len, uint64_t from_size)
{
	uint64_t n;

	if (from % BLOCK_SIZE || to % BLOCK_SIZE || ff->n == ft->n)
		return 0;
	n = len / BLOCK_SIZE;
	/* The source's last, short block ends the target too. */
	if (len % BLOCK_SIZE && from + len == from_size &&
	    to + len >= ft->n->size)
		n++;
	return n < CLEAR_STEP / 2 ? n : CLEAR_STEP / 2;
}

static ssize_t
copy_plain(struct drive_file *ff, uint64_t from, struct drive_file *ft,
    uint64_t to, size_t len, const struct drive_wait *w)
{
	uint8_t *tmp;
	ssize_t r;

	if (len > COPY_CHUNK)
		len = COPY_CHUNK;
	tmp = malloc(len);
	if (!tmp)
		return -ENOMEM;
	r = drive_read(ff, tmp, len, from, w);
	if (r > 0)
		r = drive_write(ft, tmp, (size_t)r, to);
	free(tmp);
	return r;
}

static int
copy_share(struct drive_file *ff, uint64_t from, struct drive_file *ft,
    uint64_t to, uint64_t len, uint64_t from_size, uint64_t *ret_done)
{
	uint64_t n, bytes;
	int r;

	r = node_lock_clean(ft->d, ft->n);
	if (r < 0)
		return r;
	n = share_count(ff, from, ft, to, len, from_size);
	bytes = n * BLOCK_SIZE < len ? n * BLOCK_SIZE : len;
	if (n)
		r = share_blocks(ff, from / BLOCK_SIZE, ft, to / BLOCK_SIZE, n,
		    to + bytes);
	mutex_unlock(&ft->n->lock);
	*ret_done = n ? bytes : 0;
	return r;
}

ssize_t
drive_copy_range(struct drive_file *ff, uint64_t from, struct drive_file *ft,
    uint64_t to, size_t len, const struct drive_wait *w)
{
	uint64_t size, done = 0, shared;
	ssize_t n;
	int r;

	r = node_lock_clean(ff->d, ff->n);
	if (r < 0)
		return r;
	size = ff->n->size;
	mutex_unlock(&ff->n->lock);
	if (from >= size)
		return 0;
	if (len > size - from)
		len = (size_t)(size - from);
	if (to > FILE_SIZE_MAX || len > FILE_SIZE_MAX - to)
		return -EFBIG;
	while (done < len) {
		shared = 0;
		r = copy_share(ff, from + done, ft, to + done, len - done,
		    size, &shared);
		if (r == -EAGAIN)
			shared = 0;
		else if (r < 0)
			return done ? (ssize_t)done : r;
		if (shared) {
			done += shared;
			continue;
		}
		n = copy_plain(ff, from + done, ft, to + done, len - done, w);
		if (n <= 0)
			return done ? (ssize_t)done : n;
		done += (uint64_t)n;
	}
	return (ssize_t)done;
}
