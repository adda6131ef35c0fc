/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What goes wrong between us and a server, and the result for it.  A proxy
 * (tests/tools/fault_proxy.c, in the same build; FAULT_PROXY names another)
 * answers or spoils.  With a real server in the environment, faults in the
 * middle of a transfer are tried as well:
 *
 *	STORE_TEST_URL, STORE_TEST_PASS, STORE_TEST_CA, STORE_TEST_PIN
 *	STORE_TEST_STOP		a command that stops the server
 *	STORE_TEST_DIRECT	it leads elsewhere, past the proxy
 *	STORE_TEST_FOREIGN_CA	an authority that did not sign it
 */
#include <arpa/inet.h>
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
#include <time.h>
#include <unistd.h>

#include "store/store.h"
#include "tests/lib/proxy.h"
#include "tests/lib/remote.h"
#include "util/buf.h"
#include "util/clock.h"
#include "util/err.h"
#include "util/thread.h"

#define MIB (1u << 20)

static pid_t proxy;
static unsigned proxy_port;
static struct store *s;

static const char *
env(const char *name)
{
	const char *v = getenv(name);

	return v && *v ? v : NULL;
}

static void
proxy_start(const char *options)
{
	proxy = proxy_spawn(options, &proxy_port);
}

static void
open_url(const char *url, const struct store_conf *conf)
{
	struct err e = { "" };

	ck_assert_msg(store_open(url, conf, &s, &e) == 0, "%s", e.msg);
}

/* A store behind the proxy, which answers by itself. */
static void
open_alone(const char *options, unsigned retries)
{
	struct store_conf conf = { .timeout_s = 2, .retries = retries };
	char url[64];

	proxy_start(options);
	(void)snprintf(url, sizeof(url), "webdav://127.0.0.1:%u", proxy_port);
	open_url(url, &conf);
}

static const char *
server_url(const char *sub)
{
	static char url[1024];

	remote_url(url, sizeof(url), sub);
	return url;
}

/* A store behind the proxy, which stands before the real server. */
static void
open_through_for(const char *options, unsigned retries, unsigned timeout_s)
{
	struct store_conf conf = { .password = env("STORE_TEST_PASS"),
	    .timeout_s = timeout_s, .retries = retries };
	char url[1024], host[300], text[900], place[32];

	remote_host(host, sizeof(host));
	(void)snprintf(text, sizeof(text), "%s %s", options, host);
	proxy_start(text);
	(void)snprintf(place, sizeof(place), "f%d", getpid());
	remote_url_at(url, sizeof(url), "127.0.0.1", proxy_port, place);
	open_url(url, &conf);
}

static void
open_through(const char *options, unsigned retries)
{
	open_through_for(options, retries, 3);
}

