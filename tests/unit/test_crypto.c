/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "crypto/crypto.h"

#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "util/text.h"

/* Known answers: the published vectors of each standard. */

/* Bytes of a hex literal; caller frees. */
static uint8_t *
unhex(const char *s, size_t *ret_len)
{
	size_t n = strlen(s) / 2;
	uint8_t *p = malloc(n + 1);

	ck_assert_ptr_nonnull(p);
	ck_assert_int_eq(hex_decode(s, p, n), 0);
	if (ret_len)
		*ret_len = n;
	return p;
}

static void
expect(const void *p, size_t len, const char *hex)
{
	char *got = malloc(2 * len + 1);

	ck_assert_ptr_nonnull(got);
	hex_encode(p, len, got);
	ck_assert_str_eq(got, hex);
	free(got);
}

START_TEST(all_primitives_are_there)
{
	ck_assert_int_eq(crypto_init(), 0);
}
END_TEST

START_TEST(sha256_gives_the_answers_of_fips_180)
{
	struct sha256 *s;
	uint8_t h[32], many[100];
	int i;

	sha256("abc", 3, h);
	expect(h, 32, "ba7816bf8f01cfea414140de5dae2223"
	    "b00361a396177a9cb410ff61f20015ad");
	sha256(NULL, 0, h);
	expect(h, 32, "e3b0c44298fc1c149afbf4c8996fb924"
	    "27ae41e4649b934ca495991b7852b855");
	s = sha256_new();
	ck_assert_ptr_nonnull(s);
	memset(many, 'a', sizeof(many));
	for (i = 0; i < 1000000; i += 100)
		sha256_add(s, many, sizeof(many));
	sha256_end(s, h);
	expect(h, 32, "cdc76e5c9914fb9281a1c7e284d73e67"
	    "f1809a48a497200e046d39ccc7112cd0");
}
END_TEST

START_TEST(hmac_gives_the_answers_of_rfc_4231)
{
	uint8_t key[131], h[32];

	memset(key, 0x0b, 20);
	hmac_sha256(key, 20, "Hi There", 8, h);
	expect(h, 32, "b0344c61d8db38535ca8afceaf0bf12b"
	    "881dc200c9833da726e9376c2e32cff7");
	hmac_sha256((const uint8_t *)"Jefe", 4,
	    "what do ya want for nothing?", 28, h);
	expect(h, 32, "5bdcc146bf60754e6a042426089575c7"
	    "5a003f089d2739839dec58b964ec3843");
	memset(key, 0xaa, 131);
	hmac_sha256(key, 131,
	    "Test Using Larger Than Block-Size Key - Hash Key First", 54, h);
	expect(h, 32, "60e431591ee0b67f0d8a26aacbf5b77f"
	    "8e0bc6213728c5140546040f0ee37f54");
	/* No key is an empty key, not the one used before. */
	hmac_sha256(NULL, 0, "", 0, h);
	expect(h, 32, "b613679a0814d9ec772f95d778c35fc5"
	    "ff1697c493715653c6c712144292c5ad");
}
END_TEST

START_TEST(hkdf_gives_the_answers_of_rfc_5869)
{
	uint8_t ikm[80], salt[80], info[80], out[82];
	int i;

	memset(ikm, 0x0b, 22);
	for (i = 0; i < 80; i++)
		salt[i] = (uint8_t)i;
	for (i = 0; i < 80; i++)
		info[i] = (uint8_t)(0xf0 + i);
	ck_assert_int_eq(hkdf_sha256(ikm, 22, salt, 13, info, 10, out, 42), 0);
	expect(out, 42, "3cb25f25faacd57a90434f64d0362f2a"
	    "2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865");
	ck_assert_int_eq(hkdf_sha256(ikm, 22, NULL, 0, NULL, 0, out, 42), 0);
	expect(out, 42, "8da4e775a563c18f715f802a063c5a31"
	    "b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8");
	for (i = 0; i < 80; i++) {
		ikm[i] = (uint8_t)i;
		salt[i] = (uint8_t)(0x60 + i);
		info[i] = (uint8_t)(0xb0 + i);
	}
	ck_assert_int_eq(hkdf_sha256(ikm, 80, salt, 80, info, 80, out, 82), 0);
	expect(out, 82, "b11e398dc80327a1c8e7f78c596a4934"
	    "4f012eda2d4efad8a050cc4c19afa97c59045a99cac7827271cb41c65e590e09"
	    "da3275600c2f09b8367793a9aca3db71cc30c58179ec3e87c14c01d5c1f3434f"
	    "1d87");
	ck_assert_int_eq(hkdf_sha256(ikm, 80, NULL, 0, NULL, 0, out,
	    255 * 32 + 1), -EINVAL);
}
END_TEST

