/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "store/mirror_priv.h"
#include "util/clock.h"

/* mirror_change - who is a member: for the length of a call, and how that
 * changes while others go on. */

void
circle_enter(struct mirror *v, struct circle *ret)
{
	mutex_lock(&v->lock);
	memcpy(ret->m, v->m, sizeof(ret->m));
	ret->n = v->n;
	ret->turn = v->turn;
	v->under_way[ret->turn]++;
	mutex_unlock(&v->lock);
}

void
circle_leave(struct mirror *v, const struct circle *c)
{
	mutex_lock(&v->lock);
	if (--v->under_way[c->turn] == 0)
		cond_broadcast(&v->changed);
	mutex_unlock(&v->lock);
}

struct store *
circle_only(const struct circle *c)
{
	return c->n == 1 ? c->m[0]->store : NULL;
}

/* Calls that are going on when a member is dropped have so long to end by
 * themselves: a reader whose call is broken off gets an error. */
#define PARTING_MS 5000

/* Until no call goes on that began before the members changed. */
static void
calls_wait_locked(struct mirror *v) REQUIRES(v->lock)
{
	unsigned old = v->turn;

	v->turn = !old;
	while (v->under_way[old] > 0)
		cond_wait(&v->changed, &v->lock);
}

/* The same; those at m, which hangs perhaps, are broken off in the end. */
static void
calls_end_locked(struct mirror *v, struct member *m) REQUIRES(v->lock)
{
	int64_t until = clock_mono_ms() + PARTING_MS;
	unsigned old = v->turn;

	v->turn = !old;
	while (v->under_way[old] > 0 && clock_mono_ms() < until)
		(void)cond_wait_until(&v->changed, &v->lock, until);
	mutex_unlock(&v->lock);
	store_interrupt(m->store, true);
	mutex_lock(&v->lock);
	while (v->under_way[old] > 0)
		cond_wait(&v->changed, &v->lock);
}

/* Until no put goes on that may count on who is leaving now.  None waits for
 * what that one does. */
static void
puts_wait_locked(struct mirror *v) REQUIRES(v->lock)
{
	unsigned old = v->put_turn;

	v->put_turn = !old;
	while (v->putting[old] > 0)
		cond_wait(&v->changed, &v->lock);
}

int
member_new(struct mirror *v, const struct mirror_member *c,
    struct member **ret)
{
	struct member *m = calloc(1, sizeof(*m));
	int r = 0;

	if (!m) {
		store_close(c->store);
		return -ENOMEM;
	}
	m->mirror = v;
	m->store = c->store;
	mutex_lock(&v->lock);
	m->serial = ++v->serials;
	mutex_unlock(&v->lock);
	m->id = strdup(c->id);
	if (!m->id)
		r = -ENOMEM;
	else if (v->log)
		r = v->log->count(v->log, m->id, &m->queued, &m->aside);
	if (r < 0) {
		member_free(m);
		return r;
	}
	*ret = m;
	return 0;
}

void
member_free(struct member *m) NO_TSA
{
	late_end(m);
	store_close(m->store);
	bad_clear(m);
	free(m->id);
	free(m);
}

int
members_start(struct mirror *v)
{
	struct circle c;
	size_t i;
	int r = 0;

	circle_enter(v, &c);
	for (i = 0; r == 0 && c.n > 1 && i < c.n; i++) {
		if (c.m[i]->has_thread)
			continue;
		r = thread_start(&c.m[i]->thread, "mirror-copy", member_main,
		    c.m[i]);
		c.m[i]->has_thread = r == 0;
	}
	circle_leave(v, &c);
	return r;
}

