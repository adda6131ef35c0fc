/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "sync/check_priv.h"

#include <errno.h>
#include <string.h>

#include "util/log.h"

/*
 * Copies of what a recovery begins with: genesis, who is who, the grants of
 * the keys.  This device reads them once only, when it is enrolled; if the
 * store loses one, nothing but a recovery would find out.  So they are looked
 * at in each run, and what is gone is put back as it was.
 *
 * Kept as one value: for each object its name and its bytes.
 */

#define KEPT_MAX (4u << 20)

static void
say_log(void *arg, const char *finding)
{
	(void)arg;
	log_warn("sync: %s", finding);
}

static int
on_good(struct check *c, const struct check_want *w, const struct buf *o)
{
	struct buf *kept = c->arg;

	(void)buf_put_str16(kept, w->name, strlen(w->name));
	/* A drive with more of them than that goes without copies. */
	return buf_put_str32(kept, o->data, o->len) == -ENOMEM ? -ENOMEM : 0;
}

/* Findings, or a negative errno; good: what was found good. */
static int
look(struct sync *s, struct buf *good)
{
	struct check c = { .store = s->store, .keys = s->keys,
	    .drive = s->drive, .say = say_log, .arg = good,
	    .good = on_good, .tries = OBJECT_ONCE };
	int r;

	buf_reset(good);
	r = devices_load(s->drive, s->keys, &c.found);
	if (r == 0) {
		r = check_who(&c);
		devices_done(&c.found);
	}
	return r < 0 ? r : c.findings;
}

static int
put_back(struct sync *s, const char *name, const void *p, size_t len)
{
	struct buf b = BUF_INIT(SYNC_RECORD_MAX);
	int r = object_get(s->store, name, OBJECT_ONCE, &b);

	buf_done(&b);
	if (r != -ENOENT)
		return store_transient(r) ? r : 0;
	r = sync_put(s, name, p, len, OBJECT_CHAIN);
	if (r == 0)
		log_warn("sync: '%s' was missing on the store: it was put "
		    "back from the copy that is kept here", name);
	return r == -EEXIST ? 0 : r;
}

/* In the order in which they were read. */
static int
put_back_all(struct sync *s, const struct buf *kept)
{
	struct rd rd = rd_of(kept->data, kept->len);
	char name[VAULT_PATH_MAX];
	const uint8_t *p, *at;
	size_t len, n;
	int r = 0;

	while (r == 0 && rd.left > 0) {
		at = rd_str16(&rd, sizeof(name) - 1, &n);
		p = at ? rd_str32(&rd, SYNC_RECORD_MAX, &len) : NULL;
		if (!p)
			return -EPROTO;
		memcpy(name, at, n);
		name[n] = '\0';
		r = put_back(s, name, p, len);
	}
	return r;
}

static bool
is_same(const struct buf *a, const struct buf *b)
{
	return a->len == b->len && (a->len == 0 ||
	    memcmp(a->data, b->data, a->len) == 0);
}

void
who_tend(struct sync *s)
{
	struct buf kept = BUF_INIT(KEPT_MAX), good = BUF_INIT(KEPT_MAX);
	int r, n;

	if (s->is_who_tended)
		return;
	r = drive_kv_get(s->drive, SYNC_KV_WHO, &kept);
	n = r == 0 || r == -ENOENT ? look(s, &good) : r;
	if (n > 0 && r == 0) {
		n = put_back_all(s, &kept);
		if (n == 0)
			n = look(s, &good);
	}
	if (n == 0 && good.err == 0 && (r < 0 || !is_same(&kept, &good)))
		n = drive_kv_set(s->drive, SYNC_KV_WHO, good.data, good.len);
	/* What has not answered is asked after the next look at our journal. */
	s->is_who_tended = !store_transient(n) && n != -ECANCELED;
	if (n < 0 && s->is_who_tended)
		log_warn("sync: who is who on the store was not looked at: "
		    "r=%d", n);
	buf_done(&kept);
	buf_done(&good);
}
