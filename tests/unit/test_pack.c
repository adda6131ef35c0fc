/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <check.h>
#include <errno.h>

#include "tests/lib/damage.h"
#include "tests/lib/fix_vault.h"
#include "util/buf.h"
#include "vault/body.h"
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

static int
open_id(void *arg, const void *p, size_t len)
{
	struct pack_entry *e;
	size_t n;
	int r = pack_open(peer, arg, p, len, &e, &n);

	if (r == 0)
		free(e);
	return r;
}

static struct pack *
pack_of(uint64_t n)
{
	struct pack *p;

	ck_assert_int_eq(pack_new(us, n, &p), 0);
	return p;
}

/* Add count blocks of len sealed bytes that are as good as random. */
static void
fill(struct pack *p, size_t count, size_t len, struct block_ref *refs)
{
	uint8_t *b = malloc(len);
	struct vault_id id = fix_id(1);
	struct block_ref f;
	size_t i;

	ck_assert_ptr_nonnull(b);
	crypto_random(b, len);
	for (i = 0; i < count; i++) {
		ck_assert(pack_room(p, len));
		ck_assert_int_eq(pack_add(p, &id, VAULT_CLASS_DATA, i, b, len,
		    &f), 0);
		if (refs)
			refs[i] = f;
	}
	free(b);
}

START_TEST(a_pack_comes_back_block_by_block)
{
	uint8_t one[400], two[VAULT_BLOCK_SIZE + VAULT_SEAL_OVERHEAD];
	uint8_t plain[300], aad[VAULT_BLOCK_AAD_LEN], key[VAULT_KEY_LEN];
	struct vault_id a = fix_id(0x11), b = fix_id(0x12);
	struct block_ref f[2];
	struct pack_entry *e;
	const uint8_t *data;
	struct aead *fk;
	size_t len, n, l1, l2;
	struct pack *p = pack_of(9);

	ck_assert_uint_eq(pack_id_of(p)->n, 9);
	l1 = fix_sealed(us, 0x11, 3, 300, one);
	l2 = fix_sealed(us, 0x12, 4, VAULT_BLOCK_SIZE, two);
	ck_assert_int_eq(pack_add(p, &a, VAULT_CLASS_DATA, 3, one, l1, &f[0]),
	    0);
	ck_assert_int_eq(pack_add(p, &b, VAULT_CLASS_MANIFEST, 4, two, l2,
	    &f[1]), 0);
	ck_assert_int_eq(pack_end(p, &data, &len), 0);
	ck_assert_int_eq(pack_open(peer, pack_id_of(p), data, len, &e, &n),
	    0);
	ck_assert_uint_eq(n, 2);
	ck_assert(vault_id_eq(&e[0].inode, &a));
	ck_assert_uint_eq(e[0].idx, 3);
	ck_assert_uint_eq(e[1].cls, VAULT_CLASS_MANIFEST);
	ck_assert_uint_eq(e[0].off, f[0].off);
	ck_assert_uint_eq(e[1].off, f[1].off);
	ck_assert_uint_eq(f[1].len, VAULT_BLOCK_SIZE);
	ck_assert_mem_eq(e[1].sha, f[1].sha, VAULT_HASH_LEN);
	ck_assert_int_eq(block_ref_verify(&f[0], data + f[0].off, l1), 0);
	ck_assert_int_eq(block_ref_verify(&f[0], data + f[0].off, l1 - 1),
	    -EBADMSG);
	ck_assert_int_eq(block_ref_verify(&f[0], data + f[0].off + 1, l1),
	    -EBADMSG);
	/* And what the reader of a file does with it. */
	memset(key, 0x11, sizeof(key));
	ck_assert_int_eq(vault_file_key(key, &fk), 0);
	vault_block_aad(&peer->drive, &peer->realm, &a, VAULT_CLASS_DATA, 3,
	    aad);
	ck_assert_int_eq(aead_open_box(fk, aad, sizeof(aad), data + f[0].off,
	    l1, plain), 0);
	ck_assert_uint_eq(plain[299], 0x11);
	vault_block_aad(&peer->drive, &peer->realm, &a, VAULT_CLASS_DATA, 4,
	    aad);
	ck_assert_int_eq(aead_open_box(fk, aad, sizeof(aad), data + f[0].off,
	    l1, plain), -EBADMSG);
	aead_free(fk);
	free(e);
	pack_free(p);
}
END_TEST

