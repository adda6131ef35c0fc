/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What an SSH host is besides a place for objects: who they are, who we are,
 * and connections that die.
 */
#include <arpa/inet.h>
#include <check.h>
#include <errno.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "store/store.h"
#include "tests/lib/sshd.h"
#include "util/buf.h"
#include "util/clock.h"
#include "util/err.h"
#include "util/thread.h"

#define MIB (1u << 20)

static struct sshd d;
static struct store *s;

static void
open_with(const struct store_conf *c)
{
	struct err e = { "" };

	ck_assert_msg(store_open(d.url, c, &s, &e) == 0, "%s", e.msg);
}

static const char *
last_error(void)
{
	static struct store_stats st;

	store_get_stats(s, &st);
	return st.last_error;
}

/* Put and get with this configuration. */
static void
works(const struct store_conf *c)
{
	struct buf b = BUF_INIT(100);
	int r;

	open_with(c);
	r = store_put(s, "w/x", "here", 4, 0);
	ck_assert_msg(r == 0, "%s: %s", strerror(-r), last_error());
	ck_assert_int_eq(store_get(s, "w/x", &b), 0);
	ck_assert_uint_eq(b.len, 4);
	buf_done(&b);
	store_close(s);
}

static void
fails_with(const struct store_conf *c, int want, const char *word)
{
	int r;

	open_with(c);
	r = store_put(s, "w/x", "here", 4, 0);
	ck_assert_msg(r == want, "%s: %s", strerror(-r), last_error());
	ck_assert_msg(strstr(last_error(), word), "%s", last_error());
	store_close(s);
}

START_TEST(the_pinned_host_is_let_through)
{
	struct store_conf c = { .key_file = d.key, .pin = d.pin };

	works(&c);
}
END_TEST

START_TEST(another_pin_ends_it)
{
	struct store_conf c = { .key_file = d.key, .pin =
	    "SHA256:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA" };

	fails_with(&c, -EPROTO, "pinned");
}
END_TEST

START_TEST(a_known_host_is_let_through)
{
	struct store_conf c = { .key_file = d.key, .hosts_file = d.hosts };

	works(&c);
}
END_TEST

START_TEST(an_unknown_host_is_refused_and_its_key_shown)
{
	struct store_conf c = { .key_file = d.key, .hosts_file = "/dev/null" };

	fails_with(&c, -EPROTO, d.pin);
}
END_TEST

/* Nothing is sent, no password either, and retries do not help. */
START_TEST(a_host_whose_key_has_changed_is_refused)
{
	struct store_conf c = { .key_file = d.key, .hosts_file = d.hosts,
	    .retries = 2 };

	sshd_again(&d, "--other-key");
	fails_with(&c, -EPROTO, "not the known one");
	c.key_file = NULL;
	c.password = "a secret";
	fails_with(&c, -EPROTO, "not the known one");
	ck_assert_int_ne(sh("grep -q 'Failed password' %s/srv/run/log",
	    d.home), 0);
	sshd_again(&d, "");
}
END_TEST

START_TEST(an_rsa_key_lets_in)
{
	char rsa[160];
	struct store_conf c = { .key_file = rsa, .pin = d.pin };

	(void)snprintf(rsa, sizeof(rsa), "%s-rsa", d.key);
	works(&c);
}
END_TEST

START_TEST(a_key_under_a_passphrase_lets_in)
{
	char sealed[160];
	struct store_conf c = { .key_file = sealed, .pin = d.pin,
	    .password = "of the key" };

	(void)snprintf(sealed, sizeof(sealed), "%s-sealed", d.key);
	ck_assert_int_eq(sh("cp %s %s && ssh-keygen -q -p -P '' -N '%s' "
	    "-f %s >%s/err 2>&1", d.key, sealed, c.password, sealed,
	    d.home), 0);
	works(&c);
	c.password = "another";
	fails_with(&c, -EACCES, sealed);
}
END_TEST

