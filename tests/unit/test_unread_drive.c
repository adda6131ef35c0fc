/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What is not of one file and cannot be read here: rows that are gone through
 * for all of them, the outbox, sealed segments, values of the drive.
 */
#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sync/scrub.h"
#include "sync/sync_priv.h"
#include "tests/lib/spoil.h"
#include "tests/lib/store_tap.h"
#include "tests/lib/sync_rig.h"
#include "tests/lib/unread.h"
#include "util/buf.h"
#include "util/clock.h"
#include "util/err.h"
#include "vault/vault.h"

static struct rig rig;

static void
setup(void)
{
	unread_begin(&rig);
}

static void
teardown(void)
{
	rig_done(&rig);
}

/* Without anybody asking for it: sync_wait would cut every pause short. */
static void
goes_up(struct rig *r, const char *name)
{
	int64_t until = clock_mono_ms() + 20000;
	struct drive_usage u;

	rig_write(r, name, 0, 100, 9);
	do {
		usleep(10000);
		drive_usage(r->drive, &u);
	} while (u.outbox_ops && clock_mono_ms() < until);
	ck_assert_uint_eq(u.outbox_ops, 0);
}

START_TEST(a_checkpoint_that_cannot_be_written_holds_up_no_segment)
{
	struct ckpt_mark m;
	char name[8];
	int k;

	rig.conf.backoff_slow_ms = 60000;
	rig.conf.checkpoint_segments = 6;
	rig_start(&rig);
	rig_wait(&rig);
	spoil_inode(rig.drive, rig_lookup(&rig, "bad"));
	for (k = 0; k < 10; k++) {
		(void)snprintf(name, sizeof(name), "n%d", k);
		goes_up(&rig, name);
	}
	unread_problem(&rig, "checkpoint");
	ck_assert_int_eq(ckpt_mark_get(rig.drive, &m), -ENOENT);
	spoil_mend(rig.drive);
	ck_assert_int_eq(sync_checkpoint(rig.sync, NULL), 0);
	unread_problem(&rig, NULL);
}
END_TEST

/* Not of one file: nothing goes, and who waits is told why. */
START_TEST(a_failure_of_this_side_is_told)
{
	int64_t until = clock_mono_ms() + 30000;

	rig_start(&rig);
	rig_wait(&rig);
	spoil_sql(rig.drive, "CREATE TABLE was AS SELECT * FROM seen; "
	    "UPDATE seen SET row = x'00'");
	rig_write(&rig, "more", 0, 100, 4);
	ck_assert_int_eq(sync_wait(rig.sync, until, NULL, NULL), -EIO);
	unread_problem(&rig, "cannot publish");
	spoil_sql(rig.drive, "INSERT OR REPLACE INTO seen SELECT * FROM was; "
	    "DROP TABLE was");
	rig_wait(&rig);
	unread_problem(&rig, NULL);
}
END_TEST

static void
unread_say(void *arg, const char *finding)
{
	unsigned *n = arg;

	if (strstr(finding, "cannot be read here"))
		++*n;
}

static bool
go_on(void *arg, uint64_t done, uint64_t total)
{
	(void)arg;
	(void)done;
	(void)total;
	return true;
}

START_TEST(a_file_that_cannot_be_read_ends_no_check_of_the_store)
{
	struct scrub_conf c = { .store = rig.store, .keys = rig.keys,
	    .drive = rig.drive, .say = unread_say, .progress = go_on };
	struct scrub_result res;
	struct err e = { "" };
	unsigned n = 0;

	rig_start(&rig);
	rig_wait(&rig);
	spoil_inode(rig.drive, rig_lookup(&rig, "bad"));
	ck_assert_int_eq(sync_check(rig.store, rig.keys, rig.drive,
	    unread_say, NULL, &n, &e), 1);
	ck_assert_uint_eq(n, 1);
	c.arg = &n;
	ck_assert_int_eq(sync_scrub(&c, &res, &e), 0);
	ck_assert_uint_eq(n, 2);
	ck_assert_uint_eq(res.findings, 1);
	ck_assert_uint_gt(res.objects, 0);
}
END_TEST

