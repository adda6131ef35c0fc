/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The outbox: what waits for what, and what is not held up; others never see
 * a state that was none here.
 */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>

#include "tests/lib/fix_drive.h"
#include "tests/lib/fix_outbox.h"

#define ROOT DRIVE_ROOT_INO
#define EXCHANGE 2

static struct fix f;
static struct fix_log jrn;

static void
setup(void)
{
	fix_begin(&f, &jrn);
}

static void
teardown(void)
{
	fix_end(&f, &jrn);
}

START_TEST(a_file_waits_for_its_blocks_and_others_overtake)
{
	struct op_list ops = { .n = 0 };
	uint64_t ticket;
	size_t k;

	(void)fix_write_long(&f, ROOT, "long");
	(void)fix_mkdir(&f, ROOT, "dir");
	ck_assert_int_eq(drive_publish_begin(f.d, FIX_ALL, &ops, &ticket), 0);
	/* create and place of the folder, times of the root */
	for (k = 0; k < ops.n; k++) {
		ck_assert_uint_ne(ops.ops[k].type, OP_PUT);
		if (ops.ops[k].type == OP_CREATE)
			ck_assert_uint_eq(ops.ops[k].create.kind,
			    OP_KIND_DIR);
	}
	ck_assert_uint_eq(ops.n, 3);
	drive_publish_abort(f.d, ticket);
	op_list_done(&ops);
	fix_publish_all(&f, &jrn);
	fix_same_elsewhere(&f, &jrn);
}
END_TEST

/* There may be thousands of them in a segment. */
START_TEST(what_travels_inside_takes_the_memory_that_it_needs)
{
	struct op_list ops = { .n = 0 };
	size_t k, puts = 0;
	uint64_t ticket;

	(void)fix_write(&f, ROOT, "a", "short");
	(void)fix_write(&f, ROOT, "b", "shorter than a block, by far");
	fix_upload(&f);
	ck_assert_int_eq(drive_publish_begin(f.d, FIX_ALL, &ops, &ticket), 0);
	for (k = 0; k < ops.n; k++) {
		if (ops.ops[k].type != OP_PUT || !ops.ops[k].put.is_inline)
			continue;
		puts++;
		ck_assert_uint_lt(malloc_usable_size(ops.ops[k].put.data),
		    256);
	}
	ck_assert_uint_eq(puts, 2);
	drive_publish_abort(f.d, ticket);
	op_list_done(&ops);
	fix_publish_all(&f, &jrn);
	fix_same_elsewhere(&f, &jrn);
}
END_TEST

START_TEST(a_saved_document_is_never_seen_empty_or_missing)
{
	uint64_t doc = fix_write_long(&f, ROOT, "doc");
	struct drive_usage u;

	fix_publish_all(&f, &jrn);
	(void)fix_write_long(&f, ROOT, "doc.tmp");
	ck_assert_int_eq(drive_rename(f.d, ROOT, "doc.tmp", ROOT, "doc", 0),
	    0);
	drive_forget(f.d, doc);
	/* neither the new name nor the old one's end, before the blocks */
	ck_assert_uint_eq(fix_publish_held(&f), 1);	/* times of the root */
	drive_usage(f.d, &u);
	ck_assert_uint_eq(u.outbox_ops, 3);
	/* the same for a published file that is put in its place */
	fix_publish_all(&f, &jrn);
	ck_assert_uint_eq(fix_count(fix_last(&jrn), OP_DELETE), 1);
	ck_assert(!vault_id_is_root(
	    &fix_last(&jrn)->ops.ops[1].place.replaces));
	fix_same_elsewhere(&f, &jrn);
	(void)fix_write_long(&f, ROOT, "b");
	fix_publish_all(&f, &jrn);
	(void)fix_write_long(&f, ROOT, "b");
	ck_assert_int_eq(drive_rename(f.d, ROOT, "b", ROOT, "doc", 0), 0);
	ck_assert_uint_eq(fix_publish_held(&f), 1);
	fix_publish_all(&f, &jrn);
	fix_same_elsewhere(&f, &jrn);
}
END_TEST

START_TEST(a_new_file_is_not_seen_before_its_first_byte)
{
	(void)fix_write(&f, ROOT, "a", "");
	ck_assert_uint_eq(fix_publish_held(&f), 1);	/* times of the root */
	(void)fix_write(&f, ROOT, "a", "x");
	fix_publish_all(&f, &jrn);
	ck_assert_uint_eq(jrn.n, 1);
	ck_assert_uint_eq(fix_count(fix_last(&jrn), OP_CREATE), 1);
	ck_assert_uint_eq(fix_count(fix_last(&jrn), OP_PUT), 1);
	/* one that stays empty is seen too */
	(void)fix_write(&f, ROOT, "b", "");
	fix_publish_all(&f, &jrn);
	ck_assert_uint_eq(fix_count(fix_last(&jrn), OP_CREATE), 1);
	fix_same_elsewhere(&f, &jrn);
}
END_TEST

/* No file grows: a disk that is full. */
static void
disk_full(bool on)
{
	static struct rlimit was;
	struct rlimit none;

	if (on) {
		ck_assert_int_eq(getrlimit(RLIMIT_FSIZE, &was), 0);
		none = was;
		none.rlim_cur = 0;
		(void)signal(SIGXFSZ, SIG_IGN);
	}
	ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, on ? &none : &was), 0);
}

