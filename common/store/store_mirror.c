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

/* ---- put ---- */

struct put {
	struct member *m;
	const char *name;
	const void *p;
	size_t len;
	unsigned flags;
	pthread_t thread;
	bool is_direct, has_thread;
	int r;
};

static void
put_one(void *arg)
{
	struct put *a = arg;
	struct store *s = a->m->store;
	int r;

	r = store_put(s, a->name, a->p, a->len, a->flags);
	/* What is there may be from a put that failed on the others. */
	if (r == -EEXIST && (a->flags & STORE_IF_ABSENT))
		r = store_same(s, a->name, a->p, a->len);
	if (r == 0)
		r = member_confirm(a->m);
	if (r != -EMEDIUMTYPE)
		member_note(a->m, r, true);
	a->r = r;
}

/* Who is asked at once: those who owe nothing, and are here as far as is
 * known; if that is not enough, those who are not, too. */
static void
puts_choose(struct mirror *v, struct put *a)
{
	int64_t now = clock_mono_ms();
	unsigned n = 0;
	size_t i;

	mutex_lock(&v->lock);
	for (i = 0; i < v->n; i++) {
		a[i].is_direct = v->m[i].queued == 0 &&
		    (v->m[i].fails == 0 || now >= v->m[i].retry_at_ms);
		n += a[i].is_direct;
	}
	for (i = 0; i < v->n && n < v->copies; i++) {
		if (!a[i].is_direct && v->m[i].queued == 0) {
			a[i].is_direct = true;
			n++;
		}
	}
	mutex_unlock(&v->lock);
}

/* All at once; the last of them by this thread. */
static void
puts_run(struct put *a, size_t n)
{
	struct put *own = NULL;
	size_t i;

	for (i = 0; i < n; i++) {
		a[i].r = -EHOSTUNREACH;
		if (!a[i].is_direct)
			continue;
		if (own) {
			own->has_thread = thread_start(&own->thread,
			    "mirror-put", put_one, own) == 0;
			if (!own->has_thread)
				put_one(own);
		}
		own = &a[i];
	}
	if (own)
		put_one(own);
	for (i = 0; i < n; i++) {
		if (a[i].has_thread)
			thread_join(a[i].thread);
	}
}

static int
puts_result(const struct mirror *v, const struct put *a)
{
	unsigned done = 0;
	int worst = 0;
	size_t i;

	for (i = 0; i < v->n; i++) {
		if (a[i].r == -EEXIST)
			return -EEXIST;
		if (a[i].r == 0)
			done++;
	}
	if (done >= v->copies)
		return 0;
	/* The one that says most: no effect, then doubt, then what the user
	 * has to mend; and if somebody has it, it has had effect. */
	for (i = 0; i < v->n; i++) {
		int r = a[i].r == -EMEDIUMTYPE ? -EHOSTUNREACH : a[i].r;

		if (r == 0 || (worst == -ECANCELED))
			continue;
		if (!worst || r == -ECANCELED ||
		    (store_transient(r) && !store_transient(worst)))
			worst = r;
	}
	return worst == -EHOSTUNREACH && done ? -ETIMEDOUT : worst;
}

static int
mirror_put(struct store *s, const char *name, const void *p, size_t len,
    unsigned flags)
{
	struct mirror *v = (struct mirror *)s;
	struct put a[MIRROR_MEMBERS_MAX];
	size_t i;
	int r;

	memset(a, 0, sizeof(a));
	for (i = 0; i < v->n; i++) {
		a[i].m = &v->m[i];
		a[i].name = name;
		a[i].p = p;
		a[i].len = len;
		a[i].flags = flags;
	}
	puts_choose(v, a);
	puts_run(a, v->n);
	r = puts_result(v, a);
	/* What they lack is on disk before anybody counts on it. */
	for (i = 0; i < v->n && r == 0; i++) {
		if (a[i].r != 0)
			r = member_queue(&v->m[i], name, MIRROR_PUT);
	}
	if (r == 0 && v->marker && strcmp(name, v->marker) == 0) {
		mutex_lock(&v->lock);
		v->has_marker = true;
		mutex_unlock(&v->lock);
	}
	return r;
}

/* ---- the rest ---- */

