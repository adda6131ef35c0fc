/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "store/preset.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "net/url.h"
#include "net/url_query.h"
#include "util/buf.h"
#include "util/err.h"

#define LINE_MAX_BYTES 1024
#define FIELD(f) offsetof(struct preset, f), sizeof(((struct preset *)0)->f)

static const struct {
	const char *name;
	size_t off, cap;
} fields[] = {
	{ "name", FIELD(name) },
	{ "url", FIELD(url) },
	{ "hosts", FIELD(hosts) },
	{ "args", FIELD(args) },
	{ "law", FIELD(law) },
	{ "technology", FIELD(technology) },
	{ "qualification", FIELD(qualification) },
	{ "quirks", FIELD(quirks) },
	{ "note", FIELD(note) },
};

static char *
trim(char *s)
{
	size_t n;

	s += strspn(s, " \t\r");
	n = strlen(s);
	while (n > 0 && strchr(" \t\r", s[n - 1]))
		s[--n] = '\0';
	return s;
}

/* Letters, digits and '-', within cap. */
static int
word_take(const char *s, size_t len, char *out, size_t cap)
{
	size_t i;

	if (len == 0 || len >= cap)
		return -EINVAL;
	for (i = 0; i < len; i++) {
		if (!(s[i] >= 'a' && s[i] <= 'z') && s[i] != '-' &&
		    !(s[i] >= 'A' && s[i] <= 'Z') &&
		    !(s[i] >= '0' && s[i] <= '9'))
			return -EINVAL;
	}
	memcpy(out, s, len);
	out[len] = '\0';
	return 0;
}

/* "[id kind]" */
static int
section_begin(struct presets *s, const char *line, unsigned no,
    struct err *e)
{
	const char *end = strchr(line, ']'), *sp = strchr(line, ' ');
	struct preset *p;

	if (s->n == PRESETS_MAX)
		return err_set(e, -EINVAL, "line %u: more than %d", no,
		    PRESETS_MAX);
	p = realloc(s->p, (s->n + 1) * sizeof(*p));
	if (!p)
		return err_set(e, -ENOMEM, "out of memory");
	s->p = p;
	p += s->n;
	memset(p, 0, sizeof(*p));
	if (!end || end[1] || !sp ||
	    word_take(line + 1, (size_t)(sp - line - 1), p->id,
	    sizeof(p->id)) < 0 || word_take(sp + 1, (size_t)(end - sp - 1),
	    p->kind, sizeof(p->kind)) < 0)
		return err_set(e, -EINVAL, "line %u: '[NAME KIND]' expected",
		    no);
	s->n++;
	return 0;
}

/* "gra:FR rbx:FR" */
static int
regions_take(struct preset *p, const char *v, unsigned no, struct err *e)
{
	struct preset_region *g;
	const char *colon;
	size_t n;

	for (v += strspn(v, " "); *v; v += n + strspn(v + n, " ")) {
		n = strcspn(v, " ");
		colon = memchr(v, ':', n);
		if (p->nregions == PRESET_REGIONS_MAX)
			return err_set(e, -EINVAL, "line %u: too many "
			    "regions", no);
		g = &p->regions[p->nregions];
		if (!colon || word_take(v, (size_t)(colon - v), g->id,
		    sizeof(g->id)) < 0 || word_take(colon + 1,
		    n - (size_t)(colon - v) - 1, g->country,
		    sizeof(g->country)) < 0)
			return err_set(e, -EINVAL, "line %u: 'REGION:CC' "
			    "expected", no);
		p->nregions++;
	}
	return 0;
}

static int
line_take(struct presets *s, char *line, unsigned no, struct err *e)
{
	struct preset *p;
	char *key = trim(line), *v;
	size_t i;

	if (!*key || *key == '#')
		return 0;
	if (*key == '[')
		return section_begin(s, key, no, e);
	v = strchr(key, '=');
	if (!v || s->n == 0)
		return err_set(e, -EINVAL, "line %u: 'name = value' expected",
		    no);
	*v = '\0';
	v = trim(v + 1);
	key = trim(key);
	p = &s->p[s->n - 1];
	if (strcmp(key, "regions") == 0)
		return regions_take(p, v, no, e);
	for (i = 0; i < sizeof(fields) / sizeof(*fields); i++) {
		if (strcmp(fields[i].name, key) != 0)
			continue;
		if (strlen(v) >= fields[i].cap)
			return err_set(e, -EINVAL, "line %u: too long", no);
		memcpy((char *)p + fields[i].off, v, strlen(v) + 1);
		return 0;
	}
	return err_set(e, -EINVAL, "line %u: unknown '%.40s'", no, key);
}

int
presets_parse(const void *bytes, size_t len, struct presets *ret,
    struct err *e)
{
	const char *at = len ? bytes : "", *end = at + len, *nl;
	struct presets s = { NULL, 0 };
	char line[LINE_MAX_BYTES];
	unsigned no = 0;
	size_t n;
	int r = 0;

