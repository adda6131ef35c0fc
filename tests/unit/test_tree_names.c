/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The tree: what each operation does to names and links, and that it does
 * nothing on a drive that is read-only.
 */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "tests/lib/fix_drive.h"
#include "util/buf.h"

#define ROOT DRIVE_ROOT_INO
#define NOREPLACE 1
#define EXCHANGE 2

static struct fix f;

static void
setup(void)
{
	fix_open(&f, 1, true);
}

static void
teardown(void)
{
	fix_fsck(&f);
	fix_close(&f);
}

static int
mknod_r(uint64_t parent, const char *name, mode_t mode)
{
	struct drive_attr a;

	return drive_mknod(f.d, &fix_me, parent, name, mode, &a);
}

/* ---- names --------------------------------------------------------------- */

START_TEST(a_made_file_is_found_with_its_attributes)
{
	uint64_t ino = fix_mkfile(&f, ROOT, "a");
	struct drive_attr a;

	ck_assert_int_eq(drive_lookup(f.d, ROOT, "a", &a), 0);
	ck_assert_uint_eq(a.ino, ino);
	ck_assert_uint_eq(a.mode, S_IFREG | 0644);
	ck_assert_uint_eq(a.nlink, 1);
	ck_assert_uint_eq(a.uid, 1000);
	ck_assert_int_eq(drive_lookup(f.d, ROOT, "A", &a), -ENOENT);
	ck_assert_int_eq(drive_lookup(f.d, ino, "x", &a), -ENOTDIR);
	ck_assert_int_eq(drive_lookup(f.d, 99999, "x", &a), -ENOENT);
}
END_TEST

START_TEST(names_are_any_bytes_up_to_255)
{
	struct drive_attr a;
	char name[300];
	int k;

	for (k = 1; k < 256; k++) {
		name[0] = (char)k;
		name[1] = '\0';
		if (k == '/' || k == '.')
			continue;
		ck_assert_int_eq(mknod_r(ROOT, name, S_IFREG | 0600), 0);
	}
	memset(name, 'n', sizeof(name));
	name[255] = '\0';
	ck_assert_int_eq(mknod_r(ROOT, name, S_IFREG | 0600), 0);
	ck_assert_int_eq(mknod_r(ROOT, name, S_IFREG | 0600), -EEXIST);
	name[255] = 'n';
	name[256] = '\0';
	ck_assert_int_eq(mknod_r(ROOT, name, S_IFREG | 0600), -ENAMETOOLONG);
	ck_assert_int_eq(mknod_r(ROOT, "", S_IFREG | 0600), -ENOENT);
	ck_assert_int_eq(mknod_r(ROOT, ".", S_IFREG | 0600), -EEXIST);
	ck_assert_int_eq(mknod_r(ROOT, "..", S_IFDIR | 0700), -EEXIST);
	ck_assert_int_eq(mknod_r(ROOT, "a/b", S_IFREG | 0600), -EINVAL);
	ck_assert_int_eq(drive_mkdev(f.d, &fix_me, ROOT, "null",
	    S_IFCHR | 0600, makedev(1, 3), &a), 0);
	ck_assert_int_eq(drive_mkdev(f.d, &fix_me, ROOT, "last",
	    S_IFBLK | 0600, makedev(4095, 1048575), &a), 0);
	ck_assert_int_eq(drive_mkdev(f.d, &fix_me, ROOT, "more",
	    S_IFBLK | 0600, makedev(4096, 0), &a), -EINVAL);
	ck_assert_int_eq(mknod_r(ROOT, "fifo", S_IFIFO | 0600), 0);
	ck_assert_int_eq(mknod_r(ROOT, "sock", S_IFSOCK | 0600), 0);
	ck_assert_uint_eq(fix_attr(&f, fix_find(&f, "fifo")).mode & S_IFMT,
	    S_IFIFO);
	ck_assert_uint_eq(fix_attr(&f, fix_find(&f, "sock")).mode & S_IFMT,
	    S_IFSOCK);
	a = fix_attr(&f, fix_find(&f, "null"));
	ck_assert_uint_eq(a.mode & S_IFMT, S_IFCHR);
	ck_assert_uint_eq(a.rdev, makedev(1, 3));
	a = fix_attr(&f, fix_find(&f, "last"));
	ck_assert_uint_eq(a.mode & S_IFMT, S_IFBLK);
	ck_assert_uint_eq(a.rdev, makedev(4095, 1048575));
}
END_TEST

