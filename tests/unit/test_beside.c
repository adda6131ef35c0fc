/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What several devices have published without knowing of each other, as a
 * rebuild applies it.
 */
#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "drive/tree_priv.h"
#include "tests/lib/fix_drive.h"
#include "util/buf.h"

#define ROOT DRIVE_ROOT_INO

static const struct vault_id dev_a = { .b = { 0xa } };
static const struct vault_id dev_b = { .b = { 0xb } };
static const struct vault_id root;

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

/* ---- ops ---- */

static struct vault_id
id_of(uint32_t n)
{
	struct vault_id id;

	memset(&id, 0x77, sizeof(id));
	put_le32(id.b + 4, n);
	return id;
}

static struct op
op_create(uint32_t n, uint8_t kind)
{
	struct op o = { .type = OP_CREATE, .node = id_of(n) };

	o.create.kind = kind;
	o.create.attr.mask = OP_ATTR_MODE;
	o.create.attr.mode = 0755;
	return o;
}

static struct op
op_link(uint32_t n, uint32_t to)
{
	struct op o = { .type = OP_LINK, .node = id_of(n) };

	o.link.inode = id_of(to);
	return o;
}

/* into: 0 is the root. */
static struct op
op_place(uint32_t n, uint32_t into, const char *name)
{
	struct op o = { .type = OP_PLACE, .node = id_of(n) };

	o.place.parent = into ? id_of(into) : root;
	o.place.name_len = (uint8_t)strlen(name);
	memcpy(o.place.name, name, o.place.name_len);
	return o;
}

static struct op
op_delete(uint32_t n)
{
	return (struct op){ .type = OP_DELETE, .node = id_of(n) };
}

static struct op
op_text(uint32_t n, const char *text)
{
	struct op o = { .type = OP_PUT, .node = id_of(n) };

	o.put.is_inline = true;
	o.put.size = o.put.trunc = o.put.data_len = (uint32_t)strlen(text);
	o.put.data = (uint8_t *)(uintptr_t)text;
	return o;
}

static uint64_t lamport;

static int
apply(const struct vault_id *dev, struct op o)
{
	o.lamport = o.seq = ++lamport;
	return drive_apply(f.d, dev, &o, 1);
}

static void
applied(const struct vault_id *dev, struct op o)
{
	ck_assert_int_eq(apply(dev, o), 0);
}

static void
has_text(const char *path, const char *text)
{
	struct drive_wait w = { .timeout_ms = 1000 };
	struct drive_file *h;
	char p[64];
	uint64_t ino = fix_find(&f, path);

	ck_assert_msg(ino != 0, "no %s", path);
	ck_assert_int_eq(drive_file_open(f.d, ino, 0, &h), 0);
	ck_assert_int_eq(drive_read(h, p, sizeof(p), 0, &w),
	    (ssize_t)strlen(text));
	ck_assert_int_eq(memcmp(p, text, strlen(text)), 0);
	ck_assert_int_eq(drive_file_close(h), 0);
}

/* ---- a link beside a removal ---- */

enum { F = 1, G = 2 };

static void
one_file(void)
{
	ck_assert_int_eq(drive_rebuild_begin(f.d), 0);
	applied(&dev_a, op_create(F, OP_KIND_FILE));
	applied(&dev_a, op_place(F, 0, "f"));
	applied(&dev_a, op_text(F, "hello"));
}

/* The removal did not know of the other name (MERGE.md, 2). */
static void
only_g_is_left(void)
{
	ck_assert_int_eq(drive_rebuild_end(f.d), 0);
	ck_assert_uint_eq(fix_find(&f, "f"), 0);
	has_text("g", "hello");
	ck_assert_uint_eq(fix_attr(&f, fix_find(&f, "g")).nlink, 1);
}

START_TEST(a_link_beside_a_removal_keeps_the_file)
{
	one_file();
	applied(&dev_a, op_link(G, F));
	applied(&dev_b, op_delete(F));
	applied(&dev_a, op_place(G, 0, "g"));
	only_g_is_left();
}
END_TEST

