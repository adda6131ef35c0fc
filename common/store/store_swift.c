/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "crypto/crypto.h"
#include "net/http_value.h"
#include "store/swift_priv.h"
#include "util/err.h"
#include "util/text.h"

/* store_swift - objects are those of a container.  What is assumed of
 * servers, and what the probe finds out, is in DESIGN.md. */

int
swift_put_once(struct swift *s, const char *object, const void *p,
    size_t len, bool is_if_absent, size_t cut_after, struct http_resp *ret)
{
	char sum[2 * MD5_LEN + 1] = "", line[64], etag[80];
	struct http_want want[] = { { "ETag", etag, sizeof(etag) },
	    { NULL, NULL, 0 } };
	struct swift_req q = { .method = "PUT", .object = object,
	    .header = { "Content-Type: application/octet-stream" },
	    .is_write = true, .body = p ? p : "", .len = len,
	    .cut_after = cut_after, .want = want };
	uint8_t hash[MD5_LEN];
	int n = 1, r;

	etag[0] = '\0';
	/* The server compares it with what came. */
	if (md5(q.body, len, hash) == 0) {
		hex_encode(hash, sizeof(hash), sum);
		(void)snprintf(line, sizeof(line), "ETag: %s", sum);
		q.header[n++] = line;
	}
	if (is_if_absent)
		q.header[n++] = "If-None-Match: *";
	r = swift_call(s, &q, ret);
	if (r == -ENOENT) {
		swift_say(s, "%s has no container '%s'", s->host,
		    s->container);
		r = -EHOSTUNREACH;
	} else if (r == -EEXIST && !is_if_absent) {
		swift_say(s, "%s refuses an upload for no reason (status %d)",
		    s->host, ret->status);
		r = -EPROTO;
	} else if (r == 0 && ret->status == 202) {
		/* Not kept: the machines behind have one that they take for
		 * newer.  It does so when their clocks differ. */
		swift_say(s, "%s has not kept what it was sent (status 202): "
		    "its clocks may differ", s->host);
		r = -EHOSTUNREACH;
	} else if (r == 0 && sum[0] && etag[0] &&
	    !http_etag_same(sum, etag)) {
		swift_say(s, "%s keeps other bytes than it was sent",
		    s->host);
		r = -EPROTO;
	}
	return r;
}

/* GET or HEAD of an object; q has the rest. */
static int
read_call(struct swift *s, const char *name, struct swift_req *q,
    struct http_resp *a)
{
	size_t start = q->out ? q->out->len : 0;
	char object[SWIFT_NAME_MAX];
	int r;

	swift_name(s, name, object);
	q->object = object;
	r = swift_call(s, q, a);
	if (r == 0 && a->status != 200 && !(q->is_range && a->status == 206))
		r = -EPROTO;
	if (r == -ENOENT)
		r = swift_missing(s);
	if (r < 0 && q->out)
		q->out->len = start;
	return r;
}

static int
swift_get(struct store *st, const char *name, struct buf *out)
{
	struct swift_req q = { .method = "GET", .out = out };
	struct http_resp a;

	return read_call((struct swift *)st, name, &q, &a);
}

/* A range of no bytes cannot be asked for; the length can. */
static int
get_nothing(struct swift *s, const char *name, uint64_t off)
{
	struct swift_req q = { .method = "HEAD" };
	struct http_resp a;
	int r;

	r = read_call(s, name, &q, &a);
	if (r < 0)
		return r;
	if (a.length < 0)
		return off == 0 ? 0 : -EPROTO;
	return off > (uint64_t)a.length ? -ERANGE : 0;
}

static int
swift_put(struct store *st, const char *name, const void *p, size_t len,
    unsigned flags)
{
	bool is_if_absent = flags & STORE_IF_ABSENT;
	struct swift *s = (struct swift *)st;
	char object[SWIFT_NAME_MAX];
	struct http_resp a;
	bool is_uncond;
	int r;

	swift_name(s, name, object);
	mutex_lock(&s->lock);
	is_uncond = s->is_uncond;
	mutex_unlock(&s->lock);
	if (is_if_absent && is_uncond) {
		r = get_nothing(s, name, 0);
		if (r != -ENOENT)
			return r == 0 ? -EEXIST : r;
	}
	r = swift_put_once(s, object, p, len, is_if_absent, 0, &a);
	/* The library sent it again over a new connection: the first may
	 * have arrived. */
	if (r == -EEXIST && a.is_resent)
		r = store_same(st, name, p, len);
	return r;
}

