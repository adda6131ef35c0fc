/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "fs/thumbs.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <unistd.h>

#include "crypto/crypto.h"
#include "drive/sync.h"
#include "fs/place.h"
#include "util/buf.h"
#include "util/clock.h"
#include "util/log.h"
#include "util/text.h"
#include "util/thread.h"

#define QUEUE_MAX 4096u		/* what is more is dropped: the mark stays */
#define TRIES 4			/* looks at whether all of it is here */
#define WAIT_MS 1000		/* before the first; then ever longer */
#define PATH_LIMIT 65536u

struct item {
	STAILQ_ENTRY(item) link;
	uint64_t ino;
	int64_t due_ms;
	unsigned tries;
};

struct thumbs {
	struct drive *drive;
	const char *mountpoint;
	char dir[PATH_MAX];	/* where the marks are */
	pthread_t thread;
	struct mutex lock;
	struct cond more;	/* an item came, or stop */
	STAILQ_HEAD(, item) queue GUARDED_BY(lock);
	unsigned n GUARDED_BY(lock);
	uint64_t last GUARDED_BY(lock);	/* ino of the last one; 0: none */
	bool is_stopping GUARDED_BY(lock);
};

/* ---- the mark ------------------------------------------------------------ */

/* As GLib writes the path of a file in a URI. */
static int
uri_add(struct buf *b, const char *path)
{
	static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	    "abcdefghijklmnopqrstuvwxyz0123456789!$&'()*+,-./:=@_~";
	char hex[4];
	int r = 0;

	for (; *path && r == 0; path++) {
		if (strchr(plain, *path)) {
			r = buf_put(b, path, 1);
			continue;
		}
		(void)snprintf(hex, sizeof(hex), "%%%02X",
		    (unsigned char)*path);
		r = buf_put(b, hex, 3);
	}
	return r;
}

/* The path in the drive begins with '/'. */
static int
mark_remove(struct thumbs *t, const char *path)
{
	char file[2 * MD5_LEN + 5];
	uint8_t sum[MD5_LEN];
	struct buf b = BUF_INIT(PATH_LIMIT * 3);
	int dir, r;

	dir = open(t->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0)
		return -errno;
	r = buf_put(&b, "file://", 7);
	if (r == 0)
		r = uri_add(&b, t->mountpoint);
	if (r == 0)
		r = uri_add(&b, path);
	if (r == 0)
		r = md5(b.data, b.len, sum);
	if (r == 0) {
		hex_encode(sum, MD5_LEN, file);
		memcpy(file + 2 * MD5_LEN, ".png", 5);
		r = unlinkat(dir, file, 0) < 0 ? -errno : 0;
	}
	buf_done(&b);
	(void)close(dir);
	return r;
}

/* 1: not all of it is here. */
static int
look(struct thumbs *t, uint64_t ino)
{
	struct buf b = BUF_INIT(PATH_LIMIT);
	int64_t missing;
	int r;

	if (access(t->dir, W_OK) < 0)
		return 0;
	missing = drive_missing(t->drive, ino, 0, UINT64_MAX, 1);
	if (missing != 0)
		return missing > 0 ? 1 : (int)missing;
	r = drive_path(t->drive, ino, &b);
	if (r == 0)
		r = mark_remove(t, buf_cstr(&b));
	buf_done(&b);
	return r;
}

/* ---- the thread ---------------------------------------------------------- */

/* The first item, once it is due; NULL: stop. */
static struct item *
item_next(struct thumbs *t)
{
	struct item *it;

	mutex_lock(&t->lock);
	for (;;) {
		it = STAILQ_FIRST(&t->queue);
		if (t->is_stopping)
			it = NULL;
		if (t->is_stopping || (it && it->due_ms <= clock_mono_ms()))
			break;
		if (it)
			(void)cond_wait_until(&t->more, &t->lock, it->due_ms);
		else
			cond_wait(&t->more, &t->lock);
	}
	if (it) {
		STAILQ_REMOVE_HEAD(&t->queue, link);
		if (--t->n == 0)
			t->last = 0;
	}
	mutex_unlock(&t->lock);
	return it;
}

/* Takes over it. */
static void
item_add(struct thumbs *t, struct item *it)
{
	it->due_ms = clock_mono_ms() + (WAIT_MS << it->tries);
	mutex_lock(&t->lock);
	/* A file is often closed many times in a row. */
	if (t->is_stopping || t->n >= QUEUE_MAX || t->last == it->ino) {
		free(it);
	} else {
		STAILQ_INSERT_TAIL(&t->queue, it, link);
		t->last = it->ino;
		t->n++;
		cond_signal(&t->more);
	}
	mutex_unlock(&t->lock);
}

static void
thumbs_run(void *arg)
{
	struct thumbs *t = arg;
	struct item *it;
	int r;

	while ((it = item_next(t)) != NULL) {
		r = look(t, it->ino);
		if (r < 0 && r != -ENOENT)
			log_debug("thumbs: r=%d", r);
		if (r == 1 && ++it->tries < TRIES)
			item_add(t, it);
		else
			free(it);
	}
}

int
thumbs_start(struct drive *d, const char *mountpoint, struct thumbs **ret)
{
	struct thumbs *t = calloc(1, sizeof(*t));
	int r;

	if (!t)
		return -ENOMEM;
	r = place_thumbnail_marks(t->dir);
	if (r < 0) {
		free(t);
		return r;
	}
	t->drive = d;
	t->mountpoint = mountpoint;
	mutex_init(&t->lock, RANK_UTIL);
	cond_init(&t->more);
	STAILQ_INIT(&t->queue);
	r = thread_start(&t->thread, "thumbs", thumbs_run, t);
	if (r < 0) {
		cond_done(&t->more);
		mutex_done(&t->lock);
		free(t);
		return r;
	}
	*ret = t;
	return 0;
}

void
thumbs_fetched(struct thumbs *t, uint64_t ino)
{
	struct item *it = t ? calloc(1, sizeof(*it)) : NULL;

	if (!it)
		return;
	it->ino = ino;
	item_add(t, it);
}

void
thumbs_stop(struct thumbs *t) NO_TSA
{
	struct item *it;

	if (!t)
		return;
	mutex_lock(&t->lock);
	t->is_stopping = true;
	cond_signal(&t->more);
	mutex_unlock(&t->lock);
	thread_join(t->thread);
	while ((it = STAILQ_FIRST(&t->queue)) != NULL) {
		STAILQ_REMOVE_HEAD(&t->queue, link);
		free(it);
	}
	cond_done(&t->more);
	mutex_done(&t->lock);
	free(t);
}