START_TEST(links_of_folders_count_their_subfolders)
{
	uint64_t a = fix_mkdir(&f, ROOT, "a"), b = fix_mkdir(&f, a, "b");

	(void)fix_mkfile(&f, a, "file");
	ck_assert_uint_eq(fix_attr(&f, ROOT).nlink, 3);
	ck_assert_uint_eq(fix_attr(&f, a).nlink, 3);
	ck_assert_uint_eq(fix_attr(&f, b).nlink, 2);
	ck_assert_int_eq(drive_rename(f.d, a, "b", ROOT, "b", 0), 0);
	ck_assert_uint_eq(fix_attr(&f, ROOT).nlink, 4);
	ck_assert_uint_eq(fix_attr(&f, a).nlink, 2);
	ck_assert_int_eq(drive_rmdir(f.d, ROOT, "b"), 0);
	ck_assert_uint_eq(fix_attr(&f, ROOT).nlink, 3);
}
END_TEST

START_TEST(a_symlink_keeps_its_target_and_size)
{
	struct drive_attr a;
	char out[5000], longest[4097];

	ck_assert_int_eq(drive_symlink(f.d, &fix_me, ROOT, "l", "../x", &a),
	    0);
	ck_assert_uint_eq(a.mode, S_IFLNK | 0777);
	ck_assert_uint_eq(a.size, 4);
	ck_assert_int_eq(drive_readlink(f.d, a.ino, out, sizeof(out)), 0);
	ck_assert_str_eq(out, "../x");
	ck_assert_int_eq(drive_readlink(f.d, a.ino, out, 4), -ENAMETOOLONG);
	ck_assert_int_eq(drive_readlink(f.d, ROOT, out, 4), -EINVAL);
	memset(longest, 't', sizeof(longest));
	longest[4096] = '\0';
	ck_assert_int_eq(drive_symlink(f.d, &fix_me, ROOT, "m", longest, &a),
	    -ENAMETOOLONG);
	longest[4095] = '\0';
	ck_assert_int_eq(drive_symlink(f.d, &fix_me, ROOT, "m", longest, &a),
	    0);
	ck_assert_int_eq(drive_readlink(f.d, a.ino, out, sizeof(out)), 0);
	ck_assert_str_eq(out, longest);
	ck_assert_int_eq(drive_symlink(f.d, &fix_me, ROOT, "e", "", &a),
	    -ENOENT);
}
END_TEST

START_TEST(hard_links_share_an_inode_until_the_last_is_gone)
{
	uint64_t ino = fix_write(&f, ROOT, "a", "text"), dir;
	struct drive_attr a;

	dir = fix_mkdir(&f, ROOT, "d");
	ck_assert_int_eq(drive_link(f.d, ino, dir, "b", &a), 0);
	ck_assert_uint_eq(a.nlink, 2);
	ck_assert_int_eq(drive_link(f.d, ino, dir, "b", &a), -EEXIST);
	ck_assert_int_eq(drive_link(f.d, dir, ROOT, "dd", &a), -EPERM);
	ck_assert_int_eq(drive_unlink(f.d, ROOT, "a"), 0);
	ck_assert_uint_eq(fix_find(&f, "d/b"), ino);
	ck_assert_uint_eq(fix_attr(&f, ino).nlink, 1);
	ck_assert_int_eq(drive_unlink(f.d, dir, "b"), 0);
	ck_assert_uint_eq(fix_attr(&f, ino).nlink, 0);
	ck_assert_int_eq(drive_link(f.d, ino, ROOT, "z", &a), -ENOENT);
	drive_forget(f.d, ino);
	ck_assert_int_eq(drive_getattr(f.d, ino, &a), -ENOENT);
}
END_TEST

START_TEST(removing_follows_what_it_removes)
{
	uint64_t a = fix_mkdir(&f, ROOT, "a");

	(void)fix_mkfile(&f, a, "f");
	ck_assert_int_eq(drive_rmdir(f.d, ROOT, "a"), -ENOTEMPTY);
	ck_assert_int_eq(drive_unlink(f.d, ROOT, "a"), -EISDIR);
	ck_assert_int_eq(drive_rmdir(f.d, a, "f"), -ENOTDIR);
	ck_assert_int_eq(drive_unlink(f.d, a, "g"), -ENOENT);
	ck_assert_int_eq(drive_rmdir(f.d, ROOT, "."), -EINVAL);
	ck_assert_int_eq(drive_rmdir(f.d, ROOT, ".."), -ENOTEMPTY);
	ck_assert_int_eq(drive_unlink(f.d, a, "f"), 0);
	ck_assert_int_eq(drive_rmdir(f.d, ROOT, "a"), 0);
	/* A removed folder that somebody stands in takes nothing. */
	ck_assert_int_eq(mknod_r(a, "x", S_IFREG | 0600), -ENOENT);
}
END_TEST

