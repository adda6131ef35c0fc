/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "fs/leftover.h"

#include <errno.h>
#include <limits.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "fs/thumbcache.h"
#include "util/log.h"
#include "util/thread.h"

struct leftover {
	const char *mountpoint;
	char former[PATH_MAX];
	struct timespec start;
	pthread_t thread;
	atomic_bool is_stopping;
};

static bool
is_stopping(void *arg)
{
	return atomic_load(&((struct leftover *)arg)->is_stopping);
}

static void
remove_of(struct leftover *l, const char *mountpoint)
{
	struct thumbcache *t = malloc(sizeof(*t));
	int r = t ? thumbcache_init(t, mountpoint, 0) : -ENOMEM;

	if (r == 0)
		r = thumbcache_sweep(t, &l->start, is_stopping, l);
	if (r < 0 && r != -ENOENT && r != -ETIME)
		log_debug("leftover: r=%d", r);
	free(t);
}

static void
leftover_run(void *arg)
{
	struct leftover *l = arg;

	remove_of(l, l->mountpoint);
	if (l->former[0] && strcmp(l->former, l->mountpoint) != 0)
		remove_of(l, l->former);
}

int
leftover_start(const char *mountpoint, const char *former,
    struct leftover **ret)
{
	struct leftover *l = calloc(1, sizeof(*l));
	int r;

	if (!l)
		return -ENOMEM;
	l->mountpoint = mountpoint;
	(void)snprintf(l->former, sizeof(l->former), "%s", former);
	/* What is put there from now on stays.  Files get their times from
	 * this clock. */
	(void)clock_gettime(CLOCK_REALTIME_COARSE, &l->start);
	r = thread_start(&l->thread, "leftover", leftover_run, l);
	if (r < 0) {
		free(l);
		return r;
	}
	*ret = l;
	return 0;
}

void
leftover_stop(struct leftover *l)
{
	if (!l)
		return;
	atomic_store(&l->is_stopping, true);
	thread_join(l->thread);
	free(l);
}
