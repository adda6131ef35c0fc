/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "crypto/crypto.h"
#include "fs/birth.h"
#include "fs/cli.h"
#include "fs/probed.h"
#include "fs/setup.h"
#include "store/store.h"
#include "util/err.h"
#include "util/file.h"
#include "vault/vault.h"

static const struct cli_opt opts[] = {
	SETUP_OPTS,
	{ "recovery-file", KEY_RECOVERY_FILE, N_("FILE"),
	    N_("write the recovery key there instead of showing it") },
	{ NULL, 0, NULL, NULL },
};

/* What is there may be the key of another drive. */
static int
recovery_is_free(const struct setup *s, struct err *e)
{
	if (!s->recovery_file || access(s->recovery_file, F_OK) < 0)
		return 0;
	return err_set(e, -EEXIST, "'%s' is there already, and may be the "
	    "recovery key of another drive: name another file",
	    s->recovery_file);
}

/* The one time that the recovery key is seen. */
static int
recovery_give(const struct setup *s, const struct vault_birth *b,
    struct err *e)
{
	char text[BIRTH_TEXT_MAX];
	size_t n = birth_text(s, b, text);
	int r = 0;

	if (s->recovery_file) {
		r = recovery_is_free(s, e);
		if (r == 0)
			r = file_write(s->recovery_file, text, n, 0600);
		if (r < 0 && r != -EEXIST)
			(void)err_set(e, r, "recovery key '%s': %s",
			    s->recovery_file, strerror(-r));
	} else if (fwrite(text, 1, n, stdout) != n || fflush(stdout) != 0) {
		r = err_set(e, -EIO, "the recovery key could not be shown");
	}
	crypto_wipe(text, sizeof(text));
	return r;
}

/* The drive did not come to be. */
static void
recovery_void(const struct setup *s)
{
	if (s->recovery_file)
		(void)unlink(s->recovery_file);
	else
		cli_note("no drive was made: the recovery key above is of no "
		    "use");
}

static void
advise(const struct setup *s)
{
	if (s->recovery_file)
		cli_note("the recovery key is in '%s': print it, put it in a "
		    "safe place, delete the file", s->recovery_file);
	else
		cli_note("write the recovery key down and put it in a safe "
		    "place: it is not shown again");
	cli_note("with it and the store, 'coffre recover' brings the drive "
	    "back on any machine; without it and without this machine "
	    "nobody can");
	cli_note("next: 'coffre mount %s'", s->parts.name);
}

static int
create(struct setup *s, struct err *e)
{
	struct vault_birth b;
	int r;

	memset(&b, 0, sizeof(b));
	r = store_probe(s->parts.store, e);
	if (r < 0)
		return r;
	probed_tell(s->parts.store);
	r = birth_is_free(s->parts.store, e);
	if (r == 0)
		r = birth_keys(s, &b, e);
	if (r == 0)
		r = recovery_give(s, &b, e);
	if (r == 0) {
		r = birth_make(s, &b, e);
		if (r < 0)
			recovery_void(s);
	}
	if (r == 0)
		r = birth_keep(s, e);
	vault_birth_done(&b);
	return r;
}

static int
run(const struct cmd *cmd, int argc, char **argv)
{
	struct err e = { "" };
	struct setup s;
	int code, r;

	if (!setup_begin(&s, cmd, argc, argv, &code)) {
		setup_done(&s);
		return code;
	}
	r = setup_check(&s, false, &e);
	if (r == 0)
		r = recovery_is_free(&s, &e);
	if (r == 0)
		r = setup_passphrase(&s, &e);
	if (r == 0)
		r = setup_store(&s, &e);
	if (r == 0)
		r = create(&s, &e);
	if (r == 0)
		advise(&s);
	setup_done(&s);
	return r < 0 ? cli_fail(r, &e) : 0;
}

const struct cmd cmd_init = {
	.name = "init",
	.args = N_("--store URL NAME"),
	.summary = N_("make a new drive on an empty store"),
	.about = N_("Make a new drive on the empty store at URL (dir:/path, "
	    "webdavs://user@host/path) and call it NAME on this machine.  "
	    "Shows the recovery key, once."),
	.opts = opts,
	.where = OPT_STORE,
	.args_min = 1,
	.args_max = 1,
	.run = run,
};
