/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <check.h>
#include <errno.h>

#include "tests/lib/damage.h"
#include "tests/lib/fix_vault.h"
#include "util/buf.h"
#include "vault/op.h"

static struct buf
encoded(const struct op *o)
{
	struct buf b = BUF_INIT(1 << 20);

	ck_assert_int_eq(op_encode(o, &b), 0);
	return b;
}

static int
decode_all(void *arg, const void *p, size_t len)
{
	struct rd r = rd_of(p, len);
	struct op o;
	int e = op_decode(&r, &o);

	(void)arg;
	if (e < 0)
		return e;
	op_done(&o);
	return rd_end(&r);
}

/* What the encoding of o must be refused as, on both sides. */
static void
refused(const struct op *o)
{
	struct buf b = BUF_INIT(1 << 20);

	(void)buf_put_u8(&b, 7);
	ck_assert_int_eq(op_encode(o, &b), -EINVAL);
	ck_assert_uint_eq(b.len, 1);
	ck_assert_int_eq(b.err, 0);
	buf_done(&b);
}

START_TEST(every_op_comes_back_as_the_same_bytes)
{
	struct op_list l = { .n = 0 };
	struct op back;
	struct buf b, again;
	struct rd r;
	size_t i;

	fix_ops(&l);
	for (i = 0; i < l.n; i++) {
		b = encoded(&l.ops[i]);
		ck_assert_uint_eq(b.len, op_size(&l.ops[i]));
		r = rd_of(b.data, b.len);
		ck_assert_int_eq(op_decode(&r, &back), 0);
		ck_assert_int_eq(rd_end(&r), 0);
		ck_assert_uint_eq(back.type, l.ops[i].type);
		again = encoded(&back);
		ck_assert_uint_eq(again.len, b.len);
		ck_assert_mem_eq(again.data, b.data, b.len);
		op_done(&back);
		buf_done(&b);
		buf_done(&again);
	}
	op_list_done(&l);
	ck_assert_uint_eq(l.n, 0);
}
END_TEST

START_TEST(fields_come_back_as_they_were)
{
	struct op_list l = { .n = 0 };
	struct buf b = BUF_INIT(1 << 20);
	struct op o[5];
	struct rd r;
	size_t i;

	fix_ops(&l);
	for (i = 0; i < l.n; i++)
		ck_assert_int_eq(op_encode(&l.ops[i], &b), 0);
	r = rd_of(b.data, b.len);
	for (i = 0; i < 5; i++)
		ck_assert_int_eq(op_decode(&r, &o[i]), 0);
	ck_assert_int_eq(o[0].create.attr.ctime_ns, -3);
	ck_assert_uint_eq(o[0].create.attr.gid, 1001);
	ck_assert_mem_eq(o[1].create.target, "../there", 8);
	ck_assert(vault_id_eq(&o[2].link.inode, &l.ops[2].link.inode));
	ck_assert_uint_eq(o[3].place.name_len, 10);
	ck_assert_mem_eq(o[3].place.name, "na\xc3\xafve.txt", 10);
	for (i = 0; i < 5; i++)
		op_done(&o[i]);
	ck_assert_int_eq(op_decode(&r, &o[0]), 0);
	ck_assert_uint_eq(o[0].put.nparents, 2);
	ck_assert_uint_eq(o[0].put.parents[1].lamport, 6);
	ck_assert_uint_eq(o[0].put.nblocks, 4);
	ck_assert_uint_eq(o[0].put.blocks[2].kind, OP_BLOCK_SHARED);
	ck_assert_uint_eq(o[0].put.blocks[2].from_idx, 9);
	ck_assert_uint_eq(o[0].put.blocks[3].ref.off, 131216);
	ck_assert_uint_eq(o[0].put.blocks[3].ref.pack.n, 1);
	ck_assert_mem_eq(&o[0].put.blocks[3].ref.sha,
	    &l.ops[5].put.blocks[3].ref.sha, VAULT_HASH_LEN);
	op_done(&o[0]);
	buf_done(&b);
	op_list_done(&l);
}
END_TEST

