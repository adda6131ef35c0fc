/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "store/mirror.h"
#include "store/store.h"
#include "sync/mirror_log.h"
#include "tests/lib/mirror_rig.h"
#include "util/buf.h"
#include "util/clock.h"
#include "util/err.h"

static void
reads(const char *name, const char *text)
{
	struct buf b = BUF_INIT(1000);
	int r = store_get(mrig_store, name, &b);

	ck_assert_msg(r == 0, "%s: %s", name, strerror(-r));
	ck_assert_uint_eq(b.len, strlen(text));
	ck_assert_mem_eq(b.data, text, b.len);
	buf_done(&b);
}

START_TEST(what_is_put_is_on_every_member)
{
	mrig_begin(3, 3);
	mrig_put("d/x", "hello");
	ck_assert_int_eq(mrig_sh("grep -q hello a/d/x b/d/x c/d/x"), 0);
	reads("d/x", "hello");
	ck_assert_int_eq(store_put(mrig_store, "d/x", "other", 5,
	    STORE_IF_ABSENT),
	    -EEXIST);
	ck_assert_int_eq(store_put(mrig_store, "d/x", "hello", 5,
	    STORE_IF_ABSENT),
	    0);
	ck_assert_int_eq(store_delete(mrig_store, "d/x"), 0);
	ck_assert_int_eq(store_delete(mrig_store, "d/x"), -ENOENT);
	ck_assert_uint_eq(store_mirror_count(mrig_store), 3);
	ck_assert_uint_eq(mrig_queued(0) + mrig_queued(1) + mrig_queued(2), 0);
	mrig_end();
}
END_TEST

START_TEST(a_member_that_was_away_catches_up_in_order)
{
	struct mirror_state st;
	struct buf b = BUF_INIT(100);

	mrig_begin(2, 1);
	mrig_put("h/head", "1");
	ck_assert_int_eq(mrig_sh("mv b gone"), 0);
	mrig_put("d/x", "one");
	mrig_put("d/y", "two");
	mrig_put("h/head", "2");
	ck_assert_int_eq(store_delete(mrig_store, "d/y"), 0);
	ck_assert_uint_eq(mrig_queued(1), 3);
	store_mirror_state(mrig_store, 1, &st);
	ck_assert(st.is_away);
	ck_assert_msg(strstr(st.problem, "not there"), "%s", st.problem);
	reads("h/head", "2");
	ck_assert_int_eq(mrig_sh("mv gone b"), 0);
	mrig_settle();
	ck_assert_int_eq(mrig_sh("grep -q one b/d/x && grep -q 2 b/h/head && "
	    "test ! -e b/d/y"), 0);
	/* Nothing reached it before what it refers to. */
	ck_assert_int_eq(mrig_sh("test ! b/d/x -nt b/h/head"), 0);
	store_mirror_state(mrig_store, 1, &st);
	ck_assert(!st.is_away);
	ck_assert_str_eq(st.problem, "");
	buf_done(&b);
	mrig_end();
}
END_TEST

START_TEST(what_a_member_lacks_outlives_the_process)
{
	mrig_begin(2, 1);
	ck_assert_int_eq(mrig_sh("mv b gone"), 0);
	mrig_put("d/x", "one");
	store_close(mrig_store);
	mrig_open(2, 1);
	ck_assert_uint_eq(mrig_queued(1), 1);
	ck_assert_int_eq(mrig_sh("mv gone b"), 0);
	mrig_settle();
	ck_assert_int_eq(mrig_sh("grep -q one b/d/x"), 0);
	mrig_end();
}
END_TEST

START_TEST(fewer_copies_than_asked_for_are_a_failure)
{
	mrig_begin(2, 2);
	mrig_put("d/x", "one");
	ck_assert_int_eq(mrig_sh("mv b gone"), 0);
	/* One has it, so that nobody may think that nothing happened. */
	ck_assert_int_eq(store_put(mrig_store, "d/y", "two", 3,
	    STORE_IF_ABSENT), -ETIMEDOUT);
	ck_assert_uint_eq(mrig_queued(1), 0);
	ck_assert_int_eq(mrig_sh("mv gone b"), 0);
	ck_assert_int_eq(store_put(mrig_store, "d/y", "two", 3,
	    STORE_IF_ABSENT), 0);
	ck_assert_int_eq(mrig_sh("grep -q two a/d/y b/d/y"), 0);
	mrig_end();
}
END_TEST

