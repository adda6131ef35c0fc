/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Inodes: sealed rows, and a bounded cache of opened ones.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#define HASH_FUNCTION HASH_FNV

#include "drive/pin_priv.h"
#include "drive/tree_priv.h"
#include "util/buf.h"
#include "util/hash.h"
#include "util/log.h"

#define CACHE_MAX 16384		/* opened rows kept, about 6 MiB */
#define COUNT_STEP 2000		/* rows counted while the lock is held */
#define ROW_LEN 240
#define BOX_LEN (ROW_LEN + AEAD_OVERHEAD)

static const uint8_t no_tag[TAG_LEN];

struct entry {
	struct inode i;
	unsigned marked;	/* outbox flags known to be set */
	bool is_used;		/* since the hand came by */
	unsigned slot;		/* of the ring */
	UT_hash_handle hh;
};

struct inode_cache {
	struct entry *table;
	struct entry *ring[CACHE_MAX];
	unsigned n, hand;
};

/* ---- the row ------------------------------------------------------------ */

static uint8_t *
stamp_encode(uint8_t *p, const struct op_stamp *s)
{
	put_le64(p, s->lamport);
	memcpy(p + 8, s->dev.b, VAULT_ID_LEN);
	put_le64(p + 24, s->seq);
	return p + 32;
}

static const uint8_t *
stamp_decode(const uint8_t *p, struct op_stamp *ret)
{
	ret->lamport = get_le64(p);
	memcpy(ret->dev.b, p + 8, VAULT_ID_LEN);
	ret->seq = get_le64(p + 24);
	return p + 32;
}

static void
inode_encode(const struct inode *i, uint8_t p[static ROW_LEN])
{
	memset(p, 0, ROW_LEN);
	memcpy(p, i->id.b, VAULT_ID_LEN);
	p[16] = i->kind;
	p[17] = i->flags;
	put_le16(p + 18, i->target_len);
	put_le32(p + 20, i->mode);
	put_le32(p + 24, i->uid);
	put_le32(p + 28, i->gid);
	put_le32(p + 32, i->nlink);
	put_le32(p + 36, i->rdev);
	put_le64(p + 40, i->size);
	put_le64(p + 48, i->alloc);
	put_le64(p + 56, (uint64_t)i->atime_ns);
	put_le64(p + 64, (uint64_t)i->mtime_ns);
	put_le64(p + 72, (uint64_t)i->ctime_ns);
	put_le64(p + 80, (uint64_t)i->btime_ns);
	put_le64(p + 88, i->parent);
	memcpy(p + 96, i->key, VAULT_KEY_LEN);
	(void)stamp_encode(p + 128, &i->created);
	(void)stamp_encode(p + 160, &i->version);
	put_le64(p + 192, i->trunc);
	put_le64(p + 200, i->pub_seq);
	put_le64(p + 208, (uint64_t)i->read_ns);
}

int
inode_decode(struct drive *d, uint64_t ino, const void *row, size_t len,
    struct inode *ret)
{
	uint8_t p[ROW_LEN];
	int r;

	if (len != BOX_LEN)
		return -EIO;
	r = row_open(d, "inod", ino, no_tag, row, len, p);
	if (r < 0) {
		log_error("drive: inode row %llu does not verify",
		    (unsigned long long)ino);
		return -EIO;
	}
	memset(ret, 0, sizeof(*ret));
	ret->ino = ino;
	memcpy(ret->id.b, p, VAULT_ID_LEN);
	ret->kind = p[16];
	ret->flags = p[17];
	ret->target_len = get_le16(p + 18);
	ret->mode = get_le32(p + 20);
	ret->uid = get_le32(p + 24);
	ret->gid = get_le32(p + 28);
	ret->nlink = get_le32(p + 32);
	ret->rdev = get_le32(p + 36);
	ret->size = get_le64(p + 40);
	ret->alloc = get_le64(p + 48);
	ret->atime_ns = (int64_t)get_le64(p + 56);
	ret->mtime_ns = (int64_t)get_le64(p + 64);
	ret->ctime_ns = (int64_t)get_le64(p + 72);
	ret->btime_ns = (int64_t)get_le64(p + 80);
	ret->parent = get_le64(p + 88);
	memcpy(ret->key, p + 96, VAULT_KEY_LEN);
	(void)stamp_decode(p + 128, &ret->created);
	(void)stamp_decode(p + 160, &ret->version);
	ret->trunc = get_le64(p + 192);
	ret->pub_seq = get_le64(p + 200);
	ret->read_ns = (int64_t)get_le64(p + 208);
	crypto_wipe(p, sizeof(p));
	return 0;
}