START_TEST(scrypt_gives_the_answer_of_rfc_7914)
{
	uint8_t out[64];

	ck_assert_int_eq(scrypt_kdf("pleaseletmein", 13, "SodiumChloride", 14,
	    16384, 8, 1, out, 64), 0);
	expect(out, 64, "7023bdcb3afd7348461c06cd81fd38eb"
	    "fda8fbba904f8e3ea9b543f6545da1f2d5432955613f0fcf62d49705242a9af9"
	    "e61e85dc0d651e40dfcf017b45575887");
}
END_TEST

START_TEST(scrypt_refuses_costs_out_of_bounds_before_any_work)
{
	uint8_t out[32];

	ck_assert_int_eq(scrypt_kdf("p", 1, "s", 1, 8192, 8, 1, out, 32),
	    -ERANGE);
	ck_assert_int_eq(scrypt_kdf("p", 1, "s", 1, 1u << 21, 8, 1, out, 32),
	    -ERANGE);
	ck_assert_int_eq(scrypt_kdf("p", 1, "s", 1, 3u << 14, 8, 1, out, 32),
	    -ERANGE);
	ck_assert_int_eq(scrypt_kdf("p", 1, "s", 1, 1u << 14, 9, 1, out, 32),
	    -ERANGE);
	ck_assert_int_eq(scrypt_kdf("p", 1, "s", 1, 1u << 14, 8, 2, out, 32),
	    -ERANGE);
	ck_assert_int_eq(scrypt_kdf("p", 1, "s", 1, (uint64_t)1 << 62, 8, 1,
	    out, 32), -ERANGE);
}
END_TEST

#define CMAC_KEY "603deb1015ca71be2b73aef0857d7781" \
    "1f352c073b6108d72d9810a30914dff4"

/* The first eight bytes of the message are the number. */
static void
cmac_expect(const struct prf *f, const uint8_t *m, size_t len,
    const char *hex)
{
	uint8_t out[16];
	uint64_t a = 0;
	int i;

	for (i = 7; i >= 0; i--)
		a = a << 8 | m[i];
	prf_eval(f, a, m + 8, len - 8, out);
	expect(out, 16, hex);
}

START_TEST(prf_is_the_cmac_of_sp_800_38b)
{
	uint8_t *key = unhex(CMAC_KEY, NULL), *m;
	struct prf *f;

	ck_assert_int_eq(prf_new(key, &f), 0);
	m = unhex("6bc1bee22e409f96e93d7e117393172a"
	    "ae2d8a571e03ac9c9eb76fac45af8e5130c81c46a35ce411"
	    "e5fbc1191a0a52eff69f2445df4f9b17ad2b417be66c3710", NULL);
	cmac_expect(f, m, 16, "28a7023f452e8f82bd4bf28d8c37c35c");
	cmac_expect(f, m, 40, "aaf3d8f1de5640c232f5b169b9c911e6");
	cmac_expect(f, m, 64, "e1992190549f6ed5696a2c056c315410");
	free(m);
	prf_free(f);
	free(key);
}
END_TEST

/* The buffer is 512 bytes long; answers by openssl-mac(1). */
START_TEST(prf_agrees_at_the_edges_of_its_buffer)
{
	static const struct {
		size_t len;
		const char *mac;
	} at[] = {
		{ 511, "87814e0613da9ae80a87ce317147ce71" },
		{ 512, "1f8ec1a6a39d6207f25f794cfc97b4b1" },
		{ 513, "6f39489c6d6ad530d870ac798fc1b165" },
		{ 528, "ada675a12ecc36773d787af0c11ac657" },
		{ 1031, "6e20ac88aeb67212f2bbaa0969d68e4a" },
	};
	uint8_t *key = unhex(CMAC_KEY, NULL), m[1031];
	struct prf *f;
	size_t i;

	for (i = 0; i < sizeof(m); i++)
		m[i] = (uint8_t)(i * 7 + 3);
	ck_assert_int_eq(prf_new(key, &f), 0);
	for (i = 0; i < sizeof(at) / sizeof(at[0]); i++)
		cmac_expect(f, m, at[i].len, at[i].mac);
	prf_free(f);
	free(key);
}
END_TEST

/* ---- curves ---- */

