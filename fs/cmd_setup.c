/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "crypto/crypto.h"
#include "fs/ask.h"
#include "fs/birth.h"
#include "fs/cli.h"
#include "fs/cloud.h"
#include "fs/opening.h"
#include "fs/paper.h"
#include "fs/place.h"
#include "fs/settle.h"
#include "fs/setup.h"
#include "fs/stores.h"
#include "fs/strength.h"
#include "fs/where.h"
#include "fs/window.h"
#include "store/store.h"
#include "util/err.h"
#include "vault/vault.h"

static const struct cli_opt opts[] = {
	{ "gui", KEY_GUI, NULL,
	    N_("ask in windows, which zenity or kdialog shows") },
	{ NULL, 0, NULL, NULL },
};

#define NOTHING_MADE N_("setup was ended; nothing was made")

struct wizard {
	struct ask *ask;
	bool is_gui;
	struct setup s;
	char name[ASK_MAX];
	char mountpoint[PATH_MAX];
};

/* ---- ended at any time --------------------------------------------------- */

/* What the handler writes. */
static char last_words[128];

static const int ending[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT };
#define NENDING (sizeof(ending) / sizeof(*ending))

/* Nothing was written yet, so there is nothing to undo but the screen. */
static void
on_signal(int sig)
{
	ask_restore();
	if (write(STDERR_FILENO, last_words, strlen(last_words)) < 0)
		_exit(128 + sig);
	(void)signal(sig, SIG_DFL);
	(void)raise(sig);
}

static void
signals_set(void (*handler)(int))
{
	struct sigaction a = { .sa_handler = handler };
	size_t i;

	for (i = 0; i < NENDING; i++)
		(void)sigaction(ending[i], &a, NULL);
}

static void
signals_hold(int how)
{
	sigset_t set;
	size_t i;

	(void)sigemptyset(&set);
	(void)sigaddset(&set, SIGTSTP);
	for (i = 0; i < NENDING; i++)
		(void)sigaddset(&set, ending[i]);
	(void)sigprocmask(how, &set, NULL);
}

/* ---- the name ------------------------------------------------------------ */

static bool
is_taken(const char *name)
{
	char path[PATH_MAX];

	return place_path(PLACE_CONF, name, path, NULL) == 0 &&
	    access(path, F_OK) == 0;
}

static int
name_ask(struct wizard *w)
{
	struct err e = { "" };
	char def[32] = "coffre", text[TR_MAX];
	int i, r;

	for (i = 2; i < 100 && is_taken(def); i++)
		(void)snprintf(def, sizeof(def), "coffre%d", i);
	for (;;) {
		r = w->ask->ops->line(w->ask, N_("What to call the drive on "
		    "this machine"), def, w->name);
		if (r < 0)
			return r;
		w->s.parts.name = w->name;
		r = setup_check_name(&w->s, &e);
		if (r == 0)
			return 0;
		ask_tell(w->ask, "%s.", tr_text(e.msg, text));
		if (r != -EINVAL && r != -EEXIST)
			return r;
	}
}

/* ---- the store ----------------------------------------------------------- */

static void
note(void *arg, const char *line)
{
	char text[TR_MAX];

	ask_tell(arg, "The store: %s", tr_text(line, text));
}

static int
password_ask(struct wizard *w, struct err *e)
{
	struct opts *o = &w->s.parts.opts;
	int r;

	if (cloud_is(o->store))
		return cloud_login(o, w->ask, &w->s.password, e);
	if (!stores_wants_password(o->store))
		return 0;
	r = w->ask->ops->secret(w->ask, strncmp(o->store, "s3:", 3) == 0 ?
	    N_("Secret access key") : N_("Password at the store (better one "
	    "for applications)"), &w->s.password);
	if (r == 0 && w->s.password.len == 0)
		r = err_set(e, -EINVAL, "the password is empty");
	return r;
}

/* Ask for one, log in, and write, read and delete something there. */
static int
store_try(struct wizard *w, struct err *e)
{
	struct parts *p = &w->s.parts;
	char url[ASK_MAX];
	int r;

	r = where_ask(w->ask, url, e);
	if (r == 0)
		r = opts_set(&p->opts, opts_find("store", OPT_CONF), url, e);
	if (r == 0)
		r = setup_absolute(&p->opts, e);
	if (r == 0)
		r = password_ask(w, e);
	if (r == 0)
		r = parts_open_store_with(p, w->s.password.p, e);
	if (r < 0)
		return r;
	ask_busy(w->ask, "Trying %s ...", store_url(p->store));
	r = store_probe(p->store, e);
	if (r == 0)
		r = birth_is_free(p->store, e);
	return r;
}

