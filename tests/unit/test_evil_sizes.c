/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What a store sees of sizes, what it can make a client do with large or
 * absurd objects, and what it cannot make it delete.
 */
#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "crypto/crypto.h"
#include "drive/sync.h"
#include "store/store.h"
#include "sync/sync_priv.h"
#include "tests/lib/cold.h"
#include "tests/lib/fix_vault.h"
#include "util/buf.h"
#include "util/err.h"
#include "util/log.h"
#include "vault/envelope.h"

/* A file of this content on a new store; the sizes of its packs, sorted. */
static size_t
sizes_of(const uint8_t *p, size_t len, size_t *out, size_t max)
{
	struct drive_file *f;
	struct drive_attr a;
	struct drive_cred c = { .uid = 1000, .gid = 1000 };
	struct evil *e;
	struct rig r;
	size_t i, n = 0;

	rig_new_on(&r, evil_open(&e));
	ck_assert_int_eq(drive_create(r.drive, &c, DRIVE_ROOT_INO, "x", 0600,
	    0, &a, &f), 0);
	ck_assert_int_eq(drive_write(f, p, len, 0), (ssize_t)len);
	ck_assert_int_eq(drive_file_close(f), 0);
	r.conf.uploads = 1;
	rig_start(&r);
	rig_wait(&r);
	for (i = 0; evil_name(e, "/d/", i) && n < max; i++)
		free(evil_get(e, evil_name(e, "/d/", i), &out[n++]));
	rig_done(&r);
	return n;
}

/*
 * A26.  Attack: where a file is cut depends on its content, so the sizes of
 * its pieces tell which file it is.
 * Defence: blocks are cut at multiples of a fixed size, whatever is in them.
 */
START_TEST(a26_sizes_on_the_store_do_not_depend_on_content)
{
	enum { LEN = 900 * 1024 };
	uint8_t *p = calloc(1, LEN);
	size_t a[16], b[16], c[16], n;

	ck_assert_ptr_nonnull(p);
	n = sizes_of(p, LEN, a, 16);
	ck_assert_uint_gt(n, 0);
	crypto_random(p, LEN);
	ck_assert_uint_eq(sizes_of(p, LEN, b, 16), n);
	memset(p, 'a', LEN / 2);
	ck_assert_uint_eq(sizes_of(p, LEN, c, 16), n);
	ck_assert_mem_eq(a, b, n * sizeof(*a));
	ck_assert_mem_eq(a, c, n * sizeof(*a));
	free(p);
}
END_TEST

static size_t
pack_size(const struct vault_keys *k, size_t sealed)
{
	static uint8_t box[128 * 1024 + 40];
	struct vault_id id = fix_id(3);
	struct block_ref ref;
	const uint8_t *data;
	struct pack *p;
	size_t len, piece, at;

	ck_assert_int_eq(pack_new(k, 1, &p), 0);
	for (at = 0; at < sealed; at += piece) {
		piece = sealed - at < sizeof(box) ? sealed - at : sizeof(box);
		if (piece < 41)
			piece = 41;
		ck_assert_int_eq(pack_add(p, &id, VAULT_CLASS_DATA,
		    at / sizeof(box), box, piece, &ref), 0);
	}
	ck_assert_int_eq(pack_end(p, &data, &len), 0);
	pack_free(p);
	return len;
}

/*
 * A29.  Attack: exact sizes and numbers of files are read off the store.
 * Defence: files travel in packs whose lengths are padded to classes, at most
 * 12 per cent more, and in journals and checkpoints of 4 KiB, 16 KiB, 64 KiB
 * and so on.
 */
START_TEST(a29_packs_come_in_few_sizes_and_cost_little)
{
	struct vault_keys *k = fix_keys(0xa1);
	size_t len, size, last = 0, classes = 0, lengths = 0;

	for (len = 5000; len < 1024 * 1024; len += 797) {
		size = pack_size(k, len);
		ck_assert_uint_ge(size, last);
		ck_assert_msg((double)size < 1.13 * (double)len + 1200,
		    "%zu for %zu", size, len);
		classes += size != last;
		lengths++;
		last = size;
	}
	/* A class holds many lengths. */
	ck_assert_msg(classes * 6 < lengths, "%zu classes of %zu lengths",
	    classes, lengths);
	vault_keys_free(k);
}
END_TEST

