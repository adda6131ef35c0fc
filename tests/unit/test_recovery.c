/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "vault/identity.h"

#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "crypto/crypto.h"
#include "tests/lib/vector.h"
#include "tests/lib/walk.h"
#include "util/buf.h"

/* ---- the walk ---- */

START_TEST(a_recovery_key_gives_everything_back)
{
	const struct vault_keys *k;
	const struct vault_device *d;
	size_t n;

	ck_assert_ptr_null(vault_recover_keys(walk.rec));
	ck_assert_int_eq(walk_chain(walk.birth.chain), 0);
	ck_assert_int_eq(walk_grant(walk.birth.grant), 0);
	k = vault_recover_keys(walk.rec);
	ck_assert_ptr_nonnull(k);
	ck_assert_mem_eq(k->epoch_secret, walk.keys->epoch_secret, 32);
	ck_assert_mem_eq(k->name_key, walk.keys->name_key, 32);
	ck_assert_mem_eq(k->user_secret, walk.keys->user_secret, 32);
	ck_assert_uint_eq(k->epoch, 1);
	d = vault_recover_devices(walk.rec, &n);
	ck_assert_uint_eq(n, 2);
	ck_assert(device_same(&d[0], &walk.keys->self));
	ck_assert_str_eq(d[0].label, "first host");
	ck_assert(d[0].is_writer && d[0].is_admin);
	ck_assert(d[1].is_paper && d[1].is_admin && !d[1].is_writer);
}
END_TEST

START_TEST(a_wrong_recovery_key_is_told_at_once)
{
	struct vault_recovery *r;

	walk.seed[31] ^= 1;
	ck_assert_int_eq(vault_recover_begin(walk.seed,
	    walk.birth.genesis->data, walk.birth.genesis->len, &r),
	    -EKEYREJECTED);
}
END_TEST

/* What the first recovery wrote counts for the second one. */
START_TEST(a_recovered_drive_can_be_recovered_again)
{
	struct vault_keys *k[3] = { NULL };
	struct vault_birth b[3];
	const struct vault_device *d;
	size_t n, i, j;

	ck_assert_int_eq(walk_chain(walk.birth.chain), 0);
	ck_assert_int_eq(walk_grant(walk.birth.grant), 0);
	for (i = 0; i < 3; i++) {
		ck_assert_int_eq(vault_recover_enrol(walk.rec, "next", &k[i],
		    &b[i]), 0);
		ck_assert_ptr_null(b[i].genesis);
		/* From nothing again, grants in any order. */
		walk_restart();
		ck_assert_int_eq(walk_chain(walk.birth.chain), 0);
		for (j = 0; j <= i; j++)
			ck_assert_int_eq(walk_chain(b[j].chain), 0);
		for (j = i + 1; j-- > 0;)
			ck_assert_int_eq(walk_grant(b[j].grant), 0);
		ck_assert_int_eq(walk_grant(walk.birth.grant), 0);
		d = vault_recover_devices(walk.rec, &n);
		ck_assert_uint_eq(n, 3 + i);
		ck_assert(device_same(&d[2 + i], &k[i]->self));
		ck_assert(d[2 + i].is_writer && d[2 + i].is_admin);
		ck_assert(d[0].is_writer);
		ck_assert_mem_eq(k[i]->epoch_secret,
		    walk.keys->epoch_secret, 32);
		ck_assert_mem_eq(k[i]->name_key, walk.keys->name_key, 32);
		ck_assert_mem_ne(k[i]->dtag.b, walk.keys->dtag.b,
		    VAULT_TAG_LEN);
		ck_assert_mem_ne(k[i]->local_key, walk.keys->local_key, 32);
	}
	for (i = 0; i < 3; i++) {
		vault_birth_done(&b[i]);
		vault_keys_free(k[i]);
	}
}
END_TEST

