/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * fsck: every row opens, every name has its inode and every inode its names,
 * folders form one tree.  It works on a picture of all inodes in memory and
 * holds the lock from beginning to end.
 */
#include "drive/fsck_priv.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "util/buf.h"

#define BATCH 128
#define DEPTH_MAX 1000000

/* ---- findings ------------------------------------------------------------ */

void
fsck_say(struct fsck *f, bool is_mended, const char *fmt, ...)
{
	char text[1024], **t;
	va_list ap;

	if (!is_mended)
		f->left++;
	if (f->nsay >= FINDINGS_MAX)
		return;
	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (f->nsay == f->say_cap) {
		size_t cap = f->say_cap ? f->say_cap * 2 : 32;

		t = realloc(f->say, cap * sizeof(*t));
		if (!t)
			return;
		f->say = t;
		f->say_cap = cap;
	}
	f->say[f->nsay] = strdup(text);
	if (f->say[f->nsay])
		f->nsay++;
}

int
fsck_goes_on(const struct fsck *f)
{
	return f->stop && f->stop(f->arg) ? -ECANCELED : 0;
}

const char *
fsck_path(struct fsck *f, uint64_t ino, char *out) NO_TSA
{
	struct buf b = BUF_INIT(65536);

	if (path_of(f->d, ino, &b) == 0 && buf_cstr(&b))
		(void)snprintf(out, 512, "'%s'", buf_cstr(&b));
	else
		(void)snprintf(out, 512, "inode %llu",
		    (unsigned long long)ino);
	buf_done(&b);
	return out;
}

struct fnode *
fsck_node(struct fsck *f, uint64_t ino)
{
	struct fnode *n;

	HASH_FIND(hh, f->nodes, &ino, sizeof(ino), n);
	return n;
}

static int
bad_add(struct fsck *f, const struct place *at, bool is_open)
{
	struct fplace *t;

	if (f->nbad == f->bad_cap) {
		size_t cap = f->bad_cap ? f->bad_cap * 2 : 32;

		t = realloc(f->bad, cap * sizeof(*t));
		if (!t)
			return -ENOMEM;
		f->bad = t;
		f->bad_cap = cap;
	}
	f->bad[f->nbad].at = *at;
	f->bad[f->nbad].folder = 0;
	f->bad[f->nbad++].is_open = is_open;
	return 0;
}

/* ---- inodes -------------------------------------------------------------- */

int
fsck_add(struct fsck *f, const struct inode *i, bool is_unread)
{
	struct fnode *n = calloc(1, sizeof(*n));

	if (!n)
		return -ENOMEM;
	n->ino = i->ino;
	n->is_unread = is_unread;
	n->kind = i->kind;
	n->flags = i->flags;
	n->nlink = i->nlink;
	n->parent = i->parent;
	n->id = i->id;
	HASH_ADD(hh, f->nodes, ino, sizeof(n->ino), n);
	if (HASH_IS_OUT(n)) {
		free(n);
		return -ENOMEM;
	}
	return 0;
}

static int
inodes_scan(struct fsck *f) NO_TSA
{
	struct drive *d = f->d;
	struct fnode *top;
	struct inode i;
	struct stmt *s;
	const void *row;
	bool is_unread;
	uint64_t ino;
	size_t len;
	int r;

	s = db_stmt(d->db, STMT_FSCK_INODE, "SELECT ino, row FROM inode");
	while ((r = stmt_step(s)) == 1) {
		ino = (uint64_t)stmt_get_i64(s, 0);
		row = stmt_get_blob(s, 1, &len);
		is_unread = inode_decode(d, ino, row, len, &i) < 0;
		if (is_unread) {
			memset(&i, 0, sizeof(i));
			i.ino = ino;
			fsck_say(f, false, "inode %llu: its row does not "
			    "verify", (unsigned long long)ino);
		} else if (i.kind < OP_KIND_FILE || i.kind > OP_KIND_BLOCK) {
			fsck_say(f, false, "inode %llu: unknown kind %u",
			    (unsigned long long)ino, i.kind);
		}
		r = fsck_add(f, &i, is_unread);
		if (r == 0)
			r = fsck_goes_on(f);
		if (r < 0)
			break;
	}
	stmt_reset(s);
	crypto_wipe(&i, sizeof(i));
	top = fsck_node(f, DRIVE_ROOT_INO);
	if (r == 0 && (!top || top->is_unread)) {
		fsck_say(f, false, "the top folder is missing");
		r = -EIO;
	}
	return r;
}

/* ---- names --------------------------------------------------------------- */

