/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "net/http_priv.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "net/http_value.h"
#include "util/buf.h"

/* http_body - the answer's body: is it what was asked for, all of it and
 * nothing else?  The status is judged first, then the lengths that the head
 * promises, then the bytes that come. */

/* What we read of an answer that is not wanted before the connection is
 * given up: it is cheaper to drain a short one. */
#define JUNK_MAX (256u << 10)

void
http_say(struct http_resp *a, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(a->msg, sizeof(a->msg), fmt, ap);
	va_end(ap);
}

long
http_call_status(struct http_call *c)
{
	long status = 0;

	(void)curl_easy_getinfo(c->easy, CURLINFO_RESPONSE_CODE, &status);
	return status;
}

/* The whole object was sent for a part of it. */
static int
whole_begin(struct http_call *c, curl_off_t len)
{
	const struct http_req *q = c->q;
	uint64_t end = q->range_off + q->range_len;

	c->is_whole = true;
	if (len > HTTP_WHOLE_MAX)
		return -EPROTO;
	/* A page is looked at before it is called too short. */
	if (len >= 0 && (uint64_t)len < end && !c->resp->is_html)
		return -ERANGE;
	return buf_reserve(q->out, q->range_len) ? 0 : q->out->err;
}

static int
part_begin(struct http_call *c, curl_off_t len)
{
	const struct http_req *q = c->q;
	uint64_t first, last, total;

	if (http_content_range(c->content_range, &first, &last, &total) < 0)
		return -EPROTO;
	/* An older sabre/dav takes "0-0" for no range, and says so. */
	if (first == 0 && last + 1 == total && q->range_len < total)
		return whole_begin(c, len);
	if (first != q->range_off || last - first + 1 > q->range_len ||
	    (len >= 0 && (uint64_t)len != last - first + 1))
		return -EPROTO;
	if (last - first + 1 < q->range_len)
		return total == last + 1 ? -ERANGE : -EPROTO;
	return buf_reserve(q->out, q->range_len) ? 0 : q->out->err;
}

/* The head is there: is the body what was asked for, and how long? */
static int
body_begin(struct http_call *c)
{
	const struct http_req *q = c->q;
	long status = http_call_status(c);
	curl_off_t len = -1;

	c->is_begun = true;
	(void)curl_easy_getinfo(c->easy, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T,
	    &len);
	if (!q->out)
		return 0;
	if (q->is_range && status == 206) {
		c->is_wanted = true;
		return part_begin(c, len);
	}
	if (status != q->body_status)
		return 0;
	c->is_wanted = true;
	if (q->is_range)
		return whole_begin(c, len);
	if (len > 0 && (uint64_t)len > q->out->max - q->out->len)
		return -EFBIG;
	if (len > 0 && !buf_reserve(q->out, (size_t)len))
		return q->out->err;
	return 0;
}

/* Keep what belongs to the range of a body that is the whole object. */
static int
whole_put(struct http_call *c, const char *p, size_t n)
{
	const struct http_req *q = c->q;
	uint64_t at = c->seen, end = q->range_off + q->range_len;

	if (at + n > HTTP_WHOLE_MAX)
		return -EPROTO;
	if (at + n <= q->range_off || at >= end)
		return 0;
	if (at < q->range_off) {
		p += q->range_off - at;
		n -= (size_t)(q->range_off - at);
		at = q->range_off;
	}
	if (at + n > end)
		n = (size_t)(end - at);
	return buf_put(q->out, p, n);
}

size_t
http_on_body(char *p, size_t one, size_t n, void *arg)
{
	struct http_call *c = arg;
	size_t len = one * n;

	if (!c->is_begun)
		c->fail = body_begin(c);
	if (c->fail < 0)
		return 0;
	if (c->seen == 0)
		memcpy(c->first, p, len < sizeof(c->first) ? len :
		    sizeof(c->first));
	if (!c->is_wanted) {
		if (c->q->other)
			(void)buf_put(c->q->other, p, len);
		c->seen += len;
		return c->seen > JUNK_MAX ? 0 : len;
	}
	if (!c->q->is_range)
		c->fail = buf_put(c->q->out, p, len);
	else if (!c->is_whole)
		c->fail = c->seen + len > c->q->range_len ? -EPROTO :
		    buf_put(c->q->out, p, len);
	else
		c->fail = whole_put(c, p, len);
	c->seen += len;
	return c->fail < 0 ? 0 : len;
}

int
http_body_end(struct http_call *c)
{
	static const char *const page[] = { "<!doctype", "<html" };
	const struct http_req *q = c->q;
	size_t i;
	int r = 0;

	if (!c->is_begun)
		r = body_begin(c);
	if (r < 0 || !c->is_wanted)
		return r;
	/* A hotspot's page, or one that asks to log in. */
	for (i = 0; c->resp->is_html && i < 2; i++)
		if (strncasecmp(c->first, page[i], strlen(page[i])) == 0) {
			http_say(c->resp, "%s sent a web page in place of "
			    "data: is there a log-in page in between?",
			    c->h->host);
			return -EPROTO;
		}
	if (q->is_range && q->out->len - c->start != q->range_len)
		return http_call_status(c) == 206 ? -EPROTO : -ERANGE;
	return 0;
}
