/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "vault/vault.h"

#include <errno.h>

#include "crypto/crypto.h"
#include "util/buf.h"
#include "vault/envelope.h"

/*
 * Associated data of a block:
 *	 0	"coffre/1 block", 2 zeros
 *	16	drive		32	realm		48	inode
 *	64	class u8, 3 zeros
 *	68	key generation u32 (0)
 *	72	index u64
 */
void
vault_block_aad(const struct vault_id *drive, const struct vault_id *realm,
    const struct vault_id *inode, enum vault_block_class cls, uint64_t idx,
    uint8_t out[static VAULT_BLOCK_AAD_LEN])
{
	static const char label[16] = "coffre/1 block";

	memcpy(out, label, sizeof(label));
	memcpy(out + 16, drive->b, VAULT_ID_LEN);
	memcpy(out + 32, realm->b, VAULT_ID_LEN);
	memcpy(out + 48, inode->b, VAULT_ID_LEN);
	put_le32(out + 64, (uint32_t)cls);
	put_le32(out + 68, 0);
	put_le64(out + 72, idx);
}

int
vault_file_key(const uint8_t key[static VAULT_KEY_LEN], struct aead **ret)
{
	uint8_t k[AEAD_KEY_LEN];
	int r = vault_derive(PURPOSE_FILE, key, NULL, NULL, 0, k);

	if (r == 0)
		r = aead_new(k, ret);
	crypto_wipe(k, sizeof(k));
	return r;
}

int
block_ref_verify(const struct block_ref *ref, const void *sealed,
    size_t sealed_len)
{
	uint8_t h[SHA256_LEN];

	if (sealed_len != (size_t)ref->len + VAULT_SEAL_OVERHEAD)
		return -EBADMSG;
	sha256(sealed, sealed_len, h);
	return crypto_equal(h, ref->sha, sizeof(h)) ? 0 : -EBADMSG;
}
