/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <sysexits.h>

#include "fs/cli.h"
#include "fs/client.h"
#include "fs/conf.h"
#include "fs/mountpoint.h"
#include "fs/probed.h"
#include "util/clock.h"
#include "util/err.h"

#define CLOCK_OFF_S 2		/* what an answer's date cannot tell */

static const struct cli_opt opts[] = {
	{ "json", KEY_JSON, NULL, N_("print JSON, one object per drive") },
	{ NULL, 0, NULL, NULL },
};

static const char *
str(const json_t *o, const char *key)
{
	const char *s = json_string_value(json_object_get(o, key));

	return s ? s : "";
}

/* What the mount says to a person. */
static const char *
said(const json_t *o, const char *key, char out[static TR_MAX])
{
	return tr_text(str(o, key), out);
}

static uint64_t
num(const json_t *o, const char *key)
{
	json_int_t n = json_integer_value(json_object_get(o, key));

	return n > 0 ? (uint64_t)n : 0;
}

/* "3 s", "5 min", "2 h", "4 days" since a real time. */
static const char *
ago(uint64_t ns, char out[static 32])
{
	int64_t s = (clock_real_ns() - (int64_t)ns) / 1000000000;

	if (s < 0)
		s = 0;
	if (s < 120)
		(void)snprintf(out, 32, _("%d s"), (int)s);
	else if (s < 7200)
		(void)snprintf(out, 32, _("%d min"), (int)(s / 60));
	else if (s < 48 * 3600)
		(void)snprintf(out, 32, _("%d h"), (int)(s / 3600));
	else
		(void)snprintf(out, 32, _("%d days"), (int)(s / 86400));
	return out;
}

static void
print_store(const json_t *o)
{
	const json_t *s = json_object_get(o, "sync");
	uint64_t ok = num(s, "last_ok_ns"), retry = num(s, "retry_in_ms");
	char t[32];

	cli_out("  store     %s, %s", str(o, "store"), tr(str(s, "link")));
	if (ok > 0)
		cli_out(" (last answer %s ago)", ago(ok, t));
	if (retry > 0)
		cli_out(", next try in %" PRIu64 " s", (retry + 999) / 1000);
	(void)putchar('\n');
}

/* What was found when it was tried out, in short. */
static void
print_probe(const json_t *p)
{
	const char *tls = str(p, "tls"), *issuer = str(p, "issuer");
	char when[PROBED_WHEN_MAX];
	int64_t off = json_integer_value(json_object_get(p, "clock_s"));

	if (!p)
		return;
	cli_out("  tried out %s", probed_when(p, when));
	if (*tls)
		cli_out("; %s, certificate by %s", tls, issuer);
	if (off > CLOCK_OFF_S || off < -CLOCK_OFF_S)
		cli_out("; its clock is %" PRId64 " s off", off);
	(void)putchar('\n');
}

/* Each store of a drive on several; its number is that of 'store list'. */
static void
print_stores(const json_t *o)
{
	const json_t *all = json_object_get(o, "stores"), *s;
	char text[TR_MAX];
	size_t i;

	json_array_foreach(all, i, s) {
		uint64_t queued = num(s, "queued");

		if (queued)
			cli_out_n(queued,
			    "  store %zu   %s, lacks %" PRIu64 " object",
			    "  store %zu   %s, lacks %" PRIu64 " objects",
			    i + 1, str(s, "url"), queued);
		else
			cli_out("  store %zu   %s, has all", i + 1,
			    str(s, "url"));
		if (json_is_true(json_object_get(s, "away")))
			cli_out("; away: %s", said(s, "problem", text));
		(void)putchar('\n');
		print_probe(json_object_get(s, "probe"));
	}
}

