/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "fs/where.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fs/mountpoint.h"
#include "fs/place.h"
#include "fs/presets.h"
#include "util/buf.h"
#include "util/err.h"
#include "util/tr.h"

#define CHOICES_MAX (PRESETS_MAX + 2)

/* What an address is made of, in words. */
static const struct part {
	const char *name;	/* of the presets */
	const char *what;
} parts[] = {
	{ "bucket", N_("Bucket (an empty one, made at the provider)") },
	{ "container", N_("Container (an empty one)") },
	{ "host", N_("Host, such as cloud.example.org") },
	{ "project", N_("Project") },
	{ "space", N_("Space") },
};

static const char *
part_what(const char *name)
{
	size_t i;

	for (i = 0; i < sizeof(parts) / sizeof(*parts); i++) {
		if (strcmp(parts[i].name, name) == 0)
			return parts[i].what;
	}
	return name;
}

/* A word that can stand between two slashes. */
static int
word_ask(struct ask *a, const char *what, char out[static ASK_MAX])
{
	int r;

	for (;;) {
		r = a->ops->line(a, what, "", out);
		if (r < 0 || (*out && !strpbrk(out, "/@?# \t")))
			return r;
		a->ops->tell(a, *out ? _("That has a character that cannot "
		    "stand there: no blank and none of / @ ? #.") :
		    _("That is needed."));
	}
}

static int
region_ask(struct ask *a, const struct preset *p, char out[static ASK_MAX])
{
	char text[PRESET_REGIONS_MAX][48];
	const char *of[PRESET_REGIONS_MAX];
	size_t i;
	int r;

	for (i = 0; i < p->nregions; i++) {
		(void)snprintf(text[i], sizeof(text[i]), "%s (%s)",
		    p->regions[i].id, p->regions[i].country);
		of[i] = text[i];
	}
	r = a->ops->choice(a, N_("Region"), of, p->nregions);
	if (r >= 0)
		(void)snprintf(out, ASK_MAX, "%s", p->regions[r].id);
	return r < 0 ? r : 0;
}

/* Who one is there.  An S3 account goes by the id of a key; a Nextcloud tells
 * by itself who has agreed. */
static int
user_ask(struct ask *a, const struct preset *p, struct buf *b)
{
	char user[ASK_MAX];
	int r;

	if (!strstr(p->url, "{user}") || strcmp(p->kind, "nextcloud") == 0)
		return 0;
	r = word_ask(a, strcmp(p->kind, "s3") == 0 ?
	    N_("Id of the access key (not the secret one)") :
	    N_("User name there"), user);
	if (r == 0)
		(void)buf_printf(b, "%s@", user);
	return r;
}

static int
folder_ask(struct ask *a, const struct preset *p, struct buf *b)
{
	bool is_sftp = strcmp(p->kind, "sftp") == 0;
	char folder[ASK_MAX];
	const char *s = folder;
	int r;

	if (!strstr(p->url, "{prefix}"))
		return 0;
	do {
		r = a->ops->line(a, is_sftp ? N_("Folder there (~ is where "
		    "the account begins)") : N_("Folder in it"),
		    is_sftp ? "~/coffre" : "coffre", folder);
		if (r < 0)
			return r;
	} while (strpbrk(folder, "?#"));
	s += *s == '/';
	(void)buf_printf(b, "/%s", s);
	return 0;
}

/* "s3:KEYID@ovhcloud/gra/bucket/folder", part by part. */
static int
preset_ask(struct ask *a, const struct preset *p, struct buf *b)
{
	char args[sizeof(p->args)], word[ASK_MAX], *arg, *save = NULL;
	char text[TR_MAX];
	int r;

	if (*p->qualification)
		ask_tell(a, "Declared: %s", tr_text(p->qualification, text));
	if (*p->note)
		ask_tell(a, "Note: %s", tr_text(p->note, text));
	if (*p->quirks)
		ask_tell(a, "Known of it: %s", tr_text(p->quirks, text));
	(void)buf_printf(b, "%s:", p->kind);
	r = user_ask(a, p, b);
	(void)buf_printf(b, "%s", p->id);
	(void)snprintf(args, sizeof(args), "%s", p->args);
	for (arg = strtok_r(args, " ", &save); r == 0 && arg;
	    arg = strtok_r(NULL, " ", &save)) {
		r = strcmp(arg, "region") == 0 && p->nregions > 0 ?
		    region_ask(a, p, word) : word_ask(a, part_what(arg),
		    word);
		if (r == 0)
			(void)buf_printf(b, "/%s", word);
	}
	return r < 0 ? r : folder_ask(a, p, b);
}

/* A folder, its "~" written out by who knows the home. */
static int
dir_ask(struct ask *a, struct buf *b)
{
	char dir[ASK_MAX];
	int r;

	do {
		r = a->ops->line(a, N_("Folder (of a mounted disk or "
		    "server), whole path"), "", dir);
		if (r == 0 && *dir != '/')
			a->ops->tell(a, _("A whole path begins with '/'."));
	} while (r == 0 && *dir != '/');
	(void)buf_printf(b, "dir:%s", dir);
	return r;
}