START_TEST(a_link_after_a_removal_keeps_the_file)
{
	one_file();
	applied(&dev_b, op_delete(F));
	applied(&dev_a, op_link(G, F));
	applied(&dev_a, op_place(G, 0, "g"));
	only_g_is_left();
}
END_TEST

START_TEST(a_link_before_a_removal_keeps_the_file)
{
	one_file();
	applied(&dev_a, op_link(G, F));
	applied(&dev_a, op_place(G, 0, "g"));
	applied(&dev_b, op_delete(F));
	only_g_is_left();
}
END_TEST

START_TEST(what_nobody_names_is_gone_at_the_end)
{
	struct drive_usage u;

	one_file();
	drive_usage(f.d, &u);
	applied(&dev_b, op_delete(F));
	ck_assert_int_eq(drive_rebuild_end(f.d), 0);
	ck_assert_uint_eq(fix_find(&f, "f"), 0);
	ck_assert_uint_eq(u.inodes, 2);
	drive_usage(f.d, &u);
	ck_assert_uint_eq(u.inodes, 1);
	ck_assert_uint_eq(u.clean_bytes, 0);
}
END_TEST

/* The start after a kill deletes what has no name; then all comes again. */
START_TEST(a_rebuild_that_was_killed_between_them_starts_over)
{
	one_file();
	applied(&dev_a, op_link(G, F));
	applied(&dev_b, op_delete(F));
	mutex_lock(&f.d->db_lock);
	ck_assert_int_eq(drive_settle(f.d), 0);
	mutex_unlock(&f.d->db_lock);
	fix_crash(&f);
	one_file();
	applied(&dev_a, op_link(G, F));
	applied(&dev_b, op_delete(F));
	applied(&dev_a, op_place(G, 0, "g"));
	only_g_is_left();
}
END_TEST

/* Its blocks are going: a name would show what is left of them. */
static void
reaped_meanwhile(bool is_half)
{
	struct fix_log jrn = { .segs = NULL };
	struct drive_file *h;
	uint64_t ino;
	unsigned k;

	one_file();
	applied(&dev_a, op_link(G, F));
	ck_assert_int_eq(drive_rebuild_end(f.d), 0);
	ino = fix_find(&f, "f");
	ck_assert_int_eq(drive_file_open(f.d, ino, 2, &h), 0);
	for (k = 0; is_half && k < 5000; k++)
		ck_assert_int_eq(drive_write(h, "x", 1,
		    (uint64_t)k * VAULT_BLOCK_SIZE), 1);
	ck_assert_int_eq(drive_file_close(h), 0);
	fix_publish_all(&f, &jrn);
	fix_log_done(&jrn);
	applied(&dev_b, op_delete(F));
	ck_assert_int_eq(drive_begin_internal(f.d), 0);
	ck_assert_int_eq(drive_end(f.d, inode_reap(f.d, ino) < 0 ? -EIO : 0),
	    0);
	applied(&dev_a, op_place(G, 0, "g"));
	ck_assert_uint_eq(fix_find(&f, "g"), 0);
}

START_TEST(what_is_gone_gets_no_name)
{
	reaped_meanwhile(false);
}
END_TEST

START_TEST(what_is_half_gone_gets_no_name)
{
	reaped_meanwhile(true);
	/* The next start takes the rest. */
	fix_reopen(&f);
}
END_TEST

/* ---- two who write one file ---- */

static struct buf told;

static void
on_told(void *arg, const char *path, bool is_mixed)
{
	(void)arg;
	(void)buf_printf(&told, "%s%s ", path, is_mixed ? "" : "?");
}