START_TEST(a_read_goes_on_with_the_next_member)
{
	struct buf b = BUF_INIT(100);

	mrig_begin(3, 1);
	mrig_put("d/x", "hello");
	ck_assert_int_eq(mrig_sh("mv a gone-a; rm b/d/x"), 0);
	ck_assert_int_eq(store_get_range(mrig_store, "d/x", 1, 3, &b), 0);
	ck_assert_mem_eq(b.data, "ell", 3);
	ck_assert_int_eq(mrig_sh("mv c gone-c"), 0);
	buf_reset(&b);
	/* It exists, and b is not all there is. */
	ck_assert_int_eq(store_get_range(mrig_store, "d/x", 1, 3, &b),
	    -EHOSTUNREACH);
	/* Is it there?  Whoever is here and owes nothing knows. */
	ck_assert_int_eq(store_get(mrig_store, "d/none", &b), -ENOENT);
	ck_assert_int_eq(mrig_sh("mv b gone-b"), 0);
	ck_assert_int_eq(store_get(mrig_store, "d/none", &b), -EHOSTUNREACH);
	ck_assert_uint_eq(b.len, 0);
	buf_done(&b);
	mrig_end();
}
END_TEST

/* False: the new one was on its way from a just then, and came. */
static bool
old_head_is_not_read(void)
{
	struct buf b = BUF_INIT(100);
	int r;

	mrig_begin(2, 1);
	mrig_put("h/head", "old");
	ck_assert_int_eq(mrig_sh("mv b gone"), 0);
	mrig_put("h/head", "new");
	ck_assert_int_eq(mrig_sh("mv gone b2 && mv a gone"), 0);
	store_interrupt(mrig_store,
	    true);	/* nobody brings it what it lacks */
	store_interrupt(mrig_store, false);
	ck_assert_int_eq(mrig_sh("mv b2 b"), 0);
	r = store_get(mrig_store, "h/head", &b);
	if (r == 0)
		ck_assert_str_eq(buf_cstr(&b), "new");
	else
		ck_assert_int_eq(r, -EHOSTUNREACH);
	ck_assert_int_eq(mrig_sh("mv gone a"), 0);
	reads("h/head", "new");
	mrig_settle();
	ck_assert_int_eq(mrig_sh("grep -q new b/h/head"), 0);
	buf_done(&b);
	mrig_end();
	return r != 0;
}

START_TEST(an_old_head_is_not_read_from_who_lacks_the_new_one)
{
	unsigned i;

	for (i = 0; !old_head_is_not_read(); i++)
		ck_assert_uint_lt(i, 10);
}
END_TEST

START_TEST(an_empty_folder_is_not_taken_for_a_member)
{
	struct mirror_state st;

	mrig_begin(2, 1);
	ck_assert_int_eq(mrig_sh("mv b gone && mkdir b"), 0);
	mrig_put("d/x", "one");
	ck_assert_uint_eq(mrig_queued(1), 1);
	store_mirror_state(mrig_store, 1, &st);
	ck_assert(st.is_away);
	ck_assert_msg(strstr(st.problem, "mounted"), "%s", st.problem);
	ck_assert_int_eq(mrig_sh("rm -r b && mv gone b"), 0);
	mrig_settle();
	ck_assert_int_eq(mrig_sh("grep -q one b/d/x"), 0);
	mrig_end();
}
END_TEST

/* Another drive's disk is mounted there. */
START_TEST(the_place_of_another_drive_takes_nothing)
{
	struct mirror_state st;

	mrig_begin(2, 1);
	ck_assert_int_eq(mrig_sh("echo other one >b/drive"), 0);
	mrig_put("d/x", "hello");
	ck_assert_uint_eq(mrig_queued(1), 1);
	/* The first one got there; from then on it is looked at before. */
	ck_assert_int_eq(mrig_sh("rm b/d/x"), 0);
	store_mirror_kick(mrig_store);
	(void)usleep(300000);
	store_mirror_state(mrig_store, 1, &st);
	ck_assert_uint_eq(st.queued, 1);
	ck_assert_int_eq(st.why, -EMEDIUMTYPE);
	ck_assert_str_eq(st.problem, "another drive is there");
	ck_assert_int_eq(mrig_sh("test ! -e b/d/x && echo -n it >b/drive"), 0);
	store_mirror_kick(mrig_store);
	mrig_settle();
	ck_assert_int_eq(mrig_sh("cmp a/d/x b/d/x"), 0);
	mrig_end();
}
END_TEST

