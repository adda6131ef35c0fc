/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Versions that a rebuild could not have, because what lists their blocks is
 * gone or damaged.  The file keeps what it had, and what follows goes on:
 * one such list, of a file that was deleted long ago perhaps, is not to take
 * the whole drive with it.  People are told of it at the end, when files have
 * their paths.
 */
#include "drive/apply_priv.h"

#include <errno.h>
#include <stdlib.h>

#include "util/buf.h"
#include "util/hash.h"

struct lost {
	uint64_t ino;
	UT_hash_handle hh;
};

bool
lost_is(int r)
{
	return r == -ENOENT || r == -ERANGE || r == -EBADMSG ||
	    r == -EPROTO || r == -EFBIG;
}

int
lost_add(struct drive *d, uint64_t ino)
{
	struct lost *x;

	HASH_FIND(hh, d->lost, &ino, sizeof(ino), x);
	if (x)
		return 0;
	x = calloc(1, sizeof(*x));
	if (!x)
		return -ENOMEM;
	x->ino = ino;
	HASH_ADD(hh, d->lost, ino, sizeof(x->ino), x);
	if (HASH_IS_OUT(x)) {
		free(x);
		return -ENOMEM;
	}
	return 0;
}

void
lost_over(struct drive *d, uint64_t ino)
{
	struct lost *x;

	HASH_FIND(hh, d->lost, &ino, sizeof(ino), x);
	if (!x)
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
drive_rebuild_tell(struct drive *d, void (*fn)(void *arg, const char *path),
    void *arg)
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
	void (*fn)(void *arg, const char *path);
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
		if (r == 0 && fn)
			fn(arg, buf_cstr(&path));
		HASH_DEL(all, x);
		free(x);
	}
	buf_done(&path);
}
