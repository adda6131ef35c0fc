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
#define PIECE 4096

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

static bool
is_zero(const unsigned char *p, size_t n)
{
	return p[0] == 0 && memcmp(p, p + 1, n - 1) == 0;
}

static uint64_t
fnv(uint64_t h, const unsigned char *p, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++)
		h = (h ^ p[i]) * 1099511628211u;
	return h;
}

/*
 * A hash of all that is not zero and where it is, so that a hole and zeros are
 * the same and a terabyte of hole costs nothing.
 */
static void
put_content(const char *path)
{
	static unsigned char buf[1 << 20];
	uint64_t h = 14695981039346656037u;
	off_t at = 0;
	ssize_t n = 0, i;
	int fd;

	fd = open(path, O_RDONLY | O_NOFOLLOW | O_NOATIME);
	if (fd < 0) {
		fail("open", path);
		return;
	}
	while ((at = lseek(fd, at, SEEK_DATA)) >= 0) {
		at -= at % PIECE;
		n = pread(fd, buf, sizeof(buf), at);
		if (n <= 0)
			break;
		for (i = 0; i < n; i += PIECE) {
			size_t len = (size_t)(n - i < PIECE ? n - i : PIECE);

			if (is_zero(buf + i, len))
				continue;
			h = fnv(h, (const unsigned char *)&(off_t){ at + i },
			    sizeof(off_t));
			h = fnv(h, buf + i, len);
		}
		at += n;
	}
	if (n < 0 || (at < 0 && errno != ENXIO))
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

/* path is for people, name in the current folder. */
static void
put_one(const char *path, const char *name, const struct stat *st)
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
	if (S_ISCHR(st->st_mode) || S_ISBLK(st->st_mode))
		printf(" dev=%lx", (unsigned long)st->st_rdev);
	if (S_ISREG(st->st_mode))
		put_content(name);
	if (S_ISLNK(st->st_mode)) {
		n = readlink(name, target, sizeof(target));
		if (n < 0)
			fail("readlink", name);
		printf(" ->");
		put_bytes(target, n < 0 ? 0 : (size_t)n);
	}
	put_xattrs(name);
	if (!S_ISDIR(st->st_mode) && st->st_nlink > 1)
		put_first_link(st, path);
	putchar('\n');
}

static int
by_bytes(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

/* Goes into each folder: a path may be longer than a call takes. */
static void
walk(const char *path, const char *name)
{
	struct dirent **ents;
	struct stat st;
	char *sub;
	int i, n;

	if (lstat(name, &st) < 0) {
		fail("stat", name);
		return;
	}
	put_one(path, name, &st);
	if (!S_ISDIR(st.st_mode))
		return;
	n = chdir(name) < 0 ? -1 : scandir(".", &ents, NULL, by_bytes);
	if (n < 0) {
		fail("scandir", name);
		return;
	}
	for (i = 0; i < n; i++) {
		if (strcmp(ents[i]->d_name, ".") != 0 &&
		    strcmp(ents[i]->d_name, "..") != 0) {
			if (asprintf(&sub, "%s/%s", path,
			    ents[i]->d_name) < 0)
				abort();
			walk(sub, ents[i]->d_name);
			free(sub);
		}
		free(ents[i]);
	}
	free(ents);
	if (strcmp(name, ".") != 0 && chdir("..") < 0)
		fail("chdir", "..");
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
	walk(".", ".");
	if (fflush(stdout) != 0)
		return 1;
	return failures > 0;
}
