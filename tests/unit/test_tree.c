/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The tree: what each operation does to names, links, times and modes, and
 * what is left after a killed process.
 */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "drive/tree_priv.h"
#include "tests/lib/fix_drive.h"
#include "tests/lib/spoil.h"
#include "util/buf.h"
#include "util/err.h"

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

/* ---- times and modes ----------------------------------------------------- */

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

static uint32_t
chmod_as(const struct drive_cred *c, uint64_t ino, uint32_t mode)
{
	struct drive_attr a, in = { .mode = mode };

	ck_assert_int_eq(drive_setattr(f.d, c, ino, &in, DRIVE_SET_MODE, &a),
	    0);
	return a.mode & 07777;
}

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

START_TEST(setgid_is_only_for_members_and_goes_with_owners)
{
	uint64_t ino = fix_mkfile(&f, ROOT, "f");
	struct drive_attr a, in = { .uid = 1000, .gid = 77 };

	ck_assert_uint_eq(chmod_as(&fix_me, ino, 06755), 06755);
	ck_assert_int_eq(drive_setattr(f.d, &fix_root, ino, &in,
	    DRIVE_SET_GID, &a), 0);
	ck_assert_uint_eq(a.gid, 77);
	ck_assert_uint_eq(a.mode & 07777, 0755);
	ck_assert_uint_eq(chmod_as(&fix_me, ino, 06755), 04755);
	ck_assert_uint_eq(chmod_as(&fix_root, ino, 06755), 06755);
	ck_assert_int_eq(drive_setattr(f.d, &fix_me, ino, &in,
	    DRIVE_SET_KILLPRIV, &a), 0);
	ck_assert_uint_eq(a.mode & 07777, 0755);
	/* Without group execution the kernel leaves it to us. */
	ck_assert(!drive_is_marked(f.d, ino));
	ck_assert_uint_eq(chmod_as(&fix_root, ino, 02745), 02745);
	ck_assert(drive_is_marked(f.d, ino));
	in.gid = 1000;
	ck_assert_int_eq(drive_setattr(f.d, &fix_me, ino, &in, DRIVE_SET_GID |
	    DRIVE_SET_KILLPRIV, &a), 0);
	ck_assert_uint_eq(a.gid, 1000);
	ck_assert_uint_eq(a.mode & 07777, 0745);
	ck_assert_uint_eq(chmod_as(&fix_me, ino, 02745), 02745);
	in.gid = 77;
	ck_assert_int_eq(drive_setattr(f.d, &fix_me, ino, &in,
	    DRIVE_SET_KILLPRIV, &a), 0);
	ck_assert_uint_eq(a.mode & 07777, 02745);
	/* a folder keeps it */
	ino = fix_mkdir(&f, ROOT, "d");
	ck_assert_uint_eq(chmod_as(&fix_root, ino, 02775), 02775);
	ck_assert_int_eq(drive_setattr(f.d, &fix_root, ino, &in,
	    DRIVE_SET_GID, &a), 0);
	ck_assert_uint_eq(a.mode & 07777, 02775);
}
END_TEST

START_TEST(a_setgid_folder_gives_its_group)
{
	struct drive_attr a, in = { .mode = 02775, .gid = 77 };
	uint64_t d = fix_mkdir(&f, ROOT, "d");

	ck_assert_int_eq(drive_setattr(f.d, &fix_root, d, &in,
	    DRIVE_SET_GID, &a), 0);
	ck_assert_int_eq(drive_setattr(f.d, &fix_root, d, &in,
	    DRIVE_SET_MODE, &a), 0);
	a = fix_attr(&f, fix_mkfile(&f, d, "f"));
	ck_assert_uint_eq(a.gid, 77);
	ck_assert_uint_eq(a.mode & 07777, 0644);
	a = fix_attr(&f, fix_mkdir(&f, d, "s"));
	ck_assert_uint_eq(a.gid, 77);
	ck_assert_uint_eq(a.mode & 07777, 02755);
	a = fix_attr(&f, fix_mkfile(&f, ROOT, "g"));
	ck_assert_uint_eq(a.gid, 1000);
}
END_TEST

