/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef VAULT_VAULT_H
#define VAULT_VAULT_H

#include "vault/op.h"
#include "vault/types.h"

struct aead;
struct buf;
struct err;

/*
 * vault - the objects of the remote format: made from structs, checked and
 * opened back into structs.  Pure: no I/O.  See FORMAT.md.
 *
 * Whatever does not verify is -EBADMSG (a bit was changed, a wrong author, a
 * wrong place), whatever verifies and does not parse is -EPROTO.  Results are
 * written on success only.  Any thread may call; a struct is not shared.
 */

enum vault_type {
	VAULT_GENESIS = 1,
	VAULT_CHAIN = 2,
	VAULT_GRANT = 3,
	VAULT_SEGMENT = 4,
	VAULT_HEAD = 5,
	VAULT_PACK = 6,
	VAULT_PAGE = 7,
	VAULT_ROOT = 8,
};

/* ---- keys.h: what a device knows ------------------------------------- */

/* One enrolled device, as others see it. */
struct vault_device {
	struct vault_id id;
	uint8_t sign_pub[32];	/* Ed25519 */
	uint8_t dh_pub[32];	/* X25519 */
	bool is_paper;		/* a recovery key */
	bool is_admin;
	bool is_writer;
	bool is_revoked;	/* what it wrote before still counts */
	char label[64];		/* for people: host name, "recovery key" */
};

/* The secrets of this device and what it has been granted.  Lives in secure
 * memory: vault_keys_new and vault_keys_free only. */
struct vault_keys {
	/* public */
	struct vault_id drive;	/* hash of what genesis says, first 16 B */
	struct vault_id user;
	struct vault_id realm;
	struct vault_tag utag;
	struct vault_tag rtag;
	struct vault_tag dtag;	/* of this device in this realm */
	struct vault_device self;
	uint32_t epoch;
	/* secret */
	uint8_t sign_seed[32];
	uint8_t dh_secret[32];
	uint8_t user_secret[32];	/* seals the user chain */
	uint8_t epoch_secret[32];
	uint8_t name_key[32];	/* of the realm: makes tags */
	uint8_t local_key[32];	/* seals rows and names on this machine only */
};

int vault_keys_new(struct vault_keys **ret);
/* Wipe and free; NULL is ignored. */
void vault_keys_free(struct vault_keys *k);
/* The bytes the keystore keeps, and back.  Use buf_wipe on the buffer. */
int vault_keys_encode(const struct vault_keys *k, struct buf *out);
int vault_keys_decode(const void *p, size_t len, struct vault_keys **ret);
/* The pseudonym of a device in the realm. */
void vault_device_tag(const struct vault_keys *k, const struct vault_id *dev,
    struct vault_tag *ret);

/* Key of one object type in the epoch (HKDF, label per type).  Caller frees
 * with aead_free(). */
int vault_type_key(const struct vault_keys *k, enum vault_type type,
    struct aead **ret);

/* ---- names.h: where objects lie --------------------------------------- */

#define VAULT_PATH_MAX 160	/* bytes with the NUL, without PREFIX */

void vault_name_genesis(char out[static VAULT_PATH_MAX]);
void vault_name_chain(const struct vault_tag *utag, uint64_t seq,
    char out[static VAULT_PATH_MAX]);
/* prefix of all grants of a realm, ends in '/' */
void vault_name_grants(const struct vault_tag *rtag,
    char out[static VAULT_PATH_MAX]);
void vault_name_grant(const struct vault_tag *rtag, uint32_t epoch,
    const uint8_t hash[static 32], char out[static VAULT_PATH_MAX]);
void vault_name_segment(const struct vault_tag *rtag,
    const struct vault_tag *dtag, uint64_t seq,
    char out[static VAULT_PATH_MAX]);
void vault_name_head(const struct vault_tag *rtag,
    const struct vault_tag *dtag, char out[static VAULT_PATH_MAX]);
/* Is it one of a head, the only kind of object that is ever replaced? */
bool vault_name_is_head(const char *name);
/* Does an object end where its header says so?  No key is needed, and it may
 * be forged: for what was cut while it was written. */
bool vault_object_is_whole(const void *p, size_t len);
void vault_name_pack(const struct vault_tag *rtag, const struct pack_id *p,
    char out[static VAULT_PATH_MAX]);
/* page or root of a checkpoint */
void vault_name_page(const struct vault_tag *rtag,
    const struct vault_tag *dtag, uint64_t n, uint64_t rand,
    char out[static VAULT_PATH_MAX]);

