/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A store that goes back in time or shows another one, machines that were
 * copied, and what a user can do about it.
 */
#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <time.h>

#include "crypto/crypto.h"
#include "drive/sync.h"
#include "sync/sync_priv.h"
#include "tests/lib/cold.h"
#include "tests/lib/spoil.h"
#include "tests/lib/store_tap.h"
#include "util/buf.h"
#include "util/clock.h"
#include "util/err.h"
#include "util/log.h"
#include "vault/envelope.h"

static void
write_some(struct rig *r, unsigned from, unsigned n)
{
	char name[16];
	unsigned i;

	for (i = from; i < from + n; i++) {
		(void)snprintf(name, sizeof(name), "f%u", i);
		rig_write(r, name, 0, 200 * 1024, i);
		rig_wait(r);
	}
}

/* Look at the link without asking for anything. */
static bool
has_alarm_by(struct rig *r, int64_t ms)
{
	int64_t until = clock_mono_ms() + ms;
	struct timespec t = { .tv_nsec = 5 * 1000 * 1000 };
	struct sync_status st;

	do {
		sync_get_status(r->sync, &st);
		if (st.link == SYNC_ALARM)
			return true;
		(void)nanosleep(&t, NULL);
	} while (clock_mono_ms() < until);
	return false;
}

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
	write_some(&r, 0, 1);
	old = evil_now(e);
	write_some(&r, 1, 5);
	ck_assert(!has_alarm_by(&r, 300));
	from = evil_reqs(e);
	evil_rollback(r.store, old);
	/* One poll, and the time of a loaded machine. */
	ck_assert(has_alarm_by(&r, 5000));
	ck_assert_int_eq(cold_mkdir(&r, "no"), -EROFS);
	ck_assert_uint_ne(rig_lookup(&r, "f5"), 0);
	ck_assert_uint_eq(evil_asked(e, from, "PAD", ""), 0);
	rig_done(&r);
}
END_TEST

static void
pause_ms(int ms)
{
	struct timespec t = { .tv_sec = ms / 1000,
	    .tv_nsec = ms % 1000 * 1000000L };

	(void)nanosleep(&t, NULL);
}

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
	size_t from;

	in = evil_open(&e);
	ck_assert_int_eq(store_tap_new(in, NULL, &tap), 0);
	rig_new_on(&r, tap);
	r.conf.poll_ms = 200;
	r.conf.backoff_min_ms = r.conf.backoff_max_ms = 200;
	rig_start(&r);
	write_some(&r, 0, 1);
	old = evil_now(e);
	write_some(&r, 1, 3);
	evil_rollback(in, old);
	ck_assert(has_alarm_by(&r, 5000));
	/* Each look is one at what there is, and one at our head. */
	from = evil_reqs(e);
	begin = clock_mono_ms();
	do
		pause_ms(500);
	while (evil_asked(e, from, "G", "") < 4);
	ms = clock_mono_ms() - begin;
	ck_assert_uint_le(evil_asked(e, from, "G", ""),
	    2 * (size_t)(2 + ms / 200));
	/* And none of it while nobody answers. */
	store_tap_fail(tap, -EHOSTUNREACH);
	cpu = cpu_ms();
	pause_ms(1000);
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

	rig_new_on(&r, evil_open(&e));
	rig_start(&r);
	write_some(&r, 0, 1);
	old = evil_now(e);
	write_some(&r, 1, 3);
	evil_rollback(r.store, old);
	rig_write(&r, "more", 0, 100, 1);
	ck_assert(has_alarm_by(&r, 5000));
	pause_ms(200);
	from = evil_reqs(e);
	pause_ms(300);
	ck_assert_uint_eq(evil_asked(e, from, "G", ""), 0);
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
	write_some(&r, 0, 1);
	old = evil_now(e);
	write_some(&r, 1, 3);
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

static void
on_lost(void *arg, const char *finding)
{
	struct buf *b = arg;

	(void)buf_printf(b, "%s\n", finding);
}

