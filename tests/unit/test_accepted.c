/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What a write was told to be done stays, and a call that failed has changed
 * nothing: on a disk that is full for a while, in a drive that may not be
 * written to any more, with many files open.
 */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "crypto/crypto.h"
#include "drive/content.h"
#include "tests/lib/fix_drive.h"
#include "util/clock.h"
#include "util/thread.h"

#define ROOT DRIVE_ROOT_INO
#define BLOCK 131072u
#define MANY 70
#define BUSY 64

static struct fix f;
static uint8_t data[8 * BLOCK], back[8 * BLOCK];

static void
setup(void)
{
	fix_open(&f, 1, true);
	crypto_random(data, sizeof(data));
}

static void
teardown(void)
{
	fix_fsck(&f);
	fix_close(&f);
}

static struct drive_file *
opened(uint64_t ino)
{
	struct drive_file *h;

	ck_assert_int_eq(drive_file_open(f.d, ino, O_RDWR, &h), 0);
	return h;
}

static void
put(struct drive_file *h, const void *p, size_t len, uint64_t off)
{
	ck_assert_int_eq(drive_write(h, p, len, off), (ssize_t)len);
}

static void
has(struct drive_file *h, const uint8_t *p, size_t len, uint64_t off)
{
	ck_assert_int_eq(drive_read(h, back, len, off, NULL), (ssize_t)len);
	ck_assert_int_eq(memcmp(back, p, len), 0);
}

/* The file by itself, and after a restart, is the first len bytes of data. */
static void
is_data(uint64_t ino, size_t len)
{
	struct drive_file *h;
	int k;

	for (k = 0; k < 2; k++) {
		ck_assert_uint_eq(fix_attr(&f, ino).size, len);
		h = opened(ino);
		has(h, data, len, 0);
		ck_assert_int_eq(drive_file_close(h), 0);
		if (k == 0)
			fix_reopen(&f);
	}
}

static void
await_let_go(uint64_t ino)
{
	int64_t until = clock_mono_ms() + 20000;
	struct node *n;

	while ((n = node_ref(f.d, ino, false)) != NULL) {
		node_unref(f.d, n);
		ck_assert_int_lt(clock_mono_ms(), until);
		thread_pause_ms(50);
	}
}

static int
cut(uint64_t ino, uint64_t size)
{
	struct drive_attr a = { .size = size };

	return drive_setattr(f.d, &fix_me, ino, &a, DRIVE_SET_SIZE, &a);
}

START_TEST(a_drive_that_becomes_read_only_keeps_what_was_written)
{
	uint64_t ino = fix_mkfile(&f, ROOT, "f");
	struct drive_file *h = opened(ino);

	put(h, data, 1000, 0);
	drive_set_readonly(f.d, true);
	ck_assert_int_eq(drive_write(h, "x", 1, 0), -EROFS);
	ck_assert_int_eq(drive_flush(h), 0);
	ck_assert_int_eq(drive_file_close(h), 0);
	drive_set_readonly(f.d, false);
	is_data(ino, 1000);
}
END_TEST

START_TEST(what_could_not_be_committed_at_close_is_committed_later)
{
	uint64_t ino = fix_mkfile(&f, ROOT, "f");
	struct drive_file *h = opened(ino);
	int64_t until = clock_mono_ms() + 20000;
	struct drive_usage u;

	put(h, data, 20480, 0);
	fix_disk_is_full(true);
	ck_assert_int_lt(drive_file_close(h), 0);
	h = opened(ino);
	has(h, data, 20480, 0);
	ck_assert_int_lt(drive_file_close(h), 0);
	fix_disk_is_full(false);
	do {
		thread_pause_ms(200);
		drive_usage(f.d, &u);
	} while (u.staged_bytes < 20480 && clock_mono_ms() < until);
	ck_assert_uint_eq(u.staged_bytes, 20480);
	/* And it is not held for ever. */
	await_let_go(ino);
	fix_crash(&f);
	is_data(ino, 20480);
}
END_TEST

START_TEST(a_deleted_file_is_not_kept)
{
	uint64_t ino = fix_mkfile(&f, ROOT, "f");
	struct drive_file *h = opened(ino);

	put(h, data, 20480, 0);
	ck_assert_int_eq(drive_unlink(f.d, ROOT, "f"), 0);
	fix_disk_is_full(true);
	ck_assert_int_lt(drive_file_close(h), 0);
	await_let_go(ino);
	fix_disk_is_full(false);
}
END_TEST

START_TEST(files_that_are_always_written_to_do_not_hold_up_others)
{
	struct drive_file *h[MANY];
	uint64_t ino[MANY];
	char name[16];
	int k, n;

	for (k = 0; k < MANY; k++) {
		(void)snprintf(name, sizeof(name), "f%d", k);
		ino[k] = fix_mkfile(&f, ROOT, name);
		h[k] = opened(ino[k]);
	}
	for (k = BUSY; k < MANY; k++)
		put(h[k], data, 1024, 0);
	for (n = 0; n < 45; n++) {
		for (k = 0; k < BUSY; k++)
			put(h[k], data, 10, 0);
		thread_pause_ms(200);
	}
	for (k = BUSY; k < MANY; k++) {
		mutex_lock(&h[k]->n->lock);
		ck_assert_int_eq(h[k]->n->dirty_ms, 0);
		mutex_unlock(&h[k]->n->lock);
	}
	for (k = 0; k < MANY; k++)
		ck_assert_int_eq(drive_file_close(h[k]), 0);
}
END_TEST

