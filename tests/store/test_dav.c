/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A WebDAV server that shows half an upload, and loses collections: what is
 * left there when something goes wrong in between. */
#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "store/store.h"
#include "util/buf.h"
#include "util/err.h"

#define OLD "_tmp-aaaaaaaaaaaaaaaa"
#define YOUNG "_tmp-bbbbbbbbbbbbbbbb"

static char dir[64], host[64];
static struct store *s;

/* D is the server's folder. */
static void
run(const char *cmd)
{
	ck_assert_msg(system(cmd) == 0, "'%s' fails", cmd);
}

static void
server_start(void)
{
	char cmd[128];
	FILE *f;

	(void)strcpy(dir, "/tmp/test-dav.XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(dir));
	ck_assert_int_eq(setenv("D", dir, 1), 0);
	run("tests/servers/careless.sh start $D >$D/env");
	(void)snprintf(cmd, sizeof(cmd), "bash -c '. %s/env; h=${HTTP#*//}; "
	    "printf %%s \"${h%%/}\"'", dir);
	f = popen(cmd, "r");
	ck_assert_ptr_nonnull(f);
	ck_assert_ptr_nonnull(fgets(host, sizeof(host), f));
	(void)pclose(f);
}

static void
begin(unsigned retries)
{
	struct store_conf conf = { .timeout_s = 3, .retries = retries };
	struct err e = { "" };
	char url[128];

	server_start();
	(void)snprintf(url, sizeof(url), "webdav://%s", host);
	ck_assert_msg(store_open(url, &conf, &s, &e) == 0, "%s", e.msg);
}

static void
probed(void)
{
	struct err e = { "" };

	ck_assert_msg(store_probe(s, &e) == 0, "%s", e.msg);
}

/* The next request of the kind fails so. */
static void
spoil(const char *what)
{
	ck_assert_int_eq(setenv("WHAT", what, 1), 0);
	run("echo $WHAT >$D/fault && mv $D/fault $D/data.fault");
}

static void
end(void)
{
	store_close(s);
	run("tests/servers/careless.sh stop $D && rm -rf $D");
}

static void
has(const char *name, const char *text)
{
	struct buf b = BUF_INIT(100);

	ck_assert_int_eq(store_get(s, name, &b), 0);
	ck_assert_str_eq(buf_cstr(&b), text);
	buf_done(&b);
}

static const struct {
	const char *what;
	int r, again;		/* without and with a retry */
} spoilt[] = {
	{ "MOVE 503", -EHOSTUNREACH, 0 },
	{ "MOVE 502", -ETIMEDOUT, 0 },
	{ "MOVE 403", -EACCES, -EACCES },
	/* It is there, and that is not what is said. */
	{ "PUT 502", -EHOSTUNREACH, 0 },
};

START_TEST(no_upload_is_left_under_a_temporary_name)
{
	begin(_i % 2);
	probed();
	spoil(spoilt[_i / 2].what);
	ck_assert_int_eq(store_put(s, "a/x", "one", 3, 0),
	    _i % 2 ? spoilt[_i / 2].again : spoilt[_i / 2].r);
	run("test ! -e $D/data.fault && test -d $D/data/a");
	run("test -z \"$(find $D/data -name '_tmp-*')\"");
	end();
}
END_TEST

START_TEST(a_move_that_was_made_twice_is_a_success)
{
	unsigned flags = _i ? STORE_IF_ABSENT : 0;

	begin(0);
	probed();
	ck_assert_int_eq(store_put(s, "a/x", "one", 3, 0), 0);
	spoil("MOVE 0");
	ck_assert_int_eq(store_put(s, "a/y", "two", 3, flags), 0);
	run("test ! -e $D/data.fault");
	has("a/y", "two");
	/* What is somebody else's is no success. */
	ck_assert_int_eq(store_put(s, "a/x", "two", 3, STORE_IF_ABSENT),
	    -EEXIST);
	run("test -z \"$(find $D/data -name '_tmp-*')\"");
	end();
}
END_TEST

static int
on_name(void *arg, const char *name, uint64_t size)
{
	(void)name;
	(void)size;
	++*(unsigned *)arg;
	return 0;
}

START_TEST(temporary_names_of_a_day_ago_go_and_others_stay)
{
	unsigned n = 0;

	begin(0);
	ck_assert_int_eq(store_put(s, "a/x", "one", 3, 0), 0);
	run("cd $D/data/a && touch " YOUNG " _tmp-Other x_tmp && mkdir _tmp-d "
	    "&& touch -d '2 days ago' " OLD " _tmp-Other x_tmp x");
	/* Where uploads are not moved these are not ours. */
	ck_assert_int_eq(store_list(s, "", on_name, &n), 0);
	ck_assert_uint_eq(n, 1);
	run("test -e $D/data/a/" OLD);
	probed();
	n = 0;
	ck_assert_int_eq(store_list(s, "", on_name, &n), 0);
	ck_assert_uint_eq(n, 1);
	run("cd $D/data/a && test ! -e " OLD " && test -e " YOUNG " && "
	    "test -e _tmp-Other && test -e x_tmp && test -d _tmp-d && "
	    "test -e x");
	end();
}
END_TEST

/* What a server that lost its disk, or a person, does; and 500 says little. */
START_TEST(a_collection_that_is_gone_is_made_again)
{
	begin(_i);
	ck_assert_int_eq(store_put(s, "a/x", "one", 3, 0), 0);
	run("rm -r $D/data/a");
	ck_assert_int_eq(store_put(s, "a/y", "two", 3, 0),
	    _i ? 0 : -ETIMEDOUT);
	ck_assert_int_eq(store_put(s, "a/y", "two", 3, 0), 0);
	has("a/y", "two");
	end();
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("dav");
	TCase *t = tcase_create("dav");
	SRunner *sr;
	int failed;

	if (system("command -v python3 >/dev/null") != 0) {
		puts("SKIP: python3 is not installed");
		return 77;
	}
	tcase_set_timeout(t, 60);
	tcase_add_loop_test(t, no_upload_is_left_under_a_temporary_name, 0,
	    2 * (int)(sizeof(spoilt) / sizeof(spoilt[0])));
	tcase_add_loop_test(t, a_move_that_was_made_twice_is_a_success, 0, 2);
	tcase_add_test(t, temporary_names_of_a_day_ago_go_and_others_stay);
	tcase_add_loop_test(t, a_collection_that_is_gone_is_made_again, 0, 2);
	suite_add_tcase(suite, t);
	sr = srunner_create(suite);
	srunner_run_all(sr, CK_ENV);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed ? 1 : 0;
}
