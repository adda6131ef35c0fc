/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <arpa/inet.h>
#include <check.h>
#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "store/mirror.h"
#include "store/store.h"
#include "sync/mirror_log.h"
#include "tests/lib/mirror_rig.h"
#include "util/buf.h"
#include "util/clock.h"
#include "util/err.h"
#include "util/thread.h"

/* Members that come and go while the mirror is in use, and one that hangs. */

static void
add_store(const char *name, struct store *s)
{
	struct mirror_member m = { .id = name, .store = s };
	struct mirror_log *log = NULL;
	struct err e = { "" };

	ck_assert_msg(mirror_log_open(mrig_dir, &log, &e) == 0, "%s", e.msg);
	ck_assert_int_eq(store_mirror_add(mrig_store, &m, log), 0);
}

static void
add(const char *name)
{
	add_store(name, mrig_folder(name));
}

static int
on_name(void *arg, const char *name, uint64_t size)
{
	(void)size;
	return store_mirror_lacks(mrig_store, *(size_t *)arg, name);
}

static void
fill(size_t i)
{
	ck_assert_int_eq(store_mirror_lacks(mrig_store, i, "drive"), 0);
	ck_assert_int_eq(store_list(store_mirror_member(mrig_store, 0), "",
	    on_name, &i), 0);
	store_mirror_filled(mrig_store, i);
}

START_TEST(one_alone_is_no_mirror)
{
	struct buf b = BUF_INIT(100);
	char url[128];

	mrig_begin(1, 2);
	(void)snprintf(url, sizeof(url), "dir:%s/a", mrig_dir);
	ck_assert_str_eq(store_url(mrig_store), url);
	ck_assert_uint_eq(store_mirror_count(mrig_store), 0);
	mrig_put("d/x", "hello");
	ck_assert_int_eq(store_get(mrig_store, "d/x", &b), 0);
	ck_assert_int_eq(store_get(mrig_store, "d/y", &b), -ENOENT);
	ck_assert_int_eq(mrig_sh("mv a gone"), 0);
	ck_assert_int_eq(store_get(mrig_store, "d/x", &b), -EHOSTUNREACH);
	ck_assert_int_eq(mrig_sh("mv gone a"), 0);
	ck_assert_int_eq(store_delete(mrig_store, "d/x"), 0);
	buf_done(&b);
	mrig_end();
}
END_TEST

/* What one has and the other waits for, while that one is away. */
START_TEST(a_new_one_waits_for_what_another_waits_for)
{
	size_t two = 2;

	mrig_begin(2, 1);
	ck_assert_int_eq(mrig_sh("mv b gone"), 0);
	mrig_put("d/x", "hello");
	mrig_put("head", "1");
	ck_assert_uint_eq(mrig_queued(1), 2);
	ck_assert_int_eq(mrig_sh("mv a away && mv gone b"), 0);
	add("c");
	ck_assert_int_eq(store_mirror_lacks_too(mrig_store, 2), 0);
	ck_assert_int_eq(store_list(mrig_store, "", on_name, &two), 0);
	/* And that it is being filled; after that b may give it something. */
	ck_assert_uint_eq(mrig_queued(2), 3 + 1);
	store_mirror_filled(mrig_store, 2);
	ck_assert_int_eq(mrig_sh("mv away a"), 0);
	store_mirror_kick(mrig_store);
	mrig_settle();
	ck_assert_int_eq(mrig_sh("cmp a/d/x c/d/x && cmp a/head c/head"), 0);
	mrig_end();
}
END_TEST

/* One that did something else when it was tried out last. */
static struct store *
changed_folder(const char *name)
{
	char url[128], record[128];
	struct store_conf c = { .record = record };
	struct err e = { "" };
	struct store *s;
	int i;

	(void)snprintf(url, sizeof(url), "dir:%s/%s", mrig_dir, name);
	(void)snprintf(record, sizeof(record), "%s/record", mrig_dir);
	for (i = 0; i < 2; i++) {
		ck_assert_msg(store_open(url, &c, &s, &e) == 0, "%s", e.msg);
		ck_assert_msg(store_probe(s, &e) == 0, "%s", e.msg);
		if (i == 0)
			store_close(s);
		ck_assert_int_eq(mrig_sh("sed -i 's/^caps .*/caps 14/' "
		    "record"), 0);
	}
	return s;
}

