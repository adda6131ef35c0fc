/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The HTTP engine against a server that says exactly what it is told to. */
#include <arpa/inet.h>
#include <check.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net/http.h"
#include "util/buf.h"
#include "util/clock.h"
#include "util/err.h"
#include "util/thread.h"

#define REQUESTS_MAX 32
#define CLIENTS_MAX 16
#define HEAD_MAX 8192

/* The answers, in order; the last one is repeated. */
static const char *const *script;
static int n_script;
static char seen[REQUESTS_MAX][HEAD_MAX];	/* the requests' heads */
static size_t seen_body[REQUESTS_MAX];
static int n_seen, n_accepted, most_open;
static int listen_fd, stop_fd[2];
static unsigned port;
static pthread_t server;
static bool is_slow, no_continue;
/* An answer goes out in pieces of so many bytes, five times a second. */
static size_t drip;
static struct http *h;
static char url[64];

static size_t
content_length(const char *head)
{
	const char *p = strcasestr(head, "\r\nContent-Length:");

	return p ? strtoul(p + 17, NULL, 10) : 0;
}

static bool
answer(int fd, const char *text, size_t len)
{
	struct pollfd p = { .fd = stop_fd[0], .events = POLLIN };
	size_t n;

	while (drip && len > 0) {
		n = len < drip ? len : drip;
		if (send(fd, text, n, MSG_NOSIGNAL) != (ssize_t)n ||
		    poll(&p, 1, 200) != 0)
			return false;
		text += n;
		len -= n;
	}
	return send(fd, text, len, MSG_NOSIGNAL) == (ssize_t)len;
}

/* One request on fd: read it, answer it.  False to hang up. */
static bool
serve_one(int fd)
{
	char *head = seen[n_seen], junk[65536];
	const char *text;
	size_t len = 0, body, got;
	char *end;
	ssize_t n;

	for (;;) {
		n = recv(fd, head + len, HEAD_MAX - 1 - len, 0);
		if (n <= 0)
			return false;
		len += (size_t)n;
		head[len] = '\0';
		end = strstr(head, "\r\n\r\n");
		if (end)
			break;
	}
	body = content_length(head);
	got = len - (size_t)(end + 4 - head);
	end[4] = '\0';
	if (strcasestr(head, "\r\nExpect: 100-continue") && !no_continue &&
	    send(fd, "HTTP/1.1 100 Continue\r\n\r\n", 25, MSG_NOSIGNAL) < 0)
		return false;
	while (got < body) {
		n = recv(fd, junk, sizeof(junk), 0);
		if (n <= 0)
			return false;
		got += (size_t)n;
	}
	seen_body[n_seen] = got;
	text = script[n_seen < n_script ? n_seen : n_script - 1];
	n_seen++;
	if (is_slow) {
		struct pollfd p = { .fd = stop_fd[0], .events = POLLIN };

		(void)poll(&p, 1, 200);
	}
	/* "!" in front: say so and hang up. */
	len = strlen(text + (*text == '!'));
	return answer(fd, text + (*text == '!'), len) && *text != '!' &&
	    n_seen < REQUESTS_MAX;
}

static void
serve(void *arg)
{
	struct pollfd p[CLIENTS_MAX + 2] = {
		{ .fd = stop_fd[0], .events = POLLIN },
		{ .fd = listen_fd, .events = POLLIN } };
	int n = 2, i;

	(void)arg;
	while (poll(p, (nfds_t)n, -1) > 0 && !p[0].revents) {
		for (i = 2; i < n; i++)
			if (p[i].revents && !serve_one(p[i].fd)) {
				(void)close(p[i].fd);
				p[i--] = p[--n];
			}
		if (p[1].revents && n < CLIENTS_MAX + 2) {
			p[n].fd = accept(listen_fd, NULL, NULL);
			p[n].events = POLLIN;
			p[n++].revents = 0;
			n_accepted++;
			if (n - 2 > most_open)
				most_open = n - 2;
		}
	}
	for (i = 2; i < n; i++)
		(void)close(p[i].fd);
}

