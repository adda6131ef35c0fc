/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <string.h>

#include "fs/cmd_store.h"
#include "fs/store_job.h"
#include "util/err.h"

static const struct cli_opt remove_opts[] = {
	{ "lost", KEY_LOST, NULL,
	    N_("it is gone for good, and with it what only it had") },
	{ "budget", KEY_BUDGET, N_("SIZE"),
	    N_("read only so much of each other one, at random") },
	STORE_PASS_OPTS,
	{ NULL, 0, NULL, NULL },
};

static const struct cli_opt check_opts[] = {
	STORE_PASS_OPTS,
	{ NULL, 0, NULL, NULL },
};

static int
check(struct store_words *w, struct err *e)
{
	struct control_req q = { .cmd = CONTROL_STORE_CHECK };

	return store_run(w->args[0], w, &q, e);
}

static int
check_run(const struct cmd *cmd, int argc, char **argv)
{
	return store_command(cmd, argc, argv, check);
}

const struct cmd cmd_store_check = {
	.name = "store check",
	.args = N_("NAME"),
	.summary = N_("compare the stores of a drive, copy what one lacks"),
	.about = N_("List every store of the drive, and copy to each what it "
	    "lacks and another has.  What they hold is not read: 'coffre "
	    "scrub' does that.  The drive may be mounted."),
	.opts = check_opts,
	.args_min = 1,
	.args_max = 1,
	.run = check_run,
};

static int
remove_one(struct store_words *w, struct err *e)
{
	struct control_req q = { .cmd = CONTROL_STORE_REMOVE,
	    .is_lost = w->is_lost, .budget = w->budget };
	int r;

	r = store_number(w->args[0], w->args[1], &q.number, e);
	return r < 0 ? r : store_run(w->args[0], w, &q, e);
}

static int
remove_run(const struct cmd *cmd, int argc, char **argv)
{
	return store_command(cmd, argc, argv, remove_one);
}

const struct cmd cmd_store_remove = {
	.name = "store remove",
	.args = N_("NAME N|URL"),
	.summary = N_("keep a drive on one store less"),
	.about = N_("Take a store away from the drive NAME: by its number, as "
	    "'coffre store list' shows it, or its address.  First the others "
	    "get what only it has, and all that they hold is read; as long as "
	    "one of them lacks anything, or none holds all of it right, it is "
	    "refused.  What lies on the store stays there.  The drive may be "
	    "mounted and in use."),
	.opts = remove_opts,
	.args_min = 2,
	.args_max = 2,
	.run = remove_run,
};
