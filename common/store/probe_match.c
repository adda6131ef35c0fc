/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#include "net/http.h"
#include "store/backend.h"
#include "util/buf.h"
#include "util/thread.h"

/*
 * probe_match - does a server compare an entity tag before it writes, and in
 * which spelling?  Some want it quoted, some bare, some write all the same.
 * Only an answer that was seen to keep the old bytes counts.  Nothing relies
 * on it.
 */

#define BODY_MAX 512
/* A tag may be weak for a second after a change, and compare with nothing. */
#define STRONG_TRIES 4
#define STRONG_PAUSE_MS 400

struct match {
	struct store *s;
	const struct store_matcher *m;
	const char *name;
	uint8_t body[BODY_MAX];		/* what is there, as far as we know */
	size_t len;
	char stale[STORE_ETAG_MAX];	/* without quotes */
};

/* Without "W/" and quotes, and whether it was weak. */
static bool
core(char etag[static STORE_ETAG_MAX])
{
	bool is_weak = strncmp(etag, "W/", 2) == 0;
	char *p = is_weak ? etag + 2 : etag;
	size_t n = strlen(p);

	if (n >= 2 && p[0] == '"' && p[n - 1] == '"') {
		p++;
		n -= 2;
	}
	memmove(etag, p, n);
	etag[n] = '\0';
	return is_weak;
}

static int
tag_get(struct match *w, bool is_strong, char ret[static STORE_ETAG_MAX])
{
	int r, i;

	for (i = 0; i < STRONG_TRIES; i++) {
		if (i > 0)
			thread_pause_ms(STRONG_PAUSE_MS);
		ret[0] = '\0';
		r = w->m->etag(w->s, w->name, ret);
		if (r < 0 || !core(ret) || !is_strong)
			break;
	}
	return r < 0 ? r : ret[0] ? 0 : -EOPNOTSUPP;
}

/* Put something new, of another length each time: some make the tag of that
 * and of whole seconds.  *ret_is_in: it is what stands there now. */
static int
put(struct match *w, const char *tag, bool is_quoted, bool *ret_is_in)
{
	char line[STORE_ETAG_MAX + 4];
	uint8_t new[BODY_MAX];
	size_t len = w->len + 1;
	int r;

	if (len > sizeof(new) ||
	    getrandom(new, len, 0) != (ssize_t)len)
		return -EIO;
	(void)snprintf(line, sizeof(line), is_quoted ? "\"%s\"" : "%s",
	    tag ? tag : "");
	r = w->m->put(w->s, w->name, new, len, tag ? line : NULL);
	if (r == -ECANCELED || store_transient(r) || (r < 0 && !tag))
		return r;
	r = store_same(w->s, w->name, new, len);
	*ret_is_in = r == 0;
	if (r == -EEXIST)
		r = store_same(w->s, w->name, w->body, w->len);
	if (r == 0 && *ret_is_in) {
		memcpy(w->body, new, len);
		w->len = len;
	}
	return r;
}

/* With a tag of the past: not HONOURED yet, but REFUSED. */
static enum facts_match
stale_try(struct match *w, bool is_quoted)
{
	bool is_in = false;

	if (put(w, w->stale, is_quoted, &is_in) < 0)
		return FACTS_MATCH_UNKNOWN;
	return is_in ? FACTS_MATCH_IGNORED : FACTS_MATCH_REFUSED;
}

/* With that of now, where the other was refused. */
static enum facts_match
right_try(struct match *w, bool is_quoted)
{
	char now[STORE_ETAG_MAX];
	bool is_in = false;

	if (tag_get(w, true, now) < 0 || put(w, now, is_quoted, &is_in) < 0)
		return FACTS_MATCH_UNKNOWN;
	return is_in ? FACTS_MATCH_HONOURED : FACTS_MATCH_REFUSED;
}

/* Two versions of an object, and the tag of the first. */
static int
stale_make(struct match *w)
{
	char now[STORE_ETAG_MAX];
	bool is_in = false;
	int r;

	r = put(w, NULL, false, &is_in);
	if (r == 0)
		r = tag_get(w, false, w->stale);
	if (r == 0)
		r = put(w, NULL, false, &is_in);
	if (r == 0)
		r = tag_get(w, false, now);
	/* It changes too slowly to tell anything. */
	if (r == 0 && strcmp(now, w->stale) == 0)
		r = -EOPNOTSUPP;
	return r;
}

void
store_probe_match(struct store *s, const struct store_matcher *m)
{
	enum facts_match bare = FACTS_MATCH_UNKNOWN;
	enum facts_match quoted = FACTS_MATCH_UNKNOWN;
	struct match w = { .s = s, .m = m, .len = 64 };
	char name[32];

	if (store_probe_name(name) < 0)
		return;
	w.name = name;
	if (stale_make(&w) == 0) {
		quoted = stale_try(&w, true);
		bare = stale_try(&w, false);
		/* Most know one of them, so that one of these changes
		 * nothing. */
		if (bare == FACTS_MATCH_REFUSED)
			bare = right_try(&w, false);
		if (quoted == FACTS_MATCH_REFUSED)
			quoted = right_try(&w, true);
	}
	(void)s->ops->del(s, name);
	mutex_lock(&s->busy_lock);
	s->facts.bare = bare;
	s->facts.quoted = quoted;
	mutex_unlock(&s->busy_lock);
}

void
store_probe_link(struct store *s, struct http *h)
{
	struct http_peer p;

	http_get_peer(h, &p);
	mutex_lock(&s->busy_lock);
	(void)snprintf(s->facts.tls, sizeof(s->facts.tls), "%s", p.tls);
	(void)snprintf(s->facts.cipher, sizeof(s->facts.cipher), "%s",
	    p.cipher);
	(void)snprintf(s->facts.issuer, sizeof(s->facts.issuer), "%s",
	    p.issuer);
	s->facts.has_clock = p.has_clock;
	s->facts.clock_s = p.clock_s;
	mutex_unlock(&s->busy_lock);
}
