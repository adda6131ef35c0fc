/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * fsck finds what was broken on purpose, says where, mends it, and finds
 * nothing afterwards.
 */
#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "drive/tree_priv.h"
#include "tests/lib/fix_drive.h"
#include "tests/lib/spoil.h"

#define ROOT DRIVE_ROOT_INO

static struct fix f;
static char said[4096];

static void
setup(void)
{
	fix_open(&f, 1, true);
	said[0] = '\0';
}

static void
teardown(void)
{
	fix_close(&f);
}

static void
say(void *arg, const char *finding)
{
	size_t len = strlen(said);

	(void)arg;
	(void)snprintf(said + len, sizeof(said) - len, "%s\n", finding);
}

/* Looking changes nothing; mending leaves nothing to be found. */
static void
find_and_mend(const char *want)
{
	ck_assert_int_ge(drive_fsck(f.d, false, say, NULL), 1);
	ck_assert_msg(strstr(said, want), "said: %s", said);
	said[0] = '\0';
	ck_assert_int_ge(drive_fsck(f.d, false, say, NULL), 1);
	ck_assert_int_eq(drive_fsck(f.d, true, say, NULL), 0);
	said[0] = '\0';
	(void)drive_fsck(f.d, false, say, NULL);
	ck_assert_str_eq(said, "");
	fix_reopen(&f);
	ck_assert_int_eq(drive_fsck(f.d, false, say, NULL), 0);
}

static void
change(uint64_t ino, void (*fn)(struct inode *i)) NO_TSA
{
	struct inode i;

	ck_assert_int_eq(drive_begin_internal(f.d), 0);
	ck_assert_int_eq(inode_load(f.d, ino, &i), 0);
	fn(&i);
	ck_assert_int_eq(inode_save(f.d, &i), 0);
	ck_assert_int_eq(drive_end(f.d, 0), 0);
}

START_TEST(a_whole_drive_has_no_findings)
{
	struct fix_log log = { .n = 0 };
	struct drive_attr a;
	uint64_t ino = fix_write(&f, fix_mkdir(&f, ROOT, "d"), "f", "x");

	ck_assert_int_eq(drive_link(f.d, ino, ROOT, "g", &a), 0);
	ck_assert_int_eq(drive_symlink(f.d, &fix_me, ROOT, "l", "t", &a), 0);
	ck_assert_int_eq(drive_setxattr(f.d, &fix_me, ino, "user.a", "b", 1,
	    0), 0);
	ck_assert_int_eq(drive_fsck(f.d, false, say, NULL), 0);
	fix_publish_all(&f, &log);
	ck_assert_int_eq(drive_unlink(f.d, ROOT, "g"), 0);
	ck_assert_int_eq(drive_fsck(f.d, true, say, NULL), 0);
	ck_assert_str_eq(said, "");
	fix_log_done(&log);
}
END_TEST

static void
more_links(struct inode *i)
{
	i->nlink += 5;
}

START_TEST(wrong_link_counts_are_set_right)
{
	uint64_t d = fix_mkdir(&f, ROOT, "folder");
	uint64_t ino = fix_mkfile(&f, d, "file");

	change(ino, more_links);
	find_and_mend("'/folder/file': 6 links are counted, there are 1");
	ck_assert_uint_eq(fix_attr(&f, ino).nlink, 1);
	change(d, more_links);
	find_and_mend("'/folder'");
	ck_assert_uint_eq(fix_attr(&f, d).nlink, 2);
}
END_TEST

START_TEST(a_name_of_nothing_goes)
{
	uint64_t ino = fix_mkfile(&f, ROOT, "file");

	spoil_sql(f.d, "DELETE FROM inode WHERE ino = %llu",
	    (unsigned long long)ino);
	find_and_mend("name 'file' in '/': nothing is there");
	ck_assert_uint_eq(fix_find(&f, "file"), 0);
}
END_TEST

