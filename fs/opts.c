/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "fs/opts.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "util/err.h"
#include "util/log.h"
#include "util/text.h"

#define AT(f) offsetof(struct opts, f)
#define CM (OPT_CONF | OPT_MOUNT)
#define CMS (CM | OPT_STORE)
#define SIZE_TOP (UINT64_C(1) << 62)
#define KIB UINT64_C(1024)
#define MIB (1024 * KIB)
#define GIB (1024 * MIB)

/* Values that are words, by their number. */
static const char *const words[][4] = {
	[OPT_LEVEL] = { "error", "warn", "info", "debug" },
	[OPT_ALLOW] = { "deny", "allow", "seed" },
	[OPT_SPARE] = { "pause", "use" },
};

const struct opt opts_table[] = {
	{ "store", OPT_TEXT, OPT_CONF, AT(store), 0, 0, 0, N_("URL"),
	    N_("where the drive's objects are kept") },
	{ "label", OPT_TEXT, OPT_CONF | OPT_STORE, AT(label), 0, 0, 0,
	    N_("TEXT"),
	    N_("what others call this device (default: host name)") },
	{ "mountpoint", OPT_TEXT, OPT_CONF, AT(mountpoint), 0, 0, 0, N_("DIR"),
	    N_("where mount puts the drive (default: ~/Coffre)") },
	{ "title", OPT_TEXT, CM, AT(title), 0, 0, 0, N_("TEXT"),
	    N_("what file managers call it (default: its name)") },
	{ "icon", OPT_TEXT, CM, AT(icon), 0, 0, 0, N_("NAME"),
	    N_("the icon that they show, of the icon theme") },
	{ "user", OPT_TEXT, CMS, AT(user), 0, 0, 0, N_("NAME"),
	    N_("user at the store (default: the one in the URL)") },
	{ "password_command", OPT_TEXT, CMS, AT(password_command), 0, 0, 0,
	    N_("CMD"), N_("a command that prints the store's password") },
	{ "passphrase_command", OPT_TEXT, CMS, AT(passphrase_command), 0, 0, 0,
	    N_("CMD"), N_("a command that prints the drive's passphrase") },
	{ "pinentry", OPT_TEXT, CM, AT(pinentry), 0, 0, 0, N_("PROGRAM"),
	    N_("the program that asks for the passphrase") },
	{ "ca", OPT_TEXT, CMS, AT(ca), 0, 0, 0, N_("FILE"),
	    N_("further certificates to trust for the store, PEM") },
	{ "pin", OPT_TEXT, CMS, AT(pin), 0, 0, 0, N_("PIN"),
	    N_("the server's key: sha256//BASE64, SSH: SHA256:X") },
	{ "key", OPT_TEXT, CMS, AT(key), 0, 0, 0, N_("FILE"),
	    N_("private key for an SSH store (default: agent)") },
	{ "country", OPT_TEXT, OPT_CONF | OPT_STORE, AT(country), 0, 0, 0,
	    N_("CC"), N_("the country that the store is in, e.g. FR") },
	{ "law", OPT_TEXT, OPT_CONF | OPT_STORE, AT(law), 0, 0, 0, N_("CC"),
	    N_("the law that the store's provider is under") },
	{ "provider", OPT_TEXT, OPT_CONF | OPT_STORE, AT(provider), 0, 0, 0,
	    N_("NAME"), N_("whose store it is, e.g. ovhcloud") },
	{ "countries", OPT_TEXT, OPT_CONF, AT(countries), 0, 0, 0, N_("CC,CC"),
	    N_("stores in these countries only") },
	{ "laws", OPT_TEXT, OPT_CONF, AT(laws), 0, 0, 0, N_("CC,CC"),
	    N_("stores of providers under these laws only") },
	{ "providers", OPT_TEXT, OPT_CONF, AT(providers), 0, 0, 0,
	    N_("NAME,NAME"), N_("stores of these providers only") },
	{ "copies", OPT_UINT, CM, AT(copies), 1, 1, 8, N_("N"),
	    N_("with several stores: stored means on so many") },
	{ "insecure_http", OPT_BOOL, CMS, AT(insecure_http), 0, 0, 1, NULL,
	    N_("allow a password to travel without TLS") },
	{ "allow_other", OPT_BOOL, CM, AT(allow_other), 0, 0, 1, NULL,
	    N_("let other users of this machine in") },
	{ "ro", OPT_BOOL, CM, AT(ro), 0, 0, 1, NULL, N_("mount read-only") },
	{ "cache", OPT_SIZE, CM, AT(cache), 10 * GIB, MIB, SIZE_TOP, N_("SIZE"),
	    N_("stored data kept on this machine, at most") },
	{ "stage", OPT_SIZE, CM, AT(stage), 0, 0, SIZE_TOP, N_("SIZE"),
	    N_("data not yet stored, at most (0: as the disk allows)") },
	{ "floor", OPT_SIZE, CM, AT(floor), GIB, 0, SIZE_TOP, N_("SIZE"),
	    N_("leave that much of the disk free") },
	{ "memory", OPT_SIZE, CM, AT(memory), 32 * MIB, MIB, 64 * GIB,
	    N_("SIZE"), N_("opened data kept in memory, at most") },
	{ "readahead", OPT_SIZE, CM, AT(readahead), 16 * MIB, 0, GIB,
	    N_("SIZE"), N_("read ahead of a sequential reader, at most") },
	{ "up", OPT_SIZE, CM, AT(up), 0, 0, SIZE_TOP, N_("SIZE"),
	    N_("upload at most so much a second (0: no limit)") },
	{ "down", OPT_SIZE, CM, AT(down), 0, 0, SIZE_TOP, N_("SIZE"),
	    N_("download at most that much a second (0: no limit)") },
	{ "connections", OPT_UINT, CM, AT(connections), 8, 1, 64, N_("N"),
	    N_("connections to the store at once") },
	{ "timeout", OPT_UINT, CM, AT(timeout), 30, 1, 3600, N_("SECONDS"),
	    N_("give up on a store that makes no progress after") },
	{ "quiet", OPT_UINT, CM, AT(quiet), 2, 0, 3600, N_("SECONDS"),
	    N_("upload a file when it was left alone for") },
	{ "drain", OPT_UINT, CM, AT(drain), 10, 0, 86400, N_("SECONDS"),
	    N_("at unmount, go on uploading for at most") },
	{ "checkpoint", OPT_UINT, CM, AT(checkpoint), 64, 1, 100000, N_("N"),
	    N_("a checkpoint every so many journal segments") },
	{ "attr_timeout", OPT_UINT, CM, AT(attr_timeout), 3600, 0, 86400,
	    N_("SECONDS"),
	    N_("the kernel remembers names and attributes for") },
	{ "lock_after", OPT_UINT, CM, AT(lock_after), 0, 0, 604800,
	    N_("SECONDS"), N_("lock when unused for so long (0: never)") },
	{ "lock_at_suspend", OPT_BOOL, CM, AT(lock_at_suspend), 0, 0, 1, NULL,
	    N_("lock before the machine sleeps") },
	{ "remember", OPT_UINT, CM, AT(remember), 0, 0, 604800, N_("SECONDS"),
	    N_("after a crash unlock unasked for so long (0: no)") },
	{ "thumbnails", OPT_ALLOW, CM, AT(thumbnails), THUMBNAILS_DENY, 0,
	    THUMBNAILS_SEED, N_("WORD"),
	    N_("deny, allow or seed previews of what is not here") },
	{ "unasked", OPT_SIZE, CM, AT(unasked), 16 * MIB, 0, SIZE_TOP,
	    N_("SIZE"),
	    N_("what a file manager may fetch unasked in a minute") },
	{ "notify", OPT_BOOL, CM, AT(notify), 1, 0, 1, NULL,
	    N_("tell the desktop what needs you (default: yes)") },
	{ "metered", OPT_SPARE, CM, AT(metered), METERED_PAUSE, 0, METERED_USE,
	    N_("WORD"),
	    N_("pause or use: of uploads on a line paid by volume") },
	{ "log", OPT_TEXT, CM, AT(log), 0, 0, 0, N_("FILE"),
	    N_("log there (default: log in the state folder)") },
	{ "log_level", OPT_LEVEL, CM, AT(log_level), LOG_LEVEL_WARN, 0,
	    LOG_LEVEL_DEBUG, N_("LEVEL"), N_("error, warn, info or debug") },
};
const size_t opts_count = sizeof(opts_table) / sizeof(*opts_table);

