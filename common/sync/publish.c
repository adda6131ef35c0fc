/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "sync/sync_priv.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "util/clock.h"
#include "util/log.h"
#include "util/tr.h"

/* A segment is made smaller than this only if a single op is larger. */
#define OPS_BYTES_MIN (16u * 1024)
/* The publisher looks at its clocks this often. */
#define LOOK_MS 200		/* whether the drive is busy still */
#define TICK_MS (600 * 1000)

/* ---- heads ---- */

int
publish_head(struct sync *s)
{
	struct buf b = BUF_INIT(SYNC_SMALL_MAX);
	struct vault_head h = { .seq = 0 };
	char name[VAULT_PATH_MAX];
	struct vault_seen own;
	struct ckpt_mark m;
	int r;

	r = drive_seen_get(s->drive, &s->keys->self.id, &own);
	if (r == -ENOENT)
		return 0;	/* nothing published: no head */
	if (r < 0)
		return r;
	r = ckpt_mark_get(s->drive, &m);
	if (r < 0 && r != -ENOENT)
		return r;
	if (r == 0) {
		h.ckpt_n = m.n;
		h.ckpt_rand = m.rand;
		memcpy(h.ckpt_sha, m.sha, VAULT_HASH_LEN);
	}
	h.seq = own.seq;
	memcpy(h.hash, own.hash, VAULT_HASH_LEN);
	h.op_seq = own.op_seq;
	h.lamport = own.lamport;
	h.heartbeat_ns = clock_real_ns();
	r = head_seal(s->keys, &h, &b);
	if (r == 0) {
		vault_name_head(&s->keys->rtag, &s->keys->dtag, name);
		r = sync_put(s, name, b.data, b.len, OBJECT_HEAD);
	}
	buf_done(&b);
	if (r < 0)
		return r;
	s->head_ns = h.heartbeat_ns;
	mutex_lock(&s->lock);
	s->is_head_dirty = false;
	cond_broadcast(&s->changed);
	mutex_unlock(&s->lock);
	return 0;
}

/* ---- segments ---- */

/* Put the segment that is sealed, if there is one; then its head. */
static int
publish_pending(struct sync *s)
{
	struct buf b = BUF_INIT(SYNC_SMALL_MAX);
	char name[VAULT_PATH_MAX];
	uint64_t seq;
	int r;

	r = drive_publish_pending(s->drive, &seq, &b);
	if (r == -ENOENT) {
		mutex_lock(&s->lock);
		s->has_pending = false;
		mutex_unlock(&s->lock);
		r = 0;
		goto out;
	}
	if (r < 0)
		goto out;
	r = trust_before_put(s);
	if (r < 0)
		goto out;
	vault_name_segment(&s->keys->rtag, &s->keys->dtag, seq, name);
	r = sync_put(s, name, b.data, b.len, OBJECT_CHAIN);
	if (r == -EEXIST && trust_put_again(s, name))
		r = sync_put(s, name, b.data, b.len, OBJECT_CHAIN);
	if (r == -EEXIST) {
		r = trust_put_over(s);
		if (r == 0)
			r = sync_put(s, name, b.data, b.len, OBJECT_HEAD);
	}
	if (r == 0)
		r = trust_confirm(s);
	if (r == 0)
		r = trust_after_put(s);
	if (r == 0)
		r = drive_publish_done(s->drive, seq);
	if (r < 0)
		goto out;
	s->put_at_ms = clock_mono_ms();
	mutex_lock(&s->lock);
	s->has_pending = false;
	s->is_head_dirty = true;
	s->st.published_seq = seq;
	s->st.segments++;
	mutex_unlock(&s->lock);
	r = publish_head(s);
	sync_wake(s);
out:
	buf_done(&b);
	return r;
}

/* Blocks and pages that an op refers to must be on the store: the order that
 * every reader relies on. */
static int
check_order(struct sync *s, const struct op_list *l)
{
	const struct op_put *p;
	uint32_t j;
	size_t i;

	for (i = 0; i < l->n; i++) {
		if (l->ops[i].type != OP_PUT)
			continue;
		p = &l->ops[i].put;
		for (j = 0; j < p->nblocks; j++)
			if (p->blocks[j].kind != OP_BLOCK_HOLE &&
			    sync_is_unsent(s, &p->blocks[j].ref.pack))
				goto bad;
		for (j = 0; j < p->npages; j++)
			if (sync_is_unsent(s, &p->pages[j].ref.pack))
				goto bad;
	}
	return 0;
bad:
	log_error("sync: an op refers to a pack that is not on the store");
	return -EIO;
}

static int
pages_put(struct sync *s, struct pack_list *l)
{
	int r = pack_list_put(l);

	if (r == 0 && l->n > 0)
		r = trust_confirm(s);
	pack_list_done(l);
	return r;
}

