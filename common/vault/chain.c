/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "vault/identity.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "crypto/crypto.h"
#include "util/buf.h"

/*
 * The user chain says which devices a user has.  Each record names the hash
 * of the one before, and whoever signs it must be a live device at that
 * point, so the chain can be withheld from some record on but not changed.
 */

struct vault_device *
chain_find(const struct chain *c, const struct vault_id *id)
{
	size_t i;

	for (i = 0; i < c->ndev; i++)
		if (vault_id_eq(&c->dev[i].id, id))
			return &c->dev[i];
	return NULL;
}

void
chain_done(struct chain *c)
{
	free(c->hash);
	free(c->dev);
	memset(c, 0, sizeof(*c));
}

static bool
is_listed(const struct vault_id *ids, size_t n, const struct vault_id *id)
{
	size_t i;

	for (i = 0; i < n; i++)
		if (vault_id_eq(&ids[i], id))
			return true;
	return false;
}

/* ---- writing ---- */

/* Who lives once the change is made.  Caller frees *ret. */
static int
live_after(const struct chain *c, const struct chain_change *ch,
    struct vault_device **ret, size_t *ret_n)
{
	struct vault_device *d;
	size_t i, n = 0;

	d = calloc(c->ndev + ch->nadded + 1, sizeof(*d));
	if (!d)
		return -ENOMEM;
	for (i = 0; i < c->ndev; i++)
		if (!c->dev[i].is_revoked && !is_listed(ch->revoked,
		    ch->nrevoked, &c->dev[i].id))
			d[n++] = c->dev[i];
	for (i = 0; i < ch->nadded; i++)
		d[n++] = ch->added[i];
	*ret = d;
	*ret_n = n;
	return 0;
}

int
chain_seal(const struct vault_keys *k, const struct chain *c,
    const struct chain_change *ch, struct buf *out,
    uint8_t ret_hash[static VAULT_HASH_LEN])
{
	struct buf content = BUF_INIT(RECORD_MAX);
	struct vault_device *live = NULL;
	struct record rec = { .type = VAULT_CHAIN };
	size_t i;
	int r;

	if (c->seq >= CHAIN_MAX || c->ndev + ch->nadded > DEVICES_MAX)
		return -EFBIG;
	rec.seq = c->seq + 1;
	rec.prev = c->seq ? c->hash[c->seq - 1] : NULL;
	rec.secret = k->user_secret;
	rec.secret_len = sizeof(k->user_secret);
	rec.content = &content;
	r = live_after(c, ch, &live, &rec.nto);
	if (r < 0)
		return r;
	rec.to = live;

	(void)buf_put_u64(&content, (uint64_t)ch->wall_ns);
	(void)buf_put_u32(&content, ch->gen);
	device_list_put(&content, ch->added, ch->nadded);
	(void)buf_put_u16(&content, (uint16_t)ch->nrevoked);
	for (i = 0; i < ch->nrevoked; i++)
		(void)buf_put(&content, ch->revoked[i].b, VAULT_ID_LEN);
	r = content.err;
	if (r == 0)
		r = record_seal(k, &rec, out, ret_hash);
	buf_wipe(&content);
	free(live);
	return r;
}

/* ---- reading ---- */

static void
change_done(struct chain_change *ch)
{
	free(ch->added);
	free(ch->revoked);
	memset(ch, 0, sizeof(*ch));
}

static int
change_read(const struct buf *content, struct chain_change *ret)
{
	struct rd rd = rd_of(content->data, content->len);
	struct chain_change ch = { 0 };
	size_t i;
	int r;

	ch.wall_ns = (int64_t)rd_u64(&rd);
	ch.gen = rd_u32(&rd);
	r = device_list_read(&rd, &ch.added, &ch.nadded);
	if (r < 0)
		return r;
	ch.nrevoked = rd_u16(&rd);
	if (ch.nrevoked > DEVICES_MAX ||
	    ch.nrevoked > rd.left / VAULT_ID_LEN)
		rd_fail(&rd);
	if (!rd.err) {
		ch.revoked = calloc(ch.nrevoked + 1, sizeof(*ch.revoked));
		r = ch.revoked ? 0 : -ENOMEM;
	}
	for (i = 0; r == 0 && !rd.err && i < ch.nrevoked; i++)
		rd_copy(&rd, ch.revoked[i].b, VAULT_ID_LEN);
	if (r == 0)
		r = rd_end(&rd);
	if (r < 0) {
		change_done(&ch);
		return r;
	}
	*ret = ch;
	return 0;
}

/* The device that the record names as its author, if it may write one. */
static const struct vault_device *
author_find(const struct chain *c, const struct vault_keys *k,
    const struct vault_genesis *g, const struct envelope *e)
{
	struct vault_tag tag;
	size_t i;

	if (c->seq == 0)
		return &g->admin;
	for (i = 0; i < c->ndev; i++) {
		envelope_author_tag(k, VAULT_CHAIN, &c->dev[i].id, &tag);
		if (memcmp(tag.b, e->dtag.b, VAULT_TAG_LEN) == 0)
			return c->dev[i].is_revoked ? NULL : &c->dev[i];
	}
	return NULL;
}

