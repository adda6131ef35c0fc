/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What a store has lost and a user accepts: it is made good from here, and
 * what is nowhere any more is named.
 */
#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "drive/sync.h"
#include "sync/sync_priv.h"
#include "tests/lib/cold.h"
#include "tests/lib/spoil.h"
#include "tests/lib/store_tap.h"
#include "util/buf.h"
#include "util/clock.h"
#include "util/err.h"
#include "util/log.h"
#include "vault/vault.h"

/* Until there is a newer checkpoint than that, and a head that names it. */
static void
ckpt_await(struct rig *r, uint64_t than)
{
	struct ckpt_mark m = { .n = 0 };
	unsigned i;

	for (i = 0; i < 2000 && m.n <= than; i++) {
		(void)usleep(10000);
		ck_assert_int_eq(ckpt_mark_get(r->drive, &m), 0);
	}
	ck_assert_uint_gt(m.n, than);
	rig_wait(r);
}

START_TEST(a14_a_loss_that_the_user_accepts_is_made_good_from_here)
{
	struct ckpt_mark lost_ckpt;
	struct buf lost = BUF_INIT(1 << 16);
	struct err err = { "" };
	struct sync_status st;
	struct store *other;
	struct evil *e;
	struct rig r;
	uint64_t old, at;
	int n;

	rig_new_on(&r, evil_open(&e));
	rig_start(&r);
	cold_write_some(&r, 0, 2);
	old = evil_now(e);
	rig_fill(&r, 1);
	cold_write_some(&r, 2, 4);
	ck_assert_int_eq(sync_checkpoint(r.sync, NULL), 0);
	ck_assert_int_eq(ckpt_mark_get(r.drive, &lost_ckpt), 0);
	rig_wait(&r);
	/* Not without a reason. */
	ck_assert_int_eq(sync_accept(r.sync, cold_say, NULL, &lost, &err),
	    -EINVAL);
	at = evil_now(e);
	evil_rollback(r.store, old);
	sync_kick(r.sync);
	rig_stop(&r, 0);
	rig_start(&r);
	cold_await(&r, SYNC_ALARM, &st);
	ck_assert_ptr_nonnull(strstr(st.advice, "coffre trust --accept"));
	n = sync_accept(r.sync, cold_say, NULL, &lost, &err);
	ck_assert_msg(n == 0, "%d %s\n%s", n, err.msg, buf_cstr(&lost));
	rig_wait(&r);
	/* That is all: a machine that is lost now can be rebuilt. */
	other = evil_client(e);
	evil_share(r.store, other);
	cold_check(&r, other, 0);
	ck_assert_int_eq(cold_mkdir(&r, "yes"), 0);
	cold_write_some(&r, 6, 1);
	rig_stop(&r, 30000);
	rig_start(&r);
	rig_wait(&r);
	ckpt_await(&r, lost_ckpt.n);

	/* What this client has now is all that a new machine gets. */
	other = evil_client(e);
	ck_assert_uint_gt(evil_now(e), at);
	evil_share(r.store, other);
	cold_check(&r, other, 0);

	/* The word was for that loss, not for the next one. */
	evil_rollback(r.store, old);
	rig_stop(&r, 0);
	rig_start(&r);
	cold_await(&r, SYNC_ALARM, &st);
	buf_done(&lost);
	rig_done(&r);
}
END_TEST

START_TEST(a14_what_is_nowhere_any_more_is_named_when_a_loss_is_accepted)
{
	struct buf lost = BUF_INIT(1 << 16);
	struct err err = { "" };
	struct sync_status st;
	struct evil *e;
	struct rig r;
	uint8_t p[100];
	uint64_t old;

	rig_new_on(&r, evil_open(&e));
	rig_start(&r);
	cold_write_some(&r, 0, 2);
	old = evil_now(e);
	cold_write_some(&r, 2, 3);
	ck_assert_uint_gt(drive_cache_trim(r.drive, 0), 0);
	evil_rollback(r.store, old);
	rig_stop(&r, 0);
	rig_start(&r);
	cold_await(&r, SYNC_ALARM, &st);
	ck_assert_int_eq(sync_accept(r.sync, cold_say, NULL, &lost, &err), 3);
	ck_assert_ptr_nonnull(strstr(buf_cstr(&lost), "f2"));
	ck_assert_ptr_nonnull(strstr(buf_cstr(&lost), "f4"));
	ck_assert_ptr_null(strstr(buf_cstr(&lost), "f1"));
	rig_wait(&r);
	ck_assert_int_eq(cold_read(&r, "f3", 0, p, sizeof(p)), -EIO);
	ck_assert_int_eq(cold_read(&r, "f1", 0, p, sizeof(p)), sizeof(p));
	buf_done(&lost);
	rig_done(&r);
}
END_TEST

