/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/lib/store_tap.h"

#include <stdatomic.h>
#include <errno.h>
#include <stdlib.h>

#include "store/backend.h"

struct tap {
	struct store_wrap w;
	struct tap_see see;
	_Atomic int all, puts;
};

static int
tap_put(struct store *s, const char *name, const void *p, size_t len,
    unsigned flags)
{
	struct tap *t = (struct tap *)s;

	if (t->all)
		return t->all;
	if (t->puts)
		return t->puts;
	if (t->see.put)
		t->see.put(t->see.arg, t->w.in, name, p, len);
	return store_put(t->w.in, name, p, len, flags);
}

static int
tap_get(struct store *s, const char *name, struct buf *out)
{
	struct tap *t = (struct tap *)s;

	return t->all ? t->all : store_get(t->w.in, name, out);
}

static int
tap_get_range(struct store *s, const char *name, uint64_t off, size_t len,
    struct buf *out)
{
	struct tap *t = (struct tap *)s;

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
	.interrupt = store_wrap_interrupt,
	.close = store_wrap_close,
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
