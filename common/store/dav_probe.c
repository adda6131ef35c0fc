/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "store/dav_priv.h"
#include "util/err.h"

/* dav_probe - does this server show half an upload, and can it move?  What
 * follows is how objects are put. */

static void
set(struct dav *d, bool moving, unsigned caps)
{
	mutex_lock(&d->lock);
	d->is_moving = moving;
	d->caps = caps;
	mutex_unlock(&d->lock);
}

static int
put_cut(struct store *s, const char *name, const void *p, size_t len,
    size_t cut_after)
{
	struct dav *d = (struct dav *)s;
	char path[DAV_PATH_MAX];

	dav_path(d, name, path);
	return dav_put_at(d, path, p, len, false, cut_after);
}

static int
match_put(struct store *s, const char *name, const void *p, size_t len,
    const char *match)
{
	char line[STORE_ETAG_MAX + 16], path[DAV_PATH_MAX];
	const char *headers[] = { match ? line : NULL, NULL };
	struct http_req q = { .method = "PUT", .headers = headers, .body = p,
	    .body_len = len, .is_write = true };
	struct dav *d = (struct dav *)s;
	struct http_resp a;

	(void)snprintf(line, sizeof(line), "If-Match: %s", match ? match : "");
	dav_path(d, name, path);
	return dav_call(d, path, &q, &a);
}

static int
match_etag(struct store *s, const char *name,
    char ret[static STORE_ETAG_MAX])
{
	struct http_want want[] = { { "ETag", ret, STORE_ETAG_MAX },
	    { NULL, NULL, 0 } };
	struct http_req q = { .method = "HEAD", .want = want };
	struct dav *d = (struct dav *)s;
	char path[DAV_PATH_MAX];
	struct http_resp a;

	dav_path(d, name, path);
	return dav_call(d, path, &q, &a);
}

static const struct store_matcher matcher = { match_put, match_etag };

static int
puts_probe(struct store *s, struct err *e)
{
	struct dav *d = (struct dav *)s;
	bool is_atomic = true;
	unsigned caps = 0;
	int r;

	set(d, false, STORE_CAP_RANGE | STORE_CAP_ATOMIC_PUT);
	r = store_probe_cut(s, put_cut, &is_atomic);
	if (r < 0)
		return store_probe_why(s, r, e);
	if (!is_atomic) {
		set(d, true, STORE_CAP_RANGE | STORE_CAP_ATOMIC_PUT);
		r = store_probe_run(s, &caps, e);
		if (r == 0) {
			set(d, true, caps | STORE_CAP_ATOMIC_PUT);
			return 0;
		}
		if (r != -EOPNOTSUPP && r != -EPROTO)
			return r;
		/* It cannot move either: half an object may be seen, and
		 * those above must verify what they get, as they do. */
		set(d, false, STORE_CAP_RANGE);
		caps = 0;
	}
	r = store_probe_run(s, &caps, e);
	if (r == 0)
		set(d, false, caps | (is_atomic ? STORE_CAP_ATOMIC_PUT : 0u));
	return r;
}

int
dav_probe(struct store *s, struct err *e)
{
	struct dav *d = (struct dav *)s;
	int r;

	r = dav_cloud_probe(d, e);
	if (r == 0)
		r = puts_probe(s, e);
	if (r < 0)
		return r;
	store_probe_match(s, &matcher);
	store_probe_link(s, d->http);
	/* What the probe itself has left there. */
	nc_trash_purge(d);
	dav_cloud_notes(d);
	return 0;
}
