/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Another state, another drive or another machine in the place of what there
 * was: it is noticed, and changes nothing here.
 */
#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/lib/cold.h"
#include "tests/lib/sync_look.h"
#include "tests/lib/sync_rig.h"
#include "util/err.h"
#include "util/log.h"
#include "vault/vault.h"

START_TEST(a_store_that_went_back_in_time_stops_writing)
{
	struct sync_status st;
	struct rig r;
	int i;

	rig_new(&r);
	rig_start(&r);
	rig_fill(&r, 1);
	rig_wait(&r);
	rig_shell("cp -r %s/store %s/old", r.dir, r.dir);
	for (i = 0; i < 3; i++) {
		rig_write(&r, "more", 0, 5000, (unsigned)i);
		rig_wait(&r);
	}
	rig_stop(&r, 0);
	rig_shell("mv %s/store %s/new", r.dir, r.dir);
	rig_shell("mv %s/old %s/store", r.dir, r.dir);
	rig_start(&r);
	cold_await(&r, SYNC_ALARM, &st);
	ck_assert_int_ne(st.advice[0], 0);
	ck_assert_int_eq(cold_mkdir(&r, "no"), -EROFS);
	ck_assert_uint_ne(rig_lookup(&r, "more"), 0);

	/* The exit: the right state is back. */
	rig_shell("mv %s/store %s/old", r.dir, r.dir);
	rig_shell("mv %s/new %s/store", r.dir, r.dir);
	sync_kick(r.sync);
	cold_await(&r, SYNC_ONLINE, &st);
	ck_assert_int_eq(cold_mkdir(&r, "yes"), 0);
	rig_wait(&r);
	rig_check_recovered(&r);
	rig_done(&r);
}
END_TEST

START_TEST(an_empty_store_changes_nothing)
{
	struct sync_status st;
	char *before, *after;
	struct rig r;

	rig_new(&r);
	rig_start(&r);
	rig_fill(&r, 1);
	rig_wait(&r);
	before = rig_dump(&r);
	rig_stop(&r, 0);
	rig_shell("mv %s/store %s/away", r.dir, r.dir);
	rig_shell("mkdir %s/store", r.dir);
	rig_start(&r);
	cold_await(&r, SYNC_FAULT, &st);
	after = rig_dump(&r);
	rig_same_text(before, after);
	ck_assert_int_eq(rig_store_count(&r, ""), 0);
	ck_assert_int_eq(cold_mkdir(&r, "later"), 0);
	rig_shell("rmdir %s/store", r.dir);
	rig_shell("mv %s/away %s/store", r.dir, r.dir);
	rig_wait(&r);
	rig_check_recovered(&r);
	free(before);
	free(after);
	rig_done(&r);
}
END_TEST

START_TEST(a_disk_that_is_unplugged_meanwhile_gets_no_only_copy)
{
	struct sync_status st;
	struct drive_usage u;
	struct rig r;

	rig_new(&r);
	rig_start(&r);
	rig_wait(&r);
	rig_shell("mv %s/store %s/away && mkdir %s/store", r.dir, r.dir, r.dir);
	rig_fill(&r, 1);
	cold_await(&r, SYNC_FAULT, &st);
	drive_usage(r.drive, &u);
	ck_assert_uint_gt(u.staged_blocks, 0);
	ck_assert_uint_gt(u.outbox_ops, 0);
	/* Something may be put there just then. */
	rig_shell("until rm -rf %s/store && mv -T %s/away %s/store; do "
	    "sleep .1; done", r.dir, r.dir, r.dir);
	rig_wait(&r);
	rig_check_recovered(&r);
	rig_done(&r);
}
END_TEST

START_TEST(a_cloned_state_directory_is_noticed)
{
	struct sync_status st;
	struct rig r;

	rig_new(&r);
	rig_start(&r);
	rig_fill(&r, 1);
	rig_wait(&r);
	rig_stop(&r, 0);
	rig_close(&r);
	rig_shell("cp -r %s/state %s/copy", r.dir, r.dir);
	rig_open(&r);
	rig_start(&r);
	rig_write(&r, "one", 0, 100, 1);
	rig_wait(&r);
	rig_stop(&r, 0);
	rig_close(&r);

	rig_shell("mv %s/state %s/first", r.dir, r.dir);
	rig_shell("mv %s/copy %s/state", r.dir, r.dir);
	rig_open(&r);
	rig_start(&r);
	cold_await(&r, SYNC_ALARM, &st);
	ck_assert_int_eq(cold_mkdir(&r, "no"), -EROFS);
	rig_done(&r);
}
END_TEST