/* Everything of r is on the store as a new machine sees it. */
static void
check_cold(struct rig *r, struct store *client, int want)
{
	char *here = rig_dump(r), *there;
	struct rig cold;

	rig_recover_on(r, client, &cold, want);
	rig_start(&cold);
	there = rig_dump(&cold);
	ck_assert_str_eq(here, there);
	free(here);
	free(there);
	rig_done(&cold);
}

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
	write_some(&r, 0, 2);
	old = evil_now(e);
	rig_fill(&r, 1);
	write_some(&r, 2, 4);
	ck_assert_int_eq(sync_checkpoint(r.sync, NULL), 0);
	ck_assert_int_eq(ckpt_mark_get(r.drive, &lost_ckpt), 0);
	rig_wait(&r);
	/* Not without a reason. */
	ck_assert_int_eq(sync_accept(r.sync, on_lost, NULL, &lost, &err),
	    -EINVAL);
	at = evil_now(e);
	evil_rollback(r.store, old);
	sync_kick(r.sync);
	rig_stop(&r, 0);
	rig_start(&r);
	cold_await(&r, SYNC_ALARM, &st);
	ck_assert_ptr_nonnull(strstr(st.advice, "coffre trust --accept"));
	n = sync_accept(r.sync, on_lost, NULL, &lost, &err);
	ck_assert_msg(n == 0, "%d %s\n%s", n, err.msg, buf_cstr(&lost));
	rig_wait(&r);
	/* That is all: a machine that is lost now can be rebuilt. */
	other = evil_client(e);
	evil_share(r.store, other);
	check_cold(&r, other, 0);
	ck_assert_int_eq(cold_mkdir(&r, "yes"), 0);
	write_some(&r, 6, 1);
	rig_stop(&r, 30000);
	rig_start(&r);
	rig_wait(&r);
	ckpt_await(&r, lost_ckpt.n);

	/* What this client has now is all that a new machine gets. */
	other = evil_client(e);
	ck_assert_uint_gt(evil_now(e), at);
	evil_share(r.store, other);
	check_cold(&r, other, 0);

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
	write_some(&r, 0, 2);
	old = evil_now(e);
	write_some(&r, 2, 3);
	ck_assert_uint_gt(drive_cache_trim(r.drive, 0), 0);
	evil_rollback(r.store, old);
	rig_stop(&r, 0);
	rig_start(&r);
	cold_await(&r, SYNC_ALARM, &st);
	ck_assert_int_eq(sync_accept(r.sync, on_lost, NULL, &lost, &err), 3);
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
	write_some(&r, 0, 3);
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
	write_some(&r, 0, 3);
	old = evil_now(e);
	write_some(&r, 3, 1);
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
	check_cold(&r, evil_client(e), 0);
	rig_done(&r);
}
END_TEST

/* ---- a store that lags ---- */

#define LAG_GETS 20

static struct {
	char name[VAULT_PATH_MAX];	/* the segment put last */
	unsigned left;			/* it is not shown so often */
	unsigned hidden;
} lag;

static void
lag_put(void *arg, struct store *in, const char *name, const void *p,
    size_t len)
{
	(void)arg;
	(void)in;
	(void)p;
	(void)len;
	if (!strstr(name, "/j/"))
		return;
	(void)snprintf(lag.name, sizeof(lag.name), "%s", name);
	lag.left = LAG_GETS;
}

static int
lag_whole(void *arg, const char *name)
{
	(void)arg;
	if (strcmp(name, lag.name) != 0 || lag.left == 0)
		return 0;
	lag.left--;
	lag.hidden++;
	return -ENOENT;
}

