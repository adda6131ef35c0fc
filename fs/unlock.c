/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "fs/unlock.h"

#include <errno.h>
#include <limits.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fs/cli.h"
#include "fs/keyring.h"
#include "fs/parts.h"
#include "fs/pass.h"
#include "fs/pinentry.h"
#include "fs/slots.h"
#include "util/err.h"
#include "util/tr.h"

/* What nobody waits for may take so long. */
#define SOON_MS 5000

enum unlock_who
unlock_who(void)
{
	return pass_has_terminal() || pinentry_has_display() ? UNLOCK_ASK :
	    UNLOCK_QUIET;
}

/* ---- the passphrase ----------------------------------------------------- */

static int
ask(const char *what, const char *pinentry, struct secret *ret, struct err *e)
{
	struct pass_from none = { -1, NULL };

	if (pinentry || (!pass_has_terminal() && pinentry_has_display()))
		return pinentry_ask(pinentry, what, ret, e);
	return pass_read(&none, what, false, ret, e);
}

int
unlock_passphrase(const char *name, const struct opts *o,
    const struct pass_from *f, struct secret *ret, struct err *e)
{
	struct pass_from from = *f;
	char what[128];

	(void)snprintf(what, sizeof(what), N_("passphrase of drive "
	    "'%s'"), name);
	if (from.fd < 0 && !from.command)
		from.command = o->passphrase_command;
	if (from.fd >= 0 || from.command)
		return pass_read(&from, what, false, ret, e);
	return ask(what, o->pinentry, ret, e);
}

int
unlock_by_passphrase(struct parts *p, const struct pass_from *f,
    struct err *e)
{
	struct secret pass = { NULL, 0 };
	int r;

	/* Without keys there is no reason to ask. */
	r = parts_have_keystore(p, e);
	if (r == 0)
		r = unlock_passphrase(p->name, &p->opts, f, &pass, e);
	if (r == 0)
		r = parts_unlock_with(p, &pass, e);
	pass_done(&pass);
	return r;
}

/* ---- what others keep --------------------------------------------------- */

/* A file of the service manager's, which it keeps from others.  -ENOENT:
 * there is none. */
static int
by_credential(struct parts *p, struct err *e)
{
	const char *dir = getenv("CREDENTIALS_DIRECTORY");
	struct secret pass = { NULL, 0 };
	char path[PATH_MAX];
	int r;

	if (!dir || *dir != '/' || snprintf(path, sizeof(path),
	    "%s/coffre.%s.passphrase", dir, p->name) >= PATH_MAX ||
	    access(path, F_OK) < 0)
		return -ENOENT;
	r = pass_read_credential(path, &pass, e);
	if (r == 0)
		r = parts_unlock_with(p, &pass, e);
	pass_done(&pass);
	return r == -ENOENT ? -EIO : r;
}

int
unlock_keyring_key(const char *name, bool may_ask, struct secret *ret,
    struct err *e)
{
	uint8_t id[SLOT_ID_LEN], *key;
	int r;

	r = slots_id(name, SLOT_KEYRING, id);
	if (r < 0)
		return r;
	key = crypto_secret_alloc(SLOT_KEY_LEN);
	if (!key)
		return err_set(e, -ENOMEM, "out of memory");
	r = keyring_get(id, may_ask, key, e);
	if (r < 0) {
		crypto_secret_free(key);
		return r;
	}
	ret->p = (char *)key;
	ret->len = SLOT_KEY_LEN;
	return 0;
}

static int
by_keyring(struct parts *p, enum unlock_who who, struct err *e)
{
	struct secret key = { NULL, 0 };
	uint8_t id[SLOT_ID_LEN];
	int r;

	if (who == UNLOCK_LATER) {
		r = slots_id(p->name, SLOT_KEYRING, id);
		return r < 0 ? -ENOENT : err_set(e, -ENOKEY, "the keyring of "
		    "the session has not given the key of drive '%s' yet",
		    p->name);
	}
	r = unlock_keyring_key(p->name, who == UNLOCK_ASK, &key, e);
	if (r == 0)
		r = slots_open(p, SLOT_KEYRING, (const uint8_t *)key.p, e);
	pass_done(&key);
	return r;
}

/* Without waiting for one that takes long: -ETIME. */
static int
by_command_soon(struct parts *p, struct err *e)
{
	static const atomic_bool never;
	struct secret pass = { NULL, 0 };
	int r;

	r = pass_read_command(p->opts.passphrase_command, SOON_MS, &never,
	    &pass, e);
	if (r == 0)
		r = parts_unlock_with(p, &pass, e);
	pass_done(&pass);
	return r == -ETIMEDOUT ? -ETIME : r;
}

static int
first_source(struct parts *p, const struct pass_from *f, enum unlock_who who,
    struct err *e)
{
	int r;

	if (f->fd >= 0 || f->command)
		return unlock_by_passphrase(p, f, e);
	r = by_credential(p, e);
	if (r != -ENOENT)
		return r;
	if (p->opts.passphrase_command)
		return who == UNLOCK_LATER ? by_command_soon(p, e) :
		    unlock_by_passphrase(p, f, e);
	r = by_keyring(p, who, e);
	if (r == 0 || (r != -ENOENT && who != UNLOCK_ASK))
		return r;
	/* Whoever is there is told why the passphrase is asked for. */
	if (r != -ENOENT)
		cli_note("%s", e->msg);
	if (who == UNLOCK_LATER)
		return err_set(e, -ENOTTY, "nobody is there to be asked for "
		    "the passphrase of drive '%s'", p->name);
	return unlock_by_passphrase(p, f, e);
}

int
unlock_keys(struct parts *p, const struct pass_from *f, enum unlock_who who,
    struct err *e)
{
	int r;

	r = parts_have_keystore(p, e);
	return r < 0 ? r : first_source(p, f, who, e);
}
