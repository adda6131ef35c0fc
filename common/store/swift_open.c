/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "crypto/crypto.h"
#include "net/url_query.h"
#include "store/swift_priv.h"
#include "util/err.h"

/* swift_open - the address of a Swift store taken apart. */

/* Places that catalogues may name while a store is open. */
#define PLACES_MAX 16
#define TEXT_MAX 255

/* Keep a text in one of the configuration's fields. */
static int
keep(char **field, const char *name, const char *value, struct err *e)
{
	size_t n = strlen(value);

	if (n == 0)
		return err_set(e, -EINVAL, "'%s' of the address is empty",
		    name);
	if (n > TEXT_MAX)
		return err_set(e, -EINVAL, "'%s' of the address is too long",
		    name);
	free(*field);
	*field = strdup(value);
	return *field ? 0 : err_set(e, -ENOMEM, "out of memory");
}

static int
choice(const char *name, const char *value, const char *first,
    const char *second, bool *ret_second, struct err *e)
{
	if (strcmp(value, first) != 0 && strcmp(value, second) != 0)
		return err_set(e, -EINVAL, "'%s' of the address is '%s' or "
		    "'%s'", name, first, second);
	*ret_second = strcmp(value, second) == 0;
	return 0;
}

static int
on_option(void *arg, const char *name, const char *value, struct err *e)
{
	struct swift_conf *c = arg;
	const struct {
		const char *name;
		char **field;
	} text[] = {
		{ "domain", &c->domain }, { "domain_id", &c->domain_id },
		{ "project", &c->project }, { "project_id", &c->project_id },
		{ "project_domain", &c->project_domain },
		{ "project_domain_id", &c->project_domain_id },
		{ "region", &c->region }, { "interface", &c->interface },
		{ "path", &c->path },
	};
	size_t i;

	if (strcmp(name, "auth") == 0)
		return choice(name, value, "3", "1", &c->is_v1, e);
	if (strcmp(name, "kind") == 0)
		return choice(name, value, "password", "app", &c->is_app, e);
	if (strcmp(name, "tls") == 0)
		return choice(name, value, "yes", "no", &c->is_plain, e);
	for (i = 0; i < sizeof(text) / sizeof(*text); i++)
		if (strcmp(name, text[i].name) == 0)
			return keep(text[i].field, name, value, e);
	return err_set(e, -EINVAL, "a Swift address has no option '%.40s'",
	    name);
}

/* What was left out, and what cannot be. */
static int
conf_check(struct swift_conf *c, struct err *e)
{
	size_t n;
	int r = 0;

	if (!c->path)
		r = keep(&c->path, "path", c->is_v1 ? "/auth/v1.0" : "/v3",
		    e);
	if (r == 0 && !c->interface)
		r = keep(&c->interface, "interface", "public", e);
	if (r == 0 && !c->domain && !c->domain_id)
		r = keep(&c->domain_id, "domain_id", "default", e);
	if (r == 0 && !c->project_domain && !c->project_domain_id)
		r = c->domain ? keep(&c->project_domain, "domain", c->domain,
		    e) : keep(&c->project_domain_id, "domain_id",
		    c->domain_id, e);
	if (r < 0)
		return r;
	n = strlen(c->path);
	while (n > 1 && c->path[n - 1] == '/')
		c->path[--n] = '\0';
	if (c->path[0] != '/' || strstr(c->path, "/."))
		return err_set(e, -EINVAL, "'path' of the address is not of "
		    "the form '/a/b'");
	if (strcmp(c->interface, "public") != 0 &&
	    strcmp(c->interface, "internal") != 0 &&
	    strcmp(c->interface, "admin") != 0)
		return err_set(e, -EINVAL, "'interface' of the address is "
		    "'public', 'internal' or 'admin'");
	if (c->is_v1 && c->is_app)
		return err_set(e, -EINVAL, "there are no application "
		    "credentials with 'auth=1'");
	if (!c->is_v1 && !c->is_app && !c->project && !c->project_id)
		return err_set(e, -EINVAL, "the address names no project: "
		    "add '?project=NAME' or '?project_id=ID'");
	return 0;
}

