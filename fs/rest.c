/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "fs/rest.h"

#include <errno.h>
#include <poll.h>

#include "drive/drive.h"
#include "fs/parts.h"
#include "fs/stage.h"
#include "store/store.h"
#include "sync/sync.h"
#include "util/clock.h"
#include "util/err.h"
#include "util/log.h"

#define PIECE_MS 250

static void
to_disk(struct stage *s)
{
	int r = drive_commit_all(s->p->drive);

	if (r < 0)
		log_warn("before the machine sleeps: commit r=%d", r);
	r = drive_fsyncdir(s->p->drive, DRIVE_ROOT_INO);
	if (r < 0)
		log_warn("before the machine sleeps: sync r=%d", r);
}

static int
lock(struct stage *s, const char *when)
{
	struct stage_left left;
	struct err e = { "" };
	int r;

	r = stage_lock(s, STAGE_FORCE, &left, &e);
	if (r < 0)
		log_warn("not locked %s: %s", when, e.msg);
	return r;
}

int
rest_begin(struct stage *s, bool with_lock)
{
	int r;

	log_info("the machine is about to sleep");
	s->ctx.is_resting = true;
	if (stage_enter(s)) {
		store_interrupt(s->p->store, true);
		to_disk(s);
		stage_leave(s);
	}
	r = with_lock ? lock(s, "before the machine sleeps") : 0;
	s->is_lock_due = r < 0;
	return r;
}

void
rest_end(struct stage *s)
{
	if (stage_enter(s)) {
		store_interrupt(s->p->store, false);
		stage_leave(s);
	}
	if (s->ctx.is_resting)
		log_info("the machine is awake");
	s->ctx.is_resting = false;
	/* Late, but it is what was asked for. */
	if (s->is_lock_due && !s->ctx.is_stopping)
		(void)lock(s, "after the sleep, either");
	s->is_lock_due = false;
}

void
rest_kick(struct stage *s)
{
	if (stage_enter(s)) {
		sync_kick(s->p->sync);
		stage_leave(s);
	}
}

void
rest_metered(struct stage *s, bool is_metered)
{
	s->p->is_metered = is_metered;
	if (stage_enter(s)) {
		sync_spare(s->p->sync, is_metered);
		stage_leave(s);
	}
}

static bool
is_over(struct stage *s, int64_t deadline_ms, int stop_fd)
{
	struct pollfd p = { .fd = stop_fd, .events = POLLIN };
	struct sync_status st;
	struct drive_usage u;

	drive_usage(s->p->drive, &u);
	sync_get_status(s->p->sync, &st);
	if (st.link != SYNC_ONLINE || st.is_sparing)
		return true;
	return (u.outbox_ops == 0 && u.staged_blocks == 0) ||
	    clock_mono_ms() >= deadline_ms || poll(&p, 1, 0) > 0;
}

void
rest_last_upload(struct stage *s, int64_t deadline_ms, int stop_fd)
{
	int r = -ETIMEDOUT;

	if (!stage_enter(s))
		return;
	to_disk(s);
	while (r == -ETIMEDOUT && !is_over(s, deadline_ms, stop_fd))
		r = sync_wait_on(s->p->sync, clock_mono_ms() + PIECE_MS, NULL,
		    NULL);
	stage_leave(s);
}
