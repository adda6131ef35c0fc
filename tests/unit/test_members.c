/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "vault/identity.h"

#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "crypto/crypto.h"
#include "tests/lib/walk.h"
#include "util/buf.h"

/* An epoch has one secret, whoever says otherwise; the first epoch the one
 * that genesis commits to. */
START_TEST(another_secret_for_the_same_epoch_is_refused)
{
	struct grant g = { .rev = 2, .chain_seq = 1 };
	struct buf b = BUF_INIT(RECORD_MAX);
	uint8_t hash[32];
	int i;

	ck_assert_int_eq(walk_chain(walk.birth.chain), 0);
	sha256(walk.birth.chain->data, walk.birth.chain->len, g.chain_hash);
	g.dev = walk_known(1, NULL).dev;
	g.ndev = 2;
	for (i = 0; i < 2; i++) {
		if (i)
			ck_assert_int_eq(walk_grant(walk.birth.grant), 0);
		walk.keys->epoch_secret[0] ^= 1;
		ck_assert_int_eq(grant_seal(walk.keys, &g, &b, hash), 0);
		ck_assert_int_eq(walk_grant(&b), -EBADMSG);
		walk.keys->epoch_secret[0] ^= 1;
		buf_reset(&b);
		walk.keys->name_key[0] ^= 1;
		ck_assert_int_eq(grant_seal(walk.keys, &g, &b, hash), 0);
		ck_assert_int_eq(walk_grant(&b), -EBADMSG);
		walk.keys->name_key[0] ^= 1;
		buf_reset(&b);
	}
	/* A further epoch has a secret of its own, but the same name key. */
	walk.keys->epoch = 2;
	crypto_random(walk.keys->epoch_secret, 32);
	ck_assert_int_eq(grant_seal(walk.keys, &g, &b, hash), 0);
	ck_assert_int_eq(walk_grant(&b), 0);
	ck_assert_uint_eq(vault_recover_keys(walk.rec)->epoch, 2);
	ck_assert_int_eq(walk_grant(walk.birth.grant), 0);
	ck_assert_uint_eq(vault_recover_keys(walk.rec)->epoch, 2);
	buf_reset(&b);
	walk.keys->epoch = 3;
	walk.keys->name_key[0] ^= 1;
	ck_assert_int_eq(grant_seal(walk.keys, &g, &b, hash), 0);
	ck_assert_int_eq(walk_grant(&b), -EBADMSG);
	free(g.dev);
	buf_done(&b);
}
END_TEST

/* ---- revocation ---- */

START_TEST(a_revoked_device_has_no_say_any_more)
{
	struct chain_change ch = { .gen = 2, .nrevoked = 1 };
	uint8_t old[32], hash[2][32], h[32];
	struct buf b, b3 = BUF_INIT(RECORD_MAX);
	const struct vault_device *d;
	struct vault_keys *paper;
	struct chain c;
	size_t n;

	ck_assert_int_eq(walk_chain(walk.birth.chain), 0);
	ck_assert_int_eq(walk_grant(walk.birth.grant), 0);
	ch.revoked = &walk.keys->self.id;
	memcpy(old, walk.keys->user_secret, 32);
	/* The recovery key revokes the first device, with a new secret. */
	ck_assert_int_eq(vault_keys_new(&paper), 0);
	memcpy(paper, vault_recover_keys(walk.rec), sizeof(*paper));
	b = walk_record_2(paper, &ch);
	/* The secret is still the old one. */
	ck_assert_int_eq(walk_chain(&b), -EBADMSG);
	buf_done(&b);
	crypto_random(paper->user_secret, 32);
	b = walk_record_2(paper, &ch);
	ck_assert_int_eq(walk_chain(&b), 0);
	d = vault_recover_devices(walk.rec, &n);
	ck_assert_uint_eq(n, 2);
	ck_assert(d[0].is_revoked && !d[1].is_revoked);
	ck_assert_int_eq(walk_grant(walk.birth.grant), -EBADMSG);

	/* It goes on all the same. */
	sha256(walk.birth.chain->data, walk.birth.chain->len, hash[0]);
	sha256(b.data, b.len, hash[1]);
	c = walk_known(2, hash);
	ch.gen = 3;
	ch.revoked = &c.dev[1].id;
	ck_assert_int_eq(chain_seal(walk.keys, &c, &ch, &b3, h), -EINVAL);
	ch.nrevoked = 0;
	ch.gen = 2;
	memcpy(walk.keys->user_secret, paper->user_secret, 32);
	ck_assert_int_eq(chain_seal(walk.keys, &c, &ch, &b3, h), 0);
	ck_assert_int_eq(walk_chain(&b3), -EBADMSG);
	ck_assert_mem_ne(vault_recover_keys(walk.rec)->user_secret, old, 32);
	free(c.dev);
	buf_done(&b);
	buf_done(&b3);
	vault_keys_free(paper);
}
END_TEST

