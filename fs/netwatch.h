/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FS_NETWATCH_H
#define FS_NETWATCH_H

#include <stdbool.h>
#include <stddef.h>

/*
 * netwatch - the kernel's word (rtnetlink) that this machine has got a way to
 * others: a route, an address, a link that carries.
 */

/* A socket to poll; negative errno. */
int netwatch_open(void);
/* Read what has come, without waiting: is it such a word? */
bool netwatch_read(int fd);
/* One datagram: is there such a word in it?  It may hold anything. */
bool netwatch_parse(const void *p, size_t len);

#endif
