/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "store/sftp_priv.h"
#include "util/clock.h"

/*
 * sftp_list - folder after folder.  One is read whole before anything of it
 * is told: the caller may ask the store for what it hears of.
 */

/* What is held of a listing at once, in all folders that it is in the middle
 * of: enough for as many names as below of one. */
#define LIST_BYTES_MAX (128u << 20)
/* More than these in one folder nobody has who can be believed. */
#define LIST_NAMES_MAX (1u << 22)
/* A file under a temporary name that nobody has written to for so long is
 * what a cut upload left; it never was an object. */
#define TEMP_AGE_S (24 * 3600)

/* The entries of one folder. */
struct folder {
	const char *prefix;		/* its name, with '/'; or "" */
	struct buf files, folders;	/* str16 name in it, u64 size */
	size_t room;			/* for both */
	uint32_t names;			/* so far, also others' */
};

static bool
is_old(const struct sftp_attrs *a)
{
	return a->has_mtime && a->has_mode && S_ISREG(a->mode) &&
	    (int64_t)a->mtime + TEMP_AGE_S < clock_real_ns() / 1000000000;
}

static void
temp_remove(struct sftp_conn *c, const struct folder *f, const char *base)
{
	char name[STORE_NAME_MAX + 64], path[SFTP_PATH_MAX];

	if (snprintf(name, sizeof(name), "%s%s", f->prefix, base) <
	    (int)sizeof(name) && sftp_path(c->store, name, path) == 0)
		(void)sftp_ask(c, SFTP_REMOVE, path, NULL);
}

/* Old temporary files' names; str16. */
static void
entry_add(struct folder *f, const struct sftp_name *n, struct buf *temps)
{
	char name[STORE_NAME_MAX + 1];
	int len;

	if (n->len > sizeof(SFTP_TEMP) && n->len < 64 && is_old(&n->attrs) &&
	    memcmp(n->name, SFTP_TEMP, sizeof(SFTP_TEMP) - 1) == 0) {
		(void)buf_put_str16(temps, n->name, n->len);
		return;
	}
	len = snprintf(name, sizeof(name), "%s%.*s", f->prefix, (int)n->len,
	    n->name);
	if (n->len == 0 || len < 0 || (size_t)len >= sizeof(name) ||
	    memchr(n->name, '/', n->len) || !store_name_ok(name) ||
	    !n->attrs.has_mode)
		return;
	if (S_ISDIR(n->attrs.mode)) {
		(void)buf_put_str16(&f->folders, n->name, n->len);
	} else if (S_ISREG(n->attrs.mode) && n->attrs.has_size) {
		(void)buf_put_str16(&f->files, n->name, n->len);
		(void)buf_put_u64(&f->files, n->attrs.size);
	}
}

static int
names_take(struct folder *f, struct sftp_msg *m, struct buf *temps)
{
	struct sftp_name n;
	int r;

	if (m->names_left == 0)
		return -EPROTO;		/* it would never end */
	while ((r = sftp_msg_next(m, &n)) > 0) {
		if (++f->names > LIST_NAMES_MAX)
			return -EPROTO;
		entry_add(f, &n, temps);
		if (f->files.len + f->folders.len > f->room)
			return -EFBIG;
	}
	if (r == 0)
		r = f->files.err ? f->files.err : f->folders.err;
	return r;
}

static void
temps_remove(struct sftp_conn *c, const struct folder *f, struct buf *temps)
{
	struct rd in = rd_of(temps->data, temps->len);
	const uint8_t *p;
	char name[64];
	size_t len;

	while (in.left && !in.err && !c->is_broken) {
		p = rd_str16(&in, sizeof(name) - 1, &len);
		if (!p)
			break;
		memcpy(name, p, len);
		name[len] = '\0';
		temp_remove(c, f, name);
	}
}

