/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The HTTP engine: what is sent as it was meant, connections that break or
 * are many, and servers that are late.
 */
#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "net/http.h"
#include "tests/lib/http_rig.h"
#include "util/buf.h"
#include "util/clock.h"
#include "util/thread.h"

START_TEST(a_path_is_sent_as_it_is)
{
	static const char *const a[] = { HRIG_OK("0", "") };
	struct http_req q = { .method = "GET", .body_status = 200 };
	struct http_resp ans;
	char odd[128];

	HRIG_BEGIN(a, NULL);
	(void)snprintf(odd, sizeof(odd), "http://127.0.0.1:%u/a/../b//%%C3",
	    hrig_port);
	q.url = odd;
	ck_assert_int_eq(http_do(hrig_http, &q, &ans), 0);
	ck_assert_int_eq(strncmp(hrig_seen[0], "GET /a/../b//%C3 HTTP/1.1", 25),
	    0);
	hrig_end();
}
END_TEST

START_TEST(a_long_upload_asks_first_and_waits_briefly)
{
	static const char *const a[] = {
	    "HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n" };
	static const char *const more[] = { "If-None-Match: *", NULL };
	size_t len = 4 << 20;
	char *body = calloc(1, len);
	struct http_req q = { .method = "PUT", .url = hrig_url, .body = body,
	    .body_len = len, .is_write = true, .headers = more };
	struct http_resp ans;
	int64_t t0;

	HRIG_BEGIN(a, NULL);
	ck_assert_int_eq(http_do(hrig_http, &q, &ans), 0);
	ck_assert_int_eq(ans.status, 201);
	ck_assert_uint_eq(hrig_seen_body[0], len);
	ck_assert_ptr_nonnull(strstr(hrig_seen[0], "Expect: 100-continue"));
	ck_assert_ptr_nonnull(strstr(hrig_seen[0], "If-None-Match: *\r\n"));
	ck_assert_ptr_null(strstr(hrig_seen[0], "Transfer-Encoding"));
	hrig_no_continue = true;
	t0 = clock_mono_ms();
	ck_assert_int_eq(http_do(hrig_http, &q, &ans), 0);
	ck_assert_int_lt(clock_mono_ms() - t0, 20000);
	ck_assert_uint_eq(hrig_seen_body[1], len);
	/* A short one does not ask; an empty one has a length too. */
	q.body_len = 1000;
	ck_assert_int_eq(http_do(hrig_http, &q, &ans), 0);
	ck_assert_ptr_null(strstr(hrig_seen[2], "Expect"));
	q.body = NULL;
	q.body_len = 0;
	ck_assert_int_eq(http_do(hrig_http, &q, &ans), 0);
	ck_assert_ptr_nonnull(strstr(hrig_seen[3], "Content-Length: 0\r\n"));
	free(body);
	hrig_end();
}
END_TEST

START_TEST(a_broken_off_upload_is_not_completed)
{
	static const char *const a[] = { HRIG_OK("0", "") };
	char *body = calloc(1, 1 << 20);
	struct http_req q = { .method = "PUT", .url = hrig_url, .body = body,
	    .body_len = 200000, .is_write = true, .cut_after = 100000 };
	struct http_resp ans;
	int i;

	HRIG_BEGIN(a, NULL);
	ck_assert_int_eq(http_do(hrig_http, &q, &ans), -ECANCELED);
	free(body);
	/* Its thread may not have come to it yet. */
	for (i = 0; i < 3000 && hrig_n_heads == 0; i++)
		thread_pause_ms(10);
	hrig_end();
	/* The server has hrig_seen the head and not the whole of the body. */
	ck_assert_int_eq(hrig_n_seen, 0);
	ck_assert_ptr_nonnull(strstr(hrig_seen[0], "Content-Length: 200000"));
}
END_TEST

START_TEST(a_write_without_an_answer_is_uncertain)
{
	static const char *const a[] = { "!", "!" };
	struct http_req q = { .method = "PUT", .url = hrig_url, .body = "abc",
	    .body_len = 3, .is_write = true };
	struct http_resp ans;
	struct buf b = BUF_INIT(10);

	HRIG_BEGIN(a, NULL);
	ck_assert_int_eq(http_do(hrig_http, &q, &ans), -ETIMEDOUT);
	ck_assert(ans.msg[0]);
	ck_assert_int_eq(hrig_get(&b, &ans), -EHOSTUNREACH);
	hrig_end();
}
END_TEST

/* The status of an easy handle's last request must not count for its next,
 * which reached nobody. */
