/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "net/http_value.h"
#include "store/swift_priv.h"

/*
 * swift_list - names and versions in a container, and how much room there is.
 *
 * A listing goes on from its last name until a page is empty: how many names
 * a page holds, of those that we ask for, is the server's affair.
 */

/* A server that makes pages up comes to an end. */
#define PAGES_MAX 100000
/* Also where each look shows what should be gone; where there are so many
 * versions the next call goes on. */
#define ROUNDS_MAX 100
#define VERSIONS_MAX 10000

struct walk {
	struct swift *s;
	int (*fn)(void *arg, const char *name, uint64_t size);
	void *arg;
	bool is_told;			/* fn has ended it */
	char last[4096];
};

static int
on_entry(void *arg, const struct swift_entry *en)
{
	struct walk *w = arg;
	const char *prefix = w->s->prefix, *name;
	size_t n = strlen(prefix);
	int r;

	if (strlen(en->name) < sizeof(w->last))
		memcpy(w->last, en->name, strlen(en->name) + 1);
	if (strncmp(en->name, prefix, n) != 0)
		return 0;
	name = en->name + n;
	if (!*name || !store_name_ok(name))
		return 0;
	r = w->fn(w->arg, name, en->size);
	w->is_told = r != 0;
	return r;
}

/* One page of what begins with prefix and comes behind marker. */
static int
page(struct swift *s, const char *extra, const char *prefix,
    const char *marker, int (*fn)(void *arg, const struct swift_entry *en),
    void *arg, size_t *ret_n)
{
	struct buf body = BUF_INIT(SWIFT_LIST_MAX), query =
	    BUF_INIT(SWIFT_URL_MAX);
	struct swift_req q = { .method = "GET", .out = &body,
	    .header = { "Accept: application/json" } };
	struct http_resp a;
	int r;

	(void)buf_printf(&query, "%sformat=json&limit=%d&prefix=", extra,
	    SWIFT_LIST_NAMES);
	(void)url_encode(&query, prefix, false);
	if (marker[0]) {
		(void)buf_printf(&query, "&marker=");
		(void)url_encode(&query, marker, false);
	}
	*ret_n = 0;
	q.query = buf_cstr(&query);
	r = q.query ? swift_call(s, &q, &a) : -ENOMEM;
	if (r == -ENOENT) {
		swift_say(s, "%s has no container '%s'", s->host,
		    s->container);
		r = -EHOSTUNREACH;
	} else if (r == 0 && a.status == 200) {
		r = swift_json_list(body.data, body.len, fn, arg, ret_n);
		if (r == -EPROTO)
			swift_say(s, "%s sent a listing that makes no sense",
			    s->host);
	} else if (r == 0 && a.status != 204) {
		r = -EPROTO;
	}
	buf_done(&query);
	buf_done(&body);
	return r;
}

int
swift_list(struct store *st, const char *prefix,
    int (*fn)(void *arg, const char *name, uint64_t size), void *arg)
{
	struct walk *w = calloc(1, sizeof(*w));
	char name[SWIFT_NAME_MAX], marker[sizeof(w->last)];
	size_t n = 0;
	int i, r = 0;

	if (!w)
		return -ENOMEM;
	w->s = (struct swift *)st;
	w->fn = fn;
	w->arg = arg;
	swift_name(w->s, prefix, name);
	for (i = 0; i < PAGES_MAX && r == 0; i++) {
		memcpy(marker, w->last, sizeof(marker));
		r = page(w->s, "", name, marker, on_entry, w, &n);
		if (w->is_told || (r == 0 && n == 0))
			break;
		/* The same name again would give the same page for ever. */
		if (r == 0 && strcmp(marker, w->last) == 0)
			r = -EPROTO;
	}
	if (i == PAGES_MAX)
		r = -EFBIG;
	free(w);
	return r;
}

/* ---- versions --------------------------------------------------------- */

struct versions {
	const char *object;
	struct buf found;		/* ids */
	unsigned ndeleted;
};

static int
on_version(void *arg, const struct swift_entry *en)
{
	struct versions *v = arg;

	if (strcmp(en->name, v->object) != 0 || !en->version[0])
		return 0;
	return buf_put_str16(&v->found, en->version, strlen(en->version) + 1);
}