/* ---- the cache ---------------------------------------------------------- */

static struct entry *
cache_find(struct drive *d, uint64_t ino) REQUIRES(d->db_lock)
{
	struct entry *e = NULL;

	if (!d->inodes)
		return NULL;
	HASH_FIND(hh, d->inodes->table, &ino, sizeof(ino), e);
	if (e)
		e->is_used = true;
	return e;
}

/* A slot of the ring: a new one, or that of an entry not used lately. */
static unsigned
cache_slot(struct inode_cache *c)
{
	struct entry *e;

	if (c->n < CACHE_MAX)
		return c->n++;
	for (;; c->hand = (c->hand + 1) % CACHE_MAX) {
		e = c->ring[c->hand];
		if (!e || !e->is_used)
			break;
		e->is_used = false;
	}
	if (e) {
		HASH_DEL(c->table, e);
		crypto_wipe(e, sizeof(*e));
		free(e);
		c->ring[c->hand] = NULL;
	}
	return c->hand;
}

/* Not being able to keep it is no error. */
static void
cache_put(struct drive *d, const struct inode *i) REQUIRES(d->db_lock)
{
	struct entry *e = cache_find(d, i->ino);
	unsigned slot;

	if (e) {
		e->i = *i;
		return;
	}
	if (!d->inodes)
		d->inodes = calloc(1, sizeof(*d->inodes));
	e = calloc(1, sizeof(*e));
	if (!d->inodes || !e) {
		free(e);
		return;
	}
	slot = cache_slot(d->inodes);
	e->i = *i;
	e->slot = slot;
	d->inodes->ring[slot] = e;
	HASH_ADD(hh, d->inodes->table, i.ino, sizeof(e->i.ino), e);
	if (HASH_IS_OUT(e)) {
		d->inodes->ring[slot] = NULL;
		crypto_wipe(e, sizeof(*e));
		free(e);
	}
}

static void
cache_del(struct drive *d, uint64_t ino) REQUIRES(d->db_lock)
{
	struct entry *e = cache_find(d, ino);

	if (!e)
		return;
	d->inodes->ring[e->slot] = NULL;
	HASH_DEL(d->inodes->table, e);
	crypto_wipe(e, sizeof(*e));
	free(e);
}

/* The counters as they were when the transaction began. */
static void
usage_restore(struct drive *d) REQUIRES(d->db_lock)
{
	__atomic_store_n(&d->usage.inodes, d->saved.inodes,
	    __ATOMIC_RELAXED);
	__atomic_store_n(&d->usage.file_bytes, d->saved.file_bytes,
	    __ATOMIC_RELAXED);
	__atomic_store_n(&d->usage.outbox_ops, d->saved.outbox_ops,
	    __ATOMIC_RELAXED);
	__atomic_store_n(&d->usage.orphans, d->saved.orphans,
	    __ATOMIC_RELAXED);
}

void
inode_cache_drop(struct drive *d)
{
	struct inode_cache *c = d->inodes;
	struct entry *e, *t;

	/* What a transaction reserved may be gone with it. */
	d->num_reserved = d->next_num;
	usage_restore(d);
	if (!c)
		return;
	HASH_ITER(hh, c->table, e, t) {
		HASH_DEL(c->table, e);
		crypto_wipe(e, sizeof(*e));
		free(e);
	}
	free(c);
	d->inodes = NULL;
}

unsigned
inode_marked(struct drive *d, uint64_t ino)
{
	struct entry *e = cache_find(d, ino);

	return e ? e->marked : 0;
}

void
inode_set_marked(struct drive *d, uint64_t ino, unsigned flags)
{
	struct entry *e = cache_find(d, ino);

	if (e)
		e->marked = flags;
}

