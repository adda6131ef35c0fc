/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A machine that knows nothing yet is shown an old state, or one that was put
 * together of several.
 */
#include <check.h>
#include <errno.h>
#include <stdlib.h>

#include "tests/lib/cold.h"
#include "util/err.h"
#include "util/log.h"
#include "vault/vault.h"

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
	cold_write_some(&r, 0, 2);
	old = evil_now(e);
	cold_write_some(&r, 2, 3);
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
	cold_write_some(ret, 100, 2);
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
	cold_write_some(&r, 0, 2);
	ck_assert_int_eq(sync_checkpoint(r.sync, NULL), 0);
	rig_wait(&r);
	sync_get_status(r.sync, &st);
	vault_name_head(&r.keys->rtag, &r.keys->dtag, head);
	old = evil_get(e, head, &len);
	ck_assert_ptr_nonnull(old);
	cold_write_some(&r, 2, 3);
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
	cold_write_some(&r, 0, 2);
	rig_stop(&r, 30000);
	rig_close(&r);
	at = evil_now(e);
	cold_clone(&r, evil_client(e), "copy", &copy);
	rig_open(&r);
	rig_start(&r);
	cold_write_some(&r, 2, 2);
	second_machine(&r, e, &second);
	/* A journal that verifies from its beginning to its head. */
	evil_rollback(copy.store, at);
	rig_open(&copy);
	rig_start(&copy);
	cold_write_some(&copy, 10, 5);
	rig_stop(&copy, 30000);
	rig_close(&copy);
	store_close(copy.store);
	recovers(&r, e, 1);
	rig_done(&second);
	rig_done(&r);
}
END_TEST

static Suite *
suite(void)
{
	Suite *s = suite_create("hostile store: newcomers");
	TCase *tc = tcase_create("newcomers");

	tcase_set_timeout(tc, 120);
	suite_add_tcase(s, tc);
	tcase_add_test(tc,
	    a17_an_old_state_has_another_fingerprint_and_a_mixed_one_is_told);
	tcase_add_test(tc,
	    a17_a_journal_that_another_tells_of_is_missed_where_it_is_hidden);
	tcase_add_test(tc,
	    a17_a_listing_that_lacks_grants_gives_all_of_the_tree_or_words);
	tcase_add_test(tc,
	    a17_another_end_than_a_second_machine_has_read_is_told);
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