static void
store_forget(struct wizard *w)
{
	parts_done(&w->s.parts);
	parts_init(&w->s.parts, w->name);
	pass_done(&w->s.password);
}

static int
store_ask(struct wizard *w)
{
	char text[TR_MAX];
	struct err e;
	int r;

	for (;;) {
		e.msg[0] = '\0';
		r = store_try(w, &e);
		if (r == 0) {
			ask_tell(w->ask, "The store works.");
			birth_notes(w->s.parts.store, note, w->ask);
			return 0;
		}
		if (r == -ECANCELED)
			return r;
		ask_tell(w->ask, "That does not work: %s.", tr_text(*e.msg ?
		    e.msg : strerror(-r), text));
		r = w->ask->ops->yes(w->ask, N_("Try again with other answers"),
		    true);
		if (r <= 0)
			return r < 0 ? r : -ECANCELED;
		store_forget(w);
	}
}

/* ---- the passphrase ------------------------------------------------------ */

/* What it is worth; 1: take it. */
static int
strength_ask(struct wizard *w, const struct secret *s)
{
	unsigned bits = strength_bits(s->p, s->len);

	if (bits >= STRENGTH_GOOD) {
		ask_tell(w->ask, "Strength: good.");
		return 1;
	}
	if (bits >= STRENGTH_FAIR) {
		ask_tell(w->ask, "Strength: fair.");
		return 1;
	}
	ask_tell(w->ask, "Strength: weak, unless a generator made it.  Who "
	    "gets hold of this machine's disk can try many; five or six words "
	    "that do not belong together are good.");
	return w->ask->ops->yes(w->ask, N_("Use it all the same"), false);
}

/* 1: done; 0: once more. */
static int
passphrase_try(struct wizard *w, struct secret *ret)
{
	struct secret two = { NULL, 0 };
	bool is_same;
	int r;

	r = w->ask->ops->secret(w->ask, N_("New passphrase"), ret);
	if (r < 0)
		return r;
	if (ret->len == 0) {
		ask_tell(w->ask, "A passphrase is needed.");
		return 0;
	}
	r = strength_ask(w, ret);
	if (r <= 0)
		return r;
	r = w->ask->ops->secret(w->ask, N_("The passphrase again"), &two);
	if (r < 0)
		return r;
	is_same = two.len == ret->len && crypto_equal(two.p, ret->p, two.len);
	pass_done(&two);
	if (!is_same)
		ask_tell(w->ask, "The two differ.");
	return is_same;
}

static int
passphrase_ask(struct wizard *w)
{
	int r;

	ask_tell(w->ask, "The passphrase opens the drive on this machine.  It "
	    "is sent nowhere, and nobody can tell it to you again.");
	do {
		pass_done(&w->s.passphrase);
		r = passphrase_try(w, &w->s.passphrase);
	} while (r == 0);
	return r < 0 ? r : 0;
}

/* ---- the mount point ----------------------------------------------------- */

static bool
has_drives(void)
{
	char **names = NULL;
	size_t n = 0, i;

	if (place_drives(&names, &n, NULL) < 0)
		return false;
	for (i = 0; i < n; i++)
		free(names[i]);
	free(names);
	return n > 0;
}

static int
mountpoint_ask(struct wizard *w)
{
	char def[PATH_MAX], answer[ASK_MAX], text[TR_MAX];
	struct err e = { "" };
	int r;

	r = place_mountpoint(def, &e);
	if (r < 0)
		return r;
	/* Another drive's, or something is in it. */
	if (has_drives() || where_folder(def, w->mountpoint, &e) < 0)
		(void)snprintf(def + strlen(def), sizeof(def) - strlen(def),
		    "-%s", w->name);
	for (;;) {
		r = w->ask->ops->line(w->ask, N_("Folder to show the drive in"),
		    def, answer);
		if (r < 0)
			return r;
		r = where_folder(answer, w->mountpoint, &e);
		if (r == 0)
			break;
		ask_tell(w->ask, "%s.", tr_text(e.msg, text));
	}
	if (!where_is_shown(w->mountpoint))
		ask_tell(w->ask, "File managers show no drive there in their "
		    "sidebar, only one below your home folder; it is opened "
		    "by its path.");
	return opts_set(&w->s.parts.opts, opts_find("mountpoint", OPT_CONF),
	    w->mountpoint, &e);
}

