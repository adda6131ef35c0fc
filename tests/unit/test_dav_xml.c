/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "net/dav_xml.h"

struct seen {
	int n, stop;
	char href[4][64];
	struct dav_entry en[4];
};

static int
on_entry(void *arg, const struct dav_entry *en)
{
	struct seen *s = arg;

	ck_assert_int_lt(s->n, 4);
	(void)snprintf(s->href[s->n], 64, "%.*s", (int)en->href_len,
	    en->href);
	s->en[s->n++] = *en;
	return s->stop;
}

static int
parse(const char *text, struct seen *s)
{
	memset(s->href, 0, sizeof(s->href));
	s->n = 0;
	return dav_xml_parse(text, strlen(text), on_entry, s);
}

START_TEST(a_listing_is_read_property_by_property)
{
	struct seen s = { .stop = 0 };

	ck_assert_int_eq(parse("<?xml version='1.0'?>"
	    "<d:multistatus xmlns:d='DAV:' xmlns:x='urn:x'>"
	    "<d:response><d:href>/a/</d:href><d:propstat><d:prop>"
	    "<d:resourcetype><d:collection/></d:resourcetype>"
	    "<d:quota-available-bytes>-3</d:quota-available-bytes>"
	    "<d:quota-used-bytes>77</d:quota-used-bytes></d:prop>"
	    "<d:status>HTTP/1.1 200 OK</d:status></d:propstat>"
	    "<d:propstat><d:prop><d:getcontentlength/></d:prop>"
	    "<d:status>HTTP/1.1 404 Not Found</d:status></d:propstat>"
	    "</d:response>"
	    "<d:response><d:href>/a/b&amp;c</d:href><d:propstat>"
	    "<d:prop><d:resourcetype/><x:getcontentlength>5"
	    "</x:getcontentlength><d:getcontentlength> 1234 "
	    "</d:getcontentlength></d:prop>"
	    "<d:status>HTTP/1.1 200 OK</d:status></d:propstat>"
	    "</d:response></d:multistatus>", &s), 0);
	ck_assert_int_eq(s.n, 2);
	ck_assert_str_eq(s.href[0], "/a/");
	ck_assert(s.en[0].is_collection);
	ck_assert(!s.en[0].has_size);
	ck_assert(s.en[0].has_free);
	ck_assert_int_eq(s.en[0].free_bytes, -3);
	ck_assert_int_eq(s.en[0].used_bytes, 77);
	ck_assert_str_eq(s.href[1], "/a/b&c");
	ck_assert(!s.en[1].is_collection);
	ck_assert(s.en[1].has_size);
	ck_assert_uint_eq(s.en[1].size, 1234);
}
END_TEST

START_TEST(what_the_server_does_not_have_does_not_count)
{
	struct seen s = { .stop = 0 };

	/* Listed under 404, and under no status at all. */
	ck_assert_int_eq(parse("<multistatus xmlns='DAV:'><response>"
	    "<href>/x</href><propstat><prop><resourcetype><collection/>"
	    "</resourcetype><getcontentlength>9</getcontentlength></prop>"
	    "<status>HTTP/1.1 404 Not Found</status></propstat></response>"
	    "<response><href>/y</href><propstat><prop>"
	    "<getcontentlength>9</getcontentlength></prop></propstat>"
	    "</response><response><href>/gone</href>"
	    "<status>HTTP/1.1 404 Not Found</status></response>"
	    "<response><propstat/></response></multistatus>", &s), 0);
	ck_assert_int_eq(s.n, 2);
	ck_assert(!s.en[0].is_collection);
	ck_assert(!s.en[0].has_size);
	ck_assert(!s.en[1].has_size);
}
END_TEST

START_TEST(a_nonsense_length_is_no_length)
{
	struct seen s = { .stop = 0 };

	ck_assert_int_eq(parse("<multistatus xmlns='DAV:'><response>"
	    "<href>/x</href><propstat><prop><getcontentlength>many"
	    "</getcontentlength></prop><status>HTTP/1.1 200 OK</status>"
	    "</propstat></response></multistatus>", &s), 0);
	ck_assert_int_eq(s.n, 1);
	ck_assert(!s.en[0].has_size);
}
END_TEST

START_TEST(elements_count_at_their_place_only)
{
	struct seen s = { .stop = 0 };

	ck_assert_int_eq(parse("<multistatus xmlns='DAV:'><other><response>"
	    "<href>/evil</href></response></other><response>"
	    "<wrap><href>/evil</href></wrap><href>/x</href>"
	    "<href>/second</href><propstat><prop><wrap>"
	    "<getcontentlength>5</getcontentlength></wrap></prop>"
	    "<status>HTTP/1.1 200 OK</status></propstat></response>"
	    "</multistatus>", &s), 0);
	ck_assert_int_eq(s.n, 1);
	ck_assert_str_eq(s.href[0], "/x");
	ck_assert(!s.en[0].has_size);
}
END_TEST