_Static_assert(sizeof(opts_table) / sizeof(*opts_table) <= 64,
    "one bit each in opts.set");

static char **
field_text(struct opts *o, const struct opt *t)
{
	return (char **)(void *)((char *)o + t->off);
}

static uint64_t *
field_num(struct opts *o, const struct opt *t)
{
	return (uint64_t *)(void *)((char *)o + t->off);
}

static bool *
field_bool(struct opts *o, const struct opt *t)
{
	return (bool *)(void *)((char *)o + t->off);
}

void
opts_init(struct opts *o)
{
	size_t i;

	memset(o, 0, sizeof(*o));
	for (i = 0; i < opts_count; i++) {
		const struct opt *t = &opts_table[i];

		if (t->type == OPT_BOOL)
			*field_bool(o, t) = t->def != 0;
		else if (t->type != OPT_TEXT)
			*field_num(o, t) = t->def;
	}
}

void
opts_done(struct opts *o)
{
	size_t i;

	for (i = 0; i < opts_count; i++) {
		const struct opt *t = &opts_table[i];

		if (t->type == OPT_TEXT)
			free(*field_text(o, t));
	}
	free(o->kernel);
	memset(o, 0, sizeof(*o));
}

const struct opt *
opts_find(const char *name, unsigned where)
{
	size_t i;

	for (i = 0; i < opts_count; i++) {
		const struct opt *t = &opts_table[i];

		if ((t->where & where) && strcmp(t->name, name) == 0)
			return t;
	}
	return NULL;
}

