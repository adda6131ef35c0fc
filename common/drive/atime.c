/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * When things were last read.  A reader writes nothing: the time waits in
 * memory, laid over what the row says, and the keeper puts it into the row.
 * There it stays on this machine, beside the atime that is published, until
 * other attributes are: a checkpoint's page must not change because somebody
 * has read.
 */
#include <errno.h>
#include <stdlib.h>

#include "drive/content.h"
#include "util/clock.h"
#include "util/log.h"

#define ACCESSES_MAX 65536	/* more than these are not remembered */
#define ATIME_AGE_MS 5000	/* in memory for so long, about */
#define ATIME_STEP 128		/* rows in one transaction */
#define ATIME_BUSY_MS 100	/* of each second, when there are many */
#define DAY_NS (INT64_C(86400) * 1000000000)

struct access {
	uint64_t ino;
	int64_t ns;
	UT_hash_handle hh;
};

static struct access *
access_find(struct drive *d, uint64_t ino) REQUIRES(d->db_lock)
{
	struct access *x = NULL;

	if (d->accesses)
		HASH_FIND(hh, d->accesses, &ino, sizeof(ino), x);
	return x;
}

static void
access_free(struct drive *d, struct access *x) REQUIRES(d->db_lock)
{
	HASH_DEL(d->accesses, x);
	free(x);
}

int64_t
atime_of(struct drive *d, const struct inode *i)
{
	const struct access *x = access_find(d, i->ino);
	int64_t ns = i->atime_ns;

	/* 0 is not the first of January 1970: it was not read. */
	if (i->read_ns && i->read_ns > ns)
		ns = i->read_ns;
	return x && x->ns > ns ? x->ns : ns;
}

void
atime_drop(struct drive *d, uint64_t ino)
{
	struct access *x = access_find(d, ino);

	if (x)
		access_free(d, x);
}

void
atime_free(struct drive *d)
{
	struct access *x, *t;

	HASH_ITER(hh, d->accesses, x, t)
		access_free(d, x);
}

/* ---- reading ------------------------------------------------------------ */

static void
access_note(struct drive *d, uint64_t ino, int64_t ns) REQUIRES(d->db_lock)
{
	struct access *x = access_find(d, ino);

	if (x) {
		x->ns = ns;
		return;
	}
	if (HASH_COUNT(d->accesses) >= ACCESSES_MAX)
		return;
	x = calloc(1, sizeof(*x));
	if (!x)
		return;
	if (!d->accesses)
		d->accesses_ms = clock_mono_ms();
	x->ino = ino;
	x->ns = ns;
	HASH_ADD(hh, d->accesses, ino, sizeof(x->ino), x);
	if (HASH_IS_OUT(x))
		free(x);
}

void
drive_accessed(struct drive *d, uint64_t ino)
{
	int64_t now = clock_real_ns();
	struct drive_attr a;
	struct inode i;

	if (__atomic_load_n(&d->is_readonly, __ATOMIC_RELAXED))
		return;
	mutex_lock(&d->db_lock);
	if (inode_load(d, ino, &i) == 0) {
		inode_attr(d, &i, &a);
		crypto_wipe(i.key, sizeof(i.key));
		if (a.atime_ns <= a.mtime_ns || a.atime_ns <= a.ctime_ns ||
		    now - a.atime_ns >= DAY_NS)
			access_note(d, ino, now);
	}
	mutex_unlock(&d->db_lock);
}

/* As long as nothing at all has changed it need not be looked at. */
void
drive_file_accessed(struct drive_file *f)
{
	uint64_t now = 1 + drive_changes_count(f->d) +
	    __atomic_load_n(&f->n->touches, __ATOMIC_RELAXED);

	if (__atomic_exchange_n(&f->accessed, now, __ATOMIC_RELAXED) != now)
		drive_accessed(f->d, f->n->ino);
}

/* ---- into the rows ------------------------------------------------------ */

static int
access_save(struct drive *d, const struct access *x) REQUIRES(d->db_lock)
{
	struct inode i;
	int r;

	r = inode_load(d, x->ino, &i);
	if (r < 0)
		return r == -ENOENT ? 0 : r;
	if (i.atime_ns < x->ns && i.read_ns < x->ns) {
		i.read_ns = x->ns;
		r = inode_save(d, &i);
	}
	crypto_wipe(i.key, sizeof(i.key));
	return r;
}

/* Some of them; 1: there are more.  What cannot be saved is forgotten. */
static int
save_some(struct drive *d) NO_TSA
{
	struct access *x, *t;
	bool is_more = false;
	unsigned k = 0;
	int r;

	r = drive_begin_internal(d);
	if (r < 0)
		return r;
	HASH_ITER(hh, d->accesses, x, t) {
		if (k++ == ATIME_STEP)
			break;
		r = access_save(d, x);
		access_free(d, x);
		if (r < 0)
			break;
	}
	is_more = d->accesses != NULL;
	r = drive_end(d, r);
	return r < 0 ? r : is_more;
}

void
atime_tick(struct drive *d, bool all)
{
	int64_t now = clock_mono_ms();
	bool is_due;
	int r;

	mutex_lock(&d->db_lock);
	is_due = d->accesses && (all || now - d->accesses_ms >= ATIME_AGE_MS);
	mutex_unlock(&d->db_lock);
	if (!is_due)
		return;
	do
		r = save_some(d);
	while (r == 1 && (all || clock_mono_ms() - now < ATIME_BUSY_MS));
	if (r < 0)
		log_warn("drive: op=atime r=%d", r);
}
