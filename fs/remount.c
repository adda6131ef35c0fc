/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "fs/remount.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/statvfs.h>

#include "fs/mountpoint.h"
#include "fs/opts.h"
#include "util/err.h"

#ifndef MS_NOSYMFOLLOW
#define MS_NOSYMFOLLOW 256
#endif
#ifndef ST_NOSYMFOLLOW
#define ST_NOSYMFOLLOW 8192	/* as the kernel says it */
#endif
#define ALWAYS (MS_NOSUID | MS_NODEV)	/* never granted */

static const struct { const char *name; unsigned long set, clear; } flag[] = {
	{ "ro", MS_RDONLY, 0 },
	{ "rw", 0, MS_RDONLY },
	{ "noexec", MS_NOEXEC, 0 },
	{ "exec", 0, MS_NOEXEC },
	{ "sync", MS_SYNCHRONOUS, 0 },
	{ "async", 0, MS_SYNCHRONOUS },
	{ "dirsync", MS_DIRSYNC, 0 },
	{ "noatime", MS_NOATIME, MS_STRICTATIME | MS_RELATIME },
	{ "atime", 0, MS_NOATIME },
	{ "nodiratime", MS_NODIRATIME, 0 },
	{ "diratime", 0, MS_NODIRATIME },
	{ "relatime", MS_RELATIME, MS_STRICTATIME | MS_NOATIME },
	{ "norelatime", 0, MS_RELATIME },
	{ "strictatime", MS_STRICTATIME, MS_RELATIME | MS_NOATIME },
	{ "nostrictatime", 0, MS_STRICTATIME },
	{ "nosymfollow", MS_NOSYMFOLLOW, 0 },
	{ "symfollow", 0, MS_NOSYMFOLLOW },
	{ "bind", MS_BIND, 0 },
	{ "remount", MS_REMOUNT, 0 },
};

/* mount(8) gives back what it has read of the mount. */
static bool
is_shown(const char *item)
{
	static const char *const of[] = { "user_id=", "group_id=", "max_read=",
	    "blksize=" };
	size_t i;

	for (i = 0; i < sizeof(of) / sizeof(*of); i++) {
		if (strncmp(item, of[i], strlen(of[i])) == 0)
			return true;
	}
	return false;
}

static int
item_parse(const char *item, unsigned long *flags, struct err *e)
{
	struct opts o;
	size_t i;
	int r;

	for (i = 0; i < sizeof(flag) / sizeof(*flag); i++) {
		if (strcmp(item, flag[i].name) != 0)
			continue;
		*flags = (*flags & ~flag[i].clear) | flag[i].set;
		return 0;
	}
	if (is_shown(item))
		return 0;
	opts_init(&o);
	r = opts_parse_list(&o, item, e);
	opts_done(&o);
	return r;
}

/* Bytes of the item; a comma behind "\\" is in its value. */
static size_t
item_len(const char *p)
{
	size_t n;

	for (n = 0; p[n] && p[n] != ','; n++) {
		if (p[n] == '\\' && p[n + 1])
			n++;
	}
	return n;
}

bool
remount_is(const char *list)
{
	const char *p = list;
	size_t n;

	for (;;) {
		n = item_len(p);
		if (n == strlen("remount") && strncmp(p, "remount", n) == 0)
			return true;
		if (p[n] == '\0')
			return false;
		p += n + 1;
	}
}

int
remount_parse(const char *list, unsigned long *ret, struct err *e)
{
	char *own = strdup(list), *p = own;
	bool is_last;
	int r = 0;
	size_t n;

	*ret = ALWAYS;
	if (!own)
		return err_set(e, -ENOMEM, "out of memory");
	do {
		n = item_len(p);
		is_last = p[n] == '\0';
		p[n] = '\0';
		if (*p)
			r = item_parse(p, ret, e);
		p += n + 1;
	} while (r == 0 && !is_last);
	free(own);
	return r;
}

int
remount(const char *dir, unsigned long flags, struct err *e)
{
	char real[PATH_MAX];
	struct mounted m;
	int r;

	if (mountpoint_real(dir, real) < 0 || mounted_at(real, &m) < 0)
		return err_set(e, -EINVAL, "no drive is mounted on '%s'",
		    dir);
	if (mount(NULL, real, NULL, MS_REMOUNT | ALWAYS | flags, NULL) == 0)
		return 0;
	r = -errno;
	if (r == -EBUSY)
		return err_set(e, r, "'%s' is in use: a file is open for "
		    "writing", real);
	return err_set(e, r, "'%s' keeps its mount options: %s", real,
	    strerror(-r));
}

int
remount_readonly(const char *dir, struct err *e)
{
	unsigned long keep = 0;
	struct statvfs v;

	if (statvfs(dir, &v) < 0)
		return err_set(e, -errno, "'%s': %s", dir, strerror(errno));
	/* What is not said is taken away, but for the times of access. */
	if (v.f_flag & ST_NOEXEC)
		keep |= MS_NOEXEC;
	if (v.f_flag & ST_NOSYMFOLLOW)
		keep |= MS_NOSYMFOLLOW;
	if (v.f_flag & ST_SYNCHRONOUS)
		keep |= MS_SYNCHRONOUS;
	return remount(dir, MS_RDONLY | keep, e);
}
