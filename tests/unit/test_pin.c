/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Pins: what is pinned by where it lies, what eviction leaves alone, what is
 * fetched, and what of it is kept over a restart.
 */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "db/db.h"
#include "drive/pin_priv.h"
#include "tests/lib/fix_drive.h"
#include "tests/lib/spoil.h"
#include "tests/lib/sync_rig.h"
#include "util/clock.h"
#include "util/err.h"
#include "util/thread.h"

#define ROOT DRIVE_ROOT_INO
#define LEN 5000		/* too long to travel inside a put */

static struct fix f;
static struct fix_log jl;

static void
setup(void)
{
	memset(&jl, 0, sizeof(jl));
	fix_open(&f, 1, false);
}

static void
teardown(void)
{
	fix_fsck(&f);
	fix_close(&f);
	fix_log_done(&jl);
}

/* ---- short forms --------------------------------------------------------- */

static uint64_t
make(uint64_t parent, const char *name)
{
	char text[LEN + 1];

	memset(text, 'x', LEN);
	text[LEN] = '\0';
	return fix_write(&f, parent, name, text);
}

static bool
is_pinned(uint64_t ino)
{
	uint64_t missing;
	int r = drive_pin_state(f.d, ino, &missing);

	ck_assert_int_ge(r, 0);
	return r > 0;
}

static void
pin(uint64_t ino)
{
	uint64_t by;

	ck_assert_int_eq(drive_pin(f.d, ino, &by), 0);
}

static void
unpin(uint64_t ino)
{
	uint64_t by;

	ck_assert_int_eq(drive_unpin(f.d, ino, &by), 0);
}

static void
store(void)
{
	fix_publish_all(&f, &jl);
}

static bool
is_away(uint64_t ino)
{
	return drive_missing(f.d, ino, 0, UINT64_MAX, UINT64_MAX) > 0;
}

static void
move(uint64_t from, const char *a, uint64_t to, const char *b)
{
	ck_assert_int_eq(drive_rename(f.d, from, a, to, b, 0), 0);
}

static bool
never(void *arg)
{
	(void)arg;
	return false;
}

/* ---- the rule ------------------------------------------------------------ */

START_TEST(what_lies_below_is_pinned)
{
	uint64_t top = fix_mkdir(&f, ROOT, "top");
	uint64_t sub = fix_mkdir(&f, top, "sub");
	uint64_t a = make(sub, "a"), b = make(ROOT, "b"), by;

	ck_assert(!is_pinned(a));
	pin(top);
	ck_assert(is_pinned(top) && is_pinned(sub) && is_pinned(a));
	ck_assert_int_eq(drive_pin_state(f.d, top, &by), 2);
	ck_assert_int_eq(drive_pin_state(f.d, a, &by), 1);
	ck_assert(!is_pinned(b) && !is_pinned(ROOT));
	/* By itself, by another, not at all. */
	ck_assert_int_eq(drive_pin(f.d, top, &by), -EEXIST);
	ck_assert_uint_eq(by, top);
	ck_assert_int_eq(drive_pin(f.d, a, &by), -EEXIST);
	ck_assert_uint_eq(by, top);
	ck_assert_int_eq(drive_unpin(f.d, a, &by), -ENOENT);
	ck_assert_uint_eq(by, top);
	ck_assert_int_eq(drive_unpin(f.d, b, &by), -ENOENT);
	ck_assert_uint_eq(by, 0);
	ck_assert_int_eq(drive_pin(f.d, 99999, &by), -ENOENT);
	ck_assert_int_eq(drive_unpin(f.d, 99999, &by), -ENOENT);
	unpin(top);
	ck_assert(!is_pinned(a));
}
END_TEST

static void
only_comes(uint64_t ino)
{
	struct fetch_want v[8];

	ck_assert_int_eq(drive_pins_look(f.d, never, NULL), 1);
	ck_assert_int_eq(drive_pins_next(f.d, v, 8), 1);
	ck_assert_uint_eq(v[0].ino, ino);
	ck_assert_int_eq(drive_pins_next(f.d, v, 8), 0);
}

