/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "crypto/crypto.h"

#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "tests/lib/vector.h"
#include "util/buf.h"

#define LOW ((uint64_t)1 << 14)	/* the cheapest that is allowed */
#define ID_AT 8
#define CIPHER_AT 52

static const uint8_t key[SLOT_KEY_LEN] = "thirty-two bytes of a device key";
static const uint8_t id[SLOT_ID_LEN] = "sixteen of an id";
static struct buf ks, slot, out;

static void
begin(void)
{
	buf_init(&ks, KEYSTORE_MAX);
	buf_init(&slot, SLOT_MAX);
	buf_init(&out, 100);
	ck_assert_int_eq(keystore_seal("pass", 4, LOW, "secret", 6, &ks), 0);
	ck_assert_int_eq(slot_seal(SLOT_KEYRING, key, id, ks.data, ks.len,
	    "secret", 6, &slot), 0);
}

static void
end(void)
{
	buf_done(&ks);
	buf_done(&slot);
	buf_wipe(&out);
}

static int
open_slot(enum slot_kind kind, const uint8_t *k)
{
	return slot_open(kind, k, ks.data, ks.len, slot.data, slot.len, &out);
}

START_TEST(a_slot_opens_with_its_key_only)
{
	uint8_t other[SLOT_KEY_LEN];

	ck_assert_int_eq(open_slot(SLOT_KEYRING, key), 0);
	ck_assert_uint_eq(out.len, 6);
	ck_assert_mem_eq(out.data, "secret", 6);
	buf_wipe(&out);
	memcpy(other, key, sizeof(other));
	other[31] ^= 1;
	ck_assert_int_eq(open_slot(SLOT_KEYRING, other), -EKEYREJECTED);
	ck_assert_uint_eq(out.len, 0);
}
END_TEST

START_TEST(a_slot_of_one_kind_is_none_of_the_other)
{
	ck_assert_int_eq(open_slot(SLOT_SESSION, key), -EPROTO);
	/* Nor when it says so. */
	slot.data[6] = SLOT_SESSION;
	ck_assert_int_eq(open_slot(SLOT_SESSION, key), -EKEYREJECTED);
	ck_assert_uint_eq(out.len, 0);
}
END_TEST

START_TEST(the_keystore_is_as_it_was)
{
	ck_assert_int_eq(keystore_open("pass", 4, ks.data, ks.len, &out), 0);
	ck_assert_mem_eq(out.data, "secret", 6);
	buf_wipe(&out);
	ck_assert_int_eq(keystore_open(key, sizeof(key), ks.data, ks.len,
	    &out), -EKEYREJECTED);
	ck_assert_int_eq(keystore_open("pass", 4, slot.data, slot.len, &out),
	    -EPROTO);
}
END_TEST

/* For another passphrase, or the same one. */
START_TEST(a_keystore_sealed_anew_drops_its_slots)
{
	buf_reset(&ks);
	ck_assert_int_eq(keystore_seal("pass", 4, LOW, "secret", 6, &ks), 0);
	ck_assert_int_eq(open_slot(SLOT_KEYRING, key), -EKEYREJECTED);
	ck_assert_uint_eq(out.len, 0);
}
END_TEST

START_TEST(what_is_no_keystore_has_no_slots)
{
	ck_assert_int_eq(slot_open(SLOT_KEYRING, key, ks.data, 83, slot.data,
	    slot.len, &out), -EPROTO);
	ks.data[0] ^= 1;
	ck_assert_int_eq(open_slot(SLOT_KEYRING, key), -EPROTO);
	ck_assert_int_eq(slot_seal(SLOT_KEYRING, key, id, ks.data, ks.len,
	    "secret", 6, &out), -EPROTO);
	ck_assert_uint_eq(out.len, 0);
}
END_TEST

START_TEST(every_flipped_bit_is_refused)
{
	size_t i;
	int r;

	for (i = 0; i < slot.len * 8; i++) {
		slot.data[i / 8] ^= (uint8_t)(1 << i % 8);
		r = open_slot(SLOT_KEYRING, key);
		if (i / 8 < ID_AT || (i / 8 >= 48 && i / 8 < CIPHER_AT))
			ck_assert_int_eq(r, -EPROTO);
		else
			ck_assert_int_eq(r, -EKEYREJECTED);
		ck_assert_uint_eq(out.len, 0);
		slot.data[i / 8] ^= (uint8_t)(1 << i % 8);
	}
	/* And of the keystore's header, but for its magic. */
	for (i = 4 * 8; i < 84 * 8; i++) {
		ks.data[i / 8] ^= (uint8_t)(1 << i % 8);
		ck_assert_int_eq(open_slot(SLOT_KEYRING, key), -EKEYREJECTED);
		ks.data[i / 8] ^= (uint8_t)(1 << i % 8);
	}
	ck_assert_int_eq(open_slot(SLOT_KEYRING, key), 0);
}
END_TEST

