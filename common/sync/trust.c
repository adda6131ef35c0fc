/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "sync/trust_priv.h"

#include <errno.h>
#include <string.h>

#include "crypto/crypto.h"
#include "util/clock.h"
#include "util/err.h"
#include "util/log.h"
#include "util/tr.h"

/*
 * trust - before anything goes up: is our journal on the store what this
 * device knows to have written?  More of it than we know means that there
 * are two of us; less means that the store went back in time.  Nothing here
 * changes the tree.
 */

/* A store may lag so many of the longest waits behind what it has taken. */
#define LAG_TIMES 2

struct journal {
	struct vault_seen own;		/* pinned: zeros if never published */
	bool has_pending;		/* sealed, perhaps put: own.seq + 1 */
	bool is_head_dirty;		/* the head is to be put again */
	struct buf pending;
	uint8_t pending_hash[VAULT_HASH_LEN];
	/* The user takes it that the store lost what we wrote up to
	 * own.seq. */
	enum accept_phase accepted;
	int64_t head_ns;		/* of the head that was looked at */
};

/* 0: another store bears us out.  Or TRUST_CLONE, or why. */
static int
ask_spoiled(struct sync *s, trust_look look, void *arg, int why)
{
	int r = trust_ask(s, look, arg);

	return r == TRUST_OLD ? why : r;
}

static int
look_genesis(struct sync *s, struct store *st, void *arg)
{
	int r = object_check_genesis(st, s->keys, OBJECT_ONCE);

	(void)arg;
	if (r == -EPROTO || r == -EFBIG)
		return TRUST_SPOILED;
	return r == -EBADMSG ? (int)TRUST_DRIVE : r;
}

static int
check_genesis(struct sync *s)
{
	int r = look_genesis(s, s->store, NULL);

	if (r == TRUST_DRIVE)
		r = trust_ask(s, look_genesis, NULL);
	else if (r == TRUST_SPOILED)
		r = ask_spoiled(s, look_genesis, NULL, -EPROTO);
	if (r > 0)
		return trust_alarm(s, SYNC_ALARM_DRIVE);
	if (r == -ENOENT)
		/* An empty folder is more often a disk that is not mounted
		 * than a loss: nothing goes up, nothing changes here. */
		sync_fault(s, N_("the store holds no drive"),
		    N_("check the URL, and that the disk behind it is mounted; "
		    "then run 'coffre sync'"));
	else
		sync_note(s, r, false);
	return r;
}

/* Less than we know of.  What this run put a while ago may only not be shown
 * yet: then that is no answer, and nothing goes up before there is one.  Nor
 * is it, where the user has taken the loss since this step began. */
static int
rolled_back(struct sync *s, const struct journal *j)
{
	int64_t ago = clock_mono_ms() - s->put_at_ms;
	enum accept_phase now = j->accepted;
	int r = accept_load(s, &j->own, &now);

	if (r < 0 || now != j->accepted)
		return r < 0 ? r : -EHOSTUNREACH;
	if (!s->put_at_ms || ago >= LAG_TIMES * s->backoff_max_ms)
		return trust_alarm(s, SYNC_ALARM_ROLLBACK);
	log_info("sync: the store does not show yet what it has taken");
	/* Most are over before anybody looks. */
	if (ago >= s->backoff_max_ms)
		sync_note(s, -EHOSTUNREACH, false);
	return -EHOSTUNREACH;
}

