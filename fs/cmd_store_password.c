/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <string.h>

#include "fs/client.h"
#include "fs/cloud.h"
#include "fs/cmd_store.h"
#include "fs/conf.h"
#include "fs/setup.h"
#include "fs/store_job.h"
#include "fs/stores.h"
#include "store/store.h"
#include "util/err.h"

static const struct cli_opt password_opts[] = {
	STORE_PASSWORD_OPT,
	{ NULL, 0, NULL, NULL },
};

/* Which of the drive's stores is meant? */
static int
number_of(const struct store_words *w, unsigned *ret, struct err *e)
{
	unsigned numbers[STORES_MAX];
	const char *name = w->args[0];
	size_t n;

	if (w->nargs > 1)
		return store_number(name, w->args[1], ret, e);
	n = stores_numbers(name, numbers);
	if (n > 1)
		return err_set(e, -EINVAL, "drive '%s' has several stores: say "
		    "which, as 'coffre store list %s' shows them", name,
		    name);
	*ret = 1;
	return 0;
}

static int
password_get(struct store_words *w, struct opts *o, struct secret *ret,
    struct err *e)
{
	bool is_given = w->password_from.fd >= 0 || w->password_from.command;
	struct opts login;
	int r;

	if (strncmp(o->store, "dir:", 4) == 0)
		return err_set(e, -EINVAL, "'%s' is a folder: it wants no "
		    "password", o->store);
	/* A new key may have none. */
	if (!is_given && w->opts.key)
		return 0;
	if (!cloud_is(o->store) || is_given)
		return pass_read(&w->password_from, N_("store's password"),
		    false, ret, e);
	/* The address stays as it is: by it the store is known. */
	opts_init(&login);
	r = opts_set(&login, opts_find("store", OPT_CONF), o->store, e);
	if (r == 0)
		r = stores_who(&login, o, e);
	if (r == 0)
		r = cloud_login(&login, NULL, ret, e);
	if (r == 0)
		r = opts_set(o, opts_find("user", OPT_CONF), login.user, e);
	opts_done(&login);
	return r;
}

/* Does it let us in, and is the drive there? */
static int
try(const struct opts *drive, const struct opts *o, const char *password,
    struct err *e)
{
	struct store *s = NULL;
	int r;

	r = stores_open(drive, o, password, 3, &s, e);
	if (r == 0)
		r = store_drive_check(s, e);
	store_close(s);
	return r < 0 ? err_wrap(e, r, "nothing was changed: '%s'", o->store) :
	    0;
}

/* Settings of a store that has no password here: in this order, so that the
 * old one is there as long as the old settings are. */
static int
keep_without(const char *drive, unsigned n, const struct opts *o,
    struct err *e)
{
	char name[STORES_NAME_MAX];
	int r;

	stores_name(drive, n, name);
	r = conf_save(name, o, e);
	return r < 0 ? r : stores_save_password(drive, n, NULL, e);
}

/* Another store may have that number by now, or another user. */
static bool
is_still(const char *drive, unsigned n, const struct opts *was)
{
	struct err none = { "" };
	struct opts o;
	bool is;

	opts_init(&o);
	is = stores_load(drive, n, &o, &none) == 0 && o.store &&
	    strcmp(o.store, was->store) == 0 && stores_who_same(&o, was);
	opts_done(&o);
	return is;
}

/* If the settings cannot be written the old ones have their password again. */
static int
keep_both(const char *drive, unsigned n, const struct opts *o,
    const struct opts *was, const struct secret *cred, struct err *e)
{
	struct secret old = { NULL, 0 };
	struct err none = { "" };
	bool is_known;
	int r;

	/* By the new ones, which name no command: from the file. */
	is_known = stores_password(drive, n, o, NULL, &old, &none) == 0;
	r = stores_save(drive, n, o, cred, e);
	if (r < 0 && is_known && is_still(drive, n, was))
		(void)stores_save_password(drive, n, &old, &none);
	pass_done(&old);
	return r;
}

/* The settings only where they change: they are written anew, without what a
 * person may have noted there. */
static int
keep(const struct store_words *w, unsigned n, struct opts *o,
    const struct opts *was, const struct secret *password, struct err *e)
{
	const struct secret *cred = password->p &&
	    !w->password_from.command ? password : NULL;
	const char *drive = w->args[0];

	if (!is_still(drive, n, was))
		return err_set(e, -EBUSY, "the stores of the drive have "
		    "changed meanwhile");
	if (stores_who_same(o, was))
		return stores_save_password(drive, n, cred, e);
	return cred ? keep_both(drive, n, o, was, cred, e) :
	    keep_without(drive, n, o, e);
}

static int
change(struct store_words *w, struct err *e)
{
	struct secret password = { NULL, 0 };
	struct opts drive, was, o;
	unsigned n = 0;
	int r;

	opts_init(&drive);
	opts_init(&was);
	opts_init(&o);
	r = stores_load(w->args[0], 1, &drive, e);
	if (r == 0)
		r = number_of(w, &n, e);
	if (r == 0)
		r = stores_load(w->args[0], n, &was, e);
	if (r == 0)
		r = stores_load(w->args[0], n, &o, e);
	if (r == 0 && !o.store)
		r = err_set(e, -EINVAL, "store %u of drive '%s' has no "
		    "'store = URL'", n, w->args[0]);
	if (r == 0)
		r = stores_who(&o, &w->opts, e);
	if (r == 0)
		r = setup_absolute(&o, e);
	if (r == 0)
		r = password_get(w, &o, &password, e);
	if (r == 0 && password.p && !w->password_from.command)
		opts_unset(&o, opts_find("password_command", OPT_CONF));
	if (r == 0)
		r = try(&drive, &o, password.p, e);
	if (r == 0)
		r = keep(w, n, &o, &was, &password, e);
	if (r == 0)
		cli_say("'%s' is asked with it from now on", o.store);
	pass_done(&password);
	opts_done(&o);
	opts_done(&was);
	opts_done(&drive);
	return r;
}

/* A mount that is not there, or locked, reads it when it is. */
static void
mount_tell(const char *name)
{
	struct control_req q = { .cmd = CONTROL_SYNC };
	struct err none = { "" };
	json_t *o = NULL;

	(void)client_call(name, &q, NULL, NULL, &o, &none);
	json_decref(o);
}

static int
change_and_tell(struct store_words *w, struct err *e)
{
	int r = change(w, e);

	if (r == 0)
		mount_tell(w->args[0]);
	return r;
}

static int
run(const struct cmd *cmd, int argc, char **argv)
{
	return store_command(cmd, argc, argv, change_and_tell);
}

const struct cmd cmd_store_password = {
	.name = "store password",
	.args = N_("NAME [N|URL]"),
	.summary = N_("give a drive the new password of a store"),
	.about = N_("Ask for the password that a store of the drive NAME has "
	    "now, try it, and keep it in the place of the old one.  Of several "
	    "stores say which, by its number, as 'coffre store list' shows it, "
	    "or its address.  A mount takes it up at once.  Nothing is changed "
	    "if the store does not let us in with it, or cannot be reached."),
	.opts = password_opts,
	.where = OPT_STORE,
	.args_min = 1,
	.args_max = 2,
	.run = run,
};
