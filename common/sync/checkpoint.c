/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "sync/ckpt_known.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "crypto/crypto.h"
#include "util/clock.h"
#include "util/log.h"
#include "util/tr.h"

/*
 * checkpoint - the folded state, written by the publisher, which is the one
 * that moves our frontier: it stands still meanwhile.
 *
 * The drive is not called, and the store is not, while it walks the tree for
 * us.  So pages gather in memory; when there are HOLD_MAX bytes of them the
 * walk is broken off, they are put, and the next walk finds them known, as it
 * finds those of the checkpoint before.  The last walk goes to the end.
 *
 * Changes end a walk, too.  What was put by then is known to the next try: a
 * checkpoint that takes longer than people's pauses would never be done.
 */

#define HOLD_MAX (24u * 1024 * 1024)
#define PAGE_NUMBERS 256	/* page numbers reserved for one walk */
#define PAGES_MAX (1u << 20)

struct ready {
	struct buf object;
	uint64_t n, rand;
};

struct job {
	struct sync *s;
	struct ckpt_known *known;
	struct pack_list packs;
	struct ckpt_page *page;		/* being filled */
	struct ready ready[PAGE_NUMBERS];
	unsigned nready;
	size_t ready_bytes;
	uint64_t page_next;		/* first of the numbers reserved */
	struct ckpt_page_ref *refs;	/* of this walk, in order */
	size_t nrefs, cap;
};

/* ---- pages ---- */

static int
refs_add(struct job *j, const struct ckpt_page_ref *ref)
{
	struct ckpt_page_ref *p;
	size_t cap;

	if (j->nrefs == PAGES_MAX)
		return -EFBIG;
	if (j->nrefs == j->cap) {
		cap = j->cap ? j->cap * 2 : 64;
		p = realloc(j->refs, cap * sizeof(*p));
		if (!p)
			return -ENOMEM;
		j->refs = p;
		j->cap = cap;
	}
	j->refs[j->nrefs++] = *ref;
	return 0;
}

/* The page is full: refer to one that is there, or seal it.  1: enough is
 * held, put it and walk again. */
static int
page_close(struct job *j)
{
	uint8_t sum[VAULT_HASH_LEN];
	struct ckpt_page_ref ref;
	const struct ckpt_page_ref *known;
	struct vault_id first;
	struct ready *y;
	int r;

	ckpt_page_sum(j->page, &first, sum);
	known = ckpt_known_find(j->known, sum);
	if (known) {
		ckpt_page_reset(j->page);
		return refs_add(j, known);
	}
	if (j->nready == PAGE_NUMBERS ||
	    j->ready_bytes + j->packs.bytes > HOLD_MAX)
		return 1;
	y = &j->ready[j->nready];
	buf_init(&y->object, SYNC_ROOT_MAX);
	r = ckpt_page_seal(j->s->keys, j->page, j->page_next, &y->object,
	    &ref);
	if (r < 0) {
		buf_done(&y->object);
		return r;
	}
	j->page_next++;
	y->n = ref.n;
	y->rand = ref.rand;
	j->nready++;
	j->ready_bytes += y->object.len;
	ckpt_page_reset(j->page);
	r = refs_add(j, &ref);
	if (r == 0)
		r = ckpt_known_add(j->known, &ref, true);
	return r;
}

static int
add_node(struct job *j, const struct ckpt_node *n)
{
	int r;

	r = ckpt_page_add(j->page, n);
	if (r != 1)
		return r;
	r = page_close(j);
	if (r == 0)
		r = ckpt_page_add(j->page, n);
	/* A node that does not fit an empty page. */
	return r == 1 && ckpt_page_empty(j->page) ? -EFBIG : r;
}

static int
on_node(void *arg, const struct ckpt_node *n)
{
	struct job *j = arg;
	struct ckpt_node copy = *n;
	int r;

	if (sync_stopping(j->s))
		return -ECANCELED;
	if (n->content.nblocks <= VAULT_LIST_MAX)
		return add_node(j, n);
	/* Packs cannot be put here either. */
	if (j->packs.bytes > HOLD_MAX)
		return 1;
	r = page_list_make(&j->packs, &n->id, n->key, &copy.content,
	    ckpt_known_lists(j->known));
	if (r < 0)
		return r;
	copy.content.blocks = NULL;
	copy.content.nblocks = 0;
	r = add_node(j, &copy);
	free(copy.content.pages);
	return r;
}

/* ---- putting ---- */

static void
ready_drop(struct job *j)
{
	unsigned i;

	for (i = 0; i < j->nready; i++)
		buf_done(&j->ready[i].object);
	j->nready = 0;
	j->ready_bytes = 0;
}