START_TEST(alone_on_a_drive_everything_is_ones_own)
{
	struct drive_cred other = { .uid = 5, .gid = 6 };
	struct drive_attr a, in = { .uid = 5, .gid = 1000 };
	struct fix g;

	fix_open(&g, 2, false);
	ck_assert_int_eq(drive_mknod(g.d, &other, ROOT, "f", 0100644, &a),
	    0);
	ck_assert_uint_eq(a.uid, 1000);
	ck_assert_int_eq(drive_setattr(g.d, &fix_root, a.ino, &in,
	    DRIVE_SET_UID, &a), -EPERM);
	ck_assert_int_eq(drive_setattr(g.d, &fix_root, a.ino, &in,
	    DRIVE_SET_GID, &a), 0);
	fix_close(&g);
}
END_TEST

/* ---- xattrs and ACLs ----------------------------------------------------- */

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

/* version, then (tag, perm, id) */
struct acl_e {
	uint16_t tag, perm;
	uint32_t id;
};

static size_t
acl_make(uint8_t *out, const struct acl_e *e, size_t n)
{
	size_t k;

	put_le32(out, 2);
	for (k = 0; k < n; k++) {
		put_le16(out + 4 + 8 * k, e[k].tag);
		put_le16(out + 6 + 8 * k, e[k].perm);
		put_le32(out + 8 + 8 * k, e[k].id);
	}
	return 4 + 8 * n;
}

#define ACCESS "system.posix_acl_access"
#define DEFAULT "system.posix_acl_default"
#define NONE UINT32_MAX

static const struct acl_e full[] = {
	{ 1, 7, NONE }, { 2, 6, 50 }, { 2, 5, 1000 }, { 4, 5, NONE },
	{ 16, 6, NONE }, { 32, 4, NONE },
};

START_TEST(an_access_acl_is_the_mode_and_more)
{
	uint64_t ino = fix_mkfile(&f, ROOT, "f");
	static const struct acl_e plain[] = {
		{ 1, 6, NONE }, { 4, 4, NONE }, { 32, 0, NONE },
	};
	uint8_t in[64], out[64];
	size_t n = acl_make(in, full, 6);

	ck_assert_int_eq(drive_setxattr(f.d, &fix_me, ino, ACCESS, in, n, 0),
	    0);
	ck_assert_uint_eq(fix_attr(&f, ino).mode & 0777, 0764);
	ck_assert_int_eq(drive_getxattr(f.d, ino, ACCESS, out, sizeof(out)),
	    (ssize_t)n);
	ck_assert_mem_eq(in, out, n);
	/* chmod goes to the mask */
	ck_assert_uint_eq(chmod_as(&fix_me, ino, 0640), 0640);
	ck_assert_int_eq(drive_getxattr(f.d, ino, ACCESS, out, sizeof(out)),
	    (ssize_t)n);
	ck_assert_uint_eq(get_le16(out + 6), 6);
	ck_assert_uint_eq(get_le16(out + 4 + 3 * 8 + 2), 5);
	ck_assert_uint_eq(get_le16(out + 4 + 4 * 8 + 2), 4);
	ck_assert_uint_eq(get_le16(out + 4 + 5 * 8 + 2), 0);
	/* one that says no more than a mode is kept as that */
	n = acl_make(in, plain, 3);
	ck_assert_int_eq(drive_setxattr(f.d, &fix_me, ino, ACCESS, in, n, 0),
	    0);
	ck_assert_uint_eq(fix_attr(&f, ino).mode & 0777, 0640);
	ck_assert_int_eq(drive_getxattr(f.d, ino, ACCESS, out, sizeof(out)),
	    -ENODATA);
	ck_assert_int_eq(drive_setxattr(f.d, &fix_me, ino, DEFAULT, in, n,
	    0), -EACCES);
}
END_TEST

/* Who changes an ACL reads it and writes all of it back. */
START_TEST(alone_on_a_drive_an_acl_names_whom_it_named)
{
	static const struct acl_e named[] = {
		{ 1, 7, NONE }, { 2, 6, 50 }, { 2, 5, 1000 }, { 4, 5, NONE },
		{ 8, 4, 60 }, { 8, 5, 1000 }, { 16, 6, NONE },
		{ 32, 4, NONE },
	};
	uint8_t in[96], out[96];
	size_t n = acl_make(in, named, 8);
	struct fix g;
	uint64_t ino;
	int k;

	fix_open(&g, 2, false);
	ino = fix_mkfile(&g, ROOT, "f");
	for (k = 0; k < 2; k++) {
		ck_assert_int_eq(drive_setxattr(g.d, &fix_me, ino, ACCESS, in,
		    n, 0), 0);
		ck_assert_int_eq(drive_getxattr(g.d, ino, ACCESS, out,
		    sizeof(out)), (ssize_t)n);
		ck_assert_mem_eq(in, out, n);
		memcpy(in, out, n);
	}
	fix_close(&g);
}
END_TEST

