/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "store/dav_priv.h"
#include "util/err.h"
#include "util/text.h"

/*
 * store_dav - objects are resources of a WebDAV server; the parts of a name
 * are collections.  What is assumed of servers, and what the probe finds
 * out, is in DESIGN.md.
 */

bool
dav_is_moving(struct dav *d)
{
	bool is_it;

	mutex_lock(&d->lock);
	is_it = d->is_moving;
	mutex_unlock(&d->lock);
	return is_it;
}

int
dav_put_at(struct dav *d, const char *path, const void *p, size_t len,
    bool is_if_absent, size_t cut_after)
{
	const char *headers[] = { "Content-Type: application/octet-stream",
	    is_if_absent ? "If-None-Match: *" : NULL, NULL };
	struct http_req q = { .method = "PUT", .headers = headers, .body = p,
	    .body_len = len, .is_write = true, .cut_after = cut_after };
	struct http_resp a;
	int tries, r;

	for (tries = 0; tries < 2; tries++) {
		r = dav_parents_make(d, path);
		if (r < 0)
			return r;
		r = dav_call(d, path, &q, &a);
		/* Somebody took the collection away: make it again, once. */
		if (r == 0 || (a.status != 404 && a.status != 409))
			break;
		dav_known_clear(d);
	}
	/* Some servers say that of it, too: the next try will see. */
	if (a.status == 500)
		dav_known_clear(d);
	if (r == -ENOENT || (r == -EEXIST && !is_if_absent)) {
		dav_say(d, "%s refuses an upload for no reason (status %d)",
		    d->host, a.status);
		r = -EPROTO;
	}
	/* The library sent it again over a new connection: the first may
	 * have arrived. */
	if (r == -EEXIST && a.is_resent)
		r = store_same(&d->base, path + strlen(d->path), p, len);
	return r;
}

#define TEMP_RANDOM 10

/* What an upload is called until it is whole, beside its place. */
static int
temp_path(const char *path, char *ret)
{
	uint8_t rnd[TEMP_RANDOM];
	char text[BASE32_LEN(sizeof(rnd)) + 1];
	const char *slash = strrchr(path, '/');

	if (getrandom(rnd, sizeof(rnd), 0) != sizeof(rnd))
		return -EIO;
	base32_encode(rnd, sizeof(rnd), text);
	if (snprintf(ret, DAV_PATH_MAX, "%.*s" DAV_TEMP "%s",
	    (int)(slash - path + 1), path, text) >= DAV_PATH_MAX)
		return -ENAMETOOLONG;
	return 0;
}

bool
dav_is_temp(const char *name)
{
	size_t n = strlen(DAV_TEMP);

	return strncmp(name, DAV_TEMP, n) == 0 &&
	    strlen(name + n) == BASE32_LEN(TEMP_RANDOM) &&
	    !strchr(name + n, '/');
}

static int
call_simple(struct dav *d, const char *path, const char *method,
    const char *const *headers, struct http_resp *a)
{
	struct http_req q = { .method = method, .headers = headers,
	    .is_write = true };

	return dav_call(d, path, &q, a);
}

/* The upload is whole: give it its name. */
static int
temp_move(struct dav *d, const char *tmp, const char *path, const void *p,
    size_t len, bool is_if_absent)
{
	const char *headers[] = { NULL, is_if_absent ? "Overwrite: F" :
	    "Overwrite: T", NULL };
	struct buf dest = BUF_INIT(DAV_URL_MAX + 16);
	struct http_resp a;
	int r;

	(void)buf_printf(&dest, "Destination: ");
	(void)dav_url(d, path, &dest);
	headers[0] = buf_cstr(&dest);
	r = headers[0] ? call_simple(d, tmp, "MOVE", headers, &a) : -ENOMEM;
	buf_done(&dest);
	/* The library asks again over a new connection where a kept one
	 * breaks: the first may have been heard. */
	if (r == -ENOENT) {
		r = store_same(&d->base, path + strlen(d->path), p, len);
		if (r < 0 && r != -ECANCELED)
			r = -EPROTO;
	}
	if (r == -EEXIST && !is_if_absent)
		r = -EPROTO;
	return r;
}

