/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "crypto/crypto.h"
#include "store/s3_sign.h"
#include "util/buf.h"
#include "util/text.h"

#define NOTHING \
	"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

static struct s3_pair query[S3_PAIRS_MAX], header[S3_PAIRS_MAX];
static struct s3_sig sig;
static const char *key_id, *secret;
static char name[100];
static bool is_v2;
static int nvectors;

static void
block_begin(void)
{
	memset(&sig, 0, sizeof(sig));
	sig.method = "GET";
	sig.path = "/";
	sig.query = query;
	sig.headers = header;
	sig.payload = NOTHING;
	sig.time = "20150830T123600Z";
	sig.region = "us-east-1";
	sig.service = "service";
	key_id = "AKIDEXAMPLE";
	secret = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";
	is_v2 = false;
}

static void
pair_add(struct s3_pair *to, size_t *n, char *v)
{
	char *sep = strchr(v, ' ');

	ck_assert_uint_lt(*n, S3_PAIRS_MAX);
	if (sep)
		*sep++ = '\0';
	to[(*n)++] = (struct s3_pair){ v, sep ? sep : "" };
}

static void
block_check(const char *want)
{
	struct buf b = BUF_INIT(4096);
	int r;

	r = is_v2 || sig.bucket ? s3_sig2(&sig, key_id, secret, &b) :
	    s3_sig4(&sig, key_id, secret, &b);
	ck_assert_int_eq(r, 0);
	ck_assert_msg(strcmp(buf_cstr(&b), want) == 0, "%s: is\n%s\nnot\n%s",
	    name, buf_cstr(&b), want);
	buf_done(&b);
	nvectors++;
}

static void
line_take(char *key)
{
	char *v = strchr(key, ' ');

	ck_assert_msg(v != NULL, "'%s'", key);
	*v++ = '\0';
	if (strcmp(key, "name") == 0) {
		block_begin();
		(void)snprintf(name, sizeof(name), "%s", v);
	} else if (strcmp(key, "method") == 0) {
		sig.method = v;
	} else if (strcmp(key, "path") == 0) {
		sig.path = v;
	} else if (strcmp(key, "query") == 0) {
		pair_add(query, &sig.nquery, v);
	} else if (strcmp(key, "header") == 0) {
		pair_add(header, &sig.nheaders, v);
	} else if (strcmp(key, "payload") == 0) {
		sig.payload = v;
	} else if (strcmp(key, "time") == 0) {
		sig.time = v;
	} else if (strcmp(key, "service") == 0) {
		sig.service = v;
	} else if (strcmp(key, "key") == 0) {
		key_id = v;
	} else if (strcmp(key, "secret") == 0) {
		secret = v;
	} else if (strcmp(key, "bucket") == 0) {
		sig.bucket = v;
	} else if (strcmp(key, "version") == 0) {
		is_v2 = strcmp(v, "2") == 0;
	} else if (strcmp(key, "is") == 0) {
		block_check(v);
	} else {
		ck_abort_msg("a line '%s'", key);
	}
}

START_TEST(every_published_signature_is_made)
{
	const char *dir = getenv("TEST_VECTORS");
	char path[1024], *text = NULL, *line, *save = NULL;
	size_t cap = 0;
	FILE *f;

	(void)snprintf(path, sizeof(path), "%s/s3_sign.txt", dir ? dir :
	    "tests/vectors");
	f = fopen(path, "r");
	ck_assert_msg(f != NULL, "'%s' cannot be read", path);
	ck_assert_int_gt(getdelim(&text, &cap, '\0', f), 0);
	(void)fclose(f);
	for (line = strtok_r(text, "\n", &save); line;
	    line = strtok_r(NULL, "\n", &save))
		if (line[0] != '#')
			line_take(line);
	ck_assert_int_eq(nvectors, 19);
	free(text);
}
END_TEST

START_TEST(a_query_is_sent_as_it_is_signed)
{
	static const struct s3_pair p[] = { { "prefix", "in a place/x+y" },
	    { "list-type", "2" }, { "versions", "" },
	    { "continuation-token", "a+b/c=\xc3\xa9" } };
	struct s3_sig g = { .query = p, .nquery = 4 };
	struct buf b = BUF_INIT(1000);

	ck_assert_int_eq(s3_query(&g, &b), 0);
	ck_assert_str_eq(buf_cstr(&b), "continuation-token="
	    "a%2Bb%2Fc%3D%C3%A9&list-type=2&prefix=in%20a%20place%2Fx%2By"
	    "&versions=");
	buf_done(&b);
}
END_TEST

