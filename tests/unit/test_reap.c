/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Files of very many blocks: deleted in steps between which others get their
 * turn, and between which a process may be killed.
 */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "drive/tree_priv.h"
#include "tests/lib/fix_drive.h"

#define ROOT DRIVE_ROOT_INO
#define BLOCK 131072u
#define BLOCKS 9000		/* more than go into two transactions */

static struct fix f;
static struct fix_log jrn;

static void
setup(void)
{
	fix_open(&f, 1, true);
	jrn = (struct fix_log){ 0 };
}

static void
teardown(void)
{
	fix_fsck(&f);
	fix_log_done(&jrn);
	fix_close(&f);
}

/* With a hole before its last block. */
static uint64_t
large(const char *name)
{
	uint64_t ino = fix_mkfile(&f, ROOT, name);
	struct drive_file *h;
	unsigned k;

	ck_assert_int_eq(drive_file_open(f.d, ino, O_RDWR, &h), 0);
	for (k = 0; k < BLOCKS; k++)
		ck_assert_int_eq(drive_write(h, "x", 1, (uint64_t)
		    (k == BLOCKS - 1 ? k + 1 : k) * BLOCK), 1);
	ck_assert_int_eq(drive_file_close(h), 0);
	return ino;
}

static struct drive_usage
usage(void)
{
	struct drive_usage u;

	drive_usage(f.d, &u);
	return u;
}

static int
reap(uint64_t ino)
{
	int r;

	ck_assert_int_eq(drive_begin_internal(f.d), 0);
	r = inode_reap(f.d, ino);
	ck_assert_int_eq(drive_end(f.d, r < 0 ? r : 0), 0);
	return r;
}

START_TEST(a_large_file_is_deleted_in_steps)
{
	uint64_t ino = large("large"), left = BLOCKS, other = large("other");
	uint64_t inodes = usage().inodes;
	int r, steps = 0;

	ck_assert_int_eq(drive_unlink(f.d, ROOT, "large"), 0);
	ck_assert_uint_eq(usage().staged_blocks, 2 * BLOCKS);
	while ((r = reap(ino)) == 1) {
		ck_assert_uint_lt(usage().staged_blocks - BLOCKS, left);
		left = usage().staged_blocks - BLOCKS;
		steps++;
	}
	ck_assert_int_eq(r, 0);
	ck_assert_int_ge(steps, 2);
	ck_assert_uint_eq(usage().staged_blocks, BLOCKS);
	ck_assert_uint_eq(usage().inodes, inodes - 1);
	ck_assert_uint_eq(fix_attr(&f, other).size,
	    (uint64_t)BLOCKS * BLOCK + 1);
}
END_TEST

START_TEST(one_that_is_half_deleted_is_found_by_nobody)
{
	uint64_t ino = large("large"), got;
	struct inode i;

	fix_publish_all(&f, &jrn);
	mutex_lock(&f.d->db_lock);
	ck_assert_int_eq(inode_load(f.d, ino, &i), 0);
	ck_assert_int_eq(inode_by_id(f.d, &i.id, &got), 0);
	mutex_unlock(&f.d->db_lock);
	ck_assert_int_eq(drive_unlink(f.d, ROOT, "large"), 0);
	ck_assert_int_eq(reap(ino), 1);
	mutex_lock(&f.d->db_lock);
	ck_assert_int_eq(inode_by_id(f.d, &i.id, &got), -ENOENT);
	mutex_unlock(&f.d->db_lock);
	fix_fsck(&f);
	/* After a kill the start goes on. */
	fix_crash(&f);
	ck_assert_uint_eq(usage().clean_bytes, 0);
	mutex_lock(&f.d->db_lock);
	ck_assert_int_eq(inode_load(f.d, ino, &i), -ENOENT);
	mutex_unlock(&f.d->db_lock);
	fix_publish_all(&f, &jrn);
	ck_assert_uint_eq(usage().outbox_ops, 0);
}
END_TEST

START_TEST(its_holes_are_found)
{
	uint64_t ino = large("large");
	struct drive_file *h;

	ck_assert_int_eq(drive_file_open(f.d, ino, O_RDWR, &h), 0);
	ck_assert_int_eq(drive_lseek(h, 7, SEEK_HOLE),
	    (int64_t)(BLOCKS - 1) * BLOCK);
	ck_assert_int_eq(drive_lseek(h, (int64_t)(BLOCKS - 1) * BLOCK,
	    SEEK_DATA), (int64_t)BLOCKS * BLOCK);
	ck_assert_int_eq(drive_file_close(h), 0);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("reap");
	TCase *t = tcase_create("reap");
	SRunner *r;
	int failed;

	tcase_set_timeout(t, 60);
	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, a_large_file_is_deleted_in_steps);
	tcase_add_test(t, one_that_is_half_deleted_is_found_by_nobody);
	tcase_add_test(t, its_holes_are_found);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_ENV);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? 1 : 0;
}
