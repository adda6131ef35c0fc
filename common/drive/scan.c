/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The start: every row is looked at once.  Frames are marked, bytes counted,
 * and rows that were superseded when the process ended go: nobody freezes
 * them any more.
 *
 * After a power cut (the boot id is another, the drive was not closed) rows
 * newer than the last flush may name frames that never reached the disk.
 * Those are opened; one that does not open gives way to the row below it,
 * and where there is none it was a hole before.  A file that it had made
 * longer ends where it had ended; what the row below has behind the end of
 * the lost one, which a truncation had taken, is zeros.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "drive/content.h"
#include "drive/slab.h"
#include "drive/tree_priv.h"
#include "util/buf.h"
#include "util/file.h"
#include "util/log.h"

#define BOOT_ID "/proc/sys/kernel/random/boot_id"
#define BOOT_LEN 36
#define CUT_ROWS 64

/* What was lost at an index. */
struct cut {
	uint64_t ino, idx;
	uint32_t len;		/* of the newest row */
	bool is_end;		/* the file had ended at end before */
	uint64_t end;
};

struct scan {
	struct drive *d;
	uint64_t ino, idx;	/* of the row before */
	bool is_covered;	/* a whole row was above */
	bool is_patched;	/* a patch was above */
	bool is_bad;		/* one that cannot be read was above */
	bool is_cut;		/* only rows that do not open were above: */
	struct cut cut;
	bool is_suspect;	/* after a power cut */
	uint64_t synced;	/* rows up to this bid need no look */
	struct inode i;
	struct aead *key;	/* of i */
	struct gones extra;
	struct cut *cuts;
	size_t ncuts, capcuts;
};

static int
scan_opens(struct scan *s, const struct block *b) REQUIRES(s->d->db_lock)
{
	uint8_t *ct = content_scratch(0), *p = content_scratch(1);
	int r = 0;

	if (!ct || !p)
		return -ENOMEM;
	if (!s->key || s->i.ino != b->ino) {
		aead_free(s->key);
		s->key = NULL;
		r = inode_load(s->d, b->ino, &s->i);
		if (r == -ENOENT)
			return 1;	/* fsck's affair */
		if (r == 0)
			r = vault_file_key(s->i.key, &s->key);
	}
	if (r == 0)
		r = slab_read(s->d->slab, b->frame, ct, b->len);
	/* A disk that does not read it is no reason to go back; whoever reads
	 * it is told. */
	if (r < 0)
		return r == -EIO ? 1 : r;
	r = block_open(s->d, b, &s->i.id, s->key, ct, p);
	return r == -EBADMSG ? 0 : r < 0 ? r : 1;
}

static int
scan_cut(struct scan *s)
{
	struct cut *c;
	size_t cap;

	if (!s->is_cut)
		return 0;
	if (s->ncuts == s->capcuts) {
		cap = s->capcuts ? s->capcuts * 2 : 16;
		c = realloc(s->cuts, cap * sizeof(*c));
		if (!c)
			return -ENOMEM;
		s->cuts = c;
		s->capcuts = cap;
	}
	s->cuts[s->ncuts++] = s->cut;
	return 0;
}

/* A row that does not open. */
static void
scan_lost(struct scan *s, const struct block *b)
{
	if (!s->is_cut)
		s->cut = (struct cut){ b->ino, b->idx, b->len, false, 0 };
	s->is_cut = true;
	if (b->is_end) {
		s->cut.is_end = true;
		s->cut.end = b->end;
	}
}

/* What is below it: is there more to do than to take this?  A hole that a
 * truncation left is not what the file had here. */
static bool
is_cut_over(struct scan *s, const struct block *b)
{
	if (b->state != BLOCK_HOLE && s->cut.end <= s->idx * BLOCK_SIZE)
		s->cut.is_end = false;
	return s->cut.is_end || b->state == BLOCK_PATCH ||
	    b->state == BLOCK_CLEAN || b->len > s->cut.len;
}

