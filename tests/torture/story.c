/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The story, and what must be left of it.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "crypto/crypto.h"
#include "drive/drive.h"
#include "store/store.h"
#include "sync/sync.h"
#include "tests/lib/tree_dump.h"
#include "tests/torture/torture.h"
#include "util/buf.h"
#include "util/clock.h"
#include "util/err.h"
#include "util/file.h"
#include "vault/vault.h"

/* l a step of the model; F fsync; S all is on the store; C a checkpoint;
 * R close and open; E forget what is cached and read all; V look. */
const char story_script[] = "llllFllllSlFlllVlCRllElllFlllVSllllRllCSEV";

#define TRIES 12
#define WAIT_MS 30000

/* Made once: the drive's keys and the objects it is born with. */
static struct vault_keys *keys;
static struct vault_birth birth;
static const struct drive_cred cred = { .uid = 1000, .gid = 1000,
	.umask = 022 };

struct machine {
	struct vault_keys *keys;
	struct store *store;
	struct drive *d;
	struct sync *sync;
};

struct teller {
	struct machine m;
	struct model model;
	uint64_t x;		/* of the steps */
	uint32_t at;		/* steps told */
};

static int
problem(const char *what, const char *why)
{
	(void)snprintf(shared->problem, sizeof(shared->problem), "%s: %s",
	    what, why);
	return 1;
}

/* ---- machines ------------------------------------------------------------ */

static int
store_up(struct store **ret, struct err *e)
{
	struct store_conf c = { .user = NULL };
	char url[96];

	(void)snprintf(url, sizeof(url), "dir:%s/store", plan.dir);
	return store_open(url, &c, ret, e);
}

static int
drive_up(struct machine *m, const char *state, struct err *e)
{
	struct drive_conf c = { .state_dir = state,
	    .drive = &m->keys->drive, .realm = &m->keys->realm,
	    .local_key = m->keys->local_key, .dev = m->keys->self.id,
	    .owner_uid = 1000, .owner_gid = 1000, .free_floor = 1 << 20 };

	memcpy(&c.dev_index, m->keys->self.id.b, sizeof(c.dev_index));
	return drive_open(&c, &m->d, e);
}

static int
sync_up(struct machine *m, struct err *e)
{
	struct sync_conf c = { .drive = m->d, .store = m->store,
	    .keys = m->keys, .quiet_ms = 0, .uploads = 2, .downloads = 2,
	    .backoff_min_ms = 1, .backoff_max_ms = 4, .backoff_slow_ms = 4,
	    .publish_ms = 5 };

	return sync_start(&c, &m->sync, e);
}

static void
machine_down(struct machine *m)
{
	if (m->sync)
		sync_stop(m->sync, 0);
	m->sync = NULL;
	drive_close(m->d);
	m->d = NULL;
	store_close(m->store);
	m->store = NULL;
}

/* Each part is tried again, as a user would; in the end it must work. */
static int
machine_up(struct machine *m, const char *state)
{
	struct err e = { .msg = "" };
	int r = 0, try;

	for (try = 0; try < TRIES; try++) {
		r = m->store ? 0 : store_up(&m->store, &e);
		if (r == 0 && !m->d)
			r = drive_up(m, state, &e);
		if (r == 0 && !m->sync)
			r = sync_up(m, &e);
		if (r == 0)
			return 0;
	}
	return problem("it does not come up", e.msg[0] ? e.msg :
	    strerror(-r));
}

void
story_new(void)
{
	if (crypto_init() < 0 ||
	    vault_create("torture", &keys, &birth) < 0)
		abort();
}

void
story_prepare(void)
{
	struct err e = { .msg = "" };
	struct store *s;
	char path[96];

	(void)snprintf(path, sizeof(path), "%s/store", plan.dir);
	if (file_mkdirs(path) < 0)
		abort();
	(void)snprintf(path, sizeof(path), "%s/cut", plan.dir);
	if (file_mkdirs(path) < 0)
		abort();
	(void)snprintf(path, sizeof(path), "%s/state", plan.dir);
	if (file_mkdirs(path) < 0 || store_up(&s, &e) < 0)
		abort();
	if (sync_create(s, &birth, &e) < 0) {
		fprintf(stderr, "%s\n", e.msg);
		abort();
	}
	store_close(s);
}

/* ---- one step ------------------------------------------------------------ */

static int
parent_of(struct drive *d, int name, char base[static 8], uint64_t *ret)
{
	struct drive_attr a;
	bool is_sub;
	int r;

	name_path(name, &is_sub, base);
	*ret = DRIVE_ROOT_INO;
	if (!is_sub)
		return 0;
	r = drive_lookup(d, DRIVE_ROOT_INO, "sub", &a);
	if (r == 0)
		*ret = a.ino;
	return r;
}

