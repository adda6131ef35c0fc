/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "fs/mount_lock.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "fs/manager.h"
#include "fs/mountpoint.h"
#include "util/clock.h"
#include "util/err.h"
#include "util/file.h"
#include "util/log.h"

#define RETRY_MS 100
#define SPARE_S 30		/* for what comes after the wait */

static int
lock_open(const char *name, int *ret, struct err *e)
{
	char dir[PATH_MAX], path[PATH_MAX + 16];
	int r;

	r = place_path(PLACE_STATE, name, dir, e);
	if (r < 0)
		return r;
	(void)snprintf(path, sizeof(path), "%s/" MOUNT_LOCK, dir);
	r = file_mkdirs(dir);
	if (r == 0) {
		*ret = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
		if (*ret < 0)
			r = -errno;
	}
	return r < 0 ? err_set(e, r, "'%s': %s", path, strerror(-r)) : 0;
}

/* A mount whose process has died is left to whoever comes. */
static bool
is_living(const char *name)
{
	struct mounted m;

	return mounted_by_name(name, &m) == 0 && !mountpoint_is_dead(m.path);
}

static int
lock_wait(const char *name, unsigned seconds, int stop_fd, int fd,
    struct err *e)
{
	int64_t end = clock_mono_ms() + (int64_t)seconds * 1000;
	struct pollfd p = { .fd = stop_fd, .events = POLLIN };
	bool is_told = false;

	while (flock(fd, LOCK_EX | LOCK_NB) < 0) {
		if (errno != EWOULDBLOCK)
			return err_set(e, -errno, "'%s': %s", MOUNT_LOCK,
			    strerror(errno));
		if (is_living(name))
			return err_set(e, -EBUSY, "drive '%s' is mounted "
			    "already: 'coffre status %s' says where", name,
			    name);
		if (clock_mono_ms() >= end)
			return err_set(e, -EBUSY, "drive '%s' was unmounted, "
			    "but its process has not ended: files may still "
			    "be open there", name);
		if (!is_told) {
			log_info("waiting for the last mount to end");
			manager_tell("EXTEND_TIMEOUT_USEC=%llu\nSTATUS=waiting "
			    "for the last mount to end", (seconds + SPARE_S) *
			    1000000ull);
			is_told = true;
		}
		if (poll(&p, 1, RETRY_MS) > 0)
			return err_set(e, -ECANCELED, "ended by a signal");
	}
	return 0;
}

int
mount_lock_take(const char *name, unsigned seconds, int stop_fd, int *ret_fd,
    struct err *e)
{
	int fd = -1, r;

	r = lock_open(name, &fd, e);
	if (r == 0)
		r = lock_wait(name, seconds, stop_fd, fd, e);
	if (r < 0 && fd >= 0)
		(void)close(fd);
	else if (r == 0)
		*ret_fd = fd;
	return r;
}
