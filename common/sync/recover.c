/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "sync/sync_priv.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "util/err.h"
#include "util/log.h"

/* That are looked at, at most: a record of the chain may have some, of
 * enrolments that were broken off. */
#define GRANTS_MAX (4 * CHAIN_MAX)

/* ---- a new drive ---- */

static int
put_new(struct store *st, const char *name, const struct buf *b,
    enum object_kind kind, struct err *e)
{
	int r = object_put(st, name, b->data, b->len, kind);

	if (r < 0 && r != -EEXIST)
		err_wrap(e, r, "cannot write to '%s'", store_url(st));
	return r;
}

int
sync_create(struct store *s, const struct vault_birth *b, struct err *e)
{
	struct buf there = BUF_INIT(SYNC_SMALL_MAX);
	char name[VAULT_PATH_MAX];
	int r;

	vault_name_genesis(name);
	r = object_get(s, name, OBJECT_PATIENT, &there);
	/* Ours is there after an interrupted try: the rest is put again. */
	if (r == 0 && (there.len != b->genesis->len ||
	    memcmp(there.data, b->genesis->data, there.len) != 0))
		r = -EEXIST;
	buf_done(&there);
	if (r < 0 && r != -ENOENT && r != -EEXIST)
		return err_wrap(e, r, "cannot read from '%s'", store_url(s));
	if (r != -EEXIST)
		r = put_new(s, b->grant_name, b->grant, OBJECT_CHAIN, e);
	if (r == 0)
		r = put_new(s, b->chain_name, b->chain, OBJECT_CHAIN, e);
	if (r == 0)
		r = put_new(s, name, b->genesis, OBJECT_CHAIN, e);
	if (r == -EEXIST)
		err_set(e, r, "the store '%s' already holds a drive; use an "
		    "empty folder or 'coffre recover'", store_url(s));
	return r;
}

/* ---- who is who ---- */

/* From the seed of a recovery key, or (seed is NULL) a device's keys. */
static int
recover_begin(struct store *s, const uint8_t *seed,
    const struct vault_keys *k, struct vault_recovery **ret, struct err *e)
{
	struct buf b = BUF_INIT(SYNC_SMALL_MAX);
	char name[VAULT_PATH_MAX];
	int r;

	vault_name_genesis(name);
	r = object_get(s, name, OBJECT_PATIENT, &b);
	if (r == -ENOENT)
		err_set(e, r, "there is no drive at '%s'; check the URL",
		    store_url(s));
	else if (r < 0)
		err_wrap(e, r, "cannot read from '%s'", store_url(s));
	if (r == 0) {
		if (seed)
			r = vault_recover_begin(seed, b.data, b.len, ret);
		else
			r = vault_recover_follow(k, b.data, b.len, ret);
		if (r == -EKEYREJECTED)
			err_set(e, r, "this key is not one of the drive at "
			    "'%s'", store_url(s));
		else if (r < 0)
			err_wrap(e, r, "the drive's first object does not "
			    "verify");
	}
	buf_done(&b);
	return r;
}

static int
recover_chain(struct store *s, struct vault_recovery *v, struct err *e)
{
	const struct vault_genesis *g = vault_recover_genesis(v);
	struct buf b = BUF_INIT(SYNC_RECORD_MAX);
	char name[VAULT_PATH_MAX];
	uint64_t seq;
	int r = 0;

	for (seq = 1; seq <= CHAIN_MAX + 1; seq++) {
		vault_name_chain(&g->utag, seq, name);
		buf_reset(&b);
		r = object_get(s, name, OBJECT_PATIENT, &b);
		if (r == 0)
			r = vault_recover_chain(v, b.data, b.len);
		if (r < 0)
			break;
	}
	buf_done(&b);
	if (r == -ENOENT && seq > 1)
		return 0;
	return err_wrap(e, r, "record %llu of who is who cannot be used",
	    (unsigned long long)seq);
}

static int
on_grant_name(void *arg, const char *name, uint64_t size)
{
	struct grant_names *l = arg;
	size_t cap;
	void *p;

	(void)size;	/* a listing may say anything */
	if (strlen(name) >= VAULT_PATH_MAX)
		return 0;	/* not one of ours */
	if (l->n == GRANTS_MAX)
		return -EFBIG;
	if (l->n == l->cap) {
		cap = l->cap ? l->cap * 2 : 16;
		p = realloc(l->name, cap * sizeof(*l->name));
		if (!p)
			return -ENOMEM;
		l->name = p;
		l->cap = cap;
	}
	memcpy(l->name[l->n++], name, strlen(name) + 1);
	return 0;
}

int
grant_names_get(struct store *s, const struct vault_tag *rtag,
    struct grant_names *ret)
{
	char prefix[VAULT_PATH_MAX];
	int r;