START_TEST(an_open_file_outlives_its_name)
{
	uint64_t ino = fix_write(&f, ROOT, "a", "hello");
	struct drive_file *h;
	struct drive_attr a;
	char out[8];

	ck_assert_int_eq(drive_file_open(f.d, ino, O_RDWR, &h), 0);
	ck_assert_int_eq(drive_unlink(f.d, ROOT, "a"), 0);
	drive_forget(f.d, ino);
	ck_assert_int_eq(drive_getattr(f.d, ino, &a), 0);
	ck_assert_uint_eq(a.nlink, 0);
	ck_assert_int_eq(drive_read(h, out, sizeof(out), 0, NULL), 5);
	ck_assert_int_eq(memcmp(out, "hello", 5), 0);
	ck_assert_int_eq(drive_write(h, "j", 1, 0), 1);
	ck_assert_int_eq(drive_file_close(h), 0);
	ck_assert_int_eq(drive_getattr(f.d, ino, &a), -ENOENT);
}
END_TEST

START_TEST(a_path_is_told_for_people)
{
	struct buf b = BUF_INIT(1000);
	struct drive_attr a;
	uint64_t ino = fix_mkfile(&f, fix_mkdir(&f, fix_mkdir(&f, ROOT, "a"),
	    "b"), "c");

	ck_assert_int_eq(drive_path(f.d, ino, &b), 0);
	ck_assert_str_eq(buf_cstr(&b), "/a/b/c");
	ck_assert_int_eq(drive_link(f.d, ino, ROOT, "z", &a), 0);
	ck_assert_int_eq(drive_unlink(f.d, fix_find(&f, "a/b"), "c"), 0);
	buf_reset(&b);
	ck_assert_int_eq(drive_path(f.d, ino, &b), 0);
	ck_assert_str_eq(buf_cstr(&b), "/z");
	buf_reset(&b);
	ck_assert_int_eq(drive_path(f.d, ROOT, &b), 0);
	ck_assert_str_eq(buf_cstr(&b), "/");
	buf_done(&b);
}
END_TEST

START_TEST(read_only_refuses_every_change_and_nothing_else)
{
	uint64_t ino = fix_mkfile(&f, ROOT, "f");
	struct drive_attr a, in = { .mode = 0600 };

	drive_set_readonly(f.d, true);
	ck_assert_int_eq(mknod_r(ROOT, "g", S_IFREG | 0600), -EROFS);
	ck_assert_int_eq(drive_unlink(f.d, ROOT, "f"), -EROFS);
	ck_assert_int_eq(drive_rename(f.d, ROOT, "f", ROOT, "g", 0), -EROFS);
	ck_assert_int_eq(drive_setattr(f.d, &fix_me, ino, &in,
	    DRIVE_SET_MODE, &a), -EROFS);
	ck_assert_int_eq(drive_setattr(f.d, &fix_me, ino, &in,
	    DRIVE_SET_SIZE, &a), -EROFS);
	ck_assert_int_eq(drive_setxattr(f.d, &fix_me, ino, "user.a", "1", 1,
	    0), -EROFS);
	ck_assert_int_eq(drive_lookup(f.d, ROOT, "f", &a), 0);
	drive_set_readonly(f.d, false);
	ck_assert_int_eq(drive_unlink(f.d, ROOT, "f"), 0);
}
END_TEST

/* ---- rename -------------------------------------------------------------- */

START_TEST(rename_refuses_what_linux_refuses)
{
	uint64_t a = fix_mkdir(&f, ROOT, "a"), b = fix_mkdir(&f, a, "b");

	(void)fix_mkfile(&f, ROOT, "f");
	(void)fix_mkfile(&f, b, "g");
	(void)fix_mkdir(&f, ROOT, "full");
	(void)fix_mkfile(&f, fix_find(&f, "full"), "x");
	ck_assert_int_eq(drive_rename(f.d, ROOT, "a", b, "c", 0), -EINVAL);
	ck_assert_int_eq(drive_rename(f.d, ROOT, "a", a, "c", 0), -EINVAL);
	ck_assert_int_eq(drive_rename(f.d, ROOT, "a", ROOT, "f", 0),
	    -ENOTDIR);
	ck_assert_int_eq(drive_rename(f.d, ROOT, "f", ROOT, "a", 0),
	    -EISDIR);
	ck_assert_int_eq(drive_rename(f.d, ROOT, "a", ROOT, "full", 0),
	    -ENOTEMPTY);
	ck_assert_int_eq(drive_rename(f.d, a, "b", ROOT, "a", 0),
	    -ENOTEMPTY);
	ck_assert_int_eq(drive_rename(f.d, ROOT, "zz", ROOT, "y", 0),
	    -ENOENT);
	ck_assert_int_eq(drive_rename(f.d, ROOT, "f", ROOT, "a", NOREPLACE),
	    -EEXIST);
	ck_assert_int_eq(drive_rename(f.d, ROOT, "f", ROOT, "n", EXCHANGE),
	    -ENOENT);
	ck_assert_int_eq(drive_rename(f.d, ROOT, "a", b, "g", EXCHANGE),
	    -EINVAL);
	ck_assert_int_eq(drive_rename(f.d, b, "g", ROOT, "a", EXCHANGE),
	    -EINVAL);
	ck_assert_int_eq(drive_rename(f.d, ROOT, "f", ROOT, "g",
	    NOREPLACE | EXCHANGE), -EINVAL);
	ck_assert_int_eq(drive_rename(f.d, ROOT, "f", ROOT, "g", 4),
	    -EINVAL);
	ck_assert_int_eq(drive_rename(f.d, ROOT, "f", ROOT, "..", 0),
	    -EBUSY);
}
END_TEST

