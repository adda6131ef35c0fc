/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "fs/mount_helper.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sysexits.h>
#include <unistd.h>

#include "fs/cli.h"
#include "fs/mountpoint.h"
#include "fs/remount.h"
#include "util/err.h"
#include "util/thread.h"

#define LOOK_MS 100	/* between looks whether it has gone */

enum { MOUNT_USAGE = 1, MOUNT_SYSERR = 2, MOUNT_FAILED = 32 };

static const char *
base_name(const char *argv0)
{
	const char *name = strrchr(argv0, '/');

	return name ? name + 1 : argv0;
}

static bool
begins(const char *s, const char *with)
{
	return strncmp(s, with, strlen(with)) == 0;
}

bool
mount_helper_is(const char *argv0)
{
	const char *name = base_name(argv0);

	if (begins(name, "umount."))
		name++;
	return strcmp(name, "mount.coffre") == 0 ||
	    strcmp(name, "mount.fuse.coffre") == 0;
}

/* ---- mount --------------------------------------------------------------- */

/* mount(8) says by "user=" who mounts; as an option of ours it would name an
 * account at the store. */
static bool
is_for_mount(const char *item)
{
	return begins(item, "user=") || begins(item, "comment=") ||
	    begins(item, "helper=") || begins(item, "uhelper=");
}

static bool
is_known(const char *item)
{
	struct opts o;
	int r;

	if (strcmp(item, "remount") == 0)
		return true;
	opts_init(&o);
	r = opts_parse_list(&o, item, NULL);
	opts_done(&o);
	return r == 0;
}

/* Take away, in place, what is not for us, and with is_sloppy what nobody
 * knows. */
static void
list_filter(char *list, bool is_sloppy)
{
	char *from = list, *to = list, *end, last;

	while (*from) {
		for (end = from; *end && *end != ','; end++) {
			if (*end == '\\' && end[1])
				end++;
		}
		last = *end;
		*end = '\0';
		if (*from && !is_for_mount(from) &&
		    (!is_sloppy || is_known(from))) {
			if (to != list)
				*to++ = ',';
			memmove(to, from, (size_t)(end - from));
			to += end - from;
		}
		from = end + (last != '\0');
	}
	*to = '\0';
}

static int
usage(const char *what)
{
	cli_note("%s", what);
	cli_note("mount(8) and umount(8) call this as: mount.coffre SOURCE DIR "
	    "[-sfnv] [-o OPTIONS], umount.fuse.coffre DIR [-lfrnv]");
	return MOUNT_USAGE;
}

/* A fake mount: only what was asked for is looked at. */
static int
check_only(const char *list)
{
	struct err e = { "" };
	struct opts o;
	int r;

	opts_init(&o);
	r = opts_parse_list(&o, list, &e);
	opts_done(&o);
	return r < 0 ? usage(e.msg) : 0;
}

static int
again(const char *dir, const char *list, bool is_fake)
{
	struct err e = { "" };
	unsigned long flags;
	int r;

	r = remount_parse(list, &flags, &e);
	if (r < 0)
		return usage(e.msg);
	r = is_fake ? 0 : remount(dir, flags, &e);
	if (r < 0)
		cli_note("%s", e.msg);
	return r < 0 ? MOUNT_FAILED : 0;
}

static int
anew(const char *source, const char *dir, const char *list)
{
	int r = cmd_mount_source(source, dir, list);

	if (r == 0)
		return 0;
	return r == EX_USAGE ? MOUNT_USAGE : MOUNT_FAILED;
}

static int
mount_run_helper(int argc, char **argv)
{
	bool is_sloppy = false, is_fake = false;
	const char *list = "";
	char *own;
	int key, r;

	while ((key = getopt(argc, argv, "sfnvo:t:")) != -1) {
		if (key == 's')
			is_sloppy = true;
		else if (key == 'f')
			is_fake = true;
		else if (key == 'o')
			list = optarg;
		else if (key == '?')
			return usage(N_("unknown option"));
	}
	if (argc - optind != 2)
		return usage(N_("a source and a folder are needed"));
	own = strdup(list);
	if (!own)
		return MOUNT_SYSERR;
	list_filter(own, is_sloppy);
	if (remount_is(own))
		r = again(argv[optind + 1], own, is_fake);
	else if (is_fake)
		r = check_only(own);
	else
		r = anew(argv[optind], argv[optind + 1], own);
	free(own);
	return r;
}

