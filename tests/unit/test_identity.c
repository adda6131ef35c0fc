/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "vault/identity.h"

#include <check.h>
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "crypto/crypto.h"
#include "tests/lib/vector.h"
#include "util/buf.h"
#include "util/text.h"

static struct vault_keys *keys;
static struct vault_birth birth;

static void
setup(void)
{
	ck_assert_int_eq(vault_create("host", &keys, &birth), 0);
}

static void
teardown(void)
{
	vault_birth_done(&birth);
	vault_keys_free(keys);
	keys = NULL;
}

/* ---- genesis ---- */

START_TEST(genesis_says_what_the_keys_say)
{
	struct vault_genesis g;

	ck_assert_int_eq(vault_genesis_open(birth.genesis->data,
	    birth.genesis->len, &g), 0);
	ck_assert(vault_id_eq(&g.drive, &keys->drive));
	ck_assert(vault_id_eq(&g.user, &keys->user));
	ck_assert(vault_id_eq(&g.realm, &keys->realm));
	ck_assert_mem_eq(g.utag.b, keys->utag.b, VAULT_TAG_LEN);
	ck_assert_mem_eq(g.rtag.b, keys->rtag.b, VAULT_TAG_LEN);
	ck_assert(device_same(&g.admin, &keys->self));
	ck_assert(g.admin.is_admin && g.admin.is_writer && !g.admin.is_paper);
	ck_assert(g.paper.is_admin && !g.paper.is_writer && g.paper.is_paper);
	ck_assert_mem_eq(g.paper_sign_pub, g.paper.sign_pub, 32);
	ck_assert_uint_eq(g.suite, VAULT_SUITE);
}
END_TEST

START_TEST(every_flipped_bit_of_genesis_is_refused)
{
	struct buf *b = birth.genesis;
	struct vault_genesis g;
	size_t i;

	for (i = 0; i < b->len * 8; i++) {
		b->data[i / 8] ^= (uint8_t)(1 << i % 8);
		ck_assert_int_eq(vault_genesis_open(b->data, b->len, &g),
		    -EBADMSG);
		b->data[i / 8] ^= (uint8_t)(1 << i % 8);
	}
	ck_assert_int_eq(vault_genesis_open(b->data, b->len, &g), 0);
}
END_TEST

START_TEST(every_other_length_of_genesis_is_refused)
{
	struct buf *b = birth.genesis;
	struct vault_genesis g;
	uint8_t *big;
	size_t i;

	for (i = 0; i < b->len; i++)
		ck_assert_int_eq(vault_genesis_open(b->data, i, &g),
		    -EBADMSG);
	big = calloc(1, GENESIS_MAX + 1);
	ck_assert_ptr_nonnull(big);
	memcpy(big, b->data, b->len);
	ck_assert_int_eq(vault_genesis_open(big, b->len + 1, &g), -EBADMSG);
	ck_assert_int_eq(vault_genesis_open(big, GENESIS_MAX + 1, &g),
	    -EFBIG);
	free(big);
}
END_TEST

static void
sign_genesis(struct buf *b)
{
	ck_assert_int_eq(sign_make(keys->sign_seed, "coffre/1/genesis",
	    b->data, b->len - 64, b->data + b->len - 64), 0);
}

START_TEST(genesis_of_another_suite_is_refused_though_signed)
{
	static const uint8_t suite[] = { 0, 2, 255 };
	struct buf *b = birth.genesis;
	struct vault_genesis g;
	size_t i;

	for (i = 0; i < sizeof(suite); i++) {
		b->data[5] = suite[i];
		sign_genesis(b);
		ck_assert_int_eq(vault_genesis_open(b->data, b->len, &g),
		    -EPROTONOSUPPORT);
	}
}
END_TEST

/* The first device alone can neither put in a recovery key of its choice
 * later (the drive's id is another one) nor leave out the countersignature. */
START_TEST(genesis_needs_the_countersignature_of_its_recovery_key)
{
	struct buf *b = birth.genesis;
	struct vault_genesis g;

	b->data[ENVELOPE_HEADER_LEN + 248] ^= 1;
	sign_genesis(b);
	ck_assert_int_eq(vault_genesis_open(b->data, b->len, &g), -EBADMSG);
	b->data[ENVELOPE_HEADER_LEN + 248] ^= 1;
	b->data[ENVELOPE_HEADER_LEN + 184] ^= 1;
	sign_genesis(b);
	ck_assert_int_eq(vault_genesis_open(b->data, b->len, &g), -EBADMSG);
}
END_TEST

