/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "net/s3_xml.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "net/http_value.h"
#include "net/xml.h"
#include "util/buf.h"

static bool
is_true(const char *text)
{
	return strcmp(text, "true") == 0;
}

/* A value that does not fit is as good as absent. */
static void
keep(char *to, size_t cap, const char *text)
{
	size_t n = strlen(text);

	if (n < cap)
		memcpy(to, text, n + 1);
	else
		to[0] = '\0';
}

/* What follows the root's name, if the root is that one. */
static const char *
under(const char *path, const char *root)
{
	size_t n = strlen(root);

	return strncmp(path, root, n) == 0 && path[n] == '/' ? path + n + 1 :
	    NULL;
}

static unsigned
small_number(const char *text)
{
	uint64_t v;

	return http_number(text, &v) == 0 && v < 1000000 ? (unsigned)v : 0;
}

/* ---- lists ------------------------------------------------------------ */

struct list {
	int (*fn)(void *arg, const char *key, uint64_t size);
	void *arg;
	struct s3_list_end *end;
	bool is_it;
	struct buf key;
	bool has_key;
	uint64_t size;
};

static int
list_entry(struct list *l)
{
	const char *key = l->has_key ? buf_cstr(&l->key) : "";
	int r = 0;

	if (!key)
		return -ENOMEM;
	if (key[0])
		r = l->fn(l->arg, key, l->size);
	l->has_key = false;
	l->size = 0;
	return r;
}

static int
on_list(void *arg, const char *path, const char *text)
{
	struct list *l = arg;
	const char *in = under(path, "/ListBucketResult");

	if (strcmp(path, "/ListBucketResult") == 0)
		l->is_it = true;
	if (!in)
		return 0;
	if (strcmp(in, "Contents/Key") == 0) {
		buf_reset(&l->key);
		l->has_key = buf_put(&l->key, text, strlen(text)) == 0;
	} else if (strcmp(in, "Contents/Size") == 0) {
		if (http_number(text, &l->size) < 0)
			l->size = 0;
	} else if (strcmp(in, "Contents") == 0) {
		return list_entry(l);
	} else if (strcmp(in, "IsTruncated") == 0) {
		l->end->is_truncated = is_true(text);
	} else if (strcmp(in, "EncodingType") == 0) {
		l->end->is_encoded = strcmp(text, "url") == 0;
	} else if (strcmp(in, "NextContinuationToken") == 0) {
		keep(l->end->token, sizeof(l->end->token), text);
	} else if (strcmp(in, "NextMarker") == 0) {
		keep(l->end->marker, sizeof(l->end->marker), text);
	}
	return 0;
}

int
s3_xml_list(const void *p, size_t len,
    int (*fn)(void *arg, const char *key, uint64_t size), void *arg,
    struct s3_list_end *ret)
{
	struct list l = { .fn = fn, .arg = arg, .end = ret,
	    .key = BUF_INIT(XML_TEXT_MAX) };
	int r;

	memset(ret, 0, sizeof(*ret));
	r = xml_walk(p, len, on_list, &l);
	buf_done(&l.key);
	return r ? r : l.is_it ? 0 : -EPROTO;
}

/* ---- versions --------------------------------------------------------- */

struct versions {
	int (*fn)(void *arg, const struct s3_version *v);
	void *arg;
	struct s3_versions_end *end;
	bool is_it;
	char key[S3_TOKEN_MAX], id[S3_TOKEN_MAX];
	bool is_latest;
};

static int
versions_entry(struct versions *v, bool is_marker)
{
	struct s3_version one = { v->key, v->id, v->is_latest, is_marker };
	int r = 0;

	if (v->key[0] && v->id[0])
		r = v->fn(v->arg, &one);
	v->key[0] = v->id[0] = '\0';
	v->is_latest = false;
	return r;
}

static int
on_versions(void *arg, const char *path, const char *text)
{
	struct versions *v = arg;
	const char *in = under(path, "/ListVersionsResult"), *field;

	if (strcmp(path, "/ListVersionsResult") == 0)
		v->is_it = true;
	if (!in)
		return 0;
	if (strcmp(in, "Version") == 0)
		return versions_entry(v, false);
	if (strcmp(in, "DeleteMarker") == 0)
		return versions_entry(v, true);
	field = strncmp(in, "Version/", 8) == 0 ? in + 8 :
	    strncmp(in, "DeleteMarker/", 13) == 0 ? in + 13 : NULL;
	if (field && strcmp(field, "Key") == 0)
		keep(v->key, sizeof(v->key), text);
	else if (field && strcmp(field, "VersionId") == 0)
		keep(v->id, sizeof(v->id), text);
	else if (field && strcmp(field, "IsLatest") == 0)
		v->is_latest = is_true(text);
	else if (strcmp(in, "IsTruncated") == 0)
		v->end->is_truncated = is_true(text);
	else if (strcmp(in, "EncodingType") == 0)
		v->end->is_encoded = strcmp(text, "url") == 0;
	else if (strcmp(in, "NextKeyMarker") == 0)
		keep(v->end->key, sizeof(v->end->key), text);
	else if (strcmp(in, "NextVersionIdMarker") == 0)
		keep(v->end->id, sizeof(v->end->id), text);
	return 0;
}

int
s3_xml_versions(const void *p, size_t len,
    int (*fn)(void *arg, const struct s3_version *v), void *arg,
    struct s3_versions_end *ret)
{
	struct versions v = { .fn = fn, .arg = arg, .end = ret };
	int r;

	memset(ret, 0, sizeof(*ret));
	r = xml_walk(p, len, on_versions, &v);
	return r ? r : v.is_it ? 0 : -EPROTO;
}