START_TEST(a_mending_that_was_cut_short_is_told_by_the_next_run)
{
	struct err err = { "" };
	struct sync_status st;
	struct evil *e;
	struct rig r;

	rig_new_on(&r, evil_open(&e));
	rig_start(&r);
	write_some(&r, 0, 2);
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

START_TEST(a_store_that_lags_is_waited_for_and_is_no_alarm)
{
	static const struct tap_see see = { .put = lag_put,
	    .whole = lag_whole };
	struct vault_seen own = { .seq = 0 };
	struct sync_status st;
	struct store *tap;
	struct evil *e;
	char name[16];
	struct rig r;
	unsigned i, k;

	memset(&lag, 0, sizeof(lag));
	ck_assert_int_eq(store_tap_new(evil_open(&e), &see, &tap), 0);
	rig_new_on(&r, tap);
	r.conf.backoff_max_ms = 20000;
	rig_start(&r);
	for (i = 1; i <= 3; i++) {
		(void)snprintf(name, sizeof(name), "d%u", i);
		rig_mkdir(&r, name);
		for (k = 0; k < 2000 && own.seq < i; k++) {
			pause_ms(5);
			/* It is asked again at once. */
			sync_kick(r.sync);
			(void)drive_seen_get(r.drive, &r.keys->self.id, &own);
			sync_get_status(r.sync, &st);
			ck_assert_int_eq(st.link, SYNC_ONLINE);
		}
		ck_assert_uint_eq(own.seq, i);
	}
	ck_assert_uint_ge(lag.hidden, 2 * LAG_GETS);
	lag.left = 0;
	rig_wait(&r);
	check_cold(&r, evil_client(e), 0);
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
		pause_ms(10);
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
	write_some(&r, 0, 2);
	old = evil_now(e);
	write_some(&r, 2, 3);
	ck_assert_int_eq(drive_seen_get(r.drive, &r.keys->self.id, &own), 0);
	store_tap_fail_part(tap, "/j/");
	rig_mkdir(&r, "pending");
	cold_await(&r, SYNC_OFFLINE, &st);
	rig_stop(&r, 0);
	evil_rollback(in, old);
	rig_start(&r);
	cold_await(&r, SYNC_ALARM, &st);
	n = sync_accept(r.sync, on_lost, NULL, &lost, &err);
	ck_assert_msg(n == 0, "%d %s\n%s", n, err.msg, buf_cstr(&lost));
	cold_await(&r, SYNC_OFFLINE, &st);
	store_tap_fail_part(tap, "/h/");
	sync_kick(r.sync);
	await_published(&r, own.seq);
	rig_stop(&r, 0);
	store_tap_fail_part(tap, NULL);
	rig_start(&r);
	rig_wait(&r);
	ck_assert(!has_alarm_by(&r, 100));
	buf_done(&lost);
	rig_done(&r);
}
END_TEST

static void
own_segment(const struct rig *r, uint64_t seq, char name[VAULT_PATH_MAX])
{
	vault_name_segment(&r->keys->rtag, &r->keys->dtag, seq, name);
}

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
	write_some(&r, 0, 3);
	ck_assert_int_eq(drive_seen_get(r.drive, &r.keys->self.id, &own), 0);
	own_segment(&r, own.seq, name);
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
	n = sync_accept(r.sync, on_lost, NULL, &lost, &err);
	ck_assert_msg(n == 0, "%d %s\n%s", n, err.msg, buf_cstr(&lost));
	rig_wait(&r);
	check_cold(&r, evil_client(e), 0);
	ck_assert_int_eq(cold_mkdir(&r, "yes"), 0);
	rig_wait(&r);
	check_cold(&r, evil_client(e), 0);
	buf_done(&lost);
	rig_done(&r);
}
END_TEST

/* As some servers leave a put that broke off: as long as it was to be, and
 * zeros.  Put directly, when r's own puts do not get there. */