static void
end(void)
{
	store_close(s);
	s = NULL;
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

static const char *
last_error(void)
{
	static struct store_stats st;

	store_get_stats(s, &st);
	return st.last_error;
}

/* ---- answers without a server ------------------------------------------- */

static const struct {
	const char *options;
	int put, if_absent, get, del, list, space;
} answer[] = {
	{ "--status 401", -EACCES, -EACCES, -EACCES, -EACCES, -EACCES,
	    -EACCES },
	{ "--status 403", -EACCES, -EACCES, -EACCES, -EACCES, -EACCES,
	    -EACCES },
	{ "--status 404", -EPROTO, -EPROTO, -ENOENT, -ENOENT, 0,
	    -EOPNOTSUPP },
	{ "--status 410", -EPROTO, -EPROTO, -ENOENT, -ENOENT, 0,
	    -EOPNOTSUPP },
	{ "--status 405", -EOPNOTSUPP, -EOPNOTSUPP, -EOPNOTSUPP,
	    -EOPNOTSUPP, -EOPNOTSUPP, -EOPNOTSUPP },
	{ "--status 400", -EPROTO, -EPROTO, -EPROTO, -EPROTO, -EPROTO,
	    -EPROTO },
	{ "--status 413", -ENOSPC, -ENOSPC, -ENOSPC, -ENOSPC, -ENOSPC,
	    -ENOSPC },
	{ "--status 507 --html", -ENOSPC, -ENOSPC, -ENOSPC, -ENOSPC,
	    -ENOSPC, -ENOSPC },
	{ "--status 423", -EHOSTUNREACH, -EHOSTUNREACH, -EHOSTUNREACH,
	    -EHOSTUNREACH, -EHOSTUNREACH, -EHOSTUNREACH },
	{ "--status 429", -EHOSTUNREACH, -EHOSTUNREACH, -EHOSTUNREACH,
	    -EHOSTUNREACH, -EHOSTUNREACH, -EHOSTUNREACH },
	{ "--status 503 --html", -EHOSTUNREACH, -EHOSTUNREACH,
	    -EHOSTUNREACH, -EHOSTUNREACH, -EHOSTUNREACH, -EHOSTUNREACH },
	/* The collection is asked for first, and asking twice is no harm. */
	{ "--status 502", -EHOSTUNREACH, -EHOSTUNREACH, -EHOSTUNREACH,
	    -ETIMEDOUT, -EHOSTUNREACH, -EHOSTUNREACH },
	{ "--status 500", -EHOSTUNREACH, -EHOSTUNREACH, -EHOSTUNREACH,
	    -ETIMEDOUT, -EHOSTUNREACH, -EHOSTUNREACH },
	{ "--status 200 --html", -EPROTO, -EPROTO, -EPROTO, 0, -EPROTO,
	    -EPROTO },
	{ "--status 207", 0, 0, -EPROTO, -EPROTO, -EPROTO, -EPROTO },
	{ "--status 302 --location http://evil.example/x", -EPROTO, -EPROTO,
	    -EPROTO, -EPROTO, -EPROTO, -EPROTO },
	{ "--status 307 --location http://127.0.0.2:1/", -EPROTO, -EPROTO,
	    -EPROTO, -EPROTO, -EPROTO, -EPROTO },
	{ "--hang", -EHOSTUNREACH, -EHOSTUNREACH, -ETIMEDOUT, -ETIMEDOUT,
	    -ETIMEDOUT, -ETIMEDOUT },
};

START_TEST(each_answer_has_its_result)
{
	struct buf b = BUF_INIT(1000);
	struct store_space space;
	int n = 0;

	open_alone(answer[_i].options, 0);
	ck_assert_int_eq(store_put(s, "a/b", "xyz", 3, 0), answer[_i].put);
	ck_assert_int_eq(store_put(s, "a/b", "xyz", 3, STORE_IF_ABSENT),
	    answer[_i].if_absent);
	ck_assert_int_eq(buf_put(&b, "keep", 4), 0);
	ck_assert_int_eq(store_get(s, "a/b", &b), answer[_i].get);
	if (answer[_i].get != -ENOENT)
		ck_assert_msg(last_error()[0], "no reason is given");
	/* A body that came with an error is never data. */
	ck_assert_uint_eq(b.len, 4);
	ck_assert_int_eq(b.err, 0);
	ck_assert_int_eq(store_get_range(s, "a/b", 5, 6, &b),
	    answer[_i].get);
	ck_assert_uint_eq(b.len, 4);
	ck_assert_int_eq(store_delete(s, "a/b"), answer[_i].del);
	ck_assert_int_eq(store_list(s, "a/", on_name, &n), answer[_i].list);
	ck_assert_int_eq(store_space(s, &space), answer[_i].space);
	ck_assert_int_eq(n, 0);
	buf_done(&b);
	end();
}
END_TEST

START_TEST(a_refusal_is_not_repeated_at_once)
{
	struct store_stats st;
	struct buf b = BUF_INIT(100);
	int i;

	/* One request gets 401; every other would get 404. */
	struct store_conf conf = { .user = "alice", .password = "wrong",
	    .timeout_s = 2, .retries = 3 };
	char url[64];

	proxy_start("--status 401");
	(void)snprintf(url, sizeof(url), "webdav://127.0.0.1:%u", proxy_port);
	open_url(url, &conf);
	ck_assert_int_eq(store_get(s, "a", &b), -EACCES);
	(void)kill(proxy, SIGKILL);
	/* Nobody is there any more, and nobody is asked. */
	for (i = 0; i < 20; i++)
		ck_assert_int_eq(store_get(s, "a", &b), -EACCES);
	store_get_stats(s, &st);
	ck_assert_uint_eq(st.retries, 0);
	ck_assert_ptr_nonnull(strstr(st.last_error, "refused"));
	ck_assert_ptr_null(strstr(st.last_error, "wrong"));
	/* Nor after a break, but when the user asks for it. */
	store_interrupt(s, true);
	store_interrupt(s, false);
	ck_assert_int_eq(store_put(s, "a", "x", 1, 0), -EACCES);
	store_renew(s);
	ck_assert_int_eq(store_put(s, "a", "x", 1, 0), -EHOSTUNREACH);
	end();
}
END_TEST

START_TEST(the_server_is_given_the_time_it_asks_for)
{
	struct buf b = BUF_INIT(100);
	struct store_stats st;
	int64_t t0 = clock_mono_ms();

	open_alone("--status 503 --retry-after 1", 1);
	ck_assert_int_eq(store_get(s, "a", &b), -EHOSTUNREACH);
	ck_assert_int_ge(clock_mono_ms() - t0, 1000);
	ck_assert_int_lt(clock_mono_ms() - t0, 20000);
	store_get_stats(s, &st);
	ck_assert_uint_eq(st.retries, 1);
	ck_assert_uint_eq(st.errors, 1);
	ck_assert(!st.is_online);
	end();
}
END_TEST

static void
interrupter(void *arg)
{
	struct timespec ts = { 0, 300000000 };

	(void)arg;
	(void)nanosleep(&ts, NULL);
	store_interrupt(s, true);
}

static const char *const waiting[] = { "--hang",
    "--status 503 --retry-after 100" };

START_TEST(a_wait_can_be_interrupted)
{
	struct store_conf conf = { .timeout_s = 60, .retries = 5 };
	struct buf b = BUF_INIT(100);
	char url[64];
	int64_t t0;
	pthread_t t;

	proxy_start(waiting[_i]);
	(void)snprintf(url, sizeof(url), "webdav://127.0.0.1:%u", proxy_port);
	open_url(url, &conf);
	t0 = clock_mono_ms();
	ck_assert_int_eq(thread_start(&t, "stop", interrupter, NULL), 0);
	ck_assert_int_eq(store_get(s, "a", &b), -ECANCELED);
	ck_assert_int_ge(clock_mono_ms() - t0, 250);
	ck_assert_int_lt(clock_mono_ms() - t0, 20000);
	thread_join(t);
	ck_assert_int_eq(store_get(s, "a", &b), -ECANCELED);
	end();
}
END_TEST

static atomic_int began;

static void
asker(void *arg)
{
	struct buf b = BUF_INIT(100);

	began++;
	*(int *)arg = store_get(s, "a", &b);
}

START_TEST(a_short_interruption_still_ends_what_waits)
{
	struct store_conf conf = { .timeout_s = 60, .connections = 2 };
	struct timespec ts = { 0, 300000000 };
	char url[64];
	pthread_t t[5];
	int r[5], i;

	proxy_start("--hang");
	(void)snprintf(url, sizeof(url), "webdav://127.0.0.1:%u", proxy_port);
	open_url(url, &conf);
	began = 0;
	for (i = 0; i < 5; i++)
		ck_assert_int_eq(thread_start(&t[i], "ask", asker, &r[i]), 0);
	while (began < 5)
		(void)nanosleep(&ts, NULL);
	(void)nanosleep(&ts, NULL);
	store_interrupt(s, true);
	store_interrupt(s, false);
	for (i = 0; i < 5; i++) {
		thread_join(t[i]);
		ck_assert_int_eq(r[i], -ECANCELED);
	}
	end();
}
END_TEST

START_TEST(a_closed_port_is_said_at_once)
{
	struct sockaddr_in at = { .sin_family = AF_INET };
	socklen_t len = sizeof(at);
	struct buf b = BUF_INIT(100);
	char url[64];
	int64_t t0;
	int fd;

	at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	fd = socket(AF_INET, SOCK_STREAM, 0);
	ck_assert_int_eq(bind(fd, (struct sockaddr *)&at, sizeof(at)), 0);
	ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&at, &len), 0);
	(void)snprintf(url, sizeof(url), "webdav://127.0.0.1:%u",
	    ntohs(at.sin_port));
	open_url(url, NULL);
	t0 = clock_mono_ms();
	ck_assert_int_eq(store_put(s, "a", "x", 1, 0), -EHOSTUNREACH);
	ck_assert_int_eq(store_get(s, "a", &b), -EHOSTUNREACH);
	ck_assert_int_eq(store_delete(s, "a"), -EHOSTUNREACH);
	ck_assert_int_lt(clock_mono_ms() - t0, 20000);
	ck_assert_ptr_nonnull(strstr(last_error(), "cannot reach 127.0.0.1"));
	(void)close(fd);
	end();
}
END_TEST

