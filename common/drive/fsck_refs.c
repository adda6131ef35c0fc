/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * fsck of the tables that refer to inodes and names: orphans, ids of what is
 * published, extra links, the outbox, extended attributes, pins, targets.
 */
#include "drive/fsck_priv.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "drive/pin_priv.h"
#include "util/buf.h"

/* Keys of rows that have to go, gathered while a table is read. */
struct keys {
	struct buf b;
	size_t each;
};

static int
keys_add(struct keys *k, const void *p, size_t len)
{
	return len == k->each ? buf_put(&k->b, p, len) : -EIO;
}

#define KEYS(n) { .b = BUF_INIT(64u << 20), .each = (n) }

/* ---- orphans ------------------------------------------------------------- */

static int
orphans_check(struct fsck *f) NO_TSA
{
	struct keys k = KEYS(sizeof(uint64_t));
	struct fnode *n;
	struct stmt *s;
	uint64_t ino;
	size_t at;
	int r;

	s = db_stmt(f->d->db, STMT_FSCK_ORPHAN, "SELECT ino FROM orphan");
	while ((r = stmt_step(s)) == 1) {
		ino = (uint64_t)stmt_get_i64(s, 0);
		n = fsck_node(f, ino);
		if (n && (n->is_unread || (n->flags & INODE_ORPHAN)))
			continue;
		fsck_say(f, f->repair, "inode %llu: deleted, but not so",
		    (unsigned long long)ino);
		r = keys_add(&k, &ino, sizeof(ino));
		if (r < 0)
			break;
	}
	stmt_reset(s);
	for (at = 0; f->repair && at < k.b.len && r == 0; at += k.each) {
		memcpy(&ino, k.b.data + at, sizeof(ino));
		s = db_stmt(f->d->db, STMT_ORPHAN_DEL,
		    "DELETE FROM orphan WHERE ino = ?1");
		stmt_i64(s, 1, (int64_t)ino);
		r = stmt_run(s);
		if (r == 0)
			usage_add(&f->d->usage.orphans, -1);
	}
	buf_done(&k.b);
	return r;
}

/* ---- ids ----------------------------------------------------------------- */

static int
inode_ids_check(struct fsck *f) NO_TSA
{
	struct keys k = KEYS(VAULT_ID_LEN);
	struct fnode *n;
	struct stmt *s;
	const void *id;
	size_t len, at;
	int r;

	s = db_stmt(f->d->db, STMT_FSCK_INODE_ID,
	    "SELECT id, ino FROM inode_id");
	while ((r = stmt_step(s)) == 1) {
		id = stmt_get_blob(s, 0, &len);
		n = fsck_node(f, (uint64_t)stmt_get_i64(s, 1));
		if (n && len == VAULT_ID_LEN && (n->is_unread ||
		    memcmp(id, n->id.b, len) == 0))
			continue;
		fsck_say(f, f->repair, "an id names an inode that is not "
		    "there");
		r = keys_add(&k, id, len);
		if (r < 0)
			break;
	}
	stmt_reset(s);
	for (at = 0; f->repair && at < k.b.len && r == 0; at += k.each) {
		s = db_stmt(f->d->db, STMT_INODE_ID_DEL,
		    "DELETE FROM inode_id WHERE id = ?1");
		stmt_blob(s, 1, k.b.data + at, k.each);
		r = stmt_run(s);
	}
	buf_done(&k.b);
	return r;
}

/* Published inodes are found by their ids. */
static int
published_check(struct fsck *f) NO_TSA
{
	struct fnode *n, *t;
	struct inode i;
	uint64_t ino;
	char path[512];
	int r;

	HASH_ITER(hh, f->nodes, n, t) {
		if (n->ino == DRIVE_ROOT_INO || n->is_unread)
			continue;
		r = fsck_goes_on(f);
		if (r == 0)
			r = inode_load(f->d, n->ino, &i);
		if (r < 0)
			return r;
		if (!inode_is_published(&i) || i.flags & INODE_ORPHAN)
			continue;
		r = inode_by_id(f->d, &i.id, &ino);
		if (r < 0 && r != -ENOENT)
			return r;
		if (r == 0 && ino == n->ino)
			continue;
		fsck_say(f, f->repair, "%s: it is not found by its id",
		    fsck_path(f, n->ino, path));
		r = f->repair ? inode_id_put(f->d, &i.id, n->ino) : 0;
		if (r < 0)
			return r;
	}
	return 0;
}

struct idrow {
	struct vault_id id;
	uint64_t ino, did;
	struct place at;
	bool is_placed;
};

