/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * S3 and Swift: addresses, what each answer means, what the probe tells, what
 * a delete leaves.  A proxy (tests/tools/fault_proxy.c, in the same build;
 * FAULT_PROXY names another) answers by itself, or the double of
 * tests/servers/strict-s3.sh does.
 */
#include <check.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "store/store.h"
#include "tests/lib/proxy.h"
#include "util/buf.h"
#include "util/clock.h"
#include "util/err.h"

static struct store *s;
static pid_t proxy;
static char dir[64];

static unsigned
proxy_start(const char *options)
{
	unsigned port;

	proxy = proxy_spawn(options, &port);
	return port;
}

static void
open_alone(bool is_swift, const char *options)
{
	struct store_conf conf = { .password = "pa55word", .timeout_s = 2 };
	struct err e = { "" };
	char url[128];
	unsigned port = proxy_start(options);

	(void)snprintf(url, sizeof(url), is_swift ?
	    "swift://u@127.0.0.1:%u/bucket?auth=1&tls=no" :
	    "s3://KEY@127.0.0.1:%u/bucket?tls=no", port);
	ck_assert_msg(store_open(url, &conf, &s, &e) == 0, "%s", e.msg);
}

static void
end(void)
{
	store_close(s);
	if (proxy > 0) {
		(void)kill(proxy, SIGKILL);
		(void)waitpid(proxy, NULL, 0);
	}
}

static int
on_name(void *arg, const char *name, uint64_t size)
{
	(void)name;
	(void)size;
	++*(int *)arg;
	return 0;
}

static const struct {
	const char *options;
	int put, if_absent, get, del, list;
	int swift;		/* all calls: the log-in gets it */
} answer[] = {
	{ "--status 401", -EACCES, -EACCES, -EACCES, -EACCES, -EACCES,
	    -EACCES },
	{ "--status 403", -EACCES, -EACCES, -EACCES, -EACCES, -EACCES,
	    -EACCES },
	/* A listing of nothing is the bucket's, which is not there. */
	{ "--status 404", -EPROTO, -EPROTO, -ENOENT, -ENOENT, -EHOSTUNREACH,
	    -EPROTO },
	{ "--status 400", -EPROTO, -EPROTO, -EPROTO, -EPROTO, -EPROTO,
	    -EPROTO },
	{ "--status 409", -EPROTO, -EPROTO, -EPROTO, -EPROTO, -EPROTO,
	    -EPROTO },
	{ "--status 412", -EPROTO, -EEXIST, -EPROTO, -EPROTO, -EPROTO,
	    -EPROTO },
	{ "--status 413", -ENOSPC, -ENOSPC, -ENOSPC, -ENOSPC, -ENOSPC,
	    -ENOSPC },
	{ "--status 507 --html", -ENOSPC, -ENOSPC, -ENOSPC, -ENOSPC,
	    -ENOSPC, -ENOSPC },
	{ "--status 429", -EHOSTUNREACH, -EHOSTUNREACH, -EHOSTUNREACH,
	    -EHOSTUNREACH, -EHOSTUNREACH, -EHOSTUNREACH },
	{ "--status 503 --html", -EHOSTUNREACH, -EHOSTUNREACH,
	    -EHOSTUNREACH, -EHOSTUNREACH, -EHOSTUNREACH, -EHOSTUNREACH },
	/* A delete looks first. */
	{ "--status 502", -ETIMEDOUT, -ETIMEDOUT, -EHOSTUNREACH,
	    -EHOSTUNREACH, -EHOSTUNREACH, -EHOSTUNREACH },
	{ "--status 500", -ETIMEDOUT, -ETIMEDOUT, -EHOSTUNREACH,
	    -EHOSTUNREACH, -EHOSTUNREACH, -EHOSTUNREACH },
	/* A page is no object; a delete that says 200 may have been one. */
	{ "--status 200 --html", -EPROTO, -EPROTO, -EPROTO, -EPROTO, -EPROTO,
	    -EPROTO },
	{ "--status 302 --location http://evil.example/x", -EPROTO, -EPROTO,
	    -EPROTO, -EPROTO, -EPROTO, -EPROTO },
	{ "--status 307 --location http://127.0.0.2:1/", -EPROTO, -EPROTO,
	    -EPROTO, -EPROTO, -EPROTO, -EPROTO },
	{ "--hang", -ETIMEDOUT, -ETIMEDOUT, -ETIMEDOUT, -ETIMEDOUT,
	    -ETIMEDOUT, -EHOSTUNREACH },
};
#define ANSWERS (int)(sizeof(answer) / sizeof(answer[0]))

