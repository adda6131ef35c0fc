/* SPDX-License-Identifier: GPL-3.0-or-later */
/* An SSH server that always has something to say, and never gets anywhere. */
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

#include "store/store.h"
#include "util/buf.h"
#include "util/clock.h"
#include "util/err.h"
#include "util/thread.h"

static int listen_fd, stop_fd[2];

/* For each connection: who it is, then SSH_MSG_IGNORE for ever, so that there
 * is always something to read. */
static void
serve(void *arg)
{
	static const uint8_t ignore[4096][16] = { [0 ... 4095] = { 0, 0, 0,
	    12, 6, 2 } };
	struct pollfd p[2] = { { .fd = stop_fd[0], .events = POLLIN },
	    { .fd = listen_fd, .events = POLLIN } };
	int fd;

	(void)arg;
	while (poll(p, 2, -1) > 0 && !p[0].revents) {
		fd = accept(listen_fd, NULL, NULL);
		(void)send(fd, "SSH-2.0-flood\r\n", 15, MSG_NOSIGNAL);
		while (poll(p, 1, 0) == 0 && send(fd, ignore,
		    sizeof(ignore), MSG_NOSIGNAL) == sizeof(ignore))
			;
		(void)close(fd);
	}
}

static struct store *s;
static int results[2];

static void
asker(void *arg)
{
	struct buf b = BUF_INIT(100);

	*(int *)arg = store_get(s, "a", &b);
	buf_done(&b);
}

START_TEST(a_flood_of_nothing_is_no_progress)
{
	struct store_conf conf = { .timeout_s = 1,
	    .pin = "SHA256:0123456789012345678901234567890123456789012" };
	struct sockaddr_in at = { .sin_family = AF_INET };
	socklen_t len = sizeof(at);
	int64_t start = clock_mono_ms();
	struct err e = { "" };
	pthread_t server, t[2];
	char url[64];
	int i;

	at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	listen_fd = socket(AF_INET, SOCK_STREAM, 0);
	ck_assert_int_eq(bind(listen_fd, (struct sockaddr *)&at, len), 0);
	ck_assert_int_eq(listen(listen_fd, 16), 0);
	ck_assert_int_eq(getsockname(listen_fd, (struct sockaddr *)&at,
	    &len), 0);
	ck_assert_int_eq(pipe(stop_fd), 0);
	ck_assert_int_eq(thread_start(&server, "server", serve, NULL), 0);
	(void)snprintf(url, sizeof(url), "sftp://u@127.0.0.1:%u/x",
	    ntohs(at.sin_port));
	ck_assert_msg(store_open(url, &conf, &s, &e) == 0, "%s", e.msg);
	for (i = 0; i < 2; i++)
		ck_assert_int_eq(thread_start(&t[i], "ask", asker,
		    &results[i]), 0);
	for (i = 0; i < 2; i++) {
		thread_join(t[i]);
		ck_assert_int_eq(results[i], -EHOSTUNREACH);
	}
	/* It was the flood that ended it, and not a refusal of it. */
	ck_assert_int_gt(clock_mono_ms() - start, 10000);
	ck_assert_int_lt(clock_mono_ms() - start, 25000);
	store_close(s);
	ck_assert_int_eq(write(stop_fd[1], "x", 1), 1);
	thread_join(server);
	(void)close(listen_fd);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("sftp_flood");
	TCase *t = tcase_create("sftp_flood");
	SRunner *sr;
	int failed;

	tcase_set_timeout(t, 60);
	tcase_add_test(t, a_flood_of_nothing_is_no_progress);
	suite_add_tcase(suite, t);
	sr = srunner_create(suite);
	srunner_run_all(sr, CK_ENV);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed ? 1 : 0;
}