START_TEST(named_entries_of_an_acl_come_in_any_order)
{
	uint64_t ino = fix_mkfile(&f, ROOT, "f");
	static const struct acl_e mixed[] = {
		{ 1, 7, NONE }, { 2, 5, 1000 }, { 2, 6, 50 }, { 2, 4, 49 },
		{ 4, 5, NONE }, { 16, 6, NONE }, { 32, 4, NONE },
	};
	static const struct acl_e sorted[] = {
		{ 1, 7, NONE }, { 2, 4, 49 }, { 2, 6, 50 }, { 2, 5, 1000 },
		{ 4, 5, NONE }, { 16, 6, NONE }, { 32, 4, NONE },
	};
	static const struct acl_e twice[] = {
		{ 1, 7, NONE }, { 2, 6, 50 }, { 2, 4, 49 }, { 2, 6, 50 },
		{ 4, 5, NONE }, { 16, 6, NONE }, { 32, 4, NONE },
	};
	uint8_t in[96], want[96], out[96];
	size_t n = acl_make(in, mixed, 7);

	(void)acl_make(want, sorted, 7);
	ck_assert_int_eq(drive_setxattr(f.d, &fix_me, ino, ACCESS, in, n, 0),
	    0);
	ck_assert_int_eq(drive_getxattr(f.d, ino, ACCESS, out, sizeof(out)),
	    (ssize_t)n);
	ck_assert_uint_eq(fix_attr(&f, ino).mode & 0777, 0764);
	ck_assert_mem_eq(out, want, n);
	n = acl_make(in, twice, 7);
	ck_assert_int_eq(drive_setxattr(f.d, &fix_me, ino, ACCESS, in, n, 0),
	    -EINVAL);
}
END_TEST

START_TEST(a_bad_acl_is_refused)
{
	uint64_t ino = fix_mkfile(&f, ROOT, "f");
	static const struct acl_e bad[][4] = {
		{ { 1, 7, NONE }, { 4, 5, NONE }, { 16, 7, NONE } },
		{ { 1, 7, NONE }, { 2, 5, 50 }, { 4, 5, NONE },
		    { 32, 0, NONE } },
		{ { 4, 7, NONE }, { 1, 5, NONE }, { 32, 7, NONE } },
		{ { 1, 8, NONE }, { 4, 5, NONE }, { 32, 7, NONE } },
		{ { 1, 7, NONE }, { 4, 5, NONE }, { 32, 7, NONE },
		    { 64, 7, NONE } },
		{ { 1, 7, NONE }, { 1, 5, NONE }, { 4, 7, NONE },
		    { 32, 7, NONE } },
	};
	uint8_t in[64];
	size_t k, n;

	for (k = 0; k < sizeof(bad) / sizeof(bad[0]); k++) {
		n = acl_make(in, bad[k], bad[k][3].tag ? 4 : 3);
		ck_assert_int_eq(drive_setxattr(f.d, &fix_me, ino, ACCESS,
		    in, n, 0), -EINVAL);
	}
	n = acl_make(in, full, 6);
	ck_assert_int_eq(drive_setxattr(f.d, &fix_me, ino, ACCESS, in, n - 1,
	    0), -EINVAL);
	in[0] = 3;
	ck_assert_int_eq(drive_setxattr(f.d, &fix_me, ino, ACCESS, in, n, 0),
	    -EINVAL);
}
END_TEST

