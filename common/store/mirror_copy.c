/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <string.h>

#include "store/mirror_priv.h"
#include "util/clock.h"
#include "util/log.h"

/*
 * mirror_copy - the thread that brings a member what it lacks.
 *
 * What waits is brought in its order.  What nobody can give is set aside after
 * some tries: nothing waits for it, and it is tried now and then, for whoever
 * had it may be back.
 */

#define STUCK_TRIES 3
#define STUCK_TRIES_AWAY 12	/* ... where others may yet come back */

/* ---- what it lacks ------------------------------------------------------- */

static bool
is_alone(struct mirror *v)
{
	bool r;

	mutex_lock(&v->lock);
	r = v->n < 2;
	mutex_unlock(&v->lock);
	return r;
}

static void
owes_more(struct member *m, uint64_t more, uint64_t were_aside)
{
	struct mirror *v = m->mirror;

	mutex_lock(&v->lock);
	m->added++;
	m->queued += more;
	m->aside -= were_aside < m->aside ? were_aside : m->aside;
	cond_broadcast(&v->changed);
	mutex_unlock(&v->lock);
}

int
member_queue(struct member *m, const char *name, enum mirror_op op)
{
	struct mirror *v = m->mirror;
	int r;

	if (is_alone(v))
		return 0;
	r = v->log->add(v->log, m->id, name, op);
	if (r < 0)
		return r;
	owes_more(m, r > 0, r == 2);
	return 0;
}

int
member_queue_many(struct member *m, const char *const *names, size_t n)
{
	struct mirror *v = m->mirror;
	uint64_t fresh = 0, aside = 0;
	int r;

	if (is_alone(v))
		return 0;
	r = v->log->add_many(v->log, m->id, names, n, &fresh, &aside);
	if (r == 0)
		owes_more(m, fresh + aside, aside);
	return r;
}

int
member_queue_too(struct member *m, const struct member *other)
{
	struct mirror *v = m->mirror;
	uint64_t fresh = 0, aside = 0;
	int r;

	r = v->log->take(v->log, m->id, other->id, &fresh, &aside);
	if (r < 0)
		return r;
	owes_more(m, fresh, 0);
	mutex_lock(&v->lock);
	m->aside += aside;
	mutex_unlock(&v->lock);
	return 0;
}

/* ---- one object ---------------------------------------------------------- */

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
	if (r == -EFBIG)
		r = -EEXIST;
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
	if (r == -EAGAIN && member_others_lack(m, name))
		r = own_look(m, name);
	buf_done(&b);
	return r;
}

