/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "fs/live_priv.h"

#include <errno.h>
#include <fuse_lowlevel.h>
#include <stdlib.h>
#include <string.h>

#include "crypto/crypto.h"
#include "drive/sync.h"
#include "fs/names.h"
#include "fs/stage.h"
#include "util/buf.h"
#include "util/clock.h"
#include "util/log.h"
#include "util/text.h"

#define QUEUE_MAX 65536u	/* some 5 MiB of notes */
#define SETTLE_MS 200		/* changes come in crowds */
/* In one folder, and in all, of one crowd; beyond that it is only told that
 * the folder is another. */
#define FOLDER_MAX 1000u
#define CROWD_MAX 4000u
/* So many at once with the mount in hand, which cannot be unmounted then; and
 * some time without, ten times as long as that took. */
#define STEP_MAX 16u
#define STEP_MS 10
#define HOLD_MS 1000
#define PATH_LIMIT 65536u

struct crowd {
	struct live_event *v;
	size_t n, cap;
	struct watchers by;
	bool is_back;		/* it was locked or unlocked */
};

/* ---- what changed -------------------------------------------------------- */

void
live_changed(struct live *l, uint64_t ino, const char *name)
{
	size_t len = strlen(name) + 1;
	struct live_note *t;

	if (!l)
		return;
	t = malloc(sizeof(*t) + len);
	if (t) {
		t->ino = ino;
		memcpy(t->name, name, len);
	}
	mutex_lock(&l->lock);
	if (t && l->n < QUEUE_MAX && !l->is_stopping) {
		STAILQ_INSERT_TAIL(&l->queue, t, link);
		l->n++;
		t = NULL;
	} else {
		l->is_over = true;
	}
	cond_broadcast(&l->more);
	mutex_unlock(&l->lock);
	free(t);
}

static void
event_add(struct crowd *c, uint64_t folder, const char *name, uint64_t touch)
{
	struct live_event *t;
	size_t cap;

	if (c->n == c->cap) {
		cap = c->cap ? c->cap * 2 : 64;
		t = reallocarray(c->v, cap, sizeof(*t));
		if (!t)
			return;
		c->v = t;
		c->cap = cap;
	}
	t = &c->v[c->n];
	t->folder = folder;
	t->touch = touch;
	t->name = strdup(name);
	if (t->name)
		c->n++;
}

/* An inode is told of by a name of it. */
static void
touch_add(struct live *l, struct crowd *c, uint64_t ino)
{
	char name[VAULT_NAME_MAX + 1] = "";
	uint64_t folder = ino;
	int r = 0;

	if (ino != DRIVE_ROOT_INO) {
		if (!stage_enter(l->stage))
			return;
		r = drive_name(l->stage->ctx.drive, ino, &folder, name);
		stage_leave(l->stage);
	}
	if (r == 0 && (watchers_has(&c->by, ino) ||
	    watchers_has(&c->by, folder)))
		event_add(c, folder, name, ino);
}

/* By folder and name, and the name before the inode. */
static int
event_cmp(const void *a, const void *b)
{
	const struct live_event *x = a, *y = b;
	int r;

	if (x->folder != y->folder)
		return x->folder < y->folder ? -1 : 1;
	r = strcmp(x->name, y->name);
	if (r == 0 && x->touch != y->touch)
		r = x->touch < y->touch ? -1 : 1;
	return r;
}

static void
crowd_done(struct crowd *c)
{
	size_t i;

	for (i = 0; i < c->n; i++)
		free(c->v[i].name);
	free(c->v);
	watchers_done(&c->by);
	memset(c, 0, sizeof(*c));
}

/* Each once; who sees a name come looks at what it names. */
static void
crowd_sort(struct crowd *c)
{
	const struct live_event *last;
	size_t i, n = 0;

	if (c->n == 0)
		return;
	qsort(c->v, c->n, sizeof(*c->v), event_cmp);
	for (i = 1; i < c->n; i++) {
		last = &c->v[n];
		if (event_cmp(last, &c->v[i]) == 0 || (last->touch == 0 &&
		    last->folder == c->v[i].folder &&
		    strcmp(last->name, c->v[i].name) == 0))
			free(c->v[i].name);
		else
			c->v[++n] = c->v[i];
	}
	c->n = n + 1;
}

/* ---- the thread ---------------------------------------------------------- */

/* Have the caller do it.  What it needs done with the session's descriptor is
 * done here. */
