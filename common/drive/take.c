/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Batches of staged blocks: taken for a pack, committed when it is on the
 * store, or given back.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "drive/content.h"
#include "drive/slab.h"

#define BATCH_MANY 256		/* blocks that are a batch */
#define SMALL_FIRST (1u << 20)	/* staged bytes of a file that overtakes */

/* ---- taking -------------------------------------------------------------- */

struct take {
	struct drive *d;
	struct stage_batch *b;
	struct version *v;
	const struct vault_id *inode;
	size_t bytes_max, cap;
	uint32_t *frames;	/* per block: where to read it from */
	bool is_full;
};

static int
take_row(void *arg, const struct block *b)
{
	size_t sealed = (size_t)b->len + AEAD_OVERHEAD;
	struct take *t = arg;
	struct stage_block *s;

	if (b->idx >= t->v->hi)
		return 2;	/* that was all of the version */
	if (b->state != BLOCK_STAGED)
		return 0;
	if (t->b->n == t->cap || t->b->bytes + sealed > t->bytes_max) {
		t->is_full = true;
		return 1;
	}
	s = &t->b->blocks[t->b->n];
	memset(s, 0, sizeof(*s));
	s->sealed = malloc(sealed);
	if (!s->sealed)
		return -ENOMEM;
	s->ino = b->ino;
	s->idx = b->idx;
	s->bid = b->bid;
	s->inode = *t->inode;
	s->cls = VAULT_CLASS_DATA;
	s->sealed_len = sealed;
	memcpy(s->sealed, b->nonce, AEAD_NONCE_LEN);
	memcpy(s->sealed + sealed - AEAD_TAG_LEN, b->tag, AEAD_TAG_LEN);
	t->frames[t->b->n++] = b->has_data ? SLAB_NONE : b->frame;
	t->b->bytes += sealed;
	t->v->next_idx = b->idx + 1;
	t->v->out++;
	return 0;
}

static int
take_version(struct take *t, struct pending *p) REQUIRES(t->d->db_lock)
{
	struct inode i;
	int r;

	r = inode_load(t->d, p->ino, &i);
	if (r < 0)
		return r == -ENOENT ? 0 : r;
	crypto_wipe(i.key, sizeof(i.key));
	t->v = p->v;
	t->inode = &i.id;
	r = block_each(t->d, p->ino, p->v->next_idx, p->v->bid_max, false,
	    take_row, t);
	if (r == 0 || r == 2) {
		p->v->is_taken_all = true;
		pending_queue(t->d, p);
		if (p->v->is_unnamed)
			version_abort(t->d, p->ino);
	}
	return r < 0 ? r : 0;
}

/* Fill the batch from frozen versions: small files first. */
static int
take_all(struct take *t) REQUIRES(t->d->db_lock)
{
	struct pending *p, *next;
	int pass, r = 0;

	for (pass = 0; pass < 2 && !t->is_full; pass++) {
		for (p = TAILQ_FIRST(&t->d->stage->frozen); p; p = next) {
			next = TAILQ_NEXT(p, link);
			if ((pass == 0 && p->staged > SMALL_FIRST) ||
			    p->v->is_void)
				continue;
			r = take_version(t, p);
			if (unread_is(r)) {
				version_unread(t->d, p->ino);
				r = 0;
			}
			if (r < 0 || t->is_full)
				return r;
		}
	}
	return r;
}

static void
batch_back(struct drive *d, const struct stage_block *s, bool is_done)
    REQUIRES(d->db_lock)
{
	struct pending *p = pending_find(d, s->ino);

	/* The inode may be gone, and its version with it. */
	if (!p || !p->v || s->bid > p->v->bid_max || p->v->out == 0)
		return;
	p->v->out--;
	if (!is_done && !p->v->is_void) {
		p->v->is_taken_all = false;
		pending_queue(d, p);
		if (p->v->next_idx > s->idx)
			p->v->next_idx = s->idx;
	}
	if (p->v->is_void || (p->v->is_unnamed && p->v->is_taken_all))
		version_abort(d, s->ino);
}

/* Give back what was taken of block k's file.  Returns where the blocks go on
 * that came after it. */
static size_t
take_back(struct take *t, size_t k) REQUIRES(t->d->db_lock)
{
	struct stage_batch *b = t->b;
	uint64_t ino = b->blocks[k].ino;
	struct pending *p = pending_find(t->d, ino);
	size_t j, n = 0, ret = 0;
	bool is_unread;

	/* Of a file that went meanwhile there is nothing to be read. */
	is_unread = p && p->v && !p->v->is_void;
	for (j = 0; j < b->n; j++) {
		if (j == k)
			ret = n;
		if (b->blocks[j].ino != ino) {
			t->frames[n] = t->frames[j];
			b->blocks[n++] = b->blocks[j];
			continue;
		}
		b->bytes -= b->blocks[j].sealed_len;
		batch_back(t->d, &b->blocks[j], false);
		free(b->blocks[j].sealed);
	}
	b->n = n;
	if (is_unread)
		version_unread(t->d, ino);
	return ret;
}

/* The ciphertext between nonce and tag.  Small ones under the lock; frames of
 * a frozen version stay as they are.  1: some files cannot be read, and were
 * left out. */