START_TEST(nobody_there_is_not_what_was_before)
{
	static const char *const a[] = {
	    "!HTTP/1.1 201 C\r\nContent-Length: 0\r\n\r\n" };
	struct http_req q = { .method = "PUT", .url = hrig_url, .body = "abc",
	    .body_len = 3, .is_write = true };
	struct http_resp ans;

	HRIG_BEGIN(a, NULL);
	ck_assert_int_eq(http_do(hrig_http, &q, &ans), 0);
	hrig_server_end();
	ck_assert_int_eq(http_do(hrig_http, &q, &ans), -EHOSTUNREACH);
	ck_assert_int_eq(ans.status, 0);
	http_free(hrig_http);
}
END_TEST

static void
asker(void *arg)
{
	struct buf b = BUF_INIT(100);
	struct http_resp ans;

	*(int *)arg = hrig_get(&b, &ans);
	buf_done(&b);
}

START_TEST(no_more_connections_than_allowed)
{
	static const char *const a[] = { HRIG_OK("2", "hi") };
	struct http_conf conf = { .host = "127.0.0.1", .connections = 3 };
	pthread_t t[12];
	int r[12], i;

	hrig_is_slow = true;
	HRIG_BEGIN(a, &conf);
	for (i = 0; i < 12; i++)
		ck_assert_int_eq(thread_start(&t[i], "ask", asker, &r[i]), 0);
	for (i = 0; i < 12; i++) {
		thread_join(t[i]);
		ck_assert_int_eq(r[i], 0);
	}
	ck_assert_int_le(hrig_most_open, 3);
	ck_assert_int_eq(hrig_n_seen, 12);
	hrig_end();
}
END_TEST

#define TEN(x) x x x x x x x x x x

/* Some byte always comes before the deadline, and the end never does. */
static const char *const trickle[] = {
	"HTTP/1.1 200 OK\r\n" TEN(TEN("X-More: 1\r\n"))
	    "Content-Length: 0\r\n\r\n",
	HRIG_OK("400", TEN(TEN("abcd"))),
	"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
	    TEN(TEN("1\r\na\r\n")) "0\r\n\r\n",
	TEN(TEN("HTTP/1.1 102 Processing\r\n\r\n")) HRIG_OK("0", ""),
};

START_TEST(who_trickles_is_late)
{
	struct http_conf conf = { .host = "127.0.0.1", .timeout_s = 1 };
	struct http_req q = { .method = "PUT", .url = hrig_url, .body = "abc",
	    .body_len = 3, .is_write = true };
	struct buf b = BUF_INIT(1000);
	struct http_resp ans;
	int64_t start;

	hrig_drip = 4;
	hrig_begin(trickle + _i, 1, &conf);
	start = clock_mono_ms();
	ck_assert_int_eq(hrig_get(&b, &ans), -ETIMEDOUT);
	ck_assert_int_lt(clock_mono_ms() - start, 15000);
	ck_assert_uint_eq(b.len, 0);
	start = clock_mono_ms();
	ck_assert_int_eq(http_do(hrig_http, &q, &ans), -ETIMEDOUT);
	ck_assert_int_lt(clock_mono_ms() - start, 15000);
	buf_done(&b);
	hrig_end();
}
END_TEST

static int
get_slowly(void)
{
	static const char *const a[] = { HRIG_OK("2000", TEN(TEN(TEN("ab")))) };
	struct http_conf conf = { .host = "127.0.0.1", .timeout_s = 1 };
	struct buf b = BUF_INIT(2000);
	struct http_resp ans;
	int64_t start = clock_mono_ms();
	int r;

	hrig_drip = 80;
	HRIG_BEGIN(a, &conf);
	r = hrig_get(&b, &ans);
	if (r == 0) {
		ck_assert_uint_eq(b.len, 2000);
		ck_assert_int_gt(clock_mono_ms() - start, 4000);
	}
	buf_done(&b);
	hrig_end();
	return r;
}

START_TEST(who_is_slow_is_waited_for)
{
	int i, r;

	/* A machine that stalls may be slower than that. */
	for (i = 0; (r = get_slowly()) == -ETIMEDOUT && i < 4; i++)
		;
	ck_assert_int_eq(r, 0);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("http: the line");
	TCase *t = tcase_create("the line");
	SRunner *sr;
	int failed;

	tcase_set_timeout(t, 180);
	tcase_add_test(t, a_long_upload_asks_first_and_waits_briefly);
	tcase_add_test(t, a_write_without_an_answer_is_uncertain);
	tcase_add_test(t, nobody_there_is_not_what_was_before);
	tcase_add_test(t, no_more_connections_than_allowed);
	tcase_add_loop_test(t, who_trickles_is_late, 0,
	    sizeof(trickle) / sizeof(trickle[0]));
	tcase_add_test(t, who_is_slow_is_waited_for);
	tcase_add_test(t, a_path_is_sent_as_it_is);
	tcase_add_test(t, a_broken_off_upload_is_not_completed);
	suite_add_tcase(suite, t);
	sr = srunner_create(suite);
	srunner_run_all(sr, CK_ENV);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed ? 1 : 0;
}