START_TEST(an_enrolment_that_was_not_put_can_be_made_again)
{
	struct vault_keys *k[2];
	struct vault_birth b[2];
	int i;

	ck_assert_int_eq(walk_chain(walk.birth.chain), 0);
	ck_assert_int_eq(walk_grant(walk.birth.grant), 0);
	for (i = 0; i < 2; i++)
		ck_assert_int_eq(vault_recover_enrol(walk.rec, "h", &k[i],
		    &b[i]), 0);
	ck_assert_str_eq(b[0].chain_name, b[1].chain_name);
	ck_assert_str_ne(b[0].grant_name, b[1].grant_name);
	ck_assert_uint_eq(walk_ndevices(), 2);
	ck_assert_int_eq(walk_chain(b[1].chain), 0);
	/* The other one is of a chain that is not. */
	ck_assert_int_eq(walk_grant(b[0].grant), -EBADMSG);
	ck_assert_int_eq(walk_grant(b[1].grant), 0);
	for (i = 0; i < 2; i++) {
		vault_birth_done(&b[i]);
		vault_keys_free(k[i]);
	}
}
END_TEST

START_TEST(nobody_is_enrolled_without_a_grant)
{
	struct vault_birth b;
	struct vault_keys *k;

	ck_assert_int_eq(vault_recover_enrol(walk.rec, "h", &k, &b), -ENOKEY);
	ck_assert_int_eq(walk_grant(walk.birth.grant), -EINVAL);
	ck_assert_int_eq(walk_chain(walk.birth.chain), 0);
	ck_assert_int_eq(vault_recover_enrol(walk.rec, "h", &k, &b), -ENOKEY);
}
END_TEST

START_TEST(enrolled_devices_learn_of_each_other)
{
	struct vault_keys *k2, *none;
	struct vault_birth b2, b3;
	const struct vault_keys *who[2];
	int i;

	ck_assert_int_eq(walk_chain(walk.birth.chain), 0);
	ck_assert_int_eq(walk_grant(walk.birth.grant), 0);
	ck_assert_int_eq(vault_recover_enrol(walk.rec, "second", &k2, &b2), 0);
	who[0] = walk.keys;
	who[1] = k2;
	for (i = 0; i < 2; i++) {
		vault_recover_free(walk.rec);
		ck_assert_int_eq(vault_recover_follow(who[i],
		    walk.birth.genesis->data, walk.birth.genesis->len,
		    &walk.rec), 0);
		/* The second one has no slot in the first record and grant,
		 * but the secrets. */
		ck_assert_int_eq(walk_chain(walk.birth.chain), 0);
		ck_assert_int_eq(walk_grant(walk.birth.grant), 0);
		ck_assert_int_eq(walk_grant(b2.grant), -ESTALE);
		ck_assert_int_eq(walk_chain(b2.chain), 0);
		ck_assert_int_eq(walk_grant(b2.grant), 0);
		ck_assert_uint_eq(walk_ndevices(), 3);
		ck_assert_int_eq(vault_recover_enrol(walk.rec, "h", &none, &b3),
		    -EPERM);
	}
	vault_birth_done(&b2);
	vault_keys_free(k2);
}
END_TEST

START_TEST(a_device_follows_its_own_drive_only)
{
	struct vault_recovery *r;
	struct vault_birth b2;
	struct vault_keys *k2;

	ck_assert_int_eq(vault_create("x", &k2, &b2), 0);
	ck_assert_int_eq(vault_recover_follow(walk.keys, b2.genesis->data,
	    b2.genesis->len, &r), -EKEYREJECTED);
	vault_birth_done(&b2);
	vault_keys_free(k2);
}
END_TEST

/* ---- hostile stores ---- */

START_TEST(every_flipped_bit_of_chain_and_grant_is_refused)
{
	struct buf *b;
	size_t i;

	b = walk.birth.chain;
	for (i = 0; i < b->len * 8; i++) {
		b->data[i / 8] ^= (uint8_t)(1 << i % 8);
		ck_assert_int_eq(walk_chain(b), -EBADMSG);
		b->data[i / 8] ^= (uint8_t)(1 << i % 8);
	}
	ck_assert_uint_eq(walk_ndevices(), 0);
	ck_assert_int_eq(walk_chain(b), 0);
	b = walk.birth.grant;
	for (i = 0; i < b->len * 8; i++) {
		b->data[i / 8] ^= (uint8_t)(1 << i % 8);
		ck_assert_int_eq(walk_grant(b), -EBADMSG);
		b->data[i / 8] ^= (uint8_t)(1 << i % 8);
	}
	ck_assert_ptr_null(vault_recover_keys(walk.rec));
	ck_assert_int_eq(walk_grant(b), 0);
}
END_TEST

