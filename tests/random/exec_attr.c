/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Operations on attributes, xattrs and folders, by name. */
#include "ops.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/statvfs.h>
#include <sys/xattr.h>
#include <unistd.h>

/* What is at the path, links not followed. */
static int
at(struct ctx *c, const struct op *o, struct mnode **ret, char *path)
{
	struct mnode *dir;
	int e = mpath_walk(c, &o->p1, &dir, ret);

	path_text(c, &o->p1, path, PATH_MAX);
	return e ? e : *ret ? 0 : ENOENT;
}

int
op_stat(struct ctx *c, const struct op *o)
{
	char path[PATH_MAX];
	struct mnode *n = NULL;
	int want = at(c, o, &n, path), r;
	struct stat st;

	r = lstat(path, &st);
	if (expect(c, r, want) < 0)
		return -1;
	return r < 0 ? 0 : verify_stat(c, n, path);
}

/* Others write meanwhile: of its numbers only what always holds. */
int
op_statfs(struct ctx *c, const struct op *o)
{
	char path[PATH_MAX];
	struct mnode *n = NULL;
	struct statvfs v;
	int want, r;

	want = mpath_follow(c, &o->p1, &n);
	path_text(c, &o->p1, path, sizeof(path));
	r = statvfs(path, &v);
	if (expect(c, r, want) < 0)
		return -1;
	if (r == 0 && (v.f_namemax != 255 || v.f_bsize == 0 ||
	    v.f_frsize == 0 || v.f_blocks == 0 || v.f_bfree > v.f_blocks ||
	    v.f_bavail > v.f_bfree || v.f_ffree > v.f_files))
		return failf(c, "statfs: names of %lu, %lu of %lu blocks free, "
		    "%lu for users, %lu of %lu inodes free", v.f_namemax,
		    (unsigned long)v.f_bfree, (unsigned long)v.f_blocks,
		    (unsigned long)v.f_bavail, (unsigned long)v.f_ffree,
		    (unsigned long)v.f_files);
	return 0;
}

int
op_chmod(struct ctx *c, const struct op *o)
{
	char path[PATH_MAX];
	struct mnode *n = NULL;
	int want, r;

	want = mpath_follow(c, &o->p1, &n);
	path_text(c, &o->p1, path, sizeof(path));
	r = chmod(path, o->mode & 07777);
	if (expect(c, r, want) < 0)
		return -1;
	if (r < 0)
		return 0;
	n->mode = (n->mode & S_IFMT) | (o->mode & 07777);
	ctime_now(c, n);
	return verify_stat(c, n, path);
}

/* The list as the kernel has it in an xattr: somebody besides owner, group and
 * others. */
#define ACL_LEN 44

static void
acl_put(uint8_t *p, mode_t mode, unsigned who, unsigned group)
{
	const struct {
		unsigned tag, perm, id;
	} e[] = {
		{ 1, mode >> 6 & 7, UINT32_MAX },	/* owner */
		{ 2, who & 7, 12345 },
		{ 4, group & 7, UINT32_MAX },
		{ 16, mode >> 3 & 7, UINT32_MAX },	/* the most of these */
		{ 32, mode & 7, UINT32_MAX },		/* others */
	};
	unsigned i, k;

	memset(p, 0, ACL_LEN);
	p[0] = 2;
	for (i = 0, p += 4; i < 5; i++, p += 8) {
		p[0] = (uint8_t)e[i].tag;
		p[2] = (uint8_t)e[i].perm;
		for (k = 0; k < 4; k++)
			p[4 + k] = (uint8_t)(e[i].id >> 8 * k);
	}
}

static int
acl_is(struct ctx *c, const char *path, const uint8_t *want)
{
	uint8_t is[ACL_LEN + 1];
	ssize_t n = getxattr(path, "system.posix_acl_access", is, sizeof(is));

	if (n != ACL_LEN || memcmp(is, want, ACL_LEN) != 0)
		return failf(c, "the ACL is another one, of %zd bytes", n);
	return 0;
}

