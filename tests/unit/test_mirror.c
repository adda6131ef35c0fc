/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <check.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "store/mirror.h"
#include "store/store.h"
#include "sync/mirror_log.h"
#include "util/buf.h"
#include "util/clock.h"
#include "util/err.h"

/* Members are folders: one that is moved away is out of reach. */

static char dir[64];
static struct store *s;

static int __attribute__((format(printf, 1, 2)))
sh(const char *fmt, ...)
{
	char cmd[512], all[700];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(cmd, sizeof(cmd), fmt, ap);
	va_end(ap);
	(void)snprintf(all, sizeof(all), "cd %s && %s", dir, cmd);
	return system(all);
}

static void
mirror_open(unsigned n, unsigned copies)
{
	static const char *const name[] = { "a", "b", "c" };
	struct mirror_conf c = { .n = n, .copies = copies,
	    .marker = "drive", .retry_min_ms = 20, .retry_max_ms = 100 };
	struct err e = { "" };
	char url[128];
	unsigned i;

	for (i = 0; i < n; i++) {
		(void)snprintf(url, sizeof(url), "dir:%s/%s", dir, name[i]);
		ck_assert_int_eq(store_open(url, NULL, &c.members[i].store,
		    &e), 0);
		c.members[i].id = name[i];
	}
	ck_assert_msg(mirror_log_open(dir, &c.log, &e) == 0, "%s", e.msg);
	ck_assert_int_eq(store_mirror_new(&c, &s), 0);
}

