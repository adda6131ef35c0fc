/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The outbox: what is published, in which order, and that another drive made
 * from it is the same.  COFFRE_SEED repeats a random run, COFFRE_OPS sets its
 * length.
 */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>

#include "crypto/crypto.h"
#include "tests/lib/fix_drive.h"
#include "util/buf.h"

#define ROOT DRIVE_ROOT_INO
#define EXCHANGE 2
#define WHITEOUT 4
#define ALL 900000

static struct fix f;
static struct fix_log jrn;

static void
setup(void)
{
	fix_open(&f, 1, true);
	memset(&jrn, 0, sizeof(jrn));
}

static void
teardown(void)
{
	fix_fsck(&f);
	fix_log_done(&jrn);
	fix_close(&f);
}

/* ---- looking at segments ------------------------------------------------- */

static unsigned
count(const struct segment *s, unsigned type)
{
	unsigned n = 0;
	size_t k;

	for (k = 0; k < s->ops.n; k++)
		n += s->ops.ops[k].type == type;
	return n;
}

static const struct segment *
last(void)
{
	ck_assert_uint_gt(jrn.n, 0);
	return &jrn.segs[jrn.n - 1];
}

static uint64_t
waiting(void)
{
	struct drive_usage u;

	drive_usage(f.d, &u);
	return u.outbox_ops;
}

/* A drive made from the journal is the same as ours. */
static void
same_elsewhere(void)
{
	char *ours, *theirs, *a, *b;
	struct fix g;
	size_t n, m;

	fix_open(&g, 2, true);
	fix_rebuild(&g, &jrn, 0, &f.conf.dev);
	/* The top folder's attributes travel only when they changed. */
	ours = fix_dump(&f);
	theirs = fix_dump(&g);
	a = strchr(ours, '\n');
	b = strchr(theirs, '\n');
	while (*a && *b) {
		n = strcspn(++a, "\n");
		m = strcspn(++b, "\n");
		ck_assert_msg(n == m && memcmp(a, b, n) == 0,
		    "ours '%.300s', theirs '%.300s'", a, b);
		a += n;
		b += n;
	}
	ck_assert_int_eq(*a, *b);
	fix_fsck(&g);
	free(ours);
	free(theirs);
	fix_close(&g);
}

/* Content too long to travel inside an op. */
static uint64_t
write_long(uint64_t parent, const char *name)
{
	static char text[5001];

	memset(text, 'x', 5000);
	return fix_write(&f, parent, name, text);
}

/* Publish what can be without uploading. */
static size_t
publish_held(void)
{
	struct op_list ops = { .n = 0 };
	uint64_t ticket;
	size_t n;
	int r;

	r = drive_publish_begin(f.d, ALL, &ops, &ticket);
	if (r == -EAGAIN)
		return 0;
	ck_assert_int_eq(r, 0);
	n = ops.n;
	drive_publish_abort(f.d, ticket);
	op_list_done(&ops);
	return n;
}

/* ---- folding ------------------------------------------------------------- */

START_TEST(what_was_made_and_deleted_here_never_travels)
{
	uint64_t ino = fix_write(&f, ROOT, "a", "x"), d;

	ck_assert_int_eq(drive_unlink(f.d, ROOT, "a"), 0);
	drive_forget(f.d, ino);
	d = fix_mkdir(&f, ROOT, "d");
	(void)fix_write(&f, d, "b", "y");
	ck_assert_int_eq(drive_unlink(f.d, d, "b"), 0);
	ck_assert_int_eq(drive_rmdir(f.d, ROOT, "d"), 0);
	/* the top folder's times are all that is left */
	ck_assert_uint_eq(waiting(), 1);
	fix_publish_all(&f, &jrn);
	ck_assert_uint_eq(jrn.n, 1);
	ck_assert_uint_eq(last()->ops.n, 1);
	ck_assert_uint_eq(last()->ops.ops[0].type, OP_ATTR);
}
END_TEST

START_TEST(ten_writes_are_one_version)
{
	char text[32];
	int k;

	for (k = 0; k < 10; k++) {
		(void)snprintf(text, sizeof(text), "version %d", k);
		(void)fix_write(&f, ROOT, "a", text);
	}
	fix_publish_all(&f, &jrn);
	ck_assert_uint_eq(jrn.n, 1);
	ck_assert_uint_eq(count(last(), OP_CREATE), 1);
	ck_assert_uint_eq(count(last(), OP_PLACE), 1);
	ck_assert_uint_eq(count(last(), OP_PUT), 1);
	same_elsewhere();
	for (k = 0; k < 10; k++)
		(void)fix_write(&f, ROOT, "a", "again");
	fix_publish_all(&f, &jrn);
	ck_assert_uint_eq(jrn.n, 2);
	ck_assert_uint_eq(count(last(), OP_PUT), 1);
	ck_assert_uint_eq(count(last(), OP_CREATE), 0);
	same_elsewhere();
}
END_TEST

