/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>

#include "store/sftp_priv.h"
#include "util/err.h"
#include "util/text.h"

/*
 * store_sftp - objects are files on a host that lets us in by SSH, written
 * as the folder store writes them: under a temporary name, flushed to the
 * disk where the server can, then renamed.
 */

int
sftp_path(const struct sftp *s, const char *name,
    char ret[static SFTP_PATH_MAX])
{
	int n;

	if (strcmp(s->root, ".") == 0)
		n = snprintf(ret, SFTP_PATH_MAX, "%s", *name ? name : ".");
	else
		n = snprintf(ret, SFTP_PATH_MAX, "%s%s%s", s->root,
		    *name || !*s->root ? "/" : "", name);
	return n >= SFTP_PATH_MAX ? -ENAMETOOLONG : 0;
}

int
sftp_missing(struct sftp_conn *c)
{
	char path[SFTP_PATH_MAX];
	struct sftp_attrs a;
	struct sftp_msg m;
	int r;

	r = sftp_path(c->store, "", path);
	if (r == 0)
		r = sftp_lstat(c, path, &a);
	/* A link to where the disk is mounted will do. */
	if (r == 0 && a.has_mode && S_ISLNK(a.mode))
		r = sftp_ask(c, SFTP_STAT, path, &m);
	if (r == 0)
		return -ENOENT;
	if (r != -ENOENT)
		return r;
	sftp_say(c, "the folder '%.100s' is not there on %.80s: is its "
	    "disk mounted?", path, c->store->host);
	return -EHOSTUNREACH;
}

/* ---- put ---- */

struct put {
	const char *name;
	const void *p;
	size_t len;
	bool is_if_absent;
};

/* A refusal to write has one code for all reasons. */
static int
no_room(struct sftp_conn *c, int r)
{
	if (r != -EIO)
		return r;
	sftp_say(c, "%.100s cannot write: its disk is full or broken, "
	    "or a quota is used up", c->store->host);
	return -ENOSPC;
}

/* Make the folders of path that lie below the root. */
static int
parents_make(struct sftp_conn *c, const char *name)
{
	char part[STORE_NAME_MAX + 1], path[SFTP_PATH_MAX];
	struct sftp_attrs a;
	char *slash;
	int r;

	(void)snprintf(part, sizeof(part), "%s", name);
	r = sftp_missing(c);
	if (r != -ENOENT)
		return r;
	r = 0;
	for (slash = strchr(part, '/'); r == 0 && slash;
	    slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		r = sftp_path(c->store, part, path);
		if (r == 0)
			r = sftp_mkdir(c, path);
		/* It may be there, now or all the time. */
		if (r < 0 && !c->is_broken && sftp_lstat(c, path, &a) == 0)
			r = 0;
		*slash = '/';
	}
	return no_room(c, r);
}

/* The path of a new file in the folder of name. */
static int
temp_path(const struct sftp *s, const char *name,
    char ret[static SFTP_PATH_MAX])
{
	const char *slash = strrchr(name, '/');
	uint8_t rnd[10];
	char text[BASE32_LEN(sizeof(rnd)) + 1], temp[STORE_NAME_MAX + 64];

	if (getrandom(rnd, sizeof(rnd), 0) != sizeof(rnd))
		return -EIO;
	base32_encode(rnd, sizeof(rnd), text);
	(void)snprintf(temp, sizeof(temp), "%.*s" SFTP_TEMP "%s",
	    slash ? (int)(slash - name + 1) : 0, name, text);
	return sftp_path(s, temp, ret);
}

/* Some claim to have written what they had no room for. */
static int
temp_check(struct sftp_conn *c, const struct put *p, const char *temp)
{
	struct sftp_attrs a;
	int r;

	r = sftp_lstat(c, temp, &a);
	if (c->is_broken)
		return r;
	if (r < 0 || !a.has_size || a.size == p->len)
		return 0;
	sftp_say(c, "%.80s kept less than it was given and said nothing: "
	    "its disk is full or broken", c->store->host);
	return -ENOSPC;
}

