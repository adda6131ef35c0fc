/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Operations on names. */
#include "ops.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#define MASK 022	/* the process's umask */

/* What making something new at p has to answer. */
static int
can_make(struct ctx *c, const struct path *p, struct mnode **ret_dir)
{
	struct mnode *n;
	int e = mpath_walk(c, p, ret_dir, &n);

	return e ? e : n ? EEXIST : 0;
}

static void
name_add(struct ctx *c, struct mnode *dir, const struct path *p,
    struct mnode *n)
{
	dir->child[p->at[p->n - 1]] = n;
	if (S_ISDIR(n->mode))
		dir->nsub++;
	mtime_now(c, dir);
}

static struct mnode *
made(struct ctx *c, struct mnode *dir, const struct path *p, mode_t mode)
{
	struct mnode *n = mnode_new(c, mode, dir);

	name_add(c, dir, p, n);
	return n;
}

static void
name_drop(struct ctx *c, struct mnode *dir, const struct path *p)
{
	struct mnode *n = dir->child[p->at[p->n - 1]];

	dir->child[p->at[p->n - 1]] = NULL;
	mtime_now(c, dir);
	ctime_now(c, n);
	if (S_ISDIR(n->mode)) {
		dir->nsub--;
		n->nlink = 0;
	} else {
		n->nlink--;
	}
	mnode_put(c, n);
}

static struct slot *
slot_take(struct ctx *c, const struct op *o, int fd, int flags,
    struct mnode *n)
{
	struct slot *s = &c->slot[o->slot];

	s->fd = fd;
	s->flags = flags;
	s->node = n;
	s->pos = 0;
	s->map = NULL;
	n->refs++;
	return s;
}

/* After a change: what it made shows in the attributes. */
static int
look(struct ctx *c, const struct op *o, const char *path, struct mnode *n,
    struct mnode *dir)
{
	char up[PATH_MAX];

	if (o->seed % 4)
		return 0;
	if (n && verify_stat(c, n, path) < 0)
		return -1;
	snprintf(up, sizeof(up), "%s", path);
	*strrchr(up, '/') = '\0';
	return dir ? verify_stat(c, dir, up) : 0;
}

/*
 * With O_CREAT Linux also guards what others put into a sticky folder where
 * all may write (may_create_in_sticky in fs/namei.c): files and FIFOs as
 * fs.protected_* say, which is left to whoever sets them, the rest always.
 */
static bool
is_guarded(const struct mnode *dir, const struct mnode *n)
{
	return dir && (dir->mode & S_ISVTX) && (dir->mode & S_IWOTH) &&
	    !S_ISREG(n->mode) && !S_ISFIFO(n->mode) && n->uid != dir->uid &&
	    n->uid != geteuid();
}

static int
open_wants(struct ctx *c, const struct op *o, struct mnode **ret_dir,
    struct mnode **ret)
{
	int e = mpath_walk(c, &o->p1, ret_dir, ret), f = (int)o->flags;
	struct mnode *n;

	if (e)
		return e;
	n = *ret;
	if (!n)
		return f & O_CREAT ? 0 : ENOENT;
	if ((f & O_CREAT) && (f & O_EXCL))
		return EEXIST;
	if (S_ISDIR(n->mode))
		return EISDIR;
	if ((f & O_CREAT) && is_guarded(*ret_dir, n))
		return EACCES;
	if (S_ISLNK(n->mode))
		return ELOOP;
	return 0;
}

int
op_open(struct ctx *c, const struct op *o)
{
	struct mnode *dir, *n = NULL;
	char path[PATH_MAX];
	int flags = (int)o->flags | O_NOFOLLOW, want, fd, r;

	want = open_wants(c, o, &dir, &n);
	if (c->slot[o->slot].fd >= 0 || (!want && n && !S_ISREG(n->mode)))
		return 0;
	/* A folder can be opened to be read; that is readdir's affair. */
	if (want == EISDIR && (flags & (O_ACCMODE | O_CREAT | O_TRUNC)) == 0)
		return 0;
	path_text(c, &o->p1, path, sizeof(path));
	fd = open(path, flags, o->mode);
	r = expect(c, fd, want);
	if (fd < 0 || r < 0) {
		if (fd >= 0)
			close(fd);
		return r;
	}
	if (!n) {
		n = made(c, dir, &o->p1, S_IFREG | (o->mode & 07777 & ~MASK));
	} else if (flags & O_TRUNC) {
		mnode_resize(n, 0);
		mtime_now(c, n);
	}
	slot_take(c, o, fd, flags, n);
	return look(c, o, path, n, dir);
}

/* Make, write nothing, close. */
int
op_create(struct ctx *c, const struct op *o)
{
	struct mnode *dir = NULL;
	int want = can_make(c, &o->p1, &dir), fd, r;
	char path[PATH_MAX];

	path_text(c, &o->p1, path, sizeof(path));
	fd = open(path, O_CREAT | O_EXCL | O_WRONLY, o->mode);
	r = expect(c, fd, want);
	if (fd >= 0)
		close(fd);
	if (r < 0 || fd < 0)
		return r;
	return look(c, o, path, made(c, dir, &o->p1,
	    S_IFREG | (o->mode & 07777 & ~MASK)), dir);
}

