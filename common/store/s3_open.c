/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "crypto/crypto.h"
#include "net/url_query.h"
#include "store/s3_priv.h"
#include "util/err.h"
#include "util/tr.h"

/* s3_open - the address of an S3 store taken apart. */

struct options {
	bool is_virtual, is_sig2, is_list1, is_plain;
	char region[64];
	char path[URL_MAX];
};

/* One of two words. */
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
region_take(const char *value, struct options *o, struct err *e)
{
	size_t n = strlen(value);

	if (n == 0 || n >= sizeof(o->region) || strspn(value,
	    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
	    "-_.") != n)
		return err_set(e, -EINVAL, "the region in the address is no "
		    "region's name");
	memcpy(o->region, value, n + 1);
	return 0;
}

static int
path_take(const char *value, struct options *o, struct err *e)
{
	size_t n = strlen(value);

	while (n > 1 && value[n - 1] == '/')
		n--;
	if (value[0] != '/' || n >= sizeof(o->path) || strstr(value, "//") ||
	    strstr(value, "/."))
		return err_set(e, -EINVAL, "'path' of the address is not of "
		    "the form '/a/b'");
	if (n == 1)
		n = 0;
	memcpy(o->path, value, n);
	o->path[n] = '\0';
	return 0;
}

static int
on_option(void *arg, const char *name, const char *value, struct err *e)
{
	struct options *o = arg;

	if (strcmp(name, "region") == 0)
		return region_take(value, o, e);
	if (strcmp(name, "path") == 0)
		return path_take(value, o, e);
	if (strcmp(name, "style") == 0)
		return choice(name, value, "path", "virtual", &o->is_virtual,
		    e);
	if (strcmp(name, "sig") == 0)
		return choice(name, value, "4", "2", &o->is_sig2, e);
	if (strcmp(name, "list") == 0)
		return choice(name, value, "2", "1", &o->is_list1, e);
	if (strcmp(name, "tls") == 0)
		return choice(name, value, "yes", "no", &o->is_plain, e);
	return err_set(e, -EINVAL, "an S3 address has no option '%.40s'",
	    name);
}

/* A copy of text; a secret's is locked and wiped when it is freed. */
static char *
secret_copy(const char *s, size_t n)
{
	char *p = crypto_secret_alloc(n + 1);

	if (p) {
		memcpy(p, s, n);
		p[n] = '\0';
	}
	return p;
}

/*
 * The secret is one word.  Where keys do not live long, a command gives two,
 * the key's id and the secret, or three, with the session token.
 */
static int
secret_take(struct s3 *s, const char *text, struct err *e)
{
	const char *word[3];
	size_t len[3];
	int n = 0;

	for (text += strspn(text, " \t"); *text;
	    text += strspn(text, " \t")) {
		if (n == 3)
			return err_set(e, -EINVAL, "the secret of an S3 store "
			    "is one word, or the key's id and it, or those "
			    "and the session token");
		word[n] = text;
		len[n] = strcspn(text, " \t");
		text += len[n++];
	}
	if (n == 0)
		return 0;
	s->secret = secret_copy(word[n > 1], len[n > 1]);
	if (!s->secret)
		return err_set(e, -ENOMEM, "out of memory");
	if (n > 1) {
		free(s->key_id);
		s->key_id = strndup(word[0], len[0]);
		if (!s->key_id)
			return err_set(e, -ENOMEM, "out of memory");
	}
	if (n == 3) {
		s->token = secret_copy(word[2], len[2]);
		if (!s->token)
			return err_set(e, -ENOMEM, "out of memory");
	}
	return 0;
}

static int
key_take(struct s3 *s, const char *user, const char *password,
    struct err *e)
{
	const char *p;
	int r = 0;

	if (user) {
		s->key_id = strdup(user);
		if (!s->key_id)
			return err_set(e, -ENOMEM, "out of memory");
	}
	if (password)
		r = secret_take(s, password, e);
	if (r < 0)
		return r;
	if (!s->key_id)
		return err_set(e, -EINVAL, "the address names no key: "
		    "'s3://KEYID@HOST/BUCKET'");
	for (p = s->key_id; *p; p++)
		if ((unsigned char)*p <= ' ' || *p == 0x7f || *p == '/')
			return err_set(e, -EINVAL, "the key's id holds a "
			    "character that none does");
	if (!s->secret)
		s->secret = secret_copy("", 0);
	return s->secret ? 0 : err_set(e, -ENOMEM, "out of memory");
}

/* Three letters at least is what most ask for; one must not be mistaken for
 * a path. */
static bool
is_bucket(const char *s, size_t n, bool is_host)
{
	size_t i;

	if (n < 1 || n > 255 || (is_host && n > 63))
		return false;
	for (i = 0; i < n; i++)
		if (!((s[i] >= 'a' && s[i] <= 'z') ||
		    (s[i] >= '0' && s[i] <= '9') || s[i] == '-' ||
		    (!is_host && (s[i] == '.' || s[i] == '_' ||
		    (s[i] >= 'A' && s[i] <= 'Z')))))
			return false;
	return true;
}

