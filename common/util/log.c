/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "util/log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "util/text.h"

static atomic_int level = LOG_LEVEL_WARN;
static atomic_int fd = STDERR_FILENO;

void
log_set_level(enum log_level l)
{
	level = (int)l;
}

int
log_to_file(const char *path)
{
	int f = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	int r = 0;

	if (f < 0)
		return -errno;
	if (fd == STDERR_FILENO) {
		fd = f;
		return 0;
	}
	/* In the place of the last one. */
	if (dup3(f, fd, O_CLOEXEC) < 0)
		r = -errno;
	(void)close(f);
	return r;
}

void
log_write(enum log_level l, const char *fmt, ...)
{
	static const char *const name[] = { "error", "warn", "info", "debug" };
	char line[1024];
	struct timespec ts;
	struct tm tm;
	va_list ap;
	size_t n;
	char *p;
	int m;

	if ((int)l > level)
		return;
	(void)clock_gettime(CLOCK_REALTIME, &ts);
	(void)gmtime_r(&ts.tv_sec, &tm);
	n = strftime(line, sizeof(line), "%Y-%m-%dT%H:%M:%S", &tm);
	n += (size_t)snprintf(line + n, sizeof(line) - n, ".%03ldZ coffre %s: ",
	    ts.tv_nsec / 1000000, name[l]);
	va_start(ap, fmt);
	m = vsnprintf(line + n, sizeof(line) - n - 1, fmt, ap);
	va_end(ap);
	if (m < 0)
		return;
	/* What a server said is in it: it is to make no line of its own, and
	 * do nothing to a terminal. */
	for (p = line + n; *p; p++)
		if (*p == '\n')
			*p = ' ';
	text_clean(line);
	n = strlen(line);
	line[n++] = '\n';
	/* One write: lines of several threads do not mix.  A full disk must
	 * not stop the one who logs. */
	if (write(fd, line, n) < 0)
		return;
}
