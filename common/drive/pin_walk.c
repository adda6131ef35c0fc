/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The files of a tree, a few names at a time so that others get the lock; how
 * much of them is here; letting go of it.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "drive/pin_priv.h"
#include "util/log.h"

#define TALLY_STEP 256		/* rows looked at under one lock */

struct pin_seen {
	uint64_t ino;
	UT_hash_handle hh;
};

/* ---- the walk ------------------------------------------------------------ */

static int
dir_push(struct pin_walk *w, uint64_t ino)
{
	size_t cap;
	uint64_t *v;

	if (w->ndirs == w->capdirs) {
		cap = w->capdirs ? w->capdirs * 2 : 64;
		v = realloc(w->dirs, cap * sizeof(*v));
		if (!v)
			return -ENOMEM;
		w->dirs = v;
		w->capdirs = cap;
	}
	w->dirs[w->ndirs++] = ino;
	return 0;
}

/* 1: it has not come under another of its names; 0: it has. */
static int
seen_first(struct pin_walk *w, uint64_t ino)
{
	struct pin_seen *s;

	HASH_FIND(hh, w->seen, &ino, sizeof(ino), s);
	if (s)
		return 0;
	s = calloc(1, sizeof(*s));
	if (!s)
		return -ENOMEM;
	s->ino = ino;
	HASH_ADD(hh, w->seen, ino, sizeof(s->ino), s);
	if (HASH_IS_OUT(s)) {
		free(s);
		return -ENOMEM;
	}
	return 1;
}

int
pin_walk_begin(struct pin_walk *w, struct drive *d, uint64_t ino)
{
	struct inode i;
	int r;

	memset(w, 0, sizeof(*w));
	w->d = d;
	w->root = ino;
	mutex_lock(&d->db_lock);
	r = inode_load(d, ino, &i);
	mutex_unlock(&d->db_lock);
	if (r < 0)
		return r;
	if (i.kind == OP_KIND_DIR)
		r = dir_push(w, ino);
	else if (i.kind == OP_KIND_FILE)
		w->files[w->nfiles++] = ino;
	return r;
}

static int
name_take(struct pin_walk *w, const struct dentry *x)
    REQUIRES(w->d->db_lock)
{
	struct inode i;
	int r;

	if (!x->ino || (x->kind != OP_KIND_DIR && x->kind != OP_KIND_FILE))
		return 0;
	r = inode_load(w->d, x->ino, &i);
	/* What cannot be read here holds up no other. */
	if (r < 0)
		return r == -ENOENT || unread_is(r) ? 0 : r;
	/* A folder lies in one folder only: so the walk has an end, whatever
	 * rows say. */
	if (i.kind == OP_KIND_DIR)
		return i.parent == w->dir && i.ino != w->root ?
		    dir_push(w, i.ino) : 0;
	r = i.nlink > 1 ? seen_first(w, i.ino) : 1;
	if (r == 1)
		w->files[w->nfiles++] = i.ino;
	return r < 0 ? r : 0;
}

/* The place behind a name; false: there is none. */
static bool
tag_next(uint8_t t[static TAG_LEN])
{
	int k;

	for (k = TAG_LEN - 1; k >= 0; k--)
		if (++t[k] != 0)
			return true;
	return false;
}

static int
walk_step(struct pin_walk *w, struct dentry *x) REQUIRES(w->d->db_lock)
{
	int k, n, r = 0;

	n = dentry_list(w->d, place_folder(w->d, w->dir), w->from, x,
	    PIN_STEP);
	if (n < 0)
		return n;
	for (k = 0; k < n && r == 0; k++)
		r = name_take(w, &x[k]);
	if (r < 0)
		return r;
	if (n > 0)
		memcpy(w->from, x[n - 1].at.ntag, TAG_LEN);
	if (n < PIN_STEP || !tag_next(w->from))
		w->dir = 0;
	return 0;
}

