/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "fs/mount.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <malloc.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "drive/drive.h"
#include "fs/await.h"
#include "fs/control.h"
#include "fs/desktop.h"
#include "fs/mount_lock.h"
#include "fs/mountpoint.h"
#include "fs/inval.h"
#include "fs/leftover.h"
#include "fs/live.h"
#include "fs/loop.h"
#include "fs/manager.h"
#include "fs/ops.h"
#include "fs/parts.h"
#include "fs/raw.h"
#include "fs/remember.h"
#include "fs/session.h"
#include "fs/signals.h"
#include "fs/stage.h"
#include "store/store.h"
#include "sync/sync.h"
#include "util/clock.h"
#include "util/err.h"
#include "util/log.h"
#include "util/thread.h"

#define THREADS_MAX 32
#define NOFILE_MAX 65536
#define DRAIN_PIECE_MS 500
#define IDLE_LOOK_MS 1000
#define ENDED_LOOK_MS 20
#define SETTLE_MS 5000		/* for what was written through maps */
#define ELSEWHERE_MS 5000	/* a session that does not end is held */
#define STOP_SPARE_S 30		/* the longest of what stopping does but for
				 * uploads */
#define READ_AHEAD_KIB 1024

struct mount {
	const struct mount_conf *conf;
	struct parts *p;
	char mp[PATH_MAX];
	struct stage stage;
	struct fuse_session *se;
	struct loop *loop;
	struct inval *inval;
	struct live *live;
	struct control *control;
	struct await *await;
	struct desktop *desktop;
	struct leftover *leftover;
	pthread_t watch;
	int end_signal;		/* that has asked for the end; 0: none */
	bool is_mounted, has_watch;
	struct signals signals;
	int stop_fd, lock_fd;
};

/* ---- the watch thread --------------------------------------------------- */

/* Let the kernel read ahead in requests as large as one may be; it has no
 * other way to be told, and only root may. */
static void
readahead_raise(const struct mount *m)
{
	struct mounted found;
	char path[64];
	FILE *f;

	if (geteuid() != 0 || mounted_by_path(m->mp, &found) < 0)
		return;
	(void)snprintf(path, sizeof(path),
	    "/sys/class/bdi/%u:%u/read_ahead_kb", found.major, found.minor);
	f = fopen(path, "we");
	if (!f)
		return;
	(void)fprintf(f, "%d\n", READ_AHEAD_KIB);
	(void)fclose(f);	/* it is only slower without */
}

static void
say_state(struct mount *m)
{
	bool is_open = stage_enter(&m->stage);

	if (is_open)
		stage_leave(&m->stage);
	manager_tell("STATUS=mounted on %s%s", m->mp, is_open ? "" :
	    ", locked");
}

static void
lock_idle(struct mount *m)
{
	struct stage_left left;
	struct err e = { "" };

	if (mountpoint_free_inside(m->mp, &e) < 0 ||
	    stage_lock(&m->stage, STAGE_IDLE, &left, &e) < 0) {
		log_debug("not locked: %s", e.msg);
		return;
	}
	log_info("locked: nobody has used it");
	say_state(m);
}

/* The first request of the mount is ours: when it is answered, the drive is
 * of use.  Then wait for a signal that ends the mount. */
