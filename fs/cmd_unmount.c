/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "fs/cli.h"
#include "fs/client.h"
#include "fs/mountpoint.h"
#include "util/err.h"

static const struct cli_opt opts[] = {
	{ "lazy", KEY_LAZY, NULL,
	    N_("also if in use: gone for new programs at once") },
	{ "stale", KEY_STALE, NULL,
	    N_("only what a crash has left; a living mount stays") },
	{ NULL, 0, NULL, NULL },
};

static void
say_left(const json_t *o)
{
	uint64_t ops, bytes;
	char size[32];

	ops = (uint64_t)json_integer_value(json_object_get(o, "ops_left"));
	bytes = (uint64_t)json_integer_value(json_object_get(o,
	    "bytes_left"));
	if (ops > 0 || bytes > 0)
		cli_note_n(ops, "%" PRIu64 " change, %s still queued: "
		    "uploaded at the next mount", "%" PRIu64 " changes, %s "
		    "still queued: they are uploaded at the next mount", ops,
		    cli_size(bytes, size));
}

static void
on_line(void *arg, const json_t *o)
{
	(void)arg;
	if (!json_is_true(json_object_get(o, "elsewhere")))
		return;
	cli_progress_end();
	cli_note("not mounted here any more, but still in a container, or in "
	    "a service with mounts of its own, that was started while it was: "
	    "waiting until that ends");
}

/* A mount that nobody answers for: its process has died. */
static int
unmount_dead(const char *arg, const char *name, struct err *e)
{
	struct mounted m;

	/* One that lives is another drive of that name: of another home. */
	if (mounted_by_path(arg, &m) < 0 && (mounted_by_name(name, &m) < 0 ||
	    !mountpoint_is_dead(m.path)))
		return err_set(e, -ENOTCONN, "drive '%s' is not mounted",
		    name);
	return mountpoint_unmount(m.path, mountpoint_is_dead(m.path), e);
}

static int
run(const struct cmd *cmd, int argc, char **argv)
{
	struct control_req q = { .cmd = CONTROL_UNMOUNT };
	char name[PLACE_NAME_MAX + 1];
	struct err e = { "" };
	bool is_stale = false;
	json_t *o = NULL;
	struct cli c;
	int key, fd, r;

	cli_init(&c, cmd, argc, argv, NULL);
	while ((key = cli_next(&c)) > 0) {
		if (key == KEY_STALE)
			is_stale = true;
		else
			q.is_lazy = true;
	}
	if (key == CLI_STOP)
		return c.exit_code;
	r = client_name(c.args[0], name, &e);
	if (r == 0 && is_stale)
		r = mountpoint_unmount_stale(name, &e);
	if (r < 0 || is_stale)
		return r < 0 ? cli_fail(r, &e) : 0;
	fd = client_connect(name, &e);
	if (fd < 0) {
		r = unmount_dead(c.args[0], name, &e);
		return r < 0 ? cli_fail(r, &e) : 0;
	}
	cli_progress("uploading what is queued...");
	r = client_ask(fd, &q, on_line, NULL, &o, &e);
	cli_progress_end();
	if (r == 0)
		say_left(o);
	json_decref(o);
	return r < 0 ? cli_fail(r, &e) : 0;
}

const struct cmd cmd_unmount = {
	.name = "unmount",
	.args = N_("NAME|MOUNTPOINT"),
	.summary = N_("unmount a drive"),
	.about = N_("Unmount the drive and wait until its process has ended.  "
	    "It goes on uploading for at most the time set by 'drain'; what is "
	    "left then is kept on this machine and uploaded at the next "
	    "mount."),
	.opts = opts,
	.args_min = 1,
	.args_max = 1,
	.run = run,
};