static int
name_count(struct fnode *n, struct fnode *p, const struct dentry *x)
{
	n->names++;
	if (x->did == x->ino) {
		n->has_first = true;
		n->first_parent = x->parent;
	}
	if (p && x->kind == OP_KIND_DIR)
		p->subdirs++;
	return 0;
}

/* One name: counted, or found bad. */
static int
name_check_one(struct fsck *f, const struct dentry *x) NO_TSA
{
	struct fnode *n = fsck_node(f, x->ino), *p = fsck_node(f, x->parent);
	struct place at;
	char path[512];

	place_of(f->d, x->parent, x->name, x->name_len, &at);
	if (memcmp(&at, &x->at, sizeof(at)) != 0) {
		fsck_say(f, f->repair, "name '%s': it stands in a wrong "
		    "place", x->name);
		return bad_add(f, &x->at, true);
	}
	if (!n) {
		fsck_say(f, f->repair, "name '%s' in %s: nothing is there",
		    x->name, fsck_path(f, x->parent, path));
		return bad_add(f, &x->at, true);
	}
	/* The others have it whole: were its name to go, so would it there,
	 * or from the next checkpoint. */
	if (n->is_unread) {
		fsck_say(f, false, "name '%s' in %s: the row of what it names "
		    "does not verify", x->name,
		    fsck_path(f, x->parent, path));
		return name_count(n, p, x);
	}
	if (!p || (p->kind != OP_KIND_DIR && !p->is_unread)) {
		fsck_say(f, f->repair, "name '%s': its folder is missing",
		    x->name);
		return bad_add(f, &x->at, true);
	}
	if (n->kind != x->kind) {
		fsck_say(f, f->repair, "name '%s' in %s: it is of another "
		    "kind than what it names", x->name,
		    fsck_path(f, x->parent, path));
		return bad_add(f, &x->at, true);
	}
	if (n->kind == OP_KIND_DIR && (n->names > 0 || x->did != x->ino)) {
		fsck_say(f, f->repair, "folder %s: it has a second name, "
		    "'%s'", fsck_path(f, x->ino, path), x->name);
		return bad_add(f, &x->at, true);
	}
	return name_count(n, p, x);
}

/* Paths are looked up for findings, so rows are read in batches. */
struct raw {
	struct place at;
	bool is_open;
	struct dentry x;
};

static int
names_batch(struct fsck *f, struct raw *v, struct place *last, bool is_first)
    NO_TSA
{
	const void *p;
	struct stmt *s;
	size_t len;
	int r, n = 0;

	s = db_stmt(f->d->db, STMT_FSCK_DENTRY, "SELECT dkey, ntag, row "
	    "FROM dentry WHERE (dkey, ntag) > (?1, ?2) "
	    "ORDER BY dkey, ntag LIMIT ?3");
	stmt_i64(s, 1, is_first ? INT64_MIN : last->dkey);
	stmt_blob(s, 2, last->ntag, is_first ? 0 : TAG_LEN);
	stmt_i64(s, 3, BATCH);
	while ((r = stmt_step(s)) == 1 && n < BATCH) {
		v[n].at.dkey = stmt_get_i64(s, 0);
		p = stmt_get_blob(s, 1, &len);
		if (len != TAG_LEN) {
			r = -EIO;
			break;
		}
		memcpy(v[n].at.ntag, p, TAG_LEN);
		p = stmt_get_blob(s, 2, &len);
		v[n].is_open = dentry_decode(f->d, &v[n].at, p, len,
		    &v[n].x) == 0;
		*last = v[n++].at;
	}
	stmt_reset(s);
	return r < 0 ? r : n;
}

static int
names_scan(struct fsck *f) NO_TSA
{
	struct place last;
	struct raw *v;
	bool is_first = true;
	int r = 0, n, k;

	memset(&last, 0, sizeof(last));
	v = calloc(BATCH, sizeof(*v));
	if (!v)
		return -ENOMEM;
	do {
		n = names_batch(f, v, &last, is_first);
		is_first = false;
		r = n < 0 ? n : fsck_goes_on(f);
		for (k = 0; k < n && r == 0; k++) {
			if (v[k].is_open) {
				r = name_check_one(f, &v[k].x);
				continue;
			}
			fsck_say(f, f->repair, "a name's row does not "
			    "verify");
			r = bad_add(f, &v[k].at, false);
		}
	} while (r == 0 && n == BATCH);
	free(v);
	return r;
}

/* ---- the tree ------------------------------------------------------------ */