/* "/container/a/b" as container and "a/b/". */
static int
container_take(struct swift *s, const struct url *u, struct err *e)
{
	const char *at = u->path + 1, *end = strchrnul(at, '/'), *p;
	size_t n = (size_t)(end - at);

	if (n < 1 || n > 256)
		return err_set(e, -EINVAL, "the address names no container: "
		    "'swift://USER@HOST/CONTAINER/PREFIX'");
	for (p = at; *p; p++)
		if ((unsigned char)*p < ' ' || *p == 0x7f)
			return err_set(e, -EINVAL, "the path of the address "
			    "holds a control character");
	s->container = strndup(at, n);
	if (*end && asprintf(&s->prefix, "%s/", end + 1) < 0)
		s->prefix = NULL;
	else if (!*end)
		s->prefix = strdup("");
	return s->container && s->prefix ? 0 :
	    err_set(e, -ENOMEM, "out of memory");
}

static int
user_take(struct swift *s, const char *user, const char *password,
    struct err *e)
{
	const char *p;
	size_t n;

	if (!user || !*user)
		return err_set(e, -EINVAL, "the address names no user: "
		    "'swift://USER@HOST/CONTAINER'");
	if (!password)
		password = "";
	/* They may become lines of a request. */
	for (p = user; *p; p++)
		if ((unsigned char)*p < ' ' || *p == 0x7f)
			return err_set(e, -EINVAL, "the user's name holds a "
			    "control character");
	for (p = password; *p; p++)
		if ((unsigned char)*p < ' ' || *p == 0x7f)
			return err_set(e, -EINVAL, "the password holds a "
			    "control character");
	n = strlen(password);
	s->user = strdup(user);
	s->password = crypto_secret_alloc(n + 1);
	if (!s->user || !s->password)
		return err_set(e, -ENOMEM, "out of memory");
	memcpy(s->password, password, n + 1);
	return 0;
}

/* The address without the user, for people. */
static int
url_show(const struct url *u, const char *url, struct buf *out)
{
	struct buf b = BUF_INIT(SWIFT_URL_MAX);

	if (url_origin(&b, u, false) == 0 && buf_cstr(&b))
		(void)buf_printf(out, "swift%s", buf_cstr(&b) +
		    strlen("http"));
	buf_done(&b);
	(void)url_encode(out, u->path, true);
	(void)buf_printf(out, "%s", strchrnul(url, '?'));
	return buf_cstr(out) ? 0 : -ENOMEM;
}

static int
texts_set(struct swift *s, const struct url *u, const char *url,
    const struct store_conf *conf)
{
	struct buf b = BUF_INIT(SWIFT_URL_MAX);
	int r;

	r = url_show(u, url, &b);
	if (r == 0) {
		free(s->base.url);
		s->base.url = strdup(buf_cstr(&b));
	}
	buf_reset(&b);
	if (url_origin(&b, u, !s->conf.is_plain) == 0 && buf_cstr(&b))
		s->origin = strdup(buf_cstr(&b));
	buf_done(&b);
	s->host = strdup(u->host);
	s->hc.connections = conf->connections;
	s->hc.timeout_s = conf->timeout_s;
	s->hc.is_insecure_http = conf->is_insecure_http;
	if (conf->ca_file)
		s->hc.ca_file = strdup(conf->ca_file);
	if (conf->pin)
		s->hc.pin = strdup(conf->pin);
	return r < 0 || !s->base.url || !s->origin || !s->host ||
	    (conf->ca_file && !s->hc.ca_file) || (conf->pin && !s->hc.pin) ?
	    -ENOMEM : 0;
}

/* A token in clear is as good as the password. */
static bool
is_clear_ok(const struct swift *s, const char *host)
{
	return s->hc.is_insecure_http || url_is_loopback(host);
}

int
swift_open(struct swift *s, const char *url, const struct store_conf *conf,
    struct err *e)
{
	char *base = NULL;
	struct url u;
	int r;

	memset(&u, 0, sizeof(u));
	r = url_query(url, on_option, &s->conf, &base, e);
	if (r == 0)
		r = url_parse(base, &u, e);
	if (r == 0)
		r = container_take(s, &u, e);
	if (r == 0)
		r = conf_check(&s->conf, e);
	if (r == 0)
		r = user_take(s, conf->user ? conf->user : u.user,
		    conf->password, e);
	if (r < 0)
		goto out;
	r = texts_set(s, &u, url, conf);
	if (r < 0) {
		(void)err_set(e, r, "out of memory");
		goto out;
	}
	if (s->conf.is_plain && !is_clear_ok(s, u.host)) {
		r = err_set(e, -EINVAL, "the password would travel in clear "
		    "to '%s': take 'tls=no' out of the address", u.host);
		goto out;
	}
	s->hc.host = s->host;
	s->hc.is_tls = !s->conf.is_plain;
	r = http_new(&s->hc, &s->auth, e);
out:
	url_done(&u);
	free(base);
	return r;
}

