/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The caller's way through the mount.  It has descriptors of its own, so
 * nothing is called here that uses those of others.  All of it is relative to
 * a root of which a request has proved that it is ours: what is done here to
 * any other file system would be done to it.
 */
#include "fs/live_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
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

static void
want(struct live *l, enum live_what what, uint64_t ino, const char *name)
{
	mutex_lock(&l->lock);
	l->what = what;
	l->ino = ino;
	memcpy(l->name, name, strlen(name) + 1);
	l->is_proved = l->is_proved && what != LIVE_PROVE;
	mutex_unlock(&l->lock);
}

static bool
was_proved(struct live *l)
{
	bool r;

	mutex_lock(&l->lock);
	r = l->is_proved;
	mutex_unlock(&l->lock);
	return r;
}

/* The name that is wanted: have the kernel forget what it knows of it. */
static void
forget(struct live *l)
{
	mutex_lock(&l->lock);
	l->is_stale = true;
	cond_broadcast(&l->call);
	while (l->is_stale)
		cond_wait(&l->call, &l->lock);
	mutex_unlock(&l->lock);
}

/* Open the root; it is that of this mount.  The descriptor, which keeps it
 * from being unmounted, or a negative errno. */
static int
root_open(struct live *l)
{
	struct statfs fs;
	struct stat st;
	bool is_ours;
	int fd;

	fd = open(l->stage->mp, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	want(l, LIVE_PROVE, DRIVE_ROOT_INO, l->proof);
	(void)fstatat(fd, l->proof, &st, AT_SYMLINK_NOFOLLOW);
	/* Nor may it be a layer on top, which asks in our name. */
	is_ours = was_proved(l) && fstatfs(fd, &fs) == 0 &&
	    fs.f_type == FUSE_SUPER_MAGIC;
	want(l, LIVE_NOTHING, 0, "");
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

	root = root_open(l);
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
		want(l, was ? LIVE_APPEAR : LIVE_VANISH, e->folder, e->name);
		forget(l);
		if (was)
			r = make(dir, e->name, mode);
		else
			r = unlinkat(dir, e->name, 0) < 0 ? -errno : 0;
		want(l, LIVE_NOTHING, 0, "");
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
	want(l, LIVE_TOUCH, e->touch, "");
	if (r == 0 && S_ISREG(mode) &&
	    utimensat(fd, "", written, AT_EMPTY_PATH) < 0)
		r = -errno;
	if (r == 0 && utimensat(fd, "", NULL, AT_EMPTY_PATH) < 0)
		r = -errno;
	want(l, LIVE_NOTHING, 0, "");
	(void)close(fd);
	return r;
}

static int
tell(struct live *l)
{
	const struct live_event *e = l->events;
	int dir = folder_open(l, l->path, e->folder);
	size_t i;

	if (dir < 0)
		return dir;
	/* What cannot be told, a folder that may not be written to for
	 * instance, shows when the window is opened again. */
	for (i = 0; i < l->nevents; i++)
		(void)(e[i].touch ? tell_inode(l, dir, &e[i]) :
		    tell_name(l, dir, &e[i]));
	(void)close(dir);
	return 0;
}

/* Whoever has a folder for its own has it by its name again. */
static int
look(struct live *l)
{
	int root = root_open(l), fd;
	size_t i;

	if (root < 0)
		return root;
	for (i = 0; i < l->nlooks; i++) {
		fd = below(root, l->looks[i], O_NOFOLLOW);
		if (fd >= 0)
			(void)close(fd);
	}
	(void)close(root);
	return 0;
}

static int
dev_get(struct live *l)
{
	int fd = root_open(l), r;
	struct stat st;

	if (fd < 0)
		return fd;
	r = fstat(fd, &st) < 0 ? -errno : 0;
	(void)close(fd);
	if (r == 0)
		l->dev = st.st_dev;
	return r;
}

static enum live_job
job_wait(struct live *l)
{
	enum live_job r;

	mutex_lock(&l->lock);
	while (l->job == LIVE_IDLE)
		cond_wait(&l->call, &l->lock);
	r = l->job;
	mutex_unlock(&l->lock);
	return r;
}

/* A table of descriptors of this thread, with nothing of the process's in it:
 * the terminal that the mount is made from is not held by it, either. */
static int
apart(void)
{
	int fd, i;

	if (close_range(3, ~0u, CLOSE_RANGE_UNSHARE) < 0)
		return -errno;
	fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	for (i = 0; i < 3; i++) {
		if (fd >= 0)
			(void)dup2(fd, i);
		else
			(void)close(i);
	}
	if (fd > 2)
		(void)close(fd);
	return 0;
}

void
live_call(void *arg)
{
	struct live *l = arg;
	enum live_job job;
	int off, r;

	off = apart();
	atomic_store(&l->tid, (unsigned)gettid());
	while ((job = job_wait(l)) != LIVE_END) {
		r = off;
		if (r == 0)
			r = job == LIVE_DEV ? dev_get(l) :
			    job == LIVE_LOOK ? look(l) : tell(l);
		mutex_lock(&l->lock);
		l->result = r;
		l->job = LIVE_IDLE;
		cond_broadcast(&l->call);
		mutex_unlock(&l->lock);
	}
	atomic_store(&l->tid, 0);
}
