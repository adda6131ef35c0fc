/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "vault/identity.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "crypto/crypto.h"
#include "util/buf.h"
#include "util/clock.h"

/*
 * How a drive begins, and how someone who has nothing but the recovery key
 * (or nothing but the keys of one device) finds out who else there is: from
 * genesis along the user chain to the grants.
 */

struct vault_recovery {
	struct vault_genesis g;
	struct vault_keys *k;	/* of the paper device, or of ours */
	struct chain chain;
	bool is_paper;
	bool has_key;		/* k holds the secrets of k->epoch */
	bool has_grant;		/* at least one was accepted */
	uint64_t rev;		/* highest of the grants of k->epoch */
};

/* ---- a new drive ---- */

static int
birth_init(struct vault_birth *b, bool with_genesis)
{
	struct buf **all[] = { &b->chain, &b->grant, &b->genesis };
	size_t i;

	memset(b, 0, sizeof(*b));
	for (i = 0; i < (with_genesis ? 3 : 2); i++) {
		*all[i] = malloc(sizeof(struct buf));
		if (!*all[i])
			return -ENOMEM;
		buf_init(*all[i], RECORD_MAX);
	}
	return 0;
}

static void
buf_free(struct buf *b)
{
	if (b)
		buf_done(b);
	free(b);
}

void
vault_birth_done(struct vault_birth *b)
{
	if (!b)
		return;
	buf_free(b->genesis);
	buf_free(b->chain);
	buf_free(b->grant);
	crypto_wipe(b, sizeof(*b));
}

/* Everything of a new drive that is random. */
static int
keys_make(struct vault_keys *k, const char *label)
{
	crypto_random(k->user.b, VAULT_ID_LEN);
	crypto_random(k->realm.b, VAULT_ID_LEN);
	crypto_random(k->utag.b, VAULT_TAG_LEN);
	crypto_random(k->rtag.b, VAULT_TAG_LEN);
	crypto_random(k->user_secret, sizeof(k->user_secret));
	crypto_random(k->epoch_secret, sizeof(k->epoch_secret));
	crypto_random(k->name_key, sizeof(k->name_key));
	k->epoch = 1;
	return device_make(k, label);
}

static int
epoch_commit(const struct vault_keys *k, uint8_t out[static 32])
{
	uint8_t secret[RECORD_SECRET_MAX];
	int r;

	memcpy(secret, k->epoch_secret, 32);
	memcpy(secret + 32, k->name_key, 32);
	r = record_commit(k, VAULT_GRANT, k->epoch, secret, sizeof(secret),
	    out);
	crypto_wipe(secret, sizeof(secret));
	return r;
}

/* The three objects, from the roots up: genesis fixes the drive's id, the
 * chain starts in it, the grant names the chain. */
static int
birth_seal(struct vault_keys *k, const struct vault_keys *paper,
    struct vault_birth *b)
{
	struct vault_device two[2] = { k->self, paper->self };
	struct chain_change ch = { .gen = 1, .wall_ns = clock_real_ns(),
	    .added = two, .nadded = 2 };
	struct grant g = { .rev = 1, .chain_seq = 1, .dev = two, .ndev = 2 };
	uint8_t commit[32], hash[VAULT_HASH_LEN];
	struct chain none = { 0 };
	int r;

	r = epoch_commit(k, commit);
	if (r == 0)
		r = genesis_seal(k, &paper->self, paper->sign_seed, commit,
		    b->genesis);
	if (r == 0)
		r = chain_seal(k, &none, &ch, b->chain, g.chain_hash);
	if (r == 0)
		r = grant_seal(k, &g, b->grant, hash);
	if (r < 0)
		return r;
	vault_name_chain(&k->utag, 1, b->chain_name);
	vault_name_grant(&k->rtag, k->epoch, hash, b->grant_name);
	return 0;
}

int
vault_create(const char *label, struct vault_keys **ret_keys,
    struct vault_birth *ret)
{
	struct vault_keys *k = NULL, *paper = NULL;
	struct vault_birth b = { 0 };
	int r;

	r = vault_keys_new(&k);
	if (r == 0)
		r = vault_keys_new(&paper);
	if (r == 0)
		r = birth_init(&b, true);
	if (r == 0)
		r = keys_make(k, label);
	if (r != 0)
		goto out;
	crypto_random(b.recovery_seed, sizeof(b.recovery_seed));
	crypto_random(paper->self.id.b, VAULT_ID_LEN);
	r = device_from_seed(paper, b.recovery_seed);
	if (r == 0)
		r = birth_seal(k, paper, &b);
	if (r < 0)
		goto out;
	vault_device_tag(k, &k->self.id, &k->dtag);