/* An ACL is given, changed by a mode, and taken again: the mode stays. */
int
op_acl(struct ctx *c, const struct op *o)
{
	mode_t mode = o->mode & 0777, next = o->flags & 0777;
	unsigned who = o->flags >> 9, group = o->flags >> 12;
	char path[PATH_MAX];
	uint8_t acl[ACL_LEN];
	struct mnode *n = NULL;
	int want, r;

	want = mpath_follow(c, &o->p1, &n);
	path_text(c, &o->p1, path, sizeof(path));
	acl_put(acl, mode, who, group);
	r = setxattr(path, "system.posix_acl_access", acl, ACL_LEN, 0);
	if (expect(c, r, want) < 0)
		return -1;
	if (r < 0)
		return 0;
	n->mode = (n->mode & ~(mode_t)0777) | mode;
	ctime_now(c, n);
	if (acl_is(c, path, acl) < 0 || verify_stat(c, n, path) < 0)
		return -1;
	next |= n->mode & 07000;
	if (expect(c, chmod(path, next), 0) < 0)
		return -1;
	n->mode = (n->mode & S_IFMT) | next;
	acl_put(acl, next, who, group);
	if (acl_is(c, path, acl) < 0 || expect(c,
	    removexattr(path, "system.posix_acl_access"), 0) < 0)
		return -1;
	ctime_now(c, n);
	return verify_stat(c, n, path);
}

int
op_fchmod(struct ctx *c, const struct op *o)
{
	struct slot *s = &c->slot[o->slot];
	int r;

	if (s->fd < 0)
		return 0;
	r = fchmod(s->fd, o->mode & 07777);
	if (expect(c, r, 0) < 0)
		return -1;
	s->node->mode = S_IFREG | (o->mode & 07777);
	ctime_now(c, s->node);
	return verify_fstat(c, s);
}

int
op_chown(struct ctx *c, const struct op *o)
{
	uid_t uid = o->flags & 1 ? (uid_t)-1 : (uid_t)(o->off % 5);
	gid_t gid = o->flags & 2 ? (gid_t)-1 : (gid_t)(o->off2 % 5);
	char path[PATH_MAX];
	struct mnode *n = NULL;
	int want = at(c, o, &n, path), r;

	r = lchown(path, uid, gid);
	if (expect(c, r, want) < 0)
		return -1;
	if (r < 0)
		return 0;
	if (uid != (uid_t)-1)
		n->uid = uid;
	if (gid != (gid_t)-1)
		n->gid = gid;
	/* Even root's chown takes these away, of all but folders. */
	if (!S_ISDIR(n->mode)) {
		n->mode &= ~(mode_t)S_ISUID;
		if (n->mode & S_IXGRP)
			n->mode &= ~(mode_t)S_ISGID;
	}
	if (uid == (uid_t)-1 && gid == (gid_t)-1)
		n->ctime.hi = now_ns();
	else
		ctime_now(c, n);
	return verify_stat(c, n, path);
}

static void
time_of(uint64_t v, int how, struct timespec *ret)
{
	ret->tv_sec = (time_t)(v % 4000000000u);
	ret->tv_nsec = how == 0 ? UTIME_OMIT : how == 1 ? UTIME_NOW :
	    (long)(v / 7 % 1000000000u);
}

int
op_utimens(struct ctx *c, const struct op *o)
{
	int how_a = o->flags & 3, how_m = o->flags >> 2 & 3;
	struct timespec ts[2];
	char path[PATH_MAX];
	struct mnode *n = NULL;
	int want = at(c, o, &n, path), r;

	time_of(o->off, how_a, &ts[0]);
	time_of(o->off2, how_m, &ts[1]);
	r = utimensat(AT_FDCWD, path, ts, AT_SYMLINK_NOFOLLOW);
	/* With nothing to set nothing is looked at, says Linux. */
	if (how_a == 0 && how_m == 0)
		want = 0;
	if (expect(c, r, want) < 0)
		return -1;
	if (r < 0 || (how_a == 0 && how_m == 0))
		return 0;
	ctime_now(c, n);
	if (how_a == 1)
		n->atime = -1;
	else if (how_a > 1)
		n->atime = ts[0].tv_sec * 1000000000 + ts[0].tv_nsec;
	if (how_m == 1)
		n->mtime = n->ctime;
	else if (how_m > 1)
		n->mtime.lo = n->mtime.hi =
		    ts[1].tv_sec * 1000000000 + ts[1].tv_nsec;
	return verify_stat(c, n, path);
}

int
op_truncate(struct ctx *c, const struct op *o)
{
	char path[PATH_MAX];
	struct mnode *n = NULL;
	int want, r;

	want = mpath_follow(c, &o->p1, &n);
	if (!want)
		want = S_ISDIR(n->mode) ? EISDIR : S_ISREG(n->mode) ? 0 :
		    EINVAL;
	path_text(c, &o->p1, path, sizeof(path));
	r = truncate(path, (off_t)o->len);
	if (expect(c, r, want) < 0)
		return -1;
	if (r < 0)
		return 0;
	/* Without a change of size the times may stay. */
	if (n->size == o->len)
		mtime_maybe(c, n);
	else
		mtime_now(c, n);
	mnode_resize(n, o->len);
	return verify_stat(c, n, path);
}

