/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Reading ahead from file to file.  Files that were made one after another
 * have numbers one after another and lie side by side in packs, and they are
 * often read together: a source tree, a folder of pictures.  Without this a
 * reader of small files that are not here waits for the store once a file.
 *
 * The first miss, which may be a program that only looks what a file is, asks
 * for a few files besides, of a quarter of a MiB together; misses that follow
 * near it ask for ever more.  A reader that has come to the middle of what was
 * asked for has the next window asked for, so that it does not wait again.
 */
#include <stdlib.h>
#include <string.h>

#include "drive/content.h"

#define NEAR_MIN 16		/* files */
#define NEAR_BYTES (4u << 20)	/* of one window, at most */
#define NEAR_SIZE (16u << 10)	/* ... for each of its files */
#define NEAR_SPAN 16384		/* numbers: farther away is elsewhere */
#define NEAR_ROWS 4		/* rows looked at for each file wanted */

struct look {
	struct fetch_want *v;
	size_t n, max, rows;
	uint64_t ino, bytes;	/* bytes: that may still be asked for */
};

/* Files of one block that is not here.  Rows of a file come with the newest
 * first. */
static int
look_row(void *arg, const struct block *b)
{
	struct look *l = arg;
	struct fetch_want *f;

	if (l->n == l->max || l->bytes == 0 || l->rows-- == 0)
		return 1;
	if (b->ino == l->ino)
		return 0;
	l->ino = b->ino;
	if (b->idx != 0 || b->len >= BLOCK_SIZE || !block_is_away(b))
		return 0;
	f = &l->v[l->n++];
	f->ino = b->ino;
	f->idx = b->idx;
	f->bid = b->bid;
	f->ref = b->ref;
	l->bytes -= b->len < l->bytes ? b->len : l->bytes;
	return 0;
}

/* The next window, from a number on. */
static size_t
look_from(struct drive *d, uint64_t from, struct fetch_want *v)
    REQUIRES(d->db_lock)
{
	struct near *w = &d->near;
	struct look l = { .v = v, .max = w->files,
	    .rows = (size_t)w->files * NEAR_ROWS,
	    .bytes = (uint64_t)w->files * NEAR_SIZE };
	uint64_t mark = 0, end = 0;

	if (l.bytes > NEAR_BYTES)
		l.bytes = NEAR_BYTES;
	/* What cannot be read is not read ahead.  Where nothing is missing
	 * the next miss begins anew. */
	if (block_after(d, from, 0, look_row, &l) < 0)
		l.n = 0;
	if (l.n > 0) {
		end = l.ino + 1;
		mark = from + (end - from) / 2;
	}
	__atomic_store_n(&w->mark, mark, __ATOMIC_RELAXED);
	__atomic_store_n(&w->end, end, __ATOMIC_RELAXED);
	return l.n;
}

static void
grow(struct near *w)
{
	w->files = w->files ? w->files * 2 : NEAR_MIN;
	if (w->files > NEAR_MAX)
		w->files = NEAR_MAX;
}

size_t
near_missed(struct drive *d, uint64_t ino, struct fetch_want *v)
{
	struct near *w = &d->near;
	uint64_t away = ino > w->last ? ino - w->last : w->last - ino;
	uint64_t from = ino + 1;

	if (away > NEAR_SPAN)
		w->files = 0;
	w->last = ino;
	/* It has been asked for and is under way. */
	if (w->files && ino >= w->mark && ino < w->end)
		from = w->end;
	grow(w);
	return look_from(d, from, v);
}

void
near_read(struct drive *d, uint64_t ino)
{
	uint64_t mark = __atomic_load_n(&d->near.mark, __ATOMIC_RELAXED);
	uint64_t end = __atomic_load_n(&d->near.end, __ATOMIC_RELAXED);
	struct drive_fetcher f;
	struct fetch_want *v;
	size_t n = 0;

	if (ino < mark || ino >= end)
		return;
	mutex_lock(&d->conf_lock);
	f = d->fetcher;
	mutex_unlock(&d->conf_lock);
	v = f.fetch ? calloc(NEAR_MAX, sizeof(*v)) : NULL;
	if (!v)
		return;
	mutex_lock(&d->db_lock);
	/* Another reader may have done it meanwhile. */
	if (ino >= d->near.mark && ino < d->near.end) {
		d->near.last = ino;
		grow(&d->near);
		n = look_from(d, d->near.end, v);
	}
	mutex_unlock(&d->db_lock);
	if (n)
		(void)f.fetch(f.arg, v, n, 0, NULL);
	free(v);
}
