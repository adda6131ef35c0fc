/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A run of small changes goes before packs and segments, which follow by
 * themselves when it is over, or when somebody waits for them.
 */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>

#include "drive/sync.h"
#include "sync/sync_priv.h"
#include "tests/lib/sync_rig.h"
#include "util/clock.h"
#include "util/thread.h"

#define RATE 1000	/* changes a second that are a run for sure */
#define GAP_MS 50	/* without one that may end it */

#define LESS 100	/* bytes: inside a put */
#define MORE 5000	/* in a pack */

static struct rig r;
static unsigned next;
static int64_t gap;		/* the longest of the runs */

static void
setup(void)
{
	next = 0;
	gap = 0;
	rig_new(&r);
	rig_start(&r);
	rig_wait(&r);
}

static void
teardown(void)
{
	rig_done(&r);
}

/* Files of so many bytes, one after the other: changes a second. */
static uint64_t
run(int64_t ms, size_t len)
{
	int64_t from = clock_mono_ms(), last = from, now;
	uint64_t n = drive_changes_count(r.drive);
	char name[16];

	do {
		(void)snprintf(name, sizeof(name), "f%u", next);
		rig_write(&r, name, 0, len, next++);
		now = clock_mono_ms();
		if (now - last > gap)
			gap = now - last;
		last = now;
	} while (now - from < ms);
	return (drive_changes_count(r.drive) - n) * 1000 /
	    (uint64_t)(now - from);
}

static bool
is_all_up(void)
{
	struct drive_usage u;

	drive_usage(r.drive, &u);
	return u.outbox_ops == 0 && u.staged_blocks == 0;
}

START_TEST(a_run_of_changes_goes_first)
{
	struct sync_status before, after;
	int64_t until;
	bool is_left = false;
	uint64_t rate;
	int i;

	/* One with a gap is over in the middle. */
	for (i = 0; i < 4; i++) {
		gap = 0;
		(void)run(500, LESS);
		sync_get_status(r.sync, &before);
		rate = run(1500, LESS);
		sync_get_status(r.sync, &after);
		is_left = !is_all_up();
		if (gap < GAP_MS)
			break;
	}
	/* Too slow a machine (a sanitizer on a busy one) makes no run. */
	if (rate >= RATE && gap < GAP_MS) {
		/* What was under way, and no more. */
		ck_assert_uint_le(after.segments - before.segments, 2);
		ck_assert_uint_le(after.packs_up - before.packs_up, 4);
		ck_assert(is_left);
	}
	until = clock_mono_ms() + 200000;
	while (!is_all_up() && clock_mono_ms() < until)
		thread_pause_ms(20);
	ck_assert(is_all_up());
}
END_TEST

static bool
is_line_slow(void)
{
	bool is;

	mutex_lock(&r.sync->lock);
	is = r.sync->busy.is_line_slow;
	mutex_unlock(&r.sync->lock);
	return is;
}

START_TEST(a_large_put_tells_of_the_line)
{
	ck_assert(!is_line_slow());
	sync_line_note(r.sync, 1u << 20, 1000);
	ck_assert(is_line_slow());
	sync_line_note(r.sync, 1000, 1);
	ck_assert(is_line_slow());
	sync_line_note(r.sync, 1u << 20, 10);
	ck_assert(!is_line_slow());
	sync_line_note(r.sync, 1000, 1000);
	ck_assert(!is_line_slow());
}
END_TEST

START_TEST(a_slow_line_is_not_left_idle)
{
	int64_t until = clock_mono_ms() + 30000;
	struct sync_status before, after;

	(void)run(500, MORE);
	sync_line_note(r.sync, 1u << 20, 1000);
	sync_get_status(r.sync, &before);
	do {
		(void)run(1500, MORE);
		sync_get_status(r.sync, &after);
	} while (after.packs_up == before.packs_up &&
	    clock_mono_ms() < until);
	ck_assert_uint_gt(after.packs_up, before.packs_up);
}
END_TEST

START_TEST(who_waits_is_not_kept_waiting)
{
	int64_t from;

	(void)run(500, LESS);
	from = clock_mono_ms();
	rig_wait(&r);
	ck_assert(is_all_up());
	ck_assert_int_lt(clock_mono_ms() - from, 60000);
}
END_TEST

static Suite *
suite(void)
{
	Suite *s = suite_create("yield");
	TCase *t = tcase_create("yield");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_set_timeout(t, 300);
	tcase_add_test(t, a_run_of_changes_goes_first);
	tcase_add_test(t, a_large_put_tells_of_the_line);
	tcase_add_test(t, a_slow_line_is_not_left_idle);
	tcase_add_test(t, who_waits_is_not_kept_waiting);
	suite_add_tcase(s, t);
	return s;
}

int
main(void)
{
	SRunner *sr = srunner_create(suite());
	int failed;

	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
