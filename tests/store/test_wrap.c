/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The wrappers, over a store in memory that fails on purpose. */
#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "store/store.h"
#include "util/buf.h"
#include "util/clock.h"
#include "util/thread.h"

static struct store *
mem(void)
{
	struct store *s;

	ck_assert_int_eq(store_open("mem:", NULL, &s, NULL), 0);
	return s;
}

/* Retry over faults over memory. */
static struct store *
faulty(uint64_t at, uint64_t every, int r, bool is_after, unsigned retries)
{
	struct store_fault f = { at, every, r, is_after };
	struct store *s = mem();

	ck_assert_int_eq(store_fault_new(s, &f, &s), 0);
	if (retries)
		ck_assert_int_eq(store_retry_new(s, retries, &s), 0);
	return s;
}

START_TEST(a_fault_hits_the_call_it_is_meant_for)
{
	struct buf b = BUF_INIT(100);
	struct store *s = faulty(2, 0, -EHOSTUNREACH, false, 0);

	ck_assert_int_eq(store_put(s, "a", "1", 1, 0), 0);
	ck_assert_int_eq(store_put(s, "b", "2", 1, 0), -EHOSTUNREACH);
	ck_assert_int_eq(store_get(s, "b", &b), -ENOENT);
	ck_assert_int_eq(store_put(s, "b", "2", 1, 0), 0);
	store_close(s);

	s = faulty(0, 3, -EIO, true, 0);
	ck_assert_int_eq(store_put(s, "a", "1", 1, 0), 0);
	ck_assert_int_eq(store_put(s, "b", "1", 1, 0), 0);
	ck_assert_int_eq(store_put(s, "c", "1", 1, 0), -EIO);
	ck_assert_int_eq(store_get(s, "c", &b), 0);
	ck_assert_int_eq(store_get(s, "c", &b), 0);
	ck_assert_int_eq(store_delete(s, "c"), -EIO);
	buf_reset(&b);
	ck_assert_int_eq(store_get(s, "c", &b), -ENOENT);
	buf_done(&b);
	store_close(s);
}
END_TEST

START_TEST(a_transient_failure_is_tried_again)
{
	struct buf b = BUF_INIT(100);
	struct store *s = faulty(1, 0, -EHOSTUNREACH, false, 2);
	struct store_stats st;

	ck_assert_int_eq(store_put(s, "a", "1", 1, 0), 0);
	ck_assert_int_eq(store_get(s, "a", &b), 0);
	store_get_stats(s, &st);
	ck_assert_uint_eq(st.retries, 1);
	buf_done(&b);
	store_close(s);
}
END_TEST

static const int final[] = { -EACCES, -ENOSPC, -EPROTO, -EIO, -ENOENT,
    -ECANCELED };

START_TEST(another_failure_is_not_tried_again)
{
	struct store *s = faulty(1, 0, final[_i], false, 5);
	struct store_stats st;

	ck_assert(!store_transient(final[_i]));
	ck_assert_int_eq(store_put(s, "a", "1", 1, 0), final[_i]);
	store_get_stats(s, &st);
	ck_assert_uint_eq(st.retries, 0);
	ck_assert_int_eq(store_put(s, "a", "1", 1, 0), 0);
	store_close(s);
}
END_TEST

START_TEST(the_tries_come_to_an_end)
{
	struct store *s = faulty(0, 1, -ETIMEDOUT, false, 2);
	int64_t t0 = clock_mono_ms();
	struct store_stats st;

	ck_assert_int_eq(store_put(s, "a", "1", 1, 0), -ETIMEDOUT);
	/* At most 200 and 400 ms of waiting. */
	ck_assert_int_lt(clock_mono_ms() - t0, 20000);
	store_get_stats(s, &st);
	ck_assert_uint_eq(st.retries, 2);
	store_close(s);
}
END_TEST

START_TEST(a_put_that_did_happen_is_no_conflict)
{
	struct store *s = faulty(1, 0, -ETIMEDOUT, true, 2);

	ck_assert_int_eq(store_put(s, "a", "mine", 4, STORE_IF_ABSENT), 0);
	ck_assert_int_eq(store_put(s, "a", "mine", 4, STORE_IF_ABSENT),
	    -EEXIST);
	store_close(s);
}
END_TEST