/* Nothing is put meanwhile. */
START_TEST(a_disk_that_is_back_is_seen_without_a_put)
{
	int64_t until = clock_mono_ms() + 20000;
	struct buf b = BUF_INIT(100);
	struct mirror_state st;

	mrig_begin(2, 1);
	ck_assert_int_eq(mrig_sh("mv b gone && mkdir b"), 0);
	ck_assert_int_eq(store_get(mrig_store, "d/x", &b), -ENOENT);
	store_mirror_state(mrig_store, 1, &st);
	ck_assert_int_eq(st.why, -EMEDIUMTYPE);
	(void)usleep(300000);
	store_mirror_state(mrig_store, 1, &st);
	ck_assert_int_eq(st.why, -EMEDIUMTYPE);
	ck_assert_int_eq(mrig_sh("rm -r b && mv gone b"), 0);
	do {
		ck_assert_int_lt(clock_mono_ms(), until);
		(void)usleep(10000);
		store_mirror_state(mrig_store, 1, &st);
	} while (st.is_away);
	ck_assert_str_eq(st.problem, "");
	buf_done(&b);
	mrig_end();
}
END_TEST

START_TEST(an_empty_folder_does_not_say_that_anything_is_gone)
{
	struct buf b = BUF_INIT(100);

	mrig_begin(2, 1);
	mrig_put("h/head", "1");
	ck_assert_int_eq(mrig_sh("mv b gone-b && mkdir b && mv a gone-a"), 0);
	ck_assert_int_eq(store_get(mrig_store, "h/head", &b), -EHOSTUNREACH);
	ck_assert_int_eq(mrig_sh("mv gone-a a"), 0);
	reads("h/head", "1");
	mrig_end();
}
END_TEST

/* All members empty: it is the same for one store. */
START_TEST(nothing_counts_when_every_member_is_empty)
{
	mrig_begin(2, 1);
	ck_assert_int_eq(mrig_sh("mv b gone-b && mv a gone-a && mkdir a b"), 0);
	ck_assert_int_eq(store_put(mrig_store, "d/x", "one", 3, 0),
	    -EHOSTUNREACH);
	mrig_end();
}
END_TEST

/* Which of two is right nobody knows here: neither goes. */
START_TEST(what_a_member_has_whole_is_left_alone)
{
	mrig_begin(2, 1);
	mrig_put("d/x", "good");
	mrig_put("d/y", "good");
	ck_assert_int_eq(mrig_sh("echo -n bad >a/d/x; echo -n good-or-not "
	    ">a/d/y"), 0);
	ck_assert_int_eq(store_mirror_lacks(mrig_store, 1, "d/x"), 0);
	ck_assert_int_eq(store_mirror_lacks(mrig_store, 1, "d/y"), 0);
	mrig_settle();
	ck_assert_int_eq(mrig_sh("test $(cat b/d/x) = good"), 0);
	ck_assert_int_eq(mrig_sh("test $(cat b/d/y) = good"), 0);
	mrig_end();
}
END_TEST

START_TEST(what_was_cut_gets_its_end)
{
	mrig_begin(2, 1);
	mrig_put("d/x", "begin-end");
	mrig_put("d/y", "begin-end");
	ck_assert_int_eq(mrig_sh("echo -n begin- >a/d/x; : >a/d/y"), 0);
	ck_assert_int_eq(store_mirror_lacks(mrig_store, 0, "d/x"), 0);
	ck_assert_int_eq(store_mirror_lacks(mrig_store, 0, "d/y"), 0);
	mrig_settle();
	ck_assert_int_eq(mrig_sh("test $(cat a/d/x)$(cat a/d/y) = "
	    "begin-endbegin-end"), 0);
	/* The same where it shows as the put that was cut is made again. */
	ck_assert_int_eq(mrig_sh("echo -n begin- >b/d/z"), 0);
	ck_assert_int_eq(store_put(mrig_store, "d/z", "begin-end", 9,
	    STORE_IF_ABSENT), 0);
	mrig_settle();
	ck_assert_int_eq(mrig_sh("test $(cat b/d/z) = begin-end"), 0);
	mrig_end();
}
END_TEST

