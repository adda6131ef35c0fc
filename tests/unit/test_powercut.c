/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A power cut that takes what went into the block file since it was flushed,
 * while the database has all of it: the worst order in which the two reach
 * the disk.  What was fsynced is there afterwards.
 */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "drive/tree_priv.h"
#include "tests/lib/fix_drive.h"
#include "util/err.h"

#define BOOT_ID "/proc/sys/kernel/random/boot_id"
#define KIB 1024u
#define BLOCK (128 * KIB)
#define ROOT DRIVE_ROOT_INO

static struct fix f;
static char boot[80], saved[64];
static uint8_t p[BLOCK];

/* The program's own: it sees another boot when boot says so. */
int
open(const char *path, int flags, ...)
{
	mode_t mode = 0;
	va_list ap;

	va_start(ap, flags);
	if (flags & (O_CREAT | O_TMPFILE))
		mode = va_arg(ap, mode_t);
	va_end(ap);
	if (boot[0] && strcmp(path, BOOT_ID) == 0)
		path = boot;
	return (int)syscall(SYS_openat, AT_FDCWD, path, flags, mode);
}

/* What is done when the file of that name is flushed, afterwards. */
static const char *flush_of;
static void (*flush_hook)(void);

int
fdatasync(int fd)
{
	char link[64], name[256];
	void (*hook)(void) = flush_hook;
	ssize_t n;
	int r;

	r = (int)syscall(SYS_fdatasync, fd);
	(void)snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	n = readlink(link, name, sizeof(name) - 1);
	ck_assert_int_gt(n, 0);
	name[n] = '\0';
	if (hook && strstr(name, flush_of)) {
		flush_hook = NULL;
		hook();
	}
	return r;
}

