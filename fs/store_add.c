/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "fs/opts.h"
#include "fs/pass.h"
#include "fs/place.h"
#include "fs/store_job.h"
#include "fs/stores.h"
#include "store/mirror.h"
#include "store/store.h"
#include "sync/mirror_log.h"
#include "util/buf.h"
#include "util/err.h"
#include "vault/vault.h"

/* store_add - one store more.  What it lacks is on disk before it counts as a
 * store of the drive; the object that marks the drive is queued last, and
 * copied first: a store without it is no store yet. */

#define GENESIS_MAX (8u << 20)
#define MANY 256		/* names queued at once */

/* An empty place, or one with this very drive. */
static int
place_check(struct store *drive, struct store *s, struct err *e)
{
	struct buf here = BUF_INIT(GENESIS_MAX), there = BUF_INIT(GENESIS_MAX);
	char marker[VAULT_PATH_MAX];
	int r;

	vault_name_genesis(marker);
	r = store_get(drive, marker, &here);
	if (r < 0) {
		(void)err_set(e, r, "the drive cannot be read from the "
		    "stores that it has: %s", strerror(-r));
		goto out;
	}
	r = store_get(s, marker, &there);
	if (r == -ENOENT)
		r = 0;
	else if (r == 0 && (here.len != there.len ||
	    memcmp(here.data, there.data, here.len) != 0))
		r = err_set(e, -EEXIST, "there is another drive at '%s'",
		    store_url(s));
	else if (r < 0)
		(void)err_set(e, r, "'%s': %s", store_url(s), strerror(-r));
out:
	buf_done(&here);
	buf_done(&there);
	return r;
}

struct filling {
	struct store *mirror;
	size_t member;
	const struct names *there;
	char *many[MANY];
	size_t n;
	uint64_t all;
};

static int
many_queue(struct filling *f)
{
	int r = store_mirror_lacks_many(f->mirror, f->member,
	    (const char *const *)(void *)f->many, f->n);

	while (f->n > 0)
		free(f->many[--f->n]);
	return r;
}

static int
on_object(void *arg, const char *name, uint64_t size)
{
	struct filling *f = arg;

	if (names_has(f->there, name, size)) {
		/* The only ones that get older. */
		return vault_name_is_head(name) ?
		    store_mirror_stale(f->mirror, f->member, name) : 0;
	}
	f->many[f->n] = strdup(name);
	if (!f->many[f->n])
		return -ENOMEM;
	f->n++;
	f->all++;
	return f->n == MANY ? many_queue(f) : 0;
}

/* Queue what member i lacks. */
static int
fill(const struct store_job *j, size_t i, uint64_t *ret_n, struct err *e)
{
	struct filling f = { .mirror = j->store, .member = i };
	struct names *here = NULL, *there = NULL;
	char marker[VAULT_PATH_MAX];
	int r, r2;

	/* Members that are away are not listed. */
	r = store_mirror_lacks_too(j->store, i);
	if (r < 0) {
		(void)err_set(e, r, "what is to be copied cannot be written "
		    "down: %s", strerror(-r));
		goto out;
	}
	r = names_list(j, j->store, &here, e);
	if (r == 0)
		r = names_list(j, store_mirror_member(j->store, i), &there,
		    e);
	if (r < 0)
		goto out;
	f.there = there;
	r = names_each(here, on_object, &f);
	r2 = many_queue(&f);
	if (r == 0)
		r = r2;
	vault_name_genesis(marker);
	if (r == 0)
		r = store_mirror_lacks(j->store, i, marker);
	if (r < 0)
		(void)err_set(e, r, "what is to be copied cannot be written "
		    "down: %s", strerror(-r));
	*ret_n = f.all;
out:
	if (here)
		names_free(here);
	if (there)
		names_free(there);
	return r;
}

/* The number it has, or the first that is free. */
static int
number_choose(const char *drive, const char *url, unsigned *ret,
    bool *ret_is_new, struct err *e)
{
	unsigned numbers[STORES_MAX], n;
	struct err none = { "" };
	size_t i, count;

	*ret_is_new = store_number(drive, url, ret, &none) < 0;
	if (!*ret_is_new)
		return 0;
	count = stores_numbers(drive, numbers);
	if (count == STORES_MAX)
		return err_set(e, -ENOSPC, "a drive has %d stores at most",
		    STORES_MAX);
	for (n = 1, i = 0; i < count && numbers[i] == n; i++)
		n++;
	*ret = n;
	return 0;
}