START_TEST(the_bytes_of_another_are_a_conflict)
{
	struct store *s = faulty(2, 0, -ETIMEDOUT, false, 2);
	struct buf b = BUF_INIT(100);

	ck_assert_int_eq(store_put(s, "a", "other", 5, 0), 0);
	ck_assert_int_eq(store_put(s, "a", "mine", 4, STORE_IF_ABSENT),
	    -EEXIST);
	ck_assert_int_eq(store_get(s, "a", &b), 0);
	ck_assert_mem_eq(b.data, "other", 5);
	buf_done(&b);
	store_close(s);
}
END_TEST

START_TEST(a_delete_that_did_happen_is_done)
{
	struct store *s = faulty(2, 0, -ETIMEDOUT, true, 2);

	ck_assert_int_eq(store_put(s, "a", "x", 1, 0), 0);
	ck_assert_int_eq(store_delete(s, "a"), 0);
	ck_assert_int_eq(store_delete(s, "a"), -ENOENT);
	store_close(s);
}
END_TEST

static int
on_name(void *arg, const char *name, uint64_t size)
{
	(void)name;
	(void)size;
	++*(int *)arg;
	return 0;
}

START_TEST(a_list_tells_each_name_once)
{
	struct store *s = faulty(3, 0, -EHOSTUNREACH, false, 2);
	int n = 0;

	ck_assert_int_eq(store_put(s, "a", "x", 1, 0), 0);
	ck_assert_int_eq(store_put(s, "b", "x", 1, 0), 0);
	/* It failed before it told any name, so it is made again. */
	ck_assert_int_eq(store_list(s, "", on_name, &n), 0);
	ck_assert_int_eq(n, 2);
	store_close(s);

	s = faulty(3, 0, -EHOSTUNREACH, true, 2);
	n = 0;
	ck_assert_int_eq(store_put(s, "a", "x", 1, 0), 0);
	ck_assert_int_eq(store_put(s, "b", "x", 1, 0), 0);
	ck_assert_int_eq(store_list(s, "", on_name, &n), -EHOSTUNREACH);
	ck_assert_int_eq(n, 2);
	store_close(s);
}
END_TEST

static void
stopper(void *arg)
{
	struct timespec ts = { 0, 200000000 };

	(void)nanosleep(&ts, NULL);
	store_interrupt(arg, true);
}

START_TEST(a_wait_for_the_next_try_can_be_interrupted)
{
	struct store *s = faulty(0, 1, -EHOSTUNREACH, false, 1000);
	int64_t t0 = clock_mono_ms();
	pthread_t t;

	ck_assert_int_eq(thread_start(&t, "stop", stopper, s), 0);
	ck_assert_int_eq(store_put(s, "a", "1", 1, 0), -ECANCELED);
	ck_assert_int_lt(clock_mono_ms() - t0, 20000);
	thread_join(t);
	store_close(s);
}
END_TEST

/* False: it took longer than that. */
static bool
limit_holds(int64_t max_ms)
{
	struct buf b = BUF_INIT(1 << 20);
	char *p = calloc(1, 100000);
	struct store *s = mem();
	int64_t t0, up, down;
	int i;

	ck_assert_int_eq(store_limit_new(s, 400000, 800000, &s), 0);
	t0 = clock_mono_ms();
	/* One second's worth is free, then 100,000 bytes take 250 ms. */
	for (i = 0; i < 9; i++)
		ck_assert_int_eq(store_put(s, "a", p, 100000, 0), 0);
	up = clock_mono_ms() - t0;
	ck_assert_msg(up >= 850, "up: %lld ms", (long long)up);
	t0 = clock_mono_ms();
	for (i = 0; i < 14; i++) {
		buf_reset(&b);
		if (i % 2)
			ck_assert_int_eq(store_get(s, "a", &b), 0);
		else
			ck_assert_int_eq(store_get_range(s, "a", 0, 100000,
			    &b), 0);
		ck_assert_uint_eq(b.len, 100000);
	}
	down = clock_mono_ms() - t0;
	ck_assert_msg(down >= 500, "down: %lld ms", (long long)down);
	buf_done(&b);
	free(p);
	store_close(s);
	return up < max_ms && down < max_ms;
}