static int
job_do(struct live *l, enum live_job job)
{
	char name[VAULT_NAME_MAX + 1];
	uint64_t ino;
	int r;

	mutex_lock(&l->lock);
	l->job = job;
	cond_broadcast(&l->call);
	while (l->job != LIVE_IDLE) {
		if (!l->is_stale) {
			cond_wait(&l->call, &l->lock);
			continue;
		}
		ino = l->ino;
		memcpy(name, l->name, sizeof(name));
		mutex_unlock(&l->lock);
		(void)fuse_lowlevel_notify_inval_entry(l->se, ino, name,
		    strlen(name));
		mutex_lock(&l->lock);
		l->is_stale = false;
		cond_broadcast(&l->call);
	}
	r = l->result;
	mutex_unlock(&l->lock);
	return r;
}

/* Wait for ms, and until nobody wants us off the mount; then we are on it.
 * False: this is the end. */
static bool
step_begin(struct live *l, int64_t ms)
{
	int64_t until = clock_mono_ms() + ms, now;
	bool r;

	mutex_lock(&l->lock);
	for (;;) {
		now = clock_mono_ms();
		if (l->is_stopping || (now >= until && !l->is_held &&
		    !l->stage->ctx.is_resting))
			break;
		if (now < until)
			(void)cond_wait_until(&l->more, &l->lock, until);
		else if (l->is_held)
			cond_wait(&l->more, &l->lock);
		else
			until = now + 1000;	/* the machine sleeps */
	}
	r = !l->is_stopping;
	l->is_inside = r;
	mutex_unlock(&l->lock);
	return r;
}

static void
step_end(struct live *l)
{
	mutex_lock(&l->lock);
	l->is_inside = false;
	cond_broadcast(&l->more);
	mutex_unlock(&l->lock);
}

/* Who watches anything here. */
static int
crowd_watchers(struct live *l, struct crowd *c)
{
	int r;

	if (!step_begin(l, 0))
		return -ECANCELED;
	r = job_do(l, LIVE_DEV);
	step_end(l);
	return r < 0 ? r : watchers_find(l->dev, &c->by);
}

static int
path_get(struct live *l, uint64_t ino, struct buf *out)
{
	int r;

	if (ino == DRIVE_ROOT_INO)
		return buf_put(out, "/", 1);
	if (!stage_enter(l->stage))
		return -ENOKEY;
	r = drive_path(l->stage->ctx.drive, ino, out);
	stage_leave(l->stage);
	return r;
}

/* All of one folder.  False: there is no more to tell. */
static bool
folder_tell(struct live *l, const struct live_event *e, size_t n)
{
	struct buf path = BUF_INIT(PATH_LIMIT);
	int64_t began, pause = STEP_MS;
	const char *p;
	bool go_on = true;
	size_t i, k;
	int r;

	r = path_get(l, e->folder, &path);
	p = r == 0 ? buf_cstr(&path) : NULL;
	for (i = 0; p && r == 0 && i < n; i += k) {
		k = n - i < STEP_MAX ? n - i : STEP_MAX;
		go_on = step_begin(l, pause);
		if (!go_on)
			break;
		began = clock_mono_ms();
		l->path = p;
		l->events = e + i;
		l->nevents = k;
		r = job_do(l, LIVE_TELL);
		step_end(l);
		pause = STEP_MS + 10 * (clock_mono_ms() - began);
	}
	buf_done(&path);
	if (r < 0)
		log_debug("live: r=%d", r);
	return go_on;
}

static void
crowd_tell(struct live *l, struct crowd *c)
{
	size_t i, k, n, budget = CROWD_MAX;
	bool go_on = true;

	for (i = 0; go_on && i < c->n; i += k) {
		for (k = 1; i + k < c->n &&
		    c->v[i + k].folder == c->v[i].folder; k++)
			;
		n = k < FOLDER_MAX ? k : FOLDER_MAX;
		n = n < budget ? n : budget;
		go_on = n == 0 || folder_tell(l, &c->v[i], n);
		budget -= n;
	}
}

/* What is in the queue, as far as somebody watches it. */
static void
crowd_take(struct live *l, struct crowd *c)
{
	STAILQ_HEAD(, live_note) queue = STAILQ_HEAD_INITIALIZER(queue);
	struct live_note *t;
	bool is_over;
	size_t i;

	mutex_lock(&l->lock);
	STAILQ_CONCAT(&queue, &l->queue);
	l->n = 0;
	is_over = l->is_over;
	l->is_over = false;
	mutex_unlock(&l->lock);
	while ((t = STAILQ_FIRST(&queue)) != NULL) {
		STAILQ_REMOVE_HEAD(&queue, link);
		if (t->ino == DRIVE_ROOT_INO &&
		    strcmp(t->name, LOCKED_NOTE) == 0)
			c->is_back = true;
		if (t->name[0] && watchers_has(&c->by, t->ino))
			event_add(c, t->ino, t->name, 0);
		else if (!t->name[0] && c->by.n > 0)
			touch_add(l, c, t->ino);
		free(t);
	}
	for (i = 0; is_over && i < c->by.n && i < FOLDER_MAX; i++)
		touch_add(l, c, c->by.inos[i]);
}