static void
begin(const char *const *answers, int n, const struct http_conf *more)
{
	struct http_conf conf = { .host = "127.0.0.1", .timeout_s = 3 };
	struct sockaddr_in at = { .sin_family = AF_INET };
	socklen_t len = sizeof(at);

	script = answers;
	n_script = n;
	at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	listen_fd = socket(AF_INET, SOCK_STREAM, 0);
	ck_assert_int_eq(bind(listen_fd, (struct sockaddr *)&at, len), 0);
	ck_assert_int_eq(listen(listen_fd, 16), 0);
	ck_assert_int_eq(getsockname(listen_fd, (struct sockaddr *)&at,
	    &len), 0);
	port = ntohs(at.sin_port);
	(void)snprintf(url, sizeof(url), "http://127.0.0.1:%u/x", port);
	ck_assert_int_eq(pipe(stop_fd), 0);
	ck_assert_int_eq(thread_start(&server, "server", serve, NULL), 0);
	if (more)
		conf = *more;
	ck_assert_int_eq(http_new(&conf, &h, NULL), 0);
}
#define BEGIN(answers, more) \
	begin(answers, sizeof(answers) / sizeof((answers)[0]), more)

static void
end(void)
{
	http_free(h);
	ck_assert_int_eq(write(stop_fd[1], "x", 1), 1);
	thread_join(server);
	(void)close(listen_fd);
}

static int
get(struct buf *out, struct http_resp *a)
{
	struct http_req q = { .method = "GET", .url = url,
	    .body_status = 200, .out = out };

	return http_do(h, &q, a);
}

static int
get_range(uint64_t off, size_t len, struct buf *out, struct http_resp *a)
{
	struct http_req q = { .method = "GET", .url = url, .is_range = true,
	    .range_off = off, .range_len = len, .body_status = 200,
	    .out = out };

	return http_do(h, &q, a);
}

#define CHUNKED(chunks) "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked" \
	"\r\n\r\n" chunks "0\r\n\r\n"
#define OK(len, body) "HTTP/1.1 200 OK\r\nContent-Length: " len "\r\n\r\n" body

START_TEST(a_body_is_appended_and_the_connection_kept)
{
	static const char *const a[] = { OK("5", "hello"), OK("0", ""),
	    CHUNKED("3\r\nabc\r\n") };
	struct buf b = BUF_INIT(100);
	struct http_resp ans;

	BEGIN(a, NULL);
	ck_assert_int_eq(buf_put(&b, ">", 1), 0);
	ck_assert_int_eq(get(&b, &ans), 0);
	ck_assert_int_eq(ans.status, 200);
	ck_assert_int_eq(ans.length, 5);
	ck_assert_int_eq(get(&b, &ans), 0);
	ck_assert_int_eq(get(&b, &ans), 0);
	ck_assert_str_eq(buf_cstr(&b), ">helloabc");
	ck_assert_int_eq(n_accepted, 1);
	ck_assert_ptr_nonnull(strstr(seen[0], "Accept-Encoding: identity"));
	ck_assert_ptr_null(strstr(seen[0], "Authorization"));
	buf_done(&b);
	end();
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
	{ OK("10", "abcdefghij"), 0, 200, "cde" },
	{ "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
	    "4\r\nabcd\r\n6\r\nefghij\r\n0\r\n\r\n", 0, 200, "cde" },
	{ OK("5", "abcde"), 0, 200, "cde" },
	{ OK("4", "abcd"), -ERANGE, 0, "" },
	{ "!HTTP/1.1 200 OK\r\n\r\nabc", -ERANGE, 0, "" },
	{ OK("99999999999", "abcdefghij"), -EPROTO, 0, "" },
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

	begin(&range[_i].answer, 1, NULL);
	ck_assert_int_eq(buf_put(&b, ">", 1), 0);
	ck_assert_int_eq(get_range(2, 3, &b, &ans), range[_i].r);
	ck_assert_int_eq(ans.status, range[_i].status);
	ck_assert_str_eq(buf_cstr(&b) + 1, range[_i].body);
	ck_assert_int_eq(b.err, 0);
	ck_assert_ptr_nonnull(strstr(seen[0], "Range: bytes=2-4\r\n"));
	buf_done(&b);
	end();
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

	BEGIN(a, NULL);
	ck_assert_int_eq(get(&b, &ans), 0);
	ck_assert_int_eq(ans.status, 503);
	ck_assert_int_eq(ans.retry_after_ms, 7000);
	ck_assert_int_eq(get(&b, &ans), 0);
	ck_assert_int_eq(ans.status, 404);
	ck_assert_int_eq(ans.retry_after_ms, -1);
	ck_assert(ans.is_html);
	ck_assert_int_eq(get(&b, &ans), 0);
	ck_assert_int_eq(ans.status, 204);
	ck_assert(!ans.is_html);
	ck_assert_uint_eq(b.len, 0);
	end();
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

	BEGIN(a, NULL);
	for (i = 0; i < 5; i++) {
		ck_assert_int_eq(get(NULL, &ans), 0);
		ck_assert_msg(ans.retry_after_ms == want[i], "%d: %lld", i,
		    (long long)ans.retry_after_ms);
	}
	end();
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
	BEGIN(a, NULL);
	ck_assert_int_eq(get(&b, &ans), 0);
	ck_assert_int_eq(ans.status, 404);
	end();
	free(text);
}
END_TEST