START_TEST(a_strangers_key_is_refused)
{
	char other[160];
	struct store_conf c = { .key_file = other, .pin = d.pin };

	(void)snprintf(other, sizeof(other), "%s/stranger", d.home);
	ck_assert_int_eq(sh("ssh-keygen -q -t ed25519 -N '' -f %s", other),
	    0);
	fails_with(&c, -EACCES, "refused user");
}
END_TEST

static void
agent_start(void)
{
	char sock[128];

	(void)snprintf(sock, sizeof(sock), "%s/agent", d.home);
	ck_assert_int_eq(sh("ssh-agent -a %s | sed -n "
	    "'s/.*PID=\\([0-9]*\\).*/\\1/p' >%s/pid", sock, d.home), 0);
	ck_assert_int_eq(setenv("SSH_AUTH_SOCK", sock, 1), 0);
	ck_assert_int_eq(setenv("HOME", d.home, 1), 0);
	ck_assert_int_eq(sh("ssh-add -q %s 2>%s/err", d.key, d.home), 0);
}

static void
agent_forget(void)
{
	ck_assert_int_eq(sh("ssh-add -qD 2>%s/err", d.home), 0);
}

static void
agent_stop(void)
{
	ck_assert_int_eq(sh("kill $(cat %s/pid)", d.home), 0);
}

START_TEST(the_agent_lets_in)
{
	struct store_conf c = { .pin = d.pin };

	agent_start();
	works(&c);
	agent_forget();
	fails_with(&c, -EACCES, "agent");
	agent_stop();
}
END_TEST

static unsigned
refusals(void)
{
	return sshd_log_count(&d, "Failed password");
}

START_TEST(a_password_lets_in_and_a_wrong_one_is_tried_once)
{
	struct store_conf c = { .pin = d.pin, .password = d.pass,
	    .retries = 3 };
	struct buf b = BUF_INIT(10);
	unsigned before;

	if (geteuid() != 0)
		return;		/* no account can be made */
	sshd_again(&d, "--password");
	works(&c);
	c.password = "not this";
	before = refusals();
	open_with(&c);
	ck_assert_int_eq(store_get(s, "w/x", &b), -EACCES);
	ck_assert_int_eq(store_get(s, "w/x", &b), -EACCES);
	ck_assert_int_eq(store_put(s, "w/x", "y", 1, 0), -EACCES);
	ck_assert_uint_eq(refusals() - before, 1);
	ck_assert_ptr_null(strstr(last_error(), c.password));
	/* The user has mended it elsewhere and says: again. */
	store_interrupt(s, true);
	store_interrupt(s, false);
	ck_assert_int_eq(store_get(s, "w/x", &b), -EACCES);
	ck_assert_uint_eq(refusals() - before, 1);
	store_renew(s);
	ck_assert_int_eq(store_get(s, "w/x", &b), -EACCES);
	ck_assert_uint_eq(refusals() - before, 2);
	store_close(s);
	sshd_again(&d, "");
}
END_TEST

START_TEST(a_password_that_is_asked_for_is_given)
{
	struct store_conf c = { .pin = d.pin, .password = d.pass };

	if (geteuid() != 0)
		return;
	if (access("/etc/pam.d/sshd", R_OK) != 0)
		return;
	sshd_again(&d, "--interactive");
	works(&c);
	sshd_again(&d, "");
}
END_TEST

START_TEST(a_connection_that_died_while_idle_is_made_again)
{
	struct store_conf c = { .key_file = d.key, .pin = d.pin };
	struct buf b = BUF_INIT(100);

	open_with(&c);
	ck_assert_int_eq(store_put(s, "i/x", "one", 3, 0), 0);
	sshd_again(&d, "");
	ck_assert_int_eq(store_get(s, "i/x", &b), 0);
	ck_assert_uint_eq(b.len, 3);
	sshd_again(&d, "");
	ck_assert_int_eq(store_put(s, "i/x", "two", 3, 0), 0);
	buf_done(&b);
	store_close(s);
}
END_TEST

