/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "net/dav_xml.h"
#include "store/dav_priv.h"
#include "util/clock.h"

/*
 * dav_list - collections by PROPFIND.
 *
 * Depth 1 only, one collection at a time: most servers refuse "infinity" or
 * quietly cut it.  Names that are not ours are passed over, so a server can
 * not lead the walk out of the place it was sent to.
 */

/* An upload under a temporary name that nobody has written to for so long was
 * broken off; it never was an object. */
#define TEMP_AGE_S (24 * 3600)
/* Of these in one listing. */
#define TEMPS_MAX 1000

/* Collections in one listing.  Far above any drive; a server that makes them
 * up comes to an end. */
#define COLLECTIONS_MAX 200000

struct coll {
	STAILQ_ENTRY(coll) link;
	char name[];			/* "a/b/" */
};

struct walk {
	struct dav *d;
	int (*fn)(void *arg, const char *name, uint64_t size);
	void *arg;
	STAILQ_HEAD(, coll) todo;
	unsigned ncoll;

	const char *at;			/* the collection being read, "a/b/" */
	char path[DAV_PATH_MAX];	/* the same, absolute */
	bool has_seen;			/* it has named itself or a member */
	int64_t now_s;			/* there; 0: not known, or no matter */
	unsigned ntemps;
};

static const char list_body[] =
    "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n"
    "<D:propfind xmlns:D=\"DAV:\"><D:prop><D:resourcetype/>"
    "<D:getcontentlength/></D:prop></D:propfind>\n";
/* When something was written is of interest where uploads are moved. */
static const char temps_body[] =
    "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n"
    "<D:propfind xmlns:D=\"DAV:\"><D:prop><D:resourcetype/>"
    "<D:getcontentlength/><D:getlastmodified/></D:prop></D:propfind>\n";
static const char space_body[] =
    "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n"
    "<D:propfind xmlns:D=\"DAV:\"><D:prop><D:quota-available-bytes/>"
    "<D:quota-used-bytes/></D:prop></D:propfind>\n";

static int
propfind(struct dav *d, const char *path, bool is_deep, const char *text,
    struct buf *out)
{
	const char *headers[] = { is_deep ? "Depth: 1" : "Depth: 0",
	    "Content-Type: application/xml; charset=utf-8", NULL };
	struct http_req q = { .method = "PROPFIND", .headers = headers,
	    .body = text, .body_len = strlen(text), .body_status = 207,
	    .out = out };
	struct http_resp a;
	int r;

	r = dav_call(d, path, &q, &a);
	if (r == 0 && a.status != 207) {
		dav_say(d, "%s answers like a web site, not like a WebDAV "
		    "folder (PROPFIND: status %d)", d->host, a.status);
		r = -EPROTO;
	}
	return r;
}

static int
coll_push(struct walk *w, const char *name)
{
	size_t n = strlen(name);
	struct coll *c;

	if (w->ncoll++ == COLLECTIONS_MAX)
		return -EFBIG;
	c = malloc(sizeof(*c) + n + 2);
	if (!c)
		return -ENOMEM;
	memcpy(c->name, name, n + 1);
	if (n && name[n - 1] != '/')
		memcpy(c->name + n, "/", 2);
	STAILQ_INSERT_TAIL(&w->todo, c, link);
	return 0;
}

static unsigned
depth_of(const char *name)
{
	unsigned n = 0;

	for (; *name; name++)
		n += *name == '/';
	return n;
}

static void
temp_remove(struct walk *w, const char *path, const struct dav_entry *en)
{
	struct http_req q = { .method = "DELETE", .is_write = true };
	struct http_resp a;

	if (en->is_collection || !en->has_modified || w->now_s == 0 ||
	    en->modified_s + TEMP_AGE_S >= w->now_s ||
	    w->ntemps++ >= TEMPS_MAX)
		return;
	(void)dav_call(w->d, path, &q, &a);
}

