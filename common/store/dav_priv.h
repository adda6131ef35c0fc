/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef STORE_DAV_PRIV_H
#define STORE_DAV_PRIV_H


#include "net/http.h"
#include "net/url.h"
#include "store/backend.h"
#include "util/buf.h"
#include "util/hash.h"

/*
 * dav_priv - shared by store_dav.c (objects), dav_call.c (one request),
 * dav_coll.c (making collections), dav_list.c (PROPFIND), dav_probe.c and
 * nc_trash.c.
 *
 * Paths in here are decoded and absolute; a collection's ends in '/'.
 */

/* Base and name together. */
#define DAV_PATH_MAX (URL_MAX + STORE_NAME_MAX + 2)
/* Percent-encoded, with scheme and host. */
#define DAV_URL_MAX (3 * DAV_PATH_MAX + 300)
/* One collection's listing. */
#define DAV_LIST_MAX (64u << 20)
/* Begins the name of an upload that will be moved: no object's name has an
 * underscore. */
#define DAV_TEMP "_tmp-"
/* Collections that are remembered; beyond, all are forgotten. */
#define DAV_KNOWN_MAX 65536

struct dav_known {
	UT_hash_handle hh;
	char path[];
};

enum nc_trash {
	NC_TRASH_UNKNOWN = 0,		/* not asked yet */
	NC_TRASH_NONE,			/* what is deleted is gone */
	NC_TRASH_PURGED,
	NC_TRASH_KEPT,			/* not ours to empty */
};

struct dav {
	struct store base;
	struct http *http;
	char *host;			/* for messages */
	char *origin;			/* "https://host:port" */
	char *path;			/* decoded, "/x/y/" */
	char *cloud_url;		/* of a Nextcloud; NULL: none */
	char *trash;			/* path of its trash; NULL: none */
	char *folder;			/* in the account: "a/b/" */

	struct mutex lock;
	struct dav_known *known GUARDED_BY(lock);	/* collections there */
	unsigned caps GUARDED_BY(lock);
	bool is_moving GUARDED_BY(lock);	/* put under another name,
						 * then move */
	struct store_hint hint GUARDED_BY(lock);
	char notes[512] GUARDED_BY(lock);	/* for people, lines */
	struct dav_known *trashed GUARDED_BY(lock);	/* by us, and not
							 * purged */
	enum nc_trash trash_is GUARDED_BY(lock);
	bool has_versions GUARDED_BY(lock);
	bool is_purging GUARDED_BY(lock);
};

/* dav_call.c */
/* Make the request q about path.  0: a status of 2xx is in ret; otherwise
 * what it means, and the status too if there was one. */
int dav_call(struct dav *d, const char *path, struct http_req *q,
    struct http_resp *ret);
/* Append the URL of path; 0 or -ENOMEM. */
int dav_url(struct dav *d, const char *path, struct buf *out);
/* The path of an object, in a buffer of DAV_PATH_MAX bytes. */
void dav_path(struct dav *d, const char *name, char *ret);
void dav_say(struct dav *d, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/* dav_coll.c */
/* Make the collection that path lies in, and those above it, unless they are
 * known to be there. */
int dav_parents_make(struct dav *d, const char *path);
/* They are not, after all. */
void dav_known_clear(struct dav *d);

/* dav_list.c */
int dav_list(struct store *s, const char *prefix,
    int (*fn)(void *arg, const char *name, uint64_t size), void *arg);
int dav_space(struct store *s, struct store_space *ret);

/* nextcloud.c */
/* What a Nextcloud tells beside WebDAV; 0 if it is none. */
int dav_cloud_probe(struct dav *d, struct err *e);
/* And what a delete was found to be. */
void dav_cloud_notes(struct dav *d);

/* nc_trash.c; for others than a Nextcloud they do nothing. */
/* An object has been deleted. */
void nc_trash_note(struct dav *d, const char *name);
/* Take what has been deleted so far out of the trash. */
void nc_trash_purge(struct dav *d);
void nc_trash_done(struct dav *d);

/* dav_probe.c */
int dav_probe(struct store *s, struct err *e);

/* store_dav.c */
/* Are uploads made under another name and moved? */
bool dav_is_moving(struct dav *d);
/* A name that one of these has meanwhile. */
bool dav_is_temp(const char *name);
/* One PUT; cut_after as in http_req. */
int dav_put_at(struct dav *d, const char *path, const void *p, size_t len,
    bool is_if_absent, size_t cut_after);

#endif
