/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "fs/names.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "drive/drive.h"
#include "util/log.h"

static bool
is_dots(const struct drive_dirent *de)
{
	return de->name[0] == '.' && (de->name_len == 1 ||
	    (de->name_len == 2 && de->name[1] == '.'));
}

static int
name_add(void *arg, const struct drive_dirent *de)
{
	struct names *t = arg;
	char **v;

	if (is_dots(de))
		return 0;
	if (t->n == t->cap) {
		v = reallocarray(t->v, t->cap + 256, sizeof(*v));
		if (!v)
			return 1;
		t->v = v;
		t->cap += 256;
	}
	t->v[t->n] = strndup(de->name, de->name_len);
	if (!t->v[t->n])
		return 1;
	t->n++;
	return 0;
}

static int
folder_add(void *arg, const struct drive_dirent *de)
{
	return S_ISDIR(de->mode) ? name_add(arg, de) : 0;
}

static void
get(struct drive *d, int (*add)(void *arg, const struct drive_dirent *de),
    struct names *t)
{
	struct drive_dir *dir;
	int r;

	r = drive_opendir(d, DRIVE_ROOT_INO, &dir);
	if (r < 0) {
		log_error("the root cannot be listed: r=%d", r);
		return;
	}
	r = drive_readdir(d, dir, 0, false, add, t);
	if (r < 0)
		log_error("the root cannot be listed: r=%d", r);
	drive_closedir(dir);
}

void
names_get(struct drive *d, struct names *t)
{
	get(d, name_add, t);
}

void
names_folders(struct drive *d, struct names *t)
{
	get(d, folder_add, t);
}

void
names_done(struct names *t)
{
	size_t i;

	for (i = 0; i < t->n; i++)
		free(t->v[i]);
	free(t->v);
	memset(t, 0, sizeof(*t));
}