static int
dentry_ids_load(struct fsck *f, struct buf *out) NO_TSA
{
	struct idrow w;
	const void *p;
	struct stmt *s;
	size_t len;
	int r;

	s = db_stmt(f->d->db, STMT_FSCK_DENTRY_ID,
	    "SELECT id, did, ino, dkey, ntag FROM dentry_id");
	while ((r = stmt_step(s)) == 1) {
		memset(&w, 0, sizeof(w));
		p = stmt_get_blob(s, 0, &len);
		if (len == VAULT_ID_LEN)
			memcpy(w.id.b, p, len);
		w.did = (uint64_t)stmt_get_i64(s, 1);
		w.ino = (uint64_t)stmt_get_i64(s, 2);
		w.at.dkey = stmt_get_i64(s, 3);
		p = stmt_get_blob(s, 4, &len);
		w.is_placed = len == TAG_LEN;
		if (w.is_placed)
			memcpy(w.at.ntag, p, len);
		r = buf_put(out, &w, sizeof(w));
		if (r < 0)
			break;
	}
	stmt_reset(s);
	return r;
}

static int
dentry_ids_check(struct fsck *f) NO_TSA
{
	struct buf b = BUF_INIT(1u << 30);
	struct dentry x;
	struct idrow w;
	size_t at;
	int r;

	r = dentry_ids_load(f, &b);
	for (at = 0; at < b.len && r == 0; at += sizeof(w)) {
		r = fsck_goes_on(f);
		if (r < 0)
			break;
		memcpy(&w, b.data + at, sizeof(w));
		/* Without a place: it is on its way. */
		if (!w.is_placed && fsck_node(f, w.ino))
			continue;
		r = w.is_placed ? dentry_at(f->d, &w.at, &x) : -ENOENT;
		if (r == 0 && vault_id_eq(&x.id, &w.id) &&
		    x.did == w.did && x.ino == w.ino)
			continue;
		if (r < 0 && r != -ENOENT && r != -EIO)
			break;
		fsck_say(f, f->repair, "an id names an entry that is not "
		    "there");
		r = f->repair ? dentry_ref_del(f->d, &w.id) : 0;
	}
	buf_done(&b);
	return r;
}

/* ---- extra links --------------------------------------------------------- */

struct linkrow {
	uint64_t ino, did;
	struct place at;
};

static int
links_check(struct fsck *f) NO_TSA
{
	struct buf b = BUF_INIT(1u << 30);
	struct linkrow w;
	struct dentry x;
	struct stmt *s;
	const void *p;
	size_t len, at;
	int r;

	s = db_stmt(f->d->db, STMT_FSCK_LINK,
	    "SELECT ino, did, dkey, ntag FROM link");
	while ((r = stmt_step(s)) == 1) {
		memset(&w, 0, sizeof(w));
		w.ino = (uint64_t)stmt_get_i64(s, 0);
		w.did = (uint64_t)stmt_get_i64(s, 1);
		w.at.dkey = stmt_get_i64(s, 2);
		p = stmt_get_blob(s, 3, &len);
		if (len == TAG_LEN)
			memcpy(w.at.ntag, p, len);
		r = buf_put(&b, &w, sizeof(w));
		if (r < 0)
			break;
	}
	stmt_reset(s);
	for (at = 0; at < b.len && r == 0; at += sizeof(w)) {
		memcpy(&w, b.data + at, sizeof(w));
		r = dentry_at(f->d, &w.at, &x);
		if (r == 0 && x.did == w.did && x.ino == w.ino)
			continue;
		if (r < 0 && r != -ENOENT && r != -EIO)
			break;
		fsck_say(f, f->repair, "inode %llu: a link is listed that is "
		    "not there", (unsigned long long)w.ino);
		r = 0;
		if (f->repair) {
			s = db_stmt(f->d->db, STMT_LINK_DEL,
			    "DELETE FROM link WHERE ino = ?1 AND did = ?2");
			stmt_i64(s, 1, (int64_t)w.ino);
			stmt_i64(s, 2, (int64_t)w.did);
			r = stmt_run(s);
		}
	}
	buf_done(&b);
	return r;
}

/* ---- the outbox ---------------------------------------------------------- */

#define NAMED (OUTBOX_CREATE | OUTBOX_LINK | OUTBOX_PLACE)

static int
outbox_row_check(struct fsck *f, const struct outbox_row *o) NO_TSA
{
	unsigned flags = o->flags | o->infl;
	struct dentry x;
	char path[512];
	int r = 0;

	if (o->is_bad) {
		fsck_say(f, f->repair, "inode %llu: that a name of it was "
		    "deleted cannot be told to others: it stays there",
		    (unsigned long long)o->ino);
		return f->repair ? outbox_del(f->d, o->num) : 0;
	}
	if ((flags & ~(unsigned)OUTBOX_DELETE) == 0 ||
	    (flags & OUTBOX_DELETE))
		return 0;
	if (fsck_node(f, o->ino)) {
		if (!(flags & NAMED))
			return 0;
		r = dentry_at(f->d, &o->at, &x);
		if (r == 0 && x.did == o->num && x.ino == o->ino)
			return 0;
		if (r < 0 && r != -ENOENT && r != -EIO)
			return r;
	}
	fsck_say(f, f->repair, "%s: a change to be published refers to what "
	    "is not there", fsck_path(f, o->ino, path));
	return f->repair ? outbox_del(f->d, o->num) : 0;
}

