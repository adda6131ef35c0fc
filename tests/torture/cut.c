/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A disk with a cache.  What was written since a file's last flush is kept in
 * order; when the power goes, a random choice of it has reached the platters:
 * nothing, all, a beginning, an end without its beginning, or sectors here and
 * there.  What was flushed is in DIR/cut all the time.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/torture/torture.h"

#define FILES 16
#define SECTOR 512
#define PATH_LEN 1024

ssize_t real_pwrite(int fd, const void *p, size_t n, off_t off);
int real_open(const char *path, int flags, mode_t mode);
int real_ftruncate(int fd, off_t size);
int real_unlink(const char *path);

struct pend {
	struct pend *next;
	bool is_size;		/* off: the new size */
	uint64_t off;
	size_t len;
	uint8_t data[];
};

struct cfile {
	char base[32];
	bool is_gone;		/* unlinked, which is not yet durable */
	struct pend *head, **tail;
};

static struct cfile files[FILES];
static int nfiles;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static void
path_make(const struct cfile *f, char out[static PATH_LEN])
{
	(void)snprintf(out, PATH_LEN, "%s/cut/%s", plan.dir, f->base);
}

static struct cfile *
file_of(const char *base)
{
	struct cfile *f;
	int i;

	for (i = 0; i < nfiles; i++)
		if (strcmp(files[i].base, base) == 0)
			return &files[i];
	if (nfiles == FILES)
		abort();
	f = &files[nfiles++];
	(void)snprintf(f->base, sizeof(f->base), "%s", base);
	f->tail = &f->head;
	return f;
}

static void
pend_drop(struct cfile *f)
{
	struct pend *p;

	while ((p = f->head)) {
		f->head = p->next;
		free(p);
	}
	f->tail = &f->head;
}

static void
pend_add(const char *base, bool is_size, uint64_t off, const void *data,
    size_t len)
{
	struct pend *p = xalloc(sizeof(*p) + len);
	struct cfile *f;

	p->is_size = is_size;
	p->off = off;
	p->len = len;
	if (len && data)
		memcpy(p->data, data, len);
	(void)pthread_mutex_lock(&lock);
	f = file_of(base);
	*f->tail = p;
	f->tail = &p->next;
	(void)pthread_mutex_unlock(&lock);
}

void
cut_write(const char *base, uint64_t off, const void *p, size_t len)
{
	pend_add(base, false, off, p, len);
}

void
cut_size(const char *base, uint64_t size)
{
	pend_add(base, true, size, NULL, 0);
}

static int
platter_open(const struct cfile *f)
{
	char path[PATH_LEN];
	int fd;

	path_make(f, path);
	fd = real_open(path, O_RDWR | O_CREAT, 0600);
	if (fd < 0)
		abort();
	return fd;
}

static void
pend_apply(int fd, const struct pend *p)
{
	if (p->is_size) {
		if (real_ftruncate(fd, (off_t)p->off) < 0)
			abort();
	} else if (real_pwrite(fd, p->data, p->len, (off_t)p->off) !=
	    (ssize_t)p->len) {
		abort();
	}
}

static void
platter_remove(struct cfile *f)
{
	char path[PATH_LEN];

	path_make(f, path);
	(void)real_unlink(path);
	f->is_gone = false;
}

void
cut_flush(const char *base)
{
	struct cfile *f;
	struct pend *p;
	int i, fd;

	(void)pthread_mutex_lock(&lock);
	/* The journal of a file system is one: names reach it in order. */
	for (i = 0; i < nfiles; i++)
		if (files[i].is_gone)
			platter_remove(&files[i]);
	f = file_of(base);
	fd = platter_open(f);
	for (p = f->head; p; p = p->next)
		pend_apply(fd, p);
	(void)close(fd);
	pend_drop(f);
	(void)pthread_mutex_unlock(&lock);
}

void
cut_unlink(const char *base)
{
	struct cfile *f;

	(void)pthread_mutex_lock(&lock);
	f = file_of(base);
	f->is_gone = true;
	(void)pthread_mutex_unlock(&lock);
}

void
cut_create(const char *base)
{
	struct cfile *f;

	(void)pthread_mutex_lock(&lock);
	f = file_of(base);
	if (f->is_gone) {
		pend_drop(f);
		platter_remove(f);
	}
	(void)pthread_mutex_unlock(&lock);
}

static void
sectors_apply(int fd, const struct pend *p, uint64_t *x)
{
	size_t at, n;

	if (p->is_size) {
		pend_apply(fd, p);
		return;
	}
	for (at = 0; at < p->len; at += n) {
		n = SECTOR - (p->off + at) % SECTOR;
		if (n > p->len - at)
			n = p->len - at;
		if (rand_next(x) % 2 && real_pwrite(fd, p->data + at, n,
		    (off_t)(p->off + at)) < 0)
			abort();
	}
}

static void
file_cut(struct cfile *f, uint64_t *x)
{
	unsigned policy = (unsigned)(rand_next(x) % 6);
	size_t n = 0, i = 0, at;
	struct pend *p;
	int fd;

	if (f->is_gone && rand_next(x) % 2) {
		platter_remove(f);
		return;
	}
	for (p = f->head; p; p = p->next)
		n++;
	if (n == 0 || policy == 0)
		return;
	at = rand_next(x) % n;
	fd = platter_open(f);
	for (p = f->head; p; p = p->next, i++)
		if (policy == 1 || (policy == 2 && rand_next(x) % 2) ||
		    (policy == 3 && i < at) || (policy == 4 && i > at))
			pend_apply(fd, p);
		else if (policy == 5 || (policy == 3 && i == at))
			sectors_apply(fd, p, x);
	(void)close(fd);
}

void
cut_make(void)
{
	uint64_t x = plan.seed * 0x9e3779b97f4a7c15u + plan.k * 2 + 1;
	int i;

	(void)rand_next(&x);
	(void)pthread_mutex_lock(&lock);
	for (i = 0; i < nfiles; i++)
		file_cut(&files[i], &x);
}
