/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A drive on two stores, one of which lies: "liar", which is asked first, and
 * "other", which is honest and was slow.
 */
#include <check.h>
#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "drive/sync.h"
#include "store/backend.h"
#include "store/mirror.h"
#include "sync/mirror_log.h"
#include "sync/sync_priv.h"
#include "tests/lib/cold.h"
#include "tests/lib/store_tap.h"
#include "util/buf.h"
#include "util/clock.h"
#include "util/err.h"
#include "util/log.h"

static struct two {
	char dir[64];		/* of the log */
	struct evil *e[2];	/* liar, other */
	struct store *in[2];	/* the handles that the mirror has */
	struct store *tap;	/* around the third, or the other */
	struct store *first;	/* around the liar */
	struct store *third;	/* around it, if each is tapped */
	atomic_int slow_ms;	/* of all but the liar */
} two;

static int
slow_get(struct store *s, const char *name, struct buf *out)
{
	cold_pause(two.slow_ms);
	return store_wrap_get(s, name, out);
}

static const struct store_ops slow_ops = {
	.put = store_wrap_put,
	.get = slow_get,
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

static struct store *
slow(struct store *in)
{
	struct store_wrap *w = calloc(1, sizeof(*w));

	ck_assert_ptr_nonnull(w);
	ck_assert_int_eq(store_wrap_init(w, &slow_ops, in), 0);
	return &w->base;
}

static struct store *
named(struct store *s, const char *url)
{
	free(s->url);
	s->url = strdup(url);
	ck_assert_ptr_nonnull(s->url);
	return s;
}

/* A third one is there if one is given. */
static struct store *
two_open(struct store *liar, struct store *other, struct store *third)
{
	struct mirror_conf c = { .n = third ? 3 : 2, .copies = 1,
	    .marker = "drive", .retry_min_ms = 20, .retry_max_ms = 100 };
	struct err err = { "" };
	struct store *ret;

	two.slow_ms = 500;
	two.in[0] = named(liar, "evil:liar");
	two.in[1] = named(other, "evil:other");
	c.members[0].id = "1";
	c.members[0].store = liar;
	c.members[1].id = "2";
	c.members[1].store = slow(other);
	if (third) {
		ck_assert_int_eq(store_tap_new(third, NULL, &two.tap), 0);
		c.members[2].id = "3";
		c.members[2].store = slow(two.tap);
	}
	ck_assert_msg(mirror_log_open(two.dir, &c.log, &err) == 0, "%s",
	    err.msg);
	ck_assert_int_eq(store_mirror_new(&c, &ret), 0);
	return ret;
}

/* The liar is the fastest, and stays so on a machine that is busy. */
static void
two_learn(struct store *mirror)
{
	struct buf b = BUF_INIT(1 << 16);
	unsigned i;

	for (i = 0; i < 3; i++) {
		buf_reset(&b);
		ck_assert_int_eq(store_get(mirror, "drive", &b), 0);
	}
	buf_done(&b);
	two.slow_ms = 0;
}

static void
two_begin_with(struct rig *r, struct store *third)
{
	struct store *liar, *other;

	(void)strcpy(two.dir, "/tmp/test-evil-mirror.XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(two.dir));
	liar = evil_open(&two.e[0]);
	other = evil_open(&two.e[1]);
	rig_new_on(r, two_open(liar, other, third));
	two_learn(r->store);
	r->conf.poll_ms = 100;
	rig_start(r);
}

/* The way to each of them can be closed; not started. */
static void
begin_tapped(struct rig *r, struct store *third)
{
	struct store *second;

	(void)strcpy(two.dir, "/tmp/test-evil-mirror.XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(two.dir));
	ck_assert_int_eq(store_tap_new(evil_open(&two.e[0]), NULL,
	    &two.first), 0);
	ck_assert_int_eq(store_tap_new(evil_open(&two.e[1]), NULL, &second),
	    0);
	rig_new_on(r, two_open(two.first, second, third));
	two.third = third ? two.tap : NULL;
	two.tap = second;
	two_learn(r->store);
}

static void
two_begin_tapped(struct rig *r)
{
	begin_tapped(r, NULL);
}

static void
three_begin_tapped(struct rig *r)
{
	struct evil *e;

	begin_tapped(r, evil_open(&e));
}

static void
two_begin(struct rig *r)
{
	two_begin_with(r, NULL);
}

static void
two_end(struct rig *r)
{
	char cmd[128];

	rig_done(r);
	(void)snprintf(cmd, sizeof(cmd), "rm -r %s", two.dir);
	ck_assert_int_eq(system(cmd), 0);
}

static void
settle(struct rig *r)
{
	ck_assert_int_eq(store_mirror_wait(r->store, clock_mono_ms() + 20000,
	    NULL, NULL), 0);
}

/* All have everything. */
static uint64_t
write_both(struct rig *r, unsigned from, unsigned n)
{
	cold_write_some(r, from, n);
	settle(r);
	return evil_now(two.e[0]);
}

static const char *
segment_name(const struct rig *r, uint64_t seq)
{
	static char name[VAULT_PATH_MAX];

	vault_name_segment(&r->keys->rtag, &r->keys->dtag, seq, name);
	return name;
}

static uint64_t
last_seq(struct rig *r)
{
	struct sync_status st;

	sync_get_status(r->sync, &st);
	return st.published_seq;
}

/* The liar is named, and the drive goes on: also in the time to come. */
static void
goes_on(struct rig *r, const char *what)
{
	struct sync_status st;
	unsigned i;

	cold_await(r, SYNC_FAULT, &st);
	ck_assert_msg(strstr(st.problem, "evil:liar"), "%s", st.problem);
	ck_assert_msg(strstr(st.problem, what), "%s", st.problem);
	ck_assert_ptr_nonnull(strstr(st.advice, "coffre scrub"));
	cold_write_some(r, 50, 2);
	for (i = 0; i < 30; i++) {
		cold_pause(10);
		sync_get_status(r->sync, &st);
		ck_assert_int_ne(st.link, SYNC_ALARM);
	}
	ck_assert_int_eq(cold_mkdir(r, "yes"), 0);
	rig_wait(r);
	sync_get_status(r->sync, &st);
	ck_assert_msg(strstr(st.problem, "evil:liar"), "%s", st.problem);
}

START_TEST(a14_one_store_of_several_that_is_set_back_is_named_and_no_alarm)
{
	struct rig r;
	uint64_t old;

	two_begin(&r);
	old = write_both(&r, 0, 2);
	(void)write_both(&r, 2, 4);
	evil_rollback(two.in[0], old);
	goes_on(&r, "older");
	/* It has the newest head again. */
	rig_stop(&r, 0);
	rig_start(&r);
	rig_wait(&r);
	two_end(&r);
}
END_TEST

/* A name that one only lists must not silence the other. */
START_TEST(a14_a_store_that_lacks_what_nobody_has_bears_us_out)
{
	int64_t until = clock_mono_ms() + 20000;
	struct mirror_state st;
	struct rig r;
	uint64_t old;

	two_begin(&r);
	old = write_both(&r, 0, 2);
	(void)write_both(&r, 2, 4);
	ck_assert_int_eq(store_mirror_lacks(r.store, 1, "r/x/d/y/z"), 0);
	do {
		cold_pause(10);
		store_mirror_state(r.store, 1, &st);
		ck_assert_int_lt(clock_mono_ms(), until);
	} while (st.aside == 0);
	evil_rollback(two.in[0], old);
	goes_on(&r, "older");
	two_end(&r);
}
END_TEST

START_TEST(a14_it_is_an_alarm_if_no_other_store_bears_us_out)
{
	uint64_t old[2];
	struct sync_status st;
	struct rig r;

	two_begin(&r);
	old[0] = write_both(&r, 0, 2);
	old[1] = evil_now(two.e[1]);
	(void)write_both(&r, 2, 4);
	evil_rollback(two.in[0], old[0]);
	evil_rollback(two.in[1], old[1]);
	cold_await(&r, SYNC_ALARM, &st);
	ck_assert_int_eq(cold_mkdir(&r, "no"), -EROFS);
	/* A look that began before may still find what it found. */
	evil_truth(two.in[1]);
	cold_await(&r, SYNC_FAULT, &st);
	rig_wait(&r);
	ck_assert_int_eq(cold_mkdir(&r, "yes"), 0);
	two_end(&r);
}
END_TEST

static unsigned
named_stores(struct rig *r)
{
	unsigned n;

	mutex_lock(&r->sync->lock);
	n = r->sync->nliars;
	mutex_unlock(&r->sync->lock);
	return n;
}

START_TEST(a14_a_store_that_is_only_behind_is_not_named)
{
	struct evil *behind;
	struct rig r;
	uint64_t old;

	two_begin_with(&r, evil_open(&behind));
	old = write_both(&r, 0, 2);
	store_tap_fail_puts(two.tap, -EHOSTUNREACH);
	cold_write_some(&r, 2, 4);
	evil_rollback(two.in[0], old);
	goes_on(&r, "older");
	ck_assert_uint_eq(named_stores(&r), 1);
	two_end(&r);
}
END_TEST

START_TEST(a_last_segment_that_is_spoiled_on_one_store_is_no_alarm)
{
	struct rig r;

	two_begin(&r);
	(void)write_both(&r, 0, 3);
	evil_flip(two.e[0], segment_name(&r, last_seq(&r)), 1000);
	goes_on(&r, "something else");
	two_end(&r);
}
END_TEST

START_TEST(a_mark_of_the_drive_that_is_spoiled_on_one_store_stops_nothing)
{
	struct sync_status st;
	struct rig r;

	two_begin(&r);
	(void)write_both(&r, 0, 3);
	evil_flip(two.e[0], "drive", 1000);
	rig_stop(&r, 0);
	two.slow_ms = 500;
	rig_start(&r);
	goes_on(&r, "something else");
	/* Nobody has it right. */
	evil_flip(two.e[1], "drive", 1000);
	rig_stop(&r, 0);
	rig_start(&r);
	cold_await(&r, SYNC_FAULT, &st);
	ck_assert_int_eq(cold_mkdir(&r, "too"), 0);
	two_end(&r);
}
END_TEST

/* More than a segment may have. */
START_TEST(a_head_or_segment_that_is_too_large_on_one_store_is_no_alarm)
{
	char name[VAULT_PATH_MAX];
	uint8_t *p = calloc(1, SYNC_SMALL_MAX + 1);
	struct rig r;

	ck_assert_ptr_nonnull(p);
	two_begin(&r);
	(void)write_both(&r, 0, 3);
	vault_name_head(&r.keys->rtag, &r.keys->dtag, name);
	evil_serve(two.e[0], _i ? segment_name(&r, last_seq(&r)) : name, p,
	    SYNC_SMALL_MAX + 1);
	free(p);
	rig_stop(&r, 0);
	rig_start(&r);
	cold_write_some(&r, 50, 2);
	two_end(&r);
}
END_TEST

START_TEST(a_next_segment_that_one_store_makes_up_is_no_alarm)
{
	struct rig r;

	two_begin(&r);
	(void)write_both(&r, 0, 3);
	evil_serve(two.e[0], segment_name(&r, last_seq(&r) + 1), "lies", 4);
	goes_on(&r, "something else");
	two_end(&r);
}
END_TEST

START_TEST(what_stands_in_the_way_on_one_store_is_put_over)
{
	struct store *client;
	const char *name;
	uint8_t *a, *b;
	size_t na, nb;
	struct rig r;

	two_begin(&r);
	(void)write_both(&r, 0, 3);
	r.conf.poll_ms = 0;
	rig_stop(&r, 0);
	rig_start(&r);
	rig_wait(&r);
	name = segment_name(&r, last_seq(&r) + 1);
	client = evil_client(two.e[0]);
	ck_assert_int_eq(store_put(client, name, "lies", 4, 0), 0);
	store_close(client);
	cold_write_some(&r, 3, 1);
	settle(&r);
	a = evil_get(two.e[0], name, &na);
	b = evil_get(two.e[1], name, &nb);
	ck_assert(a && b);
	ck_assert_uint_eq(na, nb);
	ck_assert_mem_eq(a, b, na);
	free(a);
	free(b);
	goes_on(&r, "something else");
	two_end(&r);
}
END_TEST

/* What is signed with our keys no store has made up, whatever another one
 * bears out. */
START_TEST(a33_a_copy_that_wrote_to_one_store_of_several_is_an_alarm)
{
	struct sync_status st;
	struct rig r, copy;

	two_begin(&r);
	(void)write_both(&r, 0, 3);
	rig_stop(&r, 30000);
	rig_close(&r);
	cold_clone(&r, evil_client(two.e[0]), "copy", &copy);
	rig_open(&copy);
	rig_start(&copy);
	cold_write_some(&copy, 10, 2);
	rig_stop(&copy, 30000);
	rig_close(&copy);
	store_close(copy.store);
	rig_open(&r);
	rig_start(&r);
	cold_await(&r, SYNC_ALARM, &st);
	ck_assert_ptr_nonnull(strstr(st.advice, "recover"));
	ck_assert_int_eq(cold_mkdir(&r, "no"), -EROFS);
	two_end(&r);
}
END_TEST

START_TEST(a32_another_drive_on_one_store_of_several_is_named_and_no_alarm)
{
	struct rig r, foreign;
	struct store *other;
	struct evil *e;

	two_begin(&r);
	(void)write_both(&r, 0, 3);
	rig_stop(&r, 30000);
	rig_new_on(&foreign, evil_open(&e));
	other = evil_client(two.e[1]);
	store_close(r.store);
	r.store = two_open(evil_client(e), other, NULL);
	two_learn(r.store);
	rig_start(&r);
	goes_on(&r, "another drive");
	two_end(&r);
	rig_done(&foreign);
}
END_TEST

static void
on_finding(void *arg, const char *finding)
{
	(void)buf_printf(arg, "%s\n", finding);
}

/* The first one is lost for good, and all of it is made good from here. */
static void
lose_first(struct rig *r)
{
	struct buf said = BUF_INIT(1 << 16);
	struct err err = { "" };
	uint64_t fails;
	int n;

	store_mirror_leaving(r->store, 0, true);
	ck_assert_int_eq(sync_lost_note(r->drive, r->keys, &err), 0);
	store_mirror_drop(r->store, 0);
	store_tap_fail_puts(two.tap, 0);
	if (two.third)
		store_tap_fail_puts(two.third, 0);
	ck_assert_int_eq(sync_lost_mend(r->sync, r->store, r->keys, r->drive,
	    on_finding, &said), 0);
	rig_wait(r);
	n = sync_check(r->store, r->keys, r->drive, on_finding, NULL, &said,
	    &err);
	ck_assert_msg(n == 0, "%d %s\n%s", n, err.msg, buf_cstr(&said));
	buf_done(&said);
	/* Not even for a moment was there an alarm. */
	mutex_lock(&r->sync->lock);
	fails = r->sync->fails;
	mutex_unlock(&r->sync->lock);
	ck_assert_uint_eq(fails, 0);
}

/* Then the word was of no use, and is not kept for another loss. */
START_TEST(a_store_that_does_not_leave_after_all_excuses_nothing)
{
	struct vault_seen own;
	struct err err = { "" };
	struct rig r;

	two_begin_tapped(&r);
	rig_start(&r);
	cold_write_some(&r, 0, 1);
	settle(&r);
	rig_stop(&r, 0);
	ck_assert_int_eq(drive_seen_get(r.drive, &r.keys->self.id, &own), 0);
	ck_assert_int_eq(sync_lost_note(r.drive, r.keys, &err), 0);
	ck_assert(accept_excuses(r.drive, &own));
	ck_assert_int_eq(sync_lost_note(r.drive, r.keys, &err), 1);
	ck_assert_int_eq(sync_lost_undo(r.drive, r.keys), 0);
	ck_assert(!accept_excuses(r.drive, &own));
	ck_assert(!accept_mend_is_due(r.drive));
	rig_start(&r);
	settle(&r);
	two_end(&r);
}
END_TEST

/* Blocks, and the end of the journal that tells of them. */
START_TEST(what_only_a_lost_store_had_goes_up_again)
{
	struct rig r;

	two_begin_tapped(&r);
	rig_start(&r);
	cold_write_some(&r, 0, 1);
	settle(&r);
	store_tap_fail_puts(two.tap, -EHOSTUNREACH);
	rig_write(&r, "big", 0, 3 << 20, 1);
	rig_wait(&r);
	lose_first(&r);
	two_end(&r);
}
END_TEST

/* It has said nothing that could be missing. */
START_TEST(a_store_is_lost_before_anything_was_published)
{
	struct rig r;

	two_begin_tapped(&r);
	store_tap_fail_puts(two.tap, -EHOSTUNREACH);
	rig_start(&r);
	lose_first(&r);
	cold_write_some(&r, 0, 2);
	two_end(&r);
}
END_TEST

/* Two are left, and each waits for what neither has. */
START_TEST(what_only_the_lost_one_of_three_had_goes_up_again)
{
	struct rig r;

	three_begin_tapped(&r);
	rig_start(&r);
	cold_write_some(&r, 0, 1);
	settle(&r);
	store_tap_fail_puts(two.tap, -EHOSTUNREACH);
	store_tap_fail_puts(two.third, -EHOSTUNREACH);
	rig_write(&r, "big", 0, 3 << 20, 1);
	rig_wait(&r);
	cold_write_some(&r, 1, 3);
	lose_first(&r);
	two_end(&r);
}
END_TEST

/* It is out of reach, and has been asked for all the time. */
START_TEST(a_store_that_is_away_is_lost_without_an_alarm)
{
	struct sync_status st;
	struct rig r;

	two_begin_tapped(&r);
	r.conf.poll_ms = 50;
	r.conf.backoff_min_ms = r.conf.backoff_max_ms = 200;
	rig_start(&r);
	cold_write_some(&r, 0, 1);
	settle(&r);
	store_tap_fail_puts(two.tap, -EHOSTUNREACH);
	cold_write_some(&r, 1, 4);
	store_tap_fail(two.first, -EHOSTUNREACH);
	cold_await(&r, SYNC_OFFLINE, &st);
	/* What it was to show has had its time. */
	cold_pause(500);
	lose_first(&r);
	two_end(&r);
}
END_TEST

static Suite *
suite(void)
{
	Suite *s = suite_create("hostile store: one of several");
	TCase *tc = tcase_create("mirror");

	tcase_set_timeout(tc, 120);
	suite_add_tcase(s, tc);
	tcase_add_test(tc,
	    a14_one_store_of_several_that_is_set_back_is_named_and_no_alarm);
	tcase_add_test(tc,
	    a14_a_store_that_lacks_what_nobody_has_bears_us_out);
	tcase_add_test(tc,
	    a14_it_is_an_alarm_if_no_other_store_bears_us_out);
	tcase_add_test(tc, a14_a_store_that_is_only_behind_is_not_named);
	tcase_add_test(tc,
	    a_last_segment_that_is_spoiled_on_one_store_is_no_alarm);
	tcase_add_test(tc,
	    a_next_segment_that_one_store_makes_up_is_no_alarm);
	tcase_add_test(tc,
	    a_mark_of_the_drive_that_is_spoiled_on_one_store_stops_nothing);
	tcase_add_loop_test(tc,
	    a_head_or_segment_that_is_too_large_on_one_store_is_no_alarm,
	    0, 2);
	tcase_add_test(tc, what_stands_in_the_way_on_one_store_is_put_over);
	tcase_add_test(tc,
	    a33_a_copy_that_wrote_to_one_store_of_several_is_an_alarm);
	tcase_add_test(tc,
	    a32_another_drive_on_one_store_of_several_is_named_and_no_alarm);
	tcase_add_test(tc,
	    a_store_that_does_not_leave_after_all_excuses_nothing);
	tcase_add_test(tc, what_only_a_lost_store_had_goes_up_again);
	tcase_add_test(tc, a_store_is_lost_before_anything_was_published);
	tcase_add_test(tc,
	    what_only_the_lost_one_of_three_had_goes_up_again);
	tcase_add_test(tc, a_store_that_is_away_is_lost_without_an_alarm);
	return s;
}

int
main(void)
{
	SRunner *sr = srunner_create(suite());
	int failed;

	log_set_level(LOG_LEVEL_ERROR);
	srunner_run_all(sr, CK_ENV);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
