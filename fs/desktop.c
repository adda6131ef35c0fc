/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "fs/desktop.h"

#include <errno.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "crypto/crypto.h"
#include "drive/drive.h"
#include "fs/backlog.h"
#include "fs/helper.h"
#include "fs/laggard.h"
#include "fs/netwatch.h"
#include "fs/notice.h"
#include "fs/parts.h"
#include "fs/rest.h"
#include "fs/stage.h"
#include "store/mirror.h"
#include "sync/sync.h"
#include "util/clock.h"
#include "util/log.h"
#include "util/thread.h"

#define SHUTDOWN_MS 4000	/* logind waits for 5 s */
#define LAST_MS 2000		/* for the last words to arrive */
/* Machines that wake together do not come to a store together. */
#define WAKE_SPREAD_MS 3000
/* A network comes up in several steps. */
#define NET_SETTLE_MS 300
#define NET_EVERY_MS 2000
/* Of stores that fail together the first is not one of several. */
#define STORES_SETTLE_MS 2000
/* A keyring that is unlocked at login has given its key by then. */
#define LOCKED_MS (60 * 1000)

struct desktop {
	struct parts *p;
	struct stage *stage;
	pthread_t thread;
	bool has_thread;
	int stop_fd, wake_fd;
	int net_fd;		/* -1: none */
	/* Of the thread, and of desktop_free after it. */
	struct helper helper;
	bool is_resting;
	int64_t kick_ms;	/* try the store again then; 0: not planned */
	int64_t kicked_ms;	/* that was last done */
	enum sync_link link;	/* as last seen */
	int64_t stores_ms;	/* look at each then; 0: not planned */
	struct laggard laggard;
	struct backlog backlog;
	int64_t backlog_ms;	/* look at it then; 0: not planned */
	int64_t locked_ms;	/* tell of it then; 0: not planned */
	bool is_locked_told;
	atomic_uint conflicts;	/* not looked at yet */
	struct notice notice;
};

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
	case SYNC_FAULT:
		*ret = NOTICE_FAULT;
		return true;
	case SYNC_ONLINE:
	case SYNC_OFFLINE:
		break;
	}
	return false;
}

static void
tell(struct desktop *d, enum notice_kind kind, unsigned times)
{
	if (d->p->opts.notify)
		notice_add(&d->notice, kind, times);
}

/* It is no longer so. */
static void
gone_send(struct desktop *d, enum notice_kind kind)
{
	char line[NOTICE_LINE_MAX];

	notice_drop(&d->notice, kind);
	if (d->helper.is_on)
		(void)helper_tell(&d->helper, line,
		    notice_gone_line(kind, line));
}

static void
link_look(struct desktop *d)
{
	struct sync_status st = { .link = SYNC_ONLINE };
	enum notice_kind kind;

	if (stage_enter(d->stage)) {
		sync_get_status(d->p->sync, &st);
		stage_leave(d->stage);
	}
	if (st.link == d->link)
		return;
	if (kind_of(d->link, &kind))
		gone_send(d, kind);
	d->link = st.link;
	if (kind_of(d->link, &kind))
		tell(d, kind, 1);
	d->backlog_ms = clock_mono_ms();
}

/* Changes that wait and wait. */
static void
backlog_now(struct desktop *d)
{
	struct drive_usage u = { .outbox_ops = 0 };
	int64_t now = clock_mono_ms();
	enum backlog_news news;

	if (d->backlog_ms == 0 || now < d->backlog_ms)
		return;
	if (stage_enter(d->stage)) {
		drive_usage(d->p->drive, &u);
		stage_leave(d->stage);
	}
	news = backlog_look(&d->backlog, d->link == SYNC_ONLINE,
	    u.oldest_unpublished_ns, now, clock_real_ns(), &d->backlog_ms);
	if (news == BACKLOG_TELL)
		tell(d, NOTICE_STALLED, 1);
	else if (news == BACKLOG_OVER)
		gone_send(d, NOTICE_STALLED);
}

static bool
is_locked(struct desktop *d)
{
	bool is_open = stage_enter(d->stage);

	if (is_open)
		stage_leave(d->stage);
	return !is_open;
}

/* One that came up locked, and still is. */
static void
locked_look(struct desktop *d)
{
	if (!is_locked(d)) {
		d->locked_ms = 0;
		if (d->is_locked_told)
			gone_send(d, NOTICE_LOCKED);
		d->is_locked_told = false;
	} else if (d->locked_ms > 0 && clock_mono_ms() >= d->locked_ms) {
		d->locked_ms = 0;
		d->is_locked_told = true;
		tell(d, NOTICE_LOCKED, 1);
	}
}

