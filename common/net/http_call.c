/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "net/http_priv.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "net/http_value.h"
#include "net/url.h"
#include "util/buf.h"
#include "util/clock.h"

/* A body over this asks first. */
#define EXPECT_MIN (256u << 10)

static bool
header_is(const char *p, size_t n, const char *name, char *value, size_t cap)
{
	size_t len = strlen(name);

	if (n <= len || strncasecmp(p, name, len) != 0 || p[len] != ':')
		return false;
	p += len + 1;
	n -= len + 1;
	while (n && (*p == ' ' || *p == '\t')) {
		p++;
		n--;
	}
	while (n && (p[n - 1] == '\r' || p[n - 1] == '\n' || p[n - 1] == ' '))
		n--;
	if (n >= cap || memchr(p, '\0', n))
		n = 0;
	memcpy(value, p, n);
	value[n] = '\0';
	return true;
}

/* What the caller wants to know of the answer's head; p is NULL where a new
 * answer begins. */
static void
wants_fill(const struct http_want *w, const char *p, size_t len)
{
	for (; w && w->name; w++) {
		if (!p)
			w->value[0] = '\0';
		else
			(void)header_is(p, len, w->name, w->value, w->cap);
	}
}

/* If it is a date, by the clock of who says it: which of the two headers comes
 * first is not said. */
static void
retry_after_set(struct http_call *c)
{
	int64_t now_s = c->date_s > 0 ? c->date_s :
	    clock_real_ns() / 1000000000;

	if (c->retry_after[0])
		(void)http_retry_after(c->retry_after, now_s,
		    &c->resp->retry_after_ms);
}

size_t
http_on_header(char *p, size_t one, size_t n, void *arg)
{
	struct http_call *c = arg;
	struct http_resp *a = c->resp;
	char v[256];
	size_t len = one * n;

	wants_fill(c->q->want, len > 5 && strncmp(p, "HTTP/", 5) == 0 ?
	    NULL : p, len);

	/* A new status line: what came before was 100 Continue, or asked for
	 * authentication. */
	if (len > 5 && strncmp(p, "HTTP/", 5) == 0) {
		a->retry_after_ms = -1;
		c->retry_after[0] = '\0';
		c->date_s = 0;
		a->is_html = false;
		c->content_range[0] = '\0';
		http_peer_tls(c);
	} else if (header_is(p, len, "Date", v, sizeof(v))) {
		http_peer_date(c, v);
		(void)http_date(v, &c->date_s);
		retry_after_set(c);
	} else if (header_is(p, len, "Retry-After", c->retry_after,
	    sizeof(c->retry_after))) {
		retry_after_set(c);
	} else if (header_is(p, len, "Content-Type", v, sizeof(v))) {
		a->is_html = strncasecmp(v, "text/html", 9) == 0;
	} else if (header_is(p, len, "Content-Range",
	    c->content_range, sizeof(c->content_range))) {
		/* Judged when the body begins. */
	}
	return len;
}

size_t
http_on_read(char *p, size_t one, size_t n, void *arg)
{
	struct http_call *c = arg;
	const struct http_req *q = c->q;
	size_t left = q->body_len - c->sent, max = one * n;

	if (q->cut_after) {
		if (c->sent >= q->cut_after)
			return CURL_READFUNC_ABORT;
		left = q->cut_after - c->sent;
	}
	if (left > max)
		left = max;
	if (left)
		memcpy(p, (const char *)q->body + c->sent, left);
	c->sent += left;
	return left;
}

int
http_on_seek(void *arg, curl_off_t off, int whence)
{
	struct http_call *c = arg;

	if (whence != SEEK_SET || off < 0 || (size_t)off > c->q->body_len)
		return CURL_SEEKFUNC_FAIL;
	if (c->sent > 0)
		c->resp->is_resent = true;
	c->sent = (size_t)off;
	return CURL_SEEKFUNC_OK;
}

