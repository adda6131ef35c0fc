/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "vault/identity.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "crypto/crypto.h"
#include "util/buf.h"

/*
 * A grant gives the secrets of an epoch to devices and says what each may do.
 * An epoch may have several: the members are those of all of them together,
 * so two recoveries that do not know of each other both hold.
 */

_Static_assert(RECORD_SECRET_MAX == 32 + 32, "epoch secret and name key");

int
grant_seal(const struct vault_keys *k, const struct grant *g,
    struct buf *out, uint8_t ret_hash[static VAULT_HASH_LEN])
{
	struct buf content = BUF_INIT(RECORD_MAX);
	uint8_t secret[RECORD_SECRET_MAX];
	struct record rec = { .type = VAULT_GRANT };
	int r;

	memcpy(secret, k->epoch_secret, 32);
	memcpy(secret + 32, k->name_key, 32);
	rec.seq = g->rev;
	rec.prev = g->chain_hash;
	rec.secret = secret;
	rec.secret_len = sizeof(secret);
	rec.to = g->dev;
	rec.nto = g->ndev;
	rec.content = &content;
	(void)buf_put_u64(&content, g->chain_seq);
	device_list_put(&content, g->dev, g->ndev);
	r = content.err;
	if (r == 0)
		r = record_seal(k, &rec, out, ret_hash);
	crypto_wipe(secret, sizeof(secret));
	buf_wipe(&content);
	return r;
}

int
grant_open(const struct vault_keys *k, bool has_key,
    const struct vault_device *author, const void *p, size_t len,
    struct grant *ret)
{
	struct buf content = BUF_INIT(RECORD_MAX);
	struct grant g = { 0 };
	struct envelope e;
	size_t slots = 0;
	struct rd rd;
	bool is_known;
	int r;

	r = envelope_verify(k, author, VAULT_GRANT, p, len, RECORD_MAX, &e,
	    NULL);
	if (r == 0 && (e.epoch == 0 || e.seq == 0))
		r = -EBADMSG;
	if (r < 0)
		return r;
	is_known = has_key && e.epoch == k->epoch;
	memcpy(g.secret, k->epoch_secret, 32);
	memcpy(g.secret + 32, k->name_key, 32);
	r = record_open(k, author, &e, g.secret, sizeof(g.secret), is_known,
	    &content, &slots);
	if (r < 0)
		goto out;
	g.epoch = e.epoch;
	g.rev = e.seq;
	memcpy(g.chain_hash, e.prev, VAULT_HASH_LEN);
	rd = rd_of(content.data, content.len);
	g.chain_seq = rd_u64(&rd);
	r = device_list_read(&rd, &g.dev, &g.ndev);
	if (r == 0)
		r = rd_end(&rd);
	if (r == 0 && slots != g.ndev)
		r = -EBADMSG;
	if (r < 0)
		goto out;

	*ret = g;
	memset(&g, 0, sizeof(g));
out:
	grant_done(&g);
	buf_wipe(&content);
	return r;
}

void
grant_done(struct grant *g)
{
	free(g->dev);
	crypto_wipe(g, sizeof(*g));
}
