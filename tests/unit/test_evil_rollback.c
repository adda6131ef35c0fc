/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A store that goes back in time: it is an alarm before anything is put, and
 * stays one until the truth is back.
 */
#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "drive/sync.h"
#include "tests/lib/cold.h"
#include "tests/lib/store_tap.h"
#include "util/clock.h"
#include "util/log.h"
#include "vault/vault.h"

/*
 * A14.  Attack: the whole store is set back to an older state of itself.
 * Defence: the end of the own journal is kept here; the store's is compared
 * at start, every few minutes and before each segment.  The drive becomes
 * read-only and nothing more is sent.  Of several stores, one that is set
 * back is named, and the drive goes on with those that bear it out.
 */
START_TEST(a14_rollback_of_the_whole_store_alarms_within_one_poll)
{
	struct evil *e;
	struct rig r;
	uint64_t old;
	size_t from;

	rig_new_on(&r, evil_open(&e));
	r.conf.poll_ms = 100;
	rig_start(&r);
	cold_write_some(&r, 0, 1);
	old = evil_now(e);
	cold_write_some(&r, 1, 5);
	ck_assert(!cold_has_alarm_by(&r, 300));
	from = evil_reqs(e);
	evil_rollback(r.store, old);
	/* One poll, and the time of a loaded machine. */
	ck_assert(cold_has_alarm_by(&r, 30000));
	ck_assert_int_eq(cold_mkdir(&r, "no"), -EROFS);
	ck_assert_uint_ne(rig_lookup(&r, "f5"), 0);
	ck_assert_uint_eq(evil_asked(e, from, "PAD", ""), 0);
	rig_done(&r);
}
END_TEST

static int64_t
cpu_ms(void)
{
	struct timespec t;

	ck_assert_int_eq(clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t), 0);
	return t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

START_TEST(a_store_under_an_alarm_is_looked_at_now_and_then)
{
	struct store *in, *tap;
	struct evil *e;
	struct rig r;
	uint64_t old;
	int64_t begin, ms, cpu;
	size_t from, n;

	in = evil_open(&e);
	ck_assert_int_eq(store_tap_new(in, NULL, &tap), 0);
	rig_new_on(&r, tap);
	r.conf.poll_ms = 200;
	r.conf.backoff_min_ms = r.conf.backoff_max_ms = 200;
	rig_start(&r);
	cold_write_some(&r, 0, 1);
	old = evil_now(e);
	cold_write_some(&r, 1, 3);
	evil_rollback(in, old);
	ck_assert(cold_has_alarm_by(&r, 30000));
	/* Each look is one at what there is, and one at our head. */
	from = evil_reqs(e);
	begin = clock_mono_ms();
	do
		cold_pause(500);
	while (evil_asked(e, from, "G", "") < 4);
	n = evil_asked(e, from, "G", "");
	ms = clock_mono_ms() - begin;
	ck_assert_uint_le(n, 2 * (size_t)(2 + ms / 200));
	/* And none of it while nobody answers. */
	store_tap_fail(tap, -EHOSTUNREACH);
	cpu = cpu_ms();
	cold_pause(1000);
	cpu = cpu_ms() - cpu;
	ck_assert_msg(cpu < 200, "%d ms of the processor", (int)cpu);
	/* It is over as soon as the truth is back. */
	evil_truth(in);
	store_tap_fail(tap, 0);
	rig_wait(&r);
	ck_assert_int_eq(cold_mkdir(&r, "yes"), 0);
	rig_done(&r);
}
END_TEST

START_TEST(a_kick_under_an_alarm_looks_at_once)
{
	struct evil *e;
	struct rig r;
	uint64_t old;
	size_t from;
	int i;

	rig_new_on(&r, evil_open(&e));
	rig_start(&r);
	cold_write_some(&r, 0, 1);
	old = evil_now(e);
	cold_write_some(&r, 1, 3);
	evil_rollback(r.store, old);
	rig_write(&r, "more", 0, 100, 1);
	ck_assert(cold_has_alarm_by(&r, 30000));
	/* What was under way then comes to an end. */
	for (i = 0; i < 20; i++) {
		from = evil_reqs(e);
		cold_pause(300);
		if (evil_asked(e, from, "G", "") == 0)
			break;
	}
	ck_assert_int_lt(i, 20);
	evil_truth(r.store);
	sync_kick(r.sync);
	rig_wait(&r);
	rig_done(&r);
}
END_TEST

