/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef DRIVE_CONTENT_H
#define DRIVE_CONTENT_H

#include <sys/queue.h>

#include "drive/block.h"
#include "drive/drive_priv.h"
#include "util/hash.h"

/*
 * content - the bytes of open files, between the modules that share them
 * (content.c nodes and commits, write.c, read.c, range.c, stage.c, evict.c).
 *
 * A node is an open inode.  What is written lies in its dirty blocks
 * (plaintext in memory) or fresh blocks (sealed in the block file, row not
 * committed); a commit makes rows of both, together with size and times.
 */

#define BLOCK_SIZE VAULT_BLOCK_SIZE
#define DIRTY_TOTAL_MAX (48u << 20)	/* plaintext of all files, bytes */
#define FRESH_MAX 512			/* uncommitted frames of one file */
#define DIRTY_AGE_MS 5000		/* committed at the latest */
/* What the manifest pages of one version can list, wherever in the file there
 * is data: 1.875 TiB. */
#define FILE_SIZE_MAX ((uint64_t)VAULT_PAGES_MAX * VAULT_MANIFEST_MAX * \
    BLOCK_SIZE)
_Static_assert(FILE_SIZE_MAX <= UINT64_C(1) << 60, "the format's own limit");

struct dirty {
	uint64_t idx;
	uint8_t *buf;		/* zeros behind len */
	uint32_t cap, len;
	uint32_t under;		/* bytes of the row that it replaces */
	uint8_t *have;		/* bitmap of bytes written, when the block
				 * below is not here; NULL: all is known */
	UT_hash_handle hh;
};

struct fresh {
	uint64_t idx;
	uint32_t frame, len;
	uint32_t under;		/* as above, as far as that is known */
	uint8_t nonce[AEAD_NONCE_LEN], tag[AEAD_TAG_LEN];
	UT_hash_handle hh;
};

struct node {
	uint64_t ino;
	unsigned refs;		/* nodes->lock */
	bool is_forgotten;	/* nodes->lock: by the kernel */
	bool is_kept;		/* nodes->lock: one of refs is nobody's */
	UT_hash_handle hh;

	struct mutex lock;	/* RANK_NODE; guards what follows */
	bool is_loaded;
	struct vault_id id;
	uint8_t file_key[VAULT_KEY_LEN];
	struct aead *key;	/* made when first needed */
	uint64_t size;
	uint64_t row_end;	/* no row has this index or a greater one */
	struct dirty *dirty;
	struct fresh *fresh;
	int64_t held;		/* bytes that a commit adds to the rows */
	uint64_t touches;	/* atomic: written without a lock of d's */
	int64_t dirty_ms;	/* when the oldest change was made; 0: clean */
	int64_t mtime_ns;

	/* db_lock: for content_overlay */
	bool is_live;
	uint64_t live_size;
	uint64_t live_bytes;	/* of blocks not committed */
	int64_t live_mtime_ns;
};

struct nodes {
	struct mutex lock;	/* RANK_NODES */
	struct node *table;	GUARDED_BY(lock)
	uint64_t dirty_bytes;	/* atomic: plaintext buffers of all nodes */
};

struct drive_file {
	struct drive *d;
	struct node *n;
	uint64_t next_off;	/* atomic: where a sequential read goes on */
	uint64_t ra_end;	/* atomic: index up to which was asked for */
	uint64_t ra_blocks;	/* atomic: window, blocks */
	bool has_read;		/* atomic: not for the first time any more */
	bool is_sparing;	/* set at open */
	uint64_t accessed;	/* atomic: changes seen at the last look */
};

/* A content version frozen for upload. */
struct version {
	uint64_t bid_max;	/* rows up to this one belong to it */
	uint64_t size, trunc;
	int64_t mtime_ns, ctime_ns;
	bool is_inline;		/* travels inside its op */
	bool is_taken_all;	/* nothing left to put into packs */
	bool is_unnamed;	/* no put comes: over when all is sent */
	uint64_t lo, hi;	/* its rows that are new: in [lo, hi) */
	uint64_t next_idx;	/* first index not taken yet */
	unsigned out;		/* blocks in batches under way */
	uint64_t trunc_next;	/* smallest size since the freeze */
	bool is_stale;		/* content changed since the freeze */
	/* What a rollback undoes: numbers of transactions. */
	uint64_t txn;		/* the one that froze it */
	uint64_t trunc_txn;	/* the last that changed trunc_next */
	uint64_t trunc_was;	/* and what it had been before */
	bool is_void;		/* rolled back: goes when nothing is out */
};