/* Long lists of blocks go into packs of their own, which are put here. */
static int
ops_page(struct sync *s, struct op_list *ops)
{
	struct pack_list l = { .s = s };
	uint8_t key[VAULT_KEY_LEN];
	struct op *o;
	size_t i;
	int r = 0;

	for (i = 0; i < ops->n && r == 0; i++) {
		o = &ops->ops[i];
		if (o->type != OP_PUT || o->put.nblocks <= VAULT_LIST_MAX)
			continue;
		r = drive_inode_key(s->drive, &o->node, key);
		if (r == 0)
			r = page_list_make(&l, &o->node, key, &o->put, NULL);
		if (r < 0)
			break;
		free(o->put.blocks);
		o->put.blocks = NULL;
		o->put.nblocks = 0;
		/* Bound what is held in memory. */
		if (l.bytes >= 4 * (size_t)VAULT_PACK_MAX)
			r = pages_put(s, &l);
	}
	memset(key, 0, sizeof(key));
	if (r == 0)
		r = pages_put(s, &l);
	pack_list_done(&l);
	return r;
}

/* What comes before the ops: our place in the chain, what we have seen. */
static int
segment_begin(struct sync *s, struct segment *g)
{
	const struct vault_id *me = &s->keys->self.id;
	uint64_t lamport = 0;
	size_t i, n, out = 0;
	int r;

	g->seq = 1;
	g->first_op = 1;
	g->dev = *me;
	g->wall_ns = clock_real_ns();
	r = drive_seen_all(s->drive, &g->seen, &n);
	if (r < 0)
		return r;
	for (i = 0; i < n; i++) {
		if (g->seen[i].lamport > lamport)
			lamport = g->seen[i].lamport;
		if (!vault_id_eq(&g->seen[i].dev, me)) {
			g->seen[out++] = g->seen[i];
			continue;
		}
		g->seq = g->seen[i].seq + 1;
		g->first_op = g->seen[i].op_seq + 1;
		memcpy(g->prev, g->seen[i].hash, VAULT_HASH_LEN);
	}
	g->nseen = (uint32_t)out;
	g->lamport = lamport + 1;
	return 0;
}

/* Seal what drive_publish_begin gave, and have the drive keep it. */
static int
segment_make(struct sync *s, struct op_list *ops, uint64_t ticket)
{
	struct buf b = BUF_INIT(SYNC_SMALL_MAX);
	struct segment g = { .seq = 0 };
	uint8_t hash[VAULT_HASH_LEN];
	size_t i;
	int r;

	r = ops_page(s, ops);
	if (r == 0)
		r = check_order(s, ops);
	if (r == 0)
		r = segment_begin(s, &g);
	if (r < 0)
		goto out;
	for (i = 0; i < ops->n; i++) {
		ops->ops[i].lamport = g.lamport + i;
		ops->ops[i].seq = g.first_op + i;
	}
	g.ops = *ops;	/* lent */
	r = segment_seal(s->keys, &g, &b, hash);
	if (r < 0)
		goto out;
	/* Before it leaves the outbox, or sync_wait would see neither. */
	mutex_lock(&s->lock);
	s->has_pending = true;
	mutex_unlock(&s->lock);
	r = drive_publish_seal(s->drive, ticket, &g, hash, b.data, b.len);
out:
	free(g.seen);
	buf_done(&b);
	return r;
}

/* One segment out of the outbox.  -EAGAIN: there is nothing; 1: more is to
 * be had at once; 0: the rest may wait for the next round. */
static int
publish_segment(struct sync *s)
{
	size_t i, bytes = 0;
	struct op_list ops = { .n = 0 };
	size_t max = SYNC_OPS_BYTES;
	uint64_t ticket;
	int r;

	for (;;) {
		r = drive_publish_begin(s->drive, max, &ops, &ticket);
		if (r < 0)
			break;
		r = segment_make(s, &ops, ticket);
		if (r < 0)
			drive_publish_abort(s->drive, ticket);
		if (r != -EFBIG || max <= OPS_BYTES_MIN)
			break;
		op_list_done(&ops);
		max /= 2;
	}
	for (i = 0; i < ops.n && r == 0; i++)
		bytes += op_size(&ops.ops[i]);
	op_list_done(&ops);
	if (r == 0 && (bytes > max / 2 || sync_forced(s)))
		r = 1;
	return r;
}

/* ---- now and then ---- */

static void
ask_space(struct sync *s)
{
	struct store_space sp;
	int r;

	if (s->is_space_unknown || clock_mono_ms() < s->space_at_ms)
		return;
	r = store_space(s->store, &sp);
	if (r == -EOPNOTSUPP)
		s->is_space_unknown = true;
	if (r == 0 && sp.total_bytes != UINT64_MAX &&
	    sp.free_bytes != UINT64_MAX)
		drive_set_remote_space(s->drive, sp.total_bytes,
		    sp.free_bytes);
	s->space_at_ms = clock_mono_ms() + SYNC_SPACE_MS;
}

static int
heartbeat(struct sync *s)
{
	int64_t now = clock_real_ns();
	bool is_due;

	mutex_lock(&s->lock);
	is_due = s->is_head_dirty;
	mutex_unlock(&s->lock);
	if (!is_due && s->head_ns && now - s->head_ns < SYNC_HEARTBEAT_NS &&
	    now >= s->head_ns)
		return 0;
	return publish_head(s);
}