/* With the object that marks a drive. */
static void
begin(unsigned n, unsigned copies)
{
	(void)strcpy(dir, "/tmp/test-mirror.XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(dir));
	ck_assert_int_eq(sh("mkdir a b c"), 0);
	mirror_open(n, copies);
	ck_assert_int_eq(store_put(s, "drive", "it", 2, STORE_IF_ABSENT), 0);
}

static void
end(void)
{
	store_close(s);
	ck_assert_int_eq(sh("rm -rf %s", dir), 0);
}

static uint64_t
queued(size_t i)
{
	struct mirror_state st;

	store_mirror_state(s, i, &st);
	return st.queued;
}

static void
settle(void)
{
	ck_assert_int_eq(store_mirror_wait(s, clock_mono_ms() + 10000, NULL,
	    NULL), 0);
}

static void
put(const char *name, const char *text)
{
	int r = store_put(s, name, text, strlen(text), 0);

	ck_assert_msg(r == 0, "%s: %s", name, strerror(-r));
}

static void
reads(const char *name, const char *text)
{
	struct buf b = BUF_INIT(1000);
	int r = store_get(s, name, &b);

	ck_assert_msg(r == 0, "%s: %s", name, strerror(-r));
	ck_assert_uint_eq(b.len, strlen(text));
	ck_assert_mem_eq(b.data, text, b.len);
	buf_done(&b);
}

START_TEST(what_is_put_is_on_every_member)
{
	begin(3, 3);
	put("d/x", "hello");
	ck_assert_int_eq(sh("grep -q hello a/d/x b/d/x c/d/x"), 0);
	reads("d/x", "hello");
	ck_assert_int_eq(store_put(s, "d/x", "other", 5, STORE_IF_ABSENT),
	    -EEXIST);
	ck_assert_int_eq(store_put(s, "d/x", "hello", 5, STORE_IF_ABSENT),
	    0);
	ck_assert_int_eq(store_delete(s, "d/x"), 0);
	ck_assert_int_eq(store_delete(s, "d/x"), -ENOENT);
	ck_assert_uint_eq(store_mirror_count(s), 3);
	ck_assert_uint_eq(queued(0) + queued(1) + queued(2), 0);
	end();
}
END_TEST

START_TEST(a_member_that_was_away_catches_up_in_order)
{
	struct mirror_state st;
	struct buf b = BUF_INIT(100);

	begin(2, 1);
	put("h/head", "1");
	ck_assert_int_eq(sh("mv b gone"), 0);
	put("d/x", "one");
	put("d/y", "two");
	put("h/head", "2");
	ck_assert_int_eq(store_delete(s, "d/y"), 0);
	ck_assert_uint_eq(queued(1), 3);
	store_mirror_state(s, 1, &st);
	ck_assert(st.is_away);
	ck_assert_msg(strstr(st.problem, "not there"), "%s", st.problem);
	reads("h/head", "2");
	ck_assert_int_eq(sh("mv gone b"), 0);
	settle();
	ck_assert_int_eq(sh("grep -q one b/d/x && grep -q 2 b/h/head && "
	    "test ! -e b/d/y"), 0);
	/* Nothing reached it before what it refers to. */
	ck_assert_int_eq(sh("test ! b/d/x -nt b/h/head"), 0);
	store_mirror_state(s, 1, &st);
	ck_assert(!st.is_away);
	ck_assert_str_eq(st.problem, "");
	buf_done(&b);
	end();
}
END_TEST

START_TEST(what_a_member_lacks_outlives_the_process)
{
	begin(2, 1);
	ck_assert_int_eq(sh("mv b gone"), 0);
	put("d/x", "one");
	store_close(s);
	mirror_open(2, 1);
	ck_assert_uint_eq(queued(1), 1);
	ck_assert_int_eq(sh("mv gone b"), 0);
	settle();
	ck_assert_int_eq(sh("grep -q one b/d/x"), 0);
	end();
}
END_TEST

START_TEST(fewer_copies_than_asked_for_are_a_failure)
{
	begin(2, 2);
	put("d/x", "one");
	ck_assert_int_eq(sh("mv b gone"), 0);
	/* One has it, so that nobody may think that nothing happened. */
	ck_assert_int_eq(store_put(s, "d/y", "two", 3, STORE_IF_ABSENT),
	    -ETIMEDOUT);
	ck_assert_uint_eq(queued(1), 0);
	ck_assert_int_eq(sh("mv gone b"), 0);
	ck_assert_int_eq(store_put(s, "d/y", "two", 3, STORE_IF_ABSENT), 0);
	ck_assert_int_eq(sh("grep -q two a/d/y b/d/y"), 0);
	end();
}
END_TEST

START_TEST(a_read_goes_on_with_the_next_member)
{
	struct buf b = BUF_INIT(100);

	begin(3, 1);
	put("d/x", "hello");
	ck_assert_int_eq(sh("mv a gone-a; rm b/d/x"), 0);
	ck_assert_int_eq(store_get_range(s, "d/x", 1, 3, &b), 0);
	ck_assert_mem_eq(b.data, "ell", 3);
	ck_assert_int_eq(sh("mv c gone-c"), 0);
	buf_reset(&b);
	/* It exists, and b is not all there is. */
	ck_assert_int_eq(store_get_range(s, "d/x", 1, 3, &b), -EHOSTUNREACH);
	/* Is it there?  Whoever is here and owes nothing knows. */
	ck_assert_int_eq(store_get(s, "d/none", &b), -ENOENT);
	ck_assert_int_eq(sh("mv b gone-b"), 0);
	ck_assert_int_eq(store_get(s, "d/none", &b), -EHOSTUNREACH);
	ck_assert_uint_eq(b.len, 0);
	buf_done(&b);
	end();
}
END_TEST

START_TEST(an_old_head_is_not_read_from_who_lacks_the_new_one)
{
	struct buf b = BUF_INIT(100);

	begin(2, 1);
	put("h/head", "old");
	ck_assert_int_eq(sh("mv b gone"), 0);
	put("h/head", "new");
	ck_assert_int_eq(sh("mv gone b2 && mv a gone"), 0);
	store_interrupt(s, true);	/* nobody brings it what it lacks */
	store_interrupt(s, false);
	ck_assert_int_eq(sh("mv b2 b"), 0);
	ck_assert_int_eq(store_get(s, "h/head", &b), -EHOSTUNREACH);
	ck_assert_int_eq(sh("mv gone a"), 0);
	reads("h/head", "new");
	settle();
	ck_assert_int_eq(sh("grep -q new b/h/head"), 0);
	buf_done(&b);
	end();
}
END_TEST

START_TEST(an_empty_folder_is_not_taken_for_a_member)
{
	struct mirror_state st;

	begin(2, 1);
	ck_assert_int_eq(sh("mv b gone && mkdir b"), 0);
	put("d/x", "one");
	ck_assert_uint_eq(queued(1), 1);
	store_mirror_state(s, 1, &st);
	ck_assert(st.is_away);
	ck_assert_msg(strstr(st.problem, "mounted"), "%s", st.problem);
	ck_assert_int_eq(sh("rm -r b && mv gone b"), 0);
	settle();
	ck_assert_int_eq(sh("grep -q one b/d/x"), 0);
	end();
}
END_TEST

START_TEST(an_empty_folder_does_not_say_that_anything_is_gone)
{
	struct buf b = BUF_INIT(100);

	begin(2, 1);
	put("h/head", "1");
	ck_assert_int_eq(sh("mv b gone-b && mkdir b && mv a gone-a"), 0);
	ck_assert_int_eq(store_get(s, "h/head", &b), -EHOSTUNREACH);
	ck_assert_int_eq(sh("mv gone-a a"), 0);
	reads("h/head", "1");
	end();
}
END_TEST

/* All members empty: it is the same for one store. */
START_TEST(nothing_counts_when_every_member_is_empty)
{
	begin(2, 1);
	ck_assert_int_eq(sh("mv b gone-b && mv a gone-a && mkdir a b"), 0);
	ck_assert_int_eq(store_put(s, "d/x", "one", 3, 0), -EHOSTUNREACH);
	end();
}
END_TEST

START_TEST(a_bad_copy_is_replaced)
{
	begin(2, 1);
	put("d/x", "good");
	ck_assert_int_eq(sh("echo -n baad >a/d/x"), 0);
	ck_assert_int_eq(store_mirror_lacks(s, 0, "d/x"), 0);
	settle();
	ck_assert_int_eq(sh("grep -q good a/d/x"), 0);
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

START_TEST(each_name_is_listed_once)
{
	struct store_space sp;
	unsigned i, n = 0;

	begin(2, 1);
	put("d/x", "one");
	ck_assert_int_eq(sh("mv b gone"), 0);
	put("d/y", "two");
	ck_assert_int_eq(sh("mv gone b; echo -n 3 >b/d/z"), 0);
	settle();
	ck_assert_int_eq(store_list(s, "d/", on_name, &n), 0);
	ck_assert_uint_eq(n, 3);
	n = 0;
	ck_assert_int_eq(sh("mv a gone"), 0);
	ck_assert_int_eq(store_list(s, "d/", on_name, &n), 0);
	ck_assert_uint_eq(n, 3);
	ck_assert_int_eq(sh("mv b gone-b"), 0);
	ck_assert_int_eq(store_list(s, "d/", on_name, &n), -EHOSTUNREACH);
	ck_assert_int_eq(store_space(s, &sp), -EHOSTUNREACH);
	ck_assert_int_eq(sh("mv gone-b b && mv gone a"), 0);
	store_mirror_kick(s);
	/* The members' own threads see that they are back. */
	for (i = 0; i < 1000 && store_space(s, &sp) < 0; i++)
		(void)usleep(10000);
	ck_assert_int_eq(store_space(s, &sp), 0);
	ck_assert_uint_gt(sp.free_bytes, 0);
	end();
}
END_TEST

START_TEST(many_objects_reach_a_member_while_more_are_put)
{
	char name[32], text[32];
	unsigned i;

	begin(2, 1);
	ck_assert_int_eq(sh("mv b gone"), 0);
	for (i = 0; i < 120; i++) {
		if (i == 40)
			ck_assert_int_eq(sh("mv gone b"), 0);
		(void)snprintf(name, sizeof(name), "d/n%u", i);
		(void)snprintf(text, sizeof(text), "text %u", i);
		put(name, text);
		put("h/head", text);
	}
	settle();
	ck_assert_int_eq(sh("diff -r a b"), 0);
	end();
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("mirror");
	TCase *t = tcase_create("mirror");
	SRunner *sr;
	int failed;

	tcase_set_timeout(t, 60);
	tcase_add_test(t, what_is_put_is_on_every_member);
	tcase_add_test(t, a_member_that_was_away_catches_up_in_order);
	tcase_add_test(t, what_a_member_lacks_outlives_the_process);
	tcase_add_test(t, fewer_copies_than_asked_for_are_a_failure);
	tcase_add_test(t, a_read_goes_on_with_the_next_member);
	tcase_add_test(t,
	    an_old_head_is_not_read_from_who_lacks_the_new_one);
	tcase_add_test(t, an_empty_folder_is_not_taken_for_a_member);
	tcase_add_test(t,
	    an_empty_folder_does_not_say_that_anything_is_gone);
	tcase_add_test(t, nothing_counts_when_every_member_is_empty);
	tcase_add_test(t, a_bad_copy_is_replaced);
	tcase_add_test(t, each_name_is_listed_once);
	tcase_add_test(t, many_objects_reach_a_member_while_more_are_put);
	suite_add_tcase(suite, t);
	sr = srunner_create(suite);
	srunner_run_all(sr, CK_ENV);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed ? 1 : 0;
}