	*ret_keys = k;
	k = NULL;
	*ret = b;
	memset(&b, 0, sizeof(b));
out:
	vault_birth_done(&b);
	vault_keys_free(paper);
	vault_keys_free(k);
	return r;
}

/* ---- the walk ---- */

static int
recovery_new(const void *genesis, size_t len, struct vault_recovery **ret)
{
	struct vault_recovery *r;
	int e;

	r = calloc(1, sizeof(*r));
	if (!r)
		return -ENOMEM;
	e = vault_genesis_open(genesis, len, &r->g);
	if (e == 0)
		e = vault_keys_new(&r->k);
	if (e < 0) {
		vault_recover_free(r);
		return e;
	}
	*ret = r;
	return 0;
}

int
vault_recover_begin(const uint8_t seed[static 32], const void *genesis,
    size_t len, struct vault_recovery **ret)
{
	struct vault_recovery *r = NULL;
	struct vault_keys *k;
	int e;

	e = recovery_new(genesis, len, &r);
	if (e < 0)
		return e;
	k = r->k;
	r->is_paper = true;
	k->drive = r->g.drive;
	k->user = r->g.user;
	k->realm = r->g.realm;
	k->utag = r->g.utag;
	k->rtag = r->g.rtag;
	k->self.id = r->g.paper.id;
	crypto_random(k->local_key, sizeof(k->local_key));
	e = device_from_seed(k, seed);
	if (e == 0 && !device_same(&k->self, &r->g.paper))
		e = -EKEYREJECTED;
	if (e < 0) {
		vault_recover_free(r);
		return e;
	}
	*ret = r;
	return 0;
}

int
vault_recover_follow(const struct vault_keys *k, const void *genesis,
    size_t len, struct vault_recovery **ret)
{
	struct vault_recovery *r = NULL;
	int e;

	e = recovery_new(genesis, len, &r);
	if (e < 0)
		return e;
	if (!vault_id_eq(&k->drive, &r->g.drive)) {
		vault_recover_free(r);
		return -EKEYREJECTED;
	}
	memcpy(r->k, k, sizeof(*k));
	r->chain.has_secret = true;
	r->has_key = true;
	*ret = r;
	return 0;
}

const struct vault_genesis *
vault_recover_genesis(const struct vault_recovery *r)
{
	return &r->g;
}

int
vault_recover_chain(struct vault_recovery *r, const void *p, size_t len)
{
	return chain_apply(&r->chain, r->k, &r->g, p, len);
}

/* Was the author an admin?  Only devices that live now count: a revoked one
 * could date a grant back. */
static const struct vault_device *
grant_author(const struct vault_recovery *r, const struct envelope *e)
{
	const struct vault_device *d;
	struct vault_tag tag;
	size_t i;

	for (i = 0; i < r->chain.ndev; i++) {
		d = &r->chain.dev[i];
		if (d->is_revoked || !d->is_admin)
			continue;
		envelope_author_tag(r->k, VAULT_GRANT, &d->id, &tag);
		if (memcmp(tag.b, e->dtag.b, VAULT_TAG_LEN) == 0)
			return d;
	}
	return NULL;
}

/* Does the grant agree with what we know? */
static int
grant_check(const struct vault_recovery *r, const struct grant *g)
{
	const struct vault_device *d;
	uint8_t commit[32];
	size_t i;
	int e;

	if (g->chain_seq > r->chain.seq)
		return -ESTALE;
	if (g->chain_seq == 0 || memcmp(g->chain_hash,
	    r->chain.hash[g->chain_seq - 1], VAULT_HASH_LEN) != 0)
		return -EBADMSG;
	for (i = 0; i < g->ndev; i++) {
		d = chain_find(&r->chain, &g->dev[i].id);
		if (!d || !device_same(d, &g->dev[i]))
			return -EBADMSG;
	}
	if (g->epoch == 1) {
		e = record_commit(r->k, VAULT_GRANT, 1, g->secret,
		    sizeof(g->secret), commit);
		if (e < 0)
			return e;
		if (!crypto_equal(commit, r->g.epoch_commit, sizeof(commit)))
			return -EBADMSG;
	}
	/* One secret per epoch, one name key per realm. */
	if (r->has_key && ((g->epoch == r->k->epoch &&
	    !crypto_equal(g->secret, r->k->epoch_secret, 32)) ||
	    !crypto_equal(g->secret + 32, r->k->name_key, 32)))
		return -EBADMSG;
	return 0;
}