START_TEST(a_file_that_cannot_be_read_holds_up_no_other)
{
	uint64_t top = fix_mkdir(&f, ROOT, "top");
	uint64_t a = make(top, "a"), b = make(top, "b");

	store();
	ck_assert_uint_gt(drive_cache_trim(f.d, 0), 0);
	ck_assert(is_away(a) && is_away(b));
	pin(top);
	spoil_inode(f.d, a);
	only_comes(b);
	spoil_mend(f.d);
	spoil_sql(f.d, "UPDATE block SET org = x'00' WHERE ino = %llu",
	    (unsigned long long)a);
	only_comes(b);
	spoil_sql(f.d, "UPDATE block SET org = NULL");
}
END_TEST

START_TEST(only_files_and_folders_are_pinned)
{
	struct drive_attr at;
	uint64_t by;

	ck_assert_int_eq(drive_mknod(f.d, &fix_me, ROOT, "fifo",
	    S_IFIFO | 0600, &at), 0);
	ck_assert_int_eq(drive_pin(f.d, at.ino, &by), -EINVAL);
	ck_assert_int_eq(drive_symlink(f.d, &fix_me, ROOT, "l", "x", &at), 0);
	ck_assert_int_eq(drive_pin(f.d, at.ino, &by), -EINVAL);
}
END_TEST

START_TEST(the_place_decides)
{
	uint64_t in = fix_mkdir(&f, ROOT, "in"), out = fix_mkdir(&f, ROOT, "o");
	uint64_t sub = fix_mkdir(&f, in, "sub");
	uint64_t a = make(sub, "a"), b = make(out, "b");

	pin(in);
	move(sub, "a", out, "a");
	ck_assert(!is_pinned(a));
	move(out, "b", sub, "b");
	ck_assert(is_pinned(b));
	move(in, "sub", out, "sub");
	ck_assert(!is_pinned(b) && !is_pinned(sub));
	move(out, "sub", in, "sub");
	ck_assert(is_pinned(b));
	/* Two folders change places. */
	ck_assert_int_eq(drive_rename(f.d, in, "sub", out, "a", 2), 0);
	ck_assert(!is_pinned(b) && is_pinned(a));
	/* What has a pin of its own takes it along. */
	pin(out);
	move(ROOT, "o", ROOT, "elsewhere");
	ck_assert(is_pinned(b));
}
END_TEST

START_TEST(one_name_in_the_folder_is_enough)
{
	uint64_t in = fix_mkdir(&f, ROOT, "in"), a = make(ROOT, "a");
	struct drive_attr at;
	char name[16];
	int i;

	pin(in);
	for (i = 0; i < 20; i++) {
		(void)snprintf(name, sizeof(name), "n%d", i);
		ck_assert_int_eq(drive_link(f.d, a, ROOT, name, &at), 0);
	}
	ck_assert(!is_pinned(a));
	ck_assert_int_eq(drive_link(f.d, a, in, "a", &at), 0);
	ck_assert(is_pinned(a));
	ck_assert_int_eq(drive_unlink(f.d, ROOT, "a"), 0);
	ck_assert(is_pinned(a));
	ck_assert_int_eq(drive_unlink(f.d, in, "a"), 0);
	ck_assert(!is_pinned(a));
}
END_TEST

START_TEST(a_pin_outlives_saving_by_rename)
{
	uint64_t a = make(ROOT, "a"), b, c;
	struct drive_attr at;

	pin(a);
	b = make(ROOT, "a.new");
	move(ROOT, "a.new", ROOT, "a");
	ck_assert(is_pinned(b));
	/* The other name keeps the old content, and both are kept. */
	ck_assert_int_eq(drive_link(f.d, b, ROOT, "other", &at), 0);
	c = make(ROOT, "a.new");
	move(ROOT, "a.new", ROOT, "a");
	ck_assert(is_pinned(b) && is_pinned(c));
	/* A folder is not what a file was. */
	ck_assert_int_eq(drive_unlink(f.d, ROOT, "a"), 0);
	(void)fix_mkdir(&f, ROOT, "a");
	ck_assert(!is_pinned(fix_find(&f, "a")));
}
END_TEST

