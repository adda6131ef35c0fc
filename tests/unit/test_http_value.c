/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <check.h>
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>

#include "net/http_value.h"

START_TEST(a_time_to_wait_is_seconds_or_a_date)
{
	/* 1994-11-06 08:49:37 UTC */
	const int64_t t = 784111777;
	int64_t ms = -7;

	ck_assert_int_eq(http_retry_after("120", t, &ms), 0);
	ck_assert_int_eq(ms, 120000);
	ck_assert_int_eq(http_retry_after(" 0 ", t, &ms), 0);
	ck_assert_int_eq(ms, 0);
	ck_assert_int_eq(http_retry_after("99999999999", t, &ms), 0);
	ck_assert_int_eq(ms, 86400000);
	ck_assert_int_eq(http_retry_after("Sun, 06 Nov 1994 08:49:37 GMT",
	    t - 30, &ms), 0);
	ck_assert_int_eq(ms, 30000);
	ck_assert_int_eq(http_retry_after("Sun, 06 Nov 1994 08:49:37 GMT",
	    t + 30, &ms), 0);
	ck_assert_int_eq(ms, 0);
	ms = -7;
	ck_assert_int_eq(http_retry_after("soon", t, &ms), -EPROTO);
	ck_assert_int_eq(http_retry_after("", t, &ms), -EPROTO);
	ck_assert_int_eq(http_retry_after("-5", t, &ms), -EPROTO);
	ck_assert_int_eq(ms, -7);
}
END_TEST

static const struct {
	const char *text;
	uint64_t first, last, total;
} range[] = {
	{ "bytes 0-0/1", 0, 0, 1 },
	{ "bytes 10-19/100", 10, 19, 100 },
	{ "Bytes  10-19/*", 10, 19, UINT64_MAX },
	{ "bytes 0-18446744073709551604/18446744073709551605", 0,
	    18446744073709551604u, 18446744073709551605u },
};
static const char *const bad_range[] = { "", "bytes", "bytes */100",
    "bytes 5-4/100", "bytes 0-100/100", "bytes 1-2", "bytes 1-2/",
    "bytes 1-2/3x", "bytes -1-2/3", "bytes 1-/3", "items 1-2/3",
    "bytes 99999999999999999999-2/3", "bytes 1--2/3" };

START_TEST(a_range_is_read_exactly)
{
	uint64_t first, last, total;
	size_t i;

	for (i = 0; i < sizeof(range) / sizeof(range[0]); i++) {
		ck_assert_int_eq(http_content_range(range[i].text, &first,
		    &last, &total), 0);
		ck_assert_uint_eq(first, range[i].first);
		ck_assert_uint_eq(last, range[i].last);
		ck_assert_uint_eq(total, range[i].total);
	}
	for (i = 0; i < sizeof(bad_range) / sizeof(bad_range[0]); i++)
		ck_assert_msg(http_content_range(bad_range[i], &first, &last,
		    &total) == -EPROTO, "'%s'", bad_range[i]);
}
END_TEST

START_TEST(a_number_is_digits_and_nothing_else)
{
	uint64_t v = 5;
	int64_t q = 5;

	ck_assert_int_eq(http_number(" 18446744073709551605\n", &v), 0);
	ck_assert_uint_eq(v, 18446744073709551605u);
	v = 5;
	ck_assert_int_eq(http_number("", &v), -EPROTO);
	ck_assert_int_eq(http_number("1 2", &v), -EPROTO);
	ck_assert_int_eq(http_number("0x10", &v), -EPROTO);
	ck_assert_int_eq(http_number("1e3", &v), -EPROTO);
	ck_assert_int_eq(http_number("-1", &v), -EPROTO);
	ck_assert_int_eq(http_number("99999999999999999999", &v), -EPROTO);
	ck_assert_uint_eq(v, 5);
	ck_assert_int_eq(http_quota("-3", &q), 0);
	ck_assert_int_eq(q, -3);
	ck_assert_int_eq(http_quota("18446744073709551605", &q), 0);
	ck_assert_int_eq(q, INT64_MAX);
	ck_assert_int_eq(http_quota("--3", &q), -EPROTO);
	ck_assert_int_eq(http_quota("- 3", &q), -EPROTO);
}
END_TEST

START_TEST(a_status_line_has_a_code)
{
	int v = 0;

	ck_assert_int_eq(http_status("HTTP/1.1 200 OK", &v), 0);
	ck_assert_int_eq(v, 200);
	ck_assert_int_eq(http_status("\n HTTP/2 404", &v), 0);
	ck_assert_int_eq(v, 404);
	ck_assert_int_eq(http_status("200 OK", &v), -EPROTO);
	ck_assert_int_eq(http_status("HTTP/1.1", &v), -EPROTO);
	ck_assert_int_eq(http_status("HTTP/1.1 2000", &v), -EPROTO);
	ck_assert_int_eq(http_status("HTTP/1.1 20x", &v), -EPROTO);
	ck_assert_int_eq(http_status("HTTP/1.1 099", &v), -EPROTO);
	ck_assert_int_eq(v, 404);
}
END_TEST

START_TEST(a_tag_is_the_same_with_and_without_quotes)
{
	ck_assert(http_etag_same("\"abc\"", "abc"));
	ck_assert(http_etag_same("W/\"abc\"", "\"abc\""));
	ck_assert(http_etag_same("abc", "abc"));
	ck_assert(!http_etag_same("abc", "abd"));
	ck_assert(!http_etag_same("\"abc", "abc"));
	ck_assert(!http_etag_same("", "\""));
	ck_assert(http_etag_same("", "\"\""));
}
END_TEST

START_TEST(a_date_is_read_or_refused)
{
	int64_t t = 7;

	ck_assert_int_eq(http_date("Fri, 24 May 2013 00:00:00 GMT", &t), 0);
	ck_assert_int_eq(t, 1369353600);
	ck_assert_int_eq(http_date("soon", &t), -EPROTO);
	ck_assert_int_eq(http_date("", &t), -EPROTO);
	ck_assert_int_eq(t, 1369353600);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("http_value");
	TCase *t = tcase_create("http_value");
	SRunner *sr;
	int failed;

	tcase_add_test(t, a_time_to_wait_is_seconds_or_a_date);
	tcase_add_test(t, a_tag_is_the_same_with_and_without_quotes);
	tcase_add_test(t, a_date_is_read_or_refused);
	tcase_add_test(t, a_range_is_read_exactly);
	tcase_add_test(t, a_number_is_digits_and_nothing_else);
	tcase_add_test(t, a_status_line_has_a_code);
	suite_add_tcase(suite, t);
	sr = srunner_create(suite);
	srunner_run_all(sr, CK_ENV);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed ? 1 : 0;
}
