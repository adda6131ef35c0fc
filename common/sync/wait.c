/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Waiting until all is on the store; and what is told of the files that never
 * get there, because the disk here does not give them.
 */
#include <errno.h>
#include <stdio.h>

#include "sync/sync_priv.h"
#include "util/buf.h"
#include "util/clock.h"
#include "util/tr.h"

#define WAIT_STEP_MS 500	/* how often sync_wait tells its progress */
#define STUCK_MS 3000		/* so long nothing but such files was left */

/* ---- what cannot be read here ---- */

void
unread_tell(struct sync *s)
{
	struct buf path = BUF_INIT(1u << 20);
	bool is_all, is_on;
	size_t n;

	n = drive_unread(s->drive, &is_all, &path);
	mutex_lock(&s->lock);
	is_on = s->st.link == SYNC_ONLINE;
	/* What the link has to say goes before. */
	if (is_on && n) {
		(void)snprintf(s->st.problem, sizeof(s->st.problem),
		    N_("'%.120s' cannot be read on this machine's disk and "
		    "is not uploaded"), buf_cstr(&path));
		(void)snprintf(s->st.advice, sizeof(s->st.advice), "%s",
		    N_("write the file anew, or delete it; 'coffre fsck' "
		    "names all that is damaged"));
	} else if (is_on && s->is_unread_told) {
		s->st.problem[0] = s->st.advice[0] = '\0';
	}
	s->is_unread_told = is_on && n;
	mutex_unlock(&s->lock);
	buf_done(&path);
}

/* Nothing else is left, and has not been for a while: all that could go has
 * gone. */
static bool
unread_is_left(struct sync *s, const struct drive_usage *u)
{
	int64_t now = clock_mono_ms();
	bool is_all, r;
	size_t n;

	n = drive_unread(s->drive, &is_all, NULL);
	mutex_lock(&s->lock);
	if (n == 0 || !is_all || s->has_pending || s->is_head_dirty ||
	    !s->is_checked || s->st.link != SYNC_ONLINE ||
	    s->stuck_ops != u->outbox_ops)
		s->stuck_ms = 0;
	s->stuck_ops = u->outbox_ops;
	if (!s->stuck_ms)
		s->stuck_ms = now;
	r = now - s->stuck_ms >= STUCK_MS;
	mutex_unlock(&s->lock);
	return r;
}

/* ---- waiting ---- */

/* What ends a wait that cannot succeed: a failure since it began (or since
 * sync_wait, of this side) that only the user can mend. */
static int
wait_verdict_locked(const struct sync *s, uint64_t fails)
    REQUIRES(s->lock)
{
	if (s->is_stopping)
		return -ECANCELED;
	if (s->here_r < 0)
		return -EIO;
	if (s->fails == fails)
		return 0;
	if (s->is_alarm)
		return -EROFS;
	if (s->st.link == SYNC_REFUSED)
		return -EACCES;
	if (s->st.link == SYNC_FULL)
		return -ENOSPC;
	return 0;
}

/* Is that all?  After a loss nothing can be rebuilt from the store before
 * there is a checkpoint. */
static bool
is_up_locked(const struct sync *s, const struct drive_usage *u)
    REQUIRES(s->lock)
{
	return u->staged_blocks == 0 && u->outbox_ops == 0 &&
	    !s->has_pending && !s->is_head_dirty && s->is_checked &&
	    !s->is_ckpt_due;
}

int
sync_wait_on(struct sync *s, int64_t deadline_ms,
    void (*progress)(void *arg, uint64_t bytes_left, uint64_t ops_left),
    void *arg)
{
	struct drive_usage u;
	uint64_t fails, work;
	int64_t until;
	bool is_stuck;
	int r = 0;

	mutex_lock(&s->lock);
	s->force++;
	fails = s->fails;
	mutex_unlock(&s->lock);
	sync_kick(s);
	for (;;) {
		mutex_lock(&s->lock);
		work = s->work;
		mutex_unlock(&s->lock);
		drive_usage(s->drive, &u);
		if (progress)
			progress(arg, u.staged_bytes, u.outbox_ops);
		is_stuck = unread_is_left(s, &u);
		until = clock_mono_ms() + WAIT_STEP_MS;
		mutex_lock(&s->lock);
		if (is_up_locked(s, &u))
			break;
		r = wait_verdict_locked(s, fails);
		if (r == 0 && is_stuck)
			r = -EIO;
		if (r == 0 && clock_mono_ms() >= deadline_ms)
			r = -ETIMEDOUT;
		if (r < 0)
			break;
		if (until > deadline_ms)
			until = deadline_ms;
		while (work == s->work && clock_mono_ms() < until &&
		    wait_verdict_locked(s, fails) == 0)
			(void)cond_wait_until(&s->changed, &s->lock, until);
		mutex_unlock(&s->lock);
	}
	s->force--;
	mutex_unlock(&s->lock);
	return r;
}

int
sync_wait_begin(struct sync *s)
{
	/* What could not be read before may be by now. */
	mutex_lock(&s->lock);
	s->stuck_ms = 0;
	s->here_r = 0;
	s->here_from = s->kicks + 1;
	mutex_unlock(&s->lock);
	/* What programs have written lies in memory for a while. */
	return drive_commit_all(s->drive);
}

int
sync_wait(struct sync *s, int64_t deadline_ms,
    void (*progress)(void *arg, uint64_t bytes_left, uint64_t ops_left),
    void *arg)
{
	int r, here = sync_wait_begin(s);

	r = sync_wait_on(s, deadline_ms, progress, arg);
	return r < 0 ? r : here;
}