/* Packs first: pages refer to them. */
static int
job_flush(struct job *j)
{
	const struct vault_keys *k = j->s->keys;
	char name[VAULT_PATH_MAX] = "";
	struct ready *y;
	unsigned i;
	int r;

	r = pack_list_put(&j->packs);
	if (j->packs.n > 0)
		vault_name_pack(&k->rtag,
		    pack_id_of(j->packs.packs[j->packs.n - 1]), name);
	for (i = 0; i < j->nready && r == 0; i++) {
		y = &j->ready[i];
		vault_name_page(&k->rtag, &k->dtag, y->n, y->rand, name);
		r = sync_put(j->s, name, y->object.data, y->object.len,
		    OBJECT_OWN);
	}
	if (r == 0 && name[0])
		r = trust_confirm(j->s);
	if (r == 0 && name[0])
		ckpt_known_settle(j->known, name);
	pack_list_done(&j->packs);
	ready_drop(j);
	return r;
}

/* count numbers of pages that no earlier run has used. */
static int
numbers_reserve(struct sync *s, uint64_t count, uint64_t *ret)
{
	struct buf b = BUF_INIT(64);
	uint64_t next = 1;
	uint8_t p[8];
	int r;

	r = value_get(s->drive, SYNC_KV_PAGE_NEXT, 8, &b);
	if (r == 0)
		next = get_le64(b.data);
	if (r == -ENOENT)
		r = 0;
	if (r == 0) {
		put_le64(p, next + count);
		r = drive_kv_set(s->drive, SYNC_KV_PAGE_NEXT, p, sizeof(p));
	}
	if (r == 0)
		*ret = next;
	buf_done(&b);
	return r;
}

static int
walk(struct job *j)
{
	int r;

	do {
		j->nrefs = 0;
		ckpt_page_reset(j->page);
		r = numbers_reserve(j->s, PAGE_NUMBERS, &j->page_next);
		if (r == 0)
			r = pack_list_reserve(&j->packs);
		if (r == 0)
			r = drive_walk(j->s->drive, on_node, j);
		if (r == 0 && !ckpt_page_empty(j->page))
			r = page_close(j);
		if (r >= 0 && job_flush(j) < 0)
			r = -ECANCELED;
	} while (r == 1);
	return r;
}

/* ---- the root ---- */

/* The pages of our newest checkpoint.  If it cannot be had they are written
 * anew. */
static int
known_load(struct job *j)
{
	struct buf b = BUF_INIT(SYNC_ROOT_MAX);
	struct ckpt_root root = { .npages = 0 };
	const struct vault_keys *k = j->s->keys;
	char name[VAULT_PATH_MAX];
	struct ckpt_mark m;
	bool is_owed;
	uint32_t i;
	int r;

	r = ckpt_mark_get(j->s->drive, &m);
	if (r < 0)
		return r == -ENOENT ? 0 : r;
	mutex_lock(&j->s->lock);
	is_owed = j->s->is_ckpt_due;
	mutex_unlock(&j->s->lock);
	/* After a loss nothing old is relied on. */
	if (is_owed)
		return 0;
	vault_name_page(&k->rtag, &k->dtag, m.n, m.rand, name);
	r = object_get(j->s->store, name, OBJECT_ONCE, &b);
	if (r == 0)
		r = ckpt_root_open(k, &k->self, m.sha, b.data, b.len, &root);
	buf_done(&b);
	if (r < 0) {
		log_warn("sync: the last checkpoint cannot be read: %s",
		    strerror(-r));
		return 0;
	}
	for (i = 0; i < root.npages && r == 0; i++)
		r = ckpt_known_add(j->known, &root.pages[i], false);
	ckpt_root_done(&root);
	return r;
}

static void
root_sum(struct job *j, uint8_t out[static VAULT_HASH_LEN])
{
	struct sha256 *h = sha256_new();
	size_t i;

	if (!h) {
		memset(out, 0, VAULT_HASH_LEN);
		return;
	}
	for (i = 0; i < j->nrefs; i++)
		sha256_add(h, j->refs[i].sum, VAULT_HASH_LEN);
	sha256_end(h, out);
}

/* Frontier and top folder; done with ckpt_root_done(). */
static int
root_fill(struct job *j, struct ckpt_root *root)
{
	size_t i, n;
	int r;

	r = drive_seen_all(j->s->drive, &root->frontier, &n);
	if (r < 0)
		return r;
	root->nfrontier = (uint32_t)n;
	for (i = 0; i < n; i++)
		if (root->frontier[i].lamport > root->lamport)
			root->lamport = root->frontier[i].lamport;
	root_sum(j, root->state_hash);
	r = drive_walk_root(j->s->drive, &root->root_attr,
	    &root->root_xattrs, &root->nroot_xattrs);
	if (r < 0)
		return r;
	root->pages = j->refs;
	root->npages = (uint32_t)j->nrefs;
	j->refs = NULL;		/* the root's now */
	j->nrefs = j->cap = 0;
	return 0;
}

