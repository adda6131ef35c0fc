/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <check.h>
#include <errno.h>

#include "tests/lib/damage.h"
#include "tests/lib/fix_vault.h"
#include "util/buf.h"
#include "vault/envelope.h"

static struct vault_keys *us, *peer;

static void
setup(void)
{
	us = fix_keys(0xa1);
	peer = fix_keys(0xb2);
}

static void
teardown(void)
{
	vault_keys_free(us);
	vault_keys_free(peer);
}

static struct buf
sealed(const struct segment *s, uint8_t *hash)
{
	struct buf b = BUF_INIT(2 << 20);

	ck_assert_int_eq(segment_seal(us, s, &b, hash), 0);
	return b;
}

/* Opened by the other device, as segment seq after prev. */
static int
open_as(const void *p, size_t len, uint64_t seq, const uint8_t *prev,
    struct segment *ret)
{
	uint8_t hash[VAULT_HASH_LEN];

	return segment_open(peer, &us->self, seq, prev, p, len, ret, hash);
}

static int
open_seven(void *arg, const void *p, size_t len)
{
	struct segment s;
	int r = open_as(p, len, 7, NULL, &s);

	(void)arg;
	if (r == 0)
		segment_done(&s);
	return r;
}

static int
open_head(void *arg, const void *p, size_t len)
{
	struct vault_head h;

	(void)arg;
	return head_open(peer, &us->self, p, len, &h);
}

/* A body sealed as it is: what a device with our keys could send. */
static int
open_body(const struct buf *body)
{
	struct buf b = BUF_INIT(4 << 20);
	uint8_t hash[VAULT_HASH_LEN];
	struct aead *key;
	int r;

	ck_assert_int_eq(vault_type_key(us, VAULT_SEGMENT, &key), 0);
	ck_assert_int_eq(envelope_seal(us, VAULT_SEGMENT, 7, NULL, key,
	    body->data, body->len, &b, hash), 0);
	aead_free(key);
	r = open_seven(NULL, b.data, b.len);
	buf_done(&b);
	return r;
}

static void
same_ops(const struct op_list *a, const struct op_list *b)
{
	struct buf x = BUF_INIT(1 << 20), y = BUF_INIT(1 << 20);
	size_t i;

	ck_assert_uint_eq(a->n, b->n);
	for (i = 0; i < a->n; i++) {
		ck_assert_int_eq(op_encode(&a->ops[i], &x), 0);
		ck_assert_int_eq(op_encode(&b->ops[i], &y), 0);
	}
	ck_assert_uint_eq(x.len, y.len);
	ck_assert_mem_eq(x.data, y.data, x.len);
	buf_done(&x);
	buf_done(&y);
}

static void
is_the_sample(const void *p, size_t len)
{
	struct segment s, want;

	fix_segment(us, &want);
	ck_assert_int_eq(open_as(p, len, 7, want.prev, &s), 0);
	ck_assert_uint_eq(s.seq, 7);
	ck_assert_mem_eq(s.prev, want.prev, VAULT_HASH_LEN);
	ck_assert(vault_id_eq(&s.dev, &us->self.id));
	ck_assert_uint_eq(s.first_op, 21);
	ck_assert_uint_eq(s.lamport, 1000);
	ck_assert_int_eq(s.wall_ns, want.wall_ns);
	ck_assert_uint_eq(s.nseen, 2);
	ck_assert_mem_eq(s.seen, want.seen, 2 * sizeof(*s.seen));
	same_ops(&s.ops, &want.ops);
	ck_assert_uint_eq(s.ops.ops[3].lamport, 1003);
	ck_assert_uint_eq(s.ops.ops[3].seq, 24);
	segment_done(&s);
	segment_done(&want);
}

