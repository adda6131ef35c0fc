/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <check.h>
#include <errno.h>
#include <string.h>

/* The program's sources are not in the library. */
#include "fs/opts.c"

static struct opts o;
static struct err e;

static void
begin(void)
{
	opts_init(&o);
	e.msg[0] = '\0';
}

static void
end(void)
{
	opts_done(&o);
}

START_TEST(every_default_is_within_its_range_and_formats)
{
	char num[32];
	size_t i;

	for (i = 0; i < opts_count; i++) {
		const struct opt *t = &opts_table[i];
		const char *s = opts_format(&o, t, num);

		ck_assert(!opts_is_set(&o, t));
		ck_assert_ptr_nonnull(t->help);
		ck_assert_uint_le(strlen(t->help), 52);
		if (t->type == OPT_TEXT) {
			ck_assert_str_eq(s, "");
			continue;
		}
		ck_assert_uint_ge(t->def, t->min);
		ck_assert_uint_le(t->def, t->max);
		/* What is written can be read again. */
		ck_assert_int_eq(opts_set(&o, t, s, &e), 0);
		ck_assert(opts_is_set(&o, t));
	}
}
END_TEST

START_TEST(a_list_sets_what_it_names)
{
	ck_assert_int_eq(opts_parse_list(&o, "allow_other,cache=20G,"
	    "quiet=0,ro=no,up=1.5M,log_level=debug,,log=/a\\,b", &e), 0);
	ck_assert(o.allow_other);
	ck_assert(!o.ro);
	ck_assert_uint_eq(o.cache, 20 * GIB);
	ck_assert_uint_eq(o.quiet, 0);
	ck_assert_uint_eq(o.up, 3 * MIB / 2);
	ck_assert_uint_eq(o.log_level, LOG_LEVEL_DEBUG);
	ck_assert_str_eq(o.log, "/a,b");
	ck_assert_uint_eq(o.floor, GIB);
}
END_TEST

START_TEST(what_mount_adds_is_taken)
{
	ck_assert_int_eq(opts_parse_list(&o, "rw,noexec,suid,dev,user,"
	    "x-systemd.automount,_netdev,noatime", &e), 0);
	ck_assert_str_eq(o.kernel, "noexec,noatime");
	ck_assert_ptr_null(o.user);
	/* Times of access are ours to say; one the library has no word for. */
	ck_assert_int_eq(opts_parse_list(&o, "strictatime,nostrictatime,"
	    "norelatime,lazytime,nolazytime,nodiratime,silent,"
	    "default_permissions", &e), 0);
	ck_assert_str_eq(o.kernel, "noexec,noatime");
	ck_assert(!o.nosymfollow);
	ck_assert_int_eq(opts_parse_list(&o, "nosymfollow", &e), 0);
	ck_assert(o.nosymfollow);
	ck_assert_int_eq(opts_parse_list(&o, "user=anna", &e), 0);
	ck_assert_str_eq(o.user, "anna");
}
END_TEST

static const struct { const char *list, *named; int r; } bad[] = {
	{ "nonsense", "nonsense", -EINVAL },
	{ "remount", "remount", -EINVAL },	/* is the helper's */
	{ "cache=20G,chache=1", "chache", -EINVAL },
	{ "cache", "cache", -EINVAL },
	{ "cache=", "cache", -EINVAL },
	{ "cache=lots", "cache", -EINVAL },
	{ "cache=1", "cache", -ERANGE },
	{ "cache=99999999T", "cache", -ERANGE },
	{ "connections=0", "connections", -ERANGE },
	{ "connections=65", "connections", -ERANGE },
	{ "connections=-1", "connections", -EINVAL },
	{ "connections=8x", "connections", -EINVAL },
	{ "connections=99999999999999999999999", "connections", -ERANGE },
	{ "ro=perhaps", "ro", -EINVAL },
	{ "log_level=loud", "log_level", -EINVAL },
	{ "log=a\nb", "log", -EINVAL },
	{ "store=dir:/x", "store", -EINVAL },	/* not at a mount */
	{ "=", "", -EINVAL },
};

START_TEST(a_wrong_option_is_refused_and_named)
{
	ck_assert_int_eq(opts_parse_list(&o, bad[_i].list, &e), bad[_i].r);
	ck_assert_ptr_nonnull(strstr(e.msg, bad[_i].named));
}
END_TEST

START_TEST(a_refused_value_leaves_the_old_one)
{
	ck_assert_int_eq(opts_parse_list(&o, "cache=5G,log=/x", &e), 0);
	ck_assert_int_lt(opts_parse_list(&o, "cache=none", &e), 0);
	ck_assert_int_lt(opts_parse_list(&o, "log=", &e), 0);
	ck_assert_uint_eq(o.cache, 5 * GIB);
	ck_assert_str_eq(o.log, "/x");
}
END_TEST

START_TEST(a_text_too_long_is_refused)
{
	char *s = malloc(OPT_TEXT_MAX + 2);

	ck_assert_ptr_nonnull(s);
	memset(s, 'x', OPT_TEXT_MAX + 1);
	s[OPT_TEXT_MAX + 1] = '\0';
	ck_assert_int_eq(opts_set(&o, opts_find("log", OPT_CONF), s, &e),
	    -EFBIG);
	s[OPT_TEXT_MAX] = '\0';
	ck_assert_int_eq(opts_set(&o, opts_find("log", OPT_CONF), s, &e), 0);
	free(s);
}
END_TEST

START_TEST(sizes_format_so_that_nothing_is_lost)
{
	static const char *const text[] = { "1M", "1025K", "10G", "3T",
	    "1048577", "5000000000" };
	const struct opt *t = opts_find("cache", OPT_CONF);
	char num[32];
	uint64_t v;
	size_t i;

	for (i = 0; i < sizeof(text) / sizeof(*text); i++) {
		ck_assert_int_eq(opts_set(&o, t, text[i], &e), 0);
		v = o.cache;
		ck_assert_int_eq(opts_set(&o, t, opts_format(&o, t, num),
		    &e), 0);
		ck_assert_uint_eq(o.cache, v);
	}
	ck_assert_str_eq(opts_format(&o, t, num), "5000000000");
}
END_TEST

START_TEST(an_option_is_found_only_where_it_may_stand)
{
	ck_assert_ptr_nonnull(opts_find("store", OPT_CONF));
	ck_assert_ptr_null(opts_find("store", OPT_MOUNT));
	ck_assert_ptr_null(opts_find("allow_other", OPT_STORE));
	ck_assert_ptr_nonnull(opts_find("ca", OPT_STORE));
	ck_assert_ptr_null(opts_find("", OPT_CONF));
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("opts");
	TCase *t = tcase_create("opts");
	SRunner *sr = srunner_create(s);
	int failed;

	suite_add_tcase(s, t);
	tcase_add_checked_fixture(t, begin, end);
	tcase_add_test(t, every_default_is_within_its_range_and_formats);
	tcase_add_test(t, a_list_sets_what_it_names);
	tcase_add_test(t, what_mount_adds_is_taken);
	tcase_add_loop_test(t, a_wrong_option_is_refused_and_named, 0,
	    (int)(sizeof(bad) / sizeof(*bad)));
	tcase_add_test(t, a_refused_value_leaves_the_old_one);
	tcase_add_test(t, a_text_too_long_is_refused);
	tcase_add_test(t, sizes_format_so_that_nothing_is_lost);
	tcase_add_test(t, an_option_is_found_only_where_it_may_stand);
	srunner_run_all(sr, CK_ENV);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed != 0;
}