int
op_tmpfile(struct ctx *c, const struct op *o)
{
	struct mnode *dir, *n = NULL;
	int want = mpath_walk(c, &o->p1, &dir, &n), fd, r;
	int flags = O_TMPFILE | O_RDWR | (o->flags & O_EXCL ? O_EXCL : 0);
	char path[PATH_MAX];

	if (c->slot[o->slot].fd >= 0)
		return 0;
	if (!want)
		want = !n || S_ISLNK(n->mode) ? ENOENT :
		    S_ISDIR(n->mode) ? 0 : ENOTDIR;
	path_text(c, &o->p1, path, sizeof(path));
	fd = open(path, flags, o->mode);
	r = expect(c, fd, want);
	if (r < 0 || fd < 0)
		return r;
	n = mnode_new(c, S_IFREG | (o->mode & 07777 & ~MASK), n);
	n->nlink = 0;
	n->is_linkable = !(o->flags & O_EXCL);
	return verify_fstat(c, slot_take(c, o, fd, O_RDWR, n));
}

int
op_linkfd(struct ctx *c, const struct op *o)
{
	struct slot *s = &c->slot[o->slot];
	char path[PATH_MAX], from[64];
	struct mnode *dir = NULL;
	int want, r, e;

	if (s->fd < 0)
		return 0;
	want = can_make(c, &o->p1, &dir);
	if (!want && s->node->nlink == 0 && !s->node->is_linkable)
		want = ENOENT;
	path_text(c, &o->p1, path, sizeof(path));
	snprintf(from, sizeof(from), "/proc/self/fd/%d", s->fd);
	r = linkat(AT_FDCWD, from, AT_FDCWD, path, AT_SYMLINK_FOLLOW);
	e = expect(c, r, want);
	if (e < 0 || r < 0)
		return e;
	s->node->nlink++;
	s->node->is_linkable = false;
	name_add(c, dir, &o->p1, s->node);
	ctime_now(c, s->node);
	return look(c, o, path, s->node, dir);
}

int
op_mkdir(struct ctx *c, const struct op *o)
{
	struct mnode *dir = NULL;
	int want = can_make(c, &o->p1, &dir), r, e;
	char path[PATH_MAX];

	path_text(c, &o->p1, path, sizeof(path));
	r = mkdir(path, o->mode);
	e = expect(c, r, want);
	if (e < 0 || r < 0)
		return e;
	return look(c, o, path, made(c, dir, &o->p1,
	    S_IFDIR | (o->mode & 01777 & ~MASK)), dir);
}

int
op_mknod(struct ctx *c, const struct op *o)
{
	static const mode_t types[] = { S_IFIFO, S_IFSOCK, S_IFREG, S_IFCHR,
	    S_IFBLK };
	mode_t mode = types[o->flags % 5] | (o->mode & 07777);
	dev_t rdev = makedev(o->seed & 0xfff, o->seed >> 12 & 0xfffff);
	struct mnode *dir = NULL, *n;
	int want = can_make(c, &o->p1, &dir), r, e;
	char path[PATH_MAX];

	if (!want && geteuid() != 0 && (S_ISCHR(mode) || S_ISBLK(mode)))
		want = EPERM;
	path_text(c, &o->p1, path, sizeof(path));
	r = mknod(path, mode, rdev);
	e = expect(c, r, want);
	if (e < 0 || r < 0)
		return e;
	n = made(c, dir, &o->p1, mode & ~(mode_t)MASK);
	n->rdev = rdev;
	return look(c, o, path, n, dir);
}

int
op_symlink(struct ctx *c, const struct op *o)
{
	char path[PATH_MAX], target[256];
	struct mnode *dir = NULL, *n;
	int want = can_make(c, &o->p1, &dir), r, e;

	path_text(c, &o->p1, path, sizeof(path));
	target_text(o->seed, target);
	r = symlink(target, path);
	e = expect(c, r, want);
	if (e < 0 || r < 0)
		return e;
	n = made(c, dir, &o->p1, S_IFLNK | 0777);
	n->target = o->seed;
	n->size = strlen(target);
	return look(c, o, path, n, dir);
}

int
op_readlink(struct ctx *c, const struct op *o)
{
	char path[PATH_MAX], target[256], got[512];
	struct mnode *dir, *n = NULL;
	int want = mpath_walk(c, &o->p1, &dir, &n), e;
	ssize_t r;

	if (!want)
		want = !n ? ENOENT : S_ISLNK(n->mode) ? 0 : EINVAL;
	path_text(c, &o->p1, path, sizeof(path));
	r = readlink(path, got, sizeof(got));
	e = expect(c, r, want);
	if (e < 0 || r < 0)
		return e;
	target_text(n->target, target);
	n->atime = -1;
	if ((size_t)r != strlen(target) || memcmp(got, target, (size_t)r) != 0)
		return failf(c, "another target");
	return 0;
}

