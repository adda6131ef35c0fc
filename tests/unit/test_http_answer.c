/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The HTTP engine: what each answer of a server means. */
#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "net/http.h"
#include "tests/lib/http_rig.h"
#include "util/buf.h"
#include "util/clock.h"

static int
get_range(uint64_t off, size_t len, struct buf *out, struct http_resp *a)
{
	struct http_req q = { .method = "GET", .url = hrig_url,
	    .is_range = true, .range_off = off, .range_len = len,
	    .body_status = 200, .out = out };

	return http_do(hrig_http, &q, a);
}

#define CHUNKED(chunks) "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked" \
	"\r\n\r\n" chunks "0\r\n\r\n"

START_TEST(a_body_is_appended_and_the_connection_kept)
{
	static const char *const a[] = { HRIG_OK("5", "hello"),
	    HRIG_OK("0", ""), CHUNKED("3\r\nabc\r\n") };
	struct buf b = BUF_INIT(100);
	struct http_resp ans;

	HRIG_BEGIN(a, NULL);
	ck_assert_int_eq(buf_put(&b, ">", 1), 0);
	ck_assert_int_eq(hrig_get(&b, &ans), 0);
	ck_assert_int_eq(ans.status, 200);
	ck_assert_int_eq(ans.length, 5);
	ck_assert_int_eq(hrig_get(&b, &ans), 0);
	ck_assert_int_eq(hrig_get(&b, &ans), 0);
	ck_assert_str_eq(buf_cstr(&b), ">helloabc");
	ck_assert_int_eq(hrig_n_accepted, 1);
	ck_assert_ptr_nonnull(strstr(hrig_seen[0],
	    "Accept-Encoding: identity"));
	ck_assert_ptr_null(strstr(hrig_seen[0], "Authorization"));
	buf_done(&b);
	hrig_end();
}
END_TEST

static const struct {
	const char *answer;
	int r, status;
	const char *body;
} range[] = {
	{ "HTTP/1.1 206 P\r\nContent-Range: bytes 2-4/10\r\n"
	    "Content-Length: 3\r\n\r\ncde", 0, 206, "cde" },
	{ "HTTP/1.1 206 P\r\nContent-Range: bytes 2-4/*\r\n"
	    "Transfer-Encoding: chunked\r\n\r\n3\r\ncde\r\n0\r\n\r\n", 0, 206,
	    "cde" },
	/* The whole object instead, with and without its length. */
	{ HRIG_OK("10", "abcdefghij"), 0, 200, "cde" },
	{ "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
	    "4\r\nabcd\r\n6\r\nefghij\r\n0\r\n\r\n", 0, 200, "cde" },
	{ HRIG_OK("5", "abcde"), 0, 200, "cde" },
	{ HRIG_OK("4", "abcd"), -ERANGE, 0, "" },
	{ "!HTTP/1.1 200 OK\r\n\r\nabc", -ERANGE, 0, "" },
	{ HRIG_OK("99999999999", "abcdefghij"), -EPROTO, 0, "" },
	/* Other bytes, or another number of them. */
	{ "HTTP/1.1 206 P\r\nContent-Length: 3\r\n\r\ncde", -EPROTO, 0, "" },
	{ "HTTP/1.1 206 P\r\nContent-Range: bytes 0-2/10\r\n"
	    "Content-Length: 3\r\n\r\nabc", -EPROTO, 0, "" },
	{ "HTTP/1.1 206 P\r\nContent-Range: bytes 2-3/10\r\n"
	    "Content-Length: 2\r\n\r\ncd", -EPROTO, 0, "" },
	{ "HTTP/1.1 206 P\r\nContent-Range: bytes 2-3/4\r\n"
	    "Content-Length: 2\r\n\r\ncd", -ERANGE, 0, "" },
	{ "HTTP/1.1 206 P\r\nContent-Range: bytes 2-4/10\r\n"
	    "Content-Length: 4\r\n\r\ncdef", -EPROTO, 0, "" },
	{ "HTTP/1.1 206 P\r\nContent-Range: bytes 2-5/10\r\n"
	    "Content-Length: 4\r\n\r\ncdef", -EPROTO, 0, "" },
	{ "!HTTP/1.1 206 P\r\nContent-Range: bytes 2-4/10\r\n"
	    "\r\ncdefghij", -EPROTO, 0, "" },
	{ "!HTTP/1.1 206 P\r\nContent-Range: bytes 2-4/10\r\n\r\ncd",
	    -EPROTO, 0, "" },
	{ "!HTTP/1.1 206 P\r\nContent-Range: bytes 2-4/10\r\n"
	    "Content-Length: 3\r\n\r\ncd", -EHOSTUNREACH, 0, "" },
	{ "HTTP/1.1 206 P\r\nContent-Type: multipart/byteranges\r\n"
	    "Content-Length: 3\r\n\r\ncde", -EPROTO, 0, "" },
	{ "HTTP/1.1 416 No\r\nContent-Range: bytes */4\r\n"
	    "Content-Length: 3\r\n\r\nbad", 0, 416, "" },
};