START_TEST(a_segment_comes_back_as_it_was)
{
	uint8_t hash[VAULT_HASH_LEN], prev[VAULT_HASH_LEN], h[VAULT_HASH_LEN];
	struct segment s;
	struct buf b;

	fix_segment(us, &s);
	b = sealed(&s, hash);
	is_the_sample(b.data, b.len);
	sha256(b.data, b.len, h);
	ck_assert_mem_eq(h, hash, VAULT_HASH_LEN);
	ck_assert_int_eq(segment_peek_prev(b.data, b.len, prev), 0);
	ck_assert_mem_eq(prev, s.prev, VAULT_HASH_LEN);
	buf_done(&b);
	segment_done(&s);
}
END_TEST

START_TEST(the_frozen_segment_opens)
{
	size_t len;
	void *p = sample_read("v1-segment.bin", &len);

	is_the_sample(p, len);
	free(p);
}
END_TEST

START_TEST(any_damage_to_a_segment_is_seen)
{
	uint8_t hash[VAULT_HASH_LEN];
	struct segment s;
	struct buf b;

	fix_segment(us, &s);
	b = sealed(&s, hash);
	damage_check(open_seven, NULL, b.data, b.len);
	buf_done(&b);
	segment_done(&s);
}
END_TEST

START_TEST(a_segment_in_another_place_is_refused)
{
	uint8_t hash[VAULT_HASH_LEN], other[VAULT_HASH_LEN] = { 1 };
	struct segment s, o;
	struct buf b;

	fix_segment(us, &s);
	b = sealed(&s, hash);
	ck_assert_int_eq(open_as(b.data, b.len, 8, NULL, &o), -EBADMSG);
	ck_assert_int_eq(open_as(b.data, b.len, 7, other, &o), -EBADMSG);
	/* Number one has no predecessor. */
	s.seq = 1;
	buf_done(&b);
	b = sealed(&s, hash);
	ck_assert_int_eq(open_as(b.data, b.len, 1, NULL, &o), -EBADMSG);
	buf_done(&b);
	segment_done(&s);
}
END_TEST

START_TEST(a_segment_of_another_device_drive_or_epoch_is_refused)
{
	uint8_t hash[VAULT_HASH_LEN];
	struct segment s, o;
	struct buf b;

	fix_segment(us, &s);
	b = sealed(&s, hash);
	ck_assert_int_eq(segment_open(us, &peer->self, 7, NULL, b.data,
	    b.len, &o, hash), -EBADMSG);
	peer->drive.b[0] ^= 1;
	ck_assert_int_eq(open_as(b.data, b.len, 7, NULL, &o), -EBADMSG);
	peer->drive.b[0] ^= 1;
	peer->epoch_secret[0] ^= 1;
	ck_assert_int_eq(open_as(b.data, b.len, 7, NULL, &o), -EBADMSG);
	peer->epoch_secret[0] ^= 1;
	peer->epoch = 2;
	ck_assert_int_eq(open_as(b.data, b.len, 7, NULL, &o), -ENOKEY);
	buf_done(&b);
	segment_done(&s);
}
END_TEST

START_TEST(sizes_are_those_of_the_classes)
{
	static const size_t classes[] = { 4096, 16384, 65536, 262144,
		1048576 };
	uint8_t hash[VAULT_HASH_LEN];
	struct segment s;
	struct buf b;
	struct op *o;
	size_t i, k = 0, n, body;

	fix_segment(us, &s);
	for (n = 0; n < 16; n++) {
		b = sealed(&s, hash);
		body = b.len - ENVELOPE_CLEAR_OVERHEAD;
		for (i = 0; i < 5 && classes[i] != body; i++)
			continue;
		ck_assert_uint_lt(i, 5);
		ck_assert_uint_ge(i, k);
		k = i;
		buf_done(&b);
		o = fix_op(&s.ops, OP_XATTR, 0x11);
		memset(o->xattr.name, 'x', 9);
		o->xattr.name_len = 9;
		o->xattr.value = calloc(1, VAULT_XATTR_MAX);
		ck_assert_ptr_nonnull(o->xattr.value);
		o->xattr.value_len = VAULT_XATTR_MAX;
		if (n < 2)
			o->xattr.value_len = 4000;
	}
	ck_assert_uint_eq(k, 4);
	segment_done(&s);
}
END_TEST

