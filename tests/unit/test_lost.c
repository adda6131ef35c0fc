/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Recovery from a store on which a list of blocks is gone or damaged: the
 * rest of the drive comes back, and what does not is named.
 */
#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "drive/sync.h"
#include "tests/lib/cold.h"
#include "tests/lib/store_tap.h"
#include "util/buf.h"
#include "util/err.h"

#define LONG (70u * VAULT_BLOCK_SIZE)	/* its blocks are listed in a page */

static struct rig rig;
static struct evil *evil;

static void
setup(void)
{
	rig_new_on(&rig, evil_open(&evil));
	rig_start(&rig);
}

static void
teardown(void)
{
	rig_done(&rig);
}

struct packs {
	const char *name;
	bool is_data;
};

static int
on_ref(void *arg, uint64_t ino, uint64_t idx, const struct block_ref *ref)
{
	struct packs *p = arg;
	char name[VAULT_PATH_MAX];

	(void)ino;
	(void)idx;
	vault_name_pack(&rig.keys->rtag, &ref->pack, name);
	if (strcmp(name, p->name) == 0)
		p->is_data = true;
	return p->is_data;
}

/* The pack (another than that) which holds no block of a file. */
static const char *
list_pack(const char *not)
{
	struct packs p;
	size_t i;

	for (i = 0; (p.name = evil_name(evil, "/d/", i)) != NULL; i++) {
		p.is_data = false;
		(void)drive_walk_refs(rig.drive, on_ref, &p);
		if (!p.is_data && (!not || strcmp(p.name, not) != 0))
			return p.name;
	}
	ck_abort_msg("no list of blocks");
}

static void
on_line(void *arg, const char *line)
{
	(void)buf_printf(arg, "%s\n", line);
}

/* A machine that knows nothing but the recovery key; from a store that is
 * empty (but for what it cannot miss) after the first half. */