static int
root_put(struct job *j, uint64_t seq)
{
	const struct vault_keys *k = j->s->keys;
	struct buf b = BUF_INIT(SYNC_ROOT_MAX);
	struct ckpt_root root = { .npages = 0 };
	char name[VAULT_PATH_MAX];
	struct ckpt_mark m = { .seq = seq };
	int r;

	m.rand = crypto_random_u64();
	r = numbers_reserve(j->s, 1, &m.n);
	if (r == 0)
		r = root_fill(j, &root);
	if (r == 0)
		r = ckpt_root_seal(k, &root, m.n, m.rand, &b, m.sha);
	if (r < 0)
		goto out;
	vault_name_page(&k->rtag, &k->dtag, m.n, m.rand, name);
	r = sync_put(j->s, name, b.data, b.len, OBJECT_OWN);
	if (r == 0)
		r = trust_confirm(j->s);
	if (r == 0)
		r = page_cache_save(j->s->drive,
		    ckpt_known_lists(j->known));
	if (r == 0)
		r = ckpt_mark_set(j->s->drive, &m);
	if (r < 0)
		goto out;
	mutex_lock(&j->s->lock);
	j->s->st.checkpoint_seq = seq;
	j->s->is_head_dirty = true;
	mutex_unlock(&j->s->lock);
	log_info("sync: checkpoint at segment %llu, %u pages",
	    (unsigned long long)seq, root.npages);
out:
	ckpt_root_done(&root);
	buf_done(&b);
	return r;
}

static void
job_free(struct job *j)
{
	ready_drop(j);
	ckpt_known_free(j->known);
	pack_list_done(&j->packs);
	ckpt_page_free(j->page);
	free(j->refs);
	free(j);
}

/* -EAGAIN: changes came in between. */
static int
checkpoint_write(struct sync *s)
{
	struct vault_seen own;
	struct job *j;
	int r;

	r = drive_seen_get(s->drive, &s->keys->self.id, &own);
	if (r < 0)
		return r == -ENOENT ? 0 : r;	/* nothing published yet */
	j = calloc(1, sizeof(*j));
	if (!j)
		return -ENOMEM;
	j->s = s;
	j->packs.s = s;
	r = ckpt_page_new(&j->page);
	if (r == 0)
		r = ckpt_known_new(s, &j->known);
	if (r == 0)
		r = known_load(j);
	if (r == 0)
		r = walk(j);
	if (r == 0)
		r = root_put(j, own.seq);
	if (r < 0 && j->known) {
		ckpt_known_keep(s, j->known);
		j->known = NULL;
	}
	job_free(j);
	return r;
}

/* ---- when ---- */

/* Somebody works: each try would hold up what he does, and put pages that are
 * not the last ones.  Or this machine's disk does not give all of the drive.
 * 10 s to 10 min. */
static void
checkpoint_later(struct sync *s)
{
	int64_t min = 10 * s->backoff_min_ms, max = 10 * s->backoff_max_ms;
	int64_t next = 2 * s->ckpt_wait_ms;

	s->ckpt_wait_ms = next < min ? min : next < max ? next : max;
	s->ckpt_at_ms = clock_mono_ms() + s->ckpt_wait_ms;
}

int
checkpoint_step(struct sync *s)
{
	uint64_t asked, seq;
	struct drive_usage u;
	bool is_due, is_ours, is_owed;
	int r;

	drive_usage(s->drive, &u);
	mutex_lock(&s->lock);
	is_owed = s->is_ckpt_due;	/* changed by this thread only */
	asked = s->ckpt_asked;
	seq = s->st.published_seq;
	is_due = (is_owed || (s->ckpt_tried != seq &&
	    seq >= s->st.checkpoint_seq + s->ckpt_every)) &&
	    clock_mono_ms() >= s->ckpt_at_ms;
	/* Somebody waits for it. */
	if (is_owed && s->force)
		is_due = true;
	if (u.outbox_ops > 0)
		is_due = false;
	if (s->ckpt_done < asked)
		is_due = true;
	mutex_unlock(&s->lock);
	if (!is_due)
		return 0;
	r = checkpoint_write(s);
	log_debug("sync: checkpoint at %llu: %d", (unsigned long long)seq, r);
	s->ckpt_tried = r == -EAGAIN ? 0 : seq;
	if (r == 0)
		r = publish_head(s);
	if (r == 0 && is_owed)
		r = accept_settle(s);
	/* On this side: what others wait for goes on without it. */
	is_ours = r < 0 && r != -EAGAIN && r != -ECANCELED && r != -EROFS;
	s->is_ckpt_bad = is_ours || (s->is_ckpt_bad && r < 0);
	s->ckpt_owed_r = is_ours && is_owed ? r : 0;
	if (is_ours)
		sync_note_here(s, N_("this machine cannot write a "
		    "checkpoint"), r);
	/* After a loss nothing can be rebuilt before it is there: that one
	 * does not wait for who works. */
	if (is_ours || (r == -EAGAIN && !is_owed))
		checkpoint_later(s);
	else if (r == 0 || r == -EAGAIN)
		s->ckpt_at_ms = s->ckpt_wait_ms = 0;
	mutex_lock(&s->lock);
	s->ckpt_done = asked;
	s->ckpt_result = r;
	cond_broadcast(&s->changed);
	mutex_unlock(&s->lock);
	/* A later one will do. */
	return r == -EAGAIN || is_ours ? 0 : r;
}