int
mirror_url_set(struct mirror *v)
{
	struct buf b = BUF_INIT(64 * 1024);
	struct circle c;
	char *url = NULL;
	int r = 0;
	size_t i;

	circle_enter(v, &c);
	for (i = 0; i < c.n; i++)
		(void)buf_printf(&b, "%s%s", i ? " and " : c.n > 1 ?
		    "mirror of " : "", store_url(c.m[i]->store));
	circle_leave(v, &c);
	if (buf_cstr(&b))
		url = strdup(buf_cstr(&b));
	buf_done(&b);
	if (!url)
		return -ENOMEM;
	mutex_lock(&v->lock);
	if (v->nurls == MIRROR_URLS_MAX) {
		r = -ENOSPC;
	} else {
		v->urls[v->nurls++] = v->base.url;
		v->base.url = url;
	}
	mutex_unlock(&v->lock);
	if (r < 0)
		free(url);
	return r;
}

/* What it lacks is over, whatever is still written of it. */
static int
queue_forget(struct mirror *v, struct member *m)
{
	int r = v->log->forget(v->log, m->id);

	mutex_lock(&v->lock);
	m->queued = m->aside = 0;
	cond_broadcast(&v->changed);
	mutex_unlock(&v->lock);
	return r;
}

/* It is needed from now on. */
static int
log_set(struct mirror *v, struct mirror_log *log) NO_TSA
{
	if (v->log) {
		if (log)
			log->close(log);
	} else if (!log) {
		return -EINVAL;
	} else {
		v->log = log;
	}
	/* What the only one lacks, nobody has. */
	return v->n == 1 ? queue_forget(v, v->m[0]) : 0;
}

static int
member_join(struct mirror *v, struct member *m)
{
	int r = 0;

	mutex_lock(&v->lock);
	/* A name for its coming, one for its going. */
	if (v->n == MIRROR_MEMBERS_MAX || v->nurls + 2 > MIRROR_URLS_MAX) {
		r = -ENOSPC;
	} else {
		v->m[v->n++] = m;
		calls_wait_locked(v);
	}
	mutex_unlock(&v->lock);
	return r;
}

int
store_mirror_add(struct store *s, const struct mirror_member *c,
    struct mirror_log *log)
{
	struct mirror *v = (struct mirror *)s;
	struct member *m;
	int r;

	if (s->ops != &mirror_ops) {
		if (log)
			log->close(log);
		store_close(c->store);
		return -EOPNOTSUPP;
	}
	r = log_set(v, log);
	if (r < 0) {
		store_close(c->store);
		return r;
	}
	r = member_new(v, c, &m);
	if (r < 0)
		return r;
	m->is_filling = true;
	r = member_join(v, m);
	if (r < 0) {
		member_free(m);
		return r;
	}
	r = members_start(v);
	if (r == 0)
		r = mirror_url_set(v);
	if (r < 0)
		store_mirror_drop(s, store_mirror_count(s) - 1);
	return r;
}

void
store_mirror_filled(struct store *s, size_t i)
{
	struct mirror *v = (struct mirror *)s;

	mutex_lock(&v->lock);
	v->m[i]->is_filling = false;
	cond_broadcast(&v->changed);
	mutex_unlock(&v->lock);
}

void
store_mirror_leaving(struct store *s, size_t i, bool on)
{
	struct mirror *v = (struct mirror *)s;

	mutex_lock(&v->lock);
	v->m[i]->is_leaving = on;
	cond_broadcast(&v->changed);
	puts_wait_locked(v);
	mutex_unlock(&v->lock);
}

void
store_mirror_drop(struct store *s, size_t i)
{
	struct mirror *v = (struct mirror *)s;
	struct member *m, *only;

	mutex_lock(&v->lock);
	m = v->m[i];
	m->is_gone = true;
	v->n--;
	memmove(&v->m[i], &v->m[i + 1], (v->n - i) * sizeof(*v->m));
	only = v->n == 1 ? v->m[0] : NULL;
	cond_broadcast(&v->changed);
	calls_end_locked(v, m);
	mutex_unlock(&v->lock);
	if (m->has_thread)
		thread_join(m->thread);
	late_end(m);
	(void)queue_forget(v, m);
	if (only)
		(void)queue_forget(v, only);
	member_free(m);
	/* The name is for people: without memory the old one stays. */
	(void)mirror_url_set(v);
}
