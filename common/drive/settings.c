/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What others set, the counters that they ask for, and telling them of
 * changes.
 */
#include <errno.h>
#include <string.h>
#include <sys/statvfs.h>

#include "drive/tree_priv.h"

#define STAT_BSIZE 4096
#define STAT_FILES (UINT64_C(1) << 32)	/* what statfs says can be made */

void
drive_set_remote_space(struct drive *d, uint64_t total, uint64_t free)
{
	mutex_lock(&d->conf_lock);
	d->remote_total = total;
	d->remote_free = free;
	mutex_unlock(&d->conf_lock);
}

void
drive_set_readonly(struct drive *d, bool on)
{
	__atomic_store_n(&d->is_readonly, on, __ATOMIC_RELAXED);
}

void
drive_set_notify(struct drive *d, const struct drive_notify *n)
{
	static const struct drive_notify none;

	mutex_lock(&d->conf_lock);
	d->notify = n ? *n : none;
	mutex_unlock(&d->conf_lock);
}

void
drive_set_pager(struct drive *d, const struct drive_pager *p)
{
	static const struct drive_pager none;

	mutex_lock(&d->conf_lock);
	d->pager = p ? *p : none;
	mutex_unlock(&d->conf_lock);
}

void
notify_inode(struct drive *d, uint64_t ino)
{
	struct drive_notify n;

	mutex_lock(&d->conf_lock);
	n = d->notify;
	mutex_unlock(&d->conf_lock);
	if (n.inode)
		n.inode(n.arg, ino);
}

void
notify_entry(struct drive *d, uint64_t parent, const char *name,
    uint64_t gone)
{
	struct drive_notify n;

	mutex_lock(&d->conf_lock);
	n = d->notify;
	mutex_unlock(&d->conf_lock);
	if (n.entry)
		n.entry(n.arg, parent, name, gone);
}

void
notify_conflicts(struct drive *d, unsigned count)
{
	struct drive_notify n;

	mutex_lock(&d->conf_lock);
	n = d->notify;
	mutex_unlock(&d->conf_lock);
	if (n.conflicts)
		n.conflicts(n.arg, count);
}

void
drive_usage(struct drive *d, struct drive_usage *ret)
{
	uint64_t sealed;
	int64_t since;

	memset(ret, 0, sizeof(*ret));
	ret->inodes = __atomic_load_n(&d->usage.inodes, __ATOMIC_RELAXED);
	ret->file_bytes = __atomic_load_n(&d->usage.file_bytes,
	    __ATOMIC_RELAXED);
	ret->outbox_ops = __atomic_load_n(&d->usage.outbox_ops,
	    __ATOMIC_RELAXED);
	if (ret->outbox_ops)
		ret->oldest_unpublished_ns = __atomic_load_n(
		    &d->usage.oldest_unpublished_ns, __ATOMIC_RELAXED);
	sealed = __atomic_load_n(&d->sealed_ops, __ATOMIC_RELAXED);
	since = __atomic_load_n(&d->sealed_since_ns, __ATOMIC_RELAXED);
	ret->outbox_ops += sealed;
	if (sealed && since)
		ret->oldest_unpublished_ns = since;
	ret->lost_commits = d->lost_commits;
	content_usage(d, ret);
}

/* With a store that says what it holds, its space; otherwise that of the
 * disk which the drive is kept on. */
void
drive_statfs(struct drive *d, struct drive_statfs *ret)
{
	uint64_t total, left;
	struct drive_usage u;
	struct statvfs vfs;

	drive_usage(d, &u);
	mutex_lock(&d->conf_lock);
	total = d->remote_total;
	left = d->remote_free;
	mutex_unlock(&d->conf_lock);
	if (total == 0) {
		left = u.disk_free_bytes;
		total = u.file_bytes + left;
		if (statvfs(d->conf.state_dir, &vfs) == 0)
			total = (uint64_t)vfs.f_blocks * vfs.f_frsize;
	} else {
		/* What waits here will need room there. */
		left = left > u.staged_bytes ? left - u.staged_bytes : 0;
	}
	memset(ret, 0, sizeof(*ret));
	ret->bsize = STAT_BSIZE;
	ret->blocks = total / STAT_BSIZE;
	ret->bfree = ret->bavail = left / STAT_BSIZE;
	if (ret->bfree > ret->blocks)
		ret->blocks = ret->bfree;
	ret->files = u.inodes + STAT_FILES;
	ret->ffree = STAT_FILES;
}