START_TEST(a_default_acl_is_inherited_instead_of_the_umask)
{
	uint64_t d = fix_mkdir(&f, ROOT, "d"), s, ino;
	uint8_t in[64], out[64];
	size_t n = acl_make(in, full, 6);
	struct drive_attr a;

	ck_assert_int_eq(drive_setxattr(f.d, &fix_me, d, DEFAULT, in, n, 0),
	    0);
	ck_assert_int_eq(drive_mknod(f.d, &fix_me, d, "f", S_IFREG | 0666,
	    &a), 0);
	ino = a.ino;
	/* user rwx & rw, mask rw & rw, other r & rw */
	ck_assert_uint_eq(a.mode & 0777, 0664);
	ck_assert_int_eq(drive_getxattr(f.d, ino, ACCESS, out, sizeof(out)),
	    (ssize_t)n);
	ck_assert_int_eq(drive_getxattr(f.d, ino, DEFAULT, out,
	    sizeof(out)), -ENODATA);
	s = fix_mkdir(&f, d, "s");
	ck_assert_int_eq(drive_getxattr(f.d, s, DEFAULT, out, sizeof(out)),
	    (ssize_t)n);
	ck_assert_mem_eq(in, out, n);
	ck_assert_int_eq(drive_removexattr(f.d, &fix_me, d, DEFAULT), 0);
	ck_assert_int_eq(drive_removexattr(f.d, &fix_me, d, DEFAULT), 0);
	ck_assert_int_eq(drive_mknod(f.d, &fix_me, d, "g", S_IFREG | 0666,
	    &a), 0);
	ck_assert_uint_eq(a.mode & 0777, 0644);
}
END_TEST

/* ---- listing ------------------------------------------------------------- */

struct lister {
	unsigned room;		/* entries taken per call */
	uint64_t off;
	unsigned seen[3000];
	unsigned dots, others;
};

static int
take(void *arg, const struct drive_dirent *e)
{
	struct lister *l = arg;
	unsigned k;

	if (l->room == 0)
		return 1;
	l->room--;
	l->off = e->off;
	if (strcmp(e->name, ".") == 0 || strcmp(e->name, "..") == 0) {
		l->dots++;
		return 0;
	}
	if (sscanf(e->name, "file-%u", &k) == 1 && k < 3000) {
		l->seen[k]++;
		if (e->attr)
			ck_assert_uint_eq(e->attr->ino, e->ino);
	} else {
		l->others++;
	}
	return 0;
}

static void
list_all(uint64_t ino, unsigned room, bool with_attr, struct lister *l,
    void (*between)(void))
{
	struct drive_dir *dir;
	uint64_t before;

	memset(l, 0, sizeof(*l));
	ck_assert_int_eq(drive_opendir(f.d, ino, &dir), 0);
	do {
		before = l->off;
		l->room = room;
		ck_assert_int_eq(drive_readdir(f.d, dir, l->off, with_attr,
		    take, l), 0);
		if (between)
			between();
	} while (l->off != before);
	drive_closedir(dir);
}

static uint64_t list_dir;
static unsigned list_k;

static void
disturb(void)
{
	char name[32];

	/* Others come and go while the folder is read. */
	(void)snprintf(name, sizeof(name), "other-%u", list_k);
	(void)fix_mkfile(&f, list_dir, name);
	if (list_k >= 3) {
		(void)snprintf(name, sizeof(name), "other-%u", list_k - 3);
		ck_assert_int_eq(drive_unlink(f.d, list_dir, name), 0);
	}
	list_k++;
}

START_TEST(a_listing_gives_each_entry_once_whatever_changes)
{
	static struct lister l;
	char name[32];
	unsigned k, room;

	list_dir = fix_mkdir(&f, ROOT, "d");
	for (k = 0; k < 1000; k++) {
		(void)snprintf(name, sizeof(name), "file-%u", k);
		(void)fix_mkfile(&f, list_dir, name);
	}
	for (room = 1; room < 400; room = room * 3 + 1) {
		list_all(list_dir, room, room % 2, &l, disturb);
		ck_assert_uint_eq(l.dots, 2);
		for (k = 0; k < 1000; k++)
			ck_assert_msg(l.seen[k] == 1, "file-%u: %u", k,
			    l.seen[k]);
	}
	/* A position outlives the handle and deletions. */
	memset(&l, 0, sizeof(l));
	{
		struct drive_dir *dir;

		ck_assert_int_eq(drive_opendir(f.d, list_dir, &dir), 0);
		l.room = 300;
		ck_assert_int_eq(drive_readdir(f.d, dir, 0, false, take, &l),
		    0);
		drive_closedir(dir);
		for (k = 0; k < 1000; k++) {
			if (!l.seen[k])
				continue;
			(void)snprintf(name, sizeof(name), "file-%u", k);
			ck_assert_int_eq(drive_unlink(f.d, list_dir, name),
			    0);
		}
		ck_assert_int_eq(drive_opendir(f.d, list_dir, &dir), 0);
		l.room = UINT32_MAX;
		ck_assert_int_eq(drive_readdir(f.d, dir, l.off, false, take,
		    &l), 0);
		drive_closedir(dir);
		for (k = 0; k < 1000; k++)
			ck_assert_uint_eq(l.seen[k], 1);
	}
	ck_assert_int_eq(drive_opendir(f.d, fix_mkfile(&f, ROOT, "x"), NULL),
	    -ENOTDIR);
}
END_TEST

