/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef STORE_S3_PRIV_H
#define STORE_S3_PRIV_H

#include "net/http.h"
#include "net/s3_xml.h"
#include "net/url.h"
#include "store/backend.h"
#include "store/s3_sign.h"
#include "store/status.h"
#include "util/buf.h"

/*
 * s3_priv - shared by store_s3.c (objects), s3_open.c (the address), s3_call.c
 * (one request), s3_list.c, s3_version.c (deleting where versions are kept)
 * and s3_probe.c.
 */

/* A key: the prefix of the address and a name. */
#define S3_KEY_MAX (URL_MAX + STORE_NAME_MAX + 2)
/* Percent-encoded, with host and query. */
#define S3_URL_MAX (3 * (2 * URL_MAX + S3_KEY_MAX + S3_TOKEN_MAX) + 1024)
/* One page of a listing: a thousand keys of a kilobyte, encoded. */
#define S3_LIST_MAX (16u << 20)
/* What is kept of the body of a refusal. */
#define S3_ERROR_MAX 16384

enum s3_kept {
	S3_KEPT_UNKNOWN = 0,
	S3_KEPT_NO,			/* no versions: what goes is gone */
	S3_KEPT_YES,
};

struct s3 {
	struct store base;
	struct http *http;
	char *endpoint;			/* for messages: "host" */
	char *host;			/* "host:port" as signed and sent */
	char *origin;			/* "https://host:port" */
	char *root;			/* decoded, before a key: "/x/bucket" */
	char *bucket, *region;
	char *prefix;			/* of each key: "" or "a/b/" */
	char *key_id, *secret, *token;	/* token: NULL if there is none */
	bool is_sig2, is_virtual;

	struct mutex lock;
	unsigned caps GUARDED_BY(lock);
	struct store_hint hint GUARDED_BY(lock);
	unsigned odd GUARDED_BY(lock);	/* signatures it took for wrong, one
					 * after the other */
	int64_t skew_s GUARDED_BY(lock);	/* its clock less ours */
	bool is_list1 GUARDED_BY(lock);		/* ListObjects, not V2 */
	bool is_uncond GUARDED_BY(lock);	/* knows no conditions, or
						 * ignores them */
	bool is_known GUARDED_BY(lock);	/* the key has been accepted */
	enum s3_kept kept GUARDED_BY(lock);	/* versions */
	bool is_locked GUARDED_BY(lock);	/* a version could not be
						 * deleted */
	bool is_md5 GUARDED_BY(lock);	/* it takes nothing without one */
	struct buf notes GUARDED_BY(lock);
};

/* A request; what is not set is not asked for. */
struct s3_req {
	const char *method;
	const char *key;		/* NULL: the bucket itself */
	struct s3_pair query[6];
	size_t nquery;
	bool is_if_absent, is_write;
	const char *match;		/* If-Match; NULL: none */
	const void *body;
	size_t len;
	size_t cut_after;		/* as in http_req */
	bool is_range;
	uint64_t off;
	size_t range_len;
	struct buf *out;		/* the body with status 200 */
};

struct s3_resp {
	struct http_resp http;
	struct s3_error error;		/* code "": it did not say */
	char version[256];		/* x-amz-version-id; "" */
	char marker[8];			/* x-amz-delete-marker: "true" */
	char etag[STORE_ETAG_MAX];	/* "" */
	bool has_md5;			/* one was sent */
};

/* s3_call.c */
/* Make the request.  0: a status of 2xx is in ret; otherwise what it means,
 * and the status too if there was one.  Once the key is refused nothing is
 * asked any more. */
int s3_call(struct s3 *s, const struct s3_req *q, struct s3_resp *ret);
void s3_say(struct s3 *s, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
/* The key of a name, in a buffer of S3_KEY_MAX bytes. */
void s3_key(const struct s3 *s, const char *name, char *ret);

/* s3_list.c */
int s3_list(struct store *st, const char *prefix,
    int (*fn)(void *arg, const char *name, uint64_t size), void *arg);
/* Undo the encoding of a listing; the result is in b. */
const char *s3_key_decode(struct buf *b, const char *key, bool is_encoded,
    const char *prefix);

/* s3_version.c */
int s3_del(struct store *st, const char *name);

/* s3_probe.c */
int s3_probe(struct store *st, struct err *e);
void s3_notes(struct store *st, struct buf *out);

/* s3_open.c */
/* Fill in the place and the credentials. */
int s3_open(struct s3 *s, const char *url, const struct store_conf *conf,
    struct err *e);
void s3_close_place(struct s3 *s);

/* store_s3.c */
/* One PUT, with or without a condition. */
int s3_put_once(struct s3 *s, const char *key, const void *p, size_t len,
    bool is_if_absent, size_t cut_after, struct s3_resp *ret);

#endif
