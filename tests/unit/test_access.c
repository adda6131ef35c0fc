/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Who we are to a store changes while it is open, or is refused: what its
 * server is asked then, and how often.  The server here lets in whoever shows
 * the word that is good at present, and counts the others.
 */
#include <arpa/inet.h>
#include <check.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "store/store.h"
#include "util/buf.h"
#include "util/clock.h"
#include "util/err.h"
#include "util/thread.h"

#define CONNS_MAX 256
#define CALLERS 16
#define LONG_MS (10 * 60 * 1000LL)

enum kind { DAV, S3, SWIFT };

/* ---- the server -------------------------------------------------------- */

static enum kind kind;
static _Atomic(const char *) good;	/* "one", ... */
static atomic_uint n_refused, n_asked;
static int listen_fd;
static unsigned port;
static pthread_t listener, conn_thread[CONNS_MAX];
static int conn_fd[CONNS_MAX];
static unsigned nconns;

static const char *
shown_by(const char *word, const char *head)
{
	static const struct {
		const char *word, *as[3];
	} forms[] = {
		{ "one", { "Basic YWxpY2U6b25l", "=ONE/", "-Key: one\r" } },
		{ "two", { "Basic YWxpY2U6dHdv", "=TWO/", "-Key: two\r" } },
		{ "three", { "Basic YWxpY2U6dGhyZWU=", "=THREE/",
		    "-Key: three\r" } },
		{ "token", { "-", "x-amz-security-token: fresh\r", "-" } },
	};
	size_t i;

	for (i = 0; i < sizeof(forms) / sizeof(*forms); i++) {
		if (strcmp(forms[i].word, word) == 0)
			return strstr(head, forms[i].as[kind]);
	}
	return NULL;
}

static bool
is_let_in(const char *head)
{
	char token[64];

	if (kind == SWIFT && strncmp(head, "GET /auth", 9) != 0) {
		(void)snprintf(token, sizeof(token), "X-Auth-Token: tk-%s\r",
		    good);
		return strstr(head, token);
	}
	return shown_by(good, head);
}

static void
answer(int fd, const char *head)
{
	static const char no_dav[] = "HTTP/1.1 401 No\r\nWWW-Authenticate: "
	    "Basic realm=\"x\"\r\nContent-Length: 0\r\n\r\n";
	static const char no_s3[] = "HTTP/1.1 403 No\r\nContent-Type: "
	    "application/xml\r\nContent-Length: 46\r\n\r\n"
	    "<Error><Code>InvalidAccessKeyId</Code></Error>";
	static const char yes[] = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n"
	    "\r\nhi";
	static const char made[] = "HTTP/1.1 201 OK\r\nContent-Length: 0\r\n"
	    "\r\n";
	char login[256];
	const char *text = strncmp(head, "PUT", 3) == 0 ? made : yes;

	n_asked++;
	if (!is_let_in(head)) {
		n_refused++;
		text = kind == S3 ? no_s3 : no_dav;
	} else if (strncmp(head, "GET /auth", 9) == 0) {
		(void)snprintf(login, sizeof(login), "HTTP/1.1 200 OK\r\n"
		    "X-Auth-Token: tk-%s\r\nX-Storage-Url: "
		    "http://127.0.0.1:%u/v1/AUTH_x\r\nContent-Length: 0\r\n"
		    "\r\n", good, port);
		text = login;
	}
	(void)!send(fd, text, strlen(text), MSG_NOSIGNAL);
}

static void
serve_conn(void *arg)
{
	int fd = *(int *)arg;
	char head[16384], *end, *len_at;
	size_t len = 0, body;
	ssize_t n;

	for (;;) {
		n = recv(fd, head + len, sizeof(head) - 1 - len, 0);
		if (n <= 0)
			return;
		len += (size_t)n;
		head[len] = '\0';
		end = strstr(head, "\r\n\r\n");
		len_at = strcasestr(head, "\r\nContent-Length:");
		body = len_at ? strtoul(len_at + 17, NULL, 10) : 0;
		if (!end || len < (size_t)(end + 4 - head) + body)
			continue;
		answer(fd, head);
		len = 0;
	}
}

