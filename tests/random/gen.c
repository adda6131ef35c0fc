/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What to do next: by the seed alone, with an eye on the model so that most
 * operations succeed. */
#include "ops.h"

#include <fcntl.h>
#include <string.h>
#include <sys/xattr.h>

const char *const op_names[OP_KINDS] = {
	"create", "open", "close", "tmpfile", "linkfd",
	"mkdir", "rmdir", "mknod", "symlink", "readlink",
	"link", "unlink", "rename",
	"stat", "chmod", "chown", "utimens", "truncate",
	"acl",
	"setxattr", "getxattr", "rmxattr", "listxattr",
	"readdir", "verify", "statfs",
	"read", "pread", "write", "pwrite", "seek", "ftruncate",
	"fallocate", "seekdata", "copy", "fsync", "fstat", "fchmod",
	"map", "mapread", "mapwrite", "unmap",
	"shappend", "shscan", "shreplace", "shread", "shmove",
	"shlink", "shexcl", "shcell",
	"free", "sync", "drop", "remount",
};

/* Of about 1650. */
static const uint16_t weights[OP_KINDS] = {
	30, 120, 60, 20, 20,
	30, 30, 20, 25, 15,
	40, 70, 70,
	60, 30, 30, 40, 30,
	15,
	40, 30, 20, 10,
	30, 1, 5,
	60, 120, 80, 120, 20, 30,
	50, 30, 50, 20, 30, 10,
	25, 60, 60, 15,
	15, 8, 8, 12, 15,
	15, 15, 50,
	1, 1, 1, 0,
};

static uint64_t
rnd(struct ctx *c)
{
	return rand_next(&c->rng);
}

static uint64_t
below(struct ctx *c, uint64_t n)
{
	return rnd(c) % n;
}

/* A walk down the model that stops somewhere. */
static void
some_path(struct ctx *c, struct path *p, bool want_dir)
{
	struct mnode *d = c->root, *m;
	unsigned i, k;

	p->n = 0;
	while (p->n < RND_DEPTH) {
		k = (unsigned)below(c, RND_NAMES);
		for (i = 0; i < RND_NAMES; i++) {
			m = d->child[(k + i) % RND_NAMES];
			if (m && (!want_dir || S_ISDIR(m->mode)))
				break;
		}
		if (i == RND_NAMES)
			break;
		p->at[p->n++] = (uint8_t)((k + i) % RND_NAMES);
		if (!S_ISDIR(m->mode) || below(c, 2))
			break;
		d = m;
	}
	if (p->n == 0)
		p->at[p->n++] = (uint8_t)below(c, RND_NAMES);
}

/* A name in some folder, most often one that is free. */
static void
new_path(struct ctx *c, struct path *p)
{
	struct mnode *dir, *n;
	unsigned tries;

	some_path(c, p, true);
	if (mpath_walk(c, p, &dir, &n) != 0 || !n || !S_ISDIR(n->mode) ||
	    below(c, 3) == 0)
		p->n--;
	if (p->n == RND_DEPTH)
		p->n--;
	for (tries = 0; tries < 4; tries++) {
		p->at[p->n] = (uint8_t)below(c, RND_NAMES);
		p->n++;
		if (mpath_walk(c, p, &dir, &n) != 0 || !n || tries == 3)
			return;
		p->n--;
	}
}

/* Wild ones show that what must fail does. */
static void
wild_path(struct ctx *c, struct path *p)
{
	unsigned i;

	p->n = (uint8_t)(1 + below(c, RND_DEPTH));
	for (i = 0; i < p->n; i++)
		p->at[i] = (uint8_t)below(c, RND_NAMES);
}

static void
pick(struct ctx *c, struct path *p, bool is_new)
{
	if (below(c, 16) == 0)
		wild_path(c, p);
	else if (is_new)
		new_path(c, p);
	else
		some_path(c, p, false);
}

static uint64_t
some_offset(struct ctx *c)
{
	uint64_t r = below(c, 10);

	if (r < 4)
		return below(c, 20000);
	if (r < 6)	/* about the edges of blocks of 64 KiB */
		return below(c, 16) * 65536 + below(c, 5) * 4096 % 65536;
	if (r < 7)
		return 65536 * (1 + below(c, 12)) - 1 - below(c, 3);
	return below(c, 900000);
}

static uint64_t
some_length(struct ctx *c)
{
	uint64_t r = below(c, 20);

	if (r < 10)
		return below(c, 5000);
	if (r < 16)
		return below(c, 70000);
	return r < 19 ? 4096 * (1 + below(c, 40)) : below(c, 300000);
}

static mode_t
some_mode(struct ctx *c)
{
	static const mode_t odd[] = { 04755, 02755, 06711, 02644, 01777 };

	if (below(c, 8) == 0)
		return odd[below(c, 5)];
	return (mode_t)(0600 | below(c, 0100));
}