START_TEST(what_does_not_verify_in_the_next_place_is_put_over)
{
	struct store *in, *tap, *other;
	char name[VAULT_PATH_MAX];
	struct vault_seen own;
	struct sync_status st;
	struct evil *e;
	struct rig r;
	uint8_t *zeros;
	size_t len;
	int n;

	in = evil_open(&e);
	other = evil_client(e);
	ck_assert_int_eq(store_tap_new(in, NULL, &tap), 0);
	rig_new_on(&r, tap);
	rig_start(&r);
	for (n = 0; n < 3; n++) {
		write_some(&r, (unsigned)n, 1);
		ck_assert_int_eq(drive_seen_get(r.drive, &r.keys->self.id,
		    &own), 0);
		own_segment(&r, own.seq, name);
		free(evil_get(e, name, &len));
		own_segment(&r, own.seq + 1, name);
		zeros = calloc(1, len);
		ck_assert_ptr_nonnull(zeros);
		/* Before a segment is pending; while it is; in a new run. */
		if (n > 0)
			store_tap_fail_puts(tap, -EHOSTUNREACH);
		if (n > 0) {
			rig_mkdir(&r, n == 1 ? "one" : "two");
			cold_await(&r, SYNC_OFFLINE, &st);
		}
		ck_assert_int_eq(store_put(other, name, zeros, len, 0), 0);
		free(zeros);
		if (n != 1) {
			rig_stop(&r, 0);
			rig_start(&r);
		}
		store_tap_fail_puts(tap, 0);
		if (n == 0)
			rig_mkdir(&r, "zero");
		rig_wait(&r);
	}
	check_cold(&r, evil_client(e), 0);
	store_close(other);
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
	write_some(&r, 0, 2);
	old = evil_now(e);
	write_some(&r, 2, 3);
	evil_rollback(in, old);
	rig_stop(&r, 0);
	__atomic_store_n(&is_held, true, __ATOMIC_RELAXED);
	rig_start(&r);
	cold_await(&r, SYNC_ALARM, &st);
	ck_assert_int_eq(sync_accept(r.sync, on_lost, NULL, &lost, &err), 0);
	ck_assert_int_eq(sync_wait(r.sync, clock_mono_ms() + 3000, NULL,
	    NULL), -ETIMEDOUT);
	__atomic_store_n(&is_held, false, __ATOMIC_RELAXED);
	rig_wait(&r);
	ck_assert_int_eq(ckpt_mark_get(r.drive, &m), 0);
	other = evil_client(e);
	evil_share(in, other);
	check_cold(&r, other, 0);
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
	write_some(&r, 0, 2);
	old = evil_now(e);
	write_some(&r, 2, 3);
	spoil_inode(r.drive, rig_lookup(&r, "f2"));
	evil_rollback(r.store, old);
	rig_stop(&r, 0);
	rig_start(&r);
	cold_await(&r, SYNC_ALARM, &st);
	ck_assert_int_eq(sync_accept(r.sync, on_lost, NULL, &lost, &err), 1);
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
	check_cold(&r, other, 0);
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
	write_some(&r, 0, 2);
	old = evil_now(e);
	write_some(&r, 2, 3);
	ck_assert_uint_gt(drive_cache_trim(r.drive, 0), 0);
	evil_rollback(in, old);
	rig_stop(&r, 0);
	rig_start(&r);
	cold_await(&r, SYNC_ALARM, &st);
	ck_assert_int_lt(sync_accept(r.sync, on_lost, on_pack, &lost, &err),
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
	ck_assert_int_eq(sync_accept(r.sync, on_lost, on_pack, &lost, &err),
	    3);
	ck_assert_ptr_nonnull(strstr(buf_cstr(&lost), "f2"));
	ck_assert_ptr_nonnull(strstr(buf_cstr(&lost), "f4"));
	/* Done. */
	ck_assert_int_eq(sync_accept(r.sync, on_lost, NULL, &lost, &err),
	    -EINVAL);
	buf_done(&lost);
	rig_done(&r);
}
END_TEST

/*
 * A17.  Attack: a machine that knows nothing yet is shown an old state.
 * Defence: what is cut out of a newer state is noticed, by what the rest of
 * it and the other machines' journals tell of it; of a whole old one nothing
 * can be seen, but the fingerprint of what a machine has seen differs from
 * that of any machine that knows more.
 * Not met: the recovery key does not carry the state of the day it was last
 * used, so a single machine that is lost leaves nothing to compare with.
 */
START_TEST(a17_an_old_state_has_another_fingerprint_and_a_mixed_one_is_told)
{
	uint8_t a[16], b[16];
	struct store *client;
	struct evil *e;
	struct rig r, cold;
	uint64_t old;
	char head[256];

	rig_new_on(&r, evil_open(&e));
	rig_start(&r);
	write_some(&r, 0, 2);
	old = evil_now(e);
	write_some(&r, 2, 3);
	client = evil_client(e);
	evil_rollback(client, old);
	rig_recover_on(&r, client, &cold, 0);
	ck_assert_int_eq(sync_fingerprint(r.drive, a), 0);
	ck_assert_int_eq(sync_fingerprint(cold.drive, b), 0);
	ck_assert_mem_ne(a, b, 16);
	rig_done(&cold);
	/* The newest head, and journals of before. */
	vault_name_head(&r.keys->rtag, &r.keys->dtag, head);
	evil_drop(e, evil_name(e, "/j/", evil_count(e, "/j/") - 1));
	rig_recover_on(&r, evil_client(e), &cold, 1);
	rig_done(&cold);
	rig_done(&r);
}
END_TEST

/* Another machine, made of what r has published, that publishes itself. */
static void
second_machine(const struct rig *r, struct evil *e, struct rig *ret)
{
	rig_recover_on(r, evil_client(e), ret, 0);
	rig_start(ret);
	write_some(ret, 100, 2);
	rig_stop(ret, 30000);
}

static void
drop_segment(const struct rig *r, struct evil *e, uint64_t seq)
{
	char name[VAULT_PATH_MAX];

	vault_name_segment(&r->keys->rtag, &r->keys->dtag, seq, name);
	evil_drop(e, name);
}

/* What a new machine makes of it. */
static void
recovers(const struct rig *r, struct evil *e, int want)
{
	struct rig cold;

	rig_recover_on(r, evil_client(e), &cold, want);
	rig_done(&cold);
}

START_TEST(a17_a_journal_that_another_tells_of_is_missed_where_it_is_hidden)
{
	char head[VAULT_PATH_MAX];
	struct sync_status st;
	struct rig r, second;
	struct evil *e;
	uint8_t *old;
	size_t len;

	rig_new_on(&r, evil_open(&e));
	rig_start(&r);
	write_some(&r, 0, 2);
	ck_assert_int_eq(sync_checkpoint(r.sync, NULL), 0);
	rig_wait(&r);
	sync_get_status(r.sync, &st);
	vault_name_head(&r.keys->rtag, &r.keys->dtag, head);
	old = evil_get(e, head, &len);
	ck_assert_ptr_nonnull(old);
	write_some(&r, 2, 3);
	second_machine(&r, e, &second);
	recovers(&r, e, 0);
	/* All of it: no head, and no beginning. */
	evil_drop(e, head);
	drop_segment(&r, e, 1);
	recovers(&r, e, 1);
	evil_honest(e);
	/* An old head with its checkpoint, and the end cut off. */
	evil_serve(e, head, old, len);
	drop_segment(&r, e, st.published_seq + 1);
	recovers(&r, e, 1);
	/* Up to where the other one has read, nothing is missing. */
	evil_honest(e);
	evil_serve(e, head, old, len);
	recovers(&r, e, 0);
	free(old);
	rig_done(&second);
	rig_done(&r);
}
END_TEST

/* A new machine has the tree, or an error with words and nothing was put: it
 * never begins with less and goes on from there.  Returns 0 or the error. */
static int
all_or_nothing(const struct rig *r, struct evil *e, const char *want)
{
	struct err err = { "" };
	size_t from = evil_reqs(e);
	struct rig cold;
	char *is;
	int n;

	n = cold_try_say(r, evil_client(e), &cold, &err);
	if (n < 0) {
		ck_assert_str_ne(err.msg, "");
		ck_assert_uint_eq(evil_asked(e, from, "PAD", ""), 0);
	} else {
		ck_assert_int_eq(n, 0);
		rig_start(&cold);
		is = rig_dump(&cold);
		ck_assert_str_eq(is, want);
		free(is);
		rig_wait(&cold);
	}
	rig_done(&cold);
	return n;
}

START_TEST(a17_a_listing_that_lacks_grants_gives_all_of_the_tree_or_words)
{
	static const unsigned lies[] = { EVIL_LIST_HALF, EVIL_LIST_REST,
	    EVIL_LIST_HALF | EVIL_LIST_SIZES, EVIL_LIST_TWICE,
	    EVIL_LIST_MORE, EVIL_LIST_REST | EVIL_LIST_MORE };
	uint64_t at[4];
	struct rig r, cold;
	struct evil *e;
	char *want;
	size_t i;
	int n;

	rig_new_on(&r, evil_open(&e));
	at[0] = evil_now(e);
	rig_start(&r);
	rig_fill(&r, 1);
	rig_stop(&r, 30000);
	/* Machines that each have written: their right to is in a grant. */
	for (i = 1; i < 4; i++) {
		rig_recover_on(&r, evil_client(e), &cold, 0);
		rig_start(&cold);
		rig_fill(&cold, 1 + (unsigned)i);
		rig_stop(&cold, 30000);
		rig_done(&cold);
		at[i] = evil_now(e);
	}
	rig_recover_on(&r, evil_client(e), &cold, 0);
	rig_start(&cold);
	want = rig_dump(&cold);
	rig_done(&cold);

	evil_lie(e, EVIL_LIST_EMPTY);
	ck_assert_int_eq(all_or_nothing(&r, e, want), -ENOKEY);
	for (i = 0; i < sizeof(lies) / sizeof(lies[0]); i++) {
		evil_lie(e, lies[i]);
		(void)all_or_nothing(&r, e, want);
	}
	evil_lie(e, 0);
	for (i = 0, n = 0; i < 4; i++) {
		evil_list_old(e, at[i]);
		n += all_or_nothing(&r, e, want) == 0;
	}
	evil_list_old(e, 0);
	ck_assert_int_eq(all_or_nothing(&r, e, want), 0);
	/* Any grant is enough. */
	ck_assert_int_eq(n, 4);
	free(want);
	rig_done(&r);
}
END_TEST

START_TEST(a17_another_end_than_a_second_machine_has_read_is_told)
{
	struct rig r, copy, second;
	struct evil *e;
	uint64_t at;

	rig_new_on(&r, evil_open(&e));
	rig_start(&r);
	write_some(&r, 0, 2);
	rig_stop(&r, 30000);
	rig_close(&r);
	at = evil_now(e);
	cold_clone(&r, evil_client(e), "copy", &copy);
	rig_open(&r);
	rig_start(&r);
	write_some(&r, 2, 2);
	second_machine(&r, e, &second);
	/* A journal that verifies from its beginning to its head. */
	evil_rollback(copy.store, at);
	rig_open(&copy);
	rig_start(&copy);
	write_some(&copy, 10, 5);
	rig_stop(&copy, 30000);
	rig_close(&copy);
	store_close(copy.store);
	recovers(&r, e, 1);
	rig_done(&second);
	rig_done(&r);
}
END_TEST

/* A nonce, and what was sealed with it. */
struct used {
	uint8_t nonce[VAULT_NONCE_LEN];
	uint8_t sha[SHA256_LEN];
};

static int
by_nonce(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(struct used));
}