START_TEST(the_frozen_ops_are_still_written_the_same)
{
	struct op_list l = { .n = 0 };
	struct buf b = BUF_INIT(1 << 20);
	size_t i, len;
	void *p = sample_read("v1-ops.bin", &len);

	fix_ops(&l);
	for (i = 0; i < l.n; i++)
		ck_assert_int_eq(op_encode(&l.ops[i], &b), 0);
	ck_assert_uint_eq(b.len, len);
	ck_assert_mem_eq(b.data, p, len);
	free(p);
	buf_done(&b);
	op_list_done(&l);
}
END_TEST

START_TEST(an_op_cut_short_is_refused)
{
	struct op_list l = { .n = 0 };
	struct buf b;
	uint8_t *copy;
	size_t i, n;

	fix_ops(&l);
	for (i = 0; i < l.n; i++) {
		b = encoded(&l.ops[i]);
		for (n = 0; n < b.len; n++) {
			copy = malloc(n ? n : 1);
			ck_assert_ptr_nonnull(copy);
			memcpy(copy, b.data, n);
			ck_assert_int_eq(decode_all(NULL, copy, n), -EPROTO);
			/* The length says less, and so do the fields. */
			if (n >= 6) {
				put_le32(copy + 2, (uint32_t)(n - 6));
				ck_assert_int_eq(decode_all(NULL, copy, n),
				    -EPROTO);
			}
			free(copy);
		}
		buf_done(&b);
	}
	op_list_done(&l);
}
END_TEST

START_TEST(a_byte_too_many_in_an_op_is_refused)
{
	struct op_list l = { .n = 0 };
	struct buf b;
	size_t i;

	fix_ops(&l);
	for (i = 0; i < l.n; i++) {
		b = encoded(&l.ops[i]);
		(void)buf_put_u8(&b, 0);
		put_le32(b.data + 2, (uint32_t)(b.len - 6));
		ck_assert_int_eq(decode_all(NULL, b.data, b.len), -EPROTO);
		buf_done(&b);
	}
	op_list_done(&l);
}
END_TEST

START_TEST(an_unknown_critical_op_stops_the_reader)
{
	static const uint8_t raw[] = { 0x63, 0x80, 1, 0, 0, 0, 5 };

	ck_assert_int_eq(decode_all(NULL, raw, sizeof(raw)),
	    -EPROTONOSUPPORT);
}
END_TEST

START_TEST(an_unknown_op_that_may_be_skipped_is_its_type_only)
{
	static const uint8_t raw[] = { 0x63, 0x00, 1, 0, 0, 0, 5 };
	struct rd r = rd_of(raw, sizeof(raw));
	struct op o;

	ck_assert_int_eq(op_decode(&r, &o), 0);
	ck_assert_uint_eq(o.type, 0x63);
	ck_assert_int_eq(rd_end(&r), 0);
	op_done(&o);
	ck_assert_int_eq(decode_all(NULL, raw, sizeof(raw) - 1), -EPROTO);
}
END_TEST

START_TEST(a_known_op_marked_as_skippable_is_refused)
{
	static const uint8_t raw[] = { 0x09, 0x00, 0, 0, 0, 0 };

	ck_assert_int_eq(decode_all(NULL, raw, sizeof(raw)), -EPROTO);
}
END_TEST

START_TEST(names_that_no_folder_may_hold_are_refused)
{
	static const struct {
		const char *name;
		size_t len;
	} bad[] = {
		{ "", 0 }, { ".", 1 }, { "..", 2 }, { "a/b", 3 },
		{ "a\0b", 3 },
	};
	struct op o = { .type = OP_PLACE, .node = fix_id(1) };
	uint8_t raw[6 + 48 + 1 + 3];
	struct buf b;
	size_t i;

	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		ck_assert(!op_name_valid((const uint8_t *)bad[i].name,
		    bad[i].len));
		memcpy(o.place.name, bad[i].name, bad[i].len);
		o.place.name_len = (uint8_t)bad[i].len;
		refused(&o);
	}
	ck_assert(op_name_valid((const uint8_t *)"...", 3));
	ck_assert(op_name_valid((const uint8_t *)".a", 2));
	/* And on the reader's side. */
	memcpy(o.place.name, "abc", 3);
	o.place.name_len = 3;
	b = encoded(&o);
	ck_assert_uint_eq(b.len, sizeof(raw));
	memcpy(raw, b.data, b.len);
	raw[sizeof(raw) - 2] = '/';
	ck_assert_int_eq(decode_all(NULL, raw, sizeof(raw)), -EPROTO);
	buf_done(&b);
}
END_TEST

