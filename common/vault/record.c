/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "vault/identity.h"

#include <errno.h>
#include <string.h>

#include "crypto/crypto.h"
#include "util/buf.h"

/*
 * The body of chain records and grants, in an envelope with a clear body:
 *	salt[16] | commitment[32] | count u16 | slots | box
 * A slot is a hint (so that a device finds its own) and the secret wrapped
 * to that device; the box is content under a key of the secret.
 */

#define SALT_LEN 16
#define HINT_LEN 8
#define TRANSCRIPT_MAX 256

struct transcript {
	uint8_t b[TRANSCRIPT_MAX];
	size_t len;
};

static void
add(struct transcript *t, const void *p, size_t len)
{
	memcpy(t->b + t->len, p, len);
	t->len += len;
}

/*
 * Everything that a wrapped secret belongs to.  It is the context of every
 * slot and the associated data of the box, so that neither can be moved to
 * another drive, place, number, author or secret.
 */
static void
transcript_make(struct transcript *t, const struct envelope *e,
    const uint8_t *author_pub, const uint8_t *salt, const uint8_t *commit)
{
	const char *label = envelope_label((enum vault_type)e->type);
	uint8_t n[12];

	_Static_assert(32 + VAULT_ID_LEN + VAULT_TAG_LEN + 12 +
	    VAULT_HASH_LEN + 32 + SALT_LEN + 32 <= TRANSCRIPT_MAX, "fits");
	t->len = 0;
	add(t, label, strlen(label) + 1);
	add(t, e->drive.b, VAULT_ID_LEN);
	add(t, e->rtag.b, VAULT_TAG_LEN);
	put_le32(n, e->epoch);
	put_le64(n + 4, e->seq);
	add(t, n, sizeof(n));
	add(t, e->prev, VAULT_HASH_LEN);
	add(t, author_pub, 32);
	add(t, salt, SALT_LEN);
	add(t, commit, 32);
}

/* Tells a device its slot and nobody else anything: public X25519 keys are
 * not in the clear, and the salt differs each time. */
static void
hint_make(const uint8_t *salt, const uint8_t *dh_pub, uint8_t out[HINT_LEN])
{
	static const char label[] = "coffre/1/hint";
	uint8_t m[sizeof(label) + SALT_LEN + 32], h[SHA256_LEN];

	memcpy(m, label, sizeof(label));
	memcpy(m + sizeof(label), salt, SALT_LEN);
	memcpy(m + sizeof(label) + SALT_LEN, dh_pub, 32);
	sha256(m, sizeof(m), h);
	memcpy(out, h, HINT_LEN);
}

int
record_commit(const struct vault_keys *k, enum vault_type type,
    uint32_t epoch, const uint8_t *secret, size_t len,
    uint8_t out[static 32])
{
	/* Without the drive's id: genesis holds a commitment, and the id is
	 * a hash of genesis.  User and realm are as unique. */
	if (type == VAULT_CHAIN)
		return vault_derive_long(PURPOSE_COMMIT_USER, secret, len,
		    NULL, &k->user, epoch, out);
	return vault_derive_long(PURPOSE_COMMIT_EPOCH, secret, len, NULL,
	    &k->realm, epoch, out);
}

/* The key of the box: of the secret's first half in a grant, which is the
 * epoch secret. */
static int
box_key(const struct vault_keys *k, const struct envelope *e,
    const uint8_t *secret, struct aead **ret)
{
	const bool is_user = e->type == VAULT_CHAIN;
	uint8_t key[AEAD_KEY_LEN];
	int r;

	r = vault_derive(is_user ? PURPOSE_CHAIN : PURPOSE_GRANT, secret,
	    &k->drive, is_user ? &k->user : &k->realm, e->epoch, key);
	if (r == 0)
		r = aead_new(key, ret);
	crypto_wipe(key, sizeof(key));
	return r;
}

static int
slots_put(struct buf *out, const struct record *rec,
    const struct transcript *t, const uint8_t *salt)
{
	const size_t box_len = rec->secret_len + WRAP_OVERHEAD;
	uint8_t *at;
	size_t i;
	int r = 0;

	(void)buf_put_u16(out, (uint16_t)rec->nto);
	for (i = 0; i < rec->nto && r == 0; i++) {
		at = buf_reserve(out, HINT_LEN + box_len);
		if (!at)
			break;
		hint_make(salt, rec->to[i].dh_pub, at);
		r = wrap_seal(rec->to[i].dh_pub, t->b, t->len, rec->secret,
		    rec->secret_len, at + HINT_LEN);
		out->len += HINT_LEN + box_len;
	}
	return r < 0 ? r : out->err;
}