static void
watch_run(void *arg)
{
	struct mount *m = arg;
	struct pollfd p[2] = {
		{ .fd = m->stop_fd, .events = POLLIN },
		{ .fd = m->signals.fd, .events = POLLIN },
	};
	int sig, r;
	struct statvfs v;
	int64_t idle_ms = (int64_t)m->p->opts.lock_after * 1000;

	if (statvfs(m->mp, &v) == 0) {
		readahead_raise(m);
		manager_tell("READY=1");
		say_state(m);
		m->conf->ready(m->conf->arg, m->mp);
		/* Not before: its program would hold the terminal that was
		 * let go of just now. */
		r = desktop_start(m->desktop);
		if (r < 0)
			log_warn("notices and sleep: thread: r=%d", r);
	}
	for (;;) {
		if (poll(p, 2, idle_ms > 0 ? IDLE_LOOK_MS : -1) < 0 &&
		    errno != EINTR)
			return;
		if (p[0].revents)
			return;
		if (idle_ms > 0 && stage_is_idle(&m->stage, idle_ms))
			lock_idle(m);
		sig = signals_next(&m->signals);
		if (sig == 0)
			continue;
		log_info("signal %d: unmounting", sig);
		m->end_signal = sig;
		manager_tell("STOPPING=1\nSTATUS=unmounting");
		/* While there is who answers it. */
		m->stage.ctx.is_stopping = true;
		ops_settle_maps(&m->stage.ctx, clock_mono_ms() + SETTLE_MS);
		live_hold(m->live, true);
		inval_hold(m->inval);
		loop_stop(m->loop);
		return;
	}
}

static void
watch_stop(struct mount *m)
{
	uint64_t v = 1;

	if (!m->has_watch)
		return;
	if (write(m->stop_fd, &v, sizeof(v)) < 0)
		log_error("cannot end the watch: r=%d", -errno);
	thread_join(m->watch);
	m->has_watch = false;
}

/* ---- helpers of the session -------------------------------------------- */

static int
session_open(struct mount *m, struct err *e)
{
	struct below below;
	int r;

	r = session_new(m->p, m->conf->source, &m->stage.ctx, &m->se, e);
	if (r < 0)
		return r;
	m->stage.ctx.se = m->se;
	mountpoint_open(m->mp, &below);
	r = session_mount(m->se, m->p, m->mp, e);
	mountpoint_close(&below, r == 0);
	if (r < 0)
		return r;
	m->is_mounted = true;
	m->stage.note.fd = fuse_session_fd(m->se);
	r = raw_install(m->se);
	return r < 0 ? err_set(e, r, "the FUSE library: %s", strerror(-r)) :
	    0;
}

/* Whoever waits for the network gives up. */
static void
on_ended(void *arg)
{
	struct mount *m = arg;

	m->stage.ctx.is_stopping = true;
}

static int
on_unmount(void *arg, bool is_lazy, struct err *e)
{
	struct mount *m = arg;
	int r, ms = 0;

	live_hold(m->live, true);
	r = mountpoint_unmount(m->mp, is_lazy, e);
	live_hold(m->live, false);
	if (r < 0 || is_lazy)
		return r;
	for (; !m->stage.ctx.is_stopping && ms < ELSEWHERE_MS;
	    ms += ENDED_LOOK_MS)
		(void)poll(NULL, 0, ENDED_LOOK_MS);
	return m->stage.ctx.is_stopping ? 0 : 1;
}

static int
on_unlock(void *arg, const struct secret *s, bool is_slot, struct err *e)
{
	struct mount *m = arg;
	int r;

	r = stage_unlock(&m->stage, s, is_slot, e);
	say_state(m);
	/* Once locked again, it is the user's to unlock. */
	if (r == 0)
		await_end(m->await);
	desktop_look(m->desktop);
	return r;
}

static int
on_keyring(void *arg, const struct secret *key, struct err *e)
{
	return on_unlock(arg, key, true, e);
}

static int
on_command(void *arg, const struct secret *pass, struct err *e)
{
	return on_unlock(arg, pass, false, e);
}

static int
on_lock(void *arg, bool is_forced, struct stage_left *ret, struct err *e)
{
	struct mount *m = arg;
	int r;

	r = is_forced ? 0 : mountpoint_free_inside(m->mp, e);
	if (r == 0)
		r = stage_lock(&m->stage, is_forced ? STAGE_FORCE :
		    STAGE_WAIT, ret, e);
	say_state(m);
	return r;
}

