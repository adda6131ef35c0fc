/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "store/mirror_priv.h"
#include "util/clock.h"

/*
 * mirror_put - to all members at once, until enough have it.
 *
 * Who is slower than a little longer is not waited for: it goes on by itself
 * (mirror_late.c), with bytes that are ours and not the caller's, and what it
 * was to get is queued for it.  Breaking it off would take an interruption of
 * its store, and so of whoever reads there.
 */

/* When enough have it, the others are waited for as long as an object may take
 * on an ordinary line, or by a store that is much slower than the fastest. */
#define GRACE_MS 5000
#define GRACE_TIMES 4

/* ---- one put of a round ---- */

/* Nobody looks at it before it is over. */
static void
put_over(struct put *a, int r)
{
	struct round *g = a->round;
	struct mirror *v = g->v;
	uint8_t *p = NULL;
	bool is_left, is_last, is_quiet;

	mutex_lock(&v->lock);
	a->r = r;
	a->is_ending = true;
	is_left = a->is_left;
	is_last = is_left && --a->m->behind == 0;
	/* Its thread is to wait for the others that are behind. */
	is_quiet = r == 0 && a->m->behind > 0;
	mutex_unlock(&v->lock);
	if (is_left)
		late_over(a, is_last);
	if (r != -EMEDIUMTYPE && !is_quiet)
		member_note(a->m, r, true);
	mutex_lock(&v->lock);
	late_hold_locked(v, a->m);
	a->is_over = true;
	if (r == 0 && g->fast_ms < 0)
		g->fast_ms = clock_mono_ms() - g->start_ms;
	if (--g->running == 0) {
		p = g->p;
		g->p = NULL;
	}
	cond_broadcast(&v->changed);
	mutex_unlock(&v->lock);
	free(p);
}

static void
put_main(void *arg)
{
	struct put *a = arg;
	const struct round *g = a->round;
	struct store *s = a->m->store;
	int r;

	r = member_is_elsewhere(a->m) ? -EMEDIUMTYPE :
	    store_put(s, g->name, g->p, g->len, g->flags);
	/* What is there may be from a put that failed on the others. */
	if (r == -EEXIST && (g->flags & STORE_IF_ABSENT))
		r = store_same(s, g->name, g->p, g->len);
	if (r == 0)
		r = member_confirm(a->m);
	put_over(a, r);
}

/* ---- all of them ---- */

static struct round *
round_new(struct mirror *v, const struct circle *c, const struct putting *what)
{
	struct round *g = calloc(1, sizeof(*g));
	size_t i;

	if (!g)
		return NULL;
	g->p = malloc(what->len + !what->len);
	if (!g->p) {
		free(g);
		return NULL;
	}
	if (what->len)
		memcpy(g->p, what->p, what->len);
	g->len = what->len;
	memcpy(g->name, what->name, strlen(what->name) + 1);
	g->flags = what->flags;
	g->v = v;
	g->refs = 1;
	g->start_ms = clock_mono_ms();
	g->fast_ms = -1;
	g->n = c->n;
	for (i = 0; i < c->n; i++) {
		g->a[i].m = c->m[i];
		g->a[i].round = g;
	}
	return g;
}

void
round_unref(struct round *g)
{
	unsigned left;

	mutex_lock(&g->v->lock);
	left = --g->refs;
	mutex_unlock(&g->v->lock);
	if (left > 0)
		return;
	free(g->p);
	free(g);
}

/* Something that is replaced may be set aside for a member; its thread could
 * bring it what is older than what is put now. */
static void
round_owing(struct round *g)
{
	struct mirror *v = g->v;
	bool has_aside;
	size_t i;

	for (i = 0; i < g->n && !(g->flags & STORE_IF_ABSENT); i++) {
		mutex_lock(&v->lock);
		has_aside = g->a[i].m->aside > 0;
		mutex_unlock(&v->lock);
		g->a[i].is_owing = has_aside &&
		    v->log->has(v->log, g->a[i].m->id, g->name) != 0;
	}
}

/* Who is asked at once: those who owe nothing that they wait for, and are here
 * as far as is known; if that is not enough, those who are not, too. */
static void
round_choose(struct round *g, unsigned *ret_turn)
{
	struct mirror *v = g->v;
	int64_t now = clock_mono_ms();
	struct put *a = g->a;
	unsigned n = 0;
	size_t i;

	mutex_lock(&v->lock);
	*ret_turn = v->put_turn;
	v->putting[*ret_turn]++;
	for (i = 0; i < g->n; i++) {
		const struct member *m = a[i].m;

		a[i].is_late = m->queued > 0 || m->is_filling ||
		    m->behind > 0;
		a[i].is_passing = m->is_leaving || m->is_filling;
		/* What only a put can mend is tried by one. */
		a[i].is_direct = !a[i].is_late && !a[i].is_owing &&
		    (m->fails == 0 ||
		    (m->is_put_bad && now >= m->retry_at_ms));
		n += a[i].is_direct && !a[i].is_passing;
	}
	for (i = 0; i < g->n && n < v->copies; i++) {
		if (!a[i].is_direct && !a[i].is_late) {
			a[i].is_direct = true;
			n += !a[i].is_passing;
		}
	}
	for (i = 0; i < g->n; i++)
		g->running += a[i].is_direct;
	mutex_unlock(&v->lock);
}

static void
round_start(struct round *g)
{
	size_t i;

	for (i = 0; i < g->n; i++) {
		struct put *a = &g->a[i];

		if (!a->is_direct)
			continue;
		a->has_thread = thread_start(&a->thread, "mirror-put",
		    put_main, a) == 0;
		if (!a->has_thread)
			put_main(a);
	}
}