/* Neither a put nor a listing makes right what is there. */
START_TEST(what_is_to_be_replaced_is_when_it_is_queued_again)
{
	const char *const many[] = { "d/x" };
	struct mirror_item i;
	struct mirror_log *l;
	struct err e = { "" };
	uint64_t fresh, aside;

	mrig_begin(1, 1);
	ck_assert_int_eq(mirror_log_open(mrig_dir, &l, &e), 0);
	ck_assert_int_eq(l->add(l, "b", "d/x", MIRROR_REPLACE), 1);
	ck_assert_int_eq(l->add(l, "b", "d/x", MIRROR_PUT), 0);
	ck_assert_int_eq(l->next(l, "b", false, &i), 0);
	ck_assert_int_eq(i.op, MIRROR_REPLACE);
	ck_assert_int_eq(l->aside(l, "b", &i), 1);
	ck_assert_int_eq(l->add_many(l, "b", many, 1, &fresh, &aside), 0);
	ck_assert_uint_eq(aside, 1);
	ck_assert_int_eq(l->next(l, "b", false, &i), 0);
	ck_assert_int_eq(i.op, MIRROR_REPLACE);
	ck_assert_int_eq(l->add(l, "b", "d/x", MIRROR_DELETE), 0);
	ck_assert_int_eq(l->add(l, "b", "d/x", MIRROR_PUT), 0);
	ck_assert_int_eq(l->next(l, "b", false, &i), 0);
	ck_assert_int_eq(i.op, MIRROR_PUT);
	l->close(l);
	mrig_end();
}
END_TEST

START_TEST(what_gets_older_is_replaced)
{
	mrig_begin(2, 1);
	mrig_put("h/head", "new");
	ck_assert_int_eq(mrig_sh("echo -n old >b/h/head"), 0);
	ck_assert_int_eq(store_mirror_stale(mrig_store, 1, "h/head"), 0);
	mrig_settle();
	ck_assert_int_eq(mrig_sh("grep -q new b/h/head"), 0);
	/* Not by who waits for it. */
	ck_assert_int_eq(mrig_sh("mv b gone"), 0);
	mrig_put("h/head", "newer");
	ck_assert_int_eq(store_mirror_stale(mrig_store, 0, "h/head"), 0);
	ck_assert_uint_eq(mrig_queued(0), 0);
	ck_assert_int_eq(mrig_sh("mv gone b"), 0);
	mrig_settle();
	ck_assert_int_eq(mrig_sh("grep -q newer a/h/head b/h/head"), 0);
	mrig_end();
}
END_TEST

START_TEST(members_that_wait_for_each_other_do_so_no_more)
{
	mrig_begin(2, 1);
	mrig_put("d/x", "good");
	/* Nothing is copied before both are queued. */
	store_interrupt(mrig_store, true);
	ck_assert_int_eq(store_mirror_lacks(mrig_store, 0, "d/x"), 0);
	ck_assert_int_eq(store_mirror_lacks(mrig_store, 1, "d/x"), 0);
	store_interrupt(mrig_store, false);
	mrig_settle();
	mrig_put("d/y", "more");
	reads("d/x", "good");
	mrig_end();
}
END_TEST

/* And it is not done. */
START_TEST(what_cannot_be_had_does_not_hold_up_the_rest)
{
	char name[16];
	unsigned i;

	mrig_begin(2, 1);
	ck_assert_int_eq(store_mirror_lacks(mrig_store, 1, "d/nowhere"), 0);
	for (i = 0; i < 20; i++) {
		(void)snprintf(name, sizeof(name), "d/%u", i);
		mrig_put(name, "x");
	}
	mrig_wait_aside(1, 1);
	ck_assert_int_eq(mrig_sh("test $(ls b/d | wc -l) = 20"), 0);
	/* It comes to light. */
	ck_assert_int_eq(mrig_sh("echo -n here >x && mv x a/d/nowhere"), 0);
	mrig_wait_aside(1, 0);
	ck_assert_int_eq(mrig_sh("grep -q here b/d/nowhere"), 0);
	mrig_end();
}
END_TEST

