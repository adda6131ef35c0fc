/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef STORE_ACCESS_PRIV_H
#define STORE_ACCESS_PRIV_H

#include <stdatomic.h>
#include <sys/queue.h>

#include "store/access.h"
#include "store/backend.h"

/* access_priv - shared by store_access.c (the store) and access_held.c (the
 * backends behind it, one after the other). */

/* A backend, and who it was opened for. */
struct held {
	SLIST_ENTRY(held) dead;
	struct store *store;
	struct who who;
	/* Under the lock: */
	unsigned users;			/* calls, and being the current one */
	bool is_known;			/* it was let in, or told so */
	bool is_trying;			/* a call finds that out */
	bool is_refused;
};

/* A call on its way. */
struct call {
	struct held *h;
	bool is_trial;
	unsigned tries;
};

struct access {
	struct store base;
	char *address;
	struct store_conf conf;		/* without who */
	struct store_source source;	/* get NULL: there is none */
	int64_t look_min_ms, again_min_ms;

	struct mutex lock;
	struct cond changed;
	atomic_bool is_interrupted;	/* changed under the lock */
	unsigned interrupts GUARDED_BY(lock);	/* on and off */
	unsigned breaks GUARDED_BY(lock);	/* on */
	struct held *cur GUARDED_BY(lock);	/* NULL: not to be opened */
	SLIST_HEAD(, held) dead GUARDED_BY(lock);
	bool is_looking GUARDED_BY(lock);
	bool is_asked GUARDED_BY(lock);	/* by the user */
	int64_t look_at_ms GUARDED_BY(lock);	/* not before */
	int64_t look_wait_ms GUARDED_BY(lock);
	int64_t again_at_ms GUARDED_BY(lock);
	int64_t again_wait_ms GUARDED_BY(lock);
	unsigned trials GUARDED_BY(lock);	/* that have ended */
	int trial_r GUARDED_BY(lock);	/* how the last did */
	char msg[sizeof(((struct store_hint *)0)->msg)] GUARDED_BY(lock);
};

/* Open the first; e says why it cannot be done. */
int access_first(struct access *a, const struct store_conf *conf,
    struct err *e);
/* The last is given up. */
void access_last(struct access *a);
/* The present one, to be given back; NULL: there is none. */
struct held *access_hold(struct access *a);
void access_let_go(struct access *a, struct held *h);
/* Begin a call: c->h is the backend to make it on, until access_leave. */
int access_enter(struct access *a, struct call *c);
/* It has come to r.  True: begin again, there is another backend. */
bool access_leave(struct access *a, struct call *c, int r);
/* It has not ended, but goes well. */
void access_let_in(struct access *a, struct call *c);

#endif
