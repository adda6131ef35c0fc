/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The tree: times and extended attributes. */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#include "tests/lib/fix_drive.h"

#define ROOT DRIVE_ROOT_INO

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

START_TEST(operations_set_the_times_that_posix_says)
{
	uint64_t d = fix_mkdir(&f, ROOT, "d"), ino;
	struct drive_attr d0, d1, f0, f1;

	d0 = fix_attr(&f, d);
	ino = fix_mkfile(&f, d, "f");
	d1 = fix_attr(&f, d);
	ck_assert_int_gt(d1.mtime_ns, d0.mtime_ns);
	ck_assert_int_eq(d1.mtime_ns, d1.ctime_ns);
	ck_assert_int_eq(d1.atime_ns, d0.atime_ns);
	f0 = fix_attr(&f, ino);
	ck_assert_int_eq(drive_link(f.d, ino, ROOT, "g", &f1), 0);
	ck_assert_int_gt(f1.ctime_ns, f0.ctime_ns);
	ck_assert_int_eq(f1.mtime_ns, f0.mtime_ns);
	ck_assert_int_eq(drive_rename(f.d, ROOT, "g", ROOT, "h", 0), 0);
	f0 = f1;
	f1 = fix_attr(&f, ino);
	ck_assert_int_gt(f1.ctime_ns, f0.ctime_ns);
	ck_assert_int_eq(fix_attr(&f, d).mtime_ns, d1.mtime_ns);
	ck_assert_int_eq(drive_unlink(f.d, ROOT, "h"), 0);
	ck_assert_int_gt(fix_attr(&f, ino).ctime_ns, f1.ctime_ns);
}
END_TEST

START_TEST(setattr_keeps_explicit_times_over_pending_writes)
{
	struct drive_attr a, in = { .mtime_ns = 12345, .atime_ns = 777 };
	struct drive_file *h;

	ck_assert_int_eq(drive_create(f.d, &fix_me, ROOT, "f", 0644, O_RDWR,
	    &a, &h), 0);
	ck_assert_int_eq(drive_write(h, "abc", 3, 0), 3);
	ck_assert_int_eq(drive_setattr(f.d, &fix_me, a.ino, &in,
	    DRIVE_SET_MTIME | DRIVE_SET_ATIME, &a), 0);
	ck_assert_int_eq(drive_file_close(h), 0);
	a = fix_attr(&f, a.ino);
	ck_assert_int_eq(a.mtime_ns, 12345);
	ck_assert_int_eq(a.atime_ns, 777);
	ck_assert_uint_eq(a.size, 3);
	in.size = 100;
	ck_assert_int_eq(drive_setattr(f.d, &fix_me, a.ino, &in,
	    DRIVE_SET_SIZE, &a), 0);
	ck_assert_uint_eq(a.size, 100);
	ck_assert_int_gt(a.mtime_ns, 12345);
	ck_assert_int_eq(drive_setattr(f.d, &fix_me, ROOT, &in,
	    DRIVE_SET_SIZE, &a), -EISDIR);
}
END_TEST

/* Read as long ago as it was written, and everything sent. */
static void
make_old(uint64_t ino, struct fix_log *jrn)
{
	struct drive_attr a, in = { .mtime_ns = 2000, .atime_ns = 1000 };

	ck_assert_int_eq(drive_setattr(f.d, &fix_me, ino, &in,
	    DRIVE_SET_MTIME | DRIVE_SET_ATIME, &a), 0);
	fix_publish_all(&f, jrn);
}

