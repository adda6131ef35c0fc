/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "store/mirror.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store/mirror_priv.h"
#include "util/clock.h"

/* mirror - making one, and what is asked of a mirror alone. */

#define WAIT_STEP_MS 200
#define REJECT_MS (5 * 60 * 1000)

static int
members_set(struct mirror *v, const struct mirror_conf *c) NO_TSA
{
	struct member *m;
	int r = 0, one;
	size_t i;

	for (i = 0; i < c->n; i++) {
		one = member_new(v, &c->members[i], &m);
		if (one == 0)
			v->m[v->n++] = m;
		else if (r == 0)
			r = one;
	}
	if (r == 0)
		r = mirror_url_set(v);
	return r < 0 ? r : members_start(v);
}

int
store_mirror_new(const struct mirror_conf *c, struct store **ret)
{
	struct mirror *v = calloc(1, sizeof(*v));
	size_t i;
	int r;

	if (!v || store_init(&v->base, &mirror_ops, "") < 0) {
		for (i = 0; i < c->n; i++)
			store_close(c->members[i].store);
		if (c->log)
			c->log->close(c->log);
		free(v);
		return -ENOMEM;
	}
	mutex_init(&v->lock, RANK_STORE);
	cond_init(&v->changed);
	v->log = c->log;
	v->copies = c->copies ? c->copies : 1;
	v->retry_min_ms = c->retry_min_ms ? c->retry_min_ms : 1000;
	v->retry_max_ms = c->retry_max_ms ? c->retry_max_ms : 60000;
	v->reject_ms = c->reject_ms ? c->reject_ms : REJECT_MS;
	v->is_whole = c->is_whole;
	v->is_other = c->is_other;
	v->own = c->own;
	v->on_state = c->on_state;
	v->on_state_arg = c->arg;
	v->marker = strdup(c->marker ? c->marker : "");
	r = members_set(v, c);
	if (r == 0 && !v->marker)
		r = -ENOMEM;
	if (r < 0) {
		mirror_ops.close(&v->base);
		return r;
	}
	*ret = &v->base;
	return 0;
}

size_t
store_mirror_count(const struct store *s)
{
	struct mirror *v = (struct mirror *)(uintptr_t)s;
	size_t n;

	if (s->ops != &mirror_ops)
		return 0;
	mutex_lock(&v->lock);
	n = v->n;
	mutex_unlock(&v->lock);
	return n > 1 ? n : 0;
}

void
store_mirror_state(struct store *s, size_t i, struct mirror_state *ret)
{
	struct mirror *v = (struct mirror *)s;
	struct store_stats st;
	struct circle c;
	struct member *m;

	memset(ret, 0, sizeof(*ret));
	circle_enter(v, &c);
	if (i < c.n) {
		m = c.m[i];
		store_get_stats(m->store, &st);
		ret->last_ok_ns = st.last_ok_ns;
		(void)snprintf(ret->id, sizeof(ret->id), "%s", m->id);
		(void)snprintf(ret->url, sizeof(ret->url), "%s",
		    store_url(m->store));
		mutex_lock(&v->lock);
		ret->is_away = m->fails > 0;
		ret->why = m->why;
		ret->away_ms = m->away_ms;
		ret->queued = m->queued + m->aside + m->is_filling;
		ret->aside = m->aside;
		memcpy(ret->problem, m->problem, sizeof(ret->problem));
		mutex_unlock(&v->lock);
	}
	circle_leave(v, &c);
}

struct store *
store_mirror_member(struct store *s, size_t i)
{
	struct mirror *v = (struct mirror *)s;
	struct store *r;

	mutex_lock(&v->lock);
	r = v->m[i]->store;
	mutex_unlock(&v->lock);
	return r;
}

