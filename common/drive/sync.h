/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef DRIVE_SYNC_H
#define DRIVE_SYNC_H

#include "drive/drive.h"
#include "vault/vault.h"

/*
 * drive/sync - the side of the drive that a sync engine sees: staged blocks
 * out, fetched blocks in, the outbox out as ops, ops in, trust.
 */

/* ---- waiting ------------------------------------------------------------- */

/* Wait until there may be something to upload or publish that is due, or
 * deadline_ms (clock_mono_ms) has passed, or drive_sync_kick. */
void drive_sync_wait(struct drive *d, int64_t deadline_ms);
void drive_sync_kick(struct drive *d);

/* ---- staged blocks out --------------------------------------------------- */

/* A sealed block that is to go into a pack, or a manifest page to be. */
struct stage_block {
	uint64_t ino, idx, bid;		/* the drive's own name of it */
	struct vault_id inode;
	uint8_t cls;			/* enum vault_block_class */
	uint8_t *sealed;		/* nonce | ciphertext | tag */
	size_t sealed_len;
	struct block_ref ref;		/* filled by the uploader */
};

struct stage_batch {
	struct stage_block *blocks;
	size_t n, bytes;
};

/* Transactions of those who use the drive since it was opened.  Any thread,
 * without waiting. */
uint64_t drive_changes_count(struct drive *d);

/*
 * Take staged blocks for one pack: of files that have been quiet for quiet_ms
 * (or open and busy for 30 s: a consistent image of them is frozen), small
 * files first, at most bytes_max sealed bytes.  Blocks taken belong to the
 * batch until committed or given back; several batches may be out at once.
 * A block that was written over before its base was here (a patch) is
 * completed through the fetcher first.  -EAGAIN: nothing is due.
 * With force, quiet time does not count (sync, unmount).
 */
int drive_stage_take(struct drive *d, size_t bytes_max, int64_t quiet_ms,
    bool force, struct stage_batch **ret);
/* The pack is on the store: remember where each block lies (refs filled). */
int drive_stage_commit(struct drive *d, struct stage_batch *b);
/* Give them back, to be taken again.  Both free the batch. */
void drive_stage_abort(struct drive *d, struct stage_batch *b);

/* Files that are not uploaded, or not told of, because the disk of this
 * machine does not give what is to be sent: their number, and the path of one
 * (path may be NULL).  *ret_is_all: nothing else waits to be uploaded. */
struct buf;
size_t drive_unread(struct drive *d, bool *ret_is_all, struct buf *path);

/* ---- the outbox ---------------------------------------------------------- */

/*
 * Fold what may be published now into ops, in an order in which each op only
 * refers to what is before it or was published: at most bytes_max encoded.
 * An inode whose blocks are not all on the store waits, and so does what must
 * not be seen without it (its names, the entry it replaced); others overtake.
 * Ops carry no lamport or seq yet.  *ticket names the selection.
 * -EAGAIN: nothing to publish.
 */
int drive_publish_begin(struct drive *d, size_t bytes_max,
    struct op_list *ret, uint64_t *ret_ticket);
/* The file key of an inode, for manifest pages; -ENOENT. */
int drive_inode_key(struct drive *d, const struct vault_id *inode,
    uint8_t ret[static VAULT_KEY_LEN]);
/* The ops became segment seq of this device: keep the sealed object (flushed
 * to disk) until it is on the store: a number never has two contents. */
int drive_publish_seal(struct drive *d, uint64_t ticket,
    const struct segment *s, const uint8_t hash[static VAULT_HASH_LEN],
    const void *object, size_t len);
/* Not sealed after all: the ops stay in the outbox. */
void drive_publish_abort(struct drive *d, uint64_t ticket);
/* The sealed segment that is not yet known to be on the store, if any:
 * -ENOENT.  Appends the object to out.  -EUCLEAN: it is not what was sealed;
 * on the store it would break our journal for good. */
int drive_publish_pending(struct drive *d, uint64_t *ret_seq,
    struct buf *out);
/* Segment seq is on the store: its ops leave the outbox (unless changed
 * since), versions get their stamps, this device's frontier moves on. */
int drive_publish_done(struct drive *d, uint64_t seq);

/* ---- trust --------------------------------------------------------------- */

/* The frontier: per device, what has been merged (our own published ones
 * too).  Durable before it is answered. */
int drive_seen_get(struct drive *d, const struct vault_id *dev,
    struct vault_seen *ret);
int drive_seen_set(struct drive *d, const struct vault_seen *s);
/* All of them; caller frees *ret with free(). */
int drive_seen_all(struct drive *d, struct vault_seen **ret, size_t *ret_n);
/* Named numbers and small strings that must survive (counters of packs, the
 * newest checkpoint, alarms).  Durable. -ENOENT. */
int drive_kv_get(struct drive *d, const char *key, struct buf *out);
int drive_kv_set(struct drive *d, const char *key, const void *p, size_t len);

/* ---- blocks in ----------------------------------------------------------- */

