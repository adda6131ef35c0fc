/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Small files, which travel inside their puts: when they grow and when they
 * are many.
 */
#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "drive/tree_priv.h"
#include "tests/lib/fix_drive.h"

#define ROOT DRIVE_ROOT_INO
#define LARGE (10u << 20)

static struct fix f, g;
static struct fix_log jrn, other;

static void
setup(void)
{
	fix_open(&f, 1, true);
	fix_open(&g, 2, true);
	jrn = other = (struct fix_log){ .segs = NULL };
}

static void
teardown(void)
{
	fix_fsck(&f);
	fix_fsck(&g);
	fix_log_done(&jrn);
	fix_log_done(&other);
	fix_close(&f);
	fix_close(&g);
}

static void
resize(struct fix *x, uint64_t ino, uint64_t size)
{
	struct drive_attr a = { .size = size }, ret;

	ck_assert_int_eq(drive_setattr(x->d, &fix_me, ino, &a, DRIVE_SET_SIZE,
	    &ret), 0);
}

static unsigned walked;

static int
on_node(void *arg, const struct ckpt_node *n)
{
	(void)arg;
	if (n->content.size == LARGE)
		walked = n->content.nblocks;
	return 0;
}

/* How many blocks of the large file a checkpoint lists; -1: none is made. */
static int
walk(struct fix *x)
{
	int r;

	walked = 0;
	r = drive_walk(x->d, on_node, NULL);
	ck_assert_msg(r == 0 || r == -EAGAIN, "%d", r);
	return r ? -1 : (int)walked;
}

static uint64_t
waiting(struct fix *x)
{
	struct drive_usage u;

	drive_usage(x->d, &u);
	return u.outbox_ops;
}

START_TEST(a_block_that_was_sent_is_never_put_inside)
{
	uint64_t ino = fix_write(&f, ROOT, "f", "hello");
	size_t k, i, inside = 0;

	resize(&f, ino, LARGE);
	fix_publish_all(&f, &jrn);
	resize(&f, ino, 100);
	fix_publish_all(&f, &jrn);
	resize(&f, ino, LARGE);
	fix_publish_all(&f, &jrn);
	for (k = 0; k < jrn.n; k++)
		for (i = 0; i < jrn.segs[k].ops.n; i++)
			inside += jrn.segs[k].ops.ops[i].type == OP_PUT &&
			    jrn.segs[k].ops.ops[i].put.is_inline;
	ck_assert_uint_eq(inside, 0);
	fix_rebuild(&g, &jrn, 0, &f.conf.dev);
	ck_assert_uint_eq(waiting(&g), 0);
	ck_assert_int_eq(walk(&f), 1);
	ck_assert_int_eq(walk(&g), 1);
	ck_assert_uint_eq(fix_attr(&g, fix_find(&g, "f")).size, LARGE);
}
END_TEST

/* A small file that was never sent by itself is one more time. */
START_TEST(a_small_file_that_grows_sends_its_block)
{
	uint64_t ino = fix_write(&f, ROOT, "f", "hello");

	fix_publish_all(&f, &jrn);
	resize(&f, ino, 100);
	fix_publish_all(&f, &jrn);
	resize(&f, ino, LARGE);
	fix_publish_all(&f, &jrn);
	fix_rebuild(&g, &jrn, 0, &f.conf.dev);
	ck_assert_uint_eq(waiting(&g), 0);
	ck_assert_int_eq(walk(&g), 1);
}
END_TEST

/* ---- journals that have one all the same ---- */

static void
outgrown_ops(struct op o[static 4])
{
	static const struct vault_id id = { .b = { 7, 7, 7, 7, 7 } };
	static const struct vault_id dev = { .b = { 0xa } };
	unsigned k;

	memset(o, 0, 4 * sizeof(*o));
	for (k = 0; k < 4; k++) {
		o[k].node = id;
		o[k].lamport = o[k].seq = k + 1;
	}
	o[0].type = OP_CREATE;
	o[0].create.kind = OP_KIND_FILE;
	o[0].create.attr.mask = OP_ATTR_MODE;
	o[0].create.attr.mode = 0644;
	o[1].type = OP_PLACE;
	o[1].place.name[0] = 'f';
	o[1].place.name_len = 1;
	o[2].type = OP_PUT;
	o[2].put.is_inline = true;
	o[2].put.data = (uint8_t *)(uintptr_t)"hello";
	o[2].put.data_len = 5;
	o[2].put.size = o[2].put.trunc = 5;
	o[3].type = OP_PUT;
	o[3].put.trunc = 5;
	o[3].put.size = LARGE;
	ck_assert_int_eq(drive_apply(f.d, &dev, o, 4), 0);
}

static void
is_whole(struct fix *x)
{
	struct drive_wait w = { .timeout_ms = 1000 };
	uint64_t ino = fix_find(x, "f");
	struct drive_file *h;
	char p[6];

	ck_assert_uint_eq(fix_attr(x, ino).size, LARGE);
	ck_assert_int_eq(drive_file_open(x->d, ino, 0, &h), 0);
	ck_assert_int_eq(drive_read(h, p, sizeof(p), 0, &w), sizeof(p));
	ck_assert_int_eq(memcmp(p, "hello", sizeof(p)), 0);
	ck_assert_int_eq(drive_file_close(h), 0);
}

