/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Attacks on keys and ciphers.  tests/security.sh makes a table of what the
 * comments say; a test's name begins with the row.
 */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#include "crypto/crypto.h"
#include "tests/lib/evil.h"
#include "tests/lib/fix_vault.h"
#include "tests/lib/sync_rig.h"
#include "tests/lib/walk.h"
#include "util/buf.h"
#include "util/err.h"
#include "util/log.h"
#include "vault/envelope.h"
#include "vault/identity.h"

/* Stands before the kernel's own in this program. */
static bool has_no_random;

ssize_t
getrandom(void *p, size_t len, unsigned flags)
{
	ssize_t n;
	int fd;

	(void)flags;
	if (has_no_random) {
		errno = EIO;
		return -1;
	}
	fd = open("/dev/urandom", O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -1;
	n = read(fd, p, len);
	(void)close(fd);
	return n;
}

/* ---- wrapped keys ---- */

static int
try_recover(struct store *s, const uint8_t seed[static 32])
{
	struct vault_keys *k = NULL;
	struct sync_found *f = NULL;
	struct err e = { "" };
	int r = sync_recover(s, seed, "probe", &k, &f, &e);

	vault_keys_free(k);
	sync_found_free(f);
	return r;
}

/* What is asked when a bit of `name` is another: for all bits the same, and
 * the same result, without a put. */
static void
all_bits_alike(struct evil *e, struct store *s, const uint8_t *seed,
    const char *name)
{
	size_t len, bit, from, i, n = 0, first = 0;
	uint8_t *p = evil_get(e, name, &len);
	struct evil_req a, b;
	int r, want = 0;

	for (bit = 0; bit < len * 8; bit += bit < 1200 ? 1 : 3) {
		evil_flip(e, name, bit);
		from = evil_reqs(e);
		r = try_recover(s, seed);
		if (bit == 0) {
			first = from;
			n = evil_reqs(e) - from;
			want = r;
		}
		ck_assert_int_lt(r, 0);
		/* Suite and version stand in the clear. */
		ck_assert_msg(r == want || (bit / 8 >= 5 && bit / 8 < 12 &&
		    r == -EPROTONOSUPPORT), "bit %zu: %d, not %d", bit, r,
		    want);
		ck_assert_uint_eq(evil_reqs(e) - from, n);
		for (i = 0; i < n; i++) {
			a = evil_req(e, first + i);
			b = evil_req(e, from + i);
			ck_assert(a.what == b.what);
			ck_assert_str_eq(a.name, b.name);
		}
		ck_assert_uint_eq(evil_asked(e, from, "PAD", ""), 0);
	}
	evil_honest(e);
	free(p);
}

/*
 * A1.  Attack: wrapped keys are altered bit by bit, and what the client does
 * then tells something of the key inside.
 * Defence: a key is wrapped with authentication inside a signed record; any
 * change is one and the same error, with the same requests, and no try with
 * other parameters.
 */
START_TEST(a1_every_bit_of_a_wrapped_key_is_one_and_the_same_refusal)
{
	struct evil *e;
	struct rig r;

	rig_new_on(&r, evil_open(&e));
	all_bits_alike(e, r.store, r.seed, evil_name(e, "/k/", 0));
	all_bits_alike(e, r.store, r.seed, evil_name(e, "u/", 0));
	ck_assert_int_eq(try_recover(r.store, r.seed), 0);
	rig_done(&r);
}
END_TEST

/* Does the text of a source file contain it? */
static bool
source_has(const char *path, const char *what)
{
	static char text[1 << 18];
	FILE *f = fopen(path, "rb");
	size_t n;

	ck_assert_msg(f != NULL, "%s (run at the top of the source)", path);
	n = fread(text, 1, sizeof(text) - 1, f);
	(void)fclose(f);
	text[n] = '\0';
	return strstr(text, what) != NULL;
}

/*
 * A2.  Attack: the store makes the client encrypt or decrypt what it likes
 * under a key that means something else (an oracle).
 * Defence: one key, one purpose, out of a closed list of labels; a block
 * cipher without a mode appears only where a message's key is derived.
 */
START_TEST(a2_no_label_serves_two_purposes_and_no_cipher_is_used_bare)
{
	static const char *const files[] = { "common/crypto/hash.c",
	    "common/crypto/wrap.c", "common/crypto/sign.c",
	    "common/crypto/keystore.c", "common/crypto/secret.c" };
	size_t n;
	int i, j;

	for (i = 0; i < PURPOSE_MAX; i++)
		for (j = 0; j < i; j++)
			ck_assert_str_ne(
			    vault_purpose_label((enum vault_purpose)i),
			    vault_purpose_label((enum vault_purpose)j));
	for (n = 0; n < sizeof(files) / sizeof(files[0]); n++) {
		ck_assert(!source_has(files[n], "ECB"));
		ck_assert(!source_has(files[n], "_ecb"));
		ck_assert(!source_has(files[n], "CBC"));
	}
}
END_TEST

/* One byte of the header is another, and its author has signed that. */
static void
serve_signed(struct rig *r, struct evil *e, const char *name, int at,
    uint8_t byte)
{
	size_t len;
	uint8_t *p = evil_get(e, name, &len);

	p[at] = byte;
	ck_assert_int_eq(sign_make(r->keys->sign_seed,
	    envelope_label((enum vault_type)p[4]), p, len - ENVELOPE_SIG_LEN,
	    p + len - ENVELOPE_SIG_LEN), 0);
	evil_serve(e, name, p, len);
	free(p);
}

static int
parse_served(struct rig *r, const char *name)
{
	struct buf b = BUF_INIT(RECORD_MAX);
	struct envelope v;
	int ret;

	ck_assert_int_eq(store_get(r->store, name, &b), 0);
	ret = envelope_parse(b.data, b.len, &v);
	buf_done(&b);
	return ret;
}

/*
 * A5.  Attack: an older suite, format or cost is put in place of ours, one
 * that can be broken.
 * Defence: suite and version are signed and have a floor in the program; the
 * keystore's cost is checked before anything is derived.
 */
START_TEST(a5_a_lower_suite_version_or_cost_is_refused_before_deriving)
{
	static const uint64_t low[] = { 0, 1, 1024, 1u << 13 };
	struct buf b = BUF_INIT(KEYSTORE_MAX), out = BUF_INIT(100);
	/* Suite, flags, the format's version. */
	static const struct {
		int at;
		uint8_t byte;
	} other[] = { { 5, VAULT_SUITE - 1 }, { 5, VAULT_SUITE + 1 },
	    { 5, 255 }, { 6, 1 }, { 7, 128 }, { 8, VAULT_FMT_MAJOR - 1 },
	    { 8, VAULT_FMT_MAJOR + 1 }, { 9, 1 } };
	/* A grant is one of several: none of them is left. */
	static const int want[] = { -EPROTONOSUPPORT, -ENOKEY,
	    -EPROTONOSUPPORT };
	const char *names[3];
	struct evil *e;
	struct rig r;
	size_t i, k;
	clock_t t;

	rig_new_on(&r, evil_open(&e));
	names[0] = evil_name(e, "drive", 0);
	names[1] = evil_name(e, "/k/", 0);
	names[2] = evil_name(e, "u/", 0);
	for (i = 0; i < 3; i++) {
		for (k = 0; k < sizeof(other) / sizeof(other[0]); k++) {
			serve_signed(&r, e, names[i], other[k].at,
			    other[k].byte);
			ck_assert_int_eq(parse_served(&r, names[i]),
			    -EPROTONOSUPPORT);
			ck_assert_int_eq(try_recover(r.store, r.seed),
			    want[i]);
		}
		/* What stands there as it was, signed again. */
		serve_signed(&r, e, names[i], 5, VAULT_SUITE);
	}
	/* It is not the signature that was refused. */
	ck_assert_int_eq(try_recover(r.store, r.seed), 0);
	evil_honest(e);
	ck_assert_int_eq(keystore_seal("p", 1, 1 << 14, "x", 1, &b), 0);
	for (i = 0; i < sizeof(low) / sizeof(low[0]); i++) {
		put_le64(b.data + 8, low[i]);
		t = clock();
		ck_assert_int_eq(keystore_open("p", 1, b.data, b.len, &out),
		    -EPROTO);
		/* 2^14 takes some 30 ms. */
		ck_assert_int_lt(clock() - t, CLOCKS_PER_SEC / 100);
	}
	buf_done(&b);
	buf_done(&out);
	rig_done(&r);
}
END_TEST

/*
 * A20.  Attack: one ciphertext that opens under two keys, to ask the client
 * which of them it has, or to show two people different things.
 * Defence: what a record wraps must match the commitment that genesis and the
 * chain have signed; blocks are named by the hash of their ciphertext; each
 * object is tried with one key.
 */
START_TEST(a20_a_secret_that_opens_and_was_not_committed_to_is_refused)
{
	struct grant g = { .rev = 2, .chain_seq = 1 };
	struct buf b = BUF_INIT(RECORD_MAX);
	uint8_t hash[32];

	walk_setup();
	ck_assert_int_eq(walk_chain(walk.birth.chain), 0);
	sha256(walk.birth.chain->data, walk.birth.chain->len, g.chain_hash);
	g.dev = walk_known(1, NULL).dev;
	g.ndev = 2;
	/* All is signed and sealed as it must be, with another secret. */
	walk.keys->epoch_secret[31] ^= 1;
	ck_assert_int_eq(grant_seal(walk.keys, &g, &b, hash), 0);
	ck_assert_int_eq(walk_grant(&b), -EBADMSG);
	walk.keys->epoch_secret[31] ^= 1;
	buf_reset(&b);
	ck_assert_int_eq(grant_seal(walk.keys, &g, &b, hash), 0);
	ck_assert_int_eq(walk_grant(&b), 0);
	free(g.dev);
	buf_done(&b);
	walk_teardown();
}
END_TEST

static int
by_nonce(const void *a, const void *b)
{
	return memcmp(a, b, 24);
}

/*
 * A22.  Attack: so many messages under one key that a nonce comes twice.
 * Defence: nonces have 192 random bits, and each message is sealed with a key
 * derived from its own nonce, so the limit of the plain mode is not met.
 */
START_TEST(a22_nonces_are_long_and_do_not_repeat_in_any_part)
{
	enum { N = 100000 };
	uint8_t key[32] = { 1 }, box[AEAD_OVERHEAD + 1];
	uint8_t (*all)[24] = malloc(N * sizeof(*all));
	struct aead *a;
	size_t i;

	ck_assert_ptr_nonnull(all);
	ck_assert_uint_eq(AEAD_NONCE_LEN, 24);
	ck_assert_int_eq(aead_new(key, &a), 0);
	for (i = 0; i < N; i++) {
		ck_assert_int_eq(aead_seal_box(a, "x", 1, "y", 1, box), 0);
		memcpy(all[i], box, 24);
	}
	qsort(all, N, sizeof(*all), by_nonce);
	/* The first half chooses the message's key. */
	for (i = 1; i < N; i++)
		ck_assert(memcmp(all[i - 1], all[i], 12) != 0);
	aead_free(a);
	free(all);
}
END_TEST

/*
 * A23.  Attack: one key in two modes or for two kinds of object, so that one
 * use tells of the other.
 * Defence: every key is derived with the label of its purpose, and with
 * drive, realm and epoch.
 */
START_TEST(a23_each_purpose_drive_realm_and_epoch_has_keys_of_its_own)
{
	static uint8_t out[PURPOSE_MAX * 4][32];
	struct vault_id d1 = fix_id(1), d2 = fix_id(2), m = fix_id(3);
	uint8_t secret[32] = { 7 };
	int i, j, n = 0;

	for (i = 0; i < PURPOSE_MAX; i++) {
		enum vault_purpose p = (enum vault_purpose)i;

		ck_assert_int_eq(vault_derive(p, secret, &d1, &m, 1,
		    out[n++]), 0);
		ck_assert_int_eq(vault_derive(p, secret, &d2, &m, 1,
		    out[n++]), 0);
		ck_assert_int_eq(vault_derive(p, secret, &d1, &d2, 1,
		    out[n++]), 0);
		ck_assert_int_eq(vault_derive(p, secret, &d1, &m, 2,
		    out[n++]), 0);
	}
	for (i = 0; i < n; i++)
		for (j = 0; j < i; j++)
			ck_assert(memcmp(out[i], out[j], 32) != 0);
}
END_TEST

/*
 * A24.  Attack: a file's header or block is moved to another file or place.
 * Defence: there is no header on the store; a block's associated data name
 * drive, realm, inode, class and index, and each inode has its own key.
 */
START_TEST(a24_a_block_opens_in_its_own_place_only)
{
	struct vault_id drive = fix_id(1), realm = fix_id(2);
	struct vault_id one = fix_id(3), two = fix_id(4);
	uint8_t k1[32] = { 1 }, k2[32] = { 2 }, box[100 + AEAD_OVERHEAD];
	uint8_t aad[VAULT_BLOCK_AAD_LEN], plain[100] = "text", out[100];
	struct aead *a, *b;
	int i;

	ck_assert_int_eq(vault_file_key(k1, &a), 0);
	ck_assert_int_eq(vault_file_key(k2, &b), 0);
	vault_block_aad(&drive, &realm, &one, VAULT_CLASS_DATA, 5, aad);
	ck_assert_int_eq(aead_seal_box(a, aad, sizeof(aad), plain, 100, box),
	    0);
	ck_assert_int_eq(aead_open_box(a, aad, sizeof(aad), box, sizeof(box),
	    out), 0);
	ck_assert_int_eq(aead_open_box(b, aad, sizeof(aad), box, sizeof(box),
	    out), -EBADMSG);
	for (i = 0; i < 5; i++) {
		vault_block_aad(i == 0 ? &realm : &drive,
		    i == 1 ? &drive : &realm, i == 2 ? &two : &one,
		    i == 3 ? VAULT_CLASS_MANIFEST : VAULT_CLASS_DATA,
		    i == 4 ? 6 : 5, aad);
		ck_assert_int_eq(aead_open_box(a, aad, sizeof(aad), box,
		    sizeof(box), out), -EBADMSG);
	}
	aead_free(a);
	aead_free(b);
}
END_TEST

static int
keystore_opens(const char *pass, const struct buf *file)
{
	struct buf out = BUF_INIT(KEYSTORE_MAX);
	int r = keystore_open(pass, strlen(pass), file->data, file->len,
	    &out);

	buf_wipe(&out);
	return r;
}

/*
 * A31.  Attack: somebody copied the file of keys and learnt its passphrase;
 * a new passphrase is thought to shut him out.
 * Defence: a passphrase opens one file on one machine and is worth nothing
 * without it; the manual does not promise more.
 * Not met: there is no command that gives the drive new keys (a new epoch),
 * so what such a copy opened before it still opens, new files included.
 */
START_TEST(a31_a_passphrase_opens_the_file_that_was_sealed_with_it_only)
{
	struct buf old = BUF_INIT(KEYSTORE_MAX), new = BUF_INIT(KEYSTORE_MAX);

	ck_assert_int_eq(keystore_seal("old", 3, 1 << 14, "keys", 4, &old),
	    0);
	ck_assert_int_eq(keystore_seal("new", 3, 1 << 14, "keys", 4, &new),
	    0);
	ck_assert_int_eq(keystore_opens("new", &new), 0);
	ck_assert_int_eq(keystore_opens("old", &new), -EKEYREJECTED);
	ck_assert_int_eq(keystore_opens("new", &old), -EKEYREJECTED);
	buf_done(&old);
	buf_done(&new);
}
END_TEST

/*
 * A43.  Attack: a machine without good random numbers makes keys that can be
 * guessed.
 * Defence: they come from the kernel only; without them the process ends
 * before anything is sealed.
 */
START_TEST(a43_without_random_numbers_nothing_is_sealed)
{
	uint8_t key[32] = { 1 }, box[AEAD_OVERHEAD + 1];
	struct aead *a;

	ck_assert_int_eq(aead_new(key, &a), 0);
	has_no_random = true;
	(void)aead_seal_box(a, "x", 1, "y", 1, box);
	/* Not reached: the process has aborted. */
	_exit(0);
}
END_TEST

static Suite *
suite(void)
{
	Suite *s = suite_create("hostile store: keys");
	TCase *tc = tcase_create("keys");

	tcase_set_timeout(tc, 120);
	suite_add_tcase(s, tc);
	tcase_add_test(tc,
	    a1_every_bit_of_a_wrapped_key_is_one_and_the_same_refusal);
	tcase_add_test(tc,
	    a2_no_label_serves_two_purposes_and_no_cipher_is_used_bare);
	tcase_add_test(tc,
	    a5_a_lower_suite_version_or_cost_is_refused_before_deriving);
	tcase_add_test(tc,
	    a20_a_secret_that_opens_and_was_not_committed_to_is_refused);
	tcase_add_test(tc, a22_nonces_are_long_and_do_not_repeat_in_any_part);
	tcase_add_test(tc,
	    a23_each_purpose_drive_realm_and_epoch_has_keys_of_its_own);
	tcase_add_test(tc, a24_a_block_opens_in_its_own_place_only);
	tcase_add_test(tc,
	    a31_a_passphrase_opens_the_file_that_was_sealed_with_it_only);
	tcase_add_test_raise_signal(tc,
	    a43_without_random_numbers_nothing_is_sealed, SIGABRT);
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