static uint32_t
open_flags(struct ctx *c)
{
	uint32_t f = below(c, 8) < 6 ? O_RDWR : below(c, 2) ? O_RDONLY :
	    O_WRONLY;
	uint64_t r = below(c, 16);

	if (r < 3)
		f |= O_APPEND;
	else if (r < 5)
		f |= O_DIRECT;
	else if (r < 7)
		f |= O_TRUNC;
	else if (r < 8)
		f |= O_SYNC;
	if (below(c, 2))
		f |= O_CREAT;
	if ((f & O_CREAT) && below(c, 4) == 0)
		f |= O_EXCL;
	return f;
}

static unsigned
some_kind(struct ctx *c)
{
	unsigned sum = 0, k, r;

	for (k = 0; k < OP_KINDS; k++)
		sum += weights[k];
	r = (unsigned)below(c, sum);
	for (k = 0; r >= weights[k]; k++)
		r -= weights[k];
	if (c->nodes > RND_NODES_MAX && (k == OP_CREATE || k == OP_MKDIR ||
	    k == OP_MKNOD || k == OP_SYMLINK || k == OP_LINK))
		return below(c, 4) ? OP_UNLINK : OP_RMDIR;
	/* Costs a second: rare in a run of many workers. */
	if ((k == OP_FREE || k == OP_SYNC || k == OP_DROP) && below(c, 5))
		return OP_FSYNC;
	return k;
}

/* Mostly a file that is open (mapped), or for who opens one that is not. */
static uint8_t
some_slot(struct ctx *c, unsigned kind)
{
	unsigned i = (unsigned)below(c, RND_SLOTS), k;
	bool want_free = kind == OP_OPEN || kind == OP_TMPFILE;
	bool want_map = kind == OP_MAPREAD || kind == OP_MAPWRITE ||
	    kind == OP_UNMAP;
	const struct slot *s;

	for (k = 0; k < RND_SLOTS; k++) {
		s = &c->slot[(i + k) % RND_SLOTS];
		if (s->fd < 0 ? want_free : !want_free &&
		    (!want_map || s->map))
			return (uint8_t)((i + k) % RND_SLOTS);
	}
	return (uint8_t)i;
}

/* An offset where the file is, or not far behind its end. */
static uint64_t
near_offset(struct ctx *c, unsigned slot, uint64_t off)
{
	const struct slot *s = &c->slot[slot];

	if (s->fd < 0 || below(c, 4) == 0)
		return off;
	return off % (s->node->size + 100);
}

/* What is particular to a kind. */
static void
adjust(struct ctx *c, struct op *o)
{
	switch (o->kind) {
	case OP_OPEN:
		o->flags = open_flags(c);
		pick(c, &o->p1, o->flags & O_CREAT && below(c, 2));
		break;
	case OP_TMPFILE:
		o->flags = below(c, 4) ? 0 : O_EXCL;
		some_path(c, &o->p1, true);
		break;
	case OP_RENAME:
		o->flags = below(c, 4) ? 0 : below(c, 2) ? RENAME_NOREPLACE :
		    RENAME_EXCHANGE;
		pick(c, &o->p2, o->flags != RENAME_EXCHANGE && below(c, 3));
		break;
	case OP_LINK:
		pick(c, &o->p2, true);
		break;
	case OP_RMDIR:
		if (below(c, 4))
			some_path(c, &o->p1, true);
		break;
	case OP_SETXATTR:
		o->flags = below(c, 4) ? 0 : below(c, 2) ? XATTR_CREATE :
		    XATTR_REPLACE;
		break;
	case OP_TRUNCATE:
	case OP_FTRUNCATE:
		o->len = some_offset(c);
		break;
	case OP_PREAD:
	case OP_SEEKDATA:
	case OP_MAPREAD:
	case OP_MAPWRITE:
		o->off = near_offset(c, o->slot, o->off);
		break;
	case OP_FALLOCATE:
	case OP_COPY:
		o->off = near_offset(c, o->slot, o->off);
		o->len = below(c, 50) ? o->len : 0;
		break;
	case OP_SEEK:
		o->off = below(c, 100000);
		break;
	default:
		break;
	}
}

void
op_generate(struct ctx *c, uint64_t i, struct op *ret)
{
	struct op *o = ret;

	memset(o, 0, sizeof(*o));
	c->rng = c->run->seed << 8 | c->id;
	c->rng = rnd(c) ^ i;
	c->rng = rnd(c);
	if (c->run->remount_every && i % c->run->remount_every ==
	    c->run->remount_every - 1) {
		o->kind = OP_REMOUNT;
		return;
	}
	o->kind = (uint8_t)some_kind(c);
	o->slot = some_slot(c, o->kind);
	o->slot2 = some_slot(c, o->kind);
	o->flags = (uint32_t)below(c, 1 << 16);
	o->mode = some_mode(c);
	o->off = some_offset(c);
	o->off2 = some_offset(c);
	o->len = some_length(c);
	o->seed = rnd(c);
	pick(c, &o->p1, o->kind == OP_CREATE || o->kind == OP_MKDIR ||
	    o->kind == OP_MKNOD || o->kind == OP_SYMLINK ||
	    o->kind == OP_LINKFD);
	if (o->kind == OP_UTIMENS) {
		o->off = rnd(c);
		o->off2 = rnd(c);
	}
	adjust(c, o);
}