static void
all_calls(const int want[5])
{
	struct buf b = BUF_INIT(1000);
	struct store_stats st;
	int n = 0;

	ck_assert_int_eq(store_put(s, "a/b", "xyz", 3, 0), want[0]);
	ck_assert_int_eq(store_put(s, "a/b", "xyz", 3, STORE_IF_ABSENT),
	    want[1]);
	ck_assert_int_eq(buf_put(&b, "keep", 4), 0);
	ck_assert_int_eq(store_get(s, "a/b", &b), want[2]);
	if (want[2] != -ENOENT && want[2] != -EEXIST) {
		store_get_stats(s, &st);
		ck_assert_msg(st.last_error[0], "no reason is given");
		ck_assert_ptr_null(strstr(st.last_error, "pa55"));
	}
	/* A body that came with an error is never data. */
	ck_assert_uint_eq(b.len, 4);
	ck_assert_int_eq(b.err, 0);
	ck_assert_int_eq(store_get_range(s, "a/b", 5, 6, &b), want[2]);
	ck_assert_uint_eq(b.len, 4);
	ck_assert_int_eq(store_delete(s, "a/b"), want[3]);
	ck_assert_int_eq(store_list(s, "a/", on_name, &n), want[4]);
	ck_assert_int_eq(n, 0);
	buf_done(&b);
}

START_TEST(each_answer_of_s3_has_its_result)
{
	const int want[5] = { answer[_i].put, answer[_i].if_absent,
	    answer[_i].get, answer[_i].del, answer[_i].list };

	open_alone(false, answer[_i].options);
	all_calls(want);
	end();
}
END_TEST

START_TEST(each_answer_to_a_log_in_has_its_result)
{
	const int r = answer[_i].swift, want[5] = { r, r, r, r, r };

	open_alone(true, answer[_i].options);
	all_calls(want);
	end();
}
END_TEST

/* Conditions that no server knows are looked after by looking. */
START_TEST(a_server_without_conditions_is_asked_first)
{
	open_alone(false, "--status 501");
	ck_assert_int_eq(store_put(s, "a", "x", 1, 0), -EOPNOTSUPP);
	ck_assert_int_eq(store_put(s, "a", "x", 1, STORE_IF_ABSENT),
	    -EOPNOTSUPP);
	end();
}
END_TEST

START_TEST(a_busy_log_in_is_left_alone_for_as_long_as_it_says)
{
	struct buf b = BUF_INIT(100);
	struct store_stats st;
	int64_t t0;
	int i;

	open_alone(true, "--status 429 --retry-after 60");
	ck_assert_int_eq(store_get(s, "a", &b), -EHOSTUNREACH);
	(void)kill(proxy, SIGKILL);
	/* Nobody is there any more, and nobody is asked. */
	t0 = clock_mono_ms();
	for (i = 0; i < 20; i++)
		ck_assert_int_eq(store_get(s, "a", &b), -EHOSTUNREACH);
	ck_assert_int_lt(clock_mono_ms() - t0, 1000);
	store_get_stats(s, &st);
	ck_assert_ptr_nonnull(strstr(st.last_error, "left alone"));
	end();
}
END_TEST

START_TEST(a_refused_key_is_not_tried_again)
{
	struct buf b = BUF_INIT(100);
	int i;

	for (i = 0; i < 2; i++) {
		open_alone(i == 1, "--status 401");
		ck_assert_int_eq(store_get(s, "a", &b), -EACCES);
		(void)kill(proxy, SIGKILL);
		(void)waitpid(proxy, NULL, 0);
		proxy = 0;
		ck_assert_int_eq(store_get(s, "a", &b), -EACCES);
		ck_assert_int_eq(store_put(s, "a", "x", 1, 0), -EACCES);
		/* Nor after a break, but when the user asks for it. */
		store_interrupt(s, true);
		store_interrupt(s, false);
		ck_assert_int_eq(store_get(s, "a", &b), -EACCES);
		store_renew(s);
		ck_assert_int_eq(store_get(s, "a", &b), -EHOSTUNREACH);
		end();
	}
}
END_TEST

