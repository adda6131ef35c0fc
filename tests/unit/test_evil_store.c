/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A store that alters, drops, swaps and replays, against whole machines: what
 * they read and what they do.  See test_evil_keys.c for the comments' form.
 */
#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "crypto/crypto.h"
#include "drive/sync.h"
#include "tests/lib/cold.h"
#include "util/buf.h"
#include "util/log.h"
#include "vault/envelope.h"

static const struct cold_file files[] = {
	{ "one", 300 * 1024, 1, 1 },
	{ "two", 300 * 1024, 2, 1 },
	{ "three", 5000, 3, 1 },
	{ "four", 100, 4, 1 },
};
#define NFILES (sizeof(files) / sizeof(files[0]))

/* Four files, each in packs and segments of its own. */
static void
begin(struct rig *r, struct evil **e)
{
	size_t i;

	rig_new_on(r, evil_open(e));
	rig_start(r);
	for (i = 0; i < NFILES; i++) {
		rig_write(r, files[i].name, 0, files[i].len, files[i].seed);
		rig_wait(r);
	}
}

static size_t
len_of(struct evil *e, const char *name)
{
	size_t len = 0;

	free(evil_get(e, name, &len));
	return len;
}

/*
 * A7.  Attack: a bit of stored content is changed where the cipher does not
 * notice.
 * Defence: everything is under authenticated encryption and a signature or a
 * signed hash.
 */
START_TEST(a7_a_changed_bit_anywhere_is_an_error_never_other_bytes)
{
	size_t i, n, len, at;
	struct evil *e;
	struct rig r;
	int whole = 0;

	begin(&r, &e);
	n = evil_count(e, "");
	for (i = 0; i < n; i++) {
		const char *name = evil_name(e, "", i);

		len = len_of(e, name);
		for (at = 0; at < 3; at++) {
			evil_flip(e, name, at * (len * 8 - 1) / 2);
			whole += cold_all(&r, e, files, NFILES);
			evil_honest(e);
		}
	}
	ck_assert_int_lt(whole, (int)(3 * n * NFILES));
	ck_assert_int_eq(cold_all(&r, e, files, NFILES), NFILES);
	rig_done(&r);
}
END_TEST

struct at {
	struct block_ref ref;
	uint64_t ino, idx;
};

static int
first_ref(void *arg, uint64_t ino, uint64_t idx, const struct block_ref *ref)
{
	struct at *a = arg;

	a->ref = *ref;
	a->ino = ino;
	a->idx = idx;
	return 1;
}

/* Two whole blocks in one pack. */
struct pair {
	struct block_ref last, a, b;
	bool is_found;
};

static int
find_pair(void *arg, uint64_t ino, uint64_t idx, const struct block_ref *ref)
{
	struct pair *p = arg;

	(void)ino;
	(void)idx;
	if (ref->len == p->last.len && ref->len == VAULT_BLOCK_SIZE &&
	    ref->pack.rand == p->last.pack.rand) {
		p->a = p->last;
		p->b = *ref;
		p->is_found = true;
		return 1;
	}
	p->last = *ref;
	return 0;
}

/* Exchange two stretches of one object. */
static void
serve_exchanged(struct evil *e, const char *name, size_t a, size_t b,
    size_t len)
{
	size_t n;
	uint8_t *p = evil_get(e, name, &n), *t = malloc(len);

	ck_assert(t && a + len <= n && b + len <= n);
	memcpy(t, p + a, len);
	memcpy(p + a, p + b, len);
	memcpy(p + b, t, len);
	evil_serve(e, name, p, n);
	free(t);
	free(p);
}

/*
 * A8.  Attack: blocks are reordered, doubled, left out, cut, or taken from
 * another version of the file.
 * Defence: a version names each block by place and hash and says its size;
 * place and index are bound into each block.
 */
