/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "store/s3_sign.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "crypto/crypto.h"
#include "net/url.h"
#include "util/buf.h"
#include "util/text.h"

#define TEXT_MAX 65536

static const char algorithm[] = "AWS4-HMAC-SHA256";

/* A byte's place in the order of encoded texts: what is not plain begins
 * with '%' there. */
static unsigned
order_of(unsigned char c)
{
	if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	    (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.' ||
	    c == '~')
		return (unsigned)c << 8;
	return c ? (unsigned)'%' << 8 | c : 0;
}

static int
encoded_cmp(const char *a, const char *b)
{
	unsigned x, y;

	do {
		x = order_of((unsigned char)*a++);
		y = order_of((unsigned char)*b++);
	} while (x == y && x != 0);
	return x < y ? -1 : x > y;
}

static int
pair_cmp(const void *a, const void *b)
{
	const struct s3_pair *p = a, *q = b;
	int d = encoded_cmp(p->name, q->name);

	return d ? d : encoded_cmp(p->value, q->value);
}

/* A sorted copy of n pairs. */
static int
pairs_sort(const struct s3_pair *p, size_t n,
    struct s3_pair ret[static S3_PAIRS_MAX])
{
	if (n > S3_PAIRS_MAX)
		return -EINVAL;
	if (n == 0)
		return 0;
	memcpy(ret, p, n * sizeof(*p));
	qsort(ret, n, sizeof(*p), pair_cmp);
	return 0;
}

int
s3_query(const struct s3_sig *g, struct buf *out)
{
	struct s3_pair q[S3_PAIRS_MAX];
	size_t i;
	int r;

	r = pairs_sort(g->query, g->nquery, q);
	if (r < 0)
		return r;
	for (i = 0; i < g->nquery; i++) {
		if (i)
			(void)buf_put_u8(out, '&');
		(void)url_encode(out, q[i].name, false);
		(void)buf_put_u8(out, '=');
		(void)url_encode(out, q[i].value, false);
	}
	return out->err;
}

/* The value without blanks round it, and one for each run inside. */
static void
put_trimmed(struct buf *out, const char *s)
{
	bool is_begun = false, has_gap = false;

	for (; *s; s++) {
		if (*s == ' ' || *s == '\t') {
			has_gap = is_begun;
			continue;
		}
		if (has_gap)
			(void)buf_put_u8(out, ' ');
		(void)buf_put_u8(out, (uint8_t)*s);
		has_gap = false;
		is_begun = true;
	}
}

static void
put_names(struct buf *out, const struct s3_pair *h, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++)
		(void)buf_printf(out, "%s%s", i ? ";" : "", h[i].name);
}

int
s3_sig4_request(const struct s3_sig *g, struct buf *out)
{
	struct s3_pair h[S3_PAIRS_MAX];
	size_t i;
	int r;

	r = pairs_sort(g->headers, g->nheaders, h);
	if (r < 0)
		return r;
	(void)buf_printf(out, "%s\n", g->method);
	(void)url_encode(out, g->path, true);
	(void)buf_put_u8(out, '\n');
	r = s3_query(g, out);
	if (r < 0)
		return r;
	(void)buf_put_u8(out, '\n');
	for (i = 0; i < g->nheaders; i++) {
		(void)buf_printf(out, "%s:", h[i].name);
		put_trimmed(out, h[i].value);
		(void)buf_put_u8(out, '\n');
	}
	(void)buf_put_u8(out, '\n');
	put_names(out, h, g->nheaders);
	return buf_printf(out, "\n%s", g->payload);
}

/* The key of one day, region and service. */
static int
key_derive(const struct s3_sig *g, const char *secret,
    uint8_t key[static SHA256_LEN])
{
	struct buf b = BUF_INIT(TEXT_MAX);
	int r;

	(void)buf_printf(&b, "AWS4%s", secret);
	r = b.err;
	if (r == 0) {
		hmac_sha256(b.data, b.len, g->time, 8, key);
		hmac_sha256(key, SHA256_LEN, g->region, strlen(g->region),
		    key);
		hmac_sha256(key, SHA256_LEN, g->service, strlen(g->service),
		    key);
		hmac_sha256(key, SHA256_LEN, "aws4_request", 12, key);
	}
	buf_wipe(&b);
	return r;
}