/* How many of the objects there are, all of them of some class, and in *ret
 * of how many. */
static size_t
classes_of(struct evil *e, const char *part, unsigned *ret)
{
	size_t i, len, size, n = evil_count(e, part);
	unsigned class, seen = 0;

	for (i = 0; i < n; i++) {
		free(evil_get(e, evil_name(e, part, i), &len));
		len -= ENVELOPE_CLEAR_OVERHEAD;
		for (size = 4096, class = 0; size < len; size *= 4)
			class++;
		ck_assert_msg(size == len, "%s has %zu bytes",
		    evil_name(e, part, i), len);
		seen |= 1u << class;
	}
	*ret = (unsigned)__builtin_popcount(seen);
	return n;
}

START_TEST(a29_journals_and_checkpoints_come_in_few_sizes)
{
	char name[200];
	unsigned i, k, classes;
	struct evil *e;
	struct rig r;

	rig_new_on(&r, evil_open(&e));
	rig_start(&r);
	/* One small file and many, in one segment each. */
	for (i = 0; i < 40; i++) {
		for (k = 0; k <= i * i % 23; k++) {
			(void)snprintf(name, sizeof(name), "%u-%0*u", i,
			    (int)(1 + i * 37 % 150), k);
			rig_write(&r, name, 0, (i * 131 + k) % 2048, i);
		}
		rig_wait(&r);
	}
	ck_assert_int_eq(sync_checkpoint(r.sync, NULL), 0);
	rig_wait(&r);
	ck_assert_uint_ge(classes_of(e, "/j/", &classes), 40);
	ck_assert_uint_ge(classes, 2);
	ck_assert_uint_le(classes, 5);
	ck_assert_uint_ge(classes_of(e, "/s/", &classes), 2);
	ck_assert_uint_le(classes, 5);
	rig_done(&r);
}
END_TEST

static int
by_16(const void *a, const void *b)
{
	return memcmp(a, b, 16);
}

/*
 * A30.  Attack: a file is made that shows in its ciphertext that it is there
 * (a watermark).
 * Defence: each block is sealed under a random nonce; equal plaintext gives
 * nothing equal.
 */
START_TEST(a30_equal_plaintext_gives_no_equal_ciphertext)
{
	uint8_t block[4096], *all = malloc(8 << 20), *p;
	size_t i, k, len, n = 0;
	struct drive_file *f;
	struct drive_attr a;
	struct drive_cred c = { .uid = 1000, .gid = 1000 };
	struct evil *e;
	struct rig r;

	ck_assert_ptr_nonnull(all);
	memset(block, 0x55, sizeof(block));
	rig_new_on(&r, evil_open(&e));
	rig_start(&r);
	ck_assert_int_eq(drive_create(r.drive, &c, DRIVE_ROOT_INO, "x", 0600,
	    0, &a, &f), 0);
	for (i = 0; i < 300; i++)
		ck_assert_int_eq(drive_write(f, block, sizeof(block),
		    i * sizeof(block)), sizeof(block));
	ck_assert_int_eq(drive_file_close(f), 0);
	rig_wait(&r);
	for (i = 0; i < evil_count(e, "/d/"); i++) {
		p = evil_get(e, evil_name(e, "/d/", i), &len);
		/* Packs begin alike: what they are, of which drive. */
		for (k = PACK_HEADER_LEN; k + 16 <= len &&
		    n < (8 << 20) - 16; k += 16) {
			memcpy(all + n, p + k, 16);
			n += 16;
		}
		free(p);
	}
	n /= 16;
	ck_assert_uint_gt(n, 300 * 4096 / 16);
	qsort(all, n, 16, by_16);
	for (i = 1; i < n; i++)
		ck_assert(memcmp(all + 16 * (i - 1), all + 16 * i, 16) != 0);
	free(all);
	rig_done(&r);
}
END_TEST