START_TEST(pins_are_kept_and_go_with_their_file)
{
	uint64_t a = make(ROOT, "a"), d = fix_mkdir(&f, ROOT, "d");
	struct drive_pin_row *v;
	size_t n;

	pin(d);
	pin(a);
	fix_reopen(&f);
	ck_assert(is_pinned(a) && is_pinned(d));
	fix_crash(&f);
	ck_assert(is_pinned(a) && is_pinned(d));
	ck_assert_int_eq(drive_pins_list(f.d, &v, &n), 0);
	ck_assert_uint_eq(n, 2);
	ck_assert_uint_eq(v[0].ino, d);
	ck_assert_uint_eq(v[1].ino, a);
	free(v);
	ck_assert_int_eq(drive_unlink(f.d, ROOT, "a"), 0);
	drive_forget(f.d, a);
	fix_reopen(&f);
	ck_assert_int_eq(drive_pins_list(f.d, &v, &n), 0);
	ck_assert_uint_eq(n, 1);
	free(v);
}
END_TEST

/* ---- eviction ------------------------------------------------------------ */

START_TEST(eviction_passes_by_what_is_pinned)
{
	uint64_t d = fix_mkdir(&f, ROOT, "d"), in[10], out[10];
	struct drive_usage u;
	struct drive_pins p;
	char name[16];
	int i;

	for (i = 0; i < 10; i++) {
		(void)snprintf(name, sizeof(name), "f%d", i);
		in[i] = make(d, name);
		out[i] = make(ROOT, name);
	}
	pin(d);
	store();
	ck_assert_uint_eq(drive_cache_trim(f.d, 4 * LEN), 6 * LEN);
	drive_usage(f.d, &u);
	drive_pins(f.d, &p);
	ck_assert_uint_eq(u.clean_bytes, 14 * LEN);
	ck_assert_uint_eq(p.clean, 10 * LEN);
	ck_assert_uint_eq(drive_cache_trim(f.d, 0), 4 * LEN);
	for (i = 0; i < 10; i++)
		ck_assert(!is_away(in[i]) && is_away(out[i]));
	/* Nothing is left to take. */
	ck_assert_uint_eq(drive_cache_trim(f.d, 0), 0);
	move(ROOT, "d", ROOT, "e");
	ck_assert_uint_eq(drive_cache_trim(f.d, 0), 0);
	unpin(d);
	ck_assert_uint_eq(drive_cache_trim(f.d, 0), 10 * LEN);
	ck_assert(is_away(in[0]));
	drive_pins(f.d, &p);
	ck_assert_uint_eq(p.items, 0);
	ck_assert_uint_eq(p.clean, 0);
}
END_TEST

START_TEST(letting_go_keeps_what_is_not_stored)
{
	uint64_t d = fix_mkdir(&f, ROOT, "d"), s = fix_mkdir(&f, d, "s");
	uint64_t a = make(d, "a"), b = make(s, "b"), c, freed, pinned;
	struct drive_held h;

	store();
	c = make(s, "c");
	pin(b);
	ck_assert_int_eq(drive_let_go(f.d, d, never, NULL, &h, &freed,
	    &pinned), 0);
	ck_assert_uint_eq(freed, LEN);
	ck_assert_uint_eq(pinned, LEN);
	ck_assert_uint_eq(h.files, 3);
	ck_assert_uint_eq(h.unsent, LEN);
	ck_assert_uint_eq(h.here, 2 * LEN);
	ck_assert(is_away(a) && !is_away(b) && !is_away(c));
	store();
	unpin(b);
	ck_assert_int_eq(drive_let_go(f.d, c, NULL, NULL, &h, &freed,
	    &pinned), 0);
	ck_assert_uint_eq(freed, LEN);
	ck_assert(is_away(c) && !is_away(b));
}
END_TEST

/* ---- what is wanted ------------------------------------------------------ */