START_TEST(a_move_before_publication_is_a_place_only)
{
	uint64_t d = fix_mkdir(&f, ROOT, "d");

	(void)fix_write(&f, ROOT, "a", "x");
	ck_assert_int_eq(drive_rename(f.d, ROOT, "a", d, "b", 0), 0);
	fix_publish_all(&f, &jrn);
	ck_assert_uint_eq(count(last(), OP_PLACE), 2);
	ck_assert_uint_eq(count(last(), OP_DELETE), 0);
	same_elsewhere();
	ck_assert_int_eq(drive_rename(f.d, d, "b", ROOT, "c", 0), 0);
	fix_publish_all(&f, &jrn);
	ck_assert_uint_eq(count(last(), OP_PLACE), 1);
	ck_assert_uint_eq(count(last(), OP_PUT), 0);
	same_elsewhere();
}
END_TEST

START_TEST(what_is_renamed_leaves_a_whiteout_behind)
{
	uint64_t d = fix_mkdir(&f, ROOT, "d"), ino;
	struct drive_attr a;

	ino = fix_write(&f, ROOT, "a", "x");
	fix_publish_all(&f, &jrn);
	ck_assert_int_eq(drive_rename_as(f.d, &fix_me, ROOT, "a", d, "b",
	    WHITEOUT), 0);
	ck_assert_uint_eq(fix_find(&f, "d/b"), ino);
	ck_assert_int_eq(drive_lookup(f.d, ROOT, "a", &a), 0);
	ck_assert_uint_eq(a.mode, S_IFCHR);
	ck_assert_uint_eq(a.rdev, 0);
	fix_publish_all(&f, &jrn);
	same_elsewhere();
	ck_assert_int_eq(drive_rename_as(f.d, &fix_me, d, "b", ROOT, "a",
	    WHITEOUT), 0);
	ck_assert_uint_eq(fix_find(&f, "a"), ino);
	fix_publish_all(&f, &jrn);
	same_elsewhere();
	/* Nobody's would belong to nobody. */
	ck_assert_int_eq(drive_rename(f.d, ROOT, "a", ROOT, "c", WHITEOUT),
	    -EINVAL);
}
END_TEST

START_TEST(hard_links_travel_and_outlive_the_first_name)
{
	uint64_t ino = fix_write(&f, ROOT, "a", "x");
	struct drive_attr a;

	ck_assert_int_eq(drive_link(f.d, ino, ROOT, "b", &a), 0);
	ck_assert_int_eq(drive_unlink(f.d, ROOT, "a"), 0);
	fix_publish_all(&f, &jrn);
	same_elsewhere();
	ck_assert_int_eq(drive_link(f.d, ino, ROOT, "c", &a), 0);
	fix_publish_all(&f, &jrn);
	same_elsewhere();
	ck_assert_int_eq(drive_unlink(f.d, ROOT, "b"), 0);
	fix_publish_all(&f, &jrn);
	ck_assert_uint_eq(count(last(), OP_DELETE), 1);
	same_elsewhere();
	(void)fix_write(&f, ROOT, "c", "changed");
	ck_assert_int_eq(drive_unlink(f.d, ROOT, "c"), 0);
	fix_publish_all(&f, &jrn);
	ck_assert_uint_eq(count(last(), OP_PUT), 0);
	same_elsewhere();
}
END_TEST

