/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Handles of open files.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "drive/content.h"

int
drive_file_open(struct drive *d, uint64_t ino, int flags,
    struct drive_file **ret)
{
	struct drive_file *f;
	int r;

	f = calloc(1, sizeof(*f));
	if (!f)
		return -ENOMEM;
	f->d = d;
	f->n = node_ref(d, ino, true);
	if (!f->n) {
		free(f);
		return -ENOMEM;
	}
	r = node_lock(d, f->n);
	if (r == 0)
		mutex_unlock(&f->n->lock);
	if (r == 0 && (flags & O_TRUNC))
		r = content_truncate(d, ino, 0);
	if (r < 0) {
		node_unref(d, f->n);
		free(f);
		return r;
	}
	*ret = f;
	return 0;
}

int
drive_create(struct drive *d, const struct drive_cred *c, uint64_t parent,
    const char *name, mode_t mode, int flags, struct drive_attr *ret_attr,
    struct drive_file **ret)
{
	int r;

	r = drive_mknod(d, c, parent, name, (mode & 07777) | S_IFREG,
	    ret_attr);
	if (r < 0)
		return r;
	return drive_file_open(d, ret_attr->ino, flags & ~O_TRUNC, ret);
}

void
drive_file_spare(struct drive_file *f)
{
	f->is_sparing = true;
}

uint64_t
drive_file_ino(const struct drive_file *f)
{
	return f->n->ino;
}

int
drive_flush(struct drive_file *f)
{
	int r;

	r = node_lock(f->d, f->n);
	if (r < 0)
		return r;
	r = node_commit(f->d, f->n);
	mutex_unlock(&f->n->lock);
	return r;
}

int
drive_fsync(struct drive_file *f)
{
	int r = drive_flush(f);

	return r < 0 ? r : drive_sync_disk(f->d);
}

int
drive_file_close(struct drive_file *f)
{
	int r = drive_flush(f);

	/* What was accepted stays, if the disk takes it a moment later. */
	if (r == 0)
		node_unref(f->d, f->n);
	else
		node_keep(f->d, f->n);
	free(f);
	return r;
}
