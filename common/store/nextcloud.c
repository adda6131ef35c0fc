/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "store/nextcloud.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "net/url_query.h"
#include "store/dav_priv.h"
#include "util/clock.h"
#include "util/err.h"
#include "util/thread.h"

/*
 * nextcloud - WebDAV as Nextcloud speaks it: where the files of an account
 * lie, who it is, what a delete means there.
 */

#define ANSWER_MAX (1u << 20)
#define POLL_MS 2000
#define STOP_MS 200

/* An address taken apart: the server's own path, the folder in the account. */
struct place {
	struct url u;			/* path: the folder */
	char base[URL_MAX];		/* "" or "/cloud" */
	bool is_plain;
};

static int
on_option(void *arg, const char *name, const char *value, struct err *e)
{
	struct place *p = arg;
	size_t n = strlen(value);

	if (strcmp(name, "path") == 0) {
		while (n > 0 && value[n - 1] == '/')
			n--;
		if ((n && value[0] != '/') || n >= sizeof(p->base) ||
		    strstr(value, "//") || strstr(value, "/."))
			return err_set(e, -EINVAL, "'path' of the address is "
			    "not of the form '/a/b'");
		memcpy(p->base, value, n);
		p->base[n] = '\0';
		return 0;
	}
	if (strcmp(name, "tls") == 0 && (strcmp(value, "no") == 0 ||
	    strcmp(value, "yes") == 0)) {
		p->is_plain = strcmp(value, "no") == 0;
		return 0;
	}
	return err_set(e, -EINVAL, "'%.40s=%.40s' is no option of such an "
	    "address", name, value);
}

/* Done with url_done(&ret->u). */
static int
place_parse(const char *url, struct place *ret, struct err *e)
{
	char *plain;
	int r;

	memset(ret, 0, sizeof(*ret));
	r = url_query(url, on_option, ret, &plain, e);
	if (r < 0)
		return r;
	r = url_parse(plain, &ret->u, e);
	free(plain);
	return r;
}

/* ---- requests beside WebDAV ---- */

/* "https://host:port/base" and what follows, which is encoded already. */
static int
url_make(const struct place *p, const char *tail, struct buf *out)
{
	(void)url_origin(out, &p->u, !p->is_plain);
	(void)url_encode(out, p->base, true);
	(void)buf_put(out, tail, strlen(tail));
	return buf_cstr(out) ? 0 : -ENOMEM;
}

/* One request that is answered by JSON with 200; -ENOENT: 404. */
static int
ask(struct http *h, const char *url, const char *body, struct buf *out,
    char *msg, size_t cap)
{
	const char *headers[] = { "OCS-APIRequest: true",
	    "Accept: application/json", "User-Agent: Coffre",
	    body ? "Content-Type: application/x-www-form-urlencoded" : NULL,
	    NULL };
	struct http_req q = { .method = body ? "POST" : "GET", .url = url,
	    .headers = headers, .body = body,
	    .body_len = body ? strlen(body) : 0, .is_write = body != NULL,
	    .body_status = 200, .out = out };
	struct http_resp a;
	int r;

	memset(&a, 0, sizeof(a));
	r = http_do(h, &q, &a);
	if (r == 0 && a.status != 200)
		r = a.status == 404 ? -ENOENT : a.status == 401 ||
		    a.status == 403 ? -EACCES : a.status == 429 ||
		    a.status >= 500 ? -EHOSTUNREACH : -EPROTO;
	if (r < 0 && a.msg[0])
		(void)snprintf(msg, cap, "%s", a.msg);
	else if (r < 0)
		(void)snprintf(msg, cap, "the server answers with status %d",
		    a.status);
	return r;
}

