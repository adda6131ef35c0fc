/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "fs/cli.h"
#include "fs/client.h"
#include "fs/parts.h"
#include "fs/pass.h"
#include "sync/sync.h"
#include "util/err.h"
#include "vault/vault.h"

static const struct cli_opt opts[] = {
	{ "passphrase-fd", KEY_PASSPHRASE_FD, N_("N"),
	    N_("read the passphrase from descriptor N") },
	{ "passphrase-command", KEY_PASSPHRASE_COMMAND, N_("CMD"),
	    N_("a command that prints the passphrase") },
	{ NULL, 0, NULL, NULL },
};

static int
print_here(const char *name, const struct pass_from *f, struct err *e)
{
	char words[RECOVERY_TEXT_MAX];
	uint8_t hash[16];
	struct parts p;
	int r;

	parts_init(&p, name);
	r = parts_open(&p, f, false, e);
	if (r == 0)
		r = sync_fingerprint(p.drive, hash);
	parts_done(&p);
	if (r < 0)
		return r;
	fingerprint_words(hash, words);
	cli_say("%s", words);
	return 0;
}

static int
run(const struct cmd *cmd, int argc, char **argv)
{
	struct control_req q = { .cmd = CONTROL_FINGERPRINT };
	struct pass_from f = { -1, NULL };
	char name[PLACE_NAME_MAX + 1];
	struct err e = { "" };
	json_t *o = NULL;
	struct cli c;
	uint64_t n;
	int key, r;

	cli_init(&c, cmd, argc, argv, NULL);
	while ((key = cli_next(&c)) > 0) {
		if (key == KEY_PASSPHRASE_COMMAND)
			f.command = optarg;
		else if (cli_number(optarg, 0, INT_MAX, &n) < 0)
			return cli_usage(cmd, "'%s' is no descriptor",
			    optarg);
		else
			f.fd = (int)n;
	}
	if (key == CLI_STOP)
		return c.exit_code;
	r = client_name(c.args[0], name, &e);
	if (r < 0)
		return cli_fail(r, &e);
	r = client_call(name, &q, NULL, NULL, &o, &e);
	if (r == 0)
		cli_say("%s", json_string_value(json_object_get(o,
		    "fingerprint")));
	json_decref(o);
	if (r == -ENOTCONN) {
		e.msg[0] = '\0';
		r = print_here(name, &f, &e);
	}
	return r < 0 ? cli_fail(r, &e) : 0;
}

const struct cmd cmd_fingerprint = {
	.name = "fingerprint",
	.args = N_("NAME|PATH"),
	.summary = N_("eight words for what this machine has seen"),
	.about = N_("Print eight words for all that this machine has seen of "
	    "the drive's history.  If two machines at rest print the same, the "
	    "store has shown them the same."),
	.opts = opts,
	.args_min = 1,
	.args_max = 1,
	.run = run,
};
