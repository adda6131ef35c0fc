/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#include "store/mirror_priv.h"
#include "util/clock.h"
#include "util/log.h"
#include "util/tr.h"

/* mirror_member - one store of a mirror: how it is, and the thread that
 * brings it what it lacks. */

/* What is wrong is for the user to mend: no hurry. */
#define SLOW_MS 60000
#define STUCK_TRIES 3
#define STUCK_TRIES_AWAY 12	/* ... where others may yet come back */

static bool
is_answer(int r)
{
	return r >= 0 || r == -ENOENT || r == -EEXIST || r == -ERANGE;
}

/* Full jitter below a limit that doubles. */
static int64_t
wait_ms(const struct mirror *v, int r, unsigned fails)
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
	if (why < 0 && m->fails++ == 0)
		m->away_ms = clock_mono_ms();
	else if (why == 0)
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
		m->retry_at_ms = clock_mono_ms() + wait_ms(v, r, m->fails);
		(void)snprintf(m->problem, sizeof(m->problem), "%s",
		    st.last_error[0] ? st.last_error : strerror(-r));
		memcpy(v->problem, m->problem, sizeof(v->problem));
	} else if (is_put || !m->is_put_bad) {
		state_locked(v, m, 0);
		m->is_put_bad = false;
		m->retry_at_ms = 0;
		m->problem[0] = '\0';
	}
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

static int
marker_get(struct member *m)
{
	struct buf b = BUF_INIT(MIRROR_MARKER_MAX);
	const char *name = m->mirror->marker;
	int r;

	/* Where nothing marks a drive any answer will do. */
	r = store_get(m->store, *name ? name : "drive", &b);
	buf_done(&b);
	return r;
}

/* A disk that was unplugged leaves an empty folder that takes anything. */
int
member_confirm(struct member *m)
{
	struct mirror *v = m->mirror;
	int r;

	if (!has_marker(v))
		return 0;
	r = marker_get(m);
	if (r != -ENOENT)
		return r;
	mutex_lock(&v->lock);
	state_locked(v, m, -EMEDIUMTYPE);
	m->is_put_bad = true;
	m->retry_at_ms = clock_mono_ms() + v->retry_max_ms;
	(void)snprintf(m->problem, sizeof(m->problem), N_("this drive is not "
	    "there: is its disk mounted? if it was emptied, 'coffre store add' "
	    "fills it again"));
	mutex_unlock(&v->lock);
	return -EMEDIUMTYPE;
}

int
member_queue(struct member *m, const char *name, enum mirror_op op)
{
	struct mirror *v = m->mirror;
	int r;

	r = v->log->add(v->log, m->id, name, op);
	if (r < 0)
		return r;
	mutex_lock(&v->lock);
	m->queued += (unsigned)r;
	cond_broadcast(&v->changed);
	mutex_unlock(&v->lock);
	return 0;
}

/* Nothing, or a beginning: of a put that was cut. */
static bool
is_cut(const struct member *m, const struct buf *b)
{
	bool (*is_whole)(const void *p, size_t len) = m->mirror->is_whole;

	return b->len == 0 || (is_whole && !is_whole(b->data, b->len));
}

int
member_rest(struct member *m, const char *name, const void *p, size_t len)
{
	struct buf there = BUF_INIT(MIRROR_OBJECT_MAX);
	int r;

	r = store_get(m->store, name, &there);
	if (r < 0)
		goto out;
	if (there.len == len && memcmp(there.data, p, len) == 0)
		goto out;
	r = -EEXIST;
	if (there.len < len && memcmp(there.data, p, there.len) == 0 &&
	    is_cut(m, &there))
		r = store_put(m->store, name, p, len, 0);
out:
	buf_done(&there);
	return r;
}

static int
object_put(struct member *m, const char *name, const struct buf *b,
    enum mirror_op op)
{
	bool has_if_absent = store_caps(m->store) & STORE_CAP_IF_ABSENT;
	int r = -EEXIST;

	if (op == MIRROR_REPLACE)
		return store_put(m->store, name, b->data, b->len, 0);
	/* Who does not know the condition is looked at first. */
	if (has_if_absent)
		r = store_put(m->store, name, b->data, b->len,
		    STORE_IF_ABSENT);
	if (r == -EEXIST)
		r = member_rest(m, name, b->data, b->len);
	if (r == -ENOENT && has_if_absent)
		r = -EHOSTUNREACH;	/* it lags behind; again later */
	else if (r == -ENOENT)
		r = store_put(m->store, name, b->data, b->len, 0);
	if (r == -EEXIST) {
		log_warn("mirror: '%s' of '%s' is not what another store has; "
		    "it is left as it is: 'coffre scrub' finds out which is "
		    "right", name, store_url(m->store));
		r = 0;
	}
	return r;
}

bool
member_others_lack(struct member *m, const char *name)
{
	struct mirror *v = m->mirror;
	struct circle c;
	bool r = true;
	size_t i;

	circle_enter(v, &c);
	for (i = 0; r && i < c.n; i++)
		r = c.m[i] == m || v->log->has(v->log, c.m[i]->id, name) != 0;
	circle_leave(v, &c);
	return r;
}

/* The others wait for it as well: does it have what they wait for? */
static int
own_look(struct member *m, const char *name)
{
	struct buf b = BUF_INIT(MIRROR_OBJECT_MAX);
	int r;

	r = store_get(m->store, name, &b);
	if (r == 0 && is_cut(m, &b))
		r = -ENODATA;
	buf_done(&b);
	return r == -ENOENT ? -ENODATA : r;
}

/* Bring it one object.  -EAGAIN: no other member can give it now; -ENODATA:
 * nor will, as far as can be seen. */
