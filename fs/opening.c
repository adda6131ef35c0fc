/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "fs/opening.h"

#include <errno.h>
#include <jansson.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "crypto/crypto.h"
#include "fs/ask.h"
#include "fs/client.h"
#include "fs/conf.h"
#include "fs/keyring.h"
#include "fs/mountpoint.h"
#include "fs/opts.h"
#include "fs/pass.h"
#include "fs/place.h"
#include "fs/settle.h"
#include "fs/slots.h"
#include "fs/window.h"
#include "util/err.h"
#include "util/tr.h"

/* ---- one that is there --------------------------------------------------- */

enum state { AWAY, LOCKED, OPEN, REFUSED };

static enum state
state_of(const char *name, struct mounted *ret)
{
	struct control_req q = { .cmd = CONTROL_STATUS };
	struct err e = { "" };
	enum state s = OPEN;
	const char *link;
	json_t *o = NULL;

	if (mounted_by_name(name, ret) < 0 || mountpoint_is_dead(ret->path))
		return AWAY;
	(void)client_call(name, &q, NULL, NULL, &o, &e);
	link = json_string_value(json_object_get(json_object_get(o, "sync"),
	    "link"));
	if (json_is_true(json_object_get(o, "locked")))
		s = LOCKED;
	else if (link && strcmp(link, "refused") == 0)
		s = REFUSED;
	json_decref(o);
	return s;
}

/* Does something else than a person know its passphrase? */
static bool
has_source(const char *name)
{
	uint8_t id[SLOT_ID_LEN];
	struct err e = { "" };
	struct opts o;
	bool has;

	opts_init(&o);
	has = conf_load(name, &o, &e) == 0 && o.passphrase_command;
	opts_done(&o);
	return has || (slots_id(name, SLOT_KEYRING, id) == 0 &&
	    keyring_is_there());
}

static int
passphrase_ask(struct ask *a, const char *name, struct secret *ret)
{
	char what[128];

	(void)snprintf(what, sizeof(what), _("Passphrase of drive '%s'"),
	    name);
	return a->ops->secret(a, what, ret);
}

/* Until it works, or the person gives up. */
static int
unlock(struct ask *a, const char *name, const char *word)
{
	struct secret pass = { NULL, 0 };
	char said[SETTLE_SAID_MAX];
	bool is_quiet = has_source(name);
	int code, r;

	for (;;) {
		r = is_quiet ? 0 : passphrase_ask(a, name, &pass);
		if (r < 0)
			return r;
		ask_busy(a, "Opening the drive ...");
		code = settle_run(word, name, is_quiet ? NULL : &pass, said);
		pass_done(&pass);
		if (code == 0)
			return 0;
		ask_tell(a, "That does not work: %s.", said);
		is_quiet = false;
	}
}

/* Its store does not let us in: what is the password now?  An empty one leaves
 * it at that. */
static int
password_give(struct ask *a, const char *name)
{
	struct secret pass = { NULL, 0 };
	char what[160], said[SETTLE_SAID_MAX];
	int code = 0, r;

	(void)snprintf(what, sizeof(what), _("New password of the store of "
	    "'%s' (empty: leave it)"), name);
	do {
		r = a->ops->secret(a, what, &pass);
		if (r < 0 || pass.len == 0)
			break;
		ask_busy(a, "Trying it ...");
		code = settle_password(name, &pass, said);
		pass_done(&pass);
		if (code != 0)
			ask_tell(a, "That does not work: %s.", said);
	} while (code != 0);
	pass_done(&pass);
	return r;
}

static int
drive_open(struct ask *a, const char *name, struct err *e)
{
	struct mounted m;
	enum state s = state_of(name, &m);
	int r = 0;

	if (s == REFUSED)
		r = password_give(a, name);
	else if (s != OPEN)
		r = unlock(a, name, s == LOCKED ? "unlock" : "mount");
	if (r == 0)
		r = mounted_by_name(name, &m);
	if (r == 0 && window_browse(m.path) < 0)
		ask_tell(a, "It is in '%s'.", m.path);
	if (r == 0)
		a->ops->end(a, NULL);
	return r == -ENOENT ? err_set(e, r, "drive '%s' is not mounted",
	    name) : r;
}

/* ---- which --------------------------------------------------------------- */

/* Its number; n: a new one. */
static int
which(struct ask *a, char *const *names, size_t n)
{
	const char **of = calloc(n + 1, sizeof(*of));
	char *texts = malloc((n + 1) * ASK_MAX), *text = texts;
	struct mounted m;
	int r = -ENOMEM;
	size_t i;

	for (i = 0; of && texts && i < n; i++, text += ASK_MAX) {
		switch (state_of(names[i], &m)) {
		case AWAY:
			(void)snprintf(text, ASK_MAX, _("Mount and open '%s'"),
			    names[i]);
			break;
		case LOCKED:
			(void)snprintf(text, ASK_MAX, _("Unlock and open "
			    "'%s'"), names[i]);
			break;
		case REFUSED:
			(void)snprintf(text, ASK_MAX, _("Sign in to '%s' "
			    "again, and open it"), names[i]);
			break;
		case OPEN:
			(void)snprintf(text, ASK_MAX, _("Open '%s' (%s)"),
			    names[i], m.path);
			break;
		}
		of[i] = text;
	}
	if (of && texts) {
		of[n] = _("Make a new drive");
		r = a->ops->choice(a, N_("What would you like to do?"), of,
		    n + 1);
	}
	free(texts);
	free(of);
	return r;
}

int
opening_ask(struct ask *a, struct err *e)
{
	char **names = NULL;
	size_t n = 0, i;
	int r;

	r = place_drives(&names, &n, e);
	if (r < 0)
		return r;
	r = n > 0 ? which(a, names, n) : 0;
	if (r >= 0)
		r = (size_t)r < n ? drive_open(a, names[r], e) : 1;
	for (i = 0; i < n; i++)
		free(names[i]);
	free(names);
	return r;
}