START_TEST(a_mending_that_was_cut_short_is_told_by_the_next_run)
{
	struct err err = { "" };
	struct sync_status st;
	struct evil *e;
	struct rig r;

	rig_new_on(&r, evil_open(&e));
	rig_start(&r);
	cold_write_some(&r, 0, 2);
	ck_assert_int_eq(sync_lost_note(r.drive, r.keys, &err), 0);
	rig_stop(&r, 0);
	rig_start(&r);
	rig_wait(&r);
	sync_get_status(r.sync, &st);
	ck_assert_int_eq(st.link, SYNC_FAULT);
	ck_assert_ptr_nonnull(strstr(st.advice, "coffre trust --accept"));
	ck_assert_int_eq(sync_accept(r.sync, NULL, NULL, NULL, &err), 0);
	rig_wait(&r);
	sync_get_status(r.sync, &st);
	ck_assert_int_eq(st.link, SYNC_ONLINE);
	rig_done(&r);
}
END_TEST

/* Until own.seq is more than that. */
static void
await_published(struct rig *r, uint64_t seq)
{
	struct vault_seen own = { .seq = 0 };
	unsigned i;

	for (i = 0; i < 2000 && own.seq <= seq; i++) {
		cold_pause(10);
		ck_assert_int_eq(drive_seen_get(r->drive, &r->keys->self.id,
		    &own), 0);
	}
	ck_assert_uint_gt(own.seq, seq);
}

START_TEST(an_accepted_loss_is_none_again_when_a_segment_was_pending)
{
	struct buf lost = BUF_INIT(1 << 16);
	struct err err = { "" };
	struct store *in, *tap;
	struct sync_status st;
	struct vault_seen own;
	struct evil *e;
	struct rig r;
	uint64_t old;
	int n;

	in = evil_open(&e);
	ck_assert_int_eq(store_tap_new(in, NULL, &tap), 0);
	rig_new_on(&r, tap);
	rig_start(&r);
	cold_write_some(&r, 0, 2);
	old = evil_now(e);
	cold_write_some(&r, 2, 3);
	ck_assert_int_eq(drive_seen_get(r.drive, &r.keys->self.id, &own), 0);
	store_tap_fail_part(tap, "/j/");
	rig_mkdir(&r, "pending");
	cold_await(&r, SYNC_OFFLINE, &st);
	rig_stop(&r, 0);
	evil_rollback(in, old);
	rig_start(&r);
	cold_await(&r, SYNC_ALARM, &st);
	n = sync_accept(r.sync, cold_say, NULL, &lost, &err);
	ck_assert_msg(n == 0, "%d %s\n%s", n, err.msg, buf_cstr(&lost));
	cold_await(&r, SYNC_OFFLINE, &st);
	store_tap_fail_part(tap, "/h/");
	sync_kick(r.sync);
	await_published(&r, own.seq);
	rig_stop(&r, 0);
	store_tap_fail_part(tap, NULL);
	rig_start(&r);
	rig_wait(&r);
	ck_assert(!cold_has_alarm_by(&r, 100));
	buf_done(&lost);
	rig_done(&r);
}
END_TEST

