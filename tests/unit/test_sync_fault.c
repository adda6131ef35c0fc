/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A store that fails, is full or away, and an engine that is stopped or
 * killed: nothing is lost.
 */
#include <check.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tests/lib/cold.h"
#include "tests/lib/store_tap.h"
#include "tests/lib/sync_look.h"
#include "tests/lib/sync_rig.h"
#include "util/clock.h"
#include "util/log.h"

/* ---- failures ---- */

static void
run_with_fault(const struct store_fault *f)
{
	struct rig r;

	rig_new(&r);
	ck_assert_int_eq(store_fault_new(r.store, f, &r.store), 0);
	rig_start(&r);
	rig_fill(&r, 1);
	rig_wait(&r);
	rig_write(&r, "again", 0, 300 * 1024, 5);
	rig_wait(&r);
	rig_check_recovered(&r);
	rig_done(&r);
}

START_TEST(a_call_that_fails_before_its_effect_is_made_good)
{
	struct store_fault f = { .at = (uint64_t)_i, .r = -EHOSTUNREACH };

	run_with_fault(&f);
}
END_TEST

START_TEST(a_call_that_fails_after_its_effect_is_made_good)
{
	struct store_fault f = { .at = (uint64_t)_i, .r = -ETIMEDOUT,
	    .is_after = true };

	run_with_fault(&f);
}
END_TEST

START_TEST(calls_that_fail_again_and_again_are_made_good)
{
	struct store_fault f = { .every = (uint64_t)_i / 2, .r = -ETIMEDOUT,
	    .is_after = _i % 2 };

	run_with_fault(&f);
}
END_TEST

START_TEST(a_full_store_is_told_and_loses_nothing)
{
	struct store_fault f = { .every = 1, .r = -ENOSPC };
	struct sync_status st;
	struct rig r;
	int ret;

	rig_new(&r);
	rig_start(&r);
	rig_wait(&r);
	rig_stop(&r, 0);
	ck_assert_int_eq(store_fault_new(r.store, &f, &r.store), 0);
	rig_start(&r);
	rig_fill(&r, 1);
	ret = sync_wait(r.sync, clock_mono_ms() + 20000, NULL, NULL);
	ck_assert_int_eq(ret, -ENOSPC);
	sync_get_status(r.sync, &st);
	ck_assert_int_eq(st.link, SYNC_FULL);
	ck_assert_int_ne(st.problem[0], 0);
	ck_assert_int_ne(st.advice[0], 0);
	rig_stop(&r, 100);
	rig_close(&r);
	store_close(r.store);
	ck_assert_int_eq(store_open(r.url, &(struct store_conf){ .user =
	    NULL }, &r.store, NULL), 0);
	rig_open(&r);
	rig_start(&r);
	rig_wait(&r);
	rig_check_recovered(&r);
	rig_done(&r);
}
END_TEST

START_TEST(work_goes_on_offline_and_drains_when_the_store_is_back)
{
	struct sync_status st;
	struct rig r;

	rig_new(&r);
	ck_assert_int_eq(store_tap_new(r.store, NULL, &r.store), 0);
	store_tap_fail(r.store, -EHOSTUNREACH);
	rig_start(&r);
	rig_fill(&r, 1);
	ck_assert_int_eq(sync_wait(r.sync, clock_mono_ms() + 100, NULL,
	    NULL), -ETIMEDOUT);
	cold_await(&r, SYNC_OFFLINE, &st);
	store_tap_fail(r.store, 0);
	rig_wait(&r);
	sync_get_status(r.sync, &st);
	ck_assert_int_eq(st.link, SYNC_ONLINE);
	ck_assert_int_eq(st.problem[0], 0);

	/* Reads that work do not hide that nothing can be written. */
	store_tap_fail_puts(r.store, -EACCES);
	rig_fill(&r, 2);
	ck_assert_int_eq(sync_wait(r.sync, clock_mono_ms() + 20000, NULL,
	    NULL), -EACCES);
	sync_get_status(r.sync, &st);
	ck_assert_int_eq(st.link, SYNC_REFUSED);
	store_tap_fail_puts(r.store, 0);
	rig_wait(&r);
	rig_check_recovered(&r);
	rig_done(&r);
}
END_TEST

