/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A drive on two stores, "a" and "b", of which the second has things wrong. */
#include <check.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store/mirror.h"
#include "sync/mirror_log.h"
#include "sync/scrub.h"
#include "tests/lib/sync_rig.h"
#include "util/clock.h"
#include "util/err.h"

static char dir[64];
static struct rig rig;

static int sh(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

static int
sh(const char *fmt, ...)
{
	char cmd[512], all[700];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(cmd, sizeof(cmd), fmt, ap);
	va_end(ap);
	(void)snprintf(all, sizeof(all), "cd %s && %s", dir, cmd);
	return system(all);
}

static struct store *
folder(const char *name)
{
	struct err e = { "" };
	struct store *ret;
	char url[128];

	(void)snprintf(url, sizeof(url), "dir:%s/%s", dir, name);
	ck_assert_msg(store_open(url, NULL, &ret, &e) == 0, "%s", e.msg);
	return ret;
}

static struct store *
both(void)
{
	struct mirror_conf c = { .n = 2, .copies = 2, .marker = "drive",
	    .retry_min_ms = 20, .retry_max_ms = 100 };
	struct err e = { "" };
	struct store *ret;

	c.members[0].id = "a";
	c.members[0].store = folder("a");
	c.members[1].id = "b";
	c.members[1].store = folder("b");
	ck_assert_msg(mirror_log_open(dir, &c.log, &e) == 0, "%s", e.msg);
	ck_assert_int_eq(store_mirror_new(&c, &ret), 0);
	return ret;
}

/* All is on both, and nobody is at work. */
static void
begin(bool has_checkpoint)
{
	(void)strcpy(dir, "/tmp/test-scrub.XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(dir));
	ck_assert_int_eq(sh("mkdir a b"), 0);
	rig_new_on(&rig, both());
	rig_start(&rig);
	rig_fill(&rig, 1);
	rig_wait(&rig);
	rig_write(&rig, "more", 0, 300 * 1024, 2);
	rig_wait(&rig);
	if (has_checkpoint)
		ck_assert_int_eq(sync_checkpoint(rig.sync, NULL), 0);
	rig_write(&rig, "last", 0, 300 * 1024, 3);
	rig_wait(&rig);
	rig_stop(&rig, 30000);
	ck_assert_int_eq(store_mirror_wait(rig.store, clock_mono_ms() + 60000,
	    NULL, NULL), 0);
	ck_assert_int_eq(sh("diff -r a b"), 0);
}

static void
end(void)
{
	rig_done(&rig);
	ck_assert_int_eq(sh("rm -rf %s", dir), 0);
}

static char said[65536];

static void
on_finding(void *arg, const char *finding)
{
	size_t n = strlen(said);

	(void)arg;
	(void)snprintf(said + n, sizeof(said) - n, "%s\n", finding);
}

static struct scrub_result
scrub(void)
{
	struct scrub_conf c = { .store = rig.store, .keys = rig.keys,
	    .drive = rig.drive, .say = on_finding };
	struct err e = { "" };
	struct scrub_result s;

	said[0] = '\0';
	ck_assert_msg(sync_scrub(&c, &s, &e) == 0, "%s", e.msg);
	return s;
}

/* Objects by their kind, whether they are below a checkpoint, and whether each
 * of them is needed. */
static const struct {
	const char *path;
	bool has_checkpoint, is_needed;
} kind[] = {
	{ "*/j/*", false, true },
	{ "*/h/*", true, true },
	{ "*/s/*", true, true },
	{ "*/d/*", false, false },
	{ "b/drive", false, true },
	{ "b/u/*", false, true },
	{ "b/r/*/k/*", false, true },
};

static void
is_mended(bool is_all)
{
	struct scrub_result s = scrub();

	ck_assert_uint_gt(s.findings, 0);
	ck_assert_msg(s.mended == s.findings, "%u of %u:\n%s", s.mended,
	    s.findings, said);
	ck_assert_uint_eq(s.unreached, 0);
	ck_assert_uint_eq(s.whole, 2);
	if (is_all)
		ck_assert_int_eq(sh("diff -r a b"), 0);
	s = scrub();
	ck_assert_msg(s.findings == 0, "%s", said);
	ck_assert_uint_eq(s.whole, 2);
}

START_TEST(what_one_store_has_altered_is_copied_from_the_other)
{
	begin(kind[_i].has_checkpoint);
	ck_assert_int_eq(sh("find b -type f -path '%s' | while read -r f; do "
	    "n=$(stat -c %%s \"$f\"); head -c \"$n\" /dev/zero >\"$f\"; "
	    "done", kind[_i].path), 0);
	ck_assert_int_ne(sh("diff -rq a b >/dev/null"), 0);
	is_mended(kind[_i].is_needed);
	end();
}
END_TEST

START_TEST(what_one_store_lacks_is_copied_from_the_other)
{
	begin(kind[_i].has_checkpoint);
	ck_assert_int_eq(sh("find b -type f -path '%s' -delete",
	    kind[_i].path), 0);
	ck_assert_int_ne(sh("diff -rq a b >/dev/null"), 0);
	is_mended(kind[_i].is_needed);
	end();
}
END_TEST

START_TEST(what_one_store_does_not_give_is_copied_from_the_other)
{
	begin(kind[_i].has_checkpoint);
	ck_assert_int_eq(sh("find b -type f -path '%s' | while read -r f; do "
	    "ln -sfn \"$(basename \"$f\")\" \"$f\"; done",
	    kind[_i].path), 0);
	ck_assert_int_ne(sh("diff -rq a b >/dev/null 2>&1"), 0);
	is_mended(kind[_i].is_needed);
	end();
}
END_TEST

START_TEST(what_no_store_has_right_is_not_mended)
{
	struct scrub_result s;

	begin(false);
	ck_assert_int_eq(sh("for f in $(find a b -type f -path '*/j/*'); do "
	    "echo no >$f; done"), 0);
	s = scrub();
	ck_assert_uint_eq(s.mended, 0);
	ck_assert_uint_ge(s.findings, 2);
	ck_assert_uint_eq(s.whole, 0);
	end();
}
END_TEST

/* Without it a recovery would come to nothing; no other object refers to it. */
static const char *const first[] = { "u", "r/*/k" };

START_TEST(what_a_recovery_begins_with_is_looked_for)
{
	struct scrub_conf c = { .budget = 1 };
	struct scrub_result s;
	struct err e = { "" };

	begin(false);
	ck_assert_int_eq(sh("find a b -type f -path '?/%s/*' -delete",
	    first[_i]), 0);
	s = scrub();
	ck_assert_uint_eq(s.findings, 2);
	ck_assert_uint_eq(s.mended, 0);
	ck_assert_uint_eq(s.whole, 0);
	ck_assert_msg(strstr(said, "no recovery key") != NULL, "%s", said);
	/* However little is to be read. */
	c.store = rig.store;
	c.keys = rig.keys;
	c.drive = rig.drive;
	c.say = on_finding;
	ck_assert_int_eq(sync_scrub(&c, &s, &e), 0);
	ck_assert_uint_eq(s.findings, 2);
	said[0] = '\0';
	ck_assert_int_eq(sync_check(rig.store, rig.keys, rig.drive, on_finding,
	    NULL, NULL, &e), 1);
	/* The next run has copies. */
	rig_start(&rig);
	rig_write(&rig, "again", 0, 1000, 4);
	rig_wait(&rig);
	rig_stop(&rig, 30000);
	ck_assert_int_eq(store_mirror_wait(rig.store, clock_mono_ms() + 60000,
	    NULL, NULL), 0);
	s = scrub();
	ck_assert_msg(s.findings == 0, "%s", said);
	ck_assert_int_eq(sh("diff -r a b"), 0);
	end();
}
END_TEST

/* The folder under a disk that is not mounted. */
START_TEST(an_empty_folder_is_not_filled)
{
	struct scrub_result s;

	begin(_i);
	ck_assert_int_eq(sh("mv b gone && mkdir b"), 0);
	s = scrub();
	ck_assert_uint_eq(s.unreached, 1);
	ck_assert_uint_eq(s.findings, 0);
	ck_assert_uint_eq(s.whole, 1);
	ck_assert_msg(strstr(said, "mounted") != NULL, "%s", said);
	ck_assert_int_eq(sh("test -z \"$(find b -type f)\""), 0);
	end();
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("scrub");
	TCase *t = tcase_create("scrub");
	SRunner *sr;
	int failed;

	tcase_set_timeout(t, 120);
	tcase_add_loop_test(t,
	    what_one_store_has_altered_is_copied_from_the_other, 0, 5);
	/* Without the last: then it is not there at all. */
	tcase_add_loop_test(t, what_one_store_lacks_is_copied_from_the_other,
	    0, 4);
	tcase_add_loop_test(t,
	    what_one_store_does_not_give_is_copied_from_the_other, 0, 4);
	tcase_add_test(t, what_no_store_has_right_is_not_mended);
	tcase_add_loop_test(t, what_a_recovery_begins_with_is_looked_for, 0,
	    2);
	tcase_add_loop_test(t, an_empty_folder_is_not_filled, 0, 2);
	suite_add_tcase(suite, t);
	sr = srunner_create(suite);
	srunner_run_all(sr, CK_ENV);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed ? 1 : 0;
}