START_TEST(too_many_ops_for_a_segment_are_efbig)
{
	uint8_t hash[VAULT_HASH_LEN];
	struct buf b = BUF_INIT(4 << 20);
	struct segment s;
	struct op *o;
	int i;

	fix_segment(us, &s);
	for (i = 0; i < 17; i++) {
		o = fix_op(&s.ops, OP_XATTR, 0x11);
		o->xattr.name[0] = 'x';
		o->xattr.name_len = 1;
		o->xattr.value = calloc(1, VAULT_XATTR_MAX);
		ck_assert_ptr_nonnull(o->xattr.value);
		o->xattr.value_len = VAULT_XATTR_MAX;
	}
	ck_assert_int_eq(segment_seal(us, &s, &b, hash), -EFBIG);
	ck_assert_uint_eq(b.len, 0);
	segment_done(&s);
	buf_done(&b);
}
END_TEST

START_TEST(a_writer_cannot_date_its_ops_back)
{
	uint8_t hash[VAULT_HASH_LEN];
	struct buf b = BUF_INIT(4 << 20), body = BUF_INIT(1 << 20);
	struct segment s;

	fix_segment(us, &s);
	s.lamport = 999;	/* of an op that it says it has seen */
	ck_assert_int_eq(segment_seal(us, &s, &b, hash), -EINVAL);
	/* One that was made nevertheless. */
	(void)buf_put_u64(&body, 999);
	(void)buf_put_u64(&body, 21);
	(void)buf_put_u64(&body, 0);
	(void)buf_put_u16(&body, 1);
	(void)buf_put(&body, s.seen[0].dev.b, VAULT_ID_LEN);
	(void)buf_put_u64(&body, 3);
	(void)buf_put_zero(&body, VAULT_HASH_LEN);
	(void)buf_put_u64(&body, 8);
	(void)buf_put_u64(&body, 999);
	(void)buf_put_u32(&body, 1);
	(void)op_encode(&s.ops.ops[s.ops.n - 1], &body);
	ck_assert_int_eq(open_body(&body), -EPROTO);
	body.data[0] = 0xe8;	/* 1000 */
	ck_assert_int_eq(open_body(&body), 0);
	/* Padding is zeros. */
	(void)buf_put_zero(&body, 9);
	ck_assert_int_eq(open_body(&body), 0);
	body.data[body.len - 5] = 1;
	ck_assert_int_eq(open_body(&body), -EPROTO);
	buf_done(&b);
	buf_done(&body);
	segment_done(&s);
}
END_TEST

START_TEST(an_unknown_critical_op_makes_the_segment_unsupported)
{
	static const uint8_t raw[] = { 0x63, 0x80, 0, 0, 0, 0 };
	struct buf body = BUF_INIT(1 << 20);

	(void)buf_put_u64(&body, 1);
	(void)buf_put_u64(&body, 1);
	(void)buf_put_u64(&body, 0);
	(void)buf_put_u16(&body, 0);
	(void)buf_put_u32(&body, 1);
	(void)buf_put(&body, raw, sizeof(raw));
	ck_assert_int_eq(open_body(&body), -EPROTONOSUPPORT);
	body.data[body.len - 5] = 0;
	ck_assert_int_eq(open_body(&body), 0);
	buf_done(&body);
}
END_TEST

START_TEST(a_device_is_in_the_seen_list_once_and_never_itself)
{
	uint8_t hash[VAULT_HASH_LEN];
	struct buf b = BUF_INIT(4 << 20);
	struct segment s, o;

	fix_segment(us, &s);
	s.seen[1].dev = s.seen[0].dev;
	ck_assert_int_eq(segment_seal(us, &s, &b, hash), -EINVAL);
	/* Itself is left out, the rest is sorted. */
	s.seen[0].dev = fix_id(0xc3);
	s.seen[1].dev = us->self.id;
	s.seen[1].lamport = 5000;
	ck_assert_int_eq(segment_seal(us, &s, &b, hash), 0);
	ck_assert_int_eq(open_as(b.data, b.len, 7, NULL, &o), 0);
	ck_assert_uint_eq(o.nseen, 1);
	ck_assert(vault_id_eq(&o.seen[0].dev, &s.seen[0].dev));
	segment_done(&o);
	segment_done(&s);
	buf_done(&b);
}
END_TEST