START_TEST(a_truncation_that_fails_has_cut_nothing)
{
	uint64_t ino = fix_mkfile(&f, ROOT, "f");
	struct drive_file *h = opened(ino);

	put(h, data, BLOCK, 0);
	ck_assert_int_eq(drive_fsync(h), 0);
	fix_disk_is_full(true);
	ck_assert_int_lt(cut(ino, 100000), 0);
	ck_assert_uint_eq(fix_attr(&f, ino).size, BLOCK);
	has(h, data, BLOCK, 0);
	fix_disk_is_full(false);
	ck_assert_int_eq(drive_file_close(h), 0);
	is_data(ino, BLOCK);
}
END_TEST

/* The bytes of block idx on the disk, which come in the order of writing. */
static void
damage(unsigned idx)
{
	char path[96];
	int fd;

	(void)snprintf(path, sizeof(path), "%s/blocks.dat", f.dir);
	fd = open(path, O_WRONLY);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(pwrite(fd, "xxxxxxxx", 8, (off_t)idx * BLOCK + 99),
	    8);
	ck_assert_int_eq(close(fd), 0);
}

START_TEST(a_punch_that_fails_has_changed_nothing)
{
	static const uint8_t zeros[60000];
	uint64_t ino = fix_mkfile(&f, ROOT, "f");
	struct drive_file *h = opened(ino);

	put(h, data, (size_t)3 * BLOCK, 0);
	ck_assert_int_eq(drive_fsync(h), 0);
	damage(1);
	ck_assert_int_eq(drive_fallocate(h, FALLOC_FL_PUNCH_HOLE |
	    FALLOC_FL_KEEP_SIZE, 60000, BLOCK), -EIO);
	has(h, data, BLOCK, 0);
	/* Nor is there anything left of it for later. */
	ck_assert_int_eq(cut(ino, 0), 0);
	put(h, "x", 1, 90000);
	has(h, zeros, sizeof(zeros), 0);
	ck_assert_int_eq(drive_fsync(h), 0);
	ck_assert_int_eq(drive_file_close(h), 0);
}
END_TEST

START_TEST(a_block_that_cannot_be_sealed_early_is_sealed_later)
{
	uint64_t ino = fix_mkfile(&f, ROOT, "f");
	struct drive_file *h = opened(ino);
	unsigned k;

	for (k = 0; k < 31; k++)
		put(h, data + k * 4096, 4096, k * 4096);
	fix_disk_is_full(true);
	put(h, data + k * 4096, 4096, k * 4096);
	ck_assert_int_lt(drive_flush(h), 0);
	fix_disk_is_full(false);
	ck_assert_int_eq(drive_file_close(h), 0);
	is_data(ino, BLOCK);
}
END_TEST

static off_t
slab_size(void)
{
	char path[96];
	struct stat st;

	(void)snprintf(path, sizeof(path), "%s/blocks.dat", f.dir);
	ck_assert_int_eq(stat(path, &st), 0);
	return st.st_size;
}

START_TEST(a_copy_that_fails_holds_no_room)
{
	uint64_t a = fix_mkfile(&f, ROOT, "a"), b = fix_mkfile(&f, ROOT, "b");
	struct drive_file *from = opened(a), *to = opened(b);
	off_t size;

	put(from, data, sizeof(data), 0);
	ck_assert_int_eq(drive_fsync(from), 0);
	size = slab_size();
	fix_disk_is_full(true);
	ck_assert_int_lt(drive_copy_range(from, 0, to, 0, sizeof(data), NULL),
	    0);
	fix_disk_is_full(false);
	ck_assert_int_eq(drive_file_close(from), 0);
	ck_assert_int_eq(cut(a, 0), 0);
	ck_assert_int_eq(drive_sync_disk(f.d), 0);
	ck_assert_int_eq(drive_sync_disk(f.d), 0);
	/* So the same frames serve again. */
	put(to, data, sizeof(data), 0);
	ck_assert_int_eq(drive_file_close(to), 0);
	ck_assert_int_eq(slab_size(), size);
	is_data(b, sizeof(data));
}
END_TEST

START_TEST(what_is_to_be_left_free_is_taken_off_once)
{
	struct drive_statfs s;
	struct drive_usage u;

	f.conf.free_floor = 64u << 20;
	fix_reopen(&f);
	drive_statfs(f.d, &s);
	drive_usage(f.d, &u);
	ck_assert_uint_gt(u.disk_free_bytes, 256u << 20);
	ck_assert_uint_ge(s.bavail * s.bsize + (32u << 20),
	    u.disk_free_bytes);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("accepted");
	TCase *t = tcase_create("accepted");
	SRunner *r;
	int failed;

	tcase_set_timeout(t, 60);
	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t,
	    a_drive_that_becomes_read_only_keeps_what_was_written);
	tcase_add_test(t,
	    what_could_not_be_committed_at_close_is_committed_later);
	tcase_add_test(t, a_deleted_file_is_not_kept);
	tcase_add_test(t,
	    files_that_are_always_written_to_do_not_hold_up_others);
	tcase_add_test(t, a_truncation_that_fails_has_cut_nothing);
	tcase_add_test(t, a_punch_that_fails_has_changed_nothing);
	tcase_add_test(t, a_block_that_cannot_be_sealed_early_is_sealed_later);
	tcase_add_test(t, a_copy_that_fails_holds_no_room);
	tcase_add_test(t, what_is_to_be_left_free_is_taken_off_once);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_ENV);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? 1 : 0;
}
