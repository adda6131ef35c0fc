/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "fs/cmd_store.h"
#include "fs/place.h"
#include "fs/presets.h"
#include "fs/probed.h"
#include "fs/setup.h"
#include "fs/stores.h"
#include "store/store.h"
#include "util/err.h"
#include "util/file.h"

#define ADD_LOCK "store-add.lock"	/* in the state folder */

static const struct cli_opt add_opts[] = {
	STORE_PASSWORD_OPT,
	STORE_PASS_OPTS,
	{ "later", KEY_LATER, NULL,
	    N_("copy while the drive is mounted, and do not wait for it") },
	{ NULL, 0, NULL, NULL },
};

/* What is written down for the rest has one place. */
static int
lock_take(const char *name, int *ret_fd, struct err *e)
{
	char dir[PATH_MAX], path[PATH_MAX + 16];
	int r;

	r = place_path(PLACE_STATE, name, dir, e);
	if (r < 0)
		return r;
	(void)snprintf(path, sizeof(path), "%s/" ADD_LOCK, dir);
	r = file_mkdirs(dir);
	if (r == 0) {
		*ret_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
		if (*ret_fd < 0 || flock(*ret_fd, LOCK_EX | LOCK_NB) < 0)
			r = -errno;
	}
	if (r == 0)
		return 0;
	if (*ret_fd >= 0)
		(void)close(*ret_fd);
	*ret_fd = -1;
	return r == -EWOULDBLOCK ? err_set(e, -EBUSY, "another 'store add' is "
	    "at work on drive '%s'", name) : err_set(e, r, "'%s': %s", path,
	    strerror(-r));
}

/* Can it be used, and how?  Whoever does the rest reads what is written down
 * here. */
static int
prepare(struct store_words *w, const char *name, int *ret_lock, struct err *e)
{
	struct secret password = { NULL, 0 };
	struct err none = { "" };
	struct store *s = NULL;
	struct parts p;
	int r;

	parts_init(&p, name);
	r = parts_load(&p, e);
	if (r == 0)
		r = lock_take(name, ret_lock, e);
	/* One that was killed may have left its own. */
	if (r == 0)
		(void)stores_delete(name, STORES_NEW, &none);
	if (r == 0)
		r = presets_check(&p.opts, &w->opts, e);
	if (r == 0)
		r = store_words_open(w, &p.opts, &password, &s, e);
	if (r == 0)
		r = store_probe(s, e);
	if (r == 0)
		probed_tell(s);
	if (r == 0)
		r = stores_save(name, STORES_NEW, &w->opts, password.p &&
		    !w->password_from.command ? &password : NULL, e);
	store_close(s);
	pass_done(&password);
	parts_done(&p);
	return r;
}

static int
add(struct store_words *w, struct err *e)
{
	struct control_req q = { .cmd = CONTROL_STORE_ADD,
	    .is_later = w->is_later };
	struct err none = { "" };
	int lock = -1, r;

	r = opts_set(&w->opts, opts_find("store", OPT_CONF), w->args[1], e);
	if (r == 0)
		r = setup_absolute(&w->opts, e);
	if (r == 0)
		r = prepare(w, w->args[0], &lock, e);
	if (r == 0)
		r = store_run(w->args[0], w, &q, e);
	if (lock >= 0) {
		(void)stores_delete(w->args[0], STORES_NEW, &none);
		(void)close(lock);
	}
	return r;
}

static int
add_run(const struct cmd *cmd, int argc, char **argv)
{
	return store_command(cmd, argc, argv, add);
}

const struct cmd cmd_store_add = {
	.name = "store add",
	.args = N_("NAME URL"),
	.summary = N_("keep a drive on one more store"),
	.about = N_("Keep the drive NAME on the store at URL, too, and copy to "
	    "it what the others have.  A store that the drive has already is "
	    "filled again with what it lacks.  The drive may be mounted and in "
	    "use; broken off, the copying goes on as long as it is mounted, or "
	    "by the same command."),
	.opts = add_opts,
	.where = OPT_STORE,
	.args_min = 2,
	.args_max = 2,
	.run = add_run,
};