START_TEST(files_that_could_not_be_made_hold_up_nobody)
{
	struct drive_file *h;
	struct drive_attr a;
	char name[16];
	int k;

	fix_publish_all(&f, &jrn);
	disk_full(true);
	for (k = 0; k < 300; k++) {
		(void)snprintf(name, sizeof(name), "n%d", k);
		ck_assert_int_lt(drive_create(f.d, &fix_me, ROOT, name, 0644,
		    O_RDWR, &a, &h), 0);
	}
	disk_full(false);
	(void)fix_write(&f, ROOT, "a", "x");
	fix_publish_all(&f, &jrn);
	ck_assert_uint_eq(fix_count(fix_last(&jrn), OP_CREATE), 1);
	ck_assert_uint_eq(fix_count(fix_last(&jrn), OP_PUT), 1);
	fix_same_elsewhere(&f, &jrn);
}
END_TEST

START_TEST(a_replacement_of_a_replacement_hands_on_what_it_replaced)
{
	struct vault_id id;

	(void)fix_write(&f, ROOT, "doc", "1");
	fix_publish_all(&f, &jrn);
	id = jrn.segs[0].ops.ops[0].node;
	(void)fix_write(&f, ROOT, "t1", "2");
	ck_assert_int_eq(drive_rename(f.d, ROOT, "t1", ROOT, "doc", 0), 0);
	(void)fix_write(&f, ROOT, "t2", "3");
	ck_assert_int_eq(drive_rename(f.d, ROOT, "t2", ROOT, "doc", 0), 0);
	fix_publish_all(&f, &jrn);
	ck_assert_uint_eq(fix_count(fix_last(&jrn), OP_CREATE), 1);
	ck_assert_uint_eq(fix_count(fix_last(&jrn), OP_DELETE), 1);
	ck_assert_uint_eq(fix_last(&jrn)->ops.ops[1].type, OP_PLACE);
	ck_assert(vault_id_eq(&fix_last(&jrn)->ops.ops[1].place.replaces, &id));
	fix_same_elsewhere(&f, &jrn);
}
END_TEST

START_TEST(moves_that_swap_a_folder_and_its_parent_keep_the_tree)
{
	uint64_t a = fix_mkdir(&f, ROOT, "a"), q = fix_mkdir(&f, a, "q");
	uint64_t p = fix_mkdir(&f, q, "p");

	(void)fix_write(&f, p, "file", "x");
	fix_publish_all(&f, &jrn);
	/* a/q/p becomes q/p/a */
	ck_assert_int_eq(drive_rename(f.d, a, "q", ROOT, "q", 0), 0);
	ck_assert_int_eq(drive_rename(f.d, ROOT, "a", p, "a", 0), 0);
	fix_publish_all(&f, &jrn);
	fix_same_elsewhere(&f, &jrn);
}
END_TEST

START_TEST(an_exchange_is_published_whole)
{
	uint64_t d = fix_mkdir(&f, ROOT, "d");
	size_t k, n;

	(void)fix_write(&f, ROOT, "a", "a");
	(void)fix_write_long(&f, d, "b");
	fix_publish_all(&f, &jrn);
	ck_assert_int_eq(drive_rename(f.d, ROOT, "a", d, "b", EXCHANGE), 0);
	n = jrn.n;
	fix_publish_all(&f, &jrn);
	ck_assert_uint_eq(fix_count(&jrn.segs[n], OP_PLACE), 2);
	fix_same_elsewhere(&f, &jrn);
	/* three names in a circle */
	(void)fix_write(&f, ROOT, "c", "c");
	fix_publish_all(&f, &jrn);
	ck_assert_int_eq(drive_rename(f.d, ROOT, "a", ROOT, "c", EXCHANGE),
	    0);
	ck_assert_int_eq(drive_rename(f.d, ROOT, "c", d, "b", EXCHANGE), 0);
	n = jrn.n;
	for (k = 0; fix_publish(&f, &jrn, 1000); k++)
		;
	ck_assert_uint_ge(k, 1);
	ck_assert_uint_eq(fix_count(&jrn.segs[n], OP_PLACE), 3);
	fix_same_elsewhere(&f, &jrn);
}
END_TEST

START_TEST(parents_come_before_children_in_small_segments)
{
	uint64_t dir = ROOT;
	char name[32];
	int k;

	for (k = 0; k < 50; k++) {
		(void)snprintf(name, sizeof(name), "d%d", k);
		dir = fix_mkdir(&f, dir, name);
		(void)fix_write(&f, dir, "f", name);
	}
	/* an old folder under a young one */
	ck_assert_int_eq(drive_rename(f.d, fix_find(&f, "d0"), "d1", ROOT,
	    "tail", 0), 0);
	ck_assert_int_eq(drive_rename(f.d, ROOT, "d0", dir, "d0", 0), 0);
	while (fix_publish(&f, &jrn, 3000))
		;
	ck_assert_uint_gt(jrn.n, 5);
	fix_same_elsewhere(&f, &jrn);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("outbox: order");
	TCase *t = tcase_create("order");
	SRunner *r;
	int failed;

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_set_timeout(t, 300);
	tcase_add_test(t, a_file_waits_for_its_blocks_and_others_overtake);
	tcase_add_test(t,
	    what_travels_inside_takes_the_memory_that_it_needs);
	tcase_add_test(t, a_saved_document_is_never_seen_empty_or_missing);
	tcase_add_test(t, a_new_file_is_not_seen_before_its_first_byte);
	tcase_add_test(t, files_that_could_not_be_made_hold_up_nobody);
	tcase_add_test(t,
	    a_replacement_of_a_replacement_hands_on_what_it_replaced);
	tcase_add_test(t,
	    moves_that_swap_a_folder_and_its_parent_keep_the_tree);
	tcase_add_test(t, an_exchange_is_published_whole);
	tcase_add_test(t, parents_come_before_children_in_small_segments);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_ENV);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? 1 : 0;
}