/* How a put that was cut, or a bad disk there, leaves the last segment. */
START_TEST(a_spoiled_last_segment_is_a_loss_that_can_be_accepted)
{
	struct buf lost = BUF_INIT(1 << 16);
	struct err err = { "" };
	char name[VAULT_PATH_MAX];
	struct vault_seen own;
	struct sync_status st;
	struct evil *e;
	struct rig r;
	int n;

	rig_new_on(&r, evil_open(&e));
	rig_start(&r);
	cold_write_some(&r, 0, 3);
	ck_assert_int_eq(drive_seen_get(r.drive, &r.keys->self.id, &own), 0);
	cold_own_segment(&r, own.seq, name);
	rig_stop(&r, 30000);
	for (n = 0; n < 2; n++) {
		if (n == 0)
			evil_cut(e, name, 0);
		else
			evil_flip(e, name, 1000);
		rig_start(&r);
		cold_await(&r, SYNC_ALARM, &st);
		ck_assert_ptr_nonnull(strstr(st.advice, "trust --accept"));
		if (n == 0)
			rig_stop(&r, 0);
	}
	n = sync_accept(r.sync, cold_say, NULL, &lost, &err);
	ck_assert_msg(n == 0, "%d %s\n%s", n, err.msg, buf_cstr(&lost));
	rig_wait(&r);
	cold_check(&r, evil_client(e), 0);
	ck_assert_int_eq(cold_mkdir(&r, "yes"), 0);
	rig_wait(&r);
	cold_check(&r, evil_client(e), 0);
	buf_done(&lost);
	rig_done(&r);
}
END_TEST

static bool is_held;	/* atomic: pages of checkpoints */

static void
on_put_held(void *arg, struct store *in, const char *name, const void *p,
    size_t len)
{
	(void)arg;
	(void)in;
	(void)p;
	(void)len;
	while (strstr(name, "/s/") &&
	    __atomic_load_n(&is_held, __ATOMIC_RELAXED))
		(void)usleep(1000);
}

/* Before that nothing can be rebuilt. */
START_TEST(a14_after_a_loss_all_is_up_when_its_checkpoint_is)
{
	static const struct tap_see see = { .put = on_put_held };
	struct buf lost = BUF_INIT(1 << 16);
	struct ckpt_mark m;
	struct store *in, *tap, *other;
	struct err err = { "" };
	struct sync_status st;
	struct evil *e;
	struct rig r;
	uint64_t old;

	in = evil_open(&e);
	ck_assert_int_eq(store_tap_new(in, &see, &tap), 0);
	rig_new_on(&r, tap);
	rig_start(&r);
	cold_write_some(&r, 0, 2);
	old = evil_now(e);
	cold_write_some(&r, 2, 3);
	evil_rollback(in, old);
	rig_stop(&r, 0);
	__atomic_store_n(&is_held, true, __ATOMIC_RELAXED);
	rig_start(&r);
	cold_await(&r, SYNC_ALARM, &st);
	ck_assert_int_eq(sync_accept(r.sync, cold_say, NULL, &lost, &err), 0);
	ck_assert_int_eq(sync_wait(r.sync, clock_mono_ms() + 3000, NULL,
	    NULL), -ETIMEDOUT);
	__atomic_store_n(&is_held, false, __ATOMIC_RELAXED);
	rig_wait(&r);
	ck_assert_int_eq(ckpt_mark_get(r.drive, &m), 0);
	other = evil_client(e);
	evil_share(in, other);
	cold_check(&r, other, 0);
	buf_done(&lost);
	rig_done(&r);
}
END_TEST

