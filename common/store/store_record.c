/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store/backend.h"
#include "util/buf.h"
#include "util/clock.h"
#include "util/log.h"

/*
 * store_record - what a probe found is written down; an answer that
 * contradicts it, or a day gone by, asks for another probe
 * (STORE_CAP_UNPROBED), and what that finds otherwise is said.
 */

#define PROBE_AGE_MS (24 * 3600 * 1000LL)

struct record {
	struct store_wrap w;
	char *path;
	struct mutex lock;
	struct store_facts facts GUARDED_BY(lock);
	int64_t probed_ms GUARDED_BY(lock);	/* in this run; 0: not yet */
	bool is_due GUARDED_BY(lock);
	struct buf changes GUARDED_BY(lock);	/* found by that, lines */
};

/* It can, it said; and says now that it cannot. */
static int
watch(struct record *t, int r, unsigned cap, bool is_odd)
{
	bool is_new;

	if (!is_odd || !(store_caps(t->w.in) & cap))
		return r;
	mutex_lock(&t->lock);
	is_new = t->probed_ms && !t->is_due;
	t->is_due |= is_new;
	mutex_unlock(&t->lock);
	if (is_new)
		log_warn("store %s: it answers other than when it was tried "
		    "out, and will be tried out again", t->w.base.url);
	return r;
}

static int
record_put(struct store *s, const char *name, const void *p, size_t len,
    unsigned flags)
{
	struct record *t = (struct record *)s;
	int r = store_put(t->w.in, name, p, len, flags);

	return watch(t, r, STORE_CAP_IF_ABSENT, (flags & STORE_IF_ABSENT) &&
	    (r == -EOPNOTSUPP || r == -EPROTO));
}

static int
record_get_range(struct store *s, const char *name, uint64_t off, size_t len,
    struct buf *out)
{
	struct record *t = (struct record *)s;
	int r = store_get_range(t->w.in, name, off, len, out);

	return watch(t, r, STORE_CAP_RANGE, r == -EOPNOTSUPP || r == -EPROTO);
}

static int
record_space(struct store *s, struct store_space *ret)
{
	struct record *t = (struct record *)s;
	int r = store_space(t->w.in, ret);

	return watch(t, r, STORE_CAP_QUOTA, r == -EOPNOTSUPP);
}

static unsigned
record_caps(struct store *s)
{
	struct record *t = (struct record *)s;
	unsigned caps = store_caps(t->w.in);

	mutex_lock(&t->lock);
	if (t->is_due || (t->probed_ms &&
	    clock_mono_ms() - t->probed_ms > PROBE_AGE_MS))
		caps |= STORE_CAP_UNPROBED;
	mutex_unlock(&t->lock);
	return caps;
}

static void
changes_say(struct record *t, const struct store_facts *before,
    const struct store_facts *now)
{
	struct buf b = BUF_INIT(16 * 1024), old;
	const char *text, *nl;

	if (before->time_s)
		facts_changes(before, now, &b);
	text = b.len ? buf_cstr(&b) : NULL;
	for (; text && *text; text = nl + 1) {
		nl = strchr(text, '\n');
		log_warn("store %s: %.*s", t->w.base.url, (int)(nl - text),
		    text);
	}
	mutex_lock(&t->lock);
	old = t->changes;
	t->changes = b;
	mutex_unlock(&t->lock);
	buf_done(&old);
}

static int
record_probe(struct store *s, struct err *e)
{
	struct record *t = (struct record *)s;
	struct store_facts now, before;
	int r, r2;

	r = store_probe(t->w.in, e);
	if (r < 0)
		return r;
	store_facts(t->w.in, &now);
	mutex_lock(&t->lock);
	before = t->facts;
	t->facts = now;
	t->is_due = false;
	t->probed_ms = clock_mono_ms();
	mutex_unlock(&t->lock);
	changes_say(t, &before, &now);
	/* Without the record it would only be asked again. */
	r2 = facts_write(t->path, &now);
	if (r2 < 0)
		log_warn("store %s: what was found out cannot be written to "
		    "'%s': %s", t->w.base.url, t->path, strerror(-r2));
	return 0;
}

static void
record_notes(struct store *s, struct buf *out)
{
	struct record *t = (struct record *)s;

	store_wrap_notes(s, out);
	mutex_lock(&t->lock);
	(void)buf_put(out, t->changes.data, t->changes.len);
	mutex_unlock(&t->lock);
}

static void
record_close(struct store *s)
{
	struct record *t = (struct record *)s;

	mutex_lock(&t->lock);
	buf_done(&t->changes);
	mutex_unlock(&t->lock);
	mutex_done(&t->lock);
	free(t->path);
	store_wrap_close(s);
}

static const struct store_ops record_ops = {
	.put = record_put,
	.get = store_wrap_get,
	.get_range = record_get_range,
	.del = store_wrap_del,
	.list = store_wrap_list,
	.space = record_space,
	.caps = record_caps,
	.probe = record_probe,
	.notes = record_notes,
	.facts = store_wrap_facts,
	.get_stats = store_wrap_get_stats,
	.get_hint = store_wrap_get_hint,
	.renew = store_wrap_renew,
	.interrupt = store_wrap_interrupt,
	.close = record_close,
};

int
store_record_new(struct store *s, const char *path, struct store **ret)
{
	struct record *t = calloc(1, sizeof(*t));

	if (!t || !(t->path = strdup(path)) ||
	    store_wrap_init(&t->w, &record_ops, s) < 0) {
		if (t)
			free(t->path);
		free(t);
		store_close(s);
		return -ENOMEM;
	}
	mutex_init(&t->lock, RANK_STORE);
	mutex_lock(&t->lock);
	(void)facts_read(path, &t->facts);
	buf_init(&t->changes, 16 * 1024);
	mutex_unlock(&t->lock);
	*ret = &t->w.base;
	return 0;
}