START_TEST(a_limit_holds_on_average)
{
	unsigned i;

	/* A busy machine may make it longer. */
	for (i = 0; !limit_holds(2500); i++)
		ck_assert_uint_lt(i, 5);
}
END_TEST

START_TEST(a_wait_for_the_limit_can_be_interrupted)
{
	char *p = calloc(1, 1 << 20);
	struct store *s = mem();
	int64_t t0;
	pthread_t t;

	ck_assert_int_eq(store_limit_new(s, 1000, 0, &s), 0);
	ck_assert_int_eq(store_put(s, "a", p, 1 << 20, 0), 0);
	t0 = clock_mono_ms();
	ck_assert_int_eq(thread_start(&t, "stop", stopper, s), 0);
	ck_assert_int_eq(store_put(s, "a", p, 10, 0), -ECANCELED);
	ck_assert_int_lt(clock_mono_ms() - t0, 20000);
	thread_join(t);
	free(p);
	store_close(s);
}
END_TEST

START_TEST(a_failure_is_remembered_until_a_success)
{
	struct store_fault f = { .at = 2, .r = -EHOSTUNREACH };
	struct store *s = mem();
	struct store_stats st;

	ck_assert_int_eq(store_fault_new(s, &f, &s), 0);
	ck_assert_int_eq(store_stats_new(s, &s), 0);
	ck_assert_int_eq(store_put(s, "a", "1", 1, 0), 0);
	ck_assert_int_eq(store_put(s, "a", "1", 1, 0), -EHOSTUNREACH);
	store_get_stats(s, &st);
	ck_assert(!st.is_online);
	ck_assert_uint_eq(st.errors, 1);
	ck_assert_uint_eq(st.puts, 2);
	ck_assert_uint_eq(st.bytes_up, 1);
	ck_assert(st.last_error[0]);
	ck_assert_int_eq(store_put(s, "a", "1", 1, 0), 0);
	store_get_stats(s, &st);
	ck_assert(st.is_online);
	ck_assert_uint_eq(st.errors, 1);
	ck_assert_str_eq(st.last_error, "");
	store_close(s);
}
END_TEST

START_TEST(all_wrappers_stand_on_each_other)
{
	struct store_conf conf = { .retries = 2, .up_bytes_s = 1 << 30,
	    .down_bytes_s = 1 << 30 };
	struct buf b = BUF_INIT(100);
	struct store *s;

	ck_assert_int_eq(store_open("mem:", &conf, &s, NULL), 0);
	ck_assert_str_eq(store_url(s), "mem:");
	ck_assert_int_eq(store_probe(s, NULL), 0);
	ck_assert_int_eq(store_put(s, "a", "x", 1, 0), 0);
	ck_assert_int_eq(store_get(s, "a", &b), 0);
	ck_assert_int_eq(store_space(s, &(struct store_space){ 0, 0 }),
	    -EOPNOTSUPP);
	buf_done(&b);
	store_close(s);
	store_close(NULL);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("wrap");
	TCase *t = tcase_create("wrap");
	SRunner *sr;
	int failed;

	tcase_set_timeout(t, 60);
	tcase_add_test(t, a_fault_hits_the_call_it_is_meant_for);
	tcase_add_test(t, a_transient_failure_is_tried_again);
	tcase_add_loop_test(t, another_failure_is_not_tried_again, 0,
	    sizeof(final) / sizeof(final[0]));
	tcase_add_test(t, the_tries_come_to_an_end);
	tcase_add_test(t, a_put_that_did_happen_is_no_conflict);
	tcase_add_test(t, the_bytes_of_another_are_a_conflict);
	tcase_add_test(t, a_delete_that_did_happen_is_done);
	tcase_add_test(t, a_list_tells_each_name_once);
	tcase_add_test(t, a_wait_for_the_next_try_can_be_interrupted);
	tcase_add_test(t, a_limit_holds_on_average);
	tcase_add_test(t, a_wait_for_the_limit_can_be_interrupted);
	tcase_add_test(t, a_failure_is_remembered_until_a_success);
	tcase_add_test(t, all_wrappers_stand_on_each_other);
	suite_add_tcase(suite, t);
	sr = srunner_create(suite);
	srunner_run_all(sr, CK_ENV);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed ? 1 : 0;
}
