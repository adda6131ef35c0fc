/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "fs/mount_helper.h"

#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "fs/cli.h"
#include "util/err.h"

enum { MOUNT_USAGE = 1, MOUNT_SYSERR = 2, MOUNT_FAILED = 32 };

bool
mount_helper_is(const char *argv0)
{
	const char *name = strrchr(argv0, '/');

	name = name ? name + 1 : argv0;
	return strcmp(name, "mount.coffre") == 0 ||
	    strcmp(name, "mount.fuse.coffre") == 0;
}

static bool
begins(const char *s, const char *with)
{
	return strncmp(s, with, strlen(with)) == 0;
}

/* mount(8) says by "user=" who mounts; as an option of ours it would name an
 * account at the store. */
static bool
is_for_mount(const char *item)
{
	return begins(item, "user=") || begins(item, "comment=");
}

static bool
is_known(const char *item)
{
	struct opts o;
	int r;

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
	cli_note("mount(8) calls this as: mount.coffre SOURCE DIR [-sfnv] "
	    "[-o OPTIONS]");
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

int
mount_helper_run(int argc, char **argv)
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
	if (is_fake)
		r = check_only(own);
	else
		r = cmd_mount_source(argv[optind], argv[optind + 1], own);
	free(own);
	if (r == 0 || is_fake)
		return r;
	return r == EX_USAGE ? MOUNT_USAGE : MOUNT_FAILED;
}
