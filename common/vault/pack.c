/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "vault/vault.h"

#include <errno.h>
#include <stdlib.h>

#include "crypto/crypto.h"
#include "util/big.h"
#include "util/buf.h"
#include "vault/body.h"
#include "vault/envelope.h"

/*
 * A pack: clear header | sealed blocks, one behind the other | sealed index.
 * The header is the associated data of the index, the index holds the hash of
 * every block and the padding: each bit is bound to the realm's key.
 *
 * Header:
 *	 0	"CFR1" | type u8 | suite u8 | flags u16 | major u16 | minor u16
 *	12	drive		28	realm's tag	40	epoch u32
 *	44	device's tag	56	n u64		64	rand u64
 *	72	nonce of the index
 *	96	where the index begins u32, its length u32 (with tag)
 * Index: count u32, entries, zeros.  An entry:
 *	inode | class u8 | index u64 | plaintext length u32 | SHA-256
 */

#define HEADER_LEN PACK_HEADER_LEN
#define ENTRY_LEN (VAULT_ID_LEN + 1 + 8 + 4 + VAULT_HASH_LEN)
#define INDEX_MIN (4 + VAULT_MAC_LEN)

static const char magic[4] = { 'C', 'F', 'R', '1' };

struct pack {
	struct vault_id drive;
	struct vault_tag rtag;
	uint32_t epoch;
	struct pack_id id;
	struct aead *key;
	uint8_t *data;		/* VAULT_PACK_MAX, or more */
	size_t cap;
	size_t len;		/* header and blocks; after the end all */
	struct buf index;	/* plaintext */
	uint32_t n;
	bool is_ended;
};

int
pack_new(const struct vault_keys *k, uint64_t n, struct pack **ret)
{
	struct pack *p = calloc(1, sizeof(*p));
	int r;

	if (!p)
		return -ENOMEM;
	p->drive = k->drive;
	p->rtag = k->rtag;
	p->epoch = k->epoch;
	p->id.dtag = k->dtag;
	p->id.n = n;
	p->id.rand = crypto_random_u64();
	p->len = HEADER_LEN;
	buf_init(&p->index, VAULT_PACK_MAX);
	p->data = big_get(VAULT_PACK_MAX, &p->cap);
	r = p->data ? buf_put_u32(&p->index, 0) : -ENOMEM;
	if (r == 0)
		r = vault_type_key(k, VAULT_PACK, &p->key);
	if (r < 0) {
		pack_free(p);
		return r;
	}
	*ret = p;
	return 0;
}

void
pack_free(struct pack *p)
{
	if (!p)
		return;
	aead_free(p->key);
	big_put(p->data, p->cap);
	buf_done(&p->index);
	free(p);
}

const struct pack_id *
pack_id_of(const struct pack *p)
{
	return &p->id;
}

bool
pack_room(const struct pack *p, size_t sealed_len)
{
	size_t rest = VAULT_PACK_MAX - p->len - INDEX_MIN -
	    (size_t)p->n * ENTRY_LEN;

	/* The largest size class is VAULT_PACK_MAX itself. */
	return !p->is_ended && rest >= ENTRY_LEN &&
	    sealed_len <= rest - ENTRY_LEN;
}

int
pack_add(struct pack *p, const struct vault_id *inode,
    enum vault_block_class cls, uint64_t idx, const void *sealed,
    size_t sealed_len, struct block_ref *ret)
{
	struct block_ref f;

	if (p->is_ended || sealed_len <= VAULT_SEAL_OVERHEAD ||
	    sealed_len > VAULT_BLOCK_SIZE + VAULT_SEAL_OVERHEAD)
		return -EINVAL;
	if (!pack_room(p, sealed_len))
		return -EFBIG;
	f.pack = p->id;
	f.off = (uint32_t)p->len;
	f.len = (uint32_t)(sealed_len - VAULT_SEAL_OVERHEAD);
	sha256(sealed, sealed_len, f.sha);
	(void)buf_put(&p->index, inode->b, VAULT_ID_LEN);
	(void)buf_put_u8(&p->index, (uint8_t)cls);
	(void)buf_put_u64(&p->index, idx);
	(void)buf_put_u32(&p->index, f.len);
	if (buf_put(&p->index, f.sha, VAULT_HASH_LEN) < 0)
		return p->index.err;
	memcpy(p->data + p->len, sealed, sealed_len);
	p->len += sealed_len;
	p->n++;
	*ret = f;
	return 0;
}

static void
header_encode(struct pack *p, uint32_t index_off, uint32_t index_len)
{
	uint8_t *h = p->data;

	memcpy(h, magic, 4);
	h[4] = VAULT_PACK;
	h[5] = VAULT_SUITE;
	put_le16(h + 6, 0);
	put_le16(h + 8, VAULT_FMT_MAJOR);
	put_le16(h + 10, VAULT_FMT_MINOR);
	memcpy(h + 12, p->drive.b, VAULT_ID_LEN);
	memcpy(h + 28, p->rtag.b, VAULT_TAG_LEN);
	put_le32(h + 40, p->epoch);
	memcpy(h + 44, p->id.dtag.b, VAULT_TAG_LEN);
	put_le64(h + 56, p->id.n);
	put_le64(h + 64, p->id.rand);
	crypto_random(h + 72, VAULT_NONCE_LEN);
	put_le32(h + 96, index_off);
	put_le32(h + 100, index_len);
}