static int
put(struct drive *d, uint64_t dir, const char *name, int flags, size_t off,
    const struct step *s)
{
	struct drive_file *f = NULL;
	struct drive_attr a;
	uint8_t *p;
	size_t done = 0;
	ssize_t n = 0;
	int r;

	r = drive_lookup(d, dir, name, &a);
	if (r == 0)
		r = drive_file_open(d, a.ino, flags, &f);
	else if (r == -ENOENT)
		r = drive_create(d, &cred, dir, name, 0644, flags, &a, &f);
	if (r < 0)
		return r;
	p = xalloc(s->len);
	rand_fill(p, s->len, s->fill);
	while (done < s->len && (n = drive_write(f, p + done, s->len - done,
	    off + done)) > 0)
		done += (size_t)n;
	free(p);
	r = drive_flush(f);
	if (n < 0)
		r = (int)n;
	n = drive_file_close(f);
	return r < 0 ? r : (int)n;
}

static int
change(struct drive *d, const struct step *s, uint64_t ino)
{
	struct drive_attr a = { .size = s->off,
	    .mode = 0600 | (s->fill & 0177) }, out;
	uint32_t tag = (uint32_t)s->fill | 1;

	if (s->what == TAG)
		return drive_setxattr(d, &cred, ino, "user.tag", &tag,
		    sizeof(tag), 0);
	return drive_setattr(d, &cred, ino, &a, s->what == CUT ?
	    DRIVE_SET_SIZE : DRIVE_SET_MODE, &out);
}

static int
perform(struct drive *d, const struct step *s)
{
	struct drive_attr a;
	uint64_t pa, pb;
	char na[8], nb[8];
	int r;

	r = parent_of(d, s->a, na, &pa);
	if (r == 0)
		r = parent_of(d, s->b, nb, &pb);
	if (r < 0)
		return r;
	switch (s->what) {
	case SAVE:
		r = put(d, DRIVE_ROOT_INO, "tmp", O_TRUNC | O_RDWR, 0, s);
		return r < 0 ? r : drive_rename(d, DRIVE_ROOT_INO, "tmp", pa,
		    na, 0);
	case WRITE:
		return put(d, pa, na, O_TRUNC | O_RDWR, 0, s);
	case PATCH:
		return put(d, pa, na, O_RDWR, s->off, s);
	case RENAME:
		return drive_rename(d, pa, na, pb, nb, 0);
	case UNLINK:
		r = drive_lookup(d, pa, na, &a);
		if (r == 0)
			r = drive_unlink(d, pa, na);
		/* As the kernel does; the close reaps it. */
		if (r == 0)
			drive_forget(d, a.ino);
		return r;
	case CUT:
	case LINK:
	case CHMOD:
	case TAG:
	case NWHAT:
		break;
	}
	r = drive_lookup(d, pa, na, &a);
	if (r < 0)
		return r;
	if (s->what == LINK)
		return drive_link(d, a.ino, pb, nb, &a);
	return change(d, s, a.ino);
}

/* ---- a step that failed -------------------------------------------------- */

/* The drive is as m says, where content written by s may be anything that
 * was there before or is to be. */
static const char *
holds(struct teller *t, struct model *before, struct model *after,
    const struct step *s)
{
	struct model m[2] = { *before, *after };
	struct step steps[2] = { *s, *s };
	bool is_local[2] = { true, true };
	struct window w = { .lo = 0, .hi = after == before ? 0 : 1, .m = m,
	    .step = steps, .is_local = is_local };

	return look_at(t->m.d, &w);
}

/* One that writes in place may have been done in part: it is done anew, as a
 * whole, until it succeeds. */
static int
rewrite(struct teller *t, struct step *s, struct model *after)
{
	int r = -EIO, try;

	s->what = WRITE;
	for (try = 0; try < TRIES && r < 0; try++)
		r = perform(t->m.d, s);
	if (r < 0)
		return problem("a step never succeeds", strerror(-r));
	*after = t->model;
	model_apply(after, s);
	shared->how[t->at] = REWRITTEN;
	return 0;
}

static int
step_failed(struct teller *t, struct step *s, int r)
{
	struct model after = t->model;
	const char *why;
	char text[128];

	(void)snprintf(text, sizeof(text), "step %u (%d of n%d n%d) failed "
	    "with '%s'", t->at, s->what, s->a, s->b, strerror(-r));
	if (plan.how == HOW_STOP || plan.how == HOW_CUT)
		return problem(text, "nothing was to fail");
	model_apply(&after, s);
	why = holds(t, &t->model, &after, s);
	if (why)
		return problem(text, why);
	if (step_is_in_place(s)) {
		if (rewrite(t, s, &after))
			return 1;
		t->model = after;
		return 0;
	}
	if (!holds(t, &t->model, &t->model, s)) {
		shared->how[t->at] = SKIPPED;
		return 0;
	}
	t->model = after;
	return 0;
}