static int
object_copy(struct member *m, const char *name, enum mirror_op op)
{
	struct buf b = BUF_INIT(MIRROR_OBJECT_MAX);
	struct reading g = { .name = name, .out = &b };
	int r;

	r = mirror_read(m->mirror, m, &g);
	if (r == 0)
		r = object_put(m, name, &b, op);
	else if (r < 0 && r != -ECANCELED)
		r = store_transient(r) ? -EAGAIN : -ENODATA;
	if (r == -EAGAIN && op == MIRROR_PUT && member_others_lack(m, name))
		r = own_look(m, name);
	buf_done(&b);
	return r;
}

static int
item_put(struct member *m, const struct mirror_item *i)
{
	struct mirror *v = m->mirror;
	int r = object_copy(m, i->name, i->op);

	if (r == 0 && strcmp(i->name, v->marker) != 0) {
		r = member_confirm(m);
		/* One that is being filled gets the mark as soon as it
		 * counts. */
		if (r == -EMEDIUMTYPE &&
		    v->log->has(v->log, m->id, v->marker) > 0)
			r = object_copy(m, v->marker, MIRROR_PUT);
		if (r == -EMEDIUMTYPE)
			return r;
	}
	if (r != -EAGAIN && r != -ENODATA)
		member_note(m, r, true);
	return r;
}

static int
item_do(struct member *m, const struct mirror_item *i)
{
	int r;

	if (i->op != MIRROR_DELETE)
		return item_put(m, i);
	r = store_delete(m->store, i->name);
	if (r == -ENOENT)
		r = 0;
	member_note(m, r, true);
	return r;
}

/* How often the oldest could not be had. */
struct stuck {
	uint64_t seq;
	unsigned n;
};

static bool
others_are_here(struct member *m)
{
	struct mirror *v = m->mirror;
	bool r = false;
	size_t i;

	mutex_lock(&v->lock);
	for (i = 0; i < v->n; i++)
		r = r || (v->m[i] != m && v->m[i]->fails == 0);
	mutex_unlock(&v->lock);
	return r;
}

/* What cannot be had holds up what can: after some tries it waits behind. */
static int
item_stuck(struct member *m, const struct mirror_item *i, int why,
    struct stuck *k)
{
	struct mirror *v = m->mirror;

	k->n = k->seq == i->seq ? k->n + 1 : 1;
	k->seq = i->seq;
	if (k->n < (why == -ENODATA ? STUCK_TRIES : STUCK_TRIES_AWAY) ||
	    (why != -ENODATA && !others_are_here(m)))
		return 0;
	log_warn("mirror: '%s', which '%s' lacks, cannot be had from another "
	    "store", i->name, store_url(m->store));
	return v->log->later(v->log, m->id, i);
}

/* The oldest of what it lacks; what is left counted. */
static int
queue_step(struct member *m, struct stuck *k)
{
	struct mirror *v = m->mirror;
	struct mirror_item i;
	int r, gone = 0, s = 0;

	r = v->log->next(v->log, m->id, &i);
	if (r == -ENOENT) {
		mutex_lock(&v->lock);
		m->queued = 0;
		cond_broadcast(&v->changed);
		mutex_unlock(&v->lock);
		return 0;
	}
	if (r == 0)
		r = item_do(m, &i);
	if (r == 0)
		gone = v->log->del(v->log, m->id, &i);
	else if (r == -EAGAIN || r == -ENODATA)
		s = item_stuck(m, &i, r, k);
	if (gone > 0) {
		mutex_lock(&v->lock);
		m->queued -= m->queued > 0;
		cond_broadcast(&v->changed);
		mutex_unlock(&v->lock);
	}
	return gone < 0 ? gone : s < 0 ? s : r;
}

enum errand { ERRAND_END, ERRAND_COPY, ERRAND_LOOK };

/* Until there is something to do for it. */
static enum errand
member_wait(struct member *m, int64_t not_before)
{
	struct mirror *v = m->mirror;
	enum errand r = ERRAND_END;
	int64_t until;

	mutex_lock(&v->lock);
	while (!v->is_stopping && !m->is_gone) {
		r = ERRAND_END;
		if (v->is_interrupted)
			;
		else if (m->queued > 0 && !m->is_filling)
			r = ERRAND_COPY;
		else if (m->fails > 0 && !m->is_put_bad)
			r = ERRAND_LOOK;
		until = m->retry_at_ms;
		if (r == ERRAND_COPY && until < not_before)
			until = not_before;
		if (r == ERRAND_END)
			cond_wait(&v->changed, &v->lock);
		else if (clock_mono_ms() < until)
			(void)cond_wait_until(&v->changed, &v->lock, until);
		else
			break;
	}
	if (v->is_stopping || m->is_gone)
		r = ERRAND_END;
	mutex_unlock(&v->lock);
	return r;
}

/* Is one that was away back?  Nobody waits for the answer. */
static void
member_look(struct member *m)
{
	int r = marker_get(m);

	if (r == -ENOENT && has_marker(m->mirror))
		r = member_confirm(m);
	if (r != -EMEDIUMTYPE)
		member_note(m, r, false);
}

void
member_main(void *arg)
{
	struct member *m = arg;
	struct stuck stuck = { 0, 0 };
	int64_t not_before = 0;
	unsigned misses = 0;
	enum errand what;
	int r;

	while ((what = member_wait(m, not_before)) != ERRAND_END) {
		if (what == ERRAND_LOOK) {
			member_look(m);
			continue;
		}
		r = queue_step(m, &stuck);
		misses = r == -EAGAIN || r == -ENODATA || r == -ECANCELED ||
		    r == -EIO || r == -ENOSPC ? misses + 1 : 0;
		not_before = misses ? clock_mono_ms() +
		    wait_ms(m->mirror, -EHOSTUNREACH, misses) : 0;
	}
}