START_TEST(an_unknown_host_is_not_reached)
{
	struct buf b = BUF_INIT(100);

	open_url("webdavs://no-such-host.invalid/x", NULL);
	ck_assert_int_eq(store_get(s, "a", &b), -EHOSTUNREACH);
	ck_assert_ptr_nonnull(strstr(last_error(), "no-such-host.invalid"));
	end();
}
END_TEST

/* ---- a real server behind the proxy ------------------------------------- */

static uint8_t *
bytes(size_t len)
{
	uint8_t *p = malloc(len);
	uint32_t v = (uint32_t)getpid();
	size_t i;

	for (i = 0; i < len; i++) {
		v = v * 1664525 + 1013904223;
		p[i] = (uint8_t)(v >> 24);
	}
	return p;
}

START_TEST(an_upload_cut_in_the_middle_is_uncertain)
{
	uint8_t *p = bytes(8 * MIB);
	struct buf b = BUF_INIT(9 * MIB);

	open_through("--method PUT --cut-up 3000000 --times 1", 0);
	ck_assert_int_eq(store_put(s, "a/b", p, 8 * MIB, 0), -ETIMEDOUT);
	/* And no reader sees half of it. */
	ck_assert_int_eq(store_get(s, "a/b", &b), -ENOENT);
	ck_assert_int_eq(store_put(s, "a/b", p, 8 * MIB, 0), 0);
	ck_assert_int_eq(store_get(s, "a/b", &b), 0);
	ck_assert_uint_eq(b.len, 8 * MIB);
	ck_assert_mem_eq(b.data, p, 8 * MIB);
	buf_done(&b);
	free(p);
	end();
}
END_TEST

