/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef DRIVE_TREE_PRIV_H
#define DRIVE_TREE_PRIV_H

#include "drive/drive_priv.h"

/*
 * tree_priv - what the files of the tree share: names (dentry.c), rows of the
 * outbox (outbox.c), extended attributes (xattr.c), ids (ids.c).  Every call
 * needs the db lock; changes are inside the caller's transaction.
 */

#define TAG_LEN 16

/* Numbers of statements. */
enum {
	STMT_INODE_GET = STMT_TREE,
	STMT_INODE_PUT,
	STMT_INODE_DEL,
	STMT_INODE_SCAN,
	STMT_INODE_BY_ID,
	STMT_INODE_ID_PUT,
	STMT_INODE_ID_DEL,
	STMT_DENTRY_GET,
	STMT_DENTRY_PUT,
	STMT_DENTRY_DEL,
	STMT_DENTRY_ANY,
	STMT_DENTRY_LIST,
	STMT_DENTRY_LIST_FROM,
	STMT_DENTRY_ID_GET,
	STMT_DENTRY_ID_PUT,
	STMT_DENTRY_ID_DEL,
	STMT_DENTRY_ID_OF,
	STMT_LINK_PUT,
	STMT_LINK_DEL,
	STMT_LINK_LIST,
	STMT_SYMLINK_GET,
	STMT_SYMLINK_PUT,
	STMT_SYMLINK_DEL,
	STMT_ORPHAN_PUT,
	STMT_ORPHAN_DEL,
	STMT_ORPHAN_NEXT,
	STMT_XATTR_GET,
	STMT_XATTR_PUT,
	STMT_XATTR_DEL,
	STMT_XATTR_DEL_ALL,
	STMT_XATTR_LIST,
	STMT_XATTR_MARK,
	STMT_META_GET,
	STMT_META_PUT,
	STMT_META_DEL,
	STMT_VERSION,
	STMT_WALK_IDS,
	STMT_WALK_PENDING,
	STMT_WALK_BLOCKS,
	STMT_OUTGROWN_NEXT,
	STMT_FSCK_INODE,
	STMT_FSCK_DENTRY,
	STMT_FSCK_ORPHAN,
	STMT_FSCK_INODE_ID,
	STMT_FSCK_DENTRY_ID,
	STMT_FSCK_LINK,
	STMT_FSCK_XATTR,
	STMT_TREE_END,

	STMT_OUTBOX_GET = STMT_OUTBOX,
	STMT_OUTBOX_PUT,
	STMT_OUTBOX_DEL,
	STMT_OUTBOX_SCAN,
	STMT_OUTBOX_AFTER,
	STMT_OUTBOX_WAITS,
	STMT_OUTBOX_COUNT,
	STMT_OUTBOX_OLDEST,
	STMT_OUTBOX_INFL,
	STMT_SEGMENT_PUT,
	STMT_SEGMENT_GET,
	STMT_SEGMENT_DEL,
	STMT_OUTBOX_END,

	STMT_SEEN_GET = STMT_KV,
	STMT_SEEN_PUT,
	STMT_SEEN_ALL,
	STMT_PIN_PUT,
	STMT_PIN_DEL,
	STMT_PIN_ALL,
	STMT_FSCK_PIN,
	STMT_KV_END,
};
_Static_assert((int)STMT_TREE_END <= (int)STMT_OUTBOX, "numbers");
_Static_assert((int)STMT_OUTBOX_END <= (int)STMT_BLOCK, "numbers");
_Static_assert((int)STMT_KV_END <= DB_STMT_MAX, "numbers");

/* ---- dentry.c: names ---------------------------------------------------- */

/* Where a name stands: keyed hashes of its folder and of itself. */
struct place {
	int64_t dkey;
	uint8_t ntag[TAG_LEN];
};

