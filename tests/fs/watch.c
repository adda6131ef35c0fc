/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * watch FOLDER...: print what inotify(7) tells of each, as "FOLDER EVENT NAME",
 * a line each; "." for the folder itself.  The first line is "ready".
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

#define FOLDERS_MAX 16

static const struct { unsigned bit; const char *word; } words[] = {
	{ IN_CREATE, "create" }, { IN_DELETE, "delete" },
	{ IN_ATTRIB, "attrib" }, { IN_MODIFY, "modify" },
	{ IN_MOVED_FROM, "from" }, { IN_MOVED_TO, "to" },
	{ IN_DELETE_SELF, "gone" }, { IN_UNMOUNT, "unmount" },
	{ IN_Q_OVERFLOW, "overflow" }, { IN_IGNORED, "ignored" },
};

static void
event_print(const struct inotify_event *e, const char *folder)
{
	size_t i;

	for (i = 0; i < sizeof(words) / sizeof(*words); i++) {
		if (e->mask & words[i].bit)
			(void)printf("%s %s %s\n", folder, words[i].word,
			    e->len ? e->name : ".");
	}
}

int
main(int argc, char **argv)
{
	union {
		struct inotify_event e;
		char bytes[65536];
	} u;
	const char *of[FOLDERS_MAX + 1] = { "?" };
	struct inotify_event e;
	char *p;
	ssize_t n;
	int fd, i, wd;

	fd = inotify_init1(IN_CLOEXEC);
	for (i = 1; i < argc && i <= FOLDERS_MAX && fd >= 0; i++) {
		wd = inotify_add_watch(fd, argv[i], IN_ALL_EVENTS &
		    ~(unsigned)(IN_OPEN | IN_ACCESS | IN_CLOSE_NOWRITE));
		if (wd < 0 || wd > FOLDERS_MAX) {
			perror(argv[i]);
			return 1;
		}
		p = strrchr(argv[i], '/');
		of[wd] = p ? p + 1 : argv[i];
	}
	(void)printf("ready\n");
	(void)fflush(stdout);
	while ((n = read(fd, u.bytes, sizeof(u.bytes))) > 0) {
		for (p = u.bytes; p < u.bytes + n; p += sizeof(e) + e.len) {
			memcpy(&e, p, sizeof(e));
			event_print((const struct inotify_event *)(void *)p,
			    e.wd > 0 && e.wd <= FOLDERS_MAX ? of[e.wd] :
			    of[0]);
		}
		(void)fflush(stdout);
	}
	return 1;
}
