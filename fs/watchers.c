/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "fs/watchers.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#define MINOR_BITS 20		/* of the kernel's own device numbers */

struct search {
	struct watchers *found;
	size_t cap;
	unsigned dev;		/* as the kernel writes it there */
};

static int
found_add(struct search *s, uint64_t ino)
{
	struct watchers *w = s->found;
	uint64_t *t;
	size_t cap;

	if (w->n == WATCHERS_MAX)
		return 0;
	if (w->n == s->cap) {
		cap = s->cap ? s->cap * 2 : 32;
		t = realloc(w->inos, cap * sizeof(*t));
		if (!t)
			return -ENOMEM;
		w->inos = t;
		s->cap = cap;
	}
	w->inos[w->n++] = ino;
	return 0;
}

/* "inotify wd:1 ino:2a sdev:35 mask:fce ..." */
static int
info_read(struct search *s, int dir, const char *fd)
{
	unsigned long long ino;
	unsigned dev;
	char *line = NULL;
	size_t cap = 0;
	FILE *f;
	int file, r = 0;

	file = openat(dir, fd, O_RDONLY | O_CLOEXEC);
	if (file < 0)
		return 0;	/* it is gone already */
	f = fdopen(file, "r");
	if (!f) {
		(void)close(file);
		return -ENOMEM;
	}
	while (r == 0 && getline(&line, &cap, f) > 0) {
		if (sscanf(line, "inotify wd:%*x ino:%llx sdev:%x", &ino,
		    &dev) == 2 && dev == s->dev)
			r = found_add(s, ino);
	}
	free(line);
	(void)fclose(f);
	return r;
}

static int
sub_open(int dir, const char *pid, const char *sub)
{
	char path[64];

	(void)snprintf(path, sizeof(path), "%.16s/%s", pid, sub);
	return openat(dir, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

static int
process_look(struct search *s, int proc, const char *pid)
{
	char to[32];
	struct dirent *e;
	int fds, infos, r = 0;
	ssize_t n;
	DIR *d;

	fds = sub_open(proc, pid, "fd");
	if (fds < 0)
		return 0;	/* not ours, or gone */
	d = fdopendir(fds);
	if (!d) {
		(void)close(fds);
		return -ENOMEM;
	}
	infos = sub_open(proc, pid, "fdinfo");
	while (infos >= 0 && r == 0 && (e = readdir(d)) != NULL) {
		n = readlinkat(fds, e->d_name, to, sizeof(to));
		if (n == 18 && memcmp(to, "anon_inode:inotify", 18) == 0)
			r = info_read(s, infos, e->d_name);
	}
	if (infos >= 0)
		(void)close(infos);
	(void)closedir(d);
	return r;
}

static int
ino_cmp(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

int
watchers_find(dev_t dev, struct watchers *ret)
{
	struct search s = { .found = ret };
	struct dirent *e;
	int r = 0;
	DIR *d;

	memset(ret, 0, sizeof(*ret));
	s.dev = major(dev) << MINOR_BITS | minor(dev);
	d = opendir("/proc");
	if (!d)
		return -errno;
	while (r == 0 && (e = readdir(d)) != NULL) {
		if (e->d_name[0] >= '1' && e->d_name[0] <= '9')
			r = process_look(&s, dirfd(d), e->d_name);
	}
	(void)closedir(d);
	if (ret->n > 0)
		qsort(ret->inos, ret->n, sizeof(*ret->inos), ino_cmp);
	return r;
}

void
watchers_done(struct watchers *w)
{
	free(w->inos);
	memset(w, 0, sizeof(*w));
}

bool
watchers_has(const struct watchers *w, uint64_t ino)
{
	return w->n > 0 && bsearch(&ino, w->inos, w->n, sizeof(ino),
	    ino_cmp) != NULL;
}