/* ---- load and save ------------------------------------------------------ */

int
inode_load(struct drive *d, uint64_t ino, struct inode *ret)
{
	struct entry *e = cache_find(d, ino);
	struct stmt *s;
	const void *row;
	size_t len;
	int r;

	if (e) {
		*ret = e->i;
		return 0;
	}
	s = db_stmt(d->db, STMT_INODE_GET,
	    "SELECT row FROM inode WHERE ino = ?1");
	stmt_i64(s, 1, (int64_t)ino);
	r = stmt_step(s);
	if (r <= 0)
		return r < 0 ? r : -ENOENT;
	row = stmt_get_blob(s, 0, &len);
	r = inode_decode(d, ino, row, len, ret);
	stmt_reset(s);
	if (r == 0)
		cache_put(d, ret);
	return r;
}

/* Inodes beyond the counting hand are counted when it comes by. */
static void
usage_changed(struct drive *d, uint64_t ino, const struct inode *was,
    const struct inode *is) REQUIRES(d->db_lock)
{
	if (ino > d->counted)
		return;
	usage_add(&d->usage.inodes, (is ? 1 : 0) - (was ? 1 : 0));
	usage_add(&d->usage.file_bytes, (int64_t)(
	    (is && is->kind == OP_KIND_FILE ? is->size : 0) -
	    (was && was->kind == OP_KIND_FILE ? was->size : 0)));
}

/* old: as it was, or NULL for a new one. */
static int
save_row(struct drive *d, const struct inode *i, const struct inode *old)
    REQUIRES(d->db_lock)
{
	uint8_t p[ROW_LEN], box[BOX_LEN];
	struct stmt *s;
	int r;

	inode_encode(i, p);
	r = row_seal(d, "inod", i->ino, no_tag, p, sizeof(p), box);
	crypto_wipe(p, sizeof(p));
	if (r < 0)
		return r;
	s = db_stmt(d->db, STMT_INODE_PUT,
	    "INSERT OR REPLACE INTO inode(ino, row) VALUES(?1, ?2)");
	stmt_i64(s, 1, (int64_t)i->ino);
	stmt_blob(s, 2, box, sizeof(box));
	r = stmt_run(s);
	if (r < 0)
		return r;
	usage_changed(d, i->ino, old, i);
	cache_put(d, i);
	return 0;
}

int
inode_save(struct drive *d, const struct inode *i)
{
	struct inode old;
	int r;

	r = inode_load(d, i->ino, &old);
	if (r < 0 && r != -ENOENT)
		return r;
	return save_row(d, i, r == 0 ? &old : NULL);
}

int
inode_add(struct drive *d, const struct inode *i)
{
	return save_row(d, i, NULL);
}

int
inode_reap(struct drive *d, uint64_t ino)
{
	struct inode i;
	struct stmt *s;
	int r;

	r = inode_load(d, ino, &i);
	if (r < 0)
		return r == -ENOENT ? 0 : r;
	/* It has got a name meanwhile. */
	if (!(i.flags & INODE_ORPHAN))
		return 0;
	r = pin_gone(d, ino);
	/* Nobody finds it again when a part is gone. */
	if (r == 0)
		r = inode_id_drop(d, &i);
	if (r == 0)
		r = content_reap(d, ino);
	if (r == 0 && (i.flags & INODE_XATTR))
		r = xattr_reap(d, ino);
	if (r == 0 && i.kind == OP_KIND_SYMLINK) {
		s = db_stmt(d->db, STMT_SYMLINK_DEL,
		    "DELETE FROM symlink WHERE ino = ?1");
		stmt_i64(s, 1, (int64_t)ino);
		r = stmt_run(s);
	}
	if (r == 0) {
		s = db_stmt(d->db, STMT_INODE_DEL,
		    "DELETE FROM inode WHERE ino = ?1");
		stmt_i64(s, 1, (int64_t)ino);
		r = stmt_run(s);
	}
	/* Last: as long as it is an orphan, what is left of it is found. */
	if (r == 0)
		r = orphan_del(d, &i);
	if (r != 0)
		return r;
	atime_drop(d, ino);
	cache_del(d, ino);
	usage_changed(d, ino, &i, NULL);
	return 0;
}

