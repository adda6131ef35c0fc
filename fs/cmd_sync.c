/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "fs/cli.h"
#include "fs/client.h"
#include "util/err.h"

#define WAIT_MAX (7 * 86400)

static const struct cli_opt opts[] = {
	{ "wait", KEY_WAIT, N_("[=SECONDS]"),
	    N_("until all is on the store, at most so long") },
	{ NULL, 0, NULL, NULL },
};

static void
on_line(void *arg, const json_t *o)
{
	const json_t *p = json_object_get(o, "progress");
	char size[32];

	(void)arg;
	if (!p)
		return;
	cli_progress("changes to go: %" PRIu64 ", %s",
	    (uint64_t)json_integer_value(json_object_get(p, "changes")),
	    cli_size((uint64_t)json_integer_value(json_object_get(p,
	    "bytes")), size));
}

static int
run(const struct cmd *cmd, int argc, char **argv)
{
	struct control_req q = { .cmd = CONTROL_SYNC };
	char name[PLACE_NAME_MAX + 1];
	struct err e = { "" };
	json_t *o = NULL;
	struct cli c;
	uint64_t s = 0;
	int key, r;

	cli_init(&c, cmd, argc, argv, NULL);
	while ((key = cli_next(&c)) > 0) {
		q.is_wait = true;
		if (optarg && cli_number(optarg, 1, WAIT_MAX, &s) < 0)
			return cli_usage(cmd, "'--wait=%s': from 1 to %d "
			    "seconds", optarg, WAIT_MAX);
		q.timeout_ms = (int64_t)s * 1000;
	}
	if (key == CLI_STOP)
		return c.exit_code;
	r = client_name(c.args[0], name, &e);
	if (r == 0)
		r = client_call(name, &q, on_line, NULL, &o, &e);
	cli_progress_end();
	json_decref(o);
	return r < 0 ? cli_fail(r, &e) : 0;
}

const struct cmd cmd_sync = {
	.name = "sync",
	.args = N_("NAME|PATH"),
	.summary = N_("upload now what is queued"),
	.about = N_("Upload what is queued at once, also if the store was out "
	    "of reach and the next try was planned for later.  With --wait, "
	    "return when everything is on the store."),
	.opts = opts,
	.args_min = 1,
	.args_max = 1,
	.run = run,
};
