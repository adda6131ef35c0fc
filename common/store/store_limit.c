/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <stdlib.h>

#include "store/backend.h"
#include "util/buf.h"
#include "util/clock.h"

/*
 * store_limit - no more than so many bytes a second each way, on average.
 *
 * A bucket for each way fills at the rate, up to one second's worth.  A call
 * waits until the bucket is not in debt, then takes all it moves, so an
 * object goes out in one piece and the next one waits for it.
 */
struct bucket {
	uint64_t rate;			/* bytes a second; 0: no limit */
	int64_t level;			/* bytes; negative: in debt */
	int64_t last_us;
};

struct limit {
	struct store_wrap w;
	struct mutex lock;
	struct cond wake;		/* interrupted */
	struct bucket up GUARDED_BY(lock);
	struct bucket down GUARDED_BY(lock);
	bool is_interrupted GUARDED_BY(lock);
	unsigned epoch GUARDED_BY(lock);
};

static void
bucket_fill(struct bucket *b)
{
	int64_t now = clock_mono_us(), age = now - b->last_us;
	double more = (double)b->rate * (double)age / 1e6;

	/* Too little time for a byte: let it add up. */
	if (more < 1)
		return;
	b->last_us = now;
	if (more > (double)b->rate - (double)b->level)
		b->level = (int64_t)b->rate;
	else
		b->level += (int64_t)more;
}

/* Wait until the bucket is out of debt, then take len. */
static int
bucket_take(struct limit *t, struct bucket *b, size_t len)
{
	unsigned epoch;
	int64_t ms;
	int r = 0;

	if (!b->rate)
		return 0;
	mutex_lock(&t->lock);
	epoch = t->epoch;
	for (bucket_fill(b); b->level < 0 && r == 0; bucket_fill(b)) {
		if (t->is_interrupted || t->epoch != epoch) {
			r = -ECANCELED;
			break;
		}
		ms = (int64_t)((double)-b->level * 1000 / (double)b->rate) + 1;
		(void)cond_wait_until(&t->wake, &t->lock,
		    clock_mono_ms() + ms);
	}
	if (r == 0)
		b->level -= (int64_t)len;
	mutex_unlock(&t->lock);
	return r;
}

/* What was not moved after all, or moved without having been asked for. */
static void
bucket_add(struct limit *t, struct bucket *b, int64_t len)
{
	if (!b->rate)
		return;
	mutex_lock(&t->lock);
	b->level += len;
	mutex_unlock(&t->lock);
}

static int
limit_put(struct store *s, const char *name, const void *p, size_t len,
    unsigned flags)
{
	struct limit *t = (struct limit *)s;
	int r;

	r = bucket_take(t, &t->up, len);
	if (r < 0)
		return r;
	r = store_put(t->w.in, name, p, len, flags);
	if (r == -EHOSTUNREACH)
		bucket_add(t, &t->up, (int64_t)len);
	return r;
}

static int
limit_get(struct store *s, const char *name, struct buf *out)
{
	struct limit *t = (struct limit *)s;
	size_t start = out->len;
	int r;

	r = bucket_take(t, &t->down, 0);
	if (r < 0)
		return r;
	r = store_get(t->w.in, name, out);
	bucket_add(t, &t->down, -(int64_t)(out->len - start));
	return r;
}

static int
limit_get_range(struct store *s, const char *name, uint64_t off, size_t len,
    struct buf *out)
{
	struct limit *t = (struct limit *)s;
	int r;

	r = bucket_take(t, &t->down, len);
	if (r < 0)
		return r;
	r = store_get_range(t->w.in, name, off, len, out);
	if (r < 0)
		bucket_add(t, &t->down, (int64_t)len);
	return r;
}

static void
limit_interrupt(struct store *s, bool on)
{
	struct limit *t = (struct limit *)s;

	mutex_lock(&t->lock);
	t->is_interrupted = on;
	if (on)
		t->epoch++;
	cond_broadcast(&t->wake);
	mutex_unlock(&t->lock);
	store_wrap_interrupt(s, on);
}

static void
limit_close(struct store *s)
{
	struct limit *t = (struct limit *)s;

	cond_done(&t->wake);
	mutex_done(&t->lock);
	store_wrap_close(s);
}

static const struct store_ops limit_ops = {
	.put = limit_put,
	.get = limit_get,
	.get_range = limit_get_range,
	.del = store_wrap_del,
	.list = store_wrap_list,
	.space = store_wrap_space,
	.caps = store_wrap_caps,
	.probe = store_wrap_probe,
	.notes = store_wrap_notes,
	.facts = store_wrap_facts,
	.get_stats = store_wrap_get_stats,
	.get_hint = store_wrap_get_hint,
	.renew = store_wrap_renew,
	.interrupt = limit_interrupt,
	.close = limit_close,
};

int
store_limit_new(struct store *s, uint64_t up, uint64_t down,
    struct store **ret)
{
	int64_t now = clock_mono_us();
	struct limit *t = calloc(1, sizeof(*t));

	if (!t || store_wrap_init(&t->w, &limit_ops, s) < 0) {
		free(t);
		store_close(s);
		return -ENOMEM;
	}
	mutex_init(&t->lock, RANK_STORE);
	cond_init(&t->wake);
	mutex_lock(&t->lock);
	t->up = (struct bucket){ up, (int64_t)up, now };
	t->down = (struct bucket){ down, (int64_t)down, now };
	mutex_unlock(&t->lock);
	*ret = &t->w.base;
	return 0;
}
