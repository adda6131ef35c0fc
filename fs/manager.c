/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "fs/manager.h"

#include <errno.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "util/log.h"

#define TEXT_MAX 512

/* Written once, before there are threads. */
static struct sockaddr_un address = { .sun_family = AF_UNIX };
static socklen_t address_len;

void
manager_init(void)
{
	const char *s = getenv("NOTIFY_SOCKET");
	size_t n = s ? strlen(s) : 0;

	/* A path, or '@' and an abstract name. */
	if (n > 1 && n < sizeof(address.sun_path) && (*s == '/' || *s == '@')) {
		memcpy(address.sun_path, s, n + 1);
		if (*s == '@')
			address.sun_path[0] = '\0';
		address_len = (socklen_t)(offsetof(struct sockaddr_un,
		    sun_path) + n);
	}
	(void)unsetenv("NOTIFY_SOCKET");
}

void
manager_tell(const char *fmt, ...)
{
	char text[TEXT_MAX];
	va_list ap;
	int fd, n;

	if (address_len == 0)
		return;
	va_start(ap, fmt);
	n = vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (n <= 0 || n >= (int)sizeof(text))
		return;
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0 || sendto(fd, text, (size_t)n, MSG_NOSIGNAL,
	    (struct sockaddr *)&address, address_len) < 0)
		log_info("the service manager does not listen: r=%d", -errno);
	if (fd >= 0)
		(void)close(fd);
}
