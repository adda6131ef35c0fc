/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef NET_S3_XML_H
#define NET_S3_XML_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * s3_xml - what an S3 server answers with.  Knows nothing of requests.
 *
 * Each returns 0, -EPROTO if it is not that document, -ENOMEM, or what fn
 * returned.  Texts given to fn are borrowed during the call.
 */

#define S3_TOKEN_MAX 4096

/* ListBucketResult, of ListObjects and ListObjectsV2. */
struct s3_list_end {
	bool is_truncated;
	bool is_encoded;		/* keys are percent-encoded */
	char token[S3_TOKEN_MAX];	/* NextContinuationToken; "" */
	char marker[S3_TOKEN_MAX];	/* NextMarker, not encoded; "" */
};
int s3_xml_list(const void *p, size_t len,
    int (*fn)(void *arg, const char *key, uint64_t size), void *arg,
    struct s3_list_end *ret);

/* ListVersionsResult. */
struct s3_version {
	const char *key, *id;
	bool is_latest;
	bool is_marker;			/* says that it was deleted */
};
struct s3_versions_end {
	bool is_truncated;
	bool is_encoded;
	char key[S3_TOKEN_MAX];		/* NextKeyMarker */
	char id[S3_TOKEN_MAX];		/* NextVersionIdMarker */
};
int s3_xml_versions(const void *p, size_t len,
    int (*fn)(void *arg, const struct s3_version *v), void *arg,
    struct s3_versions_end *ret);

/* Error. */
struct s3_error {
	char code[64];
	char message[200];
	char region[64];		/* where it says the bucket is; "" */
};
int s3_xml_error(const void *p, size_t len, struct s3_error *ret);

/* VersioningConfiguration. */
enum s3_versioning {
	S3_VERSIONING_NEVER = 0,
	S3_VERSIONING_ENABLED,
	S3_VERSIONING_SUSPENDED,
};
int s3_xml_versioning(const void *p, size_t len, enum s3_versioning *ret);

/* ObjectLockConfiguration. */
struct s3_lock {
	bool is_enabled;
	char mode[16];			/* "GOVERNANCE", "COMPLIANCE"; "" */
	unsigned days, years;		/* kept by default */
};
int s3_xml_lock(const void *p, size_t len, struct s3_lock *ret);

/* LifecycleConfiguration: its enabled rules, and how many of them do what to
 * objects whose keys begin with prefix. */
struct s3_lifecycle {
	unsigned rules;			/* for whatever keys */
	unsigned expiring;		/* delete current objects */
	unsigned old_expiring;		/* delete earlier versions */
	unsigned moving;		/* to another storage class */
};
int s3_xml_lifecycle(const void *p, size_t len, const char *prefix,
    struct s3_lifecycle *ret);

#endif
