/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <check.h>
#include <stdlib.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fs/watchers.c"

static char dir[] = "/tmp/coffre-watchers.XXXXXX";
static struct watchers w;
static struct stat st;

static void
begin(void)
{
	ck_assert_ptr_nonnull(mkdtemp(dir));
	ck_assert_int_eq(stat(dir, &st), 0);
}

static void
end(void)
{
	watchers_done(&w);
	(void)rmdir(dir);
}

static bool
is_watched(dev_t dev)
{
	watchers_done(&w);
	ck_assert_int_eq(watchers_find(dev, &w), 0);
	return watchers_has(&w, st.st_ino);
}

START_TEST(a_folder_is_watched_while_somebody_does)
{
	int fd = inotify_init1(IN_CLOEXEC), wd;

	ck_assert_int_ge(fd, 0);
	ck_assert(!is_watched(st.st_dev));
	wd = inotify_add_watch(fd, dir, IN_CREATE);
	ck_assert_int_ge(wd, 0);
	ck_assert(is_watched(st.st_dev));
	ck_assert(!watchers_has(&w, 0));
	ck_assert_int_eq(inotify_rm_watch(fd, wd), 0);
	ck_assert(!is_watched(st.st_dev));
	(void)close(fd);
}
END_TEST

START_TEST(the_same_number_elsewhere_is_another)
{
	int fd = inotify_init1(IN_CLOEXEC);

	ck_assert_int_ge(inotify_add_watch(fd, dir, IN_CREATE), 0);
	ck_assert(!is_watched(makedev(0, 0xffffe)));
	(void)close(fd);
}
END_TEST

START_TEST(many_are_found_whatever_their_order)
{
	int fd = inotify_init1(IN_CLOEXEC), k;
	char sub[128];

	for (k = 0; k < 100; k++) {
		(void)snprintf(sub, sizeof(sub), "%s/%d", dir, k);
		ck_assert_int_eq(mkdir(sub, 0700), 0);
		ck_assert_int_ge(inotify_add_watch(fd, sub, IN_CREATE), 0);
	}
	for (k = 99; k >= 0; k--) {
		(void)snprintf(sub, sizeof(sub), "%s/%d", dir, k);
		ck_assert_int_eq(stat(sub, &st), 0);
		ck_assert(k % 33 != 0 || is_watched(st.st_dev));
		ck_assert(watchers_has(&w, st.st_ino));
	}
	for (k = 0; k < 100; k++) {
		(void)snprintf(sub, sizeof(sub), "%s/%d", dir, k);
		(void)rmdir(sub);
	}
	(void)close(fd);
}
END_TEST

static Suite *
suite(void)
{
	Suite *s = suite_create("watchers");
	TCase *t = tcase_create("watchers");

	tcase_add_checked_fixture(t, begin, end);
	tcase_add_test(t, a_folder_is_watched_while_somebody_does);
	tcase_add_test(t, the_same_number_elsewhere_is_another);
	tcase_add_test(t, many_are_found_whatever_their_order);
	suite_add_tcase(s, t);
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
