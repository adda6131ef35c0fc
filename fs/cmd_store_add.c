/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fs/cmd_store.h"
#include "fs/place.h"
#include "fs/presets.h"
#include "fs/setup.h"
#include "fs/stores.h"
#include "store/mirror.h"
#include "store/store.h"
#include "sync/mirror_log.h"
#include "util/buf.h"
#include "util/err.h"
#include "vault/vault.h"

/* What is written over is small: such an object is copied again even if one
 * of its size is there. */
#define REWRITTEN_MAX 4096
#define GENESIS_MAX (8u << 20)

static const struct cli_opt add_opts[] = {
	STORE_PASSWORD_OPT,
	STORE_PASS_OPTS,
	{ "later", KEY_LATER, NULL,
	    "copy when the drive is mounted, not now" },
	{ NULL, 0, NULL, NULL },
};

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
	struct mirror_log *log;
	const struct names *there;
	const char *id;
	uint64_t n;
};

static int
on_object(void *arg, const char *name, uint64_t size)
{
	struct filling *f = arg;
	int r;

	if (size > REWRITTEN_MAX && names_has(f->there, name, size))
		return 0;
	r = f->log->add(f->log, f->id, name, MIRROR_PUT);
	f->n++;
	return r < 0 ? r : 0;
}

/* Queue what the new one lacks; that it is this drive first of all.  The
 * mirror that is open has the log: close it before. */
static int
queue_fill(struct parts *p, const char *id, const struct names *here,
    const struct names *there, uint64_t *ret_n, struct err *e)
{
	char dir[PATH_MAX], marker[VAULT_PATH_MAX];
	struct filling f = { .there = there, .id = id };
	int r, r2;

	r = place_path(PLACE_STATE, p->name, dir, e);
	if (r == 0)
		r = mirror_log_open(dir, &f.log, e);
	if (r < 0)
		return r;
	vault_name_genesis(marker);
	r = mirror_log_begin(f.log);
	if (r == 0) {
		r = f.log->add(f.log, id, marker, MIRROR_PUT);
		if (r >= 0)
			r = names_each(here, on_object, &f);
		r2 = mirror_log_end(f.log);
		if (r == 0)
			r = r2;
	}
	f.log->close(f.log);
	*ret_n = f.n;
	return r < 0 ? err_set(e, r, "what is to be copied cannot be "
	    "written down: %s", strerror(-r)) : 0;
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

static int
add(struct parts *p, struct store_words *w, struct store *s,
    const struct secret *password, struct err *e)
{
	struct names *here = NULL, *there = NULL;
	bool is_new = true;
	unsigned number = 0;
	uint64_t n = 0;
	int r;

	r = number_choose(p->name, w->opts.store, &number, &is_new, e);
	if (r == 0)
		r = store_probe(s, e);
	if (r == 0)
		r = place_check(p->store, s, e);
	if (r == 0)
		r = names_list(p->store, &here, e);
	if (r == 0)
		r = names_list(s, &there, e);
	store_close(p->store);
	p->store = NULL;
	if (r == 0)
		r = queue_fill(p, w->opts.store, here, there, &n, e);
	/* From here on it is a store of the drive. */
	if (r == 0 && is_new)
		r = stores_save(p->name, number, &w->opts,
		    password->p && !w->password_from.command ? password :
		    NULL, e);
	names_free(here);
	names_free(there);
	cli_progress_end();
	if (r < 0)
		return r;
	cli_say("%s: store %u is '%s'; %" PRIu64 " objects to copy", p->name,
	    number, w->opts.store, n);
	if (w->is_later)
		return 0;
	r = parts_open_store(p, e);
	if (r == 0)
		r = store_copy_wait(p->store, e);
	if (r == 0)
		cli_say("%s: all is there", p->name);
	return r;
}

static int
add_run(const struct cmd *cmd, int argc, char **argv)
{
	struct secret password = { NULL, 0 };
	struct err e = { "" };
	struct store_words w;
	struct store *s = NULL;
	struct parts p;
	int code = 0, r;

	if (!store_words(&w, cmd, argc, argv, &code)) {
		opts_done(&w.opts);
		return code;
	}
	parts_init(&p, w.args[0]);
	r = opts_set(&w.opts, opts_find("store", OPT_CONF), w.args[1], &e);
	if (r == 0)
		r = setup_absolute(&w.opts, &e);
	if (r == 0)
		r = store_parts(&p, w.args[0], &w, &e);
	if (r == 0)
		r = presets_check(&p.opts, &w.opts, &e);
	if (r == 0)
		r = store_words_open(&w, &p.opts, &password, &s, &e);
	if (r == 0)
		r = add(&p, &w, s, &password, &e);
	store_close(s);
	pass_done(&password);
	parts_done(&p);
	opts_done(&w.opts);
	return r < 0 ? cli_fail(r, &e) : 0;
}

const struct cmd cmd_store_add = {
	.name = "store add",
	.args = "NAME URL",
	.summary = "keep a drive on one more store",
	.about = "Keep the drive NAME on the store at URL, too, and copy to "
	    "it what the others have.  A store that the drive has already is "
	    "filled again with what it lacks.  The drive must not be "
	    "mounted; broken off, the copying goes on by the same command or "
	    "at the next mount.",
	.opts = add_opts,
	.where = OPT_STORE,
	.args_min = 2,
	.args_max = 2,
	.run = add_run,
};
