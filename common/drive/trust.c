/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What must survive: the frontier (what has been seen of every device) and
 * small named values.  Answered only when it is on the disk.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "drive/tree_priv.h"
#include "util/buf.h"
#include "util/log.h"

#define SEEN_LEN (8 + VAULT_HASH_LEN + 8 + 8)
#define SEEN_BOX (SEEN_LEN + AEAD_OVERHEAD)
#define SEEN_MAX 65536		/* devices */
#define KEY_MAX 200		/* bytes of a key */

/* ---- named values ------------------------------------------------------- */

static void
meta_tag(struct drive *d, const char *key, uint8_t tag[static TAG_LEN])
{
	prf_eval(d->name_prf, UINT64_MAX, key, strlen(key), tag);
}

int
meta_get(struct drive *d, const char *key, struct buf *out)
{
	uint8_t tag[TAG_LEN];
	struct stmt *s;
	const void *p;
	size_t len;
	void *at;
	int r;

	meta_tag(d, key, tag);
	s = db_stmt(d->db, STMT_META_GET, "SELECT v FROM meta WHERE k = ?1");
	stmt_blob(s, 1, key, strlen(key));
	r = stmt_step(s);
	if (r <= 0)
		return r < 0 ? r : -ENOENT;
	p = stmt_get_blob(s, 0, &len);
	r = -EBADMSG;
	if (len >= AEAD_OVERHEAD) {
		at = buf_reserve(out, len - AEAD_OVERHEAD + 1);
		r = at ? row_open(d, "meta", 0, tag, p, len, at) : out->err;
		if (r == 0)
			out->len += len - AEAD_OVERHEAD;
	}
	stmt_reset(s);
	return r;
}

int
meta_put(struct drive *d, const char *key, const void *p, size_t len)
{
	uint8_t tag[TAG_LEN], *box;
	struct stmt *s;
	int r;

	if (len > META_MAX)
		return -EFBIG;
	meta_tag(d, key, tag);
	box = malloc(len + AEAD_OVERHEAD);
	if (!box)
		return -ENOMEM;
	r = row_seal(d, "meta", 0, tag, p, len, box);
	if (r == 0) {
		s = db_stmt(d->db, STMT_META_PUT,
		    "INSERT OR REPLACE INTO meta(k, v) VALUES(?1, ?2)");
		stmt_blob(s, 1, key, strlen(key));
		stmt_blob(s, 2, box, len + AEAD_OVERHEAD);
		r = stmt_run(s);
	}
	free(box);
	return r;
}

int
meta_del(struct drive *d, const char *key)
{
	struct stmt *s;

	s = db_stmt(d->db, STMT_META_DEL, "DELETE FROM meta WHERE k = ?1");
	stmt_blob(s, 1, key, strlen(key));
	return stmt_run(s);
}

static int
kv_key(const char *key, char out[static KEY_MAX + 4])
{
	if (strlen(key) > KEY_MAX)
		return -ENAMETOOLONG;
	memcpy(out, "kv:", 3);
	memcpy(out + 3, key, strlen(key) + 1);
	return 0;
}

int
drive_kv_get(struct drive *d, const char *key, struct buf *out)
{
	char k[KEY_MAX + 4];
	int r = kv_key(key, k);

	if (r < 0)
		return r;
	mutex_lock(&d->db_lock);
	r = meta_get(d, k, out);
	mutex_unlock(&d->db_lock);
	return r == -EBADMSG ? -EIO : r;
}

int
drive_kv_set(struct drive *d, const char *key, const void *p, size_t len) NO_TSA
{
	char k[KEY_MAX + 4];
	int r = kv_key(key, k);

	if (r == 0)
		r = drive_begin_internal(d);
	if (r < 0)
		return r;
	r = drive_end(d, meta_put(d, k, p, len));
	return r < 0 ? r : drive_sync_disk(d);
}

/* ---- the frontier ------------------------------------------------------- */