int
pack_end(struct pack *p, const uint8_t **ret_data, size_t *ret_len)
{
	size_t total, plain;
	uint8_t *at;
	int r;

	if (!p->is_ended && !p->n)
		return -EINVAL;
	if (!p->is_ended) {
		buf_set_u32(&p->index, 0, p->n);
		total = body_padme(p->len + p->index.len + VAULT_MAC_LEN);
		plain = total - p->len - VAULT_MAC_LEN;
		r = buf_put_zero(&p->index, plain - p->index.len);
		if (r < 0)
			return r;
		header_encode(p, (uint32_t)p->len,
		    (uint32_t)(plain + VAULT_MAC_LEN));
		at = p->data + p->len;
		r = aead_seal(p->key, p->data + 72, p->data, HEADER_LEN,
		    p->index.data, plain, at, at + plain);
		if (r < 0)
			return r;
		p->len = total;
		p->is_ended = true;
	}
	*ret_data = p->data;
	*ret_len = p->len;
	return 0;
}

/* ---- reading ----------------------------------------------------------- */

struct header {
	uint32_t index_off, index_len;
	const uint8_t *nonce;
};

/* It is the pack of that name, and of this drive and realm. */
static int
header_check(const struct vault_keys *k, const struct pack_id *id,
    const uint8_t *h, size_t len, struct header *ret)
{
	if (len > VAULT_PACK_MAX)
		return -EFBIG;
	if (len < HEADER_LEN + INDEX_MIN || memcmp(h, magic, 4) != 0 ||
	    h[4] != VAULT_PACK)
		return -EBADMSG;
	/* Of another version nothing here could be verified. */
	if (h[5] != VAULT_SUITE || get_le16(h + 6) != 0 ||
	    get_le16(h + 8) != VAULT_FMT_MAJOR)
		return -EBADMSG;
	if (memcmp(h + 12, k->drive.b, VAULT_ID_LEN) != 0 ||
	    memcmp(h + 28, k->rtag.b, VAULT_TAG_LEN) != 0 ||
	    memcmp(h + 44, id->dtag.b, VAULT_TAG_LEN) != 0 ||
	    get_le64(h + 56) != id->n || get_le64(h + 64) != id->rand)
		return -EBADMSG;
	if (get_le32(h + 40) != k->epoch)
		return -ENOKEY;
	ret->nonce = h + 72;
	ret->index_off = get_le32(h + 96);
	ret->index_len = get_le32(h + 100);
	if (ret->index_off < HEADER_LEN || ret->index_len < INDEX_MIN ||
	    ret->index_off > len || ret->index_len != len - ret->index_off)
		return -EBADMSG;
	return 0;
}

static void
entry_read(struct rd *r, uint32_t *off, struct pack_entry *ret)
{
	rd_copy(r, ret->inode.b, VAULT_ID_LEN);
	ret->cls = rd_u8(r);
	ret->idx = rd_u64(r);
	ret->len = rd_u32(r);
	rd_copy(r, ret->sha, VAULT_HASH_LEN);
	ret->off = *off;
	if (ret->len < 1 || ret->len > VAULT_BLOCK_SIZE ||
	    ret->cls < VAULT_CLASS_DATA || ret->cls > VAULT_CLASS_MANIFEST)
		rd_fail(r);
	else
		*off += ret->len + VAULT_SEAL_OVERHEAD;
}

/* The blocks fill the object from the header to the index without a gap. */
static int
index_decode(const uint8_t *plain, size_t len, uint32_t index_off,
    struct pack_entry **ret, size_t *ret_n)
{
	struct rd rd = rd_of(plain, len);
	struct pack_entry *e;
	uint32_t i, off = HEADER_LEN, n = rd_u32(&rd);

	if (rd.err || n < 1 || n > rd.left / ENTRY_LEN)
		return -EPROTO;
	e = calloc(n, sizeof(*e));
	if (!e)
		return -ENOMEM;
	for (i = 0; i < n && !rd.err && off <= index_off; i++)
		entry_read(&rd, &off, &e[i]);
	if (i < n || body_pad_read(&rd) < 0 || off != index_off) {
		free(e);
		return -EPROTO;
	}
	*ret = e;
	*ret_n = n;
	return 0;
}

static int
index_open(const struct vault_keys *k, const uint8_t *p,
    const struct header *h, struct pack_entry **ret, size_t *ret_n)
{
	size_t plain = h->index_len - VAULT_MAC_LEN;
	const uint8_t *at = p + h->index_off;
	uint8_t *t = malloc(plain);
	struct aead *key = NULL;
	int r = t ? vault_type_key(k, VAULT_PACK, &key) : -ENOMEM;

	if (r == 0)
		r = aead_open(key, h->nonce, p, HEADER_LEN, at, plain,
		    at + plain, t);
	if (r == 0)
		r = index_decode(t, plain, h->index_off, ret, ret_n);
	aead_free(key);
	free(t);
	return r;
}

int
pack_open(const struct vault_keys *k, const struct pack_id *id,
    const void *p, size_t len, struct pack_entry **ret, size_t *ret_n)
{
	struct pack_entry *e = NULL;
	uint8_t sha[SHA256_LEN];
	const uint8_t *b = p;
	struct header h;
	size_t i, n = 0;
	int r = header_check(k, id, b, len, &h);

	if (r == 0)
		r = index_open(k, b, &h, &e, &n);
	for (i = 0; r == 0 && i < n; i++) {
		sha256(b + e[i].off, e[i].len + VAULT_SEAL_OVERHEAD, sha);
		if (!crypto_equal(sha, e[i].sha, sizeof(sha)))
			r = -EBADMSG;
	}
	if (r < 0) {
		free(e);
		return r;
	}
	*ret = e;
	*ret_n = n;
	return 0;
}