static void
used_set(struct used *u, const uint8_t *nonce, const void *p, size_t len)
{
	memcpy(u->nonce, nonce, VAULT_NONCE_LEN);
	sha256(p, len, u->sha);
}

/* Nonces of every object's header and of every block in a pack. */
static size_t
nonces_of(struct rig *r, struct evil *e, struct used *out, size_t max)
{
	struct pack_entry *en;
	struct envelope v;
	const char *name;
	size_t i, k, n = 0, len, ne;
	struct pack_id id;
	uint8_t *p;

	for (i = 0; (name = evil_name(e, "r/", i)); i++) {
		p = evil_get(e, name, &len);
		if (strstr(name, "/d/")) {
			memset(&id, 0, sizeof(id));
			id.dtag = r->keys->dtag;
			ck_assert_int_eq(sscanf(strrchr(name, '/') + 1,
			    "%lx-%lx", &id.n, &id.rand), 2);
			ck_assert_int_eq(pack_open(r->keys, &id, p, len, &en,
			    &ne), 0);
			for (k = 0; k < ne && n < max; k++)
				used_set(&out[n++], p + en[k].off,
				    p + en[k].off, en[k].len +
				    VAULT_SEAL_OVERHEAD);
			free(en);
		} else if (envelope_parse(p, len, &v) == 0 && n < max) {
			used_set(&out[n++], v.nonce, p, len);
		}
		free(p);
	}
	return n;
}

