/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "net/dav_xml.h"
#include "store/dav_priv.h"
#include "util/log.h"

/*
 * nc_trash - what a delete means on a Nextcloud: the object goes to the trash
 * of the account, with its old versions.
 *
 * What this store has deleted is remembered, and every so often looked for in
 * the trash, by the place where it was, and deleted from there.  Nothing else
 * is: what the user or another program deleted is not ours, wherever it lay.
 * What is remembered does not outlive the process; what a crash leaves in the
 * trash stays there until the server or the user empties it.
 */

#define TRASH_BATCH 64
/* Deleted and not yet purged; what is beyond stays in the trash. */
#define TRASH_MAX 65536
/* "NAME.dTIMESTAMP", the timestamp in seconds. */
#define STAMP ".d"

static const char trash_body[] =
    "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n"
    "<D:propfind xmlns:D=\"DAV:\" xmlns:nc=\"http://nextcloud.org/ns\">"
    "<D:prop><D:resourcetype/><nc:trashbin-original-location/></D:prop>"
    "</D:propfind>\n";

/* The trash as it was listed. */
struct sweep {
	struct dav *d;
	struct dav_known *mine;		/* by their places */
	struct buf found;		/* paths in the trash, each ended */
};

static void
set_free(struct dav_known **set)
{
	struct dav_known *k, *next;

	HASH_ITER(hh, *set, k, next) {
		HASH_DEL(*set, k);
		free(k);
	}
}

/* Without memory it stays in the trash. */
static void
mine_add(struct dav *d, const char *place) REQUIRES(d->lock)
{
	size_t n = strlen(place) + 1;
	struct dav_known *k, *old;

	HASH_FIND_STR(d->trashed, place, old);
	if (old || HASH_COUNT(d->trashed) >= TRASH_MAX)
		return;
	k = calloc(1, sizeof(*k) + n);
	if (!k)
		return;
	memcpy(k->path, place, n);
	HASH_ADD_STR(d->trashed, path, k);
	if (HASH_IS_OUT(k))
		free(k);
}

/* Is it what the trash calls an object that lay at place?  A name and its
 * stamp, right in the trash. */
static bool
is_named(const struct dav *d, const char *path, const char *place)
{
	const char *slash = strrchr(place, '/');
	const char *name = slash ? slash + 1 : place;
	size_t n = strlen(d->trash), len = strlen(name);

	if (strncmp(path, d->trash, n) != 0 ||
	    strncmp(path + n, name, len) != 0 ||
	    strncmp(path + n + len, STAMP, strlen(STAMP)) != 0)
		return false;
	path += n + len + strlen(STAMP);
	return *path && strspn(path, "0123456789") == strlen(path);
}

static int
on_trashed(void *arg, const struct dav_entry *en)
{
	struct sweep *w = arg;
	struct buf path = BUF_INIT(DAV_PATH_MAX);
	struct dav_known *k = NULL;
	const char *text;
	int r = 0;

	if (en->location && !en->is_collection)
		HASH_FIND_STR(w->mine, en->location, k);
	if (!k)
		return 0;
	if (url_href_path(&path, en->href, en->href_len) == 0 &&
	    (text = buf_cstr(&path)) != NULL &&
	    is_named(w->d, text, en->location))
		r = buf_put(&w->found, text, strlen(text) + 1);
	if (path.err == -ENOMEM)
		r = -ENOMEM;
	buf_done(&path);
	return r;
}

/* Nobody may, or there is no such place: no sense in asking again. */
static bool
is_never(int status)
{
	return status == 403 || status == 404 || status == 405 ||
	    status == 501;
}

static int
trash_list(struct sweep *w, bool *ret_never)
{
	const char *headers[] = { "Depth: 1",
	    "Content-Type: application/xml; charset=utf-8", NULL };
	struct buf body = BUF_INIT(DAV_LIST_MAX);
	struct http_req q = { .method = "PROPFIND", .headers = headers,
	    .body = trash_body, .body_len = strlen(trash_body),
	    .body_status = 207, .out = &body };
	struct http_resp a;
	int r;

	r = dav_call(w->d, w->d->trash, &q, &a);
	if (r == 0 && a.status != 207)
		r = -EPROTO;
	*ret_never = r < 0 && is_never(a.status);
	if (r == 0)
		r = dav_xml_parse(body.data, body.len, on_trashed, w);
	buf_done(&body);
	return r;
}

static int
sweep(struct sweep *w, bool *ret_never)
{
	struct http_resp a;
	const char *path;
	size_t at = 0;
	int r;

	r = trash_list(w, ret_never);
	while (r == 0 && at < w->found.len) {
		struct http_req q = { .method = "DELETE", .is_write = true };

		path = (const char *)w->found.data + at;
		at += strlen(path) + 1;
		r = dav_call(w->d, path, &q, &a);
		/* Somebody else was there first. */
		if (r == -ENOENT)
			r = 0;
		*ret_never = r < 0 && is_never(a.status);
	}
	return r;
}

void
nc_trash_purge(struct dav *d)
{
	struct sweep w = { .d = d, .found = BUF_INIT(DAV_LIST_MAX) };
	struct dav_known *k, *next;
	bool is_never_so = false;
	int r;

	mutex_lock(&d->lock);
	if (d->trash_is == NC_TRASH_PURGED && !d->is_purging) {
		w.mine = d->trashed;
		d->trashed = NULL;
		d->is_purging = w.mine != NULL;
	}
	mutex_unlock(&d->lock);
	if (!w.mine)
		return;
	r = sweep(&w, &is_never_so);
	if (r < 0 && !store_transient(r) && r != -ECANCELED)
		log_warn("store %s: what was deleted stays in the trash: %s",
		    d->base.url, strerror(-r));
	mutex_lock(&d->lock);
	d->is_purging = false;
	if (is_never_so)
		d->trash_is = NC_TRASH_KEPT;
	else if (store_transient(r) || r == -ECANCELED)
		HASH_ITER(hh, w.mine, k, next)
			mine_add(d, k->path);
	mutex_unlock(&d->lock);
	set_free(&w.mine);
	buf_done(&w.found);
}

void
nc_trash_note(struct dav *d, const char *name)
{
	char place[DAV_PATH_MAX];
	bool is_due = false;

	if (!d->trash)
		return;
	(void)snprintf(place, sizeof(place), "%s%s", d->folder, name);
	mutex_lock(&d->lock);
	if (d->trash_is == NC_TRASH_PURGED ||
	    d->trash_is == NC_TRASH_UNKNOWN) {
		mine_add(d, place);
		is_due = HASH_COUNT(d->trashed) >= TRASH_BATCH;
	}
	mutex_unlock(&d->lock);
	if (is_due)
		nc_trash_purge(d);
}

void
nc_trash_done(struct dav *d)
{
	mutex_lock(&d->lock);
	set_free(&d->trashed);
	mutex_unlock(&d->lock);
	free(d->trash);
	free(d->folder);
}
