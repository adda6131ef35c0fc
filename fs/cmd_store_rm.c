/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fs/cmd_store.h"
#include "fs/place.h"
#include "fs/stores.h"
#include "store/mirror.h"
#include "store/store.h"
#include "sync/mirror_log.h"
#include "util/buf.h"
#include "util/err.h"
#include "vault/vault.h"

static const struct cli_opt remove_opts[] = {
	{ "lost", KEY_LOST, NULL,
	    "it is gone for good, and with it what only it had" },
	STORE_PASS_OPTS,
	{ NULL, 0, NULL, NULL },
};

static const struct cli_opt check_opts[] = {
	STORE_PASS_OPTS,
	{ NULL, 0, NULL, NULL },
};

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

/* Queue for each member but `not` what is listed and it has not; those that
 * cannot be listed are told.  *ret_whole: members that were. */
static int
compare(struct parts *p, const struct names *all, size_t not,
    uint64_t *ret_n, unsigned *ret_whole, struct err *e)
{
	struct lacking l = { .mirror = p->store };
	struct names *there;
	size_t i, n = store_mirror_count(p->store);
	int r;

	*ret_n = 0;
	*ret_whole = 0;
	for (i = 0; i < n; i++) {
		if (i == not)
			continue;
		r = names_list(store_mirror_member(p->store, i), &there, e);
		if (r == -ENOMEM)
			return r;
		if (r < 0) {
			cli_note("%s", e->msg);
			continue;
		}
		l.there = there;
		l.member = i;
		l.n = 0;
		r = names_each(all, on_object, &l);
		cli_progress_end();
		cli_say("%s: %zu objects, %" PRIu64 " missing",
		    store_url(store_mirror_member(p->store, i)),
		    names_count(there), l.n);
		names_free(there);
		if (r < 0)
			return err_set(e, r, "%s", strerror(-r));
		*ret_n += l.n;
		++*ret_whole;
	}
	return 0;
}

/* ---- check ---- */

static int
check(struct parts *p, struct err *e)
{
	struct names *all = NULL;
	unsigned whole;
	uint64_t n = 0;
	int r;

	if (store_mirror_count(p->store) == 0) {
		r = names_list(p->store, &all, e);
		if (r == 0)
			cli_say("%s: %zu objects, the only store",
			    store_url(p->store), names_count(all));
		names_free(all);
		return r;
	}
	r = names_list(p->store, &all, e);
	if (r == 0)
		r = compare(p, all, SIZE_MAX, &n, &whole, e);
	names_free(all);
	if (r < 0)
		return r;
	if (whole < store_mirror_count(p->store))
		return err_set(e, -EHOSTUNREACH, "not every store could be "
		    "asked");
	return store_copy_wait(p->store, e);
}

static int
check_run(const struct cmd *cmd, int argc, char **argv)
{
	struct err e = { "" };
	struct store_words w;
	struct parts p;
	int code = 0, r;

	if (!store_words(&w, cmd, argc, argv, &code)) {
		opts_done(&w.opts);
		return code;
	}
	r = store_parts(&p, w.args[0], &w, &e);
	if (r == 0)
		r = check(&p, &e);
	parts_done(&p);
	opts_done(&w.opts);
	return r < 0 ? cli_fail(r, &e) : 0;
}

const struct cmd cmd_store_check = {
	.name = "store check",
	.args = "NAME",
	.summary = "compare the stores of a drive, copy what one lacks",
	.about = "List every store of the drive, and copy to each what it "
	    "lacks and another has.  What they hold is not read: 'coffre "
	    "scrub' does that.  The drive must not be mounted.",
	.opts = check_opts,
	.args_min = 1,
	.args_max = 1,
	.run = check_run,
};

/* ---- remove ---- */

