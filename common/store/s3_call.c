/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "crypto/crypto.h"
#include "net/http_value.h"
#include "store/s3_priv.h"
#include "util/clock.h"
#include "util/text.h"
#include "util/tr.h"

/* s3_call - one request: signed, made, and what its answer means. */

/* A server refuses what is signed 15 minutes off its own clock. */
#define SKEW_MAX_S (5 * 60)
#define HEADERS_MAX 12
/* So many calls in a row it may find wrongly signed with a good key. */
#define ODD_MAX 4

static const char no_payload[] =
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

void
s3_say(struct s3 *s, const char *fmt, ...)
{
	char msg[sizeof(s->hint.msg)];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(msg, sizeof(msg), fmt, ap);
	va_end(ap);
	mutex_lock(&s->lock);
	memcpy(s->hint.msg, msg, sizeof(msg));
	mutex_unlock(&s->lock);
}

void
s3_key(const struct s3 *s, const char *name, char *ret)
{
	(void)snprintf(ret, S3_KEY_MAX, "%s%s", s->prefix, name);
}

/* What codes mean where the status alone misleads. */
static int
code_result(const char *code, int r)
{
	static const struct {
		const char *code;
		int r;
	} known[] = {
		/* The bucket is not there: nobody may take that for an
		 * object that is not. */
		{ "NoSuchBucket", -EHOSTUNREACH },
		/* Somebody else was at the same key. */
		{ "ConditionalRequestConflict", -EHOSTUNREACH },
		{ "OperationAborted", -EHOSTUNREACH },
		/* What came was not what was sent. */
		{ "BadDigest", -EHOSTUNREACH },
		{ "IncompleteBody", -EHOSTUNREACH },
		{ "XAmzContentSHA256Mismatch", -EHOSTUNREACH },
		{ "RequestTimeout", -EHOSTUNREACH },
		{ "SlowDown", -EHOSTUNREACH },
		{ "QuotaExceeded", -ENOSPC },
		{ "AuthorizationHeaderMalformed", -EACCES },
		{ "ExpiredToken", -EACCES },
		{ "InvalidToken", -EACCES },
		{ "InvalidAccessKeyId", -EACCES },
		{ "NotImplemented", -EOPNOTSUPP },
	};
	size_t i;

	for (i = 0; i < sizeof(known) / sizeof(*known); i++)
		if (strcmp(code, known[i].code) == 0)
			return known[i].r;
	return r;
}

/* Is it about who we are, not about what we asked for? */
static bool
is_identity(int status, const char *code)
{
	static const char *const known[] = { "InvalidAccessKeyId",
	    "SignatureDoesNotMatch", "ExpiredToken", "InvalidToken",
	    "AuthorizationHeaderMalformed" };
	size_t i;

	for (i = 0; i < sizeof(known) / sizeof(*known); i++)
		if (strcmp(code, known[i]) == 0)
			return true;
	return status == 401;
}

static void
say_denied(struct s3 *s, const struct s3_resp *a)
{
	const struct s3_error *e = &a->error;

	if (strcmp(e->code, "ExpiredToken") == 0)
		s3_say(s, "%s refused the session token: it has expired",
		    s->endpoint);
	else if (strcmp(e->code, "RequestTimeTooSkewed") == 0)
		s3_say(s, "%s refused: its clock and this machine's differ "
		    "too much", s->endpoint);
	else if (strcmp(e->code, "AuthorizationHeaderMalformed") == 0 &&
	    e->region[0])
		s3_say(s, "%s refused: the bucket is in the region '%s'; put "
		    "'region=%s' into the address", s->endpoint, e->region,
		    e->region);
	else if (is_identity(a->http.status, e->code))
		s3_say(s, "%s refused the key's id or the secret (%s)",
		    s->endpoint, e->code[0] ? e->code : "status 401");
	else
		s3_say(s, "%s does not allow it: check the rights of this "
		    "key on the bucket '%s', and whether the provider lets "
		    "this machine's address in (%s)", s->endpoint, s->bucket,
		    e->code[0] ? e->code : "status 403");
}