/* Is it about the certificate or the key?  The message names it. */
static bool
is_trust(CURLcode rc)
{
	return rc == CURLE_PEER_FAILED_VERIFICATION ||
	    rc == CURLE_SSL_PINNEDPUBKEYNOTMATCH ||
	    rc == CURLE_SSL_ISSUER_ERROR || rc == CURLE_SSL_CERTPROBLEM ||
	    rc == CURLE_SSL_INVALIDCERTSTATUS;
}

/* No answer, and curl says why. */
static int
transport_result(struct http_call *c)
{
	struct http_resp *a = c->resp;
	const char *why = c->error[0] ? c->error : curl_easy_strerror(c->rc);
	long sent = 0;

	(void)curl_easy_getinfo(c->easy, CURLINFO_REQUEST_SIZE, &sent);
	if (c->rc == CURLE_OUT_OF_MEMORY)
		return -ENOMEM;
	if (is_trust(c->rc)) {
		http_say(a, "the certificate of %s is not trusted (%s): check "
		    "the address, or give its authority's certificate",
		    c->h->host, why);
		return -EHOSTUNREACH;
	}
	if (c->rc == CURLE_UNSUPPORTED_PROTOCOL ||
	    c->rc == CURLE_WEIRD_SERVER_REPLY ||
	    c->rc == CURLE_BAD_CONTENT_ENCODING ||
	    c->rc == CURLE_URL_MALFORMAT) {
		http_say(a, "%s does not talk HTTP: %s", c->h->host, why);
		return -EPROTO;
	}
	if (c->is_late || c->rc == CURLE_OPERATION_TIMEDOUT) {
		http_say(a, "%s does not answer", c->h->host);
		return sent ? -ETIMEDOUT : -EHOSTUNREACH;
	}
	if (!sent) {
		http_say(a, "cannot reach %s: %s", c->h->host, why);
		return -EHOSTUNREACH;
	}
	http_say(a, "the connection to %s broke: %s", c->h->host, why);
	return c->q->is_write ? -ETIMEDOUT : -EHOSTUNREACH;
}

static void
body_message(struct http_call *c, int r)
{
	struct http_resp *a = c->resp;

	if (a->msg[0])
		return;
	if (r == -EPROTO)
		http_say(a, "%s sent other bytes than it was asked for",
		    c->h->host);
	else if (r == -EFBIG)
		http_say(a, "%s sent more than it was asked for", c->h->host);
}

int
http_call_result(struct http_call *c)
{
	struct http_resp *a = c->resp;
	curl_off_t len = -1;
	long status;
	int r;

	if (c->is_canceled || c->rc == CURLE_ABORTED_BY_CALLBACK)
		return -ECANCELED;
	status = http_call_status(c);
	/* The status comes first: a refusal is one, even if the server then
	 * hangs up on the body that it does not want.  But a 401 is what
	 * digest authentication begins with. */
	if (c->rc != CURLE_OK && c->fail == 0 && (status < 300 ||
	    (status == 401 && c->auth == CURLAUTH_DIGEST)))
		return transport_result(c);
	if (status < 200) {
		http_say(a, "%s sent no status", c->h->host);
		return -EPROTO;
	}
	r = c->fail < 0 ? c->fail : http_body_end(c);
	if (r < 0) {
		body_message(c, r);
		return r;
	}
	(void)curl_easy_getinfo(c->easy, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T,
	    &len);
	a->length = len;
	a->status = (int)status;
	return 0;
}

static int
call_open(struct http *h, struct http_call *c)
{
	const char *const *line = c->q->headers;
	struct curl_slist *l;
	int r;

	l = curl_slist_append(NULL, "Accept-Encoding: identity");
	c->headers = l;
	/* Asking first saves a long body from being sent in vain, and costs
	 * a short one a round trip. */
	if (l && c->q->body_len <= EXPECT_MIN) {
		l = curl_slist_append(c->headers, "Expect:");
		if (l)
			c->headers = l;
	}
	for (; l && line && *line; line++) {
		l = curl_slist_append(c->headers, *line);
		if (l)
			c->headers = l;
	}
	if (!l)
		return -ENOMEM;
	mutex_lock(&h->lock);
	if (h->is_refused) {
		http_say(c->resp, "%s refused the user name or the password",
		    h->host);
		r = -EACCES;
	} else {
		r = http_easy_take(h, c);
	}
	mutex_unlock(&h->lock);
	return r;
}