START_TEST(a_time_of_reading_is_kept_and_makes_nothing_to_send)
{
	uint64_t ino = fix_write(&f, ROOT, "f", "x"), dir;
	struct fix_log jrn = { 0 };
	struct drive_attr a, in = { .mode = 0600, .atime_ns = 77 };
	struct drive_file *h;
	struct drive_usage u;
	int64_t read_ns;
	char c;

	dir = fix_mkdir(&f, ROOT, "d");
	make_old(ino, &jrn);
	make_old(dir, &jrn);
	ck_assert_int_eq(drive_file_open(f.d, ino, O_RDONLY, &h), 0);
	ck_assert_int_eq(drive_read(h, &c, 1, 0, NULL), 1);
	ck_assert_int_eq(fix_attr(&f, ino).atime_ns, 1000);
	drive_file_accessed(h);
	drive_accessed(f.d, dir);
	a = fix_attr(&f, ino);
	read_ns = a.atime_ns;
	ck_assert_int_gt(read_ns, a.ctime_ns);
	ck_assert_int_eq(a.mtime_ns, 2000);
	/* It is later than the others now. */
	drive_file_accessed(h);
	drive_accessed(f.d, ino);
	ck_assert_int_eq(fix_attr(&f, ino).atime_ns, read_ns);
	ck_assert_int_eq(drive_file_close(h), 0);
	drive_usage(f.d, &u);
	ck_assert_uint_eq(u.outbox_ops, 0);
	fix_reopen(&f);
	ck_assert_int_eq(fix_attr(&f, ino).atime_ns, read_ns);
	ck_assert_int_gt(fix_attr(&f, dir).atime_ns, 2000);
	drive_usage(f.d, &u);
	ck_assert_uint_eq(u.outbox_ops, 0);
	/* Written again, and read, through one handle. */
	ck_assert_int_eq(drive_file_open(f.d, ino, O_RDWR, &h), 0);
	drive_file_accessed(h);
	ck_assert_int_eq(fix_attr(&f, ino).atime_ns, read_ns);
	ck_assert_int_eq(drive_write(h, "y", 1, 0), 1);
	drive_file_accessed(h);
	ck_assert_int_gt(fix_attr(&f, ino).atime_ns, read_ns);
	ck_assert_int_eq(drive_file_close(h), 0);
	/* What is set with other attributes, and what is set itself. */
	make_old(ino, &jrn);
	drive_accessed(f.d, ino);
	read_ns = fix_attr(&f, ino).atime_ns;
	ck_assert_int_eq(drive_setattr(f.d, &fix_me, ino, &in,
	    DRIVE_SET_MODE, &a), 0);
	ck_assert_int_eq(a.atime_ns, read_ns);
	ck_assert_int_eq(drive_setattr(f.d, &fix_me, ino, &in,
	    DRIVE_SET_ATIME, &a), 0);
	ck_assert_int_eq(a.atime_ns, 77);
	drive_set_readonly(f.d, true);
	drive_accessed(f.d, ino);
	ck_assert_int_eq(fix_attr(&f, ino).atime_ns, 77);
	drive_set_readonly(f.d, false);
	/* One that is gone leaves nothing. */
	drive_accessed(f.d, ino);
	ck_assert_int_gt(fix_attr(&f, ino).atime_ns, 77);
	ck_assert_int_eq(drive_unlink(f.d, ROOT, "f"), 0);
	drive_forget(f.d, ino);
	fix_reopen(&f);
	ck_assert_int_eq(drive_getattr(f.d, ino, &a), -ENOENT);
	fix_fsck(&f);
	fix_log_done(&jrn);
}
END_TEST

START_TEST(xattrs_are_set_listed_and_removed)
{
	uint64_t ino = fix_mkfile(&f, ROOT, "f"), fifo;
	struct drive_attr a;
	static char big[70000];
	char out[64];

	ck_assert_int_eq(drive_setxattr(f.d, &fix_me, ino, "user.a", "1", 1,
	    XATTR_REPLACE), -ENODATA);
	ck_assert_int_eq(drive_setxattr(f.d, &fix_me, ino, "user.a", "12", 2,
	    XATTR_CREATE), 0);
	ck_assert_int_eq(drive_setxattr(f.d, &fix_me, ino, "user.a", "1", 1,
	    XATTR_CREATE), -EEXIST);
	ck_assert_int_eq(drive_setxattr(f.d, &fix_me, ino, "user.empty", "",
	    0, 0), 0);
	ck_assert_int_eq(drive_getxattr(f.d, ino, "user.a", out, 0), 2);
	ck_assert_int_eq(drive_getxattr(f.d, ino, "user.a", out, 1),
	    -ERANGE);
	ck_assert_int_eq(drive_getxattr(f.d, ino, "user.a", out, 64), 2);
	ck_assert_int_eq(memcmp(out, "12", 2), 0);
	ck_assert_int_eq(drive_getxattr(f.d, ino, "user.empty", out, 64), 0);
	ck_assert_int_eq(drive_getxattr(f.d, ino, "user.b", out, 64),
	    -ENODATA);
	ck_assert_int_eq(drive_listxattr(f.d, ino, true, out, 0), 18);
	ck_assert_int_eq(drive_listxattr(f.d, ino, true, out, 17), -ERANGE);
	ck_assert_int_eq(drive_listxattr(f.d, ino, true, out, 64), 18);
	ck_assert_int_eq(drive_removexattr(f.d, &fix_me, ino, "user.a"), 0);
	ck_assert_int_eq(drive_removexattr(f.d, &fix_me, ino, "user.a"),
	    -ENODATA);
	ck_assert_int_eq(drive_listxattr(f.d, ino, true, out, 64), 11);
	ck_assert_int_eq(drive_setxattr(f.d, &fix_me, ino, "user.", "x", 1,
	    0), -EINVAL);
	ck_assert_int_eq(drive_setxattr(f.d, &fix_me, ino, "trusted.", "x",
	    1, 0), -EINVAL);
	ck_assert_int_eq(drive_setxattr(f.d, &fix_me, ino, "trusted.x", "x",
	    1, 0), 0);
	ck_assert_int_eq(drive_listxattr(f.d, ino, true, out, 64), 21);
	ck_assert_int_eq(drive_listxattr(f.d, ino, false, out, 64), 11);
	ck_assert_int_eq(drive_removexattr(f.d, &fix_me, ino, "trusted.x"),
	    0);
	ck_assert_int_eq(drive_getxattr(f.d, ino, "security.selinux", out,
	    64), -ENODATA);
	ck_assert_int_eq(drive_getxattr(f.d, ino, "other.x", out, 64),
	    -EOPNOTSUPP);
	ck_assert_int_eq(drive_setxattr(f.d, &fix_me, ino, "user.big", big,
	    65537, 0), -E2BIG);
	ck_assert_int_eq(drive_setxattr(f.d, &fix_me, ino, "user.big", big,
	    65536, 0), 0);
	ck_assert_int_eq(drive_getxattr(f.d, ino, "user.big", big, 65536),
	    65536);
	ck_assert_int_eq(drive_mknod(f.d, &fix_me, ROOT, "p", S_IFIFO | 0600,
	    &a), 0);
	fifo = a.ino;
	ck_assert_int_eq(drive_setxattr(f.d, &fix_me, fifo, "user.a", "1", 1,
	    0), -EPERM);
}
END_TEST

