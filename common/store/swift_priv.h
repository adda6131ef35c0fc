/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef STORE_SWIFT_PRIV_H
#define STORE_SWIFT_PRIV_H

#include <sys/queue.h>

#include "net/http.h"
#include "net/swift_json.h"
#include "net/url.h"
#include "store/backend.h"
#include "store/status.h"
#include "util/buf.h"

/*
 * swift_priv - shared by store_swift.c (objects), swift_open.c (the address),
 * swift_auth.c (tokens), swift_call.c (one request), swift_list.c and
 * swift_probe.c.
 */

#define SWIFT_TOKEN_MAX 8192
/* An object's name: the prefix of the address and ours. */
#define SWIFT_NAME_MAX (URL_MAX + STORE_NAME_MAX + 2)
/* Percent-encoded, with host and query. */
#define SWIFT_URL_MAX (3 * (3 * URL_MAX + 3 * SWIFT_NAME_MAX) + 1024)
/* One page of a listing: as many names as we ask for, each of a kilobyte that
 * is written as \uXXXX, and what else is said of it. */
#define SWIFT_LIST_NAMES 1000
#define SWIFT_LIST_MAX (4u << 20)
#define SWIFT_ERROR_MAX 16384

/* A place that a catalogue has named; kept until the store is closed. */
struct swift_place {
	SLIST_ENTRY(swift_place) link;
	struct http *http;
	char *origin;			/* "https://host:port" */
	char *root;			/* decoded, "/v1/AUTH_x" */
};

struct swift_conf {
	bool is_v1, is_app, is_plain;
	char *path;			/* of the identity service */
	char *domain, *domain_id, *project, *project_id;
	char *project_domain, *project_domain_id;
	char *region, *interface;
};

struct swift {
	struct store base;
	struct http *auth;		/* to the identity service */
	struct http_conf hc;		/* for other places; its texts are
					 * ours */
	struct swift_conf conf;
	char *host;			/* of the identity service */
	char *origin;
	char *container, *prefix;	/* prefix: "" or "a/b/" */
	char *user, *password;

	struct mutex lock;
	struct cond renewed;
	SLIST_HEAD(, swift_place) places GUARDED_BY(lock);
	unsigned nplaces GUARDED_BY(lock);
	struct swift_place *place GUARDED_BY(lock);	/* the token's */
	char *token GUARDED_BY(lock);	/* NULL: none */
	unsigned serial GUARDED_BY(lock);	/* of the token */
	int64_t renew_ms GUARDED_BY(lock);	/* time for a new one */
	int64_t quiet_ms GUARDED_BY(lock);	/* until then none is asked
						 * for: it said so */
	bool is_renewing GUARDED_BY(lock);
	int renew_r GUARDED_BY(lock);	/* what came of the last */
	bool is_interrupted GUARDED_BY(lock);
	bool is_seen GUARDED_BY(lock);	/* the container is there */
	bool is_kept GUARDED_BY(lock);	/* it keeps versions */
	bool is_uncond GUARDED_BY(lock);	/* it ignores conditions */
	unsigned caps GUARDED_BY(lock);
	struct store_hint hint GUARDED_BY(lock);
	struct buf notes GUARDED_BY(lock);
};

/* The right to make requests. */
struct swift_grant {
	struct swift_place *place;
	char *token;			/* a copy */
	unsigned serial;
};

/* A request; what is not set is not asked for. */
struct swift_req {
	const char *method;
	const char *object;		/* NULL: the container */
	bool is_account;		/* not even that */
	const char *query;		/* encoded; NULL: none */
	const char *header[3];		/* more lines */
	bool is_write;
	const void *body;
	size_t len;
	size_t cut_after;
	bool is_range;
	uint64_t off;
	size_t range_len;
	struct buf *out;		/* the body with status 200 */
	const struct http_want *want;
};

/* swift_auth.c */
/* A token that is good, as far as is known; gets one if need be.  To be given
 * to swift_grant_done. */
int swift_grant(struct swift *s, struct swift_grant *ret);
void swift_grant_done(struct swift_grant *g);
/* It was refused. */
void swift_grant_drop(struct swift *s, const struct swift_grant *g);

/* swift_call.c */
/* Make the request.  0: a status of 2xx is in ret; otherwise what it means,
 * and the status too if there was one. */
int swift_call(struct swift *s, const struct swift_req *q,
    struct http_resp *ret);
void swift_say(struct swift *s, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
/* Say why, and when it may be tried again. */
void swift_hint(struct swift *s, int r, const char *method,
    const struct http_resp *a, const char *detail);
/* An object's whole name, in a buffer of SWIFT_NAME_MAX bytes. */
void swift_name(const struct swift *s, const char *name, char *ret);
/* After a 404: is the container there?  -ENOENT if it is. */
int swift_missing(struct swift *s);

/* swift_list.c */
int swift_list(struct store *st, const char *prefix,
    int (*fn)(void *arg, const char *name, uint64_t size), void *arg);
int swift_space(struct store *st, struct store_space *ret);
/* Delete what is left of an object in a container that keeps versions. */
int swift_versions_delete(struct swift *s, const char *object);

/* swift_probe.c */
int swift_probe(struct store *st, struct err *e);
void swift_notes(struct store *st, struct buf *out);

/* swift_open.c */
int swift_open(struct swift *s, const char *url,
    const struct store_conf *conf, struct err *e);
void swift_close_place(struct swift *s);
/* The engine and the path for a storage address; remembered. */
int swift_place_of(struct swift *s, const char *url,
    struct swift_place **ret);

/* store_swift.c */
int swift_put_once(struct swift *s, const char *object, const void *p,
    size_t len, bool is_if_absent, size_t cut_after, struct http_resp *ret);

#endif
