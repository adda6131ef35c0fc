/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <check.h>
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "util/big.h"
#include "util/buf.h"

#define MIB ((size_t)1 << 20)

static void
setup(void)
{
	big_trim(0);
}

START_TEST(what_was_given_back_is_given_again)
{
	size_t cap, again;
	void *p = big_get(3 * MIB, &cap), *q;

	ck_assert_ptr_nonnull(p);
	ck_assert_uint_eq(cap, 4 * MIB);
	memset(p, 1, cap);
	big_put(p, cap);
	q = big_get(2 * MIB, &again);
	ck_assert_ptr_eq(q, p);
	ck_assert_uint_eq(again, cap);
	big_put(q, again);
}
END_TEST

START_TEST(what_is_too_small_or_far_too_large_is_not_given)
{
	size_t cap, a, b;
	void *p = big_get(8 * MIB, &cap), *q, *r;

	big_put(p, cap);
	q = big_get(17 * MIB, &a);
	r = big_get(MIB, &b);
	ck_assert_uint_ge(a, 17 * MIB);
	ck_assert_uint_eq(b, MIB);
	big_put(q, a);
	big_put(r, b);
}
END_TEST

START_TEST(buffers_live_in_them_beyond_a_size)
{
	struct buf b;
	uint8_t *was;
	unsigned k;

	buf_init(&b, 8 * MIB);
	for (k = 0; k < 3 * MIB / 4; k++)
		ck_assert_int_eq(buf_put_u32(&b, k), 0);
	for (k = 0; k < 3 * MIB / 4; k++)
		ck_assert_int_eq(memcmp(b.data + (size_t)k * 4, &k, 4), 0);
	was = b.data;
	buf_wipe(&b);
	ck_assert_ptr_nonnull(buf_reserve(&b, 4 * MIB));
	ck_assert_ptr_eq(b.data, was);
	/* Behind what the pool itself keeps there. */
	ck_assert_uint_eq(b.data[MIB], 0);
	ck_assert_ptr_null(buf_reserve(&b, 9 * MIB));
	ck_assert_int_eq(b.err, -EFBIG);
	buf_done(&b);
}
END_TEST

static void *
churn(void *arg)
{
	uint8_t *p[3], mark = *(uint8_t *)arg;
	size_t cap[3], k, n;

	for (n = 0; n < 400; n++) {
		for (k = 0; k < 3; k++) {
			p[k] = big_get((k + 1) * MIB, &cap[k]);
			ck_assert_ptr_nonnull(p[k]);
			ck_assert_uint_ge(cap[k], (k + 1) * MIB);
			p[k][0] = p[k][cap[k] - 1] = mark;
		}
		if (n % 16 == mark)
			big_trim(0);
		for (k = 0; k < 3; k++) {
			ck_assert_uint_eq(p[k][0], mark);
			ck_assert_uint_eq(p[k][cap[k] - 1], mark);
			big_put(p[k], cap[k]);
		}
	}
	return NULL;
}

START_TEST(no_two_threads_have_the_same)
{
	pthread_t t[4];
	uint8_t id[4];
	unsigned k;

	for (k = 0; k < 4; k++) {
		id[k] = (uint8_t)k;
		ck_assert_int_eq(pthread_create(&t[k], NULL, churn, &id[k]),
		    0);
	}
	for (k = 0; k < 4; k++)
		(void)pthread_join(t[k], NULL);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("big");
	TCase *t = tcase_create("big");
	SRunner *r;
	int failed;

	tcase_add_checked_fixture(t, setup, setup);
	tcase_set_timeout(t, 60);
	tcase_add_test(t, what_was_given_back_is_given_again);
	tcase_add_test(t, what_is_too_small_or_far_too_large_is_not_given);
	tcase_add_test(t, buffers_live_in_them_beyond_a_size);
	tcase_add_test(t, no_two_threads_have_the_same);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? 1 : 0;
}
