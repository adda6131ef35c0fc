/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * fault_proxy - a proxy on loopback that spoils what passes through it.
 *
 *	fault_proxy [OPTION...] [HOST:PORT]
 *
 * Prints "PORT=number" and runs until it is killed.  Each connection carries
 * one request ("Connection: close" is put into it), so that a fault hits one
 * request.  Without HOST:PORT it answers everything itself (--status).
 *
 *	--status CODE		answer so, without asking the server
 *	--retry-after SECONDS	... with this header
 *	--location URL		... with this header
 *	--html			... with a web page as body
 *	--endless		... with a body that does not end
 *	--hang			read, and never answer
 *	--delay MS		hold the answer back for so long
 *	--cut-up N		hang up after N bytes of the request
 *	--cut-down N		hang up after N bytes of the answer
 *	--extra N		add N to the answer's Content-Length
 *	--date TEXT		another Date in the answer
 *	--stale FILE		the first answer is kept in FILE, later ones are
 *				as that was
 *	--method NAME		only for this method
 *	--path TEXT		only where it stands in what is asked for
 *	--skip N		not for the first N requests that qualify
 *	--times N		only for the N requests after them
 *	--off			begin without; SIGUSR1 switches off and on
 *	--port N		listen there
 *	--log FILE		append the head of each request
 */
#include <errno.h>
#include <getopt.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "tests/lib/loopback.h"
#include "util/thread.h"

#define HEAD_MAX 65536
#define CHUNK 65536

struct conf {
	struct sockaddr_in to;
	bool has_to, is_html, is_hanging, is_endless;
	int status, retry_after, delay_ms;
	const char *location, *method, *path, *date, *stale;
	uint16_t port;
	FILE *log;
	long cut_up, cut_down, extra, skip, times;
};

static struct conf conf = { .cut_up = -1, .cut_down = -1, .times = -1 };
static atomic_bool is_on = true;
static atomic_long seen;

static void
toggle(int sig)
{
	(void)sig;
	is_on = !is_on;
}

/* Read until the empty line; returns all that came, and where the head ends;
 * 0 on failure. */
static size_t
read_head(int fd, char *p, size_t *ret_head)
{
	size_t len = 0;
	char *end;
	ssize_t n;

	for (;;) {
		p[len] = '\0';
		end = strstr(p, "\r\n\r\n");
		if (end) {
			*ret_head = (size_t)(end - p) + 4;
			return len;
		}
		if (len == HEAD_MAX)
			return 0;
		n = recv(fd, p + len, HEAD_MAX - len, 0);
		if (n <= 0)
			return 0;
		len += (size_t)n;
	}
}

/* Is it this request's turn? */
static bool
is_faulty(const char *head)
{
	size_t n = conf.method ? strlen(conf.method) : 0;
	const char *at = conf.path ? strstr(head, conf.path) : head;
	long nth;

	if (!is_on || !at || at > strstr(head, "\r\n"))
		return false;
	if (n && (strncmp(head, conf.method, n) != 0 || head[n] != ' '))
		return false;
	nth = seen++;
	return nth >= conf.skip &&
	    (conf.times < 0 || nth < conf.skip + conf.times);
}

/* Give the other side the time to read before the connection goes. */
static void
linger_close(int fd)
{
	char junk[4096];
	struct pollfd p = { .fd = fd, .events = POLLIN };

	(void)shutdown(fd, SHUT_WR);
	while (poll(&p, 1, 2000) > 0 && recv(fd, junk, sizeof(junk), 0) > 0)
		;
	(void)close(fd);
}

static void
answer(int fd)
{
	const char *body = conf.is_html ?
	    "<!DOCTYPE html><html><body>Please log in</body></html>" : "no";
	char head[1024];
	int n;

	n = snprintf(head, sizeof(head), "HTTP/1.1 %d Because\r\n"
	    "Content-Type: %s\r\nContent-Length: %zu\r\n"
	    "Connection: close\r\n", conf.status,
	    conf.is_html ? "text/html" : "text/plain", strlen(body));
	if (conf.retry_after >= 0)
		n += snprintf(head + n, sizeof(head) - (size_t)n,
		    "Retry-After: %d\r\n", conf.retry_after);
	if (conf.location)
		n += snprintf(head + n, sizeof(head) - (size_t)n,
		    "Location: %s\r\n", conf.location);
	n += snprintf(head + n, sizeof(head) - (size_t)n, "\r\n");
	if (conf.is_endless)
		n = snprintf(head, sizeof(head), "HTTP/1.1 %d Because\r\n"
		    "Connection: close\r\n\r\n", conf.status);
	if (loopback_send(fd, head, (size_t)n))
		while (loopback_send(fd, body, strlen(body)) && conf.is_endless)
			;
	linger_close(fd);
}

