/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "crypto/crypto.h"

#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "util/text.h"
#include "util/thread.h"

static void
expect(const void *p, size_t len, const char *hex)
{
	char *got = malloc(2 * len + 1);

	ck_assert_ptr_nonnull(got);
	hex_encode(p, len, got);
	ck_assert_str_eq(got, hex);
	free(got);
}

/* ---- XAES-256-GCM ---- */

static void
xaes_expect(uint8_t key_byte, const char *aad, const char *hex)
{
	static const uint8_t nonce[] = "ABCDEFGHIJKLMNOPQRSTUVWX";
	uint8_t key[32], out[12 + 16], back[12];
	struct aead *a;

	memset(key, key_byte, sizeof(key));
	ck_assert_int_eq(aead_new(key, &a), 0);
	ck_assert_int_eq(aead_seal(a, nonce, aad, strlen(aad),
	    "XAES-256-GCM", 12, out, out + 12), 0);
	expect(out, sizeof(out), hex);
	ck_assert_int_eq(aead_open(a, nonce, aad, strlen(aad), out, 12,
	    out + 12, back), 0);
	ck_assert_mem_eq(back, "XAES-256-GCM", 12);
	aead_free(a);
}

START_TEST(aead_gives_the_answers_of_c2sp)
{
	xaes_expect(1, "",
	    "ce546ef63c9cc60765923609b33a9a1974e96e52daf2fcf7075e2271");
	xaes_expect(3, "c2sp.org/XAES-256-GCM",
	    "986ec1832593df5443a179437fd083bf3fdb41abd740a21f71eb769d");
}
END_TEST

/* SHAKE128 as FIPS 202 has it: where the test below takes its messages from.
 * Byte-wise and slow, which is enough here. */
struct shake {
	uint64_t s[25];
	size_t at;
	bool is_squeezing;
};

#define SHAKE_RATE 168

static uint64_t
rol(uint64_t v, unsigned n)
{
	return n ? v << n | v >> (64 - n) : v;
}

static void
keccak(uint64_t s[25])
{
	uint64_t c[5], d, b[25];
	uint8_t lfsr = 1;
	unsigned round, x, y, j, t, r;

	for (round = 0; round < 24; round++) {
		for (x = 0; x < 5; x++)
			c[x] = s[x] ^ s[x + 5] ^ s[x + 10] ^ s[x + 15] ^
			    s[x + 20];
		for (x = 0; x < 5; x++) {
			d = c[(x + 4) % 5] ^ rol(c[(x + 1) % 5], 1);
			for (y = 0; y < 5; y++)
				s[x + 5 * y] ^= d;
		}
		memcpy(b, s, sizeof(b));
		for (t = 0, x = 1, y = 0; t < 24; t++) {
			r = (t + 1) * (t + 2) / 2 % 64;
			j = (2 * x + 3 * y) % 5;
			b[y + 5 * j] = rol(s[x + 5 * y], r);
			x = y;
			y = j;
		}
		for (y = 0; y < 25; y += 5)
			for (x = 0; x < 5; x++)
				s[y + x] = b[y + x] ^
				    (~b[y + (x + 1) % 5] & b[y + (x + 2) % 5]);
		for (j = 0; j < 7; j++) {
			if (lfsr & 1)
				s[0] ^= (uint64_t)1 << ((1u << j) - 1);
			lfsr = (uint8_t)(lfsr << 1 ^ (lfsr >> 7) * 0x71);
		}
	}
}

static void
shake_xor(struct shake *h, uint8_t v)
{
	h->s[h->at / 8] ^= (uint64_t)v << h->at % 8 * 8;
}

static void
shake_add(struct shake *h, const uint8_t *p, size_t len)
{
	for (; len > 0; len--) {
		shake_xor(h, *p++);
		if (++h->at == SHAKE_RATE) {
			keccak(h->s);
			h->at = 0;
		}
	}
}

