/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "fs/handle.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "drive/drive.h"
#include "util/log.h"
#include "util/thread.h"

struct handles {
	struct mutex lock;
	LIST_HEAD(, handle) all GUARDED_BY(lock);
	unsigned n GUARDED_BY(lock);
	unsigned nmaps GUARDED_BY(lock);	/* that may be mapped */
	LIST_HEAD(, handle) ghosts GUARDED_BY(lock);
	atomic_uint nghosts;	/* written under lock */
};

int
handles_new(struct handles **ret)
{
	struct handles *t = calloc(1, sizeof(*t));

	if (!t)
		return -ENOMEM;
	mutex_init(&t->lock, RANK_MOUNT);
	LIST_INIT(&t->all);
	LIST_INIT(&t->ghosts);
	*ret = t;
	return 0;
}

static int
handle_shut(struct handle *h)
{
	int r = 0;

	if (h->file)
		r = drive_file_close(h->file);
	if (h->dir)
		drive_closedir(h->dir);
	h->file = NULL;
	h->dir = NULL;
	return r;
}

void
handles_free(struct handles *t) NO_TSA
{
	struct handle *h;
	int r;

	if (!t)
		return;
	/* The session has ended: nobody else is here. */
	while ((h = LIST_FIRST(&t->all)) != NULL) {
		LIST_REMOVE(h, link);
		r = handle_shut(h);
		if (r < 0)
			log_error("a file that was open at unmount could not "
			    "be kept: r=%d", r);
		free(h);
	}
	while ((h = LIST_FIRST(&t->ghosts)) != NULL) {
		LIST_REMOVE(h, link);
		free(h);
	}
	mutex_done(&t->lock);
	free(t);
}

static int
handle_add(struct handles *t, struct drive_file *f, struct drive_dir *d,
    uint64_t ino, bool may_map, struct handle **ret)
{
	struct handle *h = calloc(1, sizeof(*h));

	if (!h) {
		if (f)
			(void)drive_file_close(f);	/* nothing written */
		if (d)
			drive_closedir(d);
		return -ENOMEM;
	}
	h->in = t;
	h->file = f;
	h->dir = d;
	h->ino = ino;
	h->may_map = may_map;
	mutex_lock(&t->lock);
	LIST_INSERT_HEAD(&t->all, h, link);
	t->n++;
	t->nmaps += may_map;
	mutex_unlock(&t->lock);
	*ret = h;
	return 0;
}

int
handle_file(struct handles *t, struct drive_file *f, uint64_t ino, int flags,
    struct handle **ret)
{
	return handle_add(t, f, NULL, ino, (flags & O_ACCMODE) == O_RDWR,
	    ret);
}

int
handle_dir(struct handles *t, struct drive_dir *d, uint64_t ino,
    struct handle **ret)
{
	return handle_add(t, NULL, d, ino, false, ret);
}

int
handle_virtual(struct handles *t, struct handle **ret)
{
	return handle_add(t, NULL, NULL, 0, false, ret);
}

bool
handles_may_map(struct handles *t, uint64_t ino)
{
	struct handle *h = NULL;

	mutex_lock(&t->lock);
	if (t->nmaps > 0) {
		LIST_FOREACH(h, &t->all, link)
			if (h->may_map && h->ino == ino)
				break;
	}
	mutex_unlock(&t->lock);
	return h != NULL;
}

int
handle_close(struct handle *h)
{
	int r;

	mutex_lock(&h->in->lock);
	LIST_REMOVE(h, link);
	h->in->n--;
	h->in->nmaps -= h->may_map;
	mutex_unlock(&h->in->lock);
	r = handle_shut(h);
	free(h);
	return r;
}

unsigned
handles_count(struct handles *t)
{
	unsigned n;

	mutex_lock(&t->lock);
	n = t->n;
	mutex_unlock(&t->lock);
	return n;
}

void
handles_end(struct handles *t)
{
	struct handle *h;
	int r;

	mutex_lock(&t->lock);
	while ((h = LIST_FIRST(&t->all)) != NULL) {
		LIST_REMOVE(h, link);
		t->n--;
		t->nmaps -= h->may_map;
		/* Closed without the lock, which is held over no call. */
		mutex_unlock(&t->lock);
		r = handle_shut(h);
		if (r < 0)
			log_error("a file that was open could not be kept: "
			    "r=%d", r);
		h->error = r;
		mutex_lock(&t->lock);
		LIST_INSERT_HEAD(&t->ghosts, h, link);
		(void)atomic_fetch_add(&t->nghosts, 1);
	}
	mutex_unlock(&t->lock);
}

bool
handles_has_ghosts(struct handles *t)
{
	return atomic_load_explicit(&t->nghosts, memory_order_acquire) > 0;
}

bool
handles_is_ghost(struct handles *t, uint64_t fh, bool is_last)
{
	struct handle *h;

	mutex_lock(&t->lock);
	LIST_FOREACH(h, &t->ghosts, link)
		if ((uintptr_t)h == fh)
			break;
	if (h && is_last) {
		LIST_REMOVE(h, link);
		(void)atomic_fetch_sub(&t->nghosts, 1);
	}
	mutex_unlock(&t->lock);
	if (h && is_last)
		free(h);
	return h != NULL;
}

int
handles_ghost_error(struct handles *t, uint64_t fh)
{
	struct handle *h;
	int r = 0;

	mutex_lock(&t->lock);
	LIST_FOREACH(h, &t->ghosts, link)
		if ((uintptr_t)h == fh)
			r = h->error;
	mutex_unlock(&t->lock);
	return r;
}

/* fn is called without the lock, as it may end in a request. */
static void
each_file(struct handles *t, bool is_ghost, void (*fn)(void *arg,
    uint64_t ino), void *arg)
{
	uint64_t *v = NULL;
	struct handle *h;
	size_t n = 0, i;

	mutex_lock(&t->lock);
	v = calloc((is_ghost ? atomic_load(&t->nghosts) : t->nmaps) + 1,
	    sizeof(*v));
	h = is_ghost ? LIST_FIRST(&t->ghosts) : LIST_FIRST(&t->all);
	for (; v && h; h = LIST_NEXT(h, link))
		if (is_ghost ? h->ino != 0 : h->may_map)
			v[n++] = h->ino;
	mutex_unlock(&t->lock);
	for (i = 0; i < n; i++)
		fn(arg, v[i]);
	free(v);
}

void
handles_each_ghost(struct handles *t, void (*fn)(void *arg, uint64_t ino),
    void *arg)
{
	each_file(t, true, fn, arg);
}

void
handles_each_map(struct handles *t, void (*fn)(void *arg, uint64_t ino),
    void *arg)
{
	each_file(t, false, fn, arg);
}
