/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What is published is all that another machine needs: trees, the largest of
 * everything, and checkpoints with what follows them.
 */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "drive/content.h"
#include "tests/lib/cold.h"
#include "tests/lib/sync_look.h"
#include "tests/lib/sync_rig.h"
#include "util/clock.h"
#include "util/err.h"
#include "util/log.h"
#include "vault/vault.h"

START_TEST(a_tree_comes_back_as_it_was)
{
	struct rig r;

	rig_new(&r);
	rig_start(&r);
	rig_fill(&r, 1);
	rig_wait(&r);
	rig_check_recovered(&r);
	rig_done(&r);
}
END_TEST

START_TEST(a_file_without_a_name_does_not_keep_anybody_waiting)
{
	const struct drive_cred c = { .uid = 1000, .gid = 1000 };
	struct drive_file *before, *after;
	struct drive_attr a;
	struct rig r;

	rig_new(&r);
	rig_start(&r);
	ck_assert_int_eq(drive_create(r.drive, &c, DRIVE_ROOT_INO, "before",
	    0644, O_RDWR, &a, &before), 0);
	ck_assert_int_eq(drive_write(before, "small", 5, 0), 5);
	ck_assert_int_eq(drive_flush(before), 0);
	rig_unlink(&r, "before");
	ck_assert_int_eq(drive_create(r.drive, &c, DRIVE_ROOT_INO, "after",
	    0644, O_RDWR, &a, &after), 0);
	rig_unlink(&r, "after");
	ck_assert_int_eq(drive_write(after, "small", 5, 0), 5);
	ck_assert_int_eq(drive_flush(after), 0);
	rig_wait(&r);
	ck_assert_int_eq(drive_file_close(before), 0);
	ck_assert_int_eq(drive_file_close(after), 0);
	rig_wait(&r);
	rig_done(&r);
}
END_TEST

START_TEST(an_empty_drive_comes_back_empty)
{
	struct rig r, other;
	char *there;

	rig_new(&r);
	rig_start(&r);
	rig_wait(&r);
	rig_recover(&r, &other, 0);
	/* Times of a top folder that was never touched are each one's own. */
	there = rig_dump(&other);
	ck_assert_ptr_eq(strchr(there, '\n'), there + strlen(there) - 1);
	free(there);
	rig_done(&other);
	rig_done(&r);
}
END_TEST

/* Data in each part of it that a page lists, and not a byte beyond. */
START_TEST(the_largest_file_travels)
{
	const uint64_t apart = (uint64_t)VAULT_MANIFEST_MAX * VAULT_BLOCK_SIZE;
	const uint64_t max = VAULT_PAGES_MAX * apart;
	const struct drive_cred c = { .uid = 1000, .gid = 1000 };
	struct drive_attr a, set = { .size = max + 1 };
	struct drive_file *f;
	struct rig r, other;
	unsigned i;
	char b[2];

	rig_new(&r);
	ck_assert_int_eq(drive_create(r.drive, &c, DRIVE_ROOT_INO, "largest",
	    0644, O_RDWR, &a, &f), 0);
	for (i = 0; i < VAULT_PAGES_MAX; i++)
		ck_assert_int_eq(drive_write(f, "x", 1, i * apart), 1);
	ck_assert_int_eq(drive_write(f, "y", 1, max - 1), 1);
	ck_assert_int_eq(drive_write(f, "z", 1, max), -EFBIG);
	ck_assert_int_eq(drive_write(f, "zz", 2, max - 1), -EFBIG);
	ck_assert_int_eq(drive_fallocate(f, 0, 0, max + 1), -EFBIG);
	ck_assert_int_eq(drive_setattr(r.drive, &c, a.ino, &set,
	    DRIVE_SET_SIZE, &a), -EFBIG);
	ck_assert_int_eq(drive_file_close(f), 0);
	rig_start(&r);
	rig_wait(&r);
	rig_recover(&r, &other, 0);
	rig_done(&other);
	ck_assert_int_eq(sync_checkpoint(r.sync, NULL), 0);
	rig_wait(&r);
	rig_recover(&r, &other, 0);
	rig_start(&other);
	ck_assert_int_eq(drive_lookup(other.drive, DRIVE_ROOT_INO, "largest",
	    &a), 0);
	ck_assert_uint_eq(a.size, max);
	ck_assert_int_eq(cold_read(&other, "largest", 777 * apart, b, 2), 2);
	ck_assert_mem_eq(b, "x", 2);
	ck_assert_int_eq(cold_read(&other, "largest", max - 1, b, 2), 1);
	ck_assert_mem_eq(b, "y", 1);
	rig_done(&other);
	rig_done(&r);
}
END_TEST

