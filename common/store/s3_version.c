/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "store/s3_priv.h"

/*
 * s3_version - what a delete means.
 *
 * A bucket may keep what is deleted or replaced: a delete then only puts a
 * marker before it.  Here each version is deleted, the current one last, so
 * that no earlier one comes to light meanwhile and a delete that breaks off
 * can be made again.  Where a lock forbids it, or nobody says which versions
 * there are, a marker has to do, and the probe says so.
 */

/* A server that makes them up comes to an end; where there are so many the
 * next call goes on. */
#define PAGES_MAX 100
#define VERSIONS_MAX 10000

struct sweep {
	struct s3 *s;
	const char *key;
	struct s3_versions_end end;
	struct buf found;		/* of a page: latest, id */
	char latest[256];		/* id; "" if not seen yet */
	bool is_over;			/* a key behind ours was seen */
	unsigned ndeleted;
	bool is_unlisted;		/* it failed because of the listing */
	struct buf text;
};

static int
version_delete(struct s3 *s, const char *key, const char *id)
{
	struct s3_req q = { .method = "DELETE", .key = key,
	    .is_write = true };
	struct s3_resp a;
	int r;

	if (id)
		q.query[q.nquery++] = (struct s3_pair){ "versionId", id };
	r = s3_call(s, &q, &a);
	/* Somebody else was there first. */
	return r == -ENOENT && id ? 0 : r;
}

static int
on_version(void *arg, const struct s3_version *v)
{
	struct sweep *w = arg;

	(void)buf_put_u8(&w->found, v->is_latest);
	(void)buf_put_str16(&w->found, v->key, strlen(v->key) + 1);
	return buf_put_str16(&w->found, v->id, strlen(v->id) + 1);
}

static int
endless(struct sweep *w)
{
	s3_say(w->s, "%s shows versions of an object without an end",
	    w->s->endpoint);
	return -EPROTO;
}

static int
page_read(struct sweep *w)
{
	struct buf body = BUF_INIT(S3_LIST_MAX);
	struct s3_req q = { .method = "GET", .out = &body };
	char *key = NULL, *id = NULL;
	struct s3_resp a;
	int r = -ENOMEM;

	q.query[q.nquery++] = (struct s3_pair){ "versions", "" };
	q.query[q.nquery++] = (struct s3_pair){ "prefix", w->key };
	q.query[q.nquery++] = (struct s3_pair){ "encoding-type", "url" };
	q.query[q.nquery++] = (struct s3_pair){ "max-keys", "1000" };
	if (w->end.is_truncated) {
		key = strdup(w->key);
		id = strdup(w->end.id);
		if (!key || !id)
			goto out;
		q.query[q.nquery++] = (struct s3_pair){ "key-marker", key };
		q.query[q.nquery++] = (struct s3_pair){ "version-id-marker",
		    id };
	}
	r = s3_call(w->s, &q, &a);
	if (r == 0 && a.http.status != 200)
		r = -EPROTO;
	buf_reset(&w->found);
	if (r == 0)
		r = s3_xml_versions(body.data, body.len, on_version, w,
		    &w->end);
	/* The same page again would be the same for ever. */
	if (r == 0 && w->end.is_truncated && id &&
	    strcmp(id, w->end.id) == 0)
		r = -EPROTO;
out:
	free(key);
	free(id);
	buf_done(&body);
	return r;
}

/* Delete what the page shows of our key, but for the current version. */
static int
page_sweep(struct sweep *w)
{
	struct rd in = rd_of(w->found.data, w->found.len);
	const char *key, *id;
	bool is_latest;
	size_t len;
	int r = 0;

	while (r == 0 && in.left) {
		is_latest = rd_u8(&in) != 0;
		key = (const char *)rd_str16(&in, UINT16_MAX, &len);
		id = (const char *)rd_str16(&in, UINT16_MAX, &len);
		if (!key || !id)
			return -EPROTO;
		key = s3_key_decode(&w->text, key, w->end.is_encoded,
		    w->key);
		if (!key)
			return -EPROTO;
		if (strcmp(key, w->key) != 0)
			w->is_over = true;
		else if (!is_latest)
			r = w->ndeleted++ < VERSIONS_MAX ?
			    version_delete(w->s, w->key, id) : endless(w);
		else if (len <= sizeof(w->latest))
			memcpy(w->latest, id, len);
	}
	return r;
}

static int
sweep(struct sweep *w)
{
	const char *next;
	int n, r;

	for (n = 0; n < PAGES_MAX; n++) {
		r = page_read(w);
		w->is_unlisted = r < 0;
		if (r == 0)
			r = page_sweep(w);
		if (r < 0)
			return r;
		/* Keys are sorted: what lies behind ours is not ours. */
		if (w->is_over || !w->end.is_truncated)
			break;
		next = s3_key_decode(&w->text, w->end.key, w->end.is_encoded,
		    w->key);
		if (!next || strcmp(next, w->key) != 0)
			break;
	}
	if (n == PAGES_MAX)
		return endless(w);
	/* None is the current one: a marker makes sure. */
	return version_delete(w->s, w->key, w->latest[0] ? w->latest : NULL);
}

static int
versions_delete(struct s3 *s, const char *key)
{
	struct sweep *w = calloc(1, sizeof(*w));
	int r;

	if (!w)
		return -ENOMEM;
	w->s = s;
	w->key = key;
	buf_init(&w->found, S3_LIST_MAX);
	buf_init(&w->text, (size_t)2 * S3_TOKEN_MAX);
	r = sweep(w);
	/* Under a lock, without the right, or without the call, which a server
	 * may not know and take for another: gone from sight is what can be
	 * had. */
	if (r == -EACCES || r == -EOPNOTSUPP ||
	    (w->is_unlisted && (r == -EPROTO || r == -ENOENT))) {
		r = version_delete(s, key, NULL);
		if (r == 0) {
			mutex_lock(&s->lock);
			s->is_locked = true;
			mutex_unlock(&s->lock);
		}
	}
	buf_done(&w->found);
	buf_done(&w->text);
	free(w);
	return r;
}

int
s3_del(struct store *st, const char *name)
{
	struct s3_req q = { .method = "HEAD" };
	struct s3 *s = (struct s3 *)st;
	char key[S3_KEY_MAX];
	struct s3_resp a;
	bool is_kept;
	int r;

	s3_key(s, name, key);
	q.key = key;
	/* A delete of what is not there is no error for a server. */
	r = s3_call(s, &q, &a);
	if (r < 0)
		return r;
	mutex_lock(&s->lock);
	if (a.version[0])
		s->kept = S3_KEPT_YES;
	is_kept = s->kept == S3_KEPT_YES;
	mutex_unlock(&s->lock);
	return is_kept ? versions_delete(s, key) :
	    version_delete(s, key, NULL);
}
