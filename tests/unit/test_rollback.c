/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What a drive keeps in memory of what is under way to the store, when the
 * transaction that changes it cannot be committed.
 */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/lib/fix_drive.h"
#include "util/thread.h"

#define ROOT DRIVE_ROOT_INO
#define ALL 900000
#define QUIET_MS 1500

static struct fix f;
static struct fix_log jrn;

static void
setup(void)
{
	fix_open(&f, 1, true);
	memset(&jrn, 0, sizeof(jrn));
}

static void
teardown(void)
{
	fix_fsck(&f);
	fix_log_done(&jrn);
	fix_close(&f);
}

static struct drive_usage
usage(void)
{
	struct drive_usage u;

	drive_usage(f.d, &u);
	return u;
}

static uint64_t
write_long(const char *name, char c)
{
	static char text[200001];

	memset(text, c, 200000);
	return fix_write(&f, ROOT, name, text);
}

/* A drive made from the journal has the same tree. */
static void
same_elsewhere(void)
{
	char *ours, *theirs;
	struct fix g;

	fix_open(&g, 2, true);
	fix_rebuild(&g, &jrn, 0, &f.conf.dev);
	ours = fix_dump(&f);
	theirs = fix_dump(&g);
	/* The top folder's times are not part of it. */
	ck_assert_str_eq(strchr(ours, '\n'), strchr(theirs, '\n'));
	free(ours);
	free(theirs);
	fix_close(&g);
}

/* Seal what can be published, on a disk that is full. */
static void
seal_fails(void)
{
	struct segment s = { .seq = 100, .first_op = 100, .lamport = 100 };
	uint8_t hash[VAULT_HASH_LEN] = { 0 };
	struct op_list ops = { .n = 0 };
	uint64_t ticket;

	ck_assert_int_eq(drive_publish_begin(f.d, ALL, &ops, &ticket), 0);
	s.ops = ops;
	s.dev = f.conf.dev;
	fix_disk_is_full(true);
	ck_assert_int_lt(drive_publish_seal(f.d, ticket, &s, hash, "x", 1), 0);
	/* It cannot be noted either that it was given up. */
	drive_publish_abort(f.d, ticket);
	fix_disk_is_full(false);
	op_list_done(&ops);
}

START_TEST(a_publication_that_could_not_be_sealed_is_made_again)
{
	(void)write_long("long", 'a');
	(void)fix_write(&f, ROOT, "short", "text");
	fix_upload(&f);
	seal_fails();
	ck_assert_uint_gt(usage().outbox_ops, 0);
	fix_publish_all(&f, &jrn);
	ck_assert_uint_gt(jrn.n, 0);
	ck_assert_uint_eq(usage().outbox_ops, 0);
	ck_assert_uint_eq(usage().staged_blocks, 0);
	same_elsewhere();
}
END_TEST

START_TEST(what_changed_meanwhile_is_in_it)
{
	struct drive_file *h;
	uint64_t ino = write_long("long", 'a');

	fix_publish_all(&f, &jrn);
	ck_assert_int_eq(drive_file_open(f.d, ino, O_RDWR, &h), 0);
	ck_assert_int_eq(drive_write(h, "first", 5, 0), 5);
	ck_assert_int_eq(drive_flush(h), 0);
	fix_upload(&f);
	/* After the version was frozen, before it is sealed. */
	ck_assert_int_eq(drive_write(h, "second", 6, 150000), 6);
	ck_assert_int_eq(drive_flush(h), 0);
	seal_fails();
	ck_assert_int_eq(drive_file_close(h), 0);
	/* The first round takes back what was given up. */
	(void)fix_publish(&f, &jrn, ALL);
	fix_publish_all(&f, &jrn);
	ck_assert_uint_eq(usage().staged_blocks, 0);
	same_elsewhere();
}
END_TEST

