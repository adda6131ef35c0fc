/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The HTTP engine: to whom a password goes, and how. */
#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "net/http.h"
#include "tests/lib/http_rig.h"
#include "util/buf.h"

START_TEST(a_password_goes_in_clear_only_if_that_is_allowed)
{
	static const char *const a[] = { HRIG_OK("0", ""),
	    "HTTP/1.1 401 No\r\nWWW-Authenticate: Basic realm=\"x\"\r\n"
	    "Content-Length: 0\r\n\r\n" };
	struct http_conf conf = { .host = "127.0.0.1", .user = "alice",
	    .password = "secret" };
	struct buf b = BUF_INIT(100);
	struct http_resp ans;

	/* This machine itself. */
	HRIG_BEGIN(a, &conf);
	ck_assert_int_eq(hrig_get(&b, &ans), 0);
	ck_assert_ptr_nonnull(strstr(hrig_seen[0], "Authorization: Basic "
	    "YWxpY2U6c2VjcmV0"));
	http_free(hrig_http);

	/* Another, without permission: not even when it asks. */
	conf.host = "cloud.example";
	ck_assert_int_eq(http_new(&conf, &hrig_http, NULL), 0);
	ck_assert_int_eq(hrig_get(&b, &ans), 0);
	ck_assert_int_eq(ans.status, 401);
	ck_assert_ptr_null(strstr(hrig_seen[1], "Authorization"));
	ck_assert_ptr_nonnull(strstr(ans.msg, "webdavs://"));
	ck_assert_int_eq(hrig_n_seen, 2);
	http_free(hrig_http);

	/* With permission. */
	conf.is_insecure_http = true;
	ck_assert_int_eq(http_new(&conf, &hrig_http, NULL), 0);
	ck_assert_int_eq(hrig_get(&b, &ans), 0);
	ck_assert_int_eq(ans.status, 401);
	ck_assert_ptr_nonnull(strstr(hrig_seen[2], "Authorization: Basic "));
	ck_assert_int_eq(hrig_n_seen, 3);
	/* And it is not tried again at once. */
	ck_assert_int_eq(hrig_get(&b, &ans), -EACCES);
	ck_assert_int_eq(hrig_n_seen, 3);
	hrig_end();
}
END_TEST

/* What goes in clear because it stays here does not go to a proxy. */
START_TEST(no_proxy_stands_before_this_machine)
{
	static const char *const a[] = { HRIG_OK("0", "") };
	struct http_conf conf = { .host = "127.0.0.1", .user = "alice",
	    .password = "secret" };
	struct http_resp ans;
	char away[64];

	(void)unsetenv("no_proxy");
	(void)unsetenv("NO_PROXY");
	ck_assert_int_eq(setenv("http_proxy", "http://127.0.0.1:1", 1), 0);
	HRIG_BEGIN(a, &conf);
	ck_assert_int_eq(hrig_get(NULL, &ans), 0);
	ck_assert_int_eq(ans.status, 200);
	ck_assert_int_eq(strncmp(hrig_seen[0], "GET /x ", 7), 0);
	http_free(hrig_http);

	/* Before others it does. */
	(void)snprintf(away, sizeof(away), "http://127.0.0.1:%u", hrig_port);
	ck_assert_int_eq(setenv("http_proxy", away, 1), 0);
	conf.host = "cloud.example";
	(void)snprintf(hrig_url, sizeof(hrig_url), "http://cloud.example/x");
	ck_assert_int_eq(http_new(&conf, &hrig_http, NULL), 0);
	ck_assert_int_eq(hrig_get(NULL, &ans), 0);
	ck_assert_int_eq(ans.status, 200);
	ck_assert_int_eq(strncmp(hrig_seen[1],
	    "GET http://cloud.example/x ", 27), 0);
	hrig_end();
}
END_TEST

