/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Names: sealed rows found by keyed hashes, so that neither names nor who
 * lies in which folder can be read from the file.
 */
#include <errno.h>
#include <string.h>

#include "drive/tree_priv.h"
#include "util/buf.h"
#include "util/log.h"

/* ino, did, parent | id | kind | stamp | name length | name */
#define ROW_FIXED (24 + VAULT_ID_LEN + 1 + 32 + 1)
#define ROW_MAX (ROW_FIXED + VAULT_NAME_MAX)

int
name_check(const char *name)
{
	size_t len = strnlen(name, VAULT_NAME_MAX + 1);

	if (len == 0)
		return -ENOENT;
	if (len > VAULT_NAME_MAX)
		return -ENAMETOOLONG;
	if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
		return -EEXIST;
	if (memchr(name, '/', len))
		return -EINVAL;
	return (int)len;
}

int64_t
place_folder(struct drive *d, uint64_t parent)
{
	uint8_t t[TAG_LEN];

	prf_eval(d->name_prf, parent, "", 0, t);
	return (int64_t)get_le64(t);
}

void
place_of(struct drive *d, uint64_t parent, const char *name, size_t len,
    struct place *ret)
{
	ret->dkey = place_folder(d, parent);
	prf_eval(d->name_prf, parent, name, len, ret->ntag);
}

/* ---- rows --------------------------------------------------------------- */

static size_t
dentry_encode(const struct dentry *x, uint8_t p[static ROW_MAX])
{
	put_le64(p, x->ino);
	put_le64(p + 8, x->did);
	put_le64(p + 16, x->parent);
	memcpy(p + 24, x->id.b, VAULT_ID_LEN);
	p[40] = x->kind;
	put_le64(p + 41, x->placed.lamport);
	memcpy(p + 49, x->placed.dev.b, VAULT_ID_LEN);
	put_le64(p + 65, x->placed.seq);
	p[73] = x->name_len;
	memcpy(p + ROW_FIXED, x->name, x->name_len);
	return ROW_FIXED + x->name_len;
}

int
dentry_decode(struct drive *d, const struct place *at, const void *row,
    size_t len, struct dentry *ret)
{
	uint8_t p[ROW_MAX];

	if (len < ROW_FIXED + AEAD_OVERHEAD + 1 ||
	    len > ROW_MAX + AEAD_OVERHEAD ||
	    row_open(d, "dent", (uint64_t)at->dkey, at->ntag, row, len,
	    p) < 0 || p[73] != len - AEAD_OVERHEAD - ROW_FIXED) {
		log_error("drive: a name's row does not verify");
		return -EIO;
	}
	ret->at = *at;
	ret->ino = get_le64(p);
	ret->did = get_le64(p + 8);
	ret->parent = get_le64(p + 16);
	memcpy(ret->id.b, p + 24, VAULT_ID_LEN);
	ret->kind = p[40];
	ret->placed.lamport = get_le64(p + 41);
	memcpy(ret->placed.dev.b, p + 49, VAULT_ID_LEN);
	ret->placed.seq = get_le64(p + 65);
	ret->name_len = p[73];
	memcpy(ret->name, p + ROW_FIXED, ret->name_len);
	ret->name[ret->name_len] = '\0';
	return 0;
}

int
dentry_at(struct drive *d, const struct place *at, struct dentry *ret)
{
	struct stmt *s;
	const void *row;
	size_t len;
	int r;

	s = db_stmt(d->db, STMT_DENTRY_GET,
	    "SELECT row FROM dentry WHERE dkey = ?1 AND ntag = ?2");
	stmt_i64(s, 1, at->dkey);
	stmt_blob(s, 2, at->ntag, TAG_LEN);
	r = stmt_step(s);
	if (r <= 0)
		return r < 0 ? r : -ENOENT;
	row = stmt_get_blob(s, 0, &len);
	r = dentry_decode(d, at, row, len, ret);
	stmt_reset(s);
	return r;
}

int
dentry_get(struct drive *d, uint64_t parent, const char *name,
    struct dentry *ret)
{
	size_t len = strnlen(name, VAULT_NAME_MAX + 1);
	struct place at;

	if (len > VAULT_NAME_MAX)
		return -ENAMETOOLONG;
	place_of(d, parent, name, len, &at);
	return dentry_at(d, &at, ret);
}

