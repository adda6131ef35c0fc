/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The tree: what is left of it after a killed process, on the disk, and after
 * many threads.
 */
#include <check.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/lib/fix_drive.h"
#include "util/buf.h"
#include "util/err.h"

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

START_TEST(everything_is_there_after_a_killed_process)
{
	uint64_t d = fix_mkdir(&f, ROOT, "d"), ino, next;
	struct drive_attr a;
	char *before, *after;

	(void)fix_write(&f, d, "f", "content");
	ck_assert_int_eq(drive_symlink(f.d, &fix_me, d, "l", "f", &a), 0);
	ck_assert_int_eq(drive_link(f.d, fix_find(&f, "d/f"), ROOT, "g",
	    &a), 0);
	ck_assert_int_eq(drive_setxattr(f.d, &fix_me, a.ino, "user.k", "v",
	    1, 0), 0);
	ino = fix_write(&f, ROOT, "gone", "x");
	ck_assert_int_eq(drive_unlink(f.d, ROOT, "gone"), 0);
	before = fix_dump(&f);
	fix_crash(&f);
	after = fix_dump(&f);
	ck_assert_str_eq(before, after);
	/* what had lost its last name is reaped, its number not used again */
	ck_assert_int_eq(drive_getattr(f.d, ino, &a), -ENOENT);
	next = fix_mkfile(&f, ROOT, "next");
	ck_assert_uint_gt(next, ino);
	free(before);
	free(after);
}
END_TEST

START_TEST(counters_are_kept_and_counted_anew_after_a_crash)
{
	struct drive_usage u, v;
	int k;

	(void)fix_write(&f, ROOT, "a", "12345");
	(void)fix_write(&f, fix_mkdir(&f, ROOT, "d"), "b", "123");
	drive_usage(f.d, &u);
	ck_assert_uint_eq(u.inodes, 4);
	ck_assert_uint_eq(u.file_bytes, 8);
	ck_assert_uint_eq(u.outbox_ops, 4);
	ck_assert_int_ne(u.oldest_unpublished_ns, 0);
	fix_reopen(&f);
	drive_usage(f.d, &v);
	ck_assert_uint_eq(v.inodes, u.inodes);
	ck_assert_uint_eq(v.file_bytes, u.file_bytes);
	ck_assert_uint_eq(v.outbox_ops, u.outbox_ops);
	ck_assert_int_eq(v.oldest_unpublished_ns, u.oldest_unpublished_ns);
	fix_crash(&f);
	for (k = 0; k < 500; k++) {
		drive_usage(f.d, &v);
		if (v.inodes == u.inodes && v.file_bytes == u.file_bytes)
			break;
		(void)usleep(10000);
	}
	ck_assert_uint_eq(v.inodes, u.inodes);
	ck_assert_uint_eq(v.file_bytes, u.file_bytes);
	ck_assert_int_eq(drive_unlink(f.d, ROOT, "a"), 0);
	drive_forget(f.d, fix_find(&f, "a"));
}
END_TEST

START_TEST(a_second_process_and_another_key_are_refused)
{
	struct drive_conf c = f.conf;
	uint8_t key[32] = { 1 };
	struct drive *d;
	struct err e;

	ck_assert_int_eq(drive_open(&c, &d, &e), -EBUSY);
	ck_assert_ptr_nonnull(strstr(e.msg, "in use by process"));
	drive_close(f.d);
	c.local_key = key;
	ck_assert_int_eq(drive_open(&c, &d, &e), -EBADMSG);
	ck_assert_int_eq(drive_open(&f.conf, &f.d, &e), 0);
}
END_TEST

START_TEST(named_values_and_the_frontier_survive)
{
	struct vault_seen s = { .seq = 7, .op_seq = 70, .lamport = 700 }, t;
	struct vault_seen *all;
	struct buf b = BUF_INIT(100);
	size_t n;

	ck_assert_int_eq(drive_kv_get(f.d, "k", &b), -ENOENT);
	ck_assert_int_eq(drive_kv_set(f.d, "k", "value", 5), 0);
	ck_assert_int_eq(drive_kv_set(f.d, "none", "", 0), 0);
	memset(s.dev.b, 9, sizeof(s.dev.b));
	s.hash[31] = 3;
	ck_assert_int_eq(drive_seen_set(f.d, &s), 0);
	fix_crash(&f);
	ck_assert_int_eq(drive_kv_get(f.d, "k", &b), 0);
	ck_assert_str_eq(buf_cstr(&b), "value");
	buf_reset(&b);
	ck_assert_int_eq(drive_kv_get(f.d, "none", &b), 0);
	ck_assert_uint_eq(b.len, 0);
	ck_assert_int_eq(drive_seen_get(f.d, &s.dev, &t), 0);
	ck_assert_mem_eq(&s, &t, sizeof(s));
	ck_assert_int_eq(drive_seen_all(f.d, &all, &n), 0);
	ck_assert_uint_eq(n, 1);
	free(all);
	buf_done(&b);
}
END_TEST

