/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "fs/gate.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "util/thread.h"

enum { GATE_SHUT = 0, GATE_OPEN, GATE_HELD };

struct gate {
	atomic_uint in;		/* inside, or about to find it not open */
	atomic_int state;	/* written under lock */
	struct mutex lock;	/* RANK_UTIL; nothing is called under it */
	struct cond change;	/* of state, or the last has left */
};

int
gate_new(struct gate **ret)
{
	struct gate *g = calloc(1, sizeof(*g));

	if (!g)
		return -ENOMEM;
	mutex_init(&g->lock, RANK_UTIL);
	cond_init(&g->change);
	*ret = g;
	return 0;
}

void
gate_free(struct gate *g)
{
	if (!g)
		return;
	cond_done(&g->change);
	mutex_done(&g->lock);
	free(g);
}

bool
gate_enter(struct gate *g)
{
	int state;

	for (;;) {
		/* Counted first: whoever holds the gate then either sees us,
		 * or we see that it is held. */
		(void)atomic_fetch_add(&g->in, 1);
		state = atomic_load(&g->state);
		if (state == GATE_OPEN)
			return true;
		gate_leave(g);
		if (state == GATE_SHUT)
			return false;
		mutex_lock(&g->lock);
		while (atomic_load(&g->state) == GATE_HELD)
			cond_wait(&g->change, &g->lock);
		mutex_unlock(&g->lock);
	}
}

void
gate_leave(struct gate *g)
{
	if (atomic_fetch_sub(&g->in, 1) != 1 ||
	    atomic_load(&g->state) != GATE_HELD)
		return;
	mutex_lock(&g->lock);
	cond_broadcast(&g->change);
	mutex_unlock(&g->lock);
}

static void
state_set(struct gate *g, int state)
{
	mutex_lock(&g->lock);
	atomic_store(&g->state, state);
	cond_broadcast(&g->change);
	mutex_unlock(&g->lock);
}

void
gate_open(struct gate *g)
{
	state_set(g, GATE_OPEN);
}

void
gate_shut(struct gate *g)
{
	state_set(g, GATE_SHUT);
}

int
gate_hold(struct gate *g, int64_t deadline_ms)
{
	bool in_time = true;

	mutex_lock(&g->lock);
	atomic_store(&g->state, GATE_HELD);
	while (atomic_load(&g->in) > 0 && in_time)
		in_time = cond_wait_until(&g->change, &g->lock, deadline_ms);
	in_time = atomic_load(&g->in) == 0;
	if (!in_time) {
		atomic_store(&g->state, GATE_OPEN);
		cond_broadcast(&g->change);
	}
	mutex_unlock(&g->lock);
	return in_time ? 0 : -EBUSY;
}
