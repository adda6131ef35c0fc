/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>

#include "fs/client.h"
#include "fs/cmd_store.h"
#include "fs/json_text.h"
#include "fs/presets.h"
#include "fs/probed.h"
#include "fs/stores.h"
#include "store/mirror.h"
#include "util/err.h"

static const struct cli_opt list_opts[] = {
	{ "json", KEY_JSON, NULL, N_("print JSON") },
	{ NULL, 0, NULL, NULL },
};

/* ---- list ---- */

/* A store's id as the running mount tells it: its address, cut. */
static json_t *
id_of(const char *url)
{
	char id[sizeof(((struct mirror_state *)NULL)->id)];

	(void)snprintf(id, sizeof(id), "%s", url);
	return json_text(id);
}

/* How the running mount finds the store at url; NULL, also where another one
 * is called the same. */
static const json_t *
state_of(const json_t *status, const char *url)
{
	const json_t *all = json_object_get(status, "stores"), *o;
	const json_t *found = NULL;
	json_t *id = id_of(url);
	size_t i, n = 0;

	json_array_foreach(all, i, o) {
		if (id && json_equal(json_object_get(o, "id"), id)) {
			found = o;
			n++;
		}
	}
	json_decref(id);
	return n == 1 ? found : NULL;
}

/* What the settings say of it, if they do. */
static void
said_add(json_t *o, const char *key, const char *v)
{
	if (o && v)
		(void)json_object_set_new(o, key, json_string(v));
}

static json_t *
list_one(const char *drive, unsigned n, const json_t *status, struct err *e)
{
	const json_t *state;
	json_t *o = NULL, *probe;
	struct opts s;

	opts_init(&s);
	if (stores_load(drive, n, &s, e) == 0) {
		o = json_pack("{s:i, s:s}", "number", (int)n, "url",
		    s.store ? s.store : "");
		said_add(o, "country", s.country);
		said_add(o, "law", s.law);
		said_add(o, "provider", s.provider);
		state = o && s.store ? state_of(status, s.store) : NULL;
		if (state)
			(void)json_object_update_missing(o,
			    (json_t *)(uintptr_t)state);
		probe = o && s.store ? probed_json_of(drive, s.store) : NULL;
		if (probe)
			(void)json_object_set_new(o, "probe", probe);
	}
	opts_done(&s);
	return o;
}

static void
list_print(const json_t *o)
{
	const char *problem = json_string_value(json_object_get(o,
	    "problem"));
	const json_t *queued = json_object_get(o, "queued");
	uint64_t lacks = (uint64_t)json_integer_value(queued);
	char text[TR_MAX];
	const json_t *probe = json_object_get(o, "probe");
	char when[PROBED_WHEN_MAX];

	(void)printf("%u  %s", (unsigned)json_integer_value(
	    json_object_get(o, "number")),
	    json_string_value(json_object_get(o, "url")));
	if (lacks)
		cli_out_n(lacks, ", lacks %" PRIu64 " object",
		    ", lacks %" PRIu64 " objects", lacks);
	else if (queued)
		cli_out(", has all");
	if (problem && *problem)
		cli_out(", away: %s", tr_text(problem, text));
	(void)putchar('\n');
	if (probe)
		cli_say("     tried out %s:", probed_when(probe, when));
	probed_print(probe, "       ");
}

static int
list_run(const struct cmd *cmd, int argc, char **argv)
{
	struct control_req q = { .cmd = CONTROL_STATUS };
	char name[PLACE_NAME_MAX + 1];
	unsigned numbers[STORES_MAX];
	struct err e = { "" };
	json_t *status = NULL, *o;
	struct store_words w;
	size_t i, n;
	int code = 0, r;

	if (!store_words(&w, cmd, argc, argv, &code))
		return code;
	r = client_name(w.args[0], name, &e);
	if (r < 0)
		return cli_fail(r, &e);
	n = stores_numbers(name, numbers);
	if (n == 0)
		return cli_fail(-ENOENT, &(struct err){ N_("no such drive "
		    "here") });
	/* Not mounted: then what is configured is all there is to say. */
	(void)client_call(name, &q, NULL, NULL, &status, &e);
	for (i = 0; i < n; i++) {
		o = list_one(name, numbers[i], status, &e);
		if (!o) {
			r = -EINVAL;
			break;
		}
		if (w.is_json) {
			(void)json_dumpf(o, stdout, JSON_COMPACT);
			(void)putchar('\n');
		} else {
			list_print(o);
		}
		json_decref(o);
	}
	json_decref(status);
	return r < 0 ? cli_fail(r, &e) : 0;
}

const struct cmd cmd_store_list = {
	.name = "store list",
	.args = N_("NAME|PATH"),
	.summary = N_("show the stores of a drive"),
	.about = N_("Show the stores of a drive by number; of a drive that is "
	    "mounted also how each of them is and what it lacks; and what "
	    "was found when it was last tried out."),
	.opts = list_opts,
	.args_min = 1,
	.args_max = 1,
	.run = list_run,
};