static void
say_elsewhere(struct s3 *s, const char *region)
{
	if (*region)
		s3_say(s, "%s does not keep the bucket '%s', it is in '%s': "
		    "give the address of its region", s->endpoint, s->bucket,
		    region);
	else
		s3_say(s, "%s does not keep the bucket '%s': give the address "
		    "of its region", s->endpoint, s->bucket);
}

static void
hint_set(struct s3 *s, int r, const struct s3_req *q,
    const struct s3_resp *a)
{
	const struct s3_error *e = &a->error;

	if (r == -ENOENT || r == -EEXIST || r == -ERANGE || r == -ECANCELED)
		return;
	if (r == -EACCES && a->http.status)
		say_denied(s, a);
	else if (strcmp(e->code, "NoSuchBucket") == 0)
		s3_say(s, "%s has no bucket '%s': make it at the provider "
		    "first", s->endpoint, s->bucket);
	else if (strstr(e->code, "Redirect"))
		say_elsewhere(s, e->region);
	else if (a->http.msg[0] && !e->code[0])
		s3_say(s, "%s", a->http.msg);
	else if (a->http.status)
		s3_say(s, "%s %s (%s: %s%sstatus %d)", s->endpoint,
		    r == -ENOSPC ? N_("is full: make room there, or get more") :
		    store_transient(r) ? N_("is in trouble or busy") :
		    N_("gave an answer that makes no sense: is this the "
		    "address of an S3 service?"), q->method, e->code,
		    e->code[0] ? ", " : "", a->http.status);
	if (a->http.retry_after_ms > 0) {
		mutex_lock(&s->lock);
		s->hint.not_before_ms = clock_mono_ms() +
		    a->http.retry_after_ms;
		mutex_unlock(&s->lock);
	}
}

/* The lines of a request's head: texts in one buffer, pointers to them. */
struct head {
	struct buf text;
	size_t at[HEADERS_MAX];
	size_t n;
	const char *line[HEADERS_MAX + 1];
};

static void
head_add(struct head *h, const char *name, const char *value)
{
	if (h->n == HEADERS_MAX) {
		h->text.err = -EFBIG;
		return;
	}
	h->at[h->n++] = h->text.len;
	(void)buf_printf(&h->text, "%s: %s", name, value);
	(void)buf_put_u8(&h->text, 0);
}

static int
head_end(struct head *h)
{
	size_t i;

	if (h->text.err)
		return h->text.err;
	for (i = 0; i < h->n; i++)
		h->line[i] = (const char *)h->text.data + h->at[i];
	h->line[h->n] = NULL;
	return 0;
}

/* Of a body. */
struct digest {
	char sha256[2 * SHA256_LEN + 1];
	char md5[BASE64_LEN(MD5_LEN) + 1];	/* "": not sent */
};

static void
digest_make(struct s3 *s, const struct s3_req *q, struct digest *d)
{
	uint8_t hash[SHA256_LEN], sum[MD5_LEN];
	bool is_md5;

	memcpy(d->sha256, no_payload, sizeof(d->sha256));
	d->md5[0] = '\0';
	if (!q->body)
		return;
	if (!s->is_sig2) {
		sha256(q->body, q->len, hash);
		hex_encode(hash, sizeof(hash), d->sha256);
	}
	mutex_lock(&s->lock);
	is_md5 = s->is_md5;
	mutex_unlock(&s->lock);
	if (is_md5 && md5(q->body, q->len, sum) == 0)
		base64_encode(sum, sizeof(sum), d->md5);
}

/* One request with its own time. */
struct attempt {
	char amz_date[20], http_date[40];
	struct s3_pair header[8];
	struct s3_sig sig;
	struct head head;
	struct buf auth, path;
};

static void
pair_put(struct attempt *t, const char *name, const char *value)
{
	t->header[t->sig.nheaders++] = (struct s3_pair){ name, value };
}

