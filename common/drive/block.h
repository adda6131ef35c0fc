/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef DRIVE_BLOCK_H
#define DRIVE_BLOCK_H

#include "drive/drive_priv.h"

/*
 * block - rows of sealed blocks.  A row is one immutable ciphertext and where
 * it is: in the block file, in the database (small ones), on the store.  A
 * file's content at an index is its row with the greatest bid; older rows are
 * kept while a frozen version or the last flush to disk needs them.
 *
 * All calls: caller holds the db lock, changes inside a transaction.
 */

enum block_state {
	BLOCK_STAGED = 1,	/* only here */
	BLOCK_PATCH = 2,	/* only here: ranges over an older row */
	BLOCK_HOLE = 3,		/* was data, is zeros; not published yet */
	BLOCK_SENT = 4,		/* on the store, in no published version */
	BLOCK_CLEAN = 5,	/* on the store and published */
	BLOCK_INLINE = 6,	/* published inside its put; stays here */
};

/* Sealed blocks up to this many plaintext bytes are kept in the database, so
 * that a small file is one transaction. */
#define BLOCK_SMALL_MAX (32u * 1024)

struct block {
	uint64_t ino, idx, bid;
	enum block_state state;
	uint32_t len;		/* plaintext bytes */
	uint32_t frame;		/* in the slab, or SLAB_NONE */
	bool has_data;		/* in the table of small ones */
	bool is_end;		/* not on the store yet, and reaches behind
				 * where the file had ended before: */
	uint64_t end;		/* its size then */
	uint8_t nonce[AEAD_NONCE_LEN], tag[AEAD_TAG_LEN];
	bool is_bad;		/* from where it is sealed or lies cannot be
				 * read: has_ref and is_shared say nothing */
	bool has_ref;		/* ref is where it lies on the store */
	struct block_ref ref;
	bool is_shared;		/* sealed for another place: */
	struct vault_id from;
	uint64_t from_idx;
	uint8_t from_key[VAULT_KEY_LEN];
};

const char *block_schema(void);
static inline bool
block_is_local(const struct block *b)
{
	return b->frame != UINT32_MAX || b->has_data;
}

/* Only the store has its bytes. */
static inline bool
block_is_away(const struct block *b)
{
	return b->state != BLOCK_PATCH && b->state != BLOCK_HOLE &&
	    b->has_ref && !block_is_local(b);
}

/* The current row: 1, or 0 if there is none (a hole). */
int block_get(struct drive *d, uint64_t ino, uint64_t idx, struct block *ret);
/* The next row below b of the same index that is no patch: 1 or 0. */
int block_below(struct drive *d, const struct block *b, struct block *ret);
/* One row by its full name: 1 or 0. */
int block_get_bid(struct drive *d, uint64_t ino, uint64_t idx, uint64_t bid,
    struct block *ret);
/* The first row of ino with from <= idx, of the greatest bid: 1 or 0. */
int block_next(struct drive *d, uint64_t ino, uint64_t from,
    struct block *ret);
/* The last rows of ino, at most max, backwards: how many.  Here and where
 * rows of many files are gone through, one that cannot be read is_bad;
 * elsewhere it is -EIO. */
int block_tail(struct drive *d, uint64_t ino, struct block *out, int max);
/* The index of the n-th row from the end (0: the last) of those of ino with
 * from <= idx < to: 1, or 0 if there are not so many. */
int block_last(struct drive *d, uint64_t ino, uint64_t from, uint64_t to,
    unsigned n, uint64_t *ret);
/* Call fn for the rows of ino with from <= idx and bid <= bid_max, the
 * greatest such bid of each index only (or every row, with all); stops when
 * fn returns other than 0 and returns that.  fn may not change rows. */
int block_each(struct drive *d, uint64_t ino, uint64_t from, uint64_t bid_max,
    bool all, int (*fn)(void *arg, const struct block *b), void *arg);
/* Rows at and after (ino, idx), every bid, greatest first. */
int block_after(struct drive *d, uint64_t ino, uint64_t idx,
    int (*fn)(void *arg, const struct block *b), void *arg);
/* Every row there is, for open and fsck. */
int block_every(struct drive *d, int (*fn)(void *arg, const struct block *b),
    void *arg);
/* Insert, replacing a row of the same name; data (small blocks) is the
 * ciphertext, or NULL. */
int block_insert(struct drive *d, const struct block *b, const void *data);
/* Change state, location and references of an existing row. */
int block_update(struct drive *d, const struct block *b);
int block_delete(struct drive *d, uint64_t ino, uint64_t idx, uint64_t bid,
    bool has_data);
/* Small ciphertext: exactly len bytes. */
int block_data_get(struct drive *d, uint64_t bid, void *out, size_t len);
int block_data_set(struct drive *d, uint64_t bid, const void *p, size_t len);
int block_data_drop(struct drive *d, uint64_t bid);
/* Rows from a cursor that could be evicted: on the store and here. */
int block_evictable(struct drive *d, uint64_t ino, uint64_t idx, unsigned n,
    int (*fn)(void *arg, const struct block *b), void *arg);

/* packid.c: the number by which rows name a pack, made where there is none,
 * and the pack of a number. */
int pack_number(struct drive *d, const struct pack_id *p, int64_t *ret);
int pack_of_number(struct drive *d, int64_t pid, struct pack_id *ret);

#endif
