/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/lib/unread.h"

#include <check.h>
#include <string.h>
#include <unistd.h>

#include "util/clock.h"

void
unread_begin(struct rig *r)
{
	rig_new(r);
	rig_write(r, "bad", 0, 200 * 1024, 1);
	rig_write(r, "good", 0, 300 * 1024, 2);
	rig_write(r, "small", 0, 100, 3);
}

void
unread_problem(struct rig *r, const char *want)
{
	int64_t until = clock_mono_ms() + 20000;
	struct sync_status st;

	do {
		usleep(10000);
		sync_get_status(r->sync, &st);
	} while ((want ? !strstr(st.problem, want) : st.problem[0] != '\0') &&
	    clock_mono_ms() < until);
	ck_assert_msg(want ? strstr(st.problem, want) != NULL :
	    st.problem[0] == '\0', "'%s'", st.problem);
}

void
unread_all_goes(struct rig *r)
{
	struct rig cold;

	rig_wait(r);
	unread_problem(r, NULL);
	rig_recover(r, &cold, 0);
	ck_assert_uint_ne(rig_lookup(&cold, "bad"), 0);
	rig_done(&cold);
}