START_TEST(a_server_that_is_away_is_not_reached_and_comes_back)
{
	struct store_conf c = { .key_file = d.key, .pin = d.pin };
	struct buf b = BUF_INIT(100);
	char options[64];

	open_with(&c);
	ck_assert_int_eq(store_put(s, "i/y", "one", 3, 0), 0);
	sshd_stop(&d);
	ck_assert_int_eq(store_get(s, "i/y", &b), -EHOSTUNREACH);
	ck_assert_int_eq(store_put(s, "i/y", "two", 3, 0), -EHOSTUNREACH);
	ck_assert_int_eq(b.len, 0);
	(void)snprintf(options, sizeof(options), "--port %s", d.port);
	ck_assert_int_eq(sshd_start(&d, options), 0);
	ck_assert_int_eq(store_get(s, "i/y", &b), 0);
	ck_assert_mem_eq(b.data, "one", 3);
	buf_done(&b);
	store_close(s);
}
END_TEST

static int get_result;

static void
getter(void *arg)
{
	struct buf b = BUF_INIT(16 * MIB);

	(void)arg;
	get_result = store_get(s, "big", &b);
	buf_done(&b);
}

static void
getter_of(void *arg)
{
	struct buf b = BUF_INIT(16 * MIB);

	*(int *)arg = store_get(s, "big", &b);
	buf_done(&b);
}

static unsigned
log_ins(void)
{
	return sshd_log_count(&d, "Connection from");
}

/* The agent was locked, say: those that were let in do the work. */
START_TEST(a_further_connection_that_is_refused_takes_none_away)
{
	struct store_conf c = { .pin = d.pin, .connections = 4 };
	char *p = calloc(1, 8 * MIB);
	pthread_t t[4];
	int r[4], round, i;
	unsigned before;

	agent_start();
	open_with(&c);
	ck_assert_int_eq(store_put(s, "big", p, 8 * MIB, 0), 0);
	agent_forget();
	before = log_ins();
	for (round = 0; round < 2; round++) {
		for (i = 0; i < 4; i++)
			ck_assert_int_eq(thread_start(&t[i], "getter",
			    getter_of, &r[i]), 0);
		for (i = 0; i < 4; i++)
			thread_join(t[i]);
		for (i = 0; i < 4; i++)
			ck_assert_msg(r[i] == 0, "%s: %s", strerror(-r[i]),
			    last_error());
		/* Who was refused has not come again. */
		if (round == 0)
			ck_assert_uint_gt(log_ins(), before);
		else
			ck_assert_uint_eq(log_ins(), before);
		before = log_ins();
	}
	/* With none that was let in it counts. */
	sshd_again(&d, "");
	getter_of(&r[0]);
	ck_assert_int_eq(r[0], -EACCES);
	agent_stop();
	free(p);
	store_close(s);
}
END_TEST

/* Stop (or let go on) what serves the sessions. */
static void
sessions(const char *sig)
{
	ck_assert_int_eq(sh("for p in $(pgrep -P $(cat %s/srv/run/pid)); do "
	    "kill -%s $p $(pgrep -P $p); done", d.home, sig), 0);
}

START_TEST(a_wait_can_be_interrupted)
{
	struct store_conf c = { .key_file = d.key, .pin = d.pin,
	    .timeout_s = 60 };
	char *p = calloc(1, 8 * MIB);
	int64_t start;
	pthread_t t;

	open_with(&c);
	ck_assert_int_eq(store_put(s, "big", p, 8 * MIB, 0), 0);
	sessions("STOP");
	start = clock_mono_ms();
	ck_assert_int_eq(thread_start(&t, "getter", getter, NULL), 0);
	(void)usleep(300000);
	store_interrupt(s, true);
	thread_join(t);
	ck_assert_int_eq(get_result, -ECANCELED);
	ck_assert_int_lt(clock_mono_ms() - start, 30000);
	store_interrupt(s, false);
	sessions("CONT");
	getter(NULL);
	ck_assert_int_eq(get_result, 0);
	free(p);
	store_close(s);
}
END_TEST

