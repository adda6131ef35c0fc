/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The outbox: what is left of several changes is published, and all of what
 * they made.
 */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "tests/lib/fix_drive.h"
#include "tests/lib/fix_outbox.h"

#define ROOT DRIVE_ROOT_INO
#define WHITEOUT 4

static struct fix f;
static struct fix_log jrn;

static void
setup(void)
{
	fix_begin(&f, &jrn);
}

static void
teardown(void)
{
	fix_end(&f, &jrn);
}

START_TEST(what_was_made_and_deleted_here_never_travels)
{
	uint64_t ino = fix_write(&f, ROOT, "a", "x"), d;

	ck_assert_int_eq(drive_unlink(f.d, ROOT, "a"), 0);
	drive_forget(f.d, ino);
	d = fix_mkdir(&f, ROOT, "d");
	(void)fix_write(&f, d, "b", "y");
	ck_assert_int_eq(drive_unlink(f.d, d, "b"), 0);
	ck_assert_int_eq(drive_rmdir(f.d, ROOT, "d"), 0);
	/* the top folder's times are all that is left */
	ck_assert_uint_eq(fix_waiting(&f), 1);
	fix_publish_all(&f, &jrn);
	ck_assert_uint_eq(jrn.n, 1);
	ck_assert_uint_eq(fix_last(&jrn)->ops.n, 1);
	ck_assert_uint_eq(fix_last(&jrn)->ops.ops[0].type, OP_ATTR);
}
END_TEST

START_TEST(ten_writes_are_one_version)
{
	char text[32];
	int k;

	for (k = 0; k < 10; k++) {
		(void)snprintf(text, sizeof(text), "version %d", k);
		(void)fix_write(&f, ROOT, "a", text);
	}
	fix_publish_all(&f, &jrn);
	ck_assert_uint_eq(jrn.n, 1);
	ck_assert_uint_eq(fix_count(fix_last(&jrn), OP_CREATE), 1);
	ck_assert_uint_eq(fix_count(fix_last(&jrn), OP_PLACE), 1);
	ck_assert_uint_eq(fix_count(fix_last(&jrn), OP_PUT), 1);
	fix_same_elsewhere(&f, &jrn);
	for (k = 0; k < 10; k++)
		(void)fix_write(&f, ROOT, "a", "again");
	fix_publish_all(&f, &jrn);
	ck_assert_uint_eq(jrn.n, 2);
	ck_assert_uint_eq(fix_count(fix_last(&jrn), OP_PUT), 1);
	ck_assert_uint_eq(fix_count(fix_last(&jrn), OP_CREATE), 0);
	fix_same_elsewhere(&f, &jrn);
}
END_TEST

START_TEST(a_move_before_publication_is_a_place_only)
{
	uint64_t d = fix_mkdir(&f, ROOT, "d");

	(void)fix_write(&f, ROOT, "a", "x");
	ck_assert_int_eq(drive_rename(f.d, ROOT, "a", d, "b", 0), 0);
	fix_publish_all(&f, &jrn);
	ck_assert_uint_eq(fix_count(fix_last(&jrn), OP_PLACE), 2);
	ck_assert_uint_eq(fix_count(fix_last(&jrn), OP_DELETE), 0);
	fix_same_elsewhere(&f, &jrn);
	ck_assert_int_eq(drive_rename(f.d, d, "b", ROOT, "c", 0), 0);
	fix_publish_all(&f, &jrn);
	ck_assert_uint_eq(fix_count(fix_last(&jrn), OP_PLACE), 1);
	ck_assert_uint_eq(fix_count(fix_last(&jrn), OP_PUT), 0);
	fix_same_elsewhere(&f, &jrn);
}
END_TEST

START_TEST(what_is_renamed_leaves_a_whiteout_behind)
{
	uint64_t d = fix_mkdir(&f, ROOT, "d"), ino;
	struct drive_attr a;

	ino = fix_write(&f, ROOT, "a", "x");
	fix_publish_all(&f, &jrn);
	ck_assert_int_eq(drive_rename_as(f.d, &fix_me, ROOT, "a", d, "b",
	    WHITEOUT), 0);
	ck_assert_uint_eq(fix_find(&f, "d/b"), ino);
	ck_assert_int_eq(drive_lookup(f.d, ROOT, "a", &a), 0);
	ck_assert_uint_eq(a.mode, S_IFCHR);
	ck_assert_uint_eq(a.rdev, 0);
	fix_publish_all(&f, &jrn);
	fix_same_elsewhere(&f, &jrn);
	ck_assert_int_eq(drive_rename_as(f.d, &fix_me, d, "b", ROOT, "a",
	    WHITEOUT), 0);
	ck_assert_uint_eq(fix_find(&f, "a"), ino);
	fix_publish_all(&f, &jrn);
	fix_same_elsewhere(&f, &jrn);
	/* Nobody's would belong to nobody. */
	ck_assert_int_eq(drive_rename(f.d, ROOT, "a", ROOT, "c", WHITEOUT),
	    -EINVAL);
}
END_TEST