START_TEST(a_body_larger_than_the_buffer_is_refused)
{
	static const char *const a[] = { OK("6", "abcdef"),
	    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
	    "6\r\nabcdef\r\n0\r\n\r\n" };
	struct buf b = BUF_INIT(5);
	struct http_resp ans;

	BEGIN(a, NULL);
	ck_assert_int_eq(get(&b, &ans), -EFBIG);
	ck_assert_int_eq(get(&b, &ans), -EFBIG);
	ck_assert_uint_eq(b.len, 0);
	ck_assert_int_eq(b.err, 0);
	buf_done(&b);
	end();
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

	begin(&nonsense[_i], 1, NULL);
	r = get(&b, &ans);
	ck_assert_msg(r < 0 || ans.status != 200, "%d %d", r, ans.status);
	if (r < 0)
		ck_assert(ans.msg[0]);
	ck_assert_uint_eq(b.len, 0);
	buf_done(&b);
	end();
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
	struct http_req q = { .method = "PROPFIND", .url = url };
	struct http_resp ans;

	begin(&elsewhere[_i], 1, &conf);
	ck_assert_int_eq(http_do(h, &q, &ans), -EPROTO);
	ck_assert_ptr_nonnull(strstr(ans.msg, "elsewhere"));
	ck_assert_int_eq(n_seen, 1);
	end();
}
END_TEST

START_TEST(only_a_listing_follows_an_added_slash)
{
	static const char *const a[] = { MOVED("308", "/x/"),
	    "HTTP/1.1 207 M\r\nContent-Length: 2\r\n\r\nok",
	    MOVED("308", "/x/") };
	struct buf b = BUF_INIT(100);
	struct http_req q = { .method = "PROPFIND", .url = url,
	    .body_status = 207, .out = &b };
	struct http_resp ans;

	BEGIN(a, NULL);
	ck_assert_int_eq(http_do(h, &q, &ans), 0);
	ck_assert_int_eq(ans.status, 207);
	ck_assert_str_eq(buf_cstr(&b), "ok");
	ck_assert_int_eq(strncmp(seen[1], "PROPFIND /x/ ", 13), 0);
	/* What a delete would mean with a slash is not what was asked. */
	q.method = "DELETE";
	q.is_write = true;
	ck_assert_int_eq(http_do(h, &q, &ans), -EPROTO);
	ck_assert_int_eq(n_seen, 3);
	buf_done(&b);
	end();
}
END_TEST