START_TEST(a_lost_answer_is_uncertain_and_it_happened)
{
	struct buf b = BUF_INIT(100);

	open_through("--method PUT --cut-down 0 --times 1", 0);
	ck_assert_int_eq(store_put(s, "a", "hello", 5, STORE_IF_ABSENT),
	    -ETIMEDOUT);
	ck_assert_int_eq(store_get(s, "a", &b), 0);
	ck_assert_mem_eq(b.data, "hello", 5);
	/* The same bytes again may be taken for our own. */
	ck_assert_int_eq(store_put(s, "a", "other", 5, STORE_IF_ABSENT),
	    -EEXIST);
	buf_done(&b);
	end();
}
END_TEST

START_TEST(a_retry_knows_its_own_upload)
{
	struct store_stats st;

	open_through("--method PUT --cut-down 0 --times 1", 3);
	ck_assert_int_eq(store_put(s, "a", "hello", 5, STORE_IF_ABSENT), 0);
	ck_assert_int_eq(store_put(s, "a", "other", 5, STORE_IF_ABSENT),
	    -EEXIST);
	store_get_stats(s, &st);
	ck_assert_uint_eq(st.retries, 1);
	end();
}
END_TEST

START_TEST(a_retry_knows_its_own_delete)
{
	struct buf b = BUF_INIT(100);

	open_through("--method DELETE --cut-down 0 --times 1", 3);
	ck_assert_int_eq(store_put(s, "a", "hello", 5, 0), 0);
	ck_assert_int_eq(store_delete(s, "a"), 0);
	ck_assert_int_eq(store_delete(s, "a"), -ENOENT);
	ck_assert_int_eq(store_get(s, "a", &b), -ENOENT);
	end();
}
END_TEST

static const struct {
	const char *options;
	int get, range;
} spoiled[] = {
	{ "--method GET --cut-down 1000000", -EHOSTUNREACH, -EHOSTUNREACH },
	{ "--method GET --cut-down 0", -EHOSTUNREACH, -EHOSTUNREACH },
	/* The server promises more than it has, then hangs up. */
	{ "--method GET --extra 1000", -EHOSTUNREACH, -EPROTO },
	{ "--method GET --extra -1000", 0, -EPROTO },
	{ "--method GET --delay 5000", -ETIMEDOUT, -ETIMEDOUT },
	{ "--method GET --status 200 --html", -EPROTO, -EPROTO },
};

