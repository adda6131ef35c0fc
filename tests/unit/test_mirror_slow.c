/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A mirror of which one member answers late or never. */
#include <check.h>
#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "store/backend.h"
#include "store/mirror.h"
#include "store/store.h"
#include "sync/mirror_log.h"
#include "sync/sync_priv.h"
#include "tests/lib/mirror_rig.h"
#include "tests/lib/store_tap.h"
#include "util/buf.h"
#include "util/clock.h"
#include "util/err.h"
#include "util/thread.h"

/* Longer than what a slow member is given and what a busy machine takes, and
 * shorter than for ever. */
#define SOON_MS 40000

static struct store *tap;		/* before b */
static atomic_int puts_seen;		/* by b, of names that begin with d/ */

static void
on_put(void *arg, struct store *in, const char *name, const void *p,
    size_t len)
{
	(void)arg;
	(void)in;
	(void)p;
	(void)len;
	puts_seen += strncmp(name, "d/", 2) == 0;
}

static void
open_with(struct store *b, unsigned copies)
{
	struct mirror_conf c = { .n = 2, .copies = copies,
	    .marker = "drive", .retry_min_ms = 20, .retry_max_ms = 100 };
	struct err e = { "" };

	c.members[0].id = "a";
	c.members[0].store = mrig_folder("a");
	c.members[1].id = "b";
	c.members[1].store = b;
	ck_assert_msg(mirror_log_open(mrig_dir, &c.log, &e) == 0, "%s",
	    e.msg);
	ck_assert_int_eq(store_mirror_new(&c, &mrig_store), 0);
}

static void
begin(unsigned copies)
{
	struct tap_see see = { .put = on_put };

	mrig_begin(2, 2);
	store_close(mrig_store);
	ck_assert_int_eq(store_tap_new(mrig_folder("b"), &see, &tap), 0);
	open_with(tap, copies);
	puts_seen = 0;
}

static void
put_new(const char *name, const char *text)
{
	int64_t start = clock_mono_ms();

	ck_assert_int_eq(store_put(mrig_store, name, text, strlen(text),
	    STORE_IF_ABSENT), 0);
	ck_assert_int_lt(clock_mono_ms() - start, SOON_MS);
}

START_TEST(one_that_hangs_holds_nobody_up)
{
	begin(1);
	store_tap_hold(tap, 1);
	put_new("d/x", "first");
	/* What it lacks is known, and so is that it is behind. */
	ck_assert_uint_eq(mrig_queued(1), 1);
	put_new("d/y", "second");
	put_new("d/z", "third");
	ck_assert_uint_eq(mrig_queued(1), 3);
	ck_assert_int_eq(mrig_sh("test ! -e b/d/x && test ! -e b/d/y"), 0);
	store_tap_hold(tap, 0);
	mrig_settle();
	ck_assert_int_eq(mrig_sh("diff -r a b"), 0);
	/* Nothing came twice. */
	ck_assert_int_eq(puts_seen, 3);
	/* And it is one like the others again. */
	put_new("d/new", "at once");
	ck_assert_uint_eq(mrig_queued(1), 0);
	ck_assert_int_eq(mrig_sh("diff -r a b"), 0);
	mrig_end();
}
END_TEST

START_TEST(one_that_fails_late_gets_it_all_the_same)
{
	begin(1);
	store_tap_hold(tap, 1);
	put_new("d/x", "first");
	store_interrupt(tap, true);
	(void)usleep(500000);
	store_interrupt(tap, false);
	mrig_settle();
	ck_assert_int_eq(mrig_sh("diff -r a b"), 0);
	mrig_end();
}
END_TEST

