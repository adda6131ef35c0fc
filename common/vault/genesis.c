/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "vault/identity.h"

#include <errno.h>
#include <string.h>

#include "crypto/crypto.h"
#include "util/buf.h"

/*
 * Genesis is the root of all trust in a drive: its content's hash is the
 * drive's id, so it cannot be replaced by another one for the same drive.  It
 * is read by those who have no key yet, hence in the clear, and says nothing
 * but random ids and public keys.
 */

static const char drive_label[] = "coffre/1/drive";
static const char witness_label[] = "coffre/1/witness";

#define WITNESS_LEN VAULT_SIG_LEN

/* The drive's id: of the content without the countersignature. */
static int
drive_id(const uint8_t *content, size_t len, struct vault_id *ret)
{
	struct sha256 *h = sha256_new();
	uint8_t out[SHA256_LEN];

	if (!h)
		return -ENOMEM;
	sha256_add(h, drive_label, sizeof(drive_label));
	sha256_add(h, content, len);
	sha256_end(h, out);
	memcpy(ret->b, out, VAULT_ID_LEN);
	return 0;
}

static void
party_put(struct buf *out, const struct vault_device *d)
{
	(void)buf_put(out, d->id.b, VAULT_ID_LEN);
	(void)buf_put(out, d->sign_pub, 32);
	(void)buf_put(out, d->dh_pub, 32);
}

static void
party_read(struct rd *r, struct vault_device *d)
{
	rd_copy(r, d->id.b, VAULT_ID_LEN);
	rd_copy(r, d->sign_pub, 32);
	rd_copy(r, d->dh_pub, 32);
	d->is_admin = true;
}

static int
content_put(struct buf *out, const struct vault_keys *k,
    const struct vault_device *paper, const uint8_t *epoch_commit)
{
	(void)buf_put(out, k->user.b, VAULT_ID_LEN);
	(void)buf_put(out, k->realm.b, VAULT_ID_LEN);
	(void)buf_put(out, k->utag.b, VAULT_TAG_LEN);
	(void)buf_put(out, k->rtag.b, VAULT_TAG_LEN);
	(void)buf_put(out, epoch_commit, 32);
	party_put(out, &k->self);
	party_put(out, paper);
	return out->err;
}

int
genesis_seal(struct vault_keys *k, const struct vault_device *paper,
    const uint8_t paper_seed[static 32],
    const uint8_t epoch_commit[static 32], struct buf *out)
{
	struct buf body = BUF_INIT(GENESIS_MAX);
	uint8_t sig[WITNESS_LEN];
	int r;

	r = content_put(&body, k, paper, epoch_commit);
	if (r == 0)
		r = drive_id(body.data, body.len, &k->drive);
	if (r == 0)
		r = sign_make(paper_seed, witness_label, body.data, body.len,
		    sig);
	if (r == 0)
		r = buf_put(&body, sig, sizeof(sig));
	if (r == 0)
		r = envelope_seal(k, VAULT_GENESIS, 0, NULL, NULL, body.data,
		    body.len, out, NULL);
	buf_done(&body);
	return r;
}

/* Read the content, and find what drive it makes. */
static int
content_read(const struct envelope *e, struct vault_genesis *g)
{
	struct rd rd = rd_of(e->body, e->body_len);

	rd_copy(&rd, g->user.b, VAULT_ID_LEN);
	rd_copy(&rd, g->realm.b, VAULT_ID_LEN);
	rd_copy(&rd, g->utag.b, VAULT_TAG_LEN);
	rd_copy(&rd, g->rtag.b, VAULT_TAG_LEN);
	rd_copy(&rd, g->epoch_commit, sizeof(g->epoch_commit));
	party_read(&rd, &g->admin);
	party_read(&rd, &g->paper);
	(void)rd_take(&rd, WITNESS_LEN);
	/* Nothing is authentic before the drive's id fits. */
	if (rd_end(&rd) < 0)
		return -EBADMSG;
	g->admin.is_writer = true;
	g->paper.is_paper = true;
	memcpy(g->paper_sign_pub, g->paper.sign_pub, 32);
	g->suite = e->suite;
	return drive_id(e->body, e->body_len - WITNESS_LEN, &g->drive);
}

int
vault_genesis_open(const void *p, size_t len, struct vault_genesis *ret)
{
	static const uint8_t zero[VAULT_HASH_LEN];
	struct vault_genesis g;
	struct vault_keys k;
	struct envelope e;
	int r;

	if (len > GENESIS_MAX)
		return -EFBIG;
	memset(&g, 0, sizeof(g));
	r = envelope_parse(p, len, &e);
	if (r == -EPROTONOSUPPORT && e.body_len == len -
	    ENVELOPE_CLEAR_OVERHEAD)
		r = 0;	/* if its author has signed it, below */
	if (r == 0 && e.type != VAULT_GENESIS)
		r = -EBADMSG;
	if (r == 0)
		r = content_read(&e, &g);
	if (r < 0)
		return r;
	/* No secrets in here: only the place that the object must name. */
	memset(&k, 0, sizeof(k));
	k.drive = g.drive;
	k.utag = g.utag;
	k.rtag = g.rtag;
	r = envelope_verify(&k, &g.admin, VAULT_GENESIS, p, len, GENESIS_MAX,
	    &e, NULL);
	if (r == 0 && (e.seq != 0 || memcmp(e.prev, zero, sizeof(zero)) != 0))
		r = -EBADMSG;
	if (r == 0)
		r = sign_check(g.paper.sign_pub, witness_label, e.body,
		    e.body_len - WITNESS_LEN,
		    e.body + e.body_len - WITNESS_LEN);
	if (r < 0)
		return r;
	*ret = g;
	return 0;
}