START_TEST(genesis_has_no_place_in_a_sequence)
{
	struct buf *b = birth.genesis;
	struct vault_genesis g;

	b->data[56] = 1;
	sign_genesis(b);
	ck_assert_int_eq(vault_genesis_open(b->data, b->len, &g), -EBADMSG);
	b->data[56] = 0;
	b->data[64] = 1;
	sign_genesis(b);
	ck_assert_int_eq(vault_genesis_open(b->data, b->len, &g), -EBADMSG);
	b->data[64] = 0;
	sign_genesis(b);
	ck_assert_int_eq(vault_genesis_open(b->data, b->len, &g), 0);
}
END_TEST

START_TEST(two_drives_have_nothing_in_common)
{
	struct vault_birth b2;
	struct vault_keys *k2;

	ck_assert_int_eq(vault_create("host", &k2, &b2), 0);
	ck_assert(!vault_id_eq(&keys->drive, &k2->drive));
	ck_assert_mem_ne(keys->epoch_secret, k2->epoch_secret, 32);
	ck_assert_mem_ne(keys->user_secret, k2->user_secret, 32);
	ck_assert_mem_ne(keys->name_key, k2->name_key, 32);
	ck_assert_mem_ne(keys->local_key, k2->local_key, 32);
	ck_assert_mem_ne(keys->sign_seed, k2->sign_seed, 32);
	ck_assert_mem_ne(keys->utag.b, k2->utag.b, VAULT_TAG_LEN);
	ck_assert_mem_ne(birth.recovery_seed, b2.recovery_seed, 32);
	vault_birth_done(&b2);
	vault_keys_free(k2);
}
END_TEST

START_TEST(genesis_tells_no_secret_and_no_label)
{
	struct buf *all[] = { birth.genesis, birth.chain, birth.grant };
	const uint8_t *secret[] = { keys->user_secret, keys->epoch_secret,
	    keys->name_key, keys->sign_seed, keys->dh_secret,
	    keys->local_key, birth.recovery_seed };
	size_t i, j;

	for (i = 0; i < 3; i++) {
		for (j = 0; j < 7; j++)
			ck_assert_ptr_null(memmem(all[i]->data, all[i]->len,
			    secret[j], 32));
		ck_assert_ptr_null(memmem(all[i]->data, all[i]->len, "host",
		    4));
		ck_assert_ptr_null(memmem(all[i]->data, all[i]->len,
		    "recovery", 8));
	}
}
END_TEST

/* ---- keys ---- */

START_TEST(keys_come_back_from_their_bytes)
{
	struct buf b = BUF_INIT(KEYSTORE_MAX), again = BUF_INIT(KEYSTORE_MAX);
	struct vault_keys *k;

	ck_assert_int_eq(vault_keys_encode(keys, &b), 0);
	ck_assert_int_eq(vault_keys_decode(b.data, b.len, &k), 0);
	ck_assert_mem_eq(k->dtag.b, keys->dtag.b, VAULT_TAG_LEN);
	ck_assert_str_eq(k->self.label, "host");
	ck_assert_uint_eq(k->epoch, 1);
	ck_assert_mem_eq(k->local_key, keys->local_key, 32);
	ck_assert_int_eq(vault_keys_encode(k, &again), 0);
	ck_assert_uint_eq(again.len, b.len);
	ck_assert_mem_eq(again.data, b.data, b.len);
	vault_keys_free(k);
	buf_wipe(&again);
	buf_wipe(&b);
}
END_TEST

START_TEST(keys_that_do_not_fit_together_are_refused)
{
	struct buf b = BUF_INIT(KEYSTORE_MAX);
	struct vault_keys *k;
	size_t i;

	ck_assert_int_eq(vault_keys_encode(keys, &b), 0);
	for (i = 0; i < b.len; i++)
		ck_assert_int_eq(vault_keys_decode(b.data, i, &k), -EPROTO);
	(void)buf_put_u8(&b, 0);
	ck_assert_int_eq(vault_keys_decode(b.data, b.len, &k), -EPROTO);
	b.len--;
	b.data[4] = 2;
	ck_assert_int_eq(vault_keys_decode(b.data, b.len, &k),
	    -EPROTONOSUPPORT);
	b.data[4] = 1;
	/* A public key that is not that of the secret one. */
	b.data[6 + 3 * 16 + 2 * 12 + 16] ^= 1;
	ck_assert_int_eq(vault_keys_decode(b.data, b.len, &k), -EPROTO);
	buf_wipe(&b);
}
END_TEST