START_TEST(a_download_that_is_spoiled_is_no_data)
{
	struct timespec ts = { 0, 100000000 };
	uint8_t *p = bytes(3 * MIB);
	struct buf b = BUF_INIT(4 * MIB);
	char options[200];
	int r;

	/* Some stores log in by GET, before the first request. */
	(void)snprintf(options, sizeof(options), "--off %s",
	    spoiled[_i].options);
	open_through(options, 0);
	ck_assert_int_eq(store_put(s, "a/b", p, 3 * MIB, 0), 0);
	(void)kill(proxy, SIGUSR1);
	(void)nanosleep(&ts, NULL);
	ck_assert_int_eq(buf_put(&b, "keep", 4), 0);
	r = store_get(s, "a/b", &b);
	/* A shorter length looks whole: those above compare the hash. */
	ck_assert_int_eq(r, spoiled[_i].get);
	ck_assert_uint_eq(b.len, r == 0 ? 3 * MIB - 1000 + 4 : 4);
	b.len = 4;
	ck_assert_int_eq(store_get_range(s, "a/b", 100, 2 * MIB, &b),
	    spoiled[_i].range);
	ck_assert_uint_eq(b.len, 4);
	/* Without the fault all is well again. */
	(void)kill(proxy, SIGUSR1);
	ck_assert_int_eq(store_get_range(s, "a/b", 100, 2 * MIB, &b), 0);
	ck_assert_mem_eq(b.data + 4, p + 100, 2 * MIB);
	buf_done(&b);
	free(p);
	end();
}
END_TEST

START_TEST(a_short_trouble_is_got_over)
{
	struct buf b = BUF_INIT(100);
	struct store_stats st;

	open_through("--status 503 --times 2", 5);
	ck_assert_int_eq(store_put(s, "a/b", "hello", 5, 0), 0);
	ck_assert_int_eq(store_get(s, "a/b", &b), 0);
	ck_assert_mem_eq(b.data, "hello", 5);
	store_get_stats(s, &st);
	ck_assert_uint_eq(st.retries, 2);
	ck_assert_uint_eq(st.errors, 0);
	buf_done(&b);
	end();
}
END_TEST

START_TEST(an_answer_within_the_deadline_is_waited_for)
{
	open_through_for("--method PUT --delay 1500", 0, 20);
	ck_assert_int_eq(store_put(s, "a", "hello", 5, 0), 0);
	end();
}
END_TEST

/* ---- the real server itself --------------------------------------------- */

START_TEST(a_wrong_password_is_refused)
{
	struct store_conf conf = { .password = "not-it-at-all",
	    .ca_file = env("STORE_TEST_CA"), .timeout_s = 10, .retries = 3 };
	struct buf b = BUF_INIT(100);
	struct store_stats st;
	struct err e = { "" };
	int n = 0;

	open_url(server_url("x"), &conf);
	ck_assert_int_eq(store_put(s, "a", "x", 1, 0), -EACCES);
	ck_assert_int_eq(store_get(s, "a", &b), -EACCES);
	ck_assert_int_eq(store_list(s, "", on_name, &n), -EACCES);
	ck_assert_int_eq(store_probe(s, &e), -EACCES);
	ck_assert_ptr_nonnull(strstr(e.msg, "refused"));
	store_get_stats(s, &st);
	ck_assert_uint_eq(st.retries, 0);
	ck_assert_ptr_null(strstr(st.last_error, "not-it"));
	end();
}
END_TEST

START_TEST(a_certificate_of_strangers_is_not_trusted)
{
	struct store_conf conf = { .password = env("STORE_TEST_PASS"),
	    .timeout_s = 10 };
	struct buf b = BUF_INIT(100);

	open_url(server_url("x"), &conf);
	ck_assert_int_eq(store_get(s, "a", &b), -EHOSTUNREACH);
	ck_assert_ptr_nonnull(strstr(last_error(), "certificate"));
	store_close(s);
	conf.ca_file = env("STORE_TEST_FOREIGN_CA");
	open_url(server_url("x"), &conf);
	ck_assert_int_eq(store_put(s, "a", "x", 1, 0), -EHOSTUNREACH);
	ck_assert_ptr_nonnull(strstr(last_error(), "certificate"));
	end();
}
END_TEST

START_TEST(a_pin_must_match)
{
	struct store_conf conf = { .password = env("STORE_TEST_PASS"),
	    .ca_file = env("STORE_TEST_CA"), .pin = env("STORE_TEST_PIN"),
	    .timeout_s = 10 };
	struct buf b = BUF_INIT(100);

	open_url(server_url("x"), &conf);
	ck_assert_int_eq(store_get(s, "a", &b), -ENOENT);
	store_close(s);
	conf.pin = "sha256//AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
	open_url(server_url("x"), &conf);
	ck_assert_int_eq(store_get(s, "a", &b), -EHOSTUNREACH);
	ck_assert_ptr_nonnull(strstr(last_error(), "certificate"));
	end();
}
END_TEST