static int
item_put(struct member *m, const struct mirror_item *i)
{
	struct mirror *v = m->mirror;
	bool is_marker = strcmp(i->name, v->marker) == 0;
	int r;

	/* One that is being filled has no mark yet. */
	if (!is_marker && member_is_away(m) &&
	    v->log->has(v->log, m->id, v->marker) <= 0 &&
	    member_is_elsewhere(m))
		return -EMEDIUMTYPE;
	r = object_copy(m, i->name, i->op);
	if (r == 0 && !is_marker) {
		r = member_confirm(m);
		/* One that is being filled gets the mark as soon as it
		 * counts. */
		if (r == -EMEDIUMTYPE &&
		    v->log->has(v->log, m->id, v->marker) > 0) {
			r = object_copy(m, v->marker, MIRROR_PUT);
			/* That of another drive is left as it is. */
			if (r == 0)
				r = member_confirm(m);
		}
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

/* ---- its thread ---------------------------------------------------------- */

/* How often the oldest could not be had. */
struct stuck {
	uint64_t seq;
	unsigned n;
	bool is_many;		/* one was set aside: the rest of the queue
				 * is not waited for as long */
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

/* What cannot be had holds up what can, and all that is put: after some tries
 * it is set aside.  1: it is. */
static int
item_stuck(struct member *m, const struct mirror_item *i, int why,
    struct stuck *k)
{
	struct mirror *v = m->mirror;
	unsigned tries = why == -ENODATA ? STUCK_TRIES : STUCK_TRIES_AWAY;
	int r;

	k->n = k->seq == i->seq ? k->n + 1 : 1;
	k->seq = i->seq;
	if ((k->n < tries && !k->is_many) ||
	    (why != -ENODATA && !others_are_here(m)))
		return 0;
	if (!k->is_many)
		log_warn("mirror: '%s', which '%s' lacks, cannot be had from "
		    "another store; there may be more", i->name,
		    store_url(m->store));
	k->is_many = true;
	r = v->log->aside(v->log, m->id, i);
	if (r > 0) {
		mutex_lock(&v->lock);
		m->queued -= m->queued > 0;
		m->aside++;
		cond_broadcast(&v->changed);
		mutex_unlock(&v->lock);
	}
	return r < 0 ? r : 1;
}

/* It has it, or need not have it any more. */
static int
item_over(struct member *m, const struct mirror_item *i)
{
	struct mirror *v = m->mirror;
	int r = v->log->del(v->log, m->id, i);

	if (r <= 0)
		return r;	/* it was queued anew meanwhile */
	mutex_lock(&v->lock);
	if (i->is_aside)
		m->aside -= m->aside > 0;
	else
		m->queued -= m->queued > 0;
	cond_broadcast(&v->changed);
	mutex_unlock(&v->lock);
	return 0;
}

/* The oldest of the queue, or of what was set aside.  Where there is none the
 * counter that said so is put right. */
static int
item_next(struct member *m, bool is_aside, struct mirror_item *ret)
{
	struct mirror *v = m->mirror;
	uint64_t before;
	int r;

	mutex_lock(&v->lock);
	before = m->added;
	mutex_unlock(&v->lock);
	r = v->log->next(v->log, m->id, is_aside, ret);
	if (r != -ENOENT)
		return r;
	mutex_lock(&v->lock);
	if (is_aside)
		m->aside = 0;
	else if (m->added == before)
		m->queued = 0;
	cond_broadcast(&v->changed);
	mutex_unlock(&v->lock);
	return r;
}

/* The oldest of what it lacks. */
static int
queue_step(struct member *m, struct stuck *k)
{
	struct mirror_item i;
	int r, s;

	r = item_next(m, false, &i);
	if (r == -ENOENT) {
		k->is_many = false;
		return 0;
	}
	if (r == 0)
		r = item_do(m, &i);
	if (r == 0)
		return item_over(m, &i);
	if (r != -EAGAIN && r != -ENODATA)
		return r;
	s = item_stuck(m, &i, r, k);
	return s < 0 ? s : s > 0 ? 0 : r;
}

/* The oldest of what was set aside: it can be had by now, or goes behind. */
static void
aside_step(struct member *m)
{
	struct mirror *v = m->mirror;
	struct mirror_item i;
	int64_t at = 0;
	int r;

	r = item_next(m, true, &i);
	if (r == 0)
		r = item_do(m, &i);
	if (r == 0)
		r = item_over(m, &i);
	else if (r == -EAGAIN || r == -ENODATA)
		(void)v->log->aside(v->log, m->id, &i);
	if (r < 0)
		at = clock_mono_ms() + member_wait_ms(v, -ENODATA, 1);
	mutex_lock(&v->lock);
	m->aside_at_ms = at;
	mutex_unlock(&v->lock);
}

enum errand { ERRAND_END, ERRAND_COPY, ERRAND_LOOK, ERRAND_ASIDE };

/* What there is to do for it, and when. */
static enum errand
errand_locked(struct mirror *v, struct member *m, int64_t not_before,
    int64_t *ret_at) REQUIRES(v->lock)
{
	enum errand r = ERRAND_END;
	int64_t at = 0;

	if (v->is_interrupted)
		return r;
	if (m->queued > 0 && !m->is_filling) {
		r = ERRAND_COPY;
		at = not_before;
	} else if (m->fails > 0 && (!m->is_put_bad ||
	    m->why == -EMEDIUMTYPE)) {
		r = ERRAND_LOOK;
	} else if (m->aside > 0 && !m->is_filling) {
		r = ERRAND_ASIDE;
		at = m->aside_at_ms;
	}
	*ret_at = at > m->retry_at_ms ? at : m->retry_at_ms;
	return r;
}

/* Until there is something to do for it. */
static enum errand
member_wait(struct member *m, int64_t not_before)
{
	struct mirror *v = m->mirror;
	enum errand r = ERRAND_END;
	int64_t until = 0;

	mutex_lock(&v->lock);
	while (!v->is_stopping && !m->is_gone) {
		r = errand_locked(v, m, not_before, &until);
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

void
member_main(void *arg)
{
	struct stuck stuck = { .n = 0 };
	struct member *m = arg;
	int64_t not_before = 0;
	unsigned misses = 0;
	enum errand what;
	int r;

	while ((what = member_wait(m, not_before)) != ERRAND_END) {
		if (what == ERRAND_LOOK)
			member_look(m);
		else if (what == ERRAND_ASIDE)
			aside_step(m);
		if (what != ERRAND_COPY)
			continue;
		r = queue_step(m, &stuck);
		misses = r == -EAGAIN || r == -ENODATA || r == -ECANCELED ||
		    r == -EIO || r == -ENOSPC || r == -EFBIG ? misses + 1 : 0;
		not_before = misses ? clock_mono_ms() +
		    member_wait_ms(m->mirror, -EHOSTUNREACH, misses) : 0;
	}
}
