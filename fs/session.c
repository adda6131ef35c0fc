/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "fs/session.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

#include "fs/mountpoint.h"
#include "fs/ops.h"
#include "fs/parts.h"
#include "fs/raw.h"
#include "util/err.h"
#include "util/log.h"

/* What the FUSE library has to say goes where everything goes. */
static void __attribute__((format(printf, 2, 0)))
on_fuse_log(enum fuse_log_level level, const char *fmt, va_list ap)
{
	char line[512];
	size_t n;

	(void)vsnprintf(line, sizeof(line), fmt, ap);
	n = strlen(line);
	if (n > 0 && line[n - 1] == '\n')
		line[n - 1] = '\0';
	log_write(level <= FUSE_LOG_ERR ? LOG_LEVEL_ERROR :
	    level == FUSE_LOG_WARNING ? LOG_LEVEL_WARN : LOG_LEVEL_DEBUG,
	    "fuse: %s", line);
}

static int
args_make(const struct parts *p, const char *source, struct fuse_args *args)
{
	const struct opts *o = &p->opts;
	char *text = NULL;
	int r = 0;

	if (asprintf(&text, "fsname=%s%s,subtype=coffre,"
	    "default_permissions%s%s%s%s", source ? "" : MOUNT_SOURCE,
	    source ? source : p->name,
	    o->allow_other ? ",allow_other" : "", o->ro ? ",ro" : "",
	    o->kernel ? "," : "", o->kernel ? o->kernel : "") < 0)
		return -ENOMEM;
	if (fuse_opt_add_arg(args, "coffre") < 0 ||
	    fuse_opt_add_arg(args, "-o") < 0 ||
	    fuse_opt_add_arg(args, text) < 0)
		r = -ENOMEM;
	free(text);
	return r;
}

int
session_new(const struct parts *p, const char *source, struct ops_ctx *ctx,
    struct fuse_session **ret, struct err *e)
{
	struct fuse_args args = FUSE_ARGS_INIT(0, NULL);
	int r;

	fuse_set_log_func(on_fuse_log);
	r = args_make(p, source, &args);
	if (r < 0)
		return err_set(e, r, "out of memory");
	*ret = fuse_session_new(&args, &ops_table, sizeof(ops_table), ctx);
	fuse_opt_free_args(&args);
	return *ret ? 0 : err_set(e, -EINVAL, "the FUSE library refuses the "
	    "mount options");
}

/* The library has logged what it knows; the usual reasons are told here. */
static int
mount_failed(const struct parts *p, const char *mp, struct err *e)
{
	if (access("/dev/fuse", F_OK) < 0)
		return err_set(e, -ENODEV, "there is no /dev/fuse: load the "
		    "kernel module 'fuse', or let the container have the "
		    "device");
	if (access("/dev/fuse", R_OK | W_OK) < 0)
		return err_set(e, -EPERM, "you may not open /dev/fuse: have "
		    "its mode set to 0666, as it usually is");
	if (p->opts.allow_other && geteuid() != 0)
		return err_set(e, -EPERM, "cannot mount on '%s': "
		    "'allow_other' needs 'user_allow_other' in "
		    "/etc/fuse.conf", mp);
	return err_set(e, -EPERM, "cannot mount on '%s': the log says why",
	    mp);
}

/* Nobody has looked anything up before: that waits for our answers. */
static int
nosymfollow_set(const char *mp, struct err *e)
{
	int r = -ENOSYS;
#ifdef MOUNT_ATTR_NOSYMFOLLOW
	struct mount_attr a = { .attr_set = MOUNT_ATTR_NOSYMFOLLOW };

	r = mount_setattr(AT_FDCWD, mp, AT_SYMLINK_NOFOLLOW, &a,
	    sizeof(a)) < 0 ? -errno : 0;
#endif
	if (r == -EPERM)
		return err_set(e, r, "'nosymfollow' is for root to ask for");
	return r < 0 ? err_set(e, r, "'%s': %s", "nosymfollow",
	    strerror(-r)) : 0;
}

int
session_mount(struct fuse_session *se, const struct parts *p,
    const char *mountpoint, struct err *e)
{
	int r;

	if (fuse_session_mount(se, mountpoint) != 0)
		return mount_failed(p, mountpoint, e);
	r = p->opts.nosymfollow ? nosymfollow_set(mountpoint, e) : 0;
	if (r < 0)
		fuse_session_unmount(se);
	return r;
}
