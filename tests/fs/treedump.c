/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * treedump DIR - print all that a user can see of a tree, one line a file, so
 * that two trees can be compared with diff: path, type, mode, owner, size,
 * mtime, link count, content as a hash, symlink target, xattrs and ACLs, and
 * the first path of a file with several names.  -T leaves times out, -O
 * owners.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#define XATTR_MAX 65536

struct link {
	ino_t ino;
	char *path;
};

static struct link *links;
static size_t nlinks;
static bool with_times = true;
static bool with_owners = true;
static int failures;

static void
fail(const char *what, const char *path)
{
	fprintf(stderr, "treedump: %s %s: %s\n", what, path, strerror(errno));
	failures++;
}

/* Print bytes so that a line stays a line. */
static void
put_bytes(const char *s, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++) {
		unsigned char c = (unsigned char)s[i];

		if (c <= ' ' || c >= 0x7f || c == '\\')
			printf("\\%03o", c);
		else
			putchar(c);
	}
}

static uint64_t
fnv(uint64_t h, const unsigned char *p, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++)
		h = (h ^ p[i]) * 1099511628211u;
	return h;
}

static void
put_content(const char *path)
{
	static unsigned char buf[1 << 20];
	uint64_t h = 14695981039346656037u;
	ssize_t n;
	int fd;

	fd = open(path, O_RDONLY | O_NOFOLLOW | O_NOATIME);
	if (fd < 0) {
		fail("open", path);
		return;
	}
	while ((n = read(fd, buf, sizeof(buf))) > 0)
		h = fnv(h, buf, (size_t)n);
	if (n < 0)
		fail("read", path);
	close(fd);
	printf(" hash=%016" PRIx64, h);
}

static int
by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* What the drive says of itself is not part of the tree. */
static bool
is_told(const char *name)
{
	return strncmp(name, "user.coffre.", 12) == 0;
}

static void
put_xattrs(const char *path)
{
	static char list[XATTR_MAX], value[XATTR_MAX];
	const char *names[1024];
	size_t n = 0, i;
	ssize_t len, got;

	len = llistxattr(path, list, sizeof(list));
	if (len < 0) {
		if (errno != EOPNOTSUPP)
			fail("listxattr", path);
		return;
	}
	for (i = 0; i < (size_t)len && n < 1024; i += strlen(list + i) + 1)
		if (!is_told(list + i))
			names[n++] = list + i;
	qsort(names, n, sizeof(*names), by_name);
	for (i = 0; i < n; i++) {
		got = lgetxattr(path, names[i], value, sizeof(value));
		if (got < 0) {
			fail("getxattr", path);
			continue;
		}
		printf(" %s=", names[i]);
		put_bytes(value, (size_t)got);
	}
}

static void
put_first_link(const struct stat *st, const char *path)
{
	size_t i;

	for (i = 0; i < nlinks; i++)
		if (links[i].ino == st->st_ino)
			break;
	if (i == nlinks) {
		links = realloc(links, (nlinks + 1) * sizeof(*links));
		if (!links)
			abort();
		links[nlinks].ino = st->st_ino;
		links[nlinks++].path = strdup(path);
	}
	printf(" first=");
	put_bytes(links[i].path, strlen(links[i].path));
}

static void
put_one(const char *path, const struct stat *st)
{
	char target[4096];
	ssize_t n;

	put_bytes(path, strlen(path));
	printf(" %06o", st->st_mode);
	if (with_owners)
		printf(" %u:%u", st->st_uid, st->st_gid);
	if (!S_ISDIR(st->st_mode))
		printf(" n=%lu size=%lld", (unsigned long)st->st_nlink,
		    (long long)st->st_size);
	if (with_times)
		printf(" %lld.%09ld", (long long)st->st_mtim.tv_sec,
		    st->st_mtim.tv_nsec);
	if (S_ISREG(st->st_mode))
		put_content(path);
	if (S_ISLNK(st->st_mode)) {
		n = readlink(path, target, sizeof(target));
		if (n < 0)
			fail("readlink", path);
		printf(" ->");
		put_bytes(target, n < 0 ? 0 : (size_t)n);
	}
	put_xattrs(path);
	if (!S_ISDIR(st->st_mode) && st->st_nlink > 1)
		put_first_link(st, path);
	putchar('\n');
}

static int
by_bytes(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

static void
walk(const char *path)
{
	struct dirent **ents;
	struct stat st;
	char *sub;
	int i, n;

	if (lstat(path, &st) < 0) {
		fail("stat", path);
		return;
	}
	put_one(path, &st);
	if (!S_ISDIR(st.st_mode))
		return;
	n = scandir(path, &ents, NULL, by_bytes);
	if (n < 0) {
		fail("scandir", path);
		return;
	}
	for (i = 0; i < n; i++) {
		if (strcmp(ents[i]->d_name, ".") == 0 ||
		    strcmp(ents[i]->d_name, "..") == 0)
			continue;
		if (asprintf(&sub, "%s/%s", path, ents[i]->d_name) < 0)
			abort();
		walk(sub);
		free(sub);
	}
	while (n-- > 0)
		free(ents[n]);
	free(ents);
}

int
main(int argc, char **argv)
{
	int c;

	while ((c = getopt(argc, argv, "TO")) != -1) {
		if (c == 'T')
			with_times = false;
		else if (c == 'O')
			with_owners = false;
		else
			return 64;
	}
	if (optind + 1 != argc || chdir(argv[optind]) < 0) {
		fprintf(stderr, "usage: treedump [-TO] DIR\n");
		return 64;
	}
	walk(".");
	if (fflush(stdout) != 0)
		return 1;
	return failures > 0;
}
