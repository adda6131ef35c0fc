/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "sync/scrub.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "crypto/crypto.h"
#include "store/mirror.h"
#include "sync/check_priv.h"
#include "util/clock.h"
#include "util/err.h"
#include "util/tr.h"

#define HEAD_WAIT_MS 20000	/* so long for a head to be copied */

/* The references of one pack: refs[first..first+n). */
struct group {
	const struct check_ref *refs;
	size_t n;
};

struct scrub {
	const struct scrub_conf *conf;
	struct scrub_result res;
	struct check check;
	struct group *groups;
	size_t n, cap;
	size_t members;		/* of a mirror; else 1 */
	size_t at;		/* the member being read */
	bool is_mirror;
};

static int
on_ref(void *arg, uint64_t ino, uint64_t idx, const struct block_ref *ref)
{
	struct check *c = arg;

	if (!ref) {
		check_say_unread(c, ino);
		return 0;
	}
	return check_ref_add(c, ino, idx, ref);
}

/* check_each_pack has sorted them: remember where each pack begins. */
static int
on_group(struct check *c, const struct check_ref *refs, size_t n)
{
	struct scrub *s = c->arg;
	struct group *p;
	size_t cap;

	if (s->n == s->cap) {
		cap = s->cap ? s->cap * 2 : 256;
		p = realloc(s->groups, cap * sizeof(*p));
		if (!p)
			return -ENOMEM;
		s->groups = p;
		s->cap = cap;
	}
	s->groups[s->n].refs = refs;
	s->groups[s->n++].n = n;
	return 0;
}

static void
shuffle(struct scrub *s)
{
	struct group g;
	size_t i, k;

	for (i = s->n; i > 1; i--) {
		k = (size_t)(crypto_random_u64() % i);
		g = s->groups[i - 1];
		s->groups[i - 1] = s->groups[k];
		s->groups[k] = g;
	}
}

static struct store *
member_of(const struct scrub *s, size_t i)
{
	return s->is_mirror ? store_mirror_member(s->conf->store, i) :
	    s->conf->store;
}

static void
say_quiet(void *arg, const char *finding)
{
	(void)arg;
	(void)finding;
}

static void
say_member(void *arg, const char *finding)
{
	struct scrub *s = arg;
	char line[1400];

	if (!s->is_mirror) {
		s->conf->say(s->conf->arg, finding);
		return;
	}
	(void)snprintf(line, sizeof(line), "%s: %s",
	    store_url(member_of(s, s->at)), finding);
	s->conf->say(s->conf->arg, line);
}

/* Of no store. */
static void
say_here(void *arg, const char *finding)
{
	struct scrub *s = arg;

	s->conf->say(s->conf->arg, finding);
}

/* A member is one only where the drive is: an empty folder would be filled. */
static int
member_here(struct scrub *s)
{
	int r = s->is_mirror ? object_check_genesis(member_of(s, s->at),
	    s->conf->keys, OBJECT_PATIENT) : 0;

	/* Spoiled, it is there: to be mended with the journals. */
	return r == -EPROTO || r == -EFBIG ? 0 : r;
}

/* It answers, and does not give this one object. */
static bool
is_object_unread(struct scrub *s, int r)
{
	return s->is_mirror && check_is_unread(r) && member_here(s) == 0;
}

/* One pack as this store has it.  Counts what was read; with pack, keeps it. */
static int
group_check(struct scrub *s, struct store *st, const struct group *g,
    struct buf *pack, bool *ret_bad)
{
	struct store_stats before, after;
	struct check c = s->check;
	int r;

	c.store = st;
	c.findings = 0;
	c.say = pack ? say_quiet : say_member;
	c.arg = s;
	c.pack = pack;
	store_get_stats(st, &before);
	r = check_pack(&c, g->refs, g->n);
	store_get_stats(st, &after);
	s->res.bytes += after.bytes_down - before.bytes_down;
	if (r == 0)
		*ret_bad = c.findings > 0;
	return r;
}

/* It was put right, or why not. */
static int
mended(struct scrub *s, int r)
{
	char line[128];

	if (r == -ENOMEM || r == -ECANCELED)
		return r;
	if (r == 0) {
		s->res.mended++;
		return 0;
	}
	(void)snprintf(line, sizeof(line), N_("cannot be mended at present "
	    "(%s)"), strerror(-r));
	say_member(s, line);
	return 0;
}

