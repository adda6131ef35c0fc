/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <string.h>

#include "store/mirror_priv.h"
#include "util/clock.h"

/*
 * mirror_late - puts that nobody waits for any more.
 *
 * What such a put was to bring is queued for the member, whose own thread
 * holds still until the put is over: it would bring the same once more over a
 * line that is slow already.  While a member is behind, all that is new goes
 * through its queue, so that it has no more of these than there were puts at
 * once.
 */

/* Until the last of them is over, or the user asks. */
#define HOLD_MS (24LL * 3600 * 1000)

void
late_hold_locked(struct mirror *v, struct member *m)
{
	(void)v;
	m->is_held = m->behind > 0;
	if (m->is_held)
		m->retry_at_ms = clock_mono_ms() + HOLD_MS;
}

void
late_add_locked(struct mirror *v, struct put *a)
{
	struct member *m = a->m;

	a->is_left = true;
	a->next = m->late;
	m->late = a;
	a->round->refs++;
	m->behind++;
	late_hold_locked(v, m);
}

/* Was that name put there, late?  Only what is never put anew: of a head,
 * another may be queued since. */
static bool
is_there(struct member *m, const char *name)
{
	struct mirror *v = m->mirror;
	const struct put *a;
	bool r = false;

	mutex_lock(&v->lock);
	for (a = m->late; a && !r; a = a->next)
		r = a->is_ending && a->r == 0 &&
		    (a->round->flags & STORE_IF_ABSENT) &&
		    strcmp(a->round->name, name) == 0;
	mutex_unlock(&v->lock);
	return r;
}

/* It need not be brought what it has got after all: it stands in front, for
 * nothing was queued before. */
static void
queue_skip(struct member *m)
{
	struct mirror *v = m->mirror;
	struct mirror_item i;

	while (v->log->next(v->log, m->id, false, &i) == 0 &&
	    i.op == MIRROR_PUT && is_there(m, i.name) &&
	    v->log->del(v->log, m->id, &i) > 0) {
		mutex_lock(&v->lock);
		m->queued -= m->queued > 0;
		mutex_unlock(&v->lock);
	}
}

void
late_over(struct put *a, bool is_last)
{
	struct member *m = a->m;

	/* An old head may have come over one that was copied meanwhile. */
	if (!(a->round->flags & STORE_IF_ABSENT))
		(void)member_queue(m, a->round->name, MIRROR_REPLACE);
	if (!is_last)
		return;
	queue_skip(m);
	mutex_lock(&m->mirror->lock);
	m->is_held = false;
	m->retry_at_ms = 0;
	cond_broadcast(&m->mirror->changed);
	mutex_unlock(&m->mirror->lock);
}

static void
join_all(struct put *a)
{
	struct put *next;

	for (; a; a = next) {
		next = a->next;
		thread_join(a->thread);
		round_unref(a->round);
	}
}

void
late_reap(struct member *m)
{
	struct mirror *v = m->mirror;
	struct put *a;

	mutex_lock(&v->lock);
	for (a = m->late; a && a->is_over; a = a->next)
		;
	if (!a) {
		a = m->late;
		m->late = NULL;
	} else {
		a = NULL;
	}
	mutex_unlock(&v->lock);
	join_all(a);
}

void
late_end(struct member *m)
{
	struct mirror *v = m->mirror;
	struct put *a;

	mutex_lock(&v->lock);
	a = m->late;
	m->late = NULL;
	mutex_unlock(&v->lock);
	if (a)
		store_interrupt(m->store, true);
	join_all(a);
}