/* Our head as this store has it. */
static int
look_head(struct sync *s, struct store *st, void *arg)
{
	struct journal *j = arg;
	struct vault_head h;
	struct ckpt_mark m;
	int r;

	r = object_get_head(st, s->keys, &s->keys->self, OBJECT_ONCE, &h);
	if (r < 0)
		return r == -EFBIG ? (int)TRUST_SPOILED : r;
	if (h.seq == j->own.seq + 1 && j->has_pending &&
	    memcmp(h.hash, j->pending_hash, VAULT_HASH_LEN) == 0)
		return 0;
	/* It is signed: no store can have made it. */
	if (h.seq > j->own.seq || (h.seq == j->own.seq &&
	    memcmp(h.hash, j->own.hash, VAULT_HASH_LEN) != 0))
		return TRUST_CLONE;
	/* A segment goes up when the head of the one before is there. */
	if (h.seq + 1 < j->own.seq)
		return j->accepted == ACCEPT_ALL ? 0 : TRUST_OLD;
	j->head_ns = h.heartbeat_ns;
	if (h.seq == j->own.seq)
		j->is_head_dirty = ckpt_mark_get(s->drive, &m) == 0 &&
		    (m.n != h.ckpt_n || m.rand != h.ckpt_rand);
	return 0;
}

static int
check_head(struct sync *s, struct journal *j)
{
	int r;

	j->is_head_dirty = j->own.seq > 0;
	j->head_ns = s->head_ns;
	r = look_head(s, s->store, j);
	/* The first head may be missing: a crash between segment and head.
	 * One that does not verify was cut, and is only a hint. */
	if (r == -ENOENT) {
		if (j->own.seq <= 1 || j->accepted == ACCEPT_ALL)
			return 0;
		/* All of it, or the head alone? */
		r = check_genesis(s);
		if (r < 0)
			return r;
		r = TRUST_OLD;
	}
	if (r == -EBADMSG || r == -EPROTO) {
		log_warn("sync: our head on the store does not verify");
		s->is_probe_due = true;
		return 0;
	}
	if (r == TRUST_OLD || r == TRUST_SPOILED) {
		r = r == TRUST_OLD ? trust_ask(s, look_head, j) :
		    ask_spoiled(s, look_head, j, -EFBIG);
		/* Who shows another is given this one again. */
		j->is_head_dirty = true;
	}
	if (r < 0) {
		sync_note(s, r, false);
		return r;
	}
	if (r == TRUST_CLONE)
		return trust_alarm(s, SYNC_ALARM_CLONE);
	if (r > 0)
		return rolled_back(s, j);
	s->head_ns = j->head_ns;
	return 0;
}

/* Bytes under the name of a segment of ours that are not those we know: only
 * who has our keys can have made another one that verifies. */
static int
other_segment(struct sync *s, uint64_t seq, const struct buf *b)
{
	uint8_t hash[VAULT_HASH_LEN];
	struct segment g;
	int r;

	r = segment_open(s->keys, &s->keys->self, seq, NULL, b->data, b->len,
	    &g, hash);
	if (r == 0)
		segment_done(&g);
	/* The latter are signed, too. */
	return r == 0 || r == -EPROTONOSUPPORT || r == -ENOKEY ?
	    TRUST_CLONE : TRUST_OTHER;
}

static int
get_segment(struct sync *s, struct store *st, uint64_t seq, struct buf *b)
{
	int r = object_get_segment(st, s->keys, &s->keys->self.id, seq,
	    OBJECT_ONCE, b);

	/* No segment is as large. */
	return r == -EFBIG ? (int)TRUST_OTHER : r;
}

/* The last segment that we know to be there. */
static int
look_last(struct sync *s, struct store *st, void *arg)
{
	struct buf b = BUF_INIT(SYNC_SMALL_MAX);
	const struct journal *j = arg;
	uint8_t sha[SHA256_LEN];
	int r;

	r = get_segment(s, st, j->own.seq, &b);
	if (r == 0) {
		sha256(b.data, b.len, sha);
		if (memcmp(sha, j->own.hash, sizeof(sha)) != 0)
			r = other_segment(s, j->own.seq, &b);
	}
	buf_done(&b);
	return r;
}

