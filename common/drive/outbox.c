/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The outbox: one row per name (a file and its first name share one) of what
 * others have not been told.  It is folded as it grows: what was made and
 * deleted here leaves no row, ten writes are one.
 */
#include <errno.h>
#include <string.h>

#include "drive/tree_priv.h"
#include "util/buf.h"
#include "util/clock.h"

#define NEW (OUTBOX_CREATE | OUTBOX_LINK)
#define OF_INODE (OUTBOX_PUT | OUTBOX_ATTR | OUTBOX_XATTR)

/* ---- rows --------------------------------------------------------------- */

#define COLUMNS "num, flags, infl, since, dkey, ntag, id, ino, after, over"

static void
row_decode(struct stmt *s, struct outbox_row *ret)
{
	const void *p;
	size_t len;

	memset(ret, 0, sizeof(*ret));
	ret->num = (uint64_t)stmt_get_i64(s, 0);
	ret->flags = (unsigned)stmt_get_i64(s, 1);
	ret->infl = (unsigned)stmt_get_i64(s, 2);
	ret->since_ns = stmt_get_i64(s, 3);
	ret->at.dkey = stmt_get_i64(s, 4);
	p = stmt_get_blob(s, 5, &len);
	if (len == TAG_LEN)
		memcpy(ret->at.ntag, p, TAG_LEN);
	p = stmt_get_blob(s, 6, &len);
	ret->is_bad = len != VAULT_ID_LEN;
	if (!ret->is_bad)
		memcpy(ret->id.b, p, VAULT_ID_LEN);
	ret->ino = (uint64_t)stmt_get_i64(s, 7);
	ret->after = (uint64_t)stmt_get_i64(s, 8);
	p = stmt_get_blob(s, 9, &len);
	ret->has_over = len == VAULT_ID_LEN;
	if (ret->has_over)
		memcpy(ret->over.b, p, VAULT_ID_LEN);
}

/* The id of a bad row is that of its name, and the first one's that of its
 * inode, as long as there is either. */
static int
row_mend(struct drive *d, struct outbox_row *o) REQUIRES(d->db_lock)
{
	struct dentry x;
	struct inode i;
	int r;

	if (!o->is_bad)
		return 0;
	r = dentry_at(d, &o->at, &x);
	if (r == 0 && x.did == o->num && x.ino == o->ino) {
		o->id = x.id;
		o->is_bad = false;
		return 0;
	}
	if ((r == 0 || r == -ENOENT || unread_is(r)) && o->num == o->ino) {
		r = inode_load(d, o->ino, &i);
		o->is_bad = r < 0;
		if (r == 0)
			o->id = i.id;
	}
	return r < 0 && r != -ENOENT && !unread_is(r) ? r : 0;
}

int
outbox_get(struct drive *d, uint64_t num, struct outbox_row *ret)
{
	struct stmt *s;
	int r;

	s = db_stmt(d->db, STMT_OUTBOX_GET,
	    "SELECT " COLUMNS " FROM outbox WHERE num = ?1");
	stmt_i64(s, 1, (int64_t)num);
	r = stmt_step(s);
	if (r <= 0)
		return r;
	row_decode(s, ret);
	stmt_reset(s);
	r = row_mend(d, ret);
	return r < 0 ? r : ret->is_bad ? -EIO : 1;
}

static int
outbox_write(struct drive *d, const struct outbox_row *o, bool is_new)
    REQUIRES(d->db_lock)
{
	struct stmt *s;
	int r;

	s = db_stmt(d->db, STMT_OUTBOX_PUT, "INSERT OR REPLACE INTO outbox("
	    COLUMNS ") VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)");
	stmt_i64(s, 1, (int64_t)o->num);
	stmt_i64(s, 2, o->flags);
	stmt_i64(s, 3, o->infl);
	stmt_i64(s, 4, o->since_ns);
	stmt_i64(s, 5, o->at.dkey);
	stmt_blob(s, 6, o->at.ntag, TAG_LEN);
	stmt_blob(s, 7, o->id.b, VAULT_ID_LEN);
	stmt_i64(s, 8, (int64_t)o->ino);
	stmt_i64(s, 9, (int64_t)o->after);
	if (o->has_over)
		stmt_blob(s, 10, o->over.b, VAULT_ID_LEN);
	else
		stmt_null(s, 10);
	r = stmt_run(s);
	if (r == 0 && is_new) {
		if (d->usage.outbox_ops == 0)
			__atomic_store_n(&d->usage.oldest_unpublished_ns,
			    o->since_ns, __ATOMIC_RELAXED);
		usage_add(&d->usage.outbox_ops, 1);
	}
	return r;
}

