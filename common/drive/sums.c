/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "drive/sums.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "util/log.h"

struct sums {
	int fd;
};

static off_t
place(uint32_t frame, size_t part)
{
	return ((off_t)frame * SUMS_PARTS + (off_t)part) * SUM_LEN;
}

struct sums *
sums_open(const char *dir)
{
	struct sums *s = calloc(1, sizeof(*s));
	char path[PATH_MAX];

	if (!s)
		return NULL;
	(void)snprintf(path, sizeof(path), "%s/blocks.sum", dir);
	s->fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (s->fd < 0) {
		log_warn("drive: '%s' cannot be opened: r=%d", path, -errno);
		free(s);
		return NULL;
	}
	return s;
}

void
sums_close(struct sums *s)
{
	if (!s)
		return;
	(void)close(s->fd);
	free(s);
}

void
sums_write(struct sums *s, uint32_t frame, const uint8_t (*sums)[SUM_LEN],
    size_t n)
{
	/* What fails, or is half there, fits no block. */
	if (s && n <= SUMS_PARTS && pwrite(s->fd, sums, n * SUM_LEN,
	    place(frame, 0)) < 0)
		log_debug("drive: op=sums r=%d", -errno);
}

int
sums_read(struct sums *s, uint32_t frame, size_t first, size_t n,
    uint8_t (*ret)[SUM_LEN])
{
	if (!s || first + n > SUMS_PARTS)
		return -ENOENT;
	return pread(s->fd, ret, n * SUM_LEN, place(frame, first)) ==
	    (ssize_t)(n * SUM_LEN) ? 0 : -ENOENT;
}