static int
tell_local(struct teller *t)
{
	struct step s = model_next(&t->x, &t->model);
	int r;

	r = perform(t->m.d, &s);
	if (r < 0)
		return step_failed(t, &s, r);
	model_apply(&t->model, &s);
	return 0;
}

/* ---- the other steps ----------------------------------------------------- */

static int
reopen(struct teller *t)
{
	char path[96];

	machine_down(&t->m);
	(void)snprintf(path, sizeof(path), "%s/state", plan.dir);
	return machine_up(&t->m, path);
}

/* A flush that failed is not believed again: the drive is opened anew. */
static int
tell_fsync(struct teller *t)
{
	int r, try;

	for (try = 0; try < TRIES; try++) {
		r = drive_fsyncdir(t->m.d, DRIVE_ROOT_INO);
		if (r == 0) {
			shared->floor = t->at + 1;
			return 0;
		}
		if (plan.how == HOW_STOP || plan.how == HOW_CUT)
			break;
		if (reopen(t))
			return 1;
	}
	return problem("fsync", strerror(-r));
}

static int
tell_sync(struct teller *t, bool with_checkpoint)
{
	struct sync_status st;
	struct err e = { .msg = "" };
	char text[192];
	int r, try;

	for (try = 0; try < TRIES; try++) {
		r = sync_wait(t->m.sync, clock_mono_ms() + WAIT_MS, NULL,
		    NULL);
		if (r == 0 && with_checkpoint)
			r = sync_checkpoint(t->m.sync, &e);
		if (r == 0)
			return 0;
		sync_kick(t->m.sync);
		if (try > 0 && reopen(t))
			return 1;
	}
	sync_get_status(t->m.sync, &st);
	(void)snprintf(text, sizeof(text), "%s; '%.80s' '%.60s'",
	    strerror(-r), st.problem, e.msg);
	return problem("it does not reach the store", text);
}

static int
tell_look(struct teller *t)
{
	struct step s = { .what = NWHAT };
	const char *why = holds(t, &t->model, &t->model, &s);

	return why ? problem("in the middle", why) : 0;
}

static int
tell(struct teller *t, char c)
{
	switch (c) {
	case 'l':
		return tell_local(t);
	case 'F':
		return tell_fsync(t);
	case 'S':
		return tell_sync(t, false);
	case 'C':
		return tell_sync(t, false) || tell_sync(t, true);
	case 'R':
		return reopen(t);
	case 'E':
		(void)drive_cache_trim(t->m.d, 0);
		return tell_look(t);
	case 'V':
		return tell_look(t);
	default:
		abort();
	}
}

static int
sub_make(struct drive *d)
{
	struct drive_attr a;
	int r = -EIO, try;

	for (try = 0; try < TRIES && r < 0; try++) {
		r = drive_lookup(d, DRIVE_ROOT_INO, "sub", &a);
		if (r == -ENOENT)
			r = drive_mknod(d, &cred, DRIVE_ROOT_INO, "sub",
			    S_IFDIR | 0755, &a);
	}
	return r < 0 ? problem("mkdir", strerror(-r)) : 0;
}

static uint64_t
seed_x(void)
{
	uint64_t x = plan.seed * 0x9e3779b97f4a7c15u + 1;

	(void)rand_next(&x);
	return x;
}

int
story_play(void)
{
	struct teller t = { .m.keys = keys, .x = seed_x() };
	char path[96];
	int r;

	(void)snprintf(path, sizeof(path), "%s/state", plan.dir);
	shared->is_armed = true;
	r = machine_up(&t.m, path);
	if (r == 0)
		r = sub_make(t.m.d);
	for (; r == 0 && story_script[t.at]; t.at++) {
		r = tell(&t, story_script[t.at]);
		if (r == 0)
			shared->done = t.at + 1;
	}
	machine_down(&t.m);
	shared->is_armed = false;
	model_forget();
	vault_keys_free(keys);
	vault_birth_done(&birth);
	return r;
}

/* ---- afterwards ---------------------------------------------------------- */

static void
on_finding(void *arg, const char *finding)
{
	(void)arg;
	(void)problem("fsck", finding);
}