/* The rest is there, and nobody takes it for all. */
START_TEST(a_name_that_cannot_be_read_hides_no_other)
{
	unsigned k, room, sum;
	struct drive_dir *dir;
	static struct lister l;
	char name[32];
	int r;

	list_dir = fix_mkdir(&f, ROOT, "d");
	for (k = 0; k < 200; k++) {
		(void)snprintf(name, sizeof(name), "file-%u", k);
		(void)fix_mkfile(&f, list_dir, name);
	}
	spoil_sql(f.d, "CREATE TABLE was AS SELECT * FROM dentry; "
	    "UPDATE dentry SET row = zeroblob(length(row)) WHERE "
	    "ntag = (SELECT ntag FROM dentry WHERE dkey = %lld "
	    "ORDER BY ntag LIMIT 1 OFFSET 70)",
	    (long long)place_folder(f.d, list_dir));
	ck_assert_int_eq(drive_opendir(f.d, list_dir, &dir), 0);
	/* The same handle from the beginning, in pieces or not. */
	for (room = 7; room < 2000; room *= 12) {
		memset(&l, 0, sizeof(l));
		do {
			l.room = room;
			r = drive_readdir(f.d, dir, l.off, room > 50, take,
			    &l);
		} while (r == 0);
		ck_assert_int_eq(r, -EIO);
		for (k = sum = 0; k < 200; k++) {
			ck_assert_uint_le(l.seen[k], 1);
			sum += l.seen[k];
		}
		ck_assert_uint_eq(sum, 199);
	}
	drive_closedir(dir);
	spoil_sql(f.d, "INSERT OR REPLACE INTO dentry SELECT * FROM was; "
	    "DROP TABLE was");
}
END_TEST

/* ---- life ---------------------------------------------------------------- */

START_TEST(everything_is_there_after_a_killed_process)
{
	uint64_t d = fix_mkdir(&f, ROOT, "d"), ino, next;
	struct drive_attr a;
	char *before, *after;

	(void)fix_write(&f, d, "f", "content");
	ck_assert_int_eq(drive_symlink(f.d, &fix_me, d, "l", "f", &a), 0);
	ck_assert_int_eq(drive_link(f.d, fix_find(&f, "d/f"), ROOT, "g",
	    &a), 0);
	ck_assert_int_eq(drive_setxattr(f.d, &fix_me, a.ino, "user.k", "v",
	    1, 0), 0);
	ino = fix_write(&f, ROOT, "gone", "x");
	ck_assert_int_eq(drive_unlink(f.d, ROOT, "gone"), 0);
	before = fix_dump(&f);
	fix_crash(&f);
	after = fix_dump(&f);
	ck_assert_str_eq(before, after);
	/* what had lost its last name is reaped, its number not used again */
	ck_assert_int_eq(drive_getattr(f.d, ino, &a), -ENOENT);
	next = fix_mkfile(&f, ROOT, "next");
	ck_assert_uint_gt(next, ino);
	free(before);
	free(after);
}
END_TEST

START_TEST(counters_are_kept_and_counted_anew_after_a_crash)
{
	struct drive_usage u, v;
	int k;

	(void)fix_write(&f, ROOT, "a", "12345");
	(void)fix_write(&f, fix_mkdir(&f, ROOT, "d"), "b", "123");
	drive_usage(f.d, &u);
	ck_assert_uint_eq(u.inodes, 4);
	ck_assert_uint_eq(u.file_bytes, 8);
	ck_assert_uint_eq(u.outbox_ops, 4);
	ck_assert_int_ne(u.oldest_unpublished_ns, 0);
	fix_reopen(&f);
	drive_usage(f.d, &v);
	ck_assert_uint_eq(v.inodes, u.inodes);
	ck_assert_uint_eq(v.file_bytes, u.file_bytes);
	ck_assert_uint_eq(v.outbox_ops, u.outbox_ops);
	ck_assert_int_eq(v.oldest_unpublished_ns, u.oldest_unpublished_ns);
	fix_crash(&f);
	for (k = 0; k < 500; k++) {
		drive_usage(f.d, &v);
		if (v.inodes == u.inodes && v.file_bytes == u.file_bytes)
			break;
		(void)usleep(10000);
	}
	ck_assert_uint_eq(v.inodes, u.inodes);
	ck_assert_uint_eq(v.file_bytes, u.file_bytes);
	ck_assert_int_eq(drive_unlink(f.d, ROOT, "a"), 0);
	drive_forget(f.d, fix_find(&f, "a"));
}
END_TEST

