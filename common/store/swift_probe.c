/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "store/swift_priv.h"
#include "util/err.h"
#include "util/text.h"

/* swift_probe - what this server does, and what the container is set to do.
 * The one place that makes the container if it is missing. */

/* Objects are no larger; a server that takes less is of no use. */
#define OBJECT_MAX (64u << 20)

static int
container_make(struct swift *s)
{
	struct swift_req q = { .method = "HEAD" };
	struct http_resp a;
	int r;

	r = swift_call(s, &q, &a);
	if (r != -ENOENT)
		return r;
	q.method = "PUT";
	q.is_write = true;
	r = swift_call(s, &q, &a);
	/* Making it twice is no harm. */
	return r == -ETIMEDOUT ? -EHOSTUNREACH : r == -ENOENT ? -EPROTO : r;
}

static int
put_cut(struct store *st, const char *name, const void *p, size_t len,
    size_t cut_after)
{
	struct swift *s = (struct swift *)st;
	char object[SWIFT_NAME_MAX];
	struct http_resp a;

	swift_name(s, name, object);
	return swift_put_once(s, object, p, len, false, cut_after, &a);
}

static int
match_put(struct store *st, const char *name, const void *p, size_t len,
    const char *match)
{
	struct swift_req q = { .method = "PUT", .is_write = true, .body = p,
	    .len = len };
	struct swift *s = (struct swift *)st;
	char line[STORE_ETAG_MAX + 16], object[SWIFT_NAME_MAX];
	struct http_resp a;

	(void)snprintf(line, sizeof(line), "If-Match: %s", match ? match : "");
	if (match)
		q.header[0] = line;
	swift_name(s, name, object);
	q.object = object;
	return swift_call(s, &q, &a);
}

static int
match_etag(struct store *st, const char *name,
    char ret[static STORE_ETAG_MAX])
{
	struct http_want want[] = { { "ETag", ret, STORE_ETAG_MAX },
	    { NULL, NULL, 0 } };
	struct swift_req q = { .method = "HEAD", .want = want };
	struct swift *s = (struct swift *)st;
	char object[SWIFT_NAME_MAX];
	struct http_resp a;

	swift_name(s, name, object);
	q.object = object;
	return swift_call(s, &q, &a);
}

static const struct store_matcher matcher = { match_put, match_etag };

static void
note_versions(struct swift *s, struct buf *out)
{
	char kept[16], stack[300], history[300];
	struct http_want want[] = {
	    { "X-Versions-Enabled", kept, sizeof(kept) },
	    { "X-Versions-Location", stack, sizeof(stack) },
	    { "X-History-Location", history, sizeof(history) },
	    { NULL, NULL, 0 } };
	struct swift_req q = { .method = "HEAD", .want = want };
	struct http_resp a;
	bool is_kept;

	kept[0] = stack[0] = history[0] = '\0';
	if (swift_call(s, &q, &a) < 0)
		return;
	is_kept = kept[0] == 'T' || kept[0] == 't';
	mutex_lock(&s->lock);
	s->is_kept = is_kept;
	mutex_unlock(&s->lock);
	if (stack[0])
		(void)buf_printf(out, "versions: WARNING: what is deleted is "
		    "replaced by what it was before; take X-Versions-Location "
		    "off the container\n");
	else if (history[0])
		(void)buf_printf(out, "versions: kept in another container; "
		    "what is deleted or replaced stays there\n");
	else if (is_kept)
		(void)buf_printf(out, "versions: kept; a delete removes all "
		    "versions of an object, a replaced one stays until "
		    "then\n");
	else
		(void)buf_printf(out, "versions: not kept; what is deleted is "
		    "gone\n");
}

/* "/v1/AUTH_x" and "/swift/v1/AUTH_x" have it at "/info", "/swift/info". */
static int
info_read(struct swift *s, struct swift_info *ret)
{
	struct buf body = BUF_INIT(1u << 20), url = BUF_INIT(SWIFT_URL_MAX);
	struct http_req q = { .method = "GET", .body_status = 200,
	    .out = &body };
	struct swift_grant g;
	struct http_resp a;
	const char *end;
	int r;

	r = swift_grant(s, &g);
	if (r < 0)
		return r;
	end = strstr(g.place->root, "/v1");
	(void)buf_printf(&url, "%s%.*s/info", g.place->origin,
	    end ? (int)(end - g.place->root) : 0, g.place->root);
	q.url = buf_cstr(&url);
	r = q.url ? http_do(g.place->http, &q, &a) : -ENOMEM;
	if (r == 0)
		r = a.status == 200 ? swift_json_info(body.data, body.len,
		    ret) : -EOPNOTSUPP;
	swift_grant_done(&g);
	buf_done(&url);
	buf_done(&body);
	return r;
}

static int
limits_check(struct swift *s, struct err *e)
{
	size_t longest = strlen(s->prefix) + STORE_NAME_MAX;
	struct swift_info i = { 0, 0, 0 };
	char size[32];

	/* It need not say. */
	if (info_read(s, &i) < 0)
		return 0;
	if (i.max_file_size && i.max_file_size < OBJECT_MAX)
		return err_set(e, -EOPNOTSUPP, "%s takes no object over %s",
		    s->host, size_format(i.max_file_size, size));
	if (i.max_name && i.max_name < longest)
		return err_set(e, -EOPNOTSUPP, "%s takes names of %u bytes "
		    "at most: choose a shorter prefix", s->host,
		    (unsigned)i.max_name);
	return 0;
}

static void
notes_make(struct swift *s, unsigned caps)
{
	struct buf out = BUF_INIT(4096), old;

	note_versions(s, &out);
	if (caps & STORE_CAP_IF_ABSENT)
		(void)buf_printf(&out, "conditional puts: honoured\n");
	else
		(void)buf_printf(&out, "conditional puts: ignored by this "
		    "server\n");
	if (!(caps & STORE_CAP_ATOMIC_PUT))
		(void)buf_printf(&out, "an upload that broke off was seen by "
		    "readers\n");
	mutex_lock(&s->lock);
	old = s->notes;
	s->notes = out;
	mutex_unlock(&s->lock);
	buf_done(&old);
}

int
swift_probe(struct store *st, struct err *e)
{
	struct swift *s = (struct swift *)st;
	struct swift_grant g;
	bool is_atomic = true;
	unsigned caps = 0;
	int r;

	mutex_lock(&s->lock);
	s->is_uncond = false;
	mutex_unlock(&s->lock);
	r = container_make(s);
	if (r == 0)
		r = store_probe_cut(st, put_cut, &is_atomic);
	if (r < 0)
		return store_probe_why(st, r, e);
	r = limits_check(s, e);
	if (r == 0)
		r = store_probe_run(st, &caps, e);
	if (r < 0)
		return r;
	if (is_atomic)
		caps |= STORE_CAP_ATOMIC_PUT;
	mutex_lock(&s->lock);
	s->caps = caps;
	/* To look before a put is better than nothing. */
	s->is_uncond = !(caps & STORE_CAP_IF_ABSENT);
	mutex_unlock(&s->lock);
	store_probe_match(st, &matcher);
	if (swift_grant(s, &g) == 0) {
		store_probe_link(st, g.place->http);
		swift_grant_done(&g);
	}
	notes_make(s, caps);
	return 0;
}

void
swift_notes(struct store *st, struct buf *out)
{
	struct swift *s = (struct swift *)st;

	mutex_lock(&s->lock);
	(void)buf_put(out, s->notes.data, s->notes.len);
	mutex_unlock(&s->lock);
}
