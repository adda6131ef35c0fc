/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <check.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

/* The program's sources are not in the library. */
#include "fs/later.c"

static struct later *l;
static atomic_uint begun, ended, done;

/* Until it is told to end. */
static int
work(void *arg, unsigned kind, uint64_t ino)
{
	(void)arg;
	(void)atomic_fetch_add(&begun, 1);
	while (kind == 1 && !later_is_stopping(l))
		(void)usleep(1000);
	(void)atomic_fetch_or(&done, (unsigned)ino);
	(void)atomic_fetch_add(&ended, 1);
	return 0;
}

static void
begin(void)
{
	struct later_conf c = { "test", 8, 0, 1, work, NULL };

	atomic_store(&begun, 0);
	atomic_store(&ended, 0);
	atomic_store(&done, 0);
	ck_assert_int_eq(later_start(&c, &l), 0);
}

static void
until(atomic_uint *what, unsigned n)
{
	int i;

	for (i = 0; i < 5000 && atomic_load(what) < n; i++)
		(void)usleep(1000);
	ck_assert_uint_ge(atomic_load(what), n);
}

START_TEST(what_is_held_is_done_afterwards)
{
	int i;

	later_add(l, 1, 1, 0);
	until(&begun, 1);
	later_hold(l);
	/* It has ended, and nothing else begins. */
	ck_assert_uint_eq(atomic_load(&ended), 1);
	later_add(l, 0, 2, 0);
	(void)usleep(50000);
	ck_assert_uint_eq(atomic_load(&begun), 1);
	later_go(l);
	/* What was cut short is begun again, and that in its turn. */
	until(&begun, 2);
	for (i = 0; i < 100 && !(atomic_load(&done) & 2); i++) {
		later_hold(l);
		later_go(l);
		(void)usleep(10000);
	}
	ck_assert(atomic_load(&done) & 2);
	until(&begun, 3);
	later_stop(l);
}
END_TEST

START_TEST(it_can_be_stopped_while_it_is_held)
{
	later_hold(l);
	later_add(l, 0, 1, 0);
	later_stop(l);
	ck_assert_uint_eq(atomic_load(&begun), 0);
	later_stop(NULL);
}
END_TEST

START_TEST(nothing_is_lost_by_many_holds)
{
	unsigned i;

	for (i = 0; i < 6; i++) {
		later_add(l, 0, 1u << i, 5);
		later_hold(l);
		(void)usleep(2000);
		later_go(l);
	}
	until(&done, 63);
	later_stop(l);
}
END_TEST

static Suite *
suite(void)
{
	Suite *s = suite_create("later");
	TCase *t = tcase_create("later");

	tcase_add_checked_fixture(t, begin, NULL);
	tcase_add_test(t, what_is_held_is_done_afterwards);
	tcase_add_test(t, it_can_be_stopped_while_it_is_held);
	tcase_add_test(t, nothing_is_lost_by_many_holds);
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