START_TEST(any_damage_to_a_pack_is_seen)
{
	struct pack *p = pack_of(1);
	struct pack_id id = *pack_id_of(p);
	const uint8_t *data;
	size_t len;

	fill(p, 5, 100, NULL);
	ck_assert_int_eq(pack_end(p, &data, &len), 0);
	damage_check(open_id, &id, data, len);
	pack_free(p);
}
END_TEST

START_TEST(a_pack_under_another_name_is_refused)
{
	struct pack *p = pack_of(1);
	struct pack_id id = *pack_id_of(p);
	const uint8_t *data;
	size_t len;

	fill(p, 2, 100, NULL);
	ck_assert_int_eq(pack_end(p, &data, &len), 0);
	id.n++;
	ck_assert_int_eq(open_id(&id, data, len), -EBADMSG);
	id.n--;
	id.rand ^= 1;
	ck_assert_int_eq(open_id(&id, data, len), -EBADMSG);
	id.rand ^= 1;
	id.dtag = peer->dtag;
	ck_assert_int_eq(open_id(&id, data, len), -EBADMSG);
	id = *pack_id_of(p);
	peer->rtag.b[0] ^= 1;
	ck_assert_int_eq(open_id(&id, data, len), -EBADMSG);
	peer->rtag.b[0] ^= 1;
	peer->epoch++;
	ck_assert_int_eq(open_id(&id, data, len), -ENOKEY);
	peer->epoch--;
	ck_assert_int_eq(open_id(&id, data, len), 0);
	pack_free(p);
}
END_TEST

START_TEST(the_frozen_pack_opens)
{
	struct pack_id id = { .n = 9 };
	struct pack_entry *e;
	size_t len, n;
	uint8_t *p = sample_read("v1-pack.bin", &len);

	/* Its name is not frozen beside it: the header has it. */
	memcpy(id.dtag.b, p + 44, VAULT_TAG_LEN);
	id.rand = get_le64(p + 64);
	ck_assert_int_eq(pack_open(peer, &id, p, len, &e, &n), 0);
	ck_assert_uint_eq(n, 2);
	ck_assert_uint_eq(e[0].len, 300);
	ck_assert_uint_eq(e[1].len, 1);
	ck_assert_uint_eq(e[1].idx, 70);
	free(e);
	free(p);
}
END_TEST

START_TEST(a_full_pack_is_full_and_no_longer)
{
	const size_t len = VAULT_BLOCK_SIZE + VAULT_SEAL_OVERHEAD;
	struct pack *p = pack_of(1);
	struct pack_id id = *pack_id_of(p);
	struct vault_id inode = fix_id(1);
	struct block_ref f;
	const uint8_t *data;
	uint8_t *b = calloc(1, len);
	size_t n, count = 0;

	ck_assert_ptr_nonnull(b);
	for (; pack_room(p, len); count++)
		ck_assert_int_eq(pack_add(p, &inode, VAULT_CLASS_DATA, count,
		    b, len, &f), 0);
	ck_assert_uint_eq(count, 63);
	ck_assert_int_eq(pack_add(p, &inode, VAULT_CLASS_DATA, 0, b, len, &f),
	    -EFBIG);
	/* Small ones still fit, until the index has no room either. */
	for (n = 41; pack_room(p, n); count++)
		ck_assert_int_eq(pack_add(p, &inode, VAULT_CLASS_DATA, count,
		    b, n, &f), 0);
	ck_assert_int_eq(pack_end(p, &data, &n), 0);
	ck_assert_uint_eq(n, VAULT_PACK_MAX);
	ck_assert_int_eq(open_id(&id, data, n), 0);
	ck_assert(!pack_room(p, 1));
	ck_assert_int_eq(pack_add(p, &inode, VAULT_CLASS_DATA, 0, b, 50, &f),
	    -EINVAL);
	pack_free(p);
	free(b);
}
END_TEST

