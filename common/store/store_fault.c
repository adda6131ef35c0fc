/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdatomic.h>
#include <errno.h>
#include <stdlib.h>

#include "store/backend.h"
#include "util/buf.h"

/* store_fault - fails on purpose, for tests of what stands above. */
struct fault {
	struct store_wrap w;
	struct store_fault f;
	_Atomic uint64_t calls;
};

/* Is it this call's turn? */
static bool
is_due(struct fault *f)
{
	uint64_t n = ++f->calls;

	return (f->f.at && n == f->f.at) || (f->f.every && n % f->f.every == 0);
}

static int
fault_put(struct store *s, const char *name, const void *p, size_t len,
    unsigned flags)
{
	struct fault *f = (struct fault *)s;
	bool due = is_due(f);
	int r;

	if (due && !f->f.is_after)
		return f->f.r;
	r = store_put(f->w.in, name, p, len, flags);
	return due ? f->f.r : r;
}

static int
fault_get(struct store *s, const char *name, struct buf *out)
{
	struct fault *f = (struct fault *)s;

	/* Reading has no effect, so before and after are the same. */
	return is_due(f) ? f->f.r : store_get(f->w.in, name, out);
}

static int
fault_get_range(struct store *s, const char *name, uint64_t off, size_t len,
    struct buf *out)
{
	struct fault *f = (struct fault *)s;

	return is_due(f) ? f->f.r :
	    store_get_range(f->w.in, name, off, len, out);
}

static int
fault_del(struct store *s, const char *name)
{
	struct fault *f = (struct fault *)s;
	bool due = is_due(f);
	int r;

	if (due && !f->f.is_after)
		return f->f.r;
	r = store_delete(f->w.in, name);
	return due ? f->f.r : r;
}

static int
fault_list(struct store *s, const char *prefix,
    int (*fn)(void *arg, const char *name, uint64_t size), void *arg)
{
	struct fault *f = (struct fault *)s;
	bool due = is_due(f);
	int r;

	if (due && !f->f.is_after)
		return f->f.r;
	r = store_list(f->w.in, prefix, fn, arg);
	return due ? f->f.r : r;
}

static int
fault_space(struct store *s, struct store_space *ret)
{
	struct fault *f = (struct fault *)s;

	return is_due(f) ? f->f.r : store_space(f->w.in, ret);
}

static const struct store_ops fault_ops = {
	.put = fault_put,
	.get = fault_get,
	.get_range = fault_get_range,
	.del = fault_del,
	.list = fault_list,
	.space = fault_space,
	.caps = store_wrap_caps,
	.probe = store_wrap_probe,
	.notes = store_wrap_notes,
	.get_stats = store_wrap_get_stats,
	.get_hint = store_wrap_get_hint,
	.renew = store_wrap_renew,
	.interrupt = store_wrap_interrupt,
	.close = store_wrap_close,
};

int
store_fault_new(struct store *s, const struct store_fault *f,
    struct store **ret)
{
	struct fault *t = calloc(1, sizeof(*t));

	if (!t || store_wrap_init(&t->w, &fault_ops, s) < 0) {
		free(t);
		store_close(s);
		return -ENOMEM;
	}
	t->f = *f;
	*ret = &t->w.base;
	return 0;
}
