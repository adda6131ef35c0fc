/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <inttypes.h>
#include <stdint.h>
#include <string.h>

#include "fs/opts.h"
#include "fs/probed.h"
#include "fs/store_job.h"
#include "fs/stores.h"
#include "store/mirror.h"
#include "store/store.h"
#include "sync/scrub.h"
#include "sync/sync.h"
#include "util/err.h"
#include "util/text.h"
#include "util/tr.h"

/* store_leave - one store less; and the comparison of all. */

/* What one member has and another has not. */
struct lacking {
	struct store *mirror;
	const struct names *there;
	size_t member;
	uint64_t n;
};

static int
on_object(void *arg, const char *name, uint64_t size)
{
	struct lacking *l = arg;
	int r;

	if (names_has(l->there, name, size))
		return 0;
	r = store_mirror_lacks(l->mirror, l->member, name);
	l->n++;
	return r;
}

/* Queue for one member what is listed and it has not, or has shorter. */
static int
compare_one(const struct store_job *j, const struct names *all, size_t i,
    const struct names *there, struct err *e)
{
	struct lacking l = { .mirror = j->store, .there = there,
	    .member = i };
	int r = names_each(all, on_object, &l);

	store_job_say(j, NP_("%s: %zu object, %" PRIu64 " missing",
	    "%s: %zu objects, %" PRIu64 " missing", names_count(there)),
	    store_url(store_mirror_member(j->store, i)), names_count(there),
	    l.n);
	return r < 0 ? err_set(e, r, "%s", strerror(-r)) : 0;
}

/* The same for each member but `not`; those that cannot be listed are told.
 * *ret_whole: members that were. */
static int
compare(const struct store_job *j, struct names *all, size_t not,
    unsigned *ret_whole, struct err *e)
{
	struct names *there[STORES_MAX] = { NULL };
	size_t i, n = store_mirror_count(j->store);
	int r = 0;

	*ret_whole = 0;
	for (i = 0; i < n && r == 0; i++) {
		if (i == not)
			continue;
		r = names_list(j, store_mirror_member(j->store, i), &there[i],
		    e);
		if (r == 0) {
			names_raise(all, there[i]);
			++*ret_whole;
		} else if (r != -ENOMEM && r != -ECANCELED) {
			store_job_say(j, "%s", e->msg);
			r = 0;
		}
	}
	for (i = 0; i < n; i++) {
		if (r == 0 && there[i])
			r = compare_one(j, all, i, there[i], e);
		names_free(there[i]);
	}
	return r;
}

int
store_job_check(const struct store_job *j, struct err *e)
{
	struct names *all = NULL;
	unsigned whole;
	int r;

	r = names_list(j, j->store, &all, e);
	if (r < 0)
		return r;
	if (store_mirror_count(j->store) == 0) {
		store_job_say(j, NP_("%s: %zu object, the only store",
		    "%s: %zu objects, the only store", names_count(all)),
		    store_url(j->store), names_count(all));
		names_free(all);
		return 0;
	}
	r = compare(j, all, SIZE_MAX, &whole, e);
	names_free(all);
	if (r < 0)
		return r;
	if (whole < store_mirror_count(j->store))
		return err_set(e, -EHOSTUNREACH, "not every store could be "
		    "asked");
	return store_job_wait(j, e);
}

/* ---- remove ---- */

static void
on_finding(void *arg, const char *finding)
{
	const struct store_job *j = arg;

	j->say(j->arg, finding);
}

static bool
on_read(void *arg, uint64_t done, uint64_t total)
{
	const struct store_job *j = arg;

	return j->progress(j->arg, STORE_JOB_UNREAD, total - done);
}

/* A listing is no proof: does one of the others hold what it lists?  What is
 * wrong there is mended from the one that leaves. */
static int
others_read(const struct store_job *j, size_t at, uint64_t budget,
    struct err *e)
{
	struct scrub_conf c = { .store = j->store, .keys = j->keys,
	    .drive = j->drive, .budget = budget, .has_leaving = true,
	    .leaving = at, .say = on_finding, .progress = on_read,
	    .arg = (void *)(uintptr_t)j };
	struct scrub_result s;
	char size[32];
	int r;

	r = sync_scrub(&c, &s, e);
	if (r < 0)
		return r;
	store_job_say(j, NP_("%" PRIu64 " object read, %s", "%" PRIu64
	    " objects read, %s", s.objects), s.objects,
	    size_format(s.bytes, size));
	if (s.whole == 0 && s.unreached)
		return err_set(e, -EHOSTUNREACH, "what the other stores hold "
		    "cannot be read now");
	if (s.whole == 0)
		return err_set(e, -EBADMSG, NP_("no other store holds all of "
		    "it: %u object that is wrong there could not be copied "
		    "from '%s'", "no other store holds all of it: %u objects "
		    "that are wrong there could not be copied from '%s'",
		    s.findings - s.mended), s.findings - s.mended,
		    store_url(store_mirror_member(j->store, at)));
	return 0;
}

