/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef STORE_S3_SIGN_H
#define STORE_S3_SIGN_H

#include <stddef.h>

struct buf;

/*
 * s3_sign - signatures of S3 requests, version 4 and version 2.
 *
 * Done here and not by the HTTP library: it signs the query as it stands,
 * neither sorted nor encoded in the one form that servers accept.  Pure: no
 * clock, no network.  Nothing is sent that is not encoded as it is signed.
 */

#define S3_PAIRS_MAX 16

/* A parameter or a header. */
struct s3_pair {
	const char *name, *value;
};

struct s3_sig {
	const char *method;
	const char *path;		/* decoded, begins with '/' */
	const struct s3_pair *query;	/* decoded, in any order */
	size_t nquery;			/* at most S3_PAIRS_MAX */
	const struct s3_pair *headers;	/* lower-case names, in any order */
	size_t nheaders;		/* at most S3_PAIRS_MAX */
	/* Version 4. */
	const char *payload;		/* SHA-256 of the body, hexadecimal */
	const char *time;		/* "20130524T000000Z" */
	const char *region, *service;
	/* Version 2. */
	const char *bucket;		/* if it is in the host; else NULL */
};

/* Append the query as it must be sent: encoded and sorted, "a=1&b=". */
int s3_query(const struct s3_sig *g, struct buf *out);
/* Append the canonical request of version 4. */
int s3_sig4_request(const struct s3_sig *g, struct buf *out);
/* Append the value of the Authorization header.  Results are those of the
 * buffer, and -EINVAL for more pairs than the maximum. */
int s3_sig4(const struct s3_sig *g, const char *key_id, const char *secret,
    struct buf *out);
/* The same, version 2: signed are the headers date, content-type,
 * content-md5 and x-amz-*.  -EIO if the library has no HMAC-SHA1. */
int s3_sig2(const struct s3_sig *g, const char *key_id, const char *secret,
    struct buf *out);

#endif
