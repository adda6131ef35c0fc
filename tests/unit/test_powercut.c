/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A power cut that takes what went into the block file since it was flushed,
 * while the database has all of it: the worst order in which the two reach
 * the disk.  What was fsynced is there afterwards.
 */
#include <check.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "tests/lib/fix_drive.h"
#include "util/err.h"

#define BOOT_ID "/proc/sys/kernel/random/boot_id"
#define BLOCK (128u * 1024)
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
static unsigned flushes;		/* of the block file */

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
	if (strstr(name, "blocks.dat"))
		flushes++;
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

static void
put(uint64_t ino, uint64_t idx, int c, bool is_synced)
{
	struct drive_file *h;

	memset(p, c, sizeof(p));
	ck_assert_int_eq(drive_file_open(f.d, ino, O_RDWR, &h), 0);
	ck_assert_int_eq(drive_write(h, p, sizeof(p), idx * BLOCK),
	    sizeof(p));
	ck_assert_int_eq(is_synced ? drive_fsync(h) : drive_flush(h), 0);
	ck_assert_int_eq(drive_file_close(h), 0);
}

static void
is(uint64_t ino, uint64_t idx, int c)
{
	static uint8_t want[BLOCK];
	struct drive_file *h;

	memset(want, c, sizeof(want));
	ck_assert_int_eq(drive_file_open(f.d, ino, O_RDONLY, &h), 0);
	ck_assert_int_eq(drive_read(h, p, sizeof(p), idx * BLOCK, NULL),
	    sizeof(p));
	ck_assert_mem_eq(p, want, sizeof(p));
	ck_assert_int_eq(drive_file_close(h), 0);
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
	struct drive_attr a, in = { .size = 5 * BLOCK };
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
	ck_assert_int_eq(drive_setattr(f.d, &fix_me, ino, &in, DRIVE_SET_SIZE,
	    &a), 0);
	is(ino, 1, 0);
	is(ino, 2, 0);
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

/* A process that was killed had not flushed: its frames are, with the first
 * flush of the next. */
START_TEST(a_flush_after_a_kill_is_one_of_all)
{
	uint64_t ino = fix_mkfile(&f, ROOT, "f");
	struct drive_file *h;

	put(ino, 0, 'a', true);
	frames_save();
	put(ino, 0, 'b', false);
	fix_crash(&f);
	flushes = 0;
	ck_assert_int_eq(drive_file_open(f.d, ino, O_RDWR, &h), 0);
	ck_assert_int_eq(drive_fsync(h), 0);
	ck_assert_int_eq(drive_file_close(h), 0);
	ck_assert_uint_ge(flushes, 1);
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
	tcase_add_loop_test(t, what_is_written_over_while_it_is_flushed_stays,
	    0, 4);
	tcase_add_test(t, a_flush_after_a_kill_is_one_of_all);
	suite_add_tcase(s, t);
	sr = srunner_create(s);
	srunner_run_all(sr, CK_ENV);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