struct dentry {
	struct place at;
	uint64_t ino, did;	/* did == ino: the first one */
	uint64_t parent;
	struct vault_id id;
	uint8_t kind;		/* of the inode, enum op_kind */
	struct op_stamp placed;	/* zeros: not published */
	uint8_t name_len;
	char name[VAULT_NAME_MAX + 1];	/* with a NUL behind it */
};

/* Length of a name that may be made; -ENAMETOOLONG, -EEXIST ("." and ".."),
 * -ENOENT (empty), -EINVAL (with a '/'). */
int name_check(const char *name);
void place_of(struct drive *d, uint64_t parent, const char *name,
    size_t len, struct place *ret);
/* dkey of a folder. */
int64_t place_folder(struct drive *d, uint64_t parent);
/* -ENOENT: no such name. */
int dentry_get(struct drive *d, uint64_t parent, const char *name,
    struct dentry *ret) REQUIRES(d->db_lock);
int dentry_at(struct drive *d, const struct place *at, struct dentry *ret)
    REQUIRES(d->db_lock);
/* Open the row of a dentry. */
int dentry_decode(struct drive *d, const struct place *at, const void *row,
    size_t len, struct dentry *ret);
/* Insert or replace at x->at, which place_of has filled; keeps the tables of
 * extra links and of ids in step. */
int dentry_put(struct drive *d, const struct dentry *x)
    REQUIRES(d->db_lock);
/* Take the row away; the ids go only with dentry_gone. */
int dentry_del(struct drive *d, const struct dentry *x)
    REQUIRES(d->db_lock);
int dentry_gone(struct drive *d, const struct dentry *x)
    REQUIRES(d->db_lock);
/* 1: there is an entry in the folder, 0: it is empty. */
int dentry_any(struct drive *d, uint64_t parent) REQUIRES(d->db_lock);
/* Up to max entries of a folder with ntag >= from. Returns how many.  Of one
 * that does not verify only the place is known: its ino is 0. */
int dentry_list(struct drive *d, int64_t dkey,
    const uint8_t from[static TAG_LEN], struct dentry *out, int max)
    REQUIRES(d->db_lock);
/* Extra names of an inode, up to max from link number did on. */
int link_list(struct drive *d, uint64_t ino, uint64_t did,
    struct dentry *out, int max) REQUIRES(d->db_lock);
/* The first dentry of an inode: -ENOENT if it is gone. */
int dentry_first(struct drive *d, const struct inode *i, struct dentry *ret)
    REQUIRES(d->db_lock);
/* Published names: where dentry id is.  ret_placed false: it has no place
 * yet.  -ENOENT. */
struct dentry_ref {
	uint64_t did, ino;
	bool is_placed;
	struct place at;
};
int dentry_ref_get(struct drive *d, const struct vault_id *id,
    struct dentry_ref *ret) REQUIRES(d->db_lock);
int dentry_ref_put(struct drive *d, const struct vault_id *id,
    const struct dentry_ref *ref) REQUIRES(d->db_lock);
int dentry_ref_del(struct drive *d, const struct vault_id *id)
    REQUIRES(d->db_lock);

static inline bool
stamp_is_set(const struct op_stamp *s)
{
	return s->lamport != 0;
}

/* ---- inode.c: more ------------------------------------------------------ */

/* Others know this inode. */
static inline bool
inode_is_published(const struct inode *i)
{
	return i->ino == DRIVE_ROOT_INO || stamp_is_set(&i->created);
}

int inode_decode(struct drive *d, uint64_t ino, const void *row, size_t len,
    struct inode *ret);
/* inode_save of one that is certainly new. */
int inode_add(struct drive *d, const struct inode *i) REQUIRES(d->db_lock);
int inode_id_put(struct drive *d, const struct vault_id *id, uint64_t ino)
    REQUIRES(d->db_lock);
/* Flags of the inode's own outbox row that are known to be set: saves
 * reading it. */
