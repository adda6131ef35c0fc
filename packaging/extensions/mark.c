/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "mark.h"

#include <dlfcn.h>
#include <glib.h>
#include <libintl.h>
#include <limits.h>
#include <mntent.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#define STATE_NAME "user.coffre.state"
#define FSTYPE "fuse.coffre"
#define DOMAIN "coffre"
#define TEXT_MAX 1024

/* The mount points of drives.  The table of mounts says by poll(2) that it
 * has changed, so it is read only then. */
static FILE *table;
static GPtrArray *drives;

static void
drives_read(void)
{
	struct mntent m;
	char buf[4096];

	g_ptr_array_set_size(drives, 0);
	rewind(table);
	while (getmntent_r(table, &m, buf, sizeof(buf))) {
		if (strcmp(m.mnt_type, FSTYPE) == 0)
			g_ptr_array_add(drives, g_strdup(m.mnt_dir));
	}
}

static void
drives_refresh(void)
{
	struct pollfd p = { .events = POLLPRI };

	if (!table) {
		table = setmntent("/proc/self/mounts", "re");
		if (!table)
			return;
		drives = g_ptr_array_new_with_free_func(g_free);
		drives_read();
	}
	p.fd = fileno(table);
	if (poll(&p, 1, 0) > 0)
		drives_read();
}

/* By its name alone: to look at the file itself may wait, for another file
 * system than ours. */
bool
mark_is_on_drive(const char *path)
{
	guint i;

	drives_refresh();
	for (i = 0; drives && i < drives->len; i++) {
		const char *dir = drives->pdata[i];
		size_t n = strlen(dir);

		if (strncmp(path, dir, n) == 0 && path[n] == '/')
			return true;
	}
	return false;
}

static enum mark
mark_of(const char *text)
{
	/* More may follow the word: "stored, on 1 of 2 stores". */
	if (strncmp(text, "stored", 6) == 0)
		return MARK_STORED;
	if (strncmp(text, "queued", 6) == 0)
		return MARK_QUEUED;
	if (strncmp(text, "local", 5) == 0)
		return MARK_LOCAL;
	return MARK_NONE;
}

void
mark_look(const char *path, struct seen *ret)
{
	char text[TEXT_MAX];
	struct stat st;
	ssize_t n;

	memset(&st, 0, sizeof(st));
	(void)lstat(path, &st);
	n = lgetxattr(path, STATE_NAME, text, sizeof(text) - 1);
	text[n > 0 ? n : 0] = '\0';
	ret->text = g_strdup(text);
	ret->is_link = S_ISLNK(st.st_mode);
	/* A folder has a state too, but no content that could be away. */
	ret->mark = S_ISREG(st.st_mode) ? mark_of(text) : MARK_NONE;
}

bool
mark_is_kept(const char *text)
{
	return strstr(text, ", pinned") != NULL;
}

bool
mark_has_pin(const char *text)
{
	return mark_is_kept(text) && !strstr(text, ", pinned with its folder");
}

/* Where a tree was built, catalogues are beside the folder of this module. */
static void
catalogue_open(void)
{
	char dir[PATH_MAX], *slash;
	Dl_info i;

	(void)bind_textdomain_codeset(DOMAIN, "UTF-8");
	if (dladdr((void *)&drives, &i) && i.dli_fname &&
	    g_strlcpy(dir, i.dli_fname, sizeof(dir)) < sizeof(dir) - 16 &&
	    (slash = strrchr(dir, '/'))) {
		(void)g_strlcpy(slash, "/../locale",
		    sizeof(dir) - (size_t)(slash - dir));
		if (g_file_test(dir, G_FILE_TEST_IS_DIR)) {
			(void)bindtextdomain(DOMAIN, dir);
			return;
		}
	}
	(void)bindtextdomain(DOMAIN, LOCALEDIR);
}

const char *
mark_say(const char *s)
{
	static bool is_open;

	if (!is_open)
		catalogue_open();
	is_open = true;
	return dgettext(DOMAIN, s);
}

/* One of the parts of a state that the driver puts together. */
static void
part_say(GString *out, const char *part)
{
	static const char not_yet[] = "perhaps not yet on ";
	unsigned a, b;
	int n = 0;

	if (sscanf(part, "on %u of %u stores for certain%n", &a, &b,
	    &n) == 2 && n > 0)
		g_string_append_printf(out, _("on %zu of %zu stores for "
		    "certain"), (size_t)a, (size_t)b);
	else if (sscanf(part, "on %u of %u stores%n", &a, &b, &n) == 2 &&
	    n > 0 && !part[n])
		g_string_append_printf(out, _("on %zu of %zu stores"),
		    (size_t)a, (size_t)b);
	else if (g_str_has_prefix(part, not_yet))
		g_string_append_printf(out, _("perhaps not yet on %.80s"),
		    part + strlen(not_yet));
	else if (sscanf(part, "%u%% here%n", &a, &n) == 1 && n > 0)
		g_string_append_printf(out, _("%u%% here"), a);
	else if (*part)
		g_string_append(out, mark_say(part));
}

char *
mark_words(const char *text)
{
	char **parts = g_strsplit(text, ", ", -1), **p;
	GString *s = g_string_new(NULL);

	for (p = parts; *p; p++) {
		if (p != parts)
			g_string_append(s, ", ");
		part_say(s, *p);
	}
	g_strfreev(parts);
	return g_string_free(s, FALSE);
}

bool
mark_is_conflict(const char *uri)
{
	char *path = uri ? g_filename_from_uri(uri, NULL, NULL) : NULL;
	const char *name = path ? strrchr(path, '/') : NULL;
	const char *at = name ? strstr(name, " (conflict ") : NULL;
	bool is = at && strchr(at, ')') && mark_is_on_drive(path);

	g_free(path);
	return is;
}

const char *
mark_emblem(enum mark m)
{
	switch (m) {
	case MARK_LOCAL:
		return "emblem-important";
	case MARK_QUEUED:
		return "emblem-synchronizing";
	case MARK_STORED:
		return "emblem-default";
	case MARK_NONE:
		break;
	}
	return NULL;
}

bool
mark_is_passing(enum mark m)
{
	return m == MARK_LOCAL || m == MARK_QUEUED;
}