/* An inode with content to publish. */
struct pending {
	uint64_t ino;
	int64_t first_ms, last_ms;	/* clock_mono_ms of changes */
	int64_t retry_ms;		/* not before */
	uint64_t txn;			/* the transaction that made it */
	uint64_t staged;		/* bytes, about */
	/* Rows to publish have an index in [lo, hi) (or in that of v): a
	 * version of a large file need not look at all of them. */
	uint64_t lo, hi;
	struct version *v;		/* NULL: not frozen */
	bool is_unread;			/* see unread.c */
	/* In stage->waiting while not frozen, by last_ms; in stage->frozen
	 * while there are blocks to take. */
	TAILQ_ENTRY(pending) link;
	enum { PENDING_OUT, PENDING_WAITING, PENDING_FROZEN } queue;
	UT_hash_handle hh;
};
TAILQ_HEAD(pendings, pending);

/* Block rows that a transaction makes superfluous. */
struct gone {
	uint64_t ino, idx, bid;
	uint32_t frame, len;
	bool has_data;
	bool is_later;		/* the row stays until the next flush to disk */
	uint8_t state;
};

struct gones {
	struct gone *v;
	size_t n, cap;
};

/* All under db_lock. */
struct stage {
	struct pending *table;
	struct pendings waiting, frozen;
	int64_t busy_look_ms;	/* when files that stay busy were looked for */
	uint64_t next_bid;
	uint64_t synced_bid;	/* rows up to here are on the disk */
	uint64_t kept_bid;	/* or are about to be: not less */
	struct gones txn;	/* of the open transaction */
	struct gones dead;	/* superseded rows to delete after a flush */
	uint64_t staged_bytes, staged_blocks, clean_bytes;
	/* The three as the open transaction found them. */
	uint64_t saved[3];
	uint64_t txn_no;	/* of the open transaction */
	bool is_torn;		/* after a rollback: see stage_mend */
	int64_t quiet_ms;
	bool is_forced;
	uint64_t evict_ino, evict_idx;	/* clock hand */
};

/* ---- content.c ----------------------------------------------------------- */

struct node *node_ref(struct drive *d, uint64_t ino, bool make);
void node_unref(struct drive *d, struct node *n);
/* The same when what is dirty could not be committed: it is kept, and the
 * commit tried again, until node_let_go. */
void node_keep(struct drive *d, struct node *n);
/* Nothing of it is dirty any more, or its inode is gone: not kept. */
void node_let_go(struct drive *d, struct node *n, bool is_gone);
/* With all that is dirty; it is in no table any more. */
void node_free(struct drive *d, struct node *n);
/* Lock it; the first time reads its row. */
int node_lock(struct drive *d, struct node *n) NO_TSA;
/* As above with the db lock free; ready n->key. */
int node_key(struct node *n) REQUIRES(n->lock);
/* Make rows of what is dirty. */
int node_commit(struct drive *d, struct node *n) REQUIRES(n->lock);
/* Drop what is dirty.  For a call that found the node clean and failed. */
void node_undo(struct drive *d, struct node *n) REQUIRES(n->lock);
void node_touch(struct drive *d, struct node *n, bool set_mtime)
    REQUIRES(n->lock);
/* What block idx has its part of in n->held, if it is not committed. */
int64_t node_held(const struct node *n, uint64_t idx) REQUIRES(n->lock);
/* What b holds; what holds b too. */
void dirty_drop(struct drive *d, struct dirty *b);
void dirty_free(struct drive *d, struct node *n, struct dirty *b)
    REQUIRES(n->lock);
int dirty_grow(struct drive *d, struct dirty *b, uint32_t cap);