START_TEST(an_old_head_does_not_stay_over_a_new_one)
{
	int64_t until = clock_mono_ms() + 50000;

	begin(1);
	store_tap_hold(tap, 1);
	mrig_put("d/head", "old");
	mrig_put("d/head", "new");
	/* The new one comes first, */
	store_mirror_kick(mrig_store);
	while (mrig_sh("grep -q new b/d/head 2>/dev/null") != 0)
		ck_assert_int_lt(clock_mono_ms(), until);
	/* then the old one. */
	store_tap_hold(tap, 0);
	while (puts_seen < 3)
		ck_assert_int_lt(clock_mono_ms(), until);
	mrig_settle();
	ck_assert_int_eq(mrig_sh("grep -q new b/d/head"), 0);
	mrig_end();
}
END_TEST

/* Nor what is read there meanwhile, which comes by a way of its own. */
START_TEST(nothing_is_brought_twice_to_one_that_is_behind)
{
	struct buf b = BUF_INIT(100);

	begin(1);
	store_tap_hold(tap, 1);
	put_new("d/x", "first");
	ck_assert_int_eq(mrig_sh("mv a gone"), 0);
	ck_assert_int_eq(store_get(mrig_store, "drive", &b), 0);
	ck_assert_int_eq(mrig_sh("mv gone a"), 0);
	(void)usleep(500000);
	ck_assert_int_eq(puts_seen, 0);
	store_tap_hold(tap, 0);
	mrig_settle();
	ck_assert_int_eq(puts_seen, 1);
	ck_assert_int_eq(mrig_sh("diff -r a b"), 0);
	buf_done(&b);
	mrig_end();
}
END_TEST

/* What the last one gets late nobody could bring it, so nothing waits for it
 * when there are two again. */
START_TEST(one_that_is_left_alone_owes_nothing)
{
	struct mirror_member m = { .id = "a" };
	int64_t until = clock_mono_ms() + 50000;

	begin(1);
	store_tap_hold(tap, 1);
	mrig_put("d/head", "late");
	store_mirror_leaving(mrig_store, 0, true);
	store_mirror_drop(mrig_store, 0);
	store_tap_hold(tap, 0);
	while (mrig_sh("grep -q late b/d/head 2>/dev/null") != 0)
		ck_assert_int_lt(clock_mono_ms(), until);
	(void)usleep(300000);
	ck_assert_uint_eq(mrig_queued(0), 0);
	m.store = mrig_folder("a");
	ck_assert_int_eq(store_mirror_add(mrig_store, &m, NULL), 0);
	store_mirror_filled(mrig_store, 1);
	mrig_put("d/x", "after");
	mrig_settle();
	ck_assert_int_eq(mrig_sh("test -e a/d/x && test -e b/d/x"), 0);
	mrig_end();
}
END_TEST

START_TEST(closing_does_not_wait_for_it)
{
	int64_t start;

	begin(1);
	store_tap_hold(tap, 1);
	put_new("d/x", "first");
	start = clock_mono_ms();
	store_close(mrig_store);
	ck_assert_int_lt(clock_mono_ms() - start, SOON_MS);
	/* What it lacks is on disk. */
	mrig_open(2, 1);
	mrig_settle();
	ck_assert_int_eq(mrig_sh("diff -r a b"), 0);
	mrig_end();
}
END_TEST

static atomic_int result;

static void
putter(void *arg)
{
	(void)arg;
	result = store_put(mrig_store, "d/x", "hello", 5, STORE_IF_ABSENT);
}

static void
getter(void *arg)
{
	struct buf b = BUF_INIT(100);

	(void)arg;
	result = store_get(mrig_store, "d/x", &b);
	buf_done(&b);
}

/* Both are to have it, and one that hangs is told to leave. */
START_TEST(a_put_does_not_wait_for_one_that_leaves)
{
	int64_t start;
	pthread_t t;

	begin(2);
	result = 1;
	store_tap_hold(tap, 1);
	ck_assert_int_eq(thread_start(&t, "p", putter, NULL), 0);
	(void)usleep(300000);
	start = clock_mono_ms();
	store_mirror_leaving(mrig_store, 1, true);
	ck_assert_int_lt(clock_mono_ms() - start, SOON_MS);
	thread_join(t);
	ck_assert_int_eq(result, 0);
	start = clock_mono_ms();
	store_mirror_drop(mrig_store, 1);
	ck_assert_int_lt(clock_mono_ms() - start, SOON_MS);
	ck_assert_int_eq(mrig_sh("test -e a/d/x"), 0);
	mrig_end();
}
END_TEST

