/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "sync/check_priv.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "util/clock.h"
#include "util/err.h"
#include "util/log.h"
#include "util/tr.h"

/*
 * accept - the store has lost a part of what this device wrote, and the user
 * goes on without it.  What was accepted is kept with the end of our journal
 * at that time, so that it excuses this loss and no later one.  The tree is
 * whole here, so a checkpoint that refers to nothing older stands for the
 * segments that are gone; blocks that are still here go up again.
 */

#define ACCEPT_LEN (1 + 8 + VAULT_HASH_LEN)
#define ACCEPT_WAIT_MS (60 * 1000)

static int
accept_save(struct drive *d, enum accept_phase phase,
    const struct vault_seen *own)
{
	uint8_t p[ACCEPT_LEN];

	p[0] = (uint8_t)phase;
	put_le64(p + 1, own->seq);
	memcpy(p + 9, own->hash, VAULT_HASH_LEN);
	return drive_kv_set(d, SYNC_KV_ACCEPT, p, sizeof(p));
}

/* Until it is there not all is on the store that a recovery needs. */
static void
ckpt_due_set(struct sync *s, bool is_due)
{
	mutex_lock(&s->lock);
	/* It need not wait for what an earlier one waits for. */
	if (is_due && !s->is_ckpt_due)
		s->ckpt_at_ms = 0;
	s->is_ckpt_due = is_due;
	cond_broadcast(&s->changed);
	mutex_unlock(&s->lock);
}

/* *is_due: there is no checkpoint yet that makes up for it. */
static int
accept_get(struct drive *d, const struct vault_seen *own,
    enum accept_phase *ret, bool *is_due)
{
	struct buf b = BUF_INIT(64);
	int r;

	r = drive_kv_get(d, SYNC_KV_ACCEPT, &b);
	if (r == 0 && (b.len != ACCEPT_LEN || b.data[0] > ACCEPT_LAST)) {
		r = -EPROTO;
	} else if (r == 0) {
		*is_due = b.data[0] == ACCEPT_ALL;
		if (get_le64(b.data + 1) == own->seq &&
		    memcmp(b.data + 9, own->hash, VAULT_HASH_LEN) == 0)
			*ret = b.data[0];
	}
	buf_done(&b);
	return r;
}

int
accept_load(struct sync *s, const struct vault_seen *own,
    enum accept_phase *ret)
{
	bool is_due;
	int r = accept_get(s->drive, own, ret, &is_due);

	if (r == 0)
		ckpt_due_set(s, is_due);
	return r == -ENOENT ? 0 : r;
}

bool
accept_excuses(struct drive *d, const struct vault_seen *end)
{
	enum accept_phase phase = ACCEPT_NONE;
	bool is_due;

	return accept_get(d, end, &phase, &is_due) == 0 &&
	    phase != ACCEPT_NONE;
}

int
accept_settle(struct sync *s)
{
	struct vault_seen own;
	int r;

	r = drive_seen_get(s->drive, &s->keys->self.id, &own);
	if (r == 0)
		r = accept_save(s->drive, ACCEPT_LAST, &own);
	if (r == 0)
		ckpt_due_set(s, false);
	return r;
}

/* ---- blocks that are gone there and here still ---- */

static int
on_ref(void *arg, uint64_t ino, uint64_t idx, const struct block_ref *ref)
{
	struct check *c = arg;

	if (!ref) {
		check_say_unread(c, ino);
		return 0;
	}
	return check_ref_add(c, ino, idx, ref);
}

/* refs[0..n) are all of one pack. */
static int
mend_pack(struct check *c, const struct check_ref *refs, size_t n)
{
	struct buf b = BUF_INIT(16);
	char name[VAULT_PATH_MAX];
	uint64_t lost = 0;
	size_t i;
	int r;

	vault_name_pack(&c->keys->rtag, &refs[0].ref.pack, name);
	r = object_get_range(c->store, name, 0, 1, OBJECT_PATIENT, &b);
	buf_done(&b);
	if (r != -ENOENT && r != -ERANGE)
		return r;
	for (i = 0; i < n; i++) {
		r = drive_block_again(c->drive, refs[i].ino, refs[i].idx,
		    &refs[i].ref);
		/* What this disk does not give is nowhere, too. */
		if (r == -EIO)
			r = -ENOENT;
		if (r < 0 && r != -ENOENT && r != -ESTALE)
			return r;
		if (r == -ENOENT && lost++ == 0)
			c->first_lost = i;
		/* One finding per file: they are sorted. */
		if (lost && (i + 1 == n || refs[i + 1].ino != refs[i].ino)) {
			check_say_blocks(c, &refs[c->first_lost], lost,
			    N_("lost for good"));
			lost = 0;
		}
	}
	return 0;
}

static int
mend(struct store *st, const struct vault_keys *k, struct drive *d,
    void (*say)(void *arg, const char *finding),
    void (*progress)(void *arg, uint64_t done, uint64_t total), void *arg)
{
	struct check c = { .store = st, .keys = k, .drive = d, .say = say,
	    .progress = progress, .arg = arg };
	int r;

	r = drive_walk_refs(d, on_ref, &c);
	if (r == 0)
		r = check_each_pack(&c, mend_pack);
	free(c.refs);
	return r < 0 ? r : c.findings;
}

static int
mend_mark(struct drive *d, bool is_due)
{
	return drive_kv_set(d, SYNC_KV_MEND, is_due ? "1" : "0", 1);
}

