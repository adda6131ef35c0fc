/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ops.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/xattr.h>
#include <unistd.h>

int
failf(struct ctx *c, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(c->why, sizeof(c->why), fmt, ap);
	va_end(ap);
	return -1;
}

int
expect(struct ctx *c, long r, int want)
{
	int got = r < 0 ? errno : 0;

	c->did_it = got == 0;
	if (got == want)
		return 0;
	return failf(c, "%s instead of %s",
	    got ? strerrorname_np(got) : "success",
	    want ? strerrorname_np(want) : "success");
}

static int64_t
ns_of(struct timespec ts)
{
	return (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

/* What was seen once is known exactly from then on. */
static int
check_time(struct ctx *c, const char *what, struct span *s, int64_t t,
    bool may_move)
{
	if (t < s->lo || t > s->hi)
		return failf(c, "%s is %lld, not from %lld to %lld", what,
		    (long long)t, (long long)s->lo, (long long)s->hi);
	if (!may_move)
		s->lo = s->hi = t;
	return 0;
}

static int
check_stat(struct ctx *c, struct mnode *n, const struct stat *st)
{
	unsigned nlink = n->nlink + n->nsub;

	if (st->st_mode != n->mode)
		return failf(c, "mode %o instead of %o", st->st_mode, n->mode);
	if (st->st_nlink != nlink)
		return failf(c, "%lu links instead of %u",
		    (unsigned long)st->st_nlink, nlink);
	if (st->st_uid != n->uid || st->st_gid != n->gid)
		return failf(c, "owner %u:%u instead of %u:%u", st->st_uid,
		    st->st_gid, n->uid, n->gid);
	if (n->ino && st->st_ino != n->ino)
		return failf(c, "another inode number");
	n->ino = st->st_ino;
	if ((S_ISCHR(n->mode) || S_ISBLK(n->mode)) && st->st_rdev != n->rdev)
		return failf(c, "device %lx instead of %lx",
		    (unsigned long)st->st_rdev, (unsigned long)n->rdev);
	if ((S_ISREG(n->mode) || S_ISLNK(n->mode)) &&
	    (uint64_t)st->st_size != n->size)
		return failf(c, "size %lld instead of %zu",
		    (long long)st->st_size, n->size);
	if (n->atime >= 0 && ns_of(st->st_atim) != n->atime)
		return failf(c, "atime %lld instead of %lld",
		    (long long)ns_of(st->st_atim), (long long)n->atime);
	if (check_time(c, "mtime", &n->mtime, ns_of(st->st_mtim),
	    n->is_map_dirty) < 0)
		return -1;
	return check_time(c, "ctime", &n->ctime, ns_of(st->st_ctim),
	    n->is_map_dirty);
}

int
verify_stat(struct ctx *c, struct mnode *n, const char *path)
{
	struct stat st;

	if (lstat(path, &st) < 0)
		return failf(c, "lstat: %s", strerror(errno));
	return check_stat(c, n, &st);
}

int
verify_fstat(struct ctx *c, const struct slot *s)
{
	struct stat st;

	if (fstat(s->fd, &st) < 0)
		return failf(c, "fstat: %s", strerror(errno));
	return check_stat(c, s->node, &st);
}

int
verify_bytes(struct ctx *c, const struct mnode *n, uint64_t off, uint8_t *p,
    size_t len)
{
	size_t i, bad = 0, first = 0;

	if (c->run->is_lying && n->was_punched && len > 0)
		p[len / 2] ^= 1;
	if (len == 0 || memcmp(n->data + off, p, len) == 0)
		return 0;
	for (i = 0; i < len; i++) {
		if (n->data[off + i] == p[i])
			continue;
		first = bad++ ? first : i;
	}
	return failf(c, "%zu of %zu bytes differ, first at %llu: "
	    "%02x instead of %02x", bad, len,
	    (unsigned long long)(off + first), p[first],
	    n->data[off + first]);
}

static unsigned
name_index(const char *name)
{
	unsigned i;

	for (i = 0; i < RND_NAMES; i++) {
		if (strcmp(name, name_of(i)) == 0)
			break;
	}
	return i;
}

int
verify_folder(struct ctx *c, struct mnode *n, const char *path)
{
	bool has_seen[RND_NAMES] = { false };
	DIR *d = opendir(path);
	struct dirent *e;
	struct mnode *m;
	unsigned i;

	if (!d)
		return failf(c, "opendir: %s", strerror(errno));
	c->why[0] = '\0';
	while ((e = readdir(d)) != NULL) {
		if (strcmp(e->d_name, ".") == 0 ||
		    strcmp(e->d_name, "..") == 0)
			continue;
		i = name_index(e->d_name);
		m = i < RND_NAMES ? n->child[i] : NULL;
		if (!m)
			failf(c, "listed and not there: %.60s", e->d_name);
		else if (has_seen[i])
			failf(c, "listed twice: %.60s", e->d_name);
		else if (e->d_type != DT_UNKNOWN &&
		    e->d_type != IFTODT(m->mode))
			failf(c, "listed with type %d: %.60s", e->d_type,
			    e->d_name);
		else if (m->ino && e->d_ino != m->ino)
			failf(c, "listed with another inode: %.60s",
			    e->d_name);
		else
			has_seen[i] = true;
		if (c->why[0])
			break;
	}
	closedir(d);
	for (i = 0; i < RND_NAMES && !c->why[0]; i++) {
		if (n->child[i] && !has_seen[i])
			failf(c, "not listed: %.60s", name_of(i));
	}
	n->atime = -1;
	return c->why[0] ? -1 : 0;
}

int
verify_xattrs(struct ctx *c, const struct mnode *n, const char *path)
{
	char name[16], want[RND_XATTR_MAX], got[RND_XATTR_MAX + 1];
	char list[1024];
	unsigned i, n_want = 0;
	ssize_t r, at;

	for (i = 0; i < RND_XATTRS; i++) {
		snprintf(name, sizeof(name), "user.x%u", i);
		r = lgetxattr(path, name, got, sizeof(got));
		if (!n->xattr[i].has) {
			if (r >= 0 || errno != ENODATA)
				return failf(c, "%s is there", name);
			continue;
		}
		n_want++;
		fill(want, n->xattr[i].len, n->xattr[i].seed);
		if (r != n->xattr[i].len || memcmp(got, want, (size_t)r) != 0)
			return failf(c, "%s has another value", name);
	}
	r = llistxattr(path, list, sizeof(list));
	if (r < 0)
		return failf(c, "listxattr: %s", strerror(errno));
	for (at = 0; at < r; at += (ssize_t)strlen(list + at) + 1) {
		if (strncmp(list + at, "user.x", 6) == 0)
			n_want--;
	}
	return n_want == 0 ? 0 : failf(c, "xattrs are not listed right");
}

static int
verify_content(struct ctx *c, struct mnode *n, const char *path)
{
	int fd = open(path, O_RDONLY | O_NOFOLLOW), r;
	ssize_t got;

	if (fd < 0)
		return failf(c, "open: %s", strerror(errno));
	got = pread(fd, c->buf, RND_FILE_MAX, 0);
	n->atime = -1;
	if (got < 0)
		r = failf(c, "read: %s", strerror(errno));
	else if ((size_t)got != n->size)
		r = failf(c, "%zd bytes instead of %zu", got, n->size);
	else
		r = verify_bytes(c, n, 0, c->buf, n->size);
	close(fd);
	return r;
}

/* Everything below, and it itself; why tells where. */
int
verify_tree(struct ctx *c, struct mnode *n, const char *path)
{
	char sub[PATH_MAX], why[RND_WHY];
	unsigned i;
	int r = verify_stat(c, n, path);

	if (r == 0 && S_ISREG(n->mode))
		r = verify_content(c, n, path);
	if (r == 0 && (S_ISREG(n->mode) || S_ISDIR(n->mode)))
		r = verify_xattrs(c, n, path);
	if (r == 0 && S_ISDIR(n->mode))
		r = verify_folder(c, n, path);
	if (r < 0) {
		snprintf(why, sizeof(why), "%s", c->why);
		return failf(c, "%.900s: %.1000s", path, why);
	}
	for (i = 0; S_ISDIR(n->mode) && i < RND_NAMES; i++) {
		if (!n->child[i])
			continue;
		snprintf(sub, sizeof(sub), "%s/%s", path, name_of(i));
		if (verify_tree(c, n->child[i], sub) < 0)
			return -1;
	}
	return 0;
}
