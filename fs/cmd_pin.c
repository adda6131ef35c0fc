/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fs/cli.h"
#include "fs/client.h"
#include "util/err.h"

#define WAIT_MAX (7 * 86400)

static uint64_t
num(const json_t *o, const char *key)
{
	json_int_t n = json_integer_value(json_object_get(o, key));

	return n > 0 ? (uint64_t)n : 0;
}

static const char *
str(const json_t *o, const char *key)
{
	const char *s = json_string_value(json_object_get(o, key));

	return s ? s : "";
}

static const char *
missing(const json_t *o, char out[static 32])
{
	uint64_t all = num(o, "bytes"), here = num(o, "here_bytes");

	return cli_size(all > here ? all - here : 0, out);
}

/* Each path by itself; the first failure is the exit code. */
static int
each_path(const struct cli *c, int (*fn)(const char *arg,
    const struct client_path *p, void *data, struct err *e), void *data)
{
	int i, r, code = 0;

	for (i = 0; i < c->nargs; i++) {
		struct client_path p;
		struct err e = { "" };

		r = client_path(c->args[i], &p, &e);
		if (r == 0)
			r = fn(c->args[i], &p, data, &e);
		cli_progress_end();
		if (r < 0) {
			r = cli_fail(r, &e);
			code = code ? code : r;
		}
	}
	return code;
}

/* ---- pin ----------------------------------------------------------------- */

static const struct cli_opt pin_opts[] = {
	{ "wait", KEY_WAIT, N_("[=SECONDS]"),
	    N_("until all of it is here, at most so long") },
	{ "json", KEY_JSON, NULL,
	    N_("list the pins as JSON, one object each") },
	{ NULL, 0, NULL, NULL },
};

static void
on_progress(void *arg, const json_t *o)
{
	const json_t *p = json_object_get(o, "progress");
	char a[32], b[32];

	if (p)
		cli_progress("%s: %s of %s to go", (const char *)arg,
		    cli_size(num(p, "bytes"), a),
		    cli_size(num(p, "total"), b));
}

static void
pin_say(const char *arg, const json_t *o)
{
	uint64_t bytes = num(o, "bytes"), here = num(o, "here_bytes");
	uint64_t room = num(o, "room_bytes");
	char a[32], b[32];

	if (json_is_true(json_object_get(o, "new")))
		cli_say_n(num(o, "files"),
		    "%s: is kept on this computer: %" PRIu64 " file, %s",
		    "%s: is kept on this computer: %" PRIu64 " files, %s",
		    arg, num(o, "files"), cli_size(bytes, a));
	else if (json_is_true(json_object_get(o, "self")))
		cli_say("%s: is pinned already", arg);
	else
		cli_say("%s: is kept already: it is inside '%s', which is "
		    "pinned", arg, str(o, "by"));
	if (here >= bytes) {
		cli_say("  all of it is here");
		return;
	}
	cli_say("  %s of that are fetched in the background",
	    missing(o, a));
	if (bytes - here > room)
		cli_note("the disk has room for about %s only of the %s that "
		    "are to be fetched, the rest waits for more: free some, "
		    "or 'coffre unpin' something", cli_size(room, b),
		    missing(o, a));
}

static int
pin_one(const char *arg, const struct client_path *p, void *data,
    struct err *e)
{
	union {
		const char *c;
		char *p;
	} name = { .c = arg };
	struct control_req q = *(const struct control_req *)data;
	json_t *o = NULL;
	int r;

	q.ino = p->ino;
	r = client_call(p->name, &q, on_progress, name.p, &o, e);
	cli_progress_end();
	if (r == 0)
		pin_say(arg, o);
	json_decref(o);
	return r;
}

struct listing {
	const char *name;
	bool is_json;
	unsigned n;
};

static void
on_pin(void *arg, const json_t *line)
{
	const json_t *o = json_object_get(line, "pin");
	char a[32], b[32];
	struct listing *l = arg;
	json_t *out;

	if (!o)
		return;
	l->n++;
	if (l->is_json) {
		out = json_copy(json_object_get(line, "pin"));
		json_object_set_new(out, "drive", json_string(l->name));
		(void)json_dumpf(out, stdout, JSON_COMPACT);
		(void)putchar('\n');
		json_decref(out);
	} else if (json_is_true(json_object_get(o, "inside"))) {
		cli_say("%s: inside another one", str(o, "path"));
	} else {
		cli_say_n(num(o, "files"),
		    "%s: %s of %s here, %" PRIu64 " file",
		    "%s: %s of %s here, %" PRIu64 " files", str(o, "path"),
		    cli_size(num(o, "here_bytes"), a),
		    cli_size(num(o, "bytes"), b), num(o, "files"));
	}
}

static int
list(bool is_json)
{
	struct control_req q = { .cmd = CONTROL_PINS };
	struct listing l = { .is_json = is_json };
	struct err e = { "" };
	char **names;
	int r, code = 0;
	size_t i, n;

	r = place_drives(&names, &n, &e);
	if (r < 0)
		return cli_fail(r, &e);
	for (i = 0; i < n; i++) {
		json_t *o = NULL;

		l.name = names[i];
		r = client_call(names[i], &q, on_pin, &l, &o, &e);
		if (r < 0 && r != -ENOTCONN)
			code = cli_fail(r, &e);
		json_decref(o);
		free(names[i]);
	}
	free(names);
	if (l.n == 0 && !is_json && code == 0)
		cli_say("nothing is pinned on a drive that is mounted: "
		    "'coffre pin PATH' does that");
	return code;
}