START_TEST(bad_addresses_are_refused_with_a_reason)
{
	static const char *const url[] = { "s3://", "s3://host/bucket",
	    "s3://k@host", "s3://k@host/", "s3://k:secret@host/bucket",
	    "s3://k@host/b?region=", "s3://k@host/b?region=a/b",
	    "s3://k@host/b?style=odd", "s3://k@host/b?sig=3",
	    "s3://k@host/b?list=3", "s3://k@host/b?tls=maybe",
	    "s3://k@host/b?what=1", "s3://k@host/b?region=%zz",
	    "s3://k@host/b?path=x", "s3://k@host/b?path=/../x",
	    "s3://k@host/a.b?style=virtual", "s3://k@host/b/../c",
	    "s3://k@host/b?region=a b", "swift://", "swift://host/c?project=p",
	    "swift://u@host?project=p", "swift://u:secret@host/c?project=p",
	    "swift://u@host/c", "swift://u@host/c?project=",
	    "swift://u@host/c?auth=2", "swift://u@host/c?auth=1&kind=app",
	    "swift://u@host/c?kind=what",
	    "swift://u@host/c?interface=x&project=p",
	    "swift://u@host/c?auth=1&path=v1",
	    "swift://u@cloud.example/c?auth=1&tls=no" };
	struct store_conf conf = { .password = "word" };
	struct store *t;
	struct err e;
	size_t i;

	for (i = 0; i < sizeof(url) / sizeof(url[0]); i++) {
		e.msg[0] = '\0';
		ck_assert_msg(store_open(url[i], &conf, &t, &e) == -EINVAL,
		    "'%s' is taken", url[i]);
		ck_assert_msg(e.msg[0], "no reason for '%s'", url[i]);
		ck_assert_ptr_null(strstr(e.msg, "secret"));
	}
	conf.password = "a b c d";
	ck_assert_int_eq(store_open("s3://k@host/b", &conf, &t, &e),
	    -EINVAL);
	conf.password = "a\nb";
	ck_assert_int_eq(store_open("swift://u@host/c?auth=1", &conf, &t,
	    &e), -EINVAL);
}
END_TEST

START_TEST(an_address_is_shown_without_the_key)
{
	struct store_conf conf = { .password = "ID2 word token" };
	struct err e = { "" };

	ck_assert_int_eq(store_open("s3://KEYID@H.example:8443/b/in%20it/?"
	    "region=eu-1&style=virtual", &conf, &s, &e), 0);
	ck_assert_str_eq(store_url(s), "s3://h.example:8443/b/in%20it?"
	    "region=eu-1&style=virtual");
	store_close(s);
	ck_assert_int_eq(store_open("swift://a%3Ab@h.example/c?auth=1",
	    &conf, &s, &e), 0);
	ck_assert_str_eq(store_url(s), "swift://h.example/c?auth=1");
	store_close(s);
}
END_TEST

/* ---- the double ---------------------------------------------------------- */

static void
double_run(const char *verb, const char *rest)
{
	char text[512];

	(void)snprintf(text, sizeof(text),
	    "tests/servers/strict-s3.sh %s %s %s", verb, dir, rest);
	ck_assert_msg(system(text) == 0, "'%s' fails", text);
}

static unsigned double_port;

/* A line of what it printed, without its quotes. */
static void
env_read(const char *name, char *ret, size_t cap)
{
	char path[100], cmd[256];
	FILE *f;

	(void)snprintf(path, sizeof(path), "%s/env", dir);
	(void)snprintf(cmd, sizeof(cmd), "bash -c '. %s; printf %%s \"$%s\"'",
	    path, name);
	f = popen(cmd, "r");
	ck_assert_ptr_nonnull(f);
	cap = fread(ret, 1, cap - 1, f);
	ret[cap] = '\0';
	(void)pclose(f);
}