START_TEST(hard_links_travel_and_outlive_the_first_name)
{
	uint64_t ino = fix_write(&f, ROOT, "a", "x");
	struct drive_attr a;

	ck_assert_int_eq(drive_link(f.d, ino, ROOT, "b", &a), 0);
	ck_assert_int_eq(drive_unlink(f.d, ROOT, "a"), 0);
	fix_publish_all(&f, &jrn);
	fix_same_elsewhere(&f, &jrn);
	ck_assert_int_eq(drive_link(f.d, ino, ROOT, "c", &a), 0);
	fix_publish_all(&f, &jrn);
	fix_same_elsewhere(&f, &jrn);
	ck_assert_int_eq(drive_unlink(f.d, ROOT, "b"), 0);
	fix_publish_all(&f, &jrn);
	ck_assert_uint_eq(fix_count(fix_last(&jrn), OP_DELETE), 1);
	fix_same_elsewhere(&f, &jrn);
	(void)fix_write(&f, ROOT, "c", "changed");
	ck_assert_int_eq(drive_unlink(f.d, ROOT, "c"), 0);
	fix_publish_all(&f, &jrn);
	ck_assert_uint_eq(fix_count(fix_last(&jrn), OP_PUT), 0);
	fix_same_elsewhere(&f, &jrn);
}
END_TEST

START_TEST(every_attribute_travels)
{
	uint64_t d = fix_mkdir(&f, ROOT, "d"), ino = fix_mkfile(&f, d, "f");
	struct drive_attr a, in = { .mode = 0751, .uid = 7, .gid = 8,
	    .mtime_ns = 1, .atime_ns = 2 };

	ck_assert_int_eq(drive_symlink(f.d, &fix_me, d, "l", "to/where", &a),
	    0);
	ck_assert_int_eq(drive_mknod(f.d, &fix_me, d, "p", S_IFIFO | 0600,
	    &a), 0);
	ck_assert_int_eq(drive_setxattr(f.d, &fix_me, ino, "user.k", "v", 1,
	    0), 0);
	ck_assert_int_eq(drive_setxattr(f.d, &fix_me, d, "user.d", "w", 1,
	    0), 0);
	fix_publish_all(&f, &jrn);
	fix_same_elsewhere(&f, &jrn);
	ck_assert_int_eq(drive_setattr(f.d, &fix_root, ino, &in,
	    DRIVE_SET_MODE | DRIVE_SET_UID | DRIVE_SET_GID |
	    DRIVE_SET_MTIME | DRIVE_SET_ATIME, &a), 0);
	ck_assert_int_eq(drive_removexattr(f.d, &fix_me, ino, "user.k"), 0);
	ck_assert_int_eq(drive_setxattr(f.d, &fix_me, d, "user.d", "2", 1,
	    0), 0);
	fix_publish_all(&f, &jrn);
	ck_assert_uint_eq(fix_count(fix_last(&jrn), OP_XATTR), 2);
	fix_same_elsewhere(&f, &jrn);
}
END_TEST

static void
give_preview(uint64_t ino)
{
	struct drive_attr a = fix_attr(&f, ino);

	ck_assert_int_eq(drive_preview_set(f.d, ino, &a, "pic", 3), 0);
	fix_publish_all(&f, &jrn);
	ck_assert_uint_eq(fix_count(fix_last(&jrn), OP_XATTR), 1);
}

static void
has_none(uint64_t ino)
{
	uint8_t *p = NULL;

	ck_assert_int_eq(drive_preview_get(f.d, ino, &p), -ENODATA);
}