START_TEST(nothing_readable_lies_in_the_state)
{
	char cmd[256];

	(void)fix_write(&f, fix_mkdir(&f, ROOT, "secretfolder"), "secretname",
	    "secretcontent");
	ck_assert_int_eq(drive_setxattr(f.d, &fix_me, fix_find(&f,
	    "secretfolder"), "user.secretattr", "secretvalue", 11, 0), 0);
	ck_assert_int_eq(drive_symlink(f.d, &fix_me, ROOT, "l",
	    "secrettarget", &(struct drive_attr){ 0 }), 0);
	(void)snprintf(cmd, sizeof(cmd), "grep -r -a -q secret %s", f.dir);
	ck_assert_int_ne(system(cmd), 0);
}
END_TEST

/* ---- many at once -------------------------------------------------------- */

#define THREADS 6
#define ROUNDS 300

static void *
churn(void *arg)
{
	unsigned me = *(unsigned *)arg, k;
	char a[32], b[32];
	struct drive_attr at;

	for (k = 0; k < ROUNDS; k++) {
		(void)snprintf(a, sizeof(a), "t%u-%u", me, k);
		(void)snprintf(b, sizeof(b), "shared-%u", k % 7);
		if (drive_mknod(f.d, &fix_me, ROOT, a, 0100600, &at) < 0)
			abort();
		/* what one replaces another may have taken away */
		if (drive_rename(f.d, ROOT, a, ROOT, b, 0) < 0)
			abort();
		(void)drive_unlink(f.d, ROOT, b);
		drive_forget(f.d, at.ino);
	}
	return NULL;
}

START_TEST(many_threads_leave_a_whole_tree)
{
	pthread_t t[THREADS];
	unsigned id[THREADS], k;
	struct drive_usage u;

	for (k = 0; k < THREADS; k++) {
		id[k] = k;
		ck_assert_int_eq(pthread_create(&t[k], NULL, churn, &id[k]),
		    0);
	}
	for (k = 0; k < THREADS; k++)
		(void)pthread_join(t[k], NULL);
	drive_usage(f.d, &u);
	ck_assert_uint_le(u.outbox_ops, 8);
}
END_TEST

static void *
forget_all(void *arg)
{
	const uint64_t *ino = arg;
	unsigned k;

	/* Again and again: more than are noted at once. */
	for (k = 0; k < 12 * ROUNDS; k++)
		drive_forget(f.d, ino[k % ROUNDS]);
	return NULL;
}

START_TEST(many_threads_forget_at_once)
{
	static uint64_t ino[THREADS][ROUNDS];
	struct drive_usage u;
	pthread_t t[THREADS];
	unsigned i, k;
	char name[32];

	for (i = 0; i < THREADS; i++)
		for (k = 0; k < ROUNDS; k++) {
			(void)snprintf(name, sizeof(name), "%u-%u", i, k);
			ino[i][k] = fix_mkfile(&f, ROOT, name);
			ck_assert_int_eq(drive_unlink(f.d, ROOT, name), 0);
		}
	for (i = 0; i < THREADS; i++)
		ck_assert_int_eq(pthread_create(&t[i], NULL, forget_all,
		    ino[i]), 0);
	for (i = 0; i < THREADS; i++)
		(void)pthread_join(t[i], NULL);
	fix_reopen(&f);
	drive_usage(f.d, &u);
	ck_assert_uint_eq(u.inodes, 1);
}
END_TEST

START_TEST(what_is_forgotten_goes_when_nobody_is_at_work)
{
	struct drive_usage u;
	struct drive_attr at;
	char name[32];
	uint64_t ino = 0;
	unsigned k;

	for (k = 0; k < 500; k++) {
		(void)snprintf(name, sizeof(name), "%u", k);
		ino = fix_mkfile(&f, ROOT, name);
		ck_assert_int_eq(drive_unlink(f.d, ROOT, name), 0);
		ck_assert_int_eq(drive_getattr(f.d, ino, &at), 0);
		drive_forget(f.d, ino);
		ck_assert_int_eq(drive_getattr(f.d, ino, &at), -ENOENT);
	}
	for (k = 0; k < 100; k++) {
		drive_usage(f.d, &u);
		if (u.inodes == 1)
			break;
		(void)usleep(100000);
	}
	ck_assert_uint_eq(u.inodes, 1);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("tree: life");
	TCase *t = tcase_create("life");
	SRunner *r;
	int failed;

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_set_timeout(t, 120);
	tcase_add_test(t, everything_is_there_after_a_killed_process);
	tcase_add_test(t, counters_are_kept_and_counted_anew_after_a_crash);
	tcase_add_test(t, a_second_process_and_another_key_are_refused);
	tcase_add_test(t, named_values_and_the_frontier_survive);
	tcase_add_test(t, nothing_readable_lies_in_the_state);
	tcase_add_test(t, many_threads_leave_a_whole_tree);
	tcase_add_test(t, many_threads_forget_at_once);
	tcase_add_test(t,
	    what_is_forgotten_goes_when_nobody_is_at_work);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_ENV);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? 1 : 0;
}