static int
path_set(struct s3 *s, const struct s3_req *q, struct buf *path)
{
	(void)buf_printf(path, "%s/%s", s->root, q->key ? q->key : "");
	/* The bucket's own address ends in its name. */
	if (!q->key && s->root[0] && !s->is_virtual && path->err == 0)
		path->len--;
	return path->err;
}

/* Everything that is signed, and the signature. */
static int
attempt_sign(struct s3 *s, const struct s3_req *q, const struct digest *d,
    int64_t now_s, struct attempt *t)
{
	time_t when = (time_t)now_s;
	struct tm tm;
	size_t i;
	int r;

	(void)gmtime_r(&when, &tm);
	(void)strftime(t->amz_date, sizeof(t->amz_date), "%Y%m%dT%H%M%SZ",
	    &tm);
	(void)strftime(t->http_date, sizeof(t->http_date),
	    "%a, %d %b %Y %H:%M:%S GMT", &tm);
	r = path_set(s, q, &t->path);
	if (r < 0)
		return r;
	t->sig.method = q->method;
	t->sig.path = buf_cstr(&t->path);
	if (!t->sig.path)
		return -ENOMEM;
	t->sig.query = q->query;
	t->sig.nquery = q->nquery;
	t->sig.headers = t->header;
	t->sig.payload = d->sha256;
	t->sig.time = t->amz_date;
	t->sig.region = s->region;
	t->sig.service = "s3";
	t->sig.bucket = s->is_virtual ? s->bucket : NULL;
	if (q->body)
		pair_put(t, "content-type", "application/octet-stream");
	if (d->md5[0])
		pair_put(t, "content-md5", d->md5);
	if (s->is_sig2) {
		pair_put(t, "date", t->http_date);
	} else {
		pair_put(t, "host", s->host);
		pair_put(t, "x-amz-content-sha256", d->sha256);
		pair_put(t, "x-amz-date", t->amz_date);
	}
	if (s->token)
		pair_put(t, "x-amz-security-token", s->token);
	for (i = 0; i < t->sig.nheaders; i++)
		head_add(&t->head, t->header[i].name, t->header[i].value);
	if (s->is_sig2)
		head_add(&t->head, "host", s->host);
	if (q->is_if_absent)
		head_add(&t->head, "if-none-match", "*");
	if (q->match)
		head_add(&t->head, "if-match", q->match);
	r = s->is_sig2 ? s3_sig2(&t->sig, s->key_id, s->secret, &t->auth) :
	    s3_sig4(&t->sig, s->key_id, s->secret, &t->auth);
	if (r < 0)
		return r;
	if (!buf_cstr(&t->auth))
		return -ENOMEM;
	head_add(&t->head, "authorization", buf_cstr(&t->auth));
	return head_end(&t->head);
}

static int
url_set(struct s3 *s, const struct attempt *t, struct buf *url)
{
	(void)buf_put(url, s->origin, strlen(s->origin));
	(void)url_encode(url, t->sig.path, true);
	if (t->sig.nquery) {
		(void)buf_put_u8(url, '?');
		(void)s3_query(&t->sig, url);
	}
	return url->err;
}

/* Sign and send once. */
static int
call_once(struct s3 *s, const struct s3_req *q, const struct digest *d,
    int64_t now_s, struct buf *other, char date[static 64],
    struct s3_resp *ret)
{
	struct http_want want[] = { { "date", date, 64 },
	    { "x-amz-version-id", ret->version, sizeof(ret->version) },
	    { "x-amz-delete-marker", ret->marker, sizeof(ret->marker) },
	    { "etag", ret->etag, sizeof(ret->etag) },
	    { NULL, NULL, 0 } };
	struct buf url = BUF_INIT(S3_URL_MAX);
	struct http_req hq = { .method = q->method, .body = q->body,
	    .body_len = q->len, .is_write = q->is_write,
	    .is_range = q->is_range, .range_off = q->off,
	    .range_len = q->range_len, .body_status = 200, .out = q->out,
	    .other = other, .want = want, .cut_after = q->cut_after };
	struct attempt t;
	int r;

