/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "fs/helper.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "util/clock.h"
#include "util/log.h"

#define PROGRAM "coffre-desktop"
#define AGAIN_MS (60 * 1000)
#define SYSTEM_BUS "/run/dbus/system_bus_socket"

static bool
has_env(const char *name)
{
	const char *s = getenv(name);

	return s && *s;
}

/* Is there a bus?  Looked at here, so that nothing is started where there is
 * none. */
static bool
has_bus(void)
{
	const char *run = getenv("XDG_RUNTIME_DIR");
	char path[PATH_MAX];

	if (has_env("DBUS_SESSION_BUS_ADDRESS") ||
	    has_env("DBUS_SYSTEM_BUS_ADDRESS") ||
	    access(SYSTEM_BUS, F_OK) == 0)
		return true;
	return run && snprintf(path, sizeof(path), "%s/bus", run) <
	    (int)sizeof(path) && access(path, F_OK) == 0;
}

bool
helper_start(struct helper *h)
{
	/* One that hangs does not make us hang. */
	struct timeval limit = { .tv_sec = 1 };
	char path[PATH_MAX];
	char *argv[] = { path, NULL };
	int r;

	if (h->is_on)
		return true;
	if (h->is_absent || clock_mono_ms() < h->start_ms || !has_bus())
		return false;
	h->start_ms = clock_mono_ms() + AGAIN_MS;
	child_own_path(PROGRAM, path);
	r = child_start(&h->child, argv);
	if (r < 0) {
		log_info("'" PROGRAM "' does not start: r=%d", r);
		h->is_absent = r == -ENOENT;
		return false;
	}
	(void)setsockopt(h->child.fd, SOL_SOCKET, SO_SNDTIMEO, &limit,
	    sizeof(limit));
	h->is_on = true;
	h->nin = 0;
	h->is_long = false;
	return true;
}

int64_t
helper_wait(const struct helper *h)
{
	int64_t left = h->start_ms - clock_mono_ms();

	if (h->is_on || h->is_absent || !has_bus())
		return -1;
	return left > 0 ? left : 0;
}

bool
helper_tell(struct helper *h, const char *line, int len)
{
	if (!helper_start(h))
		return false;
	if (child_write(&h->child, line, (size_t)len) == 0)
		return true;
	child_kill(&h->child);
	h->is_on = false;
	return false;
}

static void
take(struct helper *h, char c, void (*fn)(void *arg, const char *line),
    void *arg)
{
	if (c != '\n') {
		h->is_long |= h->nin == sizeof(h->in) - 1;
		if (!h->is_long)
			h->in[h->nin++] = c;
		return;
	}
	h->in[h->nin] = '\0';
	if (!h->is_long)
		fn(arg, h->in);
	h->is_long = false;
	h->nin = 0;
}

bool
helper_hear(struct helper *h, void (*fn)(void *arg, const char *line),
    void *arg)
{
	char buf[256];
	ssize_t i, n;

	n = recv(h->child.fd, buf, sizeof(buf), MSG_DONTWAIT);
	for (i = 0; i < n && h->is_on; i++)
		take(h, buf[i], fn, arg);
	if (n > 0 || (n < 0 && (errno == EAGAIN || errno == EINTR)))
		return h->is_on;
	/* It has nothing more to say, and so no reason to be. */
	child_kill(&h->child);
	h->is_on = false;
	return false;
}

void
helper_finish(struct helper *h, int64_t ms)
{
	int64_t end = clock_mono_ms() + ms;
	char buf[256];
	ssize_t n;

	if (!h->is_on)
		return;
	child_close_input(&h->child);
	while ((n = child_read(&h->child, buf, sizeof(buf), end, -1)) > 0)
		;
	if (n == 0)
		(void)child_wait(&h->child);
	else
		child_kill(&h->child);
	h->is_on = false;
}