bool
accept_mend_is_due(struct drive *d)
{
	struct buf b = BUF_INIT(16);
	bool r;

	r = drive_kv_get(d, SYNC_KV_MEND, &b) == 0 && b.len == 1 &&
	    b.data[0] == '1';
	buf_done(&b);
	return r;
}

/* It is done (0), or is left for another time. */
static void
mend_note(struct sync *s, int r)
{
	mutex_lock(&s->lock);
	s->is_mend_due = s->is_mend_due && r < 0;
	mutex_unlock(&s->lock);
}

/* ---- the decision ---- */

/* May it be accepted?  The device must still be one of the drive's.  1: it
 * has been, and the mending is not done. */
static int
accept_allowed(struct sync *s, struct err *e)
{
	struct sync_found *f = NULL;
	enum sync_alarm_kind kind;
	bool is_alarm;
	int r;

	mutex_lock(&s->lock);
	is_alarm = s->is_alarm;
	kind = s->alarm;
	mutex_unlock(&s->lock);
	if (!is_alarm && accept_mend_is_due(s->drive))
		return 1;
	if (!is_alarm)
		return err_set(e, -EINVAL, "there is no alarm: nothing to "
		    "accept");
	if (kind != SYNC_ALARM_ROLLBACK)
		return err_set(e, -EINVAL, "this alarm cannot be accepted: "
		    "see 'coffre status' for what to do");
	r = found_follow(s->store, s->keys, &f, e);
	if (r < 0)
		return r;
	if (f->is_self_new)
		r = err_set(e, -EKEYREJECTED, "the store went back to before "
		    "this machine was added to the drive: run 'coffre "
		    "recover' with a new name");
	sync_found_free(f);
	return r;
}

/* Until the publisher has looked again. */
static int
await_trust(struct sync *s, struct err *e)
{
	int64_t until = clock_mono_ms() + ACCEPT_WAIT_MS;
	bool is_alarm;

	sync_kick(s);
	mutex_lock(&s->lock);
	while (s->is_alarm && !s->is_stopping && clock_mono_ms() < until)
		(void)cond_wait_until(&s->changed, &s->lock, until);
	is_alarm = s->is_alarm;
	mutex_unlock(&s->lock);
	if (is_alarm)
		return err_set(e, -EHOSTUNREACH, "the alarm is not over yet: "
		    "see 'coffre status'");
	return 0;
}

int
sync_lost_note(struct drive *d, const struct vault_keys *k, struct err *e)
{
	enum accept_phase phase = ACCEPT_NONE;
	struct vault_seen own = { .seq = 0 };
	bool is_new, is_due = false;
	int r;


	r = drive_seen_get(d, &k->self.id, &own);
	/* Nothing of ours can be missing where nothing was published. */
	is_new = r == -ENOENT;
	if (r == 0 || is_new)
		(void)accept_get(d, &own, &phase, &is_due);
	is_due = is_due || phase != ACCEPT_NONE || accept_mend_is_due(d);
	/* Lists of blocks that were sent once may be gone. */
	if (r == 0 || is_new)
		r = drive_kv_set(d, SYNC_KV_LISTS, "", 0);
	if (r == 0)
		r = mend_mark(d, true);
	if (r == 0 && !is_new)
		r = accept_save(d, ACCEPT_ALL, &own);
	if (r < 0)
		return err_set(e, r, "cannot keep the decision: %s",
		    strerror(-r));
	log_warn("sync: a loss up to segment %llu was accepted",
	    (unsigned long long)own.seq);
	return is_due;
}

int
sync_lost_undo(struct drive *d, const struct vault_keys *k)
{
	struct vault_seen own;
	int r;

	r = drive_seen_get(d, &k->self.id, &own);
	if (r == 0)
		r = accept_save(d, ACCEPT_NONE, &own);
	return r == 0 || r == -ENOENT ? mend_mark(d, false) : r;
}

/* Keep the user's word, and have the publisher look again. */
static int
decide(struct sync *s, struct err *e)
{
	int r = sync_lost_note(s->drive, s->keys, e);

	return r < 0 ? r : await_trust(s, e);
}

int
sync_accept(struct sync *s, void (*say)(void *arg, const char *finding),
    void (*progress)(void *arg, uint64_t done, uint64_t total), void *arg,
    struct err *e)
{
	int r, n;

	r = accept_allowed(s, e);
	if (r == 0)
		r = decide(s, e);
	if (r < 0)
		return r;
	n = mend(s->store, s->keys, s->drive, say, progress, arg);
	r = n < 0 ? n : mend_mark(s->drive, false);
	mend_note(s, r);
	if (r < 0)
		return err_set(e, r, "the alarm is over; what is lost could "
		    "not be told: %s; run 'coffre trust --accept' again",
		    strerror(-r));
	sync_kick(s);
	return n;
}

int
sync_lost_mend(struct sync *s, struct store *st, const struct vault_keys *k,
    struct drive *d, void (*say)(void *arg, const char *finding), void *arg)
{
	int n, r = 0;

	if (s) {
		mutex_lock(&s->lock);
		s->is_checked = false;
		cond_broadcast(&s->changed);
		mutex_unlock(&s->lock);
		r = await_trust(s, NULL);
	}
	/* One that was under way has kept them again, perhaps. */
	if (r == 0)
		r = drive_kv_set(d, SYNC_KV_LISTS, "", 0);
	n = r < 0 ? r : mend(st, k, d, say, NULL, arg);
	r = n < 0 ? n : mend_mark(d, false);
	if (s) {
		mend_note(s, r);
		sync_kick(s);
	}
	return r < 0 ? r : n;
}