static int
helpers_start(struct mount *m, struct err *e)
{
	struct control_host h = { m->p, &m->stage, m->mp,
	    m->stage.ctx.meter, clock_real_ns(), on_unmount, on_unlock,
	    on_lock, m };
	struct loop_hook k = { stage_request, stage_answered, &m->stage };
	struct await_conf a = { m->p->name, m->conf->is_command_late ?
	    m->p->opts.passphrase_command : NULL, on_keyring, on_command, m };
	int r;

	r = loop_new(m->se, THREADS_MAX, &k, &m->loop);
	if (r < 0)
		return err_set(e, r, "%s", strerror(-r));
	r = live_start(m->se, &m->stage, &m->live);
	if (r == 0)
		r = inval_start(m->se, m->live, &m->inval);
	if (r < 0)
		return err_set(e, r, "thread: %s", strerror(-r));
	m->stage.live = m->live;
	stage_set_inval(&m->stage, m->inval);
	r = control_start(&h, &m->control, e);
	if (r < 0)
		return r;
	r = m->p->keys ? 0 : await_start(&a, &m->await);
	if (r == 0)
		r = thread_start(&m->watch, "watch", watch_run, m);
	if (r < 0)
		return err_set(e, r, "thread: %s", strerror(-r));
	m->has_watch = true;
	return 0;
}

/* ---- up and down -------------------------------------------------------- */

static int
mount_up(struct mount *m, struct err *e)
{
	struct parts *p = m->p;
	char def[PATH_MAX], former[PATH_MAX];
	const char *where = m->conf->mountpoint;
	int r;

	/* First: who has the drive open then is no mount that ends. */
	r = mount_lock_take(p->name, (unsigned)p->opts.drain + STOP_SPARE_S,
	    m->signals.fd, &m->lock_fd, e);
	if (r == 0)
		m->conf->alone(m->conf->arg);
	if (r == 0 && p->keys)
		r = parts_open_drive(p, e);
	if (r < 0)
		return r;
	if (!where)
		where = p->opts.mountpoint;
	if (!where) {
		r = place_mountpoint(def, e);
		if (r < 0)
			return r;
		where = def;
	}
	r = mountpoint_prepare(where, m->mp, e);
	if (r < 0)
		return r;
	mountpoint_noted(p->name, former);
	mountpoint_note(m->lock_fd, m->mp);
	r = stage_init(&m->stage, p, m->mp, e);
	if (r == 0) {
		r = desktop_new(p, &m->stage, &m->desktop);
		if (r < 0)
			return err_set(e, r, "%s", strerror(-r));
	}
	if (r == 0) {
		r = leftover_start(m->mp, former, &m->leftover);
		if (r < 0)
			return err_set(e, r, "thread: %s", strerror(-r));
	}
	if (r == 0 && p->keys)
		r = stage_up(&m->stage, e);
	if (r == 0)
		r = session_open(m, e);
	if (r == 0)
		r = helpers_start(m, e);
	return r;
}

static bool
is_signalled(const struct mount *m)
{
	struct pollfd p = { .fd = m->signals.fd, .events = POLLIN };

	return poll(&p, 1, 0) > 0;
}

/* The last upload: until done, out of time, or a further signal wants it
 * over. */
static void
sync_end(struct mount *m)
{
	int64_t end = clock_mono_ms() + (m->p->is_metered ? 0 :
	    (int64_t)m->p->opts.drain * 1000);
	struct drive_usage u;
	int64_t until;
	int r = -ETIMEDOUT;

	if (!m->p->sync)
		return;
	while (r == -ETIMEDOUT && clock_mono_ms() < end && !is_signalled(m)) {
		drive_usage(m->p->drive, &u);
		if (u.outbox_ops == 0 && u.staged_blocks == 0)
			break;
		manager_tell("EXTEND_TIMEOUT_USEC=%d\nSTATUS=uploading: "
		    "%" PRIu64 " changes left", STOP_SPARE_S * 1000000,
		    u.outbox_ops);
		until = clock_mono_ms() + DRAIN_PIECE_MS;
		r = sync_wait_on(m->p->sync, until < end ? until : end, NULL,
		    NULL);
	}
	if (m->p->opts.drain == 0 || m->p->is_metered || is_signalled(m))
		end = 0;
	sync_stop(m->p->sync, end);
	m->p->sync = NULL;
}