START_TEST(a_password_goes_in_clear_only_if_that_is_allowed)
{
	static const char *const a[] = { OK("0", ""),
	    "HTTP/1.1 401 No\r\nWWW-Authenticate: Basic realm=\"x\"\r\n"
	    "Content-Length: 0\r\n\r\n" };
	struct http_conf conf = { .host = "127.0.0.1", .user = "alice",
	    .password = "secret" };
	struct buf b = BUF_INIT(100);
	struct http_resp ans;

	/* This machine itself. */
	BEGIN(a, &conf);
	ck_assert_int_eq(get(&b, &ans), 0);
	ck_assert_ptr_nonnull(strstr(seen[0], "Authorization: Basic "
	    "YWxpY2U6c2VjcmV0"));
	http_free(h);

	/* Another, without permission: not even when it asks. */
	conf.host = "cloud.example";
	ck_assert_int_eq(http_new(&conf, &h, NULL), 0);
	ck_assert_int_eq(get(&b, &ans), 0);
	ck_assert_int_eq(ans.status, 401);
	ck_assert_ptr_null(strstr(seen[1], "Authorization"));
	ck_assert_ptr_nonnull(strstr(ans.msg, "webdavs://"));
	ck_assert_int_eq(n_seen, 2);
	http_free(h);

	/* With permission. */
	conf.is_insecure_http = true;
	ck_assert_int_eq(http_new(&conf, &h, NULL), 0);
	ck_assert_int_eq(get(&b, &ans), 0);
	ck_assert_int_eq(ans.status, 401);
	ck_assert_ptr_nonnull(strstr(seen[2], "Authorization: Basic "));
	ck_assert_int_eq(n_seen, 3);
	/* And it is not tried again at once. */
	ck_assert_int_eq(get(&b, &ans), -EACCES);
	ck_assert_int_eq(n_seen, 3);
	end();
}
END_TEST

/* What goes in clear because it stays here does not go to a proxy. */
START_TEST(no_proxy_stands_before_this_machine)
{
	static const char *const a[] = { OK("0", "") };
	struct http_conf conf = { .host = "127.0.0.1", .user = "alice",
	    .password = "secret" };
	struct http_resp ans;
	char away[64];

	(void)unsetenv("no_proxy");
	(void)unsetenv("NO_PROXY");
	ck_assert_int_eq(setenv("http_proxy", "http://127.0.0.1:1", 1), 0);
	BEGIN(a, &conf);
	ck_assert_int_eq(get(NULL, &ans), 0);
	ck_assert_int_eq(ans.status, 200);
	ck_assert_int_eq(strncmp(seen[0], "GET /x ", 7), 0);
	http_free(h);

	/* Before others it does. */
	(void)snprintf(away, sizeof(away), "http://127.0.0.1:%u", port);
	ck_assert_int_eq(setenv("http_proxy", away, 1), 0);
	conf.host = "cloud.example";
	(void)snprintf(url, sizeof(url), "http://cloud.example/x");
	ck_assert_int_eq(http_new(&conf, &h, NULL), 0);
	ck_assert_int_eq(get(NULL, &ans), 0);
	ck_assert_int_eq(ans.status, 200);
	ck_assert_int_eq(strncmp(seen[1], "GET http://cloud.example/x ", 27),
	    0);
	end();
}
END_TEST

START_TEST(digest_is_used_where_it_is_asked_for)
{
	static const char *const a[] = {
	    "HTTP/1.1 401 No\r\nWWW-Authenticate: Digest realm=\"dav\", "
	    "nonce=\"abc\", algorithm=MD5, qop=\"auth\"\r\n"
	    "Content-Length: 0\r\n\r\n", OK("2", "hi") };
	struct http_conf conf = { .host = "127.0.0.1", .user = "alice",
	    .password = "secret" };
	struct buf b = BUF_INIT(100);
	struct http_resp ans;

	BEGIN(a, &conf);
	ck_assert_int_eq(get(&b, &ans), 0);
	ck_assert_int_eq(ans.status, 200);
	ck_assert_str_eq(buf_cstr(&b), "hi");
	ck_assert_ptr_nonnull(strstr(seen[0], "Authorization: Basic"));
	ck_assert_ptr_nonnull(strstr(seen[n_seen - 1],
	    "Authorization: Digest username=\"alice\""));
	ck_assert_ptr_null(strstr(seen[n_seen - 1], "secret"));
	/* The next request knows it already. */
	ck_assert_int_eq(get(&b, &ans), 0);
	ck_assert_ptr_nonnull(strstr(seen[n_seen - 1],
	    "Authorization: Digest"));
	ck_assert_int_eq(n_seen, 3);
	buf_done(&b);
	end();
}
END_TEST

