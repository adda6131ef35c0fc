/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef DRIVE_DRIVE_PRIV_H
#define DRIVE_DRIVE_PRIV_H

#include <errno.h>

#include "crypto/crypto.h"
#include "db/db.h"
#include "drive/drive.h"
#include "drive/sync.h"
#include "util/thread.h"

struct slab;
struct nodes;
struct cache;
struct stage;
struct pins;
struct unread;			/* unread.c: what cannot be sent */
struct publish;			/* publish.c: what is being published */
struct rebuild;			/* apply.c: what could not be placed yet */
struct lost;			/* apply_lost.c: what could not be had */

#define FORGOTTEN_MAX 16384	/* beyond them who removes reaps */

/* Numbers of prepared statements, by file. */
enum {
	STMT_TREE = 0,		/* tree.c, dir.c, xattr.c: 0..49 */
	STMT_OUTBOX = 50,	/* outbox.c, apply.c, walk.c: 50..89 */
	STMT_BLOCK = 90,	/* block.c: 90..111 */
	STMT_PACK = 112,	/* packid.c: 112..119 */
	STMT_KV = 120,		/* trust.c, pin.c: 120..127 */
};

#define ROW_NONCES 8
#define LOG_MAX (64u << 20)	/* the log starts anew beyond this, bytes */

struct drive {
	struct drive_conf conf;	/* pointers in it are to the fields below */
	struct vault_id drive_id, realm_id;
	int lock_fd;		/* state_dir/lock, held by flock */
	int spare_fd;		/* state_dir/spare, or -1 */
	bool is_short;		/* atomic; a commit found the disk full */
	struct aead *row_key;	/* seals rows */
	struct prf *name_prf;	/* names to look-up tags */

	struct mutex flush_lock;
	/* Of calls for a flush: how many there were (atomic), and up to which
	 * one they are done. */
	uint64_t flush_asked;
	uint64_t flush_done GUARDED_BY(flush_lock);

	struct mutex db_lock;	/* the connection, and all that follows */
	struct db *db;
	bool is_changing GUARDED_BY(db_lock);	/* a transaction is open */
	/* For its rows: drawn together, and never kept beyond it, so that no
	 * copy of a process or of a machine uses them again. */
	uint8_t nonces[ROW_NONCES][AEAD_NONCE_LEN] GUARDED_BY(db_lock);
	unsigned nnonces GUARDED_BY(db_lock);	/* not used yet */
	int64_t changes GUARDED_BY(db_lock);	/* at drive_begin */
	uint64_t lost_commits;	/* set by the open */
	uint64_t nchanges;	/* atomic: drive_begin's calls */
	bool is_rebuilding GUARDED_BY(db_lock);
	bool is_rebuild_lost GUARDED_BY(db_lock);
	uint64_t rebuild_ops GUARDED_BY(db_lock);
	uint64_t next_num GUARDED_BY(db_lock);	/* next ino or did */
	/* Without a name and forgotten by the kernel: to be reaped. */
	struct forgotten {
		uint64_t ino[FORGOTTEN_MAX];
		size_t n;
	} gone GUARDED_BY(db_lock);
	uint64_t num_reserved GUARDED_BY(db_lock);	/* durable up to here */
	struct inode_cache *inodes GUARDED_BY(db_lock);
	/* atime.c: when what was read lately was; the first came when. */
	struct access *accesses GUARDED_BY(db_lock);
	int64_t accesses_ms GUARDED_BY(db_lock);
	/* Written under db_lock with usage_add, read by anybody (atomic). */
	struct usage {
		uint64_t inodes, file_bytes, outbox_ops;
		uint64_t orphans;
		int64_t oldest_unpublished_ns;
	} usage;
	struct usage saved GUARDED_BY(db_lock);	/* at BEGIN */
	/* After a crash the inodes are counted anew in the background: those
	 * up to this number have been. */
	uint64_t counted GUARDED_BY(db_lock);

	struct publish *publish GUARDED_BY(db_lock);	/* NULL: none */
	uint64_t tickets GUARDED_BY(db_lock);
	uint64_t pub_cursor GUARDED_BY(db_lock);	/* last row picked */
	uint64_t pub_gen GUARDED_BY(db_lock);	/* publications begun */
	bool is_seal_flushed GUARDED_BY(db_lock);
	uint64_t done_seq;	/* atomic: last segment on the store */
	/* Atomic: changes in the segment that is sealed and not there yet,
	 * and the oldest of them (0: not known). */
	uint64_t sealed_ops;
	int64_t sealed_since_ns;
	struct rebuild *rebuild GUARDED_BY(db_lock);
	struct lost *lost GUARDED_BY(db_lock);
	void (*lost_tell)(void *arg, const char *path, bool is_mixed)
	    GUARDED_BY(db_lock);
	void *lost_arg GUARDED_BY(db_lock);

