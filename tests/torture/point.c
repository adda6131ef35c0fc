/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#include "tests/torture/torture.h"

struct plan plan;
struct shared *shared;

static _Thread_local bool is_inside;

static void
stop(void)
{
	(void)kill(getpid(), SIGKILL);
	for (;;)
		(void)pause();
}

bool
point(enum point_kind kind, const char *what, const char *which)
{
	uint64_t n;

	if (!shared || !shared->is_armed || !(plan.kinds & kind) || is_inside)
		return false;
	n = ++shared->count;
	if (plan.how == HOW_COUNT || n != plan.k)
		return false;
	is_inside = true;
	(void)snprintf(shared->where, sizeof(shared->where), "%s %s", what,
	    which);
	shared->has_fired = true;
	if (plan.how == HOW_CUT)
		cut_make();
	if (plan.how == HOW_CUT || plan.how == HOW_STOP)
		stop();
	is_inside = false;
	return true;
}

bool
point_is_after(void)
{
	return plan.how == HOW_FAIL_AFTER;
}
