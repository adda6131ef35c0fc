/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TESTS_LIB_LOOPBACK_H
#define TESTS_LIB_LOOPBACK_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>

/*
 * loopback - what programs share that stand before a server on this machine.
 * The first three return -1 on failure.
 */

/* "HOST:PORT", both in numbers; the text is changed. */
int loopback_parse(char *text, struct sockaddr_in *ret);
/* A socket that listens there (port 0: wherever it is free), which prints
 * "PORT=number". */
int loopback_listen(in_port_t port);
/* A socket that is connected. */
int loopback_connect(const struct sockaddr_in *to);
bool loopback_send(int fd, const char *p, size_t len);

#endif