/* ---- xattrs ------------------------------------------------------------- */

static bool
takes_xattrs(const struct mnode *n)
{
	return S_ISREG(n->mode) || S_ISDIR(n->mode);
}

int
op_setxattr(struct ctx *c, const struct op *o)
{
	char path[PATH_MAX], name[16], value[RND_XATTR_MAX];
	unsigned i = o->slot % RND_XATTRS;
	size_t len = o->len % RND_XATTR_MAX;
	struct mnode *n = NULL;
	int want = at(c, o, &n, path), r;

	if (!want && !takes_xattrs(n))
		return 0;
	if (!want && (o->flags & XATTR_CREATE) && n->xattr[i].has)
		want = EEXIST;
	if (!want && (o->flags & XATTR_REPLACE) && !n->xattr[i].has)
		want = ENODATA;
	snprintf(name, sizeof(name), "user.x%u", i);
	fill(value, len, o->seed);
	r = lsetxattr(path, name, value, len, (int)o->flags);
	if (expect(c, r, want) < 0)
		return -1;
	if (r < 0)
		return 0;
	n->xattr[i].has = true;
	n->xattr[i].len = (uint16_t)len;
	n->xattr[i].seed = o->seed;
	ctime_now(c, n);
	return o->seed % 4 ? 0 : verify_stat(c, n, path);
}

int
op_getxattr(struct ctx *c, const struct op *o)
{
	char path[PATH_MAX], name[16], got[RND_XATTR_MAX];
	char value[RND_XATTR_MAX];
	unsigned i = o->slot % RND_XATTRS;
	struct mnode *n = NULL;
	int want = at(c, o, &n, path);
	size_t size = o->len % RND_XATTR_MAX;
	ssize_t r;

	if (!want && !takes_xattrs(n))
		return 0;
	if (!want)
		want = !n->xattr[i].has ? ENODATA :
		    size && size < n->xattr[i].len ? ERANGE : 0;
	snprintf(name, sizeof(name), "user.x%u", i);
	r = lgetxattr(path, name, got, size);
	if (expect(c, r, want) < 0)
		return -1;
	if (r < 0)
		return 0;
	if (r != n->xattr[i].len)
		return failf(c, "length %zd instead of %u", r,
		    n->xattr[i].len);
	fill(value, (size_t)r, n->xattr[i].seed);
	if (size && memcmp(got, value, (size_t)r) != 0)
		return failf(c, "another value");
	return 0;
}

int
op_rmxattr(struct ctx *c, const struct op *o)
{
	unsigned i = o->slot % RND_XATTRS;
	char path[PATH_MAX], name[16];
	struct mnode *n = NULL;
	int want = at(c, o, &n, path), r;

	if (!want && !takes_xattrs(n))
		return 0;
	if (!want && !n->xattr[i].has)
		want = ENODATA;
	snprintf(name, sizeof(name), "user.x%u", i);
	r = lremovexattr(path, name);
	if (expect(c, r, want) < 0)
		return -1;
	if (r < 0)
		return 0;
	n->xattr[i].has = false;
	ctime_now(c, n);
	return o->seed % 4 ? 0 : verify_stat(c, n, path);
}

int
op_listxattr(struct ctx *c, const struct op *o)
{
	char path[PATH_MAX];
	struct mnode *n = NULL;
	int want = at(c, o, &n, path);

	if (want || !takes_xattrs(n))
		return 0;
	c->did_it = true;
	return verify_xattrs(c, n, path);
}

/* ---- folders ------------------------------------------------------------ */

int
op_readdir(struct ctx *c, const struct op *o)
{
	char path[PATH_MAX];
	struct mnode *n = NULL;
	int want = at(c, o, &n, path), fd;

	if (!want)
		want = S_ISLNK(n->mode) ? ELOOP : S_ISDIR(n->mode) ? 0 :
		    ENOTDIR;
	/* With O_NOFOLLOW a link is no folder either, says Linux. */
	if (want == ELOOP)
		want = ENOTDIR;
	fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
	if (expect(c, fd, want) < 0) {
		if (fd >= 0)
			close(fd);
		return -1;
	}
	if (fd < 0)
		return 0;
	if (o->flags & 1 && fsync(fd) < 0) {
		close(fd);
		return failf(c, "fsync of a folder: %s", strerror(errno));
	}
	close(fd);
	return verify_folder(c, n, path);
}

int
op_verify(struct ctx *c, const struct op *o)
{
	(void)o;
	c->did_it = true;
	return verify_tree(c, c->root, c->top);
}
