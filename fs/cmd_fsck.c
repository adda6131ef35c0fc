/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>

#include "drive/drive.h"
#include "fs/cli.h"
#include "fs/client.h"
#include "fs/parts.h"
#include "fs/pass.h"
#include "sync/sync.h"
#include "util/err.h"

static const struct cli_opt opts[] = {
	{ "repair", KEY_REPAIR, NULL, N_("mend what can be mended") },
	{ "remote", KEY_REMOTE, NULL,
	    N_("also read every block on the store: slow") },
	{ "passphrase-fd", KEY_PASSPHRASE_FD, N_("N"),
	    N_("read the passphrase from descriptor N") },
	{ "passphrase-command", KEY_PASSPHRASE_COMMAND, N_("CMD"),
	    N_("a command that prints the passphrase") },
	{ NULL, 0, NULL, NULL },
};

static void
on_finding(void *arg, const char *finding)
{
	(void)arg;
	cli_progress_end();
	cli_say("%s", finding);
}

static void
on_progress(void *arg, uint64_t done, uint64_t total)
{
	(void)arg;
	cli_progress("%" PRIu64 " of %" PRIu64 " blocks checked", done,
	    total);
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
		on_progress(arg, (uint64_t)json_integer_value(
		    json_object_get(p, "done")), (uint64_t)json_integer_value(
		    json_object_get(p, "total")));
}

/* On a drive that is not mounted.  Returns the number of findings left. */
static int
check_here(const char *name, const struct control_req *q,
    const struct pass_from *f, struct err *e)
{
	struct parts p;
	int n, m = 0;

	parts_init(&p, name);
	n = parts_open(&p, f, q->is_remote, e);
	if (n == 0) {
		n = drive_fsck(p.drive, q->is_repair, on_finding, NULL);
		if (n < 0)
			(void)err_set(e, n, "the check could not be done: %s",
			    strerror(-n));
	}
	if (n >= 0 && q->is_remote)
		m = sync_check(p.store, p.keys, p.drive, on_finding,
		    on_progress, NULL, e);
	parts_done(&p);
	return n < 0 ? n : m < 0 ? m : n + m;
}

static int
check_mounted(int fd, const struct control_req *q, struct err *e)
{
	json_t *o = NULL;
	int r;

	r = client_ask(fd, q, on_line, NULL, &o, e);
	if (r == 0)
		r = (int)json_integer_value(json_object_get(o, "findings"));
	json_decref(o);
	return r;
}

static int
run(const struct cmd *cmd, int argc, char **argv)
{
	struct control_req q = { .cmd = CONTROL_FSCK };
	struct pass_from f = { -1, NULL };
	char name[PLACE_NAME_MAX + 1];
	struct err e = { "" };
	struct cli c;
	uint64_t n;
	int key, fd, r;

	cli_init(&c, cmd, argc, argv, NULL);
	while ((key = cli_next(&c)) > 0) {
		if (key == KEY_REPAIR)
			q.is_repair = true;
		else if (key == KEY_REMOTE)
			q.is_remote = true;
		else if (key == KEY_PASSPHRASE_COMMAND)
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
	fd = client_connect(name, &e);
	e.msg[0] = '\0';
	r = fd >= 0 ? check_mounted(fd, &q, &e) :
	    check_here(name, &q, &f, &e);
	cli_progress_end();
	if (r < 0)
		return cli_fail(r, &e);
	if (r == 0) {
		cli_say("%s: no errors", name);
		return 0;
	}
	if (q.is_repair)
		cli_say_n((uint64_t)r, "%s: %d error left",
		    "%s: %d errors left", name, r);
	else
		cli_say_n((uint64_t)r, "%s: %d error; '--repair' mends what "
		    "can be mended", "%s: %d errors; '--repair' mends what "
		    "can be mended", name, r);
	return EX_DATAERR;
}

const struct cmd cmd_fsck = {
	.name = "fsck",
	.args = N_("NAME|PATH"),
	.summary = N_("check a drive, and mend it"),
	.about = N_("Check everything that is kept of the drive on this "
	    "machine, mounted or not; with --remote also that every block of "
	    "every file is on the store and unchanged."),
	.opts = opts,
	.args_min = 1,
	.args_max = 1,
	.run = run,
};
