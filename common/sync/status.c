/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "sync/sync_priv.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "crypto/crypto.h"
#include "util/clock.h"
#include "util/log.h"
#include "util/tr.h"

/* What is said of each state of the link. */
struct words {
	enum sync_link link;
	const char *problem, *advice;
};

static const struct words link_words[] = {
	{ SYNC_OFFLINE,
	    N_("the store is not reached"),
	    N_("nothing to do: work goes on here and is uploaded when the "
	    "network is back") },
	{ SYNC_REFUSED,
	    N_("no access to the store"),
	    N_("if the password has changed, 'coffre store password' takes "
	    "the new one; otherwise mend what is said, then run 'coffre "
	    "sync'") },
	{ SYNC_FULL,
	    N_("the store is full"),
	    N_("make room there or get more space; then run 'coffre sync'") },
	{ SYNC_FAULT,
	    N_("the store gives answers that make no sense"),
	    N_("check the URL, and that no login page or proxy stands between; "
	    "then run 'coffre sync'") },
};

static void
say_locked(struct sync *s, enum sync_link link, const char *problem,
    const char *advice) REQUIRES(s->lock)
{
	bool is_new = s->st.link != link;

	s->st.link = link;
	(void)snprintf(s->st.problem, sizeof(s->st.problem), "%s", problem);
	(void)snprintf(s->st.advice, sizeof(s->st.advice), "%s", advice);
	if (is_new && s->on_link)
		s->on_link(s->on_link_arg);
}

static enum sync_link
link_of(int r)
{
	if (r == -EACCES || r == -EPERM)
		return SYNC_REFUSED;
	if (r == -ENOSPC || r == -EDQUOT)
		return SYNC_FULL;
	if (store_transient(r))
		return SYNC_OFFLINE;
	return SYNC_FAULT;
}

static void
note_bad_locked(struct sync *s, int r, bool is_put, const char *detail)
    REQUIRES(s->lock)
{
	enum sync_link link = link_of(r);
	char problem[sizeof(s->st.problem)];
	size_t i;

	if (link != SYNC_OFFLINE)
		s->fails++;
	if (s->st.link == link) {
		s->is_put_bad = s->is_put_bad || is_put;
		return;
	}
	for (i = 0; link_words[i].link != link; i++)
		;
	if (detail[0])
		(void)snprintf(problem, sizeof(problem), "%s (%.180s)",
		    link_words[i].problem, detail);
	else
		(void)snprintf(problem, sizeof(problem), "%s (%s)",
		    link_words[i].problem, strerror(-r));
	say_locked(s, link, problem, link_words[i].advice);
	s->is_put_bad = is_put;
	log_warn("sync: %s", problem);
}

/* An answer of the other direction does not mend what a put found: a full
 * store can still be read. */
static void
note_good_locked(struct sync *s, bool is_put) REQUIRES(s->lock)
{
	enum sync_link was = s->st.link;

	s->st.last_ok_ns = clock_real_ns();
	if (was == SYNC_ONLINE)
		return;
	if (s->is_put_bad && !is_put && was != SYNC_OFFLINE)
		return;
	say_locked(s, SYNC_ONLINE, "", "");
	s->is_put_bad = false;
	s->retry_at_ms = 0;
	/* The network is back for all who wait, not for this call only. */
	if (was == SYNC_OFFLINE)
		s->kicks++;
	log_info("sync: the store answers");
}

void
sync_note(struct sync *s, int r, bool is_put)
{
	struct store_stats stats = { .last_error = "" };

	if (r == -ECANCELED)
		return;
	if (r < 0)
		store_get_stats(s->store, &stats);
	mutex_lock(&s->lock);
	if (!s->is_alarm) {
		if (r < 0)
			note_bad_locked(s, r, is_put, stats.last_error);
		else
			note_good_locked(s, is_put);
		cond_broadcast(&s->changed);
	}
	mutex_unlock(&s->lock);
}

