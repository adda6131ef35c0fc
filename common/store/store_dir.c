/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "store/dir_priv.h"
#include "util/buf.h"
#include "util/err.h"
#include "util/file.h"
#include "util/text.h"
#include "util/tr.h"

/*
 * store_dir - objects are files under one folder: a disk, a stick, a share.
 *
 * An object is written under a temporary name in its own folder, fsynced and
 * then given its name, and the folder is fsynced: it is there whole or not at
 * all, also after a power cut.  The root folder is never made except by a
 * probe: without it the disk is not plugged in, and a fresh empty folder in
 * its place would look like a store that has lost everything.
 */

int
dir_errno(int err)
{
	switch (err) {
	case ENOENT:
	case ENOTDIR:
	case EISDIR:
		return -ENOENT;
	case EACCES:
	case EPERM:
	case EROFS:
		return -EACCES;
	case ENOSPC:
	case EDQUOT:
	case EFBIG:
		return -ENOSPC;
	case ENXIO:
	case ENODEV:
	case ENOTCONN:
	case ESTALE:
	case EHOSTDOWN:
	case ENETDOWN:
	case ENETUNREACH:
	case EHOSTUNREACH:
	case ETIMEDOUT:
		return -EHOSTUNREACH;
	default:
		return -err;
	}
}

int
dir_root(struct dir *d)
{
	int fd = open(d->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd >= 0)
		return fd;
	return errno == ENOENT || errno == ENOTDIR ? -EHOSTUNREACH :
	    dir_errno(errno);
}

/* Make the folders above name that are missing, each fsynced into its
 * parent before anything is put into it. */
static int
parents_make(int root, const char *name)
{
	char path[STORE_NAME_MAX + 1];
	int fd, at, r = 0;
	char *p, *slash;

	(void)snprintf(path, sizeof(path), "%s", name);
	at = dup(root);
	if (at < 0)
		return -errno;
	for (p = path; r == 0 && (slash = strchr(p, '/')) != NULL;
	    p = slash + 1) {
		*slash = '\0';
		if (mkdirat(at, p, 0700) == 0) {
			if (fsync(at) < 0)
				r = dir_errno(errno);
		} else if (errno != EEXIST) {
			r = dir_errno(errno);
		}
		fd = openat(at, p, O_RDONLY | O_DIRECTORY | O_NOFOLLOW |
		    O_CLOEXEC);
		if (fd < 0 && r == 0)
			r = errno == ENOTDIR ? -ENOTDIR : dir_errno(errno);
		(void)close(at);
		at = fd;
	}
	if (at >= 0)
		(void)close(at);
	return r;
}