static void
shell(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

static void
shell(const char *fmt, ...)
{
	char cmd[512];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(cmd, sizeof(cmd), fmt, ap);
	va_end(ap);
	ck_assert_int_eq(system(cmd), 0);
}

static void
setup(void)
{
	boot[0] = '\0';
	(void)snprintf(saved, sizeof(saved), "/tmp/test_powercut.XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(saved));
	fix_open(&f, 1, false);
}

static void
teardown(void)
{
	fix_close(&f);
	shell("rm -rf %s", saved);
}

/* What is in the block file now stays. */
static void
frames_save(void)
{
	shell("cp %s/blocks.dat %s/", f.dir, saved);
}

static void
power_cut(void)
{
	struct err e = { "" };
	static unsigned n;

	shell("cp -a %s %s/now && cp %s/blocks.dat %s/now/", f.dir, saved,
	    saved, saved);
	shell("echo %08x-0000-4000-8000-000000000000 >%s/boot", ++n, saved);
	(void)snprintf(boot, sizeof(boot), "%s/boot", saved);
	drive_close(f.d);
	shell("rm -rf %s && mv %s/now %s", f.dir, saved, f.dir);
	ck_assert_msg(drive_open(&f.conf, &f.d, &e) == 0, "%s", e.msg);
}

/* Bytes from .. to are c. */
static void
put_bytes(uint64_t ino, size_t from, size_t to, int c, bool is_synced)
{
	struct drive_file *h;
	ssize_t n = (ssize_t)(to - from);

	memset(p, c, to - from);
	ck_assert_int_eq(drive_file_open(f.d, ino, O_RDWR, &h), 0);
	ck_assert_int_eq(drive_write(h, p, to - from, from), n);
	ck_assert_int_eq(is_synced ? drive_fsync(h) : drive_flush(h), 0);
	ck_assert_int_eq(drive_file_close(h), 0);
}

static void
exec(const char *sql)
{
	mutex_lock(&f.d->db_lock);
	ck_assert_int_eq(db_exec(f.d->db, sql), 0);
	mutex_unlock(&f.d->db_lock);
}

static void
put(uint64_t ino, uint64_t idx, int c, bool is_synced)
{
	put_bytes(ino, idx * BLOCK, (idx + 1) * BLOCK, c, is_synced);
}

static void
are(uint64_t ino, size_t from, size_t to, int c)
{
	static uint8_t want[BLOCK];
	struct drive_file *h;
	ssize_t n = (ssize_t)(to - from);

	memset(want, c, to - from);
	ck_assert_int_eq(drive_file_open(f.d, ino, O_RDONLY, &h), 0);
	ck_assert_int_eq(drive_read(h, p, to - from, from, NULL), n);
	ck_assert_mem_eq(p, want, to - from);
	ck_assert_int_eq(drive_file_close(h), 0);
}

static void
is(uint64_t ino, uint64_t idx, int c)
{
	are(ino, idx * BLOCK, (idx + 1) * BLOCK, c);
}

static void
truncate_to(uint64_t ino, size_t size)
{
	struct drive_attr a, in = { .size = size };

	ck_assert_int_eq(drive_setattr(f.d, &fix_me, ino, &in, DRIVE_SET_SIZE,
	    &a), 0);
}

START_TEST(what_was_written_over_comes_back)
{
	uint64_t ino = fix_mkfile(&f, ROOT, "f");

	put(ino, 0, 'a', true);
	frames_save();
	put(ino, 0, 'b', false);
	power_cut();
	is(ino, 0, 'a');
	fix_fsck(&f);
}
END_TEST

/* Numbers of rows that are gone are not given anew: they would pass for
 * flushed. */
START_TEST(so_it_does_after_the_newest_rows_had_gone)
{
	uint64_t ino = fix_mkfile(&f, ROOT, "f"), last;
	unsigned k;

	put(ino, 0, 'a', true);
	last = fix_mkfile(&f, ROOT, "last");
	for (k = 0; k < 20; k++)
		put(last, k, 'x', true);
	ck_assert_int_eq(drive_unlink(f.d, ROOT, "last"), 0);
	drive_forget(f.d, last);
	fix_reopen(&f);
	frames_save();
	put(ino, 0, 'b', false);
	power_cut();
	is(ino, 0, 'a');
	fix_fsck(&f);
}
END_TEST

START_TEST(what_was_lost_in_a_hole_is_a_hole_again)
{
	uint64_t ino = fix_mkfile(&f, ROOT, "f");

	put(ino, 6, 'a', false);
	put(ino, 7, 'b', true);
	frames_save();
	put(ino, 5, 'c', false);
	power_cut();
	ck_assert_uint_eq(fix_attr(&f, ino).size, 8 * BLOCK);
	is(ino, 5, 0);
	is(ino, 6, 'a');
	is(ino, 7, 'b');
	fix_fsck(&f);
}
END_TEST

START_TEST(what_was_lost_behind_the_end_ends_the_file)
{
	uint64_t ino = fix_mkfile(&f, ROOT, "f");

	put(ino, 0, 'a', true);
	frames_save();
	put(ino, 1, 'b', false);
	/* This one reaches the disk. */
	put(ino, 2, 'c', false);
	shell("dd if=%s/blocks.dat of=%s/blocks.dat bs=%u skip=2 seek=2 "
	    "count=1 conv=notrunc status=none", f.dir, saved, BLOCK);
	power_cut();
	ck_assert_uint_eq(fix_attr(&f, ino).size, BLOCK);
	is(ino, 0, 'a');
	/* And is not there again as the file grows. */
	truncate_to(ino, 5 * BLOCK);
	is(ino, 1, 0);
	is(ino, 2, 0);
	fix_fsck(&f);
}
END_TEST

/* The last block that was there before: with what came behind its end, the
 * file has its length again, and is not full of zeros there. */
START_TEST(what_was_appended_to_a_block_ends_the_file)
{
	uint64_t ino = fix_mkfile(&f, ROOT, "f");
	unsigned k;

	put_bytes(ino, 0, 40 * KIB, 'a', true);
	frames_save();
	for (k = 0; k <= (unsigned)_i; k++)
		put_bytes(ino, (40 + k * 20) * KIB, (60 + k * 20) * KIB, 'b',
		    false);
	power_cut();
	ck_assert_uint_eq(fix_attr(&f, ino).size, 40 * KIB);
	are(ino, 0, 40 * KIB, 'a');
	truncate_to(ino, 90 * KIB);
	are(ino, 40 * KIB, 90 * KIB, 0);
	fix_fsck(&f);
}
END_TEST

/* A file that had a hole at its end keeps it. */
START_TEST(the_end_is_where_it_was)
{
	uint64_t ino = fix_mkfile(&f, ROOT, "f");

	put_bytes(ino, 0, 40 * KIB, 'a', false);
	truncate_to(ino, 70 * KIB);
	put_bytes(ino, 0, 1, 'a', true);
	frames_save();
	put_bytes(ino, 90 * KIB, 100 * KIB, 'b', false);
	put(ino, 1, 'c', false);
	power_cut();
	ck_assert_uint_eq(fix_attr(&f, ino).size, 70 * KIB);
	are(ino, 0, 40 * KIB, 'a');
	are(ino, 40 * KIB, 70 * KIB, 0);
	fix_fsck(&f);
	put(ino, 1, 'c', true);
	frames_save();
	put(ino, 2, 'd', false);
	/* More than is kept in a row, which a power cut would leave. */
	truncate_to(ino, 2 * BLOCK + 50 * KIB);
	power_cut();
	ck_assert_uint_eq(fix_attr(&f, ino).size, 2 * BLOCK);
	fix_fsck(&f);
}
END_TEST

/* What a truncation took does not come back with the row that had it. */
START_TEST(what_was_cut_off_stays_so)
{
	uint64_t ino = fix_mkfile(&f, ROOT, "f");

	put_bytes(ino, 0, 100 * KIB, 'a', true);
	frames_save();
	truncate_to(ino, 40 * KIB);
	if (_i == 1)
		put_bytes(ino, 40 * KIB, 60 * KIB, 'b', false);
	else if (_i == 2)
		put_bytes(ino, 0, 1, 'b', false);
	power_cut();
	ck_assert_uint_eq(fix_attr(&f, ino).size, 40 * KIB);
	are(ino, 0, 40 * KIB, 'a');
	truncate_to(ino, 120 * KIB);
	are(ino, 0, 40 * KIB, 'a');
	are(ino, 40 * KIB, 120 * KIB, 0);
	fix_fsck(&f);
	power_cut();
	are(ino, 0, 40 * KIB, 'a');
	are(ino, 40 * KIB, 120 * KIB, 0);
	fix_fsck(&f);
}
END_TEST

/* Nor for others, who have the block of an earlier version: they get it anew
 * with the next. */
START_TEST(others_are_told_what_was_cut_off)
{
	uint64_t ino = fix_mkfile(&f, ROOT, "f");
	const struct segment *seg;
	struct fix_log log = { 0 };
	const struct op *o = NULL;
	size_t k;

	put_bytes(ino, 0, 100 * KIB, 'a', true);
	fix_publish_all(&f, &log);
	put_bytes(fix_mkfile(&f, ROOT, "g"), 0, 1, 'g', true);
	frames_save();
	truncate_to(ino, 40 * KIB);
	if (_i == 1)
		truncate_to(ino, 100 * KIB);
	put_bytes(ino, 90 * KIB, 100 * KIB, 'b', false);
	power_cut();
	ck_assert_uint_eq(fix_attr(&f, ino).size, (_i ? 100 : 40) * KIB);
	are(ino, 0, 40 * KIB, 'a');
	truncate_to(ino, 100 * KIB);
	are(ino, 40 * KIB, 100 * KIB, 0);
	fix_publish_all(&f, &log);
	seg = &log.segs[log.n - 1];
	for (k = 0; k < seg->ops.n; k++)
		if (seg->ops.ops[k].type == OP_PUT &&
		    seg->ops.ops[k].put.size == 100 * KIB)
			o = &seg->ops.ops[k];
	ck_assert_ptr_nonnull(o);
	ck_assert_uint_eq(o->put.trunc, 40 * KIB);
	ck_assert_uint_eq(o->put.nblocks, 1);
	ck_assert_uint_eq(o->put.blocks[0].idx, 0);
	ck_assert_int_eq(o->put.blocks[0].kind, OP_BLOCK_DATA);
	fix_log_done(&log);
	fix_fsck(&f);
}
END_TEST

static uint64_t hook_ino;

static void
write_meanwhile(void)
{
	frames_save();
	put(hook_ino, 0, 'c', false);
}

/* What is written while a flush goes on is not part of it, but for what it
 * gives way to. */
START_TEST(what_is_written_over_while_it_is_flushed_stays)
{
	static const char *const of[] = { "blocks.dat", "-wal" };
	struct drive_file *h;
	uint64_t ino = fix_mkfile(&f, ROOT, "f");
	bool was_flushed = _i & 2;

	put(ino, 0, 'a', true);
	put(ino, 0, 'b', was_flushed);
	/* Something that has to be flushed. */
	put(fix_mkfile(&f, ROOT, "g"), 0, 'g', false);
	hook_ino = ino;
	flush_of = of[_i & 1];
	flush_hook = write_meanwhile;
	ck_assert_int_eq(drive_file_open(f.d, ino, O_RDWR, &h), 0);
	ck_assert_int_eq(drive_fsync(h), 0);
	ck_assert_int_eq(drive_file_close(h), 0);
	ck_assert_ptr_null(flush_hook);
	power_cut();
	is(ino, 0, 'b');
	fix_fsck(&f);
}
END_TEST

/* The next one flushes before it lets go of what was written over. */
static char killed[sizeof(f.dir)];

static void
save_of_the_next(void)
{
	if (strcmp(f.dir, killed) == 0)
		flush_hook = save_of_the_next;
	else
		frames_save();
}

START_TEST(a_kill_and_then_a_power_cut_leave_no_hole)
{
	uint64_t ino = fix_mkfile(&f, ROOT, "f");

	put(ino, 0, 'a', true);
	frames_save();
	put(ino, 0, 'b', false);
	(void)strcpy(killed, f.dir);
	flush_of = "blocks.dat";
	flush_hook = save_of_the_next;
	fix_crash(&f);
	flush_hook = NULL;
	power_cut();
	is(ino, 0, 'b');
	fix_fsck(&f);
}
END_TEST

/* Freed, and not given back when the process ended. */
START_TEST(a_kill_keeps_no_room)
{
	uint64_t ino = fix_mkfile(&f, ROOT, "large");
	uint64_t other = fix_mkfile(&f, ROOT, "f");
	struct stat before, after;
	char path[100];
	unsigned k;

	for (k = 0; k < 64; k++)
		put(ino, k, 'a', false);
	truncate_to(ino, 0);
	/* The frames are free, and kept for what is written next. */
	for (k = 0; k < 3; k++)
		put(other, 0, 'b', true);
	(void)snprintf(path, sizeof(path), "%s/blocks.dat", f.dir);
	ck_assert_int_eq(stat(path, &before), 0);
	fix_crash(&f);
	(void)snprintf(path, sizeof(path), "%s/blocks.dat", f.dir);
	ck_assert_int_eq(stat(path, &after), 0);
	ck_assert_int_ge(before.st_blocks, 64 * (int)(BLOCK / 512));
	ck_assert_int_le(after.st_blocks, 4 * (int)(BLOCK / 512));
	is(fix_find(&f, "f"), 0, 'b');
	fix_fsck(&f);
}
END_TEST

/* Which boot wrote is a hint. */
START_TEST(a_damaged_hint_is_no_reason_not_to_open)
{
	uint64_t ino = fix_mkfile(&f, ROOT, "f");

	put(ino, 0, 'a', true);
	exec("UPDATE meta SET v = zeroblob(length(v)) WHERE k = "
	    "CAST('boot' AS BLOB)");
	fix_crash(&f);
	is(ino, 0, 'a');
	fix_fsck(&f);
}
END_TEST

/* That number is not sealed. */
static const char *const damage[] = {
	"UPDATE block SET frame = 3000000000",
	"UPDATE block SET frame = 4294967295",
	"UPDATE block SET frame = 1099511627776",
	"UPDATE block SET frame = 130000000",
};

START_TEST(a_damaged_place_is_not_taken_for_one)
{
	uint64_t ino = fix_mkfile(&f, ROOT, "f");
	struct drive_file *h;

	put(ino, 0, 'a', true);
	exec(damage[_i]);
	fix_crash(&f);
	ck_assert_int_eq(drive_file_open(f.d, ino, O_RDONLY, &h), 0);
	ck_assert_int_eq(drive_read(h, p, BLOCK, 0, NULL), -EIO);
	ck_assert_int_eq(drive_file_close(h), 0);
	ck_assert_int_eq(drive_unlink(f.d, ROOT, "f"), 0);
	drive_forget(f.d, ino);
	fix_reopen(&f);
	fix_fsck(&f);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("powercut");
	TCase *t = tcase_create("all");
	SRunner *sr;
	int failed;

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_set_timeout(t, 60);
	tcase_add_test(t, what_was_written_over_comes_back);
	tcase_add_test(t, so_it_does_after_the_newest_rows_had_gone);
	tcase_add_test(t, what_was_lost_in_a_hole_is_a_hole_again);
	tcase_add_test(t, what_was_lost_behind_the_end_ends_the_file);
	tcase_add_loop_test(t, what_was_appended_to_a_block_ends_the_file, 0,
	    3);
	tcase_add_test(t, the_end_is_where_it_was);
	tcase_add_loop_test(t, what_was_cut_off_stays_so, 0, 3);
	tcase_add_loop_test(t, others_are_told_what_was_cut_off, 0, 2);
	tcase_add_loop_test(t, what_is_written_over_while_it_is_flushed_stays,
	    0, 4);
	tcase_add_test(t, a_kill_and_then_a_power_cut_leave_no_hole);
	tcase_add_test(t, a_kill_keeps_no_room);
	tcase_add_test(t, a_damaged_hint_is_no_reason_not_to_open);
	tcase_add_loop_test(t, a_damaged_place_is_not_taken_for_one, 0,
	    (int)(sizeof(damage) / sizeof(*damage)));
	suite_add_tcase(s, t);
	sr = srunner_create(s);
	srunner_run_all(sr, CK_ENV);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
