/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "store/swift_priv.h"
#include "util/clock.h"
#include "util/tr.h"

/* swift_call - one request and what its answer means. */

void
swift_say(struct swift *s, const char *fmt, ...)
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
swift_name(const struct swift *s, const char *name, char *ret)
{
	(void)snprintf(ret, SWIFT_NAME_MAX, "%s%s", s->prefix, name);
}

static const char *
status_text(int r, int status)
{
	switch (r) {
	case -EACCES:
		return status == 403 ? N_("does not allow it: check the rights "
		    "of this user on the container") : status == 407 ?
		    N_("is behind a proxy that wants a password") :
		    N_("refused the user name or the password");
	case -ENOSPC:
		return N_("is full: make room there, or get more");
	case -EHOSTUNREACH:
	case -ETIMEDOUT:
		return N_("is in trouble or busy");
	default:
		return N_("gave an answer that makes no sense: is this the "
		    "address of an OpenStack service?");
	}
}

void
swift_hint(struct swift *s, int r, const char *method,
    const struct http_resp *a, const char *detail)
{
	if (r == -ENOENT || r == -EEXIST || r == -ERANGE || r == -ECANCELED)
		return;
	if (a->status >= 300 && (a->status >= 400 || !a->msg[0]))
		swift_say(s, "%s %s (%s: status %d%s%s)", s->host,
		    status_text(r, a->status), method, a->status,
		    detail[0] ? ", " : "", detail);
	else if (a->msg[0])
		swift_say(s, "%s", a->msg);
	else
		swift_say(s, "%s %s (%s)", s->host, status_text(r, 0),
		    method);
	if (a->retry_after_ms > 0) {
		mutex_lock(&s->lock);
		s->hint.not_before_ms = clock_mono_ms() + a->retry_after_ms;
		mutex_unlock(&s->lock);
	}
}

static int
url_set(const struct swift *s, const struct swift_grant *g,
    const struct swift_req *q, struct buf *url)
{
	(void)buf_printf(url, "%s", g->place->origin);
	(void)url_encode(url, g->place->root, true);
	if (!q->is_account) {
		(void)buf_put_u8(url, '/');
		(void)url_encode(url, s->container, false);
	}
	if (q->object) {
		(void)buf_put_u8(url, '/');
		(void)url_encode(url, q->object, true);
	}
	if (q->query)
		(void)buf_printf(url, "?%s", q->query);
	return url->err;
}

/* With one token. */
static int
call_once(struct swift *s, const struct swift_grant *g,
    const struct swift_req *q, struct http_resp *ret)
{
	struct buf url = BUF_INIT(SWIFT_URL_MAX), token =
	    BUF_INIT(SWIFT_TOKEN_MAX + 32);
	const char *headers[5] = { NULL, NULL, NULL, NULL, NULL };
	struct http_req hq = { .method = q->method, .headers = headers,
	    .body = q->body, .body_len = q->len, .is_write = q->is_write,
	    .is_range = q->is_range, .range_off = q->off,
	    .range_len = q->range_len, .body_status = 200, .out = q->out,
	    .want = q->want, .cut_after = q->cut_after };
	size_t i, n = 0;
	int r;

	r = url_set(s, g, q, &url);
	(void)buf_printf(&token, "X-Auth-Token: %s", g->token);
	headers[n++] = buf_cstr(&token);
	for (i = 0; i < 3 && q->header[i]; i++)
		headers[n++] = q->header[i];
	hq.url = buf_cstr(&url);
	if (r == 0)
		r = hq.url && headers[0] ? http_do(g->place->http, &hq, ret) :
		    -ENOMEM;
	buf_done(&url);
	buf_wipe(&token);
	return r;
}

static int
judge(struct swift *s, const struct swift_req *q, int r,
    const struct http_resp *a)
{
	if (r < 0 && a->status < 300)
		return r;
	if (a->status >= 200 && a->status < 300) {
		if (!q->is_account) {
			mutex_lock(&s->lock);
			s->is_seen = true;
			mutex_unlock(&s->lock);
		}
		/* A log-in page that says 200 to whatever it gets. */
		return q->is_write && a->is_html && a->status == 200 &&
		    q->body ? -EPROTO : 0;
	}
	/* What came was not what was sent. */
	if (a->status == 422)
		return -EHOSTUNREACH;
	/* The rate of requests is limited, in old words. */
	if (a->status == 498)
		return -EHOSTUNREACH;
	return r < 0 ? r : status_result(a->status, q->is_write);
}

int
swift_call(struct swift *s, const struct swift_req *q, struct http_resp *ret)
{
	struct swift_grant g;
	int tries, r = 0;

	memset(ret, 0, sizeof(*ret));
	for (tries = 0; tries < 2; tries++) {
		r = swift_grant(s, &g);
		if (r < 0)
			return r;
		r = call_once(s, &g, q, ret);
		if (r == 0 && ret->status == 401)
			swift_grant_drop(s, &g);
		swift_grant_done(&g);
		/* It may have been withdrawn, or have lived less than it
		 * said: once more with a new one. */
		if (r < 0 || ret->status != 401)
			break;
	}
	if (r == 0 && ret->status == 401) {
		mutex_lock(&s->lock);
		s->hint.is_refused = true;
		mutex_unlock(&s->lock);
	}
	r = judge(s, q, r, ret);
	if (r < 0)
		swift_hint(s, r, q->method, ret, "");
	return r;
}

int
swift_missing(struct swift *s)
{
	struct swift_req q = { .method = "HEAD" };
	struct http_resp a;
	bool is_seen;
	int r;

	mutex_lock(&s->lock);
	is_seen = s->is_seen;
	mutex_unlock(&s->lock);
	if (is_seen)
		return -ENOENT;
	r = swift_call(s, &q, &a);
	if (r == 0)
		return -ENOENT;
	if (r == -ENOENT) {
		swift_say(s, "%s has no container '%s'", s->host,
		    s->container);
		r = -EHOSTUNREACH;
	}
	return r;
}