static void
grant_apply(struct vault_recovery *r, const struct grant *g)
{
	struct vault_keys *k = r->k;
	size_t i;

	/* From here on the grants say who writes. */
	for (i = 0; !r->has_grant && i < r->chain.ndev; i++)
		r->chain.dev[i].is_writer = false;
	for (i = 0; i < g->ndev; i++)
		if (g->dev[i].is_writer)
			chain_find(&r->chain, &g->dev[i].id)->is_writer = true;
	r->has_grant = true;
	if (r->has_key && g->epoch < k->epoch)
		return;
	if (!r->has_key || g->epoch > k->epoch) {
		k->epoch = g->epoch;
		memcpy(k->epoch_secret, g->secret, 32);
		memcpy(k->name_key, g->secret + 32, 32);
		vault_device_tag(k, &k->self.id, &k->dtag);
		r->has_key = true;
		r->rev = 0;
	}
	if (g->rev > r->rev)
		r->rev = g->rev;
}

int
vault_recover_grant(struct vault_recovery *r, const void *p, size_t len)
{
	const struct vault_device *author;
	struct grant g = { 0 };
	struct envelope e;
	int rc;

	if (r->chain.seq == 0)
		return -EINVAL;
	rc = envelope_parse(p, len, &e);
	if (rc < 0 && rc != -EPROTONOSUPPORT)
		return rc;
	author = grant_author(r, &e);
	if (!author)
		return -EBADMSG;
	rc = grant_open(r->k, r->has_key, author, p, len, &g);
	if (rc == -ENOKEY)
		return 0;
	if (rc == 0)
		rc = grant_check(r, &g);
	if (rc == 0)
		grant_apply(r, &g);
	grant_done(&g);
	return rc;
}

const struct vault_device *
vault_recover_devices(const struct vault_recovery *r, size_t *ret_n)
{
	*ret_n = r->chain.ndev;
	return r->chain.dev;
}

const struct vault_keys *
vault_recover_keys(const struct vault_recovery *r)
{
	return r->has_key ? r->k : NULL;
}

bool
vault_recover_has_grant(const struct vault_recovery *r)
{
	return r->has_grant;
}

void
vault_recover_free(struct vault_recovery *r)
{
	if (!r)
		return;
	chain_done(&r->chain);
	vault_keys_free(r->k);
	free(r);
}

/* ---- enrolment ---- */

/* Members of the new grant: all that live, with the roles they have, and the
 * new one.  Caller frees *ret. */
static int
members_make(const struct vault_recovery *r, const struct vault_device *dev,
    struct vault_device **ret, size_t *ret_n)
{
	struct vault_device *d;
	size_t i, n = 0;

	d = calloc(r->chain.ndev + 1, sizeof(*d));
	if (!d)
		return -ENOMEM;
	for (i = 0; i < r->chain.ndev; i++)
		if (!r->chain.dev[i].is_revoked)
			d[n++] = r->chain.dev[i];
	d[n++] = *dev;
	*ret = d;
	*ret_n = n;
	return 0;
}

static int
enrol_seal(const struct vault_recovery *r, struct vault_keys *k,
    struct vault_birth *b)
{
	struct chain_change ch = { .gen = r->chain.gen,
	    .wall_ns = clock_real_ns(), .added = &k->self, .nadded = 1 };
	struct grant g = { .rev = r->rev + 1,
	    .chain_seq = r->chain.seq + 1 };
	uint8_t hash[VAULT_HASH_LEN];
	int e;

	e = members_make(r, &k->self, &g.dev, &g.ndev);
	if (e == 0)
		e = chain_seal(r->k, &r->chain, &ch, b->chain, g.chain_hash);
	if (e == 0)
		e = grant_seal(r->k, &g, b->grant, hash);
	grant_done(&g);
	if (e < 0)
		return e;
	vault_name_chain(&k->utag, r->chain.seq + 1, b->chain_name);
	vault_name_grant(&k->rtag, k->epoch, hash, b->grant_name);
	return 0;
}

int
vault_recover_enrol(struct vault_recovery *r, const char *label,
    struct vault_keys **ret_keys, struct vault_birth *ret)
{
	const struct vault_device *self;
	struct vault_birth b = { 0 };
	struct vault_keys *k = NULL;
	int e;

	if (!r->is_paper)
		return -EPERM;
	if (!r->has_grant)
		return -ENOKEY;
	self = chain_find(&r->chain, &r->k->self.id);
	if (!self || self->is_revoked)
		return -EKEYREVOKED;
	e = vault_keys_new(&k);
	if (e < 0)
		return e;
	memcpy(k, r->k, sizeof(*k));
	e = device_make(k, label);
	if (e == 0)
		e = birth_init(&b, false);
	if (e == 0)
		e = enrol_seal(r, k, &b);
	if (e < 0)
		goto out;
	vault_device_tag(k, &k->self.id, &k->dtag);

	*ret_keys = k;
	k = NULL;
	*ret = b;
	memset(&b, 0, sizeof(b));
out:
	vault_birth_done(&b);
	vault_keys_free(k);
	return e;
}
