/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Names in what others published: entries appear, move and go.
 */
#include "drive/apply_priv.h"
#include "drive/pin_priv.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int
stamp_cmp(const struct op_stamp *a, const struct op_stamp *b)
{
	if (a->lamport != b->lamport)
		return a->lamport < b->lamport ? -1 : 1;
	return memcmp(a->dev.b, b->dev.b, VAULT_ID_LEN);
}

/* ---- notes -------------------------------------------------------------- */

void
note_gone(struct apply *a, uint64_t ino, const char *name, uint64_t gone)
{
	struct note *t;
	char *copy = NULL;

	if (a->n >= NOTES_MAX)
		return;
	if (a->n == a->cap) {
		size_t cap = a->cap ? a->cap * 2 : 32;

		t = realloc(a->notes, cap * sizeof(*t));
		if (!t)
			return;
		a->notes = t;
		a->cap = cap;
	}
	if (name) {
		copy = strdup(name);
		if (!copy)
			return;
	}
	a->notes[a->n].ino = ino;
	a->notes[a->n].gone = gone;
	a->notes[a->n++].name = copy;
}

void
note_add(struct apply *a, uint64_t ino, const char *name)
{
	note_gone(a, ino, name, 0);
}

void
notes_send(struct apply *a)
{
	size_t k;

	for (k = 0; k < a->n; k++) {
		if (a->notes[k].name)
			notify_entry(a->d, a->notes[k].ino, a->notes[k].name,
			    a->notes[k].gone);
		else
			notify_inode(a->d, a->notes[k].ino);
		free(a->notes[k].name);
	}
	free(a->notes);
	if (a->conflicts)
		notify_conflicts(a->d, a->conflicts);
	a->notes = NULL;
	a->n = a->cap = 0;
	a->conflicts = 0;
}

/* ---- moving entries ----------------------------------------------------- */

static int
folder_links(struct drive *d, uint64_t ino, int n) NO_TSA
{
	struct inode p;
	int r = inode_load(d, ino, &p);

	if (r < 0)
		return r == -ENOENT ? 0 : r;
	p.nlink += (uint32_t)n;
	return inode_save(d, &p);
}

/* A folder that was deleted while something was in it goes when that has.
 * 1: it is that one's turn, by this name. */
static int
zombie_is(struct apply *a, uint64_t ino, struct vault_id *ret) NO_TSA
{
	struct dentry x;
	struct inode p;
	int r;

	r = inode_load(a->d, ino, &p);
	if (r < 0)
		return r == -ENOENT ? 0 : r;
	if (!(p.flags & INODE_ZOMBIE))
		return 0;
	r = dentry_any(a->d, ino);
	if (r != 0)
		return r < 0 ? r : 0;
	r = dentry_first(a->d, &p, &x);
	if (r < 0)
		return r == -ENOENT ? 0 : r;
	*ret = x.id;
	return 1;
}

static int
zombie_check(struct apply *a, uint64_t ino) NO_TSA
{
	struct vault_id id;
	int r = zombie_is(a, ino, &id);

	return r == 1 ? apply_delete(a, &id) : r;
}

static int
x_name(struct dentry *x, uint64_t parent, const uint8_t *name, size_t len)
{
	if (!op_name_valid(name, len))
		return -EPROTO;
	x->parent = parent;
	x->name_len = (uint8_t)len;
	memcpy(x->name, name, len);
	x->name[len] = '\0';
	return 0;
}

/* The inode of a name.  -ENOENT: it is gone, or half of it is, and no id leads
 * to what is left. */
static int
ref_inode(struct drive *d, const struct dentry_ref *ref, struct inode *ret)
    REQUIRES(d->db_lock)
{
	uint64_t ino;
	int r = inode_load(d, ref->ino, ret);

	if (r < 0 || !(ret->flags & INODE_ORPHAN))
		return r;
	r = inode_by_id(d, &ret->id, &ino);
	return r == 0 && ino != ref->ino ? -ENOENT : r;
}

int
apply_link(struct apply *a, const struct vault_id *id,
    const struct vault_id *inode)
{
	struct dentry_ref ref;
	struct inode i;
	int r;

	r = dentry_ref_get(a->d, id, &ref);
	/* An interrupted rebuild may have left the name, not the inode. */
	if (r == 0 && !ref.is_placed)
		r = ref_inode(a->d, &ref, &i);
	if (r != -ENOENT)
		return r;
	memset(&ref, 0, sizeof(ref));
	r = inode_by_id(a->d, inode, &ref.ino);
	if (r == 0)
		r = number_next(a->d, &ref.did);
	if (r == 0)
		r = dentry_ref_put(a->d, id, &ref);
	return r == -ENOENT ? 0 : r;
}

/* Entry x (new, or moved from old) now stands at x->at. */
int
place_put(struct apply *a, const struct dentry *old, struct dentry *x,
    struct inode *i) NO_TSA
{
	bool is_dir = i->kind == OP_KIND_DIR;
	struct drive *d = a->d;
	int r = 0;

