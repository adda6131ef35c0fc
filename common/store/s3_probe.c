/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <string.h>

#include "store/s3_priv.h"
#include "util/err.h"
#include "util/tr.h"

/* s3_probe - what this server does, and what the bucket is set to do. */

static void
caps_set(struct s3 *s, unsigned caps)
{
	mutex_lock(&s->lock);
	s->caps = caps;
	mutex_unlock(&s->lock);
}

static int
put_cut(struct store *st, const char *name, const void *p, size_t len,
    size_t cut_after)
{
	struct s3 *s = (struct s3 *)st;
	char key[S3_KEY_MAX];
	struct s3_resp a;

	s3_key(s, name, key);
	return s3_put_once(s, key, p, len, false, cut_after, &a);
}

static int
match_put(struct store *st, const char *name, const void *p, size_t len,
    const char *match)
{
	struct s3_req q = { .method = "PUT", .is_write = true, .body = p,
	    .len = len, .match = match };
	struct s3 *s = (struct s3 *)st;
	char key[S3_KEY_MAX];
	struct s3_resp a;

	s3_key(s, name, key);
	q.key = key;
	return s3_call(s, &q, &a);
}

static int
match_etag(struct store *st, const char *name,
    char ret[static STORE_ETAG_MAX])
{
	struct s3_req q = { .method = "HEAD" };
	struct s3 *s = (struct s3 *)st;
	char key[S3_KEY_MAX];
	struct s3_resp a;
	int r;

	s3_key(s, name, key);
	q.key = key;
	r = s3_call(s, &q, &a);
	memcpy(ret, a.etag, STORE_ETAG_MAX);
	return r;
}

static const struct store_matcher matcher = { match_put, match_etag };

/* Read one of the bucket's configurations into body.  -ENOENT: it has none;
 * any other failure: it does not say. */
static int
conf_read(struct s3 *s, const char *what, struct buf *body)
{
	struct s3_req q = { .method = "GET", .out = body,
	    .query = { { what, "" } }, .nquery = 1 };
	struct s3_resp a;
	int r;

	buf_reset(body);
	r = s3_call(s, &q, &a);
	if (r == 0 && a.http.status != 200)
		r = -EPROTO;
	return r;
}

static void
note_versioning(struct s3 *s, struct buf *body, struct buf *out)
{
	static const char *const text[] = {
	    [S3_VERSIONING_NEVER] = N_("versions: not kept; what is deleted is "
	    "gone"),
	    [S3_VERSIONING_ENABLED] = N_("versions: kept; a delete removes all "
	    "versions of an object, a replaced one stays until then"),
	    [S3_VERSIONING_SUSPENDED] = N_("versions: no longer kept, earlier "
	    "ones still are; a delete removes all versions of an object"),
	};
	enum s3_versioning v;
	int r;

	r = conf_read(s, "versioning", body);
	if (r == 0)
		r = s3_xml_versioning(body->data, body->len, &v);
	if (r < 0) {
		(void)buf_printf(out, "versions: the provider does not say "
		    "whether it keeps them\n");
		return;
	}
	mutex_lock(&s->lock);
	s->kept = v == S3_VERSIONING_NEVER ? S3_KEPT_NO : S3_KEPT_YES;
	mutex_unlock(&s->lock);
	(void)buf_printf(out, "%s\n", text[v]);
}

/* Neither that there is none of it, nor that the server does not know it. */
static bool
is_unsaid(int r)
{
	return r < 0 && r != -ENOENT && r != -EOPNOTSUPP;
}

static void
note_lock(struct s3 *s, struct buf *body, struct buf *out)
{
	struct s3_lock l;
	bool is_locked;
	int r;

	r = conf_read(s, "object-lock", body);
	if (r == 0)
		r = s3_xml_lock(body->data, body->len, &l);
	if (r == 0 && l.is_enabled && l.mode[0] && l.years)
		(void)buf_printf(out, NP_("object lock: %s, %u year: until "
		    "then deleted objects stay at the provider, out of sight",
		    "object lock: %s, %u years: until then deleted objects "
		    "stay at the provider, out of sight", l.years), l.mode,
		    l.years);
	else if (r == 0 && l.is_enabled && l.mode[0])
		(void)buf_printf(out, NP_("object lock: %s, %u day: until "
		    "then deleted objects stay at the provider, out of sight",
		    "object lock: %s, %u days: until then deleted objects "
		    "stay at the provider, out of sight", l.days), l.mode,
		    l.days);
	else if (r == 0 && l.is_enabled)
		(void)buf_printf(out, "object lock: possible, and not set");
	else if (is_unsaid(r))
		(void)buf_printf(out, "object lock: cannot be read: see "
		    "at the provider whether what is deleted stays\n");
	if (r == 0 && l.is_enabled)
		(void)buf_put_u8(out, '\n');
	mutex_lock(&s->lock);
	s->is_md5 = s->is_md5 || (r == 0 && l.is_enabled);
	is_locked = s->is_locked;
	mutex_unlock(&s->lock);
	if (is_locked)
		(void)buf_printf(out, "a deleted object's versions could not "
		    "be removed: they stay at the provider, out of sight\n");
}