START_TEST(every_attribute_travels)
{
	uint64_t d = fix_mkdir(&f, ROOT, "d"), ino = fix_mkfile(&f, d, "f");
	struct drive_attr a, in = { .mode = 0751, .uid = 7, .gid = 8,
	    .mtime_ns = 1, .atime_ns = 2 };

	ck_assert_int_eq(drive_symlink(f.d, &fix_me, d, "l", "to/where", &a),
	    0);
	ck_assert_int_eq(drive_mknod(f.d, &fix_me, d, "p", S_IFIFO | 0600,
	    &a), 0);
	ck_assert_int_eq(drive_setxattr(f.d, &fix_me, ino, "user.k", "v", 1,
	    0), 0);
	ck_assert_int_eq(drive_setxattr(f.d, &fix_me, d, "user.d", "w", 1,
	    0), 0);
	fix_publish_all(&f, &jrn);
	same_elsewhere();
	ck_assert_int_eq(drive_setattr(f.d, &fix_root, ino, &in,
	    DRIVE_SET_MODE | DRIVE_SET_UID | DRIVE_SET_GID |
	    DRIVE_SET_MTIME | DRIVE_SET_ATIME, &a), 0);
	ck_assert_int_eq(drive_removexattr(f.d, &fix_me, ino, "user.k"), 0);
	ck_assert_int_eq(drive_setxattr(f.d, &fix_me, d, "user.d", "2", 1,
	    0), 0);
	fix_publish_all(&f, &jrn);
	ck_assert_uint_eq(count(last(), OP_XATTR), 2);
	same_elsewhere();
}
END_TEST

static void
give_preview(uint64_t ino)
{
	struct drive_attr a = fix_attr(&f, ino);

	ck_assert_int_eq(drive_preview_set(f.d, ino, &a, "pic", 3), 0);
	fix_publish_all(&f, &jrn);
	ck_assert_uint_eq(count(last(), OP_XATTR), 1);
}

static void
has_none(uint64_t ino)
{
	uint8_t *p = NULL;

	ck_assert_int_eq(drive_preview_get(f.d, ino, &p), -ENODATA);
}

START_TEST(a_preview_goes_with_the_content_that_it_shows)
{
	uint64_t ino = fix_write(&f, ROOT, "a", "a face"), there;
	struct drive_attr a = fix_attr(&f, ino), in = { .size = 3,
	    .mtime_ns = a.mtime_ns };
	struct drive_file *h;
	uint8_t *p = NULL;
	struct fix g;

	ck_assert_int_eq(drive_setxattr(f.d, &fix_me, ino, "user.k", "v", 1,
	    0), 0);
	fix_publish_all(&f, &jrn);
	give_preview(ino);
	/* Other attributes change nothing about it. */
	ck_assert_int_eq(drive_setattr(f.d, &fix_root, ino, &in,
	    DRIVE_SET_MTIME, &a), 0);
	ck_assert_int_eq(drive_preview_get(f.d, ino, &p), 3);
	free(p);
	fix_publish_all(&f, &jrn);
	/* Painted over, with the times and size that it had. */
	ck_assert_int_eq(drive_file_open(f.d, ino, O_RDWR, &h), 0);
	ck_assert_int_eq(drive_write(h, "no", 2, 0), 2);
	ck_assert_int_eq(drive_file_close(h), 0);
	ck_assert_int_eq(drive_setattr(f.d, &fix_root, ino, &in,
	    DRIVE_SET_MTIME, &a), 0);
	has_none(ino);
	fix_publish_all(&f, &jrn);
	ck_assert_uint_eq(count(last(), OP_PUT), 1);
	ck_assert_uint_eq(count(last(), OP_XATTR), 1);
	same_elsewhere();
	fix_open(&g, 2, true);
	fix_rebuild(&g, &jrn, 0, &f.conf.dev);
	there = fix_find(&g, "a");
	ck_assert_int_eq(drive_preview_get(g.d, there, &p), -ENODATA);
	ck_assert_int_eq(drive_getxattr(g.d, there, "user.k", NULL, 0), 1);
	fix_close(&g);
	give_preview(ino);
	ck_assert_int_eq(drive_setattr(f.d, &fix_root, ino, &in,
	    DRIVE_SET_SIZE, &a), 0);
	has_none(ino);
	/* Content that has to be uploaded first does not hold it up. */
	give_preview(ino);
	(void)write_long(ROOT, "a");
	ck_assert_uint_gt(publish_held(), 0);
	has_none(ino);
	fix_publish_all(&f, &jrn);
	same_elsewhere();
	/* A file that never had one says nothing of it. */
	ino = fix_write(&f, ROOT, "b", "x");
	ck_assert_int_eq(drive_setxattr(f.d, &fix_me, ino, "user.k", "v", 1,
	    0), 0);
	fix_publish_all(&f, &jrn);
	(void)fix_write(&f, ROOT, "b", "y");
	fix_publish_all(&f, &jrn);
	ck_assert_uint_eq(count(last(), OP_XATTR), 0);
}
END_TEST