/* What is to stay here; nothing is said where there is none. */
static void
print_pins(const json_t *p)
{
	uint64_t items = num(p, "items"), lost = num(p, "lost_bytes");
	uint64_t files = num(p, "files");
	char a[32], b[32];

	if (items == 0)
		return;
	cli_out_n(items, "  pinned    %" PRIu64 " item: ",
	    "  pinned    %" PRIu64 " items: ", items);
	if (json_is_true(json_object_get(p, "counted")))
		cli_say_n(files, "%s of %s here, %" PRIu64 " file",
		    "%s of %s here, %" PRIu64 " files",
		    cli_size(num(p, "here_bytes"), a),
		    cli_size(num(p, "bytes"), b), files);
	else
		cli_say("being counted");
	if (json_is_true(json_object_get(p, "full")))
		cli_say("  note      the disk has no room for the rest "
		    "of what is pinned: free some, or 'coffre unpin' "
		    "something");
	if (lost)
		cli_say("  note      %s of what is pinned cannot be had "
		    "from the store: 'coffre fsck --remote'",
		    cli_size(lost, a));
}

static void
print_mounted(const json_t *o)
{
	const json_t *s = json_object_get(o, "sync");
	const json_t *u = json_object_get(o, "usage");
	uint64_t ops = num(u, "queued_changes");
	uint64_t bytes = num(u, "queued_bytes");
	uint64_t oldest = num(u, "oldest_unpublished_ns");
	const json_t *p = json_object_get(o, "pins");
	uint64_t used = num(u, "cache_bytes"), pinned = num(p, "cache_bytes");
	const json_t *note;
	char a[32], b[32], text[TR_MAX];
	size_t i;

	cli_say("%s: mounted on %s", str(o, "name"), str(o, "mountpoint"));
	print_store(o);
	if (json_array_size(json_object_get(o, "stores")) == 0)
		print_probe(json_object_get(o, "probe"));
	print_stores(o);
	if (ops == 0 && bytes == 0)
		cli_say("  queued    nothing: all is on the store");
	else if (oldest)
		cli_say_n(ops, "  queued    %" PRIu64 " change, %s, the "
		    "oldest for %s", "  queued    %" PRIu64 " changes, %s, "
		    "the oldest for %s", ops, cli_size(bytes, a),
		    ago(oldest, b));
	else
		cli_say_n(ops, "  queued    %" PRIu64 " change, %s",
		    "  queued    %" PRIu64 " changes, %s", ops,
		    cli_size(bytes, a));
	cli_say("  files     %" PRIu64 ", %s", num(u, "inodes"),
	    cli_size(num(u, "file_bytes"), a));
	cli_say("  cache     %s of %s; %s of the disk free",
	    cli_size(used > pinned ? used - pinned : 0, a),
	    cli_size(num(o, "cache_max"), b),
	    cli_size(num(u, "disk_free_bytes"), (char[32]){ 0 }));
	print_pins(p);
	json_array_foreach(json_object_get(o, "notes"), i, note)
		cli_say("  note      %s",
		    tr_text(json_string_value(note), text));
	if (*str(s, "problem"))
		cli_say("  problem   %s", said(s, "problem", text));
	if (*str(s, "advice"))
		cli_say("  to do     %s", said(s, "advice", text));
}

static void
print_unmounted(const char *name, bool is_json)
{
	struct mounted m;
	bool is_dead = mounted_by_name(name, &m) == 0 &&
	    mountpoint_is_dead(m.path);

	if (is_json) {
		json_t *o = json_pack("{s:s, s:b, s:b}", "name", name,
		    "mounted", 0, "dead", is_dead);

		(void)json_dumpf(o, stdout, JSON_COMPACT);
		(void)putchar('\n');
		json_decref(o);
	} else if (is_dead) {
		cli_say("%s: its process has died; mounted on %s\n"
		    "  to do     'coffre mount %s' mounts it again; nothing "
		    "is lost", name, m.path, name);
	} else {
		cli_say("%s: not mounted", name);
	}
}

static void
print_locked(json_t *o, bool is_json)
{
	if (is_json) {
		(void)json_object_del(o, "ok");
		json_object_set_new(o, "mounted", json_true());
		(void)json_dumpf(o, stdout, JSON_COMPACT);
		(void)putchar('\n');
	} else {
		cli_say("%s: locked; mounted on %s\n  to do     "
		    "'coffre unlock %s'", str(o, "name"),
		    str(o, "mountpoint"), str(o, "name"));
	}
}

