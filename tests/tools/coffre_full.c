/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * coffre_full - coffre, on a disk that takes no write into a file as long as
 * the file $COFFRE_FULL is there.  What the drive holds in reserve for such a
 * time is of no help.
 *
 * What the libraries call is caught as well, as in coffre_stop.c.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

ssize_t
pwrite(int fd, const void *p, size_t n, off_t off)
{
	const char *path = getenv("COFFRE_FULL");

	if (path && syscall(SYS_faccessat, AT_FDCWD, path, F_OK) == 0) {
		errno = ENOSPC;
		return -1;
	}
	return syscall(SYS_pwrite64, fd, p, n, off);
}