START_TEST(a_file_of_many_blocks_travels_in_pages)
{
	struct rig r;

	rig_new(&r);
	rig_start(&r);
	rig_write(&r, "big", 0, 20u << 20, 7);
	rig_wait(&r);
	rig_write(&r, "big", 11u << 20, 100, 8);
	rig_wait(&r);
	rig_write(&r, "big", 0, 9u << 20, 9);
	rig_wait(&r);
	rig_check_recovered(&r);
	rig_done(&r);
}
END_TEST

START_TEST(changes_of_several_rounds_come_back)
{
	struct rig r;
	unsigned i;

	rig_new(&r);
	for (i = 1; i <= 4; i++) {
		rig_start(&r);
		rig_fill(&r, i);
		rig_wait(&r);
		rig_write(&r, "same", 0, 1000 * i, i);
		if (i > 1)
			rig_unlink(&r, i == 2 ? "top1/small" : "top2/small");
		if (i == 2)
			rig_rename(&r, "top1/sub", "top2/moved-sub");
		if (i == 3)
			rig_write(&r, "top2/small", 0, 10, 77);
		rig_stop(&r, 30000);
		if (i % 2) {
			rig_close(&r);
			rig_open(&r);
		}
	}
	rig_start(&r);
	rig_wait(&r);
	rig_check_recovered(&r);
	rig_done(&r);
}
END_TEST

START_TEST(a_recovered_machine_goes_on_writing)
{
	struct rig r, second;

	rig_new(&r);
	rig_start(&r);
	rig_fill(&r, 1);
	rig_wait(&r);
	rig_stop(&r, 0);
	rig_recover(&r, &second, 0);
	rig_start(&second);
	rig_fill(&second, 2);
	rig_write(&second, "top1/blocks", 5000, 300 * 1024, 3);
	rig_unlink(&second, "top1/some");
	rig_wait(&second);
	rig_check_recovered(&second);
	rig_done(&second);
	rig_done(&r);
}
END_TEST

/* As many names and attributes as one can have, and the longest. */
START_TEST(the_largest_node_travels)
{
	const struct drive_cred c = { .uid = 1000, .gid = 1000 };
	static uint8_t value[VAULT_XATTR_MAX], got[VAULT_XATTR_MAX];
	char name[VAULT_NAME_MAX + 1];
	struct drive_attr a, l;
	struct rig r, other;
	struct rig_said s;
	unsigned i;
	ssize_t n;

	rig_new(&r);
	rig_write(&r, "node", 0, 5000, 1);
	ck_assert_int_eq(drive_lookup(r.drive, DRIVE_ROOT_INO, "node", &a), 0);
	memset(value, 7, sizeof(value));
	for (i = 0; i < VAULT_XATTRS_MAX / VAULT_XATTR_MAX; i++) {
		(void)snprintf(name, sizeof(name), "user.%u", i);
		ck_assert_int_eq(drive_setxattr(r.drive, &c, a.ino, name,
		    value, sizeof(value), 0), 0);
	}
	ck_assert_int_eq(drive_setxattr(r.drive, &c, a.ino, "user.more",
	    value, 1, 0), -ENOSPC);
	/* Another value of the same size, and a shorter one, have room. */
	ck_assert_int_eq(drive_setxattr(r.drive, &c, a.ino, "user.0", value,
	    sizeof(value), 0), 0);
	ck_assert_int_eq(drive_setxattr(r.drive, &c, a.ino, "user.0", value,
	    10, 0), 0);
	ck_assert_int_eq(drive_setxattr(r.drive, &c, a.ino, "user.0", value,
	    sizeof(value), 0), 0);
	for (i = 1; i < VAULT_LINKS_MAX; i++) {
		(void)snprintf(name, sizeof(name), "%0*u", VAULT_NAME_MAX, i);
		ck_assert_int_eq(drive_link(r.drive, a.ino, DRIVE_ROOT_INO,
		    name, &l), 0);
	}
	ck_assert_int_eq(drive_link(r.drive, a.ino, DRIVE_ROOT_INO, "more",
	    &l), -EMLINK);
	rig_start(&r);
	rig_wait(&r);
	ck_assert_int_eq(sync_checkpoint(r.sync, NULL), 0);
	rig_wait(&r);
	ck_assert_int_eq(rig_check(&r, &s), 0);
	rig_recover(&r, &other, 0);
	ck_assert_int_eq(drive_lookup(other.drive, DRIVE_ROOT_INO, name, &l),
	    0);
	ck_assert_uint_eq(l.nlink, VAULT_LINKS_MAX);
	n = drive_getxattr(other.drive, l.ino, "user.15", got, sizeof(got));
	ck_assert_int_eq(n, sizeof(got));
	ck_assert_mem_eq(got, value, sizeof(got));
	rig_done(&other);
	rig_done(&r);
}
END_TEST

/* ---- checkpoints ---- */

