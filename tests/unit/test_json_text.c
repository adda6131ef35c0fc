/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a server may make us hold of its JSON. */
#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "net/json_text.h"
#include "net/nc_json.h"
#include "net/swift_json.h"
#include "util/buf.h"

/* "[one,one,...]" */
static void
list_make(struct buf *b, const char *one, size_t n)
{
	(void)buf_put_u8(b, '[');
	for (; n > 0; n--)
		(void)buf_printf(b, "%s%s", one, n > 1 ? "," : "]");
	ck_assert_int_eq(b->err, 0);
}

static const char *const cheap[] = { "{}", "[]", "1", "\"\"",
    "{\"name\":\"a\"}", "[[[[[]]]]]" };

START_TEST(a_short_text_of_many_values_is_refused)
{
	struct buf b = BUF_INIT(4u << 20);
	struct swift_token t;
	struct swift_info i;
	struct nc_caps c;
	char msg[64];
	json_t *o;

	list_make(&b, cheap[_i], 150000);
	ck_assert_int_eq(json_text_load(b.data, b.len, &o), -EPROTO);
	ck_assert_int_eq(swift_json_token(b.data, b.len, NULL, "public", &t),
	    -EPROTO);
	ck_assert_int_eq(swift_json_info(b.data, b.len, &i), -EPROTO);
	ck_assert_int_eq(swift_json_error(b.data, b.len, msg, sizeof(msg)),
	    -EPROTO);
	ck_assert_int_eq(nc_json_caps(b.data, b.len, &c), -EPROTO);
	buf_done(&b);
}
END_TEST

static int
on_entry(void *arg, const struct swift_entry *en)
{
	ck_assert_uint_eq(en->size, 8388608);
	++*(size_t *)arg;
	return 0;
}

/* A page as long as servers make them, of names that look like much more. */
START_TEST(a_listing_of_ten_thousand_names_is_read)
{
	static const char one[] = "{\"hash\": \"d41d8cd98f00b204e9800998ecf8"
	    "427e\", \"last_modified\": \"2026-11-23T01:02:03.000000\", "
	    "\"bytes\": 8388608, \"name\": \"[{,\\\"[{,[{,\", "
	    "\"content_type\": \"application/octet-stream\", "
	    "\"version_id\": \"1\", \"is_latest\": true}";
	struct buf b = BUF_INIT(4u << 20);
	size_t n = 0, told = 0;

	list_make(&b, one, 10000);
	ck_assert_int_eq(swift_json_list(b.data, b.len, on_entry, &told, &n),
	    0);
	ck_assert_uint_eq(n, 10000);
	ck_assert_uint_eq(told, 10000);
	buf_done(&b);
}
END_TEST

START_TEST(a_text_that_ends_in_a_string_is_none)
{
	json_t *o;

	ck_assert_int_eq(json_text_load("\"\\", 2, &o), -EPROTO);
	ck_assert_int_eq(json_text_load("[\"", 2, &o), -EPROTO);
	ck_assert_int_eq(json_text_load("", 0, &o), -EPROTO);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("json_text");
	TCase *t = tcase_create("json_text");
	SRunner *sr;
	int failed;

	tcase_add_loop_test(t, a_short_text_of_many_values_is_refused, 0,
	    sizeof(cheap) / sizeof(cheap[0]));
	tcase_add_test(t, a_listing_of_ten_thousand_names_is_read);
	tcase_add_test(t, a_text_that_ends_in_a_string_is_none);
	suite_add_tcase(suite, t);
	sr = srunner_create(suite);
	srunner_run_all(sr, CK_ENV);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed ? 1 : 0;
}
