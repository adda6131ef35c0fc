/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The thread's way through its own mount.  All of it is relative to a root of
 * which a request has proved that it is ours: what is done here to any other
 * file system would be done to it.
 */
#include "fs/live_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <fuse_lowlevel.h>
#include <linux/magic.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "drive/drive.h"
#include "fs/stage.h"

#define TRIES 3			/* somebody looked a name up in between */

int
live_root(struct live *l)
{
	struct statfs fs;
	struct stat st;
	bool is_ours;
	int fd;

	fd = open(l->stage->mp, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	live_want(l, LIVE_PROVE, DRIVE_ROOT_INO, l->proof);
	(void)fstatat(fd, l->proof, &st, AT_SYMLINK_NOFOLLOW);
	/* Nor may it be a layer on top, which asks in our name. */
	is_ours = live_was_proved(l) && fstatfs(fd, &fs) == 0 &&
	    fs.f_type == FUSE_SUPER_MAGIC;
	live_want(l, LIVE_NOTHING, 0, "");
	if (is_ours)
		return fd;
	(void)close(fd);
	return -ESTALE;
}

/* Never into something that is mounted inside. */
static int
below(int fd, const char *path, uint64_t flags)
{
	struct open_how how = { .flags = O_PATH | O_CLOEXEC | flags,
	    .resolve = RESOLVE_BENEATH | RESOLVE_NO_XDEV |
	    RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS };
	long r = syscall(SYS_openat2, fd, path, &how, sizeof(how));

	return r < 0 ? -errno : (int)r;
}

/* -ESTALE: it is not that inode. */
static int
is_inode(int fd, uint64_t ino, mode_t *ret)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return -errno;
	*ret = st.st_mode;
	return st.st_ino == ino ? 0 : -ESTALE;
}

static int
folder_open(struct live *l, const char *path, uint64_t ino)
{
	int root, fd, r;
	mode_t mode;

	root = live_root(l);
	if (root < 0)
		return root;
	fd = below(root, path[1] ? path + 1 : ".", O_DIRECTORY);
	(void)close(root);
	if (fd < 0)
		return fd;
	r = is_inode(fd, ino, &mode);
	if (r < 0) {
		(void)close(fd);
		return r;
	}
	return fd;
}

static int
make(int dir, const char *name, mode_t mode)
{
	int r;

	if (S_ISDIR(mode))
		r = mkdirat(dir, name, 0700);
	else if (S_ISLNK(mode))
		r = symlinkat("x", dir, name);
	else
		r = mknodat(dir, name, (mode & S_IFMT) | 0600, 0);
	return r < 0 ? -errno : 0;
}

/* 1: it is there, 0: it is not. */
static int
is_there(int dir, const char *name, mode_t *ret)
{
	struct stat st;

	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT ? 0 : -errno;
	*ret = st.st_mode;
	return 1;
}

/* The kernel shall not know the name when it is made, nor know that it is not
 * there when it is taken away. */
static int
tell_name(struct live *l, int dir, const struct live_event *e)
{
	int was, is, i, r = 0;
	mode_t mode = 0;

	is = is_there(dir, e->name, &mode);
	for (i = 0; i < TRIES && is >= 0; i++) {
		was = is;
		live_want(l, was ? LIVE_APPEAR : LIVE_VANISH, e->folder,
		    e->name);
		(void)fuse_lowlevel_notify_inval_entry(l->se, e->folder,
		    e->name, strlen(e->name));
		if (was)
			r = make(dir, e->name, mode);
		else
			r = unlinkat(dir, e->name, 0) < 0 ? -errno : 0;
		live_want(l, LIVE_NOTHING, 0, "");
		/* Somebody may have made it or taken it away meanwhile. */
		is = is_there(dir, e->name, &mode);
		if (is == was && r != -EEXIST && r != -ENOENT)
			return r;
	}
	return is < 0 ? is : r;
}

/* One time alone says that it was written to, both that it has others. */
static int
tell_inode(struct live *l, int dir, const struct live_event *e)
{
	static const struct timespec written[2] = {
		{ 0, UTIME_OMIT }, { 0, UTIME_NOW },
	};
	mode_t mode;
	int fd, r;

	fd = below(dir, e->name[0] ? e->name : ".", O_NOFOLLOW);
	if (fd < 0)
		return fd;
	r = is_inode(fd, e->touch, &mode);
	live_want(l, LIVE_TOUCH, e->touch, "");
	if (r == 0 && S_ISREG(mode) &&
	    utimensat(fd, "", written, AT_EMPTY_PATH) < 0)
		r = -errno;
	if (r == 0 && utimensat(fd, "", NULL, AT_EMPTY_PATH) < 0)
		r = -errno;
	live_want(l, LIVE_NOTHING, 0, "");
	(void)close(fd);
	return r;
}

int
live_tell(struct live *l, const char *path, const struct live_event *e,
    size_t n)
{
	int dir = folder_open(l, path, e->folder);
	size_t i;

	if (dir < 0)
		return dir;
	/* What cannot be told, a folder that may not be written to for
	 * instance, shows when the window is opened again. */
	for (i = 0; i < n; i++)
		(void)(e[i].touch ? tell_inode(l, dir, &e[i]) :
		    tell_name(l, dir, &e[i]));
	(void)close(dir);
	return 0;
}