START_TEST(a_kick_ends_a_long_wait_and_so_does_a_stop)
{
	int64_t begin = clock_mono_ms();
	struct rig r;

	rig_new(&r);
	ck_assert_int_eq(store_tap_new(r.store, NULL, &r.store), 0);
	r.conf.backoff_min_ms = r.conf.backoff_max_ms = 3600 * 1000;
	r.conf.backoff_slow_ms = 3600 * 1000;
	store_tap_fail(r.store, -EHOSTUNREACH);
	rig_start(&r);
	rig_fill(&r, 1);
	(void)sync_wait(r.sync, clock_mono_ms() + 100, NULL, NULL);
	store_tap_fail(r.store, 0);
	rig_wait(&r);
	store_tap_fail(r.store, -EHOSTUNREACH);
	rig_fill(&r, 2);
	(void)sync_wait(r.sync, clock_mono_ms() + 100, NULL, NULL);
	rig_stop(&r, 0);
	ck_assert_int_lt(clock_mono_ms() - begin, 60000);
	rig_done(&r);
}
END_TEST

/* ---- stops ---- */

START_TEST(a_stop_at_any_moment_loses_nothing)
{
	struct rig r;
	unsigned i;

	rig_new(&r);
	r.conf.checkpoint_segments = 4;
	srandom((unsigned)_i + 1);
	for (i = 1; i <= 8; i++) {
		rig_start(&r);
		rig_fill(&r, i);
		(void)sync_wait(r.sync, clock_mono_ms() + random() % 25,
		    NULL, NULL);
		rig_stop(&r, 0);
		if (random() % 2) {
			rig_close(&r);
			rig_open(&r);
		}
	}
	rig_start(&r);
	rig_wait(&r);
	rig_check_recovered(&r);
	rig_done(&r);
}
END_TEST

/* A process that writes and uploads until it is killed. */
static void
run_and_die(struct rig *r, unsigned n)
{
	rig_open(r);
	rig_start(r);
	rig_fill(r, n);
	for (;;)
		(void)sync_wait(r->sync, clock_mono_ms() + 1000, NULL, NULL);
}

START_TEST(a_killed_process_is_taken_up_where_it_was)
{
	struct timespec t = { .tv_sec = 0 };
	struct rig r;
	unsigned i;
	pid_t pid;
	int status;

	rig_new(&r);
	rig_close(&r);
	r.conf.checkpoint_segments = 2;
	srandom((unsigned)_i + 100);
	for (i = 1; i <= 6; i++) {
		pid = fork();
		ck_assert_int_ge(pid, 0);
		if (pid == 0)
			run_and_die(&r, i);
		t.tv_nsec = (60 + random() % 200) * 1000000;
		(void)nanosleep(&t, NULL);
		ck_assert_int_eq(kill(pid, SIGKILL), 0);
		ck_assert_int_eq(waitpid(pid, &status, 0), pid);
		ck_assert(WIFSIGNALED(status));
	}
	rig_open(&r);
	rig_start(&r);
	rig_mkdir(&r, "last");
	rig_wait(&r);
	rig_check_recovered(&r);
	rig_fsck(&r);
	rig_done(&r);
}
END_TEST

static Suite *
suite(void)
{
	Suite *s = suite_create("sync: faults");
	TCase *tc = tcase_create("faults");

	tcase_set_timeout(tc, 240);
	suite_add_tcase(s, tc);
	tcase_add_loop_test(tc,
	    a_call_that_fails_before_its_effect_is_made_good, 1, 61);
	tcase_add_loop_test(tc,
	    a_call_that_fails_after_its_effect_is_made_good, 1, 61);
	tcase_add_loop_test(tc,
	    calls_that_fail_again_and_again_are_made_good, 4, 16);
	tcase_add_test(tc, a_full_store_is_told_and_loses_nothing);
	tcase_add_test(tc,
	    work_goes_on_offline_and_drains_when_the_store_is_back);
	tcase_add_test(tc, a_kick_ends_a_long_wait_and_so_does_a_stop);
	tcase_add_loop_test(tc, a_stop_at_any_moment_loses_nothing, 0, 6);
	tcase_add_loop_test(tc, a_killed_process_is_taken_up_where_it_was, 0,
	    4);
	return s;
}

int
main(void)
{
	SRunner *sr = srunner_create(suite());
	int failed;

	log_set_level(LOG_LEVEL_ERROR);
	srunner_run_all(sr, CK_ENV);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