static int
recover(struct store *store, struct rig *cold, struct buf *said,
    bool is_emptied)
{
	struct sync_found *f = NULL;
	struct err e = { "" };
	int r;

	memset(cold, 0, sizeof(*cold));
	(void)snprintf(cold->dir, sizeof(cold->dir),
	    "/tmp/coffre-sync-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(cold->dir));
	(void)snprintf(cold->state, sizeof(cold->state), "%s/state",
	    cold->dir);
	memcpy(cold->seed, rig.seed, sizeof(cold->seed));
	cold->store = store;
	cold->conf = rig.conf;
	ck_assert_int_eq(sync_recover(store, rig.seed, "cold", &cold->keys,
	    &f, &e), 0);
	rig_open(cold);
	if (is_emptied)
		evil_drop(evil, "drive");
	r = sync_rebuild(store, cold->keys, f, cold->drive, on_line, said,
	    &e);
	(void)buf_printf(said, "%s\n", e.msg);
	sync_found_free(f);
	return r;
}

static uint64_t
size_of(struct rig *r, const char *name)
{
	struct drive_attr a;

	ck_assert_int_eq(drive_lookup(r->drive, DRIVE_ROOT_INO, name, &a), 0);
	return a.size;
}

enum { DROP, CUT, FLIP, DAMAGES };

static void
damage(const char *pack, int how)
{
	if (how == DROP)
		evil_drop(evil, pack);
	else if (how == CUT)
		evil_cut(evil, pack, 100);
	else
		evil_flip(evil, pack, 16000);
}

/* Recover with that pack damaged: `name` has size bytes and is named, as often
 * as `lines` says; what came after it is there. */
static void
recover_without(const char *pack, const char *name, uint64_t size,
    unsigned lines)
{
	unsigned n;
	const char *at;
	struct rig cold;
	int how, r;

	for (how = 0; how < DAMAGES; how++) {
		struct buf said = BUF_INIT(1 << 20);

		damage(pack, how);
		r = recover(evil_client(evil), &cold, &said, false);
		ck_assert_msg(r == (lines ? 1 : 0), "%d: %d\n%s", how, r,
		    buf_cstr(&said));
		n = 0;
		for (at = buf_cstr(&said); (at = strstr(at,
		    "warning: content of '/long'")) != NULL; at++)
			n++;
		ck_assert_uint_eq(n, lines);
		if (name)
			ck_assert_uint_eq(size_of(&cold, name), size);
		ck_assert_uint_eq(size_of(&cold, "before"), 5000);
		ck_assert_uint_eq(size_of(&cold, "after"), 5000);
		buf_done(&said);
		rig_done(&cold);
		evil_honest(evil);
	}
}

START_TEST(a_version_whose_list_is_gone_is_left_out)
{
	rig_write(&rig, "before", 0, 5000, 1);
	rig_write(&rig, "long", 0, 1000, 2);
	rig_wait(&rig);
	rig_write(&rig, "long", 0, LONG, 3);
	rig_wait(&rig);
	rig_write(&rig, "after", 0, 5000, 4);
	rig_wait(&rig);
	recover_without(list_pack(NULL), "long", 1000, 1);
}
END_TEST

START_TEST(nobody_hears_of_one_that_was_deleted_afterwards)
{
	const char *pack;

	rig_write(&rig, "before", 0, 5000, 1);
	rig_write(&rig, "long", 0, LONG, 3);
	rig_wait(&rig);
	pack = list_pack(NULL);
	rig_unlink(&rig, "long");
	rig_wait(&rig);
	rig_write(&rig, "after", 0, 5000, 4);
	rig_wait(&rig);
	recover_without(pack, NULL, 0, 0);
}
END_TEST

/* What a later version brings lies upon what is lost. */
START_TEST(a_change_of_a_part_does_not_hide_the_loss)
{
	rig_write(&rig, "before", 0, 5000, 1);
	rig_write(&rig, "long", 0, LONG, 3);
	rig_wait(&rig);
	rig_write(&rig, "long", VAULT_BLOCK_SIZE, VAULT_BLOCK_SIZE, 5);
	rig_wait(&rig);
	rig_write(&rig, "after", 0, 5000, 4);
	rig_wait(&rig);
	recover_without(list_pack(NULL), "long", LONG, 1);
}
END_TEST

/* The pages of the checkpoint are whole; a list that they name is not. */
START_TEST(a_checkpoint_whose_list_is_gone_is_still_used)
{
	const char *first, *pack;

	rig_write(&rig, "before", 0, 5000, 1);
	rig_write(&rig, "long", 0, LONG, 3);
	rig_wait(&rig);
	first = list_pack(NULL);
	rig_write(&rig, "after", 0, 5000, 4);
	rig_wait(&rig);
	ck_assert_int_eq(sync_checkpoint(rig.sync, NULL), 0);
	rig_wait(&rig);
	pack = list_pack(first);
	recover_without(pack, "long", 0, 1);
}
END_TEST

/* More pages than are applied at a time: none of them is, if one is lost. */
START_TEST(of_a_long_list_all_or_nothing_is_used)
{
	enum { BLOCKS = 70, TRIES = 24 };
	const uint64_t apart = UINT64_C(1024) * VAULT_BLOCK_SIZE;
	unsigned k, lost = 0;
	struct buf said;
	char pack[256];
	struct rig cold;
	size_t len;
	int r;

	rig_write(&rig, "long", 0, 1000, 1);
	rig_wait(&rig);
	rig_stop(&rig, 0);
	for (k = 0; k < BLOCKS; k++)
		rig_write(&rig, "long", k * apart, 3000, k);
	rig_start(&rig);
	rig_wait(&rig);
	(void)snprintf(pack, sizeof(pack), "%s", list_pack(NULL));
	free(evil_get(evil, pack, &len));
	for (k = 0; k < TRIES; k++) {
		buf_init(&said, 1 << 20);
		evil_flip(evil, pack, len * 8 / TRIES * k + 3);
		r = recover(evil_client(evil), &cold, &said, false);
		ck_assert_int_ge(r, 0);
		ck_assert_uint_eq(size_of(&cold, "long"), r ? 1000 :
		    (BLOCKS - 1) * apart + 3000);
		lost += r;
		buf_done(&said);
		rig_done(&cold);
		evil_honest(evil);
	}
	ck_assert_uint_gt(lost, TRIES / 8);
}
END_TEST

/* A store that has lost everything has lost no list. */
START_TEST(a_store_that_is_not_there_is_no_loss)
{
	struct buf said = BUF_INIT(1 << 20);
	struct rig cold;

	rig_write(&rig, "long", 0, LONG, 3);
	rig_wait(&rig);
	evil_drop(evil, list_pack(NULL));
	ck_assert_int_eq(recover(evil_client(evil), &cold, &said, true),
	    -EIO);
	buf_done(&said);
	rig_done(&cold);
}
END_TEST

/* ---- answers that are none ---- */

static struct {
	char name[VAULT_PATH_MAX];	/* of what is asked for */
	unsigned times;			/* that it is answered so */
	int r;				/* 0: spoiled on its way */
	bool is_emptied;		/* from then on */
} odd;

static int
on_whole(void *arg, const char *name)
{
	(void)arg;
	if (strcmp(name, odd.name) != 0)
		return 0;
	evil_honest(evil);
	if (odd.is_emptied) {
		evil_drop(evil, odd.name);
		evil_drop(evil, "drive");
	}
	if (odd.times == 0)
		return 0;
	odd.times--;
	if (odd.r == 0)
		evil_flip(evil, odd.name, 1000);
	return odd.r;
}

/* All of it, or an error; never a part. */
static int
recover_odd(const char *want, const char *name, int r, unsigned times,
    bool is_emptied)
{
	static const struct tap_see see = { .whole = on_whole };
	struct buf said = BUF_INIT(1 << 20);
	struct store *tap;
	struct rig cold;
	char *is;
	int n;

	(void)snprintf(odd.name, sizeof(odd.name), "%s", name);
	odd.r = r;
	odd.times = times;
	odd.is_emptied = is_emptied;
	ck_assert_int_eq(store_tap_new(evil_client(evil), &see, &tap), 0);
	n = recover(tap, &cold, &said, false);
	ck_assert_msg(n <= 0, "%s", buf_cstr(&said));
	ck_assert(n == 0 || strstr(buf_cstr(&said), "cannot read from"));
	odd.name[0] = '\0';
	evil_honest(evil);
	if (n == 0) {
		rig_start(&cold);
		is = rig_dump(&cold);
		ck_assert_str_eq(is, want);
		free(is);
	}
	buf_done(&said);
	rig_done(&cold);
	return n;
}

static void
odd_answers(const char *want, const char *name)
{
	ck_assert_int_eq(recover_odd(want, name, -EPROTO, 1, false), 0);
	ck_assert_int_lt(recover_odd(want, name, -EPROTO, 99, false), 0);
	ck_assert_int_eq(recover_odd(want, name, 0, 1, false), 0);
}

START_TEST(an_answer_that_is_none_ends_no_journal)
{
	char name[VAULT_PATH_MAX], *want;
	unsigned i;

	for (i = 0; i < 10; i++) {
		(void)snprintf(name, sizeof(name), "d%u", i);
		rig_mkdir(&rig, name);
		rig_wait(&rig);
	}
	want = rig_dump(&rig);
	vault_name_segment(&rig.keys->rtag, &rig.keys->dtag, 3, name);
	odd_answers(want, name);
	ck_assert_int_lt(recover_odd(want, name, -ENOENT, 1, true), 0);
	free(want);
}
END_TEST

/* Nor does it spoil a checkpoint, which may be all that there is. */
START_TEST(an_answer_that_is_none_spoils_no_checkpoint)
{
	char *want;
	size_t i, n;

	rig_fill(&rig, 1);
	rig_wait(&rig);
	ck_assert_int_eq(sync_checkpoint(rig.sync, NULL), 0);
	rig_wait(&rig);
	want = rig_dump(&rig);
	n = evil_count(evil, "/s/");
	ck_assert_uint_ge(n, 2);
	for (i = 0; i < n; i++)
		odd_answers(want, evil_name(evil, "/s/", i));
	free(want);
}
END_TEST

/* Nor the head, which alone tells of it. */
START_TEST(an_answer_that_is_none_spoils_no_head)
{
	char name[VAULT_PATH_MAX], *want;

	rig_fill(&rig, 1);
	rig_wait(&rig);
	ck_assert_int_eq(sync_checkpoint(rig.sync, NULL), 0);
	rig_wait(&rig);
	want = rig_dump(&rig);
	vault_name_head(&rig.keys->rtag, &rig.keys->dtag, name);
	odd_answers(want, name);
	free(want);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("lost");
	TCase *t = tcase_create("lost");
	SRunner *r;
	int failed;

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_set_timeout(t, 120);
	tcase_add_test(t, a_version_whose_list_is_gone_is_left_out);
	tcase_add_test(t, nobody_hears_of_one_that_was_deleted_afterwards);
	tcase_add_test(t, a_change_of_a_part_does_not_hide_the_loss);
	tcase_add_test(t, a_checkpoint_whose_list_is_gone_is_still_used);
	tcase_add_test(t, of_a_long_list_all_or_nothing_is_used);
	tcase_add_test(t, a_store_that_is_not_there_is_no_loss);
	tcase_add_test(t, an_answer_that_is_none_ends_no_journal);
	tcase_add_test(t, an_answer_that_is_none_spoils_no_checkpoint);
	tcase_add_test(t, an_answer_that_is_none_spoils_no_head);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_ENV);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? 1 : 0;
}
