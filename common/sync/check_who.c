/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "sync/check_priv.h"

#include <errno.h>
#include <stdlib.h>

#include "util/tr.h"

/*
 * What a recovery begins with, read as one would read it, with the keys that
 * are here in place of the recovery key.
 */

/* Another drive's is none that is wrong. */
static int
genesis_open(struct check *c, void *arg, const struct buf *o)
{
	struct vault_recovery **v = arg;
	int r;

	r = vault_recover_follow(c->keys, o->data, o->len, v);
	return r == -EKEYREJECTED ? -EMEDIUMTYPE : r;
}

static int
record_open(struct check *c, void *arg, const struct buf *o)
{
	(void)c;
	return vault_recover_chain(arg, o->data, o->len);
}

/* Are all devices that are known here among those of the records so far? */
static bool
is_told(const struct check *c, const struct vault_recovery *v)
{
	const struct vault_device *all;
	size_t i, k, n;

	all = vault_recover_devices(v, &n);
	for (i = 0; i < c->found.n; i++) {
		for (k = 0; k < n && !vault_id_eq(&all[k].id,
		    &c->found.devices[i].id); k++)
			;
		if (k == n)
			return false;
	}
	return true;
}

/* 1: they come to no end that is good. */
static int
check_records(struct check *c, struct vault_recovery *v)
{
	const struct vault_genesis *g = vault_recover_genesis(v);
	char name[VAULT_PATH_MAX];
	struct check_want w = { name, SYNC_RECORD_MAX, record_open, v };
	uint64_t seq = 0;
	int r;

	do {
		vault_name_chain(&g->utag, ++seq, name);
		r = check_object(c, &w, !is_told(c, v));
	} while (r == 0 && seq <= CHAIN_MAX);
	if (r == -ENOENT && is_told(c, v))
		return 0;
	if (!check_is_finding(r))
		return r;
	check_say(c, r == -ENOENT ?
	    N_("missing on the store: record %llu of who is who; without it "
	    "no recovery key opens the drive") :
	    N_("altered on the store: record %llu of who is who; without it "
	    "no recovery key opens the drive"), (unsigned long long)seq);
	return 1;
}

/* Anybody who can write to the store may have put something there. */
static int
grant_open(struct check *c, void *arg, const struct buf *o)
{
	int r = vault_recover_grant(arg, o->data, o->len);

	(void)c;
	return r == -ESTALE || r == -EINVAL ? -EBADMSG : r;
}

static int
check_grants(struct check *c, struct vault_recovery *v)
{
	const struct vault_genesis *g = vault_recover_genesis(v);
	struct check_want w = { NULL, SYNC_RECORD_MAX, grant_open, v };
	struct grant_names l;
	size_t i;
	int r;

	r = grant_names_get(c->all ? c->all : c->store, &g->rtag, &l);
	if (r < 0)
		return r;
	for (i = 0; i < l.n && r == 0; i++) {
		w.name = l.name[i];
		r = check_object(c, &w, true);
		if (check_is_finding(r))
			r = 0;
	}
	free(l.name);
	if (r == 0 && !vault_recover_has_grant(v))
		check_say(c, N_("missing on the store: the grant of the "
		    "drive's keys; without it no recovery key opens the "
		    "drive"));
	return r;
}

int
check_who(struct check *c)
{
	struct vault_recovery *v = NULL;
	char name[VAULT_PATH_MAX];
	struct check_want w = { name, SYNC_SMALL_MAX, genesis_open, &v };
	int r;

	vault_name_genesis(name);
	r = check_object(c, &w, true);
	if (check_is_finding(r) || r == -EMEDIUMTYPE) {
		check_say(c, r == -ENOENT ? N_("the store holds no drive") :
		    N_("the store holds another drive, or an altered one"));
		r = 0;
	}
	if (r == 0 && v)
		r = check_records(c, v);
	/* They are by those of whom the records tell. */
	if (r == 0 && v)
		r = check_grants(c, v);
	vault_recover_free(v);
	return r < 0 ? r : 0;
}