	if (old && memcmp(&old->at, &x->at, sizeof(x->at)) != 0)
		r = dentry_del(d, old);
	if (r == 0)
		r = inode_unorphan(d, i);
	if (!old && !is_dir)
		i->nlink++;
	if (x->did == x->ino)
		i->parent = x->parent;
	if (r == 0)
		r = inode_save(d, i);
	if (r == 0)
		r = dentry_put(d, x);
	if (r == 0 && is_dir && (!old || old->parent != x->parent)) {
		r = folder_links(d, x->parent, 1);
		if (r == 0 && old)
			r = folder_links(d, old->parent, -1);
	}
	if (r == 0 && old)
		note_add(a, old->parent, old->name);
	note_add(a, x->parent, x->name);
	note_add(a, x->parent, NULL);
	note_add(a, i->ino, NULL);
	pins_moved(d);
	if (r == 0 && old && old->parent != x->parent)
		r = zombie_check(a, old->parent);
	return r;
}

/* A rebuild that was interrupted left it under a name that it got because
 * its own was taken: it is placed again. */
static bool
is_parked(struct drive *d, const struct op_stamp *stamp,
    const struct dentry *x, const uint8_t *name, size_t len)
    REQUIRES(d->db_lock)
{
	return d->is_rebuilding && stamp_cmp(stamp, &x->placed) == 0 &&
	    (x->name_len != len || memcmp(x->name, name, len) != 0);
}

int
apply_place(struct apply *a, const struct op_stamp *stamp,
    const struct vault_id *id, const struct vault_id *parent,
    const uint8_t *name, size_t len)
{
	struct drive *d = a->d;
	struct dentry_ref ref;
	struct dentry x, old;
	struct inode i, p;
	uint64_t pino;
	int r;

	r = dentry_ref_get(d, id, &ref);
	if (r < 0)
		return r == -ENOENT ? 0 : r;	/* gone meanwhile */
	r = ref_inode(d, &ref, &i);
	/* All that had a name went before this one had its place. */
	if (r == -ENOENT && !ref.is_placed)
		return dentry_ref_del(d, id);
	if (r == 0 && ref.is_placed)
		r = dentry_at(d, &ref.at, &old);
	if (r == 0 && ref.is_placed && stamp_cmp(stamp, &old.placed) <= 0 &&
	    !is_parked(d, stamp, &old, name, len))
		return 0;
	if (r == 0)
		r = apply_parent(a, parent, &pino);
	if (r == 0)
		r = inode_load(d, pino, &p);
	if (r < 0)
		return r;
	if (p.kind != OP_KIND_DIR)
		return 0;
	if (i.kind == OP_KIND_DIR) {
		/* Under itself: two moves that cross; the later is void. */
		r = folder_is_below(d, pino, i.ino);
		if (r != 0)
			return r < 0 ? r : 0;
	}
	memset(&x, 0, sizeof(x));
	x.ino = ref.ino;
	x.did = ref.did;
	x.id = *id;
	x.kind = i.kind;
	x.placed = *stamp;
	r = x_name(&x, pino, name, len);
	if (r == 0)
		r = place_free(d, &x);
	return r < 0 ? r : place_put(a, ref.is_placed ? &old : NULL, &x, &i);
}

/* 1: the folder it was in is to be deleted too, as *next. */
static int
delete_one(struct apply *a, const struct vault_id *id, struct vault_id *next)
    NO_TSA
{
	struct drive *d = a->d;
	struct dentry_ref ref;
	struct dentry x;
	struct inode i;
	bool is_last;
	int r;

	r = dentry_ref_get(d, id, &ref);
	if (r < 0)
		return r == -ENOENT ? 0 : r;
	if (!ref.is_placed)
		return dentry_ref_del(d, id);
	r = dentry_at(d, &ref.at, &x);
	if (r == 0)
		r = inode_load(d, ref.ino, &i);
	if (r < 0)
		return r;
	if (i.kind == OP_KIND_DIR) {
		r = dentry_any(d, i.ino);
		if (r < 0)
			return r;
		if (r == 1) {
			i.flags |= INODE_ZOMBIE;
			return inode_save(d, &i);
		}
	}
	r = dentry_gone(d, &x);
	if (r < 0)
		return r;
	if (x.did == x.ino)
		i.parent = 0;
	is_last = i.kind == OP_KIND_DIR || i.nlink <= 1;
	if (is_last) {
		r = inode_orphan(d, &i);
		/* A file stays until the end of a rebuild: somebody who did
		 * not know of this may give it another name.  A folder has
		 * but one, and what comes into it is to find it gone. */
		if (r == 0 && d->is_rebuilding && i.kind == OP_KIND_DIR)
			r = inode_reap(d, i.ino);
		/* The rest goes at the end. */
		if (r == 1)
			r = 0;
	} else {
		i.nlink--;
		r = inode_save(d, &i);
	}
	if (r == 0 && i.kind == OP_KIND_DIR)
		r = folder_links(d, x.parent, -1);
	note_gone(a, x.parent, x.name, is_last ? i.ino : 0);
	note_add(a, i.ino, NULL);
	return r < 0 ? r : zombie_is(a, x.parent, next);
}

int
apply_delete(struct apply *a, const struct vault_id *id)
{
	struct vault_id now, next = *id;
	int r;

	/* Folders may be nested deeper than a stack is. */
	do {
		now = next;
		r = delete_one(a, &now, &next);
	} while (r == 1);
	return r;
}