START_TEST(creates_that_make_no_sense_are_refused)
{
	struct op o = { .type = OP_CREATE, .node = fix_id(1) };
	uint8_t target[2] = { 'a', 0 };

	o.create.kind = 0;
	refused(&o);
	o.create.kind = OP_KIND_BLOCK + 1;
	refused(&o);
	o.create.kind = OP_KIND_SYMLINK;
	refused(&o);
	o.create.target = target;
	o.create.target_len = 2;
	refused(&o);
	o.create.kind = OP_KIND_FILE;
	o.create.target_len = 1;
	refused(&o);
	o.create.target_len = 0;
	o.create.attr.mask = OP_ATTR_MODE;
	o.create.attr.mode = 010000;
	refused(&o);
	o.create.attr.mask = 0x80;
	refused(&o);
	o.create.attr.mask = 0;
	o.node = fix_id(0);
	refused(&o);
}
END_TEST

START_TEST(devices_have_numbers_as_linux_has_them)
{
	struct op o = { .type = OP_CREATE, .node = fix_id(1) };
	uint8_t target[OP_DEVICE_LEN + 1] = { 0 };
	uint32_t maj, min;
	struct op back;
	struct buf b;
	struct rd r;

	o.create.kind = OP_KIND_BLOCK;
	o.create.target = target;
	refused(&o);
	o.create.target_len = OP_DEVICE_LEN + 1;
	refused(&o);
	o.create.target_len = OP_DEVICE_LEN;
	op_device_put(target, OP_MAJOR_MAX + 1, 0);
	refused(&o);
	op_device_put(target, 0, OP_MINOR_MAX + 1);
	refused(&o);
	op_device_put(target, OP_MAJOR_MAX, OP_MINOR_MAX);
	b = encoded(&o);
	r = rd_of(b.data, b.len);
	ck_assert_int_eq(op_decode(&r, &back), 0);
	ck_assert_uint_eq(back.create.target_len, OP_DEVICE_LEN);
	op_device_get(back.create.target, &maj, &min);
	ck_assert_uint_eq(maj, OP_MAJOR_MAX);
	ck_assert_uint_eq(min, OP_MINOR_MAX);
	op_done(&back);
	buf_done(&b);
	o.create.kind = OP_KIND_SOCK;
	refused(&o);
}
END_TEST

START_TEST(puts_that_make_no_sense_are_refused)
{
	struct op_block b[2];
	struct op_page g = { .first_idx = 1, .ref = fix_ref(1, 0, 10) };
	struct op o = { .type = OP_PUT, .node = fix_id(1) };
	uint8_t data[VAULT_INLINE_MAX + 1] = { 0 };

	o.put.size = ((uint64_t)1 << 60) + 1;
	refused(&o);
	o.put.size = 10;
	o.put.trunc = 11;
	refused(&o);
	o.put.trunc = 10;
	o.put.nparents = 65;
	refused(&o);
	o.put.nparents = 0;
	o.put.is_inline = true;
	o.put.data = data;
	o.put.data_len = 9;
	refused(&o);
	o.put.size = o.put.data_len = sizeof(data);
	refused(&o);
	o.put.is_inline = false;
	o.put.data_len = 0;

	memset(b, 0, sizeof(b));
	o.put.size = 2 * VAULT_BLOCK_SIZE;
	o.put.blocks = b;
	o.put.nblocks = 2;
	b[0].kind = OP_BLOCK_DATA;
	b[0].ref = fix_ref(1, 0, 10);
	b[0].idx = b[1].idx = 1;
	refused(&o);		/* not ascending */
	b[1].idx = 2;
	b[1].kind = 3;
	refused(&o);		/* no such kind */
	b[1].kind = OP_BLOCK_DATA;
	b[1].ref = fix_ref(1, 0, 10);
	refused(&o);		/* behind the end */
	b[1].kind = OP_BLOCK_HOLE;
	b[0].ref.len = 0;
	refused(&o);
	b[0].ref.len = VAULT_BLOCK_SIZE + 1;
	refused(&o);
	b[0].ref.len = 10;
	b[0].ref.off = VAULT_PACK_MAX - 49;
	refused(&o);		/* leaves the pack */
	b[0].ref.off = UINT32_MAX;
	refused(&o);
	b[0].ref.off = VAULT_PACK_MAX - 50;
	ck_assert_uint_gt(op_size(&o), 0);
	o.put.pages = &g;
	o.put.npages = 1;
	refused(&o);		/* both lists */
}
END_TEST