START_TEST(attributes_too_many_for_one_segment_take_several)
{
	uint64_t ino[2] = { fix_mkfile(&f, ROOT, "f"),
	    fix_mkfile(&f, ROOT, "g") };
	static char value[60000];
	char name[32];
	unsigned n = 0;
	size_t k;
	int j;

	for (j = 0; j < 30; j++) {
		(void)snprintf(name, sizeof(name), "user.%d", j);
		memset(value, 'a' + j % 26, sizeof(value));
		ck_assert_int_eq(drive_setxattr(f.d, &fix_me, ino[j % 2],
		    name, value, sizeof(value), 0), 0);
	}
	fix_publish_all(&f, &jrn);
	ck_assert_uint_ge(jrn.n, 2);
	for (k = 0; k < jrn.n; k++)
		n += count(&jrn.segs[k], OP_XATTR);
	ck_assert_uint_eq(n, 30);
}
END_TEST

/* ---- holding ------------------------------------------------------------- */

START_TEST(a_file_waits_for_its_blocks_and_others_overtake)
{
	struct op_list ops = { .n = 0 };
	uint64_t ticket;
	size_t k;

	(void)write_long(ROOT, "long");
	(void)fix_mkdir(&f, ROOT, "dir");
	ck_assert_int_eq(drive_publish_begin(f.d, ALL, &ops, &ticket), 0);
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
	same_elsewhere();
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
	ck_assert_int_eq(drive_publish_begin(f.d, ALL, &ops, &ticket), 0);
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
	same_elsewhere();
}
END_TEST

START_TEST(a_saved_document_is_never_seen_empty_or_missing)
{
	uint64_t doc = write_long(ROOT, "doc");
	struct drive_usage u;

	fix_publish_all(&f, &jrn);
	(void)write_long(ROOT, "doc.tmp");
	ck_assert_int_eq(drive_rename(f.d, ROOT, "doc.tmp", ROOT, "doc", 0),
	    0);
	drive_forget(f.d, doc);
	/* neither the new name nor the old one's end, before the blocks */
	ck_assert_uint_eq(publish_held(), 1);	/* times of the root */
	drive_usage(f.d, &u);
	ck_assert_uint_eq(u.outbox_ops, 3);
	/* the same for a published file that is put in its place */
	fix_publish_all(&f, &jrn);
	ck_assert_uint_eq(count(last(), OP_DELETE), 1);
	ck_assert(!vault_id_is_root(
	    &last()->ops.ops[1].place.replaces));
	same_elsewhere();
	(void)write_long(ROOT, "b");
	fix_publish_all(&f, &jrn);
	(void)write_long(ROOT, "b");
	ck_assert_int_eq(drive_rename(f.d, ROOT, "b", ROOT, "doc", 0), 0);
	ck_assert_uint_eq(publish_held(), 1);
	fix_publish_all(&f, &jrn);
	same_elsewhere();
}
END_TEST

START_TEST(a_new_file_is_not_seen_before_its_first_byte)
{
	(void)fix_write(&f, ROOT, "a", "");
	ck_assert_uint_eq(publish_held(), 1);	/* times of the root */
	(void)fix_write(&f, ROOT, "a", "x");
	fix_publish_all(&f, &jrn);
	ck_assert_uint_eq(jrn.n, 1);
	ck_assert_uint_eq(count(last(), OP_CREATE), 1);
	ck_assert_uint_eq(count(last(), OP_PUT), 1);
	/* one that stays empty is seen too */
	(void)fix_write(&f, ROOT, "b", "");
	fix_publish_all(&f, &jrn);
	ck_assert_uint_eq(count(last(), OP_CREATE), 1);
	same_elsewhere();
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
	ck_assert_uint_eq(count(last(), OP_CREATE), 1);
	ck_assert_uint_eq(count(last(), OP_PUT), 1);
	same_elsewhere();
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
	ck_assert_uint_eq(count(last(), OP_CREATE), 1);
	ck_assert_uint_eq(count(last(), OP_DELETE), 1);
	ck_assert_uint_eq(last()->ops.ops[1].type, OP_PLACE);
	ck_assert(vault_id_eq(&last()->ops.ops[1].place.replaces, &id));
	same_elsewhere();
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
	same_elsewhere();
}
END_TEST