/*
 * A38.  Attack: enormous objects, counts and costs make the client run out of
 * memory or time.
 * Defence: every buffer has a limit before it is filled, signatures are
 * checked before anything is parsed, costs have a ceiling.
 */
START_TEST(a38_an_enormous_object_is_refused_within_bounds)
{
	/* Without one of the first three there is no file.  A checkpoint
	 * stands in for the beginning of the journal, and that for it. */
	static const char *const kinds[] = { "drive", "u/", "/d/", "/j/",
	    "/k/", "/h/", "/s/", "/s/" };
	struct cold_file f = { "one", 5000, 1, 1 };
	size_t i, len = 64u << 20;
	uint8_t *big = malloc(len);
	struct rusage before, after;
	struct evil *e;
	struct rig r;

	ck_assert_ptr_nonnull(big);
	memset(big, 0xff, len);
	rig_new_on(&r, evil_open(&e));
	rig_start(&r);
	rig_write(&r, "one", 0, 5000, 1);
	rig_wait(&r);
	ck_assert_int_eq(sync_checkpoint(r.sync, NULL), 0);
	rig_wait(&r);
	ck_assert_uint_ge(evil_count(e, "/s/"), 2);
	ck_assert_int_eq(cold_all(&r, e, &f, 1), 1);
	(void)getrusage(RUSAGE_SELF, &before);
	for (i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		/* A root and a page, in whatever order. */
		evil_serve(e, evil_name(e, kinds[i], i == 7), big, len);
		ck_assert_int_lt(cold_all(&r, e, &f, 1), 1 + (i >= 3));
		evil_honest(e);
	}
	(void)getrusage(RUSAGE_SELF, &after);
	/* Two copies are the lying store's own.  The sanitizer keeps what was
	 * freed. */
#ifndef SANITIZED
	ck_assert_int_lt(after.ru_maxrss - before.ru_maxrss, 160 * 1024);
#else
	ck_assert_int_ge(after.ru_maxrss, before.ru_maxrss);
#endif
	free(big);
	rig_done(&r);
}
END_TEST

/* The same of what is not asked for by its name but was found in a listing. */
START_TEST(a38_an_enormous_grant_is_passed_over)
{
	struct cold_file f = { "one", 5000, 1, 1 };
	size_t len = 9u << 20;
	uint8_t *big = calloc(1, len);
	char name[VAULT_PATH_MAX];
	struct store *s;
	struct evil *e;
	struct rig r;

	ck_assert_ptr_nonnull(big);
	rig_new_on(&r, evil_open(&e));
	rig_start(&r);
	rig_write(&r, "one", 0, 5000, 1);
	rig_wait(&r);
	(void)snprintf(name, sizeof(name), "%s", evil_name(e, "/k/", 0));
	name[strlen(name) - 1] = 'z';
	s = evil_client(e);
	ck_assert_int_eq(store_put(s, name, "small", 5, 0), 0);
	evil_serve(e, name, big, len);
	ck_assert_int_eq(cold_all(&r, e, &f, 1), 1);
	store_close(s);
	free(big);
	rig_done(&r);
}
END_TEST

/* Something enormous stands where we put what is ours. */
START_TEST(a38_an_enormous_object_in_our_place_is_no_obstacle)
{
	char dir[] = "/tmp/test-sizes.XXXXXX", url[64], path[64];
	struct buf b = BUF_INIT(100);
	struct err e = { "" };
	struct store *s;
	FILE *f;

	ck_assert_ptr_nonnull(mkdtemp(dir));
	(void)snprintf(url, sizeof(url), "dir:%s", dir);
	(void)snprintf(path, sizeof(path), "%s/x", dir);
	f = fopen(path, "w");
	ck_assert_ptr_nonnull(f);
	ck_assert_int_eq(ftruncate(fileno(f), 1 << 30), 0);
	ck_assert_int_eq(fclose(f), 0);
	ck_assert_msg(store_open(url, NULL, &s, &e) == 0, "%s", e.msg);
	/* A name that others may take is theirs, */
	ck_assert_int_eq(object_put(s, "x", "hello", 5, OBJECT_CHAIN),
	    -EEXIST);
	/* a random one is ours. */
	ck_assert_int_eq(object_put(s, "x", "hello", 5, OBJECT_OWN), 0);
	ck_assert_int_eq(store_get(s, "x", &b), 0);
	ck_assert_str_eq(buf_cstr(&b), "hello");
	buf_done(&b);
	store_close(s);
	(void)unlink(path);
	(void)rmdir(dir);
}
END_TEST