/* 0: mounted and well; 1: mounted, and something is wrong; -ENOTCONN. */
static int
print_one(const char *name, bool is_json, struct err *e)
{
	struct control_req q = { .cmd = CONTROL_STATUS };
	json_t *o = NULL;
	const char *link;
	int r;

	r = client_call(name, &q, NULL, NULL, &o, e);
	if (r == -ENOTCONN) {
		print_unmounted(name, is_json);
		return r;
	}
	if (r < 0) {
		json_decref(o);
		return r;
	}
	if (json_is_true(json_object_get(o, "locked"))) {
		print_locked(o, is_json);
		json_decref(o);
		return 1;
	}
	link = str(json_object_get(o, "sync"), "link");
	r = strcmp(link, "online") != 0 && strcmp(link, "offline") != 0;
	if (is_json) {
		(void)json_object_del(o, "ok");
		json_object_set_new(o, "mounted", json_true());
		(void)json_dumpf(o, stdout, JSON_COMPACT);
		(void)putchar('\n');
	} else {
		print_mounted(o);
	}
	json_decref(o);
	return r;
}

/* "stored, pinned": each by itself. */
static void
print_state(char *state)
{
	char text[TR_MAX], *part, *next;

	for (part = state; part; part = next) {
		next = strstr(part, ", ");
		if (next) {
			*next = '\0';
			next += 2;
		}
		(void)printf("%s%s", part == state ? "" : ", ",
		    tr_text(part, text));
	}
	(void)putchar('\n');
}

/* Where a file's content is. */
static void
print_file(const char *path, bool is_json)
{
	char state[1024];
	struct stat st;
	ssize_t n;

	if (is_json || lstat(path, &st) < 0 || !S_ISREG(st.st_mode))
		return;
	n = getxattr(path, "user.coffre.state", state, sizeof(state) - 1);
	if (n < 0)
		return;
	state[n] = '\0';
	cli_out("  file      %s: ", path);
	print_state(state);
}

static int
print_all(bool is_json, struct err *e)
{
	char **names;
	int r, worst = 0;
	size_t i, n;

	r = place_drives(&names, &n, e);
	if (r < 0)
		return r;
	for (i = 0; i < n; i++) {
		r = print_one(names[i], is_json, e);
		if (r < 0 && r != -ENOTCONN)
			cli_note("%s: %s", names[i], e->msg);
		if (r > 0 || (r < 0 && r != -ENOTCONN))
			worst = 1;
		free(names[i]);
	}
	free(names);
	if (n == 0 && !is_json)
		cli_say("no drives: 'coffre init' makes one, 'coffre "
		    "recover' brings one back");
	return worst;
}

static int
run(const struct cmd *cmd, int argc, char **argv)
{
	char name[PLACE_NAME_MAX + 1];
	bool is_json = false;
	struct err e = { "" };
	struct opts o;
	struct cli c;
	int key, r;

	cli_init(&c, cmd, argc, argv, NULL);
	while ((key = cli_next(&c)) > 0)
		is_json = true;
	if (key == CLI_STOP)
		return c.exit_code;
	if (c.nargs == 0) {
		r = print_all(is_json, &e);
		return r < 0 ? cli_fail(r, &e) : r > 0 ? EX_TEMPFAIL : 0;
	}
	r = client_name(c.args[0], name, &e);
	if (r == 0)
		r = print_one(name, is_json, &e);
	if (r == -ENOTCONN) {
		/* Said on standard output; is there such a drive at all? */
		opts_init(&o);
		r = conf_load(name, &o, &e);
		opts_done(&o);
		return r < 0 ? cli_fail(r, &e) : EX_UNAVAILABLE;
	}
	if (r >= 0 && strchr(c.args[0], '/'))
		print_file(c.args[0], is_json);
	return r < 0 ? cli_fail(r, &e) : r > 0 ? EX_TEMPFAIL : 0;
}

const struct cmd cmd_status = {
	.name = "status",
	.args = N_("[NAME|PATH]"),
	.summary = N_("what is queued, what is wrong, what to do"),
	.about = N_("Show how a drive is, or all of them: what is not on the "
	    "store yet, what is wrong and what to do about it.  With the path "
	    "of a file, also where its content is."),
	.opts = opts,
	.args_max = 1,
	.run = run,
};