static int
scan_row(void *arg, const struct block *b) NO_TSA
{
	struct scan *s = arg;
	struct stage *st = s->d->stage;
	struct gone g = { b->ino, b->idx, b->bid, b->frame, b->len,
	    b->has_data, false, (uint8_t)b->state };
	int r;

	if (b->bid >= st->next_bid)
		st->next_bid = b->bid + 1;
	if (b->frame != SLAB_NONE) {
		r = slab_mark(s->d->slab, b->frame);
		if (r < 0)
			return r;
	}
	if (b->ino != s->ino || b->idx != s->idx) {
		r = scan_cut(s);
		if (r < 0)
			return r;
		s->is_covered = s->is_patched = false;
		s->is_cut = s->is_bad = false;
	}
	s->ino = b->ino;
	s->idx = b->idx;
	if (s->is_covered || (s->is_patched && b->state == BLOCK_PATCH))
		return s->is_bad ? 0 : gones_add(&s->extra, &g);
	/* What is below stays as well: nobody knows what would be lost. */
	if (b->is_bad) {
		log_error("drive: inode %llu: the row of block %llu does not "
		    "verify", (unsigned long long)b->ino,
		    (unsigned long long)b->idx);
		s->is_bad = true;
		s->is_cut = false;
	} else if (!s->is_bad && s->is_suspect && b->bid > s->synced &&
	    b->state == BLOCK_STAGED && b->frame != SLAB_NONE) {
		r = scan_opens(s, b);
		if (r < 0)
			return r;
		if (r == 0) {
			scan_lost(s, b);
			return gones_add(&s->extra, &g);
		}
	}
	s->is_cut = s->is_cut && is_cut_over(s, b);
	if (b->state == BLOCK_PATCH)
		s->is_patched = true;
	else
		s->is_covered = true;
	stage_count(s->d, b, 1);
	return 0;
}

/* What "boot" says: the boot that wrote, and what it had flushed. */
static int
boot_load(struct scan *s) REQUIRES(s->d->db_lock)
{
	struct buf was = BUF_INIT(256), now = BUF_INIT(64);
	int r;

	r = meta_get(s->d, "boot", &was);
	if (r == 0 && was.len == BOOT_LEN + 8) {
		s->synced = get_le64(was.data + BOOT_LEN);
		if (file_read(BOOT_ID, &now) < 0 || now.len < BOOT_LEN ||
		    memcmp(now.data, was.data, BOOT_LEN) != 0)
			s->is_suspect = true;
	} else if (r == -ENOENT || unread_is(r)) {
		/* A hint that cannot be read: each is looked at. */
		s->is_suspect = r != -ENOENT;
		r = 0;
	}
	buf_done(&was);
	buf_done(&now);
	return r;
}

static int
boot_put(struct drive *d, uint64_t synced) REQUIRES(d->db_lock)
{
	struct buf b = BUF_INIT(256);
	int r;

	r = file_read(BOOT_ID, &b);
	if (r < 0 || b.len < BOOT_LEN) {
		buf_reset(&b);
		r = buf_put_zero(&b, BOOT_LEN);
	}
	b.len = BOOT_LEN;
	if (r == 0)
		r = buf_put_u64(&b, synced);
	if (r == 0)
		r = meta_put(d, "boot", b.data, b.len);
	buf_done(&b);
	return r;
}

int
content_boot_save(struct drive *d) NO_TSA
{
	int r = drive_begin_internal(d);

	return r < 0 ? r : drive_end(d, boot_put(d, d->stage->synced_bid));
}

/* What was written behind it would be there again when the file grows. */
static int
cut_rows(struct drive *d, struct inode *i, uint64_t idx) REQUIRES(d->db_lock)
{
	struct block v[CUT_ROWS];
	int n, k, r = 0;

	do {
		n = block_tail(d, i->ino, v, CUT_ROWS);
		for (k = 0; k < n && r == 0 && v[k].idx >= idx; k++) {
			i->alloc -= i->alloc < v[k].len ? i->alloc : v[k].len;
			r = block_gone(d, &v[k], false);
		}
	} while (r == 0 && n == CUT_ROWS && k == n);
	return n < 0 ? n : r;
}

/* The file is as long as it was before what was lost; what came between is
 * kept, and nothing behind. */
static int
cut_end(struct drive *d, struct inode *i, const struct cut *c)
    REQUIRES(d->db_lock)
{
	uint64_t end = c->end, idx;
	struct block b;
	int r;

	r = block_last(d, i->ino, 0, c->idx, 0, &idx);
	if (r == 1)
		r = block_get(d, i->ino, idx, &b);
	if (unread_is(r)) {
		b.len = BLOCK_SIZE;
		r = 1;
	}
	if (r < 0)
		return r;
	if (r == 1 && end < idx * BLOCK_SIZE + b.len)
		end = idx * BLOCK_SIZE + b.len;
	if (end >= i->size)
		return 0;
	r = cut_rows(d, i, (end + BLOCK_SIZE - 1) / BLOCK_SIZE);
	if (r < 0)
		return r;
	log_error("drive: inode %llu ends at %llu: the power cut took what "
	    "had not been flushed", (unsigned long long)i->ino,
	    (unsigned long long)end);
	i->size = end;
	if (i->trunc > end)
		i->trunc = end;
	return 0;
}

