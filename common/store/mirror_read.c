/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "store/mirror_priv.h"
#include "util/clock.h"
#include "util/log.h"

/* mirror_read - from the fastest member that can be expected to have it, and
 * from the next where that fails, or gave what was not right. */

#define COST_UNIT 65536		/* bytes that weigh as much as a request */

/* A member as it stood when the reading began. */
struct turn {
	struct member *m;
	bool is_away, lacks_some;
	bool is_bad;			/* what it has was not right */
	int owed;			/* it waits for it: see mirror_log */
	int64_t cost_us;
};

/* The serial of the member that answered this thread last. */
static _Thread_local unsigned last_read;

static bool
goes_before(const struct turn *a, const struct turn *b)
{
	if (a->is_bad != b->is_bad)
		return b->is_bad;
	if (a->is_away != b->is_away)
		return b->is_away;
	return a->cost_us < b->cost_us;
}

static size_t
turns_make(struct mirror *v, const struct circle *c,
    const struct member *not, const char *name, struct turn *t)
{
	int64_t now = clock_mono_ms();
	struct turn one;
	struct bad *b;
	size_t i, k, n = 0;

	mutex_lock(&v->lock);
	for (i = 0; i < c->n; i++) {
		struct member *m = c->m[i];

		if (m == not || m->is_filling)
			continue;
		one.m = m;
		HASH_FIND_STR(m->bad, name, b);
		one.is_bad = b && now < b->until_ms;
		/* Whether it is back its own thread sees: nobody who reads
		 * waits for one that hangs. */
		one.is_away = m->fails > 0;
		one.owed = 0;
		one.lacks_some = m->queued + m->aside > 0;
		one.cost_us = m->cost_us;
		for (k = n++; k > 0 && goes_before(&one, &t[k - 1]); k--)
			t[k] = t[k - 1];
		t[k] = one;
	}
	mutex_unlock(&v->lock);
	return n;
}

static void
cost_note(struct member *m, int64_t us, size_t bytes)
{
	int64_t cost = us / (int64_t)(1 + bytes / COST_UNIT) + 1;

	mutex_lock(&m->mirror->lock);
	m->cost_us = m->cost_us ? (7 * m->cost_us + cost) / 8 : cost;
	mutex_unlock(&m->mirror->lock);
}

/* One that goes was broken off, not who reads. */
static bool
was_dropped(struct member *m)
{
	struct mirror *v = m->mirror;
	bool r;

	mutex_lock(&v->lock);
	r = m->is_gone && !v->is_interrupted && !v->is_stopping;
	mutex_unlock(&v->lock);
	return r;
}

static int
read_one(struct member *m, const struct reading *g)
{
	int64_t start = clock_mono_us();
	size_t before = g->out->len;
	int r;

	r = g->is_range ? store_get_range(m->store, g->name, g->off, g->len,
	    g->out) : store_get(m->store, g->name, g->out);
	if (r == -ECANCELED && was_dropped(m))
		r = -EHOSTUNREACH;
	member_note(m, r, false);
	if (r == -EFBIG) {
		/* The next one may have what it should be. */
		g->out->len = before;
		g->out->err = 0;
	}
	if (r == 0) {
		cost_note(m, clock_mono_us() - start, g->out->len - before);
		last_read = m->serial;
	}
	return r;
}

static bool
is_callers(int r)
{
	return r == 0 || r == -ECANCELED || r == -ENOMEM || r == -EINVAL;
}

/* Was it set aside for all n of them, and is every one here? */
static bool
is_given_up(const struct turn *t, size_t n)
{
	bool r = true;
	size_t i;

	for (i = 0; r && i < n; i++)
		r = t[i].owed == 2 && !t[i].is_away;
	return r;
}

/*
 * A whole object is asked for to learn whether it is there: a member that is
 * here and owes nothing says so for all.  Of a range the caller knows that it
 * exists: as long as one member was not heard, it may still come.  One that
 * waits for it is asked last: what is read in ranges is never replaced, so that
 * what it has is right, and perhaps nobody will ever bring it.  Of a whole
 * object that is so if it was set aside for all, and all are here: they have
 * looked at what each has.
 */