/* Every added device is new, by id and by both keys. */
static bool
added_are_new(const struct chain *c, const struct chain_change *ch)
{
	const struct vault_device *a, *b;
	size_t i, j;

	for (i = 0; i < ch->nadded; i++) {
		a = &ch->added[i];
		for (j = 0; j < c->ndev + i; j++) {
			b = j < c->ndev ? &c->dev[j] : &ch->added[j - c->ndev];
			if (vault_id_eq(&a->id, &b->id) ||
			    memcmp(a->sign_pub, b->sign_pub, 32) == 0 ||
			    memcmp(a->dh_pub, b->dh_pub, 32) == 0)
				return false;
		}
	}
	return true;
}

static bool
revoked_are_live(const struct chain *c, const struct chain_change *ch)
{
	const struct vault_device *d;
	size_t i;

	for (i = 0; i < ch->nrevoked; i++) {
		d = chain_find(c, &ch->revoked[i]);
		if (!d || d->is_revoked ||
		    is_listed(ch->revoked, i, &ch->revoked[i]))
			return false;
	}
	return true;
}

/* The first record adds exactly the two devices of genesis. */
static bool
first_is_genesis(const struct chain_change *ch, const struct vault_genesis *g)
{
	return ch->gen == 1 && ch->nrevoked == 0 && ch->nadded == 2 &&
	    device_same(&ch->added[0], &g->admin) &&
	    device_same(&ch->added[1], &g->paper);
}

/* Is it a change that may follow c?  slots: to how many its secret goes;
 * is_same: the user secret is the one we had. */
static bool
change_valid(const struct chain *c, const struct chain_change *ch,
    const struct vault_genesis *g, size_t slots, bool is_same)
{
	size_t i, live = ch->nadded;

	if (c->seq == 0 && !first_is_genesis(ch, g))
		return false;
	if (c->ndev + ch->nadded > DEVICES_MAX || !added_are_new(c, ch) ||
	    !revoked_are_live(c, ch))
		return false;
	for (i = 0; i < c->ndev; i++)
		live += !c->dev[i].is_revoked;
	live -= ch->nrevoked;
	if (live == 0 || slots != live)
		return false;
	/* Who is revoked must not read on. */
	if (c->seq == 0)
		return true;
	if (ch->nrevoked)
		return ch->gen == c->gen + 1 && !is_same;
	return ch->gen == c->gen && is_same;
}

static int
change_apply(struct chain *c, const struct chain_change *ch,
    const uint8_t hash[VAULT_HASH_LEN])
{
	struct vault_device *dev;
	uint8_t (*all)[VAULT_HASH_LEN];
	size_t i;

	dev = reallocarray(c->dev, c->ndev + ch->nadded + 1, sizeof(*dev));
	if (!dev)
		return -ENOMEM;
	c->dev = dev;
	all = reallocarray(c->hash, c->seq + 1, sizeof(*all));
	if (!all)
		return -ENOMEM;
	c->hash = all;
	for (i = 0; i < ch->nrevoked; i++)
		chain_find(c, &ch->revoked[i])->is_revoked = true;
	for (i = 0; i < ch->nadded; i++)
		c->dev[c->ndev++] = ch->added[i];
	memcpy(c->hash[c->seq], hash, VAULT_HASH_LEN);
	c->seq++;
	c->gen = ch->gen;
	return 0;
}

/* Signature, author, number and predecessor, in this order. */
static int
record_verify(const struct chain *c, const struct vault_keys *k,
    const struct vault_genesis *g, const void *p, size_t len,
    const struct vault_device **ret_author, struct envelope *ret,
    uint8_t hash[VAULT_HASH_LEN])
{
	static const uint8_t zero[VAULT_HASH_LEN];
	const struct vault_device *author;
	struct envelope e;
	int r;

	if (c->seq >= CHAIN_MAX)
		return -EFBIG;
	r = envelope_parse(p, len, &e);
	if (r < 0 && r != -EPROTONOSUPPORT)
		return r;
	author = author_find(c, k, g, &e);
	if (!author)
		return -EBADMSG;
	r = envelope_verify(k, author, VAULT_CHAIN, p, len, RECORD_MAX, ret,
	    hash);
	if (r == 0 && (e.seq != c->seq + 1 || memcmp(e.prev,
	    c->seq ? c->hash[c->seq - 1] : zero, VAULT_HASH_LEN) != 0))
		r = -EBADMSG;
	if (r == 0)
		*ret_author = author;
	return r;
}

int
chain_apply(struct chain *c, struct vault_keys *k,
    const struct vault_genesis *g, const void *p, size_t len)
{
	struct buf content = BUF_INIT(RECORD_MAX);
	const struct vault_device *author = NULL;
	uint8_t hash[VAULT_HASH_LEN], secret[32];
	struct chain_change ch = { 0 };
	struct envelope e;
	size_t slots = 0;
	bool is_same;
	int r;

	r = record_verify(c, k, g, p, len, &author, &e, hash);
	if (r < 0)
		return r;
	memcpy(secret, k->user_secret, sizeof(secret));
	r = record_open(k, author, &e, secret, sizeof(secret), c->has_secret,
	    &content, &slots);
	if (r == 0)
		r = change_read(&content, &ch);
	if (r < 0)
		goto out;
	is_same = c->has_secret &&
	    crypto_equal(secret, k->user_secret, sizeof(secret));
	r = change_valid(c, &ch, g, slots, is_same) ?
	    change_apply(c, &ch, hash) : -EBADMSG;
	if (r == 0) {
		memcpy(k->user_secret, secret, sizeof(secret));
		c->has_secret = true;
	}
out:
	crypto_wipe(secret, sizeof(secret));
	change_done(&ch);
	buf_wipe(&content);
	return r;
}
