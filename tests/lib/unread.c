/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/lib/unread.h"

#include <check.h>
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
unread_all_goes(struct rig *r)
{
	struct sync_status st;
	int64_t until = clock_mono_ms() + 10000;
	struct rig cold;

	rig_wait(r);
	do {
		sync_get_status(r->sync, &st);
		usleep(20000);
	} while (st.problem[0] && clock_mono_ms() < until);
	ck_assert_str_eq(st.problem, "");
	rig_recover(r, &cold, 0);
	ck_assert_uint_ne(rig_lookup(&cold, "bad"), 0);
	rig_done(&cold);
}
