/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "net/url.h"
#include "util/buf.h"
#include "util/err.h"

static const struct {
	const char *text, *scheme, *user, *host;
	unsigned port;
	const char *path;
} good[] = {
	{ "webdavs://host", "webdavs", NULL, "host", 0, "/" },
	{ "webdavs://host/", "webdavs", NULL, "host", 0, "/" },
	{ "WebDAV://Host.Example:8080/A/b/", "webdav", NULL, "host.example",
	    8080, "/A/b" },
	{ "https://a%40b@h/x", "https", "a@b", "h", 0, "/x" },
	{ "https://@h/x", "https", NULL, "h", 0, "/x" },
	{ "https://[::1]:443/x", "https", NULL, "::1", 443, "/x" },
	{ "https://[fe80::2]/", "https", NULL, "fe80::2", 0, "/" },
	{ "https://h/a%20b/%C3%A9//c", "https", NULL, "h", 0,
	    "/a b/\xc3\xa9/c" },
	{ "https://h/user@home:x", "https", NULL, "h", 0, "/user@home:x" },
};

START_TEST(a_good_address_is_taken_apart)
{
	struct err e = { "" };
	struct url u;

	ck_assert_msg(url_parse(good[_i].text, &u, &e) == 0, "%s", e.msg);
	ck_assert_str_eq(u.scheme, good[_i].scheme);
	if (good[_i].user)
		ck_assert_str_eq(u.user, good[_i].user);
	else
		ck_assert_ptr_null(u.user);
	ck_assert_str_eq(u.host, good[_i].host);
	ck_assert_uint_eq(u.port, good[_i].port);
	ck_assert_str_eq(u.path, good[_i].path);
	url_done(&u);
}
END_TEST

static const char *const bad[] = { "", "host", "://host", "https://",
    "https:///x", "https://h:/", "https://h:0/", "https://h:65536/",
    "https://h:12x/", "https://h:123456/", "https://u:secret@h/",
    "https://[::1/", "https://[::1]x/", "https://[]/", "https://h h/",
    "https://h/a?b", "https://h/#f", "https://h/%", "https://h/%4",
    "https://h/%4g", "https://h/%00", "https://h/..", "https://h/a/./b",
    "https://h/%2e%2e/x", "https://h/a\\b", "https://h/\x01",
    "https://h_%/", "https://%00@h/", "ht+tp://h/",
    "averyveryverylongscheme://h/" };

START_TEST(a_bad_address_is_refused_with_a_reason)
{
	struct err e = { "" };
	struct url u;

	memset(&u, 0, sizeof(u));
	ck_assert_msg(url_parse(bad[_i], &u, &e) == -EINVAL, "'%s'", bad[_i]);
	ck_assert(e.msg[0]);
	ck_assert_ptr_null(strstr(e.msg, "secret"));
	ck_assert_ptr_null(u.host);
}
END_TEST

START_TEST(an_endless_address_is_refused)
{
	char text[URL_MAX + 10];
	struct url u;

	memset(text, 'a', sizeof(text));
	memcpy(text, "https://h/", 10);
	text[URL_MAX + 1] = '\0';
	ck_assert_int_eq(url_parse(text, &u, NULL), -EINVAL);
}
END_TEST

START_TEST(every_byte_is_encoded_and_comes_back)
{
	struct buf enc = BUF_INIT(4096), dec = BUF_INIT(4096);
	char all[256];
	size_t i;

	for (i = 1; i < 256; i++)
		all[i - 1] = (char)i;
	all[255] = '\0';
	ck_assert_int_eq(url_encode(&enc, all, false), 0);
	ck_assert_ptr_nonnull(strstr(buf_cstr(&enc), "%C3"));
	ck_assert_ptr_nonnull(strstr(buf_cstr(&enc), "%2F"));
	for (i = 0; i < enc.len; i++)
		ck_assert(strchr("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnop"
		    "qrstuvwxyz0123456789-_.~%", enc.data[i]) != NULL);
	ck_assert_int_eq(url_decode(&dec, (char *)enc.data, enc.len), 0);
	ck_assert_uint_eq(dec.len, 255);
	ck_assert_mem_eq(dec.data, all, 255);
	buf_reset(&enc);
	ck_assert_int_eq(url_encode(&enc, "/a b/~x", true), 0);
	ck_assert_str_eq(buf_cstr(&enc), "/a%20b/~x");
	buf_done(&enc);
	buf_done(&dec);
}
END_TEST

