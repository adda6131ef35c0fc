/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "util/log.h"

static char path[64];
static FILE *f;

static void
setup(void)
{
	int fd;

	(void)snprintf(path, sizeof(path), "/tmp/coffre-log-XXXXXX");
	fd = mkstemp(path);
	ck_assert_int_ge(fd, 0);
	f = fdopen(fd, "r");
	ck_assert_ptr_nonnull(f);
	ck_assert_int_eq(log_to_file(path), 0);
	log_set_level(LOG_LEVEL_WARN);
}

static void
teardown(void)
{
	(void)fclose(f);
	(void)unlink(path);
}

/* The one line that there is, from behind the time. */
static const char *
line(void)
{
	static char all[4096];
	size_t n;

	n = fread(all, 1, sizeof(all) - 1, f);
	all[n] = '\0';
	ck_assert_uint_gt(n, 25);
	ck_assert_ptr_eq(strchr(all, '\n'), all + n - 1);
	return strchr(all, ' ') + 1;
}

START_TEST(what_a_server_says_makes_no_line_of_its_own)
{
	log_warn("sync: %s", "no\n2026-01-01T00:00:00.000Z coffre error: x\r"
	    "\x1b[2J\x1b]0;title\a\xff\xe2\x80\xae" "caf\xc3\xa9\t!");
	ck_assert_str_eq(line(), "coffre warn: sync: no "
	    "2026-01-01T00:00:00.000Z coffre error: x??[2J?]0;title???"
	    "caf\xc3\xa9\t!\n");
}
END_TEST

START_TEST(a_long_line_is_cut)
{
	char text[3000];
	const char *s;

	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	log_error("%s", text);
	s = line();
	ck_assert_uint_gt(strlen(s), 900);
	ck_assert_uint_lt(strlen(s), 1024);
}
END_TEST

START_TEST(less_than_asked_for_is_not_written)
{
	log_info("no");
	log_debug("no");
	log_warn("yes");
	ck_assert_str_eq(line(), "coffre warn: yes\n");
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("log");
	TCase *t = tcase_create("log");
	SRunner *r;
	int failed;

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, what_a_server_says_makes_no_line_of_its_own);
	tcase_add_test(t, a_long_line_is_cut);
	tcase_add_test(t, less_than_asked_for_is_not_written);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_ENV);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}