START_TEST(a_long_upload_asks_first_and_waits_briefly)
{
	static const char *const a[] = {
	    "HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n" };
	static const char *const more[] = { "If-None-Match: *", NULL };
	size_t len = 4 << 20;
	char *body = calloc(1, len);
	struct http_req q = { .method = "PUT", .url = url, .body = body,
	    .body_len = len, .is_write = true, .headers = more };
	struct http_resp ans;
	int64_t t0;

	BEGIN(a, NULL);
	ck_assert_int_eq(http_do(h, &q, &ans), 0);
	ck_assert_int_eq(ans.status, 201);
	ck_assert_uint_eq(seen_body[0], len);
	ck_assert_ptr_nonnull(strstr(seen[0], "Expect: 100-continue"));
	ck_assert_ptr_nonnull(strstr(seen[0], "If-None-Match: *\r\n"));
	ck_assert_ptr_null(strstr(seen[0], "Transfer-Encoding"));
	no_continue = true;
	t0 = clock_mono_ms();
	ck_assert_int_eq(http_do(h, &q, &ans), 0);
	ck_assert_int_lt(clock_mono_ms() - t0, 2000);
	ck_assert_uint_eq(seen_body[1], len);
	/* A short one does not ask; an empty one has a length too. */
	q.body_len = 1000;
	ck_assert_int_eq(http_do(h, &q, &ans), 0);
	ck_assert_ptr_null(strstr(seen[2], "Expect"));
	q.body = NULL;
	q.body_len = 0;
	ck_assert_int_eq(http_do(h, &q, &ans), 0);
	ck_assert_ptr_nonnull(strstr(seen[3], "Content-Length: 0\r\n"));
	free(body);
	end();
}
END_TEST

START_TEST(a_write_without_an_answer_is_uncertain)
{
	static const char *const a[] = { "!", "!" };
	struct http_req q = { .method = "PUT", .url = url, .body = "abc",
	    .body_len = 3, .is_write = true };
	struct http_resp ans;
	struct buf b = BUF_INIT(10);

	BEGIN(a, NULL);
	ck_assert_int_eq(http_do(h, &q, &ans), -ETIMEDOUT);
	ck_assert(ans.msg[0]);
	ck_assert_int_eq(get(&b, &ans), -EHOSTUNREACH);
	end();
}
END_TEST

/* Nor is it a refusal of the password, though a 401 was the last that was
 * heard: it asked for the digest that was then on its way. */
START_TEST(a_digest_without_an_answer_is_uncertain)
{
	static const char *const a[] = {
	    "HTTP/1.1 401 No\r\nWWW-Authenticate: Digest realm=\"dav\", "
	    "nonce=\"abc\", algorithm=MD5, qop=\"auth\"\r\n"
	    "Content-Length: 0\r\n\r\n", OK("0", ""),
	    "HTTP/1.1 401 No\r\nWWW-Authenticate: Digest realm=\"dav\", "
	    "nonce=\"def\", stale=true, algorithm=MD5, qop=\"auth\"\r\n"
	    "Content-Length: 0\r\n\r\n", "!" };
	struct http_conf conf = { .host = "127.0.0.1", .user = "alice",
	    .password = "secret", .timeout_s = 3 };
	struct http_req q = { .method = "PUT", .url = url, .body = "abc",
	    .body_len = 3, .is_write = true };
	struct http_resp ans;

	/* To this machine the password would be sent first. */
	conf.host = "cloud.example";
	BEGIN(a, &conf);
	ck_assert_int_eq(get(NULL, &ans), 0);
	ck_assert_int_eq(ans.status, 200);
	ck_assert_int_eq(_i == 0 ? http_do(h, &q, &ans) : get(NULL, &ans),
	    _i == 0 ? -ETIMEDOUT : -EHOSTUNREACH);
	ck_assert_int_ge(n_seen, 4);
	ck_assert_ptr_null(strstr(ans.msg, "refused"));
	ck_assert(!http_is_refused(h));
	end();
}
END_TEST