START_TEST(a_revoked_recovery_key_enrols_nobody)
{
	struct chain_change ch = { .gen = 2, .nrevoked = 1 };
	struct vault_birth none;
	struct vault_keys *k;
	struct vault_id paper;
	struct buf b;

	ck_assert_int_eq(walk_chain(walk.birth.chain), 0);
	ck_assert_int_eq(walk_grant(walk.birth.grant), 0);
	paper = vault_recover_keys(walk.rec)->self.id;
	ch.revoked = &paper;
	crypto_random(walk.keys->user_secret, 32);
	b = walk_record_2(walk.keys, &ch);
	/* It gets no slot in the record that revokes it. */
	ck_assert_int_eq(walk_chain(&b), -ENOKEY);
	vault_recover_free(walk.rec);
	ck_assert_int_eq(vault_recover_follow(walk.keys,
	    walk.birth.genesis->data, walk.birth.genesis->len, &walk.rec), 0);
	ck_assert_int_eq(walk_chain(walk.birth.chain), 0);
	ck_assert_int_eq(walk_chain(&b), 0);
	ck_assert_int_eq(vault_recover_enrol(walk.rec, "h", &k, &none), -EPERM);
	buf_done(&b);
}
END_TEST

START_TEST(changes_that_make_no_sense_are_refused)
{
	const struct vault_device *d;
	struct chain_change ch = { .gen = 1 };
	struct vault_id ids[2];
	struct vault_device two[2];
	struct vault_keys *k2;
	struct buf b;
	size_t n, i;

	ck_assert_int_eq(walk_chain(walk.birth.chain), 0);
	d = vault_recover_devices(walk.rec, &n);
	k2 = walk_stranger("second");
	for (i = 0; i < 6; i++) {
		memset(&ch, 0, sizeof(ch));
		ch.gen = 1;
		ch.added = two;
		ch.revoked = ids;
		two[0] = two[1] = k2->self;
		switch (i) {
		case 0:		/* a device that is there */
			two[0] = d[0];
			ch.nadded = 1;
			break;
		case 1:		/* its key under another id */
			memcpy(two[0].sign_pub, d[0].sign_pub, 32);
			ch.nadded = 1;
			break;
		case 2:		/* the same twice */
			ch.nadded = 2;
			break;
		case 3:		/* a generation without a reason */
			ch.nadded = 1;
			ch.gen = 2;
			break;
		case 4:		/* a revocation without a generation */
			ids[0] = d[1].id;
			ch.nrevoked = 1;
			break;
		default:	/* of somebody unknown */
			ids[0] = k2->self.id;
			ch.nrevoked = 1;
			ch.gen = 2;
			break;
		}
		b = walk_record_2(walk.keys, &ch);
		ck_assert_int_eq(walk_chain(&b), -EBADMSG);
		ck_assert_uint_eq(walk_ndevices(), 2);
		buf_done(&b);
	}
	vault_keys_free(k2);
}
END_TEST

static Suite *
suite(void)
{
	Suite *s = suite_create("members");
	TCase *t = tcase_create("members");

	tcase_set_timeout(t, 120);
	tcase_add_checked_fixture(t, walk_setup, walk_teardown);
	tcase_add_test(t, another_secret_for_the_same_epoch_is_refused);
	tcase_add_test(t, a_revoked_device_has_no_say_any_more);
	tcase_add_test(t, a_revoked_recovery_key_enrols_nobody);
	tcase_add_test(t, changes_that_make_no_sense_are_refused);
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
