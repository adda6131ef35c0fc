/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "fs/cmd_store.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "fs/birth.h"
#include "fs/client.h"
#include "fs/cloud.h"
#include "fs/place.h"
#include "fs/presets.h"
#include "fs/setup.h"
#include "fs/store_job.h"
#include "fs/stores.h"
#include "store/store.h"
#include "util/err.h"
#include "util/text.h"

/* ---- what they share ---- */

static int
word_take(struct store_words *w, const struct cmd *cmd, int key)
{
	uint64_t n;

	switch (key) {
	case KEY_JSON:
		w->is_json = true;
		return 0;
	case KEY_LATER:
		w->is_later = true;
		return 0;
	case KEY_LOST:
		w->is_lost = true;
		return 0;
	case KEY_BUDGET:
		if (size_parse(optarg, &w->budget) < 0 || w->budget == 0)
			return cli_usage(cmd, "'%s' is no size such as 512M",
			    optarg);
		return 0;
	default:
		break;
	}
	if (cli_number(optarg, 0, INT_MAX, &n) < 0)
		return cli_usage(cmd, "'%s' is no descriptor", optarg);
	if (key == KEY_PASSPHRASE_FD)
		w->passphrase_from.fd = (int)n;
	else
		w->password_from.fd = (int)n;
	return 0;
}

bool
store_words(struct store_words *w, const struct cmd *cmd, int argc,
    char **argv, int *ret_code)
{
	struct cli c;
	int key;

	memset(w, 0, sizeof(*w));
	w->passphrase_from.fd = w->password_from.fd = -1;
	opts_init(&w->opts);
	cli_init(&c, cmd, argc, argv, cmd->where ? &w->opts : NULL);
	while ((key = cli_next(&c)) > 0) {
		*ret_code = word_take(w, cmd, key);
		if (*ret_code != 0)
			return false;
	}
	if (key == CLI_STOP) {
		*ret_code = c.exit_code;
		return false;
	}
	w->args = c.args;
	w->nargs = c.nargs;
	w->passphrase_from.command = w->opts.passphrase_command;
	w->password_from.command = w->opts.password_command;
	return true;
}

int
store_command(const struct cmd *cmd, int argc, char **argv,
    int (*fn)(struct store_words *w, struct err *e))
{
	struct err e = { "" };
	struct store_words w;
	int code = 0, r;

	if (store_words(&w, cmd, argc, argv, &code)) {
		r = fn(&w, &e);
		code = r < 0 ? cli_fail(r, &e) : 0;
	}
	opts_done(&w.opts);
	return code;
}

int
store_words_open(struct store_words *w, const struct opts *drive,
    struct secret *password, struct store **ret, struct err *e)
{
	bool is_wanted = stores_wants_password(w->opts.store) ||
	    w->password_from.fd >= 0 || w->password_from.command;
	int r = 0;

	if (cloud_is(w->opts.store) && w->password_from.fd < 0 &&
	    !w->password_from.command)
		r = cloud_login(&w->opts, NULL, password, e);
	else if (is_wanted)
		r = pass_read(&w->password_from, N_("store's password"), false,
		    password, e);
	return r < 0 ? r : stores_open(drive, &w->opts, password->p, 3, ret,
	    e);
}

static volatile sig_atomic_t is_broken_off;

static void
on_signal(int sig)
{
	(void)sig;
	is_broken_off = 1;
}

static void
on_say(void *arg, const char *text)
{
	(void)arg;
	cli_progress_end();
	cli_say("%s", text);
}

static bool
on_progress(void *arg, const char *what, uint64_t objects)
{
	(void)arg;
	if (strcmp(what, STORE_JOB_LISTED) == 0)
		cli_progress("%" PRIu64 " objects listed", objects);
	else if (strcmp(what, STORE_JOB_UNREAD) == 0)
		cli_progress("%" PRIu64 " objects to read", objects);
	else
		cli_progress("%" PRIu64 " objects to copy", objects);
	return !is_broken_off;
}

static void
on_line(void *arg, const json_t *o)
{
	const char *say = json_string_value(json_object_get(o, "finding"));
	const json_t *p = json_object_get(o, "progress");
	const char *what = json_string_value(json_object_get(p, "what"));

	if (say)
		on_say(arg, say);
	else if (what)
		(void)on_progress(arg, what, (uint64_t)json_integer_value(
		    json_object_get(p, "objects")));
}

/* Of a drive that is not mounted. */
static int
run_here(const char *name, const struct store_words *w,
    const struct control_req *q, struct err *e)
{
	struct sigaction a = { .sa_handler = on_signal };
	struct store_job j = { .name = name, .say = on_say,
	    .progress = on_progress };
	struct parts p;
	int r;

	parts_init(&p, name);
	r = parts_open(&p, &w->passphrase_from, true, e);
	if (r == 0) {
		(void)sigaction(SIGINT, &a, NULL);
		(void)sigaction(SIGTERM, &a, NULL);
		j.opts = &p.opts;
		j.store = p.store;
		j.drive = p.drive;
		j.keys = p.keys;
		r = store_job_run(&j, q, e);
	}
	parts_done(&p);
	return r;
}

int
store_run(const char *name, const struct store_words *w,
    const struct control_req *q, struct err *e)
{
	struct err none = { "" };
	json_t *o = NULL;
	int fd, r;

	fd = client_connect(name, &none);
	r = fd < 0 ? run_here(name, w, q, e) :
	    client_ask(fd, q, on_line, NULL, &o, e);
	json_decref(o);
	cli_progress_end();
	return r;
}

/* ---- the command itself ---- */

static const struct {
	const char *name;
	const struct cmd *cmd;
} subs[] = {
	{ "add", &cmd_store_add },
	{ "remove", &cmd_store_remove },
	{ "list", &cmd_store_list },
	{ "check", &cmd_store_check },
	{ "password", &cmd_store_password },
	{ "probe", &cmd_store_probe },
	{ "presets", &cmd_store_presets },
};

static int
usage(void)
{
	size_t i;

	cli_out("Usage: coffre store COMMAND [OPTION]... "
	    "[ARGUMENT]...\n\nA drive on several stores: each object is on "
	    "every one of them.\n\n");
	for (i = 0; i < sizeof(subs) / sizeof(*subs); i++)
		(void)printf("  %-10s %s\n", subs[i].name,
		    tr(subs[i].cmd->summary));
	cli_out("\n'coffre store COMMAND --help' says more.\n");
	return fflush(stdout) == 0 ? 0 : EX_IOERR;
}

static int
run(const struct cmd *cmd, int argc, char **argv)
{
	size_t i;

	if (argc >= 2 && (strcmp(argv[1], "--help") == 0 ||
	    strcmp(argv[1], "-h") == 0))
		return usage();
	for (i = 0; argc >= 2 && i < sizeof(subs) / sizeof(*subs); i++) {
		if (strcmp(subs[i].name, argv[1]) == 0)
			return subs[i].cmd->run(subs[i].cmd, argc - 1,
			    argv + 1);
	}
	if (argc < 2)
		return cli_usage(cmd, "what of the stores?");
	return cli_usage(cmd, "unknown command 'store %s'", argv[1]);
}

const struct cmd cmd_store = {
	.name = "store",
	.args = "add|remove|list|check|password|probe|presets",
	.summary = N_("the stores of a drive, and what is known of them"),
	.about = "",
	.opts = NULL,
	.run = run,
};