START_TEST(every_other_length_is_refused)
{
	uint8_t got[SLOT_ID_LEN];
	size_t i, len = slot.len;

	for (i = 0; i < len; i++) {
		ck_assert_int_eq(slot_open(SLOT_KEYRING, key, ks.data, ks.len,
		    slot.data, i, &out), -EPROTO);
		ck_assert_int_eq(slot_id(SLOT_KEYRING, slot.data, i, got),
		    -EPROTO);
	}
	(void)buf_put_u8(&slot, 0);
	ck_assert_int_eq(open_slot(SLOT_KEYRING, key), -EPROTO);
}
END_TEST

START_TEST(its_key_is_found_by_its_id)
{
	uint8_t got[SLOT_ID_LEN];

	ck_assert_int_eq(slot_id(SLOT_KEYRING, slot.data, slot.len, got), 0);
	ck_assert_mem_eq(got, id, sizeof(id));
	ck_assert_int_eq(slot_id(SLOT_SESSION, slot.data, slot.len, got),
	    -EPROTO);
}
END_TEST

START_TEST(limits_of_size_hold)
{
	static uint8_t big[SLOT_MAX];
	struct buf b = BUF_INIT(SLOT_MAX), tight = BUF_INIT(50);

	ck_assert_int_eq(slot_seal(SLOT_KEYRING, key, id, ks.data, ks.len,
	    big, SLOT_MAX - CIPHER_AT - AEAD_TAG_LEN + 1, &b), -EFBIG);
	ck_assert_int_eq(slot_seal(SLOT_KEYRING, key, id, ks.data, ks.len,
	    big, SLOT_MAX - CIPHER_AT - AEAD_TAG_LEN, &b), 0);
	ck_assert_uint_eq(b.len, SLOT_MAX);
	ck_assert_int_eq(slot_open(SLOT_KEYRING, key, ks.data, ks.len, b.data,
	    b.len, &out), -EFBIG);
	ck_assert_int_eq(slot_seal(SLOT_KEYRING, key, id, ks.data, ks.len,
	    "x", 1, &tight), -EFBIG);
	ck_assert_uint_eq(tight.len, 0);
	buf_done(&b);
	buf_done(&tight);
}
END_TEST

/* A file by another implementation (tests/vectors/make_identity.py). */
START_TEST(the_frozen_file_opens)
{
	struct vector file = vector_read("identity.txt", "keystore");
	struct vector k = vector_read("identity.txt", "slotkey");
	struct vector s = vector_read("identity.txt", "slot");
	struct vector want = vector_read("identity.txt", "keys");
	struct buf got = BUF_INIT(KEYSTORE_MAX);

	ck_assert_uint_eq(k.len, SLOT_KEY_LEN);
	ck_assert_int_eq(slot_open(SLOT_KEYRING, k.p, file.p, file.len, s.p,
	    s.len, &got), 0);
	ck_assert_uint_eq(got.len, want.len);
	ck_assert_mem_eq(got.data, want.p, want.len);
	buf_wipe(&got);
	free(file.p);
	free(k.p);
	free(s.p);
	free(want.p);
}
END_TEST

static Suite *
suite(void)
{
	Suite *s = suite_create("slot");
	TCase *t = tcase_create("slot");

	tcase_set_timeout(t, 300);
	tcase_add_checked_fixture(t, begin, end);
	tcase_add_test(t, a_slot_opens_with_its_key_only);
	tcase_add_test(t, a_slot_of_one_kind_is_none_of_the_other);
	tcase_add_test(t, the_keystore_is_as_it_was);
	tcase_add_test(t, a_keystore_sealed_anew_drops_its_slots);
	tcase_add_test(t, what_is_no_keystore_has_no_slots);
	tcase_add_test(t, every_flipped_bit_is_refused);
	tcase_add_test(t, every_other_length_is_refused);
	tcase_add_test(t, its_key_is_found_by_its_id);
	tcase_add_test(t, limits_of_size_hold);
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