int
outbox_put(struct drive *d, const struct outbox_row *o)
{
	return outbox_write(d, o, false);
}

int
outbox_del(struct drive *d, uint64_t num)
{
	struct stmt *s;
	int r;

	s = db_stmt(d->db, STMT_OUTBOX_DEL,
	    "DELETE FROM outbox WHERE num = ?1");
	stmt_i64(s, 1, (int64_t)num);
	r = stmt_run(s);
	if (r == 0)
		usage_add(&d->usage.outbox_ops, -1);
	inode_set_marked(d, num, 0);
	return r;
}

/* Rows that wait for row `was` wait for row `is` (0: for nothing) instead. */
static int
outbox_reafter(struct drive *d, uint64_t was, uint64_t is)
    REQUIRES(d->db_lock)
{
	struct stmt *s;
	int r;

	/* Mostly nothing waits, and the update makes a table to find out. */
	s = db_stmt(d->db, STMT_OUTBOX_WAITS,
	    "SELECT 1 FROM outbox WHERE after = ?1 AND after <> 0 LIMIT 1");
	stmt_i64(s, 1, (int64_t)was);
	r = stmt_step(s);
	if (r != 1)
		return r;
	stmt_reset(s);
	s = db_stmt(d->db, STMT_OUTBOX_AFTER,
	    "UPDATE outbox SET after = ?2 WHERE after = ?1 AND after <> 0");
	stmt_i64(s, 1, (int64_t)was);
	stmt_i64(s, 2, (int64_t)is);
	return stmt_run(s);
}

int
outbox_scan(struct drive *d, uint64_t from, struct outbox_row *out, int max)
{
	struct stmt *s;
	int r, n = 0, k;

	s = db_stmt(d->db, STMT_OUTBOX_SCAN, "SELECT " COLUMNS
	    " FROM outbox WHERE num >= ?1 ORDER BY num LIMIT ?2");
	stmt_i64(s, 1, (int64_t)from);
	stmt_i64(s, 2, max);
	while ((r = stmt_step(s)) == 1 && n < max)
		row_decode(s, &out[n++]);
	stmt_reset(s);
	for (k = 0; k < n && r >= 0; k++)
		r = row_mend(d, &out[k]);
	return r < 0 ? r : n;
}

/* ---- what happens to names ---------------------------------------------- */

int
outbox_added(struct drive *d, const struct dentry *x, bool is_link,
    unsigned extra)
{
	struct outbox_row o = { .num = x->did, .at = x->at, .id = x->id,
	    .ino = x->ino, .since_ns = clock_real_ns() };
	int r;

	/* Others see a file when its content has come to rest, not before
	 * the first byte. */
	if (!is_link && x->kind == OP_KIND_FILE)
		extra |= OUTBOX_PUT;
	o.flags = (is_link ? OUTBOX_LINK : OUTBOX_CREATE) | OUTBOX_PLACE |
	    extra;
	r = outbox_write(d, &o, true);
	if (r == 0 && !is_link)
		inode_set_marked(d, x->ino, o.flags);
	if (r == 0 && (extra & OUTBOX_PUT))
		r = stage_note(d, x->ino);
	drive_wake(d);
	return r;
}

/* The row of x for a change of its name: a new one if there is none. 1: it
 * was there. */
static int
row_of(struct drive *d, const struct dentry *x, struct outbox_row *ret)
    REQUIRES(d->db_lock)
{
	int r = outbox_get(d, x->did, ret);

	if (r != 0)
		return r;
	memset(ret, 0, sizeof(*ret));
	ret->num = x->did;
	ret->id = x->id;
	ret->ino = x->ino;
	ret->since_ns = clock_real_ns();
	return 0;
}

