/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The tree: what a listing gives while others are at work, and after damage. */
#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "drive/tree_priv.h"
#include "tests/lib/fix_drive.h"
#include "tests/lib/spoil.h"

#define ROOT DRIVE_ROOT_INO

static struct fix f;

static void
setup(void)
{
	fix_open(&f, 1, true);
}

static void
teardown(void)
{
	fix_fsck(&f);
	fix_close(&f);
}

struct lister {
	unsigned room;		/* entries taken per call */
	uint64_t off;
	unsigned seen[3000];
	unsigned dots, others;
};

static int
take(void *arg, const struct drive_dirent *e)
{
	struct lister *l = arg;
	unsigned k;

	if (l->room == 0)
		return 1;
	l->room--;
	l->off = e->off;
	if (strcmp(e->name, ".") == 0 || strcmp(e->name, "..") == 0) {
		l->dots++;
		return 0;
	}
	if (sscanf(e->name, "file-%u", &k) == 1 && k < 3000) {
		l->seen[k]++;
		if (e->attr)
			ck_assert_uint_eq(e->attr->ino, e->ino);
	} else {
		l->others++;
	}
	return 0;
}

static void
list_all(uint64_t ino, unsigned room, bool with_attr, struct lister *l,
    void (*between)(void))
{
	struct drive_dir *dir;
	uint64_t before;

	memset(l, 0, sizeof(*l));
	ck_assert_int_eq(drive_opendir(f.d, ino, &dir), 0);
	do {
		before = l->off;
		l->room = room;
		ck_assert_int_eq(drive_readdir(f.d, dir, l->off, with_attr,
		    take, l), 0);
		if (between)
			between();
	} while (l->off != before);
	drive_closedir(dir);
}

static uint64_t list_dir;
static unsigned list_k;

static void
disturb(void)
{
	char name[32];

	/* Others come and go while the folder is read. */
	(void)snprintf(name, sizeof(name), "other-%u", list_k);
	(void)fix_mkfile(&f, list_dir, name);
	if (list_k >= 3) {
		(void)snprintf(name, sizeof(name), "other-%u", list_k - 3);
		ck_assert_int_eq(drive_unlink(f.d, list_dir, name), 0);
	}
	list_k++;
}

START_TEST(a_listing_gives_each_entry_once_whatever_changes)
{
	static struct lister l;
	char name[32];
	unsigned k, room;

	list_dir = fix_mkdir(&f, ROOT, "d");
	for (k = 0; k < 1000; k++) {
		(void)snprintf(name, sizeof(name), "file-%u", k);
		(void)fix_mkfile(&f, list_dir, name);
	}
	for (room = 1; room < 400; room = room * 3 + 1) {
		list_all(list_dir, room, room % 2, &l, disturb);
		ck_assert_uint_eq(l.dots, 2);
		for (k = 0; k < 1000; k++)
			ck_assert_msg(l.seen[k] == 1, "file-%u: %u", k,
			    l.seen[k]);
	}
	/* A position outlives the handle and deletions. */
	memset(&l, 0, sizeof(l));
	{
		struct drive_dir *dir;

		ck_assert_int_eq(drive_opendir(f.d, list_dir, &dir), 0);
		l.room = 300;
		ck_assert_int_eq(drive_readdir(f.d, dir, 0, false, take, &l),
		    0);
		drive_closedir(dir);
		for (k = 0; k < 1000; k++) {
			if (!l.seen[k])
				continue;
			(void)snprintf(name, sizeof(name), "file-%u", k);
			ck_assert_int_eq(drive_unlink(f.d, list_dir, name),
			    0);
		}
		ck_assert_int_eq(drive_opendir(f.d, list_dir, &dir), 0);
		l.room = UINT32_MAX;
		ck_assert_int_eq(drive_readdir(f.d, dir, l.off, false, take,
		    &l), 0);
		drive_closedir(dir);
		for (k = 0; k < 1000; k++)
			ck_assert_uint_eq(l.seen[k], 1);
	}
	ck_assert_int_eq(drive_opendir(f.d, fix_mkfile(&f, ROOT, "x"), NULL),
	    -ENOTDIR);
}
END_TEST

/* The rest is there, and nobody takes it for all. */
START_TEST(a_name_that_cannot_be_read_hides_no_other)
{
	unsigned k, room, sum;
	struct drive_dir *dir;
	static struct lister l;
	char name[32];
	int r;

	list_dir = fix_mkdir(&f, ROOT, "d");
	for (k = 0; k < 200; k++) {
		(void)snprintf(name, sizeof(name), "file-%u", k);
		(void)fix_mkfile(&f, list_dir, name);
	}
	spoil_sql(f.d, "CREATE TABLE was AS SELECT * FROM dentry; "
	    "UPDATE dentry SET row = zeroblob(length(row)) WHERE "
	    "ntag = (SELECT ntag FROM dentry WHERE dkey = %lld "
	    "ORDER BY ntag LIMIT 1 OFFSET 70)",
	    (long long)place_folder(f.d, list_dir));
	ck_assert_int_eq(drive_opendir(f.d, list_dir, &dir), 0);
	/* The same handle from the beginning, in pieces or not. */
	for (room = 7; room < 2000; room *= 12) {
		memset(&l, 0, sizeof(l));
		do {
			l.room = room;
			r = drive_readdir(f.d, dir, l.off, room > 50, take,
			    &l);
		} while (r == 0);
		ck_assert_int_eq(r, -EIO);
		for (k = sum = 0; k < 200; k++) {
			ck_assert_uint_le(l.seen[k], 1);
			sum += l.seen[k];
		}
		ck_assert_uint_eq(sum, 199);
	}
	drive_closedir(dir);
	spoil_sql(f.d, "INSERT OR REPLACE INTO dentry SELECT * FROM was; "
	    "DROP TABLE was");
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("tree: listings");
	TCase *t = tcase_create("listings");
	SRunner *r;
	int failed;

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_set_timeout(t, 120);
	tcase_add_test(t, a_listing_gives_each_entry_once_whatever_changes);
	tcase_add_test(t, a_name_that_cannot_be_read_hides_no_other);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_ENV);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? 1 : 0;
}