static void
listen_run(void *arg)
{
	int fd;

	(void)arg;
	while ((fd = accept(listen_fd, NULL, NULL)) >= 0) {
		ck_assert_uint_lt(nconns, CONNS_MAX);
		conn_fd[nconns] = fd;
		ck_assert_int_eq(thread_start(&conn_thread[nconns], "conn",
		    serve_conn, &conn_fd[nconns]), 0);
		nconns++;
	}
}

static void
server_start(enum kind k, const char *word)
{
	struct sockaddr_in a = { .sin_family = AF_INET,
	    .sin_addr = { htonl(INADDR_LOOPBACK) } };
	socklen_t len = sizeof(a);

	kind = k;
	good = word;
	n_refused = n_asked = 0;
	listen_fd = socket(AF_INET, SOCK_STREAM, 0);
	ck_assert_int_eq(bind(listen_fd, (void *)&a, sizeof(a)), 0);
	ck_assert_int_eq(listen(listen_fd, 64), 0);
	ck_assert_int_eq(getsockname(listen_fd, (void *)&a, &len), 0);
	port = ntohs(a.sin_port);
	ck_assert_int_eq(thread_start(&listener, "listen", listen_run, NULL),
	    0);
}

static void
server_stop(void)
{
	unsigned i;

	(void)shutdown(listen_fd, SHUT_RDWR);
	thread_join(listener);
	(void)close(listen_fd);
	for (i = 0; i < nconns; i++) {
		(void)shutdown(conn_fd[i], SHUT_RDWR);
		thread_join(conn_thread[i]);
		(void)close(conn_fd[i]);
	}
	nconns = 0;
}

/* ---- the source and the store ------------------------------------------ */

static struct store *s;
static _Atomic(const char *) word;	/* NULL: it fails */
static _Atomic(const char *) ca;
static atomic_uint n_read, n_dropped, n_freed;
static atomic_bool is_hanging, is_inside;

static int
source_get(void *arg, const atomic_bool *stop, struct store_conf *c,
    struct err *e)
{
	const char *w = word;

	ck_assert_ptr_eq(arg, &word);
	n_read++;
	is_inside = true;
	while (is_hanging && !*stop)
		thread_pause_ms(1);
	is_inside = false;
	if (*stop)
		return err_set(e, -ECANCELED, "stopped");
	if (!w)
		return err_set(e, -EACCES, "the safe is shut");
	c->ca_file = ca;
	c->user = "alice";
	c->password = w;
	if (kind == S3) {
		c->user = strcmp(w, "one") == 0 ? "ONE" : "TWO";
		c->password = strcmp(w, "token") == 0 ? "ONE s fresh" :
		    strcmp(w, "three") == 0 ? "THREE s" : "s";
	}
	return 0;
}

static void
source_drop(void *arg)
{
	(void)arg;
	n_dropped++;
}

static void
source_free(void *arg)
{
	(void)arg;
	n_freed++;
}

static bool is_slow;

static void
open_with(const char *first, int64_t look_min_ms, int64_t again_min_ms,
    struct err *e)
{
	struct store_source from = { source_get, source_drop, source_free,
	    &word, is_slow, look_min_ms, again_min_ms };
	struct store_conf c = { .timeout_s = 10, .source = &from };
	char text[128];

	n_read = n_dropped = n_freed = 0;
	word = first;
	(void)snprintf(text, sizeof(text), kind == DAV ?
	    "webdav://127.0.0.1:%u/x" : kind == S3 ?
	    "s3://NONE@127.0.0.1:%u/bucket?tls=no" :
	    "swift://alice@127.0.0.1:%u/c?auth=1&tls=no", port);
	ck_assert_msg(store_open(text, &c, &s, e) == 0, "%s", e->msg);
}

static void
begin(enum kind k, int64_t look_min_ms, int64_t again_min_ms)
{
	struct err e = { "" };

	server_start(k, "one");
	open_with("one", look_min_ms, again_min_ms, &e);
	ck_assert_str_eq(e.msg, "");
}

static void
end(void)
{
	store_close(s);
	server_stop();
	ck_assert_uint_eq(n_freed, 1);
	ck_assert_uint_eq(n_dropped, n_read);
}