/*
 * A21.  Attack: a machine is set back to a snapshot and writes again, or runs
 * twice, so that counters and with them nonces come twice.
 * Defence: no counters; nonces are random and come from the kernel each time.
 */
START_TEST(a21_two_machines_from_one_snapshot_share_no_nonce)
{
	enum { MAX = 4000 };
	struct used *all = malloc(MAX * sizeof(*all));
	struct evil *e;
	struct rig r, copy;
	struct store *first;
	uint64_t at;
	size_t n, i;

	ck_assert_ptr_nonnull(all);
	rig_new_on(&r, evil_open(&e));
	first = r.store;
	rig_start(&r);
	write_some(&r, 0, 1);
	rig_stop(&r, 30000);
	rig_close(&r);
	at = evil_now(e);
	cold_clone(&r, evil_client(e), "copy", &copy);
	evil_rollback(copy.store, at);
	evil_rollback(first, at);
	rig_open(&copy);
	rig_start(&copy);
	write_some(&copy, 0, 4);
	rig_stop(&copy, 30000);
	rig_close(&copy);
	n = nonces_of(&r, e, all, MAX);
	/* The same names with the same plaintext, from the snapshot again. */
	rig_open(&r);
	rig_start(&r);
	write_some(&r, 0, 4);
	n += nonces_of(&r, e, all + n, MAX - n);
	ck_assert_uint_gt(n, 20);
	qsort(all, n, sizeof(*all), by_nonce);
	/* What both looks found is there twice, whole. */
	for (i = 1; i < n; i++)
		ck_assert_msg(memcmp(all[i - 1].nonce, all[i].nonce,
		    VAULT_NONCE_LEN) != 0 || memcmp(all[i - 1].sha,
		    all[i].sha, SHA256_LEN) == 0, "a nonce came twice");
	store_close(copy.store);
	free(all);
	rig_done(&r);
}
END_TEST