/* Each of several stores, where the drive as a whole has nothing to tell. */
static void
stores_look(struct desktop *d)
{
	struct mirror_state st[MIRROR_MEMBERS_MAX];
	struct notice none = { 0 };
	unsigned over, i;
	size_t n = 0;

	if (d->stores_ms == 0 || clock_mono_ms() < d->stores_ms)
		return;
	d->stores_ms = 0;
	if (d->link != SYNC_ONLINE || !stage_enter(d->stage))
		return;
	n = store_mirror_count(d->p->store);
	if (n > MIRROR_MEMBERS_MAX)
		n = MIRROR_MEMBERS_MAX;
	for (i = 0; i < n; i++)
		store_mirror_state(d->p->store, i, &st[i]);
	stage_leave(d->stage);
	over = laggard_look(&d->laggard, st, n, clock_mono_ms(),
	    d->p->opts.notify ? &d->notice : &none, &d->stores_ms);
	for (i = 0; i < LAGGARD_KINDS; i++) {
		if (over & 1u << i)
			gone_send(d, laggard_kind(i));
	}
}

static void
stores_soon(struct desktop *d)
{
	int64_t at = clock_mono_ms() + STORES_SETTLE_MS;

	if (d->stores_ms == 0 || at < d->stores_ms)
		d->stores_ms = at;
}

static void
conflicts_look(struct desktop *d)
{
	unsigned n = atomic_exchange(&d->conflicts, 0);

	if (n > 0)
		tell(d, NOTICE_CONFLICT, n);
}

