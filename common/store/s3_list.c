/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store/s3_priv.h"

/*
 * s3_list - the names under a prefix, by ListObjectsV2 or ListObjects.
 *
 * Names that are not ours are passed over.  A server that ignores list-type=2
 * answers as for ListObjects; it shows by a page that is cut and gives no
 * token, and is asked in the old way from then on.
 */

/* Pages of one listing.  Far above any drive; a server that makes them up
 * comes to an end. */
#define PAGES_MAX 100000

struct walk {
	struct s3 *s;
	int (*fn)(void *arg, const char *name, uint64_t size);
	void *arg;
	bool is_encoded;		/* of the page being read */
	char last[S3_KEY_MAX];		/* key; the place to go on from */
	struct buf text;
	/* Keys wait for the end of their page, which says how they are
	 * encoded. */
	struct buf keys;
};

/* NULL if it is not well encoded. */
static const char *
decode(struct buf *b, const char *key, bool is_plus_blank)
{
	const char *end;

	buf_reset(b);
	for (;; key = end + 1) {
		end = strchrnul(key, is_plus_blank ? '+' : '\0');
		if (url_decode(b, key, (size_t)(end - key)) < 0)
			return NULL;
		if (!*end)
			return buf_cstr(b);
		(void)buf_put_u8(b, ' ');
	}
}

const char *
s3_key_decode(struct buf *b, const char *key, bool is_encoded,
    const char *prefix)
{
	const char *text;

	if (!is_encoded) {
		buf_reset(b);
		(void)buf_put(b, key, strlen(key));
		return buf_cstr(b);
	}
	text = decode(b, key, false);
	/* Some write a blank as '+', and a '+' as %2B. */
	if (text && strncmp(text, prefix, strlen(prefix)) != 0)
		text = decode(b, key, true);
	return text;
}

static int
on_key(void *arg, const char *key, uint64_t size)
{
	struct walk *w = arg;

	(void)buf_put_str16(&w->keys, key, strlen(key) + 1);
	return buf_put_u64(&w->keys, size);
}

/* One name of a page that has been read. */
static int
tell(struct walk *w, const char *raw, uint64_t size)
{
	const char *key, *prefix = w->s->prefix;
	size_t n = strlen(prefix);

	key = s3_key_decode(&w->text, raw, w->is_encoded, prefix);
	if (!key)
		return w->text.err == -ENOMEM ? -ENOMEM : 0;
	if (strlen(key) < sizeof(w->last))
		memcpy(w->last, key, strlen(key) + 1);
	if (strncmp(key, prefix, n) != 0 || !store_name_ok(key + n) ||
	    !key[n])
		return 0;
	return w->fn(w->arg, key + n, size);
}

static int
tell_all(struct walk *w)
{
	struct rd in = rd_of(w->keys.data, w->keys.len);
	const uint8_t *key;
	size_t len;
	int r = 0;

	while (r == 0 && in.left) {
		key = rd_str16(&in, UINT16_MAX, &len);
		if (!key)
			return -EPROTO;
		r = tell(w, (const char *)key, rd_u64(&in));
	}
	return r;
}

/* One page; from is a token, or a key, or "" for the first. */
static int
page(struct walk *w, const char *prefix, bool is_list1, const char *from,
    struct s3_list_end *end)
{
	struct buf body = BUF_INIT(S3_LIST_MAX);
	struct s3_req q = { .method = "GET", .out = &body };
	struct s3_resp a;
	int r;

	if (!is_list1)
		q.query[q.nquery++] = (struct s3_pair){ "list-type", "2" };
	q.query[q.nquery++] = (struct s3_pair){ "prefix", prefix };
	q.query[q.nquery++] = (struct s3_pair){ "encoding-type", "url" };
	q.query[q.nquery++] = (struct s3_pair){ "max-keys", "1000" };
	if (from[0])
		q.query[q.nquery++] = (struct s3_pair){ is_list1 ? "marker" :
		    "continuation-token", from };
	r = s3_call(w->s, &q, &a);
	if (r == 0 && a.http.status != 200)
		r = -EPROTO;
	if (r == -ENOENT) {
		/* A bucket that is not there is no empty one. */
		s3_say(w->s, "%s has no bucket '%s', or it is not the "
		    "address of an S3 service", w->s->endpoint,
		    w->s->bucket);
		r = -EHOSTUNREACH;
	} else if (r == 0) {
		buf_reset(&w->keys);
		r = s3_xml_list(body.data, body.len, on_key, w, end);
		if (r == -EPROTO || r == -EFBIG)
			s3_say(w->s, "%s sent a listing that makes no sense",
			    w->s->endpoint);
	}
	buf_done(&body);
	return r;
}

/* The place where the next page begins. */
static int
advance(struct walk *w, const struct s3_list_end *end, bool *is_list1,
    char *from)
{
	const char *next;

	if (!*is_list1 && !end->token[0]) {
		*is_list1 = true;
		mutex_lock(&w->s->lock);
		w->s->is_list1 = true;
		mutex_unlock(&w->s->lock);
	}
	/* NextMarker is there with a delimiter only; the last key does. */
	next = *is_list1 ? w->last : end->token;
	if (!next[0] || strcmp(next, from) == 0 ||
	    strlen(next) >= S3_TOKEN_MAX) {
		s3_say(w->s, "%s sent a listing that does not come to an end",
		    w->s->endpoint);
		return -EPROTO;
	}
	memcpy(from, next, strlen(next) + 1);
	return 0;
}

static int
pages(struct walk *w, const char *prefix, struct s3_list_end *end,
    char *from)
{
	bool is_list1;
	int n, r;

	mutex_lock(&w->s->lock);
	is_list1 = w->s->is_list1;
	mutex_unlock(&w->s->lock);
	for (n = 0; n < PAGES_MAX; n++) {
		r = page(w, prefix, is_list1, from, end);
		if (r != 0)
			return r;
		w->is_encoded = end->is_encoded;
		r = tell_all(w);
		if (r != 0 || !end->is_truncated)
			return r;
		r = advance(w, end, &is_list1, from);
		if (r != 0)
			return r;
	}
	return -EFBIG;
}

int
s3_list(struct store *st, const char *prefix,
    int (*fn)(void *arg, const char *name, uint64_t size), void *arg)
{
	struct walk *w = calloc(1, sizeof(*w));
	struct s3_list_end *end = calloc(1, sizeof(*end));
	char key[S3_KEY_MAX], *from = calloc(1, S3_TOKEN_MAX);
	int r = -ENOMEM;

	if (w && end && from) {
		w->s = (struct s3 *)st;
		w->fn = fn;
		w->arg = arg;
		buf_init(&w->text, (size_t)2 * S3_TOKEN_MAX);
		buf_init(&w->keys, S3_LIST_MAX);
		s3_key(w->s, prefix, key);
		r = pages(w, key, end, from);
		buf_done(&w->text);
		buf_done(&w->keys);
	}
	free(w);
	free(end);
	free(from);
	return r;
}
