/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "fs/thumbs.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "drive/drive.h"
#include "drive/sync.h"
#include "fs/gate.h"
#include "fs/later.h"
#include "fs/leftover.h"
#include "fs/preview.h"
#include "fs/program.h"
#include "fs/seeder.h"
#include "fs/thumbcache.h"
#include "util/buf.h"
#include "util/clock.h"
#include "util/log.h"

#define QUEUE_MAX 4096u
#define TRIES 4			/* looks at whether all of it is here */
#define WAIT_MS 1000		/* before the first; then ever longer */
#define PATH_LIMIT 65536u
#define LOOK_MAX 20000u		/* entries of a folder that are looked at */
#define PUT_MAX 4000u		/* previews that a listing brings */
#define ROUND_MS 2000		/* the same folder once in that time */
#define ROUNDS 16
#define PUT_MS 2000		/* that the last put of an open may take */
#define SWEEP_MS 3000		/* what is left then goes at the next start */
/* The same where the machine is about to sleep. */
#define PUT_HURRY_MS 300
#define SWEEP_HURRY_MS 500

enum { UNMARK, LIST };

struct thumbs {
	struct thumbs_conf c;
	struct thumbcache cache;
	struct gate *opens;	/* those that put a preview there */
	struct later *later;
	struct seeder *seeder;	/* NULL: none are made */
	bool is_held;
	bool is_left;		/* held, and not all that was put there has
				 * gone */
	int64_t sweep_end_ms;
	/* Folders that were looked at last; of the thread. */
	struct {
		uint64_t ino;
		int64_t at_ms;
	} rounds[ROUNDS];
	unsigned next;
};

/* ---- marks -------------------------------------------------------------- */

/* 1: not all of it is here. */
static int
unmark(struct thumbs *t, uint64_t ino)
{
	struct buf b = BUF_INIT(PATH_LIMIT);
	const char *path = NULL;
	int64_t missing;
	int r;

	if (!thumbcache_has_marks(&t->cache))
		return 0;
	missing = drive_missing(t->c.drive, ino, 0, UINT64_MAX, 1);
	if (missing != 0)
		return missing > 0 ? 1 : (int)missing;
	r = drive_path(t->c.drive, ino, &b);
	if (r == 0)
		path = buf_cstr(&b);
	if (r == 0)
		r = path ? thumbcache_unmark(&t->cache, path) : -ENOMEM;
	buf_done(&b);
	return r;
}

/* ---- previews into the cache -------------------------------------------- */

/* Of a file that is not all here.  1: it was put there, or was there. */
static int
put(struct thumbs *t, const struct drive_attr *a, const char *path)
{
	struct preview v;
	uint8_t *p = NULL;
	ssize_t n;
	int r;

	n = drive_preview_get(t->c.drive, a->ino, &p);
	if (n < 0)
		return n == -ENODATA ? 0 : (int)n;
	r = preview_read(p, (size_t)n, &v);
	/* One of another content will be made anew where that is. */
	if (r == 0 && preview_is_of(&v, a) &&
	    drive_missing(t->c.drive, a->ino, 0, UINT64_MAX, 1) > 0) {
		r = thumbcache_put(&t->cache, path, &v);
		if (r == 0)
			r = 1;
	}
	free(p);
	return r;
}

struct round {
	struct thumbs *t;
	struct buf path;	/* of the folder, with a '/' behind it */
	unsigned seen, n;
};

static int
round_entry(void *arg, const struct drive_dirent *e)
{
	struct round *x = arg;
	size_t len = x->path.len;
	const char *path;
	int r;

	if (++x->seen > LOOK_MAX || x->n >= PUT_MAX ||
	    later_is_stopping(x->t->later))
		return 1;
	if (!e->attr || !S_ISREG(e->mode))
		return 0;
	r = buf_put(&x->path, e->name, e->name_len);
	path = r == 0 ? buf_cstr(&x->path) : NULL;
	if (path) {
		r = put(x->t, e->attr, path);
		x->n += r > 0;
	}
	x->path.len = len;
	x->path.err = 0;
	return r == -ENOSPC ? 1 : 0;
}

static bool
round_is_new(struct thumbs *t, uint64_t ino)
{
	int64_t now = clock_mono_ms();
	unsigned i;

	for (i = 0; i < ROUNDS; i++) {
		if (t->rounds[i].ino == ino &&
		    now - t->rounds[i].at_ms < ROUND_MS)
			return false;
	}
	t->rounds[t->next].ino = ino;
	t->rounds[t->next].at_ms = now;
	t->next = (t->next + 1) % ROUNDS;
	return true;
}

