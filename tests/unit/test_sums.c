/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A few bytes of a block, read without the rest of it: they are the right
 * ones or none, whatever lies on the disk.
 */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "crypto/crypto.h"
#include "drive/cache.h"
#include "drive/content.h"
#include "drive/sums.h"
#include "tests/lib/fix_drive.h"

#define ROOT DRIVE_ROOT_INO
#define BLOCK 131072u
#define BLOCKS 8u
#define PART 4096u
#define LEN ((size_t)BLOCKS * BLOCK - 5000)

static struct fix f;
static uint8_t data[BLOCKS * BLOCK], back[BLOCK];
static uint64_t ino;
static struct drive_file *h;

static void
opened(uint64_t which)
{
	ck_assert_int_eq(drive_file_open(f.d, which, O_RDWR, &h), 0);
}

/* From the disk, with nothing opened in memory. */
static void
anew(void)
{
	ck_assert_int_eq(drive_file_close(h), 0);
	fix_reopen(&f);
	opened(ino);
}

static void
setup(void)
{
	fix_open(&f, 1, true);
	crypto_random(data, sizeof(data));
	ino = fix_mkfile(&f, ROOT, "f");
	opened(ino);
	ck_assert_int_eq(drive_write(h, data, LEN, 0), (ssize_t)LEN);
	anew();
}

static void
teardown(void)
{
	ck_assert_int_eq(drive_file_close(h), 0);
	fix_close(&f);
}

static void
path_of(const char *name, char path[96])
{
	(void)snprintf(path, 96, "%s/%s", f.dir, name);
}

/* Change a byte. */
static void
flip(const char *name, off_t at)
{
	char path[96];
	uint8_t c;
	int fd;

	path_of(name, path);
	fd = open(path, O_RDWR);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(pread(fd, &c, 1, at), 1);
	c ^= 1;
	ck_assert_int_eq(pwrite(fd, &c, 1, at), 1);
	ck_assert_int_eq(close(fd), 0);
}

static ssize_t
get(uint64_t off, size_t len)
{
	return drive_read(h, back, len, off, NULL);
}

static void
has(uint64_t off, size_t len)
{
	size_t n = off + len > LEN ? LEN - off : len;

	ck_assert_int_eq(get(off, len), (ssize_t)n);
	ck_assert_int_eq(memcmp(back, data + off, n), 0);
}

/* In an order that goes nowhere. */
static const unsigned order[] = { 5, 2, 7, 1, 4, 0, 6, 3 };

START_TEST(any_bytes_are_the_right_ones)
{
	static const unsigned at[] = { 1, 4095, 4096, 8191, 65537, 100000,
	    118500, BLOCK - 1, BLOCK - 4097 };
	static const unsigned len[] = { 1, 512, 4096, 4097, 12289, 16384 };
	unsigned i, k, n;

	for (i = 0; i < sizeof(at) / sizeof(*at); i++)
		for (n = 0; n < sizeof(len) / sizeof(*len); n++) {
			for (k = 0; k < BLOCKS; k++)
				if (order[k] * BLOCK + at[i] < LEN)
					has(order[k] * BLOCK + at[i], len[n]);
			if (n % 3 == 0)
				anew();
		}
}
END_TEST

/* With one part of a block spoiled, the others can be had. */
START_TEST(a_spoiled_part_is_not_shown)
{
	flip("blocks.dat", 3 * BLOCK + 9 * PART + 5);
	has(3 * BLOCK + 20 * PART, PART);
	has(3 * BLOCK + 8 * PART, PART);
	ck_assert_int_eq(get(3 * BLOCK + 9 * PART, PART), -EIO);
	ck_assert_int_eq(get(3 * BLOCK + 9 * PART + 4095, 1), -EIO);
	has(2 * BLOCK + 9 * PART, PART);
}
END_TEST

START_TEST(a_spoiled_sum_is_made_anew)
{
	off_t at = (4 * SUMS_PARTS + 7) * SUM_LEN;
	char path[96];
	uint8_t is[SUM_LEN], was[SUM_LEN];
	int fd;

	path_of("blocks.sum", path);
	fd = open(path, O_RDONLY);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(pread(fd, was, SUM_LEN, at), SUM_LEN);
	flip("blocks.sum", at + 3);
	has(4 * BLOCK + 7 * PART, PART);
	ck_assert_int_eq(pread(fd, is, SUM_LEN, at), SUM_LEN);
	ck_assert_mem_eq(is, was, SUM_LEN);
	ck_assert_int_eq(close(fd), 0);
}
END_TEST