START_TEST(a_server_that_is_silent_runs_into_the_deadline)
{
	struct store_conf c = { .key_file = d.key, .pin = d.pin };
	char *p = calloc(1, 8 * MIB);
	int r;

	open_with(&c);
	ck_assert_int_eq(store_put(s, "big", p, 8 * MIB, 0), 0);
	store_close(s);
	/* More than a busy machine makes an answer late. */
	c.timeout_s = 4;
	open_with(&c);
	ck_assert_int_eq(store_put(s, "small", p, 1, 0), 0);
	sessions("STOP");
	getter(NULL);
	ck_assert_int_eq(get_result, -ETIMEDOUT);
	/* Cut before its name was asked for: it has had no effect. */
	r = store_put(s, "silent", p, 8 * MIB, 0);
	sessions("CONT");
	ck_assert_int_eq(r, 0);		/* over a new connection */
	free(p);
	store_close(s);
}
END_TEST

/* A line on which little is under way, of LINE_RATE bytes a second up. */
#define LINE_RATE 6000
static struct {
	int listen_fd, near, far;
	pthread_t up, down;
} line;

static void
line_up(void *arg)
{
	char p[LINE_RATE / 10];
	ssize_t n;

	(void)arg;
	while ((n = recv(line.near, p, sizeof(p), 0)) > 0 &&
	    send(line.far, p, (size_t)n, MSG_NOSIGNAL) == n)
		(void)usleep((useconds_t)(n * 1000000 / LINE_RATE));
	(void)shutdown(line.far, SHUT_RDWR);
}

static void
line_down(void *arg)
{
	char p[65536];
	ssize_t n;

	(void)arg;
	line.near = accept(line.listen_fd, NULL, NULL);
	ck_assert_int_eq(thread_start(&line.up, "up", line_up, NULL), 0);
	while ((n = recv(line.far, p, sizeof(p), 0)) > 0 &&
	    send(line.near, p, (size_t)n, MSG_NOSIGNAL) == n)
		;
	(void)shutdown(line.near, SHUT_RDWR);
	thread_join(line.up);
}

/* For one connection; the port. */
static unsigned
line_start(void)
{
	struct sockaddr_in at = { .sin_family = AF_INET };
	socklen_t len = sizeof(at);
	int small = 4096;

	at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	line.listen_fd = socket(AF_INET, SOCK_STREAM, 0);
	ck_assert_int_eq(setsockopt(line.listen_fd, SOL_SOCKET, SO_RCVBUF,
	    &small, sizeof(small)), 0);
	ck_assert_int_eq(bind(line.listen_fd, (struct sockaddr *)&at, len), 0);
	ck_assert_int_eq(listen(line.listen_fd, 1), 0);
	line.far = socket(AF_INET, SOCK_STREAM, 0);
	at.sin_port = htons((uint16_t)atoi(d.port));
	ck_assert_int_eq(connect(line.far, (struct sockaddr *)&at, len), 0);
	ck_assert_int_eq(getsockname(line.listen_fd, (struct sockaddr *)&at,
	    &len), 0);
	ck_assert_int_eq(thread_start(&line.down, "down", line_down, NULL),
	    0);
	return ntohs(at.sin_port);
}

static void
line_end(void)
{
	thread_join(line.down);
	(void)close(line.listen_fd);
	(void)close(line.near);
	(void)close(line.far);
}

/* Each answer to a part of it takes longer than the timeout. */
START_TEST(an_upload_over_a_slow_line_gets_through)
{
	struct store_conf c = { .key_file = d.key, .pin = d.pin,
	    .timeout_s = 4, .connections = 1 };
	char *p = calloc(1, 150000), rest[sizeof(d.url)], *at;
	int64_t start;
	int r;

	at = strrchr(d.url, ':') + 1;
	(void)snprintf(rest, sizeof(rest), "%s", strchr(at, '/'));
	(void)snprintf(at, sizeof(d.url) - (size_t)(at - d.url), "%u%s",
	    line_start(), rest);
	open_with(&c);
	start = clock_mono_ms();
	r = store_put(s, "slow", p, 150000, 0);
	ck_assert_msg(r == 0, "%s: %s", strerror(-r), last_error());
	ck_assert_int_gt(clock_mono_ms() - start, 20000);
	store_close(s);
	line_end();
	free(p);
}
END_TEST

