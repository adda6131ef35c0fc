/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <fuse_lowlevel.h>
#include <stdio.h>

#include "fs/cli.h"
#include "vault/types.h"

static const struct cli_opt opts[] = { { NULL, 0, NULL, NULL } };

static int
run(const struct cmd *cmd, int argc, char **argv)
{
	struct cli c;

	cli_init(&c, cmd, argc, argv, NULL);
	if (cli_next(&c) == CLI_STOP)
		return c.exit_code;
	cli_say("coffre %s (format %d.%d, FUSE %s)", VERSION, VAULT_FMT_MAJOR,
	    VAULT_FMT_MINOR, fuse_pkgversion());
	cli_say("Licence GPL-3.0-or-later; there is no warranty.");
	return 0;
}

const struct cmd cmd_version = {
	.name = "version",
	.args = "",
	.summary = N_("print the version"),
	.about = N_("Print the version of the program and of the format it "
	    "writes."),
	.opts = opts,
	.run = run,
};
