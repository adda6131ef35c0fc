/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "store/dav_priv.h"
#include "store/status.h"
#include "util/clock.h"
#include "util/tr.h"

/* dav_call - one request and what its answer means. */

void
dav_say(struct dav *d, const char *fmt, ...)
{
	char msg[sizeof(d->hint.msg)];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(msg, sizeof(msg), fmt, ap);
	va_end(ap);
	mutex_lock(&d->lock);
	memcpy(d->hint.msg, msg, sizeof(msg));
	mutex_unlock(&d->lock);
}

void
dav_path(struct dav *d, const char *name, char *ret)
{
	(void)snprintf(ret, DAV_PATH_MAX, "%s%s", d->path, name);
}

int
dav_url(struct dav *d, const char *path, struct buf *out)
{
	(void)buf_put(out, d->origin, strlen(d->origin));
	return url_encode(out, path, true);
}

static const char *
status_text(int r, int status)
{
	switch (r) {
	case -EACCES:
		return status == 403 ? N_("does not allow it: check the rights "
		    "of this account on the folder") : status == 407 ?
		    N_("is behind a proxy that wants a password") :
		    N_("refused the user name or the password");
	case -EOPNOTSUPP:
		return N_("cannot do that: is this the address of a WebDAV "
		    "folder?");
	case -ENOSPC:
		return N_("is full: make room there, or get more");
	case -EHOSTUNREACH:
	case -ETIMEDOUT:
		return N_("is in trouble or busy");
	default:
		return N_("gave an answer that makes no sense: is this the "
		    "address of a WebDAV folder?");
	}
}

static void
hint_set(struct dav *d, int r, const struct http_req *q,
    const struct http_resp *a)
{
	if (r == -ENOENT || r == -EEXIST || r == -ERANGE || r == -ECANCELED)
		return;
	if (a->msg[0])
		dav_say(d, "%s", a->msg);
	else if (a->status)
		dav_say(d, "%s %s (%s: status %d)", d->host,
		    status_text(r, a->status), q->method, a->status);
	if (a->retry_after_ms > 0) {
		mutex_lock(&d->lock);
		d->hint.not_before_ms = clock_mono_ms() + a->retry_after_ms;
		mutex_unlock(&d->lock);
	}
}

int
dav_call(struct dav *d, const char *path, struct http_req *q,
    struct http_resp *ret)
{
	struct buf url = BUF_INIT(DAV_URL_MAX);
	int r;

	memset(ret, 0, sizeof(*ret));
	r = dav_url(d, path, &url);
	q->url = buf_cstr(&url);
	if (r < 0 || !q->url) {
		buf_done(&url);
		return url.err == -EFBIG ? -EINVAL : -ENOMEM;
	}
	r = http_do(d->http, q, ret);
	if (r == 0 && (ret->status < 200 || ret->status > 299)) {
		r = status_result(ret->status, q->is_write);
	} else if (r == 0 && q->is_write && ret->status == 200 &&
	    ret->is_html && strcmp(q->method, "PUT") == 0) {
		/* A log-in page that says 200 to whatever it gets. */
		r = -EPROTO;
	}
	if (r < 0)
		hint_set(d, r, q, ret);
	buf_done(&url);
	return r;
}