/* Pass the answer's head on with another length or date. */
static bool
spoil_head(int from, int to)
{
	const char *field = conf.date ? "\r\nDate:" : "\r\nContent-Length:";
	char *head = malloc(HEAD_MAX + 1), *at, *end, text[256];
	size_t len, n = 0;
	bool ok = false;
	long v;

	len = head ? read_head(from, head, &n) : 0;
	at = len ? strcasestr(head, field) : NULL;
	if (!at || at > head + n)
		goto out;
	end = at + strlen(field);
	if (conf.date) {
		end += strcspn(end, "\r");
		(void)snprintf(text, sizeof(text), "%s %s", field, conf.date);
	} else {
		v = strtol(end, &end, 10) + conf.extra;
		(void)snprintf(text, sizeof(text), "%s %ld", field, v);
	}
	ok = loopback_send(to, head, (size_t)(at - head)) &&
	    loopback_send(to, text, strlen(text)) &&
	    loopback_send(to, end, len - (size_t)(end - head));
out:
	free(head);
	return ok;
}

static void
sleep_ms(long ms)
{
	struct timespec ts = { ms / 1000, ms % 1000 * 1000000 };

	while (nanosleep(&ts, &ts) < 0 && errno == EINTR)
		;
}

/* What the first one was answered; false: this is the first. */
static bool
answer_stale(int fd)
{
	FILE *f = fopen(conf.stale, "rb");
	char b[4096];
	size_t n;

	if (!f)
		return false;
	while ((n = fread(b, 1, sizeof(b), f)) > 0 && loopback_send(fd, b, n))
		;
	(void)fclose(f);
	linger_close(fd);
	return true;
}

/* Both ways until one side ends or a limit is reached (-1: none). */
static void
pump(int client, int server, long up, long down, bool faulty)
{
	FILE *kept = faulty && conf.stale ? fopen(conf.stale, "wbx") : NULL;
	struct pollfd p[2] = { { .fd = client, .events = POLLIN },
	    { .fd = server, .events = POLLIN } };
	char *b = malloc(CHUNK);
	bool has_answer = false;
	long *left;
	ssize_t n;
	int i;

	while (b && poll(p, 2, -1) > 0) {
		for (i = 0; i < 2; i++) {
			if (!(p[i].revents & (POLLIN | POLLHUP | POLLERR)))
				continue;
			if (i == 1 && !has_answer && faulty) {
				has_answer = true;
				sleep_ms(conf.delay_ms);
				if (conf.extra || conf.date) {
					if (!spoil_head(server, client))
						goto out;
					continue;
				}
			}
			left = i == 0 ? &up : &down;
			n = recv(p[i].fd, b, CHUNK, 0);
			if (n <= 0)
				goto out;
			if (*left >= 0 && n > *left)
				n = *left;
			if (i == 1 && kept)
				(void)fwrite(b, 1, (size_t)n, kept);
			if (!loopback_send(p[!i].fd, b, (size_t)n))
				goto out;
			if (*left >= 0 && (*left -= n) == 0)
				goto out;
		}
	}
out:
	if (kept)
		(void)fclose(kept);
	free(b);
}

static void
forward(int client, const char *head, size_t len, bool faulty)
{
	long up = faulty ? conf.cut_up : -1;
	const char *eol = strstr(head, "\r\n") + 2;
	size_t line = (size_t)(eol - head), n;
	int server;

	server = loopback_connect(&conf.to);
	if (server < 0)
		goto out;
	n = len - line;
	if (up >= 0 && n > (size_t)up)
		n = (size_t)up;
	if (!loopback_send(server, head, line) ||
	    !loopback_send(server, "Connection: close\r\n", 19) ||
	    !loopback_send(server, eol, n))
		goto out;
	if (up >= 0 && (up -= (long)n) == 0)
		goto out;
	if (faulty && conf.cut_down == 0) {
		/* The server does it; nobody hears. */
		char junk[4096];
		struct pollfd p[2] = { { .fd = client, .events = POLLIN },
		    { .fd = server, .events = POLLIN } };
		ssize_t got;

		while (poll(p, 2, 5000) > 0) {
			bool is_server = p[1].revents != 0;

			got = recv(is_server ? server : client, junk,
			    sizeof(junk), 0);
			/* "100 Continue" is no answer yet. */
			if (got <= 0 || (is_server && (got < 12 ||
			    memcmp(junk, "HTTP/1.1 100", 12) != 0)))
				break;
			if (!loopback_send(is_server ? client : server, junk,
			    (size_t)got))
				break;
		}
		goto out;
	}
	pump(client, server, up, faulty ? conf.cut_down : -1, faulty);
out:
	if (server >= 0)
		(void)close(server);
	(void)close(client);
}