START_TEST(ed25519_gives_the_keys_of_rfc_8032)
{
	uint8_t *seed, pub[32];

	seed = unhex("9d61b19deffd5a60ba844af492ec2cc4"
	    "4449c5697b326919703bac031cae7f60", NULL);
	ck_assert_int_eq(sign_public(seed, pub), 0);
	expect(pub, 32, "d75a980182b10ab7d54bfed3c964073a"
	    "0ee172f3daa62325af021a68f707511a");
	free(seed);
}
END_TEST

/* Our messages start with a label and a zero.  The long vector of the RFC has
 * its first zero at 67, so that what is before it can be the label. */
START_TEST(ed25519_gives_the_signature_of_rfc_8032)
{
	static const char hex[] =
	    "08b8b2b733424243760fe426a4b54908632110a66c2f6591eabd3345e3e4eb"
	    "98fa6e264bf09efe12ee50f8f54e9f77b1e355f6c50544e23fb1433ddf73be"
	    "84d879de7c0046dc4996d9e773f4bc9efe5738829adb26c81b37c93a1b270b"
	    "20329d658675fc6ea534e0810a4432826bf58c941efb65d57a338bbd2e2664"
	    "0f89ffbc1a858efcb8550ee3a5e1998bd177e93a7363c344fe6b199ee5d02e"
	    "82d522c4feba15452f80288a821a579116ec6dad2b3b310da903401aa62100"
	    "ab5d1a36553e06203b33890cc9b832f79ef80560ccb9a39ce767967ed628c6"
	    "ad573cb116dbefefd75499da96bd68a8a97b928a8bbc103b6621fcde2beca1"
	    "231d206be6cd9ec7aff6f6c94fcd7204ed3455c68c83f4a41da4af2b74ef5c"
	    "53f1d8ac70bdcb7ed185ce81bd84359d44254d95629e9855a94a7c1958d1f8"
	    "ada5d0532ed8a5aa3fb2d17ba70eb6248e594e1a2297acbbb39d502f1a8c6e"
	    "b6f1ce22b3de1a1f40cc24554119a831a9aad6079cad88425de6bde1a9187e"
	    "bb6092cf67bf2b13fd65f27088d78b7e883c8759d2c4f5c65adb7553878ad5"
	    "75f9fad878e80a0c9ba63bcbcc2732e69485bbc9c90bfbd62481d9089beccf"
	    "80cfe2df16a2cf65bd92dd597b0707e0917af48bbb75fed413d238f5555a7a"
	    "569d80c3414a8d0859dc65a46128bab27af87a71314f318c782b23ebfe808b"
	    "82b0ce26401d2e22f04d83d1255dc51addd3b75a2b1ae0784504df543af896"
	    "9be3ea7082ff7fc9888c144da2af58429ec96031dbcad3dad9af0dcbaaaf26"
	    "8cb8fcffead94f3c7ca495e056a9b47acdb751fb73e666c6c655ade8297297"
	    "d07ad1ba5e43f1bca32301651339e22904cc8c42f58c30c04aafdb038dda08"
	    "47dd988dcda6f3bfd15c4b4c4525004aa06eeff8ca61783aacec57fb3d1f92"
	    "b0fe2fd1a85f6724517b65e614ad6808d6f6ee34dff7310fdc82aebfd904b0"
	    "1e1dc54b2927094b2db68d6f903b68401adebf5a7e08d78ff4ef5d63653a65"
	    "040cf9bfd4aca7984a74d37145986780fc0b16ac451649de6188a7dbdf191f"
	    "64b5fc5e2ab47b57f7f7276cd419c17a3ca8e1b939ae49e488acba6b965610"
	    "b5480109c8b17b80e1b7b750dfc7598d5d5011fd2dcc5600a32ef5b52a1ecc"
	    "820e308aa342721aac0943bf6686b64b2579376504ccc493d97e6aed3fb0f9"
	    "cd71a43dd497f01f17c0e2cb3797aa2a2f256656168e6c496afc5fb93246f6"
	    "b1116398a346f1a641f3b041e989f7914f90cc2c7fff357876e506b50d334b"
	    "a77c225bc307ba537152f3f1610e4eafe595f6d9d90d11faa933a15ef13695"
	    "46868a7f3a45a96768d40fd9d03412c091c6315cf4fde7cb68606937380db2"
	    "eaaa707b4c4185c32eddcdd306705e4dc1ffc872eeee475a64dfac86aba41c"
	    "0618983f8741c5ef68d3a101e8a3b8cac60c905c15fc910840b94c00a0b9d0";
	uint8_t *m, *seed, pub[32], sig[64];
	size_t n, at;

	m = unhex(hex, &n);
	seed = unhex("f5e5767cf153319517630f226876b86c"
	    "8160cc583bc013744c6bf255f5cc0ee5", NULL);
	ck_assert_uint_eq(n, 1023);
	at = strlen((char *)m);
	ck_assert_uint_eq(at, 67);
	ck_assert_int_eq(sign_public(seed, pub), 0);
	expect(pub, 32, "278117fc144c72340f67d0f2316e8386"
	    "ceffbf2b2428c9c51fef7c597f1d426e");
	ck_assert_int_eq(sign_make(seed, (char *)m, m + at + 1, n - at - 1,
	    sig), 0);
	expect(sig, 64, "0aab4c900501b3e24d7cdf4663326a3a"
	    "87df5e4843b2cbdb67cbf6e460fec350aa5371b1508f9f4528ecea23c436d94b"
	    "5e8fcd4f681e30a6ac00a9704a188a03");
	ck_assert_int_eq(sign_check(pub, (char *)m, m + at + 1, n - at - 1,
	    sig), 0);
	free(seed);
	free(m);
}
END_TEST

