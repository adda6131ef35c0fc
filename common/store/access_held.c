/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "store/access_priv.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "util/clock.h"
#include "util/err.h"
#include "util/log.h"

/* access_held - the backends of a store, one after the other. */

/* The source is read again this often at last. */
#define LOOK_MAX_MS 300000
/* Where no secret is ours to tell whether it has changed (an agent's keys). */
#define OPEN_MIN_MS 5000
#define OPEN_MAX_MS 300000
/* The same password is tried again this often at last. */
#define AGAIN_MAX_MS (6 * 3600 * 1000LL)

/* ---- backends ---------------------------------------------------------- */

static void
held_free(struct held *h)
{
	store_close(h->store);
	who_done(&h->who);
	free(h);
}

/* Takes over who. */
static int
held_new(struct access *a, struct who *who, struct held **ret,
    struct err *e)
{
	struct store_conf c = a->conf;
	struct held *h = calloc(1, sizeof(*h));
	int r;

	if (!h) {
		who_done(who);
		return err_set(e, -ENOMEM, "out of memory");
	}
	h->who = *who;
	h->users = 1;
	who_give(&h->who, &c);
	r = store_backend_open(a->address, &c, &h->store, e);
	if (r < 0) {
		held_free(h);
		return r;
	}
	*ret = h;
	return 0;
}

/* Closed by whoever gives the lock up next: that may take a moment. */
static void
held_put(struct access *a, struct held *h) REQUIRES(a->lock)
{
	if (h && --h->users == 0)
		SLIST_INSERT_HEAD(&a->dead, h, dead);
}

static void
unlock(struct access *a) RELEASE(a->lock)
{
	SLIST_HEAD(, held) dead = SLIST_HEAD_INITIALIZER(dead);
	struct held *h;

	while ((h = SLIST_FIRST(&a->dead)) != NULL) {
		SLIST_REMOVE_HEAD(&a->dead, dead);
		SLIST_INSERT_HEAD(&dead, h, dead);
	}
	mutex_unlock(&a->lock);
	while ((h = SLIST_FIRST(&dead)) != NULL) {
		SLIST_REMOVE_HEAD(&dead, dead);
		held_free(h);
	}
}

struct held *
access_hold(struct access *a)
{
	struct held *h;

	mutex_lock(&a->lock);
	h = a->cur;
	if (h)
		h->users++;
	unlock(a);
	return h;
}

void
access_let_go(struct access *a, struct held *h)
{
	mutex_lock(&a->lock);
	held_put(a, h);
	unlock(a);
}

/* ---- looking again ----------------------------------------------------- */

/* Who we are now; old: who we were. */
static int
who_read(struct access *a, const struct held *old, struct who *ret,
    struct err *e)
{
	struct store_conf c;
	int r;

	memset(&c, 0, sizeof(c));
	if (!a->source.get) {
		who_give(&old->who, &c);
		return who_take(ret, &c);
	}
	r = a->source.get(a->source.arg, &a->is_interrupted, &c, e);
	if (r == 0)
		r = who_take(ret, &c);
	a->source.drop(a->source.arg);
	return r;
}

static bool
is_again(const struct access *a) REQUIRES(a->lock)
{
	return !a->cur || (a->cur->is_refused &&
	    (a->is_asked || clock_mono_ms() >= a->again_at_ms));
}

static bool
is_due(const struct access *a) REQUIRES(a->lock)
{
	return !a->is_looking && (a->is_asked ||
	    clock_mono_ms() >= a->look_at_ms ||
	    (a->cur && is_again(a)));
}

/* Interrupted like ourselves; nobody else has it yet. */
static void
held_adopt(struct access *a, struct held *h, unsigned seen)
    REQUIRES(a->lock)
{
	while (seen != a->interrupts) {
		seen = a->interrupts;
		mutex_unlock(&a->lock);
		store_interrupt(h->store, a->is_interrupted);
		mutex_lock(&a->lock);
	}
	held_put(a, a->cur);
	a->cur = h;
	a->msg[0] = '\0';
}

/* Ask the source, and open another backend if there is a reason to.  The lock
 * is given up meanwhile. */
static void
look(struct access *a) REQUIRES(a->lock)
{
	bool is_forced = is_again(a);
	struct held *old = a->cur, *new = NULL;
	unsigned seen = a->interrupts - a->is_interrupted;
	bool is_same = false;
	struct err e = { "" };
	struct who who;
	int r;

	if (a->is_asked)
		a->look_wait_ms = a->again_wait_ms = 0;
	a->is_asked = false;
	a->is_looking = true;
	if (old)
		old->users++;
	mutex_unlock(&a->lock);
	r = who_read(a, old, &who, &e);
	if (r == 0)
		is_same = old && who_same(&who, &old->who);
	if (is_same && !is_forced)
		who_done(&who);
	else if (r == 0)
		r = held_new(a, &who, &new, &e);
	if (new)
		log_info("store %s: %s", a->base.url, !old ? "it is open now" :
		    is_same ? "what was refused is tried again" :
		    "another password, or another setting of it, is used");
	mutex_lock(&a->lock);
	a->look_wait_ms = a->look_wait_ms ? 2 * a->look_wait_ms :
	    a->look_min_ms;
	if (a->look_wait_ms > LOOK_MAX_MS)
		a->look_wait_ms = LOOK_MAX_MS;
	a->look_at_ms = clock_mono_ms() + a->look_wait_ms;
	if (new)
		held_adopt(a, new, seen);
	else if (is_forced)
		a->again_at_ms = a->look_at_ms;
	if (r < 0 && r != -ECANCELED)
		(void)snprintf(a->msg, sizeof(a->msg), "%.255s",
		    e.msg);
	held_put(a, old);
	a->is_looking = false;
	cond_broadcast(&a->changed);
}

