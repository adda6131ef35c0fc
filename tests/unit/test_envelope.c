/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "vault/envelope.h"

#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "crypto/crypto.h"
#include "util/buf.h"

#define MAX 4096
#define BODY "the body of this object"
#define BODY_LEN (sizeof(BODY) - 1)

static struct vault_keys *keys;
static uint8_t prev[VAULT_HASH_LEN] = { 1, 2, 3 };

static void
setup(void)
{
	struct vault_birth b;

	ck_assert_int_eq(vault_create("host", &keys, &b), 0);
	vault_birth_done(&b);
}

static void
teardown(void)
{
	vault_keys_free(keys);
	keys = NULL;
}

/* Genesis, chain and grant have clear bodies. */
static struct aead *
key_of(enum vault_type t)
{
	struct aead *a = NULL;

	if (t > VAULT_GRANT)
		ck_assert_int_eq(vault_type_key(keys, t, &a), 0);
	return a;
}

static struct buf
sealed(enum vault_type t, uint8_t *hash)
{
	struct buf b = BUF_INIT(MAX);
	struct aead *a = key_of(t);

	ck_assert_int_eq(envelope_seal(keys, t, 42, prev, a, BODY, BODY_LEN,
	    &b, hash), 0);
	aead_free(a);
	return b;
}

static int
opened(enum vault_type t, const struct buf *b, struct buf *body)
{
	struct aead *a = key_of(t);
	struct envelope e;
	int r;

	r = envelope_open(keys, &keys->self, t, a, b->data, b->len, MAX, &e,
	    body, NULL);
	aead_free(a);
	return r;
}

/* Put a right signature under a changed object. */
static void
sign_again(struct buf *b, enum vault_type t)
{
	ck_assert_int_eq(sign_make(keys->sign_seed, envelope_label(t),
	    b->data, b->len - 64, b->data + b->len - 64), 0);
}

START_TEST(what_was_sealed_opens_with_its_place_and_hash)
{
	uint8_t hash[32], hash2[32], want[32];
	struct buf body = BUF_INIT(MAX);
	struct envelope e;
	struct aead *a;
	struct buf b;
	int t;

	for (t = VAULT_GENESIS; t <= VAULT_ROOT; t++) {
		b = sealed((enum vault_type)t, hash);
		ck_assert_uint_eq(b.len, BODY_LEN + (t > VAULT_GRANT ?
		    ENVELOPE_OVERHEAD : ENVELOPE_CLEAR_OVERHEAD));
		a = key_of((enum vault_type)t);
		ck_assert_int_eq(envelope_open(keys, &keys->self,
		    (enum vault_type)t, a, b.data, b.len, MAX, &e, &body,
		    hash2), 0);
		ck_assert_uint_eq(body.len, BODY_LEN);
		ck_assert_mem_eq(body.data, BODY, BODY_LEN);
		ck_assert_uint_eq(e.seq, 42);
		ck_assert_mem_eq(e.prev, prev, 32);
		sha256(b.data, b.len, want);
		ck_assert_mem_eq(hash, want, 32);
		ck_assert_mem_eq(hash2, want, 32);
		aead_free(a);
		buf_done(&body);
		buf_done(&b);
	}
}
END_TEST

START_TEST(a_sealed_body_is_not_readable_and_never_the_same)
{
	struct buf a = sealed(VAULT_SEGMENT, NULL);
	struct buf b = sealed(VAULT_SEGMENT, NULL);

	ck_assert_ptr_null(memmem(a.data, a.len, "body", 4));
	ck_assert_mem_ne(a.data + ENVELOPE_HEADER_LEN,
	    b.data + ENVELOPE_HEADER_LEN, BODY_LEN);
	buf_done(&a);
	buf_done(&b);
}
END_TEST

START_TEST(every_flipped_bit_is_refused)
{
	struct buf body = BUF_INIT(MAX), b;
	size_t i;
	int t, r;

	for (t = VAULT_GENESIS; t <= VAULT_ROOT; t++) {
		b = sealed((enum vault_type)t, NULL);
		for (i = 0; i < b.len * 8; i++) {
			b.data[i / 8] ^= (uint8_t)(1 << i % 8);
			r = opened((enum vault_type)t, &b, &body);
			ck_assert_int_eq(r, -EBADMSG);
			ck_assert_uint_eq(body.len, 0);
			b.data[i / 8] ^= (uint8_t)(1 << i % 8);
		}
		ck_assert_int_eq(opened((enum vault_type)t, &b, &body), 0);
		buf_done(&body);
		buf_done(&b);
	}
}
END_TEST