START_TEST(what_is_pinned_and_not_here_is_wanted)
{
	uint64_t d = fix_mkdir(&f, ROOT, "d"), b = make(d, "b");
	struct fetch_want v[8];
	struct drive_pins p;
	bool now;

	(void)make(d, "a");
	(void)make(ROOT, "c");
	store();
	(void)drive_cache_trim(f.d, 0);
	ck_assert(!drive_pins_due(f.d, &now));
	pin(d);
	ck_assert(drive_pins_due(f.d, &now) && now);
	ck_assert_int_eq(drive_pins_look(f.d, never, NULL), 1);
	ck_assert(!drive_pins_due(f.d, &now));
	drive_pins(f.d, &p);
	ck_assert(p.is_counted && !p.is_idle);
	ck_assert_uint_eq(p.held.files, 2);
	ck_assert_uint_eq(p.held.bytes, 2 * LEN);
	ck_assert_uint_eq(p.held.here, 0);
	/* One of them moves out before its turn. */
	move(d, "a", ROOT, "a");
	ck_assert_int_eq(drive_pins_next(f.d, v, 8), 1);
	ck_assert_uint_eq(v[0].ino, b);
	ck_assert_uint_eq(drive_pins_left(f.d, v, 1), 1);
	ck_assert_int_eq(drive_pins_next(f.d, v + 1, 7), 0);
	unpin(d);
	ck_assert_uint_eq(drive_pins_left(f.d, v, 1), 0);
}
END_TEST

/* That the disk was full is what the last try found. */
START_TEST(who_pins_again_asks_again_for_room)
{
	uint64_t d = fix_mkdir(&f, ROOT, "d"), by;
	struct drive_pins p;
	bool now;

	(void)make(d, "a");
	store();
	(void)drive_cache_trim(f.d, 0);
	pin(d);
	ck_assert_int_eq(drive_pins_look(f.d, never, NULL), 1);
	drive_pins_full(f.d);
	drive_pins(f.d, &p);
	ck_assert(p.is_full);
	ck_assert(!drive_pins_due(f.d, &now));
	ck_assert_int_eq(drive_pin(f.d, d, &by), -EEXIST);
	ck_assert(drive_pins_due(f.d, &now) && now);
	drive_pins(f.d, &p);
	ck_assert(!p.is_full);
	ck_assert_int_eq(drive_pins_look(f.d, never, NULL), 1);
	drive_pins(f.d, &p);
	ck_assert(!p.is_full);
}
END_TEST

/* ---- the row ------------------------------------------------------------- */

static void
say(void *arg, const char *finding)
{
	(void)finding;
	++*(int *)arg;
}

static void
sql(const char *text)
{
	struct err e = { "" };
	char path[128];
	struct db *db;

	(void)snprintf(path, sizeof(path), "%s/drive.db", f.dir);
	ck_assert_int_eq(db_open(path, &db, &e), 0);
	ck_assert_int_eq(db_exec(db, text), 0);
	db_close(db);
}

/* Into the state of another moment, with the drive closed. */
static void
sql_apart(const char *text)
{
	fix_crash(&f);
	drive_close(f.d);
	sql(text);
	ck_assert_int_eq(drive_open(&f.conf, &f.d, NULL), 0);
}

START_TEST(a_forged_pin_counts_for_nothing)
{
	uint64_t a = make(ROOT, "a"), b = make(ROOT, "b");
	char text[128];
	int n = 0;

	pin(a);
	(void)snprintf(text, sizeof(text), "INSERT INTO pin SELECT %llu, row "
	    "FROM pin", (unsigned long long)b);
	sql_apart(text);
	ck_assert(is_pinned(a) && !is_pinned(b));
	ck_assert_int_eq(drive_fsck(f.d, false, say, &n), 1);
	ck_assert_int_eq(drive_fsck(f.d, true, say, &n), 0);
	ck_assert(is_pinned(a) && !is_pinned(b));
}
END_TEST

START_TEST(an_older_state_gets_the_table)
{
	uint64_t a = make(ROOT, "a");

	sql_apart("DROP TABLE pin; PRAGMA user_version = 1");
	ck_assert(!is_pinned(a));
	pin(a);
	fix_reopen(&f);
	ck_assert(is_pinned(a));
}
END_TEST