static void
serve(void *arg)
{
	int client = (int)(intptr_t)arg;
	char *head = malloc(HEAD_MAX + 1), junk[4096];
	size_t len, n;
	bool faulty;

	len = head ? read_head(client, head, &n) : 0;
	if (!len) {
		(void)close(client);
		free(head);
		return;
	}
	if (conf.log) {
		(void)fwrite(head, 1, n, conf.log);
		(void)fflush(conf.log);
	}
	faulty = is_faulty(head);
	if (faulty && conf.is_hanging) {
		while (recv(client, junk, sizeof(junk), 0) > 0)
			;
		(void)close(client);
	} else if ((faulty && conf.status) || !conf.has_to) {
		answer(client);
	} else if (faulty && conf.stale && answer_stale(client)) {
		/* As told. */
	} else {
		forward(client, head, len, faulty);
	}
	free(head);
}

static void
usage(void)
{
	fprintf(stderr, "usage: fault_proxy [OPTION...] [HOST:PORT]\n");
	exit(64);
}

static void
options(int argc, char **argv)
{
	static const struct option known[] = {
		{ "status", 1, NULL, 's' }, { "retry-after", 1, NULL, 'r' },
		{ "location", 1, NULL, 'l' }, { "html", 0, NULL, 'h' },
		{ "hang", 0, NULL, 'g' }, { "delay", 1, NULL, 'd' },
		{ "cut-up", 1, NULL, 'u' }, { "cut-down", 1, NULL, 'w' },
		{ "extra", 1, NULL, 'x' }, { "method", 1, NULL, 'm' },
		{ "skip", 1, NULL, 'k' }, { "times", 1, NULL, 't' },
		{ "off", 0, NULL, 'o' }, { "endless", 0, NULL, 'e' },
		{ "date", 1, NULL, 'a' }, { "port", 1, NULL, 'p' },
		{ "path", 1, NULL, 'P' }, { "stale", 1, NULL, 'S' },
		{ "log", 1, NULL, 'L' }, { NULL, 0, NULL, 0 },
	};
	int c;

	conf.retry_after = -1;
	while ((c = getopt_long(argc, argv, "", known, NULL)) != -1) {
		switch (c) {
		case 's': conf.status = atoi(optarg); break;
		case 'r': conf.retry_after = atoi(optarg); break;
		case 'l': conf.location = optarg; break;
		case 'h': conf.is_html = true; break;
		case 'g': conf.is_hanging = true; break;
		case 'd': conf.delay_ms = atoi(optarg); break;
		case 'u': conf.cut_up = atol(optarg); break;
		case 'w': conf.cut_down = atol(optarg); break;
		case 'x': conf.extra = atol(optarg); break;
		case 'm': conf.method = optarg; break;
		case 'k': conf.skip = atol(optarg); break;
		case 't': conf.times = atol(optarg); break;
		case 'o': is_on = false; break;
		case 'e': conf.is_endless = true; break;
		case 'a': conf.date = optarg; break;
		case 'p': conf.port = (uint16_t)atoi(optarg); break;
		case 'P': conf.path = optarg; break;
		case 'S': conf.stale = optarg; break;
		case 'L': conf.log = fopen(optarg, "a"); break;
		default: usage();
		}
	}
	if (optind == argc)
		return;
	if (loopback_parse(argv[optind], &conf.to) < 0)
		usage();
	conf.has_to = true;
}

int
main(int argc, char **argv)
{
	struct sigaction sa = { .sa_handler = toggle, .sa_flags = SA_RESTART };
	pthread_t t;
	int fd, client;

	options(argc, argv);
	(void)sigaction(SIGUSR1, &sa, NULL);
	fd = loopback_listen(conf.port);
	if (fd < 0) {
		perror("fault_proxy");
		return 1;
	}
	for (;;) {
		client = accept(fd, NULL, NULL);
		if (client < 0)
			continue;
		/* Each ends with its connection; all end with the program. */
		if (thread_start(&t, "proxy", serve,
		    (void *)(intptr_t)client) < 0)
			(void)close(client);
	}
}