/* One that was cut or spoiled is as good as gone. */
static int
check_last(struct sync *s, struct journal *j)
{
	struct backoff b = { 0 };
	bool is_absent;
	int r;

	if (j->own.seq == 0)
		return 0;
	r = look_last(s, s->store, j);
	/* A store may lag a little behind what it has just taken, and what
	 * was spoiled on its way is not the next time. */
	if ((r == -ENOENT || r == TRUST_OTHER) && !j->accepted &&
	    sync_backoff(s, -EHOSTUNREACH, &b))
		r = look_last(s, s->store, j);
	/* What was seen once is not to come still. */
	if (r == 0)
		s->put_at_ms = 0;
	is_absent = r == -ENOENT;
	if (r == -ENOENT || r == TRUST_OTHER)
		r = trust_ask(s, look_last, j);
	if (r == TRUST_OLD && j->accepted)
		return 0;
	if (r == TRUST_OLD && is_absent)
		return rolled_back(s, j);
	if (r > 0)
		return trust_alarm(s, r == TRUST_CLONE ? SYNC_ALARM_CLONE :
		    SYNC_ALARM_ROLLBACK);
	if (r < 0)
		sync_note(s, r, false);
	return r;
}

/* The next number is free, or holds what we have sealed for it (or a
 * beginning of it, from a put that was cut). */
static int
look_next(struct sync *s, struct store *st, void *arg)
{
	struct buf b = BUF_INIT(SYNC_SMALL_MAX);
	const struct journal *j = arg;
	int r;

	r = get_segment(s, st, j->own.seq + 1, &b);
	if (r == -ENOENT)
		r = 0;
	else if (r == 0 && (!j->has_pending || b.len > j->pending.len ||
	    (b.len && memcmp(b.data, j->pending.data, b.len) != 0)))
		r = other_segment(s, j->own.seq + 1, &b);
	buf_done(&b);
	return r;
}

static int
check_next(struct sync *s, struct journal *j)
{
	int r = look_next(s, s->store, j);

	if (r == TRUST_OTHER)
		r = trust_ask(s, look_next, j);
	if (r == TRUST_CLONE)
		return trust_alarm(s, SYNC_ALARM_CLONE);
	/* Nobody's: ours will be put over it. */
	if (r > 0) {
		log_warn("sync: what lies in the place of our next segment "
		    "does not verify");
		return 0;
	}
	if (r < 0)
		sync_note(s, r, false);
	return r;
}

static int
journal_load(struct sync *s, struct journal *j)
{
	uint64_t seq;
	int r;

	r = drive_seen_get(s->drive, &s->keys->self.id, &j->own);
	if (r < 0 && r != -ENOENT)
		return r;
	r = drive_publish_pending(s->drive, &seq, &j->pending);
	if (r == -ENOENT)
		return 0;
	if (r < 0)
		return r;
	if (seq != j->own.seq + 1)
		return -EPROTO;
	j->has_pending = true;
	sha256(j->pending.data, j->pending.len, j->pending_hash);
	return 0;
}

static int
check_drive(struct sync *s, struct journal *j)
{
	(void)j;
	return check_genesis(s);
}

/* One step, again until the store has answered: a connection that breaks
 * every so often must not send the whole check back to its beginning.  What
 * the user accepts meanwhile counts. */
static int
insist(struct sync *s, int (*step)(struct sync *s, struct journal *j),
    struct journal *j)
{
	struct backoff b = { 0 };
	int r;

	do {
		r = accept_load(s, &j->own, &j->accepted);
		if (r == 0)
			r = step(s, j);
	} while (store_transient(r) && sync_backoff_alarm(s, r, &b));
	return r;
}

int
trust_confirm(struct sync *s)
{
	struct backoff b = { 0 };
	int r;

	for (;;) {
		r = check_genesis(s);
		if (r == 0)
			return 0;
		if (r == -EROFS)
			return -ECANCELED;
		if (r == -ENOENT) {
			mutex_lock(&s->lock);
			s->is_checked = false;
			cond_broadcast(&s->changed);
			mutex_unlock(&s->lock);
			return -ECANCELED;
		}
		if (!sync_backoff(s, r, &b))
			return -ECANCELED;
	}
}