START_TEST(a_truncation_that_was_rolled_back_does_not_travel)
{
	struct drive_attr a, in = { .size = 0 };
	struct drive_file *h;
	uint64_t ino = write_long("long", 'a');

	fix_publish_all(&f, &jrn);
	ck_assert_int_eq(drive_file_open(f.d, ino, O_RDWR, &h), 0);
	ck_assert_int_eq(drive_write(h, "first", 5, 0), 5);
	ck_assert_int_eq(drive_flush(h), 0);
	fix_upload(&f);
	fix_disk_is_full(true);
	ck_assert_int_lt(drive_setattr(f.d, &fix_me, ino, &in, DRIVE_SET_SIZE,
	    &a), 0);
	fix_disk_is_full(false);
	fix_publish_all(&f, &jrn);
	ck_assert_int_eq(drive_write(h, "last", 4, 199990), 4);
	ck_assert_int_eq(drive_file_close(h), 0);
	fix_publish_all(&f, &jrn);
	same_elsewhere();
}
END_TEST

START_TEST(a_deleted_file_that_grows_while_it_is_sent_keeps_nobody_waiting)
{
	static char text[200000];
	struct stage_batch *b;
	struct drive_attr a;
	struct drive_file *h;

	ck_assert_int_eq(drive_create(f.d, &fix_me, ROOT, "tmp", 0644, O_RDWR,
	    &a, &h), 0);
	ck_assert_int_eq(drive_write(h, text, sizeof(text), 0), sizeof(text));
	ck_assert_int_eq(drive_flush(h), 0);
	ck_assert_int_eq(drive_stage_take(f.d, 8u << 20, 0, true, &b), 0);
	ck_assert_int_eq(drive_unlink(f.d, ROOT, "tmp"), 0);
	ck_assert_int_eq(drive_write(h, text, sizeof(text), sizeof(text)),
	    sizeof(text));
	ck_assert_int_eq(drive_flush(h), 0);
	drive_stage_abort(f.d, b);
	fix_upload(&f);
	ck_assert_uint_eq(usage().staged_blocks, 0);
	/* And once more, now that it has had no name all along. */
	ck_assert_int_eq(drive_write(h, text, sizeof(text), 1 << 20),
	    sizeof(text));
	ck_assert_int_eq(drive_flush(h), 0);
	ck_assert_uint_gt(usage().staged_blocks, 0);
	fix_upload(&f);
	ck_assert_uint_eq(usage().staged_blocks, 0);
	ck_assert_int_eq(drive_file_close(h), 0);
	fix_publish_all(&f, &jrn);
	ck_assert_uint_eq(usage().outbox_ops, 0);
}
END_TEST

/* As programs do with a lock of theirs, or a document's last draft. */
START_TEST(a_file_that_is_closed_soon_after_its_deletion_is_not_sent)
{
	struct stage_batch *b;
	struct drive_attr a;
	struct drive_file *h;

	ck_assert_int_eq(drive_create(f.d, &fix_me, ROOT, "lock", 0644, O_RDWR,
	    &a, &h), 0);
	ck_assert_int_eq(drive_write(h, "mine", 4, 0), 4);
	ck_assert_int_eq(drive_flush(h), 0);
	thread_pause_ms(QUIET_MS + 50);
	/* At rest, and frozen for its put. */
	ck_assert_int_eq(drive_stage_take(f.d, 8u << 20, QUIET_MS, false, &b),
	    -EAGAIN);
	ck_assert_int_eq(drive_unlink(f.d, ROOT, "lock"), 0);
	ck_assert_int_eq(drive_stage_take(f.d, 8u << 20, QUIET_MS, false, &b),
	    -EAGAIN);
	ck_assert_int_eq(drive_file_close(h), 0);
	fix_publish_all(&f, &jrn);
	ck_assert_uint_eq(usage().outbox_ops, 0);
	ck_assert_uint_eq(usage().staged_blocks, 0);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("rollback");
	TCase *t = tcase_create("rollback");
	SRunner *r;
	int failed;

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t,
	    a_publication_that_could_not_be_sealed_is_made_again);
	tcase_add_test(t,
	    a_file_that_is_closed_soon_after_its_deletion_is_not_sent);
	tcase_add_test(t, what_changed_meanwhile_is_in_it);
	tcase_add_test(t, a_truncation_that_was_rolled_back_does_not_travel);
	tcase_add_test(t,
	    a_deleted_file_that_grows_while_it_is_sent_keeps_nobody_waiting);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_ENV);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? 1 : 0;
}