static int
read_any(struct mirror *v, const struct circle *c, const struct member *not,
    const struct reading *g)
{
	struct turn t[2 * MIRROR_MEMBERS_MAX];
	int r, absent = 0, other = 0, large = 0;
	size_t i, n, all;

	all = n = turns_make(v, c, not, g->name, t);
	for (i = 0; i < n; i++) {
		if (t[i].is_away && absent && !g->is_range)
			break;
		/* Another may yet be back with it. */
		if (t[i].is_bad && other && store_transient(other))
			break;
		r = i < all && t[i].lacks_some ?
		    v->log->has(v->log, t[i].m->id, g->name) : 0;
		if (r > 0) {
			t[i].owed = r;
			t[n++] = t[i];
			if (!g->is_range)
				other = -EHOSTUNREACH;
			continue;
		}
		if (i >= all && !g->is_range && (not || !is_given_up(t, all)))
			r = -EHOSTUNREACH;	/* queued for it, or old */
		else if (r == 0)
			r = read_one(t[i].m, g);
		if (is_callers(r))
			return r;
		/* An empty place lacks everything, and tells nothing. */
		if (r == -ENOENT && strcmp(g->name, v->marker) != 0 &&
		    member_confirm(t[i].m) < 0)
			r = -EHOSTUNREACH;
		if (r == -EFBIG)
			large = r;
		else if (r == -ENOENT || r == -ERANGE)
			absent = r;
		else if (!other || store_transient(r))
			other = r;
	}
	if (large)
		return large;
	if (absent && (!g->is_range || !other))
		return absent;
	return other ? other : -EHOSTUNREACH;
}

int
mirror_read(struct mirror *v, const struct member *not,
    const struct reading *g)
{
	struct circle c;
	struct store *only;
	int r;

	circle_enter(v, &c);
	only = circle_only(&c);
	if (only && not)
		r = -EHOSTUNREACH;	/* there is no other */
	else if (!only)
		r = read_any(v, &c, not, g);
	else if (g->is_range)
		r = store_get_range(only, g->name, g->off, g->len, g->out);
	else
		r = store_get(only, g->name, g->out);
	circle_leave(v, &c);
	return r;
}

/* ---- what was not right -------------------------------------------------- */

void
bad_clear(struct member *m)
{
	struct bad *b, *next;

	HASH_ITER(hh, m->bad, b, next) {
		HASH_DEL(m->bad, b);
		free(b);
	}
}

void
bad_forget(struct member *m, const char *name)
{
	struct bad *b;

	mutex_lock(&m->mirror->lock);
	HASH_FIND_STR(m->bad, name, b);
	if (b) {
		HASH_DEL(m->bad, b);
		free(b);
	}
	mutex_unlock(&m->mirror->lock);
}

static void
bad_add(struct member *m, const char *name)
{
	int64_t until = clock_mono_ms() + m->mirror->reject_ms;
	size_t n = strlen(name) + 1;
	struct bad *b;

	HASH_FIND_STR(m->bad, name, b);
	if (b) {
		b->until_ms = until;
		return;
	}
	if (HASH_COUNT(m->bad) >= MIRROR_BAD_MAX)
		bad_clear(m);
	b = malloc(sizeof(*b) + n);
	if (!b)
		return;
	b->until_ms = until;
	memcpy(b->name, name, n);
	HASH_ADD_KEYPTR(hh, m->bad, b->name, n - 1, b);
	if (HASH_IS_OUT(b))
		free(b);
}

void
store_mirror_reject(struct store *s, const char *name)
{
	struct mirror *v = (struct mirror *)s;
	struct circle c;
	size_t i;

	if (s->ops != &mirror_ops)
		return;
	circle_enter(v, &c);
	for (i = 0; i < c.n && c.m[i]->serial != last_read; i++)
		;
	if (c.n > 1 && i < c.n) {
		mutex_lock(&v->lock);
		bad_add(c.m[i], name);
		mutex_unlock(&v->lock);
		log_warn("mirror: what '%s' has of '%s' is not right: it is "
		    "read from another store; 'coffre scrub' puts it right",
		    store_url(c.m[i]->store), name);
	}
	circle_leave(v, &c);
}
