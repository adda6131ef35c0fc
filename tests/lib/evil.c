/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/lib/evil.h"

#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/lib/evil_priv.h"
#include "util/buf.h"

static void *
grown(void *p, size_t n, size_t size)
{
	/* At powers of two only. */
	if (n & (n - 1))
		return p;
	p = realloc(p, (n ? 2 * n : 1) * size);
	ck_assert_ptr_nonnull(p);
	return p;
}

/* Where name is, or belongs. */
static size_t
place(const struct evil *e, const char *name)
{
	size_t lo = 0, hi = e->n, mid;

	while (lo < hi) {
		mid = (lo + hi) / 2;
		if (strcmp(e->objs[mid]->name, name) < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

struct object *
evil_find(const struct evil *e, const char *name)
{
	size_t i = place(e, name);

	return i < e->n && strcmp(e->objs[i]->name, name) == 0 ?
	    e->objs[i] : NULL;
}

struct object *
evil_make(struct evil *e, const char *name)
{
	struct object *o = evil_find(e, name);
	size_t i;

	if (o)
		return o;
	i = place(e, name);
	o = calloc(1, sizeof(*o));
	ck_assert_ptr_nonnull(o);
	(void)snprintf(o->name, sizeof(o->name), "%s", name);
	e->objs = grown(e->objs, e->n, sizeof(*e->objs));
	memmove(e->objs + i + 1, e->objs + i, (e->n - i) * sizeof(*e->objs));
	e->objs[i] = o;
	e->n++;
	return o;
}

static void
note(struct evil *e, char what, const char *name, uint64_t off, size_t len)
{
	struct evil_req *q;

	e->reqs = grown(e->reqs, e->nreqs, sizeof(*e->reqs));
	q = &e->reqs[e->nreqs++];
	memset(q, 0, sizeof(*q));
	q->what = what;
	(void)snprintf(q->name, sizeof(q->name), "%s", name);
	q->off = off;
	q->len = len;
}

static void
add_version(struct client *c, const char *name, const void *p, size_t len,
    bool is_gone)
{
	struct object *o = evil_make(c->e, name);
	struct version *v;

	o->v = grown(o->v, o->n, sizeof(*o->v));
	v = &o->v[o->n++];
	v->at = ++c->e->now;
	v->client = c->id;
	v->is_gone = is_gone;
	v->len = len;
	v->p = malloc(len + 1);
	ck_assert_ptr_nonnull(v->p);
	if (len)
		memcpy(v->p, p, len);
}

const struct version *
evil_seen(const struct client *c, const struct object *o, size_t skip)
{
	const struct version *v;
	size_t i;

	for (i = o ? o->n : 0; i-- > 0;) {
		v = &o->v[i];
		if (c->is_back && v->at > c->at &&
		    !((v->client == c->id || v->client == c->of) &&
		    v->at > c->since))
			continue;
		if (skip-- == 0)
			return v->is_gone ? NULL : v;
	}
	return NULL;
}

/* What c is told stands under name: 0 with malloc'd bytes, or -ENOENT. */
static int
tell(const struct client *c, const char *name, uint8_t **ret, size_t *ret_len)
{
	const struct object *o = evil_find(c->e, name);
	const struct version *v = evil_seen(c, o, 0);
	enum lie_kind lie = o ? o->lie : LIE_NONE;
	size_t len;

	if (lie == LIE_OLDER)
		v = evil_seen(c, o, 1);
	else if (lie == LIE_SWAP)
		v = evil_seen(c, evil_find(c->e, o->lie_name), 0);
	if (lie == LIE_DROP || (!v && lie != LIE_SERVE))
		return -ENOENT;
	len = lie == LIE_SERVE ? o->lie_n : v->len;
	if (lie == LIE_CUT && len > o->lie_n)
		len = o->lie_n;
	*ret = malloc(len + 1);
	ck_assert_ptr_nonnull(*ret);
	memcpy(*ret, lie == LIE_SERVE ? o->lie_p : v->p, len);
	if (lie == LIE_FLIP && o->lie_n / 8 < len)
		(*ret)[o->lie_n / 8] ^= (uint8_t)(1 << o->lie_n % 8);
	*ret_len = len;
	return 0;
}

/* ---- the store ---- */

static int
evil_put(struct store *s, const char *name, const void *p, size_t len,
    unsigned flags)
{
	struct client *c = (struct client *)s;
	bool is_absent = flags & STORE_IF_ABSENT;
	int r = 0;

	mutex_lock(&c->e->lock);
	note(c->e, is_absent ? 'A' : 'P', name, 0, len);
	if (is_absent && !(c->e->lies & EVIL_IGNORE_ABSENT) &&
	    evil_seen(c, evil_find(c->e, name), 0))
		r = -EEXIST;
	if (r == 0)
		add_version(c, name, p, len, false);
	mutex_unlock(&c->e->lock);
	return r;
}

static int
get_part(struct client *c, char what, const char *name, uint64_t off,
    size_t want, struct buf *out)
{
	uint8_t *p = NULL;
	size_t len = 0;
	int r;

	mutex_lock(&c->e->lock);
	note(c->e, what, name, off, want);
	r = tell(c, name, &p, &len);
	if (r == 0 && want && (off > len || want > len - off))
		r = -ERANGE;
	if (r == 0)
		r = buf_put(out, p + off, want ? want : len);
	/* One copy at a time, for tests that count memory. */
	free(p);
	mutex_unlock(&c->e->lock);
	return r;
}

static int
evil_get_whole(struct store *s, const char *name, struct buf *out)
{
	return get_part((struct client *)s, 'G', name, 0, 0, out);
}

static int
evil_get_range(struct store *s, const char *name, uint64_t off, size_t len,
    struct buf *out)
{
	return get_part((struct client *)s, 'R', name, off, len, out);
}

static int
evil_del(struct store *s, const char *name)
{
	struct client *c = (struct client *)s;
	int r = -ENOENT;

	mutex_lock(&c->e->lock);
	note(c->e, 'D', name, 0, 0);
	if (evil_seen(c, evil_find(c->e, name), 0)) {
		add_version(c, name, NULL, 0, true);
		r = 0;
	}
	mutex_unlock(&c->e->lock);
	return r;
}

struct listed {
	char name[STORE_NAME_MAX + 1];
	uint64_t size;
};

/* What a listing says, made under the lock. */
static struct listed *
list_make(struct client *c, const char *prefix, size_t *ret_n)
{
	struct evil *e = c->e;
	struct listed *l = calloc(2 * e->n + 3, sizeof(*l));
	size_t i, n = 0, len = strlen(prefix);
	const struct version *v;

	ck_assert_ptr_nonnull(l);
	for (i = 0; i < e->n && !(e->lies & EVIL_LIST_EMPTY); i++) {
		v = evil_seen(c, e->objs[i], 0);
		if (!v || strncmp(e->objs[i]->name, prefix, len) != 0 ||
		    ((e->lies & EVIL_LIST_HALF) && i % 2) ||
		    ((e->lies & EVIL_LIST_REST) && i % 2 == 0) ||
		    (e->list_at && e->objs[i]->v[0].at > e->list_at))
			continue;
		(void)snprintf(l[n].name, sizeof(l[n].name), "%s",
		    e->objs[i]->name);
		l[n].size = e->lies & EVIL_LIST_SIZES ? i * 7919 : v->len;
		n++;
		if (e->lies & EVIL_LIST_TWICE) {
			l[n] = l[n - 1];
			n++;
		}
	}
	if (e->lies & EVIL_LIST_MORE) {
		(void)snprintf(l[n].name, sizeof(l[n].name), "%sno-such",
		    prefix);
		l[n++].size = 12;
		(void)snprintf(l[n].name, sizeof(l[n].name), "%sno/such/one",
		    prefix);
		l[n++].size = UINT64_MAX;
	}
	*ret_n = n;
	return l;
}

static int
evil_list(struct store *s, const char *prefix,
    int (*fn)(void *arg, const char *name, uint64_t size), void *arg)
{
	struct client *c = (struct client *)s;
	struct listed *l;
	size_t i, n;
	int r = 0;

	mutex_lock(&c->e->lock);
	note(c->e, 'L', prefix, 0, 0);
	l = list_make(c, prefix, &n);
	mutex_unlock(&c->e->lock);
	for (i = 0; i < n && r == 0; i++)
		r = fn(arg, l[i].name, l[i].size);
	free(l);
	return r;
}

static int
evil_space(struct store *s, struct store_space *ret)
{
	(void)s;
	(void)ret;
	return -EOPNOTSUPP;
}

static unsigned
evil_caps(struct store *s)
{
	const struct client *c = (struct client *)s;

	return STORE_CAP_RANGE | STORE_CAP_ATOMIC_PUT |
	    (c->e->lies & EVIL_UNPROBED ? STORE_CAP_UNPROBED : 0u);
}

static int
evil_probe(struct store *s, struct err *err)
{
	struct client *c = (struct client *)s;

	(void)err;
	mutex_lock(&c->e->lock);
	note(c->e, 'B', "", 0, 0);
	c->e->lies &= ~(unsigned)EVIL_UNPROBED;
	mutex_unlock(&c->e->lock);
	return 0;
}

static void
evil_get_hint(struct store *s, struct store_hint *ret)
{
	(void)s;
	(void)ret;
}

static void
evil_interrupt(struct store *s, bool on)
{
	(void)s;
	(void)on;
}

static void
evil_close(struct store *s)
{
	struct evil *e = ((struct client *)s)->e;
	struct object *o;
	size_t i, k;
	bool is_last;

	mutex_lock(&e->lock);
	is_last = --e->handles == 0;
	mutex_unlock(&e->lock);
	store_done(s);
	free(s);
	if (!is_last)
		return;
	for (i = 0; i < e->n; i++) {
		o = e->objs[i];
		for (k = 0; k < o->n; k++)
			free(o->v[k].p);
		free(o->v);
		free(o->lie_p);
		free(o);
	}
	free(e->objs);
	free(e->reqs);
	mutex_done(&e->lock);
	free(e);
}

static const struct store_ops evil_ops = {
	.put = evil_put,
	.get = evil_get_whole,
	.get_range = evil_get_range,
	.del = evil_del,
	.list = evil_list,
	.space = evil_space,
	.caps = evil_caps,
	.probe = evil_probe,
	.get_hint = evil_get_hint,
	.interrupt = evil_interrupt,
	.close = evil_close,
};

struct store *
evil_client(struct evil *e)
{
	struct client *c = calloc(1, sizeof(*c));

	ck_assert_ptr_nonnull(c);
	ck_assert_int_eq(store_init(&c->base, &evil_ops, "evil:"), 0);
	c->e = e;
	mutex_lock(&e->lock);
	e->handles++;
	c->id = c->of = e->next_client++;
	mutex_unlock(&e->lock);
	return &c->base;
}

struct store *
evil_open(struct evil **ret)
{
	struct evil *e = calloc(1, sizeof(*e));

	ck_assert_ptr_nonnull(e);
	mutex_init(&e->lock, RANK_NET);
	*ret = e;
	return evil_client(e);
}