/* The status of an easy handle's last request must not count for its next,
 * which reached nobody. */
START_TEST(nobody_there_is_not_what_was_before)
{
	static const char *const a[] = {
	    "!HTTP/1.1 201 C\r\nContent-Length: 0\r\n\r\n" };
	struct http_req q = { .method = "PUT", .url = url, .body = "abc",
	    .body_len = 3, .is_write = true };
	struct http_resp ans;

	BEGIN(a, NULL);
	ck_assert_int_eq(http_do(h, &q, &ans), 0);
	ck_assert_int_eq(write(stop_fd[1], "x", 1), 1);
	thread_join(server);
	(void)close(listen_fd);
	ck_assert_int_eq(http_do(h, &q, &ans), -EHOSTUNREACH);
	ck_assert_int_eq(ans.status, 0);
	http_free(h);
}
END_TEST

static void
asker(void *arg)
{
	struct buf b = BUF_INIT(100);
	struct http_resp ans;

	*(int *)arg = get(&b, &ans);
	buf_done(&b);
}

START_TEST(no_more_connections_than_allowed)
{
	static const char *const a[] = { OK("2", "hi") };
	struct http_conf conf = { .host = "127.0.0.1", .connections = 3 };
	pthread_t t[12];
	int r[12], i;

	is_slow = true;
	BEGIN(a, &conf);
	for (i = 0; i < 12; i++)
		ck_assert_int_eq(thread_start(&t[i], "ask", asker, &r[i]), 0);
	for (i = 0; i < 12; i++) {
		thread_join(t[i]);
		ck_assert_int_eq(r[i], 0);
	}
	ck_assert_int_le(most_open, 3);
	ck_assert_int_eq(n_seen, 12);
	end();
}
END_TEST

#define TEN(x) x x x x x x x x x x

/* Some byte always comes before the deadline, and the end never does. */
static const char *const trickle[] = {
	"HTTP/1.1 200 OK\r\n" TEN(TEN("X-More: 1\r\n"))
	    "Content-Length: 0\r\n\r\n",
	OK("400", TEN(TEN("abcd"))),
	"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
	    TEN(TEN("1\r\na\r\n")) "0\r\n\r\n",
	TEN(TEN("HTTP/1.1 102 Processing\r\n\r\n")) OK("0", ""),
};

START_TEST(who_trickles_is_late)
{
	struct http_conf conf = { .host = "127.0.0.1", .timeout_s = 1 };
	struct http_req q = { .method = "PUT", .url = url, .body = "abc",
	    .body_len = 3, .is_write = true };
	struct buf b = BUF_INIT(1000);
	struct http_resp ans;
	int64_t start;

	drip = 4;
	begin(trickle + _i, 1, &conf);
	start = clock_mono_ms();
	ck_assert_int_eq(get(&b, &ans), -ETIMEDOUT);
	ck_assert_int_lt(clock_mono_ms() - start, 4000);
	ck_assert_uint_eq(b.len, 0);
	start = clock_mono_ms();
	ck_assert_int_eq(http_do(h, &q, &ans), -ETIMEDOUT);
	ck_assert_int_lt(clock_mono_ms() - start, 4000);
	buf_done(&b);
	end();
}
END_TEST