static int
address_ask(struct ask *a, struct buf *b)
{
	char url[ASK_MAX];
	int r;

	a->ops->tell(a, _("For example:\n"
	    "  webdavs://anna@dav.example.org/files/coffre\n"
	    "  s3://KEYID@s3.example.org/bucket/folder?region=fr1\n"
	    "  swift://anna@auth.example.org/container?project=P&region=R\n"
	    "coffre.conf(5) tells all of them."));
	do
		r = a->ops->line(a, N_("Address"), "", url);
	while (r == 0 && !*url);
	(void)buf_printf(b, "%s", url);
	return r;
}

static int
kind_ask(struct ask *a, const struct presets *s, struct buf *b)
{
	const struct preset *p[CHOICES_MAX];
	const char *of[CHOICES_MAX];
	size_t i, n = 0;
	int r;

	for (i = 0; i < s->n; i++) {
		if (strcmp(s->p[i].kind, "none") == 0)
			continue;
		p[n] = &s->p[i];
		of[n++] = tr(s->p[i].name);
	}
	of[n] = _("a folder on this machine, or of a mounted server");
	of[n + 1] = _("another address: WebDAV, S3, Swift, SSH");
	r = a->ops->choice(a, N_("Where is the drive to be kept?  Whoever "
	    "runs it cannot read it."), of, n + 2);
	if (r < 0)
		return r;
	if ((size_t)r < n)
		return preset_ask(a, p[r], b);
	return (size_t)r == n ? dir_ask(a, b) : address_ask(a, b);
}

int
where_ask(struct ask *a, char out[static ASK_MAX], struct err *e)
{
	struct buf b = BUF_INIT(ASK_MAX - 1);
	struct presets s;
	int r;

	r = presets_load(&s, e);
	/* Without a list, addresses are still to be had. */
	if (r == -ENOENT)
		memset(&s, 0, sizeof(s));
	else if (r < 0)
		return r;
	r = kind_ask(a, &s, &b);
	presets_done(&s);
	if (r == 0 && !buf_cstr(&b))
		r = err_set(e, -EFBIG, "the address is too long");
	if (r == 0)
		(void)snprintf(out, ASK_MAX, "%s", buf_cstr(&b));
	buf_done(&b);
	return r;
}

/* ---- the mount point ----------------------------------------------------- */

static int
home_expand(const char *path, char out[static PATH_MAX], struct err *e)
{
	char home[PATH_MAX];
	int n, r;

	if (*path == '/') {
		n = snprintf(out, PATH_MAX, "%s", path);
	} else if (path[0] == '~' && path[1] == '/') {
		r = place_mountpoint(home, e);
		if (r < 0)
			return r;
		*strrchr(home, '/') = '\0';
		n = snprintf(out, PATH_MAX, "%s%s", home, path + 1);
	} else {
		return err_set(e, -EINVAL, "a whole path is needed, one that "
		    "begins with '/' or '~/'");
	}
	return n < PATH_MAX ? 0 : err_set(e, -ENAMETOOLONG, "that path is too "
	    "long");
}

static bool
is_empty(const char *path)
{
	DIR *d = opendir(path);
	struct dirent *de;
	bool is = d != NULL;

	while (is && (de = readdir(d)) != NULL)
		is = strcmp(de->d_name, ".") == 0 ||
		    strcmp(de->d_name, "..") == 0;
	if (d)
		(void)closedir(d);
	return is;
}

/* Could it be made, with what is above it? */
static int
can_make(const char *path, struct err *e)
{
	char up[PATH_MAX], *slash;

	(void)snprintf(up, sizeof(up), "%s", path);
	do {
		slash = strrchr(up, '/');
		slash[slash == up] = '\0';
	} while (slash > up && access(up, F_OK) < 0 && errno == ENOENT);
	if (access(up, W_OK | X_OK) < 0)
		return err_set(e, -errno, "'%s' cannot be made: '%s': %s",
		    path, up, strerror(errno));
	return 0;
}

int
where_folder(const char *path, char out[static PATH_MAX], struct err *e)
{
	struct mounted m;
	struct stat st;
	int r;

	r = home_expand(path, out, e);
	if (r < 0)
		return r;
	if (lstat(out, &st) < 0 && errno == ENOENT)
		return can_make(out, e);
	if (mounted_by_path(out, &m) == 0 && strcmp(m.path, out) == 0)
		return err_set(e, -EBUSY, "the drive '%s' is mounted on '%s': "
		    "name another folder", m.name, out);
	if (stat(out, &st) < 0)
		return err_set(e, -errno, "'%s': %s", out, strerror(errno));
	if (!S_ISDIR(st.st_mode))
		return err_set(e, -ENOTDIR, "'%s' is no folder", out);
	if (!is_empty(out))
		return err_set(e, -ENOTEMPTY, "'%s' is not empty: empty it or "
		    "name another folder", out);
	return 0;
}

/* By GVfs: below the home or where disks are, and not hidden. */
bool
where_is_shown(const char *path)
{
	static const char *const dirs[] = { "/media/", "/run/media/" };
	char home[PATH_MAX];
	size_t i;

	if (strstr(path, "/."))
		return false;
	for (i = 0; i < sizeof(dirs) / sizeof(*dirs); i++) {
		if (strncmp(path, dirs[i], strlen(dirs[i])) == 0)
			return true;
	}
	if (place_mountpoint(home, NULL) < 0)
		return false;
	strrchr(home, '/')[1] = '\0';
	return strncmp(path, home, strlen(home)) == 0;
}