START_TEST(what_lost_its_name_is_hung_up_again)
{
	uint64_t d = fix_mkdir(&f, ROOT, "folder"), ino, lost;
	struct fix_log log = { .n = 0 };
	char path[64], *dump, *p;

	ino = fix_write(&f, d, "inside", "x");
	fix_publish_all(&f, &log);
	spoil_sql(f.d, "DELETE FROM dentry WHERE dkey = %lld",
	    (long long)place_folder(f.d, ROOT));
	find_and_mend("it has no name");
	dump = fix_dump(&f);
	p = strstr(dump, "/lost+found-");
	ck_assert_ptr_nonnull(p);
	p[strlen("/lost+found-YYYY-MM-DD")] = '\0';
	(void)snprintf(path, sizeof(path), "%s/inode-%llu", p,
	    (unsigned long long)d);
	lost = fix_find(&f, path);
	ck_assert_uint_eq(lost, d);
	(void)strcat(path, "/inside");
	ck_assert_uint_eq(fix_find(&f, path), ino);
	free(dump);
	/* and others learn of it */
	fix_publish_all(&f, &log);
	ck_assert_uint_eq(log.n, 2);
	ck_assert_uint_eq(log.segs[1].ops.ops[0].type, OP_CREATE);
	fix_log_done(&log);
}
END_TEST

START_TEST(a_row_that_was_changed_is_found)
{
	uint64_t ino = fix_mkfile(&f, ROOT, "file");

	spoil_sql(f.d, "UPDATE dentry SET row = zeroblob(length(row)) "
	    "WHERE dkey = %lld", (long long)place_folder(f.d, ROOT));
	find_and_mend("a name's row does not verify");
	ck_assert_uint_eq(fix_attr(&f, ino).nlink, 1);
	spoil_inode(f.d, ino);
	ck_assert_int_ge(drive_fsck(f.d, false, say, NULL), 1);
	ck_assert_ptr_nonnull(strstr(said, "its row does not verify"));
}
END_TEST

/* Whether it is the file or its folder that cannot be read: others have it,
 * and nothing of it is told anew or forgotten. */
static void
unread_stays(const char *which) NO_TSA
{
	struct fix_log log = { .n = 0 };
	uint64_t d, ino, bad, got;
	struct vault_id id;
	struct inode i;
	struct dentry x;

	d = fix_mkdir(&f, ROOT, "d");
	ino = fix_write(&f, d, "f", "x");
	fix_publish_all(&f, &log);
	bad = which[0] == 'd' ? d : ino;
	mutex_lock(&f.d->db_lock);
	ck_assert_int_eq(inode_load(f.d, bad, &i), 0);
	id = i.id;
	mutex_unlock(&f.d->db_lock);
	spoil_inode(f.d, bad);
	ck_assert_int_ge(drive_fsck(f.d, true, say, NULL), 1);
	ck_assert_ptr_nonnull(strstr(said, "its row does not verify"));
	ck_assert_ptr_nonnull(strstr(said, "the row of what it names"));
	ck_assert_ptr_null(strstr(said, "has no name"));
	mutex_lock(&f.d->db_lock);
	ck_assert_int_eq(dentry_get(f.d, ROOT, "d", &x), 0);
	ck_assert_int_eq(dentry_get(f.d, d, "f", &x), 0);
	ck_assert_uint_eq(x.ino, ino);
	ck_assert_int_eq(inode_by_id(f.d, &id, &got), 0);
	ck_assert_uint_eq(got, bad);
	ck_assert_uint_eq(f.d->usage.outbox_ops, 0);
	mutex_unlock(&f.d->db_lock);
	/* Nothing else was touched: with the row it is whole again. */
	spoil_mend(f.d);
	said[0] = '\0';
	(void)drive_fsck(f.d, false, say, NULL);
	ck_assert_str_eq(said, "");
	fix_log_done(&log);
}

START_TEST(a_file_whose_row_cannot_be_read_keeps_its_name)
{
	unread_stays("f");
}
END_TEST

START_TEST(a_folder_whose_row_cannot_be_read_keeps_what_is_in_it)
{
	unread_stays("d");
}
END_TEST