/*
 * A32.  Attack: the store is exchanged for another drive that is whole and
 * valid in itself.
 * Defence: drive and first device are pinned here; the address is only where
 * they are looked for.
 */
START_TEST(a32_another_drive_in_the_same_place_is_refused)
{
	struct sync_status st;
	struct store *mine;
	struct evil *e, *e2;
	struct rig r, other;
	size_t from;

	rig_new_on(&r, evil_open(&e));
	rig_start(&r);
	write_some(&r, 0, 2);
	rig_stop(&r, 0);
	rig_new_on(&other, evil_open(&e2));
	mine = r.store;
	r.store = evil_client(e2);
	from = evil_reqs(e2);
	rig_start(&r);
	cold_await(&r, SYNC_ALARM, &st);
	ck_assert_int_eq(cold_mkdir(&r, "no"), -EROFS);
	ck_assert_uint_eq(evil_asked(e2, from, "PAD", ""), 0);
	ck_assert_uint_ne(rig_lookup(&r, "f1"), 0);
	/* Nor can that be accepted. */
	ck_assert_int_eq(sync_accept(r.sync, on_lost, NULL, NULL,
	    &(struct err){ "" }), -EINVAL);
	rig_stop(&r, 0);
	store_close(r.store);
	r.store = mine;
	rig_start(&r);
	rig_wait(&r);
	rig_done(&other);
	rig_done(&r);
}
END_TEST

/*
 * A33.  Attack (or accident): the state of a machine is copied or restored,
 * and two of it write under one name.
 * Defence: the own end of the journal is compared before anything goes up; a
 * segment is put only where there is none; the copy becomes read-only and is
 * told to enrol anew.
 */
START_TEST(a33_a_restored_copy_of_a_machine_overwrites_nothing)
{
	struct sync_status st;
	const char *name;
	struct evil *e;
	struct rig r, copy;
	size_t i, from;

	rig_new_on(&r, evil_open(&e));
	rig_start(&r);
	write_some(&r, 0, 2);
	rig_stop(&r, 30000);
	rig_close(&r);
	cold_clone(&r, evil_client(e), "copy", &copy);
	rig_open(&r);
	rig_start(&r);
	write_some(&r, 2, 2);
	from = evil_reqs(e);
	rig_open(&copy);
	rig_write(&copy, "of the copy", 0, 5000, 9);
	rig_start(&copy);
	cold_await(&copy, SYNC_ALARM, &st);
	ck_assert_ptr_nonnull(strstr(st.advice, "recover"));
	ck_assert_uint_eq(evil_asked(e, from, "PAD", ""), 0);
	ck_assert_int_eq(cold_mkdir(&copy, "no"), -EROFS);
	rig_stop(&copy, 0);
	rig_close(&copy);
	store_close(copy.store);
	for (i = 0; (name = evil_name(e, "/j/", i)); i++)
		ck_assert_uint_eq(evil_versions(e, name), 1);
	write_some(&r, 4, 1);
	check_cold(&r, evil_client(e), 0);
	rig_done(&r);
}
END_TEST

/* The store takes a put over what is there without a word. */
START_TEST(a33_a_copy_is_noticed_where_the_store_overwrites_too)
{
	struct sync_status st;
	struct evil *e;
	struct rig r, copy;

	rig_new_on(&r, evil_open(&e));
	evil_lie(e, EVIL_IGNORE_ABSENT);
	rig_start(&r);
	write_some(&r, 0, 2);
	rig_stop(&r, 30000);
	rig_close(&r);
	cold_clone(&r, evil_client(e), "copy", &copy);
	rig_open(&r);
	rig_start(&r);
	rig_open(&copy);
	rig_start(&copy);
	rig_wait(&copy);
	write_some(&r, 2, 2);
	rig_write(&copy, "of the copy", 0, 5000, 9);
	cold_await(&copy, SYNC_ALARM, &st);
	rig_stop(&copy, 0);
	rig_close(&copy);
	store_close(copy.store);
	write_some(&r, 4, 1);
	check_cold(&r, evil_client(e), 0);
	rig_done(&r);
}
END_TEST

