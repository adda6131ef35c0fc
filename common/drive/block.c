/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "drive/block.h"

#include <errno.h>
#include <string.h>

#include "drive/slab.h"
#include "util/buf.h"

enum {
	S_GET = STMT_BLOCK,
	S_BELOW,
	S_BID,
	S_EACH,
	S_EVERY,
	S_INSERT,
	S_UPDATE,
	S_DELETE,
	S_DATA_GET,
	S_DATA_SET,
	S_DATA_DROP,
	S_EVICT,
	S_NEXT,
	S_AFTER,
	S_LAST,
	S_TAIL,
};

#define COLS "ino, idx, bid, state, len, frame, nt, pack, off, sha, org"
#define ORG_LEN (VAULT_ID_LEN + 8 + VAULT_KEY_LEN)
#define FRAME_DATA (-2)		/* in block_data */
#define FRAME_NOT (-1)		/* not here */

const char *
block_schema(void)
{
	return
	    "CREATE TABLE IF NOT EXISTS block("
	    " ino INTEGER, idx INTEGER, bid INTEGER, state INTEGER,"
	    " len INTEGER, frame INTEGER, nt BLOB, pack INTEGER,"
	    " off INTEGER, sha BLOB, org BLOB,"
	    " PRIMARY KEY(ino, idx, bid)) WITHOUT ROWID;"
	    "CREATE TABLE IF NOT EXISTS block_data("
	    " bid INTEGER PRIMARY KEY, data BLOB);"
	    "CREATE TABLE IF NOT EXISTS pack("
	    " pid INTEGER PRIMARY KEY, id BLOB UNIQUE);";
}

static int
org_open(struct drive *d, struct block *b, const void *box, size_t len)
{
	static const uint8_t none[16];
	uint8_t org[ORG_LEN];
	struct rd rd;
	int r;

	if (len != ORG_LEN + AEAD_OVERHEAD)
		return -EIO;
	r = row_open(d, "org", b->bid, none, box, len, org);
	if (r < 0)
		return -EIO;
	rd = rd_of(org, sizeof(org));
	rd_copy(&rd, b->from.b, VAULT_ID_LEN);
	b->from_idx = rd_u64(&rd);
	rd_copy(&rd, b->from_key, VAULT_KEY_LEN);
	b->is_shared = true;
	crypto_wipe(org, sizeof(org));
	return 0;
}

/* Decode the row a statement stands on.  -EIO: not all of it could be, but the
 * counters, frame and state that the row has plainly. */
static int
block_row(struct drive *d, struct stmt *s, struct block *b)
{
	const uint8_t *p;
	int64_t frame;
	size_t len;
	int r = 0;

	memset(b, 0, sizeof(*b));
	b->ino = (uint64_t)stmt_get_i64(s, 0);
	b->idx = (uint64_t)stmt_get_i64(s, 1);
	b->bid = (uint64_t)stmt_get_i64(s, 2);
	b->state = (enum block_state)stmt_get_i64(s, 3);
	b->len = (uint32_t)stmt_get_i64(s, 4);
	frame = stmt_get_i64(s, 5);
	b->frame = SLAB_NONE;
	if (frame >= 0 && frame < SLAB_NONE &&
	    slab_has(d->slab, (uint32_t)frame))
		b->frame = (uint32_t)frame;
	else if (frame >= 0)
		r = -EIO;
	b->has_data = frame == FRAME_DATA;
	p = stmt_get_blob(s, 6, &len);
	if (len == AEAD_OVERHEAD) {
		memcpy(b->nonce, p, AEAD_NONCE_LEN);
		memcpy(b->tag, p + AEAD_NONCE_LEN, AEAD_TAG_LEN);
	}
	if (r == 0 && !stmt_is_null(s, 10)) {
		p = stmt_get_blob(s, 10, &len);
		r = org_open(d, b, p, len);
	}
	b->is_end = stmt_is_null(s, 7) && !stmt_is_null(s, 8);
	if (b->is_end)
		b->end = (uint64_t)stmt_get_i64(s, 8);
	if (r == 0 && !stmt_is_null(s, 7)) {
		p = stmt_get_blob(s, 9, &len);
		if (len != VAULT_HASH_LEN)
			return -EIO;
		memcpy(b->ref.sha, p, VAULT_HASH_LEN);
		b->ref.off = (uint32_t)stmt_get_i64(s, 8);
		b->ref.len = b->len;
		b->has_ref = true;
		r = pack_of_number(d, stmt_get_i64(s, 7), &b->ref.pack);
	}
	return r;
}

