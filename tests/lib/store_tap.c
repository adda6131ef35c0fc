/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/lib/store_tap.h"

#include <stdatomic.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "store/backend.h"

struct tap {
	struct store_wrap w;
	struct tap_see see;
	_Atomic int all, puts;
	const char *_Atomic part;
	struct mutex lock;
	struct cond changed;
	int held GUARDED_BY(lock);	/* of the calls to come */
	unsigned here GUARDED_BY(lock);	/* that are held */
	bool is_interrupted GUARDED_BY(lock);
	unsigned interrupts GUARDED_BY(lock);	/* so far */
};

/* As long as it is held; -ECANCELED. */
static int
pass(struct tap *t)
{
	unsigned before;
	int r = 0;

	mutex_lock(&t->lock);
	if (t->held > 0) {
		t->held--;
		t->here++;
		before = t->interrupts - t->is_interrupted;
		while (t->here > 0 && t->interrupts == before)
			cond_wait(&t->changed, &t->lock);
		if (t->interrupts != before)
			r = -ECANCELED;
		t->here -= t->here > 0 && r < 0;
	}
	mutex_unlock(&t->lock);
	return r;
}

static int
tap_put(struct store *s, const char *name, const void *p, size_t len,
    unsigned flags)
{
	struct tap *t = (struct tap *)s;
	const char *part = t->part;
	int r;

	if (t->all)
		return t->all;
	if (t->puts)
		return t->puts;
	if (part && strstr(name, part))
		return -EHOSTUNREACH;
	r = pass(t);
	if (r < 0)
		return r;
	if (t->see.put)
		t->see.put(t->see.arg, t->w.in, name, p, len);
	return store_put(t->w.in, name, p, len, flags);
}

static int
tap_get(struct store *s, const char *name, struct buf *out)
{
	struct tap *t = (struct tap *)s;
	int r = t->all ? t->all : pass(t);

	if (r == 0 && t->see.whole)
		r = t->see.whole(t->see.arg, name);
	return r < 0 ? r : store_get(t->w.in, name, out);
}

static int
tap_get_range(struct store *s, const char *name, uint64_t off, size_t len,
    struct buf *out)
{
	struct tap *t = (struct tap *)s;

	if (!t->all && t->see.get)
		t->see.get(t->see.arg, name);
	return t->all ? t->all :
	    store_get_range(t->w.in, name, off, len, out);
}

static int
tap_list(struct store *s, const char *prefix,
    int (*fn)(void *arg, const char *name, uint64_t size), void *arg)
{
	struct tap *t = (struct tap *)s;

	return t->all ? t->all : store_list(t->w.in, prefix, fn, arg);
}

static void
tap_interrupt(struct store *s, bool on)
{
	struct tap *t = (struct tap *)s;

	mutex_lock(&t->lock);
	t->is_interrupted = on;
	t->interrupts += on;
	cond_broadcast(&t->changed);
	mutex_unlock(&t->lock);
	store_wrap_interrupt(s, on);
}

static void
tap_close(struct store *s)
{
	struct tap *t = (struct tap *)s;

	cond_done(&t->changed);
	mutex_done(&t->lock);
	store_wrap_close(s);
}

static const struct store_ops tap_ops = {
	.put = tap_put,
	.get = tap_get,
	.get_range = tap_get_range,
	.del = store_wrap_del,
	.list = tap_list,
	.space = store_wrap_space,
	.caps = store_wrap_caps,
	.probe = store_wrap_probe,
	.get_stats = store_wrap_get_stats,
	.get_hint = store_wrap_get_hint,
	.renew = store_wrap_renew,
	.interrupt = tap_interrupt,
	.close = tap_close,
};

int
store_tap_new(struct store *in, const struct tap_see *see,
    struct store **ret)
{
	struct tap *t = calloc(1, sizeof(*t));
	int r = -ENOMEM;

	if (t)
		r = store_wrap_init(&t->w, &tap_ops, in);
	if (r < 0) {
		free(t);
		store_close(in);
		return r;
	}
	mutex_init(&t->lock, RANK_STORE);
	cond_init(&t->changed);
	if (see)
		t->see = *see;
	*ret = &t->w.base;
	return 0;
}

void
store_tap_fail(struct store *s, int r)
{
	((struct tap *)s)->all = r;
}

void
store_tap_fail_puts(struct store *s, int r)
{
	((struct tap *)s)->puts = r;
}

void
store_tap_fail_part(struct store *s, const char *part)
{
	((struct tap *)s)->part = part;
}

void
store_tap_hold(struct store *s, int n)
{
	struct tap *t = (struct tap *)s;

	mutex_lock(&t->lock);
	t->held = n;
	t->here = 0;
	cond_broadcast(&t->changed);
	mutex_unlock(&t->lock);
}