/* Zeros from byte len of the block on: a patch of t, which is empty. */
static int
cut_patch(struct drive *d, struct inode *i, uint64_t idx, uint32_t len,
    struct dirty *t) REQUIRES(d->db_lock)
{
	struct block top, base, p = { .ino = i->ino, .idx = idx,
	    .state = BLOCK_PATCH, .frame = SLAB_NONE, .has_data = true };
	uint64_t size = i->size;
	uint8_t *box = NULL;
	size_t box_len;
	int r;

	r = block_get(d, i->ino, idx, &top);
	if (r <= 0 || top.state == BLOCK_HOLE)
		return r < 0 ? r : 0;
	p.len = top.len;
	/* Others have cut it off already, if it is not said again. */
	if (top.state == BLOCK_CLEAN && i->trunc < idx * BLOCK_SIZE + len)
		len = i->trunc > idx * BLOCK_SIZE ?
		    (uint32_t)(i->trunc % BLOCK_SIZE) : 0;
	if (top.state == BLOCK_PATCH) {
		r = patch_load_held(d, &top, t);
		if (r == 0)
			r = block_below(d, &top, &base);
		if (r == 1 && p.len < base.len)
			p.len = base.len;
	} else {
		t->have = calloc(1, PATCH_MAP);
		r = t->have ? 0 : -ENOMEM;
	}
	if (r < 0 || p.len <= len)
		return r < 0 ? r : 0;
	r = dirty_grow(d, t, p.len);
	if (r < 0)
		return r;
	memset(t->buf + len, 0, p.len - len);
	have_set(t->have, len, p.len);
	t->len = p.len;
	p.bid = d->stage->next_bid++;
	r = patch_seal(d, t, p.bid, &box, &box_len);
	/* It makes nothing longer: its zeros are behind the end. */
	i->size = idx * BLOCK_SIZE + p.len;
	if (r == 0)
		r = block_put(d, i, &p, box, box_len);
	i->size = size;
	free(box);
	return r;
}

static int
cut_file(struct drive *d, const struct cut *c) REQUIRES(d->db_lock)
{
	uint64_t at = c->idx * BLOCK_SIZE;
	struct dirty t = { .idx = c->idx };
	uint32_t len = c->len;
	struct inode i;
	int r;

	r = inode_load(d, c->ino, &i);
	if (r < 0 || i.size <= at)
		return r == -ENOENT ? 0 : r;
	if (c->is_end) {
		r = cut_end(d, &i, c);
		if (c->end < at + len)
			len = c->end > at ? (uint32_t)(c->end - at) : 0;
	}
	if (r == 0 && i.size > at)
		r = cut_patch(d, &i, c->idx, len, &t);
	dirty_drop(d, &t);
	/* Who reads it is told. */
	if (unread_is(r))
		r = 0;
	if (r == 0)
		r = inode_save(d, &i);
	return r < 0 ? r : content_changed(d, &i);
}

static int
scan_apply(struct scan *s) REQUIRES(s->d->db_lock)
{
	const struct gone *g;
	size_t k;
	int r = 0;

	for (k = 0; k < s->extra.n && r == 0; k++) {
		g = &s->extra.v[k];
		r = block_delete(s->d, g->ino, g->idx, g->bid, g->has_data);
		if (r == 0)
			r = stage_bury_note(s->d, g);
	}
	for (k = 0; k < s->ncuts && r == 0; k++)
		r = cut_file(s->d, &s->cuts[k]);
	return r < 0 ? r : boot_put(s->d, s->synced);
}

int
content_scan(struct drive *d) NO_TSA
{
	struct scan s = { .d = d };
	int r;

	r = drive_begin_internal(d);
	if (r < 0)
		return r;
	r = boot_load(&s);
	/* Not those again of rows that are gone: they counted as flushed. */
	d->stage->next_bid = s.synced + 1;
	if (r == 0)
		r = block_every(d, scan_row, &s);
	if (r == 0)
		r = scan_cut(&s);
	if (r == 0)
		r = scan_apply(&s);
	/* Rows that were there may have been flushed: all stay until the next
	 * flush when they are written over. */
	d->stage->kept_bid = d->stage->next_bid - 1;
	d->stage->synced_bid = s.synced;
	aead_free(s.key);
	crypto_wipe(s.i.key, sizeof(s.i.key));
	free(s.extra.v);
	free(s.cuts);
	return drive_end(d, r);
}