START_TEST(a_folder_that_is_gone_is_not_made_again)
{
	struct store_conf c = { .key_file = d.key, .pin = d.pin };
	struct buf b = BUF_INIT(10);
	struct err e = { "" };

	(void)strcat(d.url, "gone/");
	open_with(&c);
	ck_assert_int_eq(store_put(s, "a", "x", 1, 0), -EHOSTUNREACH);
	ck_assert_int_eq(store_get(s, "a", &b), -EHOSTUNREACH);
	ck_assert_int_eq(store_delete(s, "a"), -EHOSTUNREACH);
	ck_assert_msg(strstr(last_error(), "gone"), "%s", last_error());
	ck_assert_int_eq(store_probe(s, &e), 0);
	ck_assert_int_eq(store_get(s, "a", &b), -ENOENT);
	ck_assert_int_eq(store_put(s, "a", "x", 1, 0), 0);
	store_close(s);
}
END_TEST

static int
on_name(void *arg, const char *name, uint64_t size)
{
	(void)name;
	(void)size;
	++*(unsigned *)arg;
	return 0;
}

START_TEST(temporary_files_of_a_day_ago_go_and_others_stay)
{
	struct store_conf c = { .key_file = d.key, .pin = d.pin };
	unsigned n = 0;

	open_with(&c);
	ck_assert_int_eq(store_put(s, "t/a", "x", 1, 0), 0);
	ck_assert_int_eq(sh("cd %s/srv/data/t && touch -d '2 days ago' "
	    ".tmp-old && touch .tmp-new && touch -d '2 days ago' Other.txt "
	    "&& chown --reference=a .tmp-old", d.home), 0);
	ck_assert_int_eq(store_list(s, "t/", on_name, &n), 0);
	ck_assert_uint_eq(n, 1);
	ck_assert_int_eq(sh("cd %s/srv/data/t && test ! -e .tmp-old && "
	    "test -e .tmp-new && test -e Other.txt", d.home), 0);
	store_close(s);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("sftp");
	TCase *t = tcase_create("host");
	SRunner *sr;
	int failed;

	sshd_begin(&d);
	tcase_set_timeout(t, 120);
	tcase_add_test(t, the_pinned_host_is_let_through);
	tcase_add_test(t, another_pin_ends_it);
	tcase_add_test(t, a_known_host_is_let_through);
	tcase_add_test(t, an_unknown_host_is_refused_and_its_key_shown);
	tcase_add_test(t, a_host_whose_key_has_changed_is_refused);
	tcase_add_test(t, an_rsa_key_lets_in);
	tcase_add_test(t, a_key_under_a_passphrase_lets_in);
	tcase_add_test(t, a_strangers_key_is_refused);
	tcase_add_test(t, the_agent_lets_in);
	tcase_add_test(t,
	    a_password_lets_in_and_a_wrong_one_is_tried_once);
	tcase_add_test(t, a_password_that_is_asked_for_is_given);
	tcase_add_test(t, a_connection_that_died_while_idle_is_made_again);
	tcase_add_test(t,
	    a_server_that_is_away_is_not_reached_and_comes_back);
	tcase_add_test(t,
	    a_further_connection_that_is_refused_takes_none_away);
	tcase_add_test(t, a_wait_can_be_interrupted);
	tcase_add_test(t, a_server_that_is_silent_runs_into_the_deadline);
	tcase_add_test(t, an_upload_over_a_slow_line_gets_through);
	tcase_add_test(t, a_folder_that_is_gone_is_not_made_again);
	tcase_add_test(t, temporary_files_of_a_day_ago_go_and_others_stay);
	suite_add_tcase(suite, t);
	sr = srunner_create(suite);
	srunner_run_all(sr, CK_ENV);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	sshd_end(&d);
	return failed ? 1 : 0;
}
