/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fs/client.h"
#include "fs/cmd_store.h"
#include "fs/json_text.h"
#include "fs/probed.h"
#include "fs/setup.h"
#include "fs/stores.h"
#include "store/facts.h"
#include "store/store.h"
#include "util/buf.h"
#include "util/err.h"
#include "vault/vault.h"

#define GENESIS_MAX (8u << 20)

static const struct cli_opt probe_opts[] = {
	STORE_PASSWORD_OPT,
	{ "json", KEY_JSON, NULL, N_("print JSON") },
	{ NULL, 0, NULL, NULL },
};

/* What people should know, as an array of lines. */
static json_t *
notes_json(struct store *s)
{
	struct buf b = BUF_INIT(16 * 1024);
	json_t *all = json_array();

	store_notes(s, &b);
	json_text_lines(all, &b);
	buf_done(&b);
	return all;
}

static void
found_print(struct store *s, bool is_json)
{
	struct store_facts f;
	const json_t *note;
	json_t *o, *notes;
	char text[TR_MAX];
	size_t i;

	store_facts(s, &f);
	o = probed_json(&f);
	notes = notes_json(s);
	if (is_json && o) {
		(void)json_object_set_new(o, "url",
		    json_string(store_url(s)));
		(void)json_object_set(o, "notes", notes);
		(void)json_dumpf(o, stdout, JSON_COMPACT);
		(void)putchar('\n');
	} else {
		cli_say("%s", store_url(s));
		probed_print(o, "  ");
		json_array_foreach(notes, i, note)
			cli_say("  %s", tr_text(json_string_value(note),
			    text));
	}
	json_decref(notes);
	json_decref(o);
}

static int
probe_url(struct store_words *w, struct err *e)
{
	struct secret password = { NULL, 0 };
	struct store *s = NULL;
	int r;

	r = opts_set(&w->opts, opts_find("store", OPT_CONF), w->args[0], e);
	if (r == 0)
		r = setup_absolute(&w->opts, e);
	if (r == 0)
		r = store_words_open(w, &w->opts, &password, &s, e);
	if (r == 0)
		r = store_probe(s, e);
	if (r == 0)
		found_print(s, w->is_json);
	store_close(s);
	pass_done(&password);
	return r;
}

int
store_drive_check(struct store *s, struct err *e)
{
	struct buf b = BUF_INIT(GENESIS_MAX);
	char name[VAULT_PATH_MAX];
	struct store_stats st;
	int r;

	vault_name_genesis(name);
	r = store_get(s, name, &b);
	buf_done(&b);
	store_get_stats(s, &st);
	if (r == -ENOENT)
		(void)err_set(e, r, "there is no drive: is its disk "
		    "mounted?");
	else if (r < 0)
		(void)err_set(e, r, "%s", st.last_error[0] ? st.last_error :
		    strerror(-r));
	return r;
}

/* One store of a drive; what is found is kept with the drive. */
static int
probe_number(const struct parts *p, unsigned n, bool is_json, struct err *e)
{
	struct store *s = NULL;
	struct opts o;
	int r;

	opts_init(&o);
	r = stores_load(p->name, n, &o, e);
	if (r == 0 && !o.store)
		r = err_set(e, -EINVAL, "store %u of drive '%s' has no "
		    "'store = URL'", n, p->name);
	if (r == 0)
		r = stores_open_member(&p->opts, p->name, o.store, &s, e);
	/* A probe makes the folder of a store: not where its disk is
	 * missing. */
	if (r == 0)
		r = store_drive_check(s, e);
	if (r == 0)
		r = store_probe(s, e);
	if (r < 0)
		(void)err_wrap(e, r, "store %u, '%s'", n, s ? store_url(s) :
		    "?");
	else
		found_print(s, is_json);
	store_close(s);
	opts_done(&o);
	return r;
}

/* All stores of a drive that is here, mounted or not: their passwords are
 * kept, and the drive's own is not needed. */
static int
probe_drive(const struct store_words *w, struct err *e)
{
	char name[PLACE_NAME_MAX + 1];
	unsigned numbers[STORES_MAX];
	struct err why = { "" };
	struct parts p;
	int r, first = 0;
	size_t i, n = 0;

	r = client_name(w->args[0], name, e);
	if (r < 0)
		return r;
	parts_init(&p, name);
	r = parts_load(&p, e);
	if (r == 0)
		n = stores_numbers(name, numbers);
	for (i = 0; i < n; i++) {
		why.msg[0] = '\0';
		r = probe_number(&p, numbers[i], w->is_json, &why);
		if (r == 0)
			continue;
		/* The others are tried all the same. */
		if (first < 0)
			cli_note("%s", why.msg);
		else
			first = err_set(e, r, "%s", why.msg);
	}
	parts_done(&p);
	return first < 0 ? first : r;
}

/* An address, also a short one, has a colon; the name of a drive has none. */
static int
probe(struct store_words *w, struct err *e)
{
	return strchr(w->args[0], ':') ? probe_url(w, e) : probe_drive(w, e);
}

static int
probe_run(const struct cmd *cmd, int argc, char **argv)
{
	return store_command(cmd, argc, argv, probe);
}

const struct cmd cmd_store_probe = {
	.name = "store probe",
	.args = N_("NAME|URL"),
	.summary = N_("try out what a store really does"),
	.about = N_("Try out what the store at URL really does, or each store "
	    "of the drive NAME, with small objects that are taken away again.  "
	    "Makes the folder of the store if it is missing.  What is found "
	    "of a drive's stores is kept, for 'store list' and 'status'."),
	.opts = probe_opts,
	.where = OPT_STORE,
	.args_min = 1,
	.args_max = 1,
	.run = probe_run,
};