static int
outbox_check(struct fsck *f) NO_TSA
{
	struct outbox_row o[64];
	uint64_t from = 0;
	int r, n, k;

	do {
		n = outbox_scan(f->d, from, o, 64);
		r = n < 0 ? n : 0;
		for (k = 0; k < n && r == 0; k++) {
			r = outbox_row_check(f, &o[k]);
			from = o[k].num + 1;
		}
	} while (r == 0 && n == 64);
	return r;
}

static int
segment_check(struct fsck *f) NO_TSA
{
	struct buf b = BUF_INIT(VAULT_SEGMENT_MAX * 2);
	uint64_t seq;
	int r;

	r = segment_pending(f->d, &seq, &b);
	buf_done(&b);
	if (r != -EUCLEAN)
		return r == -ENOENT ? 0 : r;
	fsck_say(f, false, "changes that are sealed and not on the store yet "
	    "do not verify: save what is new here elsewhere, and run 'coffre "
	    "recover' with a new state directory");
	return 0;
}

/* ---- attributes and targets ---------------------------------------------- */

static int
xattr_nothing(void *arg, const struct xattr *x)
{
	(void)arg;
	(void)x;
	return 0;
}

static int
xattrs_check(struct fsck *f) NO_TSA
{
	struct keys k = KEYS(sizeof(uint64_t));
	struct stmt *s;
	uint64_t ino;
	char path[512];
	size_t at;
	int r;

	s = db_stmt(f->d->db, STMT_FSCK_XATTR,
	    "SELECT DISTINCT ino FROM xattr");
	while ((r = stmt_step(s)) == 1) {
		ino = (uint64_t)stmt_get_i64(s, 0);
		r = keys_add(&k, &ino, sizeof(ino));
		if (r < 0)
			break;
	}
	stmt_reset(s);
	for (at = 0; at < k.b.len && r == 0; at += k.each) {
		memcpy(&ino, k.b.data + at, sizeof(ino));
		if (!fsck_node(f, ino)) {
			fsck_say(f, f->repair, "inode %llu: attributes of "
			    "what is not there", (unsigned long long)ino);
			r = f->repair ? xattr_reap(f->d, ino) : 0;
			continue;
		}
		r = xattr_each(f->d, ino, 0, xattr_nothing, NULL);
		if (r == -EIO) {
			fsck_say(f, false, "%s: an extended attribute does "
			    "not verify", fsck_path(f, ino, path));
			r = 0;
		}
		if (r == 0)
			r = fsck_goes_on(f);
	}
	buf_done(&k.b);
	return r;
}

static int
targets_check(struct fsck *f) NO_TSA
{
	char target[VAULT_SYMLINK_MAX + 1], path[512];
	struct fnode *n, *t;
	struct inode i;
	int r;

	HASH_ITER(hh, f->nodes, n, t) {
		if (n->kind != OP_KIND_SYMLINK)
			continue;
		r = inode_load(f->d, n->ino, &i);
		if (r == 0)
			r = symlink_get(f->d, &i, target);
		if (r == 0)
			continue;
		if (r != -EIO)
			return r;
		fsck_say(f, false, "%s: the target does not verify",
		    fsck_path(f, n->ino, path));
	}
	return 0;
}

/* Whether each opens is seen when they are read. */
static int
pins_check(struct fsck *f) NO_TSA
{
	struct keys k = KEYS(sizeof(uint64_t));
	struct drive *d = f->d;
	struct stmt *s;
	uint64_t ino;
	size_t at;
	int r;

	s = db_stmt(d->db, STMT_FSCK_PIN, "SELECT ino FROM pin");
	while ((r = stmt_step(s)) == 1) {
		ino = (uint64_t)stmt_get_i64(s, 0);
		r = keys_add(&k, &ino, sizeof(ino));
		if (r < 0)
			break;
	}
	stmt_reset(s);
	if (r == 0)
		r = pins_load(d);
	for (at = 0; at < k.b.len && r == 0; at += k.each) {
		memcpy(&ino, k.b.data + at, sizeof(ino));
		if (!pin_has_row(d, ino))
			fsck_say(f, f->repair, "inode %llu: its pin does not "
			    "verify", (unsigned long long)ino);
		else if (!fsck_node(f, ino))
			fsck_say(f, f->repair, "inode %llu: a pin of what is "
			    "not there", (unsigned long long)ino);
		else
			continue;
		r = f->repair ? pin_row_del(d, ino) : 0;
	}
	buf_done(&k.b);
	return r;
}

int
fsck_refs(struct fsck *f)
{
	int r;

	r = orphans_check(f);
	if (r == 0)
		r = inode_ids_check(f);
	if (r == 0)
		r = published_check(f);
	if (r == 0)
		r = dentry_ids_check(f);
	if (r == 0)
		r = links_check(f);
	if (r == 0)
		r = outbox_check(f);
	if (r == 0)
		r = segment_check(f);
	if (r == 0)
		r = xattrs_check(f);
	if (r == 0)
		r = pins_check(f);
	return r < 0 ? r : targets_check(f);
}