START_TEST(a8_blocks_out_of_order_cut_or_of_other_versions_are_errors)
{
	enum { SEALED = 128 * 1024 + 40 };
	struct cold_file v[] = { { "one", 300 * 1024, 1, 2 } };
	struct pair two = { .is_found = false };
	char a[VAULT_PATH_MAX];
	size_t i, j, n;
	struct evil *e;
	struct rig r;

	begin(&r, &e);
	n = evil_count(e, "/d/");
	ck_assert_uint_ge(n, 3);
	for (i = 0; i < n; i++)
		for (j = 0; j < n; j++) {
			if (i == j)
				continue;
			evil_swap(e, evil_name(e, "/d/", i),
			    evil_name(e, "/d/", j));
			ck_assert_int_lt(cold_all(&r, e, files, NFILES),
			    NFILES);
			evil_honest(e);
		}
	/* Two blocks of one file in one pack. */
	(void)drive_walk_refs(r.drive, find_pair, &two);
	ck_assert(two.is_found);
	vault_name_pack(&r.keys->rtag, &two.a.pack, a);
	serve_exchanged(e, a, two.a.off, two.b.off, SEALED);
	ck_assert_int_lt(cold_all(&r, e, files, NFILES), NFILES);
	evil_honest(e);
	evil_cut(e, a, len_of(e, a) / 2);
	ck_assert_int_lt(cold_all(&r, e, files, NFILES), NFILES);
	evil_honest(e);
	/* The pack of the version before in place of the newer one. */
	rig_write(&r, "one", 0, 300 * 1024, 101);
	rig_wait(&r);
	for (i = n; i < evil_count(e, "/d/"); i++)
		for (j = 0; j < n; j++) {
			evil_swap(e, evil_name(e, "/d/", i),
			    evil_name(e, "/d/", j));
			ck_assert_int_eq(cold_all(&r, e, v, 1), 0);
		}
	rig_done(&r);
}
END_TEST

/*
 * A9.  Attack: names and places of files are changed, files are moved or
 * taken away by tampering with what tells of them.
 * Defence: names exist only inside signed journal entries; the worst a store
 * can do is to withhold the end of a journal, and that is told.
 */
START_TEST(a9_names_can_be_withheld_and_not_changed)
{
	struct sync_status st;
	char *before, *after;
	size_t i, j, n;
	struct evil *e;
	struct rig r, cold;
	int res;

	begin(&r, &e);
	before = rig_dump(&r);
	n = evil_count(e, "/j/");
	ck_assert_uint_ge(n, 4);
	for (i = 0; i < n; i++) {
		for (j = 0; j <= n; j++) {
			if (j == i)
				continue;
			if (j == n)
				evil_drop(e, evil_name(e, "/j/", i));
			else
				evil_swap(e, evil_name(e, "/j/", i),
				    evil_name(e, "/j/", j));
			/* Something is said, whatever is left. */
			res = cold_try(&r, evil_client(e), &cold);
			ck_assert_msg(res != 0, "%zu, %zu: not noticed", i, j);
			rig_done(&cold);
			ck_assert_int_lt(cold_all(&r, e, files, NFILES),
			    NFILES);
			evil_honest(e);
		}
	}
	/* Nothing changes where it is known already. */
	evil_drop(e, evil_name(e, "/j/", n - 1));
	rig_stop(&r, 0);
	rig_start(&r);
	cold_await(&r, SYNC_ALARM, &st);
	after = rig_dump(&r);
	ck_assert_str_eq(before, after);
	free(before);
	free(after);
	rig_done(&r);
}
END_TEST

static void
on_finding(void *arg, const char *finding)
{
	(void)arg;
	(void)finding;
}

static void
recovers(const struct rig *r, struct evil *e, const char *name, size_t bit,
    int want)
{
	struct rig cold;

	evil_flip(e, name, bit);
	rig_recover_on(r, evil_client(e), &cold, want);
	rig_done(&cold);
	evil_honest(e);
}