/* One file whose row this disk does not give: the others go up again. */
START_TEST(a_file_that_cannot_be_read_is_the_only_one_that_stays_lost)
{
	struct buf lost = BUF_INIT(1 << 16);
	struct err err = { "" };
	struct sync_status st;
	struct store *other;
	struct evil *e;
	struct rig r;
	uint64_t old;

	rig_new_on(&r, evil_open(&e));
	rig_start(&r);
	cold_write_some(&r, 0, 2);
	old = evil_now(e);
	cold_write_some(&r, 2, 3);
	spoil_inode(r.drive, rig_lookup(&r, "f2"));
	evil_rollback(r.store, old);
	rig_stop(&r, 0);
	rig_start(&r);
	cold_await(&r, SYNC_ALARM, &st);
	ck_assert_int_eq(sync_accept(r.sync, cold_say, NULL, &lost, &err), 1);
	ck_assert_ptr_nonnull(strstr(buf_cstr(&lost), "cannot be read here"));
	/* Without it there is no checkpoint. */
	ck_assert_int_eq(sync_wait(r.sync, clock_mono_ms() + 30000, NULL,
	    NULL), -EIO);
	spoil_mend(r.drive);
	rig_unlink(&r, "f2");
	rig_wait(&r);
	ck_assert_int_eq(sync_checkpoint(r.sync, NULL), 0);
	rig_wait(&r);
	other = evil_client(e);
	evil_share(r.store, other);
	cold_check(&r, other, 0);
	buf_done(&lost);
	rig_done(&r);
}
END_TEST

static struct store *cut;	/* by on_pack, if set */

static void
on_pack(void *arg, uint64_t done, uint64_t total)
{
	(void)arg;
	(void)done;
	(void)total;
	if (cut)
		store_tap_fail(cut, -EIO);
}

/* The way breaks while what is lost is looked for: that can be gone on with,
 * although the alarm is over. */
START_TEST(a_mending_that_failed_is_done_when_asked_again)
{
	static const struct tap_see see = { .put = NULL };
	struct buf lost = BUF_INIT(1 << 16);
	struct err err = { "" };
	struct sync_status st;
	struct store *in;
	struct evil *e;
	struct rig r;
	uint64_t old;

	in = evil_open(&e);
	ck_assert_int_eq(store_tap_new(in, &see, &cut), 0);
	rig_new_on(&r, cut);
	rig_start(&r);
	cold_write_some(&r, 0, 2);
	old = evil_now(e);
	cold_write_some(&r, 2, 3);
	ck_assert_uint_gt(drive_cache_trim(r.drive, 0), 0);
	evil_rollback(in, old);
	rig_stop(&r, 0);
	rig_start(&r);
	cold_await(&r, SYNC_ALARM, &st);
	ck_assert_int_lt(sync_accept(r.sync, cold_say, on_pack, &lost, &err),
	    0);
	store_tap_fail(cut, 0);
	cut = NULL;
	sync_kick(r.sync);
	cold_await(&r, SYNC_ONLINE, &st);
	/* Also by a later run. */
	rig_stop(&r, 0);
	rig_start(&r);
	rig_wait(&r);
	buf_reset(&lost);
	ck_assert_int_eq(sync_accept(r.sync, cold_say, on_pack, &lost, &err),
	    3);
	ck_assert_ptr_nonnull(strstr(buf_cstr(&lost), "f2"));
	ck_assert_ptr_nonnull(strstr(buf_cstr(&lost), "f4"));
	/* Done. */
	ck_assert_int_eq(sync_accept(r.sync, cold_say, NULL, &lost, &err),
	    -EINVAL);
	buf_done(&lost);
	rig_done(&r);
}
END_TEST

static Suite *
suite(void)
{
	Suite *s = suite_create("hostile store: losses");
	TCase *tc = tcase_create("losses");

	tcase_set_timeout(tc, 120);
	suite_add_tcase(s, tc);
	tcase_add_test(tc,
	    a_spoiled_last_segment_is_a_loss_that_can_be_accepted);
	tcase_add_test(tc,
	    an_accepted_loss_is_none_again_when_a_segment_was_pending);
	tcase_add_test(tc,
	    a_mending_that_was_cut_short_is_told_by_the_next_run);
	tcase_add_test(tc,
	    a14_a_loss_that_the_user_accepts_is_made_good_from_here);
	tcase_add_test(tc,
	    a14_what_is_nowhere_any_more_is_named_when_a_loss_is_accepted);
	tcase_add_test(tc, a14_after_a_loss_all_is_up_when_its_checkpoint_is);
	tcase_add_test(tc,
	    a_file_that_cannot_be_read_is_the_only_one_that_stays_lost);
	tcase_add_test(tc, a_mending_that_failed_is_done_when_asked_again);
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
