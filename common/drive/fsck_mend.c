/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What fsck does about its findings in inodes and names.
 */
#include "drive/fsck_priv.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "util/clock.h"

/* ---- who is to know of it ------------------------------------------------ */

static void
change_add(struct fsck *f, uint64_t ino, const char *name)
{
	struct fchange *c = f->nchange ? &f->change[f->nchange - 1] : NULL;
	size_t cap;

	if (c && !c->name && !name && c->ino == ino)
		return;
	if (f->nchange == f->change_cap) {
		cap = f->change_cap ? f->change_cap * 2 : 32;
		c = realloc(f->change, cap * sizeof(*c));
		if (!c)
			return;
		f->change = c;
		f->change_cap = cap;
	}
	c = &f->change[f->nchange];
	c->ino = ino;
	c->name = name ? strdup(name) : NULL;
	if (c->name || !name)
		f->nchange++;
}

void
fsck_changed(struct fsck *f, uint64_t ino, const char *name)
{
	if (name)
		change_add(f, ino, name);
	change_add(f, ino, NULL);
}

void
fsck_tell(struct fsck *f, bool is_done)
{
	struct fchange *c;
	size_t k;

	for (k = 0; k < f->nchange; k++) {
		c = &f->change[k];
		if (is_done && c->name)
			notify_entry(f->d, c->ino, c->name, 0);
		else if (is_done)
			notify_inode(f->d, c->ino);
		free(c->name);
	}
	free(f->change);
}

/* ---- names --------------------------------------------------------------- */

/* Which folders list what has to go: that is sorted by their keys. */
static void
folders_find(struct fsck *f) NO_TSA
{
	struct fnode *n, *t;
	size_t lo, hi, mid;
	int64_t dkey;

	if (f->nbad == 0)
		return;
	HASH_ITER(hh, f->nodes, n, t) {
		if (n->kind != OP_KIND_DIR && !n->is_unread)
			continue;
		dkey = place_folder(f->d, n->ino);
		for (lo = 0, hi = f->nbad; lo < hi;) {
			mid = lo + (hi - lo) / 2;
			if (f->bad[mid].at.dkey < dkey)
				lo = mid + 1;
			else
				hi = mid;
		}
		for (; lo < f->nbad && f->bad[lo].at.dkey == dkey; lo++)
			f->bad[lo].folder = n->ino;
	}
}

/* Names that lead nowhere go. */
int
fsck_drop(struct fsck *f) NO_TSA
{
	struct dentry x;
	size_t k;
	int r = 0;

	folders_find(f);
	for (k = 0; k < f->nbad && r == 0; k++) {
		memset(&x, 0, sizeof(x));
		if (f->bad[k].is_open)
			r = dentry_at(f->d, &f->bad[k].at, &x);
		x.at = f->bad[k].at;
		if (r == 0)
			r = dentry_del(f->d, &x);
		if (r == 0 && f->bad[k].folder)
			fsck_changed(f, f->bad[k].folder,
			    f->bad[k].is_open ? x.name : NULL);
	}
	return r;
}

/* ---- inodes -------------------------------------------------------------- */

int
fsck_mend_inode(struct fsck *f, struct fnode *n) NO_TSA
{
	struct inode i;
	int r;

	r = inode_load(f->d, n->ino, &i);
	if (r == 0)
		r = inode_unorphan(f->d, &i);
	if (r < 0)
		return r;
	i.nlink = n->kind == OP_KIND_DIR ? 2 + n->subdirs : n->names;
	i.parent = n->ino == DRIVE_ROOT_INO ? DRIVE_ROOT_INO :
	    n->has_first ? n->first_parent : 0;
	n->nlink = i.nlink;
	n->parent = i.parent;
	n->flags = i.flags;
	fsck_changed(f, n->ino, NULL);
	return inode_save(f->d, &i);
}

