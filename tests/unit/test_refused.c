/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <check.h>
#include <stdlib.h>

/* The program's sources are not in the library. */
#include "fs/refused.c"

static struct refused *x;

static void
begin(void)
{
	ck_assert_int_eq(refused_new(&x), 0);
}

static void
end(void)
{
	refused_free(x);
	refused_free(NULL);
}

START_TEST(a_refusal_counts_once)
{
	ck_assert(!refused_take(x, 7, 1000));
	refused_add(x, 7, 1000);
	ck_assert(!refused_take(x, 8, 1000));
	ck_assert(refused_take(x, 7, 1000));
	ck_assert(!refused_take(x, 7, 1000));
}
END_TEST

START_TEST(two_of_a_file_are_one)
{
	refused_add(x, 7, 1000);
	refused_add(x, 7, 2500);
	ck_assert(refused_take(x, 7, 4000));
	ck_assert(!refused_take(x, 7, 4000));
}
END_TEST

START_TEST(it_counts_for_two_seconds)
{
	refused_add(x, 7, 1000);
	refused_add(x, 8, 1000);
	ck_assert(refused_take(x, 7, 1000 + REFUSED_MS));
	ck_assert(!refused_take(x, 8, 1001 + REFUSED_MS));
}
END_TEST

START_TEST(the_latest_are_known)
{
	uint64_t i;

	for (i = 1; i <= REFUSED_MAX + 1; i++)
		refused_add(x, i, 1000);
	ck_assert(!refused_take(x, 1, 1000));
	for (i = 2; i <= REFUSED_MAX + 1; i++)
		ck_assert(refused_take(x, i, 1000));
}
END_TEST

static Suite *
suite(void)
{
	Suite *s = suite_create("refused");
	TCase *t = tcase_create("refused");

	tcase_add_checked_fixture(t, begin, end);
	tcase_add_test(t, a_refusal_counts_once);
	tcase_add_test(t, two_of_a_file_are_one);
	tcase_add_test(t, it_counts_for_two_seconds);
	tcase_add_test(t, the_latest_are_known);
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
