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
#include "util/text.h"

#define CLOCK_OFF_S 2		/* what an answer's date cannot tell */

static const struct cli_opt opts[] = {
	{ "json", KEY_JSON, NULL, "print JSON, one object per drive" },
	{ NULL, 0, NULL, NULL },
};

static const char *
str(const json_t *o, const char *key)
{
	const char *s = json_string_value(json_object_get(o, key));

	return s ? s : "";
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
		(void)snprintf(out, 32, "%d s", (int)s);
	else if (s < 7200)
		(void)snprintf(out, 32, "%d min", (int)(s / 60));
	else if (s < 48 * 3600)
		(void)snprintf(out, 32, "%d h", (int)(s / 3600));
	else
		(void)snprintf(out, 32, "%d days", (int)(s / 86400));
	return out;
}

static void
print_store(const json_t *o)
{
	const json_t *s = json_object_get(o, "sync");
	uint64_t ok = num(s, "last_ok_ns"), retry = num(s, "retry_in_ms");
	char t[32];

	(void)printf("  store     %s, %s", str(o, "store"), str(s, "link"));
	if (ok > 0)
		(void)printf(" (last answer %s ago)", ago(ok, t));
	if (retry > 0)
		(void)printf(", next try in %" PRIu64 " s",
		    (retry + 999) / 1000);
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
	(void)printf("  tried out %s", probed_when(p, when));
	if (*tls)
		(void)printf(": %s, certificate by %s", tls, issuer);
	if (off > CLOCK_OFF_S || off < -CLOCK_OFF_S)
		(void)printf("%s its clock is %" PRId64 " s off",
		    *tls ? ";" : ":", off);
	(void)putchar('\n');
}

/* Each store of a drive on several; its number is that of 'store list'. */
static void
print_stores(const json_t *o)
{
	const json_t *all = json_object_get(o, "stores"), *s;
	size_t i;

	json_array_foreach(all, i, s) {
		uint64_t queued = num(s, "queued");

		(void)printf("  store %zu   %s, ", i + 1, str(s, "url"));
		if (queued)
			(void)printf("lacks %" PRIu64 " objects", queued);
		else
			(void)printf("has all");
		if (json_is_true(json_object_get(s, "away")))
			(void)printf("; away: %s", str(s, "problem"));
		(void)putchar('\n');
		print_probe(json_object_get(s, "probe"));
	}
}

/* What is to stay here; nothing is said where there is none. */
static void
print_pins(const json_t *p)
{
	uint64_t items = num(p, "items"), lost = num(p, "lost_bytes");
	char a[32], b[32];

	if (items == 0)
		return;
	(void)printf("  pinned    %" PRIu64 " item%s: ", items,
	    items == 1 ? "" : "s");
	if (json_is_true(json_object_get(p, "counted")))
		(void)printf("%s of %s here, %" PRIu64 " file%s\n",
		    size_format(num(p, "here_bytes"), a),
		    size_format(num(p, "bytes"), b), num(p, "files"),
		    num(p, "files") == 1 ? "" : "s");
	else
		(void)printf("being counted\n");
	if (json_is_true(json_object_get(p, "full")))
		(void)printf("  note      the disk has no room for the rest "
		    "of what is pinned: free some, or 'coffre unpin' "
		    "something\n");
	if (lost)
		(void)printf("  note      %s of what is pinned cannot be had "
		    "from the store: 'coffre fsck --remote'\n",
		    size_format(lost, a));
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
	char a[32], b[32];
	size_t i;

	(void)printf("%s: mounted on %s\n", str(o, "name"),
	    str(o, "mountpoint"));
	print_store(o);
	if (json_array_size(json_object_get(o, "stores")) == 0)
		print_probe(json_object_get(o, "probe"));
	print_stores(o);
	if (ops == 0 && bytes == 0)
		(void)printf("  queued    nothing: all is on the store\n");
	else
		(void)printf("  queued    %" PRIu64 " changes, %s%s%s\n", ops,
		    size_format(bytes, a), oldest ? ", the oldest for " : "",
		    oldest ? ago(oldest, b) : "");
	(void)printf("  files     %" PRIu64 ", %s\n", num(u, "inodes"),
	    size_format(num(u, "file_bytes"), a));
	(void)printf("  cache     %s of %s; %s of the disk free\n",
	    size_format(used > pinned ? used - pinned : 0, a),
	    size_format(num(o, "cache_max"), b),
	    size_format(num(u, "disk_free_bytes"), (char[32]){ 0 }));
	print_pins(p);
	json_array_foreach(json_object_get(o, "notes"), i, note)
		(void)printf("  note      %s\n", json_string_value(note));
	if (*str(s, "problem"))
		(void)printf("  problem   %s\n", str(s, "problem"));
	if (*str(s, "advice"))
		(void)printf("  to do     %s\n", str(s, "advice"));
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
		(void)printf("%s: its process has died; mounted on %s\n"
		    "  to do     'coffre mount %s' mounts it again; nothing "
		    "is lost\n", name, m.path, name);
	} else {
		(void)printf("%s: not mounted\n", name);
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
		(void)printf("%s: locked; mounted on %s\n  to do     "
		    "'coffre unlock %s'\n", str(o, "name"),
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

/* Where a file's content is. */
static void
print_file(const char *path, bool is_json)
{
	char state[96];
	struct stat st;
	ssize_t n;

	if (is_json || lstat(path, &st) < 0 || !S_ISREG(st.st_mode))
		return;
	n = getxattr(path, "user.coffre.state", state, sizeof(state) - 1);
	if (n < 0)
		return;
	state[n] = '\0';
	(void)printf("  file      %s: %s\n", path, state);
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
		(void)printf("no drives: 'coffre init' makes one, 'coffre "
		    "recover' brings one back\n");
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
	.args = "[NAME|PATH]",
	.summary = "what is queued, what is wrong, what to do",
	.about = "Show how a drive is, or all of them: what is not on the "
	    "store yet, what is wrong and what to do about it.  With the "
	    "path of a file, also where its content is.",
	.opts = opts,
	.args_max = 1,
	.run = run,
};
