/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Rename: to a free name, over another entry, and the exchange of two.
 */
#include "drive/drive.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "drive/pin_priv.h"
#include "drive/tree_priv.h"
#include "util/clock.h"

#ifndef RENAME_NOREPLACE
#define RENAME_NOREPLACE 1
#define RENAME_EXCHANGE 2
#define RENAME_WHITEOUT 4
#endif

/* One side: a folder, and the entry that stands or is to stand there. */
struct side {
	struct inode folder;
	const char *name;
	struct place at;
	bool has;
	struct dentry x;
	struct inode i;
};

static int
side_load(struct drive *d, uint64_t parent, const char *name, struct side *s)
    REQUIRES(d->db_lock)
{
	int r;

	s->name = name;
	r = folder_load(d, parent, &s->folder);
	if (r < 0)
		return r;
	r = name_check(name);
	if (r < 0)
		return r == -EEXIST ? -EBUSY : r;
	place_of(d, parent, name, (size_t)r, &s->at);
	r = dentry_at(d, &s->at, &s->x);
	s->has = r == 0;
	if (r < 0)
		return r == -ENOENT ? 0 : r;
	r = inode_load(d, s->x.ino, &s->i);
	return r == -ENOENT ? -EIO : r;
}

static int
rename_check(struct drive *d, const struct side *a, const struct side *b,
    unsigned flags) REQUIRES(d->db_lock)
{
	int r;

	if (!a->has)
		return -ENOENT;
	if ((flags & RENAME_EXCHANGE) && !b->has)
		return -ENOENT;
	if ((flags & RENAME_NOREPLACE) && b->has)
		return -EEXIST;
	/* A folder does not go into itself. */
	if (a->i.kind == OP_KIND_DIR) {
		r = folder_is_below(d, b->folder.ino, a->i.ino);
		if (r != 0)
			return r < 0 ? r : -EINVAL;
	}
	if (!b->has)
		return 0;
	if (b->i.kind == OP_KIND_DIR) {
		r = folder_is_below(d, a->folder.ino, b->i.ino);
		if (r != 0)
			return r < 0 ? r : (flags & RENAME_EXCHANGE) ?
			    -EINVAL : -ENOTEMPTY;
	}
	if (flags & RENAME_EXCHANGE)
		return 0;
	if (a->i.kind == OP_KIND_DIR && b->i.kind != OP_KIND_DIR)
		return -ENOTDIR;
	if (a->i.kind != OP_KIND_DIR && b->i.kind == OP_KIND_DIR)
		return -EISDIR;
	if (b->i.kind == OP_KIND_DIR) {
		r = dentry_any(d, b->i.ino);
		if (r != 0)
			return r < 0 ? r : -ENOTEMPTY;
	}
	return 0;
}

/* Entry x of inode i now stands at the side s. */
static int
stand(struct drive *d, struct dentry *x, struct inode *i,
    const struct side *s, int64_t now) REQUIRES(d->db_lock)
{
	int r;

	x->at = s->at;
	x->parent = s->folder.ino;
	x->name_len = (uint8_t)strlen(s->name);
	memcpy(x->name, s->name, x->name_len + 1u);
	i->ctime_ns = now;
	if (x->did == x->ino)
		i->parent = s->folder.ino;
	r = inode_save(d, i);
	pins_moved(d);
	return r < 0 ? r : dentry_put(d, x);
}

/* Folders: links of moved and replaced folders, times.  The two sides may be
 * one folder. */
static int
folders_update(struct drive *d, struct side *a, struct side *b, int links_a,
    int links_b, int64_t now) REQUIRES(d->db_lock)
{
	int r;

	if (a->folder.ino == b->folder.ino) {
		a->folder.nlink += (uint32_t)(links_a + links_b);
		return folder_touch(d, &a->folder, now);
	}
	a->folder.nlink += (uint32_t)links_a;
	b->folder.nlink += (uint32_t)links_b;
	r = folder_touch(d, &a->folder, now);
	return r < 0 ? r : folder_touch(d, &b->folder, now);
}

