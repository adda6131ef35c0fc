/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Inodes without a name that the kernel has forgotten.  What they held goes
 * when the run of removals is over, as XFS does it ("inodegc"): who removes
 * a tree waits for half as much.  A start reaps what is left.
 */
#include "drive/drive.h"

#include "drive/tree_priv.h"
#include "util/log.h"

#define REAP_BATCH 64		/* inodes in one transaction */
#define BUSY_CHANGES 300	/* between two ticks: somebody is at work */
#define REAP_WAITS 5		/* ticks, then it is their turn */

bool
is_forgotten(struct drive *d, uint64_t ino) REQUIRES(d->db_lock)
{
	size_t k;

	for (k = 0; k < d->gone.n && d->gone.ino[k] != ino; k++)
		;
	return k < d->gone.n;
}

void
forgotten_drop(struct drive *d, uint64_t ino)
{
	size_t k, n = 0;

	for (k = 0; k < d->gone.n; k++) {
		if (d->gone.ino[k] != ino)
			d->gone.ino[n++] = d->gone.ino[k];
	}
	d->gone.n = n;
}

/* One transaction for some: who removes a tree does not wait for each.  1:
 * more are left.  What cannot be reaped the next start finds. */
static int
reap_some(struct drive *d) NO_TSA
{
	bool is_more = false;
	unsigned k;
	size_t n;
	int r;

	mutex_lock(&d->db_lock);
	n = d->gone.n;
	mutex_unlock(&d->db_lock);
	if (n == 0)
		return 0;
	r = drive_begin_internal(d);
	if (r == 0) {
		for (k = 0; k < REAP_BATCH && d->gone.n > 0 && r == 0; k++) {
			r = inode_reap(d, d->gone.ino[d->gone.n - 1]);
			if (r != 1)
				d->gone.n--;
			/* It stays an orphan, and the others go. */
			if (unread_is(r))
				r = 0;
		}
		is_more = d->gone.n > 0;
		r = drive_end(d, r > 0 ? 0 : r);
	}
	if (r < 0)
		log_warn("drive: op=reap r=%d", r);
	return r < 0 ? r : is_more;
}

int
forgotten_reap(struct drive *d)
{
	int r;

	while ((r = reap_some(d)) == 1)
		;
	return r;
}

void
forgotten_tend(struct drive *d, struct rest *rest)
{
	uint64_t n = drive_changes_count(d);
	bool is_busy = n - rest->seen > BUSY_CHANGES;

	rest->seen = n;
	if (is_busy && ++rest->waits < REAP_WAITS)
		return;
	rest->waits = 0;
	(void)forgotten_reap(d);
}

void
drive_forget(struct drive *d, uint64_t ino) NO_TSA
{
	struct inode i;

	/* Most forgotten inodes have names. */
	if (__atomic_load_n(&d->usage.orphans, __ATOMIC_RELAXED) == 0)
		return;
	mutex_lock(&d->db_lock);
	/* Others fill it again while this one reaps. */
	while (d->gone.n == FORGOTTEN_MAX) {
		mutex_unlock(&d->db_lock);
		if (reap_some(d) < 0)
			return;
		mutex_lock(&d->db_lock);
	}
	if (inode_load(d, ino, &i) == 0 && i.flags & INODE_ORPHAN &&
	    !content_forgotten(d, ino))
		d->gone.ino[d->gone.n++] = ino;
	mutex_unlock(&d->db_lock);
}