/* ---- errors ----------------------------------------------------------- */

static int
on_error(void *arg, const char *path, const char *text)
{
	struct s3_error *e = arg;
	const char *in = under(path, "/Error");

	if (!in)
		return 0;
	if (strcmp(in, "Code") == 0)
		keep(e->code, sizeof(e->code), text);
	else if (strcmp(in, "Message") == 0)
		(void)snprintf(e->message, sizeof(e->message), "%s", text);
	else if (strcmp(in, "Region") == 0)
		keep(e->region, sizeof(e->region), text);
	return 0;
}

int
s3_xml_error(const void *p, size_t len, struct s3_error *ret)
{
	int r;

	memset(ret, 0, sizeof(*ret));
	r = xml_walk(p, len, on_error, ret);
	return r ? r : ret->code[0] ? 0 : -EPROTO;
}

/* ---- configurations of a bucket --------------------------------------- */

struct versioning {
	enum s3_versioning is;
	bool is_it;
};

static int
on_versioning(void *arg, const char *path, const char *text)
{
	struct versioning *v = arg;

	if (strcmp(path, "/VersioningConfiguration") == 0)
		v->is_it = true;
	if (strcmp(path, "/VersioningConfiguration/Status") == 0)
		v->is = strcmp(text, "Enabled") == 0 ? S3_VERSIONING_ENABLED :
		    strcmp(text, "Suspended") == 0 ? S3_VERSIONING_SUSPENDED :
		    S3_VERSIONING_NEVER;
	return 0;
}

int
s3_xml_versioning(const void *p, size_t len, enum s3_versioning *ret)
{
	struct versioning v = { S3_VERSIONING_NEVER, false };
	int r;

	r = xml_walk(p, len, on_versioning, &v);
	if (r == 0 && !v.is_it)
		r = -EPROTO;
	if (r == 0)
		*ret = v.is;
	return r;
}

struct lock {
	struct s3_lock is;
	bool is_it;
};

static int
on_lock(void *arg, const char *path, const char *text)
{
	struct lock *l = arg;
	const char *in = under(path, "/ObjectLockConfiguration");

	if (strcmp(path, "/ObjectLockConfiguration") == 0)
		l->is_it = true;
	if (!in)
		return 0;
	if (strcmp(in, "ObjectLockEnabled") == 0)
		l->is.is_enabled = strcmp(text, "Enabled") == 0;
	else if (strcmp(in, "Rule/DefaultRetention/Mode") == 0)
		keep(l->is.mode, sizeof(l->is.mode), text);
	else if (strcmp(in, "Rule/DefaultRetention/Days") == 0)
		l->is.days = small_number(text);
	else if (strcmp(in, "Rule/DefaultRetention/Years") == 0)
		l->is.years = small_number(text);
	return 0;
}

int
s3_xml_lock(const void *p, size_t len, struct s3_lock *ret)
{
	struct lock l;
	int r;

	memset(&l, 0, sizeof(l));
	r = xml_walk(p, len, on_lock, &l);
	if (r == 0 && !l.is_it)
		r = -EPROTO;
	if (r == 0)
		*ret = l.is;
	return r;
}

struct lifecycle {
	struct s3_lifecycle is;
	const char *ours;
	bool is_it;
	/* Of the rule being read. */
	bool is_enabled, is_expiring, is_old_expiring, is_moving;
	char prefix[S3_TOKEN_MAX];
};

/* Do the two prefixes have keys in common? */
static bool
is_touched(const char *ours, const char *theirs)
{
	size_t m = strlen(ours), n = strlen(theirs);

	return strncmp(ours, theirs, m < n ? m : n) == 0;
}

static void
rule_end(struct lifecycle *l)
{
	l->is.rules += l->is_enabled;
	if (l->is_enabled && is_touched(l->ours, l->prefix)) {
		l->is.expiring += l->is_expiring;
		l->is.old_expiring += l->is_old_expiring;
		l->is.moving += l->is_moving;
	}
	l->is_enabled = l->is_expiring = l->is_old_expiring = false;
	l->is_moving = false;
	l->prefix[0] = '\0';
}

static int
on_lifecycle(void *arg, const char *path, const char *text)
{
	struct lifecycle *l = arg;
	const char *in = under(path, "/LifecycleConfiguration/Rule");

	if (strcmp(path, "/LifecycleConfiguration") == 0)
		l->is_it = true;
	else if (strcmp(path, "/LifecycleConfiguration/Rule") == 0)
		rule_end(l);
	if (!in)
		return 0;
	if (strcmp(in, "Status") == 0)
		l->is_enabled = strcmp(text, "Enabled") == 0;
	else if (strcmp(in, "Expiration/Days") == 0 ||
	    strcmp(in, "Expiration/Date") == 0)
		l->is_expiring = true;
	else if (strcmp(in, "NoncurrentVersionExpiration") == 0)
		l->is_old_expiring = true;
	else if (strcmp(in, "Transition") == 0)
		l->is_moving = true;
	else if (strcmp(in, "Prefix") == 0 ||
	    strcmp(in, "Filter/Prefix") == 0 ||
	    strcmp(in, "Filter/And/Prefix") == 0)
		(void)snprintf(l->prefix, sizeof(l->prefix), "%s", text);
	return 0;
}

int
s3_xml_lifecycle(const void *p, size_t len, const char *prefix,
    struct s3_lifecycle *ret)
{
	struct lifecycle l;
	int r;

	memset(&l, 0, sizeof(l));
	l.ours = prefix;
	r = xml_walk(p, len, on_lifecycle, &l);
	if (r == 0 && !l.is_it)
		r = -EPROTO;
	if (r == 0)
		*ret = l.is;
	return r;
}