	struct nodes *nodes;	/* content.c: open inodes */
	struct slab *slab;	/* slab.c: the block file */
	struct sums *sums;	/* sums.c: for parts of its blocks */
	struct cache *cache;	/* cache.c: opened blocks */
	struct stage *stage;	/* stage.c: what waits for upload */
	struct pins *pins;	/* pin.c: what is to stay here */
	struct unread *unread GUARDED_BY(db_lock);
	unsigned nunread;	/* atomic: how many */
	/* near.c: what was asked for from file to file.  Written under db_lock;
	 * mark and end are read by anybody (atomic). */
	struct near {
		uint64_t last;		/* number of the last miss */
		uint64_t mark, end;	/* second half of the last window */
		unsigned files;		/* of the last window; 0: none yet */
	} near;

	/* Waiting of the sync engine (drive_wake, drive_sync_wait and _kick
	 * are in drive.c); rank RANK_UTIL. */
	struct mutex wake_lock;
	struct cond wake;
	uint64_t wake_n, wake_seen GUARDED_BY(wake_lock);

	struct mutex conf_lock;	/* RANK_UTIL: the callbacks below */
	struct drive_notify notify GUARDED_BY(conf_lock);
	struct drive_fetcher fetcher GUARDED_BY(conf_lock);
	struct drive_pager pager GUARDED_BY(conf_lock);
	uint64_t remote_total, remote_free GUARDED_BY(conf_lock);
	bool is_readonly;	/* atomic */
	bool has_marked;	/* atomic: see drive_is_marked */

	pthread_t keeper;	/* housekeeping: aged content, checkpoints */
	bool is_keeping;
	bool is_stopping GUARDED_BY(wake_lock);
	bool is_log_long GUARDED_BY(wake_lock);	/* the keeper is to look */
	struct cond stop;
};

/* ---- txn.c -------------------------------------------------------------- */

/*
 * Every change is: drive_begin, checks, changes, drive_end.  begin takes the
 * db lock and starts a transaction; -EROFS when the drive refuses changes
 * (then the lock is not held).  end gives the lock back and returns r, once
 * what was changed is committed.  With r < 0 after a change, or when the
 * commit fails, it is rolled back, which costs more than a check beforehand.
 *
 * While a drive is rebuilt changes are committed in groups, so that end may
 * answer before; if a group then fails, so does every begin of the rebuild.
 */
int drive_begin(struct drive *d) ACQUIRE(d->db_lock);
/* For a change that a call was told to be done. */
int drive_begin_accepted(struct drive *d) ACQUIRE(d->db_lock);
int drive_end(struct drive *d, int r) RELEASE(d->db_lock);
/* The same for the engine's own housekeeping, allowed when read-only. */
int drive_begin_internal(struct drive *d) ACQUIRE(d->db_lock);
/* What was committed, and what waits to be, is SQLite's (db_settle). */
int drive_settle(struct drive *d) REQUIRES(d->db_lock);

/* Seal a row; out has room for len + AEAD_OVERHEAD.  what, a and b bind the
 * row to its place. */
int row_seal(struct drive *d, const char what[static 4], uint64_t a,
    const uint8_t b[static 16], const void *p, size_t len, uint8_t *out)
    REQUIRES(d->db_lock);
/* The same before the transaction it is for. */
int row_seal_apart(struct drive *d, const char what[static 4], uint64_t a,
    const uint8_t b[static 16], const void *p, size_t len, uint8_t *out);
int row_open(struct drive *d, const char what[static 4], uint64_t a,
    const uint8_t b[static 16], const void *box, size_t box_len, void *out);

/* ---- inode.c ------------------------------------------------------------ */

enum inode_flags {
	INODE_ORPHAN = 1 << 0,	/* no name left, or none yet (apply) */
	INODE_XATTR = 1 << 1,	/* may have xattrs */
	INODE_ACL = 1 << 2,	/* has an access ACL beyond its mode */
	INODE_DEFAULT_ACL = 1 << 3,	/* a folder with a default ACL */
	INODE_ZOMBIE = 1 << 4,	/* deleted elsewhere, goes once it is empty */
	INODE_AWAITED = 1 << 5,	/* only known by its children (rebuild) */
	INODE_UNNAMED = 1 << 6,	/* an orphan that never had a name: O_TMPFILE,
				 * and may get one */
};