START_TEST(a_second_process_and_another_key_are_refused)
{
	struct drive_conf c = f.conf;
	uint8_t key[32] = { 1 };
	struct drive *d;
	struct err e;

	ck_assert_int_eq(drive_open(&c, &d, &e), -EBUSY);
	ck_assert_ptr_nonnull(strstr(e.msg, "in use by process"));
	drive_close(f.d);
	c.local_key = key;
	ck_assert_int_eq(drive_open(&c, &d, &e), -EBADMSG);
	ck_assert_int_eq(drive_open(&f.conf, &f.d, &e), 0);
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

START_TEST(named_values_and_the_frontier_survive)
{
	struct vault_seen s = { .seq = 7, .op_seq = 70, .lamport = 700 }, t;
	struct vault_seen *all;
	struct buf b = BUF_INIT(100);
	size_t n;

	ck_assert_int_eq(drive_kv_get(f.d, "k", &b), -ENOENT);
	ck_assert_int_eq(drive_kv_set(f.d, "k", "value", 5), 0);
	ck_assert_int_eq(drive_kv_set(f.d, "none", "", 0), 0);
	memset(s.dev.b, 9, sizeof(s.dev.b));
	s.hash[31] = 3;
	ck_assert_int_eq(drive_seen_set(f.d, &s), 0);
	fix_crash(&f);
	ck_assert_int_eq(drive_kv_get(f.d, "k", &b), 0);
	ck_assert_str_eq(buf_cstr(&b), "value");
	buf_reset(&b);
	ck_assert_int_eq(drive_kv_get(f.d, "none", &b), 0);
	ck_assert_uint_eq(b.len, 0);
	ck_assert_int_eq(drive_seen_get(f.d, &s.dev, &t), 0);
	ck_assert_mem_eq(&s, &t, sizeof(s));
	ck_assert_int_eq(drive_seen_all(f.d, &all, &n), 0);
	ck_assert_uint_eq(n, 1);
	free(all);
	buf_done(&b);
}
END_TEST

START_TEST(nothing_readable_lies_in_the_state)
{
	char cmd[256];

	(void)fix_write(&f, fix_mkdir(&f, ROOT, "secretfolder"), "secretname",
	    "secretcontent");
	ck_assert_int_eq(drive_setxattr(f.d, &fix_me, fix_find(&f,
	    "secretfolder"), "user.secretattr", "secretvalue", 11, 0), 0);
	ck_assert_int_eq(drive_symlink(f.d, &fix_me, ROOT, "l",
	    "secrettarget", &(struct drive_attr){ 0 }), 0);
	(void)snprintf(cmd, sizeof(cmd), "grep -r -a -q secret %s", f.dir);
	ck_assert_int_ne(system(cmd), 0);
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

/* ---- many at once -------------------------------------------------------- */

#define THREADS 6
#define ROUNDS 300

static void *
churn(void *arg)
{
	unsigned me = *(unsigned *)arg, k;
	char a[32], b[32];
	struct drive_attr at;

	for (k = 0; k < ROUNDS; k++) {
		(void)snprintf(a, sizeof(a), "t%u-%u", me, k);
		(void)snprintf(b, sizeof(b), "shared-%u", k % 7);
		if (drive_mknod(f.d, &fix_me, ROOT, a, 0100600, &at) < 0)
			abort();
		/* what one replaces another may have taken away */
		if (drive_rename(f.d, ROOT, a, ROOT, b, 0) < 0)
			abort();
		(void)drive_unlink(f.d, ROOT, b);
		drive_forget(f.d, at.ino);
	}
	return NULL;
}

START_TEST(many_threads_leave_a_whole_tree)
{
	pthread_t t[THREADS];
	unsigned id[THREADS], k;
	struct drive_usage u;

	for (k = 0; k < THREADS; k++) {
		id[k] = k;
		ck_assert_int_eq(pthread_create(&t[k], NULL, churn, &id[k]),
		    0);
	}
	for (k = 0; k < THREADS; k++)
		(void)pthread_join(t[k], NULL);
	drive_usage(f.d, &u);
	ck_assert_uint_le(u.outbox_ops, 8);
}
END_TEST

static void *
forget_all(void *arg)
{
	const uint64_t *ino = arg;
	unsigned k;

	/* Again and again: more than are noted at once. */
	for (k = 0; k < 12 * ROUNDS; k++)
		drive_forget(f.d, ino[k % ROUNDS]);
	return NULL;
}

START_TEST(many_threads_forget_at_once)
{
	static uint64_t ino[THREADS][ROUNDS];
	struct drive_usage u;
	pthread_t t[THREADS];
	unsigned i, k;
	char name[32];

	for (i = 0; i < THREADS; i++)
		for (k = 0; k < ROUNDS; k++) {
			(void)snprintf(name, sizeof(name), "%u-%u", i, k);
			ino[i][k] = fix_mkfile(&f, ROOT, name);
			ck_assert_int_eq(drive_unlink(f.d, ROOT, name), 0);
		}
	for (i = 0; i < THREADS; i++)
		ck_assert_int_eq(pthread_create(&t[i], NULL, forget_all,
		    ino[i]), 0);
	for (i = 0; i < THREADS; i++)
		(void)pthread_join(t[i], NULL);
	fix_reopen(&f);
	drive_usage(f.d, &u);
	ck_assert_uint_eq(u.inodes, 1);
}
END_TEST

START_TEST(what_is_forgotten_goes_when_nobody_is_at_work)
{
	struct drive_usage u;
	struct drive_attr at;
	char name[32];
	uint64_t ino = 0;
	unsigned k;

	for (k = 0; k < 500; k++) {
		(void)snprintf(name, sizeof(name), "%u", k);
		ino = fix_mkfile(&f, ROOT, name);
		ck_assert_int_eq(drive_unlink(f.d, ROOT, name), 0);
		ck_assert_int_eq(drive_getattr(f.d, ino, &at), 0);
		drive_forget(f.d, ino);
		ck_assert_int_eq(drive_getattr(f.d, ino, &at), -ENOENT);
	}
	for (k = 0; k < 100; k++) {
		drive_usage(f.d, &u);
		if (u.inodes == 1)
			break;
		(void)usleep(100000);
	}
	ck_assert_uint_eq(u.inodes, 1);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("tree");
	TCase *t = tcase_create("tree");
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
	tcase_add_test(t, operations_set_the_times_that_posix_says);
	tcase_add_test(t, setattr_keeps_explicit_times_over_pending_writes);
	tcase_add_test(t,
	    a_time_of_reading_is_kept_and_makes_nothing_to_send);
	tcase_add_test(t, setgid_is_only_for_members_and_goes_with_owners);
	tcase_add_test(t, a_setgid_folder_gives_its_group);
	tcase_add_test(t, alone_on_a_drive_everything_is_ones_own);
	tcase_add_test(t, xattrs_are_set_listed_and_removed);
	tcase_add_test(t, a_preview_is_kept_unseen_with_what_it_shows);
	tcase_add_test(t, a_list_never_outgrows_what_the_kernel_takes);
	tcase_add_test(t, an_access_acl_is_the_mode_and_more);
	tcase_add_test(t, alone_on_a_drive_an_acl_names_whom_it_named);
	tcase_add_test(t, named_entries_of_an_acl_come_in_any_order);
	tcase_add_test(t, a_bad_acl_is_refused);
	tcase_add_test(t, a_default_acl_is_inherited_instead_of_the_umask);
	tcase_add_test(t, a_listing_gives_each_entry_once_whatever_changes);
	tcase_add_test(t, a_name_that_cannot_be_read_hides_no_other);
	tcase_add_test(t, everything_is_there_after_a_killed_process);
	tcase_add_test(t, counters_are_kept_and_counted_anew_after_a_crash);
	tcase_add_test(t, a_second_process_and_another_key_are_refused);
	tcase_add_test(t, read_only_refuses_every_change_and_nothing_else);
	tcase_add_test(t, named_values_and_the_frontier_survive);
	tcase_add_test(t, nothing_readable_lies_in_the_state);
	tcase_add_test(t, a_path_is_told_for_people);
	tcase_add_test(t, many_threads_leave_a_whole_tree);
	tcase_add_test(t, many_threads_forget_at_once);
	tcase_add_test(t,
	    what_is_forgotten_goes_when_nobody_is_at_work);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_ENV);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? 1 : 0;
}
