/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "fs/birth.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "crypto/crypto.h"
#include "fs/place.h"
#include "fs/probed.h"
#include "fs/setup.h"
#include "store/store.h"
#include "sync/sync.h"
#include "util/buf.h"
#include "util/err.h"
#include "util/text.h"
#include "util/tr.h"
#include "vault/vault.h"

#define GENESIS_MAX 65536	/* more than it ever is */

int
birth_is_free(struct store *store, struct err *e)
{
	struct buf b = BUF_INIT(GENESIS_MAX);
	char name[VAULT_PATH_MAX];
	int r;

	vault_name_genesis(name);
	r = store_get(store, name, &b);
	buf_done(&b);
	if (r == -ENOENT)
		return 0;
	if (r == 0 || r == -EFBIG)
		return err_set(e, -EEXIST, "the store '%s' already holds a "
		    "drive; use an empty folder or 'coffre recover'",
		    store_url(store));
	return err_wrap(e, r, "cannot read from '%s'", store_url(store));
}

int
birth_keys(struct setup *s, struct vault_birth *b, struct err *e)
{
	char host[64];
	int r;

	setup_label(&s->parts.opts, host);
	r = vault_create(host, &s->parts.keys, b);
	return r < 0 ? err_set(e, r, "cannot make keys: %s", strerror(-r)) :
	    0;
}

int
birth_make(struct setup *s, const struct vault_birth *b, struct err *e)
{
	char path[PATH_MAX];
	int r;

	r = parts_save_keys(&s->parts, &s->passphrase, e);
	if (r < 0)
		return r;
	r = sync_create(s->parts.store, b, e);
	if (r < 0 && place_path(PLACE_KEY, s->parts.name, path, NULL) == 0)
		(void)unlink(path);
	return r;
}

int
birth_keep(struct setup *s, struct err *e)
{
	int r = setup_save(s, e);

	if (r < 0)
		return err_wrap(e, r, "the drive is made, and 'coffre recover' "
		    "with its passphrase goes on from there");
	probed_save(s->parts.name, s->parts.opts.store, s->parts.store);
	return 0;
}

size_t
birth_text(const struct setup *s, const struct vault_birth *b,
    char out[static BIRTH_TEXT_MAX])
{
	char words[RECOVERY_TEXT_MAX], id[2 * VAULT_ID_LEN + 1];
	char print[RECOVERY_TEXT_MAX];
	int n;

	recovery_words(b->recovery_seed, words);
	hex_encode(s->parts.keys->drive.b, VAULT_ID_LEN, id);
	fingerprint_words(s->parts.keys->drive.b, print);
	n = snprintf(out, BIRTH_TEXT_MAX,
	    _("%s\n\n"
	    "This is the recovery key of the Coffre drive '%s'.\n"
	    "Drive id:    %s\n"
	    "Fingerprint: %s\n"
	    "Store:       %s\n"), words, s->parts.name, id, print,
	    s->parts.opts.store);
	crypto_wipe(words, sizeof(words));
	/* An address may be longer than is of use on paper. */
	return n < BIRTH_TEXT_MAX ? (size_t)n : BIRTH_TEXT_MAX - 1;
}

void
birth_notes(struct store *store, void (*say)(void *arg, const char *line),
    void *arg)
{
	struct buf b = BUF_INIT(4096);
	char *text, *line, *save = NULL;
	const char *all;

	store_notes(store, &b);
	all = buf_cstr(&b);
	text = all && b.len ? strdup(all) : NULL;
	for (line = text ? strtok_r(text, "\n", &save) : NULL; line;
	    line = strtok_r(NULL, "\n", &save))
		say(arg, line);
	free(text);
	buf_done(&b);
}
