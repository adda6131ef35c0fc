/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What pins want and is not here, for the engine to fetch.  A look counts all
 * that is pinned and notes the files of which something is missing; then their
 * blocks are given out, a few MiB at a time, as far as the disk has room.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "drive/pin_priv.h"
#include "drive/slab.h"

#define GIVE_BYTES (8u << 20)	/* given out at a time */

/* ---- room ---------------------------------------------------------------- */

/* The floor twice: what is written needs room, too. */
uint64_t
drive_pin_room(struct drive *d)
{
	uint64_t have = slab_disk_free(d->slab), floor = slab_floor(d->slab);
	struct drive_pins p;

	drive_pins(d, &p);
	mutex_lock(&d->db_lock);
	if (d->stage->clean_bytes > p.clean)
		have += d->stage->clean_bytes - p.clean;
	mutex_unlock(&d->db_lock);
	return have > floor ? have - floor : 0;
}

/* Is there room for what is given out next?  What is not pinned makes way. */
static bool
room_make(struct drive *d)
{
	uint64_t need = GIVE_BYTES + slab_floor(d->slab), other, pinned;

	if (slab_room(d->slab, need) == 0)
		return true;
	mutex_lock(&d->db_lock);
	pinned = d->pins->clean;
	other = d->stage->clean_bytes;
	mutex_unlock(&d->db_lock);
	other = other > pinned ? other - pinned : 0;
	if (other == 0 || content_evict(d, other > 2 * GIVE_BYTES ? other -
	    2 * GIVE_BYTES : 0) == 0 || drive_sync_disk(d) < 0)
		return false;
	return slab_room(d->slab, need) == 0;
}

/* ---- counting ------------------------------------------------------------ */

bool
pins_is_counted(const struct drive *d)
{
	const struct pins *p = d->pins;

	return p->is_counted && p->seen_gen == __atomic_load_n(&p->gen,
	    __ATOMIC_RELAXED) && p->seen_inodes == __atomic_load_n(
	    &d->usage.inodes, __ATOMIC_RELAXED) &&
	    p->seen_bid == d->stage->next_bid &&
	    p->seen_staged == d->stage->staged_bytes;
}

bool
drive_pins_due(struct drive *d, bool *ret_now)
{
	bool r;

	*ret_now = false;
	mutex_lock(&d->db_lock);
	/* What had no room in the list is found when the list is done. */
	r = pins_load(d) == 0 && d->pins->table && (!pins_is_counted(d) ||
	    (d->pins->is_cut && d->pins->at >= d->pins->ntodo));
	*ret_now = r && d->pins->is_asked;
	mutex_unlock(&d->db_lock);
	return r;
}

static int
todo_add_locked(struct pins *p, uint64_t ino)
{
	size_t cap;
	uint64_t *v;

	if (p->ntodo >= p->todo_max) {
		p->is_cut = true;
		return 0;
	}
	if (p->ntodo == p->captodo) {
		cap = p->captodo ? p->captodo * 2 : 256;
		v = realloc(p->todo, cap * sizeof(*v));
		if (!v)
			return -ENOMEM;
		p->todo = v;
		p->captodo = cap;
	}
	p->todo[p->ntodo++] = ino;
	return 0;
}

struct look {
	struct drive *d;
	bool (*stopped)(void *arg);
	void *arg;
	struct drive_held all;
	uint64_t clean;
};

/* Count what has this pin. */
static int
look_pin(struct look *l, uint64_t ino)
{
	struct drive_held h = { 0 }, one;
	struct pin_walk w;
	struct pin *n;
	uint64_t file;
	int r;

	r = pin_walk_begin(&w, l->d, ino);
	while (r >= 0 && (r = pin_walk_next(&w, &file)) == 1) {
		memset(&one, 0, sizeof(one));
		r = pin_tally(l->d, file, &one, &l->clean);
		h.files++;
		h.bytes += one.bytes;
		h.here += one.here;
		h.unsent += one.unsent;
		mutex_lock(&l->d->db_lock);
		if (r == 0 && one.here < one.bytes)
			r = todo_add_locked(l->d->pins, file);
		mutex_unlock(&l->d->db_lock);
		if (r == 0 && l->stopped(l->arg))
			r = -EINTR;
	}
	pin_walk_end(&w);
	l->all.files += h.files;
	l->all.bytes += h.bytes;
	l->all.here += h.here;
	l->all.unsent += h.unsent;
	mutex_lock(&l->d->db_lock);
	HASH_FIND(hh, l->d->pins->table, &ino, sizeof(ino), n);
	if (n)
		n->held = h;
	mutex_unlock(&l->d->db_lock);
	return r == -ENOENT || unread_is(r) ? 0 : r;
}

