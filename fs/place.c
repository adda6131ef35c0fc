/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "fs/place.h"

#include <dirent.h>
#include <errno.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "util/err.h"

#define PLACE_DRIVES_MAX 1000

bool
place_name_valid(const char *name)
{
	static const char ok[] = "abcdefghijklmnopqrstuvwxyz"
	    "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.";
	size_t n = strlen(name);

	return n > 0 && n <= PLACE_NAME_MAX && strspn(name, ok) == n &&
	    strchr("-_.", name[0]) == NULL;
}

static int
fits(int n)
{
	return n < 0 || n >= PATH_MAX ? -ENAMETOOLONG : 0;
}

static int
home_dir(char out[static PATH_MAX])
{
	const char *h = getenv("HOME");
	struct passwd pw, *found = NULL;
	char buf[4096];

	if (h && *h == '/')
		return fits(snprintf(out, PATH_MAX, "%s", h));
	if (getpwuid_r(getuid(), &pw, buf, sizeof(buf), &found) != 0 || !found)
		return -ENOENT;
	return fits(snprintf(out, PATH_MAX, "%s", found->pw_dir));
}

/* $VAR/TAIL, or ~/DEFAULT/TAIL. */
static int
xdg_path(const char *var, const char *def, const char *tail,
    char out[static PATH_MAX])
{
	const char *v = getenv(var);
	char home[PATH_MAX];
	int r;

	/* The XDG specification has relative paths ignored. */
	if (v && *v == '/')
		return fits(snprintf(out, PATH_MAX, "%s/%s", v, tail));
	r = home_dir(home);
	if (r < 0)
		return r;
	return fits(snprintf(out, PATH_MAX, "%s/%s/%s", home, def, tail));
}

static int
base_dir(const char *var, const char *def, char out[static PATH_MAX])
{
	return xdg_path(var, def, "coffre", out);
}

int
place_thumbnails(const char *tail, char out[static PATH_MAX])
{
	char t[64];

	(void)snprintf(t, sizeof(t), "thumbnails/%s", tail);
	return xdg_path("XDG_CACHE_HOME", ".cache", t, out);
}

int
place_bookmarks(char out[static PATH_MAX], struct err *e)
{
	int r;

	r = xdg_path("XDG_DATA_HOME", ".local/share", "user-places.xbel", out);
	return r < 0 ? err_set(e, r, "no home directory: set HOME") : 0;
}

int
place_path(enum place what, const char *name, char out[static PATH_MAX],
    struct err *e)
{
	static const char *const tail[] = { ".conf", ".key", ".cred", "",
	    "/log", ".slot" };
	bool is_state = what == PLACE_STATE || what == PLACE_LOG;
	char base[PATH_MAX];
	int r;

	if (is_state)
		r = base_dir("XDG_STATE_HOME", ".local/state", base);
	else
		r = base_dir("XDG_CONFIG_HOME", ".config", base);
	if (r == 0)
		r = fits(snprintf(out, PATH_MAX, "%s/%s%s", base, name,
		    tail[what]));
	if (r == -ENOENT)
		return err_set(e, r, "no home directory: set HOME");
	if (r < 0)
		return err_set(e, r, "path of drive '%s' is too long", name);
	return 0;
}

/* Not another user's, whose environment we may have. */
static int
run_dir(const char *up, char out[static PATH_MAX])
{
	struct stat st;

	if (*up != '/' || stat(up, &st) < 0 || st.st_uid != geteuid())
		return -EAGAIN;
	return fits(snprintf(out, PATH_MAX, "%s/coffre", up));
}

int
place_socket_dir(const char *name, unsigned i, char out[static PATH_MAX])
{
	const char *v = getenv("XDG_RUNTIME_DIR");
	char up[32];

	switch (i) {
	case 0:
		return run_dir(v ? v : "", out);
	case 1:
		(void)snprintf(up, sizeof(up), "/run/user/%u",
		    (unsigned)getuid());
		return run_dir(up, out);
	case 2:
		return place_path(PLACE_STATE, name, out, NULL);
	default:
		return -ENOENT;
	}
}

int
place_session_dir(char out[static PATH_MAX])
{
	char up[PATH_MAX];
	unsigned i;

	for (i = 0; i < 2; i++) {
		if (place_socket_dir("", i, out) < 0)
			continue;
		(void)snprintf(up, sizeof(up), "%s", out);
		*strrchr(up, '/') = '\0';
		if (access(up, W_OK) == 0)
			return 0;
	}
	return -ENOENT;
}

static int
name_cmp(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* NAME of "NAME.conf", or NULL; caller frees. */
static char *
name_of(const char *file)
{
	size_t n = strlen(file);
	char *s;

	if (n <= 5 || strcmp(file + n - 5, ".conf") != 0)
		return NULL;
	s = strndup(file, n - 5);
	if (s && !place_name_valid(s)) {
		free(s);
		return NULL;
	}
	return s;
}

int
place_drives(char ***ret, size_t *ret_n, struct err *e)
{
	char base[PATH_MAX];
	struct dirent *de;
	char **v, *s;
	size_t n = 0;
	DIR *d;
	int r;

	r = base_dir("XDG_CONFIG_HOME", ".config", base);
	if (r < 0)
		return err_set(e, r, "no home directory: set HOME");
	v = calloc(PLACE_DRIVES_MAX, sizeof(*v));
	if (!v)
		return err_set(e, -ENOMEM, "out of memory");
	d = opendir(base);
	if (!d && errno != ENOENT) {
		r = -errno;
		free(v);
		return err_wrap(e, r, "'%s'", base);
	}
	while (d && n < PLACE_DRIVES_MAX && (de = readdir(d)) != NULL) {
		s = name_of(de->d_name);
		if (s)
			v[n++] = s;
	}
	if (d)
		(void)closedir(d);
	qsort(v, n, sizeof(*v), name_cmp);
	*ret = v;
	*ret_n = n;
	return 0;
}

int
place_autostart(const char *name, char out[static PATH_MAX], struct err *e)
{
	char base[PATH_MAX];
	int r;

	r = base_dir("XDG_CONFIG_HOME", ".config", base);
	if (r == 0) {
		*strrchr(base, '/') = '\0';
		r = fits(snprintf(out, PATH_MAX,
		    "%s/autostart/coffre-%s.desktop", base, name));
	}
	return r < 0 ? err_set(e, r, "no home directory: set HOME") : 0;
}

int
place_mountpoint(char out[static PATH_MAX], struct err *e)
{
	char home[PATH_MAX];
	int r;

	r = home_dir(home);
	if (r == 0)
		r = fits(snprintf(out, PATH_MAX, "%s/Coffre", home));
	return r < 0 ? err_set(e, r, "no home directory: set HOME") : 0;
}
