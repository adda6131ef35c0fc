/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "fs/places.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fs/cli.h"
#include "fs/conf.h"
#include "fs/mountpoint.h"
#include "fs/place.h"
#include "fs/virtual.h"
#include "fs/xbel.h"
#include "util/buf.h"
#include "util/err.h"
#include "util/file.h"

/* ---- the file ---- */

struct places {
	char path[PATH_MAX];
	mode_t mode;
	bool is_new;
	struct buf old, text;
	unsigned long line;
};

/* Whoever keeps it elsewhere, by a link, keeps the link. */
static int
places_read(struct places *f, struct err *e)
{
	char name[PATH_MAX];
	struct stat st;
	int r;

	r = place_bookmarks(name, e);
	if (r < 0)
		return r;
	if (lstat(name, &st) < 0 && errno == ENOENT) {
		memcpy(f->path, name, sizeof(name));
		f->mode = 0600;
		f->is_new = true;
		return buf_put(&f->old, xbel_empty, strlen(xbel_empty));
	}
	if (!realpath(name, f->path) || stat(f->path, &st) < 0)
		return err_set(e, -errno, "'%s': %s", name, strerror(errno));
	if (!S_ISREG(st.st_mode))
		return err_set(e, -EBADMSG, "'%s' is no file", name);
	if (st.st_uid != geteuid())
		return err_set(e, -EPERM, "'%s' belongs to somebody else: "
		    "run this as the user whose bookmarks these are", name);
	f->mode = st.st_mode & 07777;
	r = file_read(f->path, &f->old);
	if (r == -EFBIG)
		return err_set(e, r, "'%s' is too big for a list of "
		    "bookmarks", f->path);
	return r < 0 ? err_set(e, r, "'%s': %s", f->path, strerror(-r)) : 0;
}

static int
places_write(struct places *f, struct err *e)
{
	char dir[PATH_MAX];
	int r = 0;

	if (f->is_new) {
		memcpy(dir, f->path, sizeof(dir));
		*strrchr(dir, '/') = '\0';
		r = file_mkdirs(dir);
	}
	if (r == 0)
		r = file_write(f->path, f->text.data, f->text.len, f->mode);
	return r < 0 ? err_set(e, r, "'%s': %s", f->path, strerror(-r)) : 0;
}

/* pl->path NULL: it is to go.  1: the file has changed. */
static int
places_change(const struct xbel_place *pl, struct err *e)
{
	struct places f = { .old = BUF_INIT(XBEL_MAX),
	    .text = BUF_INIT(2 * XBEL_MAX) };
	int r;

	r = places_read(&f, e);
	if (r < 0)
		goto out;
	if (pl->path)
		r = xbel_add(f.old.data, f.old.len, pl, &f.text, &f.line);
	else
		r = xbel_remove(f.old.data, f.old.len, pl->id, &f.text,
		    &f.line);
	if (r == -EBADMSG)
		(void)err_set(e, r, "'%s' is not a list of bookmarks that "
		    "can be read, see line %lu: it was left as it is; repair "
		    "it, or move it away and try again", f.path, f.line);
	else if (r == -EINVAL)
		(void)err_set(e, r, "'title' or 'icon' has characters that "
		    "cannot stand in bookmarks: %s was left as it is",
		    f.path);
	else if (r < 0)
		(void)err_set(e, r, "%s", strerror(-r));
	if (r == 1) {
		r = places_write(&f, e);
		r = r < 0 ? r : 1;
	}
out:
	buf_done(&f.old);
	buf_done(&f.text);
	return r;
}

/* ---- a drive in it ---- */

#define ID_MAX (PLACE_NAME_MAX + 16)

/* Where it is to be, where it is, or where it would be. */
static int
folder_of(const char *name, const struct opts *o, char out[static PATH_MAX],
    struct err *e)
{
	struct mounted m;

	if (!o->mountpoint && mounted_by_name(name, &m) == 0) {
		memcpy(out, m.path, sizeof(m.path));
		return 0;
	}
	if (!o->mountpoint)
		return place_mountpoint(out, e);
	if (o->mountpoint[0] != '/')
		return err_set(e, -EINVAL, "'mountpoint' of '%s' is '%s': a "
		    "sidebar needs a whole path, one that begins with '/'",
		    name, o->mountpoint);
	if (snprintf(out, PATH_MAX, "%s", o->mountpoint) >= PATH_MAX)
		return err_set(e, -ENAMETOOLONG, "'mountpoint' is too long");
	return 0;
}

static void
id_of(const char *name, char out[static ID_MAX])
{
	(void)snprintf(out, ID_MAX, "coffre/%s", name);
}

int
places_add(const char *name, struct err *e)
{
	char id[ID_MAX];
	struct xbel_place pl = { .id = id };
	char path[PATH_MAX];
	struct opts o;
	int r;

	id_of(name, id);
	opts_init(&o);
	r = conf_load(name, &o, e);
	if (r == 0)
		r = folder_of(name, &o, path, e);
	pl.path = path;
	pl.title = o.title ? o.title : name;
	pl.icon = o.icon ? o.icon : VIRTUAL_ICON;
	if (r == 0)
		r = places_change(&pl, e);
	opts_done(&o);
	return r;
}

int
places_remove(const char *name, struct err *e)
{
	char id[ID_MAX];
	struct xbel_place pl = { .id = id };

	id_of(name, id);
	return places_change(&pl, e);
}

void
places_note(const char *name, bool is_wanted, int r, const struct err *e)
{
	if (r < 0)
		cli_note("%s", e->msg);
	else if (is_wanted)
		cli_note(r ? N_("'%s' is in the sidebar of Dolphin and of "
		    "KDE's dialogs") : N_("'%s' is in the sidebar already"),
		    name);
	else
		cli_note(r ? N_("'%s' is no longer in the sidebar") :
		    N_("'%s' is not in the sidebar"), name);
}

void
places_follow(const char *name, bool is_wanted)
{
	struct err e = { "" };
	char path[PATH_MAX];
	int r;

	if (place_bookmarks(path, &e) < 0 || access(path, F_OK) < 0)
		return;
	r = is_wanted ? places_add(name, &e) : places_remove(name, &e);
	if (r != 0)
		places_note(name, is_wanted, r, &e);
}