static int
get(void)
{
	struct buf b = BUF_INIT(100);
	int r = store_get(s, "a", &b);

	ck_assert(r < 0 || strcmp(buf_cstr(&b), "hi") == 0);
	buf_done(&b);
	return r;
}

static const char *
last_error(void)
{
	static struct store_stats st;

	store_get_stats(s, &st);
	return st.last_error;
}

/* Until it comes to that; the test's own limit is the end of it. */
static void
until(int r)
{
	while (get() != r)
		thread_pause_ms(5);
}

static int call_r[CALLERS];

static void
caller(void *arg)
{
	int *r = arg;

	*r = get();
}

static void
all_call(int r)
{
	pthread_t t[CALLERS];
	int i;

	for (i = 0; i < CALLERS; i++)
		ck_assert_int_eq(thread_start(&t[i], "caller", caller,
		    &call_r[i]), 0);
	for (i = 0; i < CALLERS; i++) {
		thread_join(t[i]);
		ck_assert_int_eq(call_r[i], r);
	}
}

/* ---- the tests --------------------------------------------------------- */

START_TEST(a_new_secret_is_taken_up_by_the_call_that_is_refused)
{
	begin((enum kind)_i, LONG_MS, 0);
	ck_assert_int_eq(get(), 0);
	good = word = "two";
	ck_assert_int_eq(get(), 0);
	ck_assert_int_eq(store_put(s, "a", "x", 1, 0), 0);
	if (kind != SWIFT)
		ck_assert_uint_eq(n_refused, 1);
	else	/* Its token is, then the password that it came for. */
		ck_assert_uint_eq(n_refused, 2);
	end();
}
END_TEST

START_TEST(a_session_token_and_a_key_of_another_name_are_taken_up)
{
	begin(S3, 1, 0);
	ck_assert_int_eq(get(), 0);
	good = word = "three";
	ck_assert_int_eq(get(), 0);
	ck_assert_uint_eq(n_refused, 1);
	good = word = "token";
	until(0);
	end();
}
END_TEST

START_TEST(a_refused_secret_is_tried_once)
{
	int i;

	server_start((enum kind)_i, "two");
	open_with("one", 1, 0, &(struct err){ "" });
	for (i = 0; i < 20; i++) {
		ck_assert_int_eq(get(), -EACCES);
		ck_assert_int_eq(store_put(s, "a", "x", 1, 0), -EACCES);
	}
	/* Nor after a pause of the machine. */
	store_interrupt(s, true);
	store_interrupt(s, false);
	ck_assert_int_eq(get(), -EACCES);
	ck_assert_uint_eq(n_refused, 1);
	ck_assert_uint_eq(n_asked, 1);
	ck_assert_ptr_nonnull(strstr(last_error(), "refused"));
	end();
}
END_TEST

START_TEST(many_at_once_try_it_once)
{
	server_start((enum kind)_i, "two");
	open_with("one", LONG_MS, 0, &(struct err){ "" });
	all_call(-EACCES);
	ck_assert_uint_eq(n_refused, 1);
	good = "one";
	store_renew(s);
	all_call(0);
	ck_assert_uint_eq(n_refused, 1);
	end();
}
END_TEST

START_TEST(many_at_once_go_on_with_a_new_one)
{
	begin((enum kind)_i, LONG_MS, 0);
	all_call(0);
	good = word = "two";
	all_call(0);
	ck_assert_uint_ge(n_refused, 1);
	ck_assert_uint_le(n_refused, 2 * CALLERS);
	ck_assert_uint_eq(n_read, 2);
	end();
}
END_TEST

START_TEST(one_that_comes_late_is_taken_up_by_itself)
{
	begin(DAV, 1, 0);
	ck_assert_int_eq(get(), 0);
	good = "two";
	ck_assert_int_eq(get(), -EACCES);
	ck_assert_int_eq(get(), -EACCES);
	ck_assert_uint_eq(n_refused, 1);
	word = "two";
	until(0);
	ck_assert_uint_eq(n_refused, 1);
	end();
}
END_TEST

