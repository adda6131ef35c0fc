/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* The program's sources are not in the library. */
#include "fs/laggard.c"
#include "fs/notice.c"

static struct laggard l;
static struct notice n;
static struct mirror_state st[3];
static int64_t next;

static void
begin(void)
{
	unsigned i;

	memset(&l, 0, sizeof(l));
	memset(&n, 0, sizeof(n));
	memset(st, 0, sizeof(st));
	for (i = 0; i < 3; i++) {
		(void)snprintf(st[i].id, sizeof(st[i].id), "id%u", i);
		(void)snprintf(st[i].url, sizeof(st[i].url), "dir:/%u", i);
	}
}

static void
fails(unsigned i, int why, int64_t since_ms)
{
	st[i].is_away = why < 0;
	st[i].why = why;
	st[i].away_ms = since_ms;
}

static unsigned
look(int64_t now_ms)
{
	return laggard_look(&l, st, 3, now_ms, &n, &next);
}

static bool
is_told(enum notice_kind want, unsigned times)
{
	enum notice_kind kind;
	unsigned got;

	return notice_take(&n, 0, &kind, &got) && kind == want &&
	    got == times;
}

static bool
is_quiet(void)
{
	return notice_wait(&n, 0) < 0;
}

START_TEST(one_that_refuses_is_told_once)
{
	begin();
	ck_assert_uint_eq(look(1), 0);
	ck_assert(is_quiet());
	fails(1, -EACCES, 5);
	ck_assert_uint_eq(look(6), 0);
	ck_assert(is_told(NOTICE_STORE_SIGN_IN, 1));
	ck_assert_str_eq(laggard_url(&l, NOTICE_STORE_SIGN_IN), "dir:/1");
	ck_assert_uint_eq(look(7), 0);
	ck_assert(is_quiet());
	ck_assert_int_eq(next, 0);
	fails(1, 0, 0);
	ck_assert_uint_eq(look(8), 1u << 0);
	ck_assert_int_eq(laggard_kind(0), NOTICE_STORE_SIGN_IN);
	ck_assert_uint_eq(look(9), 0);
}
END_TEST

START_TEST(another_that_refuses_is_told_and_both_must_end)
{
	begin();
	fails(0, -EPERM, 5);
	(void)look(6);
	ck_assert(is_told(NOTICE_STORE_SIGN_IN, 1));
	fails(2, -EACCES, 7);
	(void)look(8);
	ck_assert_str_eq(laggard_url(&l, NOTICE_STORE_SIGN_IN), "dir:/2");
	fails(0, 0, 0);
	ck_assert_uint_eq(look(9), 0);
	fails(2, -ENOSPC, 7);
	ck_assert_uint_eq(look(10), 1u << 0);
	/* What was not told yet is not told when it is over. */
	ck_assert(is_told(NOTICE_STORE_FULL, 1));
	ck_assert(is_quiet());
}
END_TEST

START_TEST(one_that_is_away_is_told_after_a_day)
{
	begin();
	fails(1, -EHOSTUNREACH, 1000);
	fails(2, -EMEDIUMTYPE, 500);
	(void)look(2000);
	ck_assert(is_quiet());
	ck_assert_int_eq(next, 500 + LAGGARD_AWAY_MS);
	(void)look(499 + LAGGARD_AWAY_MS);
	ck_assert(is_quiet());
	(void)look(next);
	ck_assert(is_told(NOTICE_STORE_AWAY, 1));
	ck_assert_str_eq(laggard_url(&l, NOTICE_STORE_AWAY), "dir:/2");
	ck_assert_int_eq(next, 1000 + LAGGARD_AWAY_MS);
	fails(1, 0, 0);
	fails(2, 0, 0);
	ck_assert_uint_eq(look(next), 1u << 2);
	ck_assert_int_eq(next, 0);
}
END_TEST

START_TEST(one_that_has_left_is_told_of_no_more)
{
	begin();
	fails(2, -EDQUOT, 5);
	(void)look(6);
	ck_assert_uint_eq(laggard_look(&l, st, 2, 7, &n, &next), 1u << 1);
	ck_assert(is_quiet());
	/* Another in its place is another one. */
	fails(0, -EDQUOT, 5);
	(void)look(8);
	(void)snprintf(st[0].id, sizeof(st[0].id), "new");
	notice_drop(&n, NOTICE_STORE_FULL);
	(void)look(9);
	ck_assert(!is_quiet());
}
END_TEST

START_TEST(the_notice_names_the_store_and_the_drive)
{
	struct notice_of o = { .title = "Home", .name = "home", .times = 1,
	    .store = "sftp://a@b\t/x\n" };
	char line[NOTICE_LINE_MAX];
	unsigned i;

	for (i = 0; i < LAGGARD_KINDS; i++) {
		(void)notice_line(laggard_kind(i), &o, line);
		ck_assert_ptr_nonnull(strstr(line, "Home: one of its stores"));
		ck_assert_ptr_nonnull(strstr(line, " comes to sftp://a@b /x "
		    ". "));
		ck_assert_ptr_nonnull(strstr(line, " home\n"));
	}
	ck_assert_ptr_null(laggard_url(&l, NOTICE_UNSENT));
	ck_assert_ptr_null(laggard_url(&l, NOTICE_FULL));
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("laggard");
	TCase *t = tcase_create("laggard");
	SRunner *r;
	int bad;

	tcase_add_test(t, one_that_refuses_is_told_once);
	tcase_add_test(t, another_that_refuses_is_told_and_both_must_end);
	tcase_add_test(t, one_that_is_away_is_told_after_a_day);
	tcase_add_test(t, one_that_has_left_is_told_of_no_more);
	tcase_add_test(t, the_notice_names_the_store_and_the_drive);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_ENV);
	bad = srunner_ntests_failed(r);
	srunner_free(r);
	return bad == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