unsigned inode_marked(struct drive *d, uint64_t ino) REQUIRES(d->db_lock);
void inode_set_marked(struct drive *d, uint64_t ino, unsigned flags)
    REQUIRES(d->db_lock);
int symlink_put(struct drive *d, uint64_t ino, const void *target,
    size_t len) REQUIRES(d->db_lock);
int symlink_get(struct drive *d, const struct inode *i, char *out)
    REQUIRES(d->db_lock);
/* The target of a create op into an inode that is not saved yet, and that of
 * one as bytes to free (untouched if it has none). */
int target_take(struct drive *d, struct inode *i, const uint8_t *p,
    size_t len) REQUIRES(d->db_lock);
int target_give(struct drive *d, const struct inode *i, uint8_t **ret,
    uint16_t *ret_len) REQUIRES(d->db_lock);
/* Save i as without a name (nlink 0). */
int inode_orphan(struct drive *d, struct inode *i) REQUIRES(d->db_lock);
int inode_unorphan(struct drive *d, struct inode *i) REQUIRES(d->db_lock);
/* The way to it by its id, and the row alone, for who reaps it. */
int inode_id_drop(struct drive *d, const struct inode *i) REQUIRES(d->db_lock);
int orphan_del(struct drive *d, struct inode *i) REQUIRES(d->db_lock);
/* Reap the orphans there are (at open, after a rebuild), but those that
 * cannot be read; each is a transaction. */
int orphans_reap(struct drive *d);
/* A new id: device index and random bytes. */
void id_new(struct drive *d, struct vault_id *ret);
/* One step of counting after a crash; 1: more to do. */
int inode_recount(struct drive *d) REQUIRES(d->db_lock);

/* ---- outbox.c ----------------------------------------------------------- */

struct outbox_row {
	uint64_t num;		/* of the dentry; first ones: of the inode */
	unsigned flags;		/* waiting */
	unsigned infl;		/* in the segment being made */
	int64_t since_ns;
	struct place at;	/* with CREATE, LINK or PLACE */
	struct vault_id id;	/* of the dentry */
	uint64_t ino;
	uint64_t after;		/* not before this row; 0: none */
	bool has_over;
	struct vault_id over;	/* published entry it was renamed over */
	bool is_bad;		/* id is lost: of a name that is gone */
};

/* 1: there is a row, 0: none; -EIO: it is_bad. */
int outbox_get(struct drive *d, uint64_t num, struct outbox_row *ret)
    REQUIRES(d->db_lock);
int outbox_put(struct drive *d, const struct outbox_row *o)
    REQUIRES(d->db_lock);
int outbox_del(struct drive *d, uint64_t num) REQUIRES(d->db_lock);
/* Rows in order of num from a number on, also bad ones; returns how many. */
int outbox_scan(struct drive *d, uint64_t from, struct outbox_row *out,
    int max) REQUIRES(d->db_lock);
/* A new dentry x of an inode which is new too unless is_link.  extra: what
 * else there is of that. */
int outbox_added(struct drive *d, const struct dentry *x, bool is_link,
    unsigned extra) REQUIRES(d->db_lock);
/* x has moved to x->at; over: the entry that it replaced, or NULL. */
int outbox_moved(struct drive *d, const struct dentry *x,
    const struct dentry *over) REQUIRES(d->db_lock);
/* The two moved rows are to be published together. */
int outbox_tie(struct drive *d, uint64_t a, uint64_t b)
    REQUIRES(d->db_lock);
/* x is gone, and i with it when its nlink (already lowered) is 0.  by: the
 * entry renamed over it, or 0. */
int outbox_deleted(struct drive *d, const struct dentry *x,
    const struct inode *i, uint64_t by) REQUIRES(d->db_lock);
/* What was under way in a segment waits again. */
int outbox_restore(struct drive *d, struct outbox_row *o)
    REQUIRES(d->db_lock);
int outbox_open(struct drive *d);
/* drive_publish_pending with the lock held. */
int segment_pending(struct drive *d, uint64_t *ret_seq, struct buf *out)
    REQUIRES(d->db_lock);