static void
sent_again(void)
{
	struct op *o;

	ck_assert_uint_eq(waiting(&f), 1);
	fix_publish_all(&f, &other);
	ck_assert_uint_eq(other.n, 1);
	ck_assert_uint_eq(other.segs[0].ops.n, 1);
	o = other.segs[0].ops.ops;
	ck_assert_uint_eq(o->type, OP_PUT);
	ck_assert_uint_eq(o->put.size, LARGE);
	ck_assert_uint_eq(o->put.nblocks, 1);
	ck_assert_int_eq(walk(&f), 1);
	is_whole(&f);
}

START_TEST(what_had_outgrown_its_put_is_sent_after_a_rebuild)
{
	struct op o[4];

	ck_assert_int_eq(drive_rebuild_begin(f.d), 0);
	outgrown_ops(o);
	ck_assert_int_eq(drive_rebuild_end(f.d), 0);
	is_whole(&f);
	sent_again();
}
END_TEST

/* Of a drive that was rebuilt before: a walk finds it. */
START_TEST(what_had_outgrown_its_put_is_sent_for_a_checkpoint)
{
	struct op o[4];

	outgrown_ops(o);
	ck_assert_uint_eq(waiting(&f), 0);
	ck_assert_int_eq(walk(&f), -1);
	sent_again();
}
END_TEST

/* One that is small is not sent, nor one that has no name. */
START_TEST(what_has_not_outgrown_its_put_stays)
{
	uint64_t ino;
	struct op o[4];

	(void)fix_write(&f, ROOT, "small", "hello");
	fix_publish_all(&f, &jrn);
	outgrown_ops(o);
	ino = fix_find(&f, "f");
	ck_assert_uint_ne(ino, 0);
	ck_assert_int_eq(drive_unlink(f.d, ROOT, "f"), 0);
	fix_publish_all(&f, &jrn);
	ck_assert_int_eq(content_outgrown(f.d), 0);
	ck_assert_uint_eq(waiting(&f), 0);
	ck_assert_int_eq(walk(&f), 0);
}
END_TEST

/* ---- many ---- */

#define MANY 1500
#define BIG (256u << 10)

static uint64_t
cached(void)
{
	struct drive_usage u;

	drive_usage(f.d, &u);
	ck_assert_uint_eq(u.staged_bytes, 0);
	return u.clean_bytes;
}

/* They stay here, whatever is evicted for them. */
START_TEST(many_small_files_leave_the_cache_to_others)
{
	static char text[1001], big[BIG];
	struct drive_file *h;
	struct drive_usage u;
	uint64_t ino, gone, some = 0;
	char name[16];
	int k;

	f.conf.cache_max = 1u << 20;
	fix_reopen(&f);
	memset(text, 'x', sizeof(text) - 1);
	for (k = 0; k < MANY; k++) {
		(void)snprintf(name, sizeof(name), "s%d", k);
		some = fix_write(&f, ROOT, name, text);
	}
	ino = fix_mkfile(&f, ROOT, "big");
	ck_assert_int_eq(drive_file_open(f.d, ino, 2, &h), 0);
	ck_assert_int_eq(drive_write(h, big, sizeof(big), 0), sizeof(big));
	ck_assert_int_eq(drive_file_close(h), 0);
	fix_publish_all(&f, &jrn);
	content_tick(f.d);
	content_tick(f.d);
	ck_assert_int_eq(drive_missing(f.d, ino, 0, BIG, BIG), 0);
	ck_assert_uint_eq(cached(), BIG);
	/* The start counts the same. */
	fix_reopen(&f);
	ck_assert_uint_eq(cached(), BIG);
	/* So does who applies it, and who outgrows it. */
	fix_rebuild(&g, &jrn, 0, &f.conf.dev);
	drive_usage(g.d, &u);
	ck_assert_uint_eq(u.clean_bytes, 0);
	resize(&f, some, LARGE);
	fix_publish_all(&f, &jrn);
	ck_assert_uint_eq(cached(), BIG + sizeof(text) - 1);
	gone = fix_find(&f, "s0");
	ck_assert_int_eq(drive_unlink(f.d, ROOT, "s0"), 0);
	drive_forget(f.d, gone);
	fix_publish_all(&f, &jrn);
	ck_assert_uint_eq(cached(), BIG + sizeof(text) - 1);
	ck_assert_uint_eq(drive_cache_trim(f.d, 0), BIG + sizeof(text) - 1);
	ck_assert_uint_eq(cached(), 0);
	ck_assert_int_gt(drive_missing(f.d, ino, 0, BIG, BIG), 0);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("inline");
	TCase *t = tcase_create("inline");
	SRunner *r;
	int failed;

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_set_timeout(t, 60);
	tcase_add_test(t, a_block_that_was_sent_is_never_put_inside);
	tcase_add_test(t, a_small_file_that_grows_sends_its_block);
	tcase_add_test(t, what_had_outgrown_its_put_is_sent_after_a_rebuild);
	tcase_add_test(t,
	    what_had_outgrown_its_put_is_sent_for_a_checkpoint);
	tcase_add_test(t, what_has_not_outgrown_its_put_stays);
	tcase_add_test(t, many_small_files_leave_the_cache_to_others);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_ENV);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? 1 : 0;
}