/* No newer version of the program, that is. */
START_TEST(a_bit_of_the_version_is_spoiled_like_any_other)
{
	static const size_t bits[] = { 5 * 8, 6 * 8, 8 * 8, 9 * 8 + 7 };
	char head[VAULT_PATH_MAX], name[16];
	struct evil *e;
	struct rig r;
	size_t i, k;
	int n;

	begin(&r, &e);
	ck_assert_int_eq(sync_checkpoint(r.sync, NULL), 0);
	rig_wait(&r);
	vault_name_head(&r.keys->rtag, &r.keys->dtag, head);
	for (i = 0; i < sizeof(bits) / sizeof(bits[0]); i++) {
		recovers(&r, e, head, bits[i], 1);
		/* Root and page. */
		for (k = 0; k < evil_count(e, "/s/"); k++)
			recovers(&r, e, evil_name(e, "/s/", k), bits[i], 1);
		for (k = 0; k < evil_count(e, "/s/"); k++)
			evil_drop(e, evil_name(e, "/s/", k));
		recovers(&r, e, evil_name(e, "/j/", 1), bits[i], 1);
		for (k = 0; k < evil_count(e, "/d/"); k++) {
			evil_flip(e, evil_name(e, "/d/", k), bits[i]);
			n = sync_check(r.store, r.keys, r.drive, on_finding,
			    NULL, NULL, NULL);
			ck_assert_int_gt(n, 0);
			evil_honest(e);
		}
		/* What goes up goes on. */
		rig_stop(&r, 0);
		evil_flip(e, head, bits[i]);
		rig_start(&r);
		(void)snprintf(name, sizeof(name), "more%zu", i);
		rig_mkdir(&r, name);
		rig_wait(&r);
		evil_honest(e);
	}
	/* The epoch of a pack. */
	evil_flip(e, evil_name(e, "/d/", 0), 40 * 8);
	n = sync_check(r.store, r.keys, r.drive, on_finding, NULL, NULL, NULL);
	ck_assert_int_gt(n, 0);
	rig_done(&r);
}
END_TEST

/* One byte too many, or far more than any of its kind. */
START_TEST(an_object_that_is_too_long_is_left_out_of_a_recovery)
{
	size_t sizes[] = { 1, 4u << 20, 20u << 20 }, i, k, len;
	const char *names[3];
	struct evil *e;
	struct rig r, cold;
	uint8_t *p, *q;

	begin(&r, &e);
	ck_assert_int_eq(sync_checkpoint(r.sync, NULL), 0);
	rig_wait(&r);
	rig_mkdir(&r, "after");
	rig_wait(&r);
	names[0] = evil_name(e, "/h/", 0);
	names[1] = evil_name(e, "/s/", 1);
	names[2] = evil_name(e, "/j/", evil_count(e, "/j/") - 1);
	for (k = 0; k < 3; k++)
		for (i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
			p = evil_get(e, names[k], &len);
			q = calloc(1, len + sizes[i]);
			ck_assert(p && q);
			memcpy(q, p, len);
			evil_serve(e, names[k], q, len + sizes[i]);
			free(p);
			free(q);
			rig_recover_on(&r, evil_client(e), &cold, 1);
			rig_done(&cold);
			evil_honest(e);
		}
	rig_done(&r);
}
END_TEST

/*
 * A10.  Attack: times, sizes and modes of files are changed on the store.
 * Defence: attributes are signed entries; what a listing says of an object is
 * used for nothing.
 */
START_TEST(a10_what_a_listing_says_changes_no_attribute)
{
	char *before, *after;
	struct evil *e;
	struct rig r, cold;

	begin(&r, &e);
	rig_fill(&r, 1);
	rig_wait(&r);
	before = rig_dump(&r);
	evil_lie(e, EVIL_LIST_SIZES | EVIL_LIST_MORE | EVIL_LIST_TWICE);
	rig_recover_on(&r, evil_client(e), &cold, 0);
	rig_start(&cold);
	after = rig_dump(&cold);
	ck_assert_str_eq(before, after);
	free(before);
	free(after);
	rig_done(&cold);
	rig_done(&r);
}
END_TEST

/*
 * A11.  Attack: an object, or content that a user was given to store, is
 * shown as an object of another kind: a file as a journal.
 * Defence: the kind is in the signed header and in the key; content is sealed
 * and never parsed as anything.
 */
