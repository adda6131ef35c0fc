/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/lib/http_rig.h"

#include <arpa/inet.h>
#include <check.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net/http.h"
#include "util/thread.h"

#define CLIENTS_MAX 16

struct http *hrig_http;
char hrig_url[64];
unsigned hrig_port;
char hrig_seen[HRIG_REQUESTS_MAX][HRIG_HEAD_MAX];
size_t hrig_seen_body[HRIG_REQUESTS_MAX];
int hrig_n_seen, hrig_n_accepted, hrig_most_open;
atomic_int hrig_n_heads;
bool hrig_is_slow, hrig_no_continue;
size_t hrig_drip;

static const char *const *script;
static int n_script;
static int listen_fd, stop_fd[2];
static pthread_t server;

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

	while (hrig_drip && len > 0) {
		n = len < hrig_drip ? len : hrig_drip;
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
	char *head = hrig_seen[hrig_n_seen], junk[65536];
	const char *text;
	size_t len = 0, body, got;
	char *end;
	ssize_t n;

	for (;;) {
		n = recv(fd, head + len, HRIG_HEAD_MAX - 1 - len, 0);
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
	hrig_n_heads++;
	if (strcasestr(head, "\r\nExpect: 100-continue") && !hrig_no_continue &&
	    send(fd, "HTTP/1.1 100 Continue\r\n\r\n", 25, MSG_NOSIGNAL) < 0)
		return false;
	while (got < body) {
		n = recv(fd, junk, sizeof(junk), 0);
		if (n <= 0)
			return false;
		got += (size_t)n;
	}
	hrig_seen_body[hrig_n_seen] = got;
	text = script[hrig_n_seen < n_script ? hrig_n_seen : n_script - 1];
	hrig_n_seen++;
	if (hrig_is_slow) {
		struct pollfd p = { .fd = stop_fd[0], .events = POLLIN };

		(void)poll(&p, 1, 200);
	}
	/* "!" in front: say so and hang up. */
	len = strlen(text + (*text == '!'));
	return answer(fd, text + (*text == '!'), len) && *text != '!' &&
	    hrig_n_seen < HRIG_REQUESTS_MAX;
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
			hrig_n_accepted++;
			if (n - 2 > hrig_most_open)
				hrig_most_open = n - 2;
		}
	}
	for (i = 2; i < n; i++)
		(void)close(p[i].fd);
}

void
hrig_begin(const char *const *answers, int n, const struct http_conf *more)
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
	hrig_port = ntohs(at.sin_port);
	(void)snprintf(hrig_url, sizeof(hrig_url), "http://127.0.0.1:%u/x",
	    hrig_port);
	ck_assert_int_eq(pipe(stop_fd), 0);
	ck_assert_int_eq(thread_start(&server, "server", serve, NULL), 0);
	if (more)
		conf = *more;
	ck_assert_int_eq(http_new(&conf, &hrig_http, NULL), 0);
}

void
hrig_server_end(void)
{
	ck_assert_int_eq(write(stop_fd[1], "x", 1), 1);
	thread_join(server);
	(void)close(listen_fd);
}

void
hrig_end(void)
{
	http_free(hrig_http);
	hrig_server_end();
}

int
hrig_get(struct buf *out, struct http_resp *a)
{
	struct http_req q = { .method = "GET", .url = hrig_url,
	    .body_status = 200, .out = out };

	return http_do(hrig_http, &q, a);
}
