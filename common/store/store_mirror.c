/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store/mirror_priv.h"
#include "util/clock.h"
#include "util/err.h"
#include "util/hash.h"

/* store_mirror - the calls of a store, made of those of its members. */

#define NOTES_MAX (16 * 1024)	/* of one */

/* That the drive is there. */
static void
marker_note(struct mirror *v, const char *name)
{
	if (strcmp(name, v->marker) != 0)
		return;
	mutex_lock(&v->lock);
	v->has_marker = true;
	mutex_unlock(&v->lock);
}

static int
mirror_put(struct store *s, const char *name, const void *p, size_t len,
    unsigned flags)
{
	struct putting g = { .name = name, .p = p, .len = len,
	    .flags = flags };
	struct mirror *v = (struct mirror *)s;
	struct store *only;
	struct circle c;
	int r;

	circle_enter(v, &c);
	only = circle_only(&c);
	r = only ? store_put(only, name, p, len, flags) :
	    mirror_put_all(v, &c, &g);
	circle_leave(v, &c);
	if (r == 0)
		marker_note(v, name);
	return r;
}

static int
mirror_get(struct store *s, const char *name, struct buf *out)
{
	struct mirror *v = (struct mirror *)s;
	struct reading g = { .name = name, .out = out };
	int r = mirror_read(v, NULL, &g);

	if (r == 0)
		marker_note(v, name);
	return r;
}

static int
mirror_get_range(struct store *s, const char *name, uint64_t off, size_t len,
    struct buf *out)
{
	struct reading g = { .name = name, .is_range = true, .off = off,
	    .len = len, .out = out };

	return mirror_read((struct mirror *)s, NULL, &g);
}

static int
del_all(struct mirror *v, const struct circle *c, const char *name)
{
	unsigned absent = 0;
	int r = 0, last;
	bool owes;
	size_t i;

	for (i = 0; i < c->n && r == 0; i++) {
		struct member *m = c->m[i];

		mutex_lock(&v->lock);
		owes = m->queued + m->aside > 0 || m->is_filling;
		mutex_unlock(&v->lock);
		last = owes || member_is_away(m) ? -EHOSTUNREACH :
		    store_delete(m->store, name);
		if (!owes && last != -EHOSTUNREACH)
			member_note(m, last, true);
		absent += last == -ENOENT;
		if (last == -ECANCELED)
			r = last;
		else if (last != 0 && last != -ENOENT)
			r = member_queue(m, name, MIRROR_DELETE);
	}
	return r < 0 ? r : absent == c->n ? -ENOENT : 0;
}

static int
mirror_del(struct store *s, const char *name)
{
	struct mirror *v = (struct mirror *)s;
	struct store *only;
	struct circle c;
	int r;

	circle_enter(v, &c);
	only = circle_only(&c);
	r = only ? store_delete(only, name) : del_all(v, &c, name);
	circle_leave(v, &c);
	return r;
}

/* The names that one member or another has. */
struct seen {
	UT_hash_handle hh;
	char name[];
};

struct listing {
	struct seen *seen;
	int (*fn)(void *arg, const char *name, uint64_t size);
	void *arg;
	bool is_stopped;
};

static int
on_name(void *arg, const char *name, uint64_t size)
{
	struct listing *l = arg;
	size_t n = strlen(name) + 1;
	struct seen *x;
	int r;

	HASH_FIND_STR(l->seen, name, x);
	if (x)
		return 0;
	x = malloc(sizeof(*x) + n);
	if (!x)
		return -ENOMEM;
	memcpy(x->name, name, n);
	HASH_ADD_KEYPTR(hh, l->seen, x->name, n - 1, x);
	if (HASH_IS_OUT(x)) {
		free(x);
		return -ENOMEM;
	}
	r = l->fn(l->arg, name, size);
	l->is_stopped = r != 0;
	return r;
}