START_TEST(a11_no_object_passes_for_another_kind)
{
	static const char *const kinds[] = { "drive", "u/", "/k/", "/j/",
	    "/h/", "/d/", "/s/" };
	size_t i, j, len, nk = sizeof(kinds) / sizeof(kinds[0]);
	struct evil *e;
	struct rig r;
	uint8_t *p;

	begin(&r, &e);
	ck_assert_int_eq(sync_checkpoint(r.sync, NULL), 0);
	rig_wait(&r);
	for (i = 0; i < nk; i++)
		for (j = 0; j < nk; j++) {
			if (i == j)
				continue;
			evil_swap(e, evil_name(e, kinds[i], 0),
			    evil_name(e, kinds[j], 0));
			(void)cold_all(&r, e, files, NFILES);
			evil_honest(e);
		}
	/* A sealed block, and the content of a file, as a journal. */
	p = evil_get(e, evil_name(e, "/d/", 0), &len);
	evil_serve(e, evil_name(e, "/j/", 1), p + 104, 4096);
	for (i = 0; i < evil_count(e, "/s/"); i++)
		evil_drop(e, evil_name(e, "/s/", i));
	ck_assert_int_lt(cold_all(&r, e, files, NFILES), NFILES);
	free(p);
	evil_honest(e);
	ck_assert_int_eq(cold_all(&r, e, files, NFILES), NFILES);
	rig_done(&r);
}
END_TEST

/*
 * A18.  Attack: content is deleted, so that it looks like another machine's
 * deletion.
 * Defence: only a signed entry deletes; an object that is missing is an error
 * of the read and a message, and the file stays.
 */
START_TEST(a18_a_pack_that_is_gone_is_an_error_and_no_deletion)
{
	struct sync_status st;
	struct evil *e;
	struct rig r, cold;
	uint8_t p[4096];
	size_t i;

	begin(&r, &e);
	rig_recover_on(&r, evil_client(e), &cold, 0);
	rig_start(&cold);
	for (i = 0; i < evil_count(e, "/d/"); i++)
		evil_drop(e, evil_name(e, "/d/", i));
	ck_assert_int_eq(cold_read(&cold, "one", 0, p, sizeof(p)), -EIO);
	sync_get_status(cold.sync, &st);
	ck_assert_msg(strstr(st.problem, "no longer"), "%s", st.problem);
	ck_assert_uint_ne(rig_lookup(&cold, "one"), 0);
	evil_honest(e);
	sync_kick(cold.sync);
	ck_assert_int_eq(cold_read(&cold, "one", 0, p, sizeof(p)),
	    sizeof(p));
	rig_done(&cold);
	rig_done(&r);
}
END_TEST

/*
 * A19.  Attack: a writer and the store together make two contents for one
 * block, both of which open under its key, and show each reader another.
 * Defence: the signed version says the hash of the sealed bytes.
 */
START_TEST(a19_another_block_sealed_under_the_right_key_is_refused)
{
	uint8_t aad[VAULT_BLOCK_AAD_LEN], key[VAULT_KEY_LEN], p[4096], *pack;
	struct pack_entry *en = NULL;
	size_t len, n, i;
	struct evil *e;
	struct rig r, cold;
	struct aead *a;
	struct at at;
	char name[VAULT_PATH_MAX];

	begin(&r, &e);
	ck_assert_int_eq(drive_walk_refs(r.drive, first_ref, &at), 1);
	vault_name_pack(&r.keys->rtag, &at.ref.pack, name);
	pack = evil_get(e, name, &len);
	ck_assert_int_eq(pack_open(r.keys, &at.ref.pack, pack, len, &en, &n),
	    0);
	for (i = 0; i < n && en[i].off != at.ref.off; i++)
		;
	ck_assert_uint_lt(i, n);
	ck_assert_int_eq(drive_inode_key(r.drive, &en[i].inode, key), 0);
	ck_assert_int_eq(vault_file_key(key, &a), 0);
	vault_block_aad(&r.keys->drive, &r.keys->realm, &en[i].inode,
	    VAULT_CLASS_DATA, en[i].idx, aad);
	/* It opens there, as the true one does. */
	{
		uint8_t *plain = calloc(1, at.ref.len);

		ck_assert_int_eq(aead_seal_box(a, aad, sizeof(aad), plain,
		    at.ref.len, pack + at.ref.off), 0);
		ck_assert_int_eq(aead_open_box(a, aad, sizeof(aad),
		    pack + at.ref.off, at.ref.len + AEAD_OVERHEAD, plain), 0);
		free(plain);
	}
	evil_serve(e, name, pack, len);
	rig_recover_on(&r, evil_client(e), &cold, 0);
	rig_start(&cold);
	for (i = 0; i < NFILES; i++)
		if (rig_lookup(&cold, files[i].name) &&
		    cold_read(&cold, files[i].name, 0, p, 1) == -EIO)
			break;
	ck_assert_uint_lt(i, NFILES);
	aead_free(a);
	free(en);
	free(pack);
	rig_done(&cold);
	rig_done(&r);
}
END_TEST