START_TEST(a_row_moved_to_another_place_does_not_verify)
{
	uint64_t a = fix_mkfile(&f, ROOT, "a"), b = fix_mkfile(&f, ROOT, "b");
	struct drive_attr at;

	spoil_sql(f.d, "UPDATE inode SET row = (SELECT row FROM inode WHERE "
	    "ino = %llu) WHERE ino = %llu", (unsigned long long)a,
	    (unsigned long long)b);
	ck_assert_int_eq(drive_getattr(f.d, b, &at), -EIO);
	ck_assert_int_eq(drive_getattr(f.d, a, &at), 0);
}
END_TEST

static uint64_t cycle_to;

static void
set_parent(struct inode *i)
{
	i->parent = cycle_to;
}

START_TEST(a_folder_inside_itself_is_taken_out)
{
	uint64_t a = fix_mkdir(&f, ROOT, "a"), b = fix_mkdir(&f, a, "b");
	struct dentry x;

	/* a moves under b by force */
	ck_assert_int_eq(drive_begin_internal(f.d), 0);
	ck_assert_int_eq(dentry_get(f.d, ROOT, "a", &x), 0);
	ck_assert_int_eq(dentry_del(f.d, &x), 0);
	x.parent = b;
	place_of(f.d, b, "a", 1, &x.at);
	ck_assert_int_eq(dentry_put(f.d, &x), 0);
	ck_assert_int_eq(outbox_moved(f.d, &x, NULL), 0);
	ck_assert_int_eq(drive_end(f.d, 0), 0);
	cycle_to = b;
	change(a, set_parent);
	find_and_mend("lies inside itself");
}
END_TEST

START_TEST(dangling_references_go)
{
	uint64_t ino = fix_mkfile(&f, ROOT, "file");
	struct drive_attr a;

	ck_assert_int_eq(drive_link(f.d, ino, ROOT, "second", &a), 0);
	spoil_sql(f.d, "INSERT INTO orphan VALUES(%llu)",
	    (unsigned long long)ino);
	find_and_mend("deleted, but not so");
	spoil_sql(f.d, "INSERT INTO xattr SELECT 999999, ntag, 0, row FROM "
	    "dentry LIMIT 1");
	find_and_mend("attributes of what is not there");
	spoil_sql(f.d, "INSERT INTO inode_id VALUES(zeroblob(16), 888888)");
	find_and_mend("an id names an inode that is not there");
	spoil_sql(f.d, "INSERT INTO dentry_id VALUES(zeroblob(16), 7, 888888, "
	    "7, zeroblob(16))");
	find_and_mend("an id names an entry that is not there");
	spoil_sql(f.d, "UPDATE link SET dkey = 5");
	find_and_mend("a link is listed that is not there");
	spoil_sql(f.d, "INSERT INTO outbox VALUES(777777, 16, 0, 1, 0, "
	    "zeroblob(16), zeroblob(16), 777777, 0, NULL)");
	find_and_mend("a change to be published refers to what is not "
	    "there");
}
END_TEST

static char told[1024];

static void
on_inode(void *arg, uint64_t ino)
{
	size_t len = strlen(told);

	(void)arg;
	(void)snprintf(told + len, sizeof(told) - len, "%llu;",
	    (unsigned long long)ino);
}

static void
on_entry(void *arg, uint64_t parent, const char *name, uint64_t gone)
{
	size_t len = strlen(told);

	(void)arg;
	(void)gone;
	(void)snprintf(told + len, sizeof(told) - len, "%llu/%s;",
	    (unsigned long long)parent, name);
}

static bool
was_told(uint64_t ino, const char *name)
{
	char want[64];

	(void)snprintf(want, sizeof(want), name ? "%llu/%s;" : "%llu;",
	    (unsigned long long)ino, name);
	return strstr(told, want) != NULL;
}

