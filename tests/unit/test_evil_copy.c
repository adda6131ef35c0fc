/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Machines that were copied or set back to a snapshot, and another drive in
 * the place of ours.
 */
#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "crypto/crypto.h"
#include "tests/lib/cold.h"
#include "util/err.h"
#include "util/log.h"
#include "vault/envelope.h"
#include "vault/vault.h"

/* A nonce, and what was sealed with it. */
struct used {
	uint8_t nonce[VAULT_NONCE_LEN];
	uint8_t sha[SHA256_LEN];
};

static int
by_nonce(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(struct used));
}

static void
used_set(struct used *u, const uint8_t *nonce, const void *p, size_t len)
{
	memcpy(u->nonce, nonce, VAULT_NONCE_LEN);
	sha256(p, len, u->sha);
}

/* Nonces of every object's header and of every block in a pack. */
static size_t
nonces_of(struct rig *r, struct evil *e, struct used *out, size_t max)
{
	struct pack_entry *en;
	struct envelope v;
	const char *name;
	size_t i, k, n = 0, len, ne;
	struct pack_id id;
	uint8_t *p;

	for (i = 0; (name = evil_name(e, "r/", i)); i++) {
		p = evil_get(e, name, &len);
		if (strstr(name, "/d/")) {
			memset(&id, 0, sizeof(id));
			id.dtag = r->keys->dtag;
			ck_assert_int_eq(sscanf(strrchr(name, '/') + 1,
			    "%lx-%lx", &id.n, &id.rand), 2);
			ck_assert_int_eq(pack_open(r->keys, &id, p, len, &en,
			    &ne), 0);
			for (k = 0; k < ne && n < max; k++)
				used_set(&out[n++], p + en[k].off,
				    p + en[k].off, en[k].len +
				    VAULT_SEAL_OVERHEAD);
			free(en);
		} else if (envelope_parse(p, len, &v) == 0 && n < max) {
			used_set(&out[n++], v.nonce, p, len);
		}
		free(p);
	}
	return n;
}

/*
 * A21.  Attack: a machine is set back to a snapshot and writes again, or runs
 * twice, so that counters and with them nonces come twice.
 * Defence: no counters; nonces are random and come from the kernel each time.
 */
START_TEST(a21_two_machines_from_one_snapshot_share_no_nonce)
{
	enum { MAX = 4000 };
	struct used *all = malloc(MAX * sizeof(*all));
	struct evil *e;
	struct rig r, copy;
	struct store *first;
	uint64_t at;
	size_t n, i;

	ck_assert_ptr_nonnull(all);
	rig_new_on(&r, evil_open(&e));
	first = r.store;
	rig_start(&r);
	cold_write_some(&r, 0, 1);
	rig_stop(&r, 30000);
	rig_close(&r);
	at = evil_now(e);
	cold_clone(&r, evil_client(e), "copy", &copy);
	evil_rollback(copy.store, at);
	evil_rollback(first, at);
	rig_open(&copy);
	rig_start(&copy);
	cold_write_some(&copy, 0, 4);
	rig_stop(&copy, 30000);
	rig_close(&copy);
	n = nonces_of(&r, e, all, MAX);
	/* The same names with the same plaintext, from the snapshot again. */
	rig_open(&r);
	rig_start(&r);
	cold_write_some(&r, 0, 4);
	n += nonces_of(&r, e, all + n, MAX - n);
	ck_assert_uint_gt(n, 20);
	qsort(all, n, sizeof(*all), by_nonce);
	/* What both looks found is there twice, whole. */
	for (i = 1; i < n; i++)
		ck_assert_msg(memcmp(all[i - 1].nonce, all[i].nonce,
		    VAULT_NONCE_LEN) != 0 || memcmp(all[i - 1].sha,
		    all[i].sha, SHA256_LEN) == 0, "a nonce came twice");
	store_close(copy.store);
	free(all);
	rig_done(&r);
}
END_TEST

/*
 * A32.  Attack: the store is exchanged for another drive that is whole and
 * valid in itself.
 * Defence: drive and first device are pinned here; the address is only where
 * they are looked for.
 */
