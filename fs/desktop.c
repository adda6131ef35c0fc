/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "fs/desktop.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "fs/child.h"
#include "fs/desktop_words.h"
#include "fs/notice.h"
#include "fs/parts.h"
#include "fs/stage.h"
#include "sync/sync.h"
#include "util/clock.h"
#include "util/err.h"
#include "util/log.h"
#include "util/thread.h"

#define PROGRAM "coffre-desktop"
#define AGAIN_MS (60 * 1000)	/* one that has ended is started again */
#define END_MS 2000		/* for the last words to arrive */

struct desktop {
	struct parts *p;
	struct stage *stage;
	pthread_t thread;
	bool has_thread;
	int stop_fd, wake_fd;
	/* Of the thread, and of desktop_free after it. */
	struct child child;
	bool has_child;
	int64_t start_ms;	/* not before */
	enum sync_link link;	/* as last seen */
	struct notice notice;
};

/* ---- the program -------------------------------------------------------- */

/* Is there a session bus?  Looked at here, so that nothing is started where
 * there is none. */
static bool
has_bus(void)
{
	const char *address = getenv("DBUS_SESSION_BUS_ADDRESS");
	const char *run = getenv("XDG_RUNTIME_DIR");
	char path[PATH_MAX];

	if (address && *address)
		return true;
	if (!run || snprintf(path, sizeof(path), "%s/bus", run) >=
	    (int)sizeof(path))
		return false;
	return access(path, F_OK) == 0;
}

static bool
program_start(struct desktop *d)
{
	/* One that hangs does not make us hang. */
	struct timeval limit = { .tv_sec = 1 };
	char path[PATH_MAX];
	char *argv[] = { path, NULL };
	int r;

	if (d->has_child)
		return true;
	if (clock_mono_ms() < d->start_ms || !has_bus())
		return false;
	d->start_ms = clock_mono_ms() + AGAIN_MS;
	child_own_path(PROGRAM, path);
	r = child_start(&d->child, argv);
	if (r < 0) {
		log_info("'" PROGRAM "' does not start: r=%d", r);
		return false;
	}
	(void)setsockopt(d->child.fd, SOL_SOCKET, SO_SNDTIMEO, &limit,
	    sizeof(limit));
	d->has_child = true;
	return true;
}

static void
program_end(struct desktop *d)
{
	if (d->has_child)
		child_kill(&d->child);
	d->has_child = false;
}

static bool
program_tell(struct desktop *d, const char *line, int len)
{
	if (!program_start(d))
		return false;
	if (child_write(&d->child, line, (size_t)len) == 0)
		return true;
	program_end(d);
	return false;
}

/* It says nothing yet: what comes is its end. */
static void
program_hear(struct desktop *d)
{
	char buf[256];

	if (recv(d->child.fd, buf, sizeof(buf), MSG_DONTWAIT) == 0) {
		log_info("'" PROGRAM "' has ended: %d",
		    child_wait(&d->child));
		d->has_child = false;
	}
}

/* ---- what is told ------------------------------------------------------- */

static bool
kind_of(enum sync_link link, enum notice_kind *ret)
{
	switch (link) {
	case SYNC_REFUSED:
		*ret = NOTICE_SIGN_IN;
		return true;
	case SYNC_FULL:
		*ret = NOTICE_FULL;
		return true;
	case SYNC_ALARM:
		*ret = NOTICE_ALARM;
		return true;
	case SYNC_ONLINE:
	case SYNC_OFFLINE:
	case SYNC_FAULT:
		break;
	}
	return false;
}

static void
link_look(struct desktop *d)
{
	struct sync_status st = { .link = SYNC_ONLINE };
	char line[NOTICE_LINE_MAX];
	enum notice_kind kind;

	if (stage_enter(d->stage)) {
		sync_get_status(d->p->sync, &st);
		stage_leave(d->stage);
	}
	if (st.link == d->link)
		return;
	if (kind_of(d->link, &kind)) {
		notice_drop(&d->notice, kind);
		if (d->has_child)
			(void)program_tell(d, line, notice_gone_line(kind,
			    line));
	}
	d->link = st.link;
	if (kind_of(d->link, &kind))
		notice_add(&d->notice, kind);
}