/* A decoded inode row. */
struct inode {
	uint64_t ino;
	struct vault_id id;
	uint8_t kind;		/* enum op_kind */
	uint8_t flags;
	uint32_t rdev;		/* of a device, as in dev_t */
	uint32_t mode;		/* permission bits only */
	uint32_t uid, gid;	/* identities */
	uint32_t nlink;
	uint64_t size;		/* committed */
	uint64_t alloc;		/* bytes of blocks, for st_blocks */
	int64_t atime_ns, mtime_ns, ctime_ns, btime_ns;
	int64_t read_ns;	/* since atime_ns was published it was read
				 * here; 0: not */
	uint64_t parent;	/* folder of the first dentry; 0: it is gone */
	uint8_t key[VAULT_KEY_LEN];
	struct op_stamp created;	/* zeros: not published */
	/* Content as last sealed into a segment. */
	struct op_stamp version;	/* zeros: none yet */
	uint64_t trunc;		/* smallest size since then */
	uint64_t pub_seq;	/* segment of the last publication; 0: none */
	uint16_t target_len;	/* symlink; the target is read apart */
};

/* Read (through the cache) and write back an inode.  -ENOENT: none. */
int inode_load(struct drive *d, uint64_t ino, struct inode *ret)
    REQUIRES(d->db_lock);
int inode_save(struct drive *d, const struct inode *i) REQUIRES(d->db_lock);
/* Forget cached rows (after a rollback). */
void inode_cache_drop(struct drive *d) REQUIRES(d->db_lock);
/* The inode has no name, no handle and no kernel reference: delete its rows,
 * xattrs and blocks, inside the caller's transaction.  1: there are more of
 * them than go into one; call again in the next. */
int inode_reap(struct drive *d, uint64_t ino) REQUIRES(d->db_lock);
/* forget.c: reap all that was forgotten; at a tick, when nobody is at work or
 * they have waited long enough. */
struct rest {
	uint64_t seen;
	unsigned waits;
};
int forgotten_reap(struct drive *d);
void forgotten_tend(struct drive *d, struct rest *rest);
bool is_forgotten(struct drive *d, uint64_t ino) REQUIRES(d->db_lock);
/* It has a name again. */
void forgotten_drop(struct drive *d, uint64_t ino) REQUIRES(d->db_lock);
/* The type as in a mode; 0: there is no such kind. */
uint32_t kind_mode(uint8_t kind);
/* See drive_is_marked: such a mode is about. */
void mode_note(struct drive *d, uint32_t mode);
/* attr as the caller sees it, with what open files have not committed. */
void inode_attr(struct drive *d, const struct inode *i,
    struct drive_attr *ret) REQUIRES(d->db_lock);
int inode_by_id(struct drive *d, const struct vault_id *id, uint64_t *ret)
    REQUIRES(d->db_lock);

/* The next number of an inode or of an extra dentry. */
int number_next(struct drive *d, uint64_t *ret) REQUIRES(d->db_lock);
/* Add to a counter of d->usage. */
static inline void
usage_add(uint64_t *counter, int64_t n)
{
	__atomic_add_fetch(counter, (uint64_t)n, __ATOMIC_RELAXED);
}

/* ---- atime.c ------------------------------------------------------------- */

/* The later one of when ino was read and what its row says. */
int64_t atime_of(struct drive *d, const struct inode *i)
    REQUIRES(d->db_lock);
/* What its row says counts from now on. */
void atime_drop(struct drive *d, uint64_t ino) REQUIRES(d->db_lock);
/* Into the rows, what has waited for long, or all; and forget. */
void atime_tick(struct drive *d, bool all);
void atime_free(struct drive *d) REQUIRES(d->db_lock);

/* ---- outbox.c ----------------------------------------------------------- */

enum outbox_flags {
	OUTBOX_CREATE = 1 << 0,
	OUTBOX_LINK = 1 << 1,
	OUTBOX_PLACE = 1 << 2,
	OUTBOX_DELETE = 1 << 3,
	OUTBOX_PUT = 1 << 4,
	OUTBOX_ATTR = 1 << 5,
	OUTBOX_XATTR = 1 << 6,
};

/* Something of inode ino (and nothing of its names) changed: OUTBOX_PUT,
 * _ATTR or _XATTR.  An inode without a name is left alone. */
int outbox_mark(struct drive *d, uint64_t ino, unsigned flags)
    REQUIRES(d->db_lock);
/* The content of i is another: OUTBOX_PUT, and the preview of the former one
 * goes. */
int content_changed(struct drive *d, struct inode *i) REQUIRES(d->db_lock);

