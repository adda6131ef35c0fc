/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What another drive makes of what was published: applying, and rebuilding. */
#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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

struct walked {
	struct fix *to;
	struct ckpt_node prev;
	unsigned n;
};

static int
walk_apply(void *arg, const struct ckpt_node *n)
{
	struct walked *w = arg;

	if (w->n++ > 0)
		ck_assert_int_lt(memcmp(w->prev.id.b, n->id.b, VAULT_ID_LEN),
		    0);
	w->prev.id = n->id;
	return drive_apply_node(w->to->d, n);
}

START_TEST(a_walk_rebuilds_the_drive_in_any_order_of_ids)
{
	struct ckpt_root root = { .frontier = NULL };
	uint64_t dir = ROOT, ino = 0;
	struct walked w = { .n = 0 };
	struct drive_attr a, in = { .mode = 0751, .mtime_ns = 99 };
	char *ours, *theirs, name[32];
	struct fix g;
	uint32_t j;
	int k;

	for (k = 0; k < 20; k++) {
		(void)snprintf(name, sizeof(name), "d%d", k);
		dir = fix_mkdir(&f, k % 7 ? dir : ROOT, name);
		ino = fix_write(&f, dir, "f", name);
	}
	ck_assert_int_eq(drive_link(f.d, ino, ROOT, "second", &a), 0);
	ck_assert_int_eq(drive_symlink(f.d, &fix_me, dir, "l", "x", &a), 0);
	ck_assert_int_eq(drive_setxattr(f.d, &fix_me, ino, "user.k", "v", 1,
	    0), 0);
	ck_assert_int_eq(drive_setxattr(f.d, &fix_me, ROOT, "user.root",
	    "v", 1, 0), 0);
	ck_assert_int_eq(drive_setattr(f.d, &fix_me, ROOT, &in,
	    DRIVE_SET_MODE | DRIVE_SET_MTIME, &a), 0);
	fix_open(&g, 2, true);
	w.to = &g;
	ck_assert_int_eq(drive_walk(f.d, walk_apply, &w), -EAGAIN);
	fix_publish_all(&f, &jrn);
	ck_assert_int_eq(drive_rebuild_begin(g.d), 0);
	ck_assert_int_eq(drive_walk(f.d, walk_apply, &w), 0);
	ck_assert_uint_eq(w.n, 41);
	ck_assert_int_eq(drive_walk_root(f.d, &root.root_attr,
	    &root.root_xattrs, &root.nroot_xattrs), 0);
	ck_assert_uint_eq(root.nroot_xattrs, 1);
	ck_assert_int_eq(drive_apply_root(g.d, &root), 0);
	ck_assert_int_eq(drive_rebuild_end(g.d), 0);
	ours = fix_dump(&f);
	theirs = fix_dump(&g);
	ck_assert_str_eq(ours, theirs);
	fix_fsck(&g);
	/* applying the journal on top changes nothing */
	free(theirs);
	fix_rebuild(&g, &jrn, 0, &f.conf.dev);
	theirs = fix_dump(&g);
	ck_assert_str_eq(ours, theirs);
	fix_fsck(&g);
	for (j = 0; j < root.nroot_xattrs; j++) {
		free(root.root_xattrs[j].name);
		free(root.root_xattrs[j].value);
	}
	free(root.root_xattrs);
	free(ours);
	free(theirs);
	fix_close(&g);
}
END_TEST

static unsigned told_inodes, told_entries, told_conflicts;

static void
tell_inode(void *arg, uint64_t ino)
{
	struct drive_attr a;

	/* no lock is held: the drive answers */
	(void)drive_getattr(arg, ino, &a);
	told_inodes++;
}

static void
tell_entry(void *arg, uint64_t parent, const char *name, uint64_t gone)
{
	struct drive_attr a;

	(void)drive_lookup(arg, parent, name, &a);
	ck_assert_uint_eq(gone, 0);
	told_entries++;
}

static void
tell_conflicts(void *arg, unsigned count)
{
	(void)arg;
	told_conflicts += count;
}