static void
double_open(const char *options)
{
	char url[512], pass[200], http[200], rest[200];
	struct store_conf conf = { .password = pass, .timeout_s = 10 };
	struct err e = { "" };

	(void)strcpy(dir, "/tmp/test-cloud.XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(dir));
	(void)snprintf(rest, sizeof(rest), "%s >%s/env", options, dir);
	double_run("start", rest);
	env_read("URL", url, sizeof(url));
	env_read("PASS", pass, sizeof(pass));
	env_read("HTTP", http, sizeof(http));
	ck_assert_int_eq(sscanf(http, "http://127.0.0.1:%u/", &double_port),
	    1);
	ck_assert_msg(store_open(url, &conf, &s, &e) == 0, "%s", e.msg);
}

static void
double_close(void)
{
	char rest[100];

	store_close(s);
	(void)snprintf(rest, sizeof(rest), "&& rm -rf %s", dir);
	double_run("stop", rest);
}

/* All that it holds, also what no reader sees. */
static int
kept(void)
{
	char cmd[128], text[32] = "";
	FILE *f;

	(void)snprintf(cmd, sizeof(cmd),
	    "curl -s http://127.0.0.1:%u/versions-kept", double_port);
	f = popen(cmd, "r");
	ck_assert_ptr_nonnull(f);
	ck_assert_ptr_nonnull(fgets(text, sizeof(text), f));
	(void)pclose(f);
	return atoi(text);
}

static void
put(const char *name, const char *text)
{
	ck_assert_int_eq(store_put(s, name, text, strlen(text), 0), 0);
}

START_TEST(a_delete_removes_every_version_and_no_others)
{
	struct buf b = BUF_INIT(100);
	int i;

	/* Pages of three: the versions of one name fill several. */
	double_open("--versions --page 3");
	for (i = 0; i < 10; i++)
		put("h/head", "again");
	put("h/head2", "x");
	put("h/head-3", "x");
	put("h/head/4", "x");
	ck_assert_int_eq(kept(), 13);
	ck_assert_int_eq(store_delete(s, "h/head"), 0);
	ck_assert_int_eq(kept(), 3);
	ck_assert_int_eq(store_get(s, "h/head", &b), -ENOENT);
	ck_assert_int_eq(store_delete(s, "h/head"), -ENOENT);
	ck_assert_int_eq(store_get(s, "h/head2", &b), 0);
	buf_done(&b);
	double_close();
}
END_TEST

static void
notes_have(const char *text, bool is_there)
{
	struct buf b = BUF_INIT(4096);
	struct err e = { "" };

	store_notes(s, &b);
	ck_assert_uint_eq(b.len, 0);
	ck_assert_msg(store_probe(s, &e) == 0, "%s", e.msg);
	store_notes(s, &b);
	ck_assert_msg((strstr(buf_cstr(&b), text) != NULL) == is_there,
	    "'%s' in: %s", text, buf_cstr(&b));
	buf_done(&b);
}

START_TEST(under_a_lock_a_delete_hides_and_the_probe_says_so)
{
	struct buf b = BUF_INIT(100);

	double_open("--lock");
	put("a", "one");
	put("a", "two");
	ck_assert_int_eq(store_delete(s, "a"), 0);
	ck_assert_int_eq(store_get(s, "a", &b), -ENOENT);
	/* Two versions and a marker. */
	ck_assert_int_eq(kept(), 3);
	notes_have("object lock: COMPLIANCE, 30 days", true);
	double_close();
}
END_TEST

START_TEST(a_rule_that_would_destroy_the_drive_is_warned_of)
{
	double_open("--lifecycle");
	notes_have("WARNING", true);
	double_close();
}
END_TEST

START_TEST(an_ignored_condition_is_found_out)
{
	double_open("--ignore");
	notes_have("conditional puts: ignored", true);
	ck_assert(!(store_caps(s) & STORE_CAP_IF_ABSENT));
	double_close();
	double_open("");
	notes_have("WARNING", false);
	ck_assert(store_caps(s) & STORE_CAP_IF_ABSENT);
	double_close();
}
END_TEST

START_TEST(a_clock_that_is_wrong_is_no_obstacle)
{
	struct buf b = BUF_INIT(100);

	double_open("--skew 86400");
	/* By its refusal of what has no body, and then no more. */
	ck_assert_int_eq(store_get(s, "a", &b), -ENOENT);
	put("a", "x");
	ck_assert_int_eq(store_get(s, "a", &b), 0);
	buf_done(&b);
	double_close();
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("cloud");
	TCase *t = tcase_create("answers");
	TCase *d = tcase_create("double");
	SRunner *sr;
	int failed;

	tcase_set_timeout(t, 60);
	tcase_set_timeout(d, 60);
	tcase_add_loop_test(t, each_answer_of_s3_has_its_result, 0, ANSWERS);
	tcase_add_loop_test(t, each_answer_to_a_log_in_has_its_result, 0,
	    ANSWERS);
	tcase_add_test(t, a_server_without_conditions_is_asked_first);
	tcase_add_test(t,
	    a_busy_log_in_is_left_alone_for_as_long_as_it_says);
	tcase_add_test(t, a_refused_key_is_not_tried_again);
	tcase_add_test(t, bad_addresses_are_refused_with_a_reason);
	tcase_add_test(t, an_address_is_shown_without_the_key);
	suite_add_tcase(suite, t);
	tcase_add_test(d, a_delete_removes_every_version_and_no_others);
	tcase_add_test(d, under_a_lock_a_delete_hides_and_the_probe_says_so);
	tcase_add_test(d, a_rule_that_would_destroy_the_drive_is_warned_of);
	tcase_add_test(d, an_ignored_condition_is_found_out);
	tcase_add_test(d, a_clock_that_is_wrong_is_no_obstacle);
	suite_add_tcase(suite, d);
	sr = srunner_create(suite);
	srunner_run_all(sr, CK_ENV);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed ? 1 : 0;
}
