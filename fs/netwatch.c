/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "fs/netwatch.h"

#include <errno.h>
#include <linux/if.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define DATAGRAM_MAX 16384
#define DATAGRAMS_MAX 64	/* of one call */

int
netwatch_open(void)
{
	struct sockaddr_nl at = { .nl_family = AF_NETLINK,
	    .nl_groups = RTMGRP_LINK | RTMGRP_IPV4_IFADDR |
	    RTMGRP_IPV6_IFADDR | RTMGRP_IPV4_ROUTE | RTMGRP_IPV6_ROUTE };
	int fd, r;

	fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK,
	    NETLINK_ROUTE);
	if (fd < 0)
		return -errno;
	if (bind(fd, (struct sockaddr *)&at, sizeof(at)) < 0) {
		r = -errno;
		(void)close(fd);
		return r;
	}
	return fd;
}

/* Is this message one? */
static bool
is_way(unsigned type, const uint8_t *body, size_t len)
{
	struct ifinfomsg link;
	struct ifaddrmsg addr;
	struct rtmsg route;

	if (type == RTM_NEWLINK && len >= sizeof(link)) {
		memcpy(&link, body, sizeof(link));
		return (link.ifi_flags & IFF_RUNNING) &&
		    !(link.ifi_flags & IFF_LOOPBACK);
	}
	if (type == RTM_NEWADDR && len >= sizeof(addr)) {
		memcpy(&addr, body, sizeof(addr));
		return addr.ifa_scope < RT_SCOPE_LINK;
	}
	if (type == RTM_NEWROUTE && len >= sizeof(route)) {
		memcpy(&route, body, sizeof(route));
		return route.rtm_type == RTN_UNICAST &&
		    !(route.rtm_flags & RTM_F_CLONED);
	}
	return false;
}

bool
netwatch_parse(const void *p, size_t len)
{
	const uint8_t *at = p;
	struct nlmsghdr h;
	size_t step;

	while (len >= sizeof(h)) {
		memcpy(&h, at, sizeof(h));
		if (h.nlmsg_len < sizeof(h) || h.nlmsg_len > len)
			return false;
		if (is_way(h.nlmsg_type, at + NLMSG_HDRLEN,
		    h.nlmsg_len - NLMSG_HDRLEN))
			return true;
		step = NLMSG_ALIGN(h.nlmsg_len);
		if (step > len)
			return false;
		at += step;
		len -= step;
	}
	return false;
}

bool
netwatch_read(int fd)
{
	struct sockaddr_nl from;
	uint8_t buf[DATAGRAM_MAX];
	socklen_t size;
	bool r = false;
	ssize_t n;
	int i;

	for (i = 0; i < DATAGRAMS_MAX; i++) {
		size = sizeof(from);
		n = recvfrom(fd, buf, sizeof(buf), MSG_DONTWAIT,
		    (struct sockaddr *)&from, &size);
		/* More than the socket could hold: it may have been one. */
		if (n < 0 && errno == ENOBUFS)
			r = true;
		else if (n < 0)
			break;
		/* Others may write to the socket as well. */
		else if (size == sizeof(from) && from.nl_pid == 0)
			r |= netwatch_parse(buf, (size_t)n);
	}
	return r;
}
