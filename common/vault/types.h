/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef VAULT_TYPES_H
#define VAULT_TYPES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* types - the words of the remote format.  FORMAT.md says every byte. */

#define VAULT_ID_LEN 16		/* drive, realm, device, user, inode, dentry */
#define VAULT_TAG_LEN 12	/* pseudonym of a device, user or realm */
#define VAULT_HASH_LEN 32	/* SHA-256 */
#define VAULT_KEY_LEN 32
#define VAULT_SIG_LEN 64
#define VAULT_NONCE_LEN 24
#define VAULT_MAC_LEN 16
#define VAULT_SEAL_OVERHEAD (VAULT_NONCE_LEN + VAULT_MAC_LEN)

#define VAULT_SUITE 1		/* XAES-256-GCM, SHA-256, Ed25519, X25519 */
#define VAULT_FMT_MAJOR 1
#define VAULT_FMT_MINOR 0

/* The unit of encryption: an aligned piece of a file. */
#define VAULT_BLOCK_SIZE (128u * 1024)
#define VAULT_PACK_MAX (8u * 1024 * 1024)
#define VAULT_SEGMENT_MAX (1u * 1024 * 1024)	/* padded plaintext body */
#define VAULT_NAME_MAX 255
#define VAULT_SYMLINK_MAX 4095
#define VAULT_XATTR_NAME_MAX 255
#define VAULT_XATTR_MAX (64u * 1024)
/* Of one inode, so that it fits a checkpoint: values together, names. */
#define VAULT_XATTRS_MAX (1u * 1024 * 1024)
#define VAULT_LINKS_MAX 32000
/* Files up to this size travel inside their put op. */
#define VAULT_INLINE_MAX 2048
/* A put lists up to this many blocks itself; more go to manifest pages. */
#define VAULT_LIST_MAX 64
#define VAULT_MANIFEST_MAX 960		/* entries of one manifest page: the
					 * longest ones still fit a block */
#define VAULT_PAGES_MAX 16384		/* manifest pages of one version */

struct vault_id {
	uint8_t b[VAULT_ID_LEN];
};

struct vault_tag {
	uint8_t b[VAULT_TAG_LEN];
};

static inline bool
vault_id_eq(const struct vault_id *a, const struct vault_id *b)
{
	return memcmp(a->b, b->b, VAULT_ID_LEN) == 0;
}

/* The top folder of a realm: sixteen zero bytes; it has no create op. */
static inline bool
vault_id_is_root(const struct vault_id *a)
{
	static const struct vault_id root;

	return vault_id_eq(a, &root);
}

/* A pack's name: d/DTAG/N>>12/N-RAND. */
struct pack_id {
	struct vault_tag dtag;
	uint64_t n;
	uint64_t rand;
};

/* Where one sealed block lies on the store. */
struct block_ref {
	struct pack_id pack;
	uint32_t off;		/* of the sealed block in the pack, bytes */
	uint32_t len;		/* plaintext bytes, 1..VAULT_BLOCK_SIZE; the
				 * sealed block has VAULT_SEAL_OVERHEAD more */
	uint8_t sha[VAULT_HASH_LEN];	/* of nonce | ciphertext | tag */
};

#endif