static int
swift_get_range(struct store *st, const char *name, uint64_t off, size_t len,
    struct buf *out)
{
	struct swift_req q = { .method = "GET", .is_range = true, .off = off,
	    .range_len = len, .out = out };
	struct swift *s = (struct swift *)st;
	struct http_resp a;

	if (len == 0)
		return get_nothing(s, name, off);
	return read_call(s, name, &q, &a);
}

static int
swift_del(struct store *st, const char *name)
{
	char version[128];
	struct http_want want[] = { { "X-Object-Version-Id", version,
	    sizeof(version) }, { NULL, NULL, 0 } };
	struct swift_req q = { .method = "DELETE", .is_write = true,
	    .want = want };
	struct swift *s = (struct swift *)st;
	char object[SWIFT_NAME_MAX];
	struct http_resp a;
	bool is_kept;
	int r;

	version[0] = '\0';
	swift_name(s, name, object);
	q.object = object;
	r = swift_call(s, &q, &a);
	if (r == -ENOENT)
		return swift_missing(s);
	mutex_lock(&s->lock);
	if (version[0])
		s->is_kept = true;
	is_kept = s->is_kept;
	mutex_unlock(&s->lock);
	/* That was a marker, in front of all versions. */
	if (r == 0 && is_kept)
		r = swift_versions_delete(s, object);
	return r;
}

static unsigned
swift_caps(struct store *st)
{
	struct swift *s = (struct swift *)st;
	unsigned caps;

	mutex_lock(&s->lock);
	caps = s->caps;
	mutex_unlock(&s->lock);
	return caps;
}

static void
swift_get_hint(struct store *st, struct store_hint *ret)
{
	struct swift *s = (struct swift *)st;

	mutex_lock(&s->lock);
	*ret = s->hint;
	mutex_unlock(&s->lock);
}

static void
swift_interrupt(struct store *st, bool on)
{
	struct swift *s = (struct swift *)st;
	struct swift_place *p;

	http_interrupt(s->auth, on);
	mutex_lock(&s->lock);
	s->is_interrupted = on;
	if (!on)
		s->quiet_ms = 0;
	SLIST_FOREACH(p, &s->places, link)
		http_interrupt(p->http, on);
	mutex_unlock(&s->lock);
}

static void
swift_close(struct store *st)
{
	struct swift *s = (struct swift *)st;

	swift_close_place(s);
	mutex_lock(&s->lock);
	buf_done(&s->notes);
	mutex_unlock(&s->lock);
	cond_done(&s->renewed);
	mutex_done(&s->lock);
	store_done(st);
	free(s);
}

static const struct store_ops swift_ops = {
	.put = swift_put,
	.get = swift_get,
	.get_range = swift_get_range,
	.del = swift_del,
	.list = swift_list,
	.space = swift_space,
	.caps = swift_caps,
	.probe = swift_probe,
	.notes = swift_notes,
	.get_hint = swift_get_hint,
	.interrupt = swift_interrupt,
	.close = swift_close,
};

int
store_swift_new(const char *url, const struct store_conf *conf,
    struct store **ret, struct err *e)
{
	struct swift *s;
	int r;

	s = calloc(1, sizeof(*s));
	if (!s || store_init(&s->base, &swift_ops, "swift:") < 0) {
		free(s);
		return err_set(e, -ENOMEM, "out of memory");
	}
	mutex_init(&s->lock, RANK_STORE);
	cond_init(&s->renewed);
	mutex_lock(&s->lock);
	SLIST_INIT(&s->places);
	s->caps = STORE_CAP_RANGE | STORE_CAP_ATOMIC_PUT |
	    STORE_CAP_UNPROBED;
	buf_init(&s->notes, 4096);
	mutex_unlock(&s->lock);
	r = swift_open(s, url, conf, e);
	if (r < 0) {
		swift_close(&s->base);
		return r;
	}
	*ret = &s->base;
	return 0;
}
