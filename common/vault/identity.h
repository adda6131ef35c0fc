/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef VAULT_IDENTITY_H
#define VAULT_IDENTITY_H

#include "vault/envelope.h"

struct rd;

/*
 * identity - who may do what: genesis, user chain, grants and their common
 * parts.  Internal to vault/; FORMAT.md, sections 3 to 5, says every byte.
 */

#define GENESIS_MAX 4096
#define RECORD_MAX (128u * 1024)	/* a chain record or a grant */
#define DEVICES_MAX 256			/* of a user, the revoked included */
#define CHAIN_MAX 4096			/* records of a user chain */

/* vault_derive() of a secret of another length. */
int vault_derive_long(enum vault_purpose p, const void *secret, size_t len,
    const struct vault_id *drive, const struct vault_id *realm,
    uint32_t epoch, uint8_t out[static 32]);

/* ---- device.c: one device as bytes ---- */

#define DEVICE_MIN_LEN (VAULT_ID_LEN + 32 + 32 + 1 + 2)
void device_put(struct buf *out, const struct vault_device *d);
void device_read(struct rd *r, struct vault_device *ret);
/* u16 count, then devices.  Caller frees *ret with free(). */
void device_list_put(struct buf *out, const struct vault_device *d, size_t n);
int device_list_read(struct rd *r, struct vault_device **ret, size_t *ret_n);
/* Make a fresh device with keys of its own in k: id, key pairs, label (what
 * cannot be shown is replaced, the rest cut). */
int device_make(struct vault_keys *k, const char *label);
/* The keys of the paper device in k; its id comes from genesis. */
int device_from_seed(struct vault_keys *k, const uint8_t seed[static 32]);
bool device_same(const struct vault_device *a, const struct vault_device *b);

/* ---- record.c: a secret wrapped to devices, and content under it ---- */

struct record {
	enum vault_type type;	/* chain or grant */
	uint64_t seq;
	const uint8_t *prev;
	const uint8_t *secret;	/* 32 (chain) or 64 (grant) bytes */
	size_t secret_len;
	const struct vault_device *to;	/* who gets it */
	size_t nto;
	const struct buf *content;
};

#define RECORD_SECRET_MAX 64
int record_seal(const struct vault_keys *k, const struct record *rec,
    struct buf *out, uint8_t ret_hash[static VAULT_HASH_LEN]);
/*
 * Open what envelope_verify has found in order.  secret holds what is known
 * of it already if is_known, and is filled from our slot otherwise.  Appends
 * to content.  -ENOKEY: neither a slot for us nor the secret known.
 * *ret_slots is how many devices it was wrapped to.
 */
int record_open(const struct vault_keys *k, const struct vault_device *author,
    const struct envelope *e, uint8_t *secret, size_t secret_len,
    bool is_known, struct buf *content, size_t *ret_slots);
/* What a record and genesis promise about a secret without telling it. */
int record_commit(const struct vault_keys *k, enum vault_type type,
    uint32_t epoch, const uint8_t *secret, size_t len,
    uint8_t out[static 32]);

/* ---- genesis.c ---- */

/* paper_seed: signing key of the recovery key, whose countersignature
 * genesis carries.  Fills k->drive.  admin is k->self. */
int genesis_seal(struct vault_keys *k, const struct vault_device *paper,
    const uint8_t paper_seed[static 32],
    const uint8_t epoch_commit[static 32], struct buf *out);

/* ---- chain.c ---- */

struct chain {
	uint64_t seq;		/* of the last record, 0: none yet */
	uint8_t (*hash)[VAULT_HASH_LEN];	/* of each record, from 1 */
	uint32_t gen;		/* of the user secret */
	bool has_secret;	/* it is in the keys */
	struct vault_device *dev;	/* all that ever were, in order */
	size_t ndev;
};

/* What one record changes. */
struct chain_change {
	uint32_t gen;
	int64_t wall_ns;
	struct vault_device *added;
	size_t nadded;
	struct vault_id *revoked;
	size_t nrevoked;
};

/* Make record c->seq + 1, signed by k.  The user secret in k is wrapped to
 * all that live after it.  c is not changed. */
int chain_seal(const struct vault_keys *k, const struct chain *c,
    const struct chain_change *ch, struct buf *out,
    uint8_t ret_hash[static VAULT_HASH_LEN]);
/* Check the next record and apply it; the user secret goes into k. */
int chain_apply(struct chain *c, struct vault_keys *k,
    const struct vault_genesis *g, const void *p, size_t len);
struct vault_device *chain_find(const struct chain *c,
    const struct vault_id *id);
void chain_done(struct chain *c);

/* ---- grant.c ---- */

struct grant {
	uint32_t epoch;
	uint64_t rev;		/* of this epoch's grants, from 1 */
	uint8_t secret[RECORD_SECRET_MAX];	/* epoch secret | name key */
	uint64_t chain_seq;	/* of the user chain, as its author knew it */
	uint8_t chain_hash[VAULT_HASH_LEN];
	struct vault_device *dev;	/* members with their roles */
	size_t ndev;
};

/* Wrap the epoch secret and the name key of k to g->dev.  Of g counts rev,
 * chain_* and dev. */
int grant_seal(const struct vault_keys *k, const struct grant *g,
    struct buf *out, uint8_t ret_hash[static VAULT_HASH_LEN]);
/* has_key: k holds the secrets of k->epoch already.  Wipe and free ret with
 * grant_done(). */
int grant_open(const struct vault_keys *k, bool has_key,
    const struct vault_device *author, const void *p, size_t len,
    struct grant *ret);
void grant_done(struct grant *g);

#endif