START_TEST(each_type_has_a_key_of_its_own)
{
	uint8_t nonce[24] = { 0 }, m[16] = { 0 }, tag[16];
	uint8_t out[VAULT_ROOT + 2][16];
	struct aead *a;
	int t, u;

	ck_assert_int_eq(vault_type_key(keys, VAULT_GENESIS, &a), -EINVAL);
	ck_assert_int_eq(vault_type_key(keys, (enum vault_type)9, &a),
	    -EINVAL);
	for (t = VAULT_CHAIN; t <= VAULT_ROOT + 1; t++) {
		if (t > VAULT_ROOT)
			keys->epoch++;	/* and of each epoch */
		ck_assert_int_eq(vault_type_key(keys, t > VAULT_ROOT ?
		    VAULT_ROOT : (enum vault_type)t, &a), 0);
		ck_assert_int_eq(aead_seal(a, nonce, NULL, 0, m, 16, out[t],
		    tag), 0);
		aead_free(a);
		for (u = VAULT_CHAIN; u < t; u++)
			ck_assert_mem_ne(out[t], out[u], 16);
	}
}
END_TEST

START_TEST(labels_are_cut_between_characters_and_made_printable)
{
	struct vault_birth b;
	struct vault_keys *k;
	char text[100];

	memset(text, 'a', sizeof(text));
	memcpy(text, "x\ny\033[z", 7);
	text[6] = 'b';
	/* A two-byte character across the limit of 63. */
	memcpy(text + 62, "\xc3\xa9", 2);
	text[99] = '\0';
	ck_assert_int_eq(vault_create(text, &k, &b), 0);
	ck_assert_uint_eq(strlen(k->self.label), 62);
	ck_assert_int_eq(strncmp(k->self.label, "x?y?[zb", 7), 0);
	vault_birth_done(&b);
	vault_keys_free(k);
}
END_TEST

/* ---- names ---- */

START_TEST(names_are_those_of_the_format)
{
	struct vault_tag t = { { 0 } }, d = { { 0xff } };
	struct pack_id p = { .n = 0x12345, .rand = 0xabcdef };
	const uint8_t hash[32] = { 0xde, 0xad };
	char s[VAULT_PATH_MAX];

	p.dtag = d;
	vault_name_genesis(s);
	ck_assert_str_eq(s, "drive");
	vault_name_chain(&t, 1, s);
	ck_assert_str_eq(s, "u/aaaaaaaaaaaaaaaaaaaa/0000000000000001");
	vault_name_grants(&t, s);
	ck_assert_str_eq(s, "r/aaaaaaaaaaaaaaaaaaaa/k/");
	vault_name_grant(&t, 1, hash, s);
	ck_assert_str_eq(s,
	    "r/aaaaaaaaaaaaaaaaaaaa/k/00000001-dead000000000000");
	vault_name_segment(&t, &d, 255, s);
	ck_assert_str_eq(s, "r/aaaaaaaaaaaaaaaaaaaa/j/"
	    "74aaaaaaaaaaaaaaaaaa/00000000000000ff");
	vault_name_head(&t, &d, s);
	ck_assert_str_eq(s,
	    "r/aaaaaaaaaaaaaaaaaaaa/h/74aaaaaaaaaaaaaaaaaa");
	vault_name_pack(&t, &p, s);
	ck_assert_str_eq(s, "r/aaaaaaaaaaaaaaaaaaaa/d/74aaaaaaaaaaaaaaaaaa/"
	    "000000012/000000012345-0000000000abcdef");
	vault_name_page(&t, &d, 7, 1, s);
	ck_assert_str_eq(s, "r/aaaaaaaaaaaaaaaaaaaa/s/74aaaaaaaaaaaaaaaaaa/"
	    "000000000007-0000000000000001");
}
END_TEST

START_TEST(the_longest_names_fit_and_use_safe_letters_only)
{
	struct pack_id p = { .n = UINT64_MAX, .rand = UINT64_MAX };
	char s[VAULT_PATH_MAX], *c;

	memset(p.dtag.b, 0xff, VAULT_TAG_LEN);
	vault_name_pack(&p.dtag, &p, s);
	ck_assert_uint_lt(strlen(s), VAULT_PATH_MAX - 1);
	for (c = s; *c; c++)
		ck_assert(islower(*c) || isdigit(*c) || *c == '/' ||
		    *c == '-');
}
END_TEST

/* ---- words ---- */

START_TEST(words_give_the_seed_back)
{
	struct vector seed = vector_read("identity.txt", "seed");
	struct vector words = vector_read("identity.txt", "words");
	char text[RECOVERY_TEXT_MAX];
	uint8_t out[32];

	recovery_words(seed.p, text);
	ck_assert_str_eq(text, (char *)words.p);
	ck_assert_int_eq(recovery_parse(text, out), 0);
	ck_assert_mem_eq(out, seed.p, 32);
	free(seed.p);
	free(words.p);
}
END_TEST