/* "/bucket/a/b" as bucket and "a/b/". */
static int
bucket_take(struct s3 *s, const struct url *u, struct err *e)
{
	const char *at = u->path + 1, *end = strchrnul(at, '/'), *p;
	size_t n = (size_t)(end - at);

	if (!is_bucket(at, n, s->is_virtual))
		return err_set(e, -EINVAL, "%s", s->is_virtual && n ?
		    N_("the address names no bucket that can stand before a "
		    "host: 's3://KEYID@HOST/BUCKET/PREFIX'") :
		    N_("the address names no bucket: "
		    "'s3://KEYID@HOST/BUCKET/PREFIX'"));
	for (p = end; *p; p++)
		if ((unsigned char)*p < ' ' || *p == 0x7f)
			return err_set(e, -EINVAL, "the prefix in the address "
			    "holds a control character");
	s->bucket = strndup(at, n);
	if (*end && asprintf(&s->prefix, "%s/", end + 1) < 0)
		s->prefix = NULL;
	else if (!*end)
		s->prefix = strdup("");
	return s->bucket && s->prefix ? 0 :
	    err_set(e, -ENOMEM, "out of memory");
}

/* What is signed, sent and shown. */
static int
place_set(struct s3 *s, const struct url *u, const struct options *o)
{
	unsigned port = u->port;
	bool is_v6 = strchr(u->host, ':') != NULL;
	char tail[16] = "";

	/* A client that speaks HTTP leaves out the usual port. */
	if (port == (o->is_plain ? 80 : 443))
		port = 0;
	if (port)
		(void)snprintf(tail, sizeof(tail), ":%u", port);
	s->endpoint = strdup(u->host);
	s->region = strdup(o->region[0] ? o->region : "us-east-1");
	if (asprintf(&s->host, "%s%s%s%s%s%s", s->is_virtual ? s->bucket : "",
	    s->is_virtual ? "." : "", is_v6 ? "[" : "", u->host,
	    is_v6 ? "]" : "", tail) < 0)
		s->host = NULL;
	if (!s->host || asprintf(&s->origin, "%s://%s", o->is_plain ? "http" :
	    "https", s->host) < 0)
		s->origin = NULL;
	if (asprintf(&s->root, "%s%s%s", o->path, s->is_virtual ? "" : "/",
	    s->is_virtual ? "" : s->bucket) < 0)
		s->root = NULL;
	return s->endpoint && s->region && s->host && s->origin && s->root ?
	    0 : -ENOMEM;
}

/* The address without the key, for people. */
static int
url_show(const struct url *u, const char *url, struct buf *out)
{
	struct buf b = BUF_INIT(S3_URL_MAX);

	if (url_origin(&b, u, false) == 0 && buf_cstr(&b))
		(void)buf_printf(out, "s3%s", buf_cstr(&b) + strlen("http"));
	buf_done(&b);
	(void)url_encode(out, u->path, true);
	(void)buf_printf(out, "%s", strchrnul(url, '?'));
	return buf_cstr(out) ? 0 : -ENOMEM;
}

int
s3_open(struct s3 *s, const char *url, const struct store_conf *conf,
    struct err *e)
{
	struct buf text = BUF_INIT(S3_URL_MAX);
	struct http_conf hc = { .ca_file = conf->ca_file, .pin = conf->pin,
	    .connections = conf->connections, .timeout_s = conf->timeout_s };
	struct options o;
	char *base = NULL;
	struct url u;
	int r;

	memset(&o, 0, sizeof(o));
	memset(&u, 0, sizeof(u));
	r = url_query(url, on_option, &o, &base, e);
	if (r == 0)
		r = url_parse(base, &u, e);
	if (r < 0)
		goto out;
	s->is_virtual = o.is_virtual;
	s->is_sig2 = o.is_sig2;
	mutex_lock(&s->lock);
	s->is_list1 = o.is_list1;
	mutex_unlock(&s->lock);
	r = bucket_take(s, &u, e);
	if (r == 0)
		r = key_take(s, conf->user ? conf->user : u.user,
		    conf->password, e);
	if (r < 0)
		goto out;
	r = place_set(s, &u, &o);
	if (r == 0)
		r = url_show(&u, url, &text);
	if (r == 0) {
		free(s->base.url);
		s->base.url = strdup(buf_cstr(&text));
		r = s->base.url ? 0 : -ENOMEM;
	}
	if (r < 0) {
		(void)err_set(e, r, "out of memory");
		goto out;
	}
	hc.host = s->endpoint;
	hc.is_tls = !o.is_plain;
	r = http_new(&hc, &s->http, e);
out:
	buf_done(&text);
	url_done(&u);
	free(base);
	return r;
}

void
s3_close_place(struct s3 *s)
{
	free(s->endpoint);
	free(s->host);
	free(s->origin);
	free(s->root);
	free(s->bucket);
	free(s->region);
	free(s->prefix);
	free(s->key_id);
	crypto_secret_free(s->secret);
	crypto_secret_free(s->token);
}
