/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Sealing and opening blocks, and the memory it is done in.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "drive/content.h"
#include "drive/slab.h"
#include "util/buf.h"

#define SCRATCHES 2
#define SCRATCH_LEN (BLOCK_SIZE + PATCH_MAP + 4 + AEAD_OVERHEAD)

static pthread_key_t scratch_key;
static pthread_once_t scratch_once = PTHREAD_ONCE_INIT;

static void
scratch_free(void *p)
{
	explicit_bzero(p, SCRATCHES * SCRATCH_LEN);
	free(p);
}

static void
scratch_init(void)
{
	(void)pthread_key_create(&scratch_key, scratch_free);
}

uint8_t *
content_scratch(unsigned which)
{
	uint8_t *p;

	(void)pthread_once(&scratch_once, scratch_init);
	p = pthread_getspecific(scratch_key);
	if (!p) {
		p = malloc(SCRATCHES * SCRATCH_LEN);
		if (!p || pthread_setspecific(scratch_key, p) != 0) {
			free(p);
			return NULL;
		}
	}
	return p + which * SCRATCH_LEN;
}

int
block_seal(struct drive *d, const struct vault_id *id, const struct aead *key,
    uint64_t idx, const uint8_t *p, uint32_t len,
    uint8_t nonce[static AEAD_NONCE_LEN], uint8_t tag[static AEAD_TAG_LEN],
    uint8_t *ct)
{
	uint8_t aad[VAULT_BLOCK_AAD_LEN];

	vault_block_aad(&d->drive_id, &d->realm_id, id, VAULT_CLASS_DATA, idx,
	    aad);
	crypto_random(nonce, AEAD_NONCE_LEN);
	return aead_seal(key, nonce, aad, sizeof(aad), p, len, ct, tag);
}

int
block_open(struct drive *d, const struct block *b, const struct vault_id *id,
    const struct aead *key, const uint8_t *ct, uint8_t *out)
{
	uint8_t aad[VAULT_BLOCK_AAD_LEN];
	struct aead *other = NULL;
	int r = 0;

	if (b->is_shared)
		r = vault_file_key(b->from_key, &other);
	if (r < 0)
		return r;
	vault_block_aad(&d->drive_id, &d->realm_id,
	    b->is_shared ? &b->from : id, VAULT_CLASS_DATA,
	    b->is_shared ? b->from_idx : b->idx, aad);
	r = aead_open(other ? other : key, b->nonce, aad, sizeof(aad), ct,
	    b->len, b->tag, out);
	aead_free(other);
	return r;
}

int
block_load(struct drive *d, const struct block *b, const struct vault_id *id,
    const struct aead *key, uint8_t *out)
{
	uint8_t *ct = content_scratch(0);
	int r;

	if (!ct)
		return -ENOMEM;
	if (b->frame != SLAB_NONE) {
		r = slab_read(d->slab, b->frame, ct, b->len);
		slab_touch(d->slab, b->frame);
	} else {
		mutex_lock(&d->db_lock);
		r = block_data_get(d, b->bid, ct, b->len);
		mutex_unlock(&d->db_lock);
		if (r == -EIO)
			return -EAGAIN;
	}
	if (r == 0)
		r = block_open(d, b, id, key, ct, out);
	return r == -EBADMSG ? -EAGAIN : r;
}

int
patch_seal(struct drive *d, const struct dirty *b, uint64_t bid,
    uint8_t **ret, size_t *ret_len)
{
	static const uint8_t none[16];
	uint8_t *p = content_scratch(1);
	size_t len = 4 + PATCH_MAP + b->len;
	int r;

	*ret = malloc(len + AEAD_OVERHEAD);
	if (!p || !*ret)
		return -ENOMEM;
	put_le32(p, b->len);
	memcpy(p + 4, b->have, PATCH_MAP);
	memcpy(p + 4 + PATCH_MAP, b->buf, b->len);
	r = row_seal_apart(d, "ptch", bid, none, p, len, *ret);
	crypto_wipe(p, len);
	*ret_len = len + AEAD_OVERHEAD;
	return r;
}

int
patch_load(struct drive *d, const struct block *b, struct dirty *ret)
{
	int r;

	mutex_lock(&d->db_lock);
	r = patch_load_held(d, b, ret);
	mutex_unlock(&d->db_lock);
	return r;
}

int
patch_load_held(struct drive *d, const struct block *b, struct dirty *ret)
{
	uint8_t *box = content_scratch(0), *p = content_scratch(1);
	static const uint8_t none[16];
	size_t len = 4 + PATCH_MAP + b->len;
	int r;

	if (!box || !p)
		return -ENOMEM;
	r = block_data_get(d, b->bid, box, len + AEAD_OVERHEAD);
	if (r == 0)
		r = row_open(d, "ptch", b->bid, none, box,
		    len + AEAD_OVERHEAD, p);
	if (r == 0 && get_le32(p) != b->len)
		r = -EIO;
	if (r == 0)
		r = dirty_grow(d, ret, b->len ? b->len : 1);
	if (r < 0)
		return r == -EBADMSG ? -EIO : r;
	if (!ret->have)
		ret->have = calloc(1, PATCH_MAP);
	if (!ret->have)
		return -ENOMEM;
	memcpy(ret->have, p + 4, PATCH_MAP);
	memcpy(ret->buf, p + 4 + PATCH_MAP, b->len);
	ret->len = b->len;
	return 0;
}