START_TEST(sums_that_are_gone_or_of_something_else_do_no_harm)
{
	char path[96];
	unsigned k;

	path_of("blocks.sum", path);
	ck_assert_int_eq(truncate(path, 1000), 0);
	for (k = 0; k < BLOCKS; k++)
		has(order[k] * BLOCK + 11 * PART, 5000);
	anew();
	ck_assert_int_eq(unlink(path), 0);
	for (k = 0; k < BLOCKS; k++)
		has(order[k] * BLOCK + 13 * PART, 5000);
	anew();
	/* A folder in its place. */
	ck_assert_int_eq(unlink(path), 0);
	ck_assert_int_eq(mkdir(path, 0700), 0);
	anew();
	for (k = 0; k < BLOCKS; k++)
		has(order[k] * BLOCK + 17 * PART, 5000);
	ck_assert_int_eq(drive_write(h, data, BLOCK, 0), (ssize_t)BLOCK);
	anew();
	ck_assert_int_eq(rmdir(path), 0);
	has(3 * PART, PART);
}
END_TEST

/* A frame that was used again has other sums, or those of before. */
START_TEST(what_is_written_over_is_not_seen_again)
{
	unsigned k, round;

	for (round = 0; round < 4; round++) {
		for (k = 0; k < LEN; k++)
			data[k] ^= (uint8_t)(0x11 << round);
		ck_assert_int_eq(drive_write(h, data, LEN, 0), (ssize_t)LEN);
		ck_assert_int_eq(drive_fsync(h), 0);
		for (k = 0; k < BLOCKS; k++)
			has(order[k] * BLOCK + 21 * PART, PART);
	}
}
END_TEST

/* Its blocks are sealed under the key of the file that it is a copy of. */
START_TEST(a_copy_is_read_in_parts_too)
{
	uint64_t to = fix_mkfile(&f, ROOT, "copy");
	struct drive_file *c;
	unsigned k;

	ck_assert_int_eq(drive_file_open(f.d, to, O_RDWR, &c), 0);
	ck_assert_int_eq(drive_copy_range(h, 0, c, 0, LEN, NULL),
	    (ssize_t)LEN);
	ck_assert_int_eq(drive_file_close(c), 0);
	ino = to;
	anew();
	for (k = 0; k < BLOCKS; k++)
		has(order[k] * BLOCK + 5 * PART, PART);
}
END_TEST

/* One that is wanted again and again comes whole into memory. */
START_TEST(many_parts_of_a_block_bring_it_whole)
{
	const struct opened *o;
	struct block b;
	unsigned k;

	for (k = 0; k < 5; k++) {
		has(6 * BLOCK + (25 - 2 * k) * PART, PART);
		has(k % 2 * BLOCK + 3 * PART, PART);
	}
	mutex_lock(&f.d->db_lock);
	ck_assert_int_eq(block_get(f.d, ino, 6, &b), 1);
	mutex_unlock(&f.d->db_lock);
	o = cache_get(f.d->cache, ino, 6, b.bid);
	ck_assert_ptr_nonnull(o);
	cache_unref(f.d->cache, o);
	ck_assert_ptr_null(cache_get(f.d->cache, ino, 7, b.bid + 1));
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("sums");
	TCase *t = tcase_create("sums");
	SRunner *r;
	int failed;

	tcase_set_timeout(t, 60);
	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, any_bytes_are_the_right_ones);
	tcase_add_test(t, a_spoiled_part_is_not_shown);
	tcase_add_test(t, a_spoiled_sum_is_made_anew);
	tcase_add_test(t, sums_that_are_gone_or_of_something_else_do_no_harm);
	tcase_add_test(t, what_is_written_over_is_not_seen_again);
	tcase_add_test(t, a_copy_is_read_in_parts_too);
	tcase_add_test(t, many_parts_of_a_block_bring_it_whole);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_ENV);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? 1 : 0;
}
