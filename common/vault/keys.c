/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "vault/envelope.h"

#include <errno.h>
#include <string.h>

#include "crypto/crypto.h"
#include "util/buf.h"
#include "vault/identity.h"

#define KEYS_MAGIC "CFVK"
#define KEYS_VERSION 1

/* One key, one purpose: whatever is derived is derived by one of these. */
static const char *const purposes[PURPOSE_MAX] = {
	[PURPOSE_CHAIN] = "coffre/1/key/chain",
	[PURPOSE_GRANT] = "coffre/1/key/grant",
	[PURPOSE_SEGMENT] = "coffre/1/key/segment",
	[PURPOSE_HEAD] = "coffre/1/key/head",
	[PURPOSE_PACK] = "coffre/1/key/pack",
	[PURPOSE_PAGE] = "coffre/1/key/page",
	[PURPOSE_ROOT] = "coffre/1/key/root",
	[PURPOSE_FILE] = "coffre/1/key/file",
	[PURPOSE_COMMIT_USER] = "coffre/1/commit/user",
	[PURPOSE_COMMIT_EPOCH] = "coffre/1/commit/epoch",
	[PURPOSE_PAPER_SIGN] = "coffre/1/paper/sign",
	[PURPOSE_PAPER_DH] = "coffre/1/paper/dh",
};

const char *
vault_purpose_label(enum vault_purpose p)
{
	return purposes[p];
}

int
vault_derive_long(enum vault_purpose p, const void *secret, size_t len,
    const struct vault_id *drive, const struct vault_id *realm,
    uint32_t epoch, uint8_t out[static 32])
{
	uint8_t salt[2 * VAULT_ID_LEN] = { 0 }, info[64];
	size_t n = strlen(purposes[p]) + 1;

	if (drive)
		memcpy(salt, drive->b, VAULT_ID_LEN);
	if (realm)
		memcpy(salt + VAULT_ID_LEN, realm->b, VAULT_ID_LEN);
	memcpy(info, purposes[p], n);
	put_le32(info + n, epoch);
	return hkdf_sha256(secret, len, salt, sizeof(salt), info, n + 4, out,
	    32);
}

int
vault_derive(enum vault_purpose p, const uint8_t secret[static 32],
    const struct vault_id *drive, const struct vault_id *realm,
    uint32_t epoch, uint8_t out[static 32])
{
	return vault_derive_long(p, secret, 32, drive, realm, epoch, out);
}

int
vault_keys_new(struct vault_keys **ret)
{
	struct vault_keys *k;

	k = crypto_secret_alloc(sizeof(*k));
	if (!k)
		return -ENOMEM;
	memset(k, 0, sizeof(*k));
	*ret = k;
	return 0;
}

void
vault_keys_free(struct vault_keys *k)
{
	crypto_secret_free(k);
}

int
vault_keys_encode(const struct vault_keys *k, struct buf *out)
{
	(void)buf_put(out, KEYS_MAGIC, 4);
	(void)buf_put_u16(out, KEYS_VERSION);
	(void)buf_put(out, k->drive.b, VAULT_ID_LEN);
	(void)buf_put(out, k->user.b, VAULT_ID_LEN);
	(void)buf_put(out, k->realm.b, VAULT_ID_LEN);
	(void)buf_put(out, k->utag.b, VAULT_TAG_LEN);
	(void)buf_put(out, k->rtag.b, VAULT_TAG_LEN);
	device_put(out, &k->self);
	(void)buf_put_u32(out, k->epoch);
	(void)buf_put(out, k->sign_seed, 32);
	(void)buf_put(out, k->dh_secret, 32);
	(void)buf_put(out, k->user_secret, 32);
	(void)buf_put(out, k->epoch_secret, 32);
	(void)buf_put(out, k->name_key, 32);
	return buf_put(out, k->local_key, 32);
}