static void
stopper(void *arg)
{
	struct timespec ts = { 0, 400000000 };

	(void)arg;
	(void)nanosleep(&ts, NULL);
	if (system(env("STORE_TEST_STOP")) != 0)
		abort();
}

/* The last of all: there is no server after it. */
START_TEST(a_server_that_goes_away_is_noticed)
{
	struct store_conf conf = { .password = env("STORE_TEST_PASS"),
	    .ca_file = env("STORE_TEST_CA"), .timeout_s = 5 };
	uint8_t *p = bytes(8 * MIB);
	int64_t t0 = clock_mono_ms();
	char name[32];
	pthread_t t;
	int i, r = 0;

	open_url(server_url("x"), &conf);
	ck_assert_int_eq(store_put(s, "p/0", p, 8 * MIB, 0), 0);
	ck_assert_int_eq(thread_start(&t, "stop", stopper, NULL), 0);
	for (i = 1; r == 0 && clock_mono_ms() - t0 < 20000; i++) {
		(void)snprintf(name, sizeof(name), "p/%d", i);
		r = store_put(s, name, p, 8 * MIB, 0);
	}
	ck_assert_msg(r == -ETIMEDOUT || r == -EHOSTUNREACH, "%d", r);
	thread_join(t);
	t0 = clock_mono_ms();
	for (i = 0; i < 10; i++)
		ck_assert_int_eq(store_put(s, "p/x", p, 1000, 0),
		    -EHOSTUNREACH);
	ck_assert_int_lt(clock_mono_ms() - t0, 20000);
	free(p);
	end();
}
END_TEST

static void
cases_add(Suite *suite)
{
	const char *url = env("STORE_TEST_URL");
	const char *known = env("STORE_TEST_CAPS");
	unsigned long caps = known ? strtoul(known, NULL, 0) : ~0ul;
	TCase *t = tcase_create("answers");
	TCase *m = tcase_create("middle");
	TCase *v = tcase_create("server");

	tcase_set_timeout(t, 60);
	tcase_set_timeout(m, 60);
	tcase_set_timeout(v, 60);
	if (!env("STORE_TEST_ONLY")) {
		tcase_add_loop_test(t, each_answer_has_its_result, 0,
		    sizeof(answer) / sizeof(answer[0]));
		tcase_add_test(t, a_refusal_is_not_repeated_at_once);
		tcase_add_test(t, the_server_is_given_the_time_it_asks_for);
		tcase_add_loop_test(t, a_wait_can_be_interrupted, 0, 2);
		tcase_add_test(t, a_short_interruption_still_ends_what_waits);
		tcase_add_test(t, a_closed_port_is_said_at_once);
		tcase_add_test(t, an_unknown_host_is_not_reached);
	}
	suite_add_tcase(suite, t);
	/* A careless server loses more than these allow. */
	if (url && (strncmp(url, "webdav:", 7) == 0 ||
	    strstr(url, "tls=no")) && !env("STORE_TEST_PROBE") &&
	    !env("STORE_TEST_DIRECT")) {
		tcase_add_test(m, an_upload_cut_in_the_middle_is_uncertain);
		/* Else the answer that is lost says that it cannot. */
		if (caps & STORE_CAP_IF_ABSENT)
			tcase_add_test(m,
			    a_lost_answer_is_uncertain_and_it_happened);
		tcase_add_test(m, a_retry_knows_its_own_upload);
		tcase_add_test(m, a_retry_knows_its_own_delete);
		tcase_add_loop_test(m, a_download_that_is_spoiled_is_no_data,
		    0, sizeof(spoiled) / sizeof(spoiled[0]));
		tcase_add_test(m, a_short_trouble_is_got_over);
		tcase_add_test(m, an_answer_within_the_deadline_is_waited_for);
	}
	suite_add_tcase(suite, m);
	if (url && env("STORE_TEST_PASS"))
		tcase_add_test(v, a_wrong_password_is_refused);
	if (env("STORE_TEST_PIN")) {
		tcase_add_test(v, a_certificate_of_strangers_is_not_trusted);
		tcase_add_test(v, a_pin_must_match);
	}
	if (env("STORE_TEST_STOP"))
		tcase_add_test(v, a_server_that_goes_away_is_noticed);
	suite_add_tcase(suite, v);
}

int
main(void)
{
	Suite *suite = suite_create("fault");
	SRunner *sr;
	int failed;

	cases_add(suite);
	sr = srunner_create(suite);
	srunner_run_all(sr, CK_ENV);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed ? 1 : 0;
}