int
drive_pins_look(struct drive *d, bool (*stopped)(void *arg), void *arg)
{
	struct look l = { .d = d, .stopped = stopped, .arg = arg };
	struct pins *p = d->pins;
	uint64_t gen, inodes, bid, staged;
	struct drive_pin_row *v;
	size_t n, k;
	int r;

	mutex_lock(&d->db_lock);
	gen = __atomic_load_n(&p->gen, __ATOMIC_RELAXED);
	inodes = __atomic_load_n(&d->usage.inodes, __ATOMIC_RELAXED);
	bid = d->stage->next_bid;
	staged = d->stage->staged_bytes;
	p->ntodo = p->at = 0;
	p->idx = 0;
	if (p->is_asked)
		p->is_full = false;
	p->is_asked = p->is_cut = false;
	mutex_unlock(&d->db_lock);
	r = drive_pins_list(d, &v, &n);
	for (k = 0; k < n && r == 0; k++)
		if (!v[k].is_inside)
			r = look_pin(&l, v[k].ino);
	free(v);
	mutex_lock(&d->db_lock);
	if (r == 0) {
		p->all = l.all;
		p->clean = l.clean;
		p->lost = 0;
		p->is_counted = true;
		p->seen_gen = gen;
		p->seen_inodes = inodes;
		p->seen_bid = bid;
		p->seen_staged = staged;
		if (p->ntodo == 0)
			p->is_full = false;
		r = p->ntodo > 0;
	}
	mutex_unlock(&d->db_lock);
	return r;
}

/* ---- giving out ---------------------------------------------------------- */

struct give {
	struct fetch_want *v;
	size_t n, max;
	uint64_t bytes, next;
	unsigned seen;
	bool is_full;
};

static int
give_row(void *arg, const struct block *b)
{
	struct give *g = arg;
	struct fetch_want *f;

	if (g->n == g->max || g->bytes >= GIVE_BYTES) {
		g->is_full = true;
		return 1;
	}
	g->next = b->idx + 1;
	if (block_is_away(b)) {
		f = &g->v[g->n++];
		f->ino = b->ino;
		f->idx = b->idx;
		f->bid = b->bid;
		f->ref = b->ref;
		g->bytes += b->len;
	}
	return ++g->seen == PIN_STEP;
}

/* Blocks of the file under way; 1: it has more. */
static int
give_file_locked(struct drive *d, struct give *g) REQUIRES(d->db_lock)
{
	struct pins *p = d->pins;
	uint64_t ino = p->todo[p->at];
	int r = 0;

	g->next = p->idx;
	g->seen = 0;
	if (pin_find(d, ino, NULL) == 1)
		r = block_each(d, ino, p->idx, UINT64_MAX, false, give_row,
		    g);
	p->idx = g->next;
	if (r > 0)
		return 1;
	p->at++;
	p->idx = 0;
	return unread_is(r) ? 0 : r;
}

int
drive_pins_next(struct drive *d, struct fetch_want *v, size_t max)
{
	struct give g = { .v = v, .max = max };
	struct pins *p = d->pins;
	bool is_end, has_room;
	int r = 0;

	mutex_lock(&d->db_lock);
	is_end = p->at >= p->ntodo;
	mutex_unlock(&d->db_lock);
	if (is_end)
		return 0;
	has_room = room_make(d);
	mutex_lock(&d->db_lock);
	p->is_full = !has_room;
	mutex_unlock(&d->db_lock);
	if (!has_room)
		return -ENOSPC;
	while (!is_end && !g.is_full && r >= 0) {
		mutex_lock(&d->db_lock);
		is_end = p->at >= p->ntodo;
		if (!is_end)
			r = give_file_locked(d, &g);
		mutex_unlock(&d->db_lock);
	}
	/* One that cannot be read holds up no other. */
	return g.n ? (int)g.n : r;
}

/* A block has come: of all, and of the outermost pin that wants it. */
static void
come_locked(struct drive *d, uint64_t ino, uint64_t bytes)
    REQUIRES(d->db_lock)
{
	struct pins *p = d->pins;
	unsigned k = HASH_COUNT(p->table);
	uint64_t by, up;
	struct pin *n;

	p->all.here += bytes;
	p->clean += bytes;
	if (pin_find(d, ino, &by) != 1)
		return;
	for (; k > 0 && pin_above(d, by, &up) == 1; k--)
		by = up;
	HASH_FIND(hh, p->table, &by, sizeof(by), n);
	if (n)
		n->held.here += bytes;
}

size_t
drive_pins_left(struct drive *d, struct fetch_want *v, size_t n)
{
	size_t k, left = 0;
	struct block b;
	int r;

	mutex_lock(&d->db_lock);
	for (k = 0; k < n; k++) {
		r = block_get_bid(d, v[k].ino, v[k].idx, v[k].bid, &b);
		if (r == 1 && block_is_local(&b)) {
			come_locked(d, v[k].ino, b.len);
		} else if (r == 1 && pin_find(d, v[k].ino, NULL) == 1) {
			v[left++] = v[k];
		}
	}
	mutex_unlock(&d->db_lock);
	return left;
}

void
drive_pins_lost(struct drive *d, const struct fetch_want *v)
{
	mutex_lock(&d->db_lock);
	d->pins->lost += v->ref.len;
	mutex_unlock(&d->db_lock);
}

void
drive_pins_full(struct drive *d)
{
	mutex_lock(&d->db_lock);
	d->pins->is_full = true;
	mutex_unlock(&d->db_lock);
}