START_TEST(a_member_that_hangs_can_be_dropped)
{
	int64_t start;
	pthread_t t;

	begin(1);
	ck_assert_int_eq(mrig_sh("mv a gone"), 0);
	store_tap_hold(tap, 1);
	result = 1;
	ck_assert_int_eq(thread_start(&t, "g", getter, NULL), 0);
	(void)usleep(300000);
	start = clock_mono_ms();
	store_mirror_leaving(mrig_store, 1, true);
	store_mirror_drop(mrig_store, 1);
	ck_assert_int_lt(clock_mono_ms() - start, SOON_MS);
	thread_join(t);
	ck_assert_int_lt(result, 0);
	ck_assert_int_eq(mrig_sh("mv gone a"), 0);
	mrig_put("d/y", "hello");
	mrig_end();
}
END_TEST

/* Of what is there it writes nothing over. */
static int
full_put(struct store *s, const char *name, const void *p, size_t len,
    unsigned flags)
{
	return flags & STORE_IF_ABSENT ? store_wrap_put(s, name, p, len,
	    flags) : -ENOSPC;
}

static const struct store_ops full_ops = {
	.put = full_put,
	.get = store_wrap_get,
	.get_range = store_wrap_get_range,
	.del = store_wrap_del,
	.list = store_wrap_list,
	.space = store_wrap_space,
	.caps = store_wrap_caps,
	.probe = store_wrap_probe,
	.get_stats = store_wrap_get_stats,
	.get_hint = store_wrap_get_hint,
	.interrupt = store_wrap_interrupt,
	.close = store_wrap_close,
};

/* One took it; the other has a beginning of it and no room for the rest. */
START_TEST(a_beginning_that_gets_no_end_is_no_copy)
{
	struct store_wrap *w = calloc(1, sizeof(*w));
	unsigned copies = _i ? 1 : 2;

	ck_assert_ptr_nonnull(w);
	mrig_begin(2, 2);
	ck_assert_int_eq(store_wrap_init(w, &full_ops, mrig_folder("b")), 0);
	store_close(mrig_store);
	open_with(&w->base, copies);
	ck_assert_int_eq(mrig_sh("mkdir -p b/d && : >b/d/x"), 0);
	ck_assert_int_eq(object_put(mrig_store, "d/x", "text", 4, OBJECT_OWN),
	    copies == 1 ? 0 : -ENOSPC);
	ck_assert_uint_eq(mrig_queued(1), copies == 1);
	mrig_end();
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("mirror_slow");
	TCase *t = tcase_create("mirror_slow");
	SRunner *sr;
	int failed;

	tcase_set_timeout(t, 120);
	tcase_add_test(t, one_that_hangs_holds_nobody_up);
	tcase_add_test(t, one_that_fails_late_gets_it_all_the_same);
	tcase_add_test(t, an_old_head_does_not_stay_over_a_new_one);
	tcase_add_test(t, nothing_is_brought_twice_to_one_that_is_behind);
	tcase_add_test(t, one_that_is_left_alone_owes_nothing);
	tcase_add_test(t, closing_does_not_wait_for_it);
	tcase_add_test(t, a_put_does_not_wait_for_one_that_leaves);
	tcase_add_test(t, a_member_that_hangs_can_be_dropped);
	tcase_add_loop_test(t, a_beginning_that_gets_no_end_is_no_copy, 0, 2);
	suite_add_tcase(suite, t);
	sr = srunner_create(suite);
	srunner_run_all(sr, CK_ENV);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed ? 1 : 0;
}