void
sync_fault(struct sync *s, const char *problem, const char *advice)
{
	bool is_new = false;

	mutex_lock(&s->lock);
	if (!s->is_alarm) {
		is_new = strcmp(s->st.problem, problem) != 0;
		s->fails++;
		s->is_put_bad = false;
		say_locked(s, SYNC_FAULT, problem, advice);
		cond_broadcast(&s->changed);
	}
	mutex_unlock(&s->lock);
	if (is_new)
		log_warn("sync: %s", problem);
}

void
sync_note_data(struct sync *s, const char *problem)
{
	bool is_new;

	mutex_lock(&s->lock);
	is_new = strcmp(s->data_problem, problem) != 0;
	(void)snprintf(s->data_problem, sizeof(s->data_problem), "%s",
	    problem);
	mutex_unlock(&s->lock);
	if (is_new)
		log_error("sync: %s", problem);
}

void
sync_note_here(struct sync *s, const char *problem, int r)
{
	char text[sizeof(s->here_problem)] = "";
	bool is_new;

	if (problem)
		(void)snprintf(text, sizeof(text), "%s (%s)", problem,
		    strerror(-r));
	mutex_lock(&s->lock);
	is_new = strcmp(s->here_problem, text) != 0;
	memcpy(s->here_problem, text, sizeof(text));
	s->here_advice = r == -ENOSPC ?
	    N_("make room on this machine's disk") :
	    N_("run 'coffre fsck' to see what is damaged");
	mutex_unlock(&s->lock);
	if (is_new && problem)
		log_error("sync: %s", text);
}

void
sync_blame(struct sync *s, const char *id, const char *problem)
{
	bool is_new = false;
	unsigned i;

	mutex_lock(&s->lock);
	for (i = 0; i < s->nliars && strcmp(s->liars[i], id) != 0; i++)
		;
	if (i == s->nliars && i < SYNC_LIARS_MAX) {
		is_new = true;
		(void)snprintf(s->liars[i], sizeof(s->liars[i]), "%s", id);
		s->nliars++;
		if (i == 0)
			(void)snprintf(s->liar_problem,
			    sizeof(s->liar_problem), "%s", problem);
		if (s->on_link)
			s->on_link(s->on_link_arg);
		cond_broadcast(&s->changed);
	}
	mutex_unlock(&s->lock);
	if (is_new)
		log_error("sync: %s", problem);
}

void
sync_alarm(struct sync *s, enum sync_alarm_kind kind, const char *problem,
    const char *advice)
{
	bool is_new;

	drive_set_readonly(s->drive, true);
	mutex_lock(&s->lock);
	is_new = !s->is_alarm;
	s->is_alarm = true;
	s->alarm = kind;
	s->is_checked = false;
	s->fails++;
	s->retry_at_ms = 0;
	say_locked(s, SYNC_ALARM, problem, advice);
	cond_broadcast(&s->changed);
	mutex_unlock(&s->lock);
	if (is_new)
		log_error("sync: alarm: %s", problem);
}

void
sync_alarm_off(struct sync *s)
{
	bool was;

	mutex_lock(&s->lock);
	was = s->is_alarm;
	mutex_unlock(&s->lock);
	/* First, so that who sees the alarm end can write. */
	if (was)
		drive_set_readonly(s->drive, false);
	mutex_lock(&s->lock);
	if (was) {
		s->is_alarm = false;
		say_locked(s, SYNC_ONLINE, "", "");
		cond_broadcast(&s->changed);
	}
	mutex_unlock(&s->lock);
	if (was)
		log_info("sync: the alarm is over: the store is as it should "
		    "be");
}

bool
sync_stopping(struct sync *s)
{
	bool r;

	mutex_lock(&s->lock);
	r = s->is_stopping;
	mutex_unlock(&s->lock);
	return r;
}

bool
sync_forced(struct sync *s)
{
	bool r;

	mutex_lock(&s->lock);
	r = s->force > 0;
	mutex_unlock(&s->lock);
	return r;
}

