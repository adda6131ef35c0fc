/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <check.h>
#include <errno.h>
#include <string.h>

/* The program's sources are not in the library. */
#include "fs/opts.c"

#include "fs/place.c"

#include "fs/conf.c"

#include "fs/control_msg.c"

static struct opts o;
static struct err e;
static char home[] = "/tmp/test_conf.XXXXXX";

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

static int
parse(const char *text)
{
	return conf_parse(text, strlen(text), &o, &e);
}

START_TEST(a_file_with_comments_and_blanks_is_read)
{
	ck_assert_int_eq(parse("# a drive\r\n\n  store =  webdavs://h/p  \n"
	    "\tcache=2G\nallow_other\nro = no\n   # end\n"
	    "passphrase_command = pass show a=b"), 0);
	ck_assert_str_eq(o.store, "webdavs://h/p");
	ck_assert_uint_eq(o.cache, UINT64_C(2) << 30);
	ck_assert(o.allow_other);
	ck_assert(!o.ro);
	ck_assert_str_eq(o.passphrase_command, "pass show a=b");
}
END_TEST

START_TEST(an_empty_file_is_the_defaults)
{
	ck_assert_int_eq(parse(""), 0);
	ck_assert_uint_eq(o.set, 0);
}
END_TEST

static const struct { const char *text, *named; } bad[] = {
	{ "store = a\nstroe = b\n", "line 2" },
	{ "store = a\nstroe = b\n", "stroe" },
	{ "cache = 1G\ncache = 2G\n", "twice" },
	{ "\n\ncache\n", "line 3" },
	{ "cache = \n", "cache" },
	{ "[drive]\n", "[drive]" },
	{ "= x\n", "line 1" },
	{ "store = a\001b\n", "store" },
};

START_TEST(a_wrong_line_is_refused_with_its_number)
{
	ck_assert_int_eq(parse(bad[_i].text), -EINVAL);
	ck_assert_ptr_nonnull(strstr(e.msg, bad[_i].named));
}
END_TEST

START_TEST(bytes_that_are_no_text_are_refused)
{
	ck_assert_int_eq(conf_parse("ro = no\0x\n", 10, &o, &e), -EINVAL);
}
END_TEST

START_TEST(a_line_or_file_too_long_is_refused)
{
	char *s = malloc(CONF_MAX + 2);

	ck_assert_ptr_nonnull(s);
	memset(s, '#', CONF_MAX + 1);
	s[CONF_MAX + 1] = '\0';
	ck_assert_int_eq(conf_parse(s, CONF_MAX + 1, &o, &e), -EFBIG);
	ck_assert_int_eq(conf_parse(s, CONF_LINE_MAX, &o, &e), -EFBIG);
	ck_assert_int_eq(conf_parse(s, CONF_LINE_MAX - 1, &o, &e), 0);
	free(s);
}
END_TEST

START_TEST(what_is_formatted_parses_to_the_same)
{
	struct buf b = BUF_INIT(CONF_MAX), again = BUF_INIT(CONF_MAX);
	struct opts p;

	ck_assert_int_eq(parse("store = dir:/x y\nfloor = 123456789\n"
	    "log_level = info\nallow_other = yes\nro = no\ndrain = 0\n"), 0);
	ck_assert_int_eq(conf_format(&o, &b), 0);
	opts_init(&p);
	ck_assert_int_eq(conf_parse(b.data, b.len, &p, &e), 0);
	ck_assert_uint_eq(p.set, o.set);
	ck_assert_str_eq(p.store, "dir:/x y");
	ck_assert_uint_eq(p.floor, 123456789);
	ck_assert_uint_eq(p.drain, 0);
	ck_assert_int_eq(conf_format(&p, &again), 0);
	ck_assert_uint_eq(again.len, b.len);
	ck_assert_mem_eq(again.data, b.data, b.len);
	opts_done(&p);
	buf_done(&b);
	buf_done(&again);
}
END_TEST