/* ---- presets ---- */

#define LABEL_WIDTH 22

static void
text_add(json_t *o, const char *key, const char *v)
{
	if (*v)
		(void)json_object_set_new(o, key, json_string(v));
}

static json_t *
preset_json(const struct preset *p)
{
	json_t *o = json_object(), *g = json_object();
	size_t i;

	text_add(o, "id", p->id);
	text_add(o, "kind", p->kind);
	text_add(o, "name", p->name);
	text_add(o, "args", p->args);
	text_add(o, "url", p->url);
	text_add(o, "law", p->law);
	text_add(o, "technology", p->technology);
	text_add(o, "qualification", p->qualification);
	text_add(o, "quirks", p->quirks);
	text_add(o, "note", p->note);
	for (i = 0; i < p->nregions; i++)
		text_add(g, p->regions[i].id, p->regions[i].country);
	(void)json_object_set_new(o, "regions", g);
	return o;
}

/* "s3:KEYID@ovhcloud/REGION/BUCKET" */
static void
form_print(const struct preset *p)
{
	const char *a;

	(void)printf("%s:%s%s", p->kind, strstr(p->url, "{user}") ?
	    strcmp(p->kind, "s3") == 0 ? "KEYID@" : "USER@" : "", p->id);
	for (a = p->args; *a; a++) {
		if (a == p->args)
			(void)putchar('/');
		(void)putchar(*a == ' ' ? '/' : *a >= 'a' && *a <= 'z' ?
		    *a - 'a' + 'A' : *a);
	}
}

static void
field_print(const char *what, const char *v)
{
	char text[TR_MAX];
	int w = (int)tr_width(tr(what));

	if (*v)
		(void)printf("  %s%*s %s\n", tr(what), w < LABEL_WIDTH ?
		    LABEL_WIDTH - w : 0, "", tr_text(v, text));
}

static void
preset_print(const struct preset *p, bool is_long)
{
	bool is_none = strcmp(p->kind, "none") == 0;
	char text[1024];
	size_t i, n = 0;

	cli_say("%s", p->name);
	if (is_none) {
		field_print(N_("no store:"), p->note);
	} else {
		(void)printf("  ");
		form_print(p);
		(void)putchar('\n');
	}
	for (i = 0; i < p->nregions && n < sizeof(text); i++)
		n += (size_t)snprintf(text + n, sizeof(text) - n,
		    "%s%s (%s)", i ? " " : "", p->regions[i].id,
		    p->regions[i].country);
	field_print(N_("regions"), n ? text : "");
	field_print(N_("law"), p->law);
	if (!is_none) {
		field_print(N_("technology"), p->technology);
		field_print(N_("declared qualification"),
		    *p->qualification ? p->qualification :
		    N_("none declared"));
	}
	if (!is_long)
		return;
	field_print(N_("address"), p->url);
	field_print(N_("quirks"), p->quirks);
	if (!is_none)
		field_print(N_("note"), p->note);
}

static int
presets_run(const struct cmd *cmd, int argc, char **argv)
{
	struct err e = { "" };
	struct store_words w;
	struct presets s;
	unsigned shown = 0;
	json_t *o;
	size_t i;
	int code = 0, r;

	if (!store_words(&w, cmd, argc, argv, &code))
		return code;
	r = presets_load(&s, &e);
	if (r < 0)
		return cli_fail(r, &e);
	for (i = 0; i < s.n; i++) {
		if (w.nargs && strcmp(s.p[i].id, w.args[0]) != 0)
			continue;
		shown++;
		if (!w.is_json) {
			preset_print(&s.p[i], w.nargs > 0);
			continue;
		}
		o = preset_json(&s.p[i]);
		(void)json_dumpf(o, stdout, JSON_COMPACT);
		(void)putchar('\n');
		json_decref(o);
	}
	presets_done(&s);
	if (!shown)
		return cli_fail(-ENOENT, &(struct err){ N_("no such provider "
		    "is known: 'coffre store presets' lists them") });
	if (!w.is_json)
		cli_out("\nDeclared by others, and no promise: ask for "
		    "the certificate of a qualification.\n");
	return fflush(stdout) == 0 ? 0 : EX_IOERR;
}

const struct cmd cmd_store_presets = {
	.name = "store presets",
	.args = N_("[PROVIDER]"),
	.summary = N_("what is known of providers"),
	.about = N_("List the providers whose addresses have a short form, "
	    "where their stores lie and under which law, and those that offer "
	    "no way to keep files; with PROVIDER all that is known of one."),
	.opts = list_opts,
	.args_min = 0,
	.args_max = 1,
	.run = presets_run,
};
