/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <check.h>
#include <string.h>

/* The program's sources are not in the library. */
#include "fs/notice.c"

START_TEST(one_at_once_and_then_one_in_a_while)
{
	struct notice n = { 0 };
	enum notice_kind kind;
	unsigned times;

	ck_assert(!notice_take(&n, 5, &kind, &times));
	ck_assert_int_eq(notice_wait(&n, 5), -1);
	notice_add(&n, NOTICE_FULL, 1);
	ck_assert_int_eq(notice_wait(&n, 5), 0);
	ck_assert(notice_take(&n, 5, &kind, &times));
	ck_assert_int_eq(kind, NOTICE_FULL);
	ck_assert_uint_eq(times, 1);
	ck_assert_int_eq(notice_wait(&n, 6), -1);
	notice_add(&n, NOTICE_FULL, 1);
	notice_add(&n, NOTICE_FULL, UINT_MAX);
	ck_assert(!notice_take(&n, 6, &kind, &times));
	ck_assert_int_eq(notice_wait(&n, 6), NOTICE_EVERY_MS - 1);
	/* Another kind does not wait for it. */
	notice_add(&n, NOTICE_SIGN_IN, 1);
	ck_assert(notice_take(&n, 7, &kind, &times));
	ck_assert_int_eq(kind, NOTICE_SIGN_IN);
	ck_assert(!notice_take(&n, 7, &kind, &times));
	ck_assert(notice_take(&n, 5 + NOTICE_EVERY_MS, &kind, &times));
	ck_assert_int_eq(kind, NOTICE_FULL);
	ck_assert_uint_eq(times, UINT_MAX);
}
END_TEST

START_TEST(what_is_over_is_not_told)
{
	struct notice n = { 0 };
	enum notice_kind kind;
	unsigned times;

	notice_add(&n, NOTICE_ALARM, 1);
	notice_drop(&n, NOTICE_ALARM);
	ck_assert(!notice_take(&n, 5, &kind, &times));
	ck_assert_int_eq(notice_wait(&n, 5), -1);
}
END_TEST

static unsigned
tabs(const char *s)
{
	unsigned n = 0;

	for (; *s; s++)
		n += *s == '\t';
	return n;
}

START_TEST(a_line_is_one_line_of_five_fields)
{
	struct notice_of o = { "My\tdrive\n\x7f", "mine", 0, 1,
	    NULL, NULL };
	char line[NOTICE_LINE_MAX], big[4096];
	unsigned i;
	int n;

	for (i = 0; i < NOTICE_KINDS; i++) {
		o.title = "My\tdrive\n\x7f";
		n = notice_line((enum notice_kind)i, &o, line);
		ck_assert_int_eq(n, (int)strlen(line));
		ck_assert_uint_eq(tabs(line), 4);
		ck_assert_ptr_eq(strchr(line, '\n'), line + n - 1);
		ck_assert_ptr_nonnull(strstr(line, "My drive  : "));
		ck_assert_ptr_nonnull(strstr(line, " mine"));
		/* The longest that there can be is whole, too. */
		memset(big, 'x', sizeof(big));
		big[sizeof(big) - 1] = '\0';
		o.title = big;
		n = notice_line((enum notice_kind)i, &o, line);
		ck_assert_int_lt(n, NOTICE_LINE_MAX);
		ck_assert_int_eq(line[n - 1], '\n');
		n = notice_gone_line((enum notice_kind)i, line);
		ck_assert_uint_eq(tabs(line), 1);
		ck_assert_int_eq(line[n - 1], '\n');
	}
}
END_TEST

START_TEST(a_title_is_cut_between_characters)
{
	struct notice_of o = { NULL, "mine", 3, 2, NULL, NULL };
	char line[NOTICE_LINE_MAX], big[512] = "x";
	size_t i;

	for (i = 1; i + 2 < sizeof(big); i += 2)
		memcpy(big + i, "\xc3\xa9", 3);
	o.title = big;
	(void)notice_line(NOTICE_UNSENT, &o, line);
	ck_assert_ptr_nonnull(strstr(line, "\xc3\xa9: not everything"));
	ck_assert_ptr_nonnull(strstr(line, "3 changes are left"));
	(void)notice_line(NOTICE_FULL, &o, line);
	ck_assert_ptr_nonnull(strstr(line, "2 times since"));
	(void)notice_line(NOTICE_CONFLICT, &o, line);
	ck_assert_ptr_nonnull(strstr(line, "It happened 2 times. "));
	ck_assert_ptr_nonnull(strstr(line, "drive mine for that"));
}
END_TEST

static Suite *
suite(void)
{
	Suite *s = suite_create("notice");
	TCase *t = tcase_create("notice");

	tcase_add_test(t, one_at_once_and_then_one_in_a_while);
	tcase_add_test(t, what_is_over_is_not_told);
	tcase_add_test(t, a_line_is_one_line_of_five_fields);
	tcase_add_test(t, a_title_is_cut_between_characters);
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