static void
shake_read(struct shake *h, uint8_t *p, size_t len)
{
	if (!h->is_squeezing) {
		shake_xor(h, 0x1f);
		h->at = SHAKE_RATE - 1;
		shake_xor(h, 0x80);
		h->at = SHAKE_RATE;
		h->is_squeezing = true;
	}
	for (; len > 0; len--) {
		if (h->at == SHAKE_RATE) {
			keccak(h->s);
			h->at = 0;
		}
		*p++ = (uint8_t)(h->s[h->at / 8] >> h->at % 8 * 8);
		h->at++;
	}
}

START_TEST(aead_gives_the_accumulated_answer_of_c2sp)
{
	struct shake in = { .at = 0 }, sum = { .at = 0 };
	uint8_t key[32], nonce[24], m[255], aad[255], out[255 + 16];
	uint8_t back[255], m_len, aad_len, digest[32];
	struct aead *a;
	int i;

	for (i = 0; i < 10000; i++) {
		shake_read(&in, key, sizeof(key));
		shake_read(&in, nonce, sizeof(nonce));
		shake_read(&in, &m_len, 1);
		shake_read(&in, m, m_len);
		shake_read(&in, &aad_len, 1);
		shake_read(&in, aad, aad_len);
		ck_assert_int_eq(aead_new(key, &a), 0);
		ck_assert_int_eq(aead_seal(a, nonce, aad, aad_len, m, m_len,
		    out, out + m_len), 0);
		ck_assert_int_eq(aead_open(a, nonce, aad, aad_len, out, m_len,
		    out + m_len, back), 0);
		ck_assert_mem_eq(back, m, m_len);
		shake_add(&sum, out, (size_t)m_len + 16);
		aead_free(a);
	}
	shake_read(&sum, digest, sizeof(digest));
	expect(digest, 32, "e6b9edf2df6cec60c8cbd864e2211b59"
	    "7fb69a529160cd040d56c0c210081939");
}
END_TEST

#define LONG (9 * AEAD_PART + 777)

START_TEST(a_part_is_opened_without_the_rest)
{
	static uint8_t in[LONG], ct[LONG], out[LONG];
	uint8_t key[32] = { 7 }, nonce[24], tag[16], sums[10][16], bad[16];
	struct aead *a;
	size_t n, len;

	ck_assert_int_eq(aead_new(key, &a), 0);
	crypto_random(in, sizeof(in));
	crypto_random(nonce, sizeof(nonce));
	/* A counter that does not wrap into the part before it. */
	memset(nonce + 20, 0xff, 4);
	ck_assert_int_eq(aead_seal(a, nonce, "x", 1, in, LONG, ct, tag), 0);
	ck_assert_int_eq(aead_part_sums(a, nonce, ct, LONG, sums), 0);
	for (n = 0; n < 10; n++) {
		const uint8_t *at = ct + n * AEAD_PART;

		/* It and all behind it, then it alone. */
		len = LONG - n * AEAD_PART;
		ck_assert_int_eq(aead_part_open(a, nonce, n, at, len,
		    sums + n, out), 0);
		ck_assert_mem_eq(out, in + n * AEAD_PART, len);
		if (len > AEAD_PART)
			len = AEAD_PART;
		ck_assert_int_eq(aead_part_open(a, nonce, n, at, len,
		    sums + n, out), 0);
		ck_assert_mem_eq(out, in + n * AEAD_PART, len);
		/* Not as another part, nor shorter, nor of another message. */
		ck_assert_int_eq(aead_part_open(a, nonce, n + 1, at, len,
		    sums + n, out), -EBADMSG);
		ck_assert_int_eq(aead_part_open(a, nonce, n, at, len - 1,
		    sums + n, out), -EBADMSG);
		nonce[n] ^= 1;
		ck_assert_int_eq(aead_part_open(a, nonce, n, at, len,
		    sums + n, out), -EBADMSG);
		nonce[n] ^= 1;
		ct[n * AEAD_PART + len - 1] ^= 0x80;
		ck_assert_int_eq(aead_part_open(a, nonce, n, at, len,
		    sums + n, out), -EBADMSG);
		ct[n * AEAD_PART + len - 1] ^= 0x80;
		memcpy(bad, sums[n], 16);
		bad[15] ^= 1;
		ck_assert_int_eq(aead_part_open(a, nonce, n, at, len,
		    (const uint8_t (*)[16])&bad, out), -EBADMSG);
	}
	/* The sums are no sums of the message, and the same each time. */
	ck_assert_int_ne(memcmp(sums[0], tag, 16), 0);
	ck_assert_int_ne(memcmp(sums[0], sums[1], 16), 0);
	/* The thread's contexts seal and open as before. */
	ck_assert_int_eq(aead_open(a, nonce, "x", 1, ct, LONG, tag, out), 0);
	ck_assert_mem_eq(out, in, LONG);
	aead_free(a);
}
END_TEST