START_TEST(a_signature_holds_for_its_label_and_message_only)
{
	uint8_t seed[32] = { 1 }, pub[32], sig[64], m[8] = "message";
	size_t i;

	ck_assert_int_eq(sign_public(seed, pub), 0);
	ck_assert_int_eq(sign_make(seed, "one", m, sizeof(m), sig), 0);
	ck_assert_int_eq(sign_check(pub, "one", m, sizeof(m), sig), 0);
	ck_assert_int_eq(sign_check(pub, "two", m, sizeof(m), sig), -EBADMSG);
	/* The zero keeps a label apart from the message. */
	ck_assert_int_eq(sign_check(pub, "onem", m + 1, sizeof(m) - 1, sig),
	    -EBADMSG);
	ck_assert_int_eq(sign_check(pub, "one", m, sizeof(m) - 1, sig),
	    -EBADMSG);
	for (i = 0; i < sizeof(m) * 8; i++) {
		m[i / 8] ^= (uint8_t)(1 << i % 8);
		ck_assert_int_eq(sign_check(pub, "one", m, sizeof(m), sig),
		    -EBADMSG);
		m[i / 8] ^= (uint8_t)(1 << i % 8);
	}
	for (i = 0; i < sizeof(sig) * 8; i++) {
		sig[i / 8] ^= (uint8_t)(1 << i % 8);
		ck_assert_int_eq(sign_check(pub, "one", m, sizeof(m), sig),
		    -EBADMSG);
		sig[i / 8] ^= (uint8_t)(1 << i % 8);
	}
}
END_TEST

START_TEST(x25519_gives_the_keys_of_rfc_7748)
{
	uint8_t *s, pub[32];

	s = unhex("77076d0a7318a57d3c16c17251b26645"
	    "df4c2f87ebc0992ab177fba51db92c2a", NULL);
	ck_assert_int_eq(dh_public(s, pub), 0);
	expect(pub, 32, "8520f0098930a754748b7ddcb43ef75a"
	    "0dbf3a0d26381af4eba4a98eaa9b4e6a");
	free(s);
	s = unhex("5dab087e624a8a4b79e17f8b83800ee6"
	    "6f3bb1292618b6fd1c2f8b27ff88e0eb", NULL);
	ck_assert_int_eq(dh_public(s, pub), 0);
	expect(pub, 32, "de9edb7d7b7dc1b4d35b61c2ece43537"
	    "3f8343c85b78674dadfc7e146f882b4f");
	free(s);
}
END_TEST

START_TEST(a_wrapped_secret_opens_for_its_holder_in_its_context_only)
{
	uint8_t mine[32] = { 1 }, other[32] = { 64 }, pub[32];
	uint8_t box[32 + WRAP_OVERHEAD], secret[32], out[32];
	size_t i;

	memset(secret, 0x77, sizeof(secret));
	ck_assert_int_eq(dh_public(mine, pub), 0);
	ck_assert_int_eq(wrap_seal(pub, "context", 7, secret, 32, box), 0);
	ck_assert_int_eq(wrap_open(mine, "context", 7, box, sizeof(box), out),
	    0);
	ck_assert_mem_eq(out, secret, 32);
	ck_assert_int_eq(wrap_open(other, "context", 7, box, sizeof(box),
	    out), -EBADMSG);
	ck_assert_int_eq(wrap_open(mine, "contexu", 7, box, sizeof(box), out),
	    -EBADMSG);
	ck_assert_int_eq(wrap_open(mine, "context", 6, box, sizeof(box), out),
	    -EBADMSG);
	for (i = 0; i < sizeof(box); i++)
		ck_assert_int_eq(wrap_open(mine, "context", 7, box, i, out),
		    -EBADMSG);
	for (i = 0; i < sizeof(box) * 8; i++) {
		box[i / 8] ^= (uint8_t)(1 << i % 8);
		ck_assert_int_eq(wrap_open(mine, "context", 7, box,
		    sizeof(box), out), -EBADMSG);
		box[i / 8] ^= (uint8_t)(1 << i % 8);
	}
}
END_TEST