START_TEST(rename_over_replaces_and_frees_the_old)
{
	uint64_t a = fix_write(&f, ROOT, "a", "new"), b, d;
	struct drive_attr at;

	b = fix_write(&f, ROOT, "b", "old");
	ck_assert_int_eq(drive_rename(f.d, ROOT, "a", ROOT, "b", 0), 0);
	ck_assert_uint_eq(fix_find(&f, "b"), a);
	ck_assert_uint_eq(fix_find(&f, "a"), 0);
	ck_assert_uint_eq(fix_attr(&f, b).nlink, 0);
	drive_forget(f.d, b);
	ck_assert_int_eq(drive_getattr(f.d, b, &at), -ENOENT);
	/* an empty folder over an empty one */
	d = fix_mkdir(&f, ROOT, "d");
	(void)fix_mkdir(&f, ROOT, "e");
	ck_assert_uint_eq(fix_attr(&f, ROOT).nlink, 4);
	ck_assert_int_eq(drive_rename(f.d, ROOT, "d", ROOT, "e", 0), 0);
	ck_assert_uint_eq(fix_find(&f, "e"), d);
	ck_assert_uint_eq(fix_attr(&f, ROOT).nlink, 3);
}
END_TEST

START_TEST(two_names_of_one_file_are_not_renamed)
{
	uint64_t a = fix_mkfile(&f, ROOT, "a");
	struct drive_attr at;

	ck_assert_int_eq(drive_link(f.d, a, ROOT, "b", &at), 0);
	ck_assert_int_eq(drive_rename(f.d, ROOT, "a", ROOT, "b", 0), 0);
	ck_assert_uint_eq(fix_find(&f, "a"), a);
	ck_assert_uint_eq(fix_find(&f, "b"), a);
	ck_assert_uint_eq(fix_attr(&f, a).nlink, 2);
}
END_TEST

START_TEST(exchange_swaps_a_file_and_a_folder)
{
	uint64_t d = fix_mkdir(&f, ROOT, "d"), e = fix_mkdir(&f, d, "e");
	uint64_t x = fix_mkfile(&f, ROOT, "x");

	ck_assert_int_eq(drive_rename(f.d, ROOT, "x", d, "e", EXCHANGE), 0);
	ck_assert_uint_eq(fix_find(&f, "x"), e);
	ck_assert_uint_eq(fix_find(&f, "d/e"), x);
	ck_assert_uint_eq(fix_attr(&f, d).nlink, 2);
	ck_assert_uint_eq(fix_attr(&f, ROOT).nlink, 4);
	/* and below the moved folder everything is still found */
	(void)fix_mkfile(&f, e, "deep");
	ck_assert_uint_ne(fix_find(&f, "x/deep"), 0);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("tree: names");
	TCase *t = tcase_create("names");
	SRunner *r;
	int failed;

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_set_timeout(t, 120);
	tcase_add_test(t, a_made_file_is_found_with_its_attributes);
	tcase_add_test(t, names_are_any_bytes_up_to_255);
	tcase_add_test(t, links_of_folders_count_their_subfolders);
	tcase_add_test(t, a_symlink_keeps_its_target_and_size);
	tcase_add_test(t, hard_links_share_an_inode_until_the_last_is_gone);
	tcase_add_test(t, removing_follows_what_it_removes);
	tcase_add_test(t, an_open_file_outlives_its_name);
	tcase_add_test(t, rename_refuses_what_linux_refuses);
	tcase_add_test(t, rename_over_replaces_and_frees_the_old);
	tcase_add_test(t, two_names_of_one_file_are_not_renamed);
	tcase_add_test(t, exchange_swaps_a_file_and_a_folder);
	tcase_add_test(t, read_only_refuses_every_change_and_nothing_else);
	tcase_add_test(t, a_path_is_told_for_people);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_ENV);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? 1 : 0;
}