/* For a server that shows half an upload: put under a name that nobody
 * reads, then move. */
static int
put_moving(struct dav *d, const char *path, const void *p, size_t len,
    bool is_if_absent)
{
	char tmp[DAV_PATH_MAX];
	struct http_resp a;
	int r, end;

	r = temp_path(path, tmp);
	if (r == 0)
		r = dav_put_at(d, tmp, p, len, false, 0);
	if (r < 0 && r != -ETIMEDOUT)
		return r;
	/* Nobody but us knows the name, so a doubtful upload has had no
	 * effect that counts. */
	r = r == 0 ? temp_move(d, tmp, path, p, len, is_if_absent) :
	    -EHOSTUNREACH;
	if (r == 0 || r == -ECANCELED)
		return r;
	/* It is of no use: the next try has another name. */
	end = call_simple(d, tmp, "DELETE", NULL, &a);
	/* What stands in the way is what we have moved there. */
	if (r == -EEXIST && end == -ENOENT)
		r = store_same(&d->base, path + strlen(d->path), p, len);
	return r;
}

static int
dav_put(struct store *s, const char *name, const void *p, size_t len,
    unsigned flags)
{
	bool is_if_absent = flags & STORE_IF_ABSENT;
	struct dav *d = (struct dav *)s;
	char path[DAV_PATH_MAX];

	dav_path(d, name, path);
	if (dav_is_moving(d))
		return put_moving(d, path, p, len, is_if_absent);
	return dav_put_at(d, path, p, len, is_if_absent, 0);
}

static int
dav_get(struct store *s, const char *name, struct buf *out)
{
	struct http_req q = { .method = "GET", .body_status = 200,
	    .out = out };
	struct dav *d = (struct dav *)s;
	size_t start = out->len;
	char path[DAV_PATH_MAX];
	struct http_resp a;
	int r;

	dav_path(d, name, path);
	r = dav_call(d, path, &q, &a);
	if (r == 0 && a.status != 200)
		r = -EPROTO;
	if (r < 0)
		out->len = start;
	return r;
}

/* A range of no bytes cannot be asked for; the length can. */
static int
get_nothing(struct dav *d, const char *path, uint64_t off)
{
	struct http_req q = { .method = "HEAD" };
	struct http_resp a;
	int r;

	r = dav_call(d, path, &q, &a);
	if (r < 0)
		return r;
	if (a.length < 0)
		return off == 0 ? 0 : -EPROTO;
	return off > (uint64_t)a.length ? -ERANGE : 0;
}

static int
dav_get_range(struct store *s, const char *name, uint64_t off, size_t len,
    struct buf *out)
{
	struct http_req q = { .method = "GET", .is_range = true,
	    .range_off = off, .range_len = len, .body_status = 200,
	    .out = out };
	struct dav *d = (struct dav *)s;
	size_t start = out->len;
	char path[DAV_PATH_MAX];
	struct http_resp a;
	int r;

	dav_path(d, name, path);
	if (len == 0)
		return get_nothing(d, path, off);
	r = dav_call(d, path, &q, &a);
	if (r == 0 && a.status != 200 && a.status != 206)
		r = -EPROTO;
	if (r < 0)
		out->len = start;
	return r;
}

static int
dav_del(struct store *s, const char *name)
{
	struct dav *d = (struct dav *)s;
	char path[DAV_PATH_MAX];
	struct http_resp a;
	int r;

	dav_path(d, name, path);
	r = call_simple(d, path, "DELETE", NULL, &a);
	/* 207 lists what could not be deleted. */
	if (r == 0 && a.status == 207)
		r = -EPROTO;
	if (r == 0)
		nc_trash_note(d, name);
	return r;
}

static unsigned
dav_caps(struct store *s)
{
	struct dav *d = (struct dav *)s;
	unsigned caps;

	mutex_lock(&d->lock);
	caps = d->caps;
	mutex_unlock(&d->lock);
	return caps;
}