START_TEST(a_range_is_what_was_asked_for_or_nothing)
{
	struct buf b = BUF_INIT(100);
	struct http_resp ans;

	hrig_begin(&range[_i].answer, 1, NULL);
	ck_assert_int_eq(buf_put(&b, ">", 1), 0);
	ck_assert_int_eq(get_range(2, 3, &b, &ans), range[_i].r);
	ck_assert_int_eq(ans.status, range[_i].status);
	ck_assert_str_eq(buf_cstr(&b) + 1, range[_i].body);
	ck_assert_int_eq(b.err, 0);
	ck_assert_ptr_nonnull(strstr(hrig_seen[0], "Range: bytes=2-4\r\n"));
	buf_done(&b);
	hrig_end();
}
END_TEST

START_TEST(the_body_of_an_error_is_no_data)
{
	static const char *const a[] = {
		"HTTP/1.1 503 Busy\r\nRetry-After: 7\r\n"
		"Content-Length: 5\r\n\r\nsorry",
		"HTTP/1.1 404 No\r\nContent-Type: text/html\r\n"
		"Content-Length: 6\r\n\r\n<html>",
		"HTTP/1.1 204 None\r\n\r\n" };
	struct buf b = BUF_INIT(100);
	struct http_resp ans;

	HRIG_BEGIN(a, NULL);
	ck_assert_int_eq(hrig_get(&b, &ans), 0);
	ck_assert_int_eq(ans.status, 503);
	ck_assert_int_eq(ans.retry_after_ms, 7000);
	ck_assert_int_eq(hrig_get(&b, &ans), 0);
	ck_assert_int_eq(ans.status, 404);
	ck_assert_int_eq(ans.retry_after_ms, -1);
	ck_assert(ans.is_html);
	ck_assert_int_eq(hrig_get(&b, &ans), 0);
	ck_assert_int_eq(ans.status, 204);
	ck_assert(!ans.is_html);
	ck_assert_uint_eq(b.len, 0);
	hrig_end();
}
END_TEST