static int
version_delete(struct swift *s, const char *object, const char *id)
{
	struct buf query = BUF_INIT(1024);
	struct swift_req q = { .method = "DELETE", .object = object,
	    .is_write = true };
	struct http_resp a;
	int r;

	(void)buf_printf(&query, "version-id=");
	(void)url_encode(&query, id, false);
	q.query = buf_cstr(&query);
	r = q.query ? swift_call(s, &q, &a) : -ENOMEM;
	buf_done(&query);
	return r == -ENOENT ? 0 : r;
}

static int
endless(struct swift *s)
{
	swift_say(s, "%s shows versions of an object without an end", s->host);
	return -EPROTO;
}

/* Oldest first, so that none comes to light: a page shows the newest, the
 * marker, first. */
static int
found_delete(struct swift *s, struct versions *v)
{
	struct rd in = rd_of(v->found.data, v->found.len);
	const uint8_t **id;
	size_t len, n = 0, max = v->found.len / 3 + 1;
	int r = 0;

	id = calloc(max, sizeof(*id));
	if (!id)
		return -ENOMEM;
	while (in.left && n < max)
		id[n++] = rd_str16(&in, UINT16_MAX, &len);
	while (r == 0 && n > 0) {
		n--;
		if (v->ndeleted++ >= VERSIONS_MAX)
			r = endless(s);
		else if (id[n])
			r = version_delete(s, v->object, (const char *)id[n]);
	}
	free(id);
	return r;
}

int
swift_versions_delete(struct swift *s, const char *object)
{
	struct versions v = { .object = object,
	    .found = BUF_INIT(SWIFT_LIST_MAX) };
	size_t n = 0;
	int i, r = 0;

	/* Each round takes away what the one before has seen. */
	for (i = 0; i < ROUNDS_MAX && r == 0; i++) {
		buf_reset(&v.found);
		r = page(s, "versions=&", object, "", on_version, &v, &n);
		if (r == 0 && v.found.len == 0)
			break;
		if (r == 0)
			r = found_delete(s, &v);
	}
	if (i == ROUNDS_MAX && r == 0)
		r = endless(s);
	buf_done(&v.found);
	return r;
}

/* ---- room ------------------------------------------------------------- */

struct quota {
	char used[32], max[32];
};

/* The quota of the container or of the account; UINT64_MAX: none. */
static int
quota_read(struct swift *s, bool is_account, uint64_t *ret_max,
    uint64_t *ret_used)
{
	struct quota v = { "", "" };
	struct http_want want[] = {
	    { is_account ? "X-Account-Bytes-Used" :
	    "X-Container-Bytes-Used", v.used, sizeof(v.used) },
	    { is_account ? "X-Account-Meta-Quota-Bytes" :
	    "X-Container-Meta-Quota-Bytes", v.max, sizeof(v.max) },
	    { NULL, NULL, 0 } };
	struct swift_req q = { .method = "HEAD", .is_account = is_account,
	    .want = want };
	struct http_resp a;
	int r;

	r = swift_call(s, &q, &a);
	if (r < 0)
		return r;
	*ret_max = UINT64_MAX;
	*ret_used = 0;
	if (http_number(v.used, ret_used) < 0 ||
	    http_number(v.max, ret_max) < 0)
		*ret_max = UINT64_MAX;
	return 0;
}

int
swift_space(struct store *st, struct store_space *ret)
{
	struct swift *s = (struct swift *)st;
	uint64_t max, used, amax = UINT64_MAX, aused = 0;
	int r;

	r = quota_read(s, false, &max, &used);
	if (r == -ENOENT)
		return -EOPNOTSUPP;
	if (r < 0)
		return r;
	/* Not every user may look at the account. */
	r = quota_read(s, true, &amax, &aused);
	if (r < 0 && r != -EACCES && r != -ENOENT && r != -EOPNOTSUPP &&
	    r != -EPROTO)
		return r;
	if (max == UINT64_MAX && amax == UINT64_MAX)
		return -EOPNOTSUPP;
	max = max > used ? max == UINT64_MAX ? max : max - used : 0;
	amax = amax > aused ? amax == UINT64_MAX ? amax : amax - aused : 0;
	ret->free_bytes = max < amax ? max : amax;
	ret->total_bytes = ret->free_bytes + (max < amax ? used : aused);
	return 0;
}