START_TEST(a_name_that_is_taken_gets_a_suffix_until_it_is_free)
{
	struct drive_notify n = { tell_inode, tell_entry, tell_conflicts,
	    NULL };
	struct fix g;
	uint64_t theirs;

	(void)fix_write(&f, ROOT, "doc.txt", "theirs");
	fix_publish_all(&f, &jrn);
	fix_open(&g, 2, true);
	n.arg = g.d;
	drive_set_notify(g.d, &n);
	(void)fix_write(&g, ROOT, "doc.txt", "ours");
	ck_assert_int_eq(drive_apply(g.d, &f.conf.dev, jrn.segs[0].ops.ops,
	    jrn.segs[0].ops.n), 0);
	ck_assert_uint_gt(told_inodes, 0);
	ck_assert_uint_gt(told_entries, 0);
	ck_assert_uint_eq(told_conflicts, 1);
	theirs = 0;
	{
		char *dump = fix_dump(&g), *p = strstr(dump, "(conflict ");

		ck_assert_ptr_nonnull(p);
		ck_assert_ptr_nonnull(strstr(p, ").txt "));
		free(dump);
	}
	(void)theirs;
	fix_fsck(&g);
	drive_set_notify(g.d, NULL);
	fix_close(&g);
}
END_TEST

START_TEST(an_interrupted_rebuild_starts_over_and_ends_the_same)
{
	uint64_t dir = ROOT;
	char *ours, *theirs, name[32];
	struct fix g;
	int k;

	for (k = 0; k < 12; k++) {
		(void)snprintf(name, sizeof(name), "d%d", k);
		dir = fix_mkdir(&f, dir, name);
		(void)fix_write(&f, dir, "f", name);
	}
	fix_publish_all(&f, &jrn);
	/* two names swap places, one goes under a folder made last */
	(void)fix_write(&f, ROOT, "other", "x");
	ck_assert_int_eq(drive_rename(f.d, ROOT, "d0", ROOT, "other",
	    EXCHANGE), 0);
	fix_publish_all(&f, &jrn);
	fix_open(&g, 2, true);
	ck_assert_int_eq(drive_rebuild_begin(g.d), 0);
	/* the folder of the last op comes before the ops that make it */
	ck_assert_int_eq(drive_apply(g.d, &f.conf.dev, jrn.segs[0].ops.ops +
	    jrn.segs[0].ops.n / 2, jrn.segs[0].ops.n / 2), 0);
	ck_assert_int_eq(drive_apply(g.d, &f.conf.dev, jrn.segs[1].ops.ops,
	    1), 0);
	fix_crash(&g);
	fix_rebuild(&g, &jrn, 0, &f.conf.dev);
	ours = fix_dump(&f);
	theirs = fix_dump(&g);
	ck_assert_str_eq(strchr(ours, '\n'), strchr(theirs, '\n'));
	fix_fsck(&g);
	free(ours);
	free(theirs);
	fix_close(&g);
}
END_TEST

START_TEST(a_deleted_folder_stays_while_something_is_in_it)
{
	uint64_t d = fix_mkdir(&f, ROOT, "d");
	struct op ops[2];
	struct fix g;

	(void)fix_write(&f, d, "in", "x");
	fix_publish_all(&f, &jrn);
	fix_open(&g, 2, true);
	ck_assert_int_eq(drive_apply(g.d, &f.conf.dev, jrn.segs[0].ops.ops,
	    jrn.segs[0].ops.n), 0);
	memset(ops, 0, sizeof(ops));
	ops[0].type = OP_DELETE;
	ops[0].node = jrn.segs[0].ops.ops[0].node;
	ops[0].lamport = 100;
	ck_assert_int_eq(drive_apply(g.d, &f.conf.dev, ops, 1), 0);
	ck_assert_uint_ne(fix_find(&g, "d/in"), 0);
	ops[1].type = OP_PLACE;
	ops[1].node = jrn.segs[0].ops.ops[2].node;
	ops[1].lamport = 101;
	memcpy(ops[1].place.name, "out", 3);
	ops[1].place.name_len = 3;
	ck_assert_int_eq(drive_apply(g.d, &f.conf.dev, ops + 1, 1), 0);
	ck_assert_uint_ne(fix_find(&g, "out"), 0);
	ck_assert_uint_eq(fix_find(&g, "d"), 0);
	fix_fsck(&g);
	fix_close(&g);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("apply");
	TCase *t = tcase_create("apply");
	SRunner *r;
	int failed;

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_set_timeout(t, 300);
	tcase_add_test(t, a_walk_rebuilds_the_drive_in_any_order_of_ids);
	tcase_add_test(t,
	    a_name_that_is_taken_gets_a_suffix_until_it_is_free);
	tcase_add_test(t,
	    an_interrupted_rebuild_starts_over_and_ends_the_same);
	tcase_add_test(t, a_deleted_folder_stays_while_something_is_in_it);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_ENV);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? 1 : 0;
}
