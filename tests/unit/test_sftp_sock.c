/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A host with several addresses, of which some do not answer. */
#include <arpa/inet.h>
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "store/sftp_link.h"
#include "util/clock.h"

#define ADDRS_MAX 4

/* What the name leads to, in place of the C library's answer. */
static struct addrinfo found[ADDRS_MAX];
static struct sockaddr_in addr[ADDRS_MAX];
static int nfound;

int
getaddrinfo(const char *restrict host, const char *restrict service,
    const struct addrinfo *restrict hints, struct addrinfo **restrict ret)
{
	(void)host;
	(void)service;
	(void)hints;
	*ret = found;
	return 0;
}

void
freeaddrinfo(struct addrinfo *a)
{
	(void)a;
}

static int
listener(int backlog)
{
	struct sockaddr_in *at = &addr[nfound];
	struct addrinfo *a = &found[nfound];
	socklen_t len = sizeof(*at);
	int fd;

	at->sin_family = AF_INET;
	at->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	fd = socket(AF_INET, SOCK_STREAM, 0);
	ck_assert_int_eq(bind(fd, (struct sockaddr *)at, len), 0);
	ck_assert_int_eq(listen(fd, backlog), 0);
	ck_assert_int_eq(getsockname(fd, (struct sockaddr *)at, &len), 0);
	a->ai_family = AF_INET;
	a->ai_socktype = SOCK_STREAM;
	a->ai_addr = (struct sockaddr *)at;
	a->ai_addrlen = len;
	if (nfound++ > 0)
		found[nfound - 2].ai_next = a;
	return fd;
}

/* Nobody takes connections, and there is no room for more. */
static void
dead(void)
{
	int i, fd;

	(void)listener(0);
	for (i = 0; i < 4; i++) {
		fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
		ck_assert_int_ge(fd, 0);
		(void)connect(fd, found[nfound - 1].ai_addr,
		    sizeof(struct sockaddr_in));
	}
}

static void
on_sock(void *arg, int fd)
{
	*(int *)arg = fd;
}

START_TEST(an_address_that_is_dead_leaves_time_for_the_others)
{
	char msg[SFTP_MSG_MAX] = "";
	struct sockaddr_in to;
	socklen_t len = sizeof(to);
	int fd, seen = -1;

	dead();
	dead();
	(void)listener(8);
	fd = sftp_sock_new("a.example", 22, clock_mono_ms() + 12000, on_sock,
	    &seen, msg);
	ck_assert_msg(fd >= 0, "%s", msg);
	ck_assert_int_eq(seen, fd);
	ck_assert_int_eq(getpeername(fd, (struct sockaddr *)&to, &len), 0);
	ck_assert_int_eq(to.sin_port, addr[2].sin_port);
	(void)close(fd);
}
END_TEST

START_TEST(with_none_that_answers_it_ends_in_time)
{
	int64_t start = clock_mono_ms();
	char msg[SFTP_MSG_MAX] = "";
	int seen = -1;

	dead();
	dead();
	ck_assert_int_eq(sftp_sock_new("a.example", 22, start + 1000,
	    on_sock, &seen, msg), -EHOSTUNREACH);
	ck_assert_int_eq(seen, -1);
	ck_assert_ptr_nonnull(strstr(msg, "a.example"));
	ck_assert_int_ge(clock_mono_ms() - start, 1000);
	ck_assert_int_lt(clock_mono_ms() - start, 20000);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("sftp_sock");
	TCase *t = tcase_create("sftp_sock");
	SRunner *sr;
	int failed;

	tcase_set_timeout(t, 60);
	tcase_add_test(t, an_address_that_is_dead_leaves_time_for_the_others);
	tcase_add_test(t, with_none_that_answers_it_ends_in_time);
	suite_add_tcase(suite, t);
	sr = srunner_create(suite);
	srunner_run_all(sr, CK_ENV);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed ? 1 : 0;
}
