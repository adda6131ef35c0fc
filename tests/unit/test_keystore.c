/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "crypto/crypto.h"

#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "tests/lib/vector.h"
#include "util/buf.h"
#include "vault/vault.h"

#define LOW ((uint64_t)1 << 14)	/* the cheapest that is allowed */

static struct buf
sealed(const char *pass, const void *secret, size_t len)
{
	struct buf b = BUF_INIT(KEYSTORE_MAX);

	ck_assert_int_eq(keystore_seal(pass, strlen(pass), LOW, secret, len,
	    &b), 0);
	return b;
}

static int
open_with(const char *pass, const struct buf *b, struct buf *out)
{
	return keystore_open(pass, strlen(pass), b->data, b->len, out);
}

START_TEST(what_was_sealed_opens_with_its_passphrase_only)
{
	struct buf b = sealed("correct", "secret", 6);
	struct buf out = BUF_INIT(100);

	ck_assert_int_eq(open_with("correct", &b, &out), 0);
	ck_assert_uint_eq(out.len, 6);
	ck_assert_mem_eq(out.data, "secret", 6);
	buf_wipe(&out);
	ck_assert_int_eq(open_with("Correct", &b, &out), -EKEYREJECTED);
	ck_assert_int_eq(open_with("", &b, &out), -EKEYREJECTED);
	ck_assert_int_eq(open_with("correct ", &b, &out), -EKEYREJECTED);
	ck_assert_uint_eq(out.len, 0);
	buf_wipe(&out);
	buf_done(&b);
}
END_TEST

START_TEST(an_empty_passphrase_and_an_empty_secret_work)
{
	struct buf b = sealed("", "", 0), out = BUF_INIT(100);

	ck_assert_int_eq(open_with("", &b, &out), 0);
	ck_assert_uint_eq(out.len, 0);
	buf_done(&out);
	buf_done(&b);
}
END_TEST

START_TEST(two_files_of_one_secret_have_nothing_in_common)
{
	struct buf a = sealed("p", "secret", 6), b = sealed("p", "secret", 6);

	ck_assert_mem_ne(a.data + 24, b.data + 24, 32);
	ck_assert_mem_ne(a.data + 56, b.data + 56, 24);
	ck_assert_mem_ne(a.data + 84, b.data + 84, 6);
	buf_done(&a);
	buf_done(&b);
}
END_TEST

/* Deriving a key takes tens of milliseconds, so behind the header each byte
 * gets one of its bits flipped, another one from byte to byte.  All of them
 * with TEST_ALL_BITS set. */
START_TEST(every_flipped_bit_is_refused)
{
	const bool all = getenv("TEST_ALL_BITS") != NULL;
	struct buf b = sealed("p", "\1\2\3\4", 4), out = BUF_INIT(100);
	size_t i, step;
	int r;

	for (i = 0; i < b.len * 8; i += step) {
		b.data[i / 8] ^= (uint8_t)(1 << i % 8);
		r = open_with("p", &b, &out);
		if (i / 8 < 24 || (i / 8 >= 80 && i / 8 < 84))
			ck_assert_int_eq(r, -EPROTO);
		else
			ck_assert_int_eq(r, -EKEYREJECTED);
		ck_assert_uint_eq(out.len, 0);
		b.data[i / 8] ^= (uint8_t)(1 << i % 8);
		step = all || i / 8 < 24 ? 1 : 9;
	}
	ck_assert_int_eq(open_with("p", &b, &out), 0);
	buf_wipe(&out);
	buf_done(&b);
}
END_TEST

START_TEST(every_other_length_is_refused)
{
	struct buf b = sealed("p", "\1\2\3\4", 4), out = BUF_INIT(100);
	size_t i, len = b.len;

	for (i = 0; i < len; i++)
		ck_assert_int_eq(keystore_open("p", 1, b.data, i, &out),
		    -EPROTO);
	(void)buf_put_u8(&b, 0);
	ck_assert_int_eq(keystore_open("p", 1, b.data, len + 1, &out),
	    -EPROTO);
	buf_done(&out);
	buf_done(&b);
}
END_TEST