START_TEST(aead_refuses_every_flipped_bit_and_gives_nothing_out)
{
	uint8_t key[32] = { 7 }, box[32 + AEAD_OVERHEAD], aad[4] = "aad";
	uint8_t out[32], zero[32] = { 0 };
	struct aead *a;
	size_t i;

	ck_assert_int_eq(aead_new(key, &a), 0);
	memset(out, 0x55, sizeof(out));
	ck_assert_int_eq(aead_seal_box(a, aad, 4, out, 32, box), 0);
	for (i = 0; i < sizeof(box) * 8; i++) {
		box[i / 8] ^= (uint8_t)(1 << i % 8);
		memset(out, 0x55, sizeof(out));
		ck_assert_int_eq(aead_open_box(a, aad, 4, box, sizeof(box),
		    out), -EBADMSG);
		ck_assert_mem_eq(out, zero, sizeof(out));
		box[i / 8] ^= (uint8_t)(1 << i % 8);
	}
	for (i = 0; i < sizeof(aad) * 8; i++) {
		aad[i / 8] ^= (uint8_t)(1 << i % 8);
		ck_assert_int_eq(aead_open_box(a, aad, 4, box, sizeof(box),
		    out), -EBADMSG);
		aad[i / 8] ^= (uint8_t)(1 << i % 8);
	}
	for (i = 0; i < sizeof(box); i++)
		ck_assert_int_eq(aead_open_box(a, aad, 4, box, i, out),
		    -EBADMSG);
	ck_assert_int_eq(aead_open_box(a, aad, 4, box, sizeof(box), out), 0);
	ck_assert_int_eq(out[0], 0x55);
	aead_free(a);
}
END_TEST

START_TEST(aead_works_in_place_and_on_nothing)
{
	uint8_t key[32] = { 9 }, nonce[24] = { 1 }, b[100], tag[16];
	uint8_t box[AEAD_OVERHEAD];
	struct aead *a;

	ck_assert_int_eq(aead_new(key, &a), 0);
	memset(b, 3, sizeof(b));
	ck_assert_int_eq(aead_seal(a, nonce, NULL, 0, b, sizeof(b), b, tag),
	    0);
	ck_assert_int_ne(b[0] | b[99] << 8, 0x0303);
	ck_assert_int_eq(aead_open(a, nonce, NULL, 0, b, sizeof(b), tag, b),
	    0);
	ck_assert_int_eq(b[0], 3);
	ck_assert_int_eq(b[99], 3);
	ck_assert_int_eq(aead_seal_box(a, NULL, 0, NULL, 0, box), 0);
	ck_assert_int_eq(aead_open_box(a, NULL, 0, box, sizeof(box), NULL),
	    0);
	aead_free(a);
}
END_TEST

/* A context holds one key at a time: it must notice that another one, or a
 * new one at the address of an old one, is asked for. */
