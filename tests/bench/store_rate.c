/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * store_rate - objects to a store and back, by several threads.
 *
 *	store_rate URL put|get|range COUNT MIB THREADS
 *
 * Prints bytes per second.  The password is in STORE_TEST_PASS, more
 * certificates in STORE_TEST_CA.  "range" reads each object in pieces of
 * 1 MiB.
 */
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store/store.h"
#include "util/buf.h"
#include "util/clock.h"
#include "util/err.h"
#include "util/thread.h"

#define PIECE (1u << 20)
#define THREADS_MAX 64

static struct {
	struct store *s;
	const char *what;
	uint8_t *data;
	size_t len;
	int count;
	atomic_int next, failed;
} job;

static int
one(const char *name, struct buf *b)
{
	size_t off;
	int r = 0;

	if (strcmp(job.what, "put") == 0)
		return store_put(job.s, name, job.data, job.len, 0);
	buf_reset(b);
	if (strcmp(job.what, "get") == 0)
		return store_get(job.s, name, b);
	for (off = 0; r == 0 && off < job.len; off += PIECE) {
		buf_reset(b);
		r = store_get_range(job.s, name, off, PIECE, b);
	}
	return r;
}

static void
worker(void *arg)
{
	struct buf b = BUF_INIT(job.len);
	char name[32];
	int i, r;

	(void)arg;
	while ((i = job.next++) < job.count) {
		(void)snprintf(name, sizeof(name), "rate/%d", i);
		r = one(name, &b);
		if (r < 0) {
			fprintf(stderr, "%s: %s\n", name, strerror(-r));
			job.failed++;
		}
	}
	buf_done(&b);
}

int
main(int argc, char **argv)
{
	struct store_conf conf = { .password = getenv("STORE_TEST_PASS") };
	const char *ca = getenv("STORE_TEST_CA");
	pthread_t t[THREADS_MAX];
	struct err e = { "" };
	int64_t t0, t1;
	int i, n;

	if (argc != 6 || (n = atoi(argv[5])) < 1 || n > THREADS_MAX) {
		fprintf(stderr, "usage: store_rate URL put|get|range COUNT "
		    "MIB THREADS\n");
		return 64;
	}
	conf.ca_file = ca && *ca ? ca : NULL;
	conf.connections = (unsigned)n;
	if (store_open(argv[1], &conf, &job.s, &e) < 0) {
		fprintf(stderr, "%s\n", e.msg);
		return 1;
	}
	job.what = argv[2];
	job.count = atoi(argv[3]);
	job.len = (size_t)atoi(argv[4]) << 20;
	job.data = malloc(job.len);
	if (!job.data)
		return 1;
	memset(job.data, 'x', job.len);
	t0 = clock_mono_us();
	for (i = 0; i < n; i++)
		if (thread_start(&t[i], "rate", worker, NULL) < 0)
			return 1;
	for (i = 0; i < n; i++)
		thread_join(t[i]);
	t1 = clock_mono_us();
	if (!job.failed)
		printf("%.0f\n", (double)job.len * job.count * 1e6 /
		    (double)(t1 - t0));
	store_close(job.s);
	free(job.data);
	return job.failed ? 1 : 0;
}
