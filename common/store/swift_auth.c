/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "crypto/crypto.h"
#include "net/http_value.h"
#include "store/swift_priv.h"
#include "util/clock.h"
#include "util/tr.h"

/*
 * swift_auth - tokens: Keystone v3, or the older "v1".
 *
 * One caller at a time asks for a token, the others wait for it: services
 * answer 429 to many that ask at once.  It is renewed when four fifths of its
 * life are over, and once when it is refused before that.
 */

/* A token that says nothing of its life is renewed when it is refused. */
#define LIFE_UNKNOWN_MS (365LL * 86400 * 1000)
#define QUIET_MAX_MS 120000
/* Where it does not say for how long it wants to be left alone, and after a
 * renewal that failed while the old token does. */
#define QUIET_MS 30000
#define BODY_MAX (4u << 20)		/* catalogues can be long */

/* What the identity service gave. */
struct login {
	char token[SWIFT_TOKEN_MAX];
	char expires[32];
	struct swift_token t;
};

static void
say_no_place(struct swift *s, const char *region)
{
	if (region)
		swift_say(s, "%s names no object store in the region '%s' for "
		    "this project: check the region and the project", s->host,
		    region);
	else
		swift_say(s, "%s names no object store for this project: "
		    "check the region and the project", s->host);
}

static int
login_v3(struct swift *s, struct login *l, struct http_resp *a,
    struct buf *other)
{
	const struct swift_conf *c = &s->conf;
	struct swift_login who = { c->is_app, s->user, s->password,
	    c->domain, c->domain_id, c->project, c->project_id,
	    c->project_domain, c->project_domain_id };
	struct http_want want[] = { { "X-Subject-Token", l->token,
	    sizeof(l->token) }, { NULL, NULL, 0 } };
	const char *const headers[] = { "Content-Type: application/json",
	    "Accept: application/json", NULL };
	struct buf body = BUF_INIT(SWIFT_ERROR_MAX), url =
	    BUF_INIT(SWIFT_URL_MAX), out = BUF_INIT(BODY_MAX);
	struct http_req q = { .method = "POST", .headers = headers,
	    .body_status = 201, .out = &out, .other = other, .want = want };
	int r;

	(void)buf_printf(&url, "%s", s->origin);
	(void)url_encode(&url, c->path, true);
	(void)buf_printf(&url, "/auth/tokens");
	r = swift_json_login(&who, &body);
	q.url = buf_cstr(&url);
	if (r == 0 && !q.url)
		r = -ENOMEM;
	q.body = body.data;
	q.body_len = body.len;
	if (r == 0)
		r = http_do(s->auth, &q, a);
	if (r == 0 && a->status == 201) {
		r = swift_json_token(out.data, out.len, c->region,
		    c->interface, &l->t);
		if (r == -ENOENT) {
			say_no_place(s, c->region);
			r = -EACCES;
		} else if (r == 0 && !l->token[0]) {
			r = -EPROTO;
		}
	}
	buf_wipe(&body);
	buf_done(&url);
	buf_wipe(&out);
	return r;
}

static int
login_v1(struct swift *s, struct login *l, struct http_resp *a,
    struct buf *other)
{
	struct http_want want[] = {
	    { "X-Auth-Token", l->token, sizeof(l->token) },
	    { "X-Storage-Url", l->t.storage, sizeof(l->t.storage) },
	    { "X-Auth-Token-Expires", l->expires, sizeof(l->expires) },
	    { NULL, NULL, 0 } };
	struct buf user = BUF_INIT(4096), key = BUF_INIT(8192), url =
	    BUF_INIT(SWIFT_URL_MAX);
	const char *headers[3] = { NULL, NULL, NULL };
	struct http_req q = { .method = "GET", .headers = headers,
	    .other = other, .want = want };
	uint64_t life;
	int r;

	(void)buf_printf(&url, "%s", s->origin);
	(void)url_encode(&url, s->conf.path, true);
	(void)buf_printf(&user, "X-Auth-User: %s", s->user);
	(void)buf_printf(&key, "X-Auth-Key: %s", s->password);
	q.url = buf_cstr(&url);
	headers[0] = buf_cstr(&user);
	headers[1] = buf_cstr(&key);
	r = q.url && headers[0] && headers[1] ? http_do(s->auth, &q, a) :
	    -ENOMEM;
	if (r == 0 && a->status >= 200 && a->status < 300) {
		if (!l->token[0] || !l->t.storage[0])
			r = -EPROTO;
		l->t.life_s = http_number(l->expires, &life) == 0 &&
		    life < INT32_MAX ? (int64_t)life : 0;
	}
	buf_done(&user);
	buf_wipe(&key);
	buf_done(&url);
	return r;
}