uint32_t
kind_mode(uint8_t kind)
{
	static const uint32_t modes[] = {
		[OP_KIND_FILE] = 0100000, [OP_KIND_DIR] = 0040000,
		[OP_KIND_SYMLINK] = 0120000, [OP_KIND_FIFO] = 0010000,
		[OP_KIND_SOCK] = 0140000, [OP_KIND_CHAR] = 0020000,
		[OP_KIND_BLOCK] = 0060000,
	};

	return kind < sizeof(modes) / sizeof(modes[0]) ? modes[kind] : 0;
}

void
inode_attr(struct drive *d, const struct inode *i, struct drive_attr *ret)
{
	memset(ret, 0, sizeof(*ret));
	ret->ino = i->ino;
	ret->mode = kind_mode(i->kind) | (i->mode & 07777);
	mode_note(d, ret->mode);
	ret->nlink = i->nlink;
	ret->uid = owner_to_uid(d, i->uid);
	ret->gid = owner_to_gid(d, i->gid);
	ret->size = i->kind == OP_KIND_SYMLINK ? i->target_len : i->size;
	ret->blocks = (i->alloc + 511) / 512;
	ret->rdev = i->rdev;
	ret->atime_ns = atime_of(d, i);
	ret->mtime_ns = i->mtime_ns;
	ret->ctime_ns = i->ctime_ns;
	ret->btime_ns = i->btime_ns;
	if (i->kind == OP_KIND_FILE)
		content_overlay(d, i->ino, ret);
}

/* ---- ids ---------------------------------------------------------------- */

void
id_new(struct drive *d, struct vault_id *ret)
{
	put_le32(ret->b, d->conf.dev_index);
	crypto_random(ret->b + 4, VAULT_ID_LEN - 4);
}

int
inode_by_id(struct drive *d, const struct vault_id *id, uint64_t *ret)
{
	struct stmt *s;
	int r;

	if (vault_id_is_root(id)) {
		*ret = DRIVE_ROOT_INO;
		return 0;
	}
	s = db_stmt(d->db, STMT_INODE_BY_ID,
	    "SELECT ino FROM inode_id WHERE id = ?1");
	stmt_blob(s, 1, id->b, VAULT_ID_LEN);
	r = stmt_step(s);
	if (r <= 0)
		return r < 0 ? r : -ENOENT;
	*ret = (uint64_t)stmt_get_i64(s, 0);
	stmt_reset(s);
	return 0;
}

int
inode_id_put(struct drive *d, const struct vault_id *id, uint64_t ino)
{
	struct stmt *s;

	s = db_stmt(d->db, STMT_INODE_ID_PUT,
	    "INSERT OR REPLACE INTO inode_id(id, ino) VALUES(?1, ?2)");
	stmt_blob(s, 1, id->b, VAULT_ID_LEN);
	stmt_i64(s, 2, (int64_t)ino);
	return stmt_run(s);
}

/* ---- counting ----------------------------------------------------------- */

int
inode_recount(struct drive *d)
{
	struct inode i;
	struct stmt *s;
	const void *row;
	uint64_t ino = d->counted;
	size_t len;
	int r, k;

	if (d->counted == UINT64_MAX)
		return 0;
	s = db_stmt(d->db, STMT_INODE_SCAN,
	    "SELECT ino, row FROM inode WHERE ino > ?1 ORDER BY ino LIMIT ?2");
	stmt_i64(s, 1, (int64_t)d->counted);
	stmt_i64(s, 2, COUNT_STEP);
	for (k = 0; (r = stmt_step(s)) == 1; k++) {
		ino = (uint64_t)stmt_get_i64(s, 0);
		row = stmt_get_blob(s, 1, &len);
		usage_add(&d->usage.inodes, 1);
		/* One that does not verify is for fsck to tell. */
		if (inode_decode(d, ino, row, len, &i) == 0 &&
		    i.kind == OP_KIND_FILE)
			usage_add(&d->usage.file_bytes, (int64_t)i.size);
	}
	if (r < 0)
		return r;
	d->counted = k < COUNT_STEP ? UINT64_MAX : ino;
	return k == COUNT_STEP;
}
