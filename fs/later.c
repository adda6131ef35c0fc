/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "fs/later.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/queue.h>

#include "util/clock.h"
#include "util/log.h"
#include "util/thread.h"

struct item {
	TAILQ_ENTRY(item) link;
	uint64_t ino;
	int64_t due_ms;
	unsigned kind, tries;
};

struct later {
	struct later_conf c;
	pthread_t thread;
	struct mutex lock;
	struct cond more;	/* an item came, stop, hold or go; the work
				 * under way is done */
	/* Soonest first. */
	TAILQ_HEAD(items, item) queue GUARDED_BY(lock);
	unsigned n GUARDED_BY(lock);
	bool is_stopping GUARDED_BY(lock);
	bool is_held GUARDED_BY(lock);
	bool is_busy GUARDED_BY(lock);
};

/* Most come behind all others, or before. */
static void
insert(struct later *l, struct item *it) REQUIRES(l->lock)
{
	struct item *at = TAILQ_FIRST(&l->queue);

	if (at && at->due_ms > it->due_ms) {
		TAILQ_INSERT_HEAD(&l->queue, it, link);
		return;
	}
	TAILQ_FOREACH_REVERSE(at, &l->queue, items, link)
		if (at->due_ms <= it->due_ms)
			break;
	if (at)
		TAILQ_INSERT_AFTER(&l->queue, at, it, link);
	else
		TAILQ_INSERT_HEAD(&l->queue, it, link);
}

/* Takes over it. */
static void
item_add(struct later *l, struct item *it, int64_t delay_ms)
{
	struct item *last;

	it->due_ms = clock_mono_ms() + delay_ms;
	mutex_lock(&l->lock);
	/* A file is often closed many times in a row. */
	last = TAILQ_LAST(&l->queue, items);
	if (l->is_stopping || l->n >= l->c.max || (last &&
	    last->ino == it->ino && last->kind == it->kind)) {
		free(it);
	} else {
		insert(l, it);
		l->n++;
		cond_broadcast(&l->more);
	}
	mutex_unlock(&l->lock);
}

/* The first item, once it is due and nothing is held; NULL: stop. */
static struct item *
item_next(struct later *l)
{
	struct item *it;

	mutex_lock(&l->lock);
	for (;;) {
		it = l->is_stopping || l->is_held ? NULL :
		    TAILQ_FIRST(&l->queue);
		if (l->is_stopping || (it && it->due_ms <= clock_mono_ms()))
			break;
		if (it)
			(void)cond_wait_until(&l->more, &l->lock, it->due_ms);
		else
			cond_wait(&l->more, &l->lock);
	}
	if (it) {
		TAILQ_REMOVE(&l->queue, it, link);
		l->n--;
		l->is_busy = true;
	}
	mutex_unlock(&l->lock);
	return it;
}

/* Takes over it.  What was cut short comes again. */
static void
item_end(struct later *l, struct item *it, int r)
{
	bool is_cut;

	mutex_lock(&l->lock);
	is_cut = l->is_held;
	l->is_busy = false;
	cond_broadcast(&l->more);
	mutex_unlock(&l->lock);
	if (is_cut)
		item_add(l, it, 0);
	else if (r == 1 && ++it->tries < l->c.tries)
		item_add(l, it, l->c.retry_ms << (it->tries - 1));
	else
		free(it);
}

static void
later_run(void *arg)
{
	struct later *l = arg;
	struct item *it;
	int r;

	while ((it = item_next(l)) != NULL) {
		r = l->c.work(l->c.arg, it->kind, it->ino);
		if (r < 0 && r != -ENOENT)
			log_debug("%s: r=%d", l->c.name, r);
		item_end(l, it, r);
	}
}

int
later_start(const struct later_conf *c, struct later **ret)
{
	struct later *l = calloc(1, sizeof(*l));
	int r;

	if (!l)
		return -ENOMEM;
	l->c = *c;
	mutex_init(&l->lock, RANK_UTIL);
	cond_init(&l->more);
	TAILQ_INIT(&l->queue);
	*ret = l;	/* the thread may ask for it */
	r = thread_start(&l->thread, c->name, later_run, l);
	if (r < 0) {
		*ret = NULL;
		cond_done(&l->more);
		mutex_done(&l->lock);
		free(l);
	}
	return r;
}

void
later_add(struct later *l, unsigned kind, uint64_t ino, int64_t delay_ms)
{
	struct item *it = calloc(1, sizeof(*it));

	if (!it)
		return;
	it->kind = kind;
	it->ino = ino;
	item_add(l, it, delay_ms);
}

bool
later_is_stopping(struct later *l)
{
	bool is;

	mutex_lock(&l->lock);
	is = l->is_stopping || l->is_held;
	mutex_unlock(&l->lock);
	return is;
}

void
later_hold(struct later *l)
{
	mutex_lock(&l->lock);
	l->is_held = true;
	cond_broadcast(&l->more);
	while (l->is_busy)
		cond_wait(&l->more, &l->lock);
	mutex_unlock(&l->lock);
}

void
later_go(struct later *l)
{
	mutex_lock(&l->lock);
	l->is_held = false;
	cond_broadcast(&l->more);
	mutex_unlock(&l->lock);
}

void
later_stop(struct later *l) NO_TSA
{
	struct item *it;

	if (!l)
		return;
	mutex_lock(&l->lock);
	l->is_stopping = true;
	cond_broadcast(&l->more);
	mutex_unlock(&l->lock);
	thread_join(l->thread);
	while ((it = TAILQ_FIRST(&l->queue)) != NULL) {
		TAILQ_REMOVE(&l->queue, it, link);
		free(it);
	}
	cond_done(&l->more);
	mutex_done(&l->lock);
	free(l);
}