int
outbox_moved(struct drive *d, const struct dentry *x,
    const struct dentry *over)
{
	struct outbox_row o, t;
	int r, has;

	has = row_of(d, x, &o);
	if (has < 0)
		return has;
	o.flags |= OUTBOX_PLACE;
	o.at = x->at;
	if (over) {
		r = outbox_get(d, over->did, &t);
		if (r < 0)
			return r;
		if (r == 1 && (t.flags & NEW) && t.infl == 0) {
			/* It vanishes: what it had replaced, x replaces. */
			if (t.has_over) {
				o.has_over = true;
				o.over = t.over;
			}
		} else {
			o.has_over = true;
			o.over = over->id;
		}
	}
	r = outbox_write(d, &o, !has);
	drive_wake(d);
	return r;
}

int
outbox_tie(struct drive *d, uint64_t a, uint64_t b)
{
	struct outbox_row o;
	int r;

	r = outbox_get(d, a, &o);
	if (r <= 0)
		return r;
	o.after = b;
	r = outbox_put(d, &o);
	if (r == 0)
		r = outbox_get(d, b, &o);
	if (r <= 0)
		return r;
	o.after = a;
	return outbox_put(d, &o);
}

static int
row_vanish(struct drive *d, uint64_t num, uint64_t by) REQUIRES(d->db_lock)
{
	int r = outbox_del(d, num);

	return r < 0 ? r : outbox_reafter(d, num, by);
}

/* The inode is gone: nothing of it but deletes is to be told. */
static int
row_inode_gone(struct drive *d, const struct inode *i, uint64_t by)
    REQUIRES(d->db_lock)
{
	struct outbox_row o;
	int r;

	r = outbox_get(d, i->ino, &o);
	if (r <= 0)
		return r;
	if ((o.flags & OUTBOX_CREATE) && o.infl == 0)
		return row_vanish(d, o.num, by);
	o.flags &= ~(unsigned)OF_INODE;
	inode_set_marked(d, i->ino, 0);
	if (o.flags == 0 && o.infl == 0)
		return row_vanish(d, o.num, by);
	return outbox_put(d, &o);
}

int
outbox_deleted(struct drive *d, const struct dentry *x,
    const struct inode *i, uint64_t by)
{
	struct outbox_row o;
	int r, has;

	has = row_of(d, x, &o);
	if (has < 0)
		return has;
	if (has && (o.flags & OUTBOX_LINK) && o.infl == 0) {
		r = row_vanish(d, o.num, by);
	} else if (has && (o.flags & OUTBOX_CREATE) && o.infl == 0 &&
	    i->nlink == 0) {
		r = 0;		/* row_inode_gone */
	} else {
		o.flags = (o.flags & ~(unsigned)OUTBOX_PLACE) | OUTBOX_DELETE;
		o.has_over = false;
		if (by)
			o.after = by;
		r = outbox_write(d, &o, !has);
	}
	if (r == 0 && i->nlink == 0)
		r = row_inode_gone(d, i, by);
	drive_wake(d);
	return r;
}

/* ---- what happens to inodes --------------------------------------------- */

int
outbox_mark(struct drive *d, uint64_t ino, unsigned flags)
{
	struct outbox_row o;
	struct inode i;
	unsigned known = inode_marked(d, ino);
	int r, has;

	if ((flags & ~known) == 0)
		return 0;
	r = inode_load(d, ino, &i);
	if (r < 0)
		return r;
	if (i.flags & INODE_ORPHAN)
		return 0;
	has = outbox_get(d, ino, &o);
	if (has < 0)
		return has;
	if (!has) {
		memset(&o, 0, sizeof(o));
		o.num = o.ino = ino;
		o.id = i.id;
		o.since_ns = clock_real_ns();
	}
	if ((flags & ~o.flags) != 0) {
		o.flags |= flags;
		r = outbox_write(d, &o, !has);
		if (r < 0)
			return r;
	}
	inode_set_marked(d, ino, o.flags);
	drive_wake(d);
	return 0;
}

/* ---- after a publication that did not come about ------------------------ */

