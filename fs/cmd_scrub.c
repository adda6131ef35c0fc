/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>

#include "fs/cli.h"
#include "fs/client.h"
#include "fs/parts.h"
#include "fs/pass.h"
#include "sync/scrub.h"
#include "util/err.h"
#include "util/text.h"

#define BUDGET_DEFAULT (UINT64_C(1) << 30)

static const struct cli_opt opts[] = {
	{ "budget", KEY_BUDGET, N_("SIZE"),
	    N_("read so much of each store, at random (1G)") },
	{ "all", KEY_ALL, NULL, N_("read everything") },
	{ "passphrase-fd", KEY_PASSPHRASE_FD, N_("N"),
	    N_("read the passphrase from descriptor N") },
	{ "passphrase-command", KEY_PASSPHRASE_COMMAND, N_("CMD"),
	    N_("a command that prints the passphrase") },
	{ NULL, 0, NULL, NULL },
};

static volatile sig_atomic_t is_broken_off;

static void
on_signal(int sig)
{
	(void)sig;
	is_broken_off = 1;
}

static void
on_finding(void *arg, const char *finding)
{
	(void)arg;
	cli_progress_end();
	cli_say("%s", finding);
}

static bool
on_progress(void *arg, uint64_t done, uint64_t total)
{
	(void)arg;
	cli_progress("%" PRIu64 " of %" PRIu64 " objects", done, total);
	return !is_broken_off;
}

static void
on_line(void *arg, const json_t *o)
{
	const char *finding = json_string_value(json_object_get(o,
	    "finding"));
	const json_t *p = json_object_get(o, "progress");

	if (finding)
		on_finding(arg, finding);
	else if (p)
		(void)on_progress(arg, (uint64_t)json_integer_value(
		    json_object_get(p, "done")), (uint64_t)json_integer_value(
		    json_object_get(p, "total")));
}

static int
scrub_here(const char *name, uint64_t budget, const struct pass_from *f,
    struct scrub_result *ret, struct err *e)
{
	struct scrub_conf c = { .budget = budget, .say = on_finding,
	    .progress = on_progress };
	struct sigaction a = { .sa_handler = on_signal };
	struct parts p;
	int r;

	parts_init(&p, name);
	r = parts_open(&p, f, true, e);
	if (r == 0) {
		(void)sigaction(SIGINT, &a, NULL);
		(void)sigaction(SIGTERM, &a, NULL);
		c.store = p.store;
		c.drive = p.drive;
		c.keys = p.keys;
		r = sync_scrub(&c, ret, e);
	}
	parts_done(&p);
	return r;
}

static int
scrub_mounted(int fd, uint64_t budget, struct scrub_result *ret,
    struct err *e)
{
	struct control_req q = { .cmd = CONTROL_SCRUB, .budget = budget };
	json_t *o = NULL;
	int r;

	r = client_ask(fd, &q, on_line, NULL, &o, e);
	if (r == 0) {
		ret->findings = (unsigned)json_integer_value(
		    json_object_get(o, "findings"));
		ret->mended = (unsigned)json_integer_value(
		    json_object_get(o, "mended"));
		ret->unreached = (unsigned)json_integer_value(
		    json_object_get(o, "unreached"));
		ret->objects = (uint64_t)json_integer_value(
		    json_object_get(o, "objects"));
		ret->bytes = (uint64_t)json_integer_value(
		    json_object_get(o, "bytes"));
	}
	json_decref(o);
	return r;
}

static int
report(const char *name, const struct scrub_result *s)
{
	char size[32];

	cli_say_n(s->objects, "%s: %" PRIu64 " object read, %s",
	    "%s: %" PRIu64 " objects read, %s", name, s->objects,
	    cli_size(s->bytes, size));
	if (s->unreached)
		cli_say_n(s->unreached, "%s: %u store could not be read",
		    "%s: %u stores could not be read", name, s->unreached);
	if (s->findings == 0)
		return s->unreached ? EX_TEMPFAIL : 0;
	cli_say_n(s->findings, "%s: %u object missing or altered, %u copied "
	    "anew from another store", "%s: %u objects missing or altered, "
	    "%u of them copied anew from another store", name, s->findings,
	    s->mended);
	return s->mended < s->findings ? EX_DATAERR :
	    s->unreached ? EX_TEMPFAIL : 0;
}

static int
run(const struct cmd *cmd, int argc, char **argv)
{
	struct scrub_result res = { .findings = 0 };
	struct pass_from f = { -1, NULL };
	uint64_t budget = BUDGET_DEFAULT, n;
	char name[PLACE_NAME_MAX + 1];
	struct err e = { "" };
	struct cli c;
	int key, fd, r;

	cli_init(&c, cmd, argc, argv, NULL);
	while ((key = cli_next(&c)) > 0) {
		if (key == KEY_ALL)
			budget = 0;
		else if (key == KEY_PASSPHRASE_COMMAND)
			f.command = optarg;
		else if (key == KEY_BUDGET) {
			if (size_parse(optarg, &budget) < 0 || budget == 0)
				return cli_usage(cmd, "'%s' is no size such "
				    "as 512M", optarg);
		} else if (cli_number(optarg, 0, INT_MAX, &n) < 0) {
			return cli_usage(cmd, "'%s' is no descriptor",
			    optarg);
		} else {
			f.fd = (int)n;
		}
	}
	if (key == CLI_STOP)
		return c.exit_code;
	r = client_name(c.args[0], name, &e);
	if (r < 0)
		return cli_fail(r, &e);
	fd = client_connect(name, &e);
	e.msg[0] = '\0';
	r = fd >= 0 ? scrub_mounted(fd, budget, &res, &e) :
	    scrub_here(name, budget, &f, &res, &e);
	cli_progress_end();
	return r < 0 ? cli_fail(r, &e) : report(name, &res);
}

const struct cmd cmd_scrub = {
	.name = "scrub",
	.args = N_("NAME|PATH"),
	.summary = N_("read what is on the stores, and mend it"),
	.about = N_("Read a part of what each store of the drive holds, taken "
	    "at random, and see whether it is what was put there.  What one "
	    "store lacks or has altered is copied anew from another that has "
	    "it right.  Works on a drive that is mounted, too."),
	.opts = opts,
	.args_min = 1,
	.args_max = 1,
	.run = run,
};
