/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "look.h"

#include <dlfcn.h>

#define WAIT_US (200 * 1000)	/* nobody notices that */

static GMutex lock;
static GCond changed;
static GThread *thread;
static GQueue to_do = G_QUEUE_INIT;
static GQueue done = G_QUEUE_INIT, done_urgent = G_QUEUE_INIT;
static guint urgent;		/* not done yet */
static guint source;		/* of the main loop, to hear of it */
static gint64 since;		/* the one under way; 0: none */

static void
all_done(GQueue *q)
{
	GQueue taken;

	g_mutex_lock(&lock);
	taken = *q;
	g_queue_init(q);
	g_mutex_unlock(&lock);
	while (taken.head) {
		struct look *l = g_queue_pop_head(&taken);

		l->done(l);
	}
}

static gboolean
on_done(gpointer arg)
{
	(void)arg;
	g_mutex_lock(&lock);
	source = 0;
	g_mutex_unlock(&lock);
	all_done(&done_urgent);
	all_done(&done);
	return G_SOURCE_REMOVE;
}

static gpointer
look_run(gpointer arg)
{
	struct look *l;

	(void)arg;
	g_mutex_lock(&lock);
	for (;;) {
		while (!to_do.head)
			g_cond_wait(&changed, &lock);
		l = g_queue_pop_head(&to_do);
		since = g_get_monotonic_time();
		g_mutex_unlock(&lock);
		mark_look(l->path, &l->seen);
		g_mutex_lock(&lock);
		since = 0;
		g_queue_push_tail(l->is_urgent ? &done_urgent : &done, l);
		urgent -= l->is_urgent ? 1 : 0;
		if (!source)
			source = g_idle_add_full(G_PRIORITY_DEFAULT, on_done,
			    NULL, NULL);
		g_cond_broadcast(&changed);
	}
	return NULL;
}

/* The thread may be in the middle of a look when the module is to go. */
static void
stay(void)
{
	Dl_info i;

	if (dladdr((void *)&to_do, &i) && i.dli_fname)
		(void)dlopen(i.dli_fname, RTLD_NOW | RTLD_NOLOAD |
		    RTLD_NODELETE);
}

void
look_start(struct look *l)
{
	if (!thread) {
		stay();
		thread = g_thread_new("coffre-look", look_run, NULL);
	}
	g_mutex_lock(&lock);
	if (l->is_urgent)
		g_queue_push_head(&to_do, l);
	else
		g_queue_push_tail(&to_do, l);
	urgent += l->is_urgent ? 1 : 0;
	g_cond_broadcast(&changed);
	g_mutex_unlock(&lock);
}

/* Under the lock. */
static gboolean
is_stuck(gint64 now)
{
	return since && now - since >= WAIT_US;
}

gboolean
look_is_stuck(void)
{
	gboolean is;

	g_mutex_lock(&lock);
	is = is_stuck(g_get_monotonic_time());
	g_mutex_unlock(&lock);
	return is;
}

void
look_wait(void)
{
	gint64 now = g_get_monotonic_time(), end = now + WAIT_US;

	g_mutex_lock(&lock);
	while (urgent > 0 && now < end && !is_stuck(now)) {
		(void)g_cond_wait_until(&changed, &lock, end);
		now = g_get_monotonic_time();
	}
	g_mutex_unlock(&lock);
	all_done(&done_urgent);
}
