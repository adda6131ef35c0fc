/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "crypto/crypto.h"
#include "fs/cli.h"
#include "fs/keyring.h"
#include "fs/parts.h"
#include "fs/pass.h"
#include "fs/place.h"
#include "fs/slots.h"
#include "fs/unlock.h"
#include "util/err.h"

static const struct cli_opt opts[] = {
	{ "passphrase-fd", KEY_PASSPHRASE_FD, N_("N"),
	    N_("read the passphrase from descriptor N") },
	{ "passphrase-command", KEY_PASSPHRASE_COMMAND, N_("CMD"),
	    N_("a command that prints the passphrase") },
	{ NULL, 0, NULL, NULL },
};

static int
enable(const char *name, const struct pass_from *from, struct err *e)
{
	struct parts p;
	int r;

	parts_init(&p, name);
	r = parts_load(&p, e);
	if (r == 0 && !keyring_is_there())
		r = err_set(e, -EHOSTDOWN, "there is no keyring in this "
		    "session, or 'coffre-keyring', which speaks to it, lacks "
		    "libsecret");
	/* By the passphrase alone: what opens it already must not be enough
	 * to open it for ever. */
	if (r == 0)
		r = unlock_by_passphrase(&p, from, e);
	if (r == 0)
		r = slots_to_keyring(&p, e);
	if (r == 0)
		cli_note("'%s' is unlocked by the keyring of your session, "
		    "whenever that is unlocked", name);
	parts_done(&p);
	return r;
}

static int
disable(const char *name, struct err *e)
{
	uint8_t id[SLOT_ID_LEN];
	bool has_id;
	int r;

	has_id = slots_id(name, SLOT_KEYRING, id) == 0;
	/* This is what counts; the rest is tidying up. */
	r = slots_remove(name, SLOT_KEYRING, e);
	if (r < 0)
		return r;
	r = has_id ? keyring_clear(id, e) : 0;
	if (r < 0 && r != -ENOKEY)
		cli_note("%s; the key that it keeps opens nothing any more",
		    tr_text(e->msg, (char[TR_MAX]){ 0 }));
	cli_note("'%s' is no longer unlocked by the keyring", name);
	return 0;
}

static int
run(const struct cmd *cmd, int argc, char **argv)
{
	struct pass_from from = { -1, NULL };
	const char *what, *name;
	struct err e = { "" };
	struct cli c;
	uint64_t n;
	int key, r;

	cli_init(&c, cmd, argc, argv, NULL);
	while ((key = cli_next(&c)) > 0) {
		if (key == KEY_PASSPHRASE_COMMAND)
			from.command = optarg;
		else if (cli_number(optarg, 0, INT_MAX, &n) < 0)
			return cli_usage(cmd, "'%s' is no descriptor", optarg);
		else
			from.fd = (int)n;
	}
	if (key == CLI_STOP)
		return c.exit_code;
	what = c.args[0];
	name = c.args[1];
	if (!place_name_valid(name))
		return cli_usage(cmd, "'%.80s' cannot be a drive's name",
		    name);
	if (crypto_init() < 0)
		return cli_fail(-EIO, NULL);
	if (strcmp(what, "enable") == 0)
		r = enable(name, &from, &e);
	else if (strcmp(what, "disable") == 0)
		r = disable(name, &e);
	else
		return cli_usage(cmd, "'%.40s': enable or disable", what);
	return r < 0 ? cli_fail(r, &e) : 0;
}

const struct cmd cmd_keyring = {
	.name = "keyring",
	.args = N_("enable|disable NAME"),
	.summary = N_("have the desktop's keyring unlock a drive"),
	.about = N_("Have the keyring of the desktop's session unlock the "
	    "drive, or no longer.  It is given a key of its own, not the "
	    "passphrase; the key opens nothing without a file of this machine, "
	    "and nothing once that is taken away by 'disable'."),
	.opts = opts,
	.args_min = 2,
	.args_max = 2,
	.run = run,
};