static void
fields_read(struct rd *r, struct vault_keys *k)
{
	rd_copy(r, k->drive.b, VAULT_ID_LEN);
	rd_copy(r, k->user.b, VAULT_ID_LEN);
	rd_copy(r, k->realm.b, VAULT_ID_LEN);
	rd_copy(r, k->utag.b, VAULT_TAG_LEN);
	rd_copy(r, k->rtag.b, VAULT_TAG_LEN);
	device_read(r, &k->self);
	k->epoch = rd_u32(r);
	rd_copy(r, k->sign_seed, 32);
	rd_copy(r, k->dh_secret, 32);
	rd_copy(r, k->user_secret, 32);
	rd_copy(r, k->epoch_secret, 32);
	rd_copy(r, k->name_key, 32);
	rd_copy(r, k->local_key, 32);
}

/* The public halves must be those of the secrets: a key that signs what
 * nobody can verify would make a journal worthless. */
static int
halves_check(const struct vault_keys *k)
{
	uint8_t pub[32];
	int r;

	r = sign_public(k->sign_seed, pub);
	if (r == 0 && memcmp(pub, k->self.sign_pub, 32) != 0)
		r = -EPROTO;
	if (r == 0)
		r = dh_public(k->dh_secret, pub);
	if (r == 0 && memcmp(pub, k->self.dh_pub, 32) != 0)
		r = -EPROTO;
	return r;
}

int
vault_keys_decode(const void *p, size_t len, struct vault_keys **ret)
{
	struct rd rd = rd_of(p, len);
	struct vault_keys *k = NULL;
	uint8_t magic[4];
	uint16_t version;
	int r;

	rd_copy(&rd, magic, 4);
	version = rd_u16(&rd);
	if (rd.err || memcmp(magic, KEYS_MAGIC, 4) != 0)
		return -EPROTO;
	if (version != KEYS_VERSION)
		return -EPROTONOSUPPORT;
	r = vault_keys_new(&k);
	if (r < 0)
		return r;
	fields_read(&rd, k);
	r = rd_end(&rd);
	if (r == 0)
		r = halves_check(k);
	if (r < 0)
		goto out;
	vault_device_tag(k, &k->self.id, &k->dtag);

	*ret = k;
	k = NULL;
out:
	vault_keys_free(k);
	return r;
}

void
vault_device_tag(const struct vault_keys *k, const struct vault_id *dev,
    struct vault_tag *ret)
{
	uint8_t m[6 + VAULT_ID_LEN], h[SHA256_LEN];

	memcpy(m, "device", 6);
	memcpy(m + 6, dev->b, VAULT_ID_LEN);
	hmac_sha256(k->name_key, sizeof(k->name_key), m, sizeof(m), h);
	memcpy(ret->b, h, VAULT_TAG_LEN);
}

int
vault_type_key(const struct vault_keys *k, enum vault_type type,
    struct aead **ret)
{
	static const enum vault_purpose of[] = {
		[VAULT_GENESIS] = PURPOSE_MAX,
		[VAULT_CHAIN] = PURPOSE_CHAIN,
		[VAULT_GRANT] = PURPOSE_GRANT,
		[VAULT_SEGMENT] = PURPOSE_SEGMENT,
		[VAULT_HEAD] = PURPOSE_HEAD,
		[VAULT_PACK] = PURPOSE_PACK,
		[VAULT_PAGE] = PURPOSE_PAGE,
		[VAULT_ROOT] = PURPOSE_ROOT,
	};
	const bool is_user = type == VAULT_CHAIN;
	uint8_t key[AEAD_KEY_LEN];
	int r;

	if (type < VAULT_CHAIN || type > VAULT_ROOT)
		return -EINVAL;
	r = vault_derive(of[type], is_user ? k->user_secret : k->epoch_secret,
	    &k->drive, is_user ? &k->user : &k->realm, is_user ? 0 : k->epoch,
	    key);
	if (r == 0)
		r = aead_new(key, ret);
	crypto_wipe(key, sizeof(key));
	return r;
}