static void
note_lifecycle(struct s3 *s, struct buf *body, struct buf *out)
{
	struct s3_lifecycle l;
	int r;

	r = conf_read(s, "lifecycle", body);
	if (r == 0)
		r = s3_xml_lifecycle(body->data, body->len, s->prefix, &l);
	if (r < 0) {
		if (is_unsaid(r))
			(void)buf_printf(out, "lifecycle: cannot be read: see "
			    "at the provider that no rule of "
			    "the bucket deletes objects by their age\n");
		return;
	}
	if (l.expiring)
		(void)buf_printf(out, "lifecycle: WARNING: a rule of the "
		    "bucket deletes objects by their age; it would destroy "
		    "the drive, take it away\n");
	else if (l.rules)
		(void)buf_printf(out, "lifecycle: rules: %u\n", l.rules);
	if (l.old_expiring)
		(void)buf_printf(out, "lifecycle: earlier versions are "
		    "deleted by their age\n");
	if (l.moving)
		(void)buf_printf(out, "lifecycle: objects are moved to other "
		    "storage, which may be slow to read\n");
}

static void
note_puts(unsigned caps, struct buf *out)
{
	if (caps & STORE_CAP_IF_ABSENT)
		(void)buf_printf(out, "conditional puts: honoured\n");
	else
		(void)buf_printf(out, "conditional puts: ignored by this "
		    "server, or not known to it\n");
	if (!(caps & STORE_CAP_ATOMIC_PUT))
		(void)buf_printf(out, "an upload that broke off was seen by "
		    "readers\n");
}

static void
notes_make(struct s3 *s, unsigned caps)
{
	struct buf body = BUF_INIT(1u << 20), out = BUF_INIT(4096);
	struct buf old;

	note_versioning(s, &body, &out);
	note_lock(s, &body, &out);
	note_lifecycle(s, &body, &out);
	note_puts(caps, &out);
	mutex_lock(&s->lock);
	old = s->notes;
	s->notes = out;
	mutex_unlock(&s->lock);
	buf_done(&old);
	buf_done(&body);
}

int
s3_probe(struct store *st, struct err *e)
{
	struct s3 *s = (struct s3 *)st;
	bool is_atomic = true, is_uncond;
	unsigned caps = 0;
	int r;

	mutex_lock(&s->lock);
	s->is_uncond = false;
	mutex_unlock(&s->lock);
	r = store_probe_cut(st, put_cut, &is_atomic);
	if (r < 0)
		return store_probe_why(st, r, e);
	r = store_probe_run(st, &caps, e);
	if (r < 0)
		return r;
	mutex_lock(&s->lock);
	is_uncond = s->is_uncond;
	mutex_unlock(&s->lock);
	/* To look before a put is not the same, and better than nothing. */
	if (is_uncond)
		caps &= ~(unsigned)STORE_CAP_IF_ABSENT;
	mutex_lock(&s->lock);
	s->is_uncond = !(caps & STORE_CAP_IF_ABSENT);
	mutex_unlock(&s->lock);
	if (is_atomic)
		caps |= STORE_CAP_ATOMIC_PUT;
	caps_set(s, caps);
	store_probe_match(st, &matcher);
	store_probe_link(st, s->http);
	notes_make(s, caps);
	return 0;
}

void
s3_notes(struct store *st, struct buf *out)
{
	struct s3 *s = (struct s3 *)st;

	mutex_lock(&s->lock);
	(void)buf_put(out, s->notes.data, s->notes.len);
	mutex_unlock(&s->lock);
}