/* A block that the tree needs and that is not here. */
struct fetch_want {
	uint64_t ino, idx, bid;
	struct block_ref ref;
};

/*
 * The fetcher: get want[0..n) from the store, give each to drive_cache_put as
 * it has been verified, return when the first `need` are in (the others may
 * follow).  0, or -EIO (does not verify, or is not there), -ETIMEDOUT,
 * -EHOSTUNREACH, -EINTR.  Called from any thread, with no lock held.
 */
struct drive_fetcher {
	int (*fetch)(void *arg, const struct fetch_want *want, size_t n,
	    size_t need, const struct drive_wait *w);
	void *arg;
};
void drive_set_fetcher(struct drive *d, const struct drive_fetcher *f);
/* Keep a verified sealed block as clean.  The drive copies it.  Not being
 * able to keep it on disk is no error: a waiting reader still gets it. */
int drive_cache_put(struct drive *d, const struct fetch_want *w,
    const void *sealed, size_t len);

/*
 * Pins: what they want and is not here.  For one thread of the engine.
 * due: something may have changed since the last look; *ret_now: a user waits.
 * look counts everything; 1: something is to be got.  next gives blocks of it,
 * at most max: their number, 0 at the end, -ENOSPC: no room on the disk.
 * left drops from v what has come or is not wanted any more, lost: the store
 * does not give v.
 */
bool drive_pins_due(struct drive *d, bool *ret_now);
int drive_pins_look(struct drive *d, bool (*stopped)(void *arg), void *arg);
int drive_pins_next(struct drive *d, struct fetch_want *v, size_t max);
size_t drive_pins_left(struct drive *d, struct fetch_want *v, size_t n);
void drive_pins_lost(struct drive *d, const struct fetch_want *v);
/* Wait with what is left until there is room. */
void drive_pins_full(struct drive *d);

/* The block that lies there is gone from the store: take the copy that is
 * here to be sent again.  0; -ENOENT: there is none here; -ESTALE: the file
 * has other content there by now, or it is on its way. */
int drive_block_again(struct drive *d, uint64_t ino, uint64_t idx,
    const struct block_ref *lost);

/* ---- ops in -------------------------------------------------------------- */

/* Apply what another device published, or rebuild at recover.  Ops come in an
 * order that respects causes.  One transaction; notifies.  The fold of a
 * checkpoint comes as nodes. */
int drive_apply(struct drive *d, const struct vault_id *dev,
    const struct op *ops, size_t n);
int drive_apply_node(struct drive *d, const struct ckpt_node *n);
int drive_apply_root(struct drive *d, const struct ckpt_root *r);
/* Between begin and end the drive is being rebuilt: applies are grouped into
 * large transactions and parents may come after their children. */
int drive_rebuild_begin(struct drive *d);
int drive_rebuild_end(struct drive *d);
/* Content whose manifest pages are gone or damaged is left out of a rebuild:
 * the file keeps what it had.  A version whose author did not know of the one
 * before it lies on that one (is_mixed).  For each such file that is there at
 * the end fn is called by drive_rebuild_end, with no lock held, and then no
 * more. */
void drive_rebuild_tell(struct drive *d, void (*fn)(void *arg,
    const char *path, bool is_mixed), void *arg);
/* A manifest page's blocks for inode (rebuild and apply ask for it through
 * this): fetch, open and decode.  Set by the sync engine. */
struct drive_pager {
	int (*page)(void *arg, const struct vault_id *inode,
	    const uint8_t key[static VAULT_KEY_LEN],
	    const struct op_page *page, struct op_block **ret, size_t *ret_n);
	void *arg;
};
void drive_set_pager(struct drive *d, const struct drive_pager *p);

/* ---- the whole tree out -------------------------------------------------- */

/* The published state, for a checkpoint: nodes by ascending id, each borrowed
 * during the call, as of a moment with an empty outbox for it (changes that
 * are not published are left out where that can be told: a node with
 * unpublished changes is -EAGAIN and the checkpoint waits).
 * Content lists all blocks; the caller makes manifest pages.  */
int drive_walk(struct drive *d, int (*fn)(void *arg,
    const struct ckpt_node *n), void *arg);
int drive_walk_root(struct drive *d, struct op_attr *ret_attr,
    struct ckpt_xattr **ret_xattrs, uint32_t *ret_n);
/* Every block the tree needs on the store, also of files that have not been
 * published; not those that are still to be uploaded.  For fsck --remote and
 * garbage.  Of a file of which that cannot be read, ref is NULL, once. */
int drive_walk_refs(struct drive *d, int (*fn)(void *arg, uint64_t ino,
    uint64_t idx, const struct block_ref *ref), void *arg);
/* The path of an inode for people (status, fsck); -ENOENT. */
int drive_path(struct drive *d, uint64_t ino, struct buf *out);
/* One name of an inode, and the folder that it is in; -ENOENT, also for the
 * root. */
int drive_name(struct drive *d, uint64_t ino, uint64_t *ret_folder,
    char ret[static VAULT_NAME_MAX + 1]);

#endif