START_TEST(other_ops_that_make_no_sense_are_refused)
{
	struct op o = { .type = OP_LINK, .node = fix_id(1) };

	o.link.inode = fix_id(1);
	refused(&o);
	o.link.inode = fix_id(0);
	refused(&o);
	o = (struct op){ .type = OP_ATTR, .node = fix_id(1) };
	refused(&o);
	o = (struct op){ .type = OP_XATTR, .node = fix_id(1) };
	refused(&o);
	o.xattr.name_len = 1;
	refused(&o);		/* NUL in the name */
	o.xattr.name[0] = 'a';
	o.xattr.value_len = VAULT_XATTR_MAX + 1;
	refused(&o);
	o = (struct op){ .type = 10 };
	refused(&o);
	o = (struct op){ .type = 0 };
	refused(&o);
}
END_TEST

START_TEST(a_full_manifest_page_of_the_longest_entries_fits_a_block)
{
	struct op_block *b = calloc(VAULT_MANIFEST_MAX, sizeof(*b)), *back;
	struct buf out = BUF_INIT(VAULT_BLOCK_SIZE);
	size_t i, n;

	ck_assert_ptr_nonnull(b);
	for (i = 0; i < VAULT_MANIFEST_MAX; i++) {
		b[i].idx = 3 * i;
		b[i].kind = OP_BLOCK_SHARED;
		b[i].ref = fix_ref(1, 104, 5);
		b[i].ref.pack.n = i;
		b[i].from = fix_id(2);
	}
	ck_assert_int_eq(op_blocks_encode(b, VAULT_MANIFEST_MAX, &out), 0);
	ck_assert_int_eq(op_blocks_decode(out.data, out.len, &back, &n), 0);
	ck_assert_uint_eq(n, VAULT_MANIFEST_MAX);
	for (i = 0; i < n; i++)
		ck_assert_uint_eq(back[i].ref.pack.n, i);
	free(back);
	ck_assert_int_eq(op_blocks_encode(b, VAULT_MANIFEST_MAX + 1, &out),
	    -EINVAL);
	ck_assert_int_eq(op_blocks_decode(out.data, out.len - 1, &back, &n),
	    -EPROTO);
	buf_done(&out);
	free(b);
}
END_TEST

START_TEST(a_block_in_a_list_costs_about_fifty_bytes)
{
	struct op_block b[VAULT_LIST_MAX];
	struct op o = { .type = OP_PUT, .node = fix_id(1) };
	size_t i, one;

	memset(b, 0, sizeof(b));
	for (i = 0; i < VAULT_LIST_MAX; i++) {
		b[i].idx = i;
		b[i].kind = OP_BLOCK_DATA;
		b[i].ref = fix_ref(1, (uint32_t)(i * 131112), 131072);
	}
	o.put.size = VAULT_LIST_MAX * (uint64_t)VAULT_BLOCK_SIZE;
	o.put.blocks = b;
	o.put.nblocks = 1;
	/* 64 whole blocks are more than one pack holds, but not by number. */
	for (i = 0; i < VAULT_LIST_MAX; i++)
		b[i].ref.off = (uint32_t)(i * 1000);
	one = op_size(&o);
	o.put.nblocks = VAULT_LIST_MAX;
	ck_assert_uint_eq(op_size(&o) - one, (VAULT_LIST_MAX - 1) * 51);
}
END_TEST