START_TEST(a_clone_that_publishes_meanwhile_is_noticed)
{
	struct sync_status st;
	struct rig r, copy;

	rig_new(&r);
	rig_start(&r);
	rig_fill(&r, 1);
	rig_wait(&r);
	rig_stop(&r, 0);
	rig_close(&r);
	copy = r;
	(void)snprintf(copy.state, sizeof(copy.state), "%s/copy", r.dir);
	rig_shell("cp -r %s/state %s/copy", r.dir, r.dir);
	rig_open(&r);
	rig_open(&copy);
	rig_start(&r);
	rig_wait(&r);
	rig_start(&copy);
	rig_wait(&copy);	/* nothing has happened yet */
	rig_write(&r, "one", 0, 100, 1);
	rig_wait(&r);
	rig_write(&copy, "two", 0, 100, 2);
	cold_await(&copy, SYNC_ALARM, &st);
	ck_assert_int_eq(cold_mkdir(&copy, "no"), -EROFS);
	rig_stop(&copy, 0);
	rig_close(&copy);
	rig_wait(&r);
	rig_check_recovered(&r);
	rig_done(&r);
}
END_TEST

START_TEST(another_drive_at_the_same_url_is_noticed)
{
	struct sync_status st;
	struct rig r, other;

	rig_new(&r);
	rig_new(&other);
	rig_start(&r);
	rig_wait(&r);
	rig_stop(&r, 0);
	rig_shell("rm -r %s/store && mv %s/store %s/store", r.dir, other.dir,
	    r.dir);
	rig_start(&r);
	cold_await(&r, SYNC_ALARM, &st);
	ck_assert_int_eq(cold_mkdir(&r, "no"), -EROFS);
	rig_done(&other);
	rig_done(&r);
}
END_TEST

START_TEST(a_second_drive_on_one_store_is_refused)
{
	struct vault_keys *k;
	struct vault_birth b;
	struct err e = { .msg = "" };
	struct rig r;
	int before;

	rig_new(&r);
	before = rig_store_count(&r, "");
	ck_assert_int_eq(vault_create("x", &k, &b), 0);
	ck_assert_int_eq(sync_create(r.store, &b, &e), -EEXIST);
	ck_assert_ptr_nonnull(strstr(e.msg, "recover"));
	ck_assert_int_eq(rig_store_count(&r, ""), before);
	vault_birth_done(&b);
	vault_keys_free(k);
	rig_done(&r);
}
END_TEST

START_TEST(fingerprints_agree_where_the_frontier_does)
{
	uint8_t a[16], b[16];
	struct rig r, other;

	rig_new(&r);
	rig_start(&r);
	rig_fill(&r, 1);
	rig_wait(&r);
	rig_recover(&r, &other, 0);
	ck_assert_int_eq(sync_fingerprint(r.drive, a), 0);
	ck_assert_int_eq(sync_fingerprint(other.drive, b), 0);
	ck_assert_mem_eq(a, b, 16);
	rig_write(&r, "x", 0, 10, 1);
	rig_wait(&r);
	ck_assert_int_eq(sync_fingerprint(r.drive, a), 0);
	ck_assert_mem_ne(a, b, 16);
	rig_done(&other);
	rig_done(&r);
}
END_TEST

static Suite *
suite(void)
{
	Suite *s = suite_create("sync: trust");
	TCase *tc = tcase_create("trust");

	tcase_set_timeout(tc, 240);
	suite_add_tcase(s, tc);
	tcase_add_test(tc, a_store_that_went_back_in_time_stops_writing);
	tcase_add_test(tc, an_empty_store_changes_nothing);
	tcase_add_test(tc,
	    a_disk_that_is_unplugged_meanwhile_gets_no_only_copy);
	tcase_add_test(tc, a_cloned_state_directory_is_noticed);
	tcase_add_test(tc, a_clone_that_publishes_meanwhile_is_noticed);
	tcase_add_test(tc, another_drive_at_the_same_url_is_noticed);
	tcase_add_test(tc, a_second_drive_on_one_store_is_refused);
	tcase_add_test(tc, fingerprints_agree_where_the_frontier_does);
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
