/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The outbox: what is on the way when something changes, is given up or the
 * process is killed; and how far a file has come.
 */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "crypto/crypto.h"
#include "tests/lib/fix_drive.h"
#include "tests/lib/fix_outbox.h"
#include "util/buf.h"

#define ROOT DRIVE_ROOT_INO

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

START_TEST(an_abort_and_a_crash_lose_nothing)
{
	struct op_list ops = { .n = 0 };
	uint64_t ticket, ino;
	size_t n;

	ino = fix_write(&f, ROOT, "a", "x");
	(void)fix_write(&f, fix_mkdir(&f, ROOT, "d"), "b", "y");
	ck_assert_int_eq(drive_setxattr(f.d, &fix_me, ino, "user.k", "v", 1,
	    0), 0);
	fix_upload(&f);
	ck_assert_int_eq(drive_publish_begin(f.d, FIX_ALL, &ops, &ticket), 0);
	n = ops.n;
	op_list_done(&ops);
	ck_assert_int_eq(drive_publish_begin(f.d, FIX_ALL, &ops, &ticket),
	    -EAGAIN);
	/* gone while it was under way: then it never was */
	ck_assert_int_eq(drive_unlink(f.d, fix_find(&f, "d"), "b"), 0);
	drive_publish_abort(f.d, ticket);
	ck_assert_int_eq(drive_publish_begin(f.d, FIX_ALL, &ops, &ticket), 0);
	ck_assert_uint_lt(ops.n, n);
	op_list_done(&ops);
	fix_crash(&f);
	fix_publish_all(&f, &jrn);
	fix_same_elsewhere(&f, &jrn);
}
END_TEST

START_TEST(changes_during_a_publication_come_in_the_next)
{
	uint8_t hash[VAULT_HASH_LEN] = { 1 };
	struct segment s = { .seq = 1, .first_op = 1, .lamport = 1 };
	uint64_t ticket, a, b, d;
	struct drive_attr at;
	struct buf obj = BUF_INIT(100);
	uint64_t seq, n, rest;
	size_t k;

	a = fix_write(&f, ROOT, "a", "1");
	b = fix_write(&f, ROOT, "b", "1");
	d = fix_mkdir(&f, ROOT, "d");
	ck_assert_int_eq(drive_setxattr(f.d, &fix_me, a, "user.k", "1", 1,
	    0), 0);
	fix_upload(&f);
	ck_assert_int_eq(drive_publish_begin(f.d, FIX_ALL, &s.ops, &ticket), 0);
	(void)fix_write(&f, ROOT, "a", "22");
	ck_assert_int_eq(drive_setxattr(f.d, &fix_me, a, "user.k", "22", 2,
	    0), 0);
	ck_assert_int_eq(drive_rename(f.d, ROOT, "a", d, "a", 0), 0);
	ck_assert_int_eq(drive_unlink(f.d, ROOT, "b"), 0);
	drive_forget(f.d, b);
	ck_assert_int_eq(drive_link(f.d, a, ROOT, "c", &at), 0);
	s.dev = f.conf.dev;
	for (k = 0; k < s.ops.n; k++) {
		s.ops.ops[k].seq = 1 + k;
		s.ops.ops[k].lamport = 1 + k;
	}
	sha256("object", 6, hash);
	ck_assert_int_eq(drive_publish_seal(f.d, ticket, &s, hash, "object",
	    6), 0);
	/* What is sealed counts until it is on the store. */
	n = fix_waiting(&f);
	/* the sealed object outlives the process, and nothing else is
	 * published before it */
	fix_crash(&f);
	rest = fix_waiting(&f);
	ck_assert_uint_lt(rest, n);
	ck_assert_int_eq(drive_publish_pending(f.d, &seq, &obj), 0);
	ck_assert_uint_eq(seq, 1);
	ck_assert_str_eq(buf_cstr(&obj), "object");
	ck_assert_uint_eq(fix_publish_held(&f), 0);
	ck_assert_int_eq(drive_publish_done(f.d, 2), -ENOENT);
	ck_assert_int_eq(drive_publish_done(f.d, 1), 0);
	ck_assert_uint_eq(fix_waiting(&f), rest - 1);
	ck_assert_int_eq(drive_publish_pending(f.d, &seq, &obj), -ENOENT);
	jrn.segs = calloc(4, sizeof(*jrn.segs));
	jrn.cap = 4;
	jrn.n = 1;
	jrn.segs[0] = s;
	jrn.op_seq = jrn.lamport = s.ops.n;
	fix_publish_all(&f, &jrn);
	fix_same_elsewhere(&f, &jrn);
	buf_done(&obj);
}
END_TEST

