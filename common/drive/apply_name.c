/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Names in what others published: entries appear, move and go.
 */
#include "drive/apply_priv.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "util/log.h"
#include "util/text.h"

#define AWAITED_MAX 10000000

int
stamp_cmp(const struct op_stamp *a, const struct op_stamp *b)
{
	if (a->lamport != b->lamport)
		return a->lamport < b->lamport ? -1 : 1;
	return memcmp(a->dev.b, b->dev.b, VAULT_ID_LEN);
}

/* ---- notes -------------------------------------------------------------- */

void
note_add(struct apply *a, uint64_t ino, const char *name)
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
	a->notes[a->n++].name = copy;
}

void
notes_send(struct apply *a)
{
	size_t k;

	for (k = 0; k < a->n; k++) {
		if (a->notes[k].name)
			notify_entry(a->d, a->notes[k].ino, a->notes[k].name);
		else
			notify_inode(a->d, a->notes[k].ino);
		free(a->notes[k].name);
	}
	free(a->notes);
	a->notes = NULL;
	a->n = a->cap = 0;
}

static struct rebuild *
rebuild_get(struct drive *d) REQUIRES(d->db_lock)
{
	if (!d->rebuild)
		d->rebuild = calloc(1, sizeof(*d->rebuild));
	return d->rebuild;
}

void
rebuild_free(struct rebuild *r)
{
	if (!r)
		return;
	free(r->clashes);
	free(r->awaited);
	free(r);
}

/* ---- folders that are not known yet ------------------------------------- */

static int
awaited_new(struct apply *a, const struct vault_id *id, uint64_t *ret) NO_TSA
{
	struct drive *d = a->d;
	struct rebuild *rb = rebuild_get(d);
	struct inode i;
	uint64_t *t;
	int r;

	if (!rb || rb->nawaited >= AWAITED_MAX)
		return -ENOMEM;
	if (rb->nawaited == rb->awaited_cap) {
		size_t cap = rb->awaited_cap ? rb->awaited_cap * 2 : 64;

		t = realloc(rb->awaited, cap * sizeof(*t));
		if (!t)
			return -ENOMEM;
		rb->awaited = t;
		rb->awaited_cap = cap;
	}
	memset(&i, 0, sizeof(i));
	r = number_next(d, &i.ino);
	if (r < 0)
		return r;
	i.id = *id;
	i.kind = OP_KIND_DIR;
	i.mode = 0700;
	i.nlink = 2;
	i.flags = INODE_AWAITED;
	crypto_random(i.key, sizeof(i.key));
	r = inode_add(d, &i);
	if (r == 0)
		r = inode_id_put(d, id, i.ino);
	if (r < 0)
		return r;
	rb->awaited[rb->nawaited++] = i.ino;
	*ret = i.ino;
	return 0;
}

int
apply_parent(struct apply *a, const struct vault_id *id, uint64_t *ret)
{
	int r = inode_by_id(a->d, id, ret);

	return r == -ENOENT ? awaited_new(a, id, ret) : r;
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

/* A folder that was deleted while something was in it goes when that has. */
static int
zombie_check(struct apply *a, uint64_t ino) NO_TSA
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
	return r < 0 ? (r == -ENOENT ? 0 : r) : apply_delete(a, &x.id);
}

/* "name (conflict XXXX).ext", cut to fit. */
static void
conflict_name(const struct vault_id *id, unsigned n, const char *name,
    char out[static VAULT_NAME_MAX + 1])
{
	char hex[9], tail[VAULT_NAME_MAX + 1], *dot;
	size_t stem, len;

	hex_encode(id->b + 4, 4, hex);
	memcpy(out, name, strlen(name) + 1);
	dot = strrchr(out, '.');
	if (!dot || dot == out || strlen(dot) > 32)
		dot = out + strlen(out);
	if (n == 0)
		(void)snprintf(tail, sizeof(tail), " (conflict %.4s)%.40s",
		    hex, dot);
	else
		(void)snprintf(tail, sizeof(tail), " (conflict %s-%u)%.40s",
		    hex, n, dot);
	stem = (size_t)(dot - out);
	len = strlen(tail);
	if (stem + len > VAULT_NAME_MAX)
		stem = VAULT_NAME_MAX - len;
	memcpy(out + stem, tail, len + 1);
}

/* Entry x has got another name than want. */
static int
clash_add(struct drive *d, const struct dentry *x, const char *want)
    REQUIRES(d->db_lock)
{
	struct rebuild *rb = rebuild_get(d);
	struct clash *t;

	if (!rb)
		return -ENOMEM;
	if (rb->nclashes == rb->clashes_cap) {
		size_t cap = rb->clashes_cap ? rb->clashes_cap * 2 : 16;

		t = realloc(rb->clashes, cap * sizeof(*t));
		if (!t)
			return -ENOMEM;
		rb->clashes = t;
		rb->clashes_cap = cap;
	}
	t = &rb->clashes[rb->nclashes++];
	t->id = x->id;
	t->at = x->at;
	t->parent = x->parent;
	t->name_len = (uint8_t)strlen(want);
	memcpy(t->name, want, t->name_len + 1u);
	return 0;
}

