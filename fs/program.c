/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "fs/program.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CMDLINE_MAX 1024

/* Names of threads, as the kernel cuts them. */
static const struct {
	const char *thread;
	const char *cmdline;	/* what the command must name, too; NULL */
	enum program_kind kind;
} threads[] = {
	{ "gdk-pixbuf-thum", NULL, PROGRAM_THUMBNAILER },
	{ "ffmpegthumbnail", NULL, PROGRAM_THUMBNAILER },
	{ "totem-video-thu", NULL, PROGRAM_THUMBNAILER },
	{ "evince-thumbnai", NULL, PROGRAM_THUMBNAILER },
	{ "papers-thumbnai", NULL, PROGRAM_THUMBNAILER },
	{ "atril-thumbnail", NULL, PROGRAM_THUMBNAILER },
	{ "glycin-thumbnai", NULL, PROGRAM_THUMBNAILER },
	{ "gsf-office-thum", NULL, PROGRAM_THUMBNAILER },
	{ "pool-tumblerd", NULL, PROGRAM_THUMBNAILER },
	{ "tumblerd", NULL, PROGRAM_THUMBNAILER },
	{ "tracker-extract", NULL, PROGRAM_THUMBNAILER },
	{ "localsearch-ext", NULL, PROGRAM_THUMBNAILER },
	{ "baloo_file_extr", NULL, PROGRAM_THUMBNAILER },
	/* Names that others have as well. */
	{ "loader", "pcmanfm", PROGRAM_THUMBNAILER },
	{ "kioslave5", "thumbnail.so", PROGRAM_THUMBNAILER },
	{ "kioworker", "thumbnail.so", PROGRAM_THUMBNAILER },
	{ "dolphin", NULL, PROGRAM_BROWSER },
};

/* File managers and dialogs; their threads are called after other things.
 * O_NOATIME tells a look at the type from a copy. */
static const char *const browsers[] = {
	"nautilus", "thunar", "Thunar", "pcmanfm", "pcmanfm-qt", "caja",
	"nemo", "dolphin", "xdg-desktop-por",
};

/* GLib names its threads like that in every program: exact names only, of
 * those that were seen to do it. */
static const char *const stand_ins[] = { "pool-nemo" };

/* Read /proc/ID/FILE; false if that cannot be. */
static bool
proc_read(pid_t id, const char *file, char *out, size_t cap)
{
	char path[64];
	ssize_t n;
	int fd;

	(void)snprintf(path, sizeof(path), "/proc/%d/%s", (int)id, file);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	n = read(fd, out, cap - 1);
	(void)close(fd);
	out[n > 0 ? n : 0] = '\0';
	return n > 0;
}

static bool
name_read(pid_t id, char name[static PROGRAM_NAME_MAX + 1])
{
	char text[64];

	if (!proc_read(id, "comm", text, sizeof(text)))
		return false;
	text[strcspn(text, "\n")] = '\0';
	(void)snprintf(name, PROGRAM_NAME_MAX + 1, "%.*s", PROGRAM_NAME_MAX,
	    text);
	return true;
}

/* Does one of the words of its command have that in it?  Whose it is decides
 * how long that takes: the kernel reads it from the program's own memory. */
static bool
cmdline_has(pid_t id, const char *what)
{
	char text[CMDLINE_MAX];
	size_t at = 0, n;

	memset(text, 0, sizeof(text));
	if (!proc_read(id, "cmdline", text, sizeof(text) - 1))
		return false;
	while (at < sizeof(text) && (n = strlen(text + at)) > 0) {
		if (strstr(text + at, what))
			return true;
		at += n + 1;
	}
	return false;
}

static pid_t
process_of(pid_t tid)
{
	char text[512];
	const char *at;

	if (!proc_read(tid, "status", text, sizeof(text)))
		return 0;
	at = strstr(text, "\nTgid:");
	return at ? (pid_t)strtol(at + 6, NULL, 10) : 0;
}

static bool
is_browser(pid_t tid, char name[static PROGRAM_NAME_MAX + 1])
{
	char own[PROGRAM_NAME_MAX + 1];
	pid_t pid = process_of(tid);
	size_t i;

	if (pid <= 0 || !name_read(pid, own))
		return false;
	for (i = 0; i < sizeof(browsers) / sizeof(*browsers); i++) {
		if (strcmp(own, browsers[i]) == 0) {
			memcpy(name, own, sizeof(own));
			return true;
		}
	}
	return false;
}

enum program_kind
program_of(pid_t tid, bool is_own, int flags,
    char name[static PROGRAM_NAME_MAX + 1])
{
	size_t i;

	name[0] = '\0';
	if (tid <= 0 || !name_read(tid, name))
		return PROGRAM_OTHER;
	for (i = 0; i < sizeof(threads) / sizeof(*threads); i++) {
		if (strcmp(name, threads[i].thread) == 0 &&
		    (!threads[i].cmdline || (is_own &&
		    cmdline_has(tid, threads[i].cmdline))))
			return threads[i].kind;
	}
	if ((flags & O_NOATIME) && is_browser(tid, name))
		return PROGRAM_BROWSER;
	for (i = 0; i < sizeof(stand_ins) / sizeof(*stand_ins); i++) {
		if (strcmp(name, stand_ins[i]) == 0)
			return PROGRAM_STAND_IN;
	}
	return PROGRAM_OTHER;
}

bool
program_lists(pid_t tid)
{
	static const char *const kde[] = { "kioslave5", "kioworker" };
	char name[PROGRAM_NAME_MAX + 1];
	size_t i;

	if (tid <= 0 || !name_read(tid, name))
		return false;
	/* KDE's file managers have a program that does it for them. */
	for (i = 0; i < sizeof(kde) / sizeof(*kde); i++) {
		if (strcmp(name, kde[i]) == 0)
			return cmdline_has(tid, "file.so");
	}
	return is_browser(tid, name);
}
