/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * coffre_stop - coffre, which is killed before its Nth durable step: a call
 * that changes a file, or brings it to the disk.  N is read from the file
 * $COFFRE_STOP; steps count once that is there.
 *
 * What the libraries call is caught as well: the names of a program come
 * before theirs.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static atomic_long steps;

/* With system calls of its own, so that none of them is a step. */
static long
last_step(void)
{
	const char *path = getenv("COFFRE_STOP");
	char text[32];
	long fd, n;

	fd = path ? syscall(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC) :
	    -1;
	if (fd < 0)
		return 0;
	n = syscall(SYS_read, fd, text, sizeof(text) - 1);
	(void)syscall(SYS_close, fd);
	text[n > 0 ? n : 0] = '\0';
	return strtol(text, NULL, 10);
}

static void
step(void)
{
	int saved = errno;
	long last = last_step();

	/* Whoever comes later waits for the end, too. */
	if (last > 0 && atomic_fetch_add(&steps, 1) + 1 >= last) {
		(void)kill(getpid(), SIGKILL);
		for (;;)
			(void)pause();
	}
	errno = saved;
}

static void
step_fd(int fd)
{
	int saved = errno;
	struct stat st;

	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode))
		step();
	errno = saved;
}

ssize_t
write(int fd, const void *p, size_t n)
{
	step_fd(fd);
	return syscall(SYS_write, fd, p, n);
}

ssize_t
pwrite(int fd, const void *p, size_t n, off_t off)
{
	step_fd(fd);
	return syscall(SYS_pwrite64, fd, p, n, off);
}

int
ftruncate(int fd, off_t len)
{
	step_fd(fd);
	return (int)syscall(SYS_ftruncate, fd, len);
}

int
fsync(int fd)
{
	step();
	return (int)syscall(SYS_fsync, fd);
}

int
fdatasync(int fd)
{
	step();
	return (int)syscall(SYS_fdatasync, fd);
}

int
renameat2(int fd, const char *from, int to_fd, const char *to, unsigned flags)
{
	step();
	return (int)syscall(SYS_renameat2, fd, from, to_fd, to, flags);
}

int
renameat(int fd, const char *from, int to_fd, const char *to)
{
	return renameat2(fd, from, to_fd, to, 0);
}

int
rename(const char *from, const char *to)
{
	return renameat2(AT_FDCWD, from, AT_FDCWD, to, 0);
}

int
linkat(int fd, const char *from, int to_fd, const char *to, int flags)
{
	step();
	return (int)syscall(SYS_linkat, fd, from, to_fd, to, flags);
}

int
link(const char *from, const char *to)
{
	return linkat(AT_FDCWD, from, AT_FDCWD, to, 0);
}

int
unlinkat(int fd, const char *path, int flags)
{
	step();
	return (int)syscall(SYS_unlinkat, fd, path, flags);
}

int
unlink(const char *path)
{
	return unlinkat(AT_FDCWD, path, 0);
}

int
mkdirat(int fd, const char *path, mode_t mode)
{
	step();
	return (int)syscall(SYS_mkdirat, fd, path, mode);
}

int
mkdir(const char *path, mode_t mode)
{
	return mkdirat(AT_FDCWD, path, mode);
}