START_TEST(lengths_are_padme_and_cost_at_most_twelve_percent)
{
	size_t n, last = 0, got;

	for (n = 1; n <= VAULT_PACK_MAX; n += 1 + n / 1000) {
		got = body_padme(n);
		ck_assert_uint_ge(got, n);
		ck_assert_uint_ge(got, last);
		ck_assert_uint_le((got - n) * 100, 12 * n);
		ck_assert_uint_le(got, VAULT_PACK_MAX);
		ck_assert_uint_eq(body_padme(got), got);
		last = got;
	}
	ck_assert_uint_eq(body_padme(VAULT_PACK_MAX), VAULT_PACK_MAX);
	ck_assert_uint_eq(body_padme(1000000), 1015808);
}
END_TEST

START_TEST(packs_of_nearly_one_size_look_the_same)
{
	const uint8_t *data;
	struct pack *p;
	size_t i, len, first = 0;

	for (i = 0; i < 20; i++) {
		p = pack_of(i);
		fill(p, 10, 100000, NULL);
		fill(p, 1, 1000 + 50 * i, NULL);
		ck_assert_int_eq(pack_end(p, &data, &len), 0);
		ck_assert(!first || first == len);
		first = len;
		pack_free(p);
	}
}
END_TEST

START_TEST(an_empty_pack_and_bad_lengths_are_refused)
{
	struct pack *p = pack_of(1);
	struct vault_id id = fix_id(1);
	struct block_ref f;
	const uint8_t *data;
	size_t len;

	ck_assert_int_eq(pack_end(p, &data, &len), -EINVAL);
	ck_assert_int_eq(pack_add(p, &id, VAULT_CLASS_DATA, 0, "", 40, &f),
	    -EINVAL);
	ck_assert_int_eq(pack_add(p, &id, VAULT_CLASS_DATA, 0, "",
	    VAULT_BLOCK_SIZE + VAULT_SEAL_OVERHEAD + 1, &f), -EINVAL);
	pack_free(p);
	pack_free(NULL);
}
END_TEST

START_TEST(an_object_of_another_type_is_no_pack)
{
	static const char *const names[] = { "v1-segment.bin", "v1-head.bin",
		"v1-page.bin", "v1-root.bin" };
	struct segment s;
	uint8_t hash[VAULT_HASH_LEN];
	struct pack_id id;
	uint8_t *p;
	size_t i, len;

	memset(&id, 0, sizeof(id));
	for (i = 0; i < 4; i++) {
		p = sample_read(names[i], &len);
		memcpy(id.dtag.b, p + 44, VAULT_TAG_LEN);
		id.n = get_le64(p + 56);
		id.rand = get_le64(p + 64);
		ck_assert_int_eq(open_id(&id, p, len), -EBADMSG);
		free(p);
	}
	p = sample_read("v1-pack.bin", &len);
	ck_assert_int_lt(segment_open(peer, &us->self, 9, NULL, p, len, &s,
	    hash), 0);
	free(p);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("pack");
	TCase *t = tcase_create("pack");
	SRunner *r;
	int failed;

	tcase_set_timeout(t, 120);
	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, a_pack_comes_back_block_by_block);
	tcase_add_test(t, any_damage_to_a_pack_is_seen);
	tcase_add_test(t, a_pack_under_another_name_is_refused);
	tcase_add_test(t, the_frozen_pack_opens);
	tcase_add_test(t, a_full_pack_is_full_and_no_longer);
	tcase_add_test(t, lengths_are_padme_and_cost_at_most_twelve_percent);
	tcase_add_test(t, packs_of_nearly_one_size_look_the_same);
	tcase_add_test(t, an_empty_pack_and_bad_lengths_are_refused);
	tcase_add_test(t, an_object_of_another_type_is_no_pack);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_ENV);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}