static int
temp_write(struct sftp_conn *c, const struct put *p, const char *temp)
{
	const unsigned flags = SFTP_O_WRITE | SFTP_O_CREAT | SFTP_O_EXCL;
	struct sftp_handle h;
	int r, r2;

	r = sftp_open(c, temp, flags, &h);
	if (r == -ENOENT) {
		r = parents_make(c, p->name);
		if (r == 0)
			r = sftp_open(c, temp, flags, &h);
		if (r == -ENOENT)
			r = -EHOSTUNREACH;	/* taken away again */
	}
	if (r < 0)
		return r;
	r = sftp_write(c, &h, p->p, p->len);
	if (r == 0)
		r = sftp_fsync(c, &h);
	if (c->is_broken)
		return r;
	r2 = sftp_close(c, &h);
	if (r == 0)
		r = r2;
	return r < 0 ? r : temp_check(c, p, temp);
}

/* Give the finished file its name.  Until this was asked for, nothing has
 * happened that counts. */
static int
temp_name(struct sftp_conn *c, const struct put *p, const char *temp,
    const char *path)
{
	struct sftp_attrs a;
	int r;

	if (!p->is_if_absent && (c->exts & SFTP_EXT_POSIX_RENAME)) {
		r = sftp_replace(c, temp, path);
		if (r != -EOPNOTSUPP)
			return r;
	}
	r = sftp_rename(c, temp, path);
	if (r == 0 || c->is_broken || sftp_lstat(c, path, &a) < 0)
		return r;
	if (p->is_if_absent)
		return -EEXIST;
	/* It cannot replace: for a moment there is no object. */
	r = sftp_ask(c, SFTP_REMOVE, path, NULL);
	return r < 0 ? r : sftp_rename(c, temp, path);
}

static int
put_over(struct sftp_conn *c, void *arg)
{
	char path[SFTP_PATH_MAX], temp[SFTP_PATH_MAX];
	const struct put *p = arg;
	struct sftp_attrs a;
	int r;

	r = sftp_path(c->store, p->name, path);
	if (r == 0)
		r = temp_path(c->store, p->name, temp);
	/* Spare the line the bytes; the answer that counts comes later. */
	if (r == 0 && p->is_if_absent) {
		r = sftp_lstat(c, path, &a);
		if (r != -ENOENT)
			return r == 0 ? -EEXIST : r == -ETIMEDOUT ?
			    -EHOSTUNREACH : r;
		r = 0;
	}
	if (r == 0)
		r = temp_write(c, p, temp);
	if (c->is_broken)
		return r == -ETIMEDOUT ? -EHOSTUNREACH : r;
	if (r == 0) {
		r = temp_name(c, p, temp, path);
		if (c->is_broken)
			return -ETIMEDOUT;
		if (r == -ENOENT)
			r = -EHOSTUNREACH;
	}
	if (r < 0)
		(void)sftp_ask(c, SFTP_REMOVE, temp, NULL);
	return no_room(c, r);
}

static int
sftp_put(struct store *st, const char *name, const void *p, size_t len,
    unsigned flags)
{
	struct put arg = { name, p, len, flags & STORE_IF_ABSENT };

	return sftp_run((struct sftp *)st, put_over, &arg);
}

/* ---- get ---- */

struct get {
	const char *name;
	bool is_whole;
	uint64_t off;
	size_t len;
	struct buf *out;
};

static int
get_size(struct sftp_conn *c, struct sftp_handle *h, struct get *g)
{
	struct sftp_attrs a;
	int r;

	r = sftp_fstat(c, h, &a);
	if (r < 0)
		return r;
	if (!a.has_size || (a.has_mode && !S_ISREG(a.mode)))
		return -ENOENT;
	if (!g->is_whole)
		return g->off > a.size ? -ERANGE : 0;
	if (a.size > g->out->max - g->out->len)
		return -EFBIG;
	g->len = (size_t)a.size;
	return 0;
}

static int
get_bytes(struct sftp_conn *c, struct sftp_handle *h, struct get *g)
{
	uint8_t *p;
	int r;

	p = buf_reserve(g->out, g->len);
	if (!p) {
		r = g->out->err;
		g->out->err = 0;
		return r;
	}
	r = sftp_read(c, h, g->off, p, g->len);
	if (r == 0)
		g->out->len += g->len;
	else if (r == -ERANGE && g->is_whole)
		r = -EPROTO;	/* objects do not shrink */
	return r;
}