/* The extra names of an inode are listed apart, to be found from it. */
static int
link_put(struct drive *d, const struct dentry *x) REQUIRES(d->db_lock)
{
	struct stmt *s;

	s = db_stmt(d->db, STMT_LINK_PUT, "INSERT OR REPLACE INTO "
	    "link(ino, did, dkey, ntag) VALUES(?1, ?2, ?3, ?4)");
	stmt_i64(s, 1, (int64_t)x->ino);
	stmt_i64(s, 2, (int64_t)x->did);
	stmt_i64(s, 3, x->at.dkey);
	stmt_blob(s, 4, x->at.ntag, TAG_LEN);
	return stmt_run(s);
}

int
dentry_put(struct drive *d, const struct dentry *x)
{
	uint8_t p[ROW_MAX], box[ROW_MAX + AEAD_OVERHEAD];
	struct dentry_ref ref = { x->did, x->ino, true, x->at };
	struct stmt *s;
	size_t len = dentry_encode(x, p);
	int r;

	r = row_seal(d, "dent", (uint64_t)x->at.dkey, x->at.ntag, p, len,
	    box);
	if (r < 0)
		return r;
	s = db_stmt(d->db, STMT_DENTRY_PUT, "INSERT OR REPLACE INTO "
	    "dentry(dkey, ntag, row) VALUES(?1, ?2, ?3)");
	stmt_i64(s, 1, x->at.dkey);
	stmt_blob(s, 2, x->at.ntag, TAG_LEN);
	stmt_blob(s, 3, box, len + AEAD_OVERHEAD);
	r = stmt_run(s);
	if (r == 0 && x->did != x->ino)
		r = link_put(d, x);
	if (r == 0 && stamp_is_set(&x->placed))
		r = dentry_ref_put(d, &x->id, &ref);
	return r;
}

int
dentry_del(struct drive *d, const struct dentry *x)
{
	struct stmt *s;

	s = db_stmt(d->db, STMT_DENTRY_DEL,
	    "DELETE FROM dentry WHERE dkey = ?1 AND ntag = ?2");
	stmt_i64(s, 1, x->at.dkey);
	stmt_blob(s, 2, x->at.ntag, TAG_LEN);
	return stmt_run(s);
}

int
dentry_gone(struct drive *d, const struct dentry *x)
{
	struct stmt *s;
	int r = dentry_del(d, x);

	if (r == 0 && x->did != x->ino) {
		s = db_stmt(d->db, STMT_LINK_DEL,
		    "DELETE FROM link WHERE ino = ?1 AND did = ?2");
		stmt_i64(s, 1, (int64_t)x->ino);
		stmt_i64(s, 2, (int64_t)x->did);
		r = stmt_run(s);
	}
	if (r == 0 && stamp_is_set(&x->placed))
		r = dentry_ref_del(d, &x->id);
	return r;
}

int
dentry_any(struct drive *d, uint64_t parent)
{
	struct stmt *s;
	int r;

	s = db_stmt(d->db, STMT_DENTRY_ANY,
	    "SELECT 1 FROM dentry WHERE dkey = ?1 LIMIT 1");
	stmt_i64(s, 1, place_folder(d, parent));
	r = stmt_step(s);
	if (r == 1)
		stmt_reset(s);
	return r;
}

int
dentry_list(struct drive *d, int64_t dkey, const uint8_t from[static TAG_LEN],
    struct dentry *out, int max)
{
	struct place at = { .dkey = dkey };
	struct stmt *s;
	const void *p;
	size_t len;
	int r, n = 0;

	s = db_stmt(d->db, STMT_DENTRY_LIST, "SELECT ntag, row FROM dentry "
	    "WHERE dkey = ?1 AND ntag >= ?2 ORDER BY ntag LIMIT ?3");
	stmt_i64(s, 1, dkey);
	stmt_blob(s, 2, from, TAG_LEN);
	stmt_i64(s, 3, max);
	while ((r = stmt_step(s)) == 1) {
		p = stmt_get_blob(s, 0, &len);
		if (len != TAG_LEN || n == max) {
			r = -EIO;
			break;
		}
		memcpy(at.ntag, p, TAG_LEN);
		p = stmt_get_blob(s, 1, &len);
		if (dentry_decode(d, &at, p, len, &out[n]) < 0) {
			out[n].at = at;
			out[n].ino = 0;
		}
		n++;
	}
	stmt_reset(s);
	return r < 0 ? r : n;
}

