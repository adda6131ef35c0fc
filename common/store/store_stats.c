/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store/backend.h"
#include "util/buf.h"
#include "util/clock.h"

/* store_stats - counts, and remembers how the last call went. */
struct stats {
	struct store_wrap w;
	struct mutex lock;
	struct store_stats st GUARDED_BY(lock);
};

/* An answer is an answer, also if it is no. */
static bool
is_answer(int r)
{
	return r >= 0 || r == -ENOENT || r == -EEXIST || r == -ERANGE;
}

static int
count(struct stats *t, uint64_t *what, int r, uint64_t up, uint64_t down)
{
	struct store_hint hint;

	memset(&hint, 0, sizeof(hint));
	if (!is_answer(r) && r != -ECANCELED) {
		t->w.in->ops->get_hint(t->w.in, &hint);
		if (!hint.msg[0])
			(void)snprintf(hint.msg, sizeof(hint.msg), "%s",
			    strerror(-r));
	}
	mutex_lock(&t->lock);
	(*what)++;
	if (is_answer(r)) {
		t->st.bytes_up += up;
		t->st.bytes_down += down;
		t->st.is_online = true;
		t->st.last_ok_ns = clock_real_ns();
		t->st.last_error[0] = '\0';
	} else if (r != -ECANCELED) {
		t->st.errors++;
		t->st.is_online = !store_transient(r);
		(void)snprintf(t->st.last_error, sizeof(t->st.last_error),
		    "%s", hint.msg);
	}
	mutex_unlock(&t->lock);
	return r;
}

static int
stats_put(struct store *s, const char *name, const void *p, size_t len,
    unsigned flags)
{
	struct stats *t = (struct stats *)s;
	int r = store_put(t->w.in, name, p, len, flags);

	return count(t, &t->st.puts, r, r == 0 ? len : 0, 0);
}

static int
stats_get(struct store *s, const char *name, struct buf *out)
{
	struct stats *t = (struct stats *)s;
	size_t start = out->len;
	int r = store_get(t->w.in, name, out);

	return count(t, &t->st.gets, r, 0, out->len - start);
}

static int
stats_get_range(struct store *s, const char *name, uint64_t off, size_t len,
    struct buf *out)
{
	struct stats *t = (struct stats *)s;
	size_t start = out->len;
	int r = store_get_range(t->w.in, name, off, len, out);

	return count(t, &t->st.gets, r, 0, out->len - start);
}

static int
stats_del(struct store *s, const char *name)
{
	struct stats *t = (struct stats *)s;

	return count(t, &t->st.deletes, store_delete(t->w.in, name), 0, 0);
}

/* Tells what the caller's function returned from what the store did. */
struct relay {
	int (*fn)(void *arg, const char *name, uint64_t size);
	void *arg;
	bool is_stopped;
};

static int
on_name(void *arg, const char *name, uint64_t size)
{
	struct relay *l = arg;
	int r = l->fn(l->arg, name, size);

	l->is_stopped = r != 0;
	return r;
}

static int
stats_list(struct store *s, const char *prefix,
    int (*fn)(void *arg, const char *name, uint64_t size), void *arg)
{
	struct stats *t = (struct stats *)s;
	struct relay l = { fn, arg, false };
	int r = store_list(t->w.in, prefix, on_name, &l);

	(void)count(t, &t->st.lists, l.is_stopped ? 0 : r, 0, 0);
	return r;
}

static void
stats_get_stats(struct store *s, struct store_stats *ret)
{
	struct stats *t = (struct stats *)s;
	uint64_t retries;

	/* Below, only retries are counted that we cannot see. */
	store_wrap_get_stats(s, ret);
	retries = ret->retries;
	mutex_lock(&t->lock);
	*ret = t->st;
	mutex_unlock(&t->lock);
	ret->retries = retries;
}

static void
stats_close(struct store *s)
{
	struct stats *t = (struct stats *)s;

	mutex_done(&t->lock);
	store_wrap_close(s);
}

static const struct store_ops stats_ops = {
	.put = stats_put,
	.get = stats_get,
	.get_range = stats_get_range,
	.del = stats_del,
	.list = stats_list,
	.space = store_wrap_space,
	.caps = store_wrap_caps,
	.probe = store_wrap_probe,
	.notes = store_wrap_notes,
	.facts = store_wrap_facts,
	.get_stats = stats_get_stats,
	.get_hint = store_wrap_get_hint,
	.renew = store_wrap_renew,
	.interrupt = store_wrap_interrupt,
	.close = stats_close,
};

int
store_stats_new(struct store *s, struct store **ret)
{
	struct stats *t = calloc(1, sizeof(*t));

	if (!t || store_wrap_init(&t->w, &stats_ops, s) < 0) {
		free(t);
		store_close(s);
		return -ENOMEM;
	}
	mutex_init(&t->lock, RANK_STORE);
	*ret = &t->w.base;
	return 0;
}