START_TEST(every_other_length_of_chain_and_grant_is_refused)
{
	size_t i;

	for (i = 0; i < walk.birth.chain->len; i++)
		ck_assert_int_eq(vault_recover_chain(walk.rec,
		    walk.birth.chain->data, i), -EBADMSG);
	(void)buf_put_u8(walk.birth.chain, 0);
	ck_assert_int_eq(walk_chain(walk.birth.chain), -EBADMSG);
	walk.birth.chain->len--;
	ck_assert_int_eq(walk_chain(walk.birth.chain), 0);
	for (i = 0; i < walk.birth.grant->len; i++)
		ck_assert_int_eq(vault_recover_grant(walk.rec,
		    walk.birth.grant->data, i), -EBADMSG);
	(void)buf_put_u8(walk.birth.grant, 0);
	ck_assert_int_eq(walk_grant(walk.birth.grant), -EBADMSG);
}
END_TEST

START_TEST(objects_in_each_others_places_are_refused)
{
	struct vault_genesis g;

	ck_assert_int_eq(vault_genesis_open(walk.birth.chain->data,
	    walk.birth.chain->len, &g), -EBADMSG);
	ck_assert_int_eq(vault_genesis_open(walk.birth.grant->data,
	    walk.birth.grant->len, &g), -EBADMSG);
	ck_assert_int_eq(walk_chain(walk.birth.genesis), -EBADMSG);
	ck_assert_int_eq(walk_chain(walk.birth.grant), -EBADMSG);
	ck_assert_int_eq(walk_chain(walk.birth.chain), 0);
	ck_assert_int_eq(walk_grant(walk.birth.genesis), -EBADMSG);
	ck_assert_int_eq(walk_grant(walk.birth.chain), -EBADMSG);
	/* And twice. */
	ck_assert_int_eq(walk_chain(walk.birth.chain), -EBADMSG);
}
END_TEST

START_TEST(objects_of_another_drive_are_refused)
{
	struct vault_birth b2;
	struct vault_keys *k2;

	ck_assert_int_eq(vault_create("x", &k2, &b2), 0);
	ck_assert_int_eq(walk_chain(b2.chain), -EBADMSG);
	ck_assert_int_eq(walk_chain(walk.birth.chain), 0);
	ck_assert_int_eq(walk_grant(b2.grant), -EBADMSG);
	vault_birth_done(&b2);
	vault_keys_free(k2);
}
END_TEST

/* The store wraps secrets of its choice to our key, correctly, and signs with
 * a key of its own: as nobody, and in the name of the first device. */
START_TEST(a_grant_by_a_stranger_is_refused)
{
	struct grant g = { .rev = 2, .chain_seq = 1 };
	struct buf b = BUF_INIT(RECORD_MAX);
	struct vault_keys *evil;
	uint8_t hash[32];
	size_t n;

	ck_assert_int_eq(walk_chain(walk.birth.chain), 0);
	evil = walk_stranger("evil");
	crypto_random(evil->epoch_secret, 32);
	crypto_random(evil->name_key, 32);
	sha256(walk.birth.chain->data, walk.birth.chain->len, g.chain_hash);
	g.dev = walk_known(1, NULL).dev;
	(void)vault_recover_devices(walk.rec, &n);
	g.ndev = n;
	ck_assert_int_eq(grant_seal(evil, &g, &b, hash), 0);
	ck_assert_int_eq(walk_grant(&b), -EBADMSG);
	buf_reset(&b);
	evil->self.id = walk.keys->self.id;
	ck_assert_int_eq(grant_seal(evil, &g, &b, hash), 0);
	ck_assert_int_eq(walk_grant(&b), -EBADMSG);
	ck_assert_ptr_null(vault_recover_keys(walk.rec));
	free(g.dev);
	buf_done(&b);
	vault_keys_free(evil);
}
END_TEST