/* The oldest row anew, for people. */
void outbox_refresh(struct drive *d) REQUIRES(d->db_lock);

/* ---- pick.c: what can be published now ---------------------------------- */

/* A row that was taken. */
struct pick {
	struct outbox_row row;	/* as it was */
	unsigned flags;		/* taken */
};

/* One op of ours: to be recognised in the sealed segment. */
struct sent {
	struct op_stamp stamp;	/* of the sealed op */
	uint16_t type;
	uint64_t num;		/* of the row */
	struct vault_id node;
	uint8_t xtag[TAG_LEN];	/* OP_XATTR */
	unsigned depth;		/* OP_PLACE: of the folder below the root */
};

struct publish {
	uint64_t ticket;
	bool is_void;		/* given up: its rows wait to be restored */
	struct pick *picks;
	size_t npicks, picks_cap;
	struct sent *sent;	/* in the order of the ops */
	size_t nsent;
};

#define PICK_VISITS 20000	/* rows looked at per call */

/* Fill p and ops; -EAGAIN: nothing can be published now. */
int publish_pick(struct drive *d, size_t bytes_max, struct publish *p,
    struct op_list *ops) REQUIRES(d->db_lock);
void publish_free(struct publish *p);

/* ---- xattr_row.c -------------------------------------------------------- */

enum xattr_state {
	XATTR_CLEAN = 0,	/* as published */
	XATTR_SET = 1,		/* to be published */
	XATTR_REMOVED = 2,	/* a tombstone until that is published */
	XATTR_INFLIGHT = 4,	/* and it is in the segment being made */
};

struct xattr {
	uint8_t ntag[TAG_LEN];
	unsigned dirty;
	uint8_t name_len;
	char name[VAULT_XATTR_NAME_MAX + 1];
	uint32_t value_len;
	uint8_t *value;		/* borrowed from *buf */
};

#define XATTR_ACCESS "system.posix_acl_access"
#define XATTR_DEFAULT "system.posix_acl_default"

/* Value into *ret (malloc, caller frees); returns its length or -ENODATA. */
ssize_t xattr_load(struct drive *d, uint64_t ino, const char *name,
    uint8_t **ret) REQUIRES(d->db_lock);
/* 1: there is one. */
int xattr_has(struct drive *d, uint64_t ino, const char *name)
    REQUIRES(d->db_lock);
/* Store (value NULL: remove) with this state; no outbox mark, no checks. */
int xattr_store(struct drive *d, struct inode *i, const char *name,
    const void *value, size_t len, unsigned dirty) REQUIRES(d->db_lock);
/* Call fn for each row with (dirty & mask) != 0, or all rows with mask 0;
 * fn may not change rows.  Stops when fn returns other than 0. */
int xattr_each(struct drive *d, uint64_t ino, unsigned mask,
    int (*fn)(void *arg, const struct xattr *x), void *arg)
    REQUIRES(d->db_lock);
/* A row in flight was published, or was not. */
int xattr_sealed(struct drive *d, uint64_t ino,
    const uint8_t ntag[static TAG_LEN]) REQUIRES(d->db_lock);
int xattr_unsent(struct drive *d, uint64_t ino,
    const uint8_t ntag[static TAG_LEN]) REQUIRES(d->db_lock);
/* Mark a row as being in the segment that is made. */
int xattr_sent(struct drive *d, uint64_t ino,
    const uint8_t ntag[static TAG_LEN]) REQUIRES(d->db_lock);
int xattr_reap(struct drive *d, uint64_t ino) REQUIRES(d->db_lock);
/* Is an attribute of that name ever kept? */
bool xattr_known(const char *name);
/* The inode flag of an ACL; 0 for others. */
uint8_t xattr_flag(const char *name);
void xattr_tag(struct drive *d, uint64_t ino, const char *name,
    uint8_t ret[static TAG_LEN]);