static int
list(struct thumbs *t, uint64_t ino)
{
	struct round x = { .t = t, .path = BUF_INIT(PATH_LIMIT) };
	struct drive_dir *d = NULL;
	int r;

	if (!round_is_new(t, ino))
		return 0;
	r = drive_path(t->c.drive, ino, &x.path);
	if (r == 0 && x.path.len > 0 && x.path.data[x.path.len - 1] != '/')
		r = buf_put(&x.path, "/", 1);
	if (r == 0)
		r = drive_opendir(t->c.drive, ino, &d);
	if (r == 0)
		r = drive_readdir(t->c.drive, d, 0, true, round_entry, &x);
	drive_closedir(d);
	buf_done(&x.path);
	return r;
}

/* ---- the thread --------------------------------------------------------- */

static bool
sweep_is_over(void *arg)
{
	struct thumbs *t = arg;

	return clock_mono_ms() > t->sweep_end_ms;
}

static int
sweep(struct thumbs *t, int64_t ms)
{
	int r;

	if (!t->c.is_seeding)
		return 0;
	t->sweep_end_ms = clock_mono_ms() + ms;
	r = thumbcache_sweep(&t->cache, NULL, sweep_is_over, t);
	if (r < 0)
		log_debug("thumbs: sweep r=%d", r);
	return r;
}

/* With what is left. */
static void
sweep_on(struct thumbs *t)
{
	int r = leftover_start(t->c.mountpoint, "", t->c.left);

	if (r < 0)
		log_warn("previews are left in the cache: r=%d", r);
}

static int
work(void *arg, unsigned kind, uint64_t ino)
{
	struct thumbs *t = arg;

	return kind == UNMARK ? unmark(t, ino) : list(t, ino);
}

int
thumbs_start(const struct thumbs_conf *c, struct thumbs **ret)
{
	struct later_conf l = { "thumbs", QUEUE_MAX, 2 * WAIT_MS, TRIES, work,
	    NULL };
	struct thumbs *t = calloc(1, sizeof(*t));
	int r;

	if (!t)
		return -ENOMEM;
	t->c = *c;
	l.arg = t;
	r = thumbcache_init(&t->cache, c->mountpoint, c->floor);
	if (r == 0)
		r = gate_new(&t->opens);
	if (r == 0)
		r = later_start(&l, &t->later);
	if (r == 0 && c->is_seeding && !c->is_readonly)
		r = seeder_start(c->drive, &t->seeder);
	if (r < 0) {
		later_stop(t->later);
		gate_free(t->opens);
		free(t);
		return r;
	}
	gate_open(t->opens);
	*ret = t;
	return 0;
}

void
thumbs_fetched(struct thumbs *t, uint64_t ino)
{
	if (!t)
		return;
	later_add(t->later, UNMARK, ino, WAIT_MS);
	if (t->seeder)
		seeder_add(t->seeder, ino);
}

void
thumbs_written(struct thumbs *t, uint64_t ino)
{
	if (t && t->seeder)
		seeder_add(t->seeder, ino);
}

void
thumbs_listed(struct thumbs *t, uint64_t ino, int tid)
{
	if (t && t->c.is_seeding && program_lists(tid))
		later_add(t->later, LIST, ino, 0);
}

void
thumbs_refused(struct thumbs *t, uint64_t ino)
{
	struct buf b = BUF_INIT(PATH_LIMIT);
	struct drive_attr a;
	const char *path;

	if (!t || !t->c.is_seeding || !gate_enter(t->opens))
		return;
	if (drive_getattr(t->c.drive, ino, &a) == 0 &&
	    drive_path(t->c.drive, ino, &b) == 0) {
		path = buf_cstr(&b);
		if (path)
			(void)put(t, &a, path);	/* it may have none */
	}
	buf_done(&b);
	gate_leave(t->opens);
}

const char *
thumbs_problem(struct thumbs *t)
{
	return t && t->seeder ? seeder_problem(t->seeder) : NULL;
}

void
thumbs_hold(struct thumbs *t, bool is_hurried)
{
	int r;

	if (!t)
		return;
	/* Requests are answered still, if it waits for one. */
	leftover_stop(*t->c.left);
	*t->c.left = NULL;
	/* Nothing comes in behind the sweep. */
	r = gate_hold(t->opens, clock_mono_ms() + (is_hurried ?
	    PUT_HURRY_MS : PUT_MS));
	gate_shut(t->opens);
	seeder_hold(t->seeder);
	later_hold(t->later);
	t->is_left = sweep(t, is_hurried ? SWEEP_HURRY_MS : SWEEP_MS) ==
	    -ETIME || r < 0;
	t->is_held = true;
}

void
thumbs_go(struct thumbs *t)
{
	if (!t)
		return;
	t->is_held = t->is_left = false;
	later_go(t->later);
	seeder_go(t->seeder);
	gate_open(t->opens);
}

void
thumbs_stop(struct thumbs *t)
{
	if (!t)
		return;
	seeder_stop(t->seeder);
	later_stop(t->later);
	if (!t->is_held)
		(void)sweep(t, SWEEP_MS);
	else if (t->is_left && t->c.is_seeding)
		sweep_on(t);
	gate_free(t->opens);
	free(t);
}
