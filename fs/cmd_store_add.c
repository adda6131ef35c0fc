/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <string.h>

#include "fs/cmd_store.h"
#include "fs/presets.h"
#include "fs/probed.h"
#include "fs/setup.h"
#include "fs/stores.h"
#include "store/store.h"
#include "util/err.h"

static const struct cli_opt add_opts[] = {
	STORE_PASSWORD_OPT,
	STORE_PASS_OPTS,
	{ "later", KEY_LATER, NULL,
	    N_("copy while the drive is mounted, and do not wait for it") },
	{ NULL, 0, NULL, NULL },
};

/* Can it be used, and how?  Whoever does the rest reads what is written down
 * here. */
static int
prepare(struct store_words *w, const char *name, struct err *e)
{
	struct secret password = { NULL, 0 };
	struct store *s = NULL;
	struct parts p;
	int r;

	parts_init(&p, name);
	r = parts_load(&p, e);
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
	int r;

	r = opts_set(&w->opts, opts_find("store", OPT_CONF), w->args[1], e);
	if (r == 0)
		r = setup_absolute(&w->opts, e);
	if (r == 0)
		r = prepare(w, w->args[0], e);
	if (r == 0) {
		r = store_run(w->args[0], w, &q, e);
		(void)stores_delete(w->args[0], STORES_NEW, &none);
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
