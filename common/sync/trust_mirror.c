/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "sync/trust_priv.h"

#include <stdio.h>
#include <string.h>

#include "store/mirror.h"
#include "store/mirror_each.h"
#include "util/tr.h"

/*
 * trust_mirror - of several stores one may lie, or have been set back, and
 * the drive is where the others are.  What one of them shows is an alarm of
 * the drive only if no other bears out what this device knows; but what
 * nobody can show who has not our keys is believed of a single one.
 */

struct liar {
	size_t at;
	enum trust_seen seen;
	char id[256], url[128];
};

struct asking {
	struct sync *s;
	trust_look look;
	void *arg;
	bool is_borne, is_clone;
	struct liar liars[MIRROR_MEMBERS_MAX];
	size_t n;
};

static void
on_member(void *arg, size_t i, const char *id, struct store *member)
{
	struct asking *a = arg;
	struct liar *l;
	int r;

	r = a->look(a->s, member, a->arg);
	a->is_borne |= r == 0;
	a->is_clone |= r == TRUST_CLONE;
	/* One that lacks it may have lost it, and one that was not heard says
	 * nothing. */
	if (r <= 0 || a->n == MIRROR_MEMBERS_MAX)
		return;
	l = &a->liars[a->n++];
	l->at = i;
	l->seen = (enum trust_seen)r;
	(void)snprintf(l->id, sizeof(l->id), "%s", id);
	(void)snprintf(l->url, sizeof(l->url), "%s", store_url(member));
}

static bool
ask(struct asking *a)
{
	if (store_mirror_count(a->s->store) == 0)
		return false;
	store_mirror_each(a->s->store, false, on_member, a);
	/* Better to wait for one that hangs than to alarm for nothing. */
	if (!a->is_borne && !a->is_clone)
		store_mirror_each(a->s->store, true, on_member, a);
	return a->is_borne && !a->is_clone;
}

static void
blame(struct sync *s, const struct liar *l)
{
	char problem[256];

	(void)snprintf(problem, sizeof(problem), l->seen == TRUST_DRIVE ?
	    N_("'%s' holds another drive than this one") :
	    l->seen == TRUST_OLD ?
	    N_("'%s' shows an older state of this drive than it had taken") :
	    N_("'%s' shows something else in the place of what it had taken"),
	    l->url);
	sync_blame(s, l->id, problem);
}

int
trust_ask(struct sync *s, trust_look look, void *arg)
{
	struct asking a = { .s = s, .look = look, .arg = arg };
	size_t i;

	if (!ask(&a))
		return a.is_clone ? TRUST_CLONE : TRUST_OLD;
	for (i = 0; i < a.n; i++)
		blame(s, &a.liars[i]);
	return 0;
}

bool
trust_ask_mend(struct sync *s, trust_look look, void *arg, const char *name)
{
	struct asking a = { .s = s, .look = look, .arg = arg };
	size_t i;

	if (!ask(&a))
		return false;
	for (i = 0; i < a.n; i++) {
		blame(s, &a.liars[i]);
		if (store_mirror_stale(s->store, a.liars[i].at, name) < 0)
			return false;
	}
	return a.n > 0;
}
