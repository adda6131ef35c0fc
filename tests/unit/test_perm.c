/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <check.h>
#include <stdlib.h>

#include "drive/perm.h"

static const gid_t groups[] = { 20, 30 };
static const struct drive_cred user = { .uid = 1, .gid = 10, .ngroups = 2,
	.groups = groups };
static const struct drive_cred boss = { .uid = 0, .gid = 0,
	.is_privileged = true };

START_TEST(membership_is_by_own_or_supplementary_group)
{
	ck_assert(perm_in_group(&user, 10));
	ck_assert(perm_in_group(&user, 30));
	ck_assert(!perm_in_group(&user, 40));
}
END_TEST

START_TEST(chmod_takes_setgid_from_strangers_only)
{
	ck_assert_uint_eq(perm_chmod(&user, 20, 06777), 06777);
	ck_assert_uint_eq(perm_chmod(&user, 40, 06777), 04777);
	ck_assert_uint_eq(perm_chmod(&user, 40, 02666), 0666);
	ck_assert_uint_eq(perm_chmod(&boss, 40, 06777), 06777);
	ck_assert_uint_eq(perm_chmod(&user, 40, 01777), 01777);
}
END_TEST

START_TEST(chown_clears_what_would_run_as_another)
{
	ck_assert_uint_eq(perm_chown(06755, false), 0755);
	ck_assert_uint_eq(perm_chown(06745, false), 02745);
	ck_assert_uint_eq(perm_chown(06755, true), 06755);
	ck_assert_uint_eq(perm_chown(01644, false), 01644);
}
END_TEST

START_TEST(a_write_clears_setuid_and_running_setgid)
{
	ck_assert_uint_eq(perm_killpriv(&user, 10, 06755), 0755);
	ck_assert_uint_eq(perm_killpriv(&user, 10, 02644), 02644);
	ck_assert_uint_eq(perm_killpriv(&user, 40, 02644), 0644);
	ck_assert_uint_eq(perm_killpriv(&boss, 40, 02644), 02644);
}
END_TEST

START_TEST(a_new_node_takes_the_group_that_its_folder_says)
{
	uint32_t mode = 02755;
	gid_t gid;

	perm_inherit(&user, 0755, 40, false, &gid, &mode);
	ck_assert_uint_eq(gid, 10);
	ck_assert_uint_eq(mode, 02755);
	perm_inherit(&user, 02755, 40, false, &gid, &mode);
	ck_assert_uint_eq(gid, 40);
	ck_assert_uint_eq(mode, 0755);
	mode = 02755;
	perm_inherit(&user, 02755, 20, false, &gid, &mode);
	ck_assert_uint_eq(mode, 02755);
	mode = 0755;
	perm_inherit(&user, 02755, 40, true, &gid, &mode);
	ck_assert_uint_eq(gid, 40);
	ck_assert_uint_eq(mode, 02755);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("perm");
	TCase *t = tcase_create("perm");
	SRunner *r;
	int failed;

	tcase_add_test(t, membership_is_by_own_or_supplementary_group);
	tcase_add_test(t, chmod_takes_setgid_from_strangers_only);
	tcase_add_test(t, chown_clears_what_would_run_as_another);
	tcase_add_test(t, a_write_clears_setuid_and_running_setgid);
	tcase_add_test(t, a_new_node_takes_the_group_that_its_folder_says);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_ENV);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? 1 : 0;
}