	if (len > PRESET_FILE_MAX)
		return err_set(e, -EINVAL, "too long");
	while (at < end && r == 0) {
		no++;
		nl = memchr(at, '\n', (size_t)(end - at));
		n = (size_t)((nl ? nl : end) - at);
		if (n >= sizeof(line) || memchr(at, '\0', n)) {
			r = err_set(e, -EINVAL, "line %u: too long, or no "
			    "text", no);
			break;
		}
		memcpy(line, at, n);
		line[n] = '\0';
		r = line_take(&s, line, no, e);
		at = nl ? nl + 1 : end;
	}
	if (r < 0)
		presets_done(&s);
	else
		*ret = s;
	return r;
}

void
presets_done(struct presets *s)
{
	free(s->p);
	s->p = NULL;
	s->n = 0;
}

const struct preset *
presets_find(const struct presets *s, const char *id, const char *kind)
{
	size_t i;

	for (i = 0; i < s->n; i++)
		if (strcmp(s->p[i].id, id) == 0 &&
		    (!kind || strcmp(s->p[i].kind, kind) == 0))
			return &s->p[i];
	return NULL;
}

/* ---- short forms ---- */

#define ARGS_MAX 8

struct pieces {
	const struct preset *p;
	char user[256];			/* with '@'; or "" */
	struct {
		char name[24];
		const char *value;
		size_t len;
	} args[ARGS_MAX];
	size_t nargs;
	const char *prefix;		/* the rest, with '/'; or "" */
};

/* Take the values that the preset wants off the path. */
static int
args_take(struct pieces *c, const char *path, struct err *e)
{
	const char *names = c->p->args;
	size_t n, len;

	for (; *names; names += n + strspn(names + n, " ")) {
		n = strcspn(names, " ");
		if (c->nargs == ARGS_MAX || word_take(names, n,
		    c->args[c->nargs].name, sizeof(c->args[0].name)) < 0)
			return err_set(e, -EINVAL, "preset '%s' is broken",
			    c->p->id);
		path += *path == '/';
		len = strcspn(path, "/");
		if (len == 0)
			return err_set(e, -EINVAL, "'%s:%s/…' lacks "
			    "the '%s': what follows the name is %s", c->p->kind,
			    c->p->id, c->args[c->nargs].name, c->p->args);
		c->args[c->nargs].value = path;
		c->args[c->nargs++].len = len;
		path += len;
	}
	c->prefix = path;
	return 0;
}

static int
region_check(const struct pieces *c, struct err *e)
{
	struct buf list = BUF_INIT(1024);
	size_t i, k;
	int r;

	for (i = 0; i < c->nargs; i++) {
		if (strcmp(c->args[i].name, "region") != 0)
			continue;
		for (k = 0; k < c->p->nregions; k++) {
			const char *id = c->p->regions[k].id;

			if (strlen(id) == c->args[i].len &&
			    memcmp(id, c->args[i].value, c->args[i].len) == 0)
				break;
			(void)buf_printf(&list, " %s", id);
		}
		r = k < c->p->nregions ? 0 : err_set(e, -EINVAL, "%s has no "
		    "region '%.*s' that is known here:%s", c->p->name,
		    (int)c->args[i].len, c->args[i].value, buf_cstr(&list) ?
		    buf_cstr(&list) : "");
		buf_done(&list);
		return r;
	}
	return 0;
}

/* What stands for {name}. */
static void
piece_put(const struct pieces *c, const char *name, size_t len,
    struct buf *out)
{
	size_t i;

	if (len == 4 && memcmp(name, "user", 4) == 0)
		(void)buf_put(out, c->user, strlen(c->user));
	else if (len == 6 && memcmp(name, "prefix", 6) == 0)
		(void)buf_put(out, c->prefix, strlen(c->prefix));
	for (i = 0; i < c->nargs; i++)
		if (strlen(c->args[i].name) == len &&
		    memcmp(c->args[i].name, name, len) == 0)
			(void)buf_put(out, c->args[i].value, c->args[i].len);
}

/* A short form without options. */
static int
expand(const struct presets *s, const char *text, struct buf *out,
    struct err *e)
{
	const char *colon = strchr(text, ':'), *at, *id, *t, *close;
	char kind[16], name[32];
	struct pieces c;
	size_t len;
	int r;

	memset(&c, 0, sizeof(c));
	if (!colon || colon[1] == '/' || !colon[1] ||
	    strncmp(text, "dir:", 4) == 0 || strcmp(text, "mem:") == 0 ||
	    word_take(text, (size_t)(colon - text), kind, sizeof(kind)) < 0)
		return 0;
	id = colon + 1;
	at = memchr(id, '@', strcspn(id, "/"));
	len = at ? (size_t)(at + 1 - id) : 0;
	if (len >= sizeof(c.user))
		return err_set(e, -EINVAL, "the user is too long");
	memcpy(c.user, id, len);
	id += len;
	len = strcspn(id, "/");
	if (word_take(id, len, name, sizeof(name)) == 0)
		c.p = presets_find(s, name, kind);
	if (!c.p)
		return err_set(e, -EINVAL, "no provider '%.*s' of the kind "
		    "'%s' is known: 'coffre store presets' lists them",
		    (int)len, id, kind);
	r = args_take(&c, id + len, e);
	if (r == 0)
		r = region_check(&c, e);
	if (r < 0)
		return r;
	for (t = c.p->url; *t; t = close + 1) {
		len = strcspn(t, "{");
		(void)buf_put(out, t, len);
		t += len;
		close = *t ? strchr(t, '}') : NULL;
		if (!close)
			break;
		piece_put(&c, t + 1, (size_t)(close - t - 1), out);
	}
	return out->err ? out->err : 1;
}