/* ---- acl.c -------------------------------------------------------------- */

/* The ACLs of a new node in folder p: fills *mode, stores rows for i when the
 * folder has a default ACL.  *ret_flags: OUTBOX_XATTR when rows were made.
 * Without a default ACL the umask applies. */
int acl_inherit(struct drive *d, const struct inode *p, struct inode *i,
    mode_t umask, unsigned *ret_flags) REQUIRES(d->db_lock);
/* chmod: the access ACL follows i->mode. 1: it was changed. */
int acl_chmod(struct drive *d, struct inode *i) REQUIRES(d->db_lock);
/* Check a value and bring it to the stored form (identities), or back. */
#define ACL_ENTRIES_MAX 1000
int acl_to_store(struct drive *d, const void *value, size_t len,
    uint8_t **ret, size_t *ret_len);
int acl_from_store(struct drive *d, uint8_t *value, size_t len);
/* The mode that an access ACL implies in its permission bits; is_plain: the
 * mode says it all. */
int acl_mode(const uint8_t *value, size_t len, uint32_t *mode,
    bool *ret_is_plain);

/* ---- perm.c, owners ----------------------------------------------------- */

uint32_t owner_from_uid(const struct drive *d, uid_t uid);
uint32_t owner_from_gid(const struct drive *d, gid_t gid);
uid_t owner_to_uid(const struct drive *d, uint32_t id);
gid_t owner_to_gid(const struct drive *d, uint32_t id);

/* ---- tree.c ------------------------------------------------------------- */

/* A folder that something may be put into: -ENOTDIR, -ENOENT if removed. */
int folder_load(struct drive *d, uint64_t ino, struct inode *ret)
    REQUIRES(d->db_lock);
/* mtime and ctime of a folder whose entries changed; saves it. */
int folder_touch(struct drive *d, struct inode *p, int64_t now)
    REQUIRES(d->db_lock);
/* 1: ino is anc or below it, 0: not. */
int folder_is_below(struct drive *d, uint64_t ino, uint64_t anc)
    REQUIRES(d->db_lock);
/* Take dentry x (whose row is still there) of inode i off: names, nlink,
 * orphan, outbox.  by as in outbox_deleted. */
int tree_detach(struct drive *d, const struct dentry *x, struct inode *i,
    uint64_t by, int64_t now) REQUIRES(d->db_lock);

/* ---- create.c ----------------------------------------------------------- */

/* A device without numbers, as rename leaves it. */
int whiteout_make(struct drive *d, const struct drive_cred *c,
    uint64_t parent, const char *name) REQUIRES(d->db_lock);

/* ---- walk.c ------------------------------------------------------------- */

/* drive_path with the lock held. */
int path_of(struct drive *d, uint64_t ino, struct buf *out)
    REQUIRES(d->db_lock);

/* ---- apply.c ------------------------------------------------------------ */

void rebuild_free(struct rebuild *r);
void lost_free(struct drive *d) REQUIRES(d->db_lock);

/* ---- notifying ---------------------------------------------------------- */

void notify_inode(struct drive *d, uint64_t ino);
void notify_entry(struct drive *d, uint64_t parent, const char *name,
    uint64_t gone);
void notify_conflicts(struct drive *d, unsigned count);

/* ---- schema.c, trust.c -------------------------------------------------- */

int schema_open(struct drive *d, struct err *e);
/* Numbers of the table meta: sealed u64 values. */
int meta_get(struct drive *d, const char *key, struct buf *out)
    REQUIRES(d->db_lock);
int meta_put(struct drive *d, const char *key, const void *p, size_t len)
    REQUIRES(d->db_lock);
int meta_del(struct drive *d, const char *key) REQUIRES(d->db_lock);
int seen_put(struct drive *d, const struct vault_seen *s)
    REQUIRES(d->db_lock);

#define META_MAX (1u << 20)

#endif
