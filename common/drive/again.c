/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Blocks that the store has lost and this machine still has: written again,
 * with the same bytes and without a change of times.
 */
#include <errno.h>
#include <string.h>

#include "drive/content.h"

static bool
ref_eq(const struct block_ref *a, const struct block_ref *b)
{
	return a->pack.n == b->pack.n && a->pack.rand == b->pack.rand &&
	    memcmp(a->pack.dtag.b, b->pack.dtag.b, VAULT_TAG_LEN) == 0 &&
	    a->off == b->off;
}

/* The row that is to be sent again: 0, or as drive_block_again. */
static int
lost_row(struct drive *d, struct node *n, uint64_t idx,
    const struct block_ref *lost, struct block *ret) REQUIRES(n->lock)
{
	int r;

	mutex_lock(&d->db_lock);
	r = block_get(d, n->ino, idx, ret);
	mutex_unlock(&d->db_lock);
	if (r < 0)
		return r;
	if (r == 0)
		return -ESTALE;
	/* A part was written over since, and its base is gone. */
	if (ret->state == BLOCK_PATCH)
		return -ENOENT;
	if (!ret->has_ref || !ref_eq(&ret->ref, lost))
		return -ESTALE;
	return block_is_local(ret) ? 0 : -ENOENT;
}

static int
write_again(struct drive *d, struct node *n, uint64_t idx,
    const struct block_ref *lost) REQUIRES(n->lock)
{
	uint8_t *plain = content_scratch(1);
	struct inode i;
	struct block row;
	int r;

	if (!plain)
		return -ENOMEM;
	r = lost_row(d, n, idx, lost, &row);
	if (r == 0)
		r = node_key(n);
	if (r == 0)
		r = block_load(d, &row, &n->id, n->key, plain);
	if (r < 0)
		return r == -EAGAIN ? -ENOENT : r;
	mutex_lock(&d->db_lock);
	r = inode_load(d, n->ino, &i);
	mutex_unlock(&d->db_lock);
	if (r == 0)
		r = node_write_part(d, n, idx, 0, plain, row.len);
	if (r < 0)
		return r;
	if (!n->mtime_ns)
		n->mtime_ns = i.mtime_ns;
	node_touch(d, n, false);
	return node_commit(d, n);
}

int
drive_block_again(struct drive *d, uint64_t ino, uint64_t idx,
    const struct block_ref *lost)
{
	struct node *n;
	int r;

	if (__atomic_load_n(&d->is_readonly, __ATOMIC_RELAXED))
		return -EROFS;
	n = node_ref(d, ino, true);
	if (!n)
		return -ENOMEM;
	r = node_lock_clean(d, n);
	if (r == 0) {
		r = write_again(d, n, idx, lost);
		mutex_unlock(&n->lock);
	}
	node_unref(d, n);
	return r;
}