START_TEST(every_other_length_is_refused)
{
	struct buf b = sealed(VAULT_SEGMENT, NULL), body = BUF_INIT(MAX);
	size_t len = b.len;

	for (b.len = 0; b.len < len; b.len++)
		ck_assert_int_eq(opened(VAULT_SEGMENT, &b, &body), -EBADMSG);
	(void)buf_put_u8(&b, 0);
	ck_assert_int_eq(opened(VAULT_SEGMENT, &b, &body), -EBADMSG);
	buf_done(&b);
	buf_done(&body);
}
END_TEST

START_TEST(what_is_too_long_is_refused_before_anything_else)
{
	struct buf b = sealed(VAULT_SEGMENT, NULL);
	struct envelope e;

	ck_assert_int_eq(envelope_verify(keys, &keys->self, VAULT_SEGMENT,
	    b.data, b.len, b.len - 1, &e, NULL), -EFBIG);
	memset(b.data, 0, b.len);
	ck_assert_int_eq(envelope_verify(keys, &keys->self, VAULT_SEGMENT,
	    b.data, b.len, b.len - 1, &e, NULL), -EFBIG);
	buf_done(&b);
}
END_TEST

/* Neither as it is, nor if its author calls it something else: the key of
 * the body depends on the type, too. */
START_TEST(no_object_passes_for_one_of_another_type)
{
	struct buf body = BUF_INIT(MAX), b;
	int t, u;

	for (t = VAULT_GENESIS; t <= VAULT_ROOT; t++) {
		for (u = VAULT_GENESIS; u <= VAULT_ROOT; u++) {
			if (t == u)
				continue;
			b = sealed((enum vault_type)t, NULL);
			ck_assert_int_eq(opened((enum vault_type)u, &b,
			    &body), -EBADMSG);
			b.data[4] = (uint8_t)u;
			ck_assert_int_eq(opened((enum vault_type)u, &b,
			    &body), -EBADMSG);
			if (t > VAULT_GRANT && u > VAULT_GRANT) {
				sign_again(&b, (enum vault_type)u);
				ck_assert_int_eq(opened((enum vault_type)u,
				    &b, &body), -EBADMSG);
			}
			ck_assert_uint_eq(body.len, 0);
			buf_done(&b);
		}
	}
	buf_done(&body);
}
END_TEST

START_TEST(another_drive_realm_or_author_is_refused)
{
	struct buf b = sealed(VAULT_SEGMENT, NULL), body = BUF_INIT(MAX);
	struct vault_device d = keys->self;
	struct envelope e;

	keys->drive.b[0] ^= 1;
	ck_assert_int_eq(opened(VAULT_SEGMENT, &b, &body), -EBADMSG);
	keys->drive.b[0] ^= 1;
	keys->rtag.b[0] ^= 1;
	ck_assert_int_eq(opened(VAULT_SEGMENT, &b, &body), -EBADMSG);
	keys->rtag.b[0] ^= 1;
	d.id.b[0] ^= 1;
	ck_assert_int_eq(envelope_verify(keys, &d, VAULT_SEGMENT, b.data,
	    b.len, MAX, &e, NULL), -EBADMSG);
	d.id.b[0] ^= 1;
	d.sign_pub[0] ^= 1;
	ck_assert_int_ne(envelope_verify(keys, &d, VAULT_SEGMENT, b.data,
	    b.len, MAX, &e, NULL), 0);
	ck_assert_int_eq(opened(VAULT_SEGMENT, &b, &body), 0);
	buf_done(&b);
	buf_done(&body);
}
END_TEST

START_TEST(another_epoch_is_told_from_a_forgery)
{
	struct buf b = sealed(VAULT_SEGMENT, NULL), body = BUF_INIT(MAX);

	keys->epoch = 2;
	ck_assert_int_eq(opened(VAULT_SEGMENT, &b, &body), -ENOKEY);
	b.data[200] ^= 1;
	ck_assert_int_eq(opened(VAULT_SEGMENT, &b, &body), -EBADMSG);
	buf_done(&b);
	buf_done(&body);
}
END_TEST

START_TEST(newer_and_older_suites_and_formats_are_refused)
{
	static const struct {
		size_t at;
		uint8_t value;
		int want;
	} v[] = {
		{ 5, 0, -EPROTONOSUPPORT },	/* suite */
		{ 5, 2, -EPROTONOSUPPORT },
		{ 6, 1, -EPROTONOSUPPORT },	/* flags */
		{ 7, 0x80, -EPROTONOSUPPORT },
		{ 8, 0, -EPROTONOSUPPORT },	/* major */
		{ 8, 2, -EPROTONOSUPPORT },
		{ 10, 7, 0 },			/* minor */
	};
	struct envelope e;
	struct buf b;
	size_t i;

	for (i = 0; i < sizeof(v) / sizeof(v[0]); i++) {
		/* Sign what a newer version might have written. */
		b = sealed(VAULT_GRANT, NULL);
		b.data[v[i].at] = v[i].value;
		sign_again(&b, VAULT_GRANT);
		ck_assert_int_eq(envelope_verify(keys, &keys->self,
		    VAULT_GRANT, b.data, b.len, MAX, &e, NULL), v[i].want);
		buf_done(&b);
	}
}
END_TEST

