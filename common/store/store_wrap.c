/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdlib.h>

#include "store/backend.h"

/* store_wrap - a wrapper that does nothing: the part all wrappers share. */

static struct store *
inner(struct store *s)
{
	return ((struct store_wrap *)s)->in;
}

int
store_wrap_init(struct store_wrap *w, const struct store_ops *ops,
    struct store *in)
{
	int r = store_init(&w->base, ops, in->url);

	if (r == 0)
		w->in = in;
	return r;
}

int
store_wrap_put(struct store *s, const char *name, const void *p, size_t len,
    unsigned flags)
{
	return store_put(inner(s), name, p, len, flags);
}

int
store_wrap_get(struct store *s, const char *name, struct buf *out)
{
	return store_get(inner(s), name, out);
}

int
store_wrap_get_range(struct store *s, const char *name, uint64_t off,
    size_t len, struct buf *out)
{
	return store_get_range(inner(s), name, off, len, out);
}

int
store_wrap_del(struct store *s, const char *name)
{
	return store_delete(inner(s), name);
}

int
store_wrap_list(struct store *s, const char *prefix,
    int (*fn)(void *arg, const char *name, uint64_t size), void *arg)
{
	return store_list(inner(s), prefix, fn, arg);
}

int
store_wrap_space(struct store *s, struct store_space *ret)
{
	return store_space(inner(s), ret);
}

unsigned
store_wrap_caps(struct store *s)
{
	return store_caps(inner(s));
}

int
store_wrap_probe(struct store *s, struct err *e)
{
	return store_probe(inner(s), e);
}

void
store_wrap_notes(struct store *s, struct buf *out)
{
	store_notes(inner(s), out);
}

void
store_wrap_facts(struct store *s, struct store_facts *ret)
{
	store_facts(inner(s), ret);
}

void
store_wrap_get_stats(struct store *s, struct store_stats *ret)
{
	if (inner(s)->ops->get_stats)
		inner(s)->ops->get_stats(inner(s), ret);
}

void
store_wrap_get_hint(struct store *s, struct store_hint *ret)
{
	inner(s)->ops->get_hint(inner(s), ret);
}

void
store_wrap_renew(struct store *s)
{
	store_renew(inner(s));
}

void
store_wrap_interrupt(struct store *s, bool on)
{
	store_interrupt(inner(s), on);
}

void
store_wrap_close(struct store *s)
{
	store_close(inner(s));
	store_done(s);
	free(s);
}
