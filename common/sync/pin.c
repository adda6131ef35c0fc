/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Fetching what is pinned.  One thread looks what is missing when something
 * may have changed, and has it got a few MiB at a time; what cannot be reached
 * it asks for again until it can.  What has come is kept by the drive, so it
 * goes on after a restart where it was.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "sync/sync_priv.h"
#include "util/clock.h"
#include "util/log.h"

#define PIN_WANTS 512		/* blocks asked for at once */
#define PIN_IDLE_MS 5000
#define PIN_REST_MS 2000	/* between two looks, at least */
#define PIN_REST_TIMES 20	/* and so many times as long as the last */
#define PIN_FULL_MS 10000	/* between looks whether there is room */
#define PIN_LOSSES_MAX 4	/* doublings of the wait after a loss */

struct pinner {
	struct sync *s;
	struct fetch_want v[PIN_WANTS];
	int64_t rest_ms;	/* no look before, unless a user waits */
	int64_t again_ms;	/* one in any case; 0: none */
	uint64_t kicks;
	bool has_lost;		/* the store did not give some of it */
	unsigned losses;	/* times in a row */
};

static bool
on_stopped(void *arg)
{
	return sync_stopping(arg);
}

/* Wait until a look is due.  False: stop. */
static bool
look_wait(struct pinner *p)
{
	struct sync *s = p->s;
	bool is_due, is_now, is_kicked, is_on;
	uint64_t work;
	int64_t now;

	for (;;) {
		mutex_lock(&s->lock);
		work = s->work;
		is_on = !s->is_stopping;
		is_kicked = p->kicks != s->kicks;
		p->kicks = s->kicks;
		mutex_unlock(&s->lock);
		now = clock_mono_ms();
		is_due = drive_pins_due(s->drive, &is_now);
		if (!is_on || is_now || (is_due && now >= p->rest_ms) ||
		    (p->again_ms && (is_kicked || now >= p->again_ms)))
			return is_on;
		mutex_lock(&s->lock);
		if (work == s->work && !s->is_stopping)
			(void)cond_wait_until(&s->changed, &s->lock, now +
			    (p->again_ms || is_due ? PIN_REST_MS / 4 :
			    PIN_IDLE_MS));
		mutex_unlock(&s->lock);
	}
}

/* Before the next try.  False: stop. */
static bool
try_wait(struct sync *s, int r, struct backoff *b)
{
	int64_t until;

	if (sync_backoff(s, r, b))
		return true;
	/* Under an alarm what is there can still be read, perhaps. */
	until = clock_mono_ms() + s->backoff_slow_ms;
	mutex_lock(&s->lock);
	while (!s->is_stopping && clock_mono_ms() < until)
		(void)cond_wait_until(&s->changed, &s->lock, until);
	mutex_unlock(&s->lock);
	return !sync_stopping(s);
}

/* One of them is not there, or is altered: which?  The number that may still
 * come. */
static size_t
get_singly(struct pinner *p, size_t n, int *ret)
{
	size_t k, left = 0;
	int r;

	*ret = 0;
	for (k = 0; k < n; k++) {
		r = fetcher_get(p->s->fetcher, &p->v[k], 1);
		if (r == -EIO) {
			drive_pins_lost(p->s->drive, &p->v[k]);
			p->has_lost = true;
		} else {
			p->v[left++] = p->v[k];
			if (r < 0)
				*ret = r;
		}
	}
	return left;
}

/* Until all of the first n have come, or are known not to. */
static int
get_all(struct pinner *p, size_t n)
{
	struct sync *s = p->s;
	struct backoff b = { 0 };
	size_t was;
	int r;

	while (n > 0) {
		r = fetcher_get(s->fetcher, p->v, n);
		was = n;
		n = drive_pins_left(s->drive, p->v, n);
		if (r == -EIO) {
			n = get_singly(p, n, &r);
			n = drive_pins_left(s->drive, p->v, n);
		}
		if (r == -ECANCELED || sync_stopping(s))
			return -ECANCELED;
		if (r < 0 && n > 0 && !try_wait(s, r, &b))
			return -ECANCELED;
		/* It came and could not be kept. */
		if (r == 0 && n == was)
			return -ENOSPC;
		if (n < was)
			b.n = 0;
	}
	return 0;
}

static void
work(struct pinner *p)
{
	struct sync *s = p->s;
	bool is_now = false;
	int n, r = 0;

	while (r == 0 && !is_now) {
		n = drive_pins_next(s->drive, p->v, PIN_WANTS);
		if (n == 0)
			return;
		r = n < 0 ? n : get_all(p, (size_t)n);
		/* Something else was pinned, or no longer is. */
		(void)drive_pins_due(s->drive, &is_now);
	}
	if (r == -ENOSPC)
		drive_pins_full(s->drive);
	else if (r < 0 && r != -ECANCELED)
		log_warn("sync: op=pin r=%d", r);
	if (r < 0)
		p->again_ms = clock_mono_ms() + PIN_FULL_MS;
}

/* When to look again.  What is lost or altered is not asked for again and
 * again. */
static void
rest(struct pinner *p, int64_t took)
{
	int64_t now = clock_mono_ms(), wait = took * PIN_REST_TIMES;

	if (wait < PIN_REST_MS)
		wait = PIN_REST_MS;
	p->rest_ms = now + wait;
	if (!p->has_lost) {
		p->losses = 0;
		return;
	}
	p->again_ms = now + (p->s->backoff_slow_ms << p->losses);
	p->rest_ms = p->again_ms;
	if (p->losses < PIN_LOSSES_MAX)
		p->losses++;
}

void
pin_main(void *arg)
{
	struct pinner *p = calloc(1, sizeof(*p));
	struct sync *s = arg;
	int64_t from, took;
	int r;

	if (!p) {
		log_error("sync: op=pin r=%d", -ENOMEM);
		return;
	}
	p->s = s;
	while (look_wait(p)) {
		from = clock_mono_ms();
		p->again_ms = 0;
		p->has_lost = false;
		r = drive_pins_look(s->drive, on_stopped, s);
		took = clock_mono_ms() - from;
		if (r < 0 && r != -EINTR)
			log_warn("sync: op=pin-look r=%d", r);
		if (r == 1)
			work(p);
		rest(p, took);
	}
	free(p);
}