/* ---- content.c, block.c, stage.c: what the tree asks of content --------- */

/* What an open file has not committed yet, laid over a row. */
void content_overlay(struct drive *d, uint64_t ino, struct drive_attr *a)
    REQUIRES(d->db_lock);
/* Commit what any handle of ino has written; no lock held. */
int content_flush(struct drive *d, uint64_t ino);
/* Change the size (commits, marks the outbox, sets mtime and ctime); no lock
 * held. */
int content_truncate(struct drive *d, uint64_t ino, uint64_t size);
/* Is it open; if so remember that the kernel has forgotten it, so that the
 * last close reaps it. */
bool content_forgotten(struct drive *d, uint64_t ino);
/* Content that was inside a put travels by itself where its file is larger
 * than that; no lock held. */
int content_outgrown(struct drive *d);
/* Delete all blocks of an inode; 1: as many as one transaction should. */
int content_reap(struct drive *d, uint64_t ino) REQUIRES(d->db_lock);
/* The put of ino can be published now: its blocks are on the store, or it is
 * small.  Freezes a version if it is quiet (see stage.c). 1, 0 or errno. */
int version_ready(struct drive *d, const struct inode *i)
    REQUIRES(d->db_lock);
/* Fill the op of the frozen version.  Caller frees with op_done. */
int version_fill(struct drive *d, const struct inode *i, struct op_put *ret)
    REQUIRES(d->db_lock);
/* It has been sealed into a segment as stamp: blocks become published, and i
 * (to be saved by the caller) gets its version and trunc.  1: content has
 * changed since and OUTBOX_PUT must stay. */
int version_sealed(struct drive *d, struct inode *i,
    const struct op_stamp *stamp) REQUIRES(d->db_lock);
/* It was not published after all: it may be frozen anew. */
void version_abort(struct drive *d, uint64_t ino) REQUIRES(d->db_lock);
/* The inode has lost its last name: as above, now or as soon as no block of
 * it is under way. */
void version_orphan(struct drive *d, uint64_t ino) REQUIRES(d->db_lock);
/* A version made elsewhere: replace content.  blocks are all that changed
 * against the version before; i is saved by the caller. */
int version_apply(struct drive *d, struct inode *i, const struct op_put *p)
    REQUIRES(d->db_lock);
/* Content of a published inode in full, for a checkpoint: blocks or data. */
int version_walk(struct drive *d, const struct inode *i, struct op_put *ret)
    REQUIRES(d->db_lock);
/* The blocks of its current content that are on the store, published or not:
 * into ret->blocks, which is all that is filled. */
int version_refs(struct drive *d, const struct inode *i, struct op_put *ret)
    REQUIRES(d->db_lock);
/* The staging queue learns that ino has content to publish (at open). */
int stage_note(struct drive *d, uint64_t ino) REQUIRES(d->db_lock);

/* What is on the disk for certain, kept for the start after a power cut. */
int content_boot_save(struct drive *d);
int content_open_all(struct drive *d, struct err *e);	/* at drive_open */
void content_close_all(struct drive *d);		/* at drive_close */
/* Once a second from the keeper thread, no lock held. */
void content_tick(struct drive *d);
/* Counters of blocks for drive_usage, and fsck's part of content. */
void content_usage(struct drive *d, struct drive_usage *ret);
int content_fsck(struct drive *d, bool repair, bool (*stop)(void *arg),
    void (*say)(void *arg, const char *finding), void *arg);
/* Everything committed is on the disk: block file, then the log. */
int drive_sync_disk(struct drive *d);

/* ---- unread.c: what this disk does not give, and others are told of ----- */

/* Is that what a damaged disk or row answers? */
static inline bool
unread_is(int r)
{
	return r == -EIO || r == -ENODATA || r == -EUCLEAN || r == -EBADMSG;
}

/* The inode, or what is to be sent of it, could not be read. */
void unread_add(struct drive *d, uint64_t ino) REQUIRES(d->db_lock);
/* All of it could after all, or there is other content by now. */
void unread_drop(struct drive *d, uint64_t ino) REQUIRES(d->db_lock);
void unread_done(struct drive *d) REQUIRES(d->db_lock);

/* ---- spare.c: room on the disk, given up when there is no other --------- */

void spare_open(struct drive *d);
void spare_close(struct drive *d);
/* Give it up if the disk is full; take it if there is plenty. */
void spare_give(struct drive *d);
void spare_take(struct drive *d);

/* Wake whoever waits in drive_sync_wait. */
void drive_wake(struct drive *d);
/* The keeper does not wait for its next second. */
void drive_log_long(struct drive *d);

#endif
