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

/* "mirror of A and B" */
static int
url_make(const struct mirror_conf *c, struct buf *out)
{
	size_t i;

	for (i = 0; i < c->n; i++)
		(void)buf_printf(out, "%s%s", i ? " and " : "mirror of ",
		    store_url(c->members[i].store));
	return buf_cstr(out) ? 0 : -ENOMEM;
}

static int
members_set(struct mirror *v, const struct mirror_conf *c)
{
	size_t i;
	int r;

	for (i = 0; i < c->n; i++) {
		struct member *m = &v->m[i];

		m->mirror = v;
		m->id = strdup(c->members[i].id);
		if (!m->id)
			return -ENOMEM;
		r = v->log->count(v->log, m->id, &m->queued);
		if (r < 0)
			return r;
	}
	for (i = 0; i < c->n; i++) {
		r = thread_start(&v->m[i].thread, "mirror-copy", member_main,
		    &v->m[i]);
		if (r < 0)
			return r;
		v->m[i].has_thread = true;
	}
	return 0;
}

static struct mirror *
mirror_alloc(const struct mirror_conf *c)
{
	struct buf url = BUF_INIT(64 * 1024);
	struct mirror *v = calloc(1, sizeof(*v));

	if (!v || url_make(c, &url) < 0 ||
	    store_init(&v->base, &mirror_ops, buf_cstr(&url)) < 0) {
		free(v);
		v = NULL;
	}
	buf_done(&url);
	return v;
}

int
store_mirror_new(const struct mirror_conf *c, struct store **ret)
{
	struct mirror *v = mirror_alloc(c);
	size_t i;
	int r;

	if (!v) {
		for (i = 0; i < c->n; i++)
			store_close(c->members[i].store);
		c->log->close(c->log);
		return -ENOMEM;
	}
	mutex_init(&v->lock, RANK_STORE);
	cond_init(&v->changed);
	v->n = c->n;
	for (i = 0; i < c->n; i++)
		v->m[i].store = c->members[i].store;
	v->log = c->log;
	v->copies = c->copies ? c->copies : 1;
	if (v->copies > c->n)
		v->copies = (unsigned)c->n;
	v->retry_min_ms = c->retry_min_ms ? c->retry_min_ms : 1000;
	v->retry_max_ms = c->retry_max_ms ? c->retry_max_ms : 60000;
	v->marker = strdup(c->marker ? c->marker : "");
	r = v->marker ? members_set(v, c) : -ENOMEM;
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
	return s->ops == &mirror_ops ? ((const struct mirror *)s)->n : 0;
}

void
store_mirror_state(struct store *s, size_t i, struct mirror_state *ret)
{
	struct mirror *v = (struct mirror *)s;
	struct member *m = &v->m[i];
	struct store_stats st;

	memset(ret, 0, sizeof(*ret));
	store_get_stats(m->store, &st);
	ret->last_ok_ns = st.last_ok_ns;
	(void)snprintf(ret->url, sizeof(ret->url), "%s",
	    store_url(m->store));
	mutex_lock(&v->lock);
	ret->is_away = m->fails > 0;
	ret->queued = m->queued;
	memcpy(ret->problem, m->problem, sizeof(ret->problem));
	mutex_unlock(&v->lock);
}

struct store *
store_mirror_member(struct store *s, size_t i)
{
	return ((struct mirror *)s)->m[i].store;
}

int
store_mirror_lacks(struct store *s, size_t i, const char *name)
{
	if (!store_name_ok(name))
		return -EINVAL;
	return member_queue(&((struct mirror *)s)->m[i], name, MIRROR_PUT);
}

static uint64_t
queued_all(struct mirror *v)
{
	uint64_t n = 0;
	size_t i;

	mutex_lock(&v->lock);
	for (i = 0; i < v->n; i++)
		n += v->m[i].queued;
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
	for (i = 0; i < v->n; i++)
		v->m[i].retry_at_ms = 0;
	cond_broadcast(&v->changed);
	mutex_unlock(&v->lock);
}
