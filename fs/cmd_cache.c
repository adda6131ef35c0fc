/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "drive/drive.h"
#include "fs/cli.h"
#include "fs/client.h"
#include "fs/conf.h"
#include "fs/parts.h"
#include "fs/pass.h"
#include "util/err.h"
#include "util/text.h"

static const struct cli_opt opts[] = {
	{ "free", KEY_FREE, N_("SIZE"),
	    N_("drop that much of what is on the store") },
	{ "limit", KEY_LIMIT, N_("SIZE"),
	    N_("keep at most that much, now and from now on") },
	{ "passphrase-fd", KEY_PASSPHRASE_FD, N_("N"),
	    N_("read the passphrase from descriptor N") },
	{ "passphrase-command", KEY_PASSPHRASE_COMMAND, N_("CMD"),
	    N_("a command that prints the passphrase") },
	{ NULL, 0, NULL, NULL },
};

struct args {
	char name[PLACE_NAME_MAX + 1];
	struct pass_from from;
	bool has_free, has_limit;
	uint64_t free, limit;
	const char *limit_text;
};

/* pinned: of what is used. */
static void
say(const char *name, uint64_t used, uint64_t pinned, uint64_t max,
    uint64_t freed)
{
	char a[32], b[32], c[32], p[32];

	cli_out("%s: %s of at most %s kept", name,
	    cli_size(used - pinned, a), cli_size(max, b));
	if (pinned)
		cli_out(", and %s pinned", cli_size(pinned, p));
	if (freed)
		cli_out(", %s freed", cli_size(freed, c));
	(void)putchar('\n');
}

static uint64_t
keep_of(const struct args *a, uint64_t used)
{
	if (a->has_limit)
		return a->limit;
	return used > a->free ? used - a->free : 0;
}

static int
trim_here(const struct args *a, struct err *e)
{
	struct drive_usage u;
	struct drive_pins n;
	uint64_t freed = 0;
	struct parts p;
	int r;

	parts_init(&p, a->name);
	r = parts_open(&p, &a->from, false, e);
	if (r == 0) {
		drive_usage(p.drive, &u);
		drive_pins(p.drive, &n);
		if (a->has_free || a->has_limit)
			freed = drive_cache_trim(p.drive,
			    keep_of(a, u.clean_bytes - n.clean));
		drive_usage(p.drive, &u);
		drive_pins(p.drive, &n);
		say(a->name, u.clean_bytes, n.clean, a->has_limit ? a->limit :
		    p.opts.cache, freed);
	}
	parts_done(&p);
	return r;
}

static uint64_t
num(const json_t *o, const char *key)
{
	return (uint64_t)json_integer_value(json_object_get(o, key));
}

static int
trim_mounted(const struct args *a, struct err *e)
{
	struct control_req q = { .cmd = CONTROL_CACHE };
	json_t *o = NULL;
	int r;

	r = client_call(a->name, &q, NULL, NULL, &o, e);
	if (r == 0 && (a->has_free || a->has_limit)) {
		q.has_keep = true;
		q.keep = keep_of(a, num(o, "cache_bytes") -
		    num(o, "pinned_bytes"));
		json_decref(o);
		r = client_call(a->name, &q, NULL, NULL, &o, e);
	}
	if (r == 0)
		say(a->name, num(o, "cache_bytes"), num(o, "pinned_bytes"),
		    num(o, "cache_max"), num(o, "freed"));
	json_decref(o);
	return r;
}

static int
limit_save(const struct args *a, struct err *e)
{
	struct opts o;
	int r;

	opts_init(&o);
	r = conf_load(a->name, &o, e);
	if (r == 0)
		r = opts_set(&o, opts_find("cache", OPT_CONF), a->limit_text,
		    e);
	if (r == 0)
		r = conf_save(a->name, &o, e);
	opts_done(&o);
	return r;
}

static int
take(struct args *a, const struct cmd *cmd, int key)
{
	uint64_t n;

	if (key == KEY_PASSPHRASE_COMMAND) {
		a->from.command = optarg;
		return 0;
	}
	if (key == KEY_PASSPHRASE_FD) {
		if (cli_number(optarg, 0, INT_MAX, &n) < 0)
			return cli_usage(cmd, "'%s' is no descriptor",
			    optarg);
		a->from.fd = (int)n;
		return 0;
	}
	if (size_parse(optarg, &n) < 0)
		return cli_usage(cmd, "'%s' is no size such as 512M or 20G",
		    optarg);
	if (key == KEY_FREE) {
		a->has_free = true;
		a->free = n;
	} else {
		a->has_limit = true;
		a->limit = n;
		a->limit_text = optarg;
	}
	return 0;
}

static int
run(const struct cmd *cmd, int argc, char **argv)
{
	struct args a = { .from = { -1, NULL } };
	struct err e = { "" };
	struct cli c;
	int key, r;

	if (argc > 2 && strcmp(argv[1], "free") == 0)
		return cmd_cache_free.run(&cmd_cache_free, argc - 1,
		    argv + 1);
	cli_init(&c, cmd, argc, argv, NULL);
	while ((key = cli_next(&c)) > 0) {
		r = take(&a, cmd, key);
		if (r != 0)
			return r;
	}
	if (key == CLI_STOP)
		return c.exit_code;
	r = client_name(c.args[0], a.name, &e);
	if (r == 0 && a.has_limit)
		r = limit_save(&a, &e);
	if (r == 0)
		r = trim_mounted(&a, &e);
	if (r == -ENOTCONN) {
		e.msg[0] = '\0';
		r = trim_here(&a, &e);
	} else if (r == 0 && a.has_limit) {
		cli_note("the new limit holds from the next mount on");
	}
	return r < 0 ? cli_fail(r, &e) : 0;
}

const struct cmd cmd_cache = {
	.name = "cache",
	.args = N_("NAME|PATH, or: free PATH..."),
	.summary = N_("how much is kept on this machine; free some of it"),
	.about = N_("Show how much of what is on the store is also kept on "
	    "this machine, and free space.  What is not on the store yet is "
	    "never dropped, nor what is pinned, which does not count against "
	    "the limit.  'coffre cache free PATH...' frees what these files, "
	    "or the files in these folders, take."),
	.opts = opts,
	.args_min = 1,
	.args_max = 1,
	.run = run,
};