/* Full jitter: anything up to a limit that doubles, so that many clients of
 * a store that comes back do not come back together. */
static int64_t
wait_ms(const struct sync *s, int r, struct backoff *b)
{
	int64_t limit = s->backoff_min_ms;
	unsigned i;

	if (!store_transient(r) && r != -ECANCELED)
		return s->backoff_slow_ms;
	for (i = 0; i < b->n && limit < s->backoff_max_ms; i++)
		limit *= 2;
	if (limit > s->backoff_max_ms)
		limit = s->backoff_max_ms;
	b->n++;
	return 1 + (int64_t)(crypto_random_u64() % (uint64_t)limit);
}

static bool
wait_on(const struct sync *s, bool is_through) REQUIRES(s->lock)
{
	return !s->is_stopping && (is_through || !s->is_alarm);
}

/* An alarm ends the wait, or the publisher waits through it. */
static bool
backoff(struct sync *s, int r, struct backoff *b, bool is_through)
{
	int64_t at = clock_mono_ms() + wait_ms(s, r, b);
	uint64_t kicks;
	bool is_on;

	mutex_lock(&s->lock);
	kicks = s->kicks;
	s->retry_at_ms = at;
	while (wait_on(s, is_through) && kicks == s->kicks &&
	    clock_mono_ms() < at)
		(void)cond_wait_until(&s->changed, &s->lock, at);
	if (kicks != s->kicks)
		b->n = 0;
	is_on = wait_on(s, is_through);
	mutex_unlock(&s->lock);
	return is_on;
}

bool
sync_backoff(struct sync *s, int r, struct backoff *b)
{
	return backoff(s, r, b, false);
}

bool
sync_backoff_alarm(struct sync *s, int r, struct backoff *b)
{
	return backoff(s, r, b, true);
}

void
sync_get_status(struct sync *s, struct sync_status *ret)
{
	int64_t now = clock_mono_ms();

	mutex_lock(&s->lock);
	*ret = s->st;
	ret->is_sparing = s->is_sparing;
	ret->retry_in_ms = 0;
	if (s->st.link != SYNC_ONLINE && s->st.link != SYNC_ALARM &&
	    s->retry_at_ms > now)
		ret->retry_in_ms = s->retry_at_ms - now;
	if (s->st.link == SYNC_ONLINE && s->data_problem[0]) {
		ret->link = SYNC_FAULT;
		(void)snprintf(ret->problem, sizeof(ret->problem), "%s",
		    s->data_problem);
		(void)snprintf(ret->advice, sizeof(ret->advice),
		    N_("run 'coffre fsck --remote' to see which files are "
		    "concerned"));
	} else if (s->st.link == SYNC_ONLINE && s->here_problem[0]) {
		ret->link = SYNC_FAULT;
		(void)snprintf(ret->problem, sizeof(ret->problem), "%s",
		    s->here_problem);
		(void)snprintf(ret->advice, sizeof(ret->advice), "%s",
		    s->here_advice);
	} else if (s->st.link == SYNC_ONLINE && s->is_mend_due) {
		ret->link = SYNC_FAULT;
		(void)snprintf(ret->problem, sizeof(ret->problem),
		    N_("a part of the drive was lost on the store, and what "
		    "is still here of it was not uploaded again"));
		(void)snprintf(ret->advice, sizeof(ret->advice),
		    N_("run 'coffre trust --accept'"));
	} else if (s->st.link == SYNC_ONLINE && s->nliars) {
		ret->link = SYNC_FAULT;
		(void)snprintf(ret->problem, sizeof(ret->problem), "%s",
		    s->liar_problem);
		(void)snprintf(ret->advice, sizeof(ret->advice),
		    N_("the drive goes on with its other stores; 'coffre "
		    "store check' copies to this one what it lacks, 'coffre "
		    "scrub' reads what it has"));
	}
	mutex_unlock(&s->lock);
}