START_TEST(a14_no_segment_is_put_behind_a_rollback)
{
	struct sync_status st;
	struct evil *e;
	struct rig r;
	uint64_t old;
	size_t from;

	rig_new_on(&r, evil_open(&e));
	rig_start(&r);
	cold_write_some(&r, 0, 1);
	old = evil_now(e);
	cold_write_some(&r, 1, 3);
	evil_rollback(r.store, old);
	from = evil_reqs(e);
	rig_write(&r, "more", 0, 100, 1);
	cold_await(&r, SYNC_ALARM, &st);
	ck_assert_uint_eq(evil_asked(e, from, "PA", "/j/"), 0);
	ck_assert_uint_eq(evil_asked(e, from, "PA", "/h/"), 0);
	/* What was written meanwhile goes up when the truth is back. */
	evil_truth(r.store);
	rig_wait(&r);
	sync_get_status(r.sync, &st);
	ck_assert_int_eq(st.link, SYNC_ONLINE);
	rig_done(&r);
}
END_TEST

/* The store loses the newest n segments, and more is written. */
static void
set_back(unsigned n, bool is_head_cut)
{
	char name[16], head[VAULT_PATH_MAX];
	struct vault_seen before, own;
	struct sync_status st;
	struct evil *e;
	struct rig r;
	uint64_t old;
	size_t from;
	unsigned i;

	rig_new_on(&r, evil_open(&e));
	rig_start(&r);
	cold_write_some(&r, 0, 3);
	ck_assert_int_eq(drive_seen_get(r.drive, &r.keys->self.id, &before),
	    0);
	old = evil_now(e);
	for (i = 0; i < n; i++) {
		(void)snprintf(name, sizeof(name), "d%u", i);
		rig_mkdir(&r, name);
		rig_wait(&r);
	}
	ck_assert_int_eq(drive_seen_get(r.drive, &r.keys->self.id, &own), 0);
	ck_assert_uint_eq(own.seq, before.seq + n);
	evil_rollback(r.store, old);
	vault_name_head(&r.keys->rtag, &r.keys->dtag, head);
	if (is_head_cut)
		evil_cut(e, head, 0);
	from = evil_reqs(e);
	rig_write(&r, "more", 0, 100, 1);
	cold_await(&r, SYNC_ALARM, &st);
	ck_assert_ptr_nonnull(strstr(st.advice, "coffre trust --accept"));
	ck_assert_uint_eq(evil_asked(e, from, "PA", "/j/"), 0);
	evil_honest(e);
	evil_truth(r.store);
	rig_wait(&r);
	rig_done(&r);
}

START_TEST(the_loss_of_one_segment_is_noticed_before_the_next)
{
	set_back(1, false);
}
END_TEST

START_TEST(a_head_that_was_cut_hides_no_rollback)
{
	set_back(3, true);
}
END_TEST

/* Nobody answers for long, and what does then was restored from a backup. */
START_TEST(a_segment_put_behind_a_rollback_does_not_count)
{
	struct vault_seen own, after;
	struct store *in, *tap;
	struct sync_status st;
	struct evil *e;
	struct rig r;
	uint64_t old;

	in = evil_open(&e);
	ck_assert_int_eq(store_tap_new(in, NULL, &tap), 0);
	rig_new_on(&r, tap);
	rig_start(&r);
	cold_write_some(&r, 0, 3);
	old = evil_now(e);
	cold_write_some(&r, 3, 1);
	ck_assert_int_eq(drive_seen_get(r.drive, &r.keys->self.id, &own), 0);
	store_tap_fail_puts(tap, -EHOSTUNREACH);
	rig_mkdir(&r, "more");
	cold_await(&r, SYNC_OFFLINE, &st);
	evil_rollback(in, old);
	store_tap_fail_puts(tap, 0);
	cold_await(&r, SYNC_ALARM, &st);
	ck_assert_int_eq(drive_seen_get(r.drive, &r.keys->self.id, &after),
	    0);
	ck_assert_uint_eq(own.seq, after.seq);
	evil_truth(in);
	rig_wait(&r);
	cold_check(&r, evil_client(e), 0);
	rig_done(&r);
}
END_TEST

static Suite *
suite(void)
{
	Suite *s = suite_create("hostile store: rollback");
	TCase *tc = tcase_create("rollback");

	tcase_set_timeout(tc, 120);
	suite_add_tcase(s, tc);
	tcase_add_test(tc,
	    a14_rollback_of_the_whole_store_alarms_within_one_poll);
	tcase_add_test(tc, a_store_under_an_alarm_is_looked_at_now_and_then);
	tcase_add_test(tc, a_kick_under_an_alarm_looks_at_once);
	tcase_add_test(tc, a14_no_segment_is_put_behind_a_rollback);
	tcase_add_test(tc, the_loss_of_one_segment_is_noticed_before_the_next);
	tcase_add_test(tc, a_head_that_was_cut_hides_no_rollback);
	tcase_add_test(tc, a_segment_put_behind_a_rollback_does_not_count);
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