static void
dav_get_hint(struct store *s, struct store_hint *ret)
{
	struct dav *d = (struct dav *)s;

	mutex_lock(&d->lock);
	*ret = d->hint;
	mutex_unlock(&d->lock);
	ret->is_refused = http_is_refused(d->http);
}

static void
dav_notes(struct store *s, struct buf *out)
{
	struct dav *d = (struct dav *)s;

	mutex_lock(&d->lock);
	(void)buf_put(out, d->notes, strlen(d->notes));
	mutex_unlock(&d->lock);
}

static void
dav_interrupt(struct store *s, bool on)
{
	http_interrupt(((struct dav *)s)->http, on);
}

static void
dav_close(struct store *s)
{
	struct dav *d = (struct dav *)s;

	http_free(d->http);
	dav_known_clear(d);
	nc_trash_done(d);
	mutex_done(&d->lock);
	free(d->host);
	free(d->origin);
	free(d->path);
	free(d->cloud_url);
	store_done(s);
	free(d);
}

static const struct store_ops dav_ops = {
	.put = dav_put,
	.get = dav_get,
	.get_range = dav_get_range,
	.del = dav_del,
	.list = dav_list,
	.space = dav_space,
	.caps = dav_caps,
	.probe = dav_probe,
	.get_hint = dav_get_hint,
	.notes = dav_notes,
	.interrupt = dav_interrupt,
	.close = dav_close,
};

/* Copy the place out of u. */
static int
place_set(struct dav *d, const struct url *u, bool is_tls)
{
	struct buf b = BUF_INIT(DAV_URL_MAX);
	const char *text;
	int r = 0;

	(void)url_origin(&b, u, is_tls);
	text = buf_cstr(&b);
	if (text)
		d->origin = strdup(text);
	d->host = strdup(u->host);
	buf_reset(&b);
	(void)buf_printf(&b, "%s%s", u->path,
	    strcmp(u->path, "/") == 0 ? "" : "/");
	text = buf_cstr(&b);
	if (text)
		d->path = strdup(text);
	if (!d->origin || !d->host || !d->path)
		r = -ENOMEM;
	buf_done(&b);
	return r;
}

/* The address without the user, for people. */
static int
url_text(const struct url *u, struct buf *out)
{
	struct buf b = BUF_INIT(DAV_URL_MAX);

	if (url_origin(&b, u, false) == 0 && buf_cstr(&b))
		(void)buf_printf(out, "%s%s", u->scheme,
		    buf_cstr(&b) + strlen("http"));
	buf_done(&b);
	(void)url_encode(out, u->path, true);
	return buf_cstr(out) ? 0 : -ENOMEM;
}

int
store_dav_new(const struct url *u, bool is_tls,
    const struct store_conf *conf, struct store **ret, struct err *e)
{
	struct http_conf hc = { .host = u->host, .is_tls = is_tls,
	    .user = conf->user ? conf->user : u->user,
	    .password = conf->password, .ca_file = conf->ca_file,
	    .pin = conf->pin, .is_insecure_http = conf->is_insecure_http,
	    .connections = conf->connections, .timeout_s = conf->timeout_s };
	struct buf text = BUF_INIT(DAV_URL_MAX);
	struct dav *d;
	int r;

	d = calloc(1, sizeof(*d));
	if (!d)
		return err_set(e, -ENOMEM, "out of memory");
	r = url_text(u, &text);
	if (r == 0)
		r = store_init(&d->base, &dav_ops, buf_cstr(&text));
	buf_done(&text);
	if (r < 0) {
		free(d);
		return err_set(e, r, "out of memory");
	}
	mutex_init(&d->lock, RANK_STORE);
	mutex_lock(&d->lock);
	d->caps = STORE_CAP_RANGE | STORE_CAP_ATOMIC_PUT |
	    STORE_CAP_UNPROBED;
	mutex_unlock(&d->lock);
	r = place_set(d, u, is_tls);
	if (r < 0)
		(void)err_set(e, r, "out of memory");
	else
		r = http_new(&hc, &d->http, e);
	if (r < 0) {
		dav_close(&d->base);
		return r;
	}
	*ret = &d->base;
	return 0;
}