START_TEST(a_chain_record_by_a_stranger_is_refused)
{
	struct vault_keys *evil;
	struct chain_change ch = { .gen = 1, .nadded = 1 };
	struct buf b;

	ck_assert_int_eq(walk_chain(walk.birth.chain), 0);
	evil = walk_stranger("evil");
	ch.added = &evil->self;
	b = walk_record_2(evil, &ch);
	ck_assert_int_eq(walk_chain(&b), -EBADMSG);
	buf_done(&b);
	/* The same by the first device is fine. */
	b = walk_record_2(walk.keys, &ch);
	ck_assert_int_eq(walk_chain(&b), 0);
	ck_assert_uint_eq(walk_ndevices(), 3);
	buf_done(&b);
	vault_keys_free(evil);
}
END_TEST

/* ---- frozen samples ---- */

static int
vector_feed(int (*fn)(struct vault_recovery *, const void *, size_t),
    const char *name)
{
	struct vector s = vector_read("identity.txt", name);
	int r = fn(walk.rec, s.p, s.len);

	free(s.p);
	return r;
}

START_TEST(the_frozen_drive_is_recovered)
{
	struct vector s = vector_read("identity.txt", "seed");
	struct vector g = vector_read("identity.txt", "genesis");
	struct vector id = vector_read("identity.txt", "drive");
	const struct vault_device *d;
	size_t n;

	vault_recover_free(walk.rec);
	walk.rec = NULL;
	ck_assert_int_eq(vault_recover_begin(s.p, g.p, g.len, &walk.rec), 0);
	ck_assert_mem_eq(vault_recover_genesis(walk.rec)->drive.b, id.p, 16);
	ck_assert_int_eq(vector_feed(vault_recover_chain, "chain1"), 0);
	ck_assert_int_eq(vector_feed(vault_recover_grant, "grant1"), 0);
	ck_assert_int_eq(vector_feed(vault_recover_chain, "chain2"), 0);
	ck_assert_int_eq(vector_feed(vault_recover_grant, "grant2"), 0);
	d = vault_recover_devices(walk.rec, &n);
	ck_assert_uint_eq(n, 3);
	ck_assert_str_eq(d[0].label, "first host");
	ck_assert_str_eq(d[1].label, "recovery key");
	ck_assert_str_eq(d[2].label, "second host");
	ck_assert(d[2].is_writer);
	free(s.p);
	free(g.p);
	free(id.p);
}
END_TEST

static Suite *
suite(void)
{
	Suite *s = suite_create("recovery");
	TCase *t = tcase_create("recovery");

	tcase_set_timeout(t, 120);
	tcase_add_checked_fixture(t, walk_setup, walk_teardown);
	tcase_add_test(t, a_recovery_key_gives_everything_back);
	tcase_add_test(t, a_wrong_recovery_key_is_told_at_once);
	tcase_add_test(t, a_recovered_drive_can_be_recovered_again);
	tcase_add_test(t, an_enrolment_that_was_not_put_can_be_made_again);
	tcase_add_test(t, nobody_is_enrolled_without_a_grant);
	tcase_add_test(t, enrolled_devices_learn_of_each_other);
	tcase_add_test(t, a_device_follows_its_own_drive_only);
	tcase_add_test(t, every_flipped_bit_of_chain_and_grant_is_refused);
	tcase_add_test(t, every_other_length_of_chain_and_grant_is_refused);
	tcase_add_test(t, objects_in_each_others_places_are_refused);
	tcase_add_test(t, objects_of_another_drive_are_refused);
	tcase_add_test(t, a_grant_by_a_stranger_is_refused);
	tcase_add_test(t, a_chain_record_by_a_stranger_is_refused);
	tcase_add_test(t, the_frozen_drive_is_recovered);
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
