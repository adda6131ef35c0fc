/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/lib/tree_dump.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "crypto/crypto.h"
#include "drive/drive.h"
#include "util/buf.h"
#include "util/text.h"

struct names {
	char **v;
	size_t n, cap;
};

struct dump {
	struct drive *d;
	struct buf *out;
	/* Inodes with more than one name, and where they came first. */
	struct {
		uint64_t ino;
		char *path;
	} seen[256];
	size_t nseen;
};

static int dump_dir(struct dump *u, uint64_t ino, const char *path);

static int
on_name(void *arg, const struct drive_dirent *e)
{
	struct names *l = arg;

	if ((e->name_len == 1 && e->name[0] == '.') ||
	    (e->name_len == 2 && memcmp(e->name, "..", 2) == 0))
		return 0;
	if (l->n == l->cap) {
		l->cap = l->cap ? l->cap * 2 : 64;
		l->v = realloc(l->v, l->cap * sizeof(char *));
		if (!l->v)
			abort();
	}
	l->v[l->n] = strndup(e->name, e->name_len);
	if (!l->v[l->n++])
		abort();
	return 0;
}

static int
by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static int
names_get(struct drive *d, uint64_t ino, struct names *l)
{
	struct drive_dir *dir;
	int r;

	r = drive_opendir(d, ino, &dir);
	if (r < 0)
		return r;
	r = drive_readdir(d, dir, 0, false, on_name, l);
	drive_closedir(dir);
	if (l->n)
		qsort(l->v, l->n, sizeof(char *), by_name);
	return r;
}

static int
dump_content(struct dump *u, uint64_t ino)
{
	static const size_t step = 300 * 1000;	/* over block borders */
	struct drive_file *f;
	struct sha256 *h;
	uint8_t sum[SHA256_LEN];
	char hex[2 * SHA256_LEN + 1];
	uint64_t off = 0;
	ssize_t n;
	char *p;
	int r;

	r = drive_file_open(u->d, ino, O_RDONLY, &f);
	if (r < 0)
		return r;
	p = malloc(step);
	h = sha256_new();
	if (!p || !h)
		abort();
	while ((n = drive_read(f, p, step, off, NULL)) > 0) {
		sha256_add(h, p, (size_t)n);
		off += (uint64_t)n;
	}
	sha256_end(h, sum);
	free(p);
	r = drive_file_close(f);
	hex_encode(sum, sizeof(sum), hex);
	(void)buf_printf(u->out, " read=%llu sha=%s",
	    (unsigned long long)off, hex);
	return n < 0 ? (int)n : r;
}

static int
dump_xattrs(struct dump *u, uint64_t ino)
{
	char list[4096], value[65536], hex[131073];
	struct names l = { .n = 0 };
	ssize_t len, n;
	size_t i;
	char *p;

	len = drive_listxattr(u->d, ino, true, list, sizeof(list));
	if (len < 0)
		return (int)len;
	for (p = list; p < list + len; p += strlen(p) + 1) {
		struct drive_dirent e = { .name = p, .name_len = strlen(p) };

		(void)on_name(&l, &e);
	}
	if (l.n)
		qsort(l.v, l.n, sizeof(char *), by_name);
	for (i = 0; i < l.n; i++) {
		n = drive_getxattr(u->d, ino, l.v[i], value, sizeof(value));
		if (n < 0)
			return (int)n;
		hex_encode(value, (size_t)n, hex);
		(void)buf_printf(u->out, " %s=%.64s/%zd", l.v[i], hex, n);
		free(l.v[i]);
	}
	free(l.v);
	return 0;
}

static void
dump_links(struct dump *u, const struct drive_attr *a, const char *path)
{
	size_t i;

	if (S_ISDIR(a->mode) || a->nlink < 2)
		return;
	for (i = 0; i < u->nseen; i++)
		if (u->seen[i].ino == a->ino) {
			(void)buf_printf(u->out, " same-as=%s",
			    u->seen[i].path);
			return;
		}
	if (u->nseen == 256)
		abort();
	u->seen[u->nseen].ino = a->ino;
	u->seen[u->nseen++].path = strdup(path);
}

static int
dump_node(struct dump *u, const struct drive_attr *a, const char *path)
{
	char target[4096];
	int r = 0;

	(void)buf_printf(u->out, "%s mode=%o uid=%u gid=%u nlink=%u "
	    "mtime=%lld", path, a->mode, a->uid, a->gid, a->nlink,
	    (long long)a->mtime_ns);
	if (!S_ISDIR(a->mode))
		(void)buf_printf(u->out, " size=%llu",
		    (unsigned long long)a->size);
	if (S_ISLNK(a->mode)) {
		r = drive_readlink(u->d, a->ino, target, sizeof(target));
		if (r < 0)
			return r;
		(void)buf_printf(u->out, " -> %s", target);
	}
	if (a->rdev)
		(void)buf_printf(u->out, " dev=%lx", (unsigned long)a->rdev);
	dump_links(u, a, path);
	r = dump_xattrs(u, a->ino);
	if (r == 0 && S_ISREG(a->mode))
		r = dump_content(u, a->ino);
	(void)buf_put_u8(u->out, '\n');
	if (r == 0 && S_ISDIR(a->mode))
		r = dump_dir(u, a->ino, path);
	return r;
}

static int
dump_dir(struct dump *u, uint64_t ino, const char *path)
{
	struct names l = { .n = 0 };
	struct drive_attr a;
	char *sub;
	size_t i;
	int r;

	r = names_get(u->d, ino, &l);
	for (i = 0; i < l.n; i++) {
		if (r == 0)
			r = drive_lookup(u->d, ino, l.v[i], &a);
		if (r == 0) {
			if (asprintf(&sub, "%s/%s", path, l.v[i]) < 0)
				abort();
			r = dump_node(u, &a, sub);
			free(sub);
		}
		free(l.v[i]);
	}
	free(l.v);
	return r;
}

int
tree_dump(struct drive *d, struct buf *out)
{
	struct dump *u = calloc(1, sizeof(*u));
	struct drive_attr a;
	int r;

	if (!u)
		return -ENOMEM;
	u->d = d;
	u->out = out;
	r = drive_getattr(d, DRIVE_ROOT_INO, &a);
	if (r == 0)
		r = dump_node(u, &a, "");
	while (u->nseen > 0)
		free(u->seen[--u->nseen].path);
	free(u);
	return r < 0 ? r : out->err;
}
