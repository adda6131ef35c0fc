/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A file that this machine's disk does not give holds up nobody: others are
 * uploaded, it is named, and who waits is told.
 */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "drive/content.h"
#include "drive/slab.h"
#include "tests/lib/fix_drive.h"
#include "tests/lib/spoil.h"
#include "tests/lib/sync_rig.h"
#include "tests/lib/unread.h"
#include "util/clock.h"

/* Bytes [bad_from, bad_to) of the block file; none: 0, 0. */
static _Atomic off_t bad_from, bad_to;

static bool
is_block_file(int fd)
{
	char link[64], path[256];
	ssize_t n;

	(void)snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	n = readlink(link, path, sizeof(path) - 1);
	if (n < 0)
		return false;
	path[n] = '\0';
	return strstr(path, "/blocks.dat") != NULL;
}

/* In the place of libc's: under the name that it has for large files. */
ssize_t read_at(int fd, void *p, size_t len, off_t off) __asm__("pread64");

ssize_t
read_at(int fd, void *p, size_t len, off_t off)
{
	if (bad_to && off < bad_to && off + (off_t)len > bad_from &&
	    is_block_file(fd)) {
		errno = EIO;
		return -1;
	}
	return syscall(SYS_pread64, fd, p, len, off);
}

/* The frame of a block cannot be read any more. */
static void
spoil(struct rig *r, uint64_t ino, uint64_t idx)
{
	struct block b;

	mutex_lock(&r->drive->db_lock);
	ck_assert_int_eq(block_get(r->drive, ino, idx, &b), 1);
	mutex_unlock(&r->drive->db_lock);
	ck_assert_uint_ne(b.frame, UINT32_MAX);
	bad_from = (off_t)b.frame * SLAB_FRAME;
	bad_to = bad_from + SLAB_FRAME;
}

static void
sql(struct rig *r, const char *what, uint64_t ino)
{
	char s[256];

	(void)snprintf(s, sizeof(s), "%s WHERE ino = %llu", what,
	    (unsigned long long)ino);
	ck_assert_int_eq(drive_begin_internal(r->drive), 0);
	ck_assert_int_eq(drive_end(r->drive, db_exec(r->drive->db, s)), 0);
}

/* Everything but `bad` goes up, and that is told. */
static void
others_go(struct rig *r, const char *bad)
{
	int64_t until = clock_mono_ms() + 30000;
	struct sync_status st;
	struct rig cold;
	struct drive_attr a;

	ck_assert_int_eq(sync_wait(r->sync, until, NULL, NULL), -EIO);
	ck_assert_int_lt(clock_mono_ms(), until - 5000);
	unread_problem(r, "is not uploaded");
	sync_get_status(r->sync, &st);
	ck_assert_msg(strstr(st.problem, bad) != NULL, "'%s'", st.problem);
	rig_recover(r, &cold, 0);
	ck_assert_uint_ne(rig_lookup(&cold, "good"), 0);
	ck_assert_uint_ne(rig_lookup(&cold, "small"), 0);
	ck_assert_int_eq(drive_lookup(cold.drive, DRIVE_ROOT_INO, bad, &a),
	    -ENOENT);
	rig_done(&cold);
}

static struct rig rig;

static void
setup(void)
{
	bad_from = bad_to = 0;
	unread_begin(&rig);
}

static void
teardown(void)
{
	bad_from = bad_to = 0;
	rig_done(&rig);
}

START_TEST(a_block_that_cannot_be_read_holds_up_its_file_only)
{
	spoil(&rig, rig_lookup(&rig, "bad"), 0);
	rig_start(&rig);
	others_go(&rig, "bad");
	/* Other files go on after it. */
	rig_write(&rig, "later", 0, 300 * 1024, 4);
	ck_assert_int_eq(sync_wait(rig.sync, clock_mono_ms() + 30000, NULL,
	    NULL), -EIO);
	/* Written anew it is sound. */
	rig_write(&rig, "bad", 0, 200 * 1024, 5);
	unread_all_goes(&rig);
}
END_TEST