/* Ask for a token.  0: it is in l. */
static int
login(struct swift *s, struct login *l)
{
	struct buf other = BUF_INIT(SWIFT_ERROR_MAX);
	struct http_resp a;
	char detail[160] = "";
	int r;

	memset(&a, 0, sizeof(a));
	r = s->conf.is_v1 ? login_v1(s, l, &a, &other) :
	    login_v3(s, l, &a, &other);
	if (r == -EACCES && a.status == 201)
		goto out;		/* has been said */
	if (r == 0 && (a.status < 200 || a.status > 299)) {
		r = status_result(a.status, false);
		if (r == -ENOENT || r == -EEXIST || r == -ERANGE)
			r = -EPROTO;
		if (other.len)
			(void)swift_json_error(other.data, other.len, detail,
			    sizeof(detail));
	} else if (r == -ENOENT) {
		r = -EPROTO;
	}
	/* Nothing has changed over there: asking again is no harm. */
	if (r == -ETIMEDOUT)
		r = -EHOSTUNREACH;
	if (r < 0)
		swift_hint(s, r, "log-in", &a, detail);
	mutex_lock(&s->lock);
	if (r < 0 && (a.status == 401 || a.status == 403)) {
		s->hint.is_refused = true;
	} else if (r < 0 && a.retry_after_ms > 0) {
		s->quiet_ms = clock_mono_ms() + (a.retry_after_ms <
		    QUIET_MAX_MS ? a.retry_after_ms : QUIET_MAX_MS);
	} else if (a.status == 429) {
		s->quiet_ms = clock_mono_ms() + QUIET_MS;
	}
	mutex_unlock(&s->lock);
out:
	buf_done(&other);
	return r;
}

/* Log in and put the token where all find it. */
static int
renew(struct swift *s)
{
	struct login *l = calloc(1, sizeof(*l));
	struct swift_place *place = NULL;
	char *token = NULL;
	size_t n;
	int r = -ENOMEM;

	if (l)
		r = login(s, l);
	if (r == 0)
		r = swift_place_of(s, l->t.storage, &place);
	if (r == 0) {
		n = strlen(l->token);
		token = crypto_secret_alloc(n + 1);
		if (token)
			memcpy(token, l->token, n + 1);
		else
			r = -ENOMEM;
	}
	mutex_lock(&s->lock);
	if (r == 0) {
		crypto_secret_free(s->token);
		s->token = token;
		s->place = place;
		s->serial++;
		s->renew_ms = clock_mono_ms() + (l->t.life_s ?
		    l->t.life_s * 800 : LIFE_UNKNOWN_MS);
	}
	s->is_renewing = false;
	s->renew_r = r;
	cond_broadcast(&s->renewed);
	mutex_unlock(&s->lock);
	if (l)
		crypto_wipe(l->token, sizeof(l->token));
	free(l);
	return r;
}

/* May a token be asked for now?  Under the lock. */
static int
may_ask(struct swift *s, const char **ret_why) REQUIRES(s->lock)
{
	if (s->hint.is_refused)
		return -EACCES;		/* it has been said why */
	if (clock_mono_ms() < s->quiet_ms) {
		*ret_why = N_("is busy and asked to be left alone for a while");
		return -EHOSTUNREACH;
	}
	return 0;
}

/* See to it that there is a token; the lock is given up meanwhile. */
static int
token_ensure(struct swift *s, const char **ret_why) REQUIRES(s->lock)
{
	int r = 0;

	while (!s->token || clock_mono_ms() >= s->renew_ms) {
		if (s->is_renewing) {
			/* The old one does while there is one. */
			if (s->token)
				return 0;
			while (s->is_renewing)
				cond_wait(&s->renewed, &s->lock);
			if (s->renew_r < 0)
				return s->renew_r;
			continue;
		}
		r = may_ask(s, ret_why);
		if (r < 0)
			return s->token && r == -EHOSTUNREACH ? 0 : r;
		s->is_renewing = true;
		mutex_unlock(&s->lock);
		r = renew(s);
		mutex_lock(&s->lock);
		if (r < 0 && (!s->token || !store_transient(r)))
			return r;
		/* A hiccup: the old one has a fifth of its life left. */
		if (r < 0)
			s->renew_ms = clock_mono_ms() + QUIET_MS;
	}
	return 0;
}

int
swift_grant(struct swift *s, struct swift_grant *ret)
{
	const char *why = NULL;
	size_t n;
	int r;

	memset(ret, 0, sizeof(*ret));
	mutex_lock(&s->lock);
	r = token_ensure(s, &why);
	if (r == 0) {
		n = strlen(s->token);
		ret->token = crypto_secret_alloc(n + 1);
		if (ret->token)
			memcpy(ret->token, s->token, n + 1);
		else
			r = -ENOMEM;
		ret->place = s->place;
		ret->serial = s->serial;
	}
	mutex_unlock(&s->lock);
	if (why)
		swift_say(s, "%s %s", s->host, why);
	return r;
}

void
swift_grant_done(struct swift_grant *g)
{
	crypto_secret_free(g->token);
	g->token = NULL;
}

void
swift_grant_drop(struct swift *s, const struct swift_grant *g)
{
	mutex_lock(&s->lock);
	if (s->serial == g->serial) {
		crypto_secret_free(s->token);
		s->token = NULL;
	}
	mutex_unlock(&s->lock);
}
