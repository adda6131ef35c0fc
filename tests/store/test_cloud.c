/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * S3 and Swift: addresses, what each answer means, what the probe tells, what
 * a delete leaves.  A proxy (tests/tools/fault_proxy.c, in the same build;
 * FAULT_PROXY names another) answers by itself, or the double of
 * tests/servers/strict-s3.sh does.
 */
#include <check.h>
#include <errno.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "store/store.h"
#include "tests/lib/proxy.h"
#include "util/buf.h"
#include "util/clock.h"
#include "util/err.h"
#include "util/thread.h"

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

START_TEST(a_busy_log_in_is_left_alone)
{
	/* For as long as it says, or for a while. */
	static const char *const options[] = {
	    "--status 429 --retry-after 60", "--status 429" };
	struct buf b = BUF_INIT(100);
	struct store_stats st;
	int64_t t0;
	int i;

	open_alone(true, options[_i]);
	ck_assert_int_eq(store_get(s, "a", &b), -EHOSTUNREACH);
	(void)kill(proxy, SIGKILL);
	/* Nobody is there any more, and nobody is asked. */
	t0 = clock_mono_ms();
	for (i = 0; i < 20; i++)
		ck_assert_int_eq(store_get(s, "a", &b), -EHOSTUNREACH);
	ck_assert_int_lt(clock_mono_ms() - t0, 20000);
	store_get_stats(s, &st);
	ck_assert_ptr_nonnull(strstr(st.last_error, "left alone"));
	end();
}
END_TEST

/* A Swift that gives one token for a second, and is then too busy for more:
 * but what it gave goes on being good. */
static struct {
	int fd;
	unsigned port;
	const char *answer;	/* to all else; NULL: an object */
	atomic_int logins, others;
	pthread_t thread;
} busy;

static void
busy_answer(int fd)
{
	char head[8192] = "", text[512];
	size_t len = 0;
	ssize_t n;

	while (len < sizeof(head) - 1 && !strstr(head, "\r\n\r\n") &&
	    (n = read(fd, head + len, sizeof(head) - 1 - len)) > 0) {
		len += (size_t)n;
		head[len] = '\0';
	}
	if (strncmp(head, "GET /auth/", 10) != 0) {
		atomic_fetch_add(&busy.others, 1);
		n = snprintf(text, sizeof(text), "%s", busy.answer ?
		    busy.answer : "HTTP/1.1 200 OK\r\n"
		    "Connection: close\r\nContent-Length: 1\r\n\r\nx");
	} else if (atomic_fetch_add(&busy.logins, 1) == 0)
		n = snprintf(text, sizeof(text), "HTTP/1.1 204 No Content\r\n"
		    "Connection: close\r\nX-Auth-Token: t\r\n"
		    "X-Auth-Token-Expires: %u\r\n"
		    "X-Storage-Url: http://127.0.0.1:%u/v1/AUTH_a\r\n\r\n",
		    busy.answer ? 3600 : 1, busy.port);
	else
		n = snprintf(text, sizeof(text), "HTTP/1.1 503 Busy\r\n"
		    "Connection: close\r\nContent-Length: 0\r\n\r\n");
	if (write(fd, text, (size_t)n) != n)
		perror("write");
	(void)close(fd);
}

static void
busy_serve(void *arg)
{
	int fd;

	(void)arg;
	while ((fd = accept(busy.fd, NULL, NULL)) >= 0)
		busy_answer(fd);
}

