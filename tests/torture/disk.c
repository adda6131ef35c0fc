/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Calls of libc that touch files stand here before they stand in libc, for
 * the library and for SQLite.  Those on files below plan.dir are points.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/torture/torture.h"

#define FDS 4096

ssize_t real_pwrite(int fd, const void *p, size_t n, off_t off);
int real_open(const char *path, int flags, mode_t mode);
int real_ftruncate(int fd, off_t size);
int real_unlink(const char *path);

/* What a descriptor is: 0 not ours, 1 of the store, else 2 + a state file. */
static char names[FDS][32];
static char boot[128];

#define REAL(fn, type)							\
	static type p_##fn;						\
	if (!p_##fn)							\
		*(void **)(void *)&p_##fn = dlsym(RTLD_NEXT, #fn);

typedef ssize_t (*pwrite_fn)(int, const void *, size_t, off_t);
typedef ssize_t (*pread_fn)(int, void *, size_t, off_t);
typedef ssize_t (*write_fn)(int, const void *, size_t);
typedef int (*open_fn)(const char *, int, ...);
typedef int (*openat_fn)(int, const char *, int, ...);
typedef int (*fd_fn)(int);
typedef int (*size_fn)(int, off_t);
typedef int (*path_fn)(const char *);
typedef int (*renameat_fn)(int, const char *, int, const char *);
typedef int (*renameat2_fn)(int, const char *, int, const char *, unsigned);
typedef int (*linkat_fn)(int, const char *, int, const char *, int);
typedef int (*falloc_fn)(int, int, off_t, off_t);

ssize_t
real_pwrite(int fd, const void *p, size_t n, off_t off)
{
	REAL(pwrite64, pwrite_fn)
	return p_pwrite64(fd, p, n, off);
}

int
real_open(const char *path, int flags, mode_t mode)
{
	REAL(open64, open_fn)
	return p_open64(path, flags, mode);
}

int
real_ftruncate(int fd, off_t size)
{
	REAL(ftruncate64, size_fn)
	return p_ftruncate64(fd, size);
}

int
real_unlink(const char *path)
{
	REAL(unlink, path_fn)
	return p_unlink(path);
}

void
disk_boot(const char *path)
{
	(void)snprintf(boot, sizeof(boot), "%s", path);
}

/* ---- which file ---------------------------------------------------------- */

static bool
is_state(const char *name)
{
	return strncmp(name, "drive.db", 8) == 0 ||
	    strcmp(name, "blocks.dat") == 0 ||
	    strcmp(name, "blocks.sum") == 0;
}

/* "" if it is none of ours. */
static const char *
name_of(int fd)
{
	return fd >= 0 && fd < FDS && shared && shared->is_armed ? names[fd] :
	    "";
}

static void
name_set(int fd)
{
	char link[64], path[256];
	const char *base;
	ssize_t n;

	if (fd < 0 || fd >= FDS)
		return;
	names[fd][0] = '\0';
	if (!plan.dir[0])
		return;
	(void)snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	n = readlink(link, path, sizeof(path) - 1);
	if (n <= 0)
		return;
	path[n] = '\0';
	if (strncmp(path, plan.dir, strlen(plan.dir)) != 0)
		return;
	base = strrchr(path, '/') + 1;
	if (!is_state(base))
		base = strstr(path, "/store") ? "object" : "";
	(void)snprintf(names[fd], sizeof(names[fd]), "%s", base);
}

static int
fails(void)
{
	errno = plan.err;
	return -1;
}

/* ---- calls that open and read -------------------------------------------- */

static bool
open_fails(const char *path)
{
	if (!plan.dir[0] || strncmp(path, plan.dir, strlen(plan.dir)) != 0)
		return false;
	return point(POINT_OPEN, "open of", strrchr(path, '/') + 1);
}

int
open64(const char *path, int flags, ...)
{
	const char *base = strrchr(path, '/');
	mode_t mode = 0;
	va_list ap;
	int fd;

	va_start(ap, flags);
	if (flags & (O_CREAT | __O_TMPFILE))
		mode = va_arg(ap, mode_t);
	va_end(ap);
	if (boot[0] && strcmp(path, "/proc/sys/kernel/random/boot_id") == 0)
		path = boot;
	if (open_fails(path))
		return fails();
	if (plan.how == HOW_CUT && (flags & O_CREAT) && base &&
	    is_state(base + 1) && shared->is_armed)
		cut_create(base + 1);
	fd = real_open(path, flags, mode);
	name_set(fd);
	return fd;
}

int
openat64(int at, const char *path, int flags, ...)
{
	REAL(openat64, openat_fn)
	mode_t mode = 0;
	va_list ap;
	int fd;

	va_start(ap, flags);
	if (flags & (O_CREAT | __O_TMPFILE))
		mode = va_arg(ap, mode_t);
	va_end(ap);
	if (name_of(at)[0] && point(POINT_OPEN, "open of", "an object"))
		return fails();
	fd = p_openat64(at, path, flags, mode);
	name_set(fd);
	return fd;
}

ssize_t
pread64(int fd, void *p, size_t n, off_t off)
{
	REAL(pread64, pread_fn)
	const char *name = name_of(fd);

	if (name[0] && point(POINT_OPEN, "read of", name))
		return fails();
	return p_pread64(fd, p, n, off);
}

/* ---- calls that change --------------------------------------------------- */

ssize_t
pwrite64(int fd, const void *p, size_t n, off_t off)
{
	const char *name = name_of(fd);
	ssize_t done;

	if (!name[0])
		return real_pwrite(fd, p, n, off);
	if (plan.how == HOW_CUT && is_state(name))
		cut_write(name, (uint64_t)off, p, n);
	if (!point(POINT_DISK, "write of", name))
		return real_pwrite(fd, p, n, off);
	if (plan.how == HOW_FAIL)
		return fails();
	done = real_pwrite(fd, p, plan.how == HOW_SHORT ? (n + 1) / 2 : n,
	    off);
	return plan.how == HOW_SHORT ? done : fails();
}

ssize_t
write(int fd, const void *p, size_t n)
{
	REAL(write, write_fn)
	const char *name = name_of(fd);

	if (!name[0] || !point(POINT_DISK, "write of", name))
		return p_write(fd, p, n);
	if (plan.how == HOW_FAIL)
		return fails();
	if (plan.how == HOW_SHORT)
		return p_write(fd, p, (n + 1) / 2);
	(void)!p_write(fd, p, n);
	return fails();
}

/* The part that all the others share: false: the call is not to be made. */
static bool
may(const char *what, const char *name, bool *ret_due)
{
	*ret_due = name[0] && point(POINT_DISK, what, name);
	return !*ret_due || plan.how != HOW_FAIL;
}

static int
flush(int fd, int (*real)(int))
{
	const char *name = name_of(fd);
	bool due;
	int r;

	if (!may("flush of", name, &due))
		return fails();
	r = real(fd);
	if (r == 0 && plan.how == HOW_CUT && is_state(name))
		cut_flush(name);
	return due && plan.how != HOW_SHORT ? fails() : r;
}

int
fdatasync(int fd)
{
	REAL(fdatasync, fd_fn)
	return flush(fd, p_fdatasync);
}

int
fsync(int fd)
{
	REAL(fsync, fd_fn)
	return flush(fd, p_fsync);
}

int
ftruncate64(int fd, off_t size)
{
	const char *name = name_of(fd);
	bool due;
	int r;

	if (plan.how == HOW_CUT && is_state(name))
		cut_size(name, (uint64_t)size);
	if (!may("truncation of", name, &due))
		return fails();
	r = real_ftruncate(fd, size);
	return due && plan.how != HOW_SHORT ? fails() : r;
}

int
fallocate64(int fd, int mode, off_t off, off_t len)
{
	REAL(fallocate64, falloc_fn)
	const char *name = name_of(fd);
	bool due;
	int r;

	if (plan.how == HOW_CUT && is_state(name) &&
	    (mode & FALLOC_FL_PUNCH_HOLE))
		cut_write(name, (uint64_t)off, NULL, (size_t)len);
	if (!may("hole in", name, &due))
		return fails();
	r = p_fallocate64(fd, mode, off, len);
	return due && plan.how != HOW_SHORT ? fails() : r;
}

int
unlink(const char *path)
{
	const char *base = strrchr(path, '/');
	bool due = false;
	int r;

	base = base ? base + 1 : path;
	if (!plan.dir[0] || !is_state(base) || !shared->is_armed)
		return real_unlink(path);
	if (!may("removal of", base, &due))
		return fails();
	r = real_unlink(path);
	if (r == 0 && plan.how == HOW_CUT)
		cut_unlink(base);
	return due && plan.how != HOW_SHORT ? fails() : r;
}

int
renameat(int a, const char *from, int b, const char *to)
{
	REAL(renameat, renameat_fn)
	bool due;
	int r;

	if (!may("rename to", name_of(a)[0] ? to : "", &due))
		return fails();
	r = p_renameat(a, from, b, to);
	return due && plan.how != HOW_SHORT ? fails() : r;
}

int
renameat2(int a, const char *from, int b, const char *to, unsigned flags)
{
	REAL(renameat2, renameat2_fn)
	bool due;
	int r;

	if (!may("rename to", name_of(a)[0] ? to : "", &due))
		return fails();
	r = p_renameat2(a, from, b, to, flags);
	return due && plan.how != HOW_SHORT ? fails() : r;
}

int
linkat(int a, const char *from, int b, const char *to, int flags)
{
	REAL(linkat, linkat_fn)
	bool due;
	int r;

	if (!may("link to", name_of(a)[0] ? to : "", &due))
		return fails();
	r = p_linkat(a, from, b, to, flags);
	return due && plan.how != HOW_SHORT ? fails() : r;
}

/* A descriptor that is used again is another file. */
int
close(int fd)
{
	REAL(close, fd_fn)

	if (fd >= 0 && fd < FDS)
		names[fd][0] = '\0';
	return p_close(fd);
}
