/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "fs/setup.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "crypto/crypto.h"
#include "fs/cloud.h"
#include "fs/place.h"
#include "fs/presets.h"
#include "fs/stores.h"
#include "util/err.h"

static int
set_named(struct opts *o, const char *name, const char *value, struct err *e)
{
	return opts_set(o, opts_find(name, OPT_CONF), value, e);
}

/* One option; -EINVAL after the usage error was said. */
static int
take(struct setup *s, const struct cmd *cmd, int key)
{
	struct err e = { "" };
	uint64_t n = 0;

	if (key == KEY_STORE) {
		if (s->has_url)
			return cli_usage(cmd, "one '--store' at a time: "
			    "'coffre store add' brings more");
		s->has_url = true;
		if (set_named(&s->parts.opts, "store", optarg, &e) < 0)
			return cli_usage(cmd, "%s", e.msg);
		return 0;
	}
	if (key == KEY_RECOVERY_FILE) {
		s->recovery_file = optarg;
		return 0;
	}
	if (cli_number(optarg, 0, INT_MAX, &n) < 0)
		return cli_usage(cmd, "'%s' is no descriptor", optarg);
	if (key == KEY_PASSPHRASE_FD)
		s->passphrase_from.fd = (int)n;
	else if (key == KEY_PASSWORD_FD)
		s->password_from.fd = (int)n;
	else
		s->recovery_fd = (int)n;
	return 0;
}

void
setup_init(struct setup *s)
{
	memset(s, 0, sizeof(*s));
	s->passphrase_from.fd = s->password_from.fd = s->recovery_fd = -1;
	parts_init(&s->parts, "");
}

bool
setup_begin(struct setup *s, const struct cmd *cmd, int argc, char **argv,
    int *ret_code)
{
	struct cli c;
	int key;

	setup_init(s);
	cli_init(&c, cmd, argc, argv, &s->parts.opts);
	while ((key = cli_next(&c)) > 0) {
		*ret_code = take(s, cmd, key);
		if (*ret_code != 0)
			return false;
	}
	if (key == CLI_STOP) {
		*ret_code = c.exit_code;
		return false;
	}
	if (!s->has_url) {
		*ret_code = cli_usage(cmd, "'--store URL' is missing");
		return false;
	}
	s->parts.name = c.args[0];
	s->passphrase_from.command = s->parts.opts.passphrase_command;
	s->password_from.command = s->parts.opts.password_command;
	return true;
}

void
setup_done(struct setup *s)
{
	pass_done(&s->passphrase);
	pass_done(&s->password);
	parts_done(&s->parts);
}

/* A file that a setting names. */
static int
file_absolute(struct opts *o, const char *name, const char *path,
    struct err *e)
{
	char *abs;
	int r;

	if (!path)
		return 0;
	abs = realpath(path, NULL);
	if (!abs)
		return err_set(e, -errno, "'%s': %s", path, strerror(errno));
	r = set_named(o, name, abs, e);
	free(abs);
	return r;
}

/* A mount runs in "/": what is kept must not depend on where we are. */
int
setup_absolute(struct opts *o, struct err *e)
{
	char dir[PATH_MAX], *abs;
	int r;

	r = presets_apply(o, e);
	if (r == 0)
		r = file_absolute(o, "ca", o->ca, e);
	if (r == 0)
		r = file_absolute(o, "key", o->key, e);
	if (r < 0 || strncmp(o->store, "dir:", 4) != 0 || o->store[4] == '/')
		return r;
	if (!getcwd(dir, sizeof(dir)))
		return err_set(e, -errno, "getcwd: %s", strerror(errno));
	if (asprintf(&abs, "dir:%s/%s", dir, o->store + 4) < 0)
		return err_set(e, -ENOMEM, "out of memory");
	r = set_named(o, "store", abs, e);
	free(abs);
	return r;
}

static bool
is_there(enum place what, const char *name, const char *file)
{
	char path[PATH_MAX], whole[PATH_MAX + 16];

	if (place_path(what, name, path, NULL) < 0)
		return false;
	(void)snprintf(whole, sizeof(whole), "%s%s", path, file);
	return access(whole, F_OK) == 0;
}

