/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <unistd.h>

#include "crypto/crypto.h"
#include "fs/cli.h"
#include "fs/client.h"
#include "fs/conf.h"
#include "fs/pass.h"
#include "fs/unlock.h"
#include "util/err.h"

/* ---- unlock ---- */

static const struct cli_opt unlock_opts[] = {
	{ "passphrase-fd", KEY_PASSPHRASE_FD, N_("N"),
	    N_("read the passphrase from descriptor N") },
	{ "passphrase-command", KEY_PASSPHRASE_COMMAND, N_("CMD"),
	    N_("a command that prints the passphrase") },
	{ NULL, 0, NULL, NULL },
};

/* Connect anew: one that waits for a person would be closed meanwhile. */
static int
give(const char *name, const struct secret *s, bool is_slot, struct err *e)
{
	int fd = client_connect(name, e);

	return fd < 0 ? fd : client_unlock(fd, s, is_slot, e);
}

/* -ENOENT: the keyring was never given one. */
static int
by_keyring(const char *name, struct err *e)
{
	struct secret key = { NULL, 0 };
	int r;

	r = unlock_keyring_key(name, unlock_who() == UNLOCK_ASK, &key, e);
	if (r == 0)
		r = give(name, &key, true, e);
	pass_done(&key);
	return r;
}

static int
by_passphrase(const char *name, const struct opts *o,
    const struct pass_from *from, struct err *e)
{
	struct secret pass = { NULL, 0 };
	int r;

	r = unlock_passphrase(name, o, from, &pass, e);
	if (r == 0)
		r = give(name, &pass, false, e);
	pass_done(&pass);
	return r;
}

/* What was given with the command comes first, then the settings' command,
 * the keyring, and whoever is there. */
static int
unlock(const char *name, const struct pass_from *from, struct err *e)
{
	bool is_given = from->fd >= 0 || from->command;
	struct opts o;
	int r;

	opts_init(&o);
	r = conf_load(name, &o, e);
	if (r == 0 && !is_given && !o.passphrase_command) {
		r = by_keyring(name, e);
		if (r < 0 && r != -ENOENT)
			cli_note("%s", e->msg);
		if (r < 0)
			r = by_passphrase(name, &o, from, e);
	} else if (r == 0) {
		r = by_passphrase(name, &o, from, e);
	}
	opts_done(&o);
	return r;
}

static int
unlock_run(const struct cmd *cmd, int argc, char **argv)
{
	struct pass_from from = { -1, NULL };
	char name[PLACE_NAME_MAX + 1];
	struct err e = { "" };
	struct cli c;
	int key, fd, r;
	uint64_t n;

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
	if (crypto_init() < 0)
		return cli_fail(-EIO, NULL);
	r = client_name(c.args[0], name, &e);
	if (r < 0)
		return cli_fail(r, &e);
	/* Nobody is asked for what cannot be used. */
	fd = client_connect(name, &e);
	if (fd < 0)
		return cli_fail(fd, &e);
	(void)close(fd);
	r = unlock(name, &from, &e);
	return r < 0 ? cli_fail(r, &e) : 0;
}

const struct cmd cmd_unlock = {
	.name = "unlock",
	.args = N_("NAME|PATH"),
	.summary = N_("give a locked drive its passphrase"),
	.about = N_("Give a drive that is mounted and locked its passphrase, "
	    "or what the keyring has for it: its files are there again."),
	.opts = unlock_opts,
	.args_min = 1,
	.args_max = 1,
	.run = unlock_run,
};

/* ---- lock ---- */

static const struct cli_opt lock_opts[] = {
	{ "force", KEY_FORCE, NULL,
	    N_("also if files are open: they fail from then on") },
	{ NULL, 0, NULL, NULL },
};

static int
lock_run(const struct cmd *cmd, int argc, char **argv)
{
	struct control_req q = { .cmd = CONTROL_LOCK };
	char name[PLACE_NAME_MAX + 1], size[32];
	uint64_t ops, bytes;
	struct err e = { "" };
	json_t *o = NULL;
	struct cli c;
	int key, r;

	cli_init(&c, cmd, argc, argv, NULL);
	while ((key = cli_next(&c)) > 0)
		q.is_forced = true;
	if (key == CLI_STOP)
		return c.exit_code;
	r = client_name(c.args[0], name, &e);
	if (r == 0)
		r = client_call(name, &q, NULL, NULL, &o, &e);
	if (r == 0) {
		ops = (uint64_t)json_integer_value(json_object_get(o,
		    "ops_left"));
		bytes = (uint64_t)json_integer_value(json_object_get(o,
		    "bytes_left"));
		if (ops > 0 || bytes > 0)
			cli_note_n(ops, "%" PRIu64 " change, %s still "
			    "queued: uploaded when it is unlocked",
			    "%" PRIu64 " changes, %s still queued: they are "
			    "uploaded when it is unlocked", ops,
			    cli_size(bytes, size));
	}
	json_decref(o);
	return r < 0 ? cli_fail(r, &e) : 0;
}

const struct cmd cmd_lock = {
	.name = "lock",
	.args = N_("NAME|PATH"),
	.summary = N_("take a drive's keys out of memory; it stays mounted"),
	.about = N_("Keep what was written, wipe the drive's keys from memory "
	    "and have the kernel forget what it remembered of it.  The drive "
	    "stays mounted, with a note in place of its files, until 'coffre "
	    "unlock'.  While files are open it is refused."),
	.opts = lock_opts,
	.args_min = 1,
	.args_max = 1,
	.run = lock_run,
};
