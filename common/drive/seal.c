/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Sealing and opening blocks, and the memory it is done in.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "drive/content.h"
#include "drive/slab.h"
#include "drive/sums.h"
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

/* The key it was sealed under: of its own file, or made into *ret_other. */
static int
key_of(const struct block *b, const struct aead **key,
    struct aead **ret_other)
{
	int r = 0;

	*ret_other = NULL;
	if (b->is_shared)
		r = vault_file_key(b->from_key, ret_other);
	if (*ret_other)
		*key = *ret_other;
	return r;
}

int
block_open(struct drive *d, const struct block *b, const struct vault_id *id,
    const struct aead *key, const uint8_t *ct, uint8_t *out)
{
	uint8_t aad[VAULT_BLOCK_AAD_LEN];
	struct aead *other;
	int r = key_of(b, &key, &other);

	if (r < 0)
		return r;
	vault_block_aad(&d->drive_id, &d->realm_id,
	    b->is_shared ? &b->from : id, VAULT_CLASS_DATA,
	    b->is_shared ? b->from_idx : b->idx, aad);
	r = aead_open(key, b->nonce, aad, sizeof(aad), ct,
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

void
copy_part(const uint8_t *p, uint32_t have, uint32_t o, uint32_t len,
    uint8_t *out)
{
	uint32_t n = have > o ? have - o : 0;

	if (n > len)
		n = len;
	if (n)
		memcpy(out, p + o, n);
	memset(out + n, 0, len - n);
}

/* ---- parts of a block ---------------------------------------------------- */

void
sums_make(struct drive *d, const struct aead *key,
    const uint8_t nonce[static AEAD_NONCE_LEN], uint32_t frame,
    const uint8_t *ct, uint32_t len)
{
	uint8_t sums[SUMS_PARTS][SUM_LEN];

	if (aead_part_sums(key, nonce, ct, len, sums) == 0)
		sums_write(d->sums, frame, sums, AEAD_PARTS(len));
}

void
sums_mend(struct drive *d, const struct block *b, const struct aead *key)
{
	const uint8_t *ct = content_scratch(0);
	struct aead *other;

	if (b->frame == SLAB_NONE || !ct || key_of(b, &key, &other) < 0)
		return;
	sums_make(d, key, b->nonce, b->frame, ct, b->len);
	aead_free(other);
}

int
block_load_part(struct drive *d, const struct block *b,
    const struct aead *key, uint32_t o, uint32_t len, uint8_t *out)
{
	uint32_t from = o / AEAD_PART, to = (uint32_t)AEAD_PARTS(o + len);
	uint8_t *ct = content_scratch(0), *p = content_scratch(1);
	uint8_t sums[SUMS_PARTS][SUM_LEN];
	uint32_t at = from * AEAD_PART, end = to * AEAD_PART;
	struct aead *other;
	int r;

	if (end > b->len)
		end = b->len;
	if (b->frame == SLAB_NONE || !ct || !p || at >= end ||
	    !slab_in_parts(d->slab, b->frame) || key_of(b, &key, &other) < 0)
		return 0;
	r = sums_read(d->sums, b->frame, from, to - from, sums);
	if (r == 0)
		r = slab_read_part(d->slab, b->frame, at, ct, end - at);
	if (r == 0)
		r = aead_part_open(key, b->nonce, from, ct, end - at, sums, p);
	aead_free(other);
	if (r < 0)
		return r;
	copy_part(p, end - at, o - at, len, out);
	return 1;
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