/*
 * Look at a 401.  True: it asks for digest authentication, which was not
 * tried, so the request is made again with it, now and for good.
 */
static bool
auth_refused(struct http *h, struct http_call *c)
{
	struct http_resp *a = c->resp;
	bool is_again = false;
	long offers = 0;

	(void)curl_easy_getinfo(c->easy, CURLINFO_HTTPAUTH_AVAIL, &offers);
	mutex_lock(&h->lock);
	if (c->auth == CURLAUTH_BASIC && !(offers & (long)CURLAUTH_BASIC) &&
	    (offers & (long)CURLAUTH_DIGEST)) {
		h->auth = CURLAUTH_DIGEST;
		is_again = true;
	} else if (h->user) {
		h->is_refused = true;
	}
	mutex_unlock(&h->lock);
	if (is_again)
		return true;
	if (!h->user)
		http_say(a, "%s wants a user name and a password", h->host);
	else if (!h->is_clear_ok && !(offers & (long)CURLAUTH_DIGEST))
		http_say(a, "%s wants the password in clear and the "
		    "connection is not encrypted: use an address that begins "
		    "with webdavs://", h->host);
	else
		http_say(a, "%s refused the user name or the password",
		    h->host);
	return false;
}

/* One request, one answer. */
static int
call_once(struct http *h, const struct http_req *q, struct http_resp *ret,
    char *slash_url, size_t cap, bool *ret_again)
{
	struct http_call c;
	char *to = NULL;
	int r;

	memset(&c, 0, sizeof(c));
	memset(ret, 0, sizeof(*ret));
	ret->length = ret->retry_after_ms = -1;
	c.h = h;
	c.q = q;
	c.resp = ret;
	c.start = q->out ? q->out->len : 0;
	wants_fill(q->want, NULL, 0);
	if (q->other)
		buf_reset(q->other);
	cond_init(&c.done);
	r = call_open(h, &c);
	if (r == 0) {
		http_call_run(h, &c);
		r = http_call_result(&c);
	}
	if (r == 0 && ret->status == 401)
		*ret_again = auth_refused(h, &c);
	if (r == 0 && ret->status >= 300 && ret->status < 400) {
		(void)curl_easy_getinfo(c.easy, CURLINFO_REDIRECT_URL, &to);
		/* Only what names a collection: with a slash, an object's
		 * name would mean something else. */
		*ret_again = (ret->status == 301 || ret->status == 308) &&
		    to && strcmp(q->method, "PROPFIND") == 0 &&
		    strlen(to) < cap && url_is_slash_added(q->url, to);
		if (*ret_again)
			(void)snprintf(slash_url, cap, "%s", to);
	}
	/* Cut short, it is still of use: it says why. */
	if (q->other)
		q->other->err = 0;
	if (q->out && (r < 0 || !c.is_wanted)) {
		q->out->len = c.start;
		if (r < 0)
			q->out->err = 0;
	}
	if (c.easy) {
		mutex_lock(&h->lock);
		http_easy_give(h, c.easy);
		mutex_unlock(&h->lock);
	}
	curl_slist_free_all(c.headers);
	cond_done(&c.done);
	return r;
}

int
http_do(struct http *h, const struct http_req *q, struct http_resp *ret)
{
	char next[URL_MAX * 4], url[URL_MAX * 4];
	struct http_req again = *q;
	bool is_again = false;
	int tries, r;

	/* Twice more at most: another authentication, one slash. */
	for (tries = 0; tries < 3; tries++) {
		next[0] = '\0';
		is_again = false;
		r = call_once(h, &again, ret, next, sizeof(next), &is_again);
		if (!is_again)
			break;
		if (next[0]) {
			memcpy(url, next, sizeof(url));
			again.url = url;
		}
	}
	if (r == 0 && ret->status >= 300 && ret->status < 400) {
		http_say(ret, "%s sends us elsewhere (status %d): give the "
		    "address it leads to", h->host, ret->status);
		return -EPROTO;
	}
	return r;
}
