/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "net/swift_json.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "net/json_text.h"
#include "util/buf.h"

#define LIFE_MAX_S (366LL * 86400)

/* "" if it is none. */
static const char *
text_of(const json_t *o, const char *name)
{
	const char *s = json_string_value(json_object_get(o, name));

	return s ? s : "";
}

static uint64_t
number_of(const json_t *o, const char *name)
{
	json_int_t v = json_integer_value(json_object_get(o, name));

	return v > 0 ? (uint64_t)v : 0;
}

/* ---- logging in ------------------------------------------------------- */

/* {"id": id} or {"name": name}; NULL without either. */
static json_t *
named(const char *name, const char *id)
{
	return id ? json_pack("{s:s}", "id", id) : name ?
	    json_pack("{s:s}", "name", name) : NULL;
}

static json_t *
identity(const struct swift_login *l)
{
	if (l->is_app)
		return json_pack("{s:[s],s:{s:s,s:s}}", "methods",
		    "application_credential", "application_credential", "id",
		    l->user, "secret", l->password);
	return json_pack("{s:[s],s:{s:{s:s,s:s,s:o*}}}", "methods",
	    "password", "password", "user", "name", l->user, "password",
	    l->password, "domain", named(l->domain, l->domain_id));
}

/* NULL: an application credential brings its own, or none was named. */
static json_t *
scope(const struct swift_login *l)
{
	if (l->is_app)
		return NULL;
	if (l->project_id)
		return json_pack("{s:{s:s}}", "project", "id",
		    l->project_id);
	if (!l->project)
		return NULL;
	return json_pack("{s:{s:s,s:o*}}", "project", "name", l->project,
	    "domain", named(l->project_domain, l->project_domain_id));
}

static int
on_dump(const char *p, size_t len, void *arg)
{
	return buf_put(arg, p, len);
}

int
swift_json_login(const struct swift_login *l, struct buf *out)
{
	json_t *o;
	int r;

	o = json_pack("{s:{s:o,s:o*}}", "auth", "identity", identity(l),
	    "scope", scope(l));
	/* A text that is not UTF-8 cannot be said in JSON. */
	if (!o)
		return -EINVAL;
	r = json_dump_callback(o, on_dump, out, JSON_COMPACT) == 0 ? 0 :
	    out->err ? out->err : -ENOMEM;
	json_decref(o);
	return r;
}

/* "2026-11-23T01:02:03.000000Z", as seconds since 1970; 0 if it is not. */
static int64_t
time_of(const char *s)
{
	struct tm tm;
	const char *end;

	memset(&tm, 0, sizeof(tm));
	end = strptime(s, "%Y-%m-%dT%H:%M:%S", &tm);
	if (!end || (*end != 'Z' && *end != '.'))
		return 0;
	return (int64_t)timegm(&tm);
}

/* What the token lives, by its own dates: clocks may differ. */
static int64_t
life_of(const json_t *token)
{
	int64_t from = time_of(text_of(token, "issued_at"));
	int64_t to = time_of(text_of(token, "expires_at"));

	if (from <= 0 || to <= from)
		return 0;
	return to - from < LIFE_MAX_S ? to - from : LIFE_MAX_S;
}

static bool
is_region(const json_t *endpoint, const char *region)
{
	return !region ||
	    strcmp(text_of(endpoint, "region_id"), region) == 0 ||
	    strcmp(text_of(endpoint, "region"), region) == 0;
}

static const char *
endpoint_find(const json_t *service, const char *region,
    const char *interface)
{
	json_t *all = json_object_get(service, "endpoints"), *one;
	size_t i;

	json_array_foreach(all, i, one)
		if (strcmp(text_of(one, "interface"), interface) == 0 &&
		    is_region(one, region) && text_of(one, "url")[0])
			return text_of(one, "url");
	return NULL;
}

int
swift_json_token(const void *p, size_t len, const char *region,
    const char *interface, struct swift_token *ret)
{
	json_t *root, *token, *catalog, *service;
	const char *url = NULL;
	size_t i, n;
	int r;

	r = json_text_load(p, len, &root);
	if (r < 0)
		return r;
	token = json_object_get(root, "token");
	catalog = json_object_get(token, "catalog");
	json_array_foreach(catalog, i, service) {
		if (!url && strcmp(text_of(service, "type"),
		    "object-store") == 0)
			url = endpoint_find(service, region, interface);
	}
	n = url ? strlen(url) : 0;
	if (!json_is_object(token))
		r = -EPROTO;
	else if (!url)
		r = -ENOENT;
	else if (n >= sizeof(ret->storage))
		r = -EPROTO;
	else
		memcpy(ret->storage, url, n + 1);
	if (r == 0)
		ret->life_s = life_of(token);
	json_decref(root);
	return r;
}

/* ---- answers of the store --------------------------------------------- */

int
swift_json_list(const void *p, size_t len,
    int (*fn)(void *arg, const struct swift_entry *en), void *arg,
    size_t *ret_n)
{
	struct swift_entry en;
	json_t *root, *one;
	size_t i;
	int r;

	r = json_text_load(p, len, &root);
	if (r < 0)
		return r;
	if (!json_is_array(root))
		r = -EPROTO;
	*ret_n = json_array_size(root);
	json_array_foreach(root, i, one) {
		en.name = text_of(one, "name");
		en.size = number_of(one, "bytes");
		en.version = text_of(one, "version_id");
		en.is_latest = json_is_true(json_object_get(one,
		    "is_latest"));
		/* What has no name stands for others ("subdir"). */
		if (r == 0 && en.name[0])
			r = fn(arg, &en);
	}
	json_decref(root);
	return r;
}

int
swift_json_info(const void *p, size_t len, struct swift_info *ret)
{
	json_t *root, *o;
	int r;

	r = json_text_load(p, len, &root);
	if (r < 0)
		return r;
	if (json_is_object(root)) {
		o = json_object_get(root, "swift");
		ret->max_file_size = number_of(o, "max_file_size");
		ret->max_name = number_of(o, "max_object_name_length");
		o = json_object_get(root, "bulk_delete");
		ret->max_deletes = number_of(o, "max_deletes_per_request");
	} else {
		r = -EPROTO;
	}
	json_decref(root);
	return r;
}

int
swift_json_error(const void *p, size_t len, char *ret, size_t cap)
{
	const char *s;
	json_t *root;
	int r;

	r = json_text_load(p, len, &root);
	if (r < 0)
		return r;
	s = text_of(json_object_get(root, "error"), "message");
	if (!*s)
		r = -EPROTO;
	else
		(void)snprintf(ret, cap, "%s", s);
	json_decref(root);
	return r;
}