/*
 * When it was locked the kernel was told to forget the folders of the root:
 * those that are somebody's working folder count as deleted until they are
 * looked up.
 */
static void
folders_back(struct live *l)
{
	struct names t = { NULL, 0, 0 };
	int64_t began, pause = 0;
	size_t i, k;

	if (!stage_enter(l->stage))
		return;
	names_folders(l->stage->ctx.drive, &t);
	stage_leave(l->stage);
	for (i = 0; i < t.n && i < CROWD_MAX && step_begin(l, pause); i += k) {
		k = t.n - i < STEP_MAX ? t.n - i : STEP_MAX;
		began = clock_mono_ms();
		l->looks = t.v + i;
		l->nlooks = k;
		(void)job_do(l, LIVE_LOOK);
		step_end(l);
		pause = STEP_MS + 10 * (clock_mono_ms() - began);
	}
	names_done(&t);
}

static bool
note_wait(struct live *l)
{
	bool r;

	mutex_lock(&l->lock);
	while (STAILQ_EMPTY(&l->queue) && !l->is_over && !l->is_stopping)
		cond_wait(&l->more, &l->lock);
	r = !l->is_stopping;
	mutex_unlock(&l->lock);
	return r;
}

static void
live_run(void *arg)
{
	struct live *l = arg;
	struct crowd c;
	int64_t began, settle = SETTLE_MS;
	int r;

	memset(&c, 0, sizeof(c));
	while (note_wait(l) && step_begin(l, settle)) {
		step_end(l);
		began = clock_mono_ms();
		r = crowd_watchers(l, &c);
		/* Where many programs run, it takes some work. */
		settle = SETTLE_MS + 20 * (clock_mono_ms() - began);
		if (r < 0)
			log_debug("live: who watches: r=%d", r);
		crowd_take(l, &c);
		if (c.is_back)
			folders_back(l);
		crowd_sort(&c);
		crowd_tell(l, &c);
		crowd_done(&c);
	}
}

/* ---- life ---------------------------------------------------------------- */

int
live_start(struct fuse_session *se, struct stage *s, struct live **ret)
{
	struct live *l = calloc(1, sizeof(*l));
	uint8_t b[16];
	int r;

	if (!l)
		return -ENOMEM;
	l->se = se;
	l->stage = s;
	l->fd = fuse_session_fd(se);
	crypto_random(b, sizeof(b));
	memcpy(l->proof, ".coffre-", 8);
	hex_encode(b, sizeof(b), l->proof + 8);
	mutex_init(&l->lock, RANK_UTIL);
	cond_init(&l->more);
	cond_init(&l->call);
	STAILQ_INIT(&l->queue);
	r = thread_start(&l->caller, "live-caller", live_call, l);
	l->has_caller = r == 0;
	if (r == 0)
		r = thread_start(&l->thread, "live", live_run, l);
	l->has_thread = r == 0;
	if (r < 0) {
		live_free(l);
		return r;
	}
	*ret = l;
	return 0;
}

void
live_hold(struct live *l, bool on)
{
	int64_t end = clock_mono_ms() + HOLD_MS;

	if (!l)
		return;
	mutex_lock(&l->lock);
	l->is_held = on;
	cond_broadcast(&l->more);
	while (on && l->is_inside && clock_mono_ms() < end)
		(void)cond_wait_until(&l->more, &l->lock, end);
	mutex_unlock(&l->lock);
}

void
live_stop(struct live *l)
{
	if (!l)
		return;
	mutex_lock(&l->lock);
	l->is_stopping = true;
	cond_broadcast(&l->more);
	mutex_unlock(&l->lock);
	if (l->has_thread)
		thread_join(l->thread);
	/* Nobody has a job for it now. */
	mutex_lock(&l->lock);
	l->job = LIVE_END;
	cond_broadcast(&l->call);
	mutex_unlock(&l->lock);
	if (l->has_caller)
		thread_join(l->caller);
	l->has_thread = l->has_caller = false;
}

void
live_free(struct live *l)
{
	struct live_note *t;

	if (!l)
		return;
	live_stop(l);
	while ((t = STAILQ_FIRST(&l->queue)) != NULL) {
		STAILQ_REMOVE_HEAD(&l->queue, link);
		free(t);
	}
	cond_done(&l->call);
	cond_done(&l->more);
	mutex_done(&l->lock);
	free(l);
}