/* Numbers and notes that are made anew. */
START_TEST(a_value_that_can_be_done_without_holds_up_nothing)
{
	static const char *const keys[] = { "pack_next", "page_next", "ckpt",
	    "ckpt_lists" };
	char *here, *there, name[16];
	struct err e = { "" };
	struct rig cold;
	unsigned i, k;
	int r;

	rig_start(&rig);
	rig_write(&rig, "long", 0, 70 * VAULT_BLOCK_SIZE, 1);
	rig_wait(&rig);
	ck_assert_int_eq(sync_checkpoint(rig.sync, NULL), 0);
	rig_wait(&rig);
	for (i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		for (k = 0; k < 2; k++) {
			rig_stop(&rig, 0);
			/* Another's box, and too short for one. */
			spoil_sql(rig.drive, "UPDATE meta SET v = zeroblob(%d)"
			    " WHERE k = CAST('kv:%s' AS BLOB)", k ? 60 : 5,
			    keys[i]);
			rig_start(&rig);
			(void)snprintf(name, sizeof(name), "more%u%u", i, k);
			rig_write(&rig, name, 0, 5000, i);
			rig_wait(&rig);
			r = sync_checkpoint(rig.sync, &e);
			ck_assert_msg(r == 0, "%s: %s", keys[i], e.msg);
			rig_wait(&rig);
		}
	here = rig_dump(&rig);
	rig_recover(&rig, &cold, 0);
	rig_start(&cold);
	there = rig_dump(&cold);
	ck_assert_str_eq(here, there);
	free(here);
	free(there);
	rig_done(&cold);
}
END_TEST

/* ---- rows of the outbox ---- */

/* What is lost of it the name or the inode tells. */
START_TEST(a_row_of_the_outbox_that_is_damaged_goes_up)
{
	spoil_sql(rig.drive, "UPDATE outbox SET id = x'00'");
	rig_close(&rig);
	rig_open(&rig);
	rig_start(&rig);
	unread_all_goes(&rig);
	spoil_sql(rig.drive, "UPDATE outbox SET id = x'00'");
	rig_write(&rig, "bad", 0, 3000, 5);
	rig_rename(&rig, "good", "better");
	spoil_sql(rig.drive, "UPDATE outbox SET id = x'00'");
	unread_all_goes(&rig);
	rig_wait(&rig);
}
END_TEST

static void
deleted_say(void *arg, const char *finding)
{
	unsigned *n = arg;

	if (strstr(finding, "cannot be told to others"))
		++*n;
}

/* But not of what is gone: the others keep that. */
START_TEST(a_delete_that_cannot_be_told_holds_up_no_other)
{
	int64_t until = clock_mono_ms() + 30000;
	uint64_t ino = rig_lookup(&rig, "bad");
	struct drive_usage u;
	struct rig cold;
	unsigned n = 0;

	rig_start(&rig);
	rig_wait(&rig);
	rig_stop(&rig, 0);
	rig_unlink(&rig, "bad");
	drive_forget(rig.drive, ino);
	rig_close(&rig);
	rig_open(&rig);
	spoil_sql(rig.drive, "UPDATE outbox SET id = x'00' WHERE num = %llu",
	    (unsigned long long)ino);
	rig_close(&rig);
	rig_open(&rig);
	rig_write(&rig, "later", 0, 300 * 1024, 4);
	rig_start(&rig);
	ck_assert_int_eq(sync_wait(rig.sync, until, NULL, NULL), -EIO);
	unread_problem(&rig, "is not uploaded");
	rig_recover(&rig, &cold, 0);
	ck_assert_uint_ne(rig_lookup(&cold, "later"), 0);
	ck_assert_uint_ne(rig_lookup(&cold, "bad"), 0);
	rig_done(&cold);
	ck_assert_int_eq(drive_fsck(rig.drive, true, deleted_say, &n), 0);
	ck_assert_uint_eq(n, 1);
	drive_usage(rig.drive, &u);
	ck_assert_uint_eq(u.outbox_ops, 0);
	rig_wait(&rig);
	unread_problem(&rig, NULL);
}
END_TEST

static void
sealed_say(void *arg, const char *finding)
{
	unsigned *n = arg;

	if (strstr(finding, "sealed and not on the store yet"))
		++*n;
}

/* In the journal on the store it would be there for good. */
START_TEST(a_segment_that_was_damaged_here_is_not_put)
{
	static const struct tap_see see = { .put = NULL };
	struct store_conf c = { .user = NULL };
	struct buf b = BUF_INIT(8 << 20);
	struct err e = { "" };
	struct store *in, *tap;
	char url[128];
	unsigned n = 0;
	uint64_t seq;
	struct rig r;
	int was;

	(void)snprintf(url, sizeof(url), "%s-more", rig.url);
	ck_assert_int_eq(mkdir(url + strlen("dir:"), 0700), 0);
	ck_assert_int_eq(store_open(url, &c, &in, &e), 0);
	ck_assert_int_eq(store_tap_new(in, &see, &tap), 0);
	rig_new_on(&r, tap);
	rig_write(&r, "one", 0, 100, 1);
	rig_start(&r);
	rig_wait(&r);
	was = rig_store_count(&r, "");
	store_tap_fail_puts(tap, -EHOSTUNREACH);
	rig_write(&r, "two", 0, 100, 2);
	while (drive_publish_pending(r.drive, &seq, &b) == -ENOENT)
		usleep(10000);
	rig_stop(&r, 0);
	spoil_sql(r.drive, "UPDATE segment SET object = "
	    "zeroblob(length(object))");
	ck_assert_int_eq(drive_publish_pending(r.drive, &seq, &b), -EUCLEAN);
	store_tap_fail_puts(tap, 0);
	rig_start(&r);
	unread_problem(&r, "cannot publish");
	ck_assert_int_eq(sync_wait(r.sync, clock_mono_ms() + 30000, NULL,
	    NULL), -EIO);
	ck_assert_int_eq(rig_store_count(&r, ""), was);
	ck_assert_int_eq(drive_fsck(r.drive, true, sealed_say, &n), 1);
	ck_assert_uint_eq(n, 1);
	buf_done(&b);
	rig_done(&r);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("unread: the drive");
	TCase *t = tcase_create("the drive");
	SRunner *r;
	int failed;

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_set_timeout(t, 120);
	tcase_add_test(t,
	    a_checkpoint_that_cannot_be_written_holds_up_no_segment);
	tcase_add_test(t, a_failure_of_this_side_is_told);
	tcase_add_test(t, a_segment_that_was_damaged_here_is_not_put);
	tcase_add_test(t, a_row_of_the_outbox_that_is_damaged_goes_up);
	tcase_add_test(t, a_delete_that_cannot_be_told_holds_up_no_other);
	tcase_add_test(t,
	    a_file_that_cannot_be_read_ends_no_check_of_the_store);
	tcase_add_test(t, a_value_that_can_be_done_without_holds_up_nothing);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_ENV);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? 1 : 0;
}