static void
notice_send(struct desktop *d, enum notice_kind kind, unsigned times,
    uint64_t changes)
{
	struct notice_of o = { d->p->opts.title ? d->p->opts.title :
	    d->p->name, d->p->name, changes, times };
	char line[NOTICE_LINE_MAX];

	if (!program_tell(d, line, notice_line(kind, &o, line)))
		log_debug("a notice is not shown: nobody is there");
}

static void
notices_send(struct desktop *d)
{
	enum notice_kind kind;
	unsigned times;

	while (notice_take(&d->notice, clock_mono_ms(), &kind, &times))
		notice_send(d, kind, times, 0);
}

static void
desktop_run(void *arg)
{
	struct desktop *d = arg;
	struct pollfd p[3] = {
		{ .fd = d->stop_fd, .events = POLLIN },
		{ .fd = d->wake_fd, .events = POLLIN },
		{ .events = POLLIN },
	};
	uint64_t n;
	int r;

	for (;;) {
		p[2].fd = d->has_child ? d->child.fd : -1;
		r = poll(p, 3, (int)notice_wait(&d->notice, clock_mono_ms()));
		if ((r < 0 && errno != EINTR) || p[0].revents)
			return;
		if (p[2].fd >= 0 && p[2].revents)
			program_hear(d);
		if (p[1].revents && read(d->wake_fd, &n, sizeof(n)) > 0)
			link_look(d);
		notices_send(d);
	}
}

/* ---- life --------------------------------------------------------------- */

/* Of sync, under its lock. */
static void
on_link(void *arg)
{
	struct desktop *d = arg;
	uint64_t one = 1;

	if (write(d->wake_fd, &one, sizeof(one)) < 0)
		log_debug("eventfd: r=%d", -errno);
}

int
desktop_new(struct parts *p, struct stage *s, struct desktop **ret)
{
	struct desktop *d;
	int r;

	*ret = NULL;
	if (!p->opts.notify)
		return 0;
	d = calloc(1, sizeof(*d));
	if (!d)
		return -ENOMEM;
	d->p = p;
	d->stage = s;
	d->stop_fd = eventfd(0, EFD_CLOEXEC);
	d->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (d->stop_fd < 0 || d->wake_fd < 0) {
		r = -errno;
		desktop_free(d, 0);
		return r;
	}
	p->on_link = on_link;
	p->on_link_arg = d;
	*ret = d;
	return 0;
}

int
desktop_start(struct desktop *d)
{
	int r;

	if (!d)
		return 0;
	/* What was said before there was anybody to hear it. */
	on_link(d);
	r = thread_start(&d->thread, "desktop", desktop_run, d);
	d->has_thread = r == 0;
	return r;
}

void
desktop_stop(struct desktop *d)
{
	uint64_t one = 1;

	if (!d || !d->has_thread)
		return;
	if (write(d->stop_fd, &one, sizeof(one)) < 0)
		log_error("cannot end the desktop's thread: r=%d", -errno);
	thread_join(d->thread);
	d->has_thread = false;
}

/* It ends by itself when it has passed on what it was told. */
static void
program_finish(struct desktop *d)
{
	int64_t end = clock_mono_ms() + END_MS;
	char buf[256];
	ssize_t n;

	child_close_input(&d->child);
	while ((n = child_read(&d->child, buf, sizeof(buf), end, -1)) > 0)
		;
	if (n == 0)
		(void)child_wait(&d->child);
	else
		child_kill(&d->child);
	d->has_child = false;
}

void
desktop_free(struct desktop *d, uint64_t changes_left)
{
	if (!d)
		return;
	d->p->on_link = NULL;
	if (changes_left > 0)
		notice_send(d, NOTICE_UNSENT, 1, changes_left);
	if (d->has_child)
		program_finish(d);
	if (d->stop_fd >= 0)
		(void)close(d->stop_fd);
	if (d->wake_fd >= 0)
		(void)close(d->wake_fd);
	free(d);
}