/* The folder that name lies in. */
static int
parent_open(int root, const char *name)
{
	char path[STORE_NAME_MAX + 1];
	char *slash;
	int fd;

	(void)snprintf(path, sizeof(path), "%s", name);
	slash = strrchr(path, '/');
	if (slash)
		*slash = '\0';
	fd = openat(root, slash ? path : ".", O_RDONLY | O_DIRECTORY |
	    O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

static int
write_all(int fd, const void *p, size_t len)
{
	int r = file_write_fd(fd, p, len);

	if (r < 0)
		return dir_errno(-r);
	/* Until here the bytes may be in memory only. */
	return fsync(fd) < 0 ? dir_errno(errno) : 0;
}

/* Give the finished file its name unless that is taken. */
static int
name_if_absent(int at, const char *tmp, const char *base)
{
	if (renameat2(at, tmp, at, base, RENAME_NOREPLACE) == 0)
		return 0;
	if (errno == EEXIST)
		return -EEXIST;
	if (errno != EINVAL && errno != ENOSYS)
		return dir_errno(errno);
	/* Not every file system can; a link never replaces either. */
	if (linkat(at, tmp, at, base, 0) == 0) {
		(void)unlinkat(at, tmp, 0);
		return 0;
	}
	if (errno == EEXIST)
		return -EEXIST;
	if (errno != EPERM && errno != EOPNOTSUPP && errno != EMLINK &&
	    errno != ENOSYS)
		return dir_errno(errno);
	/* Neither: a look before is the best there is. */
	if (faccessat(at, base, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
		return -EEXIST;
	return renameat(at, tmp, at, base) < 0 ? dir_errno(errno) : 0;
}

static int
temp_open(int at, char *tmp, size_t cap)
{
	uint8_t rnd[10];
	char text[BASE32_LEN(sizeof(rnd)) + 1];
	int fd;

	if (getrandom(rnd, sizeof(rnd), 0) != sizeof(rnd))
		return -EIO;
	base32_encode(rnd, sizeof(rnd), text);
	(void)snprintf(tmp, cap, DIR_TEMP "%s", text);
	fd = openat(at, tmp, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW |
	    O_CLOEXEC, 0600);
	return fd < 0 ? dir_errno(errno) : fd;
}

static int
put_at(int at, const char *base, const void *p, size_t len, unsigned flags)
{
	char tmp[64];
	int fd, r;

	/* Spare the disk the bytes; the answer that counts comes later. */
	if ((flags & STORE_IF_ABSENT) &&
	    faccessat(at, base, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
		return -EEXIST;
	fd = temp_open(at, tmp, sizeof(tmp));
	if (fd < 0)
		return fd;
	r = write_all(fd, p, len);
	if (close(fd) < 0 && r == 0)
		r = dir_errno(errno);
	if (r == 0) {
		if (flags & STORE_IF_ABSENT)
			r = name_if_absent(at, tmp, base);
		else if (renameat(at, tmp, at, base) < 0)
			r = dir_errno(errno);
	}
	if (r < 0)
		(void)unlinkat(at, tmp, 0);
	else if (fsync(at) < 0)
		r = dir_errno(errno);
	return r;
}

static int
dir_put(struct store *s, const char *name, const void *p, size_t len,
    unsigned flags)
{
	struct dir *d = (struct dir *)s;
	const char *base = strrchr(name, '/');
	int root, at, r;

	root = dir_root(d);
	if (root < 0)
		return root;
	at = parent_open(root, name);
	if (at == -ENOENT) {
		r = parents_make(root, name);
		at = r < 0 ? r : parent_open(root, name);
	}
	(void)close(root);
	if (at < 0)
		return at == -ENOTDIR ? at : dir_errno(-at);
	r = put_at(at, base ? base + 1 : name, p, len, flags);
	(void)close(at);
	/* Somebody took the folder or the temporary file away: again. */
	return r == -ENOENT ? -EHOSTUNREACH : r;
}

/* Open an object for reading and tell its size. */
static int
object_open(struct dir *d, const char *name, uint64_t *ret_size)
{
	struct stat st;
	int root, fd, r;

	root = dir_root(d);
	if (root < 0)
		return root;
	fd = openat(root, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC |
	    O_NONBLOCK);
	r = fd < 0 ? dir_errno(errno) : 0;
	(void)close(root);
	if (r < 0)
		return r;
	if (fstat(fd, &st) < 0)
		r = dir_errno(errno);
	else if (!S_ISREG(st.st_mode))
		r = -ENOENT;
	if (r < 0) {
		(void)close(fd);
		return r;
	}
	*ret_size = (uint64_t)st.st_size;
	return fd;
}

static int
read_part(int fd, uint64_t off, size_t len, struct buf *out)
{
	char *at;
	ssize_t n;
	size_t done = 0;

	at = buf_reserve(out, len);
	if (!at) {
		int r = out->err;

		out->err = 0;
		return r;
	}
	while (done < len) {
		n = pread(fd, at + done, len - done, (off_t)(off + done));
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return dir_errno(errno);
		if (n == 0)
			return -EPROTO;	/* objects do not shrink */
		done += (size_t)n;
	}
	out->len += len;
	return 0;
}

static int
dir_get(struct store *s, const char *name, struct buf *out)
{
	uint64_t size;
	int fd, r;

	fd = object_open((struct dir *)s, name, &size);
	if (fd < 0)
		return fd;
	r = size > out->max - out->len ? -EFBIG :
	    read_part(fd, 0, (size_t)size, out);
	(void)close(fd);
	return r;
}

static int
dir_get_range(struct store *s, const char *name, uint64_t off, size_t len,
    struct buf *out)
{
	uint64_t size;
	int fd, r;

	fd = object_open((struct dir *)s, name, &size);
	if (fd < 0)
		return fd;
	r = off > size || len > size - off ? -ERANGE :
	    read_part(fd, off, len, out);
	(void)close(fd);
	return r;
}

static int
dir_del(struct store *s, const char *name)
{
	struct dir *d = (struct dir *)s;
	int root, r = 0, at;

	root = dir_root(d);
	if (root < 0)
		return root;
	if (unlinkat(root, name, 0) < 0)
		r = dir_errno(errno);
	at = r == 0 ? parent_open(root, name) : -1;
	if (at >= 0) {
		if (fsync(at) < 0)
			r = dir_errno(errno);
		(void)close(at);
	}
	(void)close(root);
	return r;
}

static int
dir_space(struct store *s, struct store_space *ret)
{
	struct dir *d = (struct dir *)s;
	struct statvfs v;

	if (statvfs(d->path, &v) < 0)
		return errno == ENOENT || errno == ENOTDIR ? -EHOSTUNREACH :
		    dir_errno(errno);
	ret->total_bytes = (uint64_t)v.f_blocks * v.f_frsize;
	ret->free_bytes = (uint64_t)v.f_bavail * v.f_frsize;
	return 0;
}

static unsigned
dir_caps(struct store *s)
{
	(void)s;
	return STORE_CAP_IF_ABSENT | STORE_CAP_RANGE | STORE_CAP_QUOTA |
	    STORE_CAP_ATOMIC_PUT;
}

static int
dir_probe(struct store *s, struct err *e)
{
	struct dir *d = (struct dir *)s;
	unsigned caps = 0;
	int r;

	r = file_mkdirs(d->path);
	if (r == 0)
		r = file_sync_parent(d->path);
	if (r < 0)
		return err_set(e, r, "cannot make the folder '%s': %s",
		    d->path, strerror(-r));
	r = store_probe_run(s, &caps, e);
	if (r == 0 && !(caps & STORE_CAP_IF_ABSENT))
		r = err_set(e, -EIO, "the folder '%s' loses what is in it",
		    d->path);
	return r;
}

static void
dir_get_hint(struct store *s, struct store_hint *ret)
{
	struct dir *d = (struct dir *)s;
	struct stat st;

	if (stat(d->path, &st) < 0 || !S_ISDIR(st.st_mode))
		(void)snprintf(ret->msg, sizeof(ret->msg), N_("the folder "
		    "'%.150s' is not there: is its disk plugged in and "
		    "mounted?"), d->path);
}

/* The kernel's own waits cannot be ended from here. */
static void
dir_interrupt(struct store *s, bool on)
{
	(void)s;
	(void)on;
}

static void
dir_close(struct store *s)
{
	struct dir *d = (struct dir *)s;

	free(d->path);
	store_done(s);
	free(d);
}

static const struct store_ops dir_ops = {
	.put = dir_put,
	.get = dir_get,
	.get_range = dir_get_range,
	.del = dir_del,
	.list = dir_list,
	.space = dir_space,
	.caps = dir_caps,
	.probe = dir_probe,
	.get_hint = dir_get_hint,
	.interrupt = dir_interrupt,
	.close = dir_close,
};

int
store_dir_new(const char *path, struct store **ret, struct err *e)
{
	char url[PATH_MAX + 8];
	struct dir *d;

	if (path[0] != '/' || strlen(path) >= PATH_MAX)
		return err_set(e, -EINVAL, "the folder of a store is an "
		    "absolute path: 'dir:/path'");
	(void)snprintf(url, sizeof(url), "dir:%s", path);
	d = calloc(1, sizeof(*d));
	if (!d || store_init(&d->base, &dir_ops, url) < 0) {
		free(d);
		return err_set(e, -ENOMEM, "out of memory");
	}
	d->path = strdup(path);
	if (!d->path) {
		dir_close(&d->base);
		return err_set(e, -ENOMEM, "out of memory");
	}
	*ret = &d->base;
	return 0;
}
