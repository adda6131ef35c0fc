/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * link_proxy - a slow and long line on loopback.
 *
 *	link_proxy [--delay MS] [--rate BITS_PER_SECOND] [--port N] HOST:PORT
 *
 * Prints "PORT=number" and runs until it is killed.  Each way all connections
 * together get the rate, in the order in which bytes come, and each byte
 * arrives the delay later than it was sent.  A connection is of use after one
 * way there and back.  What is under way on one connection is limited, so the
 * sender is held back as by a window of TCP.
 */
#include <errno.h>
#include <getopt.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "tests/lib/loopback.h"
#include "util/clock.h"
#include "util/thread.h"

#define CHUNK 16384
#define WINDOW 64		/* chunks: 1 MiB a connection and way */

struct chunk {
	int64_t due_us;
	size_t len;
	char data[CHUNK];
};

/* One way of one connection: a thread reads, another delivers. */
struct way {
	int from, to;
	atomic_llong *line_free_us;	/* of all connections, this way */
	int64_t begin_us;
	struct mutex lock;
	struct cond moved;
	struct chunk *ring;		/* WINDOW of them */
	unsigned head, tail;
	bool is_ended;			/* nothing more is read */
	bool is_broken;			/* nothing more can be delivered */
};

struct link {
	struct way up, down;
	int client, server;
};

static struct sockaddr_in to;
static int64_t delay_us = 20000;
static double us_per_byte = 0.08;	/* 100 Mbit/s */
static atomic_llong free_up_us, free_down_us;

static void
sleep_until(int64_t us)
{
	struct timespec ts = { us / 1000000, us % 1000000 * 1000 };

	while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &ts, NULL) ==
	    EINTR)
		;
}

/* When the last byte of so many has gone into the line. */
static int64_t
line_take(struct way *w, size_t len)
{
	int64_t now = clock_mono_us(), at, end;
	long long was = *w->line_free_us;

	if (now < w->begin_us)
		now = w->begin_us;
	do {
		at = was > now ? was : now;
		end = at + (int64_t)((double)len * us_per_byte);
	} while (!atomic_compare_exchange_weak(w->line_free_us, &was, end));
	return end;
}

static void
way_read(void *arg)
{
	struct way *w = arg;
	struct chunk *c;
	ssize_t n;

	for (;;) {
		mutex_lock(&w->lock);
		while (w->head - w->tail == WINDOW && !w->is_broken)
			cond_wait(&w->moved, &w->lock);
		c = w->is_broken ? NULL : &w->ring[w->head % WINDOW];
		mutex_unlock(&w->lock);
		n = c ? recv(w->from, c->data, CHUNK, 0) : 0;
		if (n > 0) {
			c->len = (size_t)n;
			c->due_us = line_take(w, c->len) + delay_us;
		}
		mutex_lock(&w->lock);
		if (n > 0)
			w->head++;
		else
			w->is_ended = true;
		cond_signal(&w->moved);
		mutex_unlock(&w->lock);
		if (n <= 0)
			return;
	}
}

static void
way_deliver(void *arg)
{
	struct way *w = arg;
	struct chunk *c;
	bool ok = true;

	for (;;) {
		mutex_lock(&w->lock);
		while (w->head == w->tail && !w->is_ended)
			cond_wait(&w->moved, &w->lock);
		c = w->head == w->tail ? NULL : &w->ring[w->tail % WINDOW];
		mutex_unlock(&w->lock);
		if (!c)
			break;
		sleep_until(c->due_us);
		ok = loopback_send(w->to, c->data, c->len);
		mutex_lock(&w->lock);
		w->tail++;
		w->is_broken = !ok;
		cond_signal(&w->moved);
		mutex_unlock(&w->lock);
		if (!ok)
			break;
	}
	/* The end is passed on; who still reads meets it. */
	(void)shutdown(w->to, SHUT_WR);
	if (!ok)
		(void)shutdown(w->from, SHUT_RD);
}

static int
way_init(struct way *w, int from, int dest, atomic_llong *line)
{
	w->from = from;
	w->to = dest;
	w->line_free_us = line;
	w->begin_us = clock_mono_us() + 2 * delay_us;
	w->ring = malloc(WINDOW * sizeof(*w->ring));
	mutex_init(&w->lock, RANK_UTIL);
	cond_init(&w->moved);
	return w->ring ? 0 : -ENOMEM;
}

static void
way_done(struct way *w)
{
	cond_done(&w->moved);
	mutex_done(&w->lock);
	free(w->ring);
}

static void
serve(void *arg)
{
	struct link *l = arg;
	pthread_t t[3];

	if (way_init(&l->up, l->client, l->server, &free_up_us) < 0 ||
	    way_init(&l->down, l->server, l->client, &free_down_us) < 0 ||
	    thread_start(&t[0], "up", way_read, &l->up) < 0 ||
	    thread_start(&t[1], "up", way_deliver, &l->up) < 0 ||
	    thread_start(&t[2], "down", way_read, &l->down) < 0) {
		fprintf(stderr, "link_proxy: out of memory\n");
		exit(1);
	}
	way_deliver(&l->down);
	thread_join(t[0]);
	thread_join(t[1]);
	thread_join(t[2]);
	(void)close(l->client);
	(void)close(l->server);
	way_done(&l->up);
	way_done(&l->down);
	free(l);
}

static void
begin(int client)
{
	struct link *l = calloc(1, sizeof(*l));
	int server = loopback_connect(&to), one = 1;
	pthread_t t;

	if (l && server >= 0) {
		l->client = client;
		l->server = server;
		(void)setsockopt(client, IPPROTO_TCP, TCP_NODELAY, &one,
		    sizeof(one));
		(void)setsockopt(server, IPPROTO_TCP, TCP_NODELAY, &one,
		    sizeof(one));
		/* It ends with its connection, or with the program. */
		if (thread_start(&t, "link", serve, l) == 0) {
			(void)pthread_detach(t);
			return;
		}
	}
	(void)close(client);
	if (server >= 0)
		(void)close(server);
	free(l);
}

static void
usage(void)
{
	fprintf(stderr, "usage: link_proxy [--delay MS] [--rate BITS] "
	    "[--port N] HOST:PORT\n");
	exit(64);
}

static uint16_t
options(int argc, char **argv)
{
	static const struct option known[] = {
		{ "delay", 1, NULL, 'd' }, { "rate", 1, NULL, 'r' },
		{ "port", 1, NULL, 'p' }, { NULL, 0, NULL, 0 },
	};
	uint16_t port = 0;
	int c;

	while ((c = getopt_long(argc, argv, "", known, NULL)) != -1) {
		switch (c) {
		case 'd': delay_us = atol(optarg) * 1000; break;
		case 'r': us_per_byte = 8e6 / atof(optarg); break;
		case 'p': port = (uint16_t)atoi(optarg); break;
		default: usage();
		}
	}
	if (optind != argc - 1 || us_per_byte <= 0 ||
	    loopback_parse(argv[optind], &to) < 0)
		usage();
	return port;
}

int
main(int argc, char **argv)
{
	int fd, client;

	fd = loopback_listen(options(argc, argv));
	if (fd < 0) {
		perror("link_proxy");
		return 1;
	}
	for (;;) {
		client = accept(fd, NULL, NULL);
		if (client >= 0)
			begin(client);
	}
}