START_TEST(a_row_of_a_block_that_does_not_verify_holds_up_its_file_only)
{
	sql(&rig, "UPDATE block SET org = x'00'",
	    rig_lookup(&rig, "bad"));
	rig_start(&rig);
	others_go(&rig, "bad");
	sql(&rig, "UPDATE block SET org = NULL",
	    rig_lookup(&rig, "bad"));
	rig_write(&rig, "bad", 0, 3000, 5);
	unread_all_goes(&rig);
}
END_TEST

static void
say(void *arg, const char *finding)
{
	unsigned *n = arg;

	if (strstr(finding, "its row does not verify"))
		++*n;
}

static void
reopen(struct rig *r)
{
	rig_stop(r, 5000);
	rig_close(r);
	rig_open(r);
	rig_start(r);
}

START_TEST(a_row_of_a_block_that_does_not_verify_lets_the_drive_open)
{
	uint64_t ino = rig_lookup(&rig, "bad");
	unsigned n = 0;

	sql(&rig, "UPDATE block SET org = x'00'", ino);
	rig_start(&rig);
	others_go(&rig, "bad");
	reopen(&rig);
	ck_assert_int_gt(drive_fsck(rig.drive, true, say, &n), 0);
	ck_assert_uint_eq(n, 2);
	/* What is only here has not gone. */
	sql(&rig, "UPDATE block SET org = NULL", ino);
	reopen(&rig);
	unread_all_goes(&rig);
}
END_TEST

static int
rows_of(struct rig *r, uint64_t ino)
{
	struct block v[4];
	int n;

	mutex_lock(&r->drive->db_lock);
	n = block_tail(r->drive, ino, v, 4);
	mutex_unlock(&r->drive->db_lock);
	return n;
}

START_TEST(a_row_of_a_block_that_does_not_verify_can_be_deleted)
{
	uint64_t ino = rig_lookup(&rig, "bad");
	uint64_t other = rig_lookup(&rig, "good");
	struct block b;

	rig_start(&rig);
	rig_wait(&rig);
	sql(&rig, "UPDATE block SET org = x'00'", ino);
	/* Eviction goes on behind it. */
	ck_assert_uint_gt(drive_cache_trim(rig.drive, 0), 0);
	mutex_lock(&rig.drive->db_lock);
	ck_assert_int_eq(block_get(rig.drive, other, 0, &b), 1);
	mutex_unlock(&rig.drive->db_lock);
	ck_assert(block_is_away(&b));
	ck_assert_int_eq(rows_of(&rig, ino), 2);
	rig_unlink(&rig, "bad");
	drive_forget(rig.drive, ino);
	reopen(&rig);
	ck_assert_int_eq(rows_of(&rig, ino), 0);
	rig_wait(&rig);
}
END_TEST

/* An inode that cannot even be reaped keeps no other, nor the drive. */
START_TEST(an_orphan_that_cannot_be_read_lets_the_drive_open)
{
	uint64_t ino = rig_lookup(&rig, "bad");
	uint64_t other = rig_lookup(&rig, "good");

	rig_start(&rig);
	rig_wait(&rig);
	rig_unlink(&rig, "bad");
	rig_unlink(&rig, "good");
	rig_wait(&rig);
	spoil_inode(rig.drive, ino);
	reopen(&rig);
	ck_assert_int_gt(rows_of(&rig, ino), 0);
	ck_assert_int_eq(rows_of(&rig, other), 0);
}
END_TEST

START_TEST(a_row_that_is_superfluous_fails_no_fsync)
{
	uint64_t ino = rig_lookup(&rig, "small");
	struct drive_file *h;

	ck_assert_int_eq(drive_file_open(rig.drive, ino, O_RDWR, &h), 0);
	ck_assert_int_eq(drive_fsync(h), 0);
	rig_write(&rig, "small", 0, 100, 4);
	ck_assert_int_eq(rows_of(&rig, ino), 2);
	spoil_sql(rig.drive, "UPDATE block SET org = x'00' WHERE bid = "
	    "(SELECT min(bid) FROM block WHERE ino = %llu)",
	    (unsigned long long)ino);
	ck_assert_int_eq(drive_fsync(h), 0);
	ck_assert_int_eq(drive_fsync(h), 0);
	ck_assert_int_eq(drive_file_close(h), 0);
	rig_close(&rig);
	rig_open(&rig);
	ck_assert_int_eq(rows_of(&rig, ino), 1);
}
END_TEST