static const struct {
	const char *href, *path;
} href[] = {
	{ "/dav/a%c3%a9", "/dav/a\xc3\xa9" },
	{ "/dav/a%C3%A9/", "/dav/a\xc3\xa9/" },
	{ "https://host:8443/dav/x", "/dav/x" },
	{ "http://host/", "/" },
	{ "\n  /dav/x \t\n", "/dav/x" },
	{ "/dav/raw space", "/dav/raw space" },
	{ "/odd://name", "/odd://name" },
	{ "http://host", NULL },
	{ "relative", NULL },
	{ "", NULL },
	{ "   ", NULL },
	{ "/a?b", NULL },
	{ "/a#b", NULL },
	{ "/a%00b", NULL },
	{ "/a%zz", NULL },
	{ "/a%4", NULL },
};

START_TEST(a_reference_becomes_a_path)
{
	struct buf b = BUF_INIT(200);
	int r;

	ck_assert_int_eq(buf_put(&b, "k", 1), 0);
	r = url_href_path(&b, href[_i].href, strlen(href[_i].href));
	if (href[_i].path) {
		ck_assert_int_eq(r, 0);
		ck_assert_str_eq(buf_cstr(&b) + 1, href[_i].path);
	} else {
		ck_assert_int_eq(r, -EINVAL);
		ck_assert_uint_eq(b.len, 1);
	}
	buf_done(&b);
}
END_TEST

START_TEST(only_a_slash_may_be_added)
{
	ck_assert(url_is_slash_added("https://h/a", "https://h/a/"));
	ck_assert(url_is_slash_added("https://h/a", "https://H:443/a/"));
	ck_assert(!url_is_slash_added("https://h/a", "https://h/a"));
	ck_assert(!url_is_slash_added("https://h/a/", "https://h/a/"));
	ck_assert(!url_is_slash_added("https://h/a", "http://h/a/"));
	ck_assert(!url_is_slash_added("https://h/a", "https://evil/a/"));
	ck_assert(!url_is_slash_added("https://h/a", "https://h:8443/a/"));
	ck_assert(!url_is_slash_added("https://h/a", "https://h/b/"));
	ck_assert(!url_is_slash_added("https://h/a", "https://u@h/a/"));
	ck_assert(!url_is_slash_added("https://h/a", ""));
}
END_TEST

START_TEST(loopback_is_this_machine_only)
{
	ck_assert(url_is_loopback("localhost"));
	ck_assert(url_is_loopback("127.0.0.1"));
	ck_assert(url_is_loopback("127.1.2.3"));
	ck_assert(url_is_loopback("::1"));
	ck_assert(!url_is_loopback("127.evil.example"));
	ck_assert(!url_is_loopback("localhost.evil.example"));
	ck_assert(!url_is_loopback("128.0.0.1"));
	ck_assert(!url_is_loopback("::2"));
	ck_assert(!url_is_loopback(""));
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("url");
	TCase *t = tcase_create("url");
	SRunner *sr;
	int failed;

	tcase_add_loop_test(t, a_good_address_is_taken_apart, 0,
	    sizeof(good) / sizeof(good[0]));
	tcase_add_loop_test(t, a_bad_address_is_refused_with_a_reason, 0,
	    sizeof(bad) / sizeof(bad[0]));
	tcase_add_test(t, an_endless_address_is_refused);
	tcase_add_test(t, every_byte_is_encoded_and_comes_back);
	tcase_add_loop_test(t, a_reference_becomes_a_path, 0,
	    sizeof(href) / sizeof(href[0]));
	tcase_add_test(t, only_a_slash_may_be_added);
	tcase_add_test(t, loopback_is_this_machine_only);
	suite_add_tcase(suite, t);
	sr = srunner_create(suite);
	srunner_run_all(sr, CK_ENV);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed ? 1 : 0;
}