int
op_link(struct ctx *c, const struct op *o)
{
	char from[PATH_MAX], to[PATH_MAX];
	struct mnode *dir, *n = NULL;
	int want = mpath_walk(c, &o->p1, &dir, &n), r, e;

	if (!want && !n)
		want = ENOENT;
	if (!want)
		want = can_make(c, &o->p2, &dir);
	if (!want && S_ISDIR(n->mode))
		want = EPERM;
	r = link(path_text(c, &o->p1, from, sizeof(from)),
	    path_text(c, &o->p2, to, sizeof(to)));
	e = expect(c, r, want);
	if (e < 0 || r < 0)
		return e;
	n->nlink++;
	name_add(c, dir, &o->p2, n);
	ctime_now(c, n);
	return look(c, o, to, n, dir);
}

int
op_unlink(struct ctx *c, const struct op *o)
{
	struct mnode *dir, *n = NULL;
	int want = mpath_walk(c, &o->p1, &dir, &n), r, e;
	char path[PATH_MAX];

	if (!want)
		want = !n ? ENOENT : S_ISDIR(n->mode) ? EISDIR : 0;
	path_text(c, &o->p1, path, sizeof(path));
	r = unlink(path);
	e = expect(c, r, want);
	if (e < 0 || r < 0)
		return e;
	name_drop(c, dir, &o->p1);
	return look(c, o, path, NULL, dir);
}

int
op_rmdir(struct ctx *c, const struct op *o)
{
	struct mnode *dir, *n = NULL;
	int want = mpath_walk(c, &o->p1, &dir, &n), r, e;
	char path[PATH_MAX];

	if (!want)
		want = !n ? ENOENT : !S_ISDIR(n->mode) ? ENOTDIR :
		    mnode_is_empty(n) ? 0 : ENOTEMPTY;
	path_text(c, &o->p1, path, sizeof(path));
	r = rmdir(path);
	e = expect(c, r, want);
	if (e < 0 || r < 0)
		return e;
	name_drop(c, dir, &o->p1);
	return look(c, o, path, NULL, dir);
}

/* ---- rename ------------------------------------------------------------- */

struct move {
	struct mnode *da, *a, *db, *b;
	bool is_exchange;
};

static int
rename_wants(struct ctx *c, const struct op *o, struct move *m)
{
	bool is_dir;
	int e = mpath_walk(c, &o->p1, &m->da, &m->a);

	if (!e)
		e = mpath_walk(c, &o->p2, &m->db, &m->b);
	if (e)
		return e;
	if (!m->a)
		return ENOENT;
	if (m->b && (o->flags & RENAME_NOREPLACE))
		return EEXIST;
	if (!m->b && m->is_exchange)
		return ENOENT;
	is_dir = S_ISDIR(m->a->mode);
	if (is_dir && mnode_holds(m->a, m->db))
		return EINVAL;
	if (m->b && S_ISDIR(m->b->mode) && mnode_holds(m->b, m->da))
		return m->is_exchange ? EINVAL : ENOTEMPTY;
	if (!m->b || m->a == m->b || m->is_exchange)
		return 0;
	if (is_dir != (S_ISDIR(m->b->mode) != 0))
		return is_dir ? ENOTDIR : EISDIR;
	return is_dir && !mnode_is_empty(m->b) ? ENOTEMPTY : 0;
}

static void
rename_model(struct ctx *c, const struct op *o, const struct move *m)
{
	if (m->a == m->b)
		return;
	if (m->b && !m->is_exchange)
		name_drop(c, m->db, &o->p2);
	m->da->child[o->p1.at[o->p1.n - 1]] = m->is_exchange ? m->b : NULL;
	m->db->child[o->p2.at[o->p2.n - 1]] = m->a;
	if (S_ISDIR(m->a->mode)) {
		m->da->nsub--;
		m->db->nsub++;
	}
	ctime_now(c, m->a);
	mtime_now(c, m->da);
	mtime_now(c, m->db);
	if (!m->is_exchange)
		return;
	if (S_ISDIR(m->b->mode)) {
		m->db->nsub--;
		m->da->nsub++;
	}
	ctime_now(c, m->b);
}

int
op_rename(struct ctx *c, const struct op *o)
{
	struct move m = { .is_exchange = o->flags & RENAME_EXCHANGE };
	char from[PATH_MAX], to[PATH_MAX];
	int want = rename_wants(c, o, &m), r, e;

	/* Nothing may come to lie deeper than paths reach. */
	if (!want && (o->p2.n + mnode_height(m.a) > RND_DEPTH ||
	    (m.is_exchange && o->p1.n + mnode_height(m.b) > RND_DEPTH)))
		return 0;
	path_text(c, &o->p1, from, sizeof(from));
	path_text(c, &o->p2, to, sizeof(to));
	r = renameat2(AT_FDCWD, from, AT_FDCWD, to, o->flags);
	e = expect(c, r, want);
	if (e < 0 || r < 0)
		return e;
	rename_model(c, o, &m);
	if (look(c, o, to, m.a, m.db) < 0)
		return -1;
	return look(c, o, from, m.is_exchange ? m.b : NULL, m.da);
}