int
seen_put(struct drive *d, const struct vault_seen *v)
{
	uint8_t p[SEEN_LEN], box[SEEN_BOX];
	struct stmt *s;
	int r;

	put_le64(p, v->seq);
	memcpy(p + 8, v->hash, VAULT_HASH_LEN);
	put_le64(p + 8 + VAULT_HASH_LEN, v->op_seq);
	put_le64(p + 16 + VAULT_HASH_LEN, v->lamport);
	r = row_seal(d, "seen", 0, v->dev.b, p, sizeof(p), box);
	if (r < 0)
		return r;
	s = db_stmt(d->db, STMT_SEEN_PUT,
	    "INSERT OR REPLACE INTO seen(dev, row) VALUES(?1, ?2)");
	stmt_blob(s, 1, v->dev.b, VAULT_ID_LEN);
	stmt_blob(s, 2, box, sizeof(box));
	return stmt_run(s);
}

static int
seen_decode(struct drive *d, const uint8_t *dev, const void *row, size_t len,
    struct vault_seen *ret)
{
	uint8_t p[SEEN_LEN];

	if (len != SEEN_BOX ||
	    row_open(d, "seen", 0, dev, row, len, p) < 0)
		return -EIO;
	memcpy(ret->dev.b, dev, VAULT_ID_LEN);
	ret->seq = get_le64(p);
	memcpy(ret->hash, p + 8, VAULT_HASH_LEN);
	ret->op_seq = get_le64(p + 8 + VAULT_HASH_LEN);
	ret->lamport = get_le64(p + 16 + VAULT_HASH_LEN);
	return 0;
}

int
drive_seen_get(struct drive *d, const struct vault_id *dev,
    struct vault_seen *ret)
{
	struct stmt *s;
	const void *p;
	size_t len;
	int r;

	mutex_lock(&d->db_lock);
	s = db_stmt(d->db, STMT_SEEN_GET,
	    "SELECT row FROM seen WHERE dev = ?1");
	stmt_blob(s, 1, dev->b, VAULT_ID_LEN);
	r = stmt_step(s);
	if (r == 1) {
		p = stmt_get_blob(s, 0, &len);
		r = seen_decode(d, dev->b, p, len, ret);
		stmt_reset(s);
	} else if (r == 0) {
		r = -ENOENT;
	}
	mutex_unlock(&d->db_lock);
	return r;
}

int
drive_seen_set(struct drive *d, const struct vault_seen *v) NO_TSA
{
	int r = drive_begin_internal(d);

	if (r < 0)
		return r;
	r = drive_end(d, seen_put(d, v));
	if (r < 0)
		return r;
	/* Recovery continues the journal of a device: its own number too. */
	if (vault_id_eq(&v->dev, &d->conf.dev))
		__atomic_store_n(&d->done_seq, v->seq, __ATOMIC_RELAXED);
	return drive_sync_disk(d);
}

int
drive_seen_all(struct drive *d, struct vault_seen **ret, size_t *ret_n)
{
	struct vault_seen *v = NULL, *t;
	size_t n = 0, cap = 0, len, row_len;
	const void *dev, *row;
	struct stmt *s;
	int r;

	mutex_lock(&d->db_lock);
	s = db_stmt(d->db, STMT_SEEN_ALL,
	    "SELECT dev, row FROM seen ORDER BY dev");
	while ((r = stmt_step(s)) == 1) {
		if (n == cap) {
			cap = cap ? cap * 2 : 8;
			t = cap > SEEN_MAX ? NULL :
			    realloc(v, cap * sizeof(*v));
			if (!t) {
				r = -ENOMEM;
				break;
			}
			v = t;
		}
		dev = stmt_get_blob(s, 0, &len);
		row = stmt_get_blob(s, 1, &row_len);
		r = len == VAULT_ID_LEN ? seen_decode(d, dev, row, row_len,
		    &v[n++]) : -EIO;
		if (r < 0)
			break;
	}
	stmt_reset(s);
	mutex_unlock(&d->db_lock);
	if (r < 0) {
		free(v);
		return r;
	}
	*ret = v;
	*ret_n = n;
	return 0;
}