int
outbox_restore(struct drive *d, struct outbox_row *o)
{
	struct inode i;
	bool is_gone;
	int r;

	r = inode_load(d, o->ino, &i);
	if (r < 0 && r != -ENOENT)
		return r;
	is_gone = r == -ENOENT || (i.flags & INODE_ORPHAN);
	if (r == 0 && (o->infl & OUTBOX_PUT))
		version_abort(d, o->ino);
	o->flags |= o->infl;
	o->infl = 0;
	if (is_gone)
		o->flags &= ~(unsigned)OF_INODE;
	if (o->flags & OUTBOX_DELETE)
		o->flags &= ~(unsigned)OUTBOX_PLACE;
	/* Made and deleted here, and now nobody will have seen it. */
	if ((o->flags & OUTBOX_DELETE) && ((o->flags & OUTBOX_LINK) ||
	    ((o->flags & OUTBOX_CREATE) && is_gone)))
		return row_vanish(d, o->num, o->after);
	if (o->flags == 0)
		return row_vanish(d, o->num, 0);
	if (!is_gone && o->num == o->ino)
		inode_set_marked(d, o->ino, o->flags);
	return outbox_put(d, o);
}

/* Rows whose segment was not sealed when the process ended, and the queue of
 * content to upload. */
int
outbox_open(struct drive *d) NO_TSA
{
	struct outbox_row o[64];
	uint64_t from = 0;
	int64_t count = 0;
	struct stmt *s;
	int r, n, k;

	r = drive_begin_internal(d);
	if (r < 0)
		return r;
	r = db_exec(d->db, "UPDATE xattr SET dirty = dirty & 3 "
	    "WHERE dirty >= 4");
	for (n = 64; n == 64 && r >= 0; ) {
		n = outbox_scan(d, from, o, 64);
		r = n < 0 ? n : 0;
		for (k = 0; k < n && r == 0; k++) {
			from = o[k].num + 1;
			if (o[k].is_bad)
				continue;
			if (o[k].infl)
				r = outbox_restore(d, &o[k]);
			if (r == 0 && (o[k].flags & OUTBOX_PUT))
				r = stage_note(d, o[k].ino);
		}
	}
	s = db_stmt(d->db, STMT_OUTBOX_COUNT, "SELECT count(*) FROM outbox");
	if (r == 0)
		r = stmt_step(s);
	if (r == 1) {
		count = stmt_get_i64(s, 0);
		stmt_reset(s);
		r = 0;
	}
	__atomic_store_n(&d->usage.outbox_ops, (uint64_t)count,
	    __ATOMIC_RELAXED);
	outbox_refresh(d);
	return drive_end(d, r);
}

int
segment_pending(struct drive *d, uint64_t *ret_seq, struct buf *out)
{
	uint8_t sha[SHA256_LEN];
	const void *p, *hash;
	struct stmt *s;
	size_t len, hash_len;
	int r;

	s = db_stmt(d->db, STMT_SEGMENT_GET, "SELECT seq, object, hash, "
	    "op_seq, lamport FROM segment ORDER BY seq LIMIT 1");
	r = stmt_step(s);
	if (r <= 0)
		return r < 0 ? r : -ENOENT;
	p = stmt_get_blob(s, 1, &len);
	hash = stmt_get_blob(s, 2, &hash_len);
	sha256(p, len, sha);
	if (hash_len != sizeof(sha) || memcmp(hash, sha, sizeof(sha)) != 0)
		r = -EUCLEAN;
	else
		r = buf_put(out, p, len);
	if (r == 0)
		*ret_seq = (uint64_t)stmt_get_i64(s, 0);
	stmt_reset(s);
	return r;
}

void
outbox_refresh(struct drive *d)
{
	int64_t ns = 0;
	struct stmt *s;

	if (d->usage.outbox_ops) {
		s = db_stmt(d->db, STMT_OUTBOX_OLDEST,
		    "SELECT min(since) FROM outbox");
		if (stmt_step(s) == 1) {
			ns = stmt_get_i64(s, 0);
			stmt_reset(s);
		}
	}
	__atomic_store_n(&d->usage.oldest_unpublished_ns, ns,
	    __ATOMIC_RELAXED);
}