/* Find x a free place in x->parent: its own name, or one beside it. */
static int
place_free(struct drive *d, struct dentry *x) REQUIRES(d->db_lock)
{
	char want[VAULT_NAME_MAX + 1];
	struct dentry other;
	unsigned n;
	int r;

	memcpy(want, x->name, x->name_len + 1u);
	for (n = 0; n < 10000; n++) {
		place_of(d, x->parent, x->name, x->name_len, &x->at);
		r = dentry_at(d, &x->at, &other);
		if (r < 0 && r != -ENOENT)
			return r;
		if (r == -ENOENT || other.did == x->did)
			return n == 0 ? 0 : clash_add(d, x, want);
		conflict_name(&x->id, n, want, x->name);
		x->name_len = (uint8_t)strlen(x->name);
	}
	return -EEXIST;
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

int
apply_link(struct apply *a, const struct vault_id *id,
    const struct vault_id *inode)
{
	struct dentry_ref ref;
	int r;

	r = dentry_ref_get(a->d, id, &ref);
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
static int
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
	if (r == 0 && old && old->parent != x->parent)
		r = zombie_check(a, old->parent);
	return r;
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
	r = inode_load(d, ref.ino, &i);
	if (r == 0 && ref.is_placed)
		r = dentry_at(d, &ref.at, &old);
	if (r == 0 && ref.is_placed && stamp_cmp(stamp, &old.placed) <= 0)
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

int
apply_delete(struct apply *a, const struct vault_id *id)
{
	struct drive *d = a->d;
	struct dentry_ref ref;
	struct dentry x;
	struct inode i;
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
	if (i.kind == OP_KIND_DIR || i.nlink <= 1) {
		r = inode_orphan(d, &i);
		/* Nobody has it open while a drive is rebuilt. */
		if (r == 0 && d->is_rebuilding)
			r = inode_reap(d, i.ino);
	} else {
		i.nlink--;
		r = inode_save(d, &i);
	}
	if (r == 0 && i.kind == OP_KIND_DIR)
		r = folder_links(d, x.parent, -1);
	note_add(a, x.parent, x.name);
	note_add(a, i.ino, NULL);
	return r < 0 ? r : zombie_check(a, x.parent);
}

/* ---- the end ------------------------------------------------------------ */

/* 1: the entry has got the name it waited for, or needs it no more. */
static int
clash_retry(struct apply *a, const struct clash *c) NO_TSA
{
	struct drive *d = a->d;
	struct dentry_ref ref;
	struct dentry x, old;
	struct place at;
	struct inode i;
	int r;

	r = dentry_ref_get(d, &c->id, &ref);
	if (r < 0)
		return r == -ENOENT ? 1 : r;
	if (!ref.is_placed)
		return 1;
	r = dentry_at(d, &ref.at, &old);
	if (r < 0)
		return r;
	/* It was moved on: what that met is another clash. */
	if (memcmp(&ref.at, &c->at, sizeof(ref.at)) != 0)
		return 1;
	place_of(d, c->parent, c->name, c->name_len, &at);
	r = dentry_at(d, &at, &x);
	if (r != -ENOENT)
		return r < 0 ? r : x.did == old.did;
	r = inode_load(d, old.ino, &i);
	if (r < 0)
		return r;
	x = old;
	x.at = at;
	x.name_len = c->name_len;
	memcpy(x.name, c->name, c->name_len + 1u);
	r = place_put(a, &old, &x, &i);
	return r < 0 ? r : 1;
}

/* A folder that nothing has made: show it in the top folder. */
static int
awaited_show(struct apply *a, uint64_t ino) NO_TSA
{
	struct drive *d = a->d;
	struct dentry x;
	struct inode i;
	char hex[9];
	int r;

	r = inode_load(d, ino, &i);
	if (r < 0)
		return r == -ENOENT ? 0 : r;
	if (!(i.flags & INODE_AWAITED))
		return 0;
	log_warn("drive: a folder is missing, its content is in the top one");
	memset(&x, 0, sizeof(x));
	hex_encode(i.id.b + 4, 4, hex);
	x.name_len = (uint8_t)snprintf(x.name, sizeof(x.name),
	    "recovered-%s", hex);
	x.ino = x.did = ino;
	x.id = i.id;
	x.kind = OP_KIND_DIR;
	x.parent = DRIVE_ROOT_INO;
	i.flags &= (uint8_t)~INODE_AWAITED;
	r = place_free(d, &x);
	if (r == 0)
		r = place_put(a, NULL, &x, &i);
	/* Others have to learn of it, or of what is in it nobody can. */
	return r < 0 ? r : outbox_added(d, &x, false, 0);
}

int
apply_settle(struct apply *a, bool is_end)
{
	struct rebuild *rb = a->d->rebuild;
	bool is_progress = true;
	size_t k, n;
	int r = 0;

	if (!rb)
		return 0;
	while (is_progress && r >= 0) {
		is_progress = false;
		for (k = 0, n = 0; k < rb->nclashes; k++) {
			if (r >= 0)
				r = clash_retry(a, &rb->clashes[k]);
			if (r == 1)
				is_progress = true;
			else
				rb->clashes[n++] = rb->clashes[k];
		}
		rb->nclashes = n;
	}
	for (k = 0; k < rb->nawaited && is_end && r >= 0; k++)
		r = awaited_show(a, rb->awaited[k]);
	if (is_end || r < 0) {
		rebuild_free(rb);
		a->d->rebuild = NULL;
	}
	return r < 0 ? r : 0;
}