START_TEST(a_note_names_the_store_that_it_is_about)
{
	struct buf b = BUF_INIT(4096);
	char want[128];

	mrig_begin(1, 1);
	store_close(mrig_store);
	mrig_open(1, 1);
	store_notes(mrig_store, &b);
	ck_assert_uint_eq(b.len, 0);
	add_store("b", changed_folder("b"));
	fill(1);
	mrig_settle();
	store_notes(mrig_store, &b);
	ck_assert_uint_gt(b.len, 0);
	(void)snprintf(want, sizeof(want), "dir:%s/b: refuses to write over",
	    mrig_dir);
	ck_assert_msg(strncmp(buf_cstr(&b), want, strlen(want)) == 0, "%s",
	    buf_cstr(&b));
	ck_assert_ptr_eq(strchr(buf_cstr(&b), '\n'),
	    buf_cstr(&b) + b.len - 1);
	buf_done(&b);
	mrig_end();
}
END_TEST

START_TEST(a_new_member_gets_what_was_there_and_what_comes)
{
	char want[300];

	mrig_begin(1, 2);
	mrig_put("d/old", "before");
	add("b");
	ck_assert_uint_eq(store_mirror_count(mrig_store), 2);
	(void)snprintf(want, sizeof(want), "mirror of dir:%s/a and dir:%s/b",
	    mrig_dir, mrig_dir);
	ck_assert_str_eq(store_url(mrig_store), want);
	/* It waits until all that it lacks is known, */
	mrig_put("d/new", "while");
	(void)usleep(300000);
	ck_assert_int_eq(mrig_sh("test ! -e b/d/new && test ! -e b/drive"), 0);
	ck_assert_uint_gt(mrig_queued(1), 0);
	/* and has all of it soon after that. */
	fill(1);
	mrig_settle();
	/* From then on two have it, or it is not done. */
	mrig_put("d/late", "after");
	ck_assert_uint_eq(mrig_queued(1), 0);
	ck_assert_int_eq(mrig_sh("diff -r a b"), 0);
	mrig_end();
}
END_TEST

/* What was queued before it counted as one must not wait for the mark. */
START_TEST(the_mark_reaches_a_new_member_in_time)
{
	mrig_begin(1, 1);
	add("b");
	mrig_put("d/first", "queued before the mark");
	fill(1);
	mrig_settle();
	ck_assert_int_eq(mrig_sh("diff -r a b"), 0);
	mrig_end();
}
END_TEST

START_TEST(a_member_leaves_and_is_asked_no_more)
{
	struct buf b = BUF_INIT(100);

	mrig_begin(1, 2);
	mrig_put("d/x", "hello");
	add("b");
	fill(1);
	mrig_settle();
	store_mirror_leaving(mrig_store, 0, true);
	mrig_put("d/y", "on both");
	ck_assert_int_eq(mrig_sh("diff -r a b"), 0);
	store_mirror_drop(mrig_store, 0);
	ck_assert_uint_eq(store_mirror_count(mrig_store), 0);
	mrig_put("d/z", "on one");
	ck_assert_int_eq(mrig_sh("test ! -e a/d/z && test -e b/d/z"), 0);
	ck_assert_int_eq(mrig_sh("rm -r a"), 0);
	ck_assert_int_eq(store_get(mrig_store, "d/x", &b), 0);
	buf_done(&b);
	mrig_end();
}
END_TEST

START_TEST(what_only_a_leaving_member_has_is_not_done)
{
	mrig_begin(1, 2);
	add("b");
	fill(1);
	mrig_settle();
	store_mirror_leaving(mrig_store, 0, true);
	ck_assert_int_eq(mrig_sh("mv b gone"), 0);
	ck_assert_int_eq(store_put(mrig_store, "d/x", "x", 1, 0), -ETIMEDOUT);
	ck_assert_int_eq(mrig_sh("mv gone b"), 0);
	/* It stays after all. */
	store_mirror_leaving(mrig_store, 0, false);
	mrig_put("d/x", "x");
	mrig_settle();
	ck_assert_int_eq(mrig_sh("diff -r a b"), 0);
	mrig_end();
}
END_TEST

static atomic_bool is_over;
static atomic_int bad;

static void
worker(void *arg)
{
	struct buf b = BUF_INIT(100);
	useconds_t pause = 50000;
	char name[64];
	unsigned i;

	for (i = 0; !is_over; i++) {
		(void)snprintf(name, sizeof(name), "d/w%d-%u",
		    *(int *)arg, i % 50);
		buf_reset(&b);
		if (store_put(mrig_store, name, name, strlen(name), 0) != 0 ||
		    store_get(mrig_store, name,
		        &b) != 0 || b.len != strlen(name))
			bad++;
		/* A member that owes something catches up in pauses, on a slow
		 * disk in longer ones. */
		pause = mrig_queued(1) == 0 ? 50000 : pause < 2000000 ?
		    pause * 5 / 4 : pause;
		(void)usleep(pause);
	}
	buf_done(&b);
}

