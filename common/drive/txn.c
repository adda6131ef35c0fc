/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Transactions.  One commit serves everybody who was waiting for a turn when
 * it was made: a caller that sees another writer at the door leaves the
 * commit to that one and waits for it.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "drive/content.h"
#include "drive/drive_priv.h"
#include "drive/pin_priv.h"
#include "util/buf.h"

#define BATCH_MAX 256		/* changes in one transaction */

/* Commit or, with r < 0, roll back the transaction c, and tell its members. */
static void
finish(struct drive *d, struct commit *c, int r) REQUIRES(d->db_lock)
{
	if (r == 0)
		r = db_commit(d->db);
	if (r == -ENOSPC)
		__atomic_store_n(&d->is_short, true, __ATOMIC_RELAXED);
	if (r < 0) {
		db_rollback(d->db);
		inode_cache_drop(d);
		pins_drop(d);
	}
	if (d->stage)
		content_txn_done(d, r == 0);
	c->r = r;
	c->is_done = true;
	d->cur = NULL;
	d->nnonces = 0;
	cond_broadcast(&d->committed);
	if (db_log_size(d->db) > LOG_MAX)
		drive_log_long(d);
}

/* Join the open transaction, or open one. */
static int
begin_locked(struct drive *d) REQUIRES(d->db_lock)
{
	struct commit *c = d->cur;
	int r;

	/* SQLite gave it up, and what its members had changed is gone. */
	if (c && !db_in_txn(d->db)) {
		finish(d, c, -EIO);
		if (c->refs == 0)
			free(c);
		/* There they were answered before. */
		if (d->is_rebuilding)
			return -EIO;
	}
	if (!d->cur) {
		c = calloc(1, sizeof(*c));
		r = c ? db_begin(d->db) : -ENOMEM;
		if (r < 0) {
			free(c);
			return r;
		}
		d->cur = c;
		d->batch = 0;
		d->saved = d->usage;
		if (d->stage)
			content_txn_begin(d);
	}
	d->changes = db_changes_total(d->db);
	return 0;
}

static int
begin(struct drive *d) NO_TSA
{
	int r;

	__atomic_add_fetch(&d->writers, 1, __ATOMIC_SEQ_CST);
	mutex_lock(&d->db_lock);
	r = begin_locked(d);
	if (r < 0) {
		__atomic_sub_fetch(&d->writers, 1, __ATOMIC_SEQ_CST);
		mutex_unlock(&d->db_lock);
	}
	return r;
}

int
drive_begin(struct drive *d) NO_TSA
{
	if (__atomic_load_n(&d->is_readonly, __ATOMIC_RELAXED))
		return -EROFS;
	return begin(d);
}

int
drive_begin_internal(struct drive *d) NO_TSA
{
	return begin(d);
}

int
drive_end(struct drive *d, int r) NO_TSA
{
	struct commit *c = d->cur;
	bool changed = db_changes_total(d->db) != d->changes;
	unsigned others;

	others = __atomic_sub_fetch(&d->writers, 1, __ATOMIC_SEQ_CST);
	d->batch++;
	c->refs++;
	if (r < 0 && changed)
		finish(d, c, r);
	else if (d->is_rebuilding && others == 0 && r == 0 &&
	    ++d->rebuild_ops % 4096 != 0)
		c->is_done = true;	/* drive_rebuild_end commits */
	else if (others == 0 || d->batch >= BATCH_MAX)
		finish(d, c, 0);
	while (!c->is_done)
		cond_wait(&d->committed, &d->db_lock);
	if (r >= 0 && c->r < 0)
		r = c->r;
	if (--c->refs == 0 && c != d->cur)
		free(c);
	mutex_unlock(&d->db_lock);
	return r;
}

static void
row_aad(const char what[static 4], uint64_t a, const uint8_t b[static 16],
    uint8_t out[static 28])
{
	memcpy(out, what, 4);
	put_le64(out + 4, a);
	memcpy(out + 12, b, 16);
}

int
row_seal(struct drive *d, const char what[static 4], uint64_t a,
    const uint8_t b[static 16], const void *p, size_t len, uint8_t *out)
{
	uint8_t aad[28];

	row_aad(what, a, b, aad);
	if (!d->nnonces) {
		crypto_random(d->nonces, sizeof(d->nonces));
		d->nnonces = ROW_NONCES;
	}
	memcpy(out, d->nonces[--d->nnonces], AEAD_NONCE_LEN);
	return aead_seal(d->row_key, out, aad, sizeof(aad), p, len,
	    out + AEAD_NONCE_LEN, out + AEAD_NONCE_LEN + len);
}

int
row_seal_apart(struct drive *d, const char what[static 4], uint64_t a,
    const uint8_t b[static 16], const void *p, size_t len, uint8_t *out)
{
	uint8_t aad[28];

	row_aad(what, a, b, aad);
	return aead_seal_box(d->row_key, aad, sizeof(aad), p, len, out);
}

int
row_open(struct drive *d, const char what[static 4], uint64_t a,
    const uint8_t b[static 16], const void *box, size_t box_len, void *out)
{
	uint8_t aad[28];

	row_aad(what, a, b, aad);
	return aead_open_box(d->row_key, aad, sizeof(aad), box, box_len, out);
}
