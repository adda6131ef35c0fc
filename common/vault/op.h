/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef VAULT_OP_H
#define VAULT_OP_H

#include "vault/types.h"

struct buf;
struct rd;

/*
 * op - one change to the tree, as it travels in a journal segment.
 *
 * An inode and its first dentry are made by one create op and share its id;
 * a further hard link is a dentry with an id of its own (link).  A folder has
 * exactly one dentry.  A place gives a dentry its folder and name, the first
 * time or anew; a delete takes a dentry away; an inode without dentries is
 * gone.  A put is a new content version of an inode.
 */

enum op_type {
	OP_CREATE = 1,
	OP_LINK = 2,
	OP_PLACE = 3,
	OP_DELETE = 4,
	OP_PUT = 5,
	OP_ATTR = 6,
	OP_XATTR = 7,
	OP_CHECKPOINT = 8,	/* names a checkpoint root of this device */
	OP_HEARTBEAT = 9,
};

enum op_kind {
	OP_KIND_FILE = 1,
	OP_KIND_DIR = 2,
	OP_KIND_SYMLINK = 3,
	OP_KIND_FIFO = 4,
	OP_KIND_SOCK = 5,
	OP_KIND_CHAR = 6,
	OP_KIND_BLOCK = 7,
};

/* Of a device: major u32, minor u32, as wide as Linux has them. */
#define OP_DEVICE_LEN 8
#define OP_MAJOR_MAX 0xfffu
#define OP_MINOR_MAX 0xfffffu
void op_device_put(uint8_t target[static OP_DEVICE_LEN], uint32_t maj,
    uint32_t min);
void op_device_get(const uint8_t target[static OP_DEVICE_LEN],
    uint32_t *ret_maj, uint32_t *ret_min);

enum op_attr_mask {
	OP_ATTR_MODE = 1 << 0,
	OP_ATTR_UID = 1 << 1,
	OP_ATTR_GID = 1 << 2,
	OP_ATTR_ATIME = 1 << 3,
	OP_ATTR_MTIME = 1 << 4,
	OP_ATTR_CTIME = 1 << 5,
	OP_ATTR_BTIME = 1 << 6,
	OP_ATTR_ALL = 0x7f,
};

/* POSIX attributes but size.  Owners are identities of the drive: 0 is the
 * drive's own user (whoever mounts it), n is the POSIX id n - 1. */
struct op_attr {
	uint32_t mask;		/* enum op_attr_mask: which fields count */
	uint32_t mode;		/* permission bits, 07777 */
	uint32_t uid, gid;	/* identities */
	int64_t atime_ns, mtime_ns, ctime_ns, btime_ns;	/* since 1970 */
};

/* Who made an op, for parents of a version and keys of the merge order. */
struct op_stamp {
	uint64_t lamport;
	struct vault_id dev;
	uint64_t seq;		/* of the op in its device's journal, from 1 */
};

enum op_block_kind {
	OP_BLOCK_HOLE = 0,
	OP_BLOCK_DATA = 1,	/* sealed under this inode's key, this index */
	OP_BLOCK_SHARED = 2,	/* sealed for another inode (a reflink copy) */
};

struct op_block {
	uint64_t idx;		/* block number in the file */
	uint8_t kind;		/* enum op_block_kind */
	struct block_ref ref;	/* unless a hole */
	/* OP_BLOCK_SHARED: what it was sealed as. */
	struct vault_id from;
	uint64_t from_idx;
	uint8_t from_key[VAULT_KEY_LEN];
};

/* A manifest page: a sealed list of blocks (kind class 2), kept in a pack
 * like a block, for versions that change more than VAULT_LIST_MAX blocks. */
struct op_page {
	uint64_t first_idx;	/* of its entries; also bound as its index */
	struct block_ref ref;
};

struct op_put {
	uint64_t size;		/* of the file, bytes */
	uint64_t trunc;		/* smallest size since the version before: what
				 * lay behind it is gone (blocks past it count
				 * as holes unless listed) */
	int64_t mtime_ns;
	int64_t ctime_ns;
	struct op_stamp *parents;	/* versions replaced: dev and seq */
	uint32_t nparents;
	bool is_inline;		/* the whole content is in data */
	uint8_t *data;
	uint32_t data_len;
	struct op_block *blocks;	/* ascending idx; changed ones only */
	uint32_t nblocks;
	struct op_page *pages;	/* instead of blocks when there are many */
	uint32_t npages;
};

struct op {
	uint16_t type;		/* enum op_type, or an unknown one to skip */
	uint64_t lamport;	/* filled by segment_open and the publisher */
	uint64_t seq;
	struct vault_id node;	/* create, put, attr, xattr: inode;
				 * link, place, delete: dentry */
	union {
		struct {
			uint8_t kind;	/* enum op_kind */
			struct op_attr attr;
			uint8_t key[VAULT_KEY_LEN];	/* file key */
			/* Of a symlink; of a device, see op_device_put. */
			uint8_t *target;
			uint16_t target_len;
		} create;
		struct {
			struct vault_id inode;
		} link;
		struct {
			struct vault_id parent;	/* inode id of the folder */
			uint8_t name[VAULT_NAME_MAX];
			uint8_t name_len;
			struct vault_id replaces;	/* dentry it was renamed
							 * over, or zeros */
		} place;
		struct op_put put;
		struct op_attr attr;
		struct {
			uint8_t name[VAULT_XATTR_NAME_MAX];
			uint8_t name_len;
			bool is_removed;
			uint8_t *value;
			uint32_t value_len;
		} xattr;
		struct {
			uint64_t n, rand;	/* object name of the root */
			uint8_t sha[VAULT_HASH_LEN];	/* of the root object */
		} checkpoint;
	};
};

struct op_list {
	struct op *ops;
	size_t n, cap;
};

/* Append the encoding: type u16 | length u32 | fields.  Returns 0, -EINVAL
 * (the op breaks a rule that op_decode would refuse), -EFBIG or -ENOMEM (the
 * buffer's failure); then nothing is appended. */
int op_encode(const struct op *o, struct buf *out);
/* Encoded size in bytes. */
size_t op_size(const struct op *o);
/* Read one op; names, lengths and enums are validated here, so that whoever
 * gets an op may rely on them.  Returns 0, -EPROTO, -ENOMEM, -EPROTONOSUPPORT
 * (an op of a later version that must not be skipped); *ret is filled on
 * success and the caller frees it with op_done().  An op of a later version
 * that may be skipped comes as its type without fields: ignore it, it counts
 * in the numbering. */
int op_decode(struct rd *r, struct op *ret);
void op_done(struct op *o);
/* Append a zeroed op; NULL if out of memory.  Borrowed until the next call. */
struct op *op_list_add(struct op_list *l);
/* Free the ops and the list; it is empty and may be used again. */
void op_list_done(struct op_list *l);

/* A name that may stand in a folder: 1..255 bytes, no '/', no NUL, not "." or
 * "..". */
bool op_name_valid(const uint8_t *name, size_t len);

/* A manifest page's plaintext: the list of blocks as in a put; at most
 * VAULT_MANIFEST_MAX entries fit VAULT_BLOCK_SIZE in any case. */
int op_blocks_encode(const struct op_block *b, size_t n, struct buf *out);
/* -EPROTO, -ENOMEM.  Caller frees *ret with free(). */
int op_blocks_decode(const void *p, size_t len, struct op_block **ret,
    size_t *ret_n);

#endif