/* /lost+found-DATE, made once. */
static int
lost_dir(struct fsck *f) NO_TSA
{
	time_t now = (time_t)(clock_real_ns() / 1000000000);
	struct drive *d = f->d;
	struct inode i, root;
	struct fnode *n;
	struct dentry x;
	struct tm tm;
	int r;

	if (f->lost_dir)
		return 0;
	memset(&x, 0, sizeof(x));
	memset(&i, 0, sizeof(i));
	(void)gmtime_r(&now, &tm);
	x.name_len = (uint8_t)strftime(x.name, sizeof(x.name),
	    "lost+found-%Y-%m-%d", &tm);
	r = dentry_get(d, DRIVE_ROOT_INO, x.name, &x);
	if (r == 0) {
		f->lost_dir = x.ino;
		return x.kind == OP_KIND_DIR ? 0 : -EEXIST;
	}
	if (r == -ENOENT)
		r = inode_load(d, DRIVE_ROOT_INO, &root);
	if (r == 0)
		r = number_next(d, &i.ino);
	if (r < 0)
		return r;
	id_new(d, &i.id);
	crypto_random(i.key, sizeof(i.key));
	i.kind = x.kind = OP_KIND_DIR;
	i.mode = 0700;
	i.nlink = 2;
	i.parent = x.parent = DRIVE_ROOT_INO;
	i.atime_ns = i.mtime_ns = i.ctime_ns = i.btime_ns = clock_real_ns();
	x.ino = x.did = i.ino;
	x.id = i.id;
	place_of(d, DRIVE_ROOT_INO, x.name, x.name_len, &x.at);
	root.nlink++;
	r = inode_add(d, &i);
	if (r == 0)
		r = dentry_put(d, &x);
	if (r == 0)
		r = outbox_added(d, &x, false, 0);
	if (r == 0)
		r = folder_touch(d, &root, clock_real_ns());
	if (r == 0)
		r = fsck_add(f, &i, false);
	if (r < 0)
		return r;
	f->lost_dir = i.ino;
	fsck_changed(f, DRIVE_ROOT_INO, x.name);
	n = fsck_node(f, i.ino);
	n->has_first = n->is_reached = true;
	n->first_parent = DRIVE_ROOT_INO;
	n->names = 1;
	n = fsck_node(f, DRIVE_ROOT_INO);
	n->subdirs++;
	n->nlink++;
	return 0;
}

/* The name's row in the outbox: it is made where nobody knows the inode. */
static int
hang_tell(struct fsck *f, const struct inode *i, const struct dentry *x)
    NO_TSA
{
	struct outbox_row o;
	int r;

	r = outbox_get(f->d, i->ino, &o);
	if (r < 0)
		return r;
	if (r == 1 && ((o.flags | o.infl) & OUTBOX_CREATE)) {
		o.flags = (o.flags & ~(unsigned)OUTBOX_DELETE) |
		    OUTBOX_PLACE;
		o.at = x->at;
		return outbox_put(f->d, &o);
	}
	if (inode_is_published(i))
		return outbox_moved(f->d, x, NULL);
	return r == 1 ? 0 : outbox_added(f->d, x, false, 0);
}

int
fsck_hang(struct fsck *f, struct fnode *n) NO_TSA
{
	struct drive *d = f->d;
	struct inode i, p;
	struct dentry x, old;
	int r;

	r = lost_dir(f);
	if (r == 0)
		r = inode_load(d, n->ino, &i);
	if (r == 0)
		r = inode_load(d, f->lost_dir, &p);
	if (r < 0)
		return r;
	/* A folder in a cycle has a name: that goes. */
	if (n->has_first && dentry_first(d, &i, &old) == 0) {
		struct fnode *was = fsck_node(f, old.parent);

		r = dentry_del(d, &old);
		fsck_changed(f, old.parent, old.name);
		if (was && was->subdirs)
			was->subdirs--;
	}
	memset(&x, 0, sizeof(x));
	x.name_len = (uint8_t)snprintf(x.name, sizeof(x.name), "inode-%llu",
	    (unsigned long long)n->ino);
	x.ino = x.did = n->ino;
	x.id = i.id;
	x.kind = i.kind;
	x.parent = f->lost_dir;
	if (inode_is_published(&i))
		x.placed = i.created;
	place_of(d, f->lost_dir, x.name, x.name_len, &x.at);
	if (r == 0)
		r = dentry_put(d, &x);
	if (r == 0)
		r = hang_tell(f, &i, &x);
	if (r < 0)
		return r;
	if (i.kind == OP_KIND_DIR) {
		struct fnode *in = fsck_node(f, f->lost_dir);

		p.nlink++;
		if (in) {
			in->nlink++;
			in->subdirs++;
		}
	}
	r = inode_save(d, &p);
	n->names = 1;
	n->has_first = true;
	n->first_parent = f->lost_dir;
	fsck_changed(f, f->lost_dir, x.name);
	return r < 0 ? r : fsck_mend_inode(f, n);
}