START_TEST(a_saved_file_is_private_and_loads)
{
	char path[PATH_MAX];
	struct stat st;
	struct opts p;

	ck_assert_int_eq(parse("store = dir:/x\n"), 0);
	ck_assert_int_eq(conf_save("home", &o, &e), 0);
	ck_assert_int_eq(place_path(PLACE_CONF, "home", path, &e), 0);
	ck_assert_int_eq(stat(path, &st), 0);
	ck_assert_int_eq((int)(st.st_mode & 07777), 0600);
	opts_init(&p);
	ck_assert_int_eq(conf_load("home", &p, &e), 0);
	ck_assert_str_eq(p.store, "dir:/x");
	opts_done(&p);

	/* It names commands that are run. */
	ck_assert_int_eq(chmod(path, 0620), 0);
	opts_init(&p);
	ck_assert_int_eq(conf_load("home", &p, &e), -EPERM);
	ck_assert_int_eq(conf_load("absent", &p, &e), -ENOENT);
	opts_done(&p);
}
END_TEST

START_TEST(drives_are_found_by_their_files)
{
	char **v;
	size_t n, i;

	ck_assert_int_eq(parse("store = dir:/x\n"), 0);
	ck_assert_int_eq(conf_save("b", &o, &e), 0);
	ck_assert_int_eq(conf_save("a.b", &o, &e), 0);
	ck_assert_int_eq(place_drives(&v, &n, &e), 0);
	ck_assert_uint_ge(n, 2);
	ck_assert_str_eq(v[0], "a.b");
	ck_assert_str_eq(v[1], "b");
	for (i = 0; i < n; i++)
		free(v[i]);
	free(v);
}
END_TEST

START_TEST(names_that_would_leave_the_folder_are_refused)
{
	static const char *const no[] = { "", ".", "..", "a/b", "../x", ".x",
	    "-x", "a b", "a\nb", "caf\303\251", "a,b", "a=b" };
	char longer[PLACE_NAME_MAX + 2];
	size_t i;

	for (i = 0; i < sizeof(no) / sizeof(*no); i++)
		ck_assert(!place_name_valid(no[i]));
	ck_assert(place_name_valid("work-2_x.Y"));
	memset(longer, 'a', sizeof(longer) - 1);
	longer[sizeof(longer) - 1] = '\0';
	ck_assert(!place_name_valid(longer));
	longer[PLACE_NAME_MAX] = '\0';
	ck_assert(place_name_valid(longer));
}
END_TEST

START_TEST(a_request_comes_back_as_it_was)
{
	static const struct control_req all[] = {
		{ .cmd = CONTROL_STATUS },
		{ .cmd = CONTROL_SYNC, .is_wait = true, .timeout_ms = 30000 },
		{ .cmd = CONTROL_UNMOUNT, .is_lazy = true },
		{ .cmd = CONTROL_CACHE, .has_keep = true, .keep = 1 << 30 },
		{ .cmd = CONTROL_FSCK, .is_repair = true, .is_remote = true },
		{ .cmd = CONTROL_FINGERPRINT },
		{ .cmd = CONTROL_VERSION },
		{ .cmd = CONTROL_STORE_ADD, .is_later = true },
		{ .cmd = CONTROL_STORE_REMOVE, .number = 8, .is_lost = true },
		{ .cmd = CONTROL_STORE_CHECK },
	};
	struct control_req q;
	char *s;
	size_t i;

	for (i = 0; i < sizeof(all) / sizeof(*all); i++) {
		s = control_req_format(&all[i]);
		ck_assert_ptr_nonnull(s);
		ck_assert_int_eq(s[strlen(s) - 1], '\n');
		ck_assert_int_eq(control_req_parse(s, strlen(s) - 1, &q, &e),
		    0);
		ck_assert_int_eq((int)q.cmd, (int)all[i].cmd);
		ck_assert_int_eq(q.is_wait, all[i].is_wait);
		ck_assert_int_eq(q.timeout_ms, all[i].timeout_ms);
		ck_assert_int_eq(q.is_lazy, all[i].is_lazy);
		ck_assert_int_eq(q.has_keep, all[i].has_keep);
		ck_assert_uint_eq(q.keep, all[i].keep);
		ck_assert_int_eq(q.is_repair, all[i].is_repair);
		ck_assert_int_eq(q.is_remote, all[i].is_remote);
		ck_assert_int_eq(q.is_later, all[i].is_later);
		ck_assert_int_eq(q.is_lost, all[i].is_lost);
		ck_assert_uint_eq(q.number, all[i].number);
		free(s);
	}
}
END_TEST