static int
take_bytes(struct take *t)
{
	struct drive *d = t->d;
	struct stage_block *s;
	int r, ret = 0;
	size_t k;

	mutex_lock(&d->db_lock);
	for (k = 0; k < t->b->n && ret >= 0; ) {
		s = &t->b->blocks[k];
		r = t->frames[k] != SLAB_NONE ? 0 : block_data_get(d, s->bid,
		    s->sealed + AEAD_NONCE_LEN, s->sealed_len -
		    AEAD_OVERHEAD);
		if (r == 0)
			k++;
		else if (unread_is(r))
			k = take_back(t, k);
		ret = unread_is(r) ? 1 : r < 0 ? r : ret;
	}
	mutex_unlock(&d->db_lock);
	for (k = 0; k < t->b->n && ret >= 0; ) {
		s = &t->b->blocks[k];
		r = t->frames[k] == SLAB_NONE ? 0 : slab_read(d->slab,
		    t->frames[k], s->sealed + AEAD_NONCE_LEN, s->sealed_len -
		    AEAD_OVERHEAD);
		if (r == 0) {
			k++;
			continue;
		}
		mutex_lock(&d->db_lock);
		k = take_back(t, k);
		mutex_unlock(&d->db_lock);
		ret = 1;
	}
	return ret;
}

static void
batch_free(struct stage_batch *b)
{
	size_t k;

	for (k = 0; k < b->n; k++)
		free(b->blocks[k].sealed);
	free(b->blocks);
	free(b);
}

/* Many small files are one batch, but not so many that those of them which
 * came first wait long to be published. */
static int
take_some(struct take *t, int *froze)
{
	int r;

	t->is_full = false;
	for (;;) {
		mutex_lock(&t->d->db_lock);
		r = take_all(t);
		mutex_unlock(&t->d->db_lock);
		if (r < 0 || t->is_full || *froze != 1 ||
		    t->b->n >= BATCH_MANY)
			return r;
		*froze = stage_freeze_due(t->d);
	}
}

int
drive_stage_take(struct drive *d, size_t bytes_max, int64_t quiet_ms,
    bool force, struct stage_batch **ret)
{
	struct take t = { .d = d, .bytes_max = bytes_max, .cap = 4096 };
	int r, froze;

	mutex_lock(&d->db_lock);
	d->stage->quiet_ms = quiet_ms;
	d->stage->is_forced = force;
	mutex_unlock(&d->db_lock);
	froze = stage_freeze_due(d);
	mutex_lock(&d->db_lock);
	r = TAILQ_EMPTY(&d->stage->frozen);
	mutex_unlock(&d->db_lock);
	if (r)
		return froze < 0 ? froze : -EAGAIN;
	t.b = calloc(1, sizeof(*t.b));
	t.frames = calloc(t.cap, sizeof(*t.frames));
	if (t.b)
		t.b->blocks = calloc(t.cap, sizeof(*t.b->blocks));
	if (!t.b || !t.frames || !t.b->blocks) {
		if (t.b)
			free(t.b->blocks);
		free(t.b);
		free(t.frames);
		return -ENOMEM;
	}
	do {
		r = take_some(&t, &froze);
		if (r == 0)
			r = take_bytes(&t);
	} while (r == 1 && t.b->n == 0);
	free(t.frames);
	if (r < 0) {
		drive_stage_abort(d, t.b);
		return r;
	}
	if (t.b->n == 0) {
		batch_free(t.b);
		return froze < 0 ? froze : -EAGAIN;
	}
	*ret = t.b;
	return 0;
}

/* ---- their end ----------------------------------------------------------- */

void
drive_stage_abort(struct drive *d, struct stage_batch *b)
{
	size_t k;

	mutex_lock(&d->db_lock);
	for (k = 0; k < b->n; k++)
		batch_back(d, &b->blocks[k], false);
	mutex_unlock(&d->db_lock);
	batch_free(b);
	drive_wake(d);
}

static int
commit_block(struct drive *d, const struct stage_block *s)
    REQUIRES(d->db_lock)
{
	struct block b;
	int r, live;

	r = block_get_bid(d, s->ino, s->idx, s->bid, &b);
	if (r <= 0 || b.state != BLOCK_STAGED)
		return r < 0 ? r : 0;
	live = stage_is_live(d, &b);
	if (live < 0)
		return live;
	b.state = BLOCK_SENT;
	b.has_ref = true;
	b.ref = s->ref;
	r = block_update(d, &b);
	/* One written over meanwhile left the counters then. */
	if (r < 0 || !live)
		return r;
	d->stage->staged_bytes -= b.len;
	d->stage->staged_blocks--;
	d->stage->clean_bytes += b.len;
	return 0;
}

int
drive_stage_commit(struct drive *d, struct stage_batch *b)
{
	size_t k;
	int r;

	r = drive_begin_internal(d);
	if (r == 0) {
		for (k = 0; k < b->n && r == 0; k++) {
			r = commit_block(d, &b->blocks[k]);
			/* The others need not go up once more. */
			if (unread_is(r)) {
				version_unread(d, b->blocks[k].ino);
				r = 0;
			}
		}
		r = drive_end(d, r);
	}
	if (r < 0) {
		drive_stage_abort(d, b);
		return r;
	}
	mutex_lock(&d->db_lock);
	for (k = 0; k < b->n; k++)
		batch_back(d, &b->blocks[k], true);
	mutex_unlock(&d->db_lock);
	batch_free(b);
	drive_wake(d);
	return 0;
}