/* By the clock of who says it, whichever comes first. */
START_TEST(a_time_to_come_back_is_by_the_clock_of_the_server)
{
	static const char *const a[] = {
		"HTTP/1.1 503 Busy\r\nDate: Sun, 06 Nov 1994 08:49:30 GMT\r\n"
		"Retry-After: Sun, 06 Nov 1994 08:49:37 GMT\r\n"
		"Content-Length: 0\r\n\r\n",
		"HTTP/1.1 503 Busy\r\n"
		"Retry-After: Fri, 31 Dec 9999 23:59:37 GMT\r\n"
		"Date: Fri, 31 Dec 9999 23:59:30 GMT\r\n"
		"Content-Length: 0\r\n\r\n",
		"HTTP/1.1 503 Busy\r\nDate: Sun, 06 Nov 1994 08:49:30 GMT\r\n"
		"Retry-After: 7\r\nContent-Length: 0\r\n\r\n",
		/* Who does not say is taken to agree with us. */
		"HTTP/1.1 503 Busy\r\n"
		"Retry-After: Sun, 06 Nov 1994 08:49:37 GMT\r\n"
		"Content-Length: 0\r\n\r\n",
		"HTTP/1.1 503 Busy\r\nDate: Sun, 06 Nov 1994 08:49:30 GMT\r\n"
		"Content-Length: 0\r\n\r\n" };
	static const int want[] = { 7000, 7000, 7000, 0, -1 };
	struct http_resp ans;
	int i;

	HRIG_BEGIN(a, NULL);
	for (i = 0; i < 5; i++) {
		ck_assert_int_eq(hrig_get(NULL, &ans), 0);
		ck_assert_msg(ans.retry_after_ms == want[i], "%d: %lld", i,
		    (long long)ans.retry_after_ms);
	}
	hrig_end();
}
END_TEST

START_TEST(an_endless_error_is_cut_and_still_an_error)
{
	static const char head[] = "!HTTP/1.1 404 No\r\n\r\n";
	size_t len = 1 << 20;
	char *text = malloc(len + 1);
	const char *a[] = { text };
	struct buf b = BUF_INIT(100);
	struct http_resp ans;

	memset(text, 'x', len);
	memcpy(text, head, sizeof(head) - 1);
	text[len] = '\0';
	HRIG_BEGIN(a, NULL);
	ck_assert_int_eq(hrig_get(&b, &ans), 0);
	ck_assert_int_eq(ans.status, 404);
	hrig_end();
	free(text);
}
END_TEST

START_TEST(a_body_larger_than_the_buffer_is_refused)
{
	static const char *const a[] = { HRIG_OK("6", "abcdef"),
	    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
	    "6\r\nabcdef\r\n0\r\n\r\n" };
	struct buf b = BUF_INIT(5);
	struct http_resp ans;

	HRIG_BEGIN(a, NULL);
	ck_assert_int_eq(hrig_get(&b, &ans), -EFBIG);
	ck_assert_int_eq(hrig_get(&b, &ans), -EFBIG);
	ck_assert_uint_eq(b.len, 0);
	ck_assert_int_eq(b.err, 0);
	buf_done(&b);
	hrig_end();
}
END_TEST

static const char *const nonsense[] = { "!hello\r\n\r\n",
    "!SSH-2.0-OpenSSH_9.2\r\n",
    "!HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\nabc",
    "!HTTP/1.1 999 What\r\nContent-Length: 0\r\n\r\n" };

START_TEST(what_is_not_http_gives_no_data)
{
	struct buf b = BUF_INIT(100);
	struct http_resp ans;
	int r;

	hrig_begin(&nonsense[_i], 1, NULL);
	r = hrig_get(&b, &ans);
	ck_assert_msg(r < 0 || ans.status != 200, "%d %d", r, ans.status);
	if (r < 0)
		ck_assert(ans.msg[0]);
	ck_assert_uint_eq(b.len, 0);
	buf_done(&b);
	hrig_end();
}
END_TEST

#define MOVED(code, to) "HTTP/1.1 " code " Moved\r\nLocation: " to \
	"\r\nContent-Length: 0\r\n\r\n"

static const char *const elsewhere[] = {
	MOVED("301", "http://127.0.0.2:1/x/"), MOVED("308", "/y/"),
	MOVED("302", "/x/"), MOVED("307", "https://127.0.0.1/x/"),
	"HTTP/1.1 301 M\r\nContent-Length: 0\r\n\r\n" };