static void
busy_start(const char *text)
{
	struct store_conf conf = { .password = "pa55word", .timeout_s = 10 };
	struct sockaddr_in a = { .sin_family = AF_INET,
	    .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(a);
	struct err e = { "" };
	char url[128];

	busy.answer = text;
	busy.fd = socket(AF_INET, SOCK_STREAM, 0);
	ck_assert_int_eq(bind(busy.fd, (struct sockaddr *)&a, len), 0);
	ck_assert_int_eq(listen(busy.fd, 20), 0);
	ck_assert_int_eq(getsockname(busy.fd, (struct sockaddr *)&a, &len),
	    0);
	busy.port = ntohs(a.sin_port);
	ck_assert_int_eq(thread_start(&busy.thread, "busy", busy_serve, NULL),
	    0);
	(void)snprintf(url, sizeof(url),
	    "swift://u@127.0.0.1:%u/bucket?auth=1&tls=no", busy.port);
	ck_assert_msg(store_open(url, &conf, &s, &e) == 0, "%s", e.msg);
}

static void
busy_end(void)
{
	store_close(s);
	(void)shutdown(busy.fd, SHUT_RDWR);
	thread_join(busy.thread);
	(void)close(busy.fd);
}

START_TEST(a_renewal_that_fails_is_not_tried_by_every_request)
{
	int64_t until = clock_mono_ms() + 30000;
	struct buf b = BUF_INIT(10);
	int i;

	busy_start(NULL);
	/* Until four fifths of its life are over. */
	while (atomic_load(&busy.logins) < 2) {
		ck_assert_int_lt(clock_mono_ms(), until);
		ck_assert_int_eq(store_get(s, "a", &b), 0);
		buf_reset(&b);
	}
	for (i = 0; i < 20; i++) {
		ck_assert_int_eq(store_get(s, "a", &b), 0);
		buf_reset(&b);
	}
	ck_assert_int_eq(atomic_load(&busy.logins), 2);
	buf_done(&b);
	busy_end();
}
END_TEST

/* A proxy says so when the servers behind it have what they take for newer:
 * nothing was kept. */
START_TEST(an_upload_that_is_only_accepted_is_not_kept)
{
	struct store_stats st;

	busy_start("HTTP/1.1 202 Accepted\r\nConnection: close\r\n"
	    "Content-Length: 0\r\n\r\n");
	ck_assert_int_eq(store_put(s, "a", "x", 1, 0), -EHOSTUNREACH);
	store_get_stats(s, &st);
	ck_assert_ptr_nonnull(strstr(st.last_error, "not kept"));
	ck_assert_int_eq(store_put(s, "a", "x", 1, STORE_IF_ABSENT),
	    -EHOSTUNREACH);
	busy_end();
}
END_TEST

/* Whatever is deleted, this version is still there; and a delete says that
 * versions are kept. */
START_TEST(a_version_that_never_goes_is_given_up)
{
	busy_start("HTTP/1.1 200 OK\r\nConnection: close\r\n"
	    "Content-Type: application/json\r\nX-Object-Version-Id: v1\r\n"
	    "Content-Length: 47\r\n\r\n"
	    "[{\"name\":\"a\",\"bytes\":1, \"version_id\":\"v1\"}    ]");
	ck_assert_int_eq(store_delete(s, "a"), -EPROTO);
	ck_assert_int_gt(atomic_load(&busy.others), 3);
	ck_assert_int_lt(atomic_load(&busy.others), 1000);
	busy_end();
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

/* Objects are under that prefix of the bucket, "" or "a/b". */
static void
double_open_at(const char *options, const char *prefix)
{
	char url[512], place[600], pass[200], http[200], rest[200], *query;
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
	query = strchr(url, '?');
	ck_assert_ptr_nonnull(query);
	(void)snprintf(place, sizeof(place), "%.*s%s%s", (int)(query - url),
	    url, prefix, query);
	ck_assert_msg(store_open(place, &conf, &s, &e) == 0, "%s", e.msg);
}

static void
double_open(const char *options)
{
	double_open_at(options, "");
}

static void
double_close(void)
{
	char rest[100];

	store_close(s);
	(void)snprintf(rest, sizeof(rest), "&& rm -rf %s", dir);
	double_run("stop", rest);
}

/* A number that it gives to tests. */
static int
told(const char *what)
{
	char cmd[128], text[32] = "";
	FILE *f;

	(void)snprintf(cmd, sizeof(cmd), "curl -s http://127.0.0.1:%u/%s",
	    double_port, what);
	f = popen(cmd, "r");
	ck_assert_ptr_nonnull(f);
	ck_assert_ptr_nonnull(fgets(text, sizeof(text), f));
	(void)pclose(f);
	return atoi(text);
}

/* All that it holds, also what no reader sees. */
static int
kept(void)
{
	return told("versions-kept");
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

START_TEST(versions_without_an_end_are_given_up)
{
	double_open("--versions --endless --page 3");
	put("a", "one");
	put("a", "two");
	ck_assert_int_eq(store_delete(s, "a"), -EPROTO);
	ck_assert_int_lt(told("deletes"), 1000);
	ck_assert_int_gt(told("deletes"), 3);
	double_close();
}
END_TEST

/* Not every server that keeps versions can list them. */
START_TEST(versions_that_are_not_shown_are_hidden_and_told_of)
{
	static const char *const options[] = { "--versions --blind 200",
	    "--versions --blind 400", "--versions --blind 404",
	    "--versions --blind 501" };
	struct buf b = BUF_INIT(100);

	double_open(options[_i]);
	put("a", "one");
	put("a", "two");
	ck_assert_int_eq(store_delete(s, "a"), 0);
	ck_assert_int_eq(store_get(s, "a", &b), -ENOENT);
	/* Two versions and a marker. */
	ck_assert_int_eq(kept(), 3);
	notes_have("versions could not be removed", true);
	double_close();
}
END_TEST

START_TEST(under_a_lock_what_is_put_has_its_md5)
{
	struct err e = { "" };
	int i, before;

	/* By the refusal of what has none, once. */
	double_open(_i ? "--lock --sig2" : "--lock");
	for (i = 0; i < 5; i++)
		put("a", "one");
	ck_assert_int_eq(told("without-md5"), 1);
	ck_assert_int_eq(store_put(s, "b", "", 0, STORE_IF_ABSENT), 0);
	ck_assert_int_eq(store_put(s, "b", "x", 1, STORE_IF_ABSENT), -EEXIST);
	ck_assert_int_eq(told("without-md5"), 1);
	double_close();
	/* And by what the probe reads. */
	double_open(_i ? "--lock --sig2" : "--lock");
	ck_assert_msg(store_probe(s, &e) == 0, "%s", e.msg);
	before = told("without-md5");
	put("a", "one");
	ck_assert_int_eq(told("without-md5"), before);
	double_close();
}
END_TEST

static const struct {
	const char *options, *prefix, *note;
	bool is_there;
} rule[] = {
	{ "--lifecycle drive/", "drive", "WARNING", true },
	/* The second of two. */
	{ "--lifecycle old/,drive/", "drive", "WARNING", true },
	{ "--lifecycle old/,", "drive", "WARNING", true },
	{ "--lifecycle old/,drive/packs/", "drive", "WARNING", true },
	{ "--lifecycle old/,new/", "", "WARNING", true },
	{ "--lifecycle old/,drive2/", "drive", "WARNING", false },
	{ "--lifecycle old/,drive2/", "drive", "lifecycle: rules: 2", true },
	{ "", "drive", "cannot be read", false },
	{ "--deny lifecycle", "drive", "lifecycle: cannot be read", true },
	{ "--deny lifecycle", "drive", "object lock: cannot", false },
	{ "--deny object-lock", "drive", "object lock: cannot be read",
	    true },
};

START_TEST(a_rule_that_would_destroy_the_drive_is_warned_of)
{
	double_open_at(rule[_i].options, rule[_i].prefix);
	notes_have(rule[_i].note, rule[_i].is_there);
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
	tcase_add_loop_test(t, a_busy_log_in_is_left_alone, 0, 2);
	tcase_add_test(t, a_renewal_that_fails_is_not_tried_by_every_request);
	tcase_add_test(t, an_upload_that_is_only_accepted_is_not_kept);
	tcase_add_test(t, a_version_that_never_goes_is_given_up);
	tcase_add_test(t, a_refused_key_is_not_tried_again);
	tcase_add_test(t, bad_addresses_are_refused_with_a_reason);
	tcase_add_test(t, an_address_is_shown_without_the_key);
	suite_add_tcase(suite, t);
	tcase_add_test(d, a_delete_removes_every_version_and_no_others);
	tcase_add_test(d, under_a_lock_a_delete_hides_and_the_probe_says_so);
	tcase_add_test(d, versions_without_an_end_are_given_up);
	tcase_add_loop_test(d,
	    versions_that_are_not_shown_are_hidden_and_told_of, 0, 4);
	tcase_add_loop_test(d, under_a_lock_what_is_put_has_its_md5, 0, 2);
	tcase_add_loop_test(d,
	    a_rule_that_would_destroy_the_drive_is_warned_of, 0,
	    (int)(sizeof(rule) / sizeof(rule[0])));
	tcase_add_test(d, an_ignored_condition_is_found_out);
	tcase_add_test(d, a_clock_that_is_wrong_is_no_obstacle);
	suite_add_tcase(suite, d);
	sr = srunner_create(suite);
	srunner_run_all(sr, CK_ENV);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed ? 1 : 0;
}
