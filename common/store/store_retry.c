/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "store/backend.h"
#include "util/buf.h"
#include "util/clock.h"

/*
 * store_retry - gets over short hiccups: a transient failure is tried again
 * a few times.  Long outages are for those above, who know what can wait.
 *
 * The waits are random between nothing and a limit that doubles ("full
 * jitter"), so that clients that were cut off together do not come back
 * together; a server that names a time is given it, within reason.
 */

#define BACKOFF_MIN_MS 200
#define BACKOFF_MAX_MS 30000
#define RETRY_AFTER_MAX_MS 120000

struct retry {
	struct store_wrap w;
	unsigned tries;			/* after the first */
	struct mutex lock;
	struct cond wake;		/* is_interrupted has been set */
	bool is_interrupted GUARDED_BY(lock);
	unsigned epoch GUARDED_BY(lock);	/* interruptions so far */
	uint64_t retries GUARDED_BY(lock);
};

/* One call's way through its tries. */
struct attempt {
	unsigned n;			/* failures so far */
	bool is_uncertain;		/* one of them may have been none */
};

static int64_t
jitter(int64_t max)
{
	uint64_t v;

	if (getrandom(&v, sizeof(v), GRND_NONBLOCK) != sizeof(v))
		v = (uint64_t)clock_mono_us();
	return (int64_t)(v % (uint64_t)(max + 1));
}

static int64_t
wait_until(struct retry *t, unsigned n)
{
	int64_t now = clock_mono_ms(), max = BACKOFF_MIN_MS, until;
	struct store_hint hint;

	for (; n > 1 && max < BACKOFF_MAX_MS; n--)
		max *= 2;
	if (max > BACKOFF_MAX_MS)
		max = BACKOFF_MAX_MS;
	until = now + jitter(max);
	memset(&hint, 0, sizeof(hint));
	t->w.in->ops->get_hint(t->w.in, &hint);
	if (hint.not_before_ms > now + RETRY_AFTER_MAX_MS)
		hint.not_before_ms = now + RETRY_AFTER_MAX_MS;
	return hint.not_before_ms > until ? hint.not_before_ms : until;
}

/* After a try that gave *r: true to try again, having waited; false with the
 * final *r. */
static bool
again(struct retry *t, struct attempt *a, int *r)
{
	int64_t until;
	unsigned epoch;

	if (!store_transient(*r) || a->n == t->tries)
		return false;
	a->n++;
	if (*r == -ETIMEDOUT)
		a->is_uncertain = true;
	until = wait_until(t, a->n);
	mutex_lock(&t->lock);
	epoch = t->epoch;
	while (!t->is_interrupted && t->epoch == epoch &&
	    clock_mono_ms() < until)
		(void)cond_wait_until(&t->wake, &t->lock, until);
	if (t->is_interrupted || t->epoch != epoch)
		*r = -ECANCELED;
	else
		t->retries++;
	mutex_unlock(&t->lock);
	return *r != -ECANCELED;
}

static int
retry_put(struct store *s, const char *name, const void *p, size_t len,
    unsigned flags)
{
	struct retry *t = (struct retry *)s;
	struct attempt a = { 0, false };
	int r;

	do {
		r = store_put(t->w.in, name, p, len, flags);
		/* It may be what an earlier try of ours has put there. */
		if (r == -EEXIST && a.is_uncertain)
			r = store_same(t->w.in, name, p, len);
	} while (again(t, &a, &r));
	return r;
}

static int
retry_get(struct store *s, const char *name, struct buf *out)
{
	struct retry *t = (struct retry *)s;
	struct attempt a = { 0, false };
	int r;

	do
		r = store_get(t->w.in, name, out);
	while (again(t, &a, &r));
	return r;
}

static int
retry_get_range(struct store *s, const char *name, uint64_t off, size_t len,
    struct buf *out)
{
	struct retry *t = (struct retry *)s;
	struct attempt a = { 0, false };
	int r;

	do
		r = store_get_range(t->w.in, name, off, len, out);
	while (again(t, &a, &r));
	return r;
}

static int
retry_del(struct store *s, const char *name)
{
	struct retry *t = (struct retry *)s;
	struct attempt a = { 0, false };
	int r;

	do {
		r = store_delete(t->w.in, name);
		/* An earlier try of ours did it. */
		if (r == -ENOENT && a.is_uncertain)
			r = 0;
	} while (again(t, &a, &r));
	return r;
}

/* Names that have been told cannot be taken back, so a list is tried again
 * only while it has told none. */
struct relay {
	int (*fn)(void *arg, const char *name, uint64_t size);
	void *arg;
	bool is_begun;
};

static int
on_name(void *arg, const char *name, uint64_t size)
{
	struct relay *l = arg;

	l->is_begun = true;
	return l->fn(l->arg, name, size);
}

static int
retry_list(struct store *s, const char *prefix,
    int (*fn)(void *arg, const char *name, uint64_t size), void *arg)
{
	struct retry *t = (struct retry *)s;
	struct attempt a = { 0, false };
	struct relay l = { fn, arg, false };
	int r;

	do
		r = store_list(t->w.in, prefix, on_name, &l);
	while (!l.is_begun && again(t, &a, &r));
	return r;
}

static int
retry_space(struct store *s, struct store_space *ret)
{
	struct retry *t = (struct retry *)s;
	struct attempt a = { 0, false };
	int r;

	do
		r = store_space(t->w.in, ret);
	while (again(t, &a, &r));
	return r;
}

static void
retry_get_stats(struct store *s, struct store_stats *ret)
{
	struct retry *t = (struct retry *)s;

	store_wrap_get_stats(s, ret);
	mutex_lock(&t->lock);
	ret->retries += t->retries;
	mutex_unlock(&t->lock);
}

static void
retry_interrupt(struct store *s, bool on)
{
	struct retry *t = (struct retry *)s;

	mutex_lock(&t->lock);
	t->is_interrupted = on;
	if (on)
		t->epoch++;
	cond_broadcast(&t->wake);
	mutex_unlock(&t->lock);
	store_wrap_interrupt(s, on);
}

static void
retry_close(struct store *s)
{
	struct retry *t = (struct retry *)s;

	cond_done(&t->wake);
	mutex_done(&t->lock);
	store_wrap_close(s);
}

static const struct store_ops retry_ops = {
	.put = retry_put,
	.get = retry_get,
	.get_range = retry_get_range,
	.del = retry_del,
	.list = retry_list,
	.space = retry_space,
	.caps = store_wrap_caps,
	.probe = store_wrap_probe,
	.notes = store_wrap_notes,
	.facts = store_wrap_facts,
	.get_stats = retry_get_stats,
	.get_hint = store_wrap_get_hint,
	.renew = store_wrap_renew,
	.interrupt = retry_interrupt,
	.close = retry_close,
};

int
store_retry_new(struct store *s, unsigned retries, struct store **ret)
{
	struct retry *t = calloc(1, sizeof(*t));

	if (!t || store_wrap_init(&t->w, &retry_ops, s) < 0) {
		free(t);
		store_close(s);
		return -ENOMEM;
	}
	t->tries = retries;
	mutex_init(&t->lock, RANK_STORE);
	cond_init(&t->wake);
	*ret = &t->w.base;
	return 0;
}