/* Segment seq of r again, with `from` in it replaced, sealed as it must be
 * by the device itself.  False: it is not in there. */
static bool
forge_one(struct rig *r, struct evil *e, uint64_t seq, const void *from,
    const void *to, size_t len)
{
	bool is_there;
	struct buf body = BUF_INIT(2 << 20), out = BUF_INIT(2 << 20);
	struct aead *key;
	struct envelope v;
	char name[VAULT_PATH_MAX];
	uint8_t *p, *at;
	size_t n;

	vault_name_segment(&r->keys->rtag, &r->keys->dtag, seq, name);
	p = evil_get(e, name, &n);
	ck_assert_ptr_nonnull(p);
	ck_assert_int_eq(vault_type_key(r->keys, VAULT_SEGMENT, &key), 0);
	ck_assert_int_eq(envelope_open(r->keys, &r->keys->self, VAULT_SEGMENT,
	    key, p, n, 2 << 20, &v, &body, NULL), 0);
	at = memmem(body.data, body.len, from, len);
	is_there = at != NULL;
	if (at) {
		memcpy(at, to, len);
		ck_assert_int_eq(envelope_seal(r->keys, VAULT_SEGMENT, v.seq,
		    v.prev, key, body.data, body.len, &out, NULL), 0);
		evil_serve(e, name, out.data, out.len);
	}
	aead_free(key);
	buf_done(&body);
	buf_done(&out);
	free(p);
	return is_there;
}

static void
forge(struct rig *r, struct evil *e, const void *from, const void *to,
    size_t len)
{
	uint64_t seq;

	for (seq = 1; seq <= evil_count(e, "/j/"); seq++)
		if (forge_one(r, e, seq, from, to, len))
			return;
	ck_abort_msg("no segment has it");
}

/*
 * A39.  Attack: a machine of the drive itself sends names that lead out of it
 * or break a listing: "..", a slash, a NUL.
 * Defence: names are checked when they are read from a journal; a segment
 * with such a name counts as not there, and that is told.
 */
START_TEST(a39_hostile_names_in_a_signed_journal_are_never_shown)
{
	static const char bad[][4] = { "Q/QQ", "/QQQ", "QQQ/",
	    "Q\0QQ", "\0QQQ" };
	struct evil *e;
	struct rig r, cold;
	size_t i;
	char *d;
	int n;

	rig_new_on(&r, evil_open(&e));
	rig_start(&r);
	rig_write(&r, "fine", 0, 10, 1);
	rig_wait(&r);
	rig_mkdir(&r, "QQQQ");
	rig_wait(&r);
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		forge(&r, e, "QQQQ", bad[i], 4);
		n = cold_try(&r, evil_client(e), &cold);
		ck_assert_int_ne(n, 0);
		if (n == 1) {
			rig_start(&cold);
			d = rig_dump(&cold);
			ck_assert_ptr_nonnull(strstr(d, "fine"));
			ck_assert_ptr_null(strstr(d, "QQ"));
			free(d);
		}
		rig_done(&cold);
	}
	rig_done(&r);
}
END_TEST