static int
mirror_get(struct store *s, const char *name, struct buf *out)
{
	struct mirror *v = (struct mirror *)s;
	struct reading g = { .name = name, .out = out };
	int r = mirror_read(v, NULL, &g);

	if (r == 0 && strcmp(name, v->marker) == 0) {
		mutex_lock(&v->lock);
		v->has_marker = true;
		mutex_unlock(&v->lock);
	}
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
mirror_del(struct store *s, const char *name)
{
	struct mirror *v = (struct mirror *)s;
	unsigned absent = 0;
	int r = 0, last;
	bool owes;
	size_t i;

	for (i = 0; i < v->n && r == 0; i++) {
		struct member *m = &v->m[i];

		mutex_lock(&v->lock);
		owes = m->queued > 0;
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
	return r < 0 ? r : absent == v->n ? -ENOENT : 0;
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

	for (i = 0; i < v->n && !l.is_stopped && r != -ECANCELED; i++) {
		if (heard && member_is_away(&v->m[i]))
			continue;
		r = store_list(v->m[i].store, prefix, on_name, &l);
		if (!l.is_stopped)
			member_note(&v->m[i], r, false);
		if (r < 0)
			bad = r;
		else
			heard++;
	}
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
mirror_space(struct store *s, struct store_space *ret)
{
	struct mirror *v = (struct mirror *)s;
	struct store_space all = { UINT64_MAX, UINT64_MAX }, one;
	int r = -EOPNOTSUPP, got;
	size_t i;

	for (i = 0; i < v->n; i++) {
		if (member_is_away(&v->m[i])) {
			/* It may say it later: not the same as never. */
			r = r == 0 ? 0 : -EHOSTUNREACH;
			continue;
		}
		got = store_space(v->m[i].store, &one);
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

static unsigned
mirror_caps(struct store *s)
{
	struct mirror *v = (struct mirror *)s;
	unsigned all = ~0u, any = 0, one;
	size_t i;

	for (i = 0; i < v->n; i++) {
		one = store_caps(v->m[i].store);
		/* One that is away is asked when it is back. */
		if (member_is_away(&v->m[i]))
			one &= ~(unsigned)STORE_CAP_UNPROBED;
		all &= one;
		any |= one;
	}
	return (all & ~(unsigned)STORE_CAP_UNPROBED) |
	    (any & (STORE_CAP_QUOTA | STORE_CAP_UNPROBED));
}

/* One that can be used is enough: the others will come.  A probe makes the
 * folder of a store, so who has not this drive is left alone. */
static int
mirror_probe(struct store *s, struct err *e)
{
	struct mirror *v = (struct mirror *)s;
	struct err why;
	unsigned good = 0;
	int r = 0, got;
	size_t i;

	for (i = 0; i < v->n && r != -ECANCELED; i++) {
		why.msg[0] = '\0';
		got = member_confirm(&v->m[i]);
		if (got == 0)
			got = store_probe(v->m[i].store, &why);
		if (got == -EMEDIUMTYPE)
			got = -EHOSTUNREACH;
		else
			member_note(&v->m[i], got, true);
		good += got == 0;
		if (got < 0 && (r == 0 || got == -ECANCELED))
			r = err_set(e, got, "%s", why.msg[0] ? why.msg :
			    strerror(-got));
	}
	return good > 0 && r != -ECANCELED ? 0 : r;
}

static void
mirror_get_stats(struct store *s, struct store_stats *ret)
{
	struct mirror *v = (struct mirror *)s;
	struct store_stats one;
	size_t i;

	for (i = 0; i < v->n; i++) {
		store_get_stats(v->m[i].store, &one);
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
	    v->problem);
	mutex_unlock(&v->lock);
}

static void
mirror_get_hint(struct store *s, struct store_hint *ret)
{
	struct mirror *v = (struct mirror *)s;

	mutex_lock(&v->lock);
	memcpy(ret->msg, v->problem, sizeof(ret->msg));
	mutex_unlock(&v->lock);
}

static void
mirror_notes(struct store *s, struct buf *out)
{
	struct mirror *v = (struct mirror *)s;
	size_t i;

	for (i = 0; i < v->n; i++)
		store_notes(v->m[i].store, out);
}

static void
mirror_interrupt(struct store *s, bool on)
{
	struct mirror *v = (struct mirror *)s;
	size_t i;

	mutex_lock(&v->lock);
	v->is_interrupted = on;
	cond_broadcast(&v->changed);
	mutex_unlock(&v->lock);
	for (i = 0; i < v->n; i++)
		store_interrupt(v->m[i].store, on);
}

static void
mirror_close(struct store *s)
{
	struct mirror *v = (struct mirror *)s;
	size_t i;

	mutex_lock(&v->lock);
	v->is_stopping = true;
	cond_broadcast(&v->changed);
	mutex_unlock(&v->lock);
	for (i = 0; i < v->n; i++) {
		if (!v->m[i].has_thread)
			continue;
		/* What it is at stays queued. */
		store_interrupt(v->m[i].store, true);
		thread_join(v->m[i].thread);
	}
	for (i = 0; i < v->n; i++) {
		store_close(v->m[i].store);
		free(v->m[i].id);
	}
	v->log->close(v->log);
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
	.interrupt = mirror_interrupt,
	.close = mirror_close,
};