START_TEST(the_source_is_not_read_all_the_time)
{
	int i;

	begin(DAV, LONG_MS, 0);
	good = "two";
	for (i = 0; i < 50; i++)
		ck_assert_int_eq(get(), -EACCES);
	/* When it was opened, and when it was refused. */
	ck_assert_uint_eq(n_read, 2);
	end();
}
END_TEST

START_TEST(the_user_has_the_same_tried_again)
{
	begin((enum kind)_i, LONG_MS, 0);
	good = "two";
	ck_assert_int_eq(get(), -EACCES);
	good = "one";
	ck_assert_int_eq(get(), -EACCES);
	store_renew(s);
	ck_assert_int_eq(get(), 0);
	/* Each time once. */
	good = "two";
	ck_assert_int_eq(get(), -EACCES);
	n_refused = 0;
	store_renew(s);
	ck_assert_int_eq(get(), -EACCES);
	ck_assert_int_eq(get(), -EACCES);
	ck_assert_uint_le(n_refused, kind == SWIFT ? 2 : 1);
	ck_assert_uint_ge(n_refused, 1);
	end();
}
END_TEST

START_TEST(the_user_has_another_taken_up_that_was_not_refused)
{
	begin(DAV, LONG_MS, 0);
	ck_assert_int_eq(get(), 0);
	word = "two";
	store_renew(s);
	ck_assert_int_eq(get(), -EACCES);
	good = "two";
	store_renew(s);
	ck_assert_int_eq(get(), 0);
	end();
}
END_TEST

START_TEST(after_a_while_the_same_is_tried_once_more)
{
	begin(DAV, LONG_MS, 300);
	good = "two";
	ck_assert_int_eq(get(), -EACCES);
	good = "one";
	ck_assert_uint_eq(n_refused, 1);
	until(0);
	ck_assert_uint_eq(n_refused, 1);
	end();
}
END_TEST

START_TEST(the_same_is_tried_ever_more_rarely)
{
	int64_t from;

	begin(DAV, LONG_MS, 50);
	good = "two";
	from = clock_mono_ms();
	while (n_refused < 4) {
		ck_assert_int_eq(get(), -EACCES);
		thread_pause_ms(1);
	}
	ck_assert_int_ge(clock_mono_ms() - from, 50 + 100 + 200);
	end();
}
END_TEST

START_TEST(one_that_cannot_be_opened_is_opened_later)
{
	struct err e = { "" };

	server_start((enum kind)_i, "one");
	open_with(NULL, 1, 0, &e);
	ck_assert_str_eq(e.msg, "the safe is shut");
	ck_assert_ptr_null(strchr(store_url(s), '@'));
	ck_assert_int_eq(get(), -EACCES);
	ck_assert_str_eq(last_error(), "the safe is shut");
	ck_assert_int_eq(store_probe(s, &e), -EACCES);
	ck_assert_uint_eq(n_asked, 0);
	word = "one";
	until(0);
	ck_assert_str_eq(last_error(), "");
	end();
}
END_TEST

START_TEST(a_slow_source_is_read_by_the_first_call)
{
	is_slow = true;
	begin((enum kind)_i, LONG_MS, 0);
	ck_assert_uint_eq(n_read, 0);
	ck_assert_str_eq(last_error(), "");
	all_call(0);
	ck_assert_uint_eq(n_read, 1);
	end();
}
END_TEST

START_TEST(a_slow_source_that_fails_is_asked_again)
{
	struct err e = { "" };

	is_slow = true;
	server_start((enum kind)_i, "one");
	open_with(NULL, 1, 0, &e);
	ck_assert_str_eq(e.msg, "");
	ck_assert_int_eq(get(), -EACCES);
	ck_assert_str_eq(last_error(), "the safe is shut");
	word = "one";
	until(0);
	end();
}
END_TEST

