/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "fs/cli.h"
#include "fs/client.h"
#include "util/err.h"

static const struct cli_opt opts[] = {
	{ "accept", KEY_ACCEPT, NULL,
	    N_("go on without what the store has lost") },
	{ "yes", KEY_YES, NULL, N_("do not ask") },
	{ NULL, 0, NULL, NULL },
};

static void
on_line(void *arg, const json_t *o)
{
	const char *finding = json_string_value(json_object_get(o,
	    "finding"));
	const json_t *p = json_object_get(o, "progress");

	(void)arg;
	if (finding) {
		cli_progress_end();
		cli_say("%s", finding);
	} else if (p) {
		cli_progress("%" PRIu64 " of %" PRIu64 " blocks looked for",
		    (uint64_t)json_integer_value(json_object_get(p, "done")),
		    (uint64_t)json_integer_value(json_object_get(p,
		    "total")));
	}
}

/* Is it meant?  By the drive's name, so that no habit answers. */
static int
confirm(const char *name)
{
	char line[PLACE_NAME_MAX + 3];

	if (!isatty(STDIN_FILENO)) {
		cli_note("'--accept' gives up what the store has lost; "
		    "without a terminal to ask on it needs '--yes'");
		return -EPERM;
	}
	(void)fprintf(stderr, _("What the store has lost and is not on this "
	    "machine is gone for good\nafter this.  Type the drive's name "
	    "('%s') to go on: "), name);
	(void)fflush(stderr);
	if (!fgets(line, sizeof(line), stdin))
		return -EPERM;
	line[strcspn(line, "\n")] = '\0';
	if (strcmp(line, name) == 0)
		return 0;
	cli_note("nothing was changed");
	return -EPERM;
}

/* 1: there is an alarm. */
static int
show(const char *name, const json_t *o)
{
	const char *problem = json_string_value(json_object_get(o,
	    "problem"));
	const char *advice = json_string_value(json_object_get(o, "advice"));
	char text[TR_MAX];

	if (!json_is_true(json_object_get(o, "alarm"))) {
		cli_say("%s: no alarm", name);
		return 0;
	}
	cli_say("%s: alarm: %s", name, tr_text(problem ? problem : "", text));
	if (advice && *advice)
		cli_say("  to do     %s", tr_text(advice, text));
	return 1;
}

static int
run(const struct cmd *cmd, int argc, char **argv)
{
	struct control_req q = { .cmd = CONTROL_TRUST };
	char name[PLACE_NAME_MAX + 1];
	struct err e = { "" };
	bool is_sure = false;
	json_t *o = NULL;
	struct cli c;
	int key, r, n;

	cli_init(&c, cmd, argc, argv, NULL);
	while ((key = cli_next(&c)) > 0) {
		if (key == KEY_ACCEPT)
			q.is_accept = true;
		else
			is_sure = true;
	}
	if (key == CLI_STOP)
		return c.exit_code;
	r = client_name(c.args[0], name, &e);
	if (r < 0)
		return cli_fail(r, &e);
	if (q.is_accept && !is_sure && confirm(name) < 0)
		return EX_USAGE;
	r = client_call(name, &q, on_line, NULL, &o, &e);
	cli_progress_end();
	if (r < 0) {
		json_decref(o);
		return cli_fail(r, &e);
	}
	if (q.is_accept) {
		n = (int)json_integer_value(json_object_get(o, "lost"));
		cli_say(n ? N_("%s: the loss is accepted; of the files above "
		    "blocks are lost") : N_("%s: the loss is accepted; every "
		    "block is still to be had"), name);
	} else {
		r = show(name, o);
	}
	json_decref(o);
	return r;
}

const struct cmd cmd_trust = {
	.name = "trust",
	.args = N_("NAME|PATH"),
	.summary = N_("is the store what it was; accept a loss"),
	.about = N_("Say whether there is an alarm: a store that shows less "
	    "than this machine has written, another drive or another copy of "
	    "this machine.  With --accept, go on without what a store has lost "
	    "for good: what is still here is uploaded again, and the files of "
	    "which blocks are lost are named."),
	.opts = opts,
	.args_min = 1,
	.args_max = 1,
	.run = run,
};