/* A file made by somebody else must not make us compute for hours. */
START_TEST(costs_out_of_bounds_are_refused_before_any_work)
{
	static const uint64_t n[] = { 0, 1, 1024, 1u << 13, 1u << 21,
	    (uint64_t)1 << 40, LOW + 1 };
	struct buf b = sealed("p", "x", 1), out = BUF_INIT(100);
	size_t i;

	for (i = 0; i < sizeof(n) / sizeof(n[0]); i++) {
		put_le64(b.data + 8, n[i]);
		ck_assert_int_eq(open_with("p", &b, &out), -EPROTO);
		if (n[i])
			ck_assert_int_eq(keystore_seal("p", 1, n[i], "x", 1,
			    &out), -ERANGE);
	}
	put_le64(b.data + 8, LOW);
	put_le32(b.data + 16, 1 << 20);
	ck_assert_int_eq(open_with("p", &b, &out), -EPROTO);
	put_le32(b.data + 16, 8);
	put_le32(b.data + 20, 1 << 20);
	ck_assert_int_eq(open_with("p", &b, &out), -EPROTO);
	ck_assert_uint_eq(out.len, 0);
	buf_done(&out);
	buf_done(&b);
}
END_TEST

START_TEST(limits_of_size_hold)
{
	static uint8_t big[KEYSTORE_MAX];
	struct buf b = BUF_INIT(KEYSTORE_MAX), out = BUF_INIT(10);
	struct buf tight = BUF_INIT(50);

	ck_assert_int_eq(keystore_seal("p", 1, LOW, big, KEYSTORE_MAX - 99,
	    &b), -EFBIG);
	ck_assert_int_eq(keystore_seal("p", 1, LOW, big, KEYSTORE_MAX - 100,
	    &b), 0);
	ck_assert_uint_eq(b.len, KEYSTORE_MAX);
	ck_assert_int_eq(open_with("p", &b, &out), -EFBIG);
	ck_assert_int_eq(keystore_seal("p", 1, LOW, "x", 1, &tight), -EFBIG);
	ck_assert_uint_eq(tight.len, 0);
	buf_done(&out);
	buf_done(&b);
}
END_TEST

START_TEST(the_default_cost_is_two_to_the_seventeen)
{
	struct buf b = BUF_INIT(KEYSTORE_MAX), out = BUF_INIT(100);

	ck_assert_int_eq(keystore_seal("p", 1, 0, "x", 1, &b), 0);
	ck_assert_uint_eq(get_le64(b.data + 8), 1u << 17);
	ck_assert_int_eq(open_with("p", &b, &out), 0);
	buf_wipe(&out);
	buf_done(&b);
}
END_TEST

/* A file by another implementation (tests/vectors/make_identity.py). */
START_TEST(the_frozen_file_opens)
{
	struct vector ks = vector_read("identity.txt", "keystore");
	struct vector want = vector_read("identity.txt", "keys");
	struct buf out = BUF_INIT(KEYSTORE_MAX), again = BUF_INIT(4096);
	struct vault_keys *k = NULL;

	ck_assert_int_eq(keystore_open("correct horse", 13, ks.p, ks.len,
	    &out), 0);
	ck_assert_uint_eq(out.len, want.len);
	ck_assert_mem_eq(out.data, want.p, want.len);
	ck_assert_int_eq(vault_keys_decode(out.data, out.len, &k), 0);
	ck_assert_str_eq(k->self.label, "first host");
	ck_assert_int_eq(vault_keys_encode(k, &again), 0);
	ck_assert_uint_eq(again.len, want.len);
	ck_assert_mem_eq(again.data, want.p, want.len);
	vault_keys_free(k);
	buf_wipe(&again);
	buf_wipe(&out);
	free(ks.p);
	free(want.p);
}
END_TEST

static Suite *
suite(void)
{
	Suite *s = suite_create("keystore");
	TCase *t = tcase_create("keystore");

	tcase_set_timeout(t, 300);
	tcase_add_test(t, what_was_sealed_opens_with_its_passphrase_only);
	tcase_add_test(t, an_empty_passphrase_and_an_empty_secret_work);
	tcase_add_test(t, two_files_of_one_secret_have_nothing_in_common);
	tcase_add_test(t, every_flipped_bit_is_refused);
	tcase_add_test(t, every_other_length_is_refused);
	tcase_add_test(t, costs_out_of_bounds_are_refused_before_any_work);
	tcase_add_test(t, limits_of_size_hold);
	tcase_add_test(t, the_default_cost_is_two_to_the_seventeen);
	tcase_add_test(t, the_frozen_file_opens);
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