START_TEST(members_come_and_go_under_load)
{
	pthread_t t[3];
	int id[3] = { 0, 1, 2 }, i;

	mrig_begin(1, 1);
	is_over = false;
	for (i = 0; i < 3; i++)
		ck_assert_int_eq(thread_start(&t[i], "w", worker, &id[i]), 0);
	for (i = 0; i < 4; i++) {
		add("b");
		fill(1);
		mrig_settle();
		store_mirror_leaving(mrig_store, 1, true);
		store_mirror_drop(mrig_store, 1);
		ck_assert_int_eq(mrig_sh("rm -r b && mkdir b"), 0);
	}
	add("b");
	fill(1);
	is_over = true;
	for (i = 0; i < 3; i++)
		thread_join(t[i]);
	mrig_settle();
	ck_assert_int_eq(bad, 0);
	ck_assert_int_eq(mrig_sh("diff -r a b"), 0);
	mrig_end();
}
END_TEST

/* Takes connections, and never answers. */
static int
hanging(unsigned *port)
{
	struct sockaddr_in a = { .sin_family = AF_INET,
	    .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(a);
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	ck_assert_int_eq(bind(fd, (struct sockaddr *)&a, len), 0);
	ck_assert_int_eq(listen(fd, 64), 0);
	ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&a, &len), 0);
	*port = ntohs(a.sin_port);
	return fd;
}

START_TEST(who_reads_waits_for_one_that_hangs_once)
{
	struct store_conf conf = { .timeout_s = 1 };
	struct mirror_conf c = { .n = 2, .retry_min_ms = 20,
	    .retry_max_ms = 100 };
	struct buf b = BUF_INIT(100);
	struct err e = { "" };
	unsigned port, slow = 0, n = 0;
	int64_t start, until;
	char url[64];
	int fd;

	mrig_begin(1, 2);
	mrig_put("d/x", "hello");
	store_close(mrig_store);
	fd = hanging(&port);
	(void)snprintf(url, sizeof(url), "webdav://127.0.0.1:%u/", port);
	c.members[0].id = "a";
	c.members[0].store = mrig_folder("a");
	c.members[1].id = "b";
	ck_assert_int_eq(store_open(url, &conf, &c.members[1].store, &e), 0);
	ck_assert_int_eq(mirror_log_open(mrig_dir, &c.log, &e), 0);
	ck_assert_int_eq(store_mirror_new(&c, &mrig_store), 0);
	/* How fast the other one is nobody knows yet: it is asked once. */
	ck_assert_int_eq(store_get(mrig_store, "d/x", &b), 0);
	ck_assert_int_eq(store_get(mrig_store, "d/x", &b), 0);
	until = clock_mono_ms() + 3000;
	while (clock_mono_ms() < until) {
		buf_reset(&b);
		start = clock_mono_ms();
		ck_assert_int_eq(store_get(mrig_store, "d/x", &b), 0);
		slow += clock_mono_ms() - start >= 700;
		n++;
	}
	/* A busy machine may hold up one of the many. */
	ck_assert_msg(slow * 10 < n, "%u of %u were slow", slow, n);
	buf_done(&b);
	mrig_end();
	(void)close(fd);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("mirror_change");
	TCase *t = tcase_create("mirror_change");
	SRunner *sr;
	int failed;

	tcase_set_timeout(t, 120);
	tcase_add_test(t, one_alone_is_no_mirror);
	tcase_add_test(t, a_note_names_the_store_that_it_is_about);
	tcase_add_test(t, a_new_member_gets_what_was_there_and_what_comes);
	tcase_add_test(t, a_new_one_waits_for_what_another_waits_for);
	tcase_add_test(t, the_mark_reaches_a_new_member_in_time);
	tcase_add_test(t, a_member_leaves_and_is_asked_no_more);
	tcase_add_test(t, what_only_a_leaving_member_has_is_not_done);
	tcase_add_test(t, members_come_and_go_under_load);
	tcase_add_test(t, who_reads_waits_for_one_that_hangs_once);
	suite_add_tcase(suite, t);
	sr = srunner_create(suite);
	srunner_run_all(sr, CK_ENV);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed ? 1 : 0;
}
