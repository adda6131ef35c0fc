/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Transactions: one for each change, which holds the lock all the while.  A
 * rebuild puts many of its changes, which can all be made again, into one.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "drive/content.h"
#include "drive/drive_priv.h"
#include "drive/pin_priv.h"
#include "util/buf.h"

#define REBUILD_GROUP 4096	/* changes in one transaction */

/* Commit or, with r < 0, roll back what is open. */
static int
finish(struct drive *d, int r) REQUIRES(d->db_lock)
{
	if (r == 0)
		r = db_commit(d->db);
	if (r == -ENOSPC)
		__atomic_store_n(&d->is_short, true, __ATOMIC_RELAXED);
	if (r < 0) {
		db_rollback(d->db);
		inode_cache_drop(d);
		pins_drop(d);
		/* The others of a group were answered before. */
		if (d->is_rebuilding)
			d->is_rebuild_lost = true;
	}
	if (d->stage)
		content_txn_done(d, r == 0);
	d->is_changing = false;
	d->nnonces = 0;
	if (db_log_size(d->db) > LOG_MAX)
		drive_log_long(d);
	return r;
}

int
drive_settle(struct drive *d)
{
	int r = d->is_changing ? finish(d, 0) : 0;

	return r < 0 ? r : db_settle(d->db);
}

static int
begin_locked(struct drive *d) REQUIRES(d->db_lock)
{
	int r;

	/* SQLite gave the group up. */
	if (d->is_changing && !db_in_txn(d->db))
		(void)finish(d, -EIO);
	if (d->is_rebuilding && d->is_rebuild_lost)
		return -EIO;
	if (!d->is_changing) {
		r = db_begin(d->db);
		if (r < 0)
			return r;
		d->is_changing = true;
		d->saved = d->usage;
		if (d->stage)
			content_txn_begin(d);
	}
	d->changes = db_changes_total(d->db);
	return 0;
}

int
drive_begin_internal(struct drive *d) NO_TSA
{
	int r;

	mutex_lock(&d->db_lock);
	r = begin_locked(d);
	if (r < 0)
		mutex_unlock(&d->db_lock);
	return r;
}

int
drive_begin_accepted(struct drive *d) NO_TSA
{
	(void)__atomic_add_fetch(&d->nchanges, 1, __ATOMIC_RELAXED);
	return drive_begin_internal(d);
}

int
drive_begin(struct drive *d) NO_TSA
{
	if (__atomic_load_n(&d->is_readonly, __ATOMIC_RELAXED))
		return -EROFS;
	return drive_begin_accepted(d);
}

uint64_t
drive_changes_count(struct drive *d)
{
	return __atomic_load_n(&d->nchanges, __ATOMIC_RELAXED);
}

int
drive_end(struct drive *d, int r) NO_TSA
{
	bool changed = db_changes_total(d->db) != d->changes;
	int q = 0;

	if (r < 0 && changed)
		(void)finish(d, r);
	else if (!d->is_rebuilding || ++d->rebuild_ops % REBUILD_GROUP == 0)
		q = finish(d, 0);
	mutex_unlock(&d->db_lock);
	return r >= 0 && q < 0 ? q : r;
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
