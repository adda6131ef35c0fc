/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "util/file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "util/buf.h"

int
file_read(const char *path, struct buf *out)
{
	size_t start = out->len;
	ssize_t n;
	void *at;
	int fd, r = 0;

	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	do {
		size_t want = 4096;

		if (out->max - out->len < want)
			want = out->max - out->len;
		if (!want) {
			char c;

			r = read(fd, &c, 1) > 0 ? -EFBIG : 0;
			break;
		}
		at = buf_reserve(out, want);
		if (!at) {
			r = out->err;
			break;
		}
		n = read(fd, at, want);
		if (n < 0)
			r = -errno;
		else
			out->len += (size_t)n;
	} while (r == 0 && n > 0);
	(void)close(fd);
	if (r < 0)
		out->len = start;
	return r;
}

int
file_sync_parent(const char *path)
{
	char dir[PATH_MAX], *slash;
	int fd, r = 0;

	if (snprintf(dir, sizeof(dir), "%s", path) >= (int)sizeof(dir))
		return -ENAMETOOLONG;
	slash = strrchr(dir, '/');
	if (!slash)
		memcpy(dir, ".", 2);
	else if (slash == dir)
		dir[1] = '\0';
	else
		*slash = '\0';
	fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (fsync(fd) < 0)
		r = -errno;
	(void)close(fd);
	return r;
}

int
file_write_fd(int fd, const void *p, size_t len)
{
	const char *at = p;
	ssize_t n;

	while (len > 0) {
		n = write(fd, at, len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		at += n;
		len -= (size_t)n;
	}
	return 0;
}

int
file_write(const char *path, const void *p, size_t len, unsigned mode)
{
	char tmp[PATH_MAX];
	int fd, r;

	if (snprintf(tmp, sizeof(tmp), "%s.XXXXXX", path) >= (int)sizeof(tmp))
		return -ENAMETOOLONG;
	fd = mkostemp(tmp, O_CLOEXEC);
	if (fd < 0)
		return -errno;
	r = file_write_fd(fd, p, len);
	if (r < 0)
		goto out;
	if (fchmod(fd, mode) < 0 || fsync(fd) < 0) {
		r = -errno;
		goto out;
	}
	if (rename(tmp, path) < 0) {
		r = -errno;
		goto out;
	}
	r = file_sync_parent(path);
out:
	(void)close(fd);
	if (r < 0)
		(void)unlink(tmp);
	return r;
}

int
file_mkdirs(const char *path)
{
	char tmp[PATH_MAX], *s;
	struct stat st;

	if (snprintf(tmp, sizeof(tmp), "%s", path) >= (int)sizeof(tmp))
		return -ENAMETOOLONG;
	for (s = tmp + 1; *s; s++) {
		if (*s != '/')
			continue;
		*s = '\0';
		if (mkdir(tmp, 0700) < 0 && errno != EEXIST)
			return -errno;
		*s = '/';
	}
	if (mkdir(tmp, 0700) < 0 && errno != EEXIST)
		return -errno;
	if (stat(tmp, &st) < 0)
		return -errno;
	return S_ISDIR(st.st_mode) ? 0 : -ENOTDIR;
}