/* A member of the mirror, though not yet in the drive's settings. */
static int
join(const struct store_job *j, const struct opts *o, struct err *e)
{
	struct mirror_member m = { .id = o->store };
	struct mirror_log *log = NULL;
	char dir[PATH_MAX];
	int r;

	r = stores_open_member(j->opts, j->name, o->store, &m.store, e);
	if (r < 0)
		return r;
	r = store_probe(m.store, e);
	if (r == 0)
		r = place_check(j->store, m.store, e);
	if (r == 0)
		r = place_path(PLACE_STATE, j->name, dir, e);
	if (r == 0)
		r = mirror_log_open(dir, &log, e);
	if (r < 0) {
		store_close(m.store);
		return r;
	}
	r = store_mirror_add(j->store, &m, log);
	return r < 0 ? err_set(e, r, "it cannot be joined to the others: %s",
	    strerror(-r)) : 0;
}

static int
add_new(const struct store_job *j, const struct opts *o,
    const struct secret *cred, unsigned number, uint64_t *ret_n,
    struct err *e)
{
	size_t i;
	int r;

	r = join(j, o, e);
	if (r < 0)
		return r;
	i = store_mirror_count(j->store) - 1;
	r = fill(j, i, ret_n, e);
	/* From here on it is a store of the drive. */
	if (r == 0)
		r = stores_save(j->name, number, o, cred, e);
	if (r < 0)
		store_mirror_drop(j->store, i);
	else
		store_mirror_filled(j->store, i);
	return r;
}

static int
add_again(const struct store_job *j, const struct opts *o, uint64_t *ret_n,
    struct err *e)
{
	size_t i;
	int r;

	if (store_mirror_count(j->store) == 0)
		return err_set(e, -EEXIST, "it is the only store of the "
		    "drive: there is nothing to fill it from");
	r = store_job_member(j, o->store, &i, e);
	if (r == 0)
		r = place_check(j->store, store_mirror_member(j->store, i),
		    e);
	if (r == 0)
		r = fill(j, i, ret_n, e);
	/* Not after the next pause: somebody waits. */
	store_mirror_kick(j->store);
	return r;
}

/* What we have been told: both at once, while whoever told it is there. */
static int
new_load(const char *drive, struct opts *o, struct secret *cred,
    struct err *e)
{
	int r = stores_load(drive, STORES_NEW, o, e);

	/* What a command prints is not kept. */
	return r < 0 || o->password_command ? r :
	    stores_password(drive, STORES_NEW, o, NULL, cred, e);
}

/* Whoever told it may have gone without taking it away; another one may be
 * there by now. */
static void
new_forget(const char *drive, const char *url)
{
	struct err none = { "" };
	struct opts o;

	opts_init(&o);
	if (stores_load(drive, STORES_NEW, &o, &none) == 0 && o.store &&
	    strcmp(o.store, url) == 0)
		(void)stores_delete(drive, STORES_NEW, &none);
	opts_done(&o);
}

static int
add(const struct store_job *j, const struct opts *o,
    const struct secret *cred, struct err *e)
{
	unsigned number = 0;
	bool is_new = true;
	uint64_t n = 0;
	int r;

	r = number_choose(j->name, o->store, &number, &is_new, e);
	if (r == 0)
		r = is_new ? add_new(j, o, cred, number, &n, e) :
		    add_again(j, o, &n, e);
	if (r == 0)
		store_job_say(j, "%s: store %u is '%s'; objects to copy: %"
		    PRIu64, j->name, number, o->store, n);
	return r;
}

int
store_job_add(const struct store_job *j, bool is_later, struct err *e)
{
	struct secret cred = { NULL, 0 };
	struct opts o;
	int r;

	opts_init(&o);
	r = new_load(j->name, &o, &cred, e);
	if (r == 0)
		r = add(j, &o, &cred, e);
	if (o.store)
		new_forget(j->name, o.store);
	pass_done(&cred);
	opts_done(&o);
	if (r < 0 || is_later)
		return r;
	r = store_job_wait(j, e);
	if (r == 0)
		store_job_say(j, "%s: all is there", j->name);
	return r;
}