START_TEST(what_is_refused_leaves_the_results_alone)
{
	struct buf b = sealed(VAULT_HEAD, NULL), body = BUF_INIT(MAX);
	uint8_t hash[32] = { 9 };
	struct envelope e = { .seq = 77 };
	struct aead *a = key_of(VAULT_HEAD);

	(void)buf_put(&body, "x", 1);
	b.data[130] ^= 1;
	sign_again(&b, VAULT_HEAD);
	ck_assert_int_eq(envelope_open(keys, &keys->self, VAULT_HEAD, a,
	    b.data, b.len, MAX, &e, &body, hash), -EBADMSG);
	ck_assert_uint_eq(e.seq, 77);
	ck_assert_int_eq(hash[0], 9);
	ck_assert_uint_eq(body.len, 1);
	aead_free(a);
	buf_done(&b);
	buf_done(&body);
}
END_TEST

START_TEST(a_body_does_not_outgrow_its_buffer)
{
	struct buf b = sealed(VAULT_HEAD, NULL), body = BUF_INIT(BODY_LEN - 1);
	struct buf tight = BUF_INIT(100);

	ck_assert_int_eq(opened(VAULT_HEAD, &b, &body), -EFBIG);
	ck_assert_int_eq(envelope_seal(keys, VAULT_GRANT, 1, NULL, NULL, BODY,
	    BODY_LEN, &tight, NULL), -EFBIG);
	ck_assert_uint_eq(tight.len, 0);
	buf_done(&b);
	buf_done(&body);
	buf_done(&tight);
}
END_TEST

START_TEST(an_author_tag_does_not_tell_the_device)
{
	struct vault_tag chain, grant, segment;

	envelope_author_tag(keys, VAULT_CHAIN, &keys->self.id, &chain);
	envelope_author_tag(keys, VAULT_GRANT, &keys->self.id, &grant);
	envelope_author_tag(keys, VAULT_SEGMENT, &keys->self.id, &segment);
	ck_assert_mem_ne(chain.b, grant.b, VAULT_TAG_LEN);
	ck_assert_mem_ne(chain.b, segment.b, VAULT_TAG_LEN);
	ck_assert_mem_ne(grant.b, segment.b, VAULT_TAG_LEN);
	ck_assert_mem_eq(segment.b, keys->dtag.b, VAULT_TAG_LEN);
}
END_TEST

START_TEST(no_label_is_used_twice)
{
	int i, j;

	for (i = 0; i < PURPOSE_MAX; i++) {
		ck_assert_ptr_nonnull(vault_purpose_label(
		    (enum vault_purpose)i));
		for (j = 0; j < i; j++)
			ck_assert_str_ne(
			    vault_purpose_label((enum vault_purpose)i),
			    vault_purpose_label((enum vault_purpose)j));
		for (j = VAULT_GENESIS; j <= VAULT_ROOT; j++)
			ck_assert_str_ne(
			    vault_purpose_label((enum vault_purpose)i),
			    envelope_label((enum vault_type)j));
	}
	for (i = VAULT_GENESIS; i <= VAULT_ROOT; i++)
		for (j = VAULT_GENESIS; j < i; j++)
			ck_assert_str_ne(envelope_label((enum vault_type)i),
			    envelope_label((enum vault_type)j));
}
END_TEST

static Suite *
suite(void)
{
	Suite *s = suite_create("envelope");
	TCase *t = tcase_create("envelope");

	tcase_set_timeout(t, 120);
	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, what_was_sealed_opens_with_its_place_and_hash);
	tcase_add_test(t, a_sealed_body_is_not_readable_and_never_the_same);
	tcase_add_test(t, every_flipped_bit_is_refused);
	tcase_add_test(t, every_other_length_is_refused);
	tcase_add_test(t, what_is_too_long_is_refused_before_anything_else);
	tcase_add_test(t, no_object_passes_for_one_of_another_type);
	tcase_add_test(t, another_drive_realm_or_author_is_refused);
	tcase_add_test(t, another_epoch_is_told_from_a_forgery);
	tcase_add_test(t, newer_and_older_suites_and_formats_are_refused);
	tcase_add_test(t, what_is_refused_leaves_the_results_alone);
	tcase_add_test(t, a_body_does_not_outgrow_its_buffer);
	tcase_add_test(t, an_author_tag_does_not_tell_the_device);
	tcase_add_test(t, no_label_is_used_twice);
	suite_add_tcase(s, t);
	return s;
}

int
main(void)
{
	SRunner *r = srunner_create(suite());
	int failed;

	srunner_run_all(r, CK_ENV);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? 1 : 0;
}
