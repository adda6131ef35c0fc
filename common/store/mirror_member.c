/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#include "store/mirror_priv.h"
#include "util/clock.h"
#include "util/log.h"
#include "util/tr.h"

/* mirror_member - one store of a mirror: how it is. */

/* What is wrong is for the user to mend: no hurry. */
#define SLOW_MS 60000

static bool
is_answer(int r)
{
	return r >= 0 || r == -ENOENT || r == -EEXIST || r == -ERANGE;
}

/* Full jitter below a limit that doubles. */
int64_t
member_wait_ms(const struct mirror *v, int r, unsigned fails)
{
	int64_t max = v->retry_min_ms;
	uint32_t rnd = 0;

	if (!store_transient(r))
		max = v->retry_max_ms < SLOW_MS ? v->retry_max_ms : SLOW_MS;
	for (; fails > 1 && max < v->retry_max_ms; fails--)
		max *= 2;
	if (max > v->retry_max_ms)
		max = v->retry_max_ms;
	(void)!getrandom(&rnd, sizeof(rnd), GRND_NONBLOCK);
	return max / 2 + (int64_t)rnd % (max / 2 + 1);
}

static void
state_locked(struct mirror *v, struct member *m, int why) REQUIRES(v->lock)
{
	size_t i;

	if (why < 0 && m->fails++ == 0)
		m->away_ms = clock_mono_ms();
	/* What others could not be given it has, perhaps. */
	for (i = 0; why == 0 && m->fails && i < v->n; i++)
		v->m[i]->aside_at_ms = 0;
	if (why == 0)
		m->fails = 0;
	if (why == m->why)
		return;
	m->why = why;
	if (v->on_state)
		v->on_state(v->on_state_arg);
}

void
member_note(struct member *m, int r, bool is_put)
{
	struct mirror *v = m->mirror;
	struct store_stats st;

	if (r == -ECANCELED || r == -EFBIG || r == -ENOMEM || r == -EINVAL)
		return;
	if (!is_answer(r))
		store_get_stats(m->store, &st);
	mutex_lock(&v->lock);
	if (!is_answer(r)) {
		state_locked(v, m, r);
		m->is_put_bad = is_put && !store_transient(r);
		m->retry_at_ms = clock_mono_ms() +
		    member_wait_ms(v, r, m->fails);
		(void)snprintf(m->problem, sizeof(m->problem), "%s",
		    st.last_error[0] ? st.last_error : strerror(-r));
		memcpy(v->problem, m->problem, sizeof(v->problem));
	} else if (is_put || !m->is_put_bad) {
		state_locked(v, m, 0);
		m->is_put_bad = false;
		m->retry_at_ms = 0;
		m->problem[0] = '\0';
	}
	/* A read says nothing of the puts that are behind. */
	if (m->is_held)
		late_hold_locked(v, m);
	cond_broadcast(&v->changed);
	mutex_unlock(&v->lock);
}

bool
member_is_away(struct member *m)
{
	bool r;

	mutex_lock(&m->mirror->lock);
	r = m->fails > 0;
	mutex_unlock(&m->mirror->lock);
	return r;
}

bool
member_is_filling(struct member *m)
{
	bool r;

	mutex_lock(&m->mirror->lock);
	r = m->is_filling;
	mutex_unlock(&m->mirror->lock);
	return r;
}

static bool
has_marker(struct mirror *v)
{
	bool r;

	mutex_lock(&v->lock);
	r = v->has_marker;
	mutex_unlock(&v->lock);
	return r;
}

/* -EMEDIUMTYPE: it is another drive's. */
static int
marker_get(struct member *m)
{
	struct buf b = BUF_INIT(MIRROR_MARKER_MAX);
	struct mirror *v = m->mirror;
	const char *name = v->marker;
	int r;

	/* Where nothing marks a drive any answer will do. */
	r = store_get(m->store, *name ? name : "drive", &b);
	if (r == 0 && v->is_other && has_marker(v) &&
	    v->is_other(v->own, b.data, b.len))
		r = -EMEDIUMTYPE;
	buf_done(&b);
	return r;
}

/* A disk that was unplugged leaves an empty folder that takes anything, and so
 * does the place of another drive. */
int
member_confirm(struct member *m)
{
	struct mirror *v = m->mirror;
	int r;

	if (!has_marker(v))
		return 0;
	r = marker_get(m);
	if (r != -ENOENT && r != -EMEDIUMTYPE)
		return r;
	mutex_lock(&v->lock);
	state_locked(v, m, -EMEDIUMTYPE);
	m->is_put_bad = true;
	m->retry_at_ms = clock_mono_ms() + v->retry_max_ms;
	(void)snprintf(m->problem, sizeof(m->problem), "%s", r == -ENOENT ?
	    N_("this drive is not there: is its disk mounted? if it was "
	    "emptied, 'coffre store add' fills it again") :
	    N_("another drive is there"));
	mutex_unlock(&v->lock);
	return -EMEDIUMTYPE;
}

bool
member_is_elsewhere(struct member *m)
{
	return member_is_away(m) && member_confirm(m) == -EMEDIUMTYPE;
}

void
member_look(struct member *m)
{
	struct mirror *v = m->mirror;
	bool was_empty;
	int r;

	mutex_lock(&v->lock);
	was_empty = m->why == -EMEDIUMTYPE;
	mutex_unlock(&v->lock);
	r = marker_get(m);
	if (r == -EMEDIUMTYPE || (r == -ENOENT && has_marker(v)))
		r = member_confirm(m);
	/* That its disk is back is all that was wrong with puts. */
	if (r != -EMEDIUMTYPE)
		member_note(m, r, was_empty && r == 0);
}
