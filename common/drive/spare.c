/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * spare - room on the disk that is given up when there is no other.  A drive
 * has to write a little at its start, and to note what was uploaded before
 * the blocks of it may go: on a disk that others have filled there would be
 * no way on.  A drive that is open gives up half, which others may take, too;
 * the rest is for the next start.  It is taken again when there is plenty.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "drive/drive_priv.h"
#include "drive/slab.h"
#include "util/log.h"

#define SPARE_BYTES (8u << 20)
#define SPARE_START (4u << 20)	/* of it, kept for the next start */
#define SPARE_LOW (1u << 20)	/* given up when less is free */

static bool
has_more(const struct drive *d, off_t than)
{
	struct stat st;

	return fstat(d->spare_fd, &st) == 0 && st.st_size > than;
}

static void
cut(struct drive *d, off_t to)
{
	struct statvfs v;

	if (d->spare_fd < 0 || !has_more(d, to) ||
	    fstatvfs(d->spare_fd, &v) < 0 ||
	    (uint64_t)v.f_bavail * v.f_frsize >= SPARE_LOW)
		return;
	if (ftruncate(d->spare_fd, to) < 0)
		log_debug("drive: the spare stays: %s", strerror(errno));
	else
		log_warn("drive: the disk of the state directory is full");
}

/* Without it all goes as well, but for a full disk. */
void
spare_open(struct drive *d)
{
	char path[PATH_MAX];

	if (snprintf(path, sizeof(path), "%s/spare", d->conf.state_dir) >=
	    (int)sizeof(path))
		return;
	d->spare_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (d->spare_fd < 0)
		log_debug("drive: no spare: %s", strerror(errno));
	else
		cut(d, 0);
}

void
spare_close(struct drive *d)
{
	if (d->spare_fd >= 0)
		(void)close(d->spare_fd);
	d->spare_fd = -1;
}

void
spare_give(struct drive *d)
{
	cut(d, SPARE_START);
}

void
spare_take(struct drive *d)
{
	if (d->spare_fd < 0 || slab_room(d->slab, 2 * SPARE_BYTES) < 0 ||
	    has_more(d, SPARE_BYTES - 1))
		return;
	/* What it has stays; a file system that does not know how has none. */
	if (fallocate(d->spare_fd, 0, 0, SPARE_BYTES) < 0)
		log_debug("drive: no spare: %s", strerror(errno));
}
