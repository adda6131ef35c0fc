/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The tree: modes, owners and ACLs. */
#include <check.h>
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "tests/lib/fix_drive.h"
#include "util/buf.h"

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

static uint32_t
chmod_as(const struct drive_cred *c, uint64_t ino, uint32_t mode)
{
	struct drive_attr a, in = { .mode = mode };

	ck_assert_int_eq(drive_setattr(f.d, c, ino, &in, DRIVE_SET_MODE, &a),
	    0);
	return a.mode & 07777;
}

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

int
main(void)
{
	Suite *s = suite_create("tree: modes");
	TCase *t = tcase_create("modes");
	SRunner *r;
	int failed;

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_set_timeout(t, 120);
	tcase_add_test(t, setgid_is_only_for_members_and_goes_with_owners);
	tcase_add_test(t, a_setgid_folder_gives_its_group);
	tcase_add_test(t, alone_on_a_drive_everything_is_ones_own);
	tcase_add_test(t, an_access_acl_is_the_mode_and_more);
	tcase_add_test(t, alone_on_a_drive_an_acl_names_whom_it_named);
	tcase_add_test(t, named_entries_of_an_acl_come_in_any_order);
	tcase_add_test(t, a_bad_acl_is_refused);
	tcase_add_test(t, a_default_acl_is_inherited_instead_of_the_umask);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_ENV);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? 1 : 0;
}