/*
 * A25.  Attack: a block is replaced by zeros, which a reader may take for a
 * hole.
 * Defence: a hole is written down in the version; zeros do not verify.
 */
START_TEST(a25_zeros_are_no_hole)
{
	size_t i, len;
	struct evil *e;
	struct rig r;
	uint8_t *p;

	begin(&r, &e);
	for (i = 0; i < evil_count(e, "/d/"); i++) {
		len = len_of(e, evil_name(e, "/d/", i));
		p = calloc(1, len);
		evil_serve(e, evil_name(e, "/d/", i), p, len);
		free(p);
	}
	/* The small one lies in its journal entry. */
	ck_assert_int_eq(cold_all(&r, e, files, NFILES), 1);
	rig_done(&r);
}
END_TEST

/*
 * A37.  Attack: the end of a block is altered, and the part before it is
 * given out before that is noticed.
 * Defence: nothing of a block is given out before all of it has verified.
 */
START_TEST(a37_of_a_block_with_a_bad_end_no_byte_is_given_out)
{
	uint8_t p[4096], none[4096];
	struct evil *e;
	struct rig r, cold;
	struct at at;
	char name[VAULT_PATH_MAX];
	size_t i, bad = 0;

	begin(&r, &e);
	ck_assert_int_eq(drive_walk_refs(r.drive, first_ref, &at), 1);
	vault_name_pack(&r.keys->rtag, &at.ref.pack, name);
	evil_flip(e, name, 8 * (at.ref.off + at.ref.len + AEAD_OVERHEAD) - 1);
	rig_recover_on(&r, evil_client(e), &cold, 0);
	rig_start(&cold);
	memset(none, 0xaa, sizeof(none));
	for (i = 0; i < NFILES; i++) {
		memset(p, 0xaa, sizeof(p));
		if (cold_read(&cold, files[i].name, 0, p, sizeof(p)) >= 0)
			continue;
		ck_assert_mem_eq(p, none, sizeof(p));
		bad++;
	}
	ck_assert_uint_eq(bad, 1);
	rig_done(&cold);
	rig_done(&r);
}
END_TEST

static Suite *
suite(void)
{
	Suite *s = suite_create("hostile store: objects");
	TCase *tc = tcase_create("objects");

	tcase_set_timeout(tc, 240);
	suite_add_tcase(s, tc);
	tcase_add_test(tc,
	    a7_a_changed_bit_anywhere_is_an_error_never_other_bytes);
	tcase_add_test(tc,
	    a8_blocks_out_of_order_cut_or_of_other_versions_are_errors);
	tcase_add_test(tc, a9_names_can_be_withheld_and_not_changed);
	tcase_add_test(tc, a_bit_of_the_version_is_spoiled_like_any_other);
	tcase_add_test(tc,
	    an_object_that_is_too_long_is_left_out_of_a_recovery);
	tcase_add_test(tc, a10_what_a_listing_says_changes_no_attribute);
	tcase_add_test(tc, a11_no_object_passes_for_another_kind);
	tcase_add_test(tc, a18_a_pack_that_is_gone_is_an_error_and_no_deletion);
	tcase_add_test(tc,
	    a19_another_block_sealed_under_the_right_key_is_refused);
	tcase_add_test(tc, a25_zeros_are_no_hole);
	tcase_add_test(tc, a37_of_a_block_with_a_bad_end_no_byte_is_given_out);
	return s;
}

int
main(void)
{
	SRunner *sr = srunner_create(suite());
	int failed;

	log_set_level(LOG_LEVEL_ERROR);
	srunner_run_all(sr, CK_ENV);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