static void
notice_send(struct desktop *d, enum notice_kind kind, unsigned times,
    uint64_t changes)
{
	struct notice_of o = { d->p->opts.title ? d->p->opts.title :
	    d->p->name, d->p->name, changes, times,
	    laggard_url(&d->laggard, kind), NULL };
	char line[NOTICE_LINE_MAX];

	if (!helper_tell(&d->helper, line, notice_line(kind, &o, line)))
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

/* ---- what is heard ------------------------------------------------------ */

static void
wake(struct desktop *d)
{
	if (!d->is_resting)
		return;
	d->is_resting = false;
	rest_end(d->stage);
	backlog_wake(&d->backlog, clock_mono_ms());
	d->kick_ms = clock_mono_ms() + 1 +
	    (int64_t)(crypto_random_u64() % WAKE_SPREAD_MS);
}

/* Is the store to be tried again later?  Nonsense may have been the page of a
 * network that wanted a login; of a store that answers else, no network mends
 * what it holds. */
static bool
is_waiting(struct desktop *d)
{
	struct sync_status st = { .retry_in_ms = 0 };

	if (d->link == SYNC_FAULT && stage_enter(d->stage)) {
		sync_get_status(d->p->sync, &st);
		stage_leave(d->stage);
	}
	return d->link == SYNC_OFFLINE || st.retry_in_ms > 0;
}

/* There may be a way to the store again: now or soon, and not on and on. */
static void
net_up(struct desktop *d)
{
	int64_t at = clock_mono_ms() + NET_SETTLE_MS;

	if (d->kick_ms > 0 || !is_waiting(d))
		return;
	if (at < d->kicked_ms + NET_EVERY_MS)
		at = d->kicked_ms + NET_EVERY_MS;
	d->kick_ms = at;
}

static void
kick(struct desktop *d)
{
	if (d->kick_ms == 0 || clock_mono_ms() < d->kick_ms)
		return;
	d->kick_ms = 0;
	d->kicked_ms = clock_mono_ms();
	rest_kick(d->stage);
}

static void
ready(struct desktop *d, const char *line)
{
	(void)helper_tell(&d->helper, line, (int)strlen(line));
}

static void
on_line(void *arg, const char *line)
{
	struct desktop *d = arg;

	if (strcmp(line, "sleep") == 0) {
		d->is_resting = true;
		if (rest_begin(d->stage, d->p->opts.lock_at_suspend) < 0)
			tell(d, NOTICE_NOT_LOCKED, 1);
		ready(d, "ready\tsleep\n");
	} else if (strcmp(line, "wake") == 0) {
		wake(d);
	} else if (strcmp(line, "shutdown") == 0) {
		rest_last_upload(d->stage, clock_mono_ms() + SHUTDOWN_MS,
		    d->stop_fd);
		ready(d, "ready\tshutdown\n");
	} else if (strcmp(line, "metered") == 0) {
		rest_metered(d->stage, d->p->opts.metered == METERED_PAUSE);
	} else if (strcmp(line, "unmetered") == 0) {
		rest_metered(d->stage, false);
	} else if (strcmp(line, "stay") != 0) {
		log_info("desktop: unknown words");
	}
}

/* ---- the thread --------------------------------------------------------- */

static int64_t
sooner(int64_t a, int64_t b)
{
	return a < 0 || (b >= 0 && b < a) ? b : a;
}

/* Milliseconds until there is something to do by itself; -1: nothing. */
static int64_t
next_ms(const struct desktop *d)
{
	const int64_t at[] = { d->kick_ms, d->stores_ms, d->backlog_ms,
	    d->locked_ms };
	int64_t now = clock_mono_ms(), wait = notice_wait(&d->notice, now);
	size_t i;

	for (i = 0; i < sizeof(at) / sizeof(*at); i++) {
		if (at[i] > 0)
			wait = sooner(wait, at[i] > now ? at[i] - now : 0);
	}
	return sooner(wait, helper_wait(&d->helper));
}

static void
desktop_run(void *arg)
{
	struct desktop *d = arg;
	struct pollfd p[4] = {
		{ .fd = d->stop_fd, .events = POLLIN },
		{ .fd = d->wake_fd, .events = POLLIN },
		{ .events = POLLIN },
		{ .fd = d->net_fd, .events = POLLIN },
	};
	uint64_t n;
	int r;

	for (;;) {
		(void)helper_start(&d->helper);
		p[2].fd = d->helper.is_on ? d->helper.child.fd : -1;
		r = poll(p, 4, (int)next_ms(d));
		if ((r < 0 && errno != EINTR) || p[0].revents)
			return;
		/* Without it nobody would say when that is over. */
		if (p[2].fd >= 0 && p[2].revents && !helper_hear(&d->helper,
		    on_line, d)) {
			wake(d);
			rest_metered(d->stage, false);
		}
		if (p[1].revents && read(d->wake_fd, &n, sizeof(n)) > 0) {
			link_look(d);
			conflicts_look(d);
			stores_soon(d);
		}
		stores_look(d);
		backlog_now(d);
		locked_look(d);
		if (p[3].revents && netwatch_read(d->net_fd))
			net_up(d);
		kick(d);
		notices_send(d);
	}
}

/* ---- life --------------------------------------------------------------- */

/* Of sync or of a mirror, under its lock. */
static void
on_link(void *arg)
{
	struct desktop *d = arg;
	uint64_t one = 1;

	if (write(d->wake_fd, &one, sizeof(one)) < 0)
		log_debug("eventfd: r=%d", -errno);
}

/* Of whoever applies what others did. */
static void
on_conflicts(void *arg, unsigned n)
{
	struct desktop *d = arg;

	(void)atomic_fetch_add(&d->conflicts, n);
	on_link(d);
}

int
desktop_new(struct parts *p, struct stage *s, struct desktop **ret)
{
	struct desktop *d;
	int r;

	*ret = NULL;
	d = calloc(1, sizeof(*d));
	if (!d)
		return -ENOMEM;
	d->p = p;
	d->stage = s;
	/* Without it, tries are only later. */
	d->net_fd = netwatch_open();
	d->stop_fd = eventfd(0, EFD_CLOEXEC);
	d->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (d->stop_fd < 0 || d->wake_fd < 0) {
		r = -errno;
		desktop_free(d, 0);
		return r;
	}
	p->on_link = on_link;
	p->on_link_arg = d;
	s->on_conflicts = on_conflicts;
	s->on_conflicts_arg = d;
	*ret = d;
	return 0;
}

int
desktop_start(struct desktop *d)
{
	int r;

	if (!d)
		return 0;
	if (is_locked(d))
		d->locked_ms = clock_mono_ms() + LOCKED_MS;
	/* What was said before there was anybody to hear it. */
	on_link(d);
	r = thread_start(&d->thread, "desktop", desktop_run, d);
	d->has_thread = r == 0;
	return r;
}

void
desktop_look(struct desktop *d)
{
	if (d)
		on_link(d);
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
	/* What is to be uploaded yet may be. */
	wake(d);
}

void
desktop_free(struct desktop *d, uint64_t changes_left)
{
	if (!d)
		return;
	d->p->on_link = NULL;
	if (changes_left > 0 && d->p->opts.notify)
		notice_send(d, NOTICE_UNSENT, 1, changes_left);
	helper_finish(&d->helper, LAST_MS);
	if (d->stop_fd >= 0)
		(void)close(d->stop_fd);
	if (d->wake_fd >= 0)
		(void)close(d->wake_fd);
	if (d->net_fd >= 0)
		(void)close(d->net_fd);
	free(d);
}
