/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <check.h>
#include <stdlib.h>
#include <sys/time.h>

#include "drive/drive.h"

/* The program's sources are not in the library. */
#include "fs/place.c"
#include "fs/png.c"
#include "fs/preview.c"
#include "fs/thumbcache.c"

static char top[64];
static struct thumbcache t;
static struct stat drive;	/* what the drive is mounted as */

/* Of mountpoint.c. */
int
mounted_at(const char *real, struct mounted *ret)
{
	ck_assert_str_eq(real, "/mnt/Coffre");
	ret->major = major(drive.st_dev);
	ret->minor = minor(drive.st_dev);
	return drive.st_dev ? 0 : -ENOENT;
}

static void
begin(void)
{
	memset(&drive, 0, sizeof(drive));
	(void)snprintf(top, sizeof(top), "/tmp/coffre-unit.XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(top));
	ck_assert_int_eq(setenv("XDG_CACHE_HOME", top, 1), 0);
	ck_assert_int_eq(thumbcache_init(&t, "/mnt/Coffre", 0), 0);
}

static void
end(void)
{
	char command[128];

	(void)snprintf(command, sizeof(command), "rm -r %s", top);
	ck_assert_int_eq(system(command), 0);
}

static void
chunk_put(struct buf *b, const char *type, const void *p, size_t n)
{
	uint8_t four[4];
	size_t at;

	put_be32(four, (uint32_t)n);
	(void)buf_put(b, four, 4);
	at = b->len;
	(void)buf_put(b, type, 4);
	(void)buf_put(b, p, n);
	put_be32(four, crc(0, b->data + at, n + 4));
	ck_assert_int_eq(buf_put(b, four, 4), 0);
}

static int
picture(const char *path)
{
	static const uint8_t head[HEAD_LEN] = { 0, 0, 0, 1, 0, 0, 0, 1, 8 };
	struct buf b = BUF_INIT(1000);
	struct preview v = { .mtime_ns = -5, .size = 5000 };
	int r;

	(void)buf_put(&b, sign, SIGN_LEN);
	chunk_put(&b, "IHDR", head, HEAD_LEN);
	chunk_put(&b, "IDAT", "data", 4);
	chunk_put(&b, "IEND", NULL, 0);
	v.png = b.data;
	v.png_len = b.len;
	r = thumbcache_put(&t, path, &v);
	buf_done(&b);
	return r;
}

static unsigned
pictures(void)
{
	struct dirent *e;
	unsigned n = 0;
	DIR *d;

	d = opendir(t.pictures);
	while (d && (e = readdir(d)) != NULL)
		n += e->d_name[0] != '.';
	if (d)
		(void)closedir(d);
	return n;
}

/* All pictures get that time. */
static void
age(time_t sec, long nsec)
{
	struct timespec ts[2] = { { sec, nsec }, { sec, nsec } };
	struct dirent *e;
	DIR *d;

	d = opendir(t.pictures);
	ck_assert_ptr_nonnull(d);
	while ((e = readdir(d)) != NULL) {
		if (e->d_name[0] != '.')
			ck_assert_int_eq(utimensat(dirfd(d), e->d_name, ts,
			    0), 0);
	}
	(void)closedir(d);
}

static bool
never(void *arg)
{
	(void)arg;
	return false;
}

START_TEST(what_is_put_there_meanwhile_is_spared)
{
	const struct timespec start = { 1000, 500 };

	ck_assert_int_eq(picture("/a.jpg"), 0);
	ck_assert_uint_eq(pictures(), 1);
	ck_assert_int_eq(thumbcache_sweep(&t, &start, never, NULL), 0);
	ck_assert_uint_eq(pictures(), 1);
	age(1000, 500);
	ck_assert_int_eq(thumbcache_sweep(&t, &start, never, NULL), 0);
	ck_assert_uint_eq(pictures(), 1);
	age(1000, 0);		/* perhaps later in that second */
	ck_assert_int_eq(thumbcache_sweep(&t, &start, never, NULL), 0);
	ck_assert_uint_eq(pictures(), 1);
	age(1000, 499);
	ck_assert_int_eq(thumbcache_sweep(&t, &start, never, NULL), 0);
	ck_assert_uint_eq(pictures(), 0);
	ck_assert_int_eq(picture("/a.jpg"), 0);
	age(999, 600);
	ck_assert_int_eq(thumbcache_sweep(&t, &start, never, NULL), 0);
	ck_assert_uint_eq(pictures(), 0);
	ck_assert_int_eq(picture("/a.jpg"), 0);
	ck_assert_int_eq(thumbcache_sweep(&t, NULL, never, NULL), 0);
	ck_assert_uint_eq(pictures(), 0);
}
END_TEST

static bool
at_once(void *arg)
{
	(void)arg;
	return true;
}

/* Whoever has no time for all of them is told that there are more. */
START_TEST(a_sweep_that_is_cut_short_says_so)
{
	ck_assert_int_eq(picture("/a.jpg"), 0);
	ck_assert_int_eq(thumbcache_sweep(&t, NULL, at_once, NULL), -ETIME);
	ck_assert_uint_eq(pictures(), 1);
	ck_assert_int_eq(thumbcache_sweep(&t, NULL, never, NULL), 0);
	ck_assert_uint_eq(pictures(), 0);
}
END_TEST

START_TEST(a_cache_that_lies_on_the_drive_is_let_alone)
{
	ck_assert_int_eq(picture("/a.jpg"), 0);
	ck_assert_int_eq(stat(t.pictures, &drive), 0);
	if (major(drive.st_dev) != 0)
		return;		/* a disk is not what we would mount */
	ck_assert_int_eq(picture("/b.jpg"), -EXDEV);
	ck_assert_int_eq(thumbcache_sweep(&t, NULL, never, NULL), -EXDEV);
	ck_assert_uint_eq(pictures(), 1);
	drive.st_dev++;
	ck_assert_int_eq(picture("/b.jpg"), 0);
	ck_assert_int_eq(thumbcache_sweep(&t, NULL, never, NULL), 0);
	ck_assert_uint_eq(pictures(), 0);
}
END_TEST

static Suite *
suite(void)
{
	Suite *s = suite_create("thumbcache");
	TCase *c = tcase_create("thumbcache");

	tcase_add_checked_fixture(c, begin, end);
	tcase_add_test(c, what_is_put_there_meanwhile_is_spared);
	tcase_add_test(c, a_sweep_that_is_cut_short_says_so);
	tcase_add_test(c, a_cache_that_lies_on_the_drive_is_let_alone);
	suite_add_tcase(s, c);
	return s;
}

int
main(void)
{
	SRunner *r = srunner_create(suite());
	int failed;

	srunner_run_all(r, CK_ENV);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? 1 : 0;
}