/* "a" stands before "a-", though '=' is greater than '-'; what has to be
 * encoded stands where its '%' would. */
START_TEST(names_are_sorted_not_lines)
{
	static const struct s3_pair p[] = { { "a-", "1" }, { "a", "2" },
	    { "a b", "3" }, { "aA", "4" }, { "a\xc3", "5" } };
	struct s3_sig g = { .query = p, .nquery = 5 };
	struct buf b = BUF_INIT(1000);

	ck_assert_int_eq(s3_query(&g, &b), 0);
	ck_assert_str_eq(buf_cstr(&b), "a=2&a%20b=3&a%C3=5&a-=1&aA=4");
	buf_done(&b);
}
END_TEST

START_TEST(blanks_in_headers_count_once)
{
	static const struct s3_pair h[] = { { "my-header2", " \"a   b   c\" " },
	    { "host", "example.amazonaws.com" }, { "my-header1", " value1" } };
	struct s3_sig g = { .method = "GET", .path = "/", .headers = h,
	    .nheaders = 3, .payload = NOTHING };
	struct buf b = BUF_INIT(1000);

	ck_assert_int_eq(s3_sig4_request(&g, &b), 0);
	ck_assert_str_eq(buf_cstr(&b), "GET\n/\n\nhost:example.amazonaws.com\n"
	    "my-header1:value1\nmy-header2:\"a b c\"\n\n"
	    "host;my-header1;my-header2\n" NOTHING);
	buf_done(&b);
}
END_TEST

START_TEST(too_many_parameters_are_an_error)
{
	struct s3_pair p[S3_PAIRS_MAX + 1];
	struct s3_sig g = { .method = "GET", .path = "/", .query = p,
	    .nquery = S3_PAIRS_MAX + 1, .payload = NOTHING,
	    .time = "20150830T123600Z", .region = "r", .service = "s" };
	struct buf b = BUF_INIT(1000);
	size_t i;

	for (i = 0; i <= S3_PAIRS_MAX; i++)
		p[i] = (struct s3_pair){ "a", "b" };
	ck_assert_int_eq(s3_query(&g, &b), -EINVAL);
	ck_assert_int_eq(s3_sig4(&g, "k", "s", &b), -EINVAL);
	ck_assert_int_eq(s3_sig2(&g, "k", "s", &b), -EINVAL);
	ck_assert_uint_eq(b.len, 0);
}
END_TEST

START_TEST(base64_md5_and_sha1_are_what_their_rfcs_say)
{
	static const char *const is[] = { "", "Zg==", "Zm8=", "Zm9v",
	    "Zm9vYg==", "Zm9vYmE=", "Zm9vYmFy" };
	uint8_t key[20], out[20];
	char text[41];
	size_t i;

	for (i = 0; i < 7; i++) {
		base64_encode("foobar", i, text);
		ck_assert_str_eq(text, is[i]);
	}
	ck_assert_int_eq(md5("abc", 3, out), 0);
	hex_encode(out, 16, text);
	ck_assert_str_eq(text, "900150983cd24fb0d6963f7d28e17f72");
	memset(key, 0x0b, sizeof(key));
	ck_assert_int_eq(hmac_sha1(key, 20, "Hi There", 8, out), 0);
	hex_encode(out, 20, text);
	ck_assert_str_eq(text, "b617318655057264e28bc0b6fb378c8ef146be00");
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("s3_sign");
	TCase *t = tcase_create("s3_sign");
	SRunner *sr;
	int failed;

	if (crypto_init() < 0)
		return 1;
	tcase_add_test(t, every_published_signature_is_made);
	tcase_add_test(t, a_query_is_sent_as_it_is_signed);
	tcase_add_test(t, names_are_sorted_not_lines);
	tcase_add_test(t, blanks_in_headers_count_once);
	tcase_add_test(t, too_many_parameters_are_an_error);
	tcase_add_test(t, base64_md5_and_sha1_are_what_their_rfcs_say);
	suite_add_tcase(suite, t);
	sr = srunner_create(suite);
	srunner_run_all(sr, CK_ENV);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed ? 1 : 0;
}