START_TEST(or_when_the_user_asks)
{
	char path[] = "/tmp/test-access.XXXXXX";
	struct err e = { "" };
	int fd = mkstemp(path);

	ck_assert_int_ge(fd, 0);
	(void)close(fd);
	(void)unlink(path);
	server_start(DAV, "one");
	ca = path;
	open_with("one", LONG_MS, 0, &e);
	ck_assert_ptr_nonnull(strstr(e.msg, path));
	ck_assert_int_eq(get(), -EACCES);
	ck_assert_ptr_nonnull(strstr(last_error(), path));
	store_renew(s);
	ck_assert_int_eq(get(), -EACCES);
	ca = NULL;
	ck_assert_int_eq(get(), -EACCES);
	store_renew(s);
	ck_assert_int_eq(get(), 0);
	end();
}
END_TEST

START_TEST(why_the_source_fails_is_what_is_said)
{
	begin(DAV, LONG_MS, 0);
	ck_assert_int_eq(get(), 0);
	good = "two";
	word = NULL;
	ck_assert_int_eq(get(), -EACCES);
	ck_assert_str_eq(last_error(), "the safe is shut");
	word = "two";
	store_renew(s);
	ck_assert_int_eq(get(), 0);
	ck_assert_str_eq(last_error(), "");
	end();
}
END_TEST

START_TEST(a_source_that_hangs_is_left_when_asked_to_stop)
{
	pthread_t t;
	int r = 0;

	begin(DAV, LONG_MS, 0);
	good = "two";
	is_hanging = true;
	ck_assert_int_eq(thread_start(&t, "caller", caller, &r), 0);
	while (!is_inside)
		thread_pause_ms(1);
	store_interrupt(s, true);
	thread_join(t);
	ck_assert(r == -EACCES || r == -ECANCELED);
	ck_assert_int_eq(get(), -ECANCELED);
	is_hanging = false;
	store_interrupt(s, false);
	ck_assert_int_eq(get(), -EACCES);
	end();
}
END_TEST

START_TEST(a_bad_address_is_no_store_without_a_source)
{
	struct store_conf c = { .user = "u", .ca_file = "/nowhere/ca" };
	struct err e = { "" };

	ck_assert_int_eq(store_open("webdavs://h/", &c, &s, &e), -ENOENT);
	ck_assert_int_eq(store_open("gopher://h/", &c, &s, &e), -EINVAL);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("access");
	TCase *t = tcase_create("all");
	SRunner *sr;
	int failed;

	tcase_set_timeout(t, 60);
	tcase_add_loop_test(t,
	    a_new_secret_is_taken_up_by_the_call_that_is_refused, DAV,
	    SWIFT + 1);
	tcase_add_test(t,
	    a_session_token_and_a_key_of_another_name_are_taken_up);
	tcase_add_loop_test(t, a_refused_secret_is_tried_once, DAV,
	    SWIFT + 1);
	tcase_add_loop_test(t, many_at_once_try_it_once, DAV, SWIFT + 1);
	tcase_add_loop_test(t, many_at_once_go_on_with_a_new_one, DAV,
	    SWIFT + 1);
	tcase_add_test(t, one_that_comes_late_is_taken_up_by_itself);
	tcase_add_test(t, the_source_is_not_read_all_the_time);
	tcase_add_loop_test(t, the_user_has_the_same_tried_again, DAV,
	    SWIFT + 1);
	tcase_add_test(t,
	    the_user_has_another_taken_up_that_was_not_refused);
	tcase_add_test(t, after_a_while_the_same_is_tried_once_more);
	tcase_add_test(t, the_same_is_tried_ever_more_rarely);
	tcase_add_loop_test(t, one_that_cannot_be_opened_is_opened_later,
	    DAV, SWIFT + 1);
	tcase_add_loop_test(t, a_slow_source_is_read_by_the_first_call, DAV,
	    SWIFT + 1);
	tcase_add_loop_test(t, a_slow_source_that_fails_is_asked_again, DAV,
	    SWIFT + 1);
	tcase_add_test(t, or_when_the_user_asks);
	tcase_add_test(t, why_the_source_fails_is_what_is_said);
	tcase_add_test(t, a_source_that_hangs_is_left_when_asked_to_stop);
	tcase_add_test(t, a_bad_address_is_no_store_without_a_source);
	suite_add_tcase(suite, t);
	sr = srunner_create(suite);
	srunner_run_all(sr, CK_ENV);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed ? 1 : 0;
}