static void
place_free(struct swift_place *p)
{
	if (!p)
		return;
	http_free(p->http);
	free(p->origin);
	free(p->root);
	free(p);
}

static struct swift_place *
place_find(struct swift *s, const char *origin, const char *root)
{
	struct swift_place *p;

	mutex_lock(&s->lock);
	SLIST_FOREACH(p, &s->places, link)
		if (strcmp(p->origin, origin) == 0 &&
		    strcmp(p->root, root) == 0)
			break;
	mutex_unlock(&s->lock);
	return p;
}

/* A new place, with connections of its own. */
static int
place_make(struct swift *s, const struct url *u, const char *origin,
    struct swift_place **ret)
{
	struct http_conf hc = s->hc;
	struct swift_place *p = calloc(1, sizeof(*p));
	struct err e = { "" };
	bool is_full, is_interrupted;
	int r;

	if (!p)
		return -ENOMEM;
	p->origin = strdup(origin);
	p->root = strdup(strcmp(u->path, "/") == 0 ? "" : u->path);
	hc.host = u->host;
	hc.is_tls = strcmp(u->scheme, "https") == 0;
	r = p->origin && p->root ? http_new(&hc, &p->http, &e) : -ENOMEM;
	if (r < 0) {
		place_free(p);
		return r;
	}
	mutex_lock(&s->lock);
	is_interrupted = s->is_interrupted;
	is_full = s->nplaces == PLACES_MAX;
	if (!is_full) {
		SLIST_INSERT_HEAD(&s->places, p, link);
		s->nplaces++;
		if (is_interrupted)
			http_interrupt(p->http, true);
	}
	mutex_unlock(&s->lock);
	if (is_full) {
		place_free(p);
		swift_say(s, "%s names ever new places for the store",
		    s->host);
		return -EPROTO;
	}
	*ret = p;
	return 0;
}

int
swift_place_of(struct swift *s, const char *url, struct swift_place **ret)
{
	struct buf b = BUF_INIT(SWIFT_URL_MAX);
	bool is_tls;
	struct url u;
	int r;

	memset(&u, 0, sizeof(u));
	r = url_parse(url, &u, NULL);
	is_tls = r == 0 && strcmp(u.scheme, "https") == 0;
	if (r < 0 || (!is_tls && strcmp(u.scheme, "http") != 0)) {
		swift_say(s, "%s names an address for the store that is "
		    "none", s->host);
		r = r == -ENOMEM ? r : -EPROTO;
		goto out;
	}
	/* It must not lead from an encrypted connection to another. */
	if (!is_tls && (!s->conf.is_plain || !is_clear_ok(s, u.host))) {
		swift_say(s, "%s names an address for the store that is not "
		    "encrypted (%s): it is not used", s->host, u.host);
		r = -EACCES;
		goto out;
	}
	r = url_origin(&b, &u, is_tls);
	if (r < 0 || !buf_cstr(&b)) {
		r = -ENOMEM;
		goto out;
	}
	*ret = place_find(s, buf_cstr(&b), strcmp(u.path, "/") == 0 ? "" :
	    u.path);
	if (!*ret)
		r = place_make(s, &u, buf_cstr(&b), ret);
out:
	buf_done(&b);
	url_done(&u);
	return r;
}

void
swift_close_place(struct swift *s)
{
	struct swift_conf *c = &s->conf;
	struct swift_place *p;

	http_free(s->auth);
	mutex_lock(&s->lock);
	while ((p = SLIST_FIRST(&s->places)) != NULL) {
		SLIST_REMOVE_HEAD(&s->places, link);
		mutex_unlock(&s->lock);
		place_free(p);
		mutex_lock(&s->lock);
	}
	crypto_secret_free(s->token);
	mutex_unlock(&s->lock);
	free(c->path);
	free(c->domain);
	free(c->domain_id);
	free(c->project);
	free(c->project_id);
	free(c->project_domain);
	free(c->project_domain_id);
	free(c->region);
	free(c->interface);
	/* Our own copies. */
	free((void *)(uintptr_t)s->hc.ca_file);
	free((void *)(uintptr_t)s->hc.pin);
	free(s->host);
	free(s->origin);
	free(s->container);
	free(s->prefix);
	free(s->user);
	crypto_secret_free(s->password);
}