static int
mirror_list(struct store *s, const char *prefix,
    int (*fn)(void *arg, const char *name, uint64_t size), void *arg)
{
	struct mirror *v = (struct mirror *)s;
	struct listing l = { .fn = fn, .arg = arg };
	struct seen *x, *next;
	int r = 0, bad = 0;
	size_t i, heard = 0;
	struct circle c;

	circle_enter(v, &c);
	if (circle_only(&c)) {
		r = store_list(circle_only(&c), prefix, fn, arg);
		circle_leave(v, &c);
		return r;
	}
	for (i = 0; i < c.n && !l.is_stopped && r != -ECANCELED; i++) {
		if (heard && member_is_away(c.m[i]))
			continue;
		/* One that is being filled may have what has been deleted. */
		if (member_is_filling(c.m[i]))
			continue;
		r = store_list(c.m[i]->store, prefix, on_name, &l);
		if (!l.is_stopped)
			member_note(c.m[i], r, false);
		if (r < 0)
			bad = r;
		else
			heard++;
	}
	circle_leave(v, &c);
	HASH_ITER(hh, l.seen, x, next) {
		HASH_DEL(l.seen, x);
		free(x);
	}
	if (l.is_stopped || r == -ECANCELED || r == -ENOMEM)
		return r;
	return heard ? 0 : bad;
}

/* What fits everywhere. */
static int
space_all(const struct circle *c, struct store_space *ret)
{
	struct store_space all = { UINT64_MAX, UINT64_MAX }, one;
	int r = -EOPNOTSUPP, got;
	size_t i;

	for (i = 0; i < c->n; i++) {
		if (member_is_away(c->m[i])) {
			/* It may say it later: not the same as never. */
			r = r == 0 ? 0 : -EHOSTUNREACH;
			continue;
		}
		got = store_space(c->m[i]->store, &one);
		if (got == -ECANCELED)
			return got;
		if (got < 0) {
			if (r == -EOPNOTSUPP)
				r = got;
			continue;
		}
		r = 0;
		if (one.free_bytes < all.free_bytes)
			all = one;
	}
	if (r == 0)
		*ret = all;
	return r;
}

static int
mirror_space(struct store *s, struct store_space *ret)
{
	struct mirror *v = (struct mirror *)s;
	struct circle c;
	int r;

	circle_enter(v, &c);
	r = circle_only(&c) ? store_space(circle_only(&c), ret) :
	    space_all(&c, ret);
	circle_leave(v, &c);
	return r;
}

static unsigned
mirror_caps(struct store *s)
{
	struct mirror *v = (struct mirror *)s;
	unsigned all = ~0u, any = 0, one;
	struct circle c;
	size_t i;

	circle_enter(v, &c);
	for (i = 0; i < c.n; i++) {
		one = store_caps(c.m[i]->store);
		/* One that is away is asked when it is back. */
		if (c.n > 1 && member_is_away(c.m[i]))
			one &= ~(unsigned)STORE_CAP_UNPROBED;
		all &= one;
		any |= one;
	}
	circle_leave(v, &c);
	return (all & ~(unsigned)STORE_CAP_UNPROBED) |
	    (any & (STORE_CAP_QUOTA | STORE_CAP_UNPROBED));
}

/* One that can be used is enough: the others will come.  A probe makes the
 * folder of a store, so who has not this drive is left alone. */
static int
probe_all(const struct circle *c, struct err *e)
{
	struct err why;
	unsigned good = 0;
	int r = 0, got;
	size_t i;

	for (i = 0; i < c->n && r != -ECANCELED; i++) {
		why.msg[0] = '\0';
		got = member_confirm(c->m[i]);
		if (got == 0)
			got = store_probe(c->m[i]->store, &why);
		if (got == -EMEDIUMTYPE)
			got = -EHOSTUNREACH;
		else
			member_note(c->m[i], got, true);
		good += got == 0;
		if (got < 0 && (r == 0 || got == -ECANCELED))
			r = err_set(e, got, "%s", why.msg[0] ? why.msg :
			    strerror(-got));
	}
	return good > 0 && r != -ECANCELED ? 0 : r;
}

static int
mirror_probe(struct store *s, struct err *e)
{
	struct mirror *v = (struct mirror *)s;
	struct circle c;
	int r;

	circle_enter(v, &c);
	r = circle_only(&c) ? store_probe(circle_only(&c), e) :
	    probe_all(&c, e);
	circle_leave(v, &c);
	return r;
}