/* ---- genesis.h, chain.h, grant.h: who is who -------------------------- */

/*
 * Everything that makes a new drive with one user, one device and one
 * recovery key.  Fills keys (a fresh struct) and the three objects to put, in
 * this order: grant, chain, genesis.  recovery_seed is the 256-bit secret of
 * the paper device, to be shown once with recovery_words().
 */
struct vault_birth {
	uint8_t recovery_seed[32];
	struct buf *genesis;
	struct buf *chain;	/* record 1: this device and the paper device */
	struct buf *grant;
	char grant_name[VAULT_PATH_MAX];
	char chain_name[VAULT_PATH_MAX];
};

int vault_create(const char *label, struct vault_keys **ret_keys,
    struct vault_birth *ret);
void vault_birth_done(struct vault_birth *b);

/* What genesis says, once verified: the drive's id is the hash of it, the
 * first device signed it and the recovery key countersigned it. */
struct vault_genesis {
	struct vault_id drive, user, realm;
	struct vault_tag utag, rtag;
	struct vault_device admin;	/* the first device */
	struct vault_device paper;	/* the first recovery key */
	uint8_t paper_sign_pub[32];	/* the same as paper.sign_pub */
	uint8_t epoch_commit[32];	/* to the secrets of epoch 1 */
	uint16_t suite;
};

int vault_genesis_open(const void *p, size_t len, struct vault_genesis *ret);

/*
 * Recovery, step by step.  The caller fetches the named objects.
 *  1. vault_recover_begin: keys of the paper device from the seed, genesis
 *     verified against it (-EKEYREJECTED: another drive, or a wrong key).
 *  2. vault_recover_chain for u/UTAG/1, 2, … until there is none.
 *  3. vault_recover_grant for each object under r/RTAG/k/, in any order; the
 *     newest epoch that is granted to us by a known admin counts.  One that
 *     is not for us is 0 and changes nothing.  Leave out those that fail:
 *     anybody who can write to the store may have put them there.  -ESTALE:
 *     its author knew of chain records that we were not given.
 *  4. vault_recover_enrol: a new device for this machine; fills the chain
 *     record and grant to put (names too; genesis stays NULL) and the keys to
 *     keep.  Changes nothing in r: if the objects could not be put, do it
 *     again.  -EKEYREVOKED: this recovery key has been revoked.
 *
 * A device that is enrolled already takes the same walk, from
 * vault_recover_follow on and without the last step (-EPERM), to learn of the
 * other devices.
 */
struct vault_recovery;
int vault_recover_begin(const uint8_t seed[static 32], const void *genesis,
    size_t len, struct vault_recovery **ret);
int vault_recover_follow(const struct vault_keys *k, const void *genesis,
    size_t len, struct vault_recovery **ret);
const struct vault_genesis *vault_recover_genesis(
    const struct vault_recovery *r);
int vault_recover_chain(struct vault_recovery *r, const void *p, size_t len);
int vault_recover_grant(struct vault_recovery *r, const void *p, size_t len);
/* -ENOKEY if no grant was for us. */
int vault_recover_enrol(struct vault_recovery *r, const char *label,
    struct vault_keys **ret_keys, struct vault_birth *ret);
/* Devices known so far, the revoked ones too; borrowed until r changes.
 * is_writer is what the grants say, once there is one. */
const struct vault_device *vault_recover_devices(
    const struct vault_recovery *r, size_t *ret_n);
/* The keys as the paper device sees them (to open segments before
 * enrolment); borrowed from r, NULL before step 3 succeeded. */
const struct vault_keys *vault_recover_keys(const struct vault_recovery *r);
/* Was one of the grants good?  Without one no recovery key opens the drive. */
bool vault_recover_has_grant(const struct vault_recovery *r);
void vault_recover_free(struct vault_recovery *r);

/* The seed as pronounceable words with a checksum ("proquints": 16 bits each,
 * arXiv:0901.4016), and back (-EINVAL: not a key or a mistyped word). */
#define RECOVERY_TEXT_MAX 128
void recovery_words(const uint8_t seed[static 32],
    char out[static RECOVERY_TEXT_MAX]);
int recovery_parse(const char *words, uint8_t out[static 32]);
/* Eight words of a 128-bit fingerprint. */
void fingerprint_words(const uint8_t hash[static 16],
    char out[static RECOVERY_TEXT_MAX]);

/* ---- segment.h: journals ---------------------------------------------- */

