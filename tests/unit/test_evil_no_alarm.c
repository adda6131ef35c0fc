/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What a store does that is no alarm: it lags, leaves a put that broke off,
 * spoils an object, or can less than it could.
 */
#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "drive/sync.h"
#include "tests/lib/cold.h"
#include "tests/lib/store_tap.h"
#include "util/log.h"
#include "vault/vault.h"

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
			cold_pause(5);
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
	cold_check(&r, evil_client(e), 0);
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
		cold_write_some(&r, (unsigned)n, 1);
		ck_assert_int_eq(drive_seen_get(r.drive, &r.keys->self.id,
		    &own), 0);
		cold_own_segment(&r, own.seq, name);
		free(evil_get(e, name, &len));
		cold_own_segment(&r, own.seq + 1, name);
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
	cold_check(&r, evil_client(e), 0);
	store_close(other);
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
	cold_write_some(&r, 0, 1);
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
	Suite *s = suite_create("hostile store: no alarm");
	TCase *tc = tcase_create("no alarm");

	tcase_set_timeout(tc, 120);
	suite_add_tcase(s, tc);
	tcase_add_test(tc,
	    what_does_not_verify_in_the_next_place_is_put_over);
	tcase_add_test(tc, a_store_that_lags_is_waited_for_and_is_no_alarm);
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
