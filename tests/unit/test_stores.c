/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <check.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

/* The program's sources are not in the library. */
#include "fs/opts.c"

#include "fs/place.c"

#include "fs/conf.c"

#include "fs/stores.c"

#include "util/buf.h"

/* Store 1 leaves: whose password is where, whenever it is stopped. */

static char home[] = "/tmp/test_stores.XXXXXX";
static struct err e;

/* ---- what is not asked here ---- */

int
pass_read_command(const char *command, int ms,
    const atomic_bool *stop, struct secret *ret, struct err *err)
{
	(void)command, (void)ms, (void)stop, (void)ret;
	return err_set(err, -EIO, "not here");
}

int
probed_path(const char *drive, const char *url, char out[static PATH_MAX])
{
	(void)drive, (void)url, (void)out;
	return -ENOENT;
}

int
stores_source(const char *drive, const char *url, const struct opts *given,
    bool may_wait, struct store_source *ret, struct err *err)
{
	(void)drive, (void)url, (void)given, (void)may_wait, (void)ret;
	return err_set(err, -EIO, "not here");
}

int
pass_read_file(const char *path, struct secret *ret, struct err *err)
{
	struct buf b = BUF_INIT(100);
	int r = file_read(path, &b);

	if (r < 0)
		return err_set(err, r, "%s", path);
	ret->p = malloc(b.len + 1);
	ck_assert_ptr_nonnull(ret->p);
	memcpy(ret->p, b.data, b.len);
	ret->len = b.len;
	buf_done(&b);
	return 0;
}

void
pass_done(struct secret *s)
{
	free(s->p);
}

/* ---- */

static int
sh(const char *cmd)
{
	char all[500];

	(void)snprintf(all, sizeof(all), "cd %s/coffre && %s", home, cmd);
	return system(all);
}

static void
begin(void)
{
	char cmd[100];

	(void)snprintf(cmd, sizeof(cmd), "rm -rf %s; mkdir -p %s/coffre/"
	    "d.stores", home, home);
	ck_assert_int_eq(system(cmd), 0);
	ck_assert_int_eq(sh("echo 'store = webdavs://one/x' >d.conf; "
	    "echo 'store = webdavs://two/x' >d.stores/2.conf; "
	    "echo -n first >d.cred; echo -n second >d.stores/2.cred"), 0);
	e.msg[0] = '\0';
}

START_TEST(the_second_takes_the_place_of_the_first)
{
	ck_assert_msg(stores_promote("d", 2, &e) == 0, "%s", e.msg);
	ck_assert_int_eq(sh("grep -q two d.conf && grep -qx second d.cred && "
	    "test -z \"$(ls d.stores)\""), 0);
}
END_TEST

START_TEST(one_that_is_not_there_takes_no_place)
{
	ck_assert_int_lt(stores_promote("d", 3, &e), 0);
	ck_assert_int_eq(sh("grep -q one d.conf && grep -qx first d.cred"), 0);
	ck_assert(stores_names("d", "webdavs://one/x"));
	ck_assert(stores_names("d", "webdavs://two/x"));
	ck_assert(!stores_names("d", "webdavs://three/x"));
	/* Who cannot be read may be it. */
	ck_assert_int_eq(sh("echo nonsense >d.stores/2.conf"), 0);
	ck_assert(stores_names("d", "webdavs://three/x"));
}
END_TEST

/* A full disk, at each file that is to be written. */
START_TEST(where_nothing_can_be_written_all_stays_as_it_was)
{
	struct rlimit none = { 0, RLIM_INFINITY };
	struct rlimit all = { RLIM_INFINITY, RLIM_INFINITY };

	(void)signal(SIGXFSZ, SIG_IGN);
	ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &none), 0);
	ck_assert_int_lt(stores_promote("d", 2, &e), 0);
	ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &all), 0);
	ck_assert_int_eq(sh("grep -q one d.conf && grep -qx first d.cred && "
	    "grep -q two d.stores/2.conf && grep -qx second d.stores/2.cred && "
	    "test ! -e d.stores/1.cred"), 0);
}
END_TEST

START_TEST(stopped_before_the_settings_the_first_has_its_password_back)
{
	ck_assert_int_eq(sh("mv d.cred d.stores/1.cred"), 0);
	ck_assert_msg(stores_promote_rest("d", &e) == 0, "%s", e.msg);
	ck_assert_int_eq(sh("grep -qx first d.cred && "
	    "test ! -e d.stores/1.cred && grep -qx second d.stores/2.cred"),
	    0);
}
END_TEST

START_TEST(a_later_password_is_not_replaced)
{
	ck_assert_int_eq(sh("mv d.cred d.stores/1.cred; "
	    "echo -n new >d.cred"), 0);
	ck_assert_msg(stores_promote_rest("d", &e) == 0, "%s", e.msg);
	ck_assert_int_eq(sh("grep -qx new d.cred && test ! -e d.stores/1.cred"),
	    0);
}
END_TEST

START_TEST(stopped_after_the_settings_the_second_gets_there)
{
	ck_assert_int_eq(sh("mv d.cred d.stores/1.cred; "
	    "cp d.stores/2.conf d.conf"), 0);
	if (_i)
		ck_assert_int_eq(sh("cp d.stores/2.cred d.cred"), 0);
	ck_assert_msg(stores_promote_rest("d", &e) == 0, "%s", e.msg);
	ck_assert_int_eq(sh("grep -q two d.conf && grep -qx second d.cred && "
	    "test -z \"$(ls d.stores)\""), 0);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("stores");
	TCase *t = tcase_create("promote");
	SRunner *sr = srunner_create(s);
	char cmd[100];
	int failed;

	if (!mkdtemp(home) || setenv("XDG_CONFIG_HOME", home, 1) < 0)
		return 1;
	suite_add_tcase(s, t);
	tcase_add_checked_fixture(t, begin, NULL);
	tcase_add_test(t, the_second_takes_the_place_of_the_first);
	tcase_add_test(t, one_that_is_not_there_takes_no_place);
	tcase_add_test(t,
	    where_nothing_can_be_written_all_stays_as_it_was);
	tcase_add_test(t,
	    stopped_before_the_settings_the_first_has_its_password_back);
	tcase_add_test(t, a_later_password_is_not_replaced);
	tcase_add_loop_test(t,
	    stopped_after_the_settings_the_second_gets_there, 0, 2);
	srunner_run_all(sr, CK_ENV);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	(void)snprintf(cmd, sizeof(cmd), "rm -rf %s", home);
	return system(cmd) != 0 || failed != 0;
}