int
trust_before_put(struct sync *s)
{
	struct journal j = { .pending = BUF_INIT(SYNC_SMALL_MAX) };
	int r;

	r = journal_load(s, &j);
	if (r == 0)
		r = insist(s, check_head, &j);
	if (r == 0)
		r = insist(s, check_last, &j);
	buf_done(&j.pending);
	return r;
}

int
trust_after_put(struct sync *s)
{
	struct journal j = { .pending = BUF_INIT(SYNC_SMALL_MAX) };
	int r;

	r = journal_load(s, &j);
	if (r == 0)
		r = insist(s, check_last, &j);
	buf_done(&j.pending);
	return r;
}

/* The segment that is pending, as a put of it leaves it. */
static int
look_put(struct sync *s, struct store *st, void *arg)
{
	struct buf b = BUF_INIT(SYNC_SMALL_MAX);
	const struct journal *j = arg;
	int r;

	r = get_segment(s, st, j->own.seq + 1, &b);
	if (r == 0 && (b.len != j->pending.len ||
	    memcmp(b.data, j->pending.data, b.len) != 0))
		r = other_segment(s, j->own.seq + 1, &b);
	buf_done(&b);
	return r;
}

bool
trust_put_again(struct sync *s, const char *name)
{
	struct journal j = { .pending = BUF_INIT(SYNC_SMALL_MAX) };
	bool r;

	r = journal_load(s, &j) == 0 && j.has_pending &&
	    trust_ask_mend(s, look_put, &j, name);
	buf_done(&j.pending);
	return r;
}

int
trust_put_over(struct sync *s)
{
	struct journal j = { .pending = BUF_INIT(SYNC_SMALL_MAX) };
	int r;

	r = journal_load(s, &j);
	if (r == 0)
		r = look_put(s, s->store, &j);
	if (r == 0 || r == TRUST_OTHER)
		r = trust_ask(s, look_put, &j);
	buf_done(&j.pending);
	if (r == TRUST_CLONE)
		return trust_alarm(s, SYNC_ALARM_CLONE);
	/* It lags behind; again later. */
	if (r == -ENOENT)
		r = -EHOSTUNREACH;
	if (r < 0)
		sync_note(s, r, false);
	return r < 0 ? r : 0;
}

/* What a store does is learned anew in each run, after it is known to be
 * ours and before anything goes up; and when it did otherwise. */
static void
learn_store(struct sync *s)
{
	struct err e = { "" };
	bool is_due;
	int r;

	is_due = (store_caps(s->store) & STORE_CAP_UNPROBED) ||
	    (s->is_probe_due && (store_caps(s->store) &
	    STORE_CAP_ATOMIC_PUT));
	s->is_probe_due = false;
	if (!is_due)
		return;
	r = store_probe(s->store, &e);
	/* Otherwise a later round would find the same. */
	s->is_probe_due = store_transient(r);
	if (r < 0 && r != -ECANCELED)
		log_warn("sync: what the store can do is not known: %s",
		    e.msg);
}

int
trust_check(struct sync *s)
{
	struct journal j = { .pending = BUF_INIT(SYNC_SMALL_MAX) };
	int r;

	r = journal_load(s, &j);
	if (r == 0)
		r = insist(s, check_drive, &j);
	if (r == 0)
		r = insist(s, check_head, &j);
	if (r == 0)
		r = insist(s, check_last, &j);
	if (r == 0)
		r = insist(s, check_next, &j);
	if (r == 0)
		learn_store(s);
	/* What could not be asked is asked again before anything goes up; an
	 * alarm has time. */
	if (r == 0 || trust_is_alarm(s))
		s->trust_at_ms = clock_mono_ms() + s->poll_ms;
	if (r == 0) {
		sync_alarm_off(s);
		sync_note(s, 0, true);
		mutex_lock(&s->lock);
		s->is_checked = true;
		s->is_head_dirty = j.is_head_dirty;
		s->work++;
		cond_broadcast(&s->changed);
		mutex_unlock(&s->lock);
	}
	buf_done(&j.pending);
	return r;
}