/* Whose account is it? */
static int
user_ask(struct http *h, const struct place *p, char id[static NC_TEXT_MAX],
    char *msg, size_t cap)
{
	struct buf url = BUF_INIT(DAV_URL_MAX), out = BUF_INIT(ANSWER_MAX);
	int r;

	r = url_make(p, "/ocs/v2.php/cloud/user?format=json", &url);
	if (r == 0)
		r = ask(h, buf_cstr(&url), NULL, &out, msg, cap);
	if (r == 0) {
		r = nc_json_user(out.data, out.len, id);
		if (r < 0)
			(void)snprintf(msg, cap, "this is no Nextcloud: it "
			    "does not say whose account it is");
	}
	buf_done(&url);
	buf_done(&out);
	return r;
}

static int
caps_ask(struct http *h, const struct place *p, struct nc_caps *ret,
    char *msg, size_t cap)
{
	struct buf url = BUF_INIT(DAV_URL_MAX), out = BUF_INIT(ANSWER_MAX);
	int r;

	r = url_make(p, "/ocs/v2.php/cloud/capabilities?format=json", &url);
	if (r == 0)
		r = ask(h, buf_cstr(&url), NULL, &out, msg, cap);
	if (r == 0)
		r = nc_json_caps(out.data, out.len, ret);
	buf_done(&url);
	buf_done(&out);
	return r;
}

/* ---- the store ---- */

void
dav_cloud_notes(struct dav *d)
{
	static const char *const trash[] = {
		[NC_TRASH_UNKNOWN] = "",
		[NC_TRASH_NONE] = "",
		[NC_TRASH_PURGED] = "what is deleted is taken out of the "
		    "trash of the account, too; what somebody else deletes, "
		    "or a crash leaves there, stays until that is emptied\n",
		[NC_TRASH_KEPT] = "what is deleted goes to the trash of the "
		    "account, where it counts, until that is emptied: a "
		    "delete erases nothing\n",
	};
	static const char versions[] = "old versions of what is written over "
	    "are kept there for a time\n";

	mutex_lock(&d->lock);
	(void)snprintf(d->notes, sizeof(d->notes), "%s%s",
	    trash[d->trash_is], d->has_versions ? versions : "");
	mutex_unlock(&d->lock);
}

/* Part of the probe.  Without the interface beside WebDAV the store can be
 * used all the same, if the address is right. */
int
dav_cloud_probe(struct dav *d, struct err *e)
{
	char id[NC_TEXT_MAX], msg[256] = "";
	struct nc_caps c;
	struct place p;
	int r;

	if (!d->cloud_url)
		return 0;
	r = place_parse(d->cloud_url, &p, e);
	if (r < 0)
		return r;
	r = user_ask(d->http, &p, id, msg, sizeof(msg));
	if (r == 0 && strcmp(id, p.u.user) != 0)
		r = err_set(e, -EINVAL, "the account '%.80s' has the id "
		    "'%.80s' there, which belongs into the address: "
		    "nextcloud://%.80s@%.80s/…", p.u.user, id, id, p.u.host);
	else if (r < 0)
		(void)err_set(e, r, "%s", msg);
	if (r == -ENOENT || r == -EPROTO)
		r = 0;
	if (r == 0 && caps_ask(d->http, &p, &c, msg, sizeof(msg)) == 0) {
		mutex_lock(&d->lock);
		d->trash_is = c.has_trash ? NC_TRASH_PURGED : NC_TRASH_NONE;
		d->has_versions = c.has_versions;
		mutex_unlock(&d->lock);
	}
	url_done(&p.u);
	return r;
}

/* The address of the same folder as WebDAV has it. */
static int
dav_url_of(const struct place *p, struct url *ret)
{
	*ret = p->u;
	ret->path = NULL;
	if (asprintf(&ret->path, "%s/remote.php/dav/files/%s%s", p->base,
	    p->u.user, strcmp(p->u.path, "/") == 0 ? "" : p->u.path) < 0) {
		ret->path = NULL;
		return -ENOMEM;
	}
	return 0;
}

