/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The content half of fsck: every row stands for an inode, every staged block
 * opens, everything else has a place on the store.
 */
#include <errno.h>
#include <stdlib.h>
#include <stdio.h>
#include <string.h>

#include "drive/content.h"
#include "drive/slab.h"
#include "util/buf.h"
#include "util/tr.h"

#define FSCK_STEP 256

struct check {
	struct drive *d;
	bool repair;
	bool (*stop)(void *arg);	/* NULL: never */
	void (*say)(void *arg, const char *finding);
	void *arg;
	int left;		/* findings not repaired */
	uint64_t unread;	/* this file's row cannot be read */
	struct inode i;		/* of the row at hand */
	struct aead *key;
};

static void
finding(struct check *c, const struct block *b, const char *what, bool mended)
{
	struct buf path = BUF_INIT(8192);
	char line[1024];

	if (drive_path(c->d, b->ino, &path) < 0)
		(void)buf_printf(&path, "inode %llu",
		    (unsigned long long)b->ino);
	(void)snprintf(line, sizeof(line), mended ?
	    N_("%s: block %llu: %s (repaired)") : N_("%s: block %llu: %s"),
	    path.err ? "?" : buf_cstr(&path), (unsigned long long)b->idx,
	    what);
	c->say(c->arg, line);
	buf_done(&path);
	if (!mended)
		c->left++;
}

/* The local bytes of b verify: 1, 0, or an errno. */
static int
block_opens(struct check *c, const struct block *b)
{
	uint8_t *p;
	int r;

	if (b->state == BLOCK_PATCH) {
		struct dirty t = { .idx = b->idx };

		r = patch_load(c->d, b, &t);
		dirty_drop(c->d, &t);
		return r == -EIO ? 0 : r < 0 ? r : 1;
	}
	p = malloc(b->len ? b->len : 1);
	if (!p)
		return -ENOMEM;
	r = block_load(c->d, b, &c->i.id, c->key, p);
	free(p);
	return r == -EAGAIN ? 0 : r < 0 ? r : 1;
}

/* Forget a spoiled local copy of what the store has. */
static int
forget_copy(struct check *c, struct block *b)
{
	int r = drive_begin_internal(c->d);

	if (r < 0)
		return r;
	b->frame = SLAB_NONE;
	b->has_data = false;
	r = block_update(c->d, b);
	if (r == 0)
		c->d->stage->clean_bytes -= b->len;
	return drive_end(c->d, r);
}

/* Is what is to be published among what will be?  1, 0 or an error. */
static int
row_waits(struct check *c, const struct block *b) REQUIRES(c->d->db_lock)
{
	const struct pending *p = pending_find(c->d, b->ino);
	int r;

	/* A hole also stays for what lies below it. */
	if (b->state == BLOCK_CLEAN || b->state == BLOCK_INLINE ||
	    b->state == BLOCK_HOLE || c->i.nlink == 0)
		return 1;
	r = stage_is_live(c->d, b);
	if (r <= 0)
		return r < 0 ? r : 1;
	if (p && b->idx >= p->lo && b->idx < p->hi)
		return 1;
	return p && p->v && b->idx >= p->v->lo && b->idx < p->v->hi;
}

/* Rows that nothing would ever send. */
static int
check_waits(struct check *c, const struct block *b)
{
	bool mended = false;
	struct block now;
	int r;

	mutex_lock(&c->d->db_lock);
	r = block_get_bid(c->d, b->ino, b->idx, b->bid, &now);
	if (r == 1)
		r = row_waits(c, &now);
	else if (r == 0)
		r = 1;
	mutex_unlock(&c->d->db_lock);
	/* The row that could not be read is a finding by itself. */
	if (r != 0)
		return r < 0 && !unread_is(r) ? r : 0;
	if (c->repair) {
		r = drive_begin_internal(c->d);
		if (r < 0)
			return r;
		r = outbox_mark(c->d, b->ino, OUTBOX_PUT);
		if (r == 0)
			r = stage_note(c->d, b->ino);
		mended = drive_end(c->d, r) == 0;
	}
	finding(c, b, N_("waits for nothing: it would not be sent"), mended);
	return 0;
}