/* The same for who goes on after one that cannot be read. */
static int
block_row_any(struct drive *d, struct stmt *s, struct block *b)
{
	int r = block_row(d, s, b);

	if (!unread_is(r))
		return r;
	b->is_bad = true;
	b->has_ref = b->is_shared = false;
	return 0;
}

static int
block_one(struct drive *d, struct stmt *s, struct block *ret)
{
	struct block b;
	int r;

	r = stmt_step(s);
	if (r != 1)
		return r;
	r = block_row(d, s, &b);
	stmt_reset(s);
	if (r < 0)
		return r;
	*ret = b;
	return 1;
}

int
block_get(struct drive *d, uint64_t ino, uint64_t idx, struct block *ret)
{
	struct stmt *s;

	s = db_stmt(d->db, S_GET, "SELECT " COLS " FROM block"
	    " WHERE ino=? AND idx=? ORDER BY bid DESC LIMIT 1");
	stmt_i64(s, 1, (int64_t)ino);
	stmt_i64(s, 2, (int64_t)idx);
	return block_one(d, s, ret);
}

int
block_below(struct drive *d, const struct block *b, struct block *ret)
{
	struct stmt *s;

	s = db_stmt(d->db, S_BELOW, "SELECT " COLS " FROM block"
	    " WHERE ino=? AND idx=? AND bid<? AND state<>2"
	    " ORDER BY bid DESC LIMIT 1");
	stmt_i64(s, 1, (int64_t)b->ino);
	stmt_i64(s, 2, (int64_t)b->idx);
	stmt_i64(s, 3, (int64_t)b->bid);
	return block_one(d, s, ret);
}

int
block_get_bid(struct drive *d, uint64_t ino, uint64_t idx, uint64_t bid,
    struct block *ret)
{
	struct stmt *s;

	s = db_stmt(d->db, S_BID, "SELECT " COLS " FROM block"
	    " WHERE ino=? AND idx=? AND bid=?");
	stmt_i64(s, 1, (int64_t)ino);
	stmt_i64(s, 2, (int64_t)idx);
	stmt_i64(s, 3, (int64_t)bid);
	return block_one(d, s, ret);
}

int
block_next(struct drive *d, uint64_t ino, uint64_t from, struct block *ret)
{
	struct stmt *s;

	/* Two looks at the index: sorted at once, SQLite makes a table. */
	s = db_stmt(d->db, S_NEXT, "SELECT " COLS " FROM block WHERE ino=?1"
	    " AND idx=(SELECT idx FROM block WHERE ino=?1 AND idx>=?2"
	    " ORDER BY idx LIMIT 1) ORDER BY bid DESC LIMIT 1");
	stmt_i64(s, 1, (int64_t)ino);
	stmt_i64(s, 2, (int64_t)from);
	return block_one(d, s, ret);
}

int
block_last(struct drive *d, uint64_t ino, uint64_t from, uint64_t to,
    unsigned n, uint64_t *ret)
{
	struct stmt *s;
	int r;

	s = db_stmt(d->db, S_LAST, "SELECT idx FROM block WHERE ino=?"
	    " AND idx>=? AND idx<? ORDER BY idx DESC LIMIT 1 OFFSET ?");
	stmt_i64(s, 1, (int64_t)ino);
	stmt_i64(s, 2, (int64_t)from);
	stmt_i64(s, 3, (int64_t)to);
	stmt_i64(s, 4, (int64_t)n);
	r = stmt_step(s);
	if (r == 1) {
		*ret = (uint64_t)stmt_get_i64(s, 0);
		stmt_reset(s);
	}
	return r;
}

int
block_tail(struct drive *d, uint64_t ino, struct block *out, int max)
{
	struct stmt *s;
	int r, n = 0;

	s = db_stmt(d->db, S_TAIL, "SELECT " COLS " FROM block WHERE ino=?"
	    " ORDER BY idx DESC, bid DESC LIMIT ?");
	stmt_i64(s, 1, (int64_t)ino);
	stmt_i64(s, 2, max);
	while ((r = stmt_step(s)) == 1) {
		r = block_row_any(d, s, &out[n]);
		if (r < 0)
			break;
		n++;
	}
	stmt_reset(s);
	return r < 0 ? r : n;
}