START_TEST(a_redirection_elsewhere_is_refused)
{
	struct http_conf conf = { .host = "127.0.0.1", .user = "u",
	    .password = "p" };
	struct http_req q = { .method = "PROPFIND", .url = hrig_url };
	struct http_resp ans;

	hrig_begin(&elsewhere[_i], 1, &conf);
	ck_assert_int_eq(http_do(hrig_http, &q, &ans), -EPROTO);
	ck_assert_ptr_nonnull(strstr(ans.msg, "elsewhere"));
	ck_assert_int_eq(hrig_n_seen, 1);
	hrig_end();
}
END_TEST

START_TEST(only_a_listing_follows_an_added_slash)
{
	static const char *const a[] = { MOVED("308", "/x/"),
	    "HTTP/1.1 207 M\r\nContent-Length: 2\r\n\r\nok",
	    MOVED("308", "/x/") };
	struct buf b = BUF_INIT(100);
	struct http_req q = { .method = "PROPFIND", .url = hrig_url,
	    .body_status = 207, .out = &b };
	struct http_resp ans;

	HRIG_BEGIN(a, NULL);
	ck_assert_int_eq(http_do(hrig_http, &q, &ans), 0);
	ck_assert_int_eq(ans.status, 207);
	ck_assert_str_eq(buf_cstr(&b), "ok");
	ck_assert_int_eq(strncmp(hrig_seen[1], "PROPFIND /x/ ", 13), 0);
	/* What a delete would mean with a slash is not what was asked. */
	q.method = "DELETE";
	q.is_write = true;
	ck_assert_int_eq(http_do(hrig_http, &q, &ans), -EPROTO);
	ck_assert_int_eq(hrig_n_seen, 3);
	buf_done(&b);
	hrig_end();
}
END_TEST

START_TEST(the_clock_of_the_server_is_known)
{
	const char *const answers[] = {
		"HTTP/1.1 204 No Content\r\nDate: no date\r\n\r\n",
		"HTTP/1.1 204 No Content\r\n"
		"Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n\r\n" };
	struct http_req q = { .method = "GET", .url = hrig_url };
	struct http_resp a;
	struct http_peer p;

	HRIG_BEGIN(answers, NULL);
	http_get_peer(hrig_http, &p);
	ck_assert(!p.has_clock);
	ck_assert_int_eq(http_do(hrig_http, &q, &a), 0);
	http_get_peer(hrig_http, &p);
	ck_assert(!p.has_clock);
	ck_assert_int_eq(http_do(hrig_http, &q, &a), 0);
	http_get_peer(hrig_http, &p);
	ck_assert(p.has_clock);
	ck_assert_int_lt(p.clock_s + clock_real_ns() / 1000000000 - 784111777,
	    3);
	ck_assert_str_eq(p.tls, "");
	hrig_end();
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("http: answers");
	TCase *t = tcase_create("answers");
	SRunner *sr;
	int failed;

	tcase_set_timeout(t, 30);
	tcase_add_test(t, a_body_is_appended_and_the_connection_kept);
	tcase_add_loop_test(t, a_range_is_what_was_asked_for_or_nothing, 0,
	    sizeof(range) / sizeof(range[0]));
	tcase_add_test(t, the_body_of_an_error_is_no_data);
	tcase_add_test(t,
	    a_time_to_come_back_is_by_the_clock_of_the_server);
	tcase_add_test(t, an_endless_error_is_cut_and_still_an_error);
	tcase_add_test(t, a_body_larger_than_the_buffer_is_refused);
	tcase_add_loop_test(t, what_is_not_http_gives_no_data, 0,
	    sizeof(nonsense) / sizeof(nonsense[0]));
	tcase_add_loop_test(t, a_redirection_elsewhere_is_refused, 0,
	    sizeof(elsewhere) / sizeof(elsewhere[0]));
	tcase_add_test(t, only_a_listing_follows_an_added_slash);
	tcase_add_test(t, the_clock_of_the_server_is_known);
	suite_add_tcase(suite, t);
	sr = srunner_create(suite);
	srunner_run_all(sr, CK_ENV);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed ? 1 : 0;
}
