/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The outbox: another drive made from it is the same after any changes.
 * COFFRE_SEED repeats a random run, COFFRE_OPS sets its length.
 */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "crypto/crypto.h"
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

static uint64_t rng;

static uint64_t
rnd(uint64_t n)
{
	rng ^= rng << 13;
	rng ^= rng >> 7;
	rng ^= rng << 17;
	return (rng >> 11) % n;
}

/* A random folder, by walking down. */
static uint64_t
rnd_dir(void)
{
	uint64_t dir = ROOT;
	struct drive_attr a;
	char name[8];

	while (rnd(3)) {
		(void)snprintf(name, sizeof(name), "%c", 'a' +
		    (char)rnd(6));
		if (drive_lookup(f.d, dir, name, &a) < 0 ||
		    !S_ISDIR(a.mode))
			break;
		dir = a.ino;
	}
	return dir;
}

static void
act(void)
{
	uint64_t dir = rnd_dir(), to = rnd_dir();
	char name[8], other[8], text[3000];
	struct drive_attr a, in = { .mode = 0700 + (uint32_t)rnd(64) };
	struct drive_file *h;
	int is_there;

	(void)snprintf(name, sizeof(name), "%c", 'a' + (char)rnd(6));
	(void)snprintf(other, sizeof(other), "%c", 'a' + (char)rnd(6));
	is_there = drive_lookup(f.d, dir, name, &a) == 0;
	switch (rnd(12)) {
	case 0:
	case 1:
		(void)drive_mknod(f.d, &fix_me, dir, name, S_IFDIR | 0755,
		    &a);
		break;
	case 2:
	case 3:
		if (is_there && !S_ISREG(a.mode))
			break;
		if (!is_there && drive_create(f.d, &fix_me, dir, name, 0644,
		    O_RDWR, &a, &h) < 0)
			break;
		if (is_there && drive_file_open(f.d, a.ino, O_RDWR, &h) < 0)
			break;
		memset(text, 'a' + (int)rnd(26), sizeof(text));
		ck_assert_int_gt(drive_write(h, text, 1 + rnd(sizeof(text)),
		    0), 0);
		ck_assert_int_eq(drive_file_close(h), 0);
		break;
	case 4:
		if (drive_unlink(f.d, dir, name) == 0)
			drive_forget(f.d, a.ino);
		break;
	case 5:
		if (drive_rmdir(f.d, dir, name) == 0)
			drive_forget(f.d, a.ino);
		break;
	case 6:
	case 7:
	case 8:
		(void)drive_rename(f.d, dir, name, to, other,
		    rnd(4) ? 0 : EXCHANGE);
		break;
	case 9:
		if (is_there)
			(void)drive_link(f.d, a.ino, to, other, &a);
		break;
	case 10:
		if (is_there)
			(void)drive_setattr(f.d, &fix_me, a.ino, &in,
			    DRIVE_SET_MODE, &a);
		break;
	default:
		(void)snprintf(text, sizeof(text), "user.%c", 'a' +
		    (char)rnd(3));
		if (is_there && rnd(3))
			(void)drive_setxattr(f.d, &fix_me, a.ino, text,
			    name, 1, 0);
		else if (is_there)
			(void)drive_removexattr(f.d, &fix_me, a.ino, text);
		break;
	}
}

/* Publish, with changes while the segment is made, and now and then no
 * segment at all. */
static void
publish_by_chance(void)
{
	uint8_t hash[VAULT_HASH_LEN] = { 0 };
	struct segment s = { .seq = jrn.n + 1 };
	uint64_t ticket;
	size_t k;
	int r, n;

	if (rnd(2))
		fix_upload(&f);
	r = drive_publish_begin(f.d, 300 + rnd(3000), &s.ops, &ticket);
	if (r == -EAGAIN)
		return;
	ck_assert_int_eq(r, 0);
	for (n = (int)rnd(10); n > 0; n--)
		act();
	if (rnd(4) == 0) {
		op_list_done(&s.ops);
		if (rnd(2))
			drive_publish_abort(f.d, ticket);
		else
			fix_crash(&f);
		return;
	}
	s.dev = f.conf.dev;
	s.first_op = jrn.op_seq + 1;
	s.lamport = jrn.lamport + 1;
	for (k = 0; k < s.ops.n; k++) {
		s.ops.ops[k].lamport = s.lamport + k;
		s.ops.ops[k].seq = s.first_op + k;
	}
	jrn.op_seq += s.ops.n;
	jrn.lamport += s.ops.n;
	sha256("object", 6, hash);
	ck_assert_int_eq(drive_publish_seal(f.d, ticket, &s, hash, "object",
	    6), 0);
	if (rnd(8) == 0)
		fix_crash(&f);
	ck_assert_int_eq(drive_publish_done(f.d, s.seq), 0);
	if (jrn.n == jrn.cap) {
		jrn.cap = jrn.cap ? jrn.cap * 2 : 16;
		jrn.segs = realloc(jrn.segs, jrn.cap * sizeof(*jrn.segs));
	}
	jrn.segs[jrn.n++] = s;
}

START_TEST(another_drive_is_the_same_after_any_changes)
{
	const char *seed = getenv("COFFRE_SEED"), *ops = getenv("COFFRE_OPS");
	unsigned long n = ops ? strtoul(ops, NULL, 10) : 3000, k;
	uint64_t first = seed ? strtoull(seed, NULL, 10) :
	    (uint64_t)time(NULL) * 1000 + (uint64_t)_i;

	rng = first * 2654435761u + 88172645463325252u;
	fprintf(stderr, "COFFRE_SEED=%llu\n", (unsigned long long)first);
	for (k = 0; k < n; k++) {
		act();
		if (rnd(20) == 0)
			publish_by_chance();
		if (rnd(300) == 0) {
			fix_publish_all(&f, &jrn);
			fix_fsck(&f);
			fix_same_elsewhere(&f, &jrn);
		}
	}
	fix_publish_all(&f, &jrn);
	fix_same_elsewhere(&f, &jrn);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("outbox: by chance");
	TCase *t = tcase_create("by chance");
	SRunner *r;
	int failed;

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_set_timeout(t, 300);
	tcase_add_loop_test(t, another_drive_is_the_same_after_any_changes,
	    0, 3);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_ENV);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? 1 : 0;
}