static int
block_loop(struct drive *d, struct stmt *s, bool all, bool is_any,
    int (*fn)(void *arg, const struct block *b), void *arg)
{
	uint64_t ino = 0, idx = 0;
	bool first = true;
	struct block b;
	int r;

	while ((r = stmt_step(s)) == 1) {
		/* Greatest bid first: the others of this index are older. */
		if (!all && !first && (uint64_t)stmt_get_i64(s, 0) == ino &&
		    (uint64_t)stmt_get_i64(s, 1) == idx)
			continue;
		r = is_any ? block_row_any(d, s, &b) : block_row(d, s, &b);
		if (r == 0)
			r = fn(arg, &b);
		if (r != 0) {
			stmt_reset(s);
			return r;
		}
		ino = b.ino;
		idx = b.idx;
		first = false;
	}
	return r;
}

int
block_each(struct drive *d, uint64_t ino, uint64_t from, uint64_t bid_max,
    bool all, int (*fn)(void *arg, const struct block *b), void *arg)
{
	struct stmt *s;

	s = db_stmt(d->db, S_EACH, "SELECT " COLS " FROM block WHERE ino=?"
	    " AND idx>=? AND bid<=? ORDER BY idx, bid DESC");
	stmt_i64(s, 1, (int64_t)ino);
	stmt_i64(s, 2, (int64_t)from);
	stmt_i64(s, 3, bid_max > INT64_MAX ? INT64_MAX : (int64_t)bid_max);
	return block_loop(d, s, all, false, fn, arg);
}

int
block_after(struct drive *d, uint64_t ino, uint64_t idx,
    int (*fn)(void *arg, const struct block *b), void *arg)
{
	struct stmt *s;

	s = db_stmt(d->db, S_AFTER, "SELECT " COLS " FROM block"
	    " WHERE (ino, idx)>=(?,?) ORDER BY ino, idx, bid DESC");
	stmt_i64(s, 1, (int64_t)ino);
	stmt_i64(s, 2, (int64_t)idx);
	return block_loop(d, s, true, true, fn, arg);
}

int
block_every(struct drive *d, int (*fn)(void *arg, const struct block *b),
    void *arg)
{
	struct stmt *s;

	s = db_stmt(d->db, S_EVERY, "SELECT " COLS " FROM block"
	    " ORDER BY ino, idx, bid DESC");
	return block_loop(d, s, true, true, fn, arg);
}

/* Bind what insert and update have in common, from parameter i on. */
static int
block_bind(struct drive *d, struct stmt *s, int i, const struct block *b,
    const uint8_t nt[static AEAD_OVERHEAD])
{
	int64_t pid;
	int r;

	stmt_i64(s, i, b->state);
	stmt_i64(s, i + 1, b->len);
	stmt_i64(s, i + 2, b->frame != SLAB_NONE ? (int64_t)b->frame :
	    b->has_data ? FRAME_DATA : FRAME_NOT);
	stmt_blob(s, i + 3, nt, AEAD_OVERHEAD);
	if (b->is_end && !b->has_ref)
		stmt_i64(s, i + 5, (int64_t)b->end);
	if (!b->has_ref)
		return 0;
	r = pack_number(d, &b->ref.pack, &pid);
	if (r < 0)
		return r;
	stmt_i64(s, i + 4, pid);
	stmt_i64(s, i + 5, b->ref.off);
	stmt_blob(s, i + 6, b->ref.sha, VAULT_HASH_LEN);
	return 0;
}

static void
nt_bytes(const struct block *b, uint8_t out[static AEAD_OVERHEAD])
{
	memcpy(out, b->nonce, AEAD_NONCE_LEN);
	memcpy(out + AEAD_NONCE_LEN, b->tag, AEAD_TAG_LEN);
}