START_TEST(an_exchange_is_published_whole)
{
	uint64_t d = fix_mkdir(&f, ROOT, "d");
	size_t k, n;

	(void)fix_write(&f, ROOT, "a", "a");
	(void)write_long(d, "b");
	fix_publish_all(&f, &jrn);
	ck_assert_int_eq(drive_rename(f.d, ROOT, "a", d, "b", EXCHANGE), 0);
	n = jrn.n;
	fix_publish_all(&f, &jrn);
	ck_assert_uint_eq(count(&jrn.segs[n], OP_PLACE), 2);
	same_elsewhere();
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
	ck_assert_uint_eq(count(&jrn.segs[n], OP_PLACE), 3);
	same_elsewhere();
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
	same_elsewhere();
}
END_TEST

/* ---- failures ------------------------------------------------------------ */

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
	ck_assert_int_eq(drive_publish_begin(f.d, ALL, &ops, &ticket), 0);
	n = ops.n;
	op_list_done(&ops);
	ck_assert_int_eq(drive_publish_begin(f.d, ALL, &ops, &ticket),
	    -EAGAIN);
	/* gone while it was under way: then it never was */
	ck_assert_int_eq(drive_unlink(f.d, fix_find(&f, "d"), "b"), 0);
	drive_publish_abort(f.d, ticket);
	ck_assert_int_eq(drive_publish_begin(f.d, ALL, &ops, &ticket), 0);
	ck_assert_uint_lt(ops.n, n);
	op_list_done(&ops);
	fix_crash(&f);
	fix_publish_all(&f, &jrn);
	same_elsewhere();
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
	ck_assert_int_eq(drive_publish_begin(f.d, ALL, &s.ops, &ticket), 0);
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
	n = waiting();
	/* the sealed object outlives the process, and nothing else is
	 * published before it */
	fix_crash(&f);
	rest = waiting();
	ck_assert_uint_lt(rest, n);
	ck_assert_int_eq(drive_publish_pending(f.d, &seq, &obj), 0);
	ck_assert_uint_eq(seq, 1);
	ck_assert_str_eq(buf_cstr(&obj), "object");
	ck_assert_uint_eq(publish_held(), 0);
	ck_assert_int_eq(drive_publish_done(f.d, 2), -ENOENT);
	ck_assert_int_eq(drive_publish_done(f.d, 1), 0);
	ck_assert_uint_eq(waiting(), rest - 1);
	ck_assert_int_eq(drive_publish_pending(f.d, &seq, &obj), -ENOENT);
	jrn.segs = calloc(4, sizeof(*jrn.segs));
	jrn.cap = 4;
	jrn.n = 1;
	jrn.segs[0] = s;
	jrn.op_seq = jrn.lamport = s.ops.n;
	fix_publish_all(&f, &jrn);
	same_elsewhere();
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

	r.a = write_long(ROOT, "published");
	write_at(r.a, "second block", 200 * 1024);
	fix_publish_all(&f, &jrn);
	r.b = write_long(ROOT, "sent");
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

/* ---- applying ------------------------------------------------------------ */

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

/* ---- by chance ----------------------------------------------------------- */

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
			same_elsewhere();
		}
	}
	fix_publish_all(&f, &jrn);
	same_elsewhere();
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("outbox");
	TCase *t = tcase_create("outbox");
	SRunner *r;
	int failed;

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_set_timeout(t, 300);
	tcase_add_test(t, what_was_made_and_deleted_here_never_travels);
	tcase_add_test(t, ten_writes_are_one_version);
	tcase_add_test(t, a_move_before_publication_is_a_place_only);
	tcase_add_test(t, what_is_renamed_leaves_a_whiteout_behind);
	tcase_add_test(t, hard_links_travel_and_outlive_the_first_name);
	tcase_add_test(t, every_attribute_travels);
	tcase_add_test(t, a_preview_goes_with_the_content_that_it_shows);
	tcase_add_test(t, attributes_too_many_for_one_segment_take_several);
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
	tcase_add_test(t, an_abort_and_a_crash_lose_nothing);
	tcase_add_test(t, changes_during_a_publication_come_in_the_next);
	tcase_add_test(t, the_state_of_a_file_is_told);
	tcase_add_test(t, what_the_store_is_to_have_is_all_that_was_sent);
	tcase_add_test(t, a_walk_rebuilds_the_drive_in_any_order_of_ids);
	tcase_add_test(t,
	    a_name_that_is_taken_gets_a_suffix_until_it_is_free);
	tcase_add_test(t,
	    an_interrupted_rebuild_starts_over_and_ends_the_same);
	tcase_add_test(t, a_deleted_folder_stays_while_something_is_in_it);
	tcase_add_loop_test(t, another_drive_is_the_same_after_any_changes,
	    0, 3);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_ENV);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? 1 : 0;
}