/* Bytes [o, o + len) of a block that has so many: the rest are zeros. */
void copy_part(const uint8_t *p, uint32_t have, uint32_t o, uint32_t len,
    uint8_t *out);
/* Decrypt the ciphertext of row b. id and key are the inode's own. */
int block_open(struct drive *d, const struct block *b,
    const struct vault_id *id, const struct aead *key, const uint8_t *ct,
    uint8_t *out);
/* Read and decrypt a local row into out (b->len bytes).  -EAGAIN: the frame
 * was reused meanwhile; look the row up again. */
int block_load(struct drive *d, const struct block *b,
    const struct vault_id *id, const struct aead *key, uint8_t *out);
/* The same for few bytes, [o, o + len), without the rest of the block: 1;
 * else it is to be loaded, and if there were no sums that fit (< 0) be given
 * some. */
int block_load_part(struct drive *d, const struct block *b,
    const struct aead *key, uint32_t o, uint32_t len, uint8_t *out);
/* Write the sums by which that is done, of the ciphertext in a frame. */
void sums_make(struct drive *d, const struct aead *key,
    const uint8_t nonce[static AEAD_NONCE_LEN], uint32_t frame,
    const uint8_t *ct, uint32_t len);
/* ... and those of one that block_load has read last in this thread. */
void sums_mend(struct drive *d, const struct block *b,
    const struct aead *key);
/* Seal len bytes as (id, idx): fills nonce, tag, and writes ct. */
int block_seal(struct drive *d, const struct vault_id *id,
    const struct aead *key, uint64_t idx, const uint8_t *p, uint32_t len,
    uint8_t nonce[static AEAD_NONCE_LEN], uint8_t tag[static AEAD_TAG_LEN],
    uint8_t *ct);
/* Inside a transaction: b becomes the content of its index (gets a bid). */
int block_put(struct drive *d, struct inode *i, struct block *b,
    const void *data, size_t data_len) REQUIRES(d->db_lock);
/* Inside a transaction: the index becomes a hole. */
int block_clear(struct drive *d, struct inode *i, uint64_t idx)
    REQUIRES(d->db_lock);
/* Inside a transaction: the row is superfluous. */
int block_gone(struct drive *d, const struct block *b, bool is_later)
    REQUIRES(d->db_lock);
/* Inside a transaction: when it commits, g's frame is free. */
int stage_bury_note(struct drive *d, const struct gone *g)
    REQUIRES(d->db_lock);
/* Delete the superseded rows that a flush has made superfluous: the first n of
 * stage.dead. */
int stage_bury(struct drive *d, size_t n);
/* A transaction begins; it has ended (called by txn.c). */
void content_txn_begin(struct drive *d) REQUIRES(d->db_lock);
void content_txn_done(struct drive *d, bool is_committed)
    REQUIRES(d->db_lock);
/* 64 KiB..128 KiB scratch of this thread; NULL if out of memory. */
uint8_t *content_scratch(unsigned which);

/* A patch row's plaintext: len u32 | bitmap | bytes. */
#define PATCH_MAP (BLOCK_SIZE / 8)
/* Sealed as the row bid: the caller frees it, also after an error. */
int patch_seal(struct drive *d, const struct dirty *b, uint64_t bid,
    uint8_t **ret, size_t *ret_len);
int patch_load(struct drive *d, const struct block *b, struct dirty *ret);
int patch_load_held(struct drive *d, const struct block *b,
    struct dirty *ret) REQUIRES(d->db_lock);

/* ---- write.c --- */

/* Bytes [from, to) are known. */
void have_set(uint8_t *map, uint32_t from, uint32_t to);

/* The dirty block idx, made if need be, that will get [o, o + len). */
int dirty_get(struct drive *d, struct node *n, uint64_t idx, uint32_t o,
    uint32_t len, struct dirty **ret) REQUIRES(n->lock);
/* One block or a part of it, into memory or the block file. */
int node_write_part(struct drive *d, struct node *n, uint64_t idx, uint32_t o,
    const uint8_t *p, uint32_t len) REQUIRES(n->lock);