int
block_insert(struct drive *d, const struct block *b, const void *data)
{
	static const uint8_t none[16];
	uint8_t nt[AEAD_OVERHEAD], org[ORG_LEN], box[ORG_LEN + AEAD_OVERHEAD];
	struct stmt *s;
	int r;

	s = db_stmt(d->db, S_INSERT, "INSERT OR REPLACE INTO block(ino, idx,"
	    " bid, state, len, frame, nt, pack, off, sha, org)"
	    " VALUES(?,?,?,?,?,?,?,?,?,?,?)");
	stmt_i64(s, 1, (int64_t)b->ino);
	stmt_i64(s, 2, (int64_t)b->idx);
	stmt_i64(s, 3, (int64_t)b->bid);
	nt_bytes(b, nt);
	r = block_bind(d, s, 4, b, nt);
	if (r < 0)
		return r;
	if (b->is_shared) {
		memcpy(org, b->from.b, VAULT_ID_LEN);
		put_le64(org + VAULT_ID_LEN, b->from_idx);
		memcpy(org + VAULT_ID_LEN + 8, b->from_key, VAULT_KEY_LEN);
		r = row_seal(d, "org", b->bid, none, org, sizeof(org), box);
		crypto_wipe(org, sizeof(org));
		if (r < 0)
			return r;
		stmt_blob(s, 11, box, sizeof(box));
	}
	r = stmt_run(s);
	if (r == 0 && b->has_data && data)
		r = block_data_set(d, b->bid, data, b->len);
	return r;
}

int
block_update(struct drive *d, const struct block *b)
{
	uint8_t nt[AEAD_OVERHEAD];
	struct stmt *s;
	int r;

	s = db_stmt(d->db, S_UPDATE, "UPDATE block SET state=?, len=?,"
	    " frame=?, nt=?, pack=?, off=?, sha=?"
	    " WHERE ino=? AND idx=? AND bid=?");
	nt_bytes(b, nt);
	r = block_bind(d, s, 1, b, nt);
	if (r < 0)
		return r;
	stmt_i64(s, 8, (int64_t)b->ino);
	stmt_i64(s, 9, (int64_t)b->idx);
	stmt_i64(s, 10, (int64_t)b->bid);
	return stmt_run(s);
}

int
block_delete(struct drive *d, uint64_t ino, uint64_t idx, uint64_t bid,
    bool has_data)
{
	struct stmt *s;
	int r;

	s = db_stmt(d->db, S_DELETE,
	    "DELETE FROM block WHERE ino=? AND idx=? AND bid=?");
	stmt_i64(s, 1, (int64_t)ino);
	stmt_i64(s, 2, (int64_t)idx);
	stmt_i64(s, 3, (int64_t)bid);
	r = stmt_run(s);
	if (r == 0 && has_data)
		r = block_data_drop(d, bid);
	return r;
}

int
block_data_get(struct drive *d, uint64_t bid, void *out, size_t len)
{
	struct stmt *s;
	const void *p;
	size_t n;
	int r;

	s = db_stmt(d->db, S_DATA_GET,
	    "SELECT data FROM block_data WHERE bid=?");
	stmt_i64(s, 1, (int64_t)bid);
	r = stmt_step(s);
	if (r != 1)
		return r < 0 ? r : -EIO;
	p = stmt_get_blob(s, 0, &n);
	if (n == len)
		memcpy(out, p, n);
	else
		r = -EIO;
	stmt_reset(s);
	return r < 0 ? r : 0;
}

int
block_data_set(struct drive *d, uint64_t bid, const void *p, size_t len)
{
	struct stmt *s;

	s = db_stmt(d->db, S_DATA_SET,
	    "INSERT OR REPLACE INTO block_data(bid, data) VALUES(?,?)");
	stmt_i64(s, 1, (int64_t)bid);
	stmt_blob(s, 2, p, len);
	return stmt_run(s);
}

int
block_data_drop(struct drive *d, uint64_t bid)
{
	struct stmt *s;

	s = db_stmt(d->db, S_DATA_DROP, "DELETE FROM block_data WHERE bid=?");
	stmt_i64(s, 1, (int64_t)bid);
	return stmt_run(s);
}

int
block_evictable(struct drive *d, uint64_t ino, uint64_t idx, unsigned n,
    int (*fn)(void *arg, const struct block *b), void *arg)
{
	struct stmt *s;

	s = db_stmt(d->db, S_EVICT, "SELECT " COLS " FROM block"
	    " WHERE (ino, idx)>(?,?) AND state IN (4,5) AND frame<>-1"
	    " AND pack IS NOT NULL ORDER BY ino, idx, bid LIMIT ?");
	stmt_i64(s, 1, (int64_t)ino);
	stmt_i64(s, 2, (int64_t)idx);
	stmt_i64(s, 3, n);
	return block_loop(d, s, true, true, fn, arg);
}