/* One member; path is decoded. */
static int
member(struct walk *w, const char *path, const struct dav_entry *en)
{
	size_t len = strlen(w->path), n = strlen(path);
	const char *whole = path;
	char name[STORE_NAME_MAX + 1];
	bool is_collection = en->is_collection;

	/* The collection itself, with or without its slash. */
	if (strcmp(path, w->path) == 0 ||
	    (n + 1 == len && strncmp(path, w->path, n) == 0)) {
		w->has_seen = true;
		return 0;
	}
	if (n <= len || strncmp(path, w->path, len) != 0)
		return 0;
	w->has_seen = true;
	path += len;
	n -= len;
	if (path[n - 1] == '/') {
		n--;
		is_collection = true;
	}
	if (n == 0 || memchr(path, '/', n) ||
	    strlen(w->at) + n > STORE_NAME_MAX)
		return 0;
	if (dav_is_temp(path)) {
		temp_remove(w, whole, en);
		return 0;
	}
	(void)snprintf(name, sizeof(name), "%s%.*s", w->at, (int)n, path);
	if (!store_name_ok(name))
		return 0;
	if (is_collection)
		return depth_of(name) < STORE_LIST_DEPTH_MAX ?
		    coll_push(w, name) : 0;
	return w->fn(w->arg, name, en->has_size ? en->size : 0);
}

static int
on_entry(void *arg, const struct dav_entry *en)
{
	struct walk *w = arg;
	struct buf path = BUF_INIT(DAV_PATH_MAX);
	const char *text;
	int r;

	r = url_href_path(&path, en->href, en->href_len);
	text = r == 0 ? buf_cstr(&path) : NULL;
	if (text)
		r = member(w, text, en);
	else
		r = path.err == -ENOMEM ? -ENOMEM : 0;
	buf_done(&path);
	return r;
}

/* List w->at; it may be gone, or never have been. */
static int
coll_list(struct walk *w)
{
	struct buf body = BUF_INIT(DAV_LIST_MAX);
	bool has_temps = dav_is_moving(w->d);
	struct http_peer peer;
	int r;

	dav_path(w->d, w->at, w->path);
	r = propfind(w->d, w->path, true, has_temps ? temps_body : list_body,
	    &body);
	http_get_peer(w->d->http, &peer);
	w->now_s = has_temps && peer.has_clock ?
	    clock_real_ns() / 1000000000 + peer.clock_s : 0;
	if (r == -ENOENT) {
		r = 0;
	} else if (r == 0) {
		w->has_seen = false;
		r = dav_xml_parse(body.data, body.len, on_entry, w);
		if (r == 0 && !w->has_seen)
			r = -EPROTO;
		if (r == -EPROTO)
			dav_say(w->d, "%s sent a listing that makes no "
			    "sense", w->d->host);
	}
	buf_done(&body);
	return r;
}

int
dav_list(struct store *s, const char *prefix,
    int (*fn)(void *arg, const char *name, uint64_t size), void *arg)
{
	struct walk w = { .d = (struct dav *)s, .fn = fn, .arg = arg };
	struct coll *c;
	int r;

	STAILQ_INIT(&w.todo);
	r = coll_push(&w, prefix);
	while ((c = STAILQ_FIRST(&w.todo)) != NULL) {
		STAILQ_REMOVE_HEAD(&w.todo, link);
		w.at = c->name;
		if (r == 0)
			r = coll_list(&w);
		free(c);
	}
	return r;
}

static int
on_space(void *arg, const struct dav_entry *en)
{
	struct dav_entry *ret = arg;

	/* The first that knows; there is only one. */
	if (en->has_free && !ret->has_free)
		*ret = *en;
	return 0;
}

int
dav_space(struct store *s, struct store_space *ret)
{
	struct buf body = BUF_INIT(DAV_LIST_MAX);
	struct dav *d = (struct dav *)s;
	struct dav_entry en;
	uint64_t avail;
	int r;

	/* What lies in the trash may count. */
	nc_trash_purge(d);
	memset(&en, 0, sizeof(en));
	r = propfind(d, d->path, false, space_body, &body);
	if (r == 0)
		r = dav_xml_parse(body.data, body.len, on_space, &en);
	buf_done(&body);
	if (r == -ENOENT || (r == 0 && !en.has_free))
		return -EOPNOTSUPP;
	if (r < 0)
		return r;
	/* Negative: without limit, or unknown. */
	avail = en.free_bytes < 0 ? UINT64_MAX : (uint64_t)en.free_bytes;
	ret->free_bytes = avail;
	ret->total_bytes = avail == UINT64_MAX || !en.has_used ||
	    en.used_bytes < 0 ? UINT64_MAX :
	    avail + (uint64_t)en.used_bytes;
	return 0;
}