START_TEST(a_checkpoint_and_what_follows_come_back)
{
	struct sync_status st;
	struct err e = { .msg = "" };
	struct rig r;
	int before, after;

	rig_new(&r);
	rig_start(&r);
	rig_fill(&r, 1);
	rig_write(&r, "big", 0, 20u << 20, 7);
	rig_wait(&r);
	ck_assert_msg(sync_checkpoint(r.sync, &e) == 0, "%s", e.msg);
	rig_wait(&r);
	sync_get_status(r.sync, &st);
	ck_assert_uint_gt(st.checkpoint_seq, 0);
	rig_check_recovered(&r);

	rig_fill(&r, 2);
	rig_unlink(&r, "top1/some");
	rig_write(&r, "big", 0, 100, 8);
	rig_wait(&r);
	rig_check_recovered(&r);

	/* Nothing new: a root, and no page. */
	ck_assert_int_eq(sync_checkpoint(r.sync, &e), 0);
	before = rig_store_count(&r, "");
	ck_assert_int_eq(sync_checkpoint(r.sync, &e), 0);
	after = rig_store_count(&r, "");
	ck_assert_int_eq(after, before + 1);
	rig_wait(&r);
	rig_check_recovered(&r);
	rig_done(&r);
}
END_TEST

/* A backup that reads all there is must not cost a checkpoint. */
START_TEST(what_was_only_read_is_in_no_new_page)
{
	static const char *const path[] = { "top1", "top1/small", "top1/sub",
	    "top1/blocks", "top1/link" };
	const struct drive_cred c = { .uid = 1000, .gid = 1000 };
	struct drive_attr a, in = { .atime_ns = 1000 };
	int before, i;
	struct rig r;

	rig_new(&r);
	rig_start(&r);
	rig_fill(&r, 1);
	rig_wait(&r);
	ck_assert_int_eq(sync_checkpoint(r.sync, NULL), 0);
	before = rig_store_count(&r, "");
	for (i = 0; i < 5; i++)
		drive_accessed(r.drive, rig_lookup(&r, path[i]));
	drive_accessed(r.drive, DRIVE_ROOT_INO);
	atime_tick(r.drive, true);
	ck_assert_int_eq(drive_getattr(r.drive, rig_lookup(&r, "top1/small"),
	    &a), 0);
	ck_assert_int_gt(a.atime_ns, a.mtime_ns);
	ck_assert_int_gt(a.atime_ns, a.ctime_ns);
	ck_assert_int_eq(sync_checkpoint(r.sync, NULL), 0);
	ck_assert_int_eq(rig_store_count(&r, ""), before + 1);
	/* What somebody sets is another thing. */
	ck_assert_int_eq(drive_setattr(r.drive, &c, a.ino, &in,
	    DRIVE_SET_ATIME, &a), 0);
	ck_assert_int_eq(a.atime_ns, 1000);
	rig_wait(&r);
	before = rig_store_count(&r, "");
	ck_assert_int_eq(sync_checkpoint(r.sync, NULL), 0);
	ck_assert_int_gt(rig_store_count(&r, ""), before + 1);
	rig_done(&r);
}
END_TEST

START_TEST(checkpoints_come_by_themselves)
{
	struct timespec t = { .tv_nsec = 10 * 1000 * 1000 };
	int64_t until = clock_mono_ms() + 60000;
	struct sync_status st;
	struct rig r;
	unsigned i;

	rig_new(&r);
	r.conf.checkpoint_segments = 3;
	rig_start(&r);
	for (i = 0; i < 12; i++) {
		rig_write(&r, "file", 0, 10 + i, i);
		rig_wait(&r);
	}
	/* As soon as there is peace for one. */
	do {
		ck_assert_int_lt(clock_mono_ms(), until);
		(void)nanosleep(&t, NULL);
		sync_get_status(r.sync, &st);
	} while (st.checkpoint_seq < 10);
	rig_stop(&r, 30000);
	rig_start(&r);
	sync_get_status(r.sync, &st);
	ck_assert_uint_ge(st.checkpoint_seq, 10);
	rig_wait(&r);
	rig_check_recovered(&r);
	rig_done(&r);
}
END_TEST

static Suite *
suite(void)
{
	Suite *s = suite_create("sync: trees");
	TCase *tc = tcase_create("trees");

	tcase_set_timeout(tc, 240);
	suite_add_tcase(s, tc);
	tcase_add_test(tc,
	    a_file_without_a_name_does_not_keep_anybody_waiting);
	tcase_add_test(tc, an_empty_drive_comes_back_empty);
	tcase_add_test(tc, a_tree_comes_back_as_it_was);
	tcase_add_test(tc, the_largest_file_travels);
	tcase_add_test(tc, a_file_of_many_blocks_travels_in_pages);
	tcase_add_test(tc, changes_of_several_rounds_come_back);
	tcase_add_test(tc, a_recovered_machine_goes_on_writing);
	tcase_add_test(tc, a_checkpoint_and_what_follows_come_back);
	tcase_add_test(tc, what_was_only_read_is_in_no_new_page);
	tcase_add_test(tc, checkpoints_come_by_themselves);
	tcase_add_test(tc, the_largest_node_travels);
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
