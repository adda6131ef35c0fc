/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <check.h>
#include <stdlib.h>

/* The program's sources are not in the library. */
#include "fs/xbel.c"

#define HEAD "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<!DOCTYPE xbel>\n" \
    "<xbel xmlns:bookmark=\"" NS "\" dbusName=\"kfilePlaces\">\n"
#define HOME " <bookmark href='file:///home/u'>\n" \
    "  <title>Home &amp;</title>\n  <info>" \
    "<metadata owner=\"http://www.kde.org\">\n   <ID>17/0</ID>\n" \
    "  </metadata></info>\n </bookmark>\n"
#define END "</xbel>\n"
#define OURS(h, t, i, id) " <bookmark href=\"" h "\"><title>" t "</title>" \
    "<info><metadata owner=\"http://freedesktop.org\"><bookmark:icon " \
    "xmlns:bookmark=\"" NS "\" name=\"" i "\"/></metadata><metadata " \
    "owner=\"http://www.kde.org\"><ID>coffre/" id "</ID>" \
    "<isSystemItem>false</isSystemItem></metadata></info></bookmark>"
#define MINE OURS("file:///home/u/My%20C%26%C3%A9", "A&#38;&#60;b&#62;", \
    "folder", "a")

static struct xbel_place pl = { "coffre/a", "/home/u/My C&\303\251", "A&<b>",
    "folder" };
static struct buf out;
static unsigned long line;

static int
add(const char *s)
{
	buf_done(&out);
	buf_init(&out, 2 * XBEL_MAX);
	return xbel_add(s, strlen(s), &pl, &out, &line);
}

static int
take(const char *s)
{
	buf_done(&out);
	buf_init(&out, 2 * XBEL_MAX);
	return xbel_remove(s, strlen(s), pl.id, &out, &line);
}

/* Adding makes the one the other; once more changes nothing. */
static void
adds(const char *from, const char *to)
{
	ck_assert_int_eq(add(from), 1);
	ck_assert_str_eq(buf_cstr(&out), to);
	ck_assert_int_eq(add(to), 0);
	ck_assert_str_eq(buf_cstr(&out), to);
}

static void
removes(const char *from, const char *to)
{
	ck_assert_int_eq(take(from), 1);
	ck_assert_str_eq(buf_cstr(&out), to);
	ck_assert_int_eq(take(to), 0);
	ck_assert_str_eq(buf_cstr(&out), to);
}

START_TEST(it_is_added_at_the_end)
{
	adds(HEAD HOME END, HEAD HOME MINE "\n" END);
	adds(HEAD HOME "</xbel>", HEAD HOME MINE "\n</xbel>");
	adds("<xbel><bookmark/></xbel>",
	    "<xbel><bookmark/>\n" MINE "\n</xbel>");
	adds("<xbel />\n", "<xbel >\n" MINE "\n</xbel>\n");
	adds("<xbel></xbel><!-- </xbel> -->",
	    "<xbel>\n" MINE "\n</xbel><!-- </xbel> -->");
	adds(xbel_empty, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
	    "<!DOCTYPE xbel>\n<xbel xmlns:bookmark=\"" NS "\">\n" MINE "\n"
	    END);
}
END_TEST

START_TEST(it_goes_without_a_trace)
{
	removes(HEAD HOME MINE "\n" END, HEAD HOME END);
	removes(HEAD MINE "\n" HOME END, HEAD HOME END);
	removes(HEAD MINE "\n" MINE "\n" HOME MINE "\n" END, HEAD HOME END);
	removes("<xbel><folder>" MINE "</folder></xbel>",
	    "<xbel><folder> </folder></xbel>");
}
END_TEST

START_TEST(it_stays_where_the_user_put_it)
{
	ck_assert_int_eq(add(HEAD MINE "\n" HOME END), 0);
	adds(HEAD OURS("file:///old", "A&amp;&lt;b>", "folder", "a") "\n"
	    HOME END, HEAD MINE "\n" HOME END);
	adds(HEAD OURS("file:///home/u/My%20C%26%C3%A9", "Renamed", "folder",
	    "a") "\n" HOME MINE "\n" END, HEAD MINE "\n" HOME END);
	adds(HEAD OURS("file:///home/u/My%20C%26%C3%A9", "A&amp;&lt;b>",
	    "other", "a") HOME END, HEAD MINE HOME END);
}
END_TEST

START_TEST(others_are_let_alone)
{
	adds(HEAD OURS("file:///b", "B", "folder", "ab") "\n" END,
	    HEAD OURS("file:///b", "B", "folder", "ab") "\n" MINE "\n" END);
	ck_assert_int_eq(take(HEAD OURS("file:///b", "B", "f", "ab") END), 0);
	/* An ID is one only where KDE keeps it. */
	ck_assert_int_eq(take("<xbel><bookmark><title>coffre/a</title>"
	    "<ID>coffre/a</ID></bookmark><info><metadata><x><ID>coffre/a</ID>"
	    "</x></metadata></info></xbel>"), 0);
}
END_TEST

START_TEST(what_is_no_list_is_refused)
{
	static const char *const bad[] = {
		"", " ", "x", "<html></html>", "<xbel>", HEAD HOME,
		HEAD HOME END "x", "<xbel>&nosuch;</xbel>",
		"<!DOCTYPE xbel [<!ENTITY a \"b\">]><xbel>&a;</xbel>",
		"<?xml version=\"1.0\" encoding=\"ISO-8859-1\"?><xbel></xbel>",
		"<xbel>\351</xbel>", "\377\376<\0x",
	};
	size_t i;

	for (i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		ck_assert_int_eq(add(bad[i]), -EBADMSG);
		ck_assert_int_eq(take(bad[i]), -EBADMSG);
	}
	ck_assert_int_eq(xbel_add("<xbel>\0</xbel>", 14, &pl, &out, &line),
	    -EBADMSG);
	ck_assert_int_eq(add("<xbel>\n\n</oops>\n"), -EBADMSG);
	ck_assert_uint_eq(line, 3);
}
END_TEST

START_TEST(what_xml_lacks_is_not_written)
{
	struct xbel_place was = pl;

	pl.title = "a\001b";
	ck_assert_int_eq(add(HEAD END), -EINVAL);
	pl.title = "a\351b";
	ck_assert_int_eq(add(HEAD END), -EINVAL);
	pl.title = "tab\tand\rmore]]>\"'";
	pl.icon = "\"/><x a='\t";
	ck_assert_int_eq(add(HEAD END), 1);
	pl = was;
}
END_TEST

static Suite *
suite(void)
{
	Suite *s = suite_create("xbel");
	TCase *t = tcase_create("xbel");

	tcase_add_test(t, it_is_added_at_the_end);
	tcase_add_test(t, it_goes_without_a_trace);
	tcase_add_test(t, it_stays_where_the_user_put_it);
	tcase_add_test(t, others_are_let_alone);
	tcase_add_test(t, what_is_no_list_is_refused);
	tcase_add_test(t, what_xml_lacks_is_not_written);
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
