/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <check.h>
#include <stdlib.h>
#include <string.h>

/* The program's sources are not in the library. */
#include "fs/child.c"
#include "fs/window.c"

/* Of pinentry.c. */
bool
pinentry_has_display(void)
{
	return getenv("DISPLAY") != NULL;
}

static void
is_written(enum window_form form, size_t width, const char *s,
    const char *want)
{
	struct buf b = BUF_INIT(TEXT_MAX);

	window_text(form, width, s, &b);
	ck_assert_str_eq(b.len ? buf_cstr(&b) : "", want);
	buf_done(&b);
}

START_TEST(nothing_in_a_text_means_anything)
{
	const char *s = "A & <b>_x</b>\\n\ny";

	is_written(WINDOW_PLAIN, 0, s, s);
	is_written(WINDOW_MNEMONIC, 0, s, "A & <b>__x</b>\\\\n\ny");
	is_written(WINDOW_MARKUP, 0, s,
	    "A &amp; &lt;b&gt;_x&lt;/b&gt;\\\\n\ny");
	is_written(WINDOW_HTML, 0, s,
	    "A &amp; &lt;b&gt;_x&lt;/b&gt;&#92;n<br>y");
}
END_TEST

START_TEST(what_is_no_text_is_a_question_mark)
{
	is_written(WINDOW_PLAIN, 0, "a\tb\033[1m\x7f", "a?b?[1m?");
	is_written(WINDOW_PLAIN, 0, "\xc3\xa9\xe2\x82\xac\xf0\x9f\x94\x92",
	    "\xc3\xa9\xe2\x82\xac\xf0\x9f\x94\x92");
	is_written(WINDOW_PLAIN, 0, "\xc3", "?");
	is_written(WINDOW_PLAIN, 0, "\xc3z", "?z");
	is_written(WINDOW_PLAIN, 0, "\xe2\x82", "??");
	is_written(WINDOW_MARKUP, 0, "\xc0\xbc<", "??&lt;");
	is_written(WINDOW_PLAIN, 0, "\xed\xa0\x80", "???");
	is_written(WINDOW_PLAIN, 0, "\xf4\x90\x80\x80", "????");
	is_written(WINDOW_PLAIN, 0, "\xff\x80", "??");
}
END_TEST

START_TEST(no_text_turns_what_is_around_it)
{
	char s[] = "a\xd8\x9c" "b\xe2\x80\xae" "c\xe2\x81\xa6" "d\xc2\x9b"
	    "1m\033[1m\te\nf\xff\xc3\xa9\xe2\x80\x8b";

	is_written(WINDOW_PLAIN, 0, "a\xc2\x80\xc2\x9f" "b\xc2\xa0", "a??b"
	    "\xc2\xa0");
	is_written(WINDOW_PLAIN, 0, "\xe2\x80\xaa\xe2\x80\xab\xe2\x80\xac"
	    "\xe2\x80\xad\xe2\x80\xae", "?????");
	is_written(WINDOW_PLAIN, 0, "\xe2\x81\xa6\xe2\x81\xa7\xe2\x81\xa8"
	    "\xe2\x81\xa9\xe2\x81\xaa", "????\xe2\x81\xaa");
	is_written(WINDOW_PLAIN, 0, "\xe2\x80\x8d\xe2\x80\x8e\xe2\x80\x8f"
	    "\xd8\x9c", "\xe2\x80\x8d???");
	is_written(WINDOW_HTML, 0, "\xe2\x80\xa8<", "?&lt;");
	text_clean(s);
	ck_assert_str_eq(s, "a?b?c?d?1m?[1m\te\nf?\xc3\xa9\xe2\x80\x8b");
}
END_TEST

START_TEST(lines_are_broken_between_words)
{
	is_written(WINDOW_PLAIN, 9, "one two three four",
	    "one two\nthree\nfour");
	is_written(WINDOW_PLAIN, 9, "one.  Two\n  indented",
	    "one.  Two\n  indented");
	is_written(WINDOW_PLAIN, 4, "longer words", "longer\nwords");
	is_written(WINDOW_PLAIN, 9, "\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9 "
	    "\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9",
	    "\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9 "
	    "\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9");
	/* What is written of a character does not count. */
	is_written(WINDOW_MARKUP, 5, "&&& &", "&amp;&amp;&amp; &amp;");
	is_written(WINDOW_PLAIN, 9, "", "");
	is_written(WINDOW_PLAIN, 9, "end ", "end ");
}
END_TEST

START_TEST(what_is_shown_is_no_rich_text)
{
	struct buf b = BUF_INIT(100);

	show_text(kdialog, "a<b>&lt;?x&y", &b);
	ck_assert_str_eq(buf_cstr(&b),
	    "a<\xe2\x80\x8b" "b>&\xe2\x80\x8blt;?x&y");
	buf_reset(&b);
	show_text(zenity, "a<b>&lt;", &b);
	ck_assert_str_eq(buf_cstr(&b), "a<b>&lt;");
	buf_done(&b);
}
END_TEST

START_TEST(no_text_is_an_option)
{
	static const char *const of[] = { "-x", "--help" };
	struct window win = { .kind = WINDOW_CHOICE, .text = "--help",
	    .of = of, .n = 2 };
	struct words w = { .n = 0 };
	size_t i;

	zenity_words(&w, &win, -1);
	for (i = 0; strcmp(w.v[i], "--") != 0; i++)
		ck_assert_str_ne(w.v[i], "--help");
	ck_assert_uint_eq(w.n, i + 5);
	words_done(&w);
	kdialog_words(&w, &win, -1);
	for (i = 0; strcmp(w.v[i], "--") != 0; i++)
		ck_assert_str_ne(w.v[i], "--help");
	ck_assert_uint_eq(w.n, i + 5);
	words_done(&w);
	ck_assert(!w.is_short);
}
END_TEST

START_TEST(too_many_words_are_none)
{
	struct words w = { .n = 0 };
	unsigned i;

	for (i = 0; i < WORDS_MAX; i++)
		word(&w, "x");
	ck_assert(!w.is_short);
	word(&w, "x");
	ck_assert(w.is_short);
	ck_assert_ptr_null(w.v[WORDS_MAX]);
	words_done(&w);
}
END_TEST

START_TEST(an_end_is_told_from_a_failure)
{
	ck_assert_int_eq(window_ended(zenity, 0), WINDOW_OK);
	ck_assert_int_eq(window_ended(zenity, ZENITY_NO), WINDOW_NO);
	ck_assert_int_eq(window_ended(zenity, ZENITY_CLOSED), WINDOW_CLOSED);
	/* No display. */
	ck_assert_int_eq(window_ended(zenity, 1), -EIO);
	ck_assert_int_eq(window_ended(kdialog, 1), WINDOW_NO);
	ck_assert_int_eq(window_ended(kdialog, 2), WINDOW_CLOSED);
	ck_assert_int_eq(window_ended(kdialog, 134), -EIO);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("window");
	TCase *t = tcase_create("window");
	SRunner *r;
	int n;

	tcase_add_test(t, nothing_in_a_text_means_anything);
	tcase_add_test(t, what_is_no_text_is_a_question_mark);
	tcase_add_test(t, no_text_turns_what_is_around_it);
	tcase_add_test(t, lines_are_broken_between_words);
	tcase_add_test(t, what_is_shown_is_no_rich_text);
	tcase_add_test(t, no_text_is_an_option);
	tcase_add_test(t, too_many_words_are_none);
	tcase_add_test(t, an_end_is_told_from_a_failure);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_ENV);
	n = srunner_ntests_failed(r);
	srunner_free(r);
	return n == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