START_TEST(a_key_of_small_order_is_refused)
{
	uint8_t mine[32] = { 1 }, zero[32] = { 0 };
	uint8_t box[32 + WRAP_OVERHEAD] = { 0 }, out[32] = { 0 };

	ck_assert_int_eq(wrap_seal(zero, "", 0, out, 32, box), -EBADMSG);
	memset(box, 0, sizeof(box));
	ck_assert_int_eq(wrap_open(mine, "", 0, box, sizeof(box), out),
	    -EBADMSG);
}
END_TEST

/* ---- memory and randomness ---- */

START_TEST(secret_memory_is_zero_and_usable_at_any_size)
{
	static const size_t size[] = { 0, 1, 64, 4032, 4033, 100000 };
	uint8_t *p;
	size_t i, j;

	for (i = 0; i < sizeof(size) / sizeof(size[0]); i++) {
		p = crypto_secret_alloc(size[i]);
		ck_assert_ptr_nonnull(p);
		for (j = 0; j < size[i]; j++)
			ck_assert_int_eq(p[j], 0);
		memset(p, 0xff, size[i]);
		crypto_secret_free(p);
	}
	crypto_secret_free(NULL);
	ck_assert_ptr_null(crypto_secret_alloc(SIZE_MAX));
}
END_TEST

START_TEST(random_bytes_fill_all_and_differ)
{
	uint8_t a[1000] = { 0 }, b[1000] = { 0 };
	size_t i, zeros = 0;

	crypto_random(a, sizeof(a));
	crypto_random(b, sizeof(b));
	ck_assert_mem_ne(a, b, sizeof(a));
	for (i = 0; i < sizeof(a); i++)
		zeros += a[i] == 0;
	ck_assert_uint_lt(zeros, 30);
	ck_assert_uint_ne(crypto_random_u64(), crypto_random_u64());
}
END_TEST

START_TEST(equal_compares_all_bytes)
{
	ck_assert(crypto_equal("abc", "abc", 3));
	ck_assert(!crypto_equal("abc", "abd", 3));
	ck_assert(!crypto_equal("abc", "bbc", 3));
	ck_assert(crypto_equal("abc", "xyz", 0));
}
END_TEST

static Suite *
suite(void)
{
	Suite *s = suite_create("crypto");
	TCase *t = tcase_create("crypto");

	tcase_set_timeout(t, 120);
	tcase_add_test(t, all_primitives_are_there);
	tcase_add_test(t, sha256_gives_the_answers_of_fips_180);
	tcase_add_test(t, hmac_gives_the_answers_of_rfc_4231);
	tcase_add_test(t, hkdf_gives_the_answers_of_rfc_5869);
	tcase_add_test(t, scrypt_gives_the_answer_of_rfc_7914);
	tcase_add_test(t,
	    scrypt_refuses_costs_out_of_bounds_before_any_work);
	tcase_add_test(t, prf_is_the_cmac_of_sp_800_38b);
	tcase_add_test(t, prf_agrees_at_the_edges_of_its_buffer);
	tcase_add_test(t, ed25519_gives_the_keys_of_rfc_8032);
	tcase_add_test(t, ed25519_gives_the_signature_of_rfc_8032);
	tcase_add_test(t, a_signature_holds_for_its_label_and_message_only);
	tcase_add_test(t, x25519_gives_the_keys_of_rfc_7748);
	tcase_add_test(t,
	    a_wrapped_secret_opens_for_its_holder_in_its_context_only);
	tcase_add_test(t, a_key_of_small_order_is_refused);
	tcase_add_test(t, secret_memory_is_zero_and_usable_at_any_size);
	tcase_add_test(t, random_bytes_fill_all_and_differ);
	tcase_add_test(t, equal_compares_all_bytes);
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