/* Is it gone, or its bytes elsewhere, since it was read?  Others work on. */
static bool
is_over(struct check *c, const struct block *b)
{
	struct block now;
	int r;

	mutex_lock(&c->d->db_lock);
	r = block_get_bid(c->d, b->ino, b->idx, b->bid, &now);
	mutex_unlock(&c->d->db_lock);
	return r == 0 || (r == 1 && now.frame != b->frame);
}

static int
check_row(struct check *c, struct block *b)
{
	bool mended = false;
	int r;

	if (b->is_bad) {
		finding(c, b, N_("its row does not verify"), false);
		return 0;
	}
	r = check_waits(c, b);
	if (r < 0 || b->state == BLOCK_HOLE)
		return r;
	if (!block_is_local(b) && !b->has_ref) {
		finding(c, b, N_("is nowhere"), false);
		return 0;
	}
	if (!block_is_local(b))
		return 0;
	r = block_opens(c, b);
	if (r != 0 || is_over(c, b))
		return r < 0 ? r : 0;
	if (b->has_ref && c->repair)
		mended = forget_copy(c, b) == 0;
	finding(c, b, b->has_ref ?
	    N_("the cached copy does not verify; the store has it") :
	    N_("does not verify and is not on the store"), mended);
	return 0;
}

struct step {
	struct block v[FSCK_STEP];
	size_t n;
	uint64_t ino, idx, bid;	/* after this row */
};

static int
step_row(void *arg, const struct block *b)
{
	struct step *s = arg;

	if (b->ino < s->ino || (b->ino == s->ino && (b->idx < s->idx ||
	    (b->idx == s->idx && b->bid >= s->bid))))
		return 0;
	s->v[s->n++] = *b;
	return s->n == FSCK_STEP;
}

static int
check_inode(struct check *c, uint64_t ino)
{
	int r;

	if (c->key && c->i.ino == ino)
		return 0;
	aead_free(c->key);
	c->key = NULL;
	mutex_lock(&c->d->db_lock);
	r = inode_load(c->d, ino, &c->i);
	mutex_unlock(&c->d->db_lock);
	return r < 0 ? r : vault_file_key(c->i.key, &c->key);
}

static int
drop_row(struct check *c, const struct block *b)
{
	int r = drive_begin_internal(c->d);

	return r < 0 ? r : drive_end(c->d, block_gone(c->d, b, false));
}

static int
check_inode_rows(struct check *c, struct step *s)
{
	bool mended;
	size_t k;
	int r = 0;

	for (k = 0; k < s->n && r >= 0; k++) {
		if (c->stop && c->stop(c->arg))
			return -ECANCELED;
		if (s->v[k].ino == c->unread)
			continue;
		r = check_inode(c, s->v[k].ino);
		if (r == -ENOENT && is_over(c, &s->v[k])) {
			r = 0;
		} else if (r == -ENOENT) {
			mended = c->repair && drop_row(c, &s->v[k]) == 0;
			finding(c, &s->v[k], N_("belongs to no inode"), mended);
			r = 0;
		} else if (unread_is(r)) {
			finding(c, &s->v[k], N_("belongs to an inode that "
			    "cannot be read"), false);
			c->unread = s->v[k].ino;
			r = 0;
		} else if (r == 0) {
			r = check_row(c, &s->v[k]);
		}
	}
	return r;
}

int
content_fsck(struct drive *d, bool repair, bool (*stop)(void *arg),
    void (*say)(void *arg, const char *finding), void *arg)
{
	struct check c = { .d = d, .repair = repair, .stop = stop, .say = say,
	    .arg = arg };
	struct step *s = calloc(1, sizeof(*s));
	int r = s ? 1 : -ENOMEM;

	if (s)
		s->bid = UINT64_MAX;
	while (r == 1) {
		s->n = 0;
		mutex_lock(&d->db_lock);
		r = block_after(d, s->ino, s->idx, step_row, s);
		mutex_unlock(&d->db_lock);
		if (r < 0 || s->n == 0)
			break;
		s->ino = s->v[s->n - 1].ino;
		s->idx = s->v[s->n - 1].idx;
		s->bid = s->v[s->n - 1].bid;
		r = check_inode_rows(&c, s);
		if (r == 0)
			r = 1;
	}
	aead_free(c.key);
	crypto_wipe(c.i.key, sizeof(c.i.key));
	free(s);
	return r < 0 ? r : c.left;
}