START_TEST(an_empty_segment_and_a_foreign_one_are_not_made)
{
	uint8_t hash[VAULT_HASH_LEN];
	struct buf b = BUF_INIT(4 << 20);
	struct segment s;

	fix_segment(us, &s);
	ck_assert_int_eq(segment_seal(peer, &s, &b, hash), -EINVAL);
	op_list_done(&s.ops);
	ck_assert_int_eq(segment_seal(us, &s, &b, hash), -EINVAL);
	segment_done(&s);
	buf_done(&b);
}
END_TEST

static void
is_the_head(const void *p, size_t len)
{
	struct vault_head h, want;

	fix_head(&want);
	ck_assert_int_eq(head_open(peer, &us->self, p, len, &h), 0);
	ck_assert_mem_eq(&h, &want, sizeof(h));
}

START_TEST(a_head_comes_back_and_any_damage_is_seen)
{
	struct buf b = BUF_INIT(4096);
	struct vault_head h;

	fix_head(&h);
	ck_assert_int_eq(head_seal(us, &h, &b), 0);
	is_the_head(b.data, b.len);
	damage_check(open_head, NULL, b.data, b.len);
	buf_done(&b);
}
END_TEST

START_TEST(the_frozen_head_opens)
{
	size_t len;
	void *p = sample_read("v1-head.bin", &len);

	is_the_head(p, len);
	free(p);
}
END_TEST

START_TEST(an_object_is_not_taken_for_one_of_another_type)
{
	struct buf b = BUF_INIT(1 << 20);
	struct vault_head h;
	struct segment s;
	size_t len;
	void *p = sample_read("v1-segment.bin", &len);

	ck_assert_int_lt(head_open(peer, &us->self, p, len, &h), 0);
	free(p);
	fix_head(&h);
	ck_assert_int_eq(head_seal(us, &h, &b), 0);
	ck_assert_int_eq(open_as(b.data, b.len, 7, NULL, &s), -EBADMSG);
	ck_assert_int_eq(segment_peek_prev(b.data, b.len, h.hash), -EBADMSG);
	buf_done(&b);
	p = sample_read("v1-page.bin", &len);
	ck_assert_int_eq(open_as(p, len, 3, NULL, &s), -EBADMSG);
	free(p);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("segment");
	TCase *t = tcase_create("segment");
	SRunner *r;
	int failed;

	tcase_set_timeout(t, 120);
	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, a_segment_comes_back_as_it_was);
	tcase_add_test(t, the_frozen_segment_opens);
	tcase_add_test(t, any_damage_to_a_segment_is_seen);
	tcase_add_test(t, a_segment_in_another_place_is_refused);
	tcase_add_test(t,
	    a_segment_of_another_device_drive_or_epoch_is_refused);
	tcase_add_test(t, sizes_are_those_of_the_classes);
	tcase_add_test(t, too_many_ops_for_a_segment_are_efbig);
	tcase_add_test(t, a_writer_cannot_date_its_ops_back);
	tcase_add_test(t,
	    an_unknown_critical_op_makes_the_segment_unsupported);
	tcase_add_test(t, a_device_is_in_the_seen_list_once_and_never_itself);
	tcase_add_test(t, an_empty_segment_and_a_foreign_one_are_not_made);
	tcase_add_test(t, a_head_comes_back_and_any_damage_is_seen);
	tcase_add_test(t, the_frozen_head_opens);
	tcase_add_test(t, an_object_is_not_taken_for_one_of_another_type);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_ENV);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}