int
pin_walk_next(struct pin_walk *w, uint64_t *ret)
{
	struct dentry *x = NULL;
	int r = 0;

	while (w->nfiles == 0 && r == 0) {
		if (!w->dir) {
			if (w->ndirs == 0)
				break;
			w->dir = w->dirs[--w->ndirs];
			memset(w->from, 0, sizeof(w->from));
		}
		if (!x)
			x = calloc(PIN_STEP, sizeof(*x));
		if (!x)
			return -ENOMEM;
		mutex_lock(&w->d->db_lock);
		r = walk_step(w, x);
		mutex_unlock(&w->d->db_lock);
	}
	free(x);
	if (r < 0 || w->nfiles == 0)
		return r;
	*ret = w->files[--w->nfiles];
	return 1;
}

void
pin_walk_end(struct pin_walk *w)
{
	struct pin_seen *s, *t;

	HASH_ITER(hh, w->seen, s, t) {
		HASH_DEL(w->seen, s);
		free(s);
	}
	free(w->dirs);
}

/* ---- counting ------------------------------------------------------------ */

struct tally {
	struct drive_held *h;
	uint64_t clean;
	uint64_t next;
	unsigned seen;
};

static int
tally_row(void *arg, const struct block *b)
{
	struct tally *t = arg;

	t->next = b->idx + 1;
	if (b->state != BLOCK_HOLE) {
		t->h->bytes += b->len;
		if (!block_is_away(b))
			t->h->here += b->len;
		if (b->state == BLOCK_STAGED || b->state == BLOCK_PATCH)
			t->h->unsent += b->len;
		else if (b->state != BLOCK_INLINE && block_is_local(b))
			t->clean += b->len;
	}
	return ++t->seen == TALLY_STEP;
}

int
pin_tally(struct drive *d, uint64_t ino, struct drive_held *h,
    uint64_t *clean)
{
	struct tally t = { .h = h };
	int r;

	h->files++;
	do {
		t.seen = 0;
		mutex_lock(&d->db_lock);
		r = block_each(d, ino, t.next, UINT64_MAX, false, tally_row,
		    &t);
		mutex_unlock(&d->db_lock);
	} while (r > 0);
	*clean += t.clean;
	if (!unread_is(r))
		return r;
	/* It holds up no other. */
	log_warn("drive: op=pin-tally inode=%llu r=%d",
	    (unsigned long long)ino, r);
	return 0;
}

int
drive_measure(struct drive *d, uint64_t ino, bool (*stopped)(void *arg),
    void *arg, struct drive_held *ret)
{
	struct pin_walk w;
	uint64_t file, clean = 0;
	int r;

	memset(ret, 0, sizeof(*ret));
	r = pin_walk_begin(&w, d, ino);
	while (r >= 0 && (r = pin_walk_next(&w, &file)) == 1) {
		r = pin_tally(d, file, ret, &clean);
		if (r == 0 && stopped && stopped(arg))
			r = -EINTR;
	}
	pin_walk_end(&w);
	return r;
}

/* ---- letting go ---------------------------------------------------------- */

static int
file_let_go(struct drive *d, uint64_t ino, struct drive_held *h,
    uint64_t *freed, uint64_t *pinned)
{
	uint64_t clean = 0;
	int r, p;

	/* What was just written and waits in memory is counted too. */
	r = content_flush(d, ino);
	if (r < 0)
		return r == -ENOENT ? 0 : r;
	mutex_lock(&d->db_lock);
	p = pin_find(d, ino, NULL);
	mutex_unlock(&d->db_lock);
	if (p == 0)
		p = evict_file(d, ino, freed);
	if (p < 0)
		return unread_is(p) ? 0 : p;
	r = pin_tally(d, ino, h, &clean);
	if (p == 1)
		*pinned += clean;
	return r;
}

int
drive_let_go(struct drive *d, uint64_t ino, bool (*stopped)(void *arg),
    void *arg, struct drive_held *ret, uint64_t *ret_freed,
    uint64_t *ret_pinned)
{
	struct pin_walk w;
	uint64_t file;
	int r;

	memset(ret, 0, sizeof(*ret));
	*ret_freed = *ret_pinned = 0;
	r = pin_walk_begin(&w, d, ino);
	while (r >= 0 && (r = pin_walk_next(&w, &file)) == 1) {
		r = file_let_go(d, file, ret, ret_freed, ret_pinned);
		if (r == 0 && stopped && stopped(arg))
			r = -EINTR;
	}
	pin_walk_end(&w);
	/* Only a flush lets freed frames give their space back. */
	if (*ret_freed)
		(void)drive_sync_disk(d);
	return r;
}