/* Does a way lead from folder n to the root?  0 if not (a cycle). */
static bool
climb(struct fsck *f, struct fnode *n, uint64_t mark)
{
	struct fnode *p = n;
	unsigned depth;
	bool is_up = false;

	for (depth = 0; p && depth < DEPTH_MAX; depth++) {
		if (p->is_reached || p->ino == DRIVE_ROOT_INO) {
			is_up = true;
			break;
		}
		/* One without a name is judged by itself; one that cannot be
		 * read stays where it is. */
		if (!p->has_first || p->is_unread) {
			is_up = true;
			break;
		}
		if (p->mark == mark)
			break;
		p->mark = mark;
		p = fsck_node(f, p->first_parent);
	}
	for (p = n; is_up && p && p->ino != DRIVE_ROOT_INO &&
	    !p->is_reached && p->has_first && !p->is_unread;
	    p = fsck_node(f, p->first_parent))
		p->is_reached = true;
	return is_up;
}

static int
tree_check(struct fsck *f)
{
	struct fnode *n, *t;
	uint64_t mark = 0;
	int r = 0;

	HASH_ITER(hh, f->nodes, n, t) {
		if (n->kind != OP_KIND_DIR || n->ino == DRIVE_ROOT_INO ||
		    climb(f, n, ++mark))
			continue;
		fsck_say(f, f->repair, "folder inode %llu lies inside "
		    "itself", (unsigned long long)n->ino);
		if (!f->repair)
			continue;
		r = fsck_hang(f, n);
		if (r < 0)
			return r;
		n->is_reached = true;
	}
	return 0;
}

static int
node_check(struct fsck *f, struct fnode *n)
{
	bool is_orphan = (n->flags & INODE_ORPHAN) != 0;
	uint32_t want = n->kind == OP_KIND_DIR ? 2 + n->subdirs : n->names;
	uint64_t parent = n->has_first ? n->first_parent : 0;
	char path[512];

	if (n->is_unread)
		return 0;
	if (n->ino == DRIVE_ROOT_INO)
		parent = DRIVE_ROOT_INO;
	else if (n->names == 0) {
		if (is_orphan)
			return 0;
		fsck_say(f, f->repair, "inode %llu: it has no name",
		    (unsigned long long)n->ino);
		return f->repair ? fsck_hang(f, n) : 0;
	}
	if (is_orphan) {
		fsck_say(f, f->repair, "%s: it counts as deleted",
		    fsck_path(f, n->ino, path));
	} else if (n->nlink != want) {
		fsck_say(f, f->repair, "%s: %u links are counted, there are "
		    "%u", fsck_path(f, n->ino, path), n->nlink, want);
	} else if (n->parent != parent) {
		fsck_say(f, f->repair, "%s: it names a wrong folder",
		    fsck_path(f, n->ino, path));
	} else {
		return 0;
	}
	return f->repair ? fsck_mend_inode(f, n) : 0;
}

static int
nodes_check(struct fsck *f)
{
	struct fnode *n, *t;
	int r = 0;

	HASH_ITER(hh, f->nodes, n, t) {
		r = node_check(f, n);
		if (r == 0)
			r = fsck_goes_on(f);
		if (r < 0)
			break;
	}
	return r;
}

/* ---- all of it ----------------------------------------------------------- */

static int
fsck_tree(struct fsck *f) NO_TSA
{
	int r;

	r = drive_begin_internal(f->d);
	if (r < 0)
		return r;
	r = inodes_scan(f);
	if (r == 0)
		r = names_scan(f);
	if (r == 0 && f->repair)
		r = fsck_drop(f);
	if (r == 0)
		r = tree_check(f);
	if (r == 0)
		r = nodes_check(f);
	if (r == 0)
		r = fsck_refs(f);
	return drive_end(f->d, r);
}

int
drive_fsck_until(struct drive *d, bool repair, bool (*stop)(void *arg),
    void (*say)(void *arg, const char *finding), void *arg)
{
	struct fsck f = { .d = d, .repair = repair, .stop = stop, .arg = arg };
	struct fnode *n, *t;
	size_t k;
	int r;

	r = fsck_tree(&f);
	fsck_tell(&f, r == 0);
	HASH_ITER(hh, f.nodes, n, t) {
		HASH_DEL(f.nodes, n);
		free(n);
	}
	for (k = 0; k < f.nsay; k++) {
		say(arg, f.say[k]);
		free(f.say[k]);
	}
	free(f.say);
	free(f.bad);
	if (r < 0)
		return r;
	r = content_fsck(d, repair, stop, say, arg);
	return r < 0 ? r : r + f.left;
}

int
drive_fsck(struct drive *d, bool repair,
    void (*say)(void *arg, const char *finding), void *arg)
{
	return drive_fsck_until(d, repair, NULL, say, arg);
}
