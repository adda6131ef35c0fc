/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * One file that all workers write, cut and map at the same time, in cells
 * that lie across pages and blocks.  A cell is one worker's at a time, and
 * holds what was written to it last, whatever becomes of its neighbours.
 */
#include "ops.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define CELL 5000u
#define PAGE 4096u

enum how { CELL_WRITE, CELL_READ, CELL_MAPWRITE, CELL_MAPREAD, CELL_CUT,
	CELL_HOWS };

void
cells_init(struct run *r)
{
	unsigned i;

	for (i = 0; i < RND_CELLS; i++) {
		r->cell[i] = 0;
		pthread_mutex_init(&r->cell_lock[i], NULL);
	}
}

int
cells_make(const char *dir)
{
	char path[PATH_MAX];
	int fd, r;

	snprintf(path, sizeof(path), "%s/cells", dir);
	fd = open(path, O_CREAT | O_EXCL | O_WRONLY, 0644);
	if (fd < 0)
		return -1;
	r = ftruncate(fd, RND_CELLS * CELL);
	return close(fd) < 0 ? -1 : r;
}

/* From cell a to b; false: all is to end, for who had one of them failed. */
static bool
take(struct run *r, unsigned a, unsigned b)
{
	unsigned i;

	for (i = a; i < b; i++) {
		while (pthread_mutex_trylock(&r->cell_lock[i]) != 0) {
			if (atomic_load(&r->stop))
				return false;
			sched_yield();
		}
	}
	return true;
}

static void
give(struct run *r, unsigned a, unsigned b)
{
	while (b > a)
		pthread_mutex_unlock(&r->cell_lock[--b]);
}

/* What has to be in it. */
static void
content(const struct run *r, unsigned i, uint8_t *p)
{
	if (r->cell[i])
		fill(p, CELL, r->cell[i]);
	else
		memset(p, 0, CELL);
}

static int
check(struct ctx *c, unsigned i, const uint8_t *p)
{
	unsigned at;

	content(c->run, i, c->buf2);
	if (memcmp(p, c->buf2, CELL) == 0)
		return 0;
	for (at = 0; p[at] == c->buf2[at]; at++)
		;
	return failf(c, "cell %u, which has the seed %llx: byte %u is %02x, "
	    "not %02x", i, (unsigned long long)c->run->cell[i], at, p[at],
	    c->buf2[at]);
}

static int
by_call(struct ctx *c, int fd, unsigned i, uint64_t seed)
{
	off_t at = (off_t)i * CELL;
	ssize_t r;

	if (!seed) {
		r = pread(fd, c->buf, CELL, at);
		if (r != (ssize_t)CELL)
			return failf(c, "cell %u: %zd bytes are read", i, r);
		return check(c, i, c->buf);
	}
	c->run->cell[i] = seed;
	content(c->run, i, c->buf);
	r = pwrite(fd, c->buf, CELL, at);
	return r == (ssize_t)CELL ? 0 : failf(c, "cell %u: %zd bytes are "
	    "written", i, r);
}

static int
by_map(struct ctx *c, int fd, unsigned i, uint64_t seed)
{
	size_t at = (size_t)i * CELL, from = at / PAGE * PAGE;
	uint8_t *p;
	int r = 0;

	p = mmap(NULL, at + CELL - from, PROT_READ | (seed ? PROT_WRITE : 0),
	    MAP_SHARED, fd, (off_t)from);
	if (p == MAP_FAILED)
		return expect(c, -1, 0);
	if (seed) {
		c->run->cell[i] = seed;
		content(c->run, i, p + (at - from));
	} else {
		r = check(c, i, p + (at - from));
	}
	(void)munmap(p, at + CELL - from);
	return r;
}

/* Short, and as long as it was: all behind is zeros. */
static int
cut(struct ctx *c, int fd, unsigned i)
{
	unsigned k;

	if (ftruncate(fd, (off_t)i * CELL) < 0 ||
	    ftruncate(fd, RND_CELLS * CELL) < 0)
		return expect(c, -1, 0);
	for (k = i; k < RND_CELLS; k++)
		c->run->cell[k] = 0;
	return 0;
}

int
op_shcell(struct ctx *c, const struct op *o)
{
	unsigned how = o->flags % CELL_HOWS, i = (unsigned)o->off % RND_CELLS;
	unsigned end = how == CELL_CUT ? RND_CELLS : i + 1;
	char path[PATH_MAX];
	int fd, r;

	/* Most cuts leave most of it. */
	if (how == CELL_CUT && o->off2 % 4)
		i = RND_CELLS - 1 - i / 8;
	snprintf(path, sizeof(path), "%s/cells", c->shared);
	fd = open(path, O_RDWR);
	if (fd < 0)
		return expect(c, fd, 0);
	if (!take(c->run, i, end)) {
		close(fd);
		return 0;
	}
	if (how == CELL_CUT)
		r = cut(c, fd, i);
	else if (how == CELL_WRITE || how == CELL_READ)
		r = by_call(c, fd, i, how == CELL_WRITE ? o->seed | 1 : 0);
	else
		r = by_map(c, fd, i, how == CELL_MAPWRITE ? o->seed | 1 : 0);
	give(c->run, i, end);
	if (close(fd) < 0 && r == 0)
		return expect(c, -1, 0);
	c->did_it = r == 0;
	return r;
}

int
cells_check(struct ctx *c)
{
	char path[PATH_MAX];
	unsigned i;
	int fd, r = 0;

	snprintf(path, sizeof(path), "%s/cells", c->shared);
	fd = open(path, O_RDONLY);
	if (fd < 0)
		return expect(c, fd, 0);
	for (i = 0; i < RND_CELLS && r == 0; i++)
		r = by_call(c, fd, i, 0);
	close(fd);
	return r;
}
