/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A file that this machine's disk does not give holds up nobody: others are
 * uploaded, it is named, and who waits is told.
 */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "drive/content.h"
#include "drive/slab.h"
#include "sync/scrub.h"
#include "sync/sync_priv.h"
#include "tests/lib/fix_drive.h"
#include "tests/lib/spoil.h"
#include "tests/lib/store_tap.h"
#include "tests/lib/sync_rig.h"
#include "util/buf.h"
#include "util/clock.h"
#include "util/err.h"

/* ---- a bad sector ---- */

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
	sync_get_status(r->sync, &st);
	ck_assert_msg(strstr(st.problem, bad) != NULL, "'%s'", st.problem);
	ck_assert_ptr_nonnull(strstr(st.problem, "is not uploaded"));
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
	rig_new(&rig);
	rig_write(&rig, "bad", 0, 200 * 1024, 1);
	rig_write(&rig, "good", 0, 300 * 1024, 2);
	rig_write(&rig, "small", 0, 100, 3);
}

static void
teardown(void)
{
	bad_from = bad_to = 0;
	rig_done(&rig);
}

/* Whole again. */
static void
all_goes(struct rig *r)
{
	struct sync_status st;
	int64_t until = clock_mono_ms() + 10000;
	struct rig cold;

	rig_wait(r);
	do {
		sync_get_status(r->sync, &st);
		usleep(20000);
	} while (st.problem[0] && clock_mono_ms() < until);
	ck_assert_str_eq(st.problem, "");
	rig_recover(r, &cold, 0);
	ck_assert_uint_ne(rig_lookup(&cold, "bad"), 0);
	rig_done(&cold);
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
	all_goes(&rig);
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
	all_goes(&rig);
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
	all_goes(&rig);
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

/* ---- rows of inodes, and what goes through all of them ---- */

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

static void
problem_await(struct rig *r, const char *want)
{
	int64_t until = clock_mono_ms() + 20000;
	struct sync_status st;

	do {
		usleep(10000);
		sync_get_status(r->sync, &st);
	} while ((want ? !strstr(st.problem, want) : st.problem[0] != '\0') &&
	    clock_mono_ms() < until);
	ck_assert_msg(want ? strstr(st.problem, want) != NULL :
	    st.problem[0] == '\0', "'%s'", st.problem);
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
	problem_await(&rig, "checkpoint");
	ck_assert_int_eq(ckpt_mark_get(rig.drive, &m), -ENOENT);
	spoil_mend(rig.drive);
	ck_assert_int_eq(sync_checkpoint(rig.sync, NULL), 0);
	problem_await(&rig, NULL);
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
	problem_await(&rig, "cannot publish");
	spoil_sql(rig.drive, "INSERT OR REPLACE INTO seen SELECT * FROM was; "
	    "DROP TABLE was");
	rig_wait(&rig);
	problem_await(&rig, NULL);
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
	all_goes(&rig);
	spoil_sql(rig.drive, "UPDATE outbox SET id = x'00'");
	rig_write(&rig, "bad", 0, 3000, 5);
	rig_rename(&rig, "good", "better");
	spoil_sql(rig.drive, "UPDATE outbox SET id = x'00'");
	all_goes(&rig);
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
	problem_await(&rig, "is not uploaded");
	rig_recover(&rig, &cold, 0);
	ck_assert_uint_ne(rig_lookup(&cold, "later"), 0);
	ck_assert_uint_ne(rig_lookup(&cold, "bad"), 0);
	rig_done(&cold);
	ck_assert_int_eq(drive_fsck(rig.drive, true, deleted_say, &n), 0);
	ck_assert_uint_eq(n, 1);
	drive_usage(rig.drive, &u);
	ck_assert_uint_eq(u.outbox_ops, 0);
	rig_wait(&rig);
	problem_await(&rig, NULL);
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
	problem_await(&r, "cannot publish");
	ck_assert_int_eq(sync_wait(r.sync, clock_mono_ms() + 30000, NULL,
	    NULL), -EIO);
	ck_assert_int_eq(rig_store_count(&r, ""), was);
	ck_assert_int_eq(drive_fsck(r.drive, true, sealed_say, &n), 1);
	ck_assert_uint_eq(n, 1);
	buf_done(&b);
	rig_done(&r);
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

START_TEST(a_row_of_an_xattr_that_does_not_verify_holds_up_its_file_only)
{
	uint64_t ino = rig_lookup(&rig, "bad");

	ck_assert_int_eq(drive_setxattr(rig.drive, &fix_me, ino, "user.x",
	    "y", 1, 0), 0);
	sql(&rig, "UPDATE xattr SET row = x'00'", ino);
	rig_start(&rig);
	others_go(&rig, "bad");
	sql(&rig, "DELETE FROM xattr", ino);
	all_goes(&rig);
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
	all_goes(&rig);
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
	all_goes(&rig);
}
END_TEST

/* ---- sent by itself, then small ---- */

/* The put that is to be published now, if any. */
static bool
next_put(struct fix *f, struct op_put *ret)
{
	struct op_list ops = { .n = 0 };
	uint64_t ticket;
	bool is_there;
	size_t k;
	int r;

	r = drive_publish_begin(f->d, 1 << 20, &ops, &ticket);
	if (r == -EAGAIN)
		return false;
	ck_assert_int_eq(r, 0);
	for (k = 0; k < ops.n && ops.ops[k].type != OP_PUT; k++)
		;
	is_there = k < ops.n;
	if (is_there)
		*ret = ops.ops[k].put;	/* its numbers */
	drive_publish_abort(f->d, ticket);
	op_list_done(&ops);
	return is_there;
}

START_TEST(a_small_file_whose_block_went_by_itself_and_made_way_is_published)
{
	struct stage_batch *b;
	struct drive_attr a;
	struct drive_file *h;
	struct op_put put;
	struct fix f;

	fix_open(&f, 1, false);
	ck_assert_int_eq(drive_tmpfile(f.d, &fix_me, DRIVE_ROOT_INO, 0644,
	    O_RDWR, &a, &h), 0);
	ck_assert_int_eq(drive_write(h, "abcdef", 6, 0), 6);
	ck_assert_int_eq(drive_flush(h), 0);
	fix_upload(&f);
	ck_assert_int_eq(drive_link(f.d, a.ino, DRIVE_ROOT_INO, "now", &a),
	    0);
	/* Frozen, to travel inside. */
	ck_assert_int_eq(drive_stage_take(f.d, 1 << 20, 0, true, &b),
	    -EAGAIN);
	ck_assert_uint_gt(drive_cache_trim(f.d, 0), 0);
	ck_assert(!next_put(&f, &put));
	ck_assert_int_eq(drive_stage_take(f.d, 1 << 20, 0, true, &b),
	    -EAGAIN);
	ck_assert(next_put(&f, &put));
	ck_assert(!put.is_inline);
	ck_assert_uint_eq(put.nblocks, 1);
	ck_assert_uint_eq(put.size, 6);
	ck_assert_int_eq(drive_file_close(h), 0);
	fix_close(&f);
}
END_TEST

/* ---- in memory ---- */

START_TEST(what_an_open_file_has_not_committed_is_waited_for)
{
	struct drive_attr a;
	struct drive_file *h;
	struct rig cold;

	rig_start(&rig);
	rig_wait(&rig);
	ck_assert_int_eq(drive_lookup(rig.drive, DRIVE_ROOT_INO, "small", &a),
	    0);
	ck_assert_int_eq(drive_file_open(rig.drive, a.ino, O_RDWR, &h), 0);
	ck_assert_int_eq(drive_write(h, "more", 4, 100), 4);
	rig_wait(&rig);
	rig_recover(&rig, &cold, 0);
	ck_assert_int_eq(drive_lookup(cold.drive, DRIVE_ROOT_INO, "small",
	    &a), 0);
	ck_assert_uint_eq(a.size, 104);
	rig_done(&cold);
	ck_assert_int_eq(drive_file_close(h), 0);
}
END_TEST

static void
block_rows(struct rig *r, const char *what)
{
	ck_assert_int_eq(drive_begin_internal(r->drive), 0);
	ck_assert_int_eq(drive_end(r->drive, db_exec(r->drive->db, what)), 0);
}

/* The rest goes up, in pieces, and who waited hears of this one all the
 * same. */
START_TEST(what_an_open_file_cannot_commit_is_told)
{
	struct drive_attr a;
	struct drive_file *h;
	int64_t until;
	int here;

	rig_start(&rig);
	rig_wait(&rig);
	ck_assert_int_eq(drive_lookup(rig.drive, DRIVE_ROOT_INO, "small", &a),
	    0);
	ck_assert_int_eq(drive_file_open(rig.drive, a.ino, O_RDWR, &h), 0);
	ck_assert_int_eq(drive_write(h, "more", 4, 100), 4);
	block_rows(&rig, "CREATE TRIGGER no BEFORE INSERT ON block "
	    "BEGIN SELECT RAISE(ABORT, 'no'); END");
	here = sync_wait_begin(rig.sync);
	ck_assert_int_lt(here, 0);
	until = clock_mono_ms() + 30000;
	ck_assert_int_eq(sync_wait_on(rig.sync, until, NULL, NULL), 0);
	ck_assert_int_lt(sync_wait(rig.sync, until, NULL, NULL), 0);
	block_rows(&rig, "DROP TRIGGER no");
	rig_wait(&rig);
	ck_assert_int_eq(drive_file_close(h), 0);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("unread");
	TCase *t = tcase_create("unread");
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
	    a_checkpoint_that_cannot_be_written_holds_up_no_segment);
	tcase_add_test(t, a_failure_of_this_side_is_told);
	tcase_add_test(t, a_segment_that_was_damaged_here_is_not_put);
	tcase_add_test(t, a_row_of_the_outbox_that_is_damaged_goes_up);
	tcase_add_test(t, a_delete_that_cannot_be_told_holds_up_no_other);
	tcase_add_test(t,
	    a_file_that_cannot_be_read_ends_no_check_of_the_store);
	tcase_add_test(t,
	    a_row_of_an_xattr_that_does_not_verify_holds_up_its_file_only);
	tcase_add_test(t,
	    a_small_file_that_cannot_be_read_holds_up_itself_only);
	tcase_add_test(t, a_value_that_can_be_done_without_holds_up_nothing);
	tcase_add_test(t,
	    very_many_files_that_cannot_be_read_keep_nobody_waiting);
	tcase_add_test(t, what_waits_for_such_a_row_keeps_nobody_waiting);
	tcase_add_test(t,
	    a_small_file_whose_block_went_by_itself_and_made_way_is_published);
	tcase_add_test(t, what_an_open_file_has_not_committed_is_waited_for);
	tcase_add_test(t, what_an_open_file_cannot_commit_is_told);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_ENV);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? 1 : 0;
}