START_TEST(the_state_of_a_file_is_told)
{
	enum drive_state st;
	uint64_t ino = fix_write(&f, ROOT, "a", "x");

	ck_assert_int_eq(drive_file_state(f.d, ino, &st), 0);
	ck_assert_int_eq(st, DRIVE_LOCAL);
	fix_publish_all(&f, &jrn);
	ck_assert_int_eq(drive_file_state(f.d, ino, &st), 0);
	ck_assert_int_eq(st, DRIVE_STORED);
	(void)fix_write(&f, ROOT, "a", "y");
	ck_assert_int_eq(drive_file_state(f.d, ino, &st), 0);
	ck_assert_int_eq(st, DRIVE_QUEUED);
	ck_assert_int_eq(drive_file_state(f.d, 77777, &st), -ENOENT);
}
END_TEST

struct refs {
	uint64_t a, b;
	unsigned n_a, n_b;
};

static int
on_ref(void *arg, uint64_t ino, uint64_t idx, const struct block_ref *ref)
{
	struct refs *r = arg;

	(void)idx;
	ck_assert_uint_gt(ref->len, 0);
	r->n_a += ino == r->a;
	r->n_b += ino == r->b;
	return 0;
}

static void
write_at(uint64_t ino, const char *text, uint64_t off)
{
	ssize_t len = (ssize_t)strlen(text);
	struct drive_file *h;

	ck_assert_int_eq(drive_file_open(f.d, ino, O_RDWR, &h), 0);
	ck_assert_int_eq(drive_write(h, text, (size_t)len, off), len);
	ck_assert_int_eq(drive_flush(h), 0);
	ck_assert_int_eq(drive_file_close(h), 0);
}

START_TEST(what_the_store_is_to_have_is_all_that_was_sent)
{
	struct refs r = { .n_a = 0 };

	r.a = fix_write_long(&f, ROOT, "published");
	write_at(r.a, "second block", 200 * 1024);
	fix_publish_all(&f, &jrn);
	r.b = fix_write_long(&f, ROOT, "sent");
	write_at(r.b, "second block", 200 * 1024);
	fix_upload(&f);
	ck_assert_int_eq(drive_walk_refs(f.d, on_ref, &r), 0);
	ck_assert_uint_eq(r.n_a, 2);
	ck_assert_uint_eq(r.n_b, 2);
	/* What is written over and has not been sent again is left out. */
	write_at(r.a, "new", 0);
	r.n_a = r.n_b = 0;
	ck_assert_int_eq(drive_walk_refs(f.d, on_ref, &r), 0);
	ck_assert_uint_eq(r.n_a, 1);
	ck_assert_uint_eq(r.n_b, 2);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("outbox: on the way");
	TCase *t = tcase_create("on the way");
	SRunner *r;
	int failed;

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_set_timeout(t, 300);
	tcase_add_test(t, an_abort_and_a_crash_lose_nothing);
	tcase_add_test(t, changes_during_a_publication_come_in_the_next);
	tcase_add_test(t, the_state_of_a_file_is_told);
	tcase_add_test(t, what_the_store_is_to_have_is_all_that_was_sent);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_ENV);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? 1 : 0;
}
