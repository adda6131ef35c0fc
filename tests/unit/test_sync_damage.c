/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the store lost or altered: it is found, named, and never data. */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "tests/lib/sync_look.h"
#include "tests/lib/sync_rig.h"
#include "util/log.h"

START_TEST(the_check_finds_what_is_altered_or_gone)
{
	struct rig_said s;
	struct rig r;

	rig_new(&r);
	rig_start(&r);
	rig_write(&r, "file", 0, 300 * 1024, 1);
	rig_wait(&r);
	ck_assert_int_eq(sync_checkpoint(r.sync, NULL), 0);
	rig_wait(&r);
	rig_stop(&r, 0);
	ck_assert_msg(rig_check(&r, &s) == 0, "%s", s.last);

	rig_shell("f=$(find %s/store -path '*/d/*' -type f | head -1); "
	    "printf XXXX | dd of=$f bs=1 seek=9999 conv=notrunc "
	    "status=none",
	    r.dir);
	ck_assert_int_eq(rig_check(&r, &s), 1);
	ck_assert_msg(strstr(s.last, "file") && strstr(s.last, "altered"),
	    "%s", s.last);
	rig_shell("rm $(find %s/store -path '*/d/*' -type f)", r.dir);
	ck_assert_int_eq(rig_check(&r, &s), 1);
	ck_assert_msg(strstr(s.last, "missing"), "%s", s.last);
	rig_shell("rm $(find %s/store -path '*/j/*' -type f | sort | tail -1)",
	    r.dir);
	ck_assert_int_ge(rig_check(&r, &s), 2);
	rig_done(&r);
}
END_TEST

/* Read the file of a machine that has nothing in its cache. */
static ssize_t
read_cold(struct rig *r, const char *path)
{
	struct drive_wait w = { .timeout_ms = 3000 };
	struct drive_file *f;
	char p[4096];
	ssize_t n;

	ck_assert_int_eq(drive_file_open(r->drive, rig_lookup(r, path),
	    O_RDONLY, &f), 0);
	n = drive_read(f, p, sizeof(p), 0, &w);
	ck_assert_int_eq(drive_file_close(f), 0);
	return n;
}

START_TEST(altered_and_missing_blocks_are_an_error_never_data)
{
	struct sync_status st;
	struct rig r, other;

	rig_new(&r);
	rig_start(&r);
	rig_write(&r, "file", 0, 300 * 1024, 1);
	rig_wait(&r);
	rig_stop(&r, 0);
	rig_recover(&r, &other, 0);
	rig_start(&other);
	rig_shell("f=$(find %s/store -path '*/d/*' -type f | head -1); "
	    "printf XXXX | dd of=$f bs=1 seek=9999 conv=notrunc "
	    "status=none",
	    r.dir);
	ck_assert_int_eq(read_cold(&other, "file"), -EIO);
	sync_get_status(other.sync, &st);
	ck_assert_msg(strstr(st.problem, "altered"), "%s", st.problem);
	rig_shell("rm $(find %s/store -path '*/d/*' -type f)", r.dir);
	ck_assert_int_eq(read_cold(&other, "file"), -EIO);
	sync_get_status(other.sync, &st);
	ck_assert_msg(strstr(st.problem, "no longer"), "%s", st.problem);
	rig_done(&other);
	rig_done(&r);
}
END_TEST

START_TEST(a_rebuild_names_what_is_missing_and_keeps_the_rest)
{
	struct rig r, other;

	rig_new(&r);
	rig_start(&r);
	rig_fill(&r, 1);
	rig_wait(&r);
	rig_write(&r, "late", 0, 100, 1);
	rig_wait(&r);
	rig_stop(&r, 0);
	rig_shell("rm $(find %s/store -path '*/j/*' -type f | sort | tail -1)",
	    r.dir);
	rig_recover(&r, &other, 1);
	ck_assert_uint_ne(rig_lookup(&other, "top1/small"), 0);
	rig_done(&other);
	rig_done(&r);
}
END_TEST

START_TEST(a_damaged_checkpoint_gives_way_to_the_journals)
{
	struct rig r, other;
	char *here, *there;

	rig_new(&r);
	rig_start(&r);
	rig_fill(&r, 1);
	rig_wait(&r);
	ck_assert_int_eq(sync_checkpoint(r.sync, NULL), 0);
	rig_wait(&r);
	rig_shell("for f in $(find %s/store -path '*/s/*' -type f); do "
	    "printf XXXX | dd of=$f bs=1 seek=200 conv=notrunc "
	    "status=none; "
	    "done", r.dir);
	rig_recover(&r, &other, 1);
	rig_start(&other);
	here = rig_dump(&r);
	there = rig_dump(&other);
	rig_same_text(here, there);
	free(here);
	free(there);
	rig_done(&other);
	rig_done(&r);
}
END_TEST

static Suite *
suite(void)
{
	Suite *s = suite_create("sync: damage");
	TCase *tc = tcase_create("damage");

	tcase_set_timeout(tc, 240);
	suite_add_tcase(s, tc);
	tcase_add_test(tc, the_check_finds_what_is_altered_or_gone);
	tcase_add_test(tc, altered_and_missing_blocks_are_an_error_never_data);
	tcase_add_test(tc, a_rebuild_names_what_is_missing_and_keeps_the_rest);
	tcase_add_test(tc, a_damaged_checkpoint_gives_way_to_the_journals);
	return s;
}

int
main(void)
{
	SRunner *sr = srunner_create(suite());
	int failed;

	log_set_level(LOG_LEVEL_ERROR);
	srunner_run_all(sr, CK_ENV);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