START_TEST(words_may_be_typed_with_any_case_and_spacing)
{
	char text[RECOVERY_TEXT_MAX], typed[512];
	uint8_t out[32];
	size_t i, n;

	recovery_words(birth.recovery_seed, text);
	for (i = n = 0; text[i]; i++) {
		if (text[i] == '-') {
			memcpy(typed + n, i % 2 ? "\r\n " : "\t--", 3);
			n += 3;
		} else {
			typed[n++] = (char)(i % 3 ? toupper(text[i]) :
			    text[i]);
		}
	}
	memcpy(typed + n, " \n", 3);
	ck_assert_int_eq(recovery_parse(typed, out), 0);
	ck_assert_mem_eq(out, birth.recovery_seed, 32);
	/* Even without any. */
	for (i = n = 0; text[i]; i++)
		if (text[i] != '-')
			typed[n++] = text[i];
	typed[n] = '\0';
	ck_assert_int_eq(recovery_parse(typed, out), 0);
}
END_TEST

START_TEST(every_mistyped_letter_is_noticed)
{
	char text[RECOVERY_TEXT_MAX], was;
	uint8_t out[32];
	size_t i;
	int c;

	recovery_words(birth.recovery_seed, text);
	for (i = 0; text[i]; i++) {
		was = text[i];
		for (c = 1; c < 128; c++) {
			if (tolower(c) == was || (was == '-' &&
			    strchr(" \t\r\n-", c)))
				continue;
			text[i] = (char)c;
			ck_assert_int_eq(recovery_parse(text, out), -EINVAL);
		}
		text[i] = was;
	}
	ck_assert_int_eq(recovery_parse(text, out), 0);
}
END_TEST

START_TEST(words_missing_doubled_or_swapped_are_noticed)
{
	char text[RECOVERY_TEXT_MAX], t[2 * RECOVERY_TEXT_MAX];
	uint8_t out[32];
	size_t i, n;

	recovery_words(birth.recovery_seed, text);
	n = strlen(text);
	for (i = 0; i < n; i++) {
		(void)snprintf(t, sizeof(t), "%.*s", (int)i, text);
		ck_assert_int_eq(recovery_parse(t, out), -EINVAL);
	}
	(void)snprintf(t, sizeof(t), "%s-%.5s", text, text);
	ck_assert_int_eq(recovery_parse(t, out), -EINVAL);
	for (i = 0; i + 11 <= n; i += 6) {
		(void)snprintf(t, sizeof(t), "%.*s%.5s-%.5s%s", (int)i, text,
		    text + i + 6, text + i, text + i + 11);
		/* Two equal neighbours would make the same text. */
		if (strcmp(t, text) != 0)
			ck_assert_int_eq(recovery_parse(t, out), -EINVAL);
	}
	ck_assert_int_eq(recovery_parse("", out), -EINVAL);
}
END_TEST

/* The address 127.0.0.1 and others from arXiv:0901.4016. */
START_TEST(proquints_are_those_of_the_paper)
{
	const uint8_t b[16] = { 127, 0, 0, 1, 63, 84, 220, 193, 63, 118, 7,
	    35, 147, 67, 119, 187 };
	char text[RECOVERY_TEXT_MAX];

	fingerprint_words(b, text);
	ck_assert_int_eq(strncmp(text, "lusab-babad-gutih-tugad-gutuk-bisog-",
	    36), 0);
	ck_assert_uint_eq(strlen(text), 8 * 5 + 7);
}
END_TEST

static Suite *
suite(void)
{
	Suite *s = suite_create("identity");
	TCase *t = tcase_create("identity");

	tcase_set_timeout(t, 120);
	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, genesis_says_what_the_keys_say);
	tcase_add_test(t, every_flipped_bit_of_genesis_is_refused);
	tcase_add_test(t, every_other_length_of_genesis_is_refused);
	tcase_add_test(t, genesis_of_another_suite_is_refused_though_signed);
	tcase_add_test(t,
	    genesis_needs_the_countersignature_of_its_recovery_key);
	tcase_add_test(t, genesis_has_no_place_in_a_sequence);
	tcase_add_test(t, two_drives_have_nothing_in_common);
	tcase_add_test(t, genesis_tells_no_secret_and_no_label);
	tcase_add_test(t, keys_come_back_from_their_bytes);
	tcase_add_test(t, keys_that_do_not_fit_together_are_refused);
	tcase_add_test(t, each_type_has_a_key_of_its_own);
	tcase_add_test(t,
	    labels_are_cut_between_characters_and_made_printable);
	tcase_add_test(t, names_are_those_of_the_format);
	tcase_add_test(t, the_longest_names_fit_and_use_safe_letters_only);
	tcase_add_test(t, words_give_the_seed_back);
	tcase_add_test(t, words_may_be_typed_with_any_case_and_spacing);
	tcase_add_test(t, every_mistyped_letter_is_noticed);
	tcase_add_test(t, words_missing_doubled_or_swapped_are_noticed);
	tcase_add_test(t, proquints_are_those_of_the_paper);
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