/* Every member lacks something that is nowhere, and all the same is put to. */
START_TEST(what_nobody_can_give_stops_no_put)
{
	unsigned copies = (unsigned)_i;

	mrig_begin(2, copies);
	ck_assert_int_eq(store_mirror_lacks(mrig_store, 0, "d/n0"), 0);
	ck_assert_int_eq(store_mirror_lacks(mrig_store, 1, "d/n1"), 0);
	mrig_wait_aside(0, 1);
	mrig_wait_aside(1, 1);
	mrig_settle();
	mrig_put("d/x", "after");
	mrig_put("h/head", "after");
	ck_assert_int_eq(mrig_sh("diff -r a b"), 0);
	/* Nor after the next start. */
	store_close(mrig_store);
	mrig_open(2, copies);
	mrig_wait_aside(0, 1);
	mrig_put("d/y", "later");
	ck_assert_int_eq(mrig_sh("diff -r a b"), 0);
	/* Put in the end, it is there. */
	mrig_put("d/n1", "there");
	mrig_wait_aside(1, 0);
	ck_assert_int_eq(mrig_sh("diff -r a b"), 0);
	mrig_end();
}
END_TEST

/* Puts what is to be there in the end. */
static void
put_soon(const char *name, const char *text)
{
	unsigned i;
	int r = -1;

	for (i = 0; i < 3000 && r != 0; i++) {
		r = store_put(mrig_store, name, text, strlen(text), 0);
		if (r != 0)
			(void)usleep(10000);
	}
	ck_assert_int_eq(r, 0);
}

/* a and b were to get two things of c, and c is gone with them.  False: one was
 * on its way from c just then, and came. */
static bool
goes_with_c(bool is_opened_anew)
{
	int64_t until;

	mrig_begin(3, 1);
	mrig_put("h/head", "old");
	ck_assert_int_eq(mrig_sh("mv a gone-a; mv b gone-b"), 0);
	mrig_put("d/x", "on c alone");
	mrig_put("h/head", "new");
	ck_assert_int_eq(mrig_sh("mv c gone; mv gone-a a; mv gone-b b"), 0);
	store_mirror_leaving(mrig_store, 2, true);
	store_mirror_drop(mrig_store, 2);
	if (is_opened_anew) {
		/* The command that took it away has ended. */
		store_close(mrig_store);
		mrig_open(2, 1);
	}
	until = clock_mono_ms() + 30000;
	while (mrig_queued(0) + mrig_queued(1) > 0) {
		if (mrig_has_aside(0, 1) && mrig_has_aside(1, 1))
			return true;
		ck_assert_msg(clock_mono_ms() < until, "a lacks %llu, b %llu",
		    (unsigned long long)mrig_queued(0),
		    (unsigned long long)mrig_queued(1));
		(void)usleep(10000);
	}
	ck_assert_int_eq(mrig_sh("cmp a/d/x b/d/x"), 0);
	mrig_end();
	return false;
}

START_TEST(what_went_with_the_only_store_that_had_it_stops_no_put)
{
	unsigned i;

	for (i = 0; !goes_with_c(_i); i++)
		ck_assert_uint_lt(i, 10);
	/* The old one is all there is. */
	reads("h/head", "old");
	put_soon("d/y", "after");
	put_soon("h/head", "newest");
	mrig_settle();
	ck_assert_int_eq(mrig_sh("grep -q after a/d/y b/d/y && "
	    "grep -q newest a/h/head b/h/head"), 0);
	reads("h/head", "newest");
	mrig_end();
}
END_TEST

/* Who waits for it is asked as well, and may have it after all. */
START_TEST(a_range_that_nobody_can_give_is_absent)
{
	struct buf b = BUF_INIT(100);

	mrig_begin(2, 1);
	ck_assert_int_eq(store_mirror_lacks(mrig_store, 1, "d/nowhere"), 0);
	mrig_wait_aside(1, 1);
	ck_assert_int_eq(store_get_range(mrig_store, "d/nowhere", 0, 1, &b),
	    -ENOENT);
	ck_assert_int_eq(mrig_sh("mkdir b/d && echo -n x >b/d/nowhere"), 0);
	ck_assert_int_eq(store_get_range(mrig_store, "d/nowhere", 0, 1, &b),
	    0);
	buf_done(&b);
	mrig_end();
}
END_TEST