START_TEST(a_spoiled_first_object_is_a_fault_and_no_alarm)
{
	struct sync_status st;
	struct evil *e;
	struct rig r;

	rig_new_on(&r, evil_open(&e));
	rig_start(&r);
	write_some(&r, 0, 1);
	rig_stop(&r, 0);
	evil_cut(e, "drive", 100);
	rig_start(&r);
	cold_await(&r, SYNC_FAULT, &st);
	ck_assert_int_eq(cold_mkdir(&r, "yes"), 0);
	evil_honest(e);
	rig_wait(&r);
	rig_done(&r);
}
END_TEST

START_TEST(what_a_store_can_do_is_asked_in_each_run_before_anything_goes_up)
{
	struct evil *e;
	struct rig r;
	size_t from;

	rig_new_on(&r, evil_open(&e));
	evil_lie(e, EVIL_UNPROBED);
	from = evil_reqs(e);
	rig_write(&r, "f", 0, 300000, 1);
	rig_start(&r);
	rig_wait(&r);
	ck_assert_uint_eq(evil_asked(e, from, "B", ""), 1);
	while (evil_req(e, from).what != 'B') {
		ck_assert(!strchr("PAD", evil_req(e, from).what));
		from++;
	}
	rig_stop(&r, 0);
	/* A head that was cut says that it was not true. */
	evil_cut(e, evil_name(e, "/h/", 0), 50);
	from = evil_reqs(e);
	rig_start(&r);
	rig_wait(&r);
	ck_assert_uint_ge(evil_asked(e, from, "B", ""), 1);
	rig_done(&r);
}
END_TEST

static Suite *
suite(void)
{
	Suite *s = suite_create("hostile store: states");
	TCase *tc = tcase_create("states");

	tcase_set_timeout(tc, 120);
	suite_add_tcase(s, tc);
	tcase_add_test(tc,
	    a14_rollback_of_the_whole_store_alarms_within_one_poll);
	tcase_add_test(tc, a_store_under_an_alarm_is_looked_at_now_and_then);
	tcase_add_test(tc, a_kick_under_an_alarm_looks_at_once);
	tcase_add_test(tc, a14_no_segment_is_put_behind_a_rollback);
	tcase_add_test(tc, the_loss_of_one_segment_is_noticed_before_the_next);
	tcase_add_test(tc,
	    a_spoiled_last_segment_is_a_loss_that_can_be_accepted);
	tcase_add_test(tc,
	    what_does_not_verify_in_the_next_place_is_put_over);
	tcase_add_test(tc,
	    an_accepted_loss_is_none_again_when_a_segment_was_pending);
	tcase_add_test(tc, a_head_that_was_cut_hides_no_rollback);
	tcase_add_test(tc, a_segment_put_behind_a_rollback_does_not_count);
	tcase_add_test(tc, a_store_that_lags_is_waited_for_and_is_no_alarm);
	tcase_add_test(tc,
	    a_mending_that_was_cut_short_is_told_by_the_next_run);
	tcase_add_test(tc,
	    a14_a_loss_that_the_user_accepts_is_made_good_from_here);
	tcase_add_test(tc,
	    a14_what_is_nowhere_any_more_is_named_when_a_loss_is_accepted);
	tcase_add_test(tc,
	    a17_an_old_state_has_another_fingerprint_and_a_mixed_one_is_told);
	tcase_add_test(tc,
	    a17_a_journal_that_another_tells_of_is_missed_where_it_is_hidden);
	tcase_add_test(tc,
	    a17_a_listing_that_lacks_grants_gives_all_of_the_tree_or_words);
	tcase_add_test(tc,
	    a17_another_end_than_a_second_machine_has_read_is_told);
	tcase_add_test(tc, a14_after_a_loss_all_is_up_when_its_checkpoint_is);
	tcase_add_test(tc,
	    a_file_that_cannot_be_read_is_the_only_one_that_stays_lost);
	tcase_add_test(tc, a_mending_that_failed_is_done_when_asked_again);
	tcase_add_test(tc, a21_two_machines_from_one_snapshot_share_no_nonce);
	tcase_add_test(tc, a32_another_drive_in_the_same_place_is_refused);
	tcase_add_test(tc, a33_a_restored_copy_of_a_machine_overwrites_nothing);
	tcase_add_test(tc,
	    a33_a_copy_is_noticed_where_the_store_overwrites_too);
	tcase_add_test(tc, a_spoiled_first_object_is_a_fault_and_no_alarm);
	tcase_add_test(tc,
	    what_a_store_can_do_is_asked_in_each_run_before_anything_goes_up);
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