bool
opts_is_set(const struct opts *o, const struct opt *t)
{
	return (o->set >> (t - opts_table)) & 1;
}

static int
set_bool(bool *f, const struct opt *t, const char *v, struct err *e)
{
	static const char *const yes[] = { "yes", "true", "on", "1" };
	static const char *const no[] = { "no", "false", "off", "0" };
	size_t i;

	if (!v) {
		*f = true;
		return 0;
	}
	for (i = 0; i < 4; i++) {
		if (strcmp(v, yes[i]) == 0 || strcmp(v, no[i]) == 0) {
			*f = strcmp(v, yes[i]) == 0;
			return 0;
		}
	}
	return err_set(e, -EINVAL, "option '%s': 'yes' or 'no' expected, "
	    "not '%.40s'", t->name, v);
}

static int
set_num(uint64_t *f, const struct opt *t, const char *v, struct err *e)
{
	uint64_t n = 0;
	char lo[32], hi[32];
	char *end;
	int r = 0;

	if (t->type == OPT_SIZE) {
		r = size_parse(v, &n);
	} else if (*v < '0' || *v > '9') {
		r = -EINVAL;
	} else {
		errno = 0;
		n = strtoull(v, &end, 10);
		r = *end ? -EINVAL : -errno;
	}
	if (r == -EINVAL && t->type == OPT_SIZE)
		return err_set(e, r, "option '%s': a size such as 512M or 20G "
		    "expected, not '%.40s'", t->name, v);
	if (r == -EINVAL)
		return err_set(e, r, "option '%s': a number expected, not "
		    "'%.40s'", t->name, v);
	if (r == 0 && n >= t->min && n <= t->max) {
		*f = n;
		return 0;
	}
	if (t->type == OPT_SIZE)
		return err_set(e, -ERANGE, "option '%s': from %s to %s",
		    t->name, size_format(t->min, lo), size_format(t->max, hi));
	return err_set(e, -ERANGE, "option '%s': from %" PRIu64 " to %" PRIu64,
	    t->name, t->min, t->max);
}

static int
set_word(uint64_t *f, const struct opt *t, const char *v, struct err *e)
{
	char all[64] = "";
	size_t i, n = 0;

	for (i = 0; i <= t->max; i++) {
		if (strcmp(v, words[t->type][i]) == 0) {
			*f = i;
			return 0;
		}
		n += (size_t)snprintf(all + n, sizeof(all) - n, "%s%s",
		    i ? ", " : "", words[t->type][i]);
	}
	return err_set(e, -EINVAL, "option '%s': one of '%s' expected, not "
	    "'%.40s'", t->name, all, v);
}

static int
set_text(char **f, const struct opt *t, const char *v, struct err *e)
{
	const char *p;
	char *s;

	if (strlen(v) > OPT_TEXT_MAX)
		return err_set(e, -EFBIG, "option '%s': too long", t->name);
	/* A line break would end the line in the file that keeps it. */
	for (p = v; *p; p++) {
		if ((unsigned char)*p < ' ' && *p != '\t')
			return err_set(e, -EINVAL,
			    "option '%s': control character", t->name);
	}
	s = strdup(v);
	if (!s)
		return err_set(e, -ENOMEM, "out of memory");
	free(*f);
	*f = s;
	return 0;
}

int
opts_set(struct opts *o, const struct opt *t, const char *value,
    struct err *e)
{
	int r = -EINVAL;

	if (t->type != OPT_BOOL && (!value || !*value))
		return err_set(e, -EINVAL, "option '%s' needs a value",
		    t->name);
	switch (t->type) {
	case OPT_BOOL:
		r = set_bool(field_bool(o, t), t, value, e);
		break;
	case OPT_UINT:
	case OPT_SIZE:
		r = set_num(field_num(o, t), t, value, e);
		break;
	case OPT_LEVEL:
	case OPT_ALLOW:
	case OPT_SPARE:
		r = set_word(field_num(o, t), t, value, e);
		break;
	case OPT_TEXT:
		r = set_text(field_text(o, t), t, value, e);
		break;
	}
	if (r == 0)
		o->set |= UINT64_C(1) << (t - opts_table);
	return r;
}

