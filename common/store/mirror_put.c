/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <string.h>

#include "store/mirror_priv.h"
#include "util/clock.h"

/* mirror_put - to all members at once. */

struct put {
	struct member *m;
	const struct putting *what;
	pthread_t thread;
	/* As it stood at the beginning: owes something; comes or goes, and is
	 * not relied on. */
	bool is_late, is_passing;
	bool is_direct, has_thread;
	int r;
};

static void
put_one(void *arg)
{
	struct put *a = arg;
	const struct putting *g = a->what;
	struct store *s = a->m->store;
	int r;

	r = store_put(s, g->name, g->p, g->len, g->flags);
	/* What is there may be from a put that failed on the others. */
	if (r == -EEXIST && (g->flags & STORE_IF_ABSENT))
		r = store_same(s, g->name, g->p, g->len);
	if (r == 0)
		r = member_confirm(a->m);
	if (r != -EMEDIUMTYPE)
		member_note(a->m, r, true);
	a->r = r;
}

/* Who is asked at once: those who owe nothing, and are here as far as is
 * known; if that is not enough, those who are not, too. */
static void
puts_choose(struct mirror *v, const struct circle *c, struct put *a)
{
	int64_t now = clock_mono_ms();
	unsigned n = 0;
	size_t i;

	mutex_lock(&v->lock);
	for (i = 0; i < c->n; i++) {
		const struct member *m = c->m[i];

		a[i].is_late = m->queued > 0 || m->is_filling;
		a[i].is_passing = m->is_leaving || m->is_filling;
		/* What only a put can mend is tried by one. */
		a[i].is_direct = !a[i].is_late && (m->fails == 0 ||
		    (m->is_put_bad && now >= m->retry_at_ms));
		n += a[i].is_direct && !a[i].is_passing;
	}
	for (i = 0; i < c->n && n < v->copies; i++) {
		if (!a[i].is_direct && !a[i].is_late) {
			a[i].is_direct = true;
			n += !a[i].is_passing;
		}
	}
	mutex_unlock(&v->lock);
}

/* All at once; the last of them by this thread. */
static void
puts_run(struct put *a, size_t n)
{
	struct put *own = NULL;
	size_t i;

	for (i = 0; i < n; i++) {
		a[i].r = -EHOSTUNREACH;
		if (!a[i].is_direct)
			continue;
		if (own) {
			own->has_thread = thread_start(&own->thread,
			    "mirror-put", put_one, own) == 0;
			if (!own->has_thread)
				put_one(own);
		}
		own = &a[i];
	}
	if (own)
		put_one(own);
	for (i = 0; i < n; i++) {
		if (a[i].has_thread)
			thread_join(a[i].thread);
	}
}

static int
puts_result(const struct mirror *v, const struct put *a, size_t n)
{
	unsigned done = 0, staying = 0;
	int worst = 0;
	size_t i;

	for (i = 0; i < n; i++) {
		if (a[i].r == -EEXIST)
			return -EEXIST;
		staying += !a[i].is_passing;
		if (a[i].r == 0 && !a[i].is_passing)
			done++;
	}
	if (done >= v->copies || (done && done == staying))
		return 0;
	/* The one that says most: no effect, then doubt, then what the user
	 * has to mend; and if somebody has it, it has had effect. */
	for (i = 0; i < n; i++) {
		int r = a[i].r == -EMEDIUMTYPE ? -EHOSTUNREACH : a[i].r;

		done += r == 0 && a[i].is_passing;
		if (r == 0 || (worst == -ECANCELED))
			continue;
		if (!worst || r == -ECANCELED ||
		    (store_transient(r) && !store_transient(worst)))
			worst = r;
	}
	return worst == -EHOSTUNREACH && done ? -ETIMEDOUT : worst;
}

/* Some have it now, others have something else of that name: the beginning of
 * it, perhaps, of a put that was cut.  The copying sees to that. */
static int
puts_halves(const struct put *a, size_t n, const struct putting *g)
{
	bool is_there = false;
	size_t i;
	int r = 0;

	for (i = 0; i < n; i++)
		is_there = is_there || a[i].r == 0;
	for (i = 0; i < n && r == 0 && is_there; i++)
		if (a[i].r == -EEXIST)
			r = member_queue(a[i].m, g->name, MIRROR_PUT);
	return r < 0 ? r : -EEXIST;
}

int
mirror_put_all(struct mirror *v, const struct circle *c,
    const struct putting *g)
{
	struct put a[MIRROR_MEMBERS_MAX];
	size_t i;
	int r;

	memset(a, 0, sizeof(a));
	for (i = 0; i < c->n; i++) {
		a[i].m = c->m[i];
		a[i].what = g;
	}
	puts_choose(v, c, a);
	puts_run(a, c->n);
	r = puts_result(v, a, c->n);
	if (r == -EEXIST)
		return puts_halves(a, c->n, g);
	/* What they lack is on disk before anybody counts on it. */
	for (i = 0; i < c->n && r == 0; i++) {
		if (a[i].r != 0)
			r = member_queue(c->m[i], g->name,
			    g->flags & STORE_IF_ABSENT ? MIRROR_PUT :
			    MIRROR_REPLACE);
	}
	return r;
}