/* ---- a call ------------------------------------------------------------ */

/* Wait for whoever finds out whether we are let in; 0: go on. */
static int
enter_wait(struct access *a, unsigned trials) REQUIRES(a->lock)
{
	unsigned breaks = a->breaks;

	for (;;) {
		/* It may be over before we see it. */
		if (a->is_interrupted || a->breaks != breaks)
			return -ECANCELED;
		/* What came of it counts for us as well. */
		if (a->trials != trials && store_transient(a->trial_r))
			return a->trial_r;
		if (!a->is_looking && (a->is_asked ||
		    (!a->cur && is_due(a))))
			look(a);
		else if (a->cur && (a->cur->is_known || !a->cur->is_trying))
			return 0;
		else if (!a->cur && !a->is_looking)
			return -EACCES;
		else
			cond_wait(&a->changed, &a->lock);
	}
}

int
access_enter(struct access *a, struct call *c)
{
	int r;

	mutex_lock(&a->lock);
	r = enter_wait(a, a->trials);
	if (r == 0) {
		c->h = a->cur;
		c->h->users++;
		c->is_trial = !c->h->is_known;
		c->h->is_trying = c->is_trial;
	}
	unlock(a);
	return r;
}

/* The server has answered, and not that it does not know us. */
static void
known(struct access *a, struct call *c, int r) REQUIRES(a->lock)
{
	c->h->is_known = true;
	if (r == -EACCES)
		return;
	a->look_wait_ms = a->again_wait_ms = 0;
	a->msg[0] = '\0';
}

static void
refused(struct access *a, struct held *h) REQUIRES(a->lock)
{
	bool has_secret = who_has_secret(&h->who);
	int64_t max = has_secret ? AGAIN_MAX_MS : OPEN_MAX_MS;

	if (h->is_refused)
		return;
	h->is_refused = true;
	a->again_wait_ms = a->again_wait_ms ? 2 * a->again_wait_ms :
	    has_secret ? a->again_min_ms : OPEN_MIN_MS;
	if (a->again_wait_ms > max)
		a->again_wait_ms = max;
	a->again_at_ms = clock_mono_ms() + a->again_wait_ms;
}

static void
trial_end(struct access *a, struct call *c, int r) REQUIRES(a->lock)
{
	if (!c->is_trial)
		return;
	c->is_trial = c->h->is_trying = false;
	a->trials++;
	a->trial_r = r;
	cond_broadcast(&a->changed);
}

bool
access_leave(struct access *a, struct call *c, int r)
{
	struct store_hint hint;
	bool r2 = false;

	memset(&hint, 0, sizeof(hint));
	if (r == -EACCES)
		c->h->store->ops->get_hint(c->h->store, &hint);
	mutex_lock(&a->lock);
	if (hint.is_refused)
		refused(a, c->h);
	else if (!store_transient(r) && r != -ECANCELED)
		known(a, c, r);
	trial_end(a, c, r);
	if (r == -EACCES && c->h == a->cur && is_due(a))
		look(a);
	while (r == -EACCES && c->h == a->cur && a->is_looking &&
	    !a->is_interrupted)
		cond_wait(&a->changed, &a->lock);
	if (r == -EACCES)
		r2 = c->h != a->cur && c->tries++ == 0;
	held_put(a, c->h);
	unlock(a);
	return r2;
}

void
access_let_in(struct access *a, struct call *c)
{
	mutex_lock(&a->lock);
	known(a, c, 0);
	trial_end(a, c, 0);
	unlock(a);
}

/* ---- the first and the last -------------------------------------------- */

int
access_first(struct access *a, const struct store_conf *conf, struct err *e)
{
	struct held *h = NULL;
	struct who who;
	char *url;
	int r;

	/* The first call finds that nobody has looked yet. */
	if (a->source.is_slow)
		return 0;
	r = conf->source ? who_read(a, NULL, &who, e) : who_take(&who, conf);
	if (r == 0)
		r = held_new(a, &who, &h, e);
	/* As the backend shows it; nobody has seen the other. */
	url = h ? strdup(h->store->url) : NULL;
	if (url) {
		free(a->base.url);
		a->base.url = url;
	}
	mutex_lock(&a->lock);
	a->cur = h;
	if (!h) {
		a->look_wait_ms = a->look_min_ms;
		a->look_at_ms = clock_mono_ms() + a->look_wait_ms;
		(void)snprintf(a->msg, sizeof(a->msg), "%.255s",
		    e->msg);
	}
	unlock(a);
	return r;
}

void
access_last(struct access *a)
{
	mutex_lock(&a->lock);
	held_put(a, a->cur);
	a->cur = NULL;
	unlock(a);
}