static int
fsck(struct machine *m, const char *when)
{
	struct err e = { .msg = "" };
	int r;

	r = drive_fsck(m->d, false, on_finding, NULL);
	if (r == 0 && strcmp(when, "after all") == 0)
		r = sync_check(m->store, m->keys, m->d, on_finding, NULL,
		    NULL, &e);
	if (r == 0)
		return 0;
	if (!shared->problem[0])
		(void)problem(when, e.msg[0] ? e.msg : "fsck fails");
	return 1;
}

/* Take the story's steps again, and keep those of the window. */
static void
window_fill(struct window *w)
{
	struct model m = { .serials = 0 };
	uint32_t i, n = w->hi - w->lo + 1;
	uint64_t x = seed_x();
	struct step s = { .what = NWHAT };
	bool is_local;

	w->m = xalloc(n * sizeof(*w->m));
	w->step = xalloc(n * sizeof(*w->step));
	w->is_local = xalloc(n * sizeof(*w->is_local));
	for (i = 0; i < w->hi || i == 0; i++) {
		if (i == w->lo)
			w->m[0] = m;
		if (i == w->hi)
			break;
		is_local = story_script[i] == 'l';
		if (is_local) {
			s = model_next(&x, &m);
			if (shared->how[i] == REWRITTEN)
				s.what = WRITE;
			if (shared->how[i] != SKIPPED)
				model_apply(&m, &s);
		}
		if (i + 1 < w->lo)
			continue;
		w->m[i + 1 - w->lo] = m;
		w->step[i + 1 - w->lo] = s;
		w->is_local[i + 1 - w->lo] = is_local;
	}
}

static void
window_done(struct window *w)
{
	free(w->m);
	free(w->step);
	free(w->is_local);
}

/* The store alone gives the same tree to another machine. */
static int
look_recovered(struct machine *m)
{
	struct buf here = BUF_INIT(1 << 20), there = BUF_INIT(1 << 20);
	struct machine o = { .store = NULL };
	struct sync_found *found = NULL;
	struct err e = { .msg = "" };
	char path[96];
	int r;

	(void)snprintf(path, sizeof(path), "%s/other", plan.dir);
	r = store_up(&o.store, &e);
	if (r == 0)
		r = sync_recover(o.store, birth.recovery_seed, "other",
		    &o.keys, &found, &e);
	if (r == 0)
		r = drive_up(&o, path, &e);
	if (r == 0)
		r = sync_rebuild(o.store, o.keys, found, o.d, NULL, NULL, &e);
	if (r == 0)
		r = sync_up(&o, &e);
	if (r == 0)
		r = tree_dump(m->d, &here);
	if (r == 0)
		r = tree_dump(o.d, &there);
	if (r != 0)
		r = problem("recovery", e.msg[0] ? e.msg : strerror(-r));
	else if (here.len != there.len ||
	    memcmp(here.data, there.data, here.len) != 0)
		r = problem("recovery", "another tree");
	if (r && getenv("TORTURE_VERBOSE"))
		fprintf(stderr, "here:\n%s\nthere:\n%s\n", buf_cstr(&here),
		    buf_cstr(&there));
	machine_down(&o);
	sync_found_free(found);
	vault_keys_free(o.keys);
	buf_done(&here);
	buf_done(&there);
	return r;
}

int
story_look(const char *state)
{
	struct machine m = { .keys = keys };
	struct drive_attr a;
	struct window w = { .lo = shared->done, .hi = shared->done };
	const struct step *s;
	const char *why;
	char text[128];
	int r = 0;

	if (plan.how == HOW_CUT) {
		w.is_cut = true;
		w.lo = shared->floor;
	}
	/* The step that was under way. */
	if ((plan.how == HOW_CUT || plan.how == HOW_STOP) &&
	    shared->has_fired && story_script[w.hi])
		w.hi++;
	window_fill(&w);
	r = machine_up(&m, state);
	if (r == 0) {
		why = look_at(m.d, &w);
		s = &w.step[w.hi - w.lo];
		(void)snprintf(text, sizeof(text), "after %u to %u steps, "
		    "the last %d of n%d n%d (%zu at %zu)", w.lo, w.hi, s->what,
		    s->a, s->b, s->len, s->off);
		if (why)
			r = problem(text, why);
	}
	/* The times of a top folder that nobody touched are each one's own. */
	if (r == 0 && drive_mknod(m.d, &cred, DRIVE_ROOT_INO, "last",
	    S_IFDIR | 0755, &a) < 0)
		r = problem("afterwards", "it takes nothing");
	if (r == 0)
		r = tell_sync(&(struct teller){ .m = m }, false);
	if (r == 0)
		r = fsck(&m, "after all");
	if (r == 0)
		r = look_recovered(&m);
	machine_down(&m);
	window_done(&w);
	model_forget();
	vault_keys_free(keys);
	vault_birth_done(&birth);
	return r;
}
