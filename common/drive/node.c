/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Nodes: open inodes, as long as anybody refers to them.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "drive/content.h"
#include "drive/slab.h"

struct node *
node_ref(struct drive *d, uint64_t ino, bool make)
{
	struct node *n;

	mutex_lock(&d->nodes->lock);
	HASH_FIND(hh, d->nodes->table, &ino, sizeof(ino), n);
	if (!n && make) {
		n = calloc(1, sizeof(*n));
		if (n) {
			n->ino = ino;
			mutex_init(&n->lock, RANK_NODE);
			HASH_ADD(hh, d->nodes->table, ino, sizeof(n->ino), n);
		}
		if (n && HASH_IS_OUT(n)) {
			mutex_done(&n->lock);
			free(n);
			n = NULL;
		}
	}
	if (n) {
		n->refs++;
		if (make)
			n->is_forgotten = false;
	}
	mutex_unlock(&d->nodes->lock);
	return n;
}

void
node_free(struct drive *d, struct node *n) NO_TSA
{
	struct fresh *f, *ft;
	struct dirty *b, *bt;

	HASH_ITER(hh, n->dirty, b, bt)
		dirty_free(d, n, b);
	HASH_ITER(hh, n->fresh, f, ft) {
		slab_cancel(d->slab, f->frame);
		HASH_DEL(n->fresh, f);
		free(f);
	}
	aead_free(n->key);
	crypto_wipe(n->file_key, sizeof(n->file_key));
	mutex_done(&n->lock);
	free(n);
}

/* The last handle is gone: what is dirty was committed before. */
void
node_unref(struct drive *d, struct node *n)
{
	bool forgotten = false, last;

	mutex_lock(&d->nodes->lock);
	last = --n->refs == 0;
	if (last) {
		HASH_DEL(d->nodes->table, n);
		forgotten = n->is_forgotten;
	}
	mutex_unlock(&d->nodes->lock);
	if (!last)
		return;
	if (forgotten)
		drive_forget(d, n->ino);
	node_free(d, n);
}

void
node_keep(struct drive *d, struct node *n)
{
	bool was;

	mutex_lock(&d->nodes->lock);
	was = n->is_kept;
	n->is_kept = true;
	mutex_unlock(&d->nodes->lock);
	if (was)
		node_unref(d, n);
}

void
node_let_go(struct drive *d, struct node *n, bool is_gone)
{
	bool was;

	mutex_lock(&d->nodes->lock);
	/* Somebody may have written, and failed to commit that, since. */
	was = n->is_kept && (is_gone ||
	    !__atomic_load_n(&n->is_live, __ATOMIC_RELAXED));
	if (was)
		n->is_kept = false;
	mutex_unlock(&d->nodes->lock);
	if (was)
		node_unref(d, n);
}

int
node_lock(struct drive *d, struct node *n)
{
	struct inode i;
	int r;

	mutex_lock(&n->lock);
	if (n->is_loaded)
		return 0;
	mutex_lock(&d->db_lock);
	r = inode_load(d, n->ino, &i);
	mutex_unlock(&d->db_lock);
	if (r == 0 && i.kind != OP_KIND_FILE)
		r = i.kind == OP_KIND_DIR ? -EISDIR : -EINVAL;
	if (r < 0) {
		mutex_unlock(&n->lock);
		return r;
	}
	n->id = i.id;
	memcpy(n->file_key, i.key, sizeof(n->file_key));
	crypto_wipe(i.key, sizeof(i.key));
	n->size = i.size;
	n->row_end = (i.size + BLOCK_SIZE - 1) / BLOCK_SIZE;
	n->is_loaded = true;
	return 0;
}

int
node_key(struct node *n)
{
	return n->key ? 0 : vault_file_key(n->file_key, &n->key);
}