START_TEST(a39_the_names_of_a_folder_itself_are_never_taken)
{
	static const char *const bad[] = { "..", "." };
	struct evil *e;
	struct rig r, cold;
	uint8_t was[3], is[3];
	size_t i;

	for (i = 0; i < 2; i++) {
		size_t len = strlen(bad[i]);
		char name[3] = "QW";

		name[len] = '\0';
		rig_new_on(&r, evil_open(&e));
		rig_start(&r);
		rig_mkdir(&r, name);
		rig_wait(&r);
		/* With its length before it, so that it is the name. */
		was[0] = is[0] = (uint8_t)len;
		memcpy(was + 1, name, len);
		memcpy(is + 1, bad[i], len);
		forge(&r, e, was, is, len + 1);
		ck_assert_int_ne(cold_try(&r, evil_client(e), &cold), 0);
		rig_done(&cold);
		rig_done(&r);
	}
}
END_TEST

/*
 * A40.  Attack: lies in listings, sizes and times make a client delete what
 * is needed.
 * Defence: nothing is deleted because of what a listing shows or does not.
 */
START_TEST(a40_lies_in_listings_make_nothing_be_deleted)
{
	unsigned lies, round;
	struct evil *e;
	struct rig r, cold;
	char *here, *there;

	srandom((unsigned)_i + 1);
	rig_new_on(&r, evil_open(&e));
	r.conf.checkpoint_segments = 2;
	r.conf.poll_ms = 20;
	for (round = 1; round <= 6; round++) {
		lies = (unsigned)random() & (EVIL_LIST_EMPTY |
		    EVIL_LIST_HALF | EVIL_LIST_SIZES | EVIL_LIST_MORE |
		    EVIL_LIST_TWICE);
		evil_lie(e, lies);
		rig_start(&r);
		rig_fill(&r, round);
		rig_wait(&r);
		if (round > 2)
			rig_unlink(&r, round % 2 ? "top1/small" :
			    "top2/small");
		rig_write(&r, "same", 0, 1000 * round, round);
		rig_stop(&r, 30000);
		if (round >= 4)
			break;
	}
	ck_assert_uint_eq(evil_asked(e, 0, "D", "/d/"), 0);
	ck_assert_uint_eq(evil_asked(e, 0, "D", "/j/"), 0);
	evil_lie(e, 0);
	rig_start(&r);
	rig_wait(&r);
	rig_recover_on(&r, evil_client(e), &cold, 0);
	rig_start(&cold);
	here = rig_dump(&r);
	there = rig_dump(&cold);
	ck_assert_str_eq(here, there);
	free(here);
	free(there);
	rig_done(&cold);
	rig_done(&r);
}
END_TEST

static Suite *
suite(void)
{
	Suite *s = suite_create("hostile store: sizes");
	TCase *tc = tcase_create("sizes");

	tcase_set_timeout(tc, 120);
	suite_add_tcase(s, tc);
	tcase_add_test(tc, a26_sizes_on_the_store_do_not_depend_on_content);
	tcase_add_test(tc, a29_packs_come_in_few_sizes_and_cost_little);
	tcase_add_test(tc, a29_journals_and_checkpoints_come_in_few_sizes);
	tcase_add_test(tc, a30_equal_plaintext_gives_no_equal_ciphertext);
	tcase_add_test(tc, a38_an_enormous_object_is_refused_within_bounds);
	tcase_add_test(tc, a38_an_enormous_grant_is_passed_over);
	tcase_add_test(tc,
	    a38_an_enormous_object_in_our_place_is_no_obstacle);
	tcase_add_test(tc,
	    a39_hostile_names_in_a_signed_journal_are_never_shown);
	tcase_add_test(tc, a39_the_names_of_a_folder_itself_are_never_taken);
	tcase_add_loop_test(tc, a40_lies_in_listings_make_nothing_be_deleted,
	    0, getenv("EVIL_RUNS") ? atoi(getenv("EVIL_RUNS")) : 6);
	return s;
}

int
main(void)
{
	SRunner *sr = srunner_create(suite());
	int failed;

	if (crypto_init() < 0)
		return EXIT_FAILURE;
	log_set_level(LOG_LEVEL_ERROR);
	srunner_run_all(sr, CK_ENV);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