/* What an author had seen of another device when it wrote. */
struct vault_seen {
	struct vault_id dev;
	uint64_t seq;		/* last segment merged */
	uint8_t hash[VAULT_HASH_LEN];
	uint64_t op_seq;	/* last op of that device merged */
	uint64_t lamport;	/* of that op */
};

struct segment {
	uint64_t seq;		/* of the segment in its journal, from 1 */
	uint8_t prev[VAULT_HASH_LEN];	/* hash of the one before, or zeros */
	struct vault_id dev;
	uint64_t first_op;	/* op seq of ops[0] */
	uint64_t lamport;	/* of ops[0]; following ops count up by one */
	int64_t wall_ns;	/* author's clock; for people only */
	struct vault_seen *seen;
	uint32_t nseen;
	struct op_list ops;
};

/*
 * Seal a segment: encode, pad to a size class, encrypt, sign.  Appends the
 * object to out and writes its hash (SHA-256 of the whole object).
 * -EFBIG if the ops do not fit VAULT_SEGMENT_MAX.
 */
int segment_seal(const struct vault_keys *k, const struct segment *s,
    struct buf *out, uint8_t ret_hash[static VAULT_HASH_LEN]);
/*
 * Open the segment of device dev: length, signature, chain (seq and prev must
 * match, unless prev is NULL), AEAD, parse, in this order; then lamport and
 * op numbers must continue (lamport >= 1 + every lamport seen).  Caller frees
 * with segment_done().
 */
int segment_open(const struct vault_keys *k, const struct vault_device *dev,
    uint64_t seq, const uint8_t *prev, const void *p, size_t len,
    struct segment *ret, uint8_t ret_hash[static VAULT_HASH_LEN]);
void segment_done(struct segment *s);
/* The prev hash that the object claims, before anything else is known of it
 * but its signature: for looking backwards along a chain. */
int segment_peek_prev(const void *p, size_t len,
    uint8_t ret[static VAULT_HASH_LEN]);

/* The one mutable object: where a journal stands. */
struct vault_head {
	uint64_t seq;
	uint8_t hash[VAULT_HASH_LEN];
	uint64_t op_seq, lamport;	/* of the last op */
	int64_t heartbeat_ns;
	uint64_t ckpt_n, ckpt_rand;	/* newest checkpoint root; 0, 0: none */
	uint8_t ckpt_sha[VAULT_HASH_LEN];
};

int head_seal(const struct vault_keys *k, const struct vault_head *h,
    struct buf *out);
int head_open(const struct vault_keys *k, const struct vault_device *dev,
    const void *p, size_t len, struct vault_head *ret);

/* ---- block.h, pack.h: content ------------------------------------------ */

enum vault_block_class {
	VAULT_CLASS_DATA = 1,
	VAULT_CLASS_MANIFEST = 2,
};

/* The associated data of a block: label, drive, realm, inode, class, key
 * generation (0), index. */
#define VAULT_BLOCK_AAD_LEN 80
void vault_block_aad(const struct vault_id *drive,
    const struct vault_id *realm, const struct vault_id *inode,
    enum vault_block_class cls, uint64_t idx,
    uint8_t out[static VAULT_BLOCK_AAD_LEN]);
/* The AEAD key of a file: derived from its 32-byte file key.  Caller frees
 * with aead_free(). */
int vault_file_key(const uint8_t key[static VAULT_KEY_LEN],
    struct aead **ret);

/* What a pack holds, for its sealed index. */
struct pack_entry {
	struct vault_id inode;
	uint64_t idx;
	uint8_t cls;
	uint32_t off, len;	/* as in block_ref */
	uint8_t sha[VAULT_HASH_LEN];
};

/*
 * Build a pack: begin, add sealed blocks (nonce | ciphertext | tag) while
 * pack_room says so, end.  The object is padded to a size class (at most 12 %
 * more, in steps that do not depend on content) inside its sealed index, so
 * that every bit of a pack is authenticated.
 */
struct pack;
int pack_new(const struct vault_keys *k, uint64_t n, struct pack **ret);
const struct pack_id *pack_id_of(const struct pack *p);
bool pack_room(const struct pack *p, size_t sealed_len);
int pack_add(struct pack *p, const struct vault_id *inode,
    enum vault_block_class cls, uint64_t idx, const void *sealed,
    size_t sealed_len, struct block_ref *ret);
/* Seal the index; *ret_data is borrowed until pack_free. */
int pack_end(struct pack *p, const uint8_t **ret_data, size_t *ret_len);
void pack_free(struct pack *p);