static int
move(struct drive *d, struct side *a, struct side *b, int64_t now)
    REQUIRES(d->db_lock)
{
	struct dentry over = b->x;
	int is_dir = a->i.kind == OP_KIND_DIR;
	int r;

	r = dentry_del(d, &a->x);
	/* Rows first: what is told of the new entry depends on the old. */
	if (r == 0) {
		a->x.at = b->at;
		r = outbox_moved(d, &a->x, b->has ? &over : NULL);
	}
	if (r == 0 && b->has)
		r = tree_detach(d, &b->x, &b->i, a->x.did, now);
	if (r == 0 && b->has && b->i.nlink > 0)
		r = outbox_mark(d, b->i.ino, OUTBOX_ATTR);
	/* Many programs save a file so. */
	if (r == 0 && b->has)
		r = pin_replaced(d, &b->i, &a->i);
	if (r == 0)
		r = stand(d, &a->x, &a->i, b, now);
	if (r < 0)
		return r;
	return folders_update(d, a, b, -is_dir, is_dir -
	    (b->has && is_dir), now);
}

static int
exchange(struct drive *d, struct side *a, struct side *b, int64_t now)
    REQUIRES(d->db_lock)
{
	int diff = (b->i.kind == OP_KIND_DIR) - (a->i.kind == OP_KIND_DIR);
	struct side was_a = *a;
	int r;

	r = stand(d, &a->x, &a->i, b, now);
	/* Two names of one inode: the second save must not undo the first. */
	if (r == 0)
		r = inode_load(d, b->x.ino, &b->i);
	if (r == 0)
		r = stand(d, &b->x, &b->i, &was_a, now);
	if (r == 0)
		r = outbox_moved(d, &a->x, NULL);
	if (r == 0)
		r = outbox_moved(d, &b->x, NULL);
	if (r == 0)
		r = outbox_tie(d, a->x.did, b->x.did);
	if (r < 0)
		return r;
	return folders_update(d, a, b, diff, -diff, now);
}

static int
rename_locked(struct drive *d, const struct drive_cred *c, uint64_t parent,
    const char *name, uint64_t newparent, const char *newname,
    unsigned flags) REQUIRES(d->db_lock)
{
	int64_t now = clock_real_ns();
	struct side a, b;
	int r;

	memset(&a, 0, sizeof(a));
	memset(&b, 0, sizeof(b));
	r = side_load(d, parent, name, &a);
	if (r == 0)
		r = side_load(d, newparent, newname, &b);
	if (r == 0)
		r = rename_check(d, &a, &b, flags);
	if (r < 0)
		return r;
	/* Two names of one file, or one name: nothing happens. */
	if (b.has && a.x.ino == b.x.ino)
		return 0;
	if (flags & RENAME_EXCHANGE)
		return exchange(d, &a, &b, now);
	r = move(d, &a, &b, now);
	/* What a layer below has under the name stays hidden by it. */
	return r == 0 && (flags & RENAME_WHITEOUT) ?
	    whiteout_make(d, c, parent, name) : r;
}

int
drive_rename(struct drive *d, uint64_t parent, const char *name,
    uint64_t newparent, const char *newname, unsigned flags)
{
	return drive_rename_as(d, NULL, parent, name, newparent, newname,
	    flags);
}

int
drive_rename_as(struct drive *d, const struct drive_cred *c, uint64_t parent,
    const char *name, uint64_t newparent, const char *newname,
    unsigned flags) NO_TSA
{
	struct drive_attr a;
	int r;

	if ((flags & ~(unsigned)(RENAME_NOREPLACE | RENAME_EXCHANGE |
	    RENAME_WHITEOUT)) || ((flags & RENAME_EXCHANGE) &&
	    flags != RENAME_EXCHANGE) || ((flags & RENAME_WHITEOUT) && !c))
		return -EINVAL;
	/* What is renamed over another has its content committed, so that
	 * nobody ever sees the name without it. */
	if (drive_lookup(d, newparent, newname, &a) == 0 &&
	    drive_lookup(d, parent, name, &a) == 0 &&
	    (a.mode & 0170000) == 0100000) {
		r = content_flush(d, a.ino);
		if (r < 0)
			return r;
	}
	r = drive_begin(d);
	if (r < 0)
		return r;
	return drive_end(d, rename_locked(d, c, parent, name, newparent,
	    newname, flags));
}