/* ---- the drive ----------------------------------------------------------- */

/* All at once: not even a signal comes in between. */
static int
make(struct wizard *w, const struct vault_birth *b, struct err *e)
{
	int r;

	ask_busy(w->ask, "Making the drive ...");
	signals_hold(SIG_BLOCK);
	r = birth_make(&w->s, b, e);
	if (r == 0)
		r = birth_keep(&w->s, e);
	signals_set(SIG_DFL);
	if (r == 0)
		ask_tell(w->ask, "The drive '%s' is made.", w->name);
	signals_hold(SIG_UNBLOCK);
	return r;
}

static int
steps(struct wizard *w, struct err *e)
{
	struct vault_birth b;
	int r;

	memset(&b, 0, sizeof(b));
	r = name_ask(w);
	if (r == 0)
		r = store_ask(w);
	if (r == 0)
		r = mountpoint_ask(w);
	if (r == 0)
		r = passphrase_ask(w);
	if (r == 0)
		r = birth_keys(&w->s, &b, e);
	if (r == 0)
		r = paper_ask(w->ask, &w->s, &b);
	if (r == 0)
		r = make(w, &b, e);
	vault_birth_done(&b);
	return r;
}

/* Who starts it from a menu, and has neither program for windows, has a
 * terminal. */
static int
ask_open(struct wizard *w, struct err *e)
{
	static const char *const again[] = { "setup", NULL };
	int r;

	if (!w->is_gui)
		return ask_terminal(&w->ask, e);
	r = ask_windows(&w->ask, e);
	if (r == -ENOENT && !isatty(STDIN_FILENO))
		window_terminal(again);
	return r;
}

static int
setup(struct wizard *w)
{
	struct err e = { "" };
	char text[TR_MAX];
	int code, r = 1;

	if (w->is_gui)
		r = opening_ask(w->ask, &e);
	if (r == 1) {
		ask_tell(w->ask, w->is_gui ? N_("A new drive, in a few "
		    "questions.  Nothing is made before the last one.") :
		    N_("A new drive, in a few questions.  Nothing is made "
		    "before the last one; Ctrl-C ends it."));
		r = steps(w, &e);
		if (r == 0)
			return settle(w->ask, &w->s, w->is_gui);
		if (r == -ECANCELED && !*e.msg)
			(void)err_set(&e, r, "%s", NOTHING_MADE);
	}
	if (r == 0)
		return 0;
	if (r == -EIO && w->is_gui && !*e.msg)
		(void)err_set(&e, r, "no window could be shown: 'coffre setup' "
		    "asks on a terminal");
	code = cli_fail(r, &e);
	if (r != -ECANCELED)
		w->ask->ops->end(w->ask, tr_text(*e.msg ? e.msg :
		    strerror(-r), text));
	return code;
}

static int
run(const struct cmd *cmd, int argc, char **argv)
{
	struct err e = { "" };
	struct wizard w;
	struct cli c;
	int code, key, r;

	memset(&w, 0, sizeof(w));
	cli_init(&c, cmd, argc, argv, NULL);
	while ((key = cli_next(&c)) > 0)
		w.is_gui = true;
	if (key == CLI_STOP)
		return c.exit_code;
	r = ask_open(&w, &e);
	if (r < 0)
		return cli_fail(r, &e);
	setup_init(&w.s);
	(void)snprintf(last_words, sizeof(last_words), "\ncoffre: %s\n",
	    tr(NOTHING_MADE));
	signals_set(on_signal);
	code = setup(&w);
	ask_close(w.ask);
	setup_done(&w.s);
	return code;
}

const struct cmd cmd_setup = {
	.name = "setup",
	.args = "",
	.summary = N_("make a new drive, question by question"),
	.about = N_("Ask for a name, a store, a folder to mount on and a "
	    "passphrase, try the store, show the recovery key and ask it back; "
	    "then make the drive, have it unlocked by the keyring and mounted "
	    "at login if that is wanted, and mount it.  Asks on the terminal, "
	    "or in windows; 'coffre init' does it without questions."),
	.opts = opts,
	.args_min = 0,
	.args_max = 0,
	.run = run,
};
