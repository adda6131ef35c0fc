/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ops.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* A file system may stamp with the time of the last timer tick. */
#define TICK_NS 20000000

int64_t
now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	return (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

uint64_t
rand_next(uint64_t *state)
{
	uint64_t z = *state += 0x9e3779b97f4a7c15u;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
	return z ^ (z >> 31);
}

void
fill(void *p, size_t n, uint64_t seed)
{
	uint8_t *b = p;
	uint64_t x;

	for (; n >= 8; n -= 8, b += 8) {
		x = rand_next(&seed);
		memcpy(b, &x, 8);
	}
	x = rand_next(&seed);
	memcpy(b, &x, n);
}

/* Symlinks lead nowhere, so that a walk through one always ends. */
void
target_text(uint64_t seed, char buf[static 256])
{
	size_t len = 5 + seed % 250, i;

	memcpy(buf, "gone/", 5);
	for (i = 5; i < len; i++)
		buf[i] = (char)('a' + (seed >> (i % 40)) % 26);
	buf[len] = '\0';
}

#define N16 "nnnnnnnnnnnnnnnn"
#define N255 N16 N16 N16 N16 N16 N16 N16 N16 N16 N16 N16 N16 N16 N16 N16 \
	"nnnnnnnnnnnnnnn"

const char *
name_of(unsigned i)
{
	static const char *const names[RND_NAMES] = {
		"a", "b", "c", "dir", "file.txt", "with space",
		"\xc3\xa9t\xc3\xa9", ".hidden", "\xff\xfe raw", "tab\there",
		"UPPER", N255,
	};

	return names[i];
}

char *
path_text(const struct ctx *c, const struct path *p, char *buf, size_t size)
{
	size_t len = (size_t)snprintf(buf, size, "%s", c->top);
	unsigned i;

	for (i = 0; i < p->n; i++)
		len += (size_t)snprintf(buf + len, size - len, "/%s",
		    name_of(p->at[i]));
	return buf;
}

struct mnode *
mnode_new(struct ctx *c, mode_t mode, const struct mnode *dir)
{
	struct mnode *n = calloc(1, sizeof(*n));

	if (!n)
		abort();
	n->mode = mode;
	n->nlink = S_ISDIR(mode) ? 2 : 1;
	if (dir && (dir->mode & S_ISGID)) {
		n->gid = dir->gid;
		if (S_ISDIR(mode))
			n->mode |= S_ISGID;
	}
	n->atime = -1;
	mtime_now(c, n);
	c->nodes++;
	return n;
}

/* Without names and handles it goes. */
void
mnode_put(struct ctx *c, struct mnode *n)
{
	if (n->nlink > 0 || n->refs > 0)
		return;
	c->nodes--;
	free(n->data);
	free(n);
}

/* A file with several names is met several times. */
void
mtree_free(struct ctx *c, struct mnode *n)
{
	unsigned i;

	for (i = 0; S_ISDIR(n->mode) && i < RND_NAMES; i++) {
		if (n->child[i])
			mtree_free(c, n->child[i]);
	}
	n->nlink = S_ISDIR(n->mode) ? 0 : n->nlink - 1;
	mnode_put(c, n);
}

void
mnode_resize(struct mnode *n, size_t size)
{
	if (size > n->cap) {
		n->cap = size * 3 / 2;
		n->data = realloc(n->data, n->cap);
		if (!n->data)
			abort();
	}
	if (size > n->size)
		memset(n->data + n->size, 0, size - n->size);
	n->size = size;
}

void
mnode_write(struct mnode *n, uint64_t off, const void *p, size_t len)
{
	if (len == 0)
		return;
	if (off + len > n->size)
		mnode_resize(n, off + len);
	memcpy(n->data + off, p, len);
	/* The kernel may have had to read the rest of a page. */
	n->atime = -1;
}

bool
mnode_is_zero(const struct mnode *n, uint64_t from, uint64_t to)
{
	for (; from < to && from < n->size; from++) {
		if (n->data[from])
			return false;
	}
	return true;
}

bool
mnode_is_empty(const struct mnode *n)
{
	unsigned i;

	for (i = 0; i < RND_NAMES; i++) {
		if (n->child[i])
			return false;
	}
	return true;
}

int
mpath_walk(struct ctx *c, const struct path *p, struct mnode **ret_dir,
    struct mnode **ret)
{
	struct mnode *d = c->root;
	unsigned i;

	for (i = 0; i + 1 < p->n; i++) {
		d = d->child[p->at[i]];
		if (!d)
			return ENOENT;
		if (S_ISLNK(d->mode)) {
			d->atime = -1;
			return ENOENT;
		}
		if (!S_ISDIR(d->mode))
			return ENOTDIR;
	}
	*ret_dir = d;
	*ret = p->n ? d->child[p->at[i]] : d;
	return 0;
}

int
mpath_follow(struct ctx *c, const struct path *p, struct mnode **ret)
{
	struct mnode *d;
	int e = mpath_walk(c, p, &d, ret);

	if (e)
		return e;
	if (!*ret)
		return ENOENT;
	if (!S_ISLNK((*ret)->mode))
		return 0;
	(*ret)->atime = -1;
	return ENOENT;
}

unsigned
mnode_height(const struct mnode *n)
{
	unsigned i, h, max = 0;

	for (i = 0; S_ISDIR(n->mode) && i < RND_NAMES; i++) {
		if (!n->child[i])
			continue;
		h = 1 + mnode_height(n->child[i]);
		max = h > max ? h : max;
	}
	return max;
}

/* Is n somewhere below dir, or dir itself? */
bool
mnode_holds(const struct mnode *dir, const struct mnode *n)
{
	unsigned i;

	if (dir == n)
		return true;
	for (i = 0; S_ISDIR(dir->mode) && i < RND_NAMES; i++) {
		if (dir->child[i] && S_ISDIR(dir->child[i]->mode) &&
		    mnode_holds(dir->child[i], n))
			return true;
	}
	return false;
}

void
ctime_now(struct ctx *c, struct mnode *n)
{
	n->ctime.lo = c->t0 - TICK_NS;
	n->ctime.hi = n->is_map_dirty ? INT64_MAX : now_ns();
}

void
mtime_now(struct ctx *c, struct mnode *n)
{
	ctime_now(c, n);
	n->mtime = n->ctime;
}

/* Either is right: the times stand still or move. */
void
mtime_maybe(struct ctx *c, struct mnode *n)
{
	int64_t from = c->t0 - TICK_NS;
	int64_t to = n->is_map_dirty ? INT64_MAX : now_ns();

	n->ctime.lo = n->ctime.lo < from ? n->ctime.lo : from;
	n->mtime.lo = n->mtime.lo < from ? n->mtime.lo : from;
	n->ctime.hi = n->ctime.hi > to ? n->ctime.hi : to;
	n->mtime.hi = n->mtime.hi > to ? n->mtime.hi : to;
}