/* What people are shown: without the user. */
static int
name_set(struct dav *d, const struct place *p)
{
	struct buf b = BUF_INIT(DAV_URL_MAX), origin = BUF_INIT(DAV_URL_MAX);
	const char *text;
	char *url = NULL;

	if (url_origin(&origin, &p->u, true) == 0 && buf_cstr(&origin))
		(void)buf_printf(&b, "nextcloud%s",
		    strchr(buf_cstr(&origin), ':'));
	(void)url_encode(&b, p->u.path, true);
	text = buf_cstr(&b);
	if (text)
		url = strdup(text);
	buf_done(&b);
	buf_done(&origin);
	if (!url)
		return -ENOMEM;
	free(d->base.url);
	d->base.url = url;
	return 0;
}

static int
trash_set(struct dav *d, const struct place *p)
{
	const char *folder = p->u.path + 1;

	if (asprintf(&d->trash, "%s/remote.php/dav/trashbin/%s/trash/",
	    p->base, p->u.user) < 0)
		d->trash = NULL;
	if (asprintf(&d->folder, "%s%s", folder, *folder ? "/" : "") < 0)
		d->folder = NULL;
	return d->trash && d->folder ? 0 : -ENOMEM;
}

int
store_nextcloud_new(const char *url, const struct store_conf *conf,
    struct store **ret, struct err *e)
{
	struct store *s = NULL;
	struct place p;
	struct url u;
	int r;

	r = place_parse(url, &p, e);
	if (r < 0)
		return r;
	if (!p.u.user || strchr(p.u.user, '/')) {
		url_done(&p.u);
		return err_set(e, -EINVAL, "the address lacks the id of the "
		    "account: 'nextcloud://ID@host/folder'");
	}
	r = dav_url_of(&p, &u);
	if (r == 0) {
		r = store_dav_new(&u, !p.is_plain, conf, &s, e);
		free(u.path);
	}
	if (r == 0) {
		struct dav *d = (struct dav *)s;

		d->cloud_url = strdup(url);
		r = d->cloud_url ? name_set(d, &p) : -ENOMEM;
		if (r == 0)
			r = trash_set(d, &p);
		if (r < 0)
			s->ops->close(s);
	}
	url_done(&p.u);
	if (r == -ENOMEM)
		return err_set(e, r, "out of memory");
	if (r == 0)
		*ret = s;
	return r;
}

/* ---- leave to use an account ---- */

/* Is it on the server that we asked? */
static bool
is_same_server(const struct place *p, const char *url)
{
	struct buf b = BUF_INIT(DAV_URL_MAX);
	const char *origin;
	size_t n;
	bool r;

	(void)url_origin(&b, &p->u, !p->is_plain);
	origin = buf_cstr(&b);
	n = origin ? strlen(origin) : 0;
	r = n > 0 && strncmp(url, origin, n) == 0 && url[n] == '/';
	buf_done(&b);
	return r;
}

static int
flow_begin(struct http *h, const struct place *p, struct nc_flow *ret,
    struct err *e)
{
	struct buf url = BUF_INIT(DAV_URL_MAX), out = BUF_INIT(ANSWER_MAX);
	char msg[256] = "";
	int r;

	r = url_make(p, "/index.php/login/v2", &url);
	if (r == 0)
		r = ask(h, buf_cstr(&url), "", &out, msg, sizeof(msg));
	if (r == 0)
		r = nc_json_flow(out.data, out.len, ret);
	if (r == 0 && (!is_same_server(p, ret->endpoint) ||
	    strncmp(ret->login, "http", 4) != 0))
		r = err_set(e, -EPROTO, "%.100s sends us to another server to "
		    "log in: is that the address that its users know?",
		    p->u.host);
	else if (r < 0)
		(void)err_set(e, r, "%.100s offers no log-in by a browser: "
		    "%s; make an app password there and give it with "
		    "'--password-fd'", p->u.host, msg[0] ? msg :
		    strerror(-r));
	buf_done(&url);
	buf_done(&out);
	return r;
}