/* ---- from an inode to its names ----------------------------------------- */

int
link_list(struct drive *d, uint64_t ino, uint64_t did, struct dentry *out,
    int max)
{
	struct stmt *s;
	const void *p;
	size_t len;
	int r, n = 0, k;

	s = db_stmt(d->db, STMT_LINK_LIST, "SELECT dkey, ntag FROM link "
	    "WHERE ino = ?1 AND did >= ?2 ORDER BY did LIMIT ?3");
	stmt_i64(s, 1, (int64_t)ino);
	stmt_i64(s, 2, (int64_t)did);
	stmt_i64(s, 3, max);
	while ((r = stmt_step(s)) == 1 && n < max) {
		out[n].at.dkey = stmt_get_i64(s, 0);
		p = stmt_get_blob(s, 1, &len);
		if (len != TAG_LEN) {
			stmt_reset(s);
			return -EIO;
		}
		memcpy(out[n++].at.ntag, p, TAG_LEN);
	}
	stmt_reset(s);
	for (k = 0; k < n && r >= 0; k++) {
		struct place at = out[k].at;

		r = dentry_at(d, &at, &out[k]);
	}
	return r < 0 ? (r == -ENOENT ? -EIO : r) : n;
}

int
dentry_first(struct drive *d, const struct inode *i, struct dentry *ret)
{
	struct outbox_row o;
	struct dentry_ref ref;
	int r;

	if (i->parent == 0)
		return -ENOENT;
	r = outbox_get(d, i->ino, &o);
	if (r < 0)
		return r;
	if (r == 1 && ((o.flags | o.infl) & (OUTBOX_CREATE | OUTBOX_PLACE)))
		return dentry_at(d, &o.at, ret);
	r = dentry_ref_get(d, &i->id, &ref);
	if (r < 0)
		return r;
	return ref.is_placed ? dentry_at(d, &ref.at, ret) : -ENOENT;
}

/* ---- ids of published names --------------------------------------------- */

int
dentry_ref_get(struct drive *d, const struct vault_id *id,
    struct dentry_ref *ret)
{
	struct stmt *s;
	const void *p;
	size_t len;
	int r;

	s = db_stmt(d->db, STMT_DENTRY_ID_GET,
	    "SELECT did, ino, dkey, ntag FROM dentry_id WHERE id = ?1");
	stmt_blob(s, 1, id->b, VAULT_ID_LEN);
	r = stmt_step(s);
	if (r <= 0)
		return r < 0 ? r : -ENOENT;
	memset(ret, 0, sizeof(*ret));
	ret->did = (uint64_t)stmt_get_i64(s, 0);
	ret->ino = (uint64_t)stmt_get_i64(s, 1);
	ret->at.dkey = stmt_get_i64(s, 2);
	p = stmt_get_blob(s, 3, &len);
	ret->is_placed = len == TAG_LEN;
	if (ret->is_placed)
		memcpy(ret->at.ntag, p, TAG_LEN);
	stmt_reset(s);
	return 0;
}

int
dentry_ref_put(struct drive *d, const struct vault_id *id,
    const struct dentry_ref *ref)
{
	struct stmt *s;

	s = db_stmt(d->db, STMT_DENTRY_ID_PUT, "INSERT OR REPLACE INTO "
	    "dentry_id(id, did, ino, dkey, ntag) VALUES(?1, ?2, ?3, ?4, ?5)");
	stmt_blob(s, 1, id->b, VAULT_ID_LEN);
	stmt_i64(s, 2, (int64_t)ref->did);
	stmt_i64(s, 3, (int64_t)ref->ino);
	stmt_i64(s, 4, ref->at.dkey);
	if (ref->is_placed)
		stmt_blob(s, 5, ref->at.ntag, TAG_LEN);
	else
		stmt_null(s, 5);
	return stmt_run(s);
}

int
dentry_ref_del(struct drive *d, const struct vault_id *id)
{
	struct stmt *s;

	s = db_stmt(d->db, STMT_DENTRY_ID_DEL,
	    "DELETE FROM dentry_id WHERE id = ?1");
	stmt_blob(s, 1, id->b, VAULT_ID_LEN);
	return stmt_run(s);
}
