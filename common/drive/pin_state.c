/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What is told of pins.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "drive/pin_priv.h"

int
drive_pin_state(struct drive *d, uint64_t ino, uint64_t *ret_missing)
{
	uint64_t by = 0;
	bool is_whole;
	int64_t n;
	int r;

	*ret_missing = 0;
	mutex_lock(&d->db_lock);
	r = pin_find(d, ino, &by);
	if (r == 1 && by == ino)
		r = 2;
	is_whole = pins_is_counted(d) && d->pins->at >= d->pins->ntodo &&
	    d->pins->lost == 0 && d->pins->all.here == d->pins->all.bytes;
	mutex_unlock(&d->db_lock);
	if (r <= 0 || is_whole)
		return r;
	n = drive_missing(d, ino, 0, UINT64_MAX, UINT64_MAX);
	if (n < 0)
		return (int)n;
	*ret_missing = (uint64_t)n;
	return r;
}

void
drive_pins(struct drive *d, struct drive_pins *ret)
{
	struct pins *p = d->pins;

	memset(ret, 0, sizeof(*ret));
	mutex_lock(&d->db_lock);
	if (pins_load(d) == 0 && p->table) {
		ret->items = HASH_COUNT(p->table);
		ret->held = p->all;
		ret->clean = p->clean < d->stage->clean_bytes ? p->clean :
		    d->stage->clean_bytes;
		ret->lost = p->lost;
		ret->is_counted = p->is_counted;
		/* That was the last try; another is due. */
		ret->is_full = p->is_full && !p->is_asked;
		ret->is_idle = p->is_counted && !p->is_asked &&
		    p->seen_gen == p->gen && p->at >= p->ntodo &&
		    !p->is_cut;
	}
	mutex_unlock(&d->db_lock);
}

static int
by_age(const void *a, const void *b)
{
	const struct drive_pin_row *x = a, *y = b;

	return x->since_ns != y->since_ns ?
	    (x->since_ns < y->since_ns ? -1 : 1) :
	    (x->ino > y->ino) - (x->ino < y->ino);
}

static int
list_locked(struct drive *d, struct drive_pin_row **ret, size_t *ret_n)
    REQUIRES(d->db_lock)
{
	struct pin *n, *t;
	struct inode i;
	uint64_t by;
	int r;

	r = pins_load(d);
	if (r < 0 || !d->pins->table)
		return r;
	*ret = calloc(HASH_COUNT(d->pins->table), sizeof(**ret));
	if (!*ret)
		return -ENOMEM;
	HASH_ITER(hh, d->pins->table, n, t) {
		struct drive_pin_row *w = &(*ret)[*ret_n];

		/* What was deleted and is still open has no path. */
		if (inode_load(d, n->ino, &i) < 0 || (i.flags & INODE_ORPHAN))
			continue;
		w->ino = n->ino;
		w->since_ns = n->since_ns;
		w->held = n->held;
		w->is_inside = pin_above(d, n->ino, &by) == 1;
		(*ret_n)++;
	}
	return 0;
}

int
drive_pins_list(struct drive *d, struct drive_pin_row **ret, size_t *ret_n)
{
	int r;

	*ret = NULL;
	*ret_n = 0;
	mutex_lock(&d->db_lock);
	r = list_locked(d, ret, ret_n);
	mutex_unlock(&d->db_lock);
	if (*ret_n)
		qsort(*ret, *ret_n, sizeof(**ret), by_age);
	return r;
}