/* Does one of the others have all of it, and answer? */
static int
others_check(struct parts *p, size_t at, struct err *e)
{
	struct mirror_state st;
	struct names *all;
	unsigned whole = 0;
	uint64_t n;
	size_t i;
	int r;

	r = names_list(store_mirror_member(p->store, at), &all, e);
	if (r < 0)
		return err_wrap(e, r, "what is only there cannot be known "
		    "(if it is gone for good: '--lost')");
	r = compare(p, all, at, &n, &whole, e);
	names_free(all);
	if (r < 0)
		return r;
	if (whole == 0)
		return err_set(e, -EHOSTUNREACH, "no other store answers: "
		    "this would be the only copy");
	r = store_copy_wait(p->store, e);
	for (i = 0; r == 0 && i < store_mirror_count(p->store); i++) {
		store_mirror_state(p->store, i, &st);
		if (i != at && st.queued)
			return err_set(e, -EBUSY, "'%s' still lacks %" PRIu64
			    " objects", st.url, st.queued);
	}
	return r;
}

/* Store 1 leaves: another one's settings take its place. */
static int
promote(struct parts *p, unsigned number, struct err *e)
{
	struct secret s = { NULL, 0 };
	struct opts o;
	int r;

	opts_init(&o);
	r = stores_load(p->name, number, &o, e);
	if (r == 0 && !o.password_command)
		r = stores_password(p->name, number, &o, &s, e);
	if (r == 0)
		r = stores_take(&p->opts, &o, e);
	if (r == 0)
		r = stores_save(p->name, 1, &p->opts, &s, e);
	if (r == 0)
		r = stores_delete(p->name, number, e);
	pass_done(&s);
	opts_done(&o);
	return r;
}

static int
forget(struct parts *p, const char *id, struct err *e)
{
	struct mirror_log *log;
	char dir[PATH_MAX];
	int r;

	r = place_path(PLACE_STATE, p->name, dir, e);
	if (r == 0)
		r = mirror_log_open(dir, &log, e);
	if (r < 0)
		return r;
	r = mirror_log_forget(log, id);
	log->close(log);
	return r < 0 ? err_set(e, r, "%s", strerror(-r)) : 0;
}

static int
leave(struct parts *p, unsigned number, bool is_lost, struct err *e)
{
	unsigned numbers[STORES_MAX];
	size_t n, at = 0;
	struct opts o;
	int r;

	n = stores_numbers(p->name, numbers);
	while (at < n && numbers[at] != number)
		at++;
	if (n < 2 || at == n)
		return err_set(e, -EPERM, "it is the only store of the "
		    "drive: 'coffre store add' another one first");
	r = is_lost ? 0 : others_check(p, at, e);
	if (r < 0)
		return r;
	store_close(p->store);
	p->store = NULL;
	opts_init(&o);
	r = stores_load(p->name, number, &o, e);
	if (r == 0)
		r = number == 1 ? promote(p, numbers[1], e) :
		    stores_delete(p->name, number, e);
	if (r == 0)
		r = forget(p, o.store, e);
	if (r == 0)
		cli_say("%s: '%s' is no store of it any more; what lies there "
		    "was left as it is", p->name, o.store);
	opts_done(&o);
	return r;
}

static int
remove_run(const struct cmd *cmd, int argc, char **argv)
{
	struct err e = { "" };
	struct store_words w;
	unsigned number;
	struct parts p;
	int code = 0, r;

	if (!store_words(&w, cmd, argc, argv, &code)) {
		opts_done(&w.opts);
		return code;
	}
	parts_init(&p, w.args[0]);
	r = store_number(w.args[0], w.args[1], &number, &e);
	if (r == 0)
		r = store_parts(&p, w.args[0], &w, &e);
	if (r == 0)
		r = leave(&p, number, w.is_lost, &e);
	parts_done(&p);
	opts_done(&w.opts);
	return r < 0 ? cli_fail(r, &e) : 0;
}

const struct cmd cmd_store_remove = {
	.name = "store remove",
	.args = "NAME N|URL",
	.summary = "keep a drive on one store less",
	.about = "Take a store away from the drive NAME: by its number, as "
	    "'coffre store list' shows it, or its address.  First the others "
	    "get what only it has; as long as one of them lacks anything it "
	    "is refused.  What lies on the store stays there.",
	.opts = remove_opts,
	.args_min = 2,
	.args_max = 2,
	.run = remove_run,
};
