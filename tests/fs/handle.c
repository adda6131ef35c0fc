/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * File handles, as an NFS server keeps them: made while there is a path, used
 * when the kernel has long forgotten it.
 *
 *	handle take FILE PATH...	write down a handle of each
 *	handle open FILE DIR		open them on the mount of DIR
 *
 * One line for each that is opened: its number and path, or the error.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct kept {
	struct file_handle h;
	char room[MAX_HANDLE_SZ];
};

static int
take(FILE *f, char **path)
{
	struct kept k;
	int id;

	for (; *path; path++) {
		memset(&k, 0, sizeof(k));
		k.h.handle_bytes = MAX_HANDLE_SZ;
		if (name_to_handle_at(AT_FDCWD, *path, &k.h, &id, 0) < 0) {
			perror(*path);
			return 1;
		}
		if (fwrite(&k, sizeof(k), 1, f) != 1)
			return 1;
	}
	return 0;
}

static void
say(int fd)
{
	char proc[64], path[PATH_MAX];
	struct stat st;
	ssize_t n;

	snprintf(proc, sizeof(proc), "/proc/self/fd/%d", fd);
	n = readlink(proc, path, sizeof(path) - 1);
	path[n > 0 ? n : 0] = '\0';
	if (fstat(fd, &st) < 0)
		printf("%s\n", strerrorname_np(errno));
	else
		printf("%ju %s\n", (uintmax_t)st.st_ino, path);
}

static int
open_all(FILE *f, const char *dir)
{
	int mount_fd = open(dir, O_RDONLY | O_DIRECTORY), fd;
	struct kept k;

	if (mount_fd < 0) {
		perror(dir);
		return 1;
	}
	while (fread(&k, sizeof(k), 1, f) == 1) {
		fd = open_by_handle_at(mount_fd, &k.h, O_RDONLY);
		if (fd < 0) {
			printf("%s\n", strerrorname_np(errno));
			continue;
		}
		say(fd);
		close(fd);
	}
	close(mount_fd);
	return 0;
}

int
main(int argc, char **argv)
{
	bool is_take = argc > 3 && strcmp(argv[1], "take") == 0;
	FILE *f = argc > 3 ? fopen(argv[2], is_take ? "w" : "r") : NULL;
	int r;

	if (!f)
		return 2;
	r = is_take ? take(f, argv + 3) : open_all(f, argv[3]);
	return fclose(f) == 0 ? r : 1;
}
