/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/lib/evil_priv.h"

/* ---- states ---- */

uint64_t
evil_now(struct evil *e)
{
	uint64_t r;

	mutex_lock(&e->lock);
	r = e->now;
	mutex_unlock(&e->lock);
	return r;
}

void
evil_rollback(struct store *client, uint64_t at)
{
	struct client *c = (struct client *)client;

	mutex_lock(&c->e->lock);
	c->is_back = true;
	c->at = at;
	c->since = c->e->now;
	mutex_unlock(&c->e->lock);
}

void
evil_share(struct store *client, struct store *other)
{
	struct client *c = (struct client *)client;
	struct client *o = (struct client *)other;

	mutex_lock(&c->e->lock);
	o->is_back = c->is_back;
	o->at = c->at;
	o->since = c->since;
	o->of = c->id;
	mutex_unlock(&c->e->lock);
}

void
evil_truth(struct store *client)
{
	struct client *c = (struct client *)client;

	mutex_lock(&c->e->lock);
	c->is_back = false;
	mutex_unlock(&c->e->lock);
}

/* ---- lies ---- */

static void
lie(struct evil *e, const char *name, enum lie_kind kind, size_t n,
    const void *p, const char *other)
{
	struct object *o;

	mutex_lock(&e->lock);
	o = evil_make(e, name);
	o->lie = kind;
	o->lie_n = n;
	free(o->lie_p);
	o->lie_p = NULL;
	if (p) {
		o->lie_p = malloc(n + 1);
		ck_assert_ptr_nonnull(o->lie_p);
		memcpy(o->lie_p, p, n);
	}
	(void)snprintf(o->lie_name, sizeof(o->lie_name), "%s",
	    other ? other : "");
	mutex_unlock(&e->lock);
}

void
evil_serve(struct evil *e, const char *name, const void *p, size_t len)
{
	lie(e, name, LIE_SERVE, len, p, NULL);
}

void
evil_flip(struct evil *e, const char *name, size_t bit)
{
	lie(e, name, LIE_FLIP, bit, NULL, NULL);
}

void
evil_cut(struct evil *e, const char *name, size_t len)
{
	lie(e, name, LIE_CUT, len, NULL, NULL);
}

void
evil_drop(struct evil *e, const char *name)
{
	lie(e, name, LIE_DROP, 0, NULL, NULL);
}

void
evil_swap(struct evil *e, const char *name, const char *other)
{
	lie(e, name, LIE_SWAP, 0, NULL, other);
}

void
evil_older(struct evil *e, const char *name)
{
	lie(e, name, LIE_OLDER, 0, NULL, NULL);
}

void
evil_honest(struct evil *e)
{
	size_t i;

	mutex_lock(&e->lock);
	for (i = 0; i < e->n; i++) {
		e->objs[i]->lie = LIE_NONE;
		free(e->objs[i]->lie_p);
		e->objs[i]->lie_p = NULL;
	}
	mutex_unlock(&e->lock);
}

void
evil_lie(struct evil *e, unsigned lies)
{
	mutex_lock(&e->lock);
	e->lies = lies;
	mutex_unlock(&e->lock);
}

void
evil_list_old(struct evil *e, uint64_t at)
{
	mutex_lock(&e->lock);
	e->list_at = at;
	mutex_unlock(&e->lock);
}

/* ---- what there is ---- */

uint8_t *
evil_get(struct evil *e, const char *name, size_t *ret_len)
{
	struct client c = { .e = e };
	const struct version *v;
	uint8_t *p = NULL;

	mutex_lock(&e->lock);
	v = evil_seen(&c, evil_find(e, name), 0);
	if (v) {
		p = malloc(v->len + 1);
		ck_assert_ptr_nonnull(p);
		memcpy(p, v->p, v->len);
		*ret_len = v->len;
	}
	mutex_unlock(&e->lock);
	return p;
}

const char *
evil_name(struct evil *e, const char *part, size_t i)
{
	struct client c = { .e = e };
	const char *r = NULL;
	size_t k;

	mutex_lock(&e->lock);
	for (k = 0; k < e->n && !r; k++)
		if (strstr(e->objs[k]->name, part) &&
		    evil_seen(&c, e->objs[k], 0) && i-- == 0)
			r = e->objs[k]->name;
	mutex_unlock(&e->lock);
	return r;
}

size_t
evil_count(struct evil *e, const char *part)
{
	size_t n = 0;

	while (evil_name(e, part, n))
		n++;
	return n;
}

/* ---- what was asked ---- */

size_t
evil_reqs(struct evil *e)
{
	size_t n;

	mutex_lock(&e->lock);
	n = e->nreqs;
	mutex_unlock(&e->lock);
	return n;
}

struct evil_req
evil_req(struct evil *e, size_t i)
{
	struct evil_req q;

	mutex_lock(&e->lock);
	ck_assert_uint_lt(i, e->nreqs);
	q = e->reqs[i];
	mutex_unlock(&e->lock);
	return q;
}

size_t
evil_asked(struct evil *e, size_t from, const char *what, const char *part)
{
	size_t i, n = 0;

	mutex_lock(&e->lock);
	for (i = from; i < e->nreqs; i++)
		if (strchr(what, e->reqs[i].what) &&
		    strstr(e->reqs[i].name, part))
			n++;
	mutex_unlock(&e->lock);
	return n;
}

size_t
evil_versions(struct evil *e, const char *name)
{
	const struct object *o;
	size_t n;

	mutex_lock(&e->lock);
	o = evil_find(e, name);
	n = o ? o->n : 0;
	mutex_unlock(&e->lock);
	return n;
}