static int
get_over(struct sftp_conn *c, void *arg)
{
	char path[SFTP_PATH_MAX];
	struct get *g = arg;
	struct sftp_handle h;
	int r;

	r = sftp_path(c->store, g->name, path);
	if (r == 0)
		r = sftp_open(c, path, SFTP_O_READ, &h);
	if (r == -ENOENT)
		return sftp_missing(c);
	if (r < 0)
		return r;
	if (g->is_whole || g->len == 0)
		r = get_size(c, &h, g);
	if (r == 0 && g->len > 0)
		r = get_bytes(c, &h, g);
	if (!c->is_broken)
		(void)sftp_close(c, &h);
	return r;
}

static int
sftp_get(struct store *st, const char *name, struct buf *out)
{
	struct get g = { .name = name, .is_whole = true, .out = out };

	return sftp_run((struct sftp *)st, get_over, &g);
}

static int
sftp_get_range(struct store *st, const char *name, uint64_t off, size_t len,
    struct buf *out)
{
	struct get g = { .name = name, .off = off, .len = len, .out = out };

	return sftp_run((struct sftp *)st, get_over, &g);
}

/* ---- the rest ---- */

static int
del_over(struct sftp_conn *c, void *arg)
{
	char path[SFTP_PATH_MAX];
	struct sftp_attrs a;
	int r;

	r = sftp_path(c->store, arg, path);
	if (r == 0)
		r = sftp_ask(c, SFTP_REMOVE, path, NULL);
	if (c->is_broken)
		return r == -EPROTO ? r : -ETIMEDOUT;
	if (r == -EIO)
		r = sftp_lstat(c, path, &a) == 0 && a.has_mode &&
		    S_ISDIR(a.mode) ? -ENOENT : -ETIMEDOUT;
	return r == -ENOENT ? sftp_missing(c) : r;
}

static int
sftp_del(struct store *st, const char *name)
{
	char copy[STORE_NAME_MAX + 1];

	(void)snprintf(copy, sizeof(copy), "%s", name);
	return sftp_run((struct sftp *)st, del_over, copy);
}

struct space {
	struct store_space *ret;
	bool is_unknown;
};

static int
space_over(struct sftp_conn *c, void *arg)
{
	char path[SFTP_PATH_MAX];
	struct space *sp = arg;
	int r;

	r = sftp_path(c->store, "", path);
	if (r == 0)
		r = sftp_statvfs(c, path, sp->ret);
	sp->is_unknown = r == -EOPNOTSUPP;
	if (sp->is_unknown)
		return 0;
	return r == -ENOENT ? sftp_missing(c) : r;
}

static int
sftp_space(struct store *st, struct store_space *ret)
{
	struct space sp = { .ret = ret };
	int r = sftp_run((struct sftp *)st, space_over, &sp);

	return r == 0 && sp.is_unknown ? -EOPNOTSUPP : r;
}

static unsigned
sftp_caps(struct store *st)
{
	struct sftp *s = (struct sftp *)st;
	unsigned caps;

	mutex_lock(&s->lock);
	caps = s->caps;
	mutex_unlock(&s->lock);
	return caps;
}

static void
sftp_get_hint(struct store *st, struct store_hint *ret)
{
	struct sftp *s = (struct sftp *)st;

	mutex_lock(&s->lock);
	*ret = s->hint;
	mutex_unlock(&s->lock);
}

static void
sftp_close_store(struct store *st)
{
	struct sftp *s = (struct sftp *)st;

	sftp_conns_close(s);
	cond_done(&s->changed);
	mutex_done(&s->lock);
	if (s->password)
		explicit_bzero(s->password, strlen(s->password));
	free(s->password);
	free(s->host);
	free(s->user);
	free(s->key_file);
	free(s->pin);
	free(s->hosts_file);
	free(s->root);
	store_done(st);
	free(s);
}

const struct store_ops sftp_ops = {
	.put = sftp_put,
	.get = sftp_get,
	.get_range = sftp_get_range,
	.del = sftp_del,
	.list = sftp_list,
	.space = sftp_space,
	.caps = sftp_caps,
	.probe = sftp_probe,
	.notes = sftp_notes,
	.get_hint = sftp_get_hint,
	.interrupt = sftp_interrupt,
	.close = sftp_close_store,
};