START_TEST(keys_used_in_turn_do_not_mix)
{
	uint8_t key[32] = { 0 }, nonce[24] = { 0 }, m[16] = { 0 };
	uint8_t out[3][32], again[32], h[3][16], h2[16];
	struct aead *a[3];
	struct prf *f[3];
	int i, j;

	for (i = 0; i < 3; i++) {
		key[0] = (uint8_t)i;
		ck_assert_int_eq(aead_new(key, &a[i]), 0);
		ck_assert_int_eq(prf_new(key, &f[i]), 0);
		ck_assert_int_eq(aead_seal(a[i], nonce, NULL, 0, m, 16,
		    out[i], out[i] + 16), 0);
		prf_eval(f[i], 1, m, 16, h[i]);
	}
	ck_assert_mem_ne(out[0], out[1], 16);
	ck_assert_mem_ne(h[0], h[1], 16);
	for (j = 0; j < 20; j++) {
		i = j * 7 % 3;
		key[0] = (uint8_t)i;
		if (j % 2) {
			aead_free(a[i]);
			ck_assert_int_eq(aead_new(key, &a[i]), 0);
			prf_free(f[i]);
			ck_assert_int_eq(prf_new(key, &f[i]), 0);
		}
		ck_assert_int_eq(aead_seal(a[i], nonce, NULL, 0, m, 16,
		    again, again + 16), 0);
		ck_assert_mem_eq(again, out[i], 32);
		prf_eval(f[i], 1, m, 16, h2);
		ck_assert_mem_eq(h2, h[i], 16);
	}
	for (i = 0; i < 3; i++) {
		aead_free(a[i]);
		prf_free(f[i]);
	}
}
END_TEST

struct job {
	struct aead *a;
	struct prf *f;
	uint8_t want[16];
	int bad;
};

static void
job_run(void *arg)
{
	struct job *j = arg;
	uint8_t box[64 + AEAD_OVERHEAD], out[64], h[16];
	int i;

	for (i = 0; i < 2000; i++) {
		memset(out, i, sizeof(out));
		if (aead_seal_box(j->a, "x", 1, out, 64, box) < 0 ||
		    aead_open_box(j->a, "x", 1, box, sizeof(box), out) < 0 ||
		    out[63] != (uint8_t)i)
			j->bad++;
		prf_eval(j->f, 5, "name", 4, h);
		if (memcmp(h, j->want, 16) != 0)
			j->bad++;
	}
}

START_TEST(threads_share_keys)
{
	uint8_t key[32] = { 1 }, want[16];
	struct job j[4];
	pthread_t t[4];
	struct aead *a;
	struct prf *f;
	int i;

	ck_assert_int_eq(aead_new(key, &a), 0);
	ck_assert_int_eq(prf_new(key, &f), 0);
	prf_eval(f, 5, "name", 4, want);
	for (i = 0; i < 4; i++) {
		j[i].a = a;
		j[i].f = f;
		memcpy(j[i].want, want, sizeof(want));
		j[i].bad = 0;
		ck_assert_int_eq(thread_start(&t[i], "test", job_run, &j[i]),
		    0);
	}
	for (i = 0; i < 4; i++) {
		thread_join(t[i]);
		ck_assert_int_eq(j[i].bad, 0);
	}
	aead_free(a);
	prf_free(f);
}
END_TEST

static Suite *
suite(void)
{
	Suite *s = suite_create("aead");
	TCase *t = tcase_create("aead");

	tcase_set_timeout(t, 120);
	tcase_add_test(t, aead_gives_the_answers_of_c2sp);
	tcase_add_test(t, a_part_is_opened_without_the_rest);
	tcase_add_test(t, aead_gives_the_accumulated_answer_of_c2sp);
	tcase_add_test(t,
	    aead_refuses_every_flipped_bit_and_gives_nothing_out);
	tcase_add_test(t, aead_works_in_place_and_on_nothing);
	tcase_add_test(t, keys_used_in_turn_do_not_mix);
	tcase_add_test(t, threads_share_keys);
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