/* Whoever remembers names and counts would go on with what was wrong. */
START_TEST(what_was_mended_is_told)
{
	static const struct drive_notify to = { on_inode, on_entry, NULL,
	    NULL };
	uint64_t d = fix_mkdir(&f, ROOT, "folder");
	uint64_t sub = fix_mkdir(&f, d, "sub");
	uint64_t ino = fix_mkfile(&f, d, "file");
	struct dentry x;

	(void)fix_mkfile(&f, sub, "in");
	/* A second name of a folder. */
	ck_assert_int_eq(drive_begin_internal(f.d), 0);
	ck_assert_int_eq(dentry_get(f.d, d, "sub", &x), 0);
	x.did = ino + 100;
	(void)snprintf(x.name, sizeof(x.name), "again");
	x.name_len = 5;
	place_of(f.d, d, x.name, x.name_len, &x.at);
	ck_assert_int_eq(dentry_put(f.d, &x), 0);
	ck_assert_int_eq(drive_end(f.d, 0), 0);
	spoil_sql(f.d, "UPDATE dentry SET row = zeroblob(length(row)) "
	    "WHERE dkey = %lld", (long long)place_folder(f.d, sub));
	spoil_sql(f.d, "DELETE FROM inode WHERE ino = %llu",
	    (unsigned long long)ino);
	drive_set_notify(f.d, &to);
	told[0] = '\0';
	ck_assert_int_ge(drive_fsck(f.d, false, say, NULL), 1);
	ck_assert_str_eq(told, "");
	ck_assert_int_eq(drive_fsck(f.d, true, say, NULL), 0);
	ck_assert_msg(was_told(d, "again") && was_told(d, "file") &&
	    was_told(d, NULL), "told: %s", told);
	/* One of a name that nobody knows any more. */
	ck_assert_msg(was_told(sub, NULL), "told: %s", told);
	ck_assert_ptr_nonnull(strstr(told, "/lost+found-"));
	ck_assert(!was_told(d, "sub"));
	drive_set_notify(f.d, NULL);
}
END_TEST

static unsigned looks, looks_max;

static bool
on_look(void *arg)
{
	(void)arg;
	return looks++ == looks_max;
}

/* Wherever it is stopped; where it mended until then, that is undone. */
START_TEST(it_can_be_stopped)
{
	uint64_t d = fix_mkdir(&f, ROOT, "d");
	uint64_t ino = fix_mkfile(&f, ROOT, "gone");
	struct drive_attr a;
	bool is_tree = true;
	unsigned names;
	int r;

	(void)fix_write(&f, d, "f", "x");
	(void)fix_write(&f, ROOT, "g", "y");
	ck_assert_int_eq(drive_setxattr(f.d, &fix_me, d, "user.a", "b", 1,
	    0), 0);
	names = fix_attr(&f, ROOT).nlink;
	change(ROOT, more_links);
	spoil_sql(f.d, "DELETE FROM inode WHERE ino = %llu",
	    (unsigned long long)ino);
	for (looks_max = 0;; looks_max++) {
		looks = 0;
		r = drive_fsck_until(f.d, true, on_look, say, NULL);
		if (r != -ECANCELED)
			break;
		ck_assert_int_eq(drive_getattr(f.d, ROOT, &a), 0);
		if (is_tree && a.nlink == names)
			is_tree = false;
		ck_assert_uint_eq(a.nlink, is_tree ? names + 5 : names);
	}
	/* The blocks come last. */
	ck_assert(!is_tree);
	ck_assert_int_eq(r, 0);
	ck_assert_uint_gt(looks_max, 10);
	said[0] = '\0';
	ck_assert_int_eq(drive_fsck(f.d, false, say, NULL), 0);
	ck_assert_str_eq(said, "");
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("fsck");
	TCase *t = tcase_create("fsck");
	SRunner *r;
	int failed;

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_set_timeout(t, 60);
	tcase_add_test(t, a_whole_drive_has_no_findings);
	tcase_add_test(t, wrong_link_counts_are_set_right);
	tcase_add_test(t, a_name_of_nothing_goes);
	tcase_add_test(t, what_lost_its_name_is_hung_up_again);
	tcase_add_test(t, a_row_that_was_changed_is_found);
	tcase_add_test(t, a_file_whose_row_cannot_be_read_keeps_its_name);
	tcase_add_test(t,
	    a_folder_whose_row_cannot_be_read_keeps_what_is_in_it);
	tcase_add_test(t, a_row_moved_to_another_place_does_not_verify);
	tcase_add_test(t, a_folder_inside_itself_is_taken_out);
	tcase_add_test(t, dangling_references_go);
	tcase_add_test(t, what_was_mended_is_told);
	tcase_add_test(t, it_can_be_stopped);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_ENV);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? 1 : 0;
}