/* One took it, one began to, one was away; then it is put once more. */
START_TEST(who_was_away_when_another_was_cut_gets_it)
{
	mrig_begin(3, 2);
	ck_assert_int_eq(mrig_sh("mv c gone && mkdir a/d b/d && "
	    "echo -n begin-end >a/d/x && echo -n begin- >b/d/x"), 0);
	ck_assert_int_eq(store_put(mrig_store, "d/x", "begin-end", 9,
	    STORE_IF_ABSENT), 0);
	reads("d/x", "begin-end");
	ck_assert_uint_eq(mrig_queued(2), 1);
	ck_assert_int_eq(mrig_sh("mv gone c"), 0);
	mrig_settle();
	ck_assert_int_eq(mrig_sh("test $(cat b/d/x) = begin-end && "
	    "test $(cat c/d/x) = begin-end"), 0);
	mrig_end();
}
END_TEST

START_TEST(what_is_too_large_to_compare_is_left_alone)
{
	mrig_begin(2, 1);
	ck_assert_int_eq(mrig_sh("mkdir a/d b/d && echo -n x >a/d/x && "
	    "truncate -s 25M b/d/x"), 0);
	ck_assert_int_eq(store_mirror_lacks(mrig_store, 1, "d/x"), 0);
	mrig_settle();
	ck_assert_uint_eq(mrig_queued(1), 0);
	mrig_end();
}
END_TEST

/* Whoever reads looks at it again. */
START_TEST(what_was_rejected_is_asked_for_again_after_a_while)
{
	struct buf b = BUF_INIT(100);
	unsigned i;
	int r = -1;

	mrig_reject_ms = 200;
	mrig_begin(2, 1);
	mrig_put("d/x", "good");
	ck_assert_int_eq(mrig_sh("echo -n evil >%s/d/x", _i ? "a" : "b"), 0);
	for (i = 0; i < 2; i++) {
		buf_reset(&b);
		ck_assert_int_eq(store_get(mrig_store, "d/x", &b), 0);
		if (memcmp(b.data, "good", 4) != 0)
			store_mirror_reject(mrig_store, "d/x");
	}
	ck_assert_int_eq(mrig_sh("mv %s gone", _i ? "b" : "a"), 0);
	for (i = 0; i < 3000 && r != 0; i++) {
		buf_reset(&b);
		r = store_get(mrig_store, "d/x", &b);
		if (r != 0)
			(void)usleep(10000);
	}
	ck_assert_int_eq(r, 0);
	ck_assert_mem_eq(b.data, "evil", 4);
	buf_done(&b);
	mrig_end();
}
END_TEST

START_TEST(what_was_rejected_is_read_from_another)
{
	struct buf b = BUF_INIT(100);
	unsigned i;

	mrig_begin(2, 1);
	mrig_put("d/x", "good");
	ck_assert_int_eq(mrig_sh("echo -n evil >%s/d/x", _i ? "a" : "b"), 0);
	for (i = 0; i < 2; i++) {
		buf_reset(&b);
		ck_assert_int_eq(store_get(mrig_store, "d/x", &b), 0);
		if (memcmp(b.data, "good", 4) != 0)
			store_mirror_reject(mrig_store, "d/x");
	}
	reads("d/x", "good");
	/* As long as there is another. */
	ck_assert_int_eq(mrig_sh("mv %s gone", _i ? "b" : "a"), 0);
	buf_reset(&b);
	ck_assert_int_eq(store_get(mrig_store, "d/x", &b), -EHOSTUNREACH);
	ck_assert_int_eq(store_mirror_mend(mrig_store, _i ? 0 : 1, "d/x",
	    "good", 4), 0);
	reads("d/x", "good");
	buf_done(&b);
	mrig_end();
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

	mrig_begin(2, 1);
	mrig_put("d/x", "one");
	ck_assert_int_eq(mrig_sh("mv b gone"), 0);
	mrig_put("d/y", "two");
	ck_assert_int_eq(mrig_sh("mv gone b; echo -n 3 >b/d/z"), 0);
	mrig_settle();
	ck_assert_int_eq(store_list(mrig_store, "d/", on_name, &n), 0);
	ck_assert_uint_eq(n, 3);
	n = 0;
	ck_assert_int_eq(mrig_sh("mv a gone"), 0);
	ck_assert_int_eq(store_list(mrig_store, "d/", on_name, &n), 0);
	ck_assert_uint_eq(n, 3);
	ck_assert_int_eq(mrig_sh("mv b gone-b"), 0);
	ck_assert_int_eq(store_list(mrig_store, "d/", on_name, &n),
	    -EHOSTUNREACH);
	ck_assert_int_eq(store_space(mrig_store, &sp), -EHOSTUNREACH);
	ck_assert_int_eq(mrig_sh("mv gone-b b && mv gone a"), 0);
	store_mirror_kick(mrig_store);
	/* The members' own threads see that they are back. */
	for (i = 0; i < 1000 && store_space(mrig_store, &sp) < 0; i++)
		(void)usleep(10000);
	ck_assert_int_eq(store_space(mrig_store, &sp), 0);
	ck_assert_uint_gt(sp.free_bytes, 0);
	mrig_end();
}
END_TEST