static int
box_put(const struct vault_keys *k, struct buf *out,
    const struct record *rec, const struct envelope *e,
    const struct transcript *t)
{
	const size_t len = rec->content->len;
	struct aead *a = NULL;
	uint8_t *at;
	int r;

	r = box_key(k, e, rec->secret, &a);
	if (r < 0)
		return r;
	at = buf_reserve(out, len + AEAD_OVERHEAD);
	if (at) {
		r = aead_seal_box(a, t->b, t->len, rec->content->data, len,
		    at);
		out->len += len + AEAD_OVERHEAD;
	} else {
		r = out->err;
	}
	aead_free(a);
	return r;
}

int
record_seal(const struct vault_keys *k, const struct record *rec,
    struct buf *out, uint8_t ret_hash[static VAULT_HASH_LEN])
{
	struct buf body = BUF_INIT(RECORD_MAX - ENVELOPE_CLEAR_OVERHEAD);
	struct envelope e = { .type = (uint8_t)rec->type, .seq = rec->seq,
	    .drive = k->drive };
	uint8_t salt[SALT_LEN], commit[32];
	struct transcript t;
	int r;

	if (rec->nto == 0 || rec->nto > DEVICES_MAX)
		return -EINVAL;
	e.rtag = rec->type == VAULT_CHAIN ? k->utag : k->rtag;
	e.epoch = rec->type == VAULT_CHAIN ? 0 : k->epoch;
	if (rec->prev)
		memcpy(e.prev, rec->prev, VAULT_HASH_LEN);
	crypto_random(salt, sizeof(salt));
	r = record_commit(k, rec->type, e.epoch, rec->secret, rec->secret_len,
	    commit);
	if (r < 0)
		return r;
	transcript_make(&t, &e, k->self.sign_pub, salt, commit);

	(void)buf_put(&body, salt, sizeof(salt));
	(void)buf_put(&body, commit, sizeof(commit));
	r = slots_put(&body, rec, &t, salt);
	if (r == 0)
		r = box_put(k, &body, rec, &e, &t);
	if (r == 0)
		r = envelope_seal(k, rec->type, rec->seq, rec->prev, NULL,
		    body.data, body.len, out, ret_hash);
	buf_done(&body);
	return r;
}

/* Our slot among n of them; NULL if there is none. */
static const uint8_t *
slot_find(const uint8_t *slots, size_t n, size_t slot_len,
    const uint8_t hint[HINT_LEN])
{
	size_t i;

	for (i = 0; i < n; i++)
		if (memcmp(slots + i * slot_len, hint, HINT_LEN) == 0)
			return slots + i * slot_len;
	return NULL;
}

/* Get the secret out of our slot, or make sure that the one we have is the
 * one meant. */
static int
secret_get(const struct vault_keys *k, const struct envelope *e,
    const struct transcript *t, const uint8_t *slot, uint8_t *secret,
    size_t len, bool is_known, const uint8_t *commit)
{
	uint8_t mine[RECORD_SECRET_MAX], have[32];
	int r = 0;

	if (slot)
		r = wrap_open(k->dh_secret, t->b, t->len, slot + HINT_LEN,
		    len + WRAP_OVERHEAD, mine);
	else if (is_known)
		memcpy(mine, secret, len);
	else
		return -ENOKEY;
	if (r == 0)
		r = record_commit(k, (enum vault_type)e->type, e->epoch, mine,
		    len, have);
	if (r == 0 && !crypto_equal(have, commit, sizeof(have)))
		r = slot ? -EBADMSG : -ENOKEY;
	if (r == 0)
		memcpy(secret, mine, len);
	crypto_wipe(mine, sizeof(mine));
	return r;
}

int
record_open(const struct vault_keys *k, const struct vault_device *author,
    const struct envelope *e, uint8_t *secret, size_t secret_len,
    bool is_known, struct buf *content, size_t *ret_slots)
{
	const size_t slot_len = HINT_LEN + secret_len + WRAP_OVERHEAD;
	struct rd rd = rd_of(e->body, e->body_len);
	const uint8_t *salt, *commit, *slots;
	uint8_t hint[HINT_LEN], *at;
	struct transcript t;
	struct aead *a = NULL;
	size_t n;
	int r;

	salt = rd_take(&rd, SALT_LEN);
	commit = rd_take(&rd, 32);
	n = rd_u16(&rd);
	if (n == 0 || n > DEVICES_MAX)
		rd_fail(&rd);
	slots = rd_take(&rd, n * slot_len);
	if (rd.err || rd.left < AEAD_OVERHEAD)
		return -EPROTO;
	transcript_make(&t, e, author->sign_pub, salt, commit);
	hint_make(salt, k->self.dh_pub, hint);
	r = secret_get(k, e, &t, slot_find(slots, n, slot_len, hint), secret,
	    secret_len, is_known, commit);
	if (r == 0)
		r = box_key(k, e, secret, &a);
	if (r < 0)
		return r;
	at = buf_reserve(content, rd.left - AEAD_OVERHEAD);
	r = at ? aead_open_box(a, t.b, t.len, rd.p, rd.left, at) :
	    content->err;
	if (r == 0) {
		content->len += rd.left - AEAD_OVERHEAD;
		*ret_slots = n;
	}
	aead_free(a);
	return r;
}