int
s3_sig4(const struct s3_sig *g, const char *key_id, const char *secret,
    struct buf *out)
{
	struct buf b = BUF_INIT(TEXT_MAX);
	uint8_t hash[SHA256_LEN], key[SHA256_LEN];
	char hex[2 * SHA256_LEN + 1];
	struct s3_pair h[S3_PAIRS_MAX];
	int r;

	r = s3_sig4_request(g, &b);
	if (r < 0)
		goto out;
	sha256(b.data, b.len, hash);
	hex_encode(hash, sizeof(hash), hex);
	buf_reset(&b);
	(void)buf_printf(&b, "%s\n%s\n%.8s/%s/%s/aws4_request\n%s", algorithm,
	    g->time, g->time, g->region, g->service, hex);
	r = b.err;
	if (r == 0)
		r = key_derive(g, secret, key);
	if (r < 0)
		goto out;
	hmac_sha256(key, sizeof(key), b.data, b.len, hash);
	hex_encode(hash, sizeof(hash), hex);
	crypto_wipe(key, sizeof(key));

	(void)buf_printf(out, "%s Credential=%s/%.8s/%s/%s/aws4_request, "
	    "SignedHeaders=", algorithm, key_id, g->time, g->region,
	    g->service);
	(void)pairs_sort(g->headers, g->nheaders, h);
	put_names(out, h, g->nheaders);
	r = buf_printf(out, ", Signature=%s", hex);
out:
	buf_done(&b);
	return r;
}

/* The parameters that version 2 signs, of those that are used here. */
static bool
is_subresource(const char *name)
{
	static const char *const known[] = { "lifecycle", "location",
	    "object-lock", "versionId", "versioning", "versions", "acl" };
	size_t i;

	for (i = 0; i < sizeof(known) / sizeof(*known); i++)
		if (strcmp(name, known[i]) == 0)
			return true;
	return false;
}

/* What is asked for: always with the bucket, wherever it stands. */
static int
put_resource(const struct s3_sig *g, struct buf *out)
{
	struct s3_pair q[S3_PAIRS_MAX];
	char sep = '?';
	size_t i;
	int r;

	if (g->bucket)
		(void)buf_printf(out, "/%s", g->bucket);
	(void)url_encode(out, g->path, true);
	r = pairs_sort(g->query, g->nquery, q);
	if (r < 0)
		return r;
	for (i = 0; i < g->nquery; i++) {
		if (!is_subresource(q[i].name))
			continue;
		(void)buf_printf(out, "%c%s%s%s", sep, q[i].name,
		    q[i].value[0] ? "=" : "", q[i].value);
		sep = '&';
	}
	return out->err;
}

static const char *
header_of(const struct s3_sig *g, const char *name)
{
	size_t i;

	for (i = 0; i < g->nheaders; i++)
		if (strcmp(g->headers[i].name, name) == 0)
			return g->headers[i].value;
	return "";
}

int
s3_sig2(const struct s3_sig *g, const char *key_id, const char *secret,
    struct buf *out)
{
	struct buf b = BUF_INIT(TEXT_MAX);
	struct s3_pair h[S3_PAIRS_MAX];
	char text[BASE64_LEN(SHA1_LEN) + 1];
	uint8_t mac[SHA1_LEN];
	size_t i;
	int r;

	r = pairs_sort(g->headers, g->nheaders, h);
	if (r < 0)
		goto out;
	(void)buf_printf(&b, "%s\n%s\n%s\n%s\n", g->method,
	    header_of(g, "content-md5"), header_of(g, "content-type"),
	    header_of(g, "date"));
	for (i = 0; i < g->nheaders; i++) {
		if (strncmp(h[i].name, "x-amz-", 6) != 0)
			continue;
		(void)buf_printf(&b, "%s:", h[i].name);
		put_trimmed(&b, h[i].value);
		(void)buf_put_u8(&b, '\n');
	}
	r = put_resource(g, &b);
	if (r == 0)
		r = hmac_sha1(secret, strlen(secret), b.data, b.len, mac);
	if (r == 0) {
		base64_encode(mac, sizeof(mac), text);
		r = buf_printf(out, "AWS %s:%s", key_id, text);
	}
out:
	buf_done(&b);
	return r;
}