static int
pin_run(const struct cmd *cmd, int argc, char **argv)
{
	struct control_req q = { .cmd = CONTROL_PIN };
	bool is_json = false;
	uint64_t s = 0;
	struct cli c;
	int key;

	cli_init(&c, cmd, argc, argv, NULL);
	while ((key = cli_next(&c)) > 0) {
		if (key == KEY_JSON) {
			is_json = true;
			continue;
		}
		q.is_wait = true;
		if (optarg && cli_number(optarg, 1, WAIT_MAX, &s) < 0)
			return cli_usage(cmd, "'--wait=%s': from 1 to %d "
			    "seconds", optarg, WAIT_MAX);
		q.timeout_ms = (int64_t)s * 1000;
	}
	if (key == CLI_STOP)
		return c.exit_code;
	if (c.nargs == 0)
		return list(is_json);
	return each_path(&c, pin_one, &q);
}

const struct cmd cmd_pin = {
	.name = "pin",
	.args = N_("[PATH]..."),
	.summary = N_("keep files or folders on this machine; list what is "
	    "kept"),
	.about = N_("Keep each file, or each folder with everything in it now "
	    "and later, on this machine: what is not here is fetched in the "
	    "background, and stays when the cache is emptied.  It goes on "
	    "after a restart and waits for the network by itself.  Without a "
	    "PATH, list what is kept so."),
	.opts = pin_opts,
	.args_max = 10000,
	.run = pin_run,
};

/* ---- unpin --------------------------------------------------------------- */

static const struct cli_opt no_opts[] = {
	{ NULL, 0, NULL, NULL },
};

static int
unpin_one(const char *arg, const struct client_path *p, void *data,
    struct err *e)
{
	struct control_req q = { .cmd = CONTROL_UNPIN, .ino = p->ino };
	json_t *o = NULL;
	const char *by;
	bool is_done;
	int r;

	(void)data;
	r = client_call(p->name, &q, NULL, NULL, &o, e);
	by = str(o, "by");
	is_done = json_is_true(json_object_get(o, "unpinned"));
	if (r == 0 && is_done && *by)
		cli_say("%s: is still kept: it is inside '%s', which is pinned",
		    arg, by);
	else if (r == 0 && is_done)
		cli_say("%s: is not kept any more; it makes room when that is "
		    "needed, or by 'coffre cache free'", arg);
	else if (r == 0 && *by)
		r = err_set(e, -EEXIST, "'%.200s' has no pin of its own: it is "
		    "kept because '%.200s' is; 'coffre unpin' that", arg,
		    by);
	else if (r == 0)
		r = err_set(e, -ENOENT, "'%.200s' is not pinned", arg);
	json_decref(o);
	return r;
}

static int
unpin_run(const struct cmd *cmd, int argc, char **argv)
{
	struct cli c;
	int key;

	cli_init(&c, cmd, argc, argv, NULL);
	key = cli_next(&c);
	return key == CLI_STOP ? c.exit_code : each_path(&c, unpin_one, NULL);
}

const struct cmd cmd_unpin = {
	.name = "unpin",
	.args = N_("PATH..."),
	.summary = N_("no longer keep files or folders on this machine"),
	.about = N_("Undo 'coffre pin'.  What is here stays until the room is "
	    "needed."),
	.opts = no_opts,
	.args_min = 1,
	.args_max = 10000,
	.run = unpin_run,
};

/* ---- cache free ---------------------------------------------------------- */

static int
free_one(const char *arg, const struct client_path *p, void *data,
    struct err *e)
{
	struct control_req q = { .cmd = CONTROL_CACHE_FREE, .ino = p->ino };
	json_t *o = NULL;
	char a[32];
	int r;

	(void)data;
	r = client_call(p->name, &q, NULL, NULL, &o, e);
	if (r == 0) {
		cli_say("%s: %s freed", arg, cli_size(num(o, "freed"), a));
		if (num(o, "unsent_bytes"))
			cli_say("  %s stay: they are not on the store yet; "
			    "'coffre sync --wait %s', then again",
			    cli_size(num(o, "unsent_bytes"), a), p->name);
		if (num(o, "pinned"))
			cli_say("  %s stay: they are pinned; 'coffre unpin', "
			    "then again", cli_size(num(o, "pinned"), a));
	}
	json_decref(o);
	return r;
}

static int
free_run(const struct cmd *cmd, int argc, char **argv)
{
	struct cli c;
	int key;

	cli_init(&c, cmd, argc, argv, NULL);
	key = cli_next(&c);
	return key == CLI_STOP ? c.exit_code : each_path(&c, free_one, NULL);
}

const struct cmd cmd_cache_free = {
	.name = "cache free",
	.args = N_("PATH..."),
	.summary = N_("let go of files or folders that are on the store"),
	.about = N_("Let go of what these files, or the files in these "
	    "folders, take of this machine, as far as it is on the store; it "
	    "is fetched again when it is read.  What is not on the store yet, "
	    "and what is pinned, stays."),
	.opts = no_opts,
	.args_min = 1,
	.args_max = 10000,
	.run = free_run,
};