START_TEST(who_is_slow_is_waited_for)
{
	static const char *const a[] = { OK("2000", TEN(TEN(TEN("ab")))) };
	struct http_conf conf = { .host = "127.0.0.1", .timeout_s = 1 };
	struct buf b = BUF_INIT(2000);
	struct http_resp ans;
	int64_t start = clock_mono_ms();

	drip = 80;
	BEGIN(a, &conf);
	ck_assert_int_eq(get(&b, &ans), 0);
	ck_assert_uint_eq(b.len, 2000);
	ck_assert_int_gt(clock_mono_ms() - start, 4000);
	buf_done(&b);
	end();
}
END_TEST

START_TEST(a_path_is_sent_as_it_is)
{
	static const char *const a[] = { OK("0", "") };
	struct http_req q = { .method = "GET", .body_status = 200 };
	struct http_resp ans;
	char odd[128];

	BEGIN(a, NULL);
	(void)snprintf(odd, sizeof(odd), "http://127.0.0.1:%u/a/../b//%%C3",
	    port);
	q.url = odd;
	ck_assert_int_eq(http_do(h, &q, &ans), 0);
	ck_assert_int_eq(strncmp(seen[0], "GET /a/../b//%C3 HTTP/1.1", 25),
	    0);
	end();
}
END_TEST

START_TEST(a_broken_off_upload_is_not_completed)
{
	static const char *const a[] = { OK("0", "") };
	char *body = calloc(1, 1 << 20);
	struct http_req q = { .method = "PUT", .url = url, .body = body,
	    .body_len = 200000, .is_write = true, .cut_after = 100000 };
	struct http_resp ans;

	BEGIN(a, NULL);
	ck_assert_int_eq(http_do(h, &q, &ans), -ECANCELED);
	free(body);
	end();
	/* The server has seen the head and not the whole of the body. */
	ck_assert_int_eq(n_seen, 0);
	ck_assert_ptr_nonnull(strstr(seen[0], "Content-Length: 200000"));
}
END_TEST

START_TEST(the_clock_of_the_server_is_known)
{
	const char *const answers[] = {
		"HTTP/1.1 204 No Content\r\nDate: no date\r\n\r\n",
		"HTTP/1.1 204 No Content\r\n"
		"Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n\r\n" };
	struct http_req q = { .method = "GET", .url = url };
	struct http_resp a;
	struct http_peer p;

	BEGIN(answers, NULL);
	http_get_peer(h, &p);
	ck_assert(!p.has_clock);
	ck_assert_int_eq(http_do(h, &q, &a), 0);
	http_get_peer(h, &p);
	ck_assert(!p.has_clock);
	ck_assert_int_eq(http_do(h, &q, &a), 0);
	http_get_peer(h, &p);
	ck_assert(p.has_clock);
	ck_assert_int_lt(p.clock_s + clock_real_ns() / 1000000000 - 784111777,
	    3);
	ck_assert_str_eq(p.tls, "");
	end();
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("http");
	TCase *t = tcase_create("http");
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
	tcase_add_test(t, a_password_goes_in_clear_only_if_that_is_allowed);
	tcase_add_test(t, no_proxy_stands_before_this_machine);
	tcase_add_test(t, digest_is_used_where_it_is_asked_for);
	tcase_add_test(t, a_long_upload_asks_first_and_waits_briefly);
	tcase_add_test(t, a_write_without_an_answer_is_uncertain);
	tcase_add_loop_test(t, a_digest_without_an_answer_is_uncertain, 0, 2);
	tcase_add_test(t, nobody_there_is_not_what_was_before);
	tcase_add_test(t, no_more_connections_than_allowed);
	tcase_add_loop_test(t, who_trickles_is_late, 0,
	    sizeof(trickle) / sizeof(trickle[0]));
	tcase_add_test(t, who_is_slow_is_waited_for);
	tcase_add_test(t, a_path_is_sent_as_it_is);
	tcase_add_test(t, the_clock_of_the_server_is_known);
	tcase_add_test(t, a_broken_off_upload_is_not_completed);
	suite_add_tcase(suite, t);
	sr = srunner_create(suite);
	srunner_run_all(sr, CK_ENV);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed ? 1 : 0;
}
