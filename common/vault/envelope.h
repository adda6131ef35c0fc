/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef VAULT_ENVELOPE_H
#define VAULT_ENVELOPE_H

#include "vault/vault.h"

/*
 * envelope - what every signed object of the format is wrapped in:
 *
 *	header | body | Ed25519 signature over label, header and body
 *
 * The header is in the clear and names type, drive, realm, author (by
 * pseudonym), number and predecessor; it is the associated data of a sealed
 * body.  Internal to vault/; FORMAT.md, section 2, says every byte.
 *
 * Reading goes in two steps, so that the caller can look at seq and prev
 * between them: envelope_verify (length, kind, place, author, signature), then
 * envelope_decrypt.  Results beside those of vault.h:
 *	-EPROTONOSUPPORT	a suite, format or flag of a newer version, and
 *				the author's signature on it
 *	-ENOKEY			another epoch than the one we hold the key of
 */

#define ENVELOPE_HEADER_LEN 124
#define PACK_HEADER_LEN 104
#define ENVELOPE_SIG_LEN VAULT_SIG_LEN
/* Bytes that an envelope adds to a clear and to a sealed body. */
#define ENVELOPE_CLEAR_OVERHEAD (ENVELOPE_HEADER_LEN + ENVELOPE_SIG_LEN)
#define ENVELOPE_OVERHEAD (ENVELOPE_CLEAR_OVERHEAD + VAULT_MAC_LEN)

struct envelope {
	uint8_t type;		/* enum vault_type */
	uint8_t suite;
	uint16_t flags;
	uint16_t fmt_major, fmt_minor;
	struct vault_id drive;
	struct vault_tag rtag;	/* realm; the user's tag in a user chain */
	uint32_t epoch;		/* 0 in genesis and user chain */
	struct vault_tag dtag;	/* author */
	uint64_t seq;
	uint8_t prev[VAULT_HASH_LEN];
	uint8_t nonce[VAULT_NONCE_LEN];	/* of a sealed body; else random */
	uint32_t body_len;
	const uint8_t *body;	/* borrowed from the object */
};

/* Write the header's bytes and read them back (no check but the magic and the
 * lengths: -EBADMSG; suite, format and flags: -EPROTONOSUPPORT, which fills
 * ret all the same, body_len unchecked).  len is that of the whole object and
 * must fit body_len exactly. */
void envelope_encode(const struct envelope *e,
    uint8_t out[static ENVELOPE_HEADER_LEN]);
int envelope_parse(const void *p, size_t len, struct envelope *ret);

/*
 * Append a signed object of this device to out and give its hash (SHA-256 of
 * all its bytes; NULL if not wanted).  prev NULL: zeros.  key NULL: the body
 * stays in the clear.  The drive, realm, epoch and author are those of k.
 */
int envelope_seal(const struct vault_keys *k, enum vault_type type,
    uint64_t seq, const uint8_t *prev, const struct aead *key,
    const void *body, size_t len, struct buf *out, uint8_t *ret_hash);

/*
 * The object is of this type, at most max bytes long, of the drive, realm and
 * epoch of k, and made by author.  Of author only id and sign_pub count:
 * whether it had the right to is for the caller.  Fills ret (whose body is
 * borrowed from p) and the hash (NULL if not wanted).
 */
int envelope_verify(const struct vault_keys *k,
    const struct vault_device *author, enum vault_type type, const void *p,
    size_t len, size_t max, struct envelope *ret, uint8_t *ret_hash);
/* Append the opened body to ret_body.  p is the object that e was read from. */
int envelope_decrypt(const struct aead *key, const struct envelope *e,
    const void *p, struct buf *ret_body);
/* Both at once, for objects that stand alone.  key NULL: a clear body. */
int envelope_open(const struct vault_keys *k,
    const struct vault_device *author, enum vault_type type,
    const struct aead *key, const void *p, size_t len, size_t max,
    struct envelope *ret, struct buf *ret_body, uint8_t *ret_hash);

/* The author's pseudonym in objects of a type: vault_device_tag() in those of
 * a realm; in genesis, user chain and grants, which are read by those who do
 * not have the realm's name key yet, a hash of the device's (random) id. */
void envelope_author_tag(const struct vault_keys *k, enum vault_type type,
    const struct vault_id *dev, struct vault_tag *ret);

/* "coffre/1/segment" …: what a signature over this type starts with. */
const char *envelope_label(enum vault_type type);

/* ---- keys.c: the closed list of derived keys ---- */

enum vault_purpose {
	PURPOSE_CHAIN,		/* of a user secret: seals chain records */
	PURPOSE_GRANT,		/* of an epoch secret, like the next five */
	PURPOSE_SEGMENT,
	PURPOSE_HEAD,
	PURPOSE_PACK,
	PURPOSE_PAGE,
	PURPOSE_ROOT,
	PURPOSE_FILE,		/* of a file key: seals blocks */
	PURPOSE_COMMIT_USER,	/* commitment to a user secret */
	PURPOSE_COMMIT_EPOCH,	/* commitment to an epoch secret */
	PURPOSE_PAPER_SIGN,	/* of a recovery seed */
	PURPOSE_PAPER_DH,
	PURPOSE_MAX,
};

/* The label, for the tests that none is used twice. */
const char *vault_purpose_label(enum vault_purpose p);
/* HKDF-SHA256 of a 32-byte secret; salt: drive and realm (NULL: zeros); info:
 * label, 0x00, epoch.  Wipe the result. */
int vault_derive(enum vault_purpose p, const uint8_t secret[static 32],
    const struct vault_id *drive, const struct vault_id *realm,
    uint32_t epoch, uint8_t out[static 32]);

#endif