/* ---- with the engine ----------------------------------------------------- */

static bool
has_come(struct drive *d)
{
	struct drive_pins p;

	drive_pins(d, &p);
	return p.is_counted && p.is_idle && p.held.here == p.held.bytes;
}

static void
await(struct drive *d)
{
	int64_t end = clock_mono_ms() + 30000;

	while (!has_come(d)) {
		ck_assert(clock_mono_ms() < end);
		thread_pause_ms(20);
	}
}

START_TEST(what_another_device_made_is_fetched)
{
	struct rig a, b;
	uint64_t by;

	rig_new(&a);
	rig_start(&a);
	rig_mkdir(&a, "d");
	rig_write(&a, "d/large", 0, 1500000, 1);
	rig_write(&a, "d/small", 0, 3000, 2);
	rig_write(&a, "else", 0, 300000, 3);
	rig_wait(&a);
	rig_stop(&a, 0);

	rig_recover(&a, &b, 0);
	rig_start(&b);
	ck_assert_int_eq(drive_pin(b.drive, rig_lookup(&b, "d"), &by), 0);
	await(b.drive);
	ck_assert_int_eq(drive_missing(b.drive, rig_lookup(&b, "d/large"), 0,
	    UINT64_MAX, UINT64_MAX), 0);
	ck_assert_int_eq(drive_missing(b.drive, rig_lookup(&b, "else"), 0,
	    UINT64_MAX, UINT64_MAX), 300000);
	/* It goes on after a restart, with what has come in since. */
	rig_stop(&b, 0);
	rig_rename(&b, "else", "d/else");
	rig_close(&b);
	rig_open(&b);
	rig_start(&b);
	await(b.drive);
	ck_assert_int_eq(drive_missing(b.drive, rig_lookup(&b, "d/else"), 0,
	    UINT64_MAX, UINT64_MAX), 0);
	rig_done(&b);
	rig_done(&a);
}
END_TEST

/* They are found by further looks. */
START_TEST(more_files_than_one_look_notes_are_fetched)
{
	struct rig a, b;
	char path[16];
	uint64_t by;
	unsigned i;

	rig_new(&a);
	rig_start(&a);
	rig_mkdir(&a, "d");
	for (i = 0; i < 5; i++) {
		(void)snprintf(path, sizeof(path), "d/f%u", i);
		rig_write(&a, path, 0, 300000, i);
	}
	rig_wait(&a);
	rig_stop(&a, 0);

	rig_recover(&a, &b, 0);
	b.drive->pins->todo_max = 2;
	ck_assert_int_eq(drive_pin(b.drive, rig_lookup(&b, "d"), &by), 0);
	rig_start(&b);
	await(b.drive);
	rig_done(&b);
	rig_done(&a);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("pin");
	TCase *t = tcase_create("drive"), *e = tcase_create("engine");
	SRunner *r;
	int failed;

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, what_lies_below_is_pinned);
	tcase_add_test(t, a_file_that_cannot_be_read_holds_up_no_other);
	tcase_add_test(t, only_files_and_folders_are_pinned);
	tcase_add_test(t, the_place_decides);
	tcase_add_test(t, one_name_in_the_folder_is_enough);
	tcase_add_test(t, a_pin_outlives_saving_by_rename);
	tcase_add_test(t, pins_are_kept_and_go_with_their_file);
	tcase_add_test(t, eviction_passes_by_what_is_pinned);
	tcase_add_test(t, letting_go_keeps_what_is_not_stored);
	tcase_add_test(t, what_is_pinned_and_not_here_is_wanted);
	tcase_add_test(t, who_pins_again_asks_again_for_room);
	tcase_add_test(t, a_forged_pin_counts_for_nothing);
	tcase_add_test(t, an_older_state_gets_the_table);
	tcase_set_timeout(e, 90);
	tcase_add_test(e, what_another_device_made_is_fetched);
	tcase_add_test(e, more_files_than_one_look_notes_are_fetched);
	suite_add_tcase(s, t);
	suite_add_tcase(s, e);
	r = srunner_create(s);
	srunner_run_all(r, CK_ENV);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}