START_TEST(a_row_of_an_xattr_that_does_not_verify_holds_up_its_file_only)
{
	uint64_t ino = rig_lookup(&rig, "bad");

	ck_assert_int_eq(drive_setxattr(rig.drive, &fix_me, ino, "user.x",
	    "y", 1, 0), 0);
	sql(&rig, "UPDATE xattr SET row = x'00'", ino);
	rig_start(&rig);
	others_go(&rig, "bad");
	sql(&rig, "DELETE FROM xattr", ino);
	unread_all_goes(&rig);
}
END_TEST

START_TEST(a_small_file_that_cannot_be_read_holds_up_itself_only)
{
	uint64_t ino;

	rig_write(&rig, "tiny", 0, 100, 6);
	ino = rig_lookup(&rig, "tiny");
	sql(&rig, "UPDATE block SET nt = zeroblob(40)", ino);
	rig_start(&rig);
	ck_assert_int_eq(sync_wait(rig.sync, clock_mono_ms() + 30000, NULL,
	    NULL), -EIO);
	rig_write(&rig, "tiny", 0, 100, 7);
	unread_all_goes(&rig);
}
END_TEST

/* More than are remembered by name. */
START_TEST(very_many_files_that_cannot_be_read_keep_nobody_waiting)
{
	int64_t until = clock_mono_ms() + 60000;
	char name[16];
	int i;

	rig_mkdir(&rig, "many");
	for (i = 0; i < 1003; i++) {
		(void)snprintf(name, sizeof(name), "many/%d", i);
		rig_write(&rig, name, 0, 10, 9);
	}
	ck_assert_int_eq(drive_begin_internal(rig.drive), 0);
	ck_assert_int_eq(drive_end(rig.drive, db_exec(rig.drive->db,
	    "UPDATE block SET nt = zeroblob(40) WHERE ino > (SELECT min(ino) "
	    "FROM block) + 2")), 0);
	rig_start(&rig);
	ck_assert_int_eq(sync_wait(rig.sync, until, NULL, NULL), -EIO);
	ck_assert_int_lt(clock_mono_ms(), until);
}
END_TEST

/* What is in a folder that cannot be told of waits with it. */
START_TEST(what_waits_for_such_a_row_keeps_nobody_waiting)
{
	uint64_t ino;

	rig_mkdir(&rig, "dir");
	rig_write(&rig, "dir/in", 0, 200 * 1024, 8);
	ino = rig_lookup(&rig, "dir");
	ck_assert_int_eq(drive_setxattr(rig.drive, &fix_me, ino, "user.x",
	    "y", 1, 0), 0);
	sql(&rig, "UPDATE xattr SET row = x'00'", ino);
	rig_start(&rig);
	ck_assert_int_eq(sync_wait(rig.sync, clock_mono_ms() + 30000, NULL,
	    NULL), -EIO);
	sql(&rig, "DELETE FROM xattr", ino);
	unread_all_goes(&rig);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("unread: files");
	TCase *t = tcase_create("files");
	SRunner *r;
	int failed;

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_set_timeout(t, 120);
	tcase_add_test(t, a_block_that_cannot_be_read_holds_up_its_file_only);
	tcase_add_test(t,
	    a_row_of_a_block_that_does_not_verify_holds_up_its_file_only);
	tcase_add_test(t,
	    a_row_of_a_block_that_does_not_verify_lets_the_drive_open);
	tcase_add_test(t, a_row_of_a_block_that_does_not_verify_can_be_deleted);
	tcase_add_test(t, an_orphan_that_cannot_be_read_lets_the_drive_open);
	tcase_add_test(t, a_row_that_is_superfluous_fails_no_fsync);
	tcase_add_test(t,
	    a_row_of_an_xattr_that_does_not_verify_holds_up_its_file_only);
	tcase_add_test(t,
	    a_small_file_that_cannot_be_read_holds_up_itself_only);
	tcase_add_test(t,
	    very_many_files_that_cannot_be_read_keep_nobody_waiting);
	tcase_add_test(t, what_waits_for_such_a_row_keeps_nobody_waiting);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_ENV);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? 1 : 0;
}
