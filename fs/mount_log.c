/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "fs/mount_log.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "fs/parts.h"
#include "fs/place.h"
#include "util/err.h"
#include "util/file.h"
#include "util/log.h"

#define LOG_KEEP (1024 * 1024)	/* a larger log is set aside at mount */

int
mount_log_open(struct mount_log *l, const struct parts *p,
    bool is_foreground, struct err *e)
{
	char path[PATH_MAX], dir[PATH_MAX];
	int r;

	l->own[0] = '\0';
	log_set_level((enum log_level)p->opts.log_level);
	if (is_foreground && !p->opts.log)
		return 0;
	if (p->opts.log) {
		r = snprintf(path, sizeof(path), "%s", p->opts.log) >=
		    (int)sizeof(path) ? -ENAMETOOLONG : 0;
	} else {
		r = place_path(PLACE_LOG, p->name, path, e);
		if (r == 0)
			r = place_path(PLACE_STATE, p->name, dir, e);
		if (r == 0)
			r = file_mkdirs(dir);
		if (r == 0)
			(void)snprintf(l->own, sizeof(l->own), "%s", path);
	}
	if (r == 0)
		r = log_to_file(path);
	return r < 0 ? err_set(e, r, "log '%s': %s", path, strerror(-r)) : 0;
}

void
mount_log_turn(const struct mount_log *l)
{
	char old[PATH_MAX + 8];
	struct stat st;
	int r;

	if (!l->own[0] || stat(l->own, &st) < 0 || st.st_size <= LOG_KEEP)
		return;
	(void)snprintf(old, sizeof(old), "%s.1", l->own);
	r = rename(l->own, old) < 0 ? -errno : log_to_file(l->own);
	if (r < 0)
		log_warn("the log is not set aside: r=%d", r);
}