static int
name_check(const char *name, char state[static PATH_MAX], struct err *e)
{
	int r = crypto_init();

	if (r < 0)
		return err_set(e, r, "the cryptographic library lacks what "
		    "is needed");
	if (!place_name_valid(name))
		return err_set(e, -EINVAL, "'%.80s' cannot be a drive's name: "
		    "letters, digits, '-', '_' and '.', at most %d", name,
		    PLACE_NAME_MAX);
	return place_path(PLACE_STATE, name, state, e);
}

/* Settings or a password of further stores, or of a first one that was leaving
 * (stores_promote): a new drive would have them. */
static bool
has_further(const char *name, char folder[static PATH_MAX])
{
	char one[STORES_NAME_MAX];
	unsigned n;

	for (n = 1; n <= STORES_MAX; n++) {
		(void)snprintf(one, sizeof(one), "%s.stores/%u", name, n);
		if (is_there(PLACE_CONF, one, "") ||
		    is_there(PLACE_CRED, one, ""))
			break;
	}
	if (n > STORES_MAX || place_path(PLACE_CONF, one, folder, NULL) < 0)
		return false;
	*strrchr(folder, '/') = '\0';
	return true;
}

int
setup_check_name(const struct setup *s, struct err *e)
{
	const char *name = s->parts.name;
	char path[PATH_MAX];
	int r;

	r = name_check(name, path, e);
	if (r < 0)
		return r;
	if (is_there(PLACE_CONF, name, ""))
		return err_set(e, -EEXIST, "there is a drive '%s' on this "
		    "machine: choose another name", name);
	if (!is_there(PLACE_STATE, name, "/drive.db") &&
	    !has_further(name, path))
		return 0;
	if (is_there(PLACE_KEY, name, ""))
		return err_set(e, -EEXIST, "drive '%s' is being recovered: "
		    "'coffre recover' goes on with that; choose another name",
		    name);
	return err_set(e, -EEXIST, "'%s' is left of a drive that was called "
	    "'%s': move that folder away or choose another name", path, name);
}

int
setup_check(struct setup *s, bool is_recovery, struct err *e)
{
	const char *name = s->parts.name;
	char path[PATH_MAX];
	int r;

	r = name_check(name, path, e);
	if (r < 0)
		return r;
	s->is_resumed = is_recovery && is_there(PLACE_KEY, name, "") &&
	    !is_there(PLACE_CONF, name, "");
	if (!s->is_resumed)
		r = setup_check_name(s, e);
	return r < 0 ? r : setup_absolute(&s->parts.opts, e);
}

int
setup_passphrase(struct setup *s, struct err *e)
{
	char what[128];

	(void)snprintf(what, sizeof(what), N_("new passphrase for drive '%s'"),
	    s->parts.name);
	return pass_read(&s->passphrase_from, what, true, &s->passphrase, e);
}

int
setup_store(struct setup *s, struct err *e)
{
	int r = 0;

	if (cloud_is(s->parts.opts.store) && s->password_from.fd < 0 &&
	    !s->password_from.command)
		r = cloud_login(&s->parts.opts, NULL, &s->password, e);
	else if (stores_wants_password(s->parts.opts.store) ||
	    s->password_from.fd >= 0)
		r = pass_read(&s->password_from, N_("store's password"), false,
		    &s->password, e);
	return r < 0 ? r : parts_open_store_with(&s->parts, s->password.p, e);
}

void
setup_label(const struct opts *o, char out[static 64])
{
	char host[HOST_NAME_MAX + 1];

	if (gethostname(host, sizeof(host)) < 0)
		host[0] = '\0';
	host[sizeof(host) - 1] = '\0';
	(void)snprintf(out, 64, "%s", o->label ? o->label : host[0] ? host :
	    "device");
}

int
setup_save(struct setup *s, struct err *e)
{
	/* What a command gives again at every mount is not kept here; nor is
	 * what stands there of an earlier drive: it would be sent to this
	 * one's server. */
	return stores_save(s->parts.name, 1, &s->parts.opts,
	    s->password_from.command ? NULL : &s->password, e);
}
