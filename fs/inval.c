/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "fs/inval.h"

#include <errno.h>
#include <fuse_lowlevel.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "fs/live.h"
#include "util/clock.h"
#include "util/log.h"
#include "util/thread.h"

/* About 100 MiB at worst.  What does not fit is dropped and said so: the
 * kernel then shows the old state until its own time-out. */
#define INVAL_MAX 500000u
#define HOLD_MS 1000

struct item {
	STAILQ_ENTRY(item) link;
	uint64_t ino;		/* the inode, or the folder of name */
	uint64_t gone;		/* as in drive_notify */
	char name[];		/* "": the inode itself */
};

struct inval {
	struct fuse_session *se;
	struct live *live;
	pthread_t thread;
	struct mutex lock;
	struct cond more;	/* an item came, or stop */
	STAILQ_HEAD(, item) queue GUARDED_BY(lock);
	unsigned n GUARDED_BY(lock);
	bool is_stopping GUARDED_BY(lock);
	bool is_full GUARDED_BY(lock);
	bool is_held GUARDED_BY(lock);
	bool is_telling GUARDED_BY(lock);	/* by way of the session */
};

static int
item_tell(struct inval *n, const struct item *it)
{
	/* Who watches what is gone learns of it so. */
	if (it->gone && fuse_lowlevel_notify_delete(n->se, it->ino, it->gone,
	    it->name, strlen(it->name)) == 0)
		return 0;
	if (it->name[0])
		return fuse_lowlevel_notify_inval_entry(n->se, it->ino,
		    it->name, strlen(it->name));
	return fuse_lowlevel_notify_inval_inode(n->se, it->ino, 0, 0);
}

static void
item_send(struct inval *n, const struct item *it)
{
	int r = item_tell(n, it);

	/* -ENOENT: the kernel did not remember it. */
	if (r < 0 && r != -ENOENT && r != -ENODEV && r != -EBADF)
		log_warn("inval: r=%d", r);
	live_changed(n->live, it->ino, it->name);
}

static struct item *
item_next(struct inval *n)
{
	struct item *it;

	mutex_lock(&n->lock);
	n->is_telling = false;
	cond_broadcast(&n->more);
	while ((STAILQ_EMPTY(&n->queue) || n->is_held) && !n->is_stopping)
		cond_wait(&n->more, &n->lock);
	it = n->is_held ? NULL : STAILQ_FIRST(&n->queue);
	if (it) {
		n->is_telling = true;
		STAILQ_REMOVE_HEAD(&n->queue, link);
		n->n--;
		n->is_full = false;
	}
	mutex_unlock(&n->lock);
	return it;
}

static void
inval_run(void *arg)
{
	struct inval *n = arg;
	struct item *it;

	while ((it = item_next(n)) != NULL) {
		item_send(n, it);
		free(it);
	}
}

int
inval_start(struct fuse_session *se, struct live *l, struct inval **ret)
{
	struct inval *n = calloc(1, sizeof(*n));
	int r;

	if (!n)
		return -ENOMEM;
	n->se = se;
	n->live = l;
	mutex_init(&n->lock, RANK_UTIL);
	cond_init(&n->more);
	STAILQ_INIT(&n->queue);
	r = thread_start(&n->thread, "inval", inval_run, n);
	if (r < 0) {
		cond_done(&n->more);
		mutex_done(&n->lock);
		free(n);
		return r;
	}
	*ret = n;
	return 0;
}

static void
item_add(struct inval *n, uint64_t ino, const char *name, uint64_t gone)
{
	size_t len = strlen(name) + 1;
	struct item *it = malloc(sizeof(*it) + len);
	bool is_dropped, is_first = false;

	if (it) {
		it->ino = ino;
		it->gone = gone;
		memcpy(it->name, name, len);
	}
	mutex_lock(&n->lock);
	is_dropped = !it || n->n >= INVAL_MAX || n->is_stopping;
	if (is_dropped) {
		is_first = !n->is_full && !n->is_stopping;
		n->is_full = true;
	} else {
		STAILQ_INSERT_TAIL(&n->queue, it, link);
		n->n++;
		cond_broadcast(&n->more);
	}
	mutex_unlock(&n->lock);
	if (is_dropped)
		free(it);
	if (is_first)
		log_warn("inval: too many changes at once, some will be seen "
		    "late");
}

void
inval_inode(void *arg, uint64_t ino)
{
	item_add(arg, ino, "", 0);
}

void
inval_entry(void *arg, uint64_t parent, const char *name, uint64_t gone)
{
	item_add(arg, parent, name, gone);
}

void
inval_hold(struct inval *n)
{
	int64_t end = clock_mono_ms() + HOLD_MS;

	if (!n)
		return;
	mutex_lock(&n->lock);
	n->is_held = true;
	while (n->is_telling && clock_mono_ms() < end)
		(void)cond_wait_until(&n->more, &n->lock, end);
	mutex_unlock(&n->lock);
}

void
inval_stop(struct inval *n)
{
	struct item *it;

	if (!n)
		return;
	mutex_lock(&n->lock);
	n->is_stopping = true;
	cond_broadcast(&n->more);
	mutex_unlock(&n->lock);
	thread_join(n->thread);
	while ((it = STAILQ_FIRST(&n->queue)) != NULL) {
		STAILQ_REMOVE_HEAD(&n->queue, link);
		free(it);
	}
	cond_done(&n->more);
	mutex_done(&n->lock);
	free(n);
}
