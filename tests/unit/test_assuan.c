/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <check.h>
#include <stdlib.h>

/* The program's sources are not in the library. */
#include "fs/assuan.c"

static struct assuan a;

static int
parse(const char *line)
{
	memset(&a, 0xff, sizeof(a));
	return assuan_parse(line, strlen(line), &a);
}

START_TEST(answers_are_told_apart)
{
	ck_assert_int_eq(parse("OK"), 0);
	ck_assert_int_eq(a.kind, ASSUAN_OK);
	ck_assert_int_eq(parse("OK Pleased to meet you"), 0);
	ck_assert_int_eq(a.kind, ASSUAN_OK);
	ck_assert_int_eq(parse("ERR 83886179 Operation cancelled"), 0);
	ck_assert_int_eq(a.kind, ASSUAN_ERR);
	ck_assert_uint_eq(a.code, ASSUAN_CANCELED);
	ck_assert_int_eq(parse("ERR 62"), 0);
	ck_assert_uint_eq(a.code, ASSUAN_TIMEOUT);
	ck_assert_int_eq(parse("S KEY value"), 0);
	ck_assert_int_eq(a.kind, ASSUAN_OTHER);
	ck_assert_int_eq(parse("# anything"), 0);
	ck_assert_int_eq(a.kind, ASSUAN_OTHER);
	ck_assert_int_eq(parse("INQUIRE QUALITY x"), 0);
	ck_assert_int_eq(a.kind, ASSUAN_INQUIRE);
}
END_TEST

START_TEST(blanks_of_data_are_data)
{
	ck_assert_int_eq(parse("D  a b "), 0);
	ck_assert_int_eq(a.kind, ASSUAN_DATA);
	ck_assert_uint_eq(a.len, 5);
	ck_assert_mem_eq(a.arg, " a b ", 5);
	ck_assert_int_eq(parse("D"), 0);
	ck_assert_uint_eq(a.len, 0);
}
END_TEST

START_TEST(what_is_no_answer_is_refused)
{
	static const char *const bad[] = { "", " OK", "OKAY", "ok", "ERR",
	    "ERR x", "ERR 1x", "ERR 4294967296", "DATA", "\n" };
	char big[ASSUAN_LINE_MAX + 1];
	size_t i;

	for (i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		ck_assert_int_eq(parse(bad[i]), -EPROTO);
	memset(big, 'x', sizeof(big));
	memcpy(big, "D ", 2);
	ck_assert_int_eq(assuan_parse(big, sizeof(big), &a), -EPROTO);
	ck_assert_int_eq(assuan_parse(big, sizeof(big) - 1, &a), 0);
}
END_TEST

START_TEST(data_is_decoded)
{
	char out[8];

	ck_assert_int_eq(assuan_decode("a%25%0a%0Ab", 11, out, 8), 5);
	ck_assert_mem_eq(out, "a%\n\nb", 5);
	ck_assert_int_eq(assuan_decode("%2", 2, out, 8), -EPROTO);
	ck_assert_int_eq(assuan_decode("%", 1, out, 8), -EPROTO);
	ck_assert_int_eq(assuan_decode("%zz", 3, out, 8), -EPROTO);
	ck_assert_int_eq(assuan_decode("%00", 3, out, 8), -EPROTO);
	ck_assert_int_eq(assuan_decode("\0", 1, out, 8), -EPROTO);
	ck_assert_int_eq(assuan_decode("12345678", 8, out, 8), 8);
	ck_assert_int_eq(assuan_decode("123456789", 9, out, 8), -EFBIG);
}
END_TEST

/* Nothing that is said to the program can be a line of its own. */
START_TEST(an_argument_stays_one_line)
{
	char out[16];

	ck_assert_int_eq(assuan_encode("a\nb%\r", out, sizeof(out)), 0);
	ck_assert_str_eq(out, "a%0ab%25%0d");
	ck_assert_int_eq(assuan_encode("", out, 1), 0);
	ck_assert_str_eq(out, "");
	ck_assert_int_eq(assuan_encode("abc", out, 4), 0);
	ck_assert_int_eq(assuan_encode("abc", out, 3), -EFBIG);
	ck_assert_int_eq(assuan_encode("\n", out, 3), -EFBIG);
}
END_TEST

static Suite *
suite(void)
{
	Suite *s = suite_create("assuan");
	TCase *t = tcase_create("assuan");

	tcase_add_test(t, answers_are_told_apart);
	tcase_add_test(t, blanks_of_data_are_data);
	tcase_add_test(t, what_is_no_answer_is_refused);
	tcase_add_test(t, data_is_decoded);
	tcase_add_test(t, an_argument_stays_one_line);
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