START_TEST(a_pack_table_out_of_order_or_with_spare_packs_is_refused)
{
	struct op_put p = { .size = 0 };
	struct buf out = BUF_INIT(VAULT_BLOCK_SIZE);
	struct op_block *back;
	uint8_t *one;
	size_t n;

	fix_blocks(&p);
	ck_assert_int_eq(op_blocks_encode(p.blocks, p.nblocks, &out), 0);
	/* Count u32, packs u16, two packs, entry: index u64, kind, pack. */
	one = out.data + 4 + 2 + 2 * 28 + 9;
	ck_assert_uint_eq(get_le16(one), 0);
	put_le16(one, 1);
	ck_assert_int_eq(op_blocks_decode(out.data, out.len, &back, &n),
	    -EPROTO);
	put_le16(one, 0);
	ck_assert_int_eq(op_blocks_decode(out.data, out.len, &back, &n), 0);
	free(back);
	/* The same pack twice. */
	memcpy(out.data + 6 + 28, out.data + 6, 28);
	ck_assert_int_eq(op_blocks_decode(out.data, out.len, &back, &n),
	    -EPROTO);
	out.len = 4 + 2 + 2 * 28;
	put_le32(out.data, 0);
	ck_assert_int_eq(op_blocks_decode(out.data, out.len, &back, &n),
	    -EPROTO);
	buf_done(&out);
	free(p.blocks);
}
END_TEST

START_TEST(a_count_without_content_allocates_nothing)
{
	static const uint8_t raw[] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };
	struct op_block *back;
	size_t n;

	ck_assert_int_eq(op_blocks_decode(raw, sizeof(raw), &back, &n),
	    -EPROTO);
}
END_TEST

START_TEST(an_op_over_the_buffer_leaves_it_as_it_was)
{
	struct op_list l = { .n = 0 };
	struct buf b = BUF_INIT(100);

	fix_ops(&l);
	(void)buf_put_u8(&b, 1);
	ck_assert_int_eq(op_encode(&l.ops[0], &b), -EFBIG);
	ck_assert_uint_eq(b.len, 1);
	buf_done(&b);
	op_list_done(&l);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("op");
	TCase *t = tcase_create("op");
	SRunner *r;
	int failed;

	tcase_add_test(t, every_op_comes_back_as_the_same_bytes);
	tcase_add_test(t, fields_come_back_as_they_were);
	tcase_add_test(t, the_frozen_ops_are_still_written_the_same);
	tcase_add_test(t, an_op_cut_short_is_refused);
	tcase_add_test(t, a_byte_too_many_in_an_op_is_refused);
	tcase_add_test(t, an_unknown_critical_op_stops_the_reader);
	tcase_add_test(t,
	    an_unknown_op_that_may_be_skipped_is_its_type_only);
	tcase_add_test(t, a_known_op_marked_as_skippable_is_refused);
	tcase_add_test(t, names_that_no_folder_may_hold_are_refused);
	tcase_add_test(t, creates_that_make_no_sense_are_refused);
	tcase_add_test(t, devices_have_numbers_as_linux_has_them);
	tcase_add_test(t, puts_that_make_no_sense_are_refused);
	tcase_add_test(t, other_ops_that_make_no_sense_are_refused);
	tcase_add_test(t,
	    a_full_manifest_page_of_the_longest_entries_fits_a_block);
	tcase_add_test(t, a_block_in_a_list_costs_about_fifty_bytes);
	tcase_add_test(t,
	    a_pack_table_out_of_order_or_with_spare_packs_is_refused);
	tcase_add_test(t, a_count_without_content_allocates_nothing);
	tcase_add_test(t, an_op_over_the_buffer_leaves_it_as_it_was);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_ENV);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}