static const char *const bad_req[] = {
	"", "x", "[]", "\"status\"", "{}", "{\"cmd\":1}", "{\"cmd\":\"nope\"}",
	"{\"cmd\":\"status\",\"cmd\":\"sync\"}",
	"{\"cmd\":\"status\",\"more\":1}", "{\"cmd\":\"sync\",\"wait\":1}",
	"{\"cmd\":\"sync\",\"timeout\":-1}",
	"{\"cmd\":\"sync\",\"timeout\":1.5}",
	"{\"cmd\":\"sync\",\"timeout\":99999999}",
	"{\"cmd\":\"store-remove\",\"number\":0}",
	"{\"cmd\":\"store-remove\",\"number\":9}",
	"{\"cmd\":\"cache\",\"keep\":-1}", "{\"cmd\":\"cache\",\"keep\":\"1\"}",
	"{\"cmd\":\"status\"} x", "{\"cmd\":\"status\"",
};

START_TEST(a_wrong_request_is_refused)
{
	struct control_req q;

	ck_assert_int_eq(control_req_parse(bad_req[_i],
	    strlen(bad_req[_i]), &q, &e), -EINVAL);
	ck_assert_str_ne(e.msg, "");
}
END_TEST

START_TEST(a_request_too_long_is_refused)
{
	static char s[CONTROL_REQ_MAX + 1];
	struct control_req q;

	memset(s, ' ', sizeof(s));
	memcpy(s, "{\"cmd\":\"status\"}", 16);
	ck_assert_int_eq(control_req_parse(s, CONTROL_REQ_MAX, &q, &e), 0);
	ck_assert_int_eq(control_req_parse(s, CONTROL_REQ_MAX + 1, &q, &e),
	    -EINVAL);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("conf");
	TCase *t = tcase_create("conf");
	SRunner *sr = srunner_create(s);
	int failed;

	if (!mkdtemp(home) || setenv("XDG_CONFIG_HOME", home, 1) < 0)
		return 1;
	suite_add_tcase(s, t);
	tcase_add_checked_fixture(t, begin, end);
	tcase_add_test(t, a_file_with_comments_and_blanks_is_read);
	tcase_add_test(t, an_empty_file_is_the_defaults);
	tcase_add_loop_test(t, a_wrong_line_is_refused_with_its_number, 0,
	    (int)(sizeof(bad) / sizeof(*bad)));
	tcase_add_test(t, bytes_that_are_no_text_are_refused);
	tcase_add_test(t, a_line_or_file_too_long_is_refused);
	tcase_add_test(t, what_is_formatted_parses_to_the_same);
	tcase_add_test(t, a_saved_file_is_private_and_loads);
	tcase_add_test(t, drives_are_found_by_their_files);
	tcase_add_test(t, names_that_would_leave_the_folder_are_refused);
	tcase_add_test(t, a_request_comes_back_as_it_was);
	tcase_add_loop_test(t, a_wrong_request_is_refused, 0,
	    (int)(sizeof(bad_req) / sizeof(*bad_req)));
	tcase_add_test(t, a_request_too_long_is_refused);
	srunner_run_all(sr, CK_ENV);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed != 0;
}
