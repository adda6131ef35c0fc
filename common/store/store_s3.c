/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "store/s3_priv.h"
#include "util/err.h"

/* store_s3 - objects are those of a bucket.  What is assumed of servers, and
 * what the probe finds out, is in DESIGN.md. */

/* A bucket with an object lock takes nothing without Content-MD5, and has
 * several ways to say so.  True: now it gets one. */
static bool
md5_learn(struct s3 *s, const struct s3_resp *a)
{
	const struct s3_error *e = &a->error;

	if (a->http.status != 400 || a->has_md5 ||
	    (strcmp(e->code, "InvalidRequest") != 0 &&
	    !strstr(e->code, "MD5") && !strstr(e->message, "MD5")))
		return false;
	mutex_lock(&s->lock);
	s->is_md5 = true;
	mutex_unlock(&s->lock);
	return true;
}

int
s3_put_once(struct s3 *s, const char *key, const void *p, size_t len,
    bool is_if_absent, size_t cut_after, struct s3_resp *ret)
{
	struct s3_req q = { .method = "PUT", .key = key, .body = p ? p : "",
	    .len = len, .is_write = true, .is_if_absent = is_if_absent,
	    .cut_after = cut_after };
	int r;

	r = s3_call(s, &q, ret);
	if (r < 0 && md5_learn(s, ret))
		r = s3_call(s, &q, ret);
	if (r == -ENOENT || (r == -EEXIST && !is_if_absent)) {
		s3_say(s, "%s refuses an upload for no reason (status %d)",
		    s->endpoint, ret->http.status);
		r = -EPROTO;
	}
	return r;
}

static int
head(struct s3 *s, const char *key, struct s3_resp *ret)
{
	struct s3_req q = { .method = "HEAD", .key = key };

	return s3_call(s, &q, ret);
}

/* For a server that knows no conditions: look first.  Somebody else may come
 * in between, which is why the capability is not there. */
static int
put_looking(struct s3 *s, const char *key, const void *p, size_t len)
{
	struct s3_resp a;
	int r;

	r = head(s, key, &a);
	if (r == 0)
		return -EEXIST;
	if (r != -ENOENT)
		return r;
	return s3_put_once(s, key, p, len, false, 0, &a);
}

static int
put_absent(struct s3 *s, const char *name, const char *key, const void *p,
    size_t len)
{
	struct s3_resp a;
	bool is_uncond;
	int r;

	mutex_lock(&s->lock);
	is_uncond = s->is_uncond;
	mutex_unlock(&s->lock);
	if (!is_uncond) {
		r = s3_put_once(s, key, p, len, true, 0, &a);
		/* The library sent it again over a new connection: the first
		 * may have arrived. */
		if (r == -EEXIST && a.http.is_resent)
			r = store_same(&s->base, name, p, len);
		if (r != -EOPNOTSUPP || a.http.status == 405)
			return r;
		mutex_lock(&s->lock);
		s->is_uncond = true;
		mutex_unlock(&s->lock);
	}
	return put_looking(s, key, p, len);
}

static int
s3_put(struct store *st, const char *name, const void *p, size_t len,
    unsigned flags)
{
	struct s3 *s = (struct s3 *)st;
	char key[S3_KEY_MAX];
	struct s3_resp a;

	s3_key(s, name, key);
	if (flags & STORE_IF_ABSENT)
		return put_absent(s, name, key, p, len);
	return s3_put_once(s, key, p, len, false, 0, &a);
}

static int
s3_get(struct store *st, const char *name, struct buf *out)
{
	struct s3_req q = { .method = "GET", .out = out };
	struct s3 *s = (struct s3 *)st;
	size_t start = out->len;
	char key[S3_KEY_MAX];
	struct s3_resp a;
	int r;

	s3_key(s, name, key);
	q.key = key;
	r = s3_call(s, &q, &a);
	if (r == 0 && a.http.status != 200)
		r = -EPROTO;
	if (r < 0)
		out->len = start;
	return r;
}

/* A range of no bytes cannot be asked for; the length can. */
static int
get_nothing(struct s3 *s, const char *key, uint64_t off)
{
	struct s3_resp a;
	int r;

	r = head(s, key, &a);
	if (r < 0)
		return r;
	if (a.http.length < 0)
		return off == 0 ? 0 : -EPROTO;
	return off > (uint64_t)a.http.length ? -ERANGE : 0;
}

static int
s3_get_range(struct store *st, const char *name, uint64_t off, size_t len,
    struct buf *out)
{
	struct s3_req q = { .method = "GET", .is_range = true, .off = off,
	    .range_len = len, .out = out };
	struct s3 *s = (struct s3 *)st;
	size_t start = out->len;
	char key[S3_KEY_MAX];
	struct s3_resp a;
	int r;

	s3_key(s, name, key);
	if (len == 0)
		return get_nothing(s, key, off);
	q.key = key;
	r = s3_call(s, &q, &a);
	if (r == 0 && a.http.status != 200 && a.http.status != 206)
		r = -EPROTO;
	if (r < 0)
		out->len = start;
	return r;
}

/* No S3 server says how much is left. */
static int
s3_space(struct store *st, struct store_space *ret)
{
	(void)st;
	(void)ret;
	return -EOPNOTSUPP;
}

static unsigned
s3_caps(struct store *st)
{
	struct s3 *s = (struct s3 *)st;
	unsigned caps;

	mutex_lock(&s->lock);
	caps = s->caps;
	mutex_unlock(&s->lock);
	return caps;
}

static void
s3_get_hint(struct store *st, struct store_hint *ret)
{
	struct s3 *s = (struct s3 *)st;

	mutex_lock(&s->lock);
	*ret = s->hint;
	mutex_unlock(&s->lock);
}

static void
s3_interrupt(struct store *st, bool on)
{
	struct s3 *s = (struct s3 *)st;

	http_interrupt(s->http, on);
}

static void
s3_close(struct store *st)
{
	struct s3 *s = (struct s3 *)st;

	http_free(s->http);
	s3_close_place(s);
	mutex_lock(&s->lock);
	buf_done(&s->notes);
	mutex_unlock(&s->lock);
	mutex_done(&s->lock);
	store_done(st);
	free(s);
}

static const struct store_ops s3_ops = {
	.put = s3_put,
	.get = s3_get,
	.get_range = s3_get_range,
	.del = s3_del,
	.list = s3_list,
	.space = s3_space,
	.caps = s3_caps,
	.probe = s3_probe,
	.notes = s3_notes,
	.get_hint = s3_get_hint,
	.interrupt = s3_interrupt,
	.close = s3_close,
};

int
store_s3_new(const char *url, const struct store_conf *conf,
    struct store **ret, struct err *e)
{
	struct s3 *s;
	int r;

	s = calloc(1, sizeof(*s));
	if (!s || store_init(&s->base, &s3_ops, "s3:") < 0) {
		free(s);
		return err_set(e, -ENOMEM, "out of memory");
	}
	mutex_init(&s->lock, RANK_STORE);
	mutex_lock(&s->lock);
	s->caps = STORE_CAP_RANGE | STORE_CAP_ATOMIC_PUT |
	    STORE_CAP_UNPROBED;
	buf_init(&s->notes, 4096);
	mutex_unlock(&s->lock);
	r = s3_open(s, url, conf, e);
	if (r < 0) {
		s3_close(&s->base);
		return r;
	}
	*ret = &s->base;
	return 0;
}
