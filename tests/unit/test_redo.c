/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The journal of commits: what was committed is there after the process is
 * gone, after a rollback and after SQLite has given up, and nothing else is.
 */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "db/db_priv.h"
#include "util/buf.h"
#include "util/err.h"

#define MIB (1u << 20)

static char dir[64], path[96], redo[128];

static struct db *
opened(void)
{
	struct err e = { "" };
	struct db *d;

	ck_assert_msg(db_open(path, &d, &e) == 0, "%s", e.msg);
	ck_assert_msg(db_redo(d, &e) == 0, "%s", e.msg);
	return d;
}

static void
setup(void)
{
	struct err e = { "" };
	struct db *d;

	(void)snprintf(dir, sizeof(dir), "/tmp/test_redo.XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(dir));
	(void)snprintf(path, sizeof(path), "%s/db", dir);
	(void)snprintf(redo, sizeof(redo), "%s-redo", path);
	ck_assert_msg(db_open(path, &d, &e) == 0, "%s", e.msg);
	ck_assert_int_eq(db_exec(d, "CREATE TABLE t("
	    "n INTEGER PRIMARY KEY, b BLOB)"), 0);
	db_close(d);
}

static void
teardown(void)
{
	char cmd[96];

	(void)snprintf(cmd, sizeof(cmd), "rm -rf %s", dir);
	ck_assert_int_eq(system(cmd), 0);
}

static int
put(struct db *d, int n, size_t len)
{
	uint8_t *p = calloc(1, len + 1);
	struct stmt *s;
	int r;

	s = db_stmt(d, 0, "INSERT INTO t VALUES(?1, ?2)");
	stmt_i64(s, 1, n);
	if (n % 3)
		stmt_blob(s, 2, p, len);
	r = stmt_run(s);
	free(p);
	return r;
}

static void
add(struct db *d, int from, int n)
{
	int i;

	for (i = from; i < from + n; i++) {
		ck_assert_int_eq(db_begin(d), 0);
		ck_assert_int_eq(put(d, i, 20), 0);
		ck_assert_int_eq(db_commit(d), 0);
	}
}

static int
count(struct db *d)
{
	struct stmt *s = db_stmt(d, 1, "SELECT count(*), max(n) FROM t");
	int n;

	ck_assert_int_eq(stmt_step(s), 1);
	n = (int)stmt_get_i64(s, 0);
	/* They come in order, and so are the first n. */
	if (n)
		ck_assert_int_eq(stmt_get_i64(s, 1), n - 1);
	stmt_reset(s);
	return n;
}

/* Run fn in a process that ends without a word. */
static void
in_child(void (*fn)(struct db *d))
{
	int status;
	pid_t pid;

	pid = fork();
	ck_assert_int_ge(pid, 0);
	if (pid == 0) {
		fn(opened());
		_exit(0);
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_int_eq(status, 0);
}

static void
opens_with(int n)
{
	struct db *d = opened();

	ck_assert_int_eq(count(d), n);
	db_close(d);
}

static off_t
redo_len(void)
{
	struct stat st;

	ck_assert_int_eq(stat(redo, &st), 0);
	return st.st_size;
}

static void
hundred(struct db *d)
{
	add(d, 0, 100);
}

/* Without the next: it would be a row more. */
static void
hundred_and_open(struct db *d)
{
	add(d, 0, 100);
	ck_assert_int_eq(db_begin(d), 0);
	ck_assert_int_eq(put(d, 100, 20), 0);
}

START_TEST(commits_survive_the_process)
{
	in_child(hundred_and_open);
	ck_assert_int_gt(redo_len(), 100 * 24);
	opens_with(100);
	ck_assert_int_eq(redo_len(), 0);
	opens_with(100);
}
END_TEST

static void
hundred_then_more(struct db *d)
{
	add(d, 0, 100);
	ck_assert_int_eq(db_settle(d), 0);
	ck_assert_uint_eq(redo_size(d), 0);
	add(d, 100, 10);
}

START_TEST(what_was_settled_is_not_done_again)
{
	in_child(hundred_then_more);
	opens_with(110);
}
END_TEST

static void
many(struct db *d)
{
	int i;

	for (i = 0; i < 300; i++) {
		ck_assert_int_eq(db_begin(d), 0);
		ck_assert_int_eq(put(d, i, 20000), 0);
		ck_assert_int_eq(db_commit(d), 0);
		ck_assert_uint_lt(redo_size(d), REDO_MAX);
	}
}

START_TEST(it_does_not_grow)
{
	in_child(many);
	ck_assert_int_lt(redo_len(), REDO_MAX + MIB);
	opens_with(300);
}
END_TEST

static void
large(struct db *d)
{
	ck_assert_int_eq(db_begin(d), 0);
	ck_assert_int_eq(put(d, 0, 20), 0);
	ck_assert_int_eq(put(d, 1, 3 * MIB), 0);
	ck_assert_int_eq(db_commit(d), 0);
	ck_assert_uint_eq(redo_size(d), 0);
	add(d, 2, 5);
}

START_TEST(a_large_transaction_is_sqlites)
{
	in_child(large);
	opens_with(7);
}
END_TEST

static void
schema(struct db *d)
{
	ck_assert_int_eq(db_begin(d), 0);
	ck_assert_int_eq(put(d, 0, 20), 0);
	ck_assert_int_eq(db_exec(d, "CREATE TABLE other(n)"), 0);
	ck_assert_int_eq(db_commit(d), 0);
	ck_assert_uint_eq(redo_size(d), 0);
}

START_TEST(a_transaction_with_more_than_rows_is_sqlites)
{
	in_child(schema);
	opens_with(1);
}
END_TEST

START_TEST(a_rollback_takes_its_own_only)
{
	struct db *d = opened();

	add(d, 0, 50);
	ck_assert_int_eq(db_begin(d), 0);
	ck_assert_int_eq(put(d, 50, 20), 0);
	ck_assert_int_eq(count(d), 51);
	db_rollback(d);
	ck_assert_int_eq(count(d), 50);
	add(d, 50, 1);
	/* One that has changed nothing. */
	ck_assert_int_eq(db_begin(d), 0);
	ck_assert_int_eq(put(d, 7, 20), -EEXIST);
	db_rollback(d);
	ck_assert_int_eq(count(d), 51);
	/* A statement told of in what was rolled back is told of again. */
	ck_assert_int_eq(db_settle(d), 0);
	ck_assert_int_eq(db_begin(d), 0);
	ck_assert_int_eq(put(d, 51, 20), 0);
	db_rollback(d);
	add(d, 51, 4);
	ck_assert_int_eq(db_begin(d), 0);
	ck_assert_int_eq(put(d, 55, 20), 0);
	db_rollback(d);
	ck_assert_int_eq(count(d), 55);
	db_close(d);
	opens_with(55);
}
END_TEST

START_TEST(what_sqlite_gave_up_comes_back)
{
	struct db *d = opened();

	add(d, 0, 50);
	ck_assert_int_eq(sqlite3_exec(d->h, "ROLLBACK", 0, 0, 0), 0);
	ck_assert_int_eq(count(d), 50);
	/* Within a transaction: what that had done, too. */
	ck_assert_int_eq(db_begin(d), 0);
	ck_assert_int_eq(put(d, 50, 20), 0);
	ck_assert_int_eq(sqlite3_exec(d->h, "ROLLBACK", 0, 0, 0), 0);
	ck_assert(!db_in_txn(d));
	ck_assert_int_eq(put(d, 51, 20), 0);
	ck_assert_int_eq(count(d), 52);
	ck_assert_int_eq(sqlite3_exec(d->h, "ROLLBACK", 0, 0, 0), 0);
	ck_assert_int_eq(db_commit(d), 0);
	ck_assert_int_eq(count(d), 52);
	/* And goes with it. */
	ck_assert_int_eq(db_begin(d), 0);
	ck_assert_int_eq(put(d, 52, 20), 0);
	ck_assert_int_eq(sqlite3_exec(d->h, "ROLLBACK", 0, 0, 0), 0);
	ck_assert_int_eq(count(d), 53);
	db_rollback(d);
	ck_assert_int_eq(count(d), 52);
	/* What is not known does not: that one is gone, and says so. */
	ck_assert_int_eq(db_begin(d), 0);
	ck_assert_int_eq(put(d, 52, 20), 0);
	ck_assert_int_eq(db_exec(d, "CREATE TABLE other(n)"), 0);
	ck_assert_int_eq(sqlite3_exec(d->h, "ROLLBACK", 0, 0, 0), 0);
	ck_assert_int_lt(put(d, 53, 20), 0);
	ck_assert_int_lt(db_commit(d), 0);
	db_rollback(d);
	add(d, 52, 1);
	ck_assert_int_eq(count(d), 53);
	db_close(d);
	opens_with(53);
}
END_TEST

/* ---- a bad sector ---- */

static unsigned reads_bad;	/* so many of the database file fail */

static bool
is_bad(int fd)
{
	char link[64], name[256];
	ssize_t n;

	(void)snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	n = reads_bad ? readlink(link, name, sizeof(name) - 1) : -1;
	if (n < 0)
		return false;
	name[n] = '\0';
	if (strcmp(name, path) != 0)
		return false;
	reads_bad--;
	errno = EIO;
	return true;
}

static ssize_t
bad_read(int fd, void *p, size_t n)
{
	return is_bad(fd) ? -1 : read(fd, p, n);
}

static ssize_t
bad_pread(int fd, void *p, size_t n, off_t off)
{
	return is_bad(fd) ? -1 : pread(fd, p, n, off);
}

/* One of them is what SQLite reads with. */
static void
reads_hook(bool on)
{
	sqlite3_vfs *v = sqlite3_vfs_find("unix-excl");

	ck_assert_ptr_nonnull(v);
	ck_assert_int_eq(v->xSetSystemCall(v, "read",
	    on ? (sqlite3_syscall_ptr)(void *)bad_read : NULL), SQLITE_OK);
	(void)v->xSetSystemCall(v, "pread",
	    on ? (sqlite3_syscall_ptr)(void *)bad_pread : NULL);
	(void)v->xSetSystemCall(v, "pread64",
	    on ? (sqlite3_syscall_ptr)(void *)bad_pread : NULL);
}

static ssize_t
full_write(int fd, const void *p, size_t n)
{
	(void)fd;
	(void)p;
	(void)n;
	errno = ENOSPC;
	return -1;
}

static ssize_t
full_pwrite(int fd, const void *p, size_t n, off_t off)
{
	(void)off;
	return full_write(fd, p, n);
}

static void
writes_hook(bool on)
{
	sqlite3_vfs *v = sqlite3_vfs_find("unix-excl");

	ck_assert_ptr_nonnull(v);
	ck_assert_int_eq(v->xSetSystemCall(v, "write",
	    on ? (sqlite3_syscall_ptr)(void *)full_write : NULL), SQLITE_OK);
	(void)v->xSetSystemCall(v, "pwrite",
	    on ? (sqlite3_syscall_ptr)(void *)full_pwrite : NULL);
	(void)v->xSetSystemCall(v, "pwrite64",
	    on ? (sqlite3_syscall_ptr)(void *)full_pwrite : NULL);
}

/* Nobody is told to throw changes away for that. */
START_TEST(a_full_disk_is_told_as_that)
{
	struct err e = { "" };
	struct db *d;

	in_child(hundred);
	ck_assert_msg(db_open(path, &d, &e) == 0, "%s", e.msg);
	writes_hook(true);
	ck_assert_int_eq(db_redo(d, &e), -ENOSPC);
	writes_hook(false);
	ck_assert_ptr_nonnull(strstr(e.msg, "make room"));
	ck_assert_ptr_null(strstr(e.msg, "move that file away"));
	db_close(d);
	opens_with(100);
}
END_TEST

START_TEST(a_page_that_cannot_be_read_takes_its_reader_only)
{
	struct db *d = opened();
	struct stmt *s;
	int i;

	ck_assert_int_eq(db_begin(d), 0);
	for (i = 0; i < 2000; i++)
		ck_assert_int_eq(put(d, i, 2000), 0);
	ck_assert_int_eq(db_commit(d), 0);
	db_close(d);
	reads_hook(true);
	d = opened();
	add(d, 2000, 3);
	ck_assert_int_eq(db_begin(d), 0);
	ck_assert_int_eq(put(d, 2003, 20), 0);
	reads_bad = 1;
	s = db_stmt(d, 2, "SELECT b FROM t WHERE n = ?1");
	stmt_i64(s, 1, 700);
	ck_assert_int_eq(stmt_step(s), -EIO);
	ck_assert_uint_eq(reads_bad, 0);
	ck_assert_int_eq(put(d, 2004, 20), 0);
	ck_assert_int_eq(db_commit(d), 0);
	ck_assert_int_eq(count(d), 2005);
	db_close(d);
	reads_hook(false);
	opens_with(2005);
}
END_TEST

static void
redo_read(uint8_t *p, size_t len)
{
	int fd = open(redo, O_RDONLY | O_CLOEXEC);

	ck_assert_int_eq(read(fd, p, len), (ssize_t)len);
	(void)close(fd);
}

static void
redo_write(const uint8_t *p, size_t len, size_t off)
{
	int fd = open(redo, O_WRONLY | O_CLOEXEC);

	ck_assert_int_eq(pwrite(fd, p, len, (off_t)off), (ssize_t)len);
	(void)close(fd);
}

/* At every place where a write can have stopped, or gone wrong. */
START_TEST(a_torn_end_is_the_end)
{
	static uint8_t whole[64 * 1024], bad;
	static char cmd[512];
	struct db *d;
	size_t len, at;
	int n, last = -1;

	in_child(hundred);
	len = (size_t)redo_len();
	ck_assert_uint_lt(len, sizeof(whole));
	redo_read(whole, len);
	(void)snprintf(cmd, sizeof(cmd), "cp -r %s %s.was", dir, dir);
	ck_assert_int_eq(system(cmd), 0);
	for (at = 0; at < len; at += 97) {
		(void)snprintf(cmd, sizeof(cmd), "rm -rf %s; cp -r %s.was %s",
		    dir, dir, dir);
		ck_assert_int_eq(system(cmd), 0);
		if (at % 2) {
			ck_assert_int_eq(truncate(redo, (off_t)at), 0);
		} else {
			bad = whole[at] ^ 0x10;
			redo_write(&bad, 1, at);
		}
		d = opened();
		n = count(d);
		ck_assert_int_lt(n, 100);
		ck_assert_int_ge(n, last);
		/* Each adds one; the damaged one itself is not counted. */
		ck_assert_uint_eq(db_redo_lost(d), at % 2 ? 0 : 99 - n);
		last = n;
		db_close(d);
	}
	ck_assert_int_gt(last, 90);
	(void)snprintf(cmd, sizeof(cmd), "rm -rf %s.was", dir);
	ck_assert_int_eq(system(cmd), 0);
}
END_TEST

static void
settled(struct db *d)
{
	add(d, 0, 100);
	ck_assert_int_eq(db_settle(d), 0);
}

/* The file of an earlier time, or of another database. */
START_TEST(records_of_another_epoch_are_not_run)
{
	static uint8_t whole[64 * 1024];
	size_t len;

	in_child(hundred);
	len = (size_t)redo_len();
	redo_read(whole, len);
	opens_with(100);
	redo_write(whole, len, 0);
	opens_with(100);
	teardown();
	setup();
	in_child(settled);
	redo_write(whole, len, 0);
	opens_with(100);
}
END_TEST

static int
run(struct db *d, const char *sql)
{
	sqlite3_stmt *defined[DB_STMT_MAX] = { NULL };
	struct buf b = BUF_INIT(4096);
	int r;

	(void)buf_put_u8(&b, 1);
	(void)buf_put_u8(&b, 5);
	(void)buf_put_str16(&b, sql, strlen(sql));
	(void)buf_put_u8(&b, 2);
	(void)buf_put_u8(&b, 5);
	(void)buf_put_u8(&b, 0);
	r = redo_run(d->h, defined, b.data, b.len);
	(void)sqlite3_finalize(defined[5]);
	buf_done(&b);
	return r;
}

START_TEST(records_change_rows_only)
{
	struct db *d = opened();

	ck_assert_int_eq(run(d, "INSERT INTO t VALUES(0, NULL)"), 0);
	ck_assert_int_eq(run(d, "UPDATE t SET b = x'00' WHERE n = 0"), 0);
	ck_assert_int_eq(run(d, "INSERT INTO t VALUES(1, ?)"), -EPROTO);
	ck_assert_int_eq(run(d, "SELECT 1"), -EPROTO);
	ck_assert_int_eq(run(d, "ATTACH '/tmp/test_redo.x' AS x"), -EPROTO);
	ck_assert_int_eq(run(d, "CREATE TABLE x(n)"), -EPROTO);
	ck_assert_int_eq(run(d, "DROP TABLE t"), -EPROTO);
	ck_assert_int_eq(run(d, "PRAGMA user_version = 7"), -EPROTO);
	ck_assert_int_eq(run(d, "VACUUM"), -EPROTO);
	ck_assert_int_eq(run(d, "COMMIT"), -EPROTO);
	ck_assert_int_eq(run(d, "DELETE FROM sqlite_master"), -EPROTO);
	ck_assert_int_eq(run(d, "DELETE FROM t; DELETE FROM t"), -EPROTO);
	ck_assert_int_eq(count(d), 1);
	db_close(d);
}
END_TEST

static Suite *
suite(void)
{
	Suite *s = suite_create("redo");
	TCase *t = tcase_create("redo");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_set_timeout(t, 120);
	tcase_add_test(t, commits_survive_the_process);
	tcase_add_test(t, what_was_settled_is_not_done_again);
	tcase_add_test(t, it_does_not_grow);
	tcase_add_test(t, a_large_transaction_is_sqlites);
	tcase_add_test(t, a_transaction_with_more_than_rows_is_sqlites);
	tcase_add_test(t, a_rollback_takes_its_own_only);
	tcase_add_test(t, what_sqlite_gave_up_comes_back);
	tcase_add_test(t, a_full_disk_is_told_as_that);
	tcase_add_test(t, a_page_that_cannot_be_read_takes_its_reader_only);
	tcase_add_test(t, a_torn_end_is_the_end);
	tcase_add_test(t, records_of_another_epoch_are_not_run);
	tcase_add_test(t, records_change_rows_only);
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
	return failed ? 1 : 0;
}