static void
mount_down(struct mount *m, bool is_forgotten, struct mount_left *ret)
{
	static const struct drive_notify none;
	struct drive_usage u;

	memset(&u, 0, sizeof(u));
	m->stage.ctx.is_stopping = true;
	/* Nobody else uses the session while it goes. */
	live_hold(m->live, true);
	inval_hold(m->inval);
	/* First, so that a request of the watch thread's own ends. */
	if (m->is_mounted)
		fuse_session_unmount(m->se);
	watch_stop(m);
	live_stop(m->live);
	await_end(m->await);
	desktop_stop(m->desktop);
	control_stop(m->control);
	/* Those who unlock end it, too: only then is it freed. */
	await_stop(m->await);
	m->await = NULL;
	/* What is unlocked is remembered: nobody is left to do so. */
	if (is_forgotten)
		remember_forget(m->p->name);
	leftover_stop(m->leftover);
	/* Still open at a forced unmount: flushed and closed here. */
	stage_close(&m->stage);
	sync_end(m);
	if (m->p->drive) {
		drive_set_notify(m->p->drive, &none);
		drive_usage(m->p->drive, &u);
	}
	stage_done(&m->stage);
	inval_stop(m->inval);
	live_free(m->live);
	loop_free(m->loop);
	if (m->se)
		fuse_session_destroy(m->se);
	store_close(m->p->store);
	m->p->store = NULL;
	if (m->p->drive)
		drive_close(m->p->drive);
	m->p->drive = NULL;
	control_free(m->control, u.outbox_ops, u.staged_bytes);
	desktop_free(m->desktop, u.outbox_ops);
	ret->ops = u.outbox_ops;
	ret->bytes = u.staged_bytes;
}

static void
limits_set(void)
{
	struct rlimit l;

	/* One heap for all threads: what one frees another can use, and it
	 * grows by more than a page with each call of the kernel. */
	(void)mallopt(M_ARENA_MAX, 1);
	if (getrlimit(RLIMIT_NOFILE, &l) < 0)
		return;
	l.rlim_cur = l.rlim_max < NOFILE_MAX ? l.rlim_max : NOFILE_MAX;
	(void)setrlimit(RLIMIT_NOFILE, &l);	/* fewer connections then */
}

int
mount_run(const struct mount_conf *c, struct mount_left *ret, struct err *e)
{
	struct mount *m = calloc(1, sizeof(*m));
	bool is_forgotten = false;
	int r;

	if (!m)
		return err_set(e, -ENOMEM, "out of memory");
	m->conf = c;
	m->p = c->parts;
	m->signals.fd = m->stop_fd = m->lock_fd = -1;
	limits_set();
	m->stop_fd = eventfd(0, EFD_CLOEXEC);
	r = m->stop_fd < 0 ? -errno : signals_init(&m->signals);
	if (r < 0)
		(void)err_set(e, r, "signals: %s", strerror(-r));
	else
		r = mount_up(m, e);
	if (r == 0) {
		log_info("mounted");
		r = loop_run(m->loop, on_ended, m);
		if (r != 0)
			r = err_set(e, r < 0 ? r : -EIO, "the session with the "
			    "kernel ended early");
		log_info("unmounted r=%d", r);
		manager_tell("STOPPING=1\nSTATUS=unmounted");
		/* SIGTERM may be a restart; the user ends it otherwise. */
		is_forgotten = r == 0 && m->end_signal != SIGTERM;
	}
	mount_down(m, is_forgotten, ret);
	if (m->lock_fd >= 0)
		(void)close(m->lock_fd);
	signals_done(&m->signals);
	if (m->stop_fd >= 0)
		(void)close(m->stop_fd);
	free(m);
	return r;
}