	memset(&t, 0, sizeof(t));
	buf_init(&t.head.text, S3_ERROR_MAX);
	buf_init(&t.auth, S3_ERROR_MAX);
	buf_init(&t.path, S3_URL_MAX);
	r = attempt_sign(s, q, d, now_s, &t);
	if (r == 0)
		r = url_set(s, &t, &url);
	if (r == 0) {
		hq.url = buf_cstr(&url);
		hq.headers = t.head.line;
		r = hq.url ? http_do(s->http, &hq, &ret->http) : -ENOMEM;
	}
	buf_wipe(&t.head.text);
	buf_done(&t.auth);
	buf_done(&t.path);
	buf_done(&url);
	return r;
}

/* After a refusal: is its clock far from what we signed?  Then go by its. */
static bool
skew_learn(struct s3 *s, const struct s3_resp *a, const char *date,
    int64_t now_s)
{
	int64_t theirs, off;

	if (a->http.status != 403 && a->http.status != 400 &&
	    a->http.status != 401)
		return false;
	if (http_date(date, &theirs) < 0)
		return false;
	off = theirs - now_s;
	if (off > -SKEW_MAX_S && off < SKEW_MAX_S)
		return false;
	mutex_lock(&s->lock);
	s->skew_s = theirs - clock_real_ns() / 1000000000;
	mutex_unlock(&s->lock);
	return true;
}

static int
judge(struct s3 *s, const struct s3_req *q, int r, struct buf *other,
    struct s3_resp *a)
{
	const struct http_resp *h = &a->http;

	if (r < 0 && h->status < 300)
		return r;
	if (h->status >= 200 && h->status < 300) {
		/* A log-in page that says 200 to whatever it gets.  Swift's
		 * S3 interface calls an empty answer a page, too. */
		return q->is_write && h->is_html && other->len ? -EPROTO : 0;
	}
	if (r == 0)
		r = status_result(h->status, q->is_write);
	if (other->len && s3_xml_error(other->data, other->len,
	    &a->error) == 0)
		r = code_result(a->error.code, r);
	else
		memset(&a->error, 0, sizeof(a->error));
	mutex_lock(&s->lock);
	/* Some sign a call or two in a way of their own: that says nothing of
	 * a key that others have been made with. */
	if (is_identity(h->status, a->error.code) && !(s->is_known &&
	    strcmp(a->error.code, "SignatureDoesNotMatch") == 0 &&
	    ++s->odd < ODD_MAX))
		s->hint.is_refused = true;
	mutex_unlock(&s->lock);
	return r;
}

int
s3_call(struct s3 *s, const struct s3_req *q, struct s3_resp *ret)
{
	struct buf other = BUF_INIT(S3_ERROR_MAX);
	struct digest d;
	char date[64];
	int64_t now_s = 0, skew;
	int tries, r = 0;
	bool is_refused;

	memset(ret, 0, sizeof(*ret));
	date[0] = '\0';
	digest_make(s, q, &d);
	ret->has_md5 = d.md5[0];
	for (tries = 0; tries < 2; tries++) {
		mutex_lock(&s->lock);
		skew = s->skew_s;
		is_refused = s->hint.is_refused;
		mutex_unlock(&s->lock);
		if (is_refused) {
			r = -EACCES;	/* and it has been said why */
			break;
		}
		now_s = clock_real_ns() / 1000000000 + skew;
		r = call_once(s, q, &d, now_s, &other, date, ret);
		if (tries > 0 || !skew_learn(s, ret, date, now_s))
			break;
	}
	if (!is_refused) {
		r = judge(s, q, r, &other, ret);
		if (r < 0)
			hint_set(s, r, q, ret);
		else {
			mutex_lock(&s->lock);
			s->odd = 0;
			s->is_known = true;
			mutex_unlock(&s->lock);
		}
	}
	buf_done(&other);
	return r;
}
