/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What an open file has not committed, cannot commit, or has sent by itself
 * before it had a name.
 */
#include <check.h>
#include <errno.h>
#include <fcntl.h>

#include "drive/content.h"
#include "tests/lib/fix_drive.h"
#include "tests/lib/sync_rig.h"
#include "tests/lib/unread.h"
#include "util/clock.h"

static struct rig rig;

static void
setup(void)
{
	unread_begin(&rig);
}

static void
teardown(void)
{
	rig_done(&rig);
}

/* The put that is to be published now, if any. */
static bool
next_put(struct fix *f, struct op_put *ret)
{
	struct op_list ops = { .n = 0 };
	uint64_t ticket;
	bool is_there;
	size_t k;
	int r;

	r = drive_publish_begin(f->d, 1 << 20, &ops, &ticket);
	if (r == -EAGAIN)
		return false;
	ck_assert_int_eq(r, 0);
	for (k = 0; k < ops.n && ops.ops[k].type != OP_PUT; k++)
		;
	is_there = k < ops.n;
	if (is_there)
		*ret = ops.ops[k].put;	/* its numbers */
	drive_publish_abort(f->d, ticket);
	op_list_done(&ops);
	return is_there;
}

START_TEST(a_small_file_whose_block_went_by_itself_and_made_way_is_published)
{
	struct stage_batch *b;
	struct drive_attr a;
	struct drive_file *h;
	struct op_put put;
	struct fix f;

	fix_open(&f, 1, false);
	ck_assert_int_eq(drive_tmpfile(f.d, &fix_me, DRIVE_ROOT_INO, 0644,
	    O_RDWR, &a, &h), 0);
	ck_assert_int_eq(drive_write(h, "abcdef", 6, 0), 6);
	ck_assert_int_eq(drive_flush(h), 0);
	fix_upload(&f);
	ck_assert_int_eq(drive_link(f.d, a.ino, DRIVE_ROOT_INO, "now", &a),
	    0);
	/* Frozen, and not to travel inside. */
	ck_assert_int_eq(drive_stage_take(f.d, 1 << 20, 0, true, &b),
	    -EAGAIN);
	ck_assert_uint_gt(drive_cache_trim(f.d, 0), 0);
	ck_assert(next_put(&f, &put));
	ck_assert(!put.is_inline);
	ck_assert_uint_eq(put.nblocks, 1);
	ck_assert_uint_eq(put.size, 6);
	ck_assert_int_eq(drive_file_close(h), 0);
	fix_close(&f);
}
END_TEST

/* ---- in memory ---- */

START_TEST(what_an_open_file_has_not_committed_is_waited_for)
{
	struct drive_attr a;
	struct drive_file *h;
	struct rig cold;

	rig_start(&rig);
	rig_wait(&rig);
	ck_assert_int_eq(drive_lookup(rig.drive, DRIVE_ROOT_INO, "small", &a),
	    0);
	ck_assert_int_eq(drive_file_open(rig.drive, a.ino, O_RDWR, &h), 0);
	ck_assert_int_eq(drive_write(h, "more", 4, 100), 4);
	rig_wait(&rig);
	rig_recover(&rig, &cold, 0);
	ck_assert_int_eq(drive_lookup(cold.drive, DRIVE_ROOT_INO, "small",
	    &a), 0);
	ck_assert_uint_eq(a.size, 104);
	rig_done(&cold);
	ck_assert_int_eq(drive_file_close(h), 0);
}
END_TEST

static void
block_rows(struct rig *r, const char *what)
{
	ck_assert_int_eq(drive_begin_internal(r->drive), 0);
	ck_assert_int_eq(drive_end(r->drive, db_exec(r->drive->db, what)), 0);
}

/* The rest goes up, in pieces, and who waited hears of this one all the
 * same. */
START_TEST(what_an_open_file_cannot_commit_is_told)
{
	struct drive_attr a;
	struct drive_file *h;
	int64_t until;
	int here;

	rig_start(&rig);
	rig_wait(&rig);
	ck_assert_int_eq(drive_lookup(rig.drive, DRIVE_ROOT_INO, "small", &a),
	    0);
	ck_assert_int_eq(drive_file_open(rig.drive, a.ino, O_RDWR, &h), 0);
	ck_assert_int_eq(drive_write(h, "more", 4, 100), 4);
	block_rows(&rig, "CREATE TRIGGER no BEFORE INSERT ON block "
	    "BEGIN SELECT RAISE(ABORT, 'no'); END");
	here = sync_wait_begin(rig.sync);
	ck_assert_int_lt(here, 0);
	until = clock_mono_ms() + 30000;
	ck_assert_int_eq(sync_wait_on(rig.sync, until, NULL, NULL), 0);
	ck_assert_int_lt(sync_wait(rig.sync, until, NULL, NULL), 0);
	block_rows(&rig, "DROP TRIGGER no");
	rig_wait(&rig);
	ck_assert_int_eq(drive_file_close(h), 0);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("unread: open files");
	TCase *t = tcase_create("open files");
	SRunner *r;
	int failed;

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_set_timeout(t, 120);
	tcase_add_test(t,
	    a_small_file_whose_block_went_by_itself_and_made_way_is_published);
	tcase_add_test(t, what_an_open_file_has_not_committed_is_waited_for);
	tcase_add_test(t, what_an_open_file_cannot_commit_is_told);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_ENV);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? 1 : 0;
}
