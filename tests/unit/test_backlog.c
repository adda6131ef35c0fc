/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <check.h>

/* The program's sources are not in the library. */
#include "fs/backlog.c"

#define MS 1000000LL
#define HOUR_MS (60 * 60 * 1000LL)
#define REAL (1000000 * HOUR_MS * MS)	/* some day */

static struct backlog b;
static int64_t next;

static enum backlog_news
look(bool is_online, int64_t oldest_ms_ago, int64_t now_ms)
{
	return backlog_look(&b, is_online, oldest_ms_ago < 0 ? 0 : REAL -
	    oldest_ms_ago * MS, now_ms, REAL, &next);
}

static void
begin(void)
{
	b = (struct backlog){ 0 };
}

START_TEST(what_has_waited_for_a_day_is_told_once)
{
	ck_assert_int_eq(look(false, HOUR_MS, 5), BACKLOG_NONE);
	ck_assert_int_eq(next, 5 + BACKLOG_LOOK_MS);
	ck_assert_int_eq(look(false, BACKLOG_AGE_MS - 7, 5 + HOUR_MS),
	    BACKLOG_NONE);
	ck_assert_int_eq(next, 5 + HOUR_MS + 7);
	ck_assert_int_eq(look(false, BACKLOG_AGE_MS, 12 + HOUR_MS),
	    BACKLOG_TELL);
	ck_assert_int_eq(next, 0);
	ck_assert_int_eq(look(false, 3 * BACKLOG_AGE_MS, 9 * HOUR_MS),
	    BACKLOG_NONE);
	ck_assert_int_eq(next, 0);
}
END_TEST

START_TEST(it_is_over_when_the_store_answers)
{
	ck_assert_int_eq(look(false, BACKLOG_AGE_MS, 1), BACKLOG_NONE);
	ck_assert_int_eq(look(false, BACKLOG_AGE_MS, 1 + BACKLOG_AWAY_MS),
	    BACKLOG_TELL);
	ck_assert_int_eq(look(true, BACKLOG_AGE_MS, HOUR_MS), BACKLOG_OVER);
	ck_assert_int_eq(look(true, BACKLOG_AGE_MS, HOUR_MS), BACKLOG_NONE);
	ck_assert_int_eq(next, 0);
	/* The next time it is told anew. */
	ck_assert_int_eq(look(false, BACKLOG_AGE_MS, 2 * HOUR_MS),
	    BACKLOG_NONE);
	ck_assert_int_eq(next, 2 * HOUR_MS + BACKLOG_AWAY_MS);
	ck_assert_int_eq(look(false, BACKLOG_AGE_MS, next), BACKLOG_TELL);
}
END_TEST

START_TEST(a_network_that_is_only_coming_up_is_no_reason)
{
	/* Switched on after days, with something left. */
	ck_assert_int_eq(look(false, 3 * BACKLOG_AGE_MS, 100), BACKLOG_NONE);
	ck_assert_int_eq(next, 100 + BACKLOG_AWAY_MS);
	/* Slept for days. */
	backlog_wake(&b, 50 * HOUR_MS);
	ck_assert_int_eq(look(false, 3 * BACKLOG_AGE_MS, 50 * HOUR_MS),
	    BACKLOG_NONE);
	ck_assert_int_eq(next, 50 * HOUR_MS + BACKLOG_AWAY_MS);
	ck_assert_int_eq(look(true, 3 * BACKLOG_AGE_MS, 50 * HOUR_MS + 1),
	    BACKLOG_NONE);
	backlog_wake(&b, 60 * HOUR_MS);
	ck_assert_int_eq(b.away_ms, 0);
}
END_TEST

START_TEST(nothing_queued_is_nothing_to_tell)
{
	ck_assert_int_eq(look(false, -1, 1), BACKLOG_NONE);
	ck_assert_int_eq(look(false, -1, 100 * HOUR_MS), BACKLOG_NONE);
	/* Something may be, by then. */
	ck_assert_int_eq(next, 100 * HOUR_MS + BACKLOG_LOOK_MS);
}
END_TEST

static Suite *
suite(void)
{
	Suite *s = suite_create("backlog");
	TCase *t = tcase_create("backlog");

	tcase_add_checked_fixture(t, begin, NULL);
	tcase_add_test(t, what_has_waited_for_a_day_is_told_once);
	tcase_add_test(t, it_is_over_when_the_store_answers);
	tcase_add_test(t, a_network_that_is_only_coming_up_is_no_reason);
	tcase_add_test(t, nothing_queued_is_nothing_to_tell);
	suite_add_tcase(s, t);
	return s;
}

int
main(void)
{
	SRunner *r = srunner_create(suite());
	int failed;

	srunner_run_all(r, CK_ENV);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? 1 : 0;
}