	memset(ret, 0, sizeof(*ret));
	vault_name_grants(rtag, prefix);
	r = store_list(s, prefix, on_grant_name, ret);
	if (r < 0) {
		free(ret->name);
		ret->name = NULL;
	}
	return r;
}

/* Whatever lies under the prefix: what does not verify is passed over, for
 * anybody who can write to the store may have put it there. */
static int
recover_grants(struct store *s, struct vault_recovery *v, struct err *e)
{
	const struct vault_genesis *g = vault_recover_genesis(v);
	struct buf b = BUF_INIT(SYNC_RECORD_MAX);
	struct grant_names l;
	size_t i, bad = 0;
	int r;

	r = grant_names_get(s, &g->rtag, &l);
	if (r < 0)
		err_wrap(e, r, "cannot list '%s'", store_url(s));
	for (i = 0; i < l.n && r == 0; i++) {
		buf_reset(&b);
		r = object_get(s, l.name[i], OBJECT_PATIENT, &b);
		if (r == -ENOENT) {	/* the listing was old */
			r = 0;
			continue;
		}
		if (r == -EFBIG) {	/* no grant is as large */
			r = 0;
			bad++;
			continue;
		}
		if (r < 0) {
			err_wrap(e, r, "cannot read from '%s'", store_url(s));
			break;
		}
		if (vault_recover_grant(v, b.data, b.len) < 0)
			bad++;
	}
	if (bad)
		log_warn("sync: %zu of %zu grants do not verify", bad, l.n);
	free(l.name);
	buf_done(&b);
	return r;
}

static int
found_make(const struct vault_recovery *v, const struct vault_keys *k,
    struct sync_found **ret)
{
	const struct vault_device *all;
	struct sync_found *f;
	size_t i, n;

	all = vault_recover_devices(v, &n);
	if (n >= SYNC_DEVICES_MAX)
		return -EFBIG;
	f = calloc(1, sizeof(*f));
	if (f)
		f->devices = calloc(n + 1, sizeof(*f->devices));
	if (!f || !f->devices) {
		free(f);
		return -ENOMEM;
	}
	memcpy(f->devices, all, n * sizeof(*all));
	for (i = 0; i < n && !vault_id_eq(&all[i].id, &k->self.id); i++)
		;
	f->is_self_new = i == n;
	if (i == n)
		f->devices[n++] = k->self;
	f->n = n;
	*ret = f;
	return 0;
}

int
found_follow(struct store *s, const struct vault_keys *k,
    struct sync_found **ret, struct err *e)
{
	struct vault_recovery *v = NULL;
	int r;

	r = recover_begin(s, NULL, k, &v, e);
	if (r == 0)
		r = recover_chain(s, v, e);
	if (r == 0)
		r = recover_grants(s, v, e);
	if (r == 0) {
		r = found_make(v, k, ret);
		if (r < 0)
			err_wrap(e, r, "cannot list the devices");
	}
	vault_recover_free(v);
	return r;
}

/* Grant first: a device that the chain names can read. */
static int
enrol(struct store *s, const struct vault_birth *b, struct err *e)
{
	int r;

	r = put_new(s, b->grant_name, b->grant, OBJECT_CHAIN, e);
	if (r == 0)
		r = put_new(s, b->chain_name, b->chain, OBJECT_CHAIN, e);
	if (r == -EEXIST)
		err_set(e, r, "another machine was enrolled at the same "
		    "moment; run it again");
	return r;
}

int
sync_recover(struct store *s, const uint8_t seed[static 32],
    const char *label, struct vault_keys **ret, struct sync_found **ret_found,
    struct err *e)
{
	struct vault_birth b = { .genesis = NULL };
	struct vault_recovery *v = NULL;
	struct sync_found *f = NULL;
	struct vault_keys *k = NULL;
	int r;

	r = recover_begin(s, seed, NULL, &v, e);
	if (r == 0)
		r = recover_chain(s, v, e);
	if (r == 0)
		r = recover_grants(s, v, e);
	if (r < 0)
		goto out;
	r = vault_recover_enrol(v, label, &k, &b);
	if (r == -ENOKEY)
		err_set(e, r, "the store has no grant for this recovery key");
	else if (r == -EKEYREVOKED)
		err_set(e, r, "this recovery key has been revoked");
	else if (r < 0)
		err_wrap(e, r, "cannot enrol this machine");
	if (r == 0)
		r = found_make(v, k, &f);
	if (r == 0)
		r = enrol(s, &b, e);
	if (r < 0)
		goto out;

	*ret = k;
	*ret_found = f;
	k = NULL;
	f = NULL;
out:
	vault_birth_done(&b);
	sync_found_free(f);
	vault_keys_free(k);
	vault_recover_free(v);
	return r;
}
