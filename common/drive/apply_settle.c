/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What a batch of ops leaves open: names that were taken, and folders of
 * which only the children are known.
 */
#include "drive/apply_priv.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "util/log.h"
#include "util/text.h"

#define AWAITED_MAX 10000000

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
awaited_add(struct drive *d, uint64_t ino) REQUIRES(d->db_lock)
{
	struct rebuild *rb = rebuild_get(d);
	uint64_t *t;

	if (!rb || rb->nawaited >= AWAITED_MAX)
		return -ENOMEM;
	if (rb->nawaited && rb->awaited[rb->nawaited - 1] == ino)
		return 0;
	if (rb->nawaited == rb->awaited_cap) {
		size_t cap = rb->awaited_cap ? rb->awaited_cap * 2 : 64;

		t = realloc(rb->awaited, cap * sizeof(*t));
		if (!t)
			return -ENOMEM;
		rb->awaited = t;
		rb->awaited_cap = cap;
	}
	rb->awaited[rb->nawaited++] = ino;
	return 0;
}

static int
awaited_new(struct apply *a, const struct vault_id *id, uint64_t *ret) NO_TSA
{
	struct drive *d = a->d;
	struct inode i;
	int r;

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
	if (r == 0)
		r = awaited_add(d, i.ino);
	if (r == 0)
		*ret = i.ino;
	return r;
}

int
apply_parent(struct apply *a, const struct vault_id *id, uint64_t *ret)
{
	struct inode i;
	int r = inode_by_id(a->d, id, ret);

	if (r == -ENOENT)
		return awaited_new(a, id, ret);
	if (r == 0)
		r = inode_load(a->d, *ret, &i);
	/* Also one that an interrupted rebuild was waiting for. */
	if (r == 0 && (i.flags & INODE_AWAITED))
		r = awaited_add(a->d, *ret);
	return r;
}

/* ---- names that are taken ---------------------------------------------- */

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
int
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
	if (is_end && r >= 0)
		a->conflicts += (unsigned)rb->nclashes;
	if (is_end || r < 0) {
		rebuild_free(rb);
		a->d->rebuild = NULL;
	}
	return r < 0 ? r : 0;
}