int
store_mirror_lacks(struct store *s, size_t i, const char *name)
{
	struct mirror *v = (struct mirror *)s;
	struct circle c;
	int r = -EINVAL;

	if (!store_name_ok(name))
		return -EINVAL;
	circle_enter(v, &c);
	if (i < c.n)
		r = member_queue(c.m[i], name, MIRROR_PUT);
	circle_leave(v, &c);
	return r;
}

int
store_mirror_stale(struct store *s, size_t i, const char *name)
{
	struct mirror *v = (struct mirror *)s;
	struct circle c;
	int r = -EINVAL;

	if (!store_name_ok(name))
		return -EINVAL;
	circle_enter(v, &c);
	if (i < c.n)
		r = member_others_lack(c.m[i], name) ? 0 :
		    member_queue(c.m[i], name, MIRROR_REPLACE);
	circle_leave(v, &c);
	return r;
}

int
store_mirror_mend(struct store *s, size_t i, const char *name, const void *p,
    size_t len)
{
	struct mirror *v = (struct mirror *)s;
	struct circle c;
	int r = -EINVAL;

	circle_enter(v, &c);
	if (i < c.n) {
		/* An empty folder takes anything. */
		r = strcmp(name, v->marker) == 0 ? 0 : member_confirm(c.m[i]);
		if (r == 0)
			r = store_put(c.m[i]->store, name, p, len, 0);
		if (r != -EMEDIUMTYPE)
			member_note(c.m[i], r, true);
		if (r == 0)
			bad_forget(c.m[i], name);
	}
	circle_leave(v, &c);
	return r;
}

int
store_mirror_lacks_many(struct store *s, size_t i, const char *const *names,
    size_t n)
{
	struct mirror *v = (struct mirror *)s;
	struct circle c;
	int r = -EINVAL;

	circle_enter(v, &c);
	if (i < c.n)
		r = member_queue_many(c.m[i], names, n);
	circle_leave(v, &c);
	return r;
}

int
store_mirror_lacks_too(struct store *s, size_t i)
{
	struct mirror *v = (struct mirror *)s;
	struct circle c;
	int r = -EINVAL;
	size_t k;

	circle_enter(v, &c);
	if (i < c.n)
		r = 0;
	for (k = 0; r == 0 && k < c.n; k++)
		if (k != i)
			r = member_queue_too(c.m[i], c.m[k]);
	circle_leave(v, &c);
	return r;
}

static uint64_t
queued_all(struct mirror *v)
{
	uint64_t n = 0;
	size_t i;

	mutex_lock(&v->lock);
	for (i = 0; i < v->n; i++)
		n += v->m[i]->is_leaving ? 0 :
		    v->m[i]->queued + v->m[i]->is_filling;
	mutex_unlock(&v->lock);
	return n;
}

int
store_mirror_wait(struct store *s, int64_t deadline_ms,
    bool (*stop)(void *arg, uint64_t queued), void *arg)
{
	struct mirror *v = (struct mirror *)s;
	int64_t until;
	uint64_t n;

	while ((n = queued_all(v)) > 0) {
		if (stop && stop(arg, n))
			return -ECANCELED;
		if (clock_mono_ms() >= deadline_ms)
			return -ETIMEDOUT;
		until = clock_mono_ms() + WAIT_STEP_MS;
		if (until > deadline_ms)
			until = deadline_ms;
		mutex_lock(&v->lock);
		while (clock_mono_ms() < until)
			(void)cond_wait_until(&v->changed, &v->lock, until);
		mutex_unlock(&v->lock);
	}
	return 0;
}

void
store_mirror_kick(struct store *s)
{
	struct mirror *v = (struct mirror *)s;
	size_t i;

	if (s->ops != &mirror_ops)
		return;
	mutex_lock(&v->lock);
	for (i = 0; i < v->n; i++) {
		v->m[i]->retry_at_ms = v->m[i]->aside_at_ms = 0;
		v->m[i]->is_held = false;
	}
	cond_broadcast(&v->changed);
	mutex_unlock(&v->lock);
}