static int
folder_read(struct sftp_conn *c, void *arg)
{
	struct buf temps = BUF_INIT(1u << 20);
	struct folder *f = arg;
	char path[SFTP_PATH_MAX];
	struct sftp_attrs a;
	struct sftp_handle h;
	struct sftp_msg m;
	char name[STORE_NAME_MAX + 1];
	size_t len = strlen(f->prefix);
	int r;

	buf_reset(&f->files);
	buf_reset(&f->folders);
	f->names = 0;
	memcpy(name, f->prefix, len);
	name[len ? len - 1 : 0] = '\0';
	r = sftp_path(c->store, name, path);
	if (r == 0)
		r = sftp_opendir(c, path, &h);
	if (r == -ENOENT)
		r = sftp_missing(c);
	/* What some say of a file that is to be opened as a folder. */
	if (r == -EIO && sftp_lstat(c, path, &a) == 0 && a.has_mode &&
	    !S_ISDIR(a.mode))
		r = -ENOENT;
	if (r < 0)
		return r;
	while ((r = sftp_readdir(c, &h, &m)) == 0) {
		r = names_take(f, &m, &temps);
		if (r < 0) {
			(void)sftp_break(c, r);
			break;
		}
	}
	if (r == -ENODATA)
		r = 0;
	if (!c->is_broken) {
		(void)sftp_close(c, &h);
		temps_remove(c, f, &temps);
	}
	buf_done(&temps);
	return r;
}

struct walk {
	struct sftp *s;
	int (*fn)(void *arg, const char *name, uint64_t size);
	void *arg;
	size_t held;			/* by the folders that it is in */
};

static int walk_folder(struct walk *w, const char *prefix, unsigned depth);

/* The next name, whole; false at the end. */
static bool
name_next(const struct folder *f, struct rd *in,
    char ret[static STORE_NAME_MAX + 1])
{
	const uint8_t *p;
	size_t len;

	if (!in->left)
		return false;
	p = rd_str16(in, STORE_NAME_MAX, &len);
	if (!p)
		return false;
	/* It fitted when it was read. */
	(void)snprintf(ret, STORE_NAME_MAX + 1, "%s%.*s", f->prefix, (int)len,
	    (const char *)p);
	return true;
}

static int
walk_told(struct walk *w, struct folder *f, unsigned depth)
{
	struct rd in = rd_of(f->files.data, f->files.len);
	char name[STORE_NAME_MAX + 1], sub[STORE_NAME_MAX + 2];
	uint64_t size;
	int r = 0;

	while (r == 0 && name_next(f, &in, name)) {
		size = rd_u64(&in);
		r = in.err ? in.err : w->fn(w->arg, name, size);
	}
	buf_done(&f->files);
	w->held += f->folders.len;
	in = rd_of(f->folders.data, f->folders.len);
	while (r == 0 && depth < STORE_LIST_DEPTH_MAX &&
	    name_next(f, &in, name)) {
		(void)snprintf(sub, sizeof(sub), "%s/", name);
		if (store_prefix_ok(sub))
			r = walk_folder(w, sub, depth + 1);
	}
	w->held -= f->folders.len;
	return r;
}

/* At most STORE_LIST_DEPTH_MAX deep. */
static int
walk_folder(struct walk *w, const char *prefix, unsigned depth)
{
	struct folder f = { .prefix = prefix,
	    .files = BUF_INIT(LIST_BYTES_MAX),
	    .folders = BUF_INIT(LIST_BYTES_MAX),
	    .room = LIST_BYTES_MAX - w->held };
	int r;

	r = sftp_run(w->s, folder_read, &f);
	if (r == -ENOENT)
		r = 0;		/* nothing there, or no more */
	else if (r == 0)
		r = walk_told(w, &f, depth);
	buf_done(&f.files);
	buf_done(&f.folders);
	return r;
}

int
sftp_list(struct store *st, const char *prefix,
    int (*fn)(void *arg, const char *name, uint64_t size), void *arg)
{
	struct walk w = { (struct sftp *)st, fn, arg, 0 };

	return walk_folder(&w, prefix, 0);
}