START_TEST(a_preview_is_kept_unseen_with_what_it_shows)
{
	static const char name[] = DRIVE_XATTR_PREVIEW;
	uint64_t ino = fix_mkfile(&f, ROOT, "a");
	struct drive_attr a, b;
	uint8_t *p = NULL;
	char out[64];

	ck_assert_int_eq(drive_getattr(f.d, ino, &a), 0);
	ck_assert_int_eq(drive_preview_get(f.d, ino, &p), -ENODATA);
	ck_assert_int_eq(drive_preview_set(f.d, ino, &a, "pic", 3), 0);
	ck_assert_int_eq(drive_preview_get(f.d, ino, &p), 3);
	ck_assert_int_eq(memcmp(p, "pic", 3), 0);
	free(p);
	ck_assert_int_eq(drive_getattr(f.d, ino, &b), 0);
	ck_assert_int_eq(memcmp(&a, &b, sizeof(a)), 0);
	/* For users there is none. */
	ck_assert_int_eq(drive_listxattr(f.d, ino, true, out, 64), 0);
	ck_assert_int_eq(drive_getxattr(f.d, ino, name, out, 64), -ENODATA);
	ck_assert_int_eq(drive_removexattr(f.d, &fix_me, ino, name),
	    -ENODATA);
	ck_assert_int_eq(drive_setxattr(f.d, &fix_me, ino, name, "x", 1, 0),
	    -EPERM);
	/* Not of another content. */
	a.size++;
	ck_assert_int_eq(drive_preview_set(f.d, ino, &a, "x", 1), -ESTALE);
	a.size--;
	a.mtime_ns++;
	ck_assert_int_eq(drive_preview_set(f.d, ino, &a, "x", 1), -ESTALE);
	a.mtime_ns--;
	ck_assert_int_eq(drive_preview_set(f.d, ROOT, &a, "x", 1), -ENOENT);
	ck_assert_int_eq(drive_preview_get(f.d, ino, &p), 3);
	free(p);
	ck_assert_int_eq(drive_preview_set(f.d, ino, &a, NULL, 0), 0);
	ck_assert_int_eq(drive_preview_get(f.d, ino, &p), -ENODATA);
}
END_TEST

START_TEST(a_list_never_outgrows_what_the_kernel_takes)
{
	uint64_t ino = fix_mkfile(&f, ROOT, "f");
	static char list[70000];
	char name[256];
	int k, r = 0;

	for (k = 0; k < 400 && r == 0; k++) {
		(void)snprintf(name, sizeof(name), "user.%0240d", k);
		r = drive_setxattr(f.d, &fix_me, ino, name, "v", 1, 0);
	}
	ck_assert_int_eq(r, -ENOSPC);
	ck_assert_int_gt(drive_listxattr(f.d, ino, true, list, 65536), 60000);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("tree: attributes");
	TCase *t = tcase_create("attributes");
	SRunner *r;
	int failed;

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_set_timeout(t, 120);
	tcase_add_test(t, operations_set_the_times_that_posix_says);
	tcase_add_test(t, setattr_keeps_explicit_times_over_pending_writes);
	tcase_add_test(t,
	    a_time_of_reading_is_kept_and_makes_nothing_to_send);
	tcase_add_test(t, xattrs_are_set_listed_and_removed);
	tcase_add_test(t, a_preview_is_kept_unseen_with_what_it_shows);
	tcase_add_test(t, a_list_never_outgrows_what_the_kernel_takes);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_ENV);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? 1 : 0;
}