/* Does one of the others have all of it, and answer? */
static int
others_check(const struct store_job *j, size_t at, uint64_t budget,
    struct err *e)
{
	struct mirror_state st;
	struct names *all;
	unsigned whole = 0;
	size_t i;
	int r;

	r = names_list(j, store_mirror_member(j->store, at), &all, e);
	if (r < 0)
		return err_wrap(e, r, "what is only there cannot be known "
		    "(if it is gone for good: '--lost')");
	r = compare(j, all, at, &whole, e);
	names_free(all);
	if (r < 0)
		return r;
	if (whole == 0)
		return err_set(e, -EHOSTUNREACH, "no other store answers: "
		    "this would be the only copy");
	r = store_job_wait(j, e);
	if (r == 0)
		r = others_read(j, at, budget, e);
	/* That takes its time, and there may be new ones. */
	if (r == 0)
		r = store_job_wait(j, e);
	for (i = 0; r == 0 && i < store_mirror_count(j->store); i++) {
		store_mirror_state(j->store, i, &st);
		if (i != at && st.queued)
			return err_set(e, -EBUSY, NP_("'%s' still lacks %"
			    PRIu64 " object", "'%s' still lacks %" PRIu64
			    " objects", st.queued), st.url, st.queued);
	}
	return r;
}

/* Does another one lack nothing?  Otherwise what is queued for all of them may
 * be on no other store. */
static bool
others_lack(const struct store_job *j, size_t at)
{
	struct mirror_state st;
	size_t i, n = store_mirror_count(j->store);

	for (i = 0; i < n; i++) {
		store_mirror_state(j->store, i, &st);
		if (i != at && st.queued == 0)
			return false;
	}
	return true;
}

/* What only the lost one had and is still here goes up again.  The store has
 * left by now, whatever comes of that. */
static void
lost_mend(const struct store_job *j)
{
	int r = sync_lost_mend(j->sync, j->store, j->keys, j->drive,
	    on_finding, (void *)(uintptr_t)j);

	if (r < 0)
		store_job_say(j, "what is lost could not be told: %s; run "
		    "'coffre trust --accept'", strerror(-r));
}

/* Take it out of the settings.  They count, whatever failed behind them: the
 * next mount has the stores that they name. */
static int
settings_leave(const struct store_job *j, unsigned number, const char *url,
    struct err *e)
{
	unsigned numbers[STORES_MAX];
	int r;

	if (stores_numbers(j->name, numbers) < 2)
		return err_set(e, -ENOENT, "the settings of drive '%s' name "
		    "no other store", j->name);
	r = number == 1 ? stores_promote(j->name, numbers[1], e) :
	    stores_delete(j->name, number, e);
	if (r == 0 || stores_names(j->name, url))
		return r;
	store_job_say(j, "%s", e->msg);
	return 0;
}

int
store_job_remove(const struct store_job *j, unsigned number, bool is_lost,
    uint64_t budget, struct err *e)
{
	struct opts o;
	bool is_due, is_noted = false;
	size_t at = 0;
	int r;

	if (store_mirror_count(j->store) == 0)
		return err_set(e, -EPERM, "it is the only store of the "
		    "drive: 'coffre store add' another one first");
	opts_init(&o);
	r = stores_load(j->name, number, &o, e);
	if (r == 0)
		r = store_job_member(j, o.store, &at, e);
	if (r < 0)
		goto out;
	/* From now on nothing counts as done that only it has. */
	store_mirror_leaving(j->store, at, true);
	is_due = is_lost && others_lack(j, at);
	if (is_due) {
		r = sync_lost_note(j->drive, j->keys, e);
		is_noted = r == 0;
	} else if (!is_lost) {
		r = others_check(j, at, budget, e);
	}
	if (r >= 0)
		r = settings_leave(j, number, o.store, e);
	if (r < 0) {
		if (is_noted)
			(void)sync_lost_undo(j->drive, j->keys);
		store_mirror_leaving(j->store, at, false);
		goto out;
	}
	store_mirror_drop(j->store, at);
	probed_forget(j->name, o.store);
	store_job_say(j, "%s: '%s' is no store of it any more; what lies "
	    "there was left as it is", j->name, o.store);
	if (is_due)
		lost_mend(j);
out:
	opts_done(&o);
	return r;
}