/* Nothing changes any more by waiting for more of those who stay. */
static bool
is_enough_locked(struct mirror *v, struct round *g) REQUIRES(v->lock)
{
	unsigned done = 0, open = 0;
	size_t i;

	for (i = 0; i < g->n; i++) {
		struct put *a = &g->a[i];

		/* It may have been told to leave meanwhile. */
		a->is_passing = a->is_passing || a->m->is_leaving;
		if (!a->is_direct || a->is_passing)
			continue;
		open += !a->is_over;
		done += a->is_over && a->r == 0;
	}
	return open == 0 || done >= v->copies;
}

static bool
is_ending_locked(struct mirror *v, const struct round *g) REQUIRES(v->lock)
{
	size_t i;

	(void)v;
	for (i = 0; i < g->n; i++)
		if (g->a[i].is_ending && !g->a[i].is_over)
			return true;
	return false;
}

/* Until all are over, or enough and the others have had their time. */
static void
round_wait_locked(struct mirror *v, struct round *g) REQUIRES(v->lock)
{
	int64_t until = 0, grace;

	while (g->running > 0) {
		if (!is_enough_locked(v, g) || is_ending_locked(v, g)) {
			cond_wait(&v->changed, &v->lock);
			continue;
		}
		grace = GRACE_TIMES * g->fast_ms;
		if (until == 0)
			until = clock_mono_ms() +
			    (grace > GRACE_MS ? grace : GRACE_MS);
		if (!cond_wait_until(&v->changed, &v->lock, until) &&
		    !is_ending_locked(v, g))
			return;
	}
}

/* What each has come to, as far as it is known. */
static void
round_end(struct round *g)
{
	struct mirror *v = g->v;
	size_t i;

	mutex_lock(&v->lock);
	round_wait_locked(v, g);
	(void)is_enough_locked(v, g);
	for (i = 0; i < g->n; i++) {
		struct put *a = &g->a[i];

		a->seen = a->is_direct ? a->r : -EHOSTUNREACH;
		if (a->is_direct && !a->is_over) {
			a->seen = -ETIMEDOUT;
			late_add_locked(v, a);
		}
	}
	mutex_unlock(&v->lock);
	for (i = 0; i < g->n; i++) {
		if (g->a[i].has_thread && !g->a[i].is_left)
			thread_join(g->a[i].thread);
	}
}

static int
round_result(const struct round *g)
{
	const struct put *a = g->a;
	unsigned done = 0, staying = 0;
	int worst = 0;
	size_t i;

	for (i = 0; i < g->n; i++) {
		if (a[i].seen == -EEXIST)
			return -EEXIST;
		staying += !a[i].is_passing;
		if (a[i].seen == 0 && !a[i].is_passing)
			done++;
	}
	if (done >= g->v->copies || (done && done == staying))
		return 0;
	/* The one that says most: no effect, then doubt, then what the user
	 * has to mend; and if somebody has it, it has had effect. */
	for (i = 0; i < g->n; i++) {
		int r = a[i].seen == -EMEDIUMTYPE ? -EHOSTUNREACH :
		    a[i].seen;

		done += r == 0 && a[i].is_passing;
		if (r == 0 || (worst == -ECANCELED))
			continue;
		if (!worst || r == -ECANCELED ||
		    (store_transient(r) && !store_transient(worst)))
			worst = r;
	}
	return worst == -EHOSTUNREACH && done ? -ETIMEDOUT : worst;
}

/* Others have something else of that name: the beginning of it, perhaps, of a
 * put that was cut, which gets its end.  What has come of it all then; of what
 * is something else whoever asked hears. */
static int
round_rest(struct round *g, const struct putting *what)
{
	size_t i;

	for (i = 0; i < g->n; i++) {
		struct put *a = &g->a[i];

		if (a->seen != -EEXIST)
			continue;
		a->seen = member_rest(a->m, what->name, what->p, what->len);
		if (a->seen == -ENOENT)
			a->seen = -EHOSTUNREACH;	/* it lags behind */
	}
	return round_result(g);
}

/* What they lack is on disk before anybody counts on it. */
static int
round_queue(const struct round *g)
{
	size_t i;
	int r = 0;

	for (i = 0; i < g->n && r == 0; i++) {
		if (g->a[i].seen != 0 && g->a[i].seen != -EEXIST)
			r = member_queue(g->a[i].m, g->name,
			    g->flags & STORE_IF_ABSENT ? MIRROR_PUT :
			    MIRROR_REPLACE);
	}
	return r;
}

static bool
somebody_has_it(const struct round *g)
{
	size_t i;

	for (i = 0; i < g->n && g->a[i].seen != 0; i++)
		;
	return i < g->n;
}

int
mirror_put_all(struct mirror *v, const struct circle *c,
    const struct putting *what)
{
	struct round *g;
	unsigned turn;
	size_t i;
	int r, q = 0;

	for (i = 0; i < c->n; i++)
		late_reap(c->m[i]);
	g = round_new(v, c, what);
	if (!g)
		return -ENOMEM;
	round_owing(g);
	round_choose(g, &turn);
	round_start(g);
	round_end(g);
	r = round_result(g);
	if (r == -EEXIST && somebody_has_it(g))
		r = round_rest(g, what);
	if (r == 0 || (r == -EEXIST && somebody_has_it(g)))
		q = round_queue(g);
	if (q < 0)
		r = q;
	mutex_lock(&v->lock);
	if (--v->putting[turn] == 0)
		cond_broadcast(&v->changed);
	mutex_unlock(&v->lock);
	round_unref(g);
	return r;
}
