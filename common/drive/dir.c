/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Listing folders.  Entries come in the order of their name tags, and the tag
 * is also the position to go on from: it does not move when others come or
 * go.
 */
#include "drive/drive.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "drive/tree_priv.h"

#define BATCH 64		/* entries read while the lock is held */

/* Positions: after ".", after "..", and from there the top bits of tags. */
#define OFF_DOT 1
#define OFF_DOTDOT 2
#define OFF_FIRST 3

struct item {
	struct dentry x;
	struct drive_attr attr;
	uint32_t mode;
	bool has_attr;
};

struct drive_dir {
	uint64_t ino;
	struct item *items;
	struct dentry *rows;
	bool is_bad;		/* a name could not be read since the
				 * beginning */
};

int
drive_opendir(struct drive *d, uint64_t ino, struct drive_dir **ret)
{
	struct drive_dir *dir;
	struct inode i;
	int r;

	mutex_lock(&d->db_lock);
	r = inode_load(d, ino, &i);
	if (r == 0 && i.kind != OP_KIND_DIR)
		r = -ENOTDIR;
	mutex_unlock(&d->db_lock);
	if (r < 0)
		return r;
	dir = calloc(1, sizeof(*dir));
	if (!dir)
		return -ENOMEM;
	dir->ino = ino;
	*ret = dir;
	return 0;
}

void
drive_closedir(struct drive_dir *dir)
{
	if (!dir)
		return;
	free(dir->items);
	free(dir->rows);
	free(dir);
}

/* ---- positions ---------------------------------------------------------- */

static uint64_t
tag_off(const uint8_t tag[static TAG_LEN])
{
	uint64_t v = 0;
	int k;

	for (k = 0; k < 8; k++)
		v = v << 8 | tag[k];
	v >>= 1;
	return v < OFF_FIRST ? OFF_FIRST : v;
}

/* The smallest tag whose position is beyond off; false: there is none. */
static bool
off_tag(uint64_t off, uint8_t tag[static TAG_LEN])
{
	uint64_t v;
	int k;

	memset(tag, 0, TAG_LEN);
	if (off < OFF_FIRST)
		return true;
	if (off >= INT64_MAX)
		return false;
	v = (off + 1) << 1;
	for (k = 7; k >= 0; k--, v >>= 8)
		tag[k] = (uint8_t)v;
	return true;
}

/* ---- reading ------------------------------------------------------------ */

/* Up to max entries from a tag on. */
static int
dir_load(struct drive *d, struct drive_dir *dir, const uint8_t *from,
    bool with_attr, int max)
{
	struct inode i;
	int n, k, r;

	if (!dir->items)
		dir->items = calloc(BATCH, sizeof(*dir->items));
	if (!dir->rows)
		dir->rows = calloc(BATCH, sizeof(*dir->rows));
	if (!dir->items || !dir->rows)
		return -ENOMEM;
	mutex_lock(&d->db_lock);
	n = dentry_list(d, place_folder(d, dir->ino), from, dir->rows, max);
	for (k = 0; k < n; k++) {
		struct item *it = &dir->items[k];

		it->x = dir->rows[k];
		it->mode = kind_mode(it->x.kind);
		it->has_attr = false;
		if (!with_attr || !it->x.ino)
			continue;
		/* One that cannot be read is listed all the same. */
		r = inode_load(d, it->x.ino, &i);
		if (r == 0) {
			inode_attr(d, &i, &it->attr);
			it->has_attr = true;
		}
	}
	mutex_unlock(&d->db_lock);
	return n;
}

static int
give_dots(struct drive *d, struct drive_dir *dir, uint64_t *off,
    int (*fn)(void *arg, const struct drive_dirent *e), void *arg)
{
	struct drive_dirent e = { .mode = 0040000 };
	struct inode i;
	int r = 0;

	if (*off < OFF_DOT) {
		e.ino = dir->ino;
		e.off = OFF_DOT;
		e.name = ".";
		e.name_len = 1;
		r = fn(arg, &e);
		if (r != 0)
			return r;
		*off = OFF_DOT;
	}
	if (*off < OFF_DOTDOT) {
		mutex_lock(&d->db_lock);
		r = inode_load(d, dir->ino, &i);
		mutex_unlock(&d->db_lock);
		if (r < 0 && r != -ENOENT)
			return r;
		e.ino = r == 0 && i.parent ? i.parent : dir->ino;
		e.off = OFF_DOTDOT;
		e.name = "..";
		e.name_len = 2;
		r = fn(arg, &e);
		if (r != 0)
			return r;
		*off = OFF_DOTDOT;
	}
	return 0;
}

/*
 * Entries whose tags share the bits that make a position (in a folder of a
 * million, a chance of one in ten million) are resumed from the one before
 * them: a listing that stops between the two gives one of them twice, but
 * never none.  n counts all that was read: the next one is looked at.
 */
static uint64_t
next_off(const struct drive_dir *dir, int k, int n, uint64_t before)
{
	uint64_t off = tag_off(dir->items[k].x.at.ntag);

	if (k + 1 < n && tag_off(dir->items[k + 1].x.at.ntag) == off)
		return before;
	return off;
}

int
drive_readdir(struct drive *d, struct drive_dir *dir, uint64_t off,
    bool with_attr, int (*fn)(void *arg, const struct drive_dirent *e),
    void *arg)
{
	uint8_t from[TAG_LEN];
	struct drive_dirent e;
	int r, n, k, give, max = 16;

	if (off == 0)
		dir->is_bad = false;
	r = give_dots(d, dir, &off, fn, arg);
	while (r == 0 && off_tag(off, from)) {
		n = dir_load(d, dir, from, with_attr, max);
		if (n < 0)
			r = n;
		/* The last of a full batch is read again with the next. */
		give = n == max ? n - 1 : n;
		for (k = 0; k < give && r == 0; k++) {
			const struct item *it = &dir->items[k];

			if (!it->x.ino) {
				dir->is_bad = true;
				off = next_off(dir, k, n, off);
				continue;
			}
			e.ino = it->x.ino;
			e.off = next_off(dir, k, n, off);
			e.mode = it->has_attr ? it->attr.mode & 0170000 :
			    it->mode;
			e.name = it->x.name;
			e.name_len = it->x.name_len;
			e.attr = it->has_attr ? &it->attr : NULL;
			r = fn(arg, &e);
			if (r == 0)
				off = e.off;
		}
		if (n < max)
			break;
		max = BATCH;
	}
	/* All that can be read has been given; but who copies or compares
	 * must not take it for all there is. */
	if (r == 0 && dir->is_bad)
		r = -EIO;
	return r < 0 ? r : 0;
}
