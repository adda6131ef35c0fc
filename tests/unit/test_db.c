/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The log of the database: moved into the file by a checkpoint while commits
 * go on, and begun anew.
 */
#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "db/db.h"
#include "util/err.h"

#define ROW 3000
#define MIB (1u << 20)

static char dir[64], path[96];
static struct db *d;

static void
setup(void)
{
	struct err e = { "" };

	(void)snprintf(dir, sizeof(dir), "/tmp/test_db.XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(dir));
	(void)snprintf(path, sizeof(path), "%s/db", dir);
	ck_assert_msg(db_open(path, &d, &e) == 0, "%s", e.msg);
	ck_assert_int_eq(db_exec(d, "BEGIN; CREATE TABLE t("
	    "n INTEGER PRIMARY KEY, b BLOB); COMMIT"), 0);
}

static void
teardown(void)
{
	char cmd[96];

	db_close(d);
	(void)snprintf(cmd, sizeof(cmd), "rm -rf %s", dir);
	ck_assert_int_eq(system(cmd), 0);
}

static void
rows(int from, int n)
{
	static uint8_t p[ROW];
	struct stmt *s;
	int i;

	for (i = from; i < from + n; i++) {
		ck_assert_int_eq(db_begin(d), 0);
		memset(p, i, sizeof(p));
		s = db_stmt(d, 0, "INSERT OR REPLACE INTO t VALUES(?, ?)");
		stmt_i64(s, 1, i);
		stmt_blob(s, 2, p, sizeof(p));
		ck_assert_int_eq(stmt_run(s), 0);
		ck_assert_int_eq(db_commit(d), 0);
	}
}

static void
rows_are(int n)
{
	struct stmt *s = db_stmt(d, 1, "SELECT count(*) FROM t");

	ck_assert_int_eq(stmt_step(s), 1);
	ck_assert_int_eq(stmt_get_i64(s, 0), n);
	stmt_reset(s);
}

static uint64_t
size_of(const char *suffix)
{
	char name[128];
	FILE *f;
	long n;

	(void)snprintf(name, sizeof(name), "%s%s", path, suffix);
	f = fopen(name, "re");
	ck_assert_ptr_nonnull(f);
	ck_assert_int_eq(fseek(f, 0, SEEK_END), 0);
	n = ftell(f);
	(void)fclose(f);
	return (uint64_t)n;
}

START_TEST(a_checkpoint_moves_the_log)
{
	rows(0, 1000);
	ck_assert_uint_gt(db_log_size(d), 4 * MIB);
	ck_assert_uint_gt(db_log_left(d), 4 * MIB);
	ck_assert_uint_le(size_of(""), MIB);
	ck_assert_int_eq(db_checkpoint(d), 0);
	ck_assert_uint_eq(db_log_left(d), 0);
	ck_assert_uint_gt(size_of(""), 2 * MIB);
	ck_assert_int_eq(db_sync_file(d), 0);
}
END_TEST

START_TEST(what_commits_after_it_is_left)
{
	uint64_t size;

	rows(0, 500);
	size = db_log_size(d);
	ck_assert_int_eq(db_checkpoint(d), 0);
	/* It is all moved: SQLite begins the log anew by itself. */
	rows(500, 10);
	ck_assert_uint_lt(db_log_size(d), size / 2);
	ck_assert_uint_gt(db_log_left(d), 10 * ROW);
	ck_assert_uint_eq(db_log_left(d), db_log_size(d));
}
END_TEST

START_TEST(the_log_begins_anew_and_keeps_its_blocks)
{
	uint64_t was;

	rows(0, 1000);
	was = size_of("-wal");
	ck_assert_int_eq(db_checkpoint_all(d, false), 0);
	ck_assert_uint_eq(db_log_size(d), 0);
	ck_assert_uint_eq(db_log_left(d), 0);
	rows(1000, 10);
	ck_assert_uint_lt(db_log_size(d), MIB);
	ck_assert_uint_eq(size_of("-wal"), was);
	rows_are(1010);
}
END_TEST

/* More than the cache holds, and all of it twice: SQLite writes parts of it
 * before the commit, and then their sums anew. */
START_TEST(a_large_transaction_is_there_once_committed)
{
	static uint8_t p[ROW];
	struct err e = { "" };
	char cmd[512], copy[80];
	struct stmt *s;
	struct db *was = d;
	int i;

	ck_assert_int_eq(db_begin(d), 0);
	for (i = 0; i < 12000; i++) {
		memset(p, i / 6000 + 1, sizeof(p));
		s = db_stmt(d, 0, "INSERT OR REPLACE INTO t VALUES(?, ?)");
		stmt_i64(s, 1, i % 6000);
		stmt_blob(s, 2, p, sizeof(p));
		ck_assert_int_eq(stmt_run(s), 0);
	}
	ck_assert_int_eq(db_commit(d), 0);
	/* As if it were killed now. */
	(void)snprintf(copy, sizeof(copy), "%s/copy", dir);
	(void)snprintf(cmd, sizeof(cmd), "cp %s %s && cp %s-wal %s-wal", path,
	    copy, path, copy);
	ck_assert_int_eq(system(cmd), 0);
	ck_assert_msg(db_open(copy, &d, &e) == 0, "%s", e.msg);
	rows_are(6000);
	db_close(d);
	d = was;
}
END_TEST

START_TEST(a_log_is_cut)
{
	rows(0, 1000);
	ck_assert_uint_eq(db_log_room(d), size_of("-wal"));
	ck_assert_int_eq(db_checkpoint_all(d, true), 0);
	ck_assert_uint_eq(db_log_room(d), 0);
	rows(1000, 1);
	rows_are(1001);
}
END_TEST

/* ---- a disk that does not take what it had taken ---- */

static unsigned flushes_bad;	/* so many of the database file fail */

static int
flush_of(int fd, long call)
{
	char link[64], name[256];
	ssize_t n;

	(void)snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	n = readlink(link, name, sizeof(name) - 1);
	if (flushes_bad && n > 0) {
		name[n] = '\0';
		if (strcmp(name, path) == 0) {
			flushes_bad--;
			errno = EIO;
			return -1;
		}
	}
	return (int)syscall(call, fd);
}

/* In the place of libc's. */
int flush_all(int fd) __asm__("fsync");
int flush_data(int fd) __asm__("fdatasync");

int
flush_all(int fd)
{
	return flush_of(fd, SYS_fsync);
}

int
flush_data(int fd)
{
	return flush_of(fd, SYS_fdatasync);
}

/* The kernel says so once, and the pages count as written then. */
START_TEST(a_checkpoint_that_was_not_flushed_is_not_relied_on)
{
	struct err e = { "" };
	uint64_t log;

	rows(0, 100);
	flushes_bad = 1;
	ck_assert_int_eq(db_checkpoint(d), -EIO);
	ck_assert_uint_eq(flushes_bad, 0);
	ck_assert_int_eq(db_checkpoint(d), -EIO);
	ck_assert_int_eq(db_checkpoint_all(d, true), -EIO);
	ck_assert_int_eq(db_sync(d), -EIO);
	ck_assert_int_eq(db_sync_file(d), -EIO);
	rows(100, 10);
	log = size_of("-wal");
	db_close(d);
	ck_assert_uint_eq(size_of("-wal"), log);
	ck_assert_msg(db_open(path, &d, &e) == 0, "%s", e.msg);
	rows_are(110);
	ck_assert_int_eq(db_checkpoint(d), 0);
	ck_assert_int_eq(db_sync(d), 0);
}
END_TEST

static Suite *
suite(void)
{
	Suite *s = suite_create("db");
	TCase *t = tcase_create("log");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_set_timeout(t, 120);
	tcase_add_test(t, a_checkpoint_moves_the_log);
	tcase_add_test(t, what_commits_after_it_is_left);
	tcase_add_test(t, the_log_begins_anew_and_keeps_its_blocks);
	tcase_add_test(t, a_large_transaction_is_there_once_committed);
	tcase_add_test(t, a_log_is_cut);
	tcase_add_test(t, a_checkpoint_that_was_not_flushed_is_not_relied_on);
	suite_add_tcase(s, t);
	return s;
}

int
main(void)
{
	SRunner *r = srunner_create(suite());
	int failed;

	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