START_TEST(digest_is_used_where_it_is_asked_for)
{
	static const char *const a[] = {
	    "HTTP/1.1 401 No\r\nWWW-Authenticate: Digest realm=\"dav\", "
	    "nonce=\"abc\", algorithm=MD5, qop=\"auth\"\r\n"
	    "Content-Length: 0\r\n\r\n", HRIG_OK("2", "hi") };
	struct http_conf conf = { .host = "127.0.0.1", .user = "alice",
	    .password = "secret" };
	struct buf b = BUF_INIT(100);
	struct http_resp ans;

	HRIG_BEGIN(a, &conf);
	ck_assert_int_eq(hrig_get(&b, &ans), 0);
	ck_assert_int_eq(ans.status, 200);
	ck_assert_str_eq(buf_cstr(&b), "hi");
	ck_assert_ptr_nonnull(strstr(hrig_seen[0], "Authorization: Basic"));
	ck_assert_ptr_nonnull(strstr(hrig_seen[hrig_n_seen - 1],
	    "Authorization: Digest username=\"alice\""));
	ck_assert_ptr_null(strstr(hrig_seen[hrig_n_seen - 1], "secret"));
	/* The next request knows it already. */
	ck_assert_int_eq(hrig_get(&b, &ans), 0);
	ck_assert_ptr_nonnull(strstr(hrig_seen[hrig_n_seen - 1],
	    "Authorization: Digest"));
	ck_assert_int_eq(hrig_n_seen, 3);
	buf_done(&b);
	hrig_end();
}
END_TEST

/* Nor is it a refusal of the password, though a 401 was the last that was
 * heard: it asked for the digest that was then on its way. */
START_TEST(a_digest_without_an_answer_is_uncertain)
{
	static const char *const a[] = {
	    "HTTP/1.1 401 No\r\nWWW-Authenticate: Digest realm=\"dav\", "
	    "nonce=\"abc\", algorithm=MD5, qop=\"auth\"\r\n"
	    "Content-Length: 0\r\n\r\n", HRIG_OK("0", ""),
	    "HTTP/1.1 401 No\r\nWWW-Authenticate: Digest realm=\"dav\", "
	    "nonce=\"def\", stale=true, algorithm=MD5, qop=\"auth\"\r\n"
	    "Content-Length: 0\r\n\r\n", "!" };
	struct http_conf conf = { .host = "127.0.0.1", .user = "alice",
	    .password = "secret", .timeout_s = 3 };
	struct http_req q = { .method = "PUT", .url = hrig_url, .body = "abc",
	    .body_len = 3, .is_write = true };
	struct http_resp ans;

	/* To this machine the password would be sent first. */
	conf.host = "cloud.example";
	HRIG_BEGIN(a, &conf);
	ck_assert_int_eq(hrig_get(NULL, &ans), 0);
	ck_assert_int_eq(ans.status, 200);
	ck_assert_int_eq(_i == 0 ? http_do(hrig_http, &q, &ans) :
	    hrig_get(NULL, &ans), _i == 0 ? -ETIMEDOUT : -EHOSTUNREACH);
	ck_assert_int_ge(hrig_n_seen, 4);
	ck_assert_ptr_null(strstr(ans.msg, "refused"));
	ck_assert(!http_is_refused(hrig_http));
	hrig_end();
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("http: passwords");
	TCase *t = tcase_create("passwords");
	SRunner *sr;
	int failed;

	tcase_set_timeout(t, 30);
	tcase_add_test(t, a_password_goes_in_clear_only_if_that_is_allowed);
	tcase_add_test(t, no_proxy_stands_before_this_machine);
	tcase_add_test(t, digest_is_used_where_it_is_asked_for);
	tcase_add_loop_test(t, a_digest_without_an_answer_is_uncertain, 0, 2);
	suite_add_tcase(suite, t);
	sr = srunner_create(suite);
	srunner_run_all(sr, CK_ENV);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed ? 1 : 0;
}
