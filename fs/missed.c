/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "fs/missed.h"

#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "fs/helper.h"
#include "fs/mountpoint.h"
#include "fs/notice.h"
#include "fs/parts.h"
#include "fs/place.h"
#include "util/buf.h"
#include "util/file.h"
#include "util/log.h"
#include "util/tr.h"

#define PATIENCE_MS (35 * 1000)	/* a little more than coffre-desktop's */
#define TOLD_MAX 4096

/* NAME.missed: what was told last in this session. */
static int
told_path(const char *name, char out[static PATH_MAX])
{
	int r = place_session_dir(out);
	size_t n = r < 0 ? 0 : strlen(out);

	if (r == 0 && snprintf(out + n, PATH_MAX - n, "/%s.missed", name) >=
	    (int)(PATH_MAX - n))
		r = -1;
	return r;
}

/* Is it what was told already?  It is from now on. */
static bool
is_told(const char *name, const char *why)
{
	struct buf b = BUF_INIT(TOLD_MAX);
	char path[PATH_MAX], dir[PATH_MAX];
	bool is;

	if (told_path(name, path) < 0)
		return false;
	is = file_read(path, &b) == 0 && b.len == strlen(why) &&
	    memcmp(b.data, why, b.len) == 0;
	buf_done(&b);
	memcpy(dir, path, sizeof(dir));
	*strrchr(dir, '/') = '\0';
	if (!is && (file_mkdirs(dir) < 0 ||
	    file_write(path, why, strlen(why), 0600) < 0))
		log_info("it may be told again");
	return is;
}

void
missed_tell(const struct parts *p, const char *why)
{
	static const char patient[] = "patient\n";
	char line[NOTICE_LINE_MAX], text[TR_MAX];
	struct notice_of o = { .title = p->opts.title ? p->opts.title :
	    p->name, .name = p->name, .times = 1,
	    .why = tr_text(why, text) };
	struct helper h = { .is_on = false };
	struct mounted m;
	int n;

	/* By another process: then there is nothing to tell. */
	if (mounted_by_name(p->name, &m) == 0 && !mountpoint_is_dead(m.path))
		return;
	if (!p->opts.notify || is_told(p->name, why) || !helper_start(&h))
		return;
	n = notice_line(NOTICE_NOT_MOUNTED, &o, line);
	(void)helper_tell(&h, patient, (int)strlen(patient));
	(void)helper_tell(&h, line, n);
	helper_finish(&h, PATIENCE_MS);
}

void
missed_forget(const char *name)
{
	char path[PATH_MAX];

	if (told_path(name, path) == 0)
		(void)unlink(path);
}
