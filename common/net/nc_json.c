/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "net/nc_json.h"

#include <errno.h>
#include <string.h>

#include "net/json_text.h"

/* A text without control characters that fits; *r becomes -EPROTO else. */
static void
take(const json_t *o, const char *name, char *ret, size_t cap, int *r)
{
	const char *s = json_string_value(json_object_get(o, name)), *c;

	if (!s || !*s || strlen(s) >= cap) {
		*r = -EPROTO;
		return;
	}
	for (c = s; *c; c++) {
		if ((unsigned char)*c < ' ' || *c == 0x7f) {
			*r = -EPROTO;
			return;
		}
	}
	memcpy(ret, s, strlen(s) + 1);
}

int
nc_json_flow(const void *p, size_t len, struct nc_flow *ret)
{
	struct nc_flow f;
	json_t *o, *poll;
	int r;

	r = json_text_load(p, len, &o);
	if (r < 0)
		return r;
	memset(&f, 0, sizeof(f));
	poll = json_object_get(o, "poll");
	take(poll, "token", f.token, sizeof(f.token), &r);
	take(poll, "endpoint", f.endpoint, sizeof(f.endpoint), &r);
	take(o, "login", f.login, sizeof(f.login), &r);
	json_decref(o);
	if (r == 0)
		*ret = f;
	return r;
}

int
nc_json_grant(const void *p, size_t len, struct nc_grant *ret)
{
	struct nc_grant g;
	json_t *o;
	int r;

	r = json_text_load(p, len, &o);
	if (r < 0)
		return r;
	memset(&g, 0, sizeof(g));
	take(o, "loginName", g.user, sizeof(g.user), &r);
	take(o, "appPassword", g.password, sizeof(g.password), &r);
	json_decref(o);
	if (r == 0)
		*ret = g;
	explicit_bzero(&g, sizeof(g));
	return r;
}

/* The "data" of an OCS answer. */
static const json_t *
ocs_data(const json_t *o)
{
	return json_object_get(json_object_get(o, "ocs"), "data");
}

int
nc_json_user(const void *p, size_t len, char ret[static NC_TEXT_MAX])
{
	char id[NC_TEXT_MAX];
	json_t *o;
	int r;

	r = json_text_load(p, len, &o);
	if (r < 0)
		return r;
	take(ocs_data(o), "id", id, sizeof(id), &r);
	json_decref(o);
	if (r == 0)
		memcpy(ret, id, strlen(id) + 1);
	return r;
}

int
nc_json_caps(const void *p, size_t len, struct nc_caps *ret)
{
	const json_t *data, *files;
	struct nc_caps c;
	json_t *o;
	int r, none = 0;

	r = json_text_load(p, len, &o);
	if (r < 0)
		return r;
	memset(&c, 0, sizeof(c));
	data = ocs_data(o);
	files = json_object_get(json_object_get(data, "capabilities"),
	    "files");
	if (!files)
		r = -EPROTO;
	c.has_trash = json_is_true(json_object_get(files, "undelete"));
	c.has_versions = json_is_true(json_object_get(files, "versioning"));
	take(json_object_get(data, "version"), "string", c.version,
	    sizeof(c.version), &none);
	json_decref(o);
	if (r == 0)
		*ret = c;
	return r;
}