START_TEST(a32_another_drive_in_the_same_place_is_refused)
{
	struct sync_status st;
	struct store *mine;
	struct evil *e, *e2;
	struct rig r, other;
	size_t from;

	rig_new_on(&r, evil_open(&e));
	rig_start(&r);
	cold_write_some(&r, 0, 2);
	rig_stop(&r, 0);
	rig_new_on(&other, evil_open(&e2));
	mine = r.store;
	r.store = evil_client(e2);
	from = evil_reqs(e2);
	rig_start(&r);
	cold_await(&r, SYNC_ALARM, &st);
	ck_assert_int_eq(cold_mkdir(&r, "no"), -EROFS);
	ck_assert_uint_eq(evil_asked(e2, from, "PAD", ""), 0);
	ck_assert_uint_ne(rig_lookup(&r, "f1"), 0);
	/* Nor can that be accepted. */
	ck_assert_int_eq(sync_accept(r.sync, cold_say, NULL, NULL,
	    &(struct err){ "" }), -EINVAL);
	rig_stop(&r, 0);
	store_close(r.store);
	r.store = mine;
	rig_start(&r);
	rig_wait(&r);
	rig_done(&other);
	rig_done(&r);
}
END_TEST

/*
 * A33.  Attack (or accident): the state of a machine is copied or restored,
 * and two of it write under one name.
 * Defence: the own end of the journal is compared before anything goes up; a
 * segment is put only where there is none; the copy becomes read-only and is
 * told to enrol anew.
 */
START_TEST(a33_a_restored_copy_of_a_machine_overwrites_nothing)
{
	struct sync_status st;
	const char *name;
	struct evil *e;
	struct rig r, copy;
	size_t i, from;

	rig_new_on(&r, evil_open(&e));
	rig_start(&r);
	cold_write_some(&r, 0, 2);
	rig_stop(&r, 30000);
	rig_close(&r);
	cold_clone(&r, evil_client(e), "copy", &copy);
	rig_open(&r);
	rig_start(&r);
	cold_write_some(&r, 2, 2);
	from = evil_reqs(e);
	rig_open(&copy);
	rig_write(&copy, "of the copy", 0, 5000, 9);
	rig_start(&copy);
	cold_await(&copy, SYNC_ALARM, &st);
	ck_assert_ptr_nonnull(strstr(st.advice, "recover"));
	ck_assert_uint_eq(evil_asked(e, from, "PAD", ""), 0);
	ck_assert_int_eq(cold_mkdir(&copy, "no"), -EROFS);
	rig_stop(&copy, 0);
	rig_close(&copy);
	store_close(copy.store);
	for (i = 0; (name = evil_name(e, "/j/", i)); i++)
		ck_assert_uint_eq(evil_versions(e, name), 1);
	cold_write_some(&r, 4, 1);
	cold_check(&r, evil_client(e), 0);
	rig_done(&r);
}
END_TEST

/* The store takes a put over what is there without a word. */
START_TEST(a33_a_copy_is_noticed_where_the_store_overwrites_too)
{
	struct sync_status st;
	struct evil *e;
	struct rig r, copy;

	rig_new_on(&r, evil_open(&e));
	evil_lie(e, EVIL_IGNORE_ABSENT);
	rig_start(&r);
	cold_write_some(&r, 0, 2);
	rig_stop(&r, 30000);
	rig_close(&r);
	cold_clone(&r, evil_client(e), "copy", &copy);
	rig_open(&r);
	rig_start(&r);
	rig_open(&copy);
	rig_start(&copy);
	rig_wait(&copy);
	cold_write_some(&r, 2, 2);
	rig_write(&copy, "of the copy", 0, 5000, 9);
	cold_await(&copy, SYNC_ALARM, &st);
	rig_stop(&copy, 0);
	rig_close(&copy);
	store_close(copy.store);
	cold_write_some(&r, 4, 1);
	cold_check(&r, evil_client(e), 0);
	rig_done(&r);
}
END_TEST

static Suite *
suite(void)
{
	Suite *s = suite_create("hostile store: copies");
	TCase *tc = tcase_create("copies");

	tcase_set_timeout(tc, 120);
	suite_add_tcase(s, tc);
	tcase_add_test(tc, a21_two_machines_from_one_snapshot_share_no_nonce);
	tcase_add_test(tc, a32_another_drive_in_the_same_place_is_refused);
	tcase_add_test(tc, a33_a_restored_copy_of_a_machine_overwrites_nothing);
	tcase_add_test(tc,
	    a33_a_copy_is_noticed_where_the_store_overwrites_too);
	return s;
}

int
main(void)
{
	SRunner *sr = srunner_create(suite());
	int failed;

	log_set_level(LOG_LEVEL_ERROR);
	srunner_run_all(sr, CK_ENV);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