/* A version of one block, on what was before it. */
static struct op_stamp
put_on(const struct vault_id *dev, const struct op_stamp *parent,
    uint32_t idx)
{
	struct op o = { .type = OP_PUT, .node = id_of(F) };
	struct op_block b = { .idx = idx, .kind = OP_BLOCK_DATA };
	struct op_stamp p = { .seq = 0 }, is;

	b.ref.len = VAULT_BLOCK_SIZE;
	o.put.size = o.put.trunc = 4 * VAULT_BLOCK_SIZE;
	o.put.blocks = &b;
	o.put.nblocks = 1;
	if (parent) {
		p = *parent;
		o.put.parents = &p;
		o.put.nparents = 1;
	}
	is.lamport = is.seq = lamport + 1;
	is.dev = *dev;
	applied(dev, o);
	return is;
}

static void
says(const char *what)
{
	ck_assert_int_eq(drive_rebuild_end(f.d), 0);
	ck_assert_str_eq(buf_cstr(&told), what);
	buf_done(&told);
}

static struct op_stamp
first_version(void)
{
	buf_init(&told, 1 << 16);
	drive_rebuild_tell(f.d, on_told, NULL);
	ck_assert_int_eq(drive_rebuild_begin(f.d), 0);
	applied(&dev_a, op_create(F, OP_KIND_FILE));
	applied(&dev_a, op_place(F, 0, "f"));
	return put_on(&dev_a, NULL, 0);
}

START_TEST(versions_that_follow_each_other_are_not_told_of)
{
	struct op_stamp v = first_version();

	v = put_on(&dev_b, &v, 1);
	v = put_on(&dev_b, &v, 2);
	(void)put_on(&dev_a, &v, 0);
	says("");
}
END_TEST

START_TEST(a_file_that_two_wrote_at_once_is_told_of)
{
	struct op_stamp v = first_version(), w;

	w = put_on(&dev_a, &v, 1);
	v = put_on(&dev_b, &v, 2);
	(void)put_on(&dev_a, &w, 1);
	says("/f ");
}
END_TEST

START_TEST(nobody_is_told_of_one_that_is_gone)
{
	struct op_stamp v = first_version();

	(void)put_on(&dev_a, &v, 1);
	(void)put_on(&dev_b, &v, 2);
	applied(&dev_b, op_delete(F));
	says("");
}
END_TEST

/* ---- deep trees ---- */

#define DEEP 20000u

/* Each goes when what was in it has gone. */
START_TEST(a_deep_tree_that_is_deleted_from_the_top_goes)
{
	struct drive_usage u;
	uint32_t n;

	ck_assert_int_eq(drive_rebuild_begin(f.d), 0);
	for (n = 1; n <= DEEP; n++)
		applied(&dev_a, op_create(n, OP_KIND_DIR));
	for (n = DEEP; n > 0; n--)
		applied(&dev_a, op_place(n, n - 1, "d"));
	ck_assert_uint_ne(fix_find(&f, "d/d/d"), 0);
	for (n = 1; n <= DEEP; n++)
		applied(&dev_a, op_delete(n));
	ck_assert_int_eq(drive_rebuild_end(f.d), 0);
	ck_assert_uint_eq(fix_find(&f, "d"), 0);
	drive_usage(f.d, &u);
	ck_assert_uint_eq(u.inodes, 1);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("beside");
	TCase *t = tcase_create("beside");
	SRunner *r;
	int failed;

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_set_timeout(t, 60);
	tcase_add_test(t, a_link_beside_a_removal_keeps_the_file);
	tcase_add_test(t, a_link_after_a_removal_keeps_the_file);
	tcase_add_test(t, a_link_before_a_removal_keeps_the_file);
	tcase_add_test(t, what_nobody_names_is_gone_at_the_end);
	tcase_add_test(t, a_rebuild_that_was_killed_between_them_starts_over);
	tcase_add_test(t, what_is_gone_gets_no_name);
	tcase_add_test(t, what_is_half_gone_gets_no_name);
	tcase_add_test(t, versions_that_follow_each_other_are_not_told_of);
	tcase_add_test(t, a_file_that_two_wrote_at_once_is_told_of);
	tcase_add_test(t, nobody_is_told_of_one_that_is_gone);
	tcase_add_test(t, a_deep_tree_that_is_deleted_from_the_top_goes);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_ENV);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? 1 : 0;
}