/* ---- range.c ------------------------------------------------------------- */

#define CLEAR_STEP 1024		/* rows removed in one transaction */

/* Lock the node with nothing dirty in it. */
int node_lock_clean(struct drive *d, struct node *n) NO_TSA;
/* Remove rows of [from, to), at most CLEAR_STEP of them. 1: more are left. */
int clear_rows(struct drive *d, struct inode *i, uint64_t from, uint64_t to,
    uint64_t *ret_next) REQUIRES(d->db_lock);

/* ---- fetch.c ------------------------------------------------------------- */

enum fetch_how {
	FETCH_NEED = 1 << 0,	/* wait for the first */
	FETCH_NEAR = 1 << 1,	/* other small files may come along */
};

/* Ask for what is missing of blocks [idx, idx + n). */
int fetch_from(struct drive *d, uint64_t ino, uint64_t idx, size_t n,
    unsigned how, const struct drive_wait *w);
/* The row itself is wanted (the base of a patch). */
int fetch_row(struct drive *d, const struct block *b,
    const struct drive_wait *w);

/* ---- near.c -------------------------------------------------------------- */

#define NEAR_MAX 512		/* files asked for at once */

/* The content of a small file is not here: what else shall be asked for,
 * at most NEAR_MAX blocks of other files, into v.  Returns their number. */
size_t near_missed(struct drive *d, uint64_t ino, struct fetch_want *v)
    REQUIRES(d->db_lock);
/* A file is read from its beginning.  Asks for others, waits for nothing. */
void near_read(struct drive *d, uint64_t ino);

/* ---- read.c -------------------------------------------------------------- */

/* Make the patch at the top of (ino, idx) a whole block, through the fetcher
 * if its base is not here. */
int patch_complete(struct drive *d, struct node *n, uint64_t idx,
    const struct drive_wait *w);

/* ---- stage.c ------------------------------------------------------------- */

/* The inode has something to publish: it is size bytes long now, and bytes
 * more of it are staged. */
int stage_changed(struct drive *d, uint64_t ino, uint64_t bytes,
    uint64_t size) REQUIRES(d->db_lock);
/* Among it the rows with an index in [lo, hi). */
int stage_rows(struct drive *d, uint64_t ino, uint64_t lo, uint64_t hi)
    REQUIRES(d->db_lock);
bool stage_is_frozen(struct drive *d, uint64_t ino, uint64_t bid)
    REQUIRES(d->db_lock);
/* Is the row still counted: the current one, or the base below it?  1, 0 or
 * an error. */
int stage_is_live(struct drive *d, const struct block *b)
    REQUIRES(d->db_lock);
/* What was inside a put and has outgrown that must travel by itself now. */
int version_restage(struct drive *d, uint64_t ino) REQUIRES(d->db_lock);
struct pending *pending_find(struct drive *d, uint64_t ino)
    REQUIRES(d->db_lock);
/* Into the queue its state asks for; and away with it. */
void pending_queue(struct drive *d, struct pending *p) REQUIRES(d->db_lock);
void pending_free(struct drive *d, struct pending *p) REQUIRES(d->db_lock);
/* What is to be sent of ino cannot be read: its version is given up, and
 * frozen anew after a while. */
void version_unread(struct drive *d, uint64_t ino) REQUIRES(d->db_lock);
/* It has new content: that may be sound. */
void unread_back(struct drive *d, struct pending *p) REQUIRES(d->db_lock);
/* Freeze a round of what is due.  1: there may be more.  A failure is that of
 * the last one; others are not held up by it. */
int stage_freeze_due(struct drive *d);

/* ---- scan.c --- */

/* At open: count rows, mark frames, drop what a crash left over. */
int content_scan(struct drive *d);
int gones_add(struct gones *g, const struct gone *e);
void stage_count(struct drive *d, const struct block *b, int sign)
    REQUIRES(d->db_lock);

/* ---- evict.c ------------------------------------------------------------- */

/* Drop clean blocks until clean_bytes <= keep. Returns bytes freed. */
uint64_t content_evict(struct drive *d, uint64_t keep);

#endif