static const char *const bad[] = { "", "no xml", "<a/>",
    "<multistatus/>", "<multistatus xmlns='DAV:'>",
    "<!DOCTYPE html><html><body>log in</body></html>",
    "<html xmlns='DAV:'/>",
    "<!DOCTYPE m [<!ENTITY a 'x'>]><multistatus xmlns='DAV:'><response>"
    "<href>&a;</href></response></multistatus>",
    "<multistatus xmlns='DAV:'><response></multistatus>",
    "<multistatus xmlns='DAV:'><response><href>&nope;</href></response>"
    "</multistatus>" };

START_TEST(anything_else_is_refused)
{
	struct seen s = { .stop = 0 };

	ck_assert_int_eq(parse(bad[_i], &s), -EPROTO);
}
END_TEST

START_TEST(depth_and_text_are_bounded)
{
	struct seen s = { .stop = 0 };
	char *p = malloc(100000), *at = p;
	int i;

	at += sprintf(at, "<multistatus xmlns='DAV:'>");
	for (i = 0; i < DAV_XML_DEPTH_MAX; i++)
		at += sprintf(at, "<a>");
	ck_assert_int_eq(parse(p, &s), -EPROTO);
	at = p + sprintf(p, "<multistatus xmlns='DAV:'><response><href>/");
	memset(at, 'a', DAV_XML_TEXT_MAX);
	(void)strcpy(at + DAV_XML_TEXT_MAX, "</href></response>"
	    "</multistatus>");
	ck_assert_int_eq(parse(p, &s), -EPROTO);
	free(p);
}
END_TEST

START_TEST(the_caller_can_stop_it)
{
	struct seen s = { .stop = 42 };

	ck_assert_int_eq(parse("<multistatus xmlns='DAV:'><response>"
	    "<href>/x</href></response><response><href>/y</href></response>"
	    "</multistatus>", &s), 42);
	ck_assert_int_eq(s.n, 1);
}
END_TEST

static int
on_place(void *arg, const struct dav_entry *en)
{
	char *all = arg;

	(void)snprintf(all + strlen(all), 200 - strlen(all), "[%s]",
	    en->location ? en->location : "");
	return 0;
}

#define NC "http://nextcloud.org/ns"

START_TEST(the_place_of_what_was_deleted_is_read)
{
	static const char text[] = "<d:multistatus xmlns:d='DAV:' xmlns:n='"
	    NC "' xmlns:x='urn:x'>"
	    "<d:response><d:href>/t/</d:href><d:propstat><d:prop>"
	    "<n:trashbin-original-location>no</n:trashbin-original-location>"
	    "</d:prop><d:status>HTTP/1.1 404 Not Found</d:status>"
	    "</d:propstat></d:response>"
	    "<d:response><d:href>/t/b.d1</d:href><d:propstat><d:prop>"
	    "<n:trashbin-original-location>a &amp; b/b"
	    "</n:trashbin-original-location></d:prop>"
	    "<d:status>HTTP/1.1 200 OK</d:status></d:propstat>"
	    "<d:propstat><d:prop><n:trashbin-original-location/></d:prop>"
	    "<d:status>HTTP/1.1 404 Not Found</d:status></d:propstat>"
	    "</d:response>"
	    "<d:response><d:href>/t/c.d1</d:href><d:propstat><d:prop>"
	    "<x:trashbin-original-location>x</x:trashbin-original-location>"
	    "<d:trashbin-original-location>d</d:trashbin-original-location>"
	    "</d:prop><d:status>HTTP/1.1 200 OK</d:status></d:propstat>"
	    "</d:response></d:multistatus>";
	char all[200] = "";

	ck_assert_int_eq(dav_xml_parse(text, sizeof(text) - 1, on_place,
	    all), 0);
	ck_assert_str_eq(all, "[][a & b/b][]");
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("dav_xml");
	TCase *t = tcase_create("dav_xml");
	SRunner *sr;
	int failed;

	tcase_add_test(t, a_listing_is_read_property_by_property);
	tcase_add_test(t, what_the_server_does_not_have_does_not_count);
	tcase_add_test(t, a_nonsense_length_is_no_length);
	tcase_add_test(t, elements_count_at_their_place_only);
	tcase_add_loop_test(t, anything_else_is_refused, 0,
	    sizeof(bad) / sizeof(bad[0]));
	tcase_add_test(t, the_place_of_what_was_deleted_is_read);
	tcase_add_test(t, depth_and_text_are_bounded);
	tcase_add_test(t, the_caller_can_stop_it);
	suite_add_tcase(suite, t);
	sr = srunner_create(suite);
	srunner_run_all(sr, CK_ENV);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed ? 1 : 0;
}
