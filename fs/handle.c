/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "fs/handle.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>

#include "drive/drive.h"
#include "util/log.h"
#include "util/thread.h"

struct handles {
	struct mutex lock;
	LIST_HEAD(, handle) all GUARDED_BY(lock);
	unsigned nmaps GUARDED_BY(lock);	/* with a map_ino */
};

int
handles_new(struct handles **ret)
{
	struct handles *t = calloc(1, sizeof(*t));

	if (!t)
		return -ENOMEM;
	mutex_init(&t->lock, RANK_MOUNT);
	LIST_INIT(&t->all);
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
	free(h);
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
	}
	mutex_done(&t->lock);
	free(t);
}

static int
handle_add(struct handles *t, struct drive_file *f, struct drive_dir *d,
    uint64_t map_ino, struct handle **ret)
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
	h->map_ino = map_ino;
	mutex_lock(&t->lock);
	LIST_INSERT_HEAD(&t->all, h, link);
	t->nmaps += map_ino != 0;
	mutex_unlock(&t->lock);
	*ret = h;
	return 0;
}

int
handle_file(struct handles *t, struct drive_file *f, uint64_t ino, int flags,
    struct handle **ret)
{
	return handle_add(t, f, NULL, (flags & O_ACCMODE) == O_RDWR ? ino : 0,
	    ret);
}

int
handle_dir(struct handles *t, struct drive_dir *d, struct handle **ret)
{
	return handle_add(t, NULL, d, 0, ret);
}

bool
handles_may_map(struct handles *t, uint64_t ino)
{
	struct handle *h = NULL;

	mutex_lock(&t->lock);
	if (t->nmaps > 0) {
		LIST_FOREACH(h, &t->all, link)
			if (h->map_ino == ino)
				break;
	}
	mutex_unlock(&t->lock);
	return h != NULL;
}

int
handle_close(struct handle *h)
{
	mutex_lock(&h->in->lock);
	LIST_REMOVE(h, link);
	h->in->nmaps -= h->map_ino != 0;
	mutex_unlock(&h->in->lock);
	return handle_shut(h);
}