/* Verify a whole pack (header, index, every block's hash).  Caller frees
 * *ret with free(). */
int pack_open(const struct vault_keys *k, const struct pack_id *id,
    const void *p, size_t len, struct pack_entry **ret, size_t *ret_n);
/* Check one sealed block against its reference: length and hash. */
int block_ref_verify(const struct block_ref *ref, const void *sealed,
    size_t sealed_len);

/* ---- checkpoint.h: the folded state ------------------------------------ */

/* One inode with its dentries, xattrs and content, as of a frontier. */
struct ckpt_dentry {
	struct vault_id id;	/* equals the inode's for the first one */
	struct vault_id parent;
	uint8_t name[VAULT_NAME_MAX];
	uint8_t name_len;
	struct op_stamp placed;	/* the place op that holds */
};

struct ckpt_xattr {
	uint8_t *name;
	uint8_t name_len;
	uint8_t *value;
	uint32_t value_len;
};

struct ckpt_node {
	struct vault_id id;
	uint8_t kind;		/* enum op_kind */
	struct op_attr attr;
	uint8_t key[VAULT_KEY_LEN];
	uint8_t *target;
	uint16_t target_len;
	struct op_stamp created;
	struct op_stamp version;	/* newest put, or zeros */
	struct ckpt_dentry *dentries;
	uint32_t ndentries;
	struct ckpt_xattr *xattrs;
	uint32_t nxattrs;
	/* Content: as in a put with trunc 0.  Blocks beyond VAULT_LIST_MAX
	 * are in manifest pages kept in packs. */
	struct op_put content;
};

void ckpt_node_done(struct ckpt_node *n);

struct ckpt_page_ref {
	uint64_t n, rand;
	uint8_t dtag[VAULT_TAG_LEN];	/* whose object */
	uint8_t sha[VAULT_HASH_LEN];	/* of the sealed object */
	uint8_t sum[VAULT_HASH_LEN];	/* of the plaintext: unchanged pages
					 * are referenced again */
	struct vault_id first;	/* smallest inode id in it */
};

struct ckpt_root {
	struct vault_seen *frontier;	/* per device, itself included */
	uint32_t nfrontier;
	uint64_t lamport;
	uint8_t state_hash[VAULT_HASH_LEN];	/* over the pages' sums: made
						 * by seal, checked by open */
	struct op_attr root_attr;	/* of the top folder */
	struct ckpt_xattr *root_xattrs;
	uint32_t nroot_xattrs;
	struct ckpt_page_ref *pages;
	uint32_t npages;
};

void ckpt_root_done(struct ckpt_root *r);

/*
 * Pages: nodes sorted by id; a page ends where the id's hash says so (so that
 * one change moves no boundary), at 256 KiB at the latest.  The builder
 * gathers nodes and tells when a page is full.
 */
struct ckpt_page;
int ckpt_page_new(struct ckpt_page **ret);
/* 1: the page is complete, seal it and start another with the same node;
 * 0: added. */
int ckpt_page_add(struct ckpt_page *p, const struct ckpt_node *n);
bool ckpt_page_empty(const struct ckpt_page *p);
void ckpt_page_sum(const struct ckpt_page *p, struct vault_id *ret_first,
    uint8_t ret_sum[static VAULT_HASH_LEN]);
int ckpt_page_seal(const struct vault_keys *k, struct ckpt_page *p,
    uint64_t n, struct buf *out, struct ckpt_page_ref *ret);
void ckpt_page_reset(struct ckpt_page *p);
void ckpt_page_free(struct ckpt_page *p);
/* Calls fn for each node (borrowed during the call); stops when fn returns
 * other than 0 and returns that. */
int ckpt_page_open(const struct vault_keys *k,
    const struct vault_device *dev, const struct ckpt_page_ref *ref,
    const void *p, size_t len, int (*fn)(void *arg,
    const struct ckpt_node *n), void *arg);

int ckpt_root_seal(const struct vault_keys *k, const struct ckpt_root *r,
    uint64_t n, uint64_t rand, struct buf *out,
    uint8_t ret_sha[static VAULT_HASH_LEN]);
/* sha is what the head or a checkpoint op says. */
int ckpt_root_open(const struct vault_keys *k,
    const struct vault_device *dev, const uint8_t sha[static VAULT_HASH_LEN],
    const void *p, size_t len, struct ckpt_root *ret);

#endif
