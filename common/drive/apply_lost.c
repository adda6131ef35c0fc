/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Versions that a rebuild could not have, or not keep apart.
 *
 * What lists the blocks of one is gone or damaged: the file keeps what it had,
 * and what follows goes on: one such list, of a file that was deleted long ago
 * perhaps, is not to take the whole drive with it.  Or two were written by
 * people who did not know of each other: the later lies on the earlier, with
 * all of that which it did not change.  Whoever rebuilds is told of both at the
 * end, when files have their paths.
 */
#include "drive/apply_priv.h"

#include <errno.h>
#include <stdlib.h>

#include "util/buf.h"
#include "util/hash.h"

struct lost {
	uint64_t ino;
	bool is_gone;		/* a version could not be had */
	bool is_mixed;		/* two did not know of each other */
	UT_hash_handle hh;
};

bool
lost_is(int r)
{
	return r == -ENOENT || r == -ERANGE || r == -EBADMSG ||
	    r == -EPROTO || r == -EFBIG;
}

static struct lost *
lost_get(struct drive *d, uint64_t ino) REQUIRES(d->db_lock)
{
	struct lost *x;

	HASH_FIND(hh, d->lost, &ino, sizeof(ino), x);
	if (x)
		return x;
	x = calloc(1, sizeof(*x));
	if (!x)
		return NULL;
	x->ino = ino;
	HASH_ADD(hh, d->lost, ino, sizeof(x->ino), x);
	if (HASH_IS_OUT(x)) {
		free(x);
		return NULL;
	}
	return x;
}

int
lost_add(struct drive *d, uint64_t ino)
{
	struct lost *x = lost_get(d, ino);

	if (!x)
		return -ENOMEM;
	x->is_gone = true;
	return 0;
}

int
mixed_look(struct drive *d, const struct inode *i, const struct op_put *p)
{
	struct lost *x;
	size_t k;

	/* The nodes of a checkpoint name no parents. */
	if (!d->is_rebuilding || !p->nparents || !stamp_is_set(&i->version))
		return 0;
	for (k = 0; k < p->nparents; k++)
		if (stamp_cmp(&p->parents[k], &i->version) == 0)
			return 0;
	x = lost_get(d, i->ino);
	if (!x)
		return -ENOMEM;
	/* Or is it told already that the one before is not there? */
	if (!x->is_gone)
		x->is_mixed = true;
	return 0;
}

void
lost_over(struct drive *d, uint64_t ino)
{
	struct lost *x;

	HASH_FIND(hh, d->lost, &ino, sizeof(ino), x);
	if (!x)
		return;
	x->is_gone = false;
	if (x->is_mixed)
		return;
	HASH_DEL(d->lost, x);
	free(x);
}

void
lost_free(struct drive *d)
{
	struct lost *x, *t;

	HASH_ITER(hh, d->lost, x, t) {
		HASH_DEL(d->lost, x);
		free(x);
	}
}

void
drive_rebuild_tell(struct drive *d, void (*fn)(void *arg, const char *path,
    bool is_mixed), void *arg)
{
	mutex_lock(&d->db_lock);
	d->lost_tell = fn;
	d->lost_arg = arg;
	mutex_unlock(&d->db_lock);
}

void
lost_tell(struct drive *d)
{
	struct buf path = BUF_INIT(1u << 20);
	void (*fn)(void *arg, const char *path, bool is_mixed);
	struct lost *all, *x, *t;
	void *arg;
	int r;

	mutex_lock(&d->db_lock);
	all = d->lost;
	fn = d->lost_tell;
	arg = d->lost_arg;
	d->lost = NULL;
	d->lost_tell = NULL;
	mutex_unlock(&d->db_lock);
	HASH_ITER(hh, all, x, t) {
		buf_reset(&path);
		r = drive_path(d, x->ino, &path);
		/* One that was deleted afterwards is missed by nobody. */
		if (r == 0 && fn && x->is_gone)
			fn(arg, buf_cstr(&path), false);
		if (r == 0 && fn && x->is_mixed)
			fn(arg, buf_cstr(&path), true);
		HASH_DEL(all, x);
		free(x);
	}
	buf_done(&path);
}