void
opts_unset(struct opts *o, const struct opt *t)
{
	o->set &= ~(UINT64_C(1) << (t - opts_table));
	if (t->type == OPT_TEXT) {
		free(*field_text(o, t));
		*field_text(o, t) = NULL;
	} else if (t->type == OPT_BOOL) {
		*field_bool(o, t) = t->def != 0;
	} else {
		*field_num(o, t) = t->def;
	}
}

/* What mount(8) and fstab may add to any file system: passed on to the
 * kernel, or nothing to do here.  dev and suid are never granted, the kernel
 * always checks modes, and when times of access change is ours to say. */
static int
set_generic(struct opts *o, const char *name, struct err *e)
{
	static const char *const pass[] = { "noexec", "noatime", "sync",
	    "dirsync", "nosuid", "nodev" };
	static const char *const drop[] = { "rw", "exec", "atime", "async",
	    "suid", "dev", "auto", "noauto", "nofail", "_netdev", "defaults",
	    "users", "nouser", "owner", "group", "relatime", "norelatime",
	    "strictatime", "nostrictatime", "lazytime", "nolazytime",
	    "diratime", "symfollow", "silent", "loud",
	    "default_permissions" };
	size_t i;
	char *s;

	for (i = 0; i < sizeof(drop) / sizeof(*drop); i++) {
		if (strcmp(name, drop[i]) == 0)
			return 0;
	}
	if (strncmp(name, "x-", 2) == 0 || strcmp(name, "user") == 0)
		return 0;
	if (strcmp(name, "nodiratime") == 0) {
		o->nodiratime = true;
		return 0;
	}
	if (strcmp(name, "nosymfollow") == 0) {
		o->nosymfollow = true;
		return 0;
	}
	for (i = 0; i < sizeof(pass) / sizeof(*pass); i++) {
		if (strcmp(name, pass[i]) != 0)
			continue;
		if (asprintf(&s, "%s%s%s", o->kernel ? o->kernel : "",
		    o->kernel ? "," : "", name) < 0)
			return err_set(e, -ENOMEM, "out of memory");
		free(o->kernel);
		o->kernel = s;
		return 0;
	}
	return err_set(e, -EINVAL, "unknown mount option '%.60s': "
	    "'coffre mount --help' lists them", name);
}

static int
set_item(struct opts *o, char *item, struct err *e)
{
	char *value = strchr(item, '=');
	const struct opt *t;

	if (value)
		*value++ = '\0';
	t = opts_find(item, OPT_MOUNT);
	/* "user" alone is fstab's: anybody may mount it. */
	if (!t || (!value && strcmp(item, "user") == 0))
		return set_generic(o, item, e);
	return opts_set(o, t, value, e);
}

int
opts_parse_list(struct opts *o, const char *list, struct err *e)
{
	const char *p = list;
	char *item;
	size_t n;
	int r = 0;

	item = malloc(strlen(list) + 1);
	if (!item)
		return err_set(e, -ENOMEM, "out of memory");
	while (*p && r == 0) {
		for (n = 0; *p && *p != ','; p++) {
			if (*p == '\\' && (p[1] == ',' || p[1] == '\\'))
				p++;
			item[n++] = *p;
		}
		item[n] = '\0';
		if (*p == ',')
			p++;
		if (n > 0)
			r = set_item(o, item, e);
	}
	free(item);
	return r;
}

/* The shortest form that size_parse gives back exactly. */
static const char *
size_exact(uint64_t v, char out[static 32])
{
	static const char unit[] = "KMGT";
	int i = -1;

	while (v && v % 1024 == 0 && i < 3) {
		v /= 1024;
		i++;
	}
	if (i < 0)
		(void)snprintf(out, 32, "%" PRIu64, v);
	else
		(void)snprintf(out, 32, "%" PRIu64 "%c", v, unit[i]);
	return out;
}

const char *
opts_format(const struct opts *o, const struct opt *t, char out[static 32])
{
	const char *at = (const char *)o + t->off;
	const char *s;
	uint64_t n;

	switch (t->type) {
	case OPT_BOOL:
		return *(const bool *)(const void *)at ? "yes" : "no";
	case OPT_TEXT:
		s = *(const char *const *)(const void *)at;
		return s ? s : "";
	case OPT_LEVEL:
	case OPT_ALLOW:
	case OPT_SPARE:
		n = *(const uint64_t *)(const void *)at;
		return words[t->type][n];
	case OPT_SIZE:
		return size_exact(*(const uint64_t *)(const void *)at, out);
	case OPT_UINT:
		break;
	}
	n = *(const uint64_t *)(const void *)at;
	(void)snprintf(out, 32, "%" PRIu64, n);
	return out;
}