static void
mirror_get_stats(struct store *s, struct store_stats *ret)
{
	struct mirror *v = (struct mirror *)s;
	struct store_stats one;
	struct circle c;
	size_t i;

	circle_enter(v, &c);
	for (i = 0; i < c.n; i++) {
		store_get_stats(c.m[i]->store, &one);
		ret->puts += one.puts;
		ret->gets += one.gets;
		ret->deletes += one.deletes;
		ret->lists += one.lists;
		ret->errors += one.errors;
		ret->retries += one.retries;
		ret->bytes_up += one.bytes_up;
		ret->bytes_down += one.bytes_down;
		ret->is_online |= one.is_online;
		if (one.last_ok_ns > ret->last_ok_ns)
			ret->last_ok_ns = one.last_ok_ns;
	}
	mutex_lock(&v->lock);
	(void)snprintf(ret->last_error, sizeof(ret->last_error), "%s",
	    c.n == 1 ? one.last_error : v->problem);
	mutex_unlock(&v->lock);
	circle_leave(v, &c);
}

static void
mirror_get_hint(struct store *s, struct store_hint *ret)
{
	struct mirror *v = (struct mirror *)s;
	struct store *only;
	struct circle c;

	circle_enter(v, &c);
	only = circle_only(&c);
	if (only) {
		only->ops->get_hint(only, ret);
	} else {
		mutex_lock(&v->lock);
		memcpy(ret->msg, v->problem, sizeof(ret->msg));
		mutex_unlock(&v->lock);
	}
	circle_leave(v, &c);
}

/* Each line with whose it is. */
static void
member_notes(struct store *s, struct buf *out)
{
	struct buf b = BUF_INIT(NOTES_MAX);
	const char *line, *end;

	store_notes(s, &b);
	for (line = b.len ? buf_cstr(&b) : NULL; line && *line; line = end) {
		end = strchrnul(line, '\n');
		end += *end == '\n';
		(void)buf_printf(out, "%s: %.*s", store_url(s),
		    (int)(end - line), line);
	}
	buf_done(&b);
}

static void
mirror_notes(struct store *s, struct buf *out)
{
	struct mirror *v = (struct mirror *)s;
	struct circle c;
	size_t i;

	circle_enter(v, &c);
	for (i = 0; i < c.n; i++) {
		if (c.n == 1)
			store_notes(c.m[i]->store, out);
		else
			member_notes(c.m[i]->store, out);
	}
	circle_leave(v, &c);
}

static void
mirror_renew(struct store *s)
{
	struct mirror *v = (struct mirror *)s;
	struct circle c;
	size_t i;

	circle_enter(v, &c);
	for (i = 0; i < c.n; i++)
		store_renew(c.m[i]->store);
	circle_leave(v, &c);
}

static void
mirror_interrupt(struct store *s, bool on)
{
	struct mirror *v = (struct mirror *)s;
	struct circle c;
	size_t i;

	mutex_lock(&v->lock);
	v->is_interrupted = on;
	cond_broadcast(&v->changed);
	mutex_unlock(&v->lock);
	circle_enter(v, &c);
	for (i = 0; i < c.n; i++)
		store_interrupt(c.m[i]->store, on);
	circle_leave(v, &c);
}

static void
mirror_close(struct store *s) NO_TSA
{
	struct mirror *v = (struct mirror *)s;
	size_t i;

	mutex_lock(&v->lock);
	v->is_stopping = true;
	cond_broadcast(&v->changed);
	mutex_unlock(&v->lock);
	for (i = 0; i < v->n; i++) {
		if (!v->m[i]->has_thread)
			continue;
		/* What it is at stays queued. */
		store_interrupt(v->m[i]->store, true);
		thread_join(v->m[i]->thread);
	}
	for (i = 0; i < v->n; i++)
		member_free(v->m[i]);
	if (v->log)
		v->log->close(v->log);
	for (i = 0; i < v->nurls; i++)
		free(v->urls[i]);
	cond_done(&v->changed);
	mutex_done(&v->lock);
	free(v->marker);
	store_done(s);
	free(v);
}

const struct store_ops mirror_ops = {
	.put = mirror_put,
	.get = mirror_get,
	.get_range = mirror_get_range,
	.del = mirror_del,
	.list = mirror_list,
	.space = mirror_space,
	.caps = mirror_caps,
	.probe = mirror_probe,
	.get_stats = mirror_get_stats,
	.get_hint = mirror_get_hint,
	.notes = mirror_notes,
	.renew = mirror_renew,
	.interrupt = mirror_interrupt,
	.close = mirror_close,
};