/* A member lacks it or has it wrong: who has it right?  It gets what was
 * looked at, not what that one says next. */
static int
group_mend(struct scrub *s, const struct group *g)
{
	struct buf pack = BUF_INIT(SYNC_OBJECT_MAX);
	char name[VAULT_PATH_MAX];
	bool is_bad = true;
	size_t i;
	int r = 0;

	for (i = 0; s->is_mirror && is_bad && i < s->members; i++) {
		if (i == s->at)
			continue;
		r = group_check(s, member_of(s, i), g, &pack, &is_bad);
		if (r == -ENOMEM || r == -ECANCELED)
			goto out;
		if (r < 0)
			is_bad = true;
	}
	r = 0;
	if (is_bad)
		goto out;
	vault_name_pack(&s->conf->keys->rtag, &g->refs[0].ref.pack, name);
	r = mended(s, store_mirror_mend(s->conf->store, s->at, name,
	    pack.data, pack.len));
out:
	buf_done(&pack);
	return r;
}

static int
group_scrub(struct scrub *s, const struct group *g)
{
	bool is_bad = true;
	char name[VAULT_PATH_MAX], line[VAULT_PATH_MAX + 64];
	int r = group_check(s, member_of(s, s->at), g, NULL, &is_bad);

	if (is_object_unread(s, r)) {
		vault_name_pack(&s->conf->keys->rtag, &g->refs[0].ref.pack,
		    name);
		(void)snprintf(line, sizeof(line), N_("cannot be read on the "
		    "store: '%s'"), name);
		say_member(s, line);
	} else if (r < 0) {
		return r;
	}
	s->res.objects++;
	if (!is_bad)
		return 0;
	s->res.findings++;
	return group_mend(s, g);
}

/* -EHOSTUNREACH and the like: it cannot be read now. */
static int
member_scrub(struct scrub *s)
{
	uint64_t start = s->res.bytes, budget = s->conf->budget;
	size_t i;
	int r = 0;

	for (i = 0; r == 0 && i < s->n; i++) {
		if (budget && s->res.bytes - start >= budget)
			break;
		if (s->conf->progress && !s->conf->progress(s->conf->arg, i,
		    s->n))
			return -ECANCELED;
		r = group_scrub(s, &s->groups[i]);
	}
	return r;
}

/* ---- journals and checkpoints ---- */

/* What refers to it is there, perhaps, and what it refers to not yet. */
static bool
owes_more(struct scrub *s)
{
	struct mirror_state st;

	store_mirror_state(s->conf->store, s->at, &st);
	return st.queued > st.aside;
}

/* By the mirror itself: its owner may be putting a newer one. */
static int
head_mend(struct scrub *s, struct check *c, const struct check_want *w)
{
	struct buf o = BUF_INIT(w->max);
	int r;

	r = store_mirror_stale(s->conf->store, s->at, w->name);
	if (r == 0)
		r = store_mirror_wait(s->conf->store, clock_mono_ms() +
		    HEAD_WAIT_MS, NULL, NULL);
	if (r == 0)
		r = object_get(c->store, w->name, OBJECT_PATIENT, &o);
	if (r == 0)
		r = w->open(c, w->arg, &o);
	buf_done(&o);
	return r;
}

/* Members that have it right; o is what one of them has. */
static int
other_find(struct scrub *s, struct check *c, const struct check_want *w,
    int why, struct buf *o)
{
	size_t i;
	int r;

	for (i = 0; i < s->members; i++) {
		if (i == s->at)
			continue;
		buf_reset(o);
		r = object_get(member_of(s, i), w->name, OBJECT_PATIENT, o);
		if (r == 0)
			r = w->open(c, w->arg, o);
		if (r == 0 || r == -ENOMEM || r == -ECANCELED)
			return r;
	}
	return why;
}