START_TEST(a_preview_goes_with_the_content_that_it_shows)
{
	uint64_t ino = fix_write(&f, ROOT, "a", "a face"), there;
	struct drive_attr a = fix_attr(&f, ino), in = { .size = 3,
	    .mtime_ns = a.mtime_ns };
	struct drive_file *h;
	uint8_t *p = NULL;
	struct fix g;

	ck_assert_int_eq(drive_setxattr(f.d, &fix_me, ino, "user.k", "v", 1,
	    0), 0);
	fix_publish_all(&f, &jrn);
	give_preview(ino);
	/* Other attributes change nothing about it. */
	ck_assert_int_eq(drive_setattr(f.d, &fix_root, ino, &in,
	    DRIVE_SET_MTIME, &a), 0);
	ck_assert_int_eq(drive_preview_get(f.d, ino, &p), 3);
	free(p);
	fix_publish_all(&f, &jrn);
	/* Painted over, with the times and size that it had. */
	ck_assert_int_eq(drive_file_open(f.d, ino, O_RDWR, &h), 0);
	ck_assert_int_eq(drive_write(h, "no", 2, 0), 2);
	ck_assert_int_eq(drive_file_close(h), 0);
	ck_assert_int_eq(drive_setattr(f.d, &fix_root, ino, &in,
	    DRIVE_SET_MTIME, &a), 0);
	has_none(ino);
	fix_publish_all(&f, &jrn);
	ck_assert_uint_eq(fix_count(fix_last(&jrn), OP_PUT), 1);
	ck_assert_uint_eq(fix_count(fix_last(&jrn), OP_XATTR), 1);
	fix_same_elsewhere(&f, &jrn);
	fix_open(&g, 2, true);
	fix_rebuild(&g, &jrn, 0, &f.conf.dev);
	there = fix_find(&g, "a");
	ck_assert_int_eq(drive_preview_get(g.d, there, &p), -ENODATA);
	ck_assert_int_eq(drive_getxattr(g.d, there, "user.k", NULL, 0), 1);
	fix_close(&g);
	give_preview(ino);
	ck_assert_int_eq(drive_setattr(f.d, &fix_root, ino, &in,
	    DRIVE_SET_SIZE, &a), 0);
	has_none(ino);
	/* Content that has to be uploaded first does not hold it up. */
	give_preview(ino);
	(void)fix_write_long(&f, ROOT, "a");
	ck_assert_uint_gt(fix_publish_held(&f), 0);
	has_none(ino);
	fix_publish_all(&f, &jrn);
	fix_same_elsewhere(&f, &jrn);
	/* A file that never had one says nothing of it. */
	ino = fix_write(&f, ROOT, "b", "x");
	ck_assert_int_eq(drive_setxattr(f.d, &fix_me, ino, "user.k", "v", 1,
	    0), 0);
	fix_publish_all(&f, &jrn);
	(void)fix_write(&f, ROOT, "b", "y");
	fix_publish_all(&f, &jrn);
	ck_assert_uint_eq(fix_count(fix_last(&jrn), OP_XATTR), 0);
}
END_TEST

START_TEST(attributes_too_many_for_one_segment_take_several)
{
	uint64_t ino[2] = { fix_mkfile(&f, ROOT, "f"),
	    fix_mkfile(&f, ROOT, "g") };
	static char value[60000];
	char name[32];
	unsigned n = 0;
	size_t k;
	int j;

	for (j = 0; j < 30; j++) {
		(void)snprintf(name, sizeof(name), "user.%d", j);
		memset(value, 'a' + j % 26, sizeof(value));
		ck_assert_int_eq(drive_setxattr(f.d, &fix_me, ino[j % 2],
		    name, value, sizeof(value), 0), 0);
	}
	fix_publish_all(&f, &jrn);
	ck_assert_uint_ge(jrn.n, 2);
	for (k = 0; k < jrn.n; k++)
		n += fix_count(&jrn.segs[k], OP_XATTR);
	ck_assert_uint_eq(n, 30);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("outbox: folding");
	TCase *t = tcase_create("folding");
	SRunner *r;
	int failed;

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_set_timeout(t, 300);
	tcase_add_test(t, what_was_made_and_deleted_here_never_travels);
	tcase_add_test(t, ten_writes_are_one_version);
	tcase_add_test(t, a_move_before_publication_is_a_place_only);
	tcase_add_test(t, what_is_renamed_leaves_a_whiteout_behind);
	tcase_add_test(t, hard_links_travel_and_outlive_the_first_name);
	tcase_add_test(t, every_attribute_travels);
	tcase_add_test(t, a_preview_goes_with_the_content_that_it_shows);
	tcase_add_test(t, attributes_too_many_for_one_segment_take_several);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_ENV);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? 1 : 0;
}