/* ---- umount -------------------------------------------------------------- */

/* Is it the drive of that name whose daemon we would reach?  Another user's,
 * or another home's, may have the same name. */
static bool
is_mine(const char *dir)
{
	struct mounted m, own;
	char real[PATH_MAX];

	return mountpoint_real(dir, real) == 0 && mounted_at(real, &m) == 0 &&
	    m.uid == getuid() && mounted_by_name(m.name, &own) == 0 &&
	    strcmp(own.path, real) == 0;
}

static int
enter(const char *namespace, struct err *e)
{
	int fd = open(namespace, O_RDONLY | O_CLOEXEC);
	int r = 0;

	if (fd < 0 || setns(fd, CLONE_NEWNS) < 0)
		r = -errno;
	if (fd >= 0)
		(void)close(fd);
	return r < 0 ? err_set(e, r, "'%s': %s", namespace, strerror(-r)) : 0;
}

/* By the kernel alone: nobody waits for the daemon. */
static int
umount_plain(const char *dir, bool is_lazy, bool is_forced, bool is_ro,
    struct err *e)
{
	int r;

	if (is_forced && umount2(dir, MNT_FORCE | UMOUNT_NOFOLLOW | (is_lazy ?
	    MNT_DETACH : 0)) == 0)
		return 0;
	r = mountpoint_unmount(dir, is_lazy, e);
	return r == -EBUSY && is_ro ? remount_readonly(dir, e) : r;
}

/* In the words of umount(8), whatever the language: by these GVfs knows that
 * it is to show who is inside, and to try again. */
static int
umount_failed(const char *dir, bool is_busy)
{
	if (is_busy)
		(void)fprintf(stderr, "umount: %s: target is busy.\n", dir);
	return MOUNT_FAILED;
}

/* A file manager that unmounts a user's drive gives it some seconds, and then
 * says that it has failed: the drive has gone by then, only what is queued is
 * being uploaded yet.  What is left of that, a notification tells. */
static void
leave_early(void *dir)
{
	while (is_mine(dir))
		thread_pause_ms(LOOK_MS);
	_exit(0);
}

static void
unwatched(char *dir)
{
	pthread_t t;

	/* Whoever starts root's wants all of it to be done: a shutdown. */
	if (geteuid() != 0 && !isatty(STDERR_FILENO))
		(void)thread_start(&t, "leave", leave_early, dir);
}

static int
umount_run_helper(int argc, char **argv)
{
	bool is_lazy = false, is_forced = false, is_ro = false;
	char name[] = "unmount", lazy[] = "--lazy", end[] = "--";
	char *to[5] = { name }, *dir;
	const char *namespace = NULL;
	struct err e = { "" };
	int key, r, n = 1;

	while ((key = getopt(argc, argv, "lfrnvt:N:")) != -1) {
		if (key == 'l')
			is_lazy = true;
		else if (key == 'f')
			is_forced = true;
		else if (key == 'r')
			is_ro = true;
		else if (key == 'N')
			namespace = optarg;
		else if (key == '?')
			return usage(N_("unknown option"));
	}
	if (argc - optind != 1)
		return usage(N_("a folder is needed"));
	dir = argv[optind];
	if (!is_forced && !is_ro && !namespace && is_mine(dir)) {
		if (is_lazy)
			to[n++] = lazy;
		to[n++] = end;
		to[n++] = dir;
		unwatched(dir);
		r = cmd_unmount.run(&cmd_unmount, n, to);
		return r == 0 ? 0 : umount_failed(dir, r == EX_TEMPFAIL &&
		    is_mine(dir));
	}
	r = namespace ? enter(namespace, &e) : 0;
	if (r == 0)
		r = umount_plain(dir, is_lazy, is_forced, is_ro, &e);
	if (r < 0)
		cli_note("%s", e.msg);
	return r < 0 ? umount_failed(dir, r == -EBUSY) : 0;
}

int
mount_helper_run(int argc, char **argv)
{
	return begins(base_name(argv[0]), "umount.") ?
	    umount_run_helper(argc, argv) : mount_run_helper(argc, argv);
}