START_TEST(many_objects_reach_a_member_while_more_are_put)
{
	char name[32], text[32];
	unsigned i;

	mrig_begin(2, 1);
	ck_assert_int_eq(mrig_sh("mv b gone"), 0);
	for (i = 0; i < 120; i++) {
		if (i == 40)
			ck_assert_int_eq(mrig_sh("mv gone b"), 0);
		(void)snprintf(name, sizeof(name), "d/n%u", i);
		(void)snprintf(text, sizeof(text), "text %u", i);
		mrig_put(name, text);
		mrig_put("h/head", text);
	}
	mrig_settle();
	ck_assert_int_eq(mrig_sh("diff -r a b"), 0);
	mrig_end();
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("mirror");
	TCase *t = tcase_create("mirror");
	SRunner *sr;
	int failed;

	tcase_set_timeout(t, 240);
	tcase_add_test(t, what_is_put_is_on_every_member);
	tcase_add_test(t, a_member_that_was_away_catches_up_in_order);
	tcase_add_test(t, what_a_member_lacks_outlives_the_process);
	tcase_add_test(t, fewer_copies_than_asked_for_are_a_failure);
	tcase_add_test(t, a_read_goes_on_with_the_next_member);
	tcase_add_test(t,
	    an_old_head_is_not_read_from_who_lacks_the_new_one);
	tcase_add_test(t, an_empty_folder_is_not_taken_for_a_member);
	tcase_add_test(t, the_place_of_another_drive_takes_nothing);
	tcase_add_test(t, a_disk_that_is_back_is_seen_without_a_put);
	tcase_add_test(t,
	    an_empty_folder_does_not_say_that_anything_is_gone);
	tcase_add_test(t, nothing_counts_when_every_member_is_empty);
	tcase_add_test(t, what_a_member_has_whole_is_left_alone);
	tcase_add_test(t, what_was_cut_gets_its_end);
	tcase_add_test(t, what_is_to_be_replaced_is_when_it_is_queued_again);
	tcase_add_test(t, what_gets_older_is_replaced);
	tcase_add_test(t, members_that_wait_for_each_other_do_so_no_more);
	tcase_add_test(t, what_cannot_be_had_does_not_hold_up_the_rest);
	tcase_add_loop_test(t, what_nobody_can_give_stops_no_put, 1, 3);
	tcase_add_loop_test(t,
	    what_went_with_the_only_store_that_had_it_stops_no_put, 0, 2);
	tcase_add_test(t, a_range_that_nobody_can_give_is_absent);
	tcase_add_test(t, who_was_away_when_another_was_cut_gets_it);
	tcase_add_test(t, what_is_too_large_to_compare_is_left_alone);
	tcase_add_loop_test(t,
	    what_was_rejected_is_asked_for_again_after_a_while, 0, 2);
	tcase_add_loop_test(t, what_was_rejected_is_read_from_another, 0, 2);
	tcase_add_test(t, each_name_is_listed_once);
	tcase_add_test(t, many_objects_reach_a_member_while_more_are_put);
	suite_add_tcase(suite, t);
	sr = srunner_create(suite);
	srunner_run_all(sr, CK_ENV);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed ? 1 : 0;
}
