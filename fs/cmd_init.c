/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "crypto/crypto.h"
#include "fs/cli.h"
#include "fs/conf.h"
#include "fs/parts.h"
#include "fs/pass.h"
#include "fs/place.h"
#include "fs/setup.h"
#include "store/store.h"
#include "sync/sync.h"
#include "util/buf.h"
#include "util/err.h"
#include "util/file.h"
#include "util/text.h"
#include "vault/vault.h"

static const struct cli_opt opts[] = {
	SETUP_OPTS,
	{ "recovery-file", KEY_RECOVERY_FILE, "FILE",
	    "write the recovery key there instead of showing it" },
	{ NULL, 0, NULL, NULL },
};

/* The one time that the recovery key is seen. */
static int
recovery_give(const struct setup *s, const struct vault_birth *b,
    struct err *e)
{
	char words[RECOVERY_TEXT_MAX], id[2 * VAULT_ID_LEN + 1];
	char print[RECOVERY_TEXT_MAX], text[1024];
	int n, r = 0;

	recovery_words(b->recovery_seed, words);
	hex_encode(s->parts.keys->drive.b, VAULT_ID_LEN, id);
	fingerprint_words(s->parts.keys->drive.b, print);
	n = snprintf(text, sizeof(text),
	    "%s\n\n"
	    "This is the recovery key of the Coffre drive '%s'.\n"
	    "Drive id:    %s\n"
	    "Fingerprint: %s\n"
	    "Store:       %s\n", words, s->parts.name, id, print,
	    s->parts.opts.store);
	if (s->recovery_file) {
		r = file_write(s->recovery_file, text, (size_t)n, 0600);
		if (r < 0)
			r = err_set(e, r, "recovery key '%s': %s",
			    s->recovery_file, strerror(-r));
	} else if (fwrite(text, 1, (size_t)n, stdout) != (size_t)n ||
	    fflush(stdout) != 0) {
		r = err_set(e, -EIO, "the recovery key could not be shown");
	}
	crypto_wipe(words, sizeof(words));
	crypto_wipe(text, sizeof(text));
	return r;
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

/* What a delete means there, and the like: it must not be a surprise. */
static void
notes_show(struct store *store)
{
	struct buf b = BUF_INIT(4096);
	char *text, *line, *save = NULL;
	const char *all;

	store_notes(store, &b);
	all = buf_cstr(&b);
	text = all && b.len ? strdup(all) : NULL;
	for (line = text ? strtok_r(text, "\n", &save) : NULL; line;
	    line = strtok_r(NULL, "\n", &save))
		cli_note("the store: %s", line);
	free(text);
	buf_done(&b);
}

/* Keys first, then objects: a crash in between leaves keys without a drive,
 * never a drive without keys. */
static int
create(struct setup *s, struct err *e)
{
	const struct opts *o = &s->parts.opts;
	struct vault_birth b;
	char host[64];
	int r;

	memset(&b, 0, sizeof(b));
	r = store_probe(s->parts.store, e);
	if (r < 0)
		return r;
	notes_show(s->parts.store);
	setup_label(o, host);
	r = vault_create(host, &s->parts.keys, &b);
	if (r < 0)
		return err_set(e, r, "cannot make keys: %s", strerror(-r));
	r = setup_save(s, e);
	if (r == 0)
		r = sync_create(s->parts.store, &b, e);
	if (r == 0) {
		r = recovery_give(s, &b, e);
		if (r < 0)
			(void)err_wrap(e, r, "the drive was made, but without "
			    "a recovery key kept it is at risk: empty the "
			    "store and begin anew");
	} else {
		setup_undo(s);
	}
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
	.args = "--store URL NAME",
	.summary = "make a new drive on an empty store",
	.about = "Make a new drive on the empty store at URL (dir:/path, "
	    "webdavs://user@host/path) and call it NAME on this machine.  "
	    "Shows the recovery key, once.",
	.opts = opts,
	.where = OPT_STORE,
	.args_min = 1,
	.args_max = 1,
	.run = run,
};