/* What was accepted excuses this end of the journal: before it moves on there
 * must be a head again. */
static bool
is_head_owed(struct sync *s)
{
	bool r;

	mutex_lock(&s->lock);
	r = s->is_ckpt_due && s->is_head_dirty;
	mutex_unlock(&s->lock);
	return r;
}

/* ---- the thread ---- */

static int
publish_step(struct sync *s)
{
	bool is_checked;
	int r;

	s->ckpt_owed_r = 0;
	mutex_lock(&s->lock);
	is_checked = s->is_checked;
	mutex_unlock(&s->lock);
	if (!is_checked || s->is_probe_due ||
	    clock_mono_ms() >= s->trust_at_ms) {
		r = trust_check(s);
		if (r < 0)
			return r;
		who_tend(s);
	}
	if (is_head_owed(s)) {
		r = publish_head(s);
		if (r < 0)
			return r;
	}
	do {
		r = publish_pending(s);
		if (r == 0)
			r = heartbeat(s);
		if (r == 0)
			r = publish_segment(s);
	} while (r == 1 && !sync_stopping(s));
	if (r == 0)
		r = publish_pending(s);
	if (r == 0 || r == -EAGAIN)
		r = checkpoint_step(s);
	if (r == 0)
		ask_space(s);
	return r < 0 ? r : 0;
}

/* Until something may be due.  Rounds keep a distance, so that many small
 * changes make few segments.  False at the end. */
static bool
publish_wait(struct sync *s, uint64_t *work, uint64_t *kicks, uint64_t *fails,
    int64_t next)
{
	int64_t tick = clock_mono_ms() + TICK_MS, now;
	bool r;

	if (s->trust_at_ms && tick > s->trust_at_ms)
		tick = s->trust_at_ms;
	if (s->ckpt_at_ms && tick > s->ckpt_at_ms)
		tick = s->ckpt_at_ms;
	mutex_lock(&s->lock);
	for (;;) {
		now = clock_mono_ms();
		if (s->is_stopping || now >= tick)
			break;
		if (s->is_alarm) {
			if (*kicks != s->kicks)
				break;
		} else if (!s->is_checked) {
			break;
		} else if (*work != s->work) {
			if (s->force || (now >= next &&
			    !sync_gives_way(s, &s->pub_gave_ms)))
				break;
			(void)cond_wait_until(&s->changed, &s->lock,
			    now < next ? next : now + LOOK_MS);
			continue;
		}
		(void)cond_wait_until(&s->changed, &s->lock, tick);
	}
	/* Once for each, also if it had passed before. */
	if (s->ckpt_at_ms <= now)
		s->ckpt_at_ms = 0;
	*work = s->work;
	*kicks = s->kicks;
	*fails = s->fails;
	r = !s->is_stopping;
	mutex_unlock(&s->lock);
	return r;
}

/* On this side, or the store would have been noted to fail: who waits is
 * told.  kicks, fails: as they were before. */
static void
publish_failed(struct sync *s, int r, uint64_t kicks, uint64_t fails)
{
	bool is_here;

	mutex_lock(&s->lock);
	is_here = s->st.link == SYNC_ONLINE && s->fails == fails;
	if (is_here && kicks >= s->here_from) {
		s->here_r = r;
		cond_broadcast(&s->changed);
	}
	mutex_unlock(&s->lock);
	if (is_here)
		sync_note_here(s, N_("this machine cannot publish changes"),
		    r);
	else
		log_warn("sync: publishing waits: %s", strerror(-r));
}

static void
publish_well(struct sync *s, uint64_t kicks)
{
	mutex_lock(&s->lock);
	if (!s->is_ckpt_bad || !s->is_ckpt_due)
		s->here_r = 0;
	else if (kicks >= s->here_from && s->ckpt_owed_r < 0)
		s->here_r = s->ckpt_owed_r;
	cond_broadcast(&s->changed);
	mutex_unlock(&s->lock);
	if (!s->is_ckpt_bad)
		sync_note_here(s, NULL, 0);
}

void
publish_main(void *arg)
{
	struct sync *s = arg;
	struct backoff b = { 0 };
	uint64_t work = 0, kicks = 0, fails;
	int64_t next = 0;
	int r;

	while (publish_wait(s, &work, &kicks, &fails, next)) {
		r = publish_step(s);
		next = clock_mono_ms() + s->publish_ms;
		if (r == 0) {
			b.n = 0;
			publish_well(s, kicks);
			continue;
		}
		if (r == -EROFS) {
			/* The store may have lost what it had. */
			checkpoint_forget(s);
			continue;
		}
		if (!store_transient(r) && r != -ENOENT && r != -ECANCELED)
			publish_failed(s, r, kicks, fails);
		(void)sync_backoff_alarm(s, r, &b);
	}
	checkpoint_forget(s);
}