/* Until it is time to ask again: false when there is nothing to wait for. */
static bool
pause_poll(bool (*stop)(void *arg), void *arg)
{
	int64_t end = clock_mono_ms() + POLL_MS;
	bool r = true;

	while (r && clock_mono_ms() < end) {
		thread_pause_ms(STOP_MS);
		r = !stop || !stop(arg);
	}
	return r;
}

static int
flow_poll(struct http *h, const struct nc_flow *f, int64_t deadline_ms,
    bool (*stop)(void *arg), void *arg, struct nc_grant *ret, struct err *e)
{
	struct buf body = BUF_INIT(4 * NC_TEXT_MAX),
	    out = BUF_INIT(ANSWER_MAX);
	char msg[256] = "";
	int r;

	(void)buf_printf(&body, "token=");
	(void)url_encode(&body, f->token, false);
	do {
		if (!pause_poll(stop, arg)) {
			r = -ECANCELED;
			break;
		}
		if (clock_mono_ms() >= deadline_ms) {
			r = -ETIMEDOUT;
			break;
		}
		r = buf_cstr(&body) ? ask(h, f->endpoint, buf_cstr(&body),
		    &out, msg, sizeof(msg)) : -ENOMEM;
		/* 404: the user has not agreed yet. */
	} while (r == -ENOENT || store_transient(r));
	if (r == 0)
		r = nc_json_grant(out.data, out.len, ret);
	if (r < 0)
		(void)err_set(e, r, "the log-in by a browser did not come to "
		    "an end: %s", r == -ETIMEDOUT ? "nobody agreed to it in "
		    "time" : msg[0] ? msg : strerror(-r));
	buf_wipe(&out);
	buf_done(&body);
	return r;
}

static int
id_learn(const struct place *p, struct http_conf *hc,
    struct nextcloud_leave *l, struct err *e)
{
	char msg[256] = "";
	struct http *h;
	int r;

	hc->user = l->grant.user;
	hc->password = l->grant.password;
	r = http_new(hc, &h, e);
	if (r < 0)
		return r;
	r = user_ask(h, p, l->id, msg, sizeof(msg));
	http_free(h);
	return r < 0 ? err_set(e, r, "%s", msg) : 0;
}

int
nextcloud_login(const char *url, const struct store_conf *conf,
    void (*show)(void *arg, const char *login), bool (*stop)(void *arg),
    void *arg, int64_t deadline_ms, struct nextcloud_leave *ret,
    struct err *e)
{
	struct http_conf hc = { .ca_file = conf->ca_file, .pin = conf->pin,
	    .is_insecure_http = conf->is_insecure_http, .timeout_s = 30 };
	struct nextcloud_leave l;
	struct nc_flow f;
	struct place p;
	struct http *h;
	int r;

	r = place_parse(url, &p, e);
	if (r < 0)
		return r;
	memset(&l, 0, sizeof(l));
	hc.host = p.u.host;
	hc.is_tls = !p.is_plain;
	if (p.is_plain && !conf->is_insecure_http &&
	    !url_is_loopback(p.u.host)) {
		url_done(&p.u);
		return err_set(e, -EINVAL, "a password would travel without "
		    "TLS: '--insecure-http' allows it");
	}
	r = http_new(&hc, &h, e);
	if (r == 0) {
		r = flow_begin(h, &p, &f, e);
		if (r == 0) {
			show(arg, f.login);
			r = flow_poll(h, &f, deadline_ms, stop, arg, &l.grant,
			    e);
		}
		http_free(h);
	}
	if (r == 0)
		r = id_learn(&p, &hc, &l, e);
	if (r == 0)
		*ret = l;
	explicit_bzero(&l, sizeof(l));
	url_done(&p.u);
	return r;
}