int
presets_expand(const struct presets *s, const char *text, struct buf *out,
    struct err *e)
{
	const char *options = strchrnul(text, '?');
	char *place = strndup(text, (size_t)(options - text));
	size_t start = out->len;
	int r;

	if (!place)
		return err_set(e, -ENOMEM, "out of memory");
	r = expand(s, place, out, e);
	free(place);
	/* Of two that are the same the last counts. */
	if (r > 0 && options[0] && options[1] &&
	    buf_printf(out, "%c%s", memchr(out->data + start, '?',
	    out->len - start) ? '&' : '?', options + 1) < 0)
		r = out->err;
	return r;
}

/* ---- whose store ---- */

/* The host in the template of an address. */
static size_t
host_of(const char *url, const char **ret)
{
	const char *p = strstr(url, "://"), *end;
	size_t n;

	if (!p)
		return 0;
	p += strncmp(p + 3, "{user}", 6) == 0 ? 9 : 3;
	*ret = p;
	/* What stands for a prefix has its own '/'. */
	end = strstr(p, "{prefix}");
	n = strcspn(p, "/?");
	return end && (size_t)(end - p) < n ? (size_t)(end - p) : n;
}

static bool
is_label(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
}

struct text {
	const char *p;
	size_t len;
};

/* Does host look like t..end, with a label or a part of one for a {name}?
 * What stands for {region} is given back. */
static bool
host_match(const char *t, const char *end, const char *host,
    struct text *region)
{
	const char *close;
	size_t n;

	for (; t < end && *t != '{'; t++, host++) {
		if (*t != *host)
			return false;
	}
	if (t == end)
		return !*host;
	close = memchr(t, '}', (size_t)(end - t));
	if (!close)
		return false;
	for (n = 0; is_label(host[n]); n++)
		;
	for (; n > 0; n--) {
		if (!host_match(close + 1, end, host + n, region))
			continue;
		if (strncmp(t, "{region}", 8) == 0)
			*region = (struct text){ host, n };
		return true;
	}
	return false;
}

static bool
is_host_of(const struct preset *p, const char *host, struct text *region)
{
	const char *t = NULL;
	size_t n = host_of(p->url, &t);

	/* A bare "{host}" is everybody's. */
	if (n > 0 && memchr(t, '.', n) && host_match(t, t + n, host, region))
		return true;
	for (t = p->hosts; *t; t += n + strspn(t + n, " ")) {
		n = strcspn(t, " ");
		if (host_match(t, t + n, host, region))
			return true;
	}
	return false;
}

#define REGION_MAX 64

/* The last one counts, as where the store is opened. */
static int
on_option(void *arg, const char *name, const char *value, struct err *e)
{
	(void)e;
	if (strcmp(name, "region") == 0)
		(void)snprintf(arg, REGION_MAX, "%s", value);
	return 0;
}

static const struct preset *
by_host(const struct presets *s, const char *host, const char *asked,
    const struct preset_region **region)
{
	struct text found = { NULL, 0 };
	size_t i, k;

	for (i = 0; i < s->n; i++) {
		const struct preset *p = &s->p[i];

		if (!is_host_of(p, host, &found))
			continue;
		/* All regions of a Swift are behind one host. */
		if (!found.p && strstr(p->url, "region={region}"))
			found = (struct text){ asked, strlen(asked) };
		for (k = 0; k < p->nregions; k++) {
			const struct preset_region *g = &p->regions[k];

			if (found.p ? strlen(g->id) == found.len &&
			    strncasecmp(g->id, found.p, found.len) == 0 :
			    p->nregions == 1)
				*region = g;
		}
		return p;
	}
	return NULL;
}

const struct preset *
presets_by_url(const struct presets *s, const char *url,
    const struct preset_region **region)
{
	const struct preset *p = NULL;
	char asked[REGION_MAX] = "";
	char *base = NULL;
	struct url u;
	size_t n;

	*region = NULL;
	memset(&u, 0, sizeof(u));
	if (url_query(url, on_option, asked, &base, NULL) == 0 &&
	    url_parse(base, &u, NULL) == 0) {
		/* "host." is the same host. */
		n = strlen(u.host);
		if (n > 1 && u.host[n - 1] == '.')
			u.host[n - 1] = '\0';
		p = by_host(s, u.host, asked, region);
	}
	url_done(&u);
	free(base);
	return p;
}