static int
on_other(struct check *c, const struct check_want *w, int why)
{
	struct buf o = BUF_INIT(w->max);
	struct scrub *s = c->arg;
	int r;

	if (check_is_unread(why) && !is_object_unread(s, why))
		return why;
	r = owes_more(s) ? why : other_find(s, c, w, why, &o);
	if (r == 0) {
		check_say(c, check_is_unread(why) ?
		    N_("cannot be read on the store: '%s'") :
		    why == -ENOENT ? N_("missing on the store: '%s'") :
		    N_("altered on the store: '%s'"), w->name);
		r = mended(s, vault_name_is_head(w->name) ?
		    head_mend(s, c, w) : store_mirror_mend(s->conf->store,
		    s->at, w->name, o.data, o.len));
	}
	buf_done(&o);
	return r;
}

/* What a journal or a checkpoint refers to. */
static int
on_pages(struct check *c, const struct check_ref *refs, size_t n)
{
	struct group g = { refs, n };
	struct scrub *s = c->arg;

	if (s->conf->progress && !s->conf->progress(s->conf->arg, 0, s->n))
		return -ECANCELED;
	return group_scrub(s, &g);
}

/* What fn looks at, as this member has it. */
static int
member_check(struct scrub *s, int (*fn)(struct check *c))
{
	struct check c = { .store = member_of(s, s->at),
	    .all = s->conf->store,
	    .keys = s->conf->keys, .drive = s->conf->drive,
	    .found = s->check.found, .say = say_member, .arg = s,
	    .other = s->is_mirror ? on_other : NULL };
	int r = fn(&c);

	s->res.findings += (unsigned)c.findings;
	if (r == 0)
		r = check_each_pack(&c, on_pages);
	free(c.refs);
	return r;
}

/* ---- all members ---- */

static void
say_unreached(struct scrub *s, int r, bool is_here)
{
	char line[512];

	if (!is_here && r == -ENOENT)
		(void)snprintf(line, sizeof(line), "%s", N_("this drive is "
		    "not there: is its disk mounted? if it was emptied, "
		    "'coffre store add' fills it again"));
	else if (!is_here && r == -EBADMSG)
		(void)snprintf(line, sizeof(line), "%s", N_("another drive is "
		    "there"));
	else
		(void)snprintf(line, sizeof(line), N_("cannot be read now "
		    "(%s)"), strerror(-r));
	say_member(s, line);
}

static int
scrub_run(struct scrub *s, struct err *e)
{
	struct scrub_result before;
	bool is_here;
	int r;

	for (s->at = 0; s->at < s->members; s->at++) {
		if (s->conf->has_leaving && s->at == s->conf->leaving)
			continue;
		before = s->res;
		shuffle(s);
		r = member_here(s);
		is_here = r == 0;
		if (r == 0)
			r = member_check(s, check_who);
		if (r == 0 && (!s->conf->budget || s->conf->has_leaving))
			r = member_check(s, check_journals);
		if (r == 0)
			r = member_scrub(s);
		if (r == -ECANCELED || r == -ENOMEM)
			return err_set(e, r, "%s", strerror(-r));
		if (r < 0) {
			s->res.unreached++;
			say_unreached(s, r, is_here);
		} else if (s->res.findings - before.findings ==
		    s->res.mended - before.mended) {
			s->res.whole++;
		}
	}
	return 0;
}

int
sync_scrub(const struct scrub_conf *conf, struct scrub_result *ret,
    struct err *e)
{
	struct scrub s = { .conf = conf, .check = { .keys = conf->keys,
	    .drive = conf->drive, .store = conf->store } };
	int r;

	s.members = store_mirror_count(conf->store);
	s.is_mirror = s.members > 0;
	if (!s.is_mirror)
		s.members = 1;
	s.check.say = say_here;
	s.check.arg = &s;
	r = devices_load(conf->drive, conf->keys, &s.check.found);
	if (r == 0) {
		r = drive_walk_refs(conf->drive, on_ref, &s.check);
		if (r == 0)
			r = check_each_pack(&s.check, on_group);
		s.res.findings = (unsigned)s.check.findings;
		if (r < 0)
			(void)err_set(e, r, "cannot read what the drive "
			    "needs: %s", strerror(-r));
		else
			r = scrub_run(&s, e);
		devices_done(&s.check.found);
	} else {
		(void)err_set(e, r, "cannot read the list of devices: %s",
		    strerror(-r));
	}
	if (r == 0)
		*ret = s.res;
	free(s.groups);
	free(s.check.refs);
	return r;
}
