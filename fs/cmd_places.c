/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <string.h>

#include "fs/cli.h"
#include "fs/place.h"
#include "fs/places.h"
#include "util/err.h"

static const struct cli_opt opts[] = {
	{ NULL, 0, NULL, NULL },
};

static int
run(const struct cmd *cmd, int argc, char **argv)
{
	const char *what, *name;
	struct err e = { "" };
	struct cli c;
	int r;

	cli_init(&c, cmd, argc, argv, NULL);
	if (cli_next(&c) == CLI_STOP)
		return c.exit_code;
	what = c.args[0];
	name = c.args[1];
	if (!place_name_valid(name))
		return cli_usage(cmd, "'%.80s' cannot be a drive's name",
		    name);
	if (strcmp(what, "add") == 0)
		r = places_add(name, &e);
	else if (strcmp(what, "remove") == 0)
		r = places_remove(name, &e);
	else
		return cli_usage(cmd, "'%.40s': add or remove", what);
	if (r < 0)
		return cli_fail(r, &e);
	places_note(name, *what == 'a', r, &e);
	return 0;
}

const struct cmd cmd_places = {
	.name = "places",
	.args = N_("add|remove NAME"),
	.summary = N_("show a drive in the sidebar of KDE's Dolphin"),
	.about = N_("Put the drive into the sidebar of Dolphin and of KDE's "
	    "dialogs, by its title and icon, or take it out again.  Other file "
	    "managers show a mounted drive by themselves."),
	.opts = opts,
	.args_min = 2,
	.args_max = 2,
	.run = run,
};
