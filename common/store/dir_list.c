/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "store/dir_priv.h"

/* dir_list - the names under a folder, depth first. */

struct level {
	DIR *dir;
	size_t len;		/* of the walk's path, slash included */
};

struct walk {
	char path[STORE_NAME_MAX + 2];
	struct level level[STORE_LIST_DEPTH_MAX];
	int depth;
	int (*fn)(void *arg, const char *name, uint64_t size);
	void *arg;
};

static int
level_push(struct walk *w, int at, const char *name, size_t len)
{
	DIR *dir;
	int fd, r;

	if (w->depth == STORE_LIST_DEPTH_MAX)
		return 0;	/* no name of ours is so deep */
	fd = openat(at, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW |
	    O_CLOEXEC);
	if (fd < 0)
		return errno == ENOENT || errno == ENOTDIR ? 0 :
		    dir_errno(errno);
	dir = fdopendir(fd);
	if (!dir) {
		r = dir_errno(errno);
		(void)close(fd);
		return r;
	}
	w->level[w->depth].dir = dir;
	w->level[w->depth++].len = len;
	return 0;
}

/* What a writer left that died; one that lives is younger. */
static void
temp_clean(int at, const char *name, const struct stat *st)
{
	time_t now = time(NULL);

	if (S_ISREG(st->st_mode) && st->st_mtime < now &&
	    now - st->st_mtime > DIR_TEMP_AGE_S)
		(void)unlinkat(at, name, 0);
}

static int
entry(struct walk *w, const char *name)
{
	struct level *l = &w->level[w->depth - 1];
	size_t n = strlen(name);
	int at = dirfd(l->dir);
	struct stat st;

	if (name[0] == '.' && strncmp(name, DIR_TEMP, strlen(DIR_TEMP)) != 0)
		return 0;
	if (l->len + n > STORE_NAME_MAX)
		return 0;
	if (fstatat(at, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT ? 0 : dir_errno(errno);
	if (name[0] == '.') {
		temp_clean(at, name, &st);
		return 0;
	}
	memcpy(w->path + l->len, name, n + 1);
	if (!store_name_ok(w->path))
		return 0;
	if (S_ISREG(st.st_mode))
		return w->fn(w->arg, w->path, (uint64_t)st.st_size);
	if (!S_ISDIR(st.st_mode))
		return 0;
	w->path[l->len + n] = '/';
	return level_push(w, at, name, l->len + n + 1);
}

int
dir_list(struct store *s, const char *prefix,
    int (*fn)(void *arg, const char *name, uint64_t size), void *arg)
{
	struct walk w = { .fn = fn, .arg = arg };
	struct dirent *d;
	struct level *l;
	int root, r;

	root = dir_root((struct dir *)s);
	if (root < 0)
		return root;
	(void)snprintf(w.path, sizeof(w.path), "%s", prefix);
	r = level_push(&w, root, *prefix ? prefix : ".", strlen(prefix));
	while (r == 0 && w.depth > 0) {
		l = &w.level[w.depth - 1];
		errno = 0;
		d = readdir(l->dir);
		if (!d) {
			r = errno ? dir_errno(errno) : 0;
			(void)closedir(l->dir);
			w.depth--;
			continue;
		}
		r = entry(&w, d->d_name);
	}
	while (w.depth > 0)
		(void)closedir(w.level[--w.depth].dir);
	(void)close(root);
	return r;
}
