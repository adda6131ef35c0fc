/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "sync/sync_priv.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "crypto/crypto.h"
#include "util/clock.h"
#include "util/err.h"
#include "util/log.h"

#define PUMP_IDLE_MS (60 * 1000)
/* At most this often are the threads woken by the drive. */
#define PUMP_PAUSE_MS 50

void
sync_wake(struct sync *s)
{
	mutex_lock(&s->lock);
	s->work++;
	cond_broadcast(&s->changed);
	mutex_unlock(&s->lock);
}

void
sync_kick(struct sync *s)
{
	mutex_lock(&s->lock);
	s->kicks++;
	s->work++;
	s->data_problem[0] = '\0';
	cond_broadcast(&s->changed);
	mutex_unlock(&s->lock);
	drive_sync_kick(s->drive);
}

void
sync_spare(struct sync *s, bool on)
{
	if (s->is_sparing == on)
		return;
	s->is_sparing = on;
	log_info("sync: sparing=%d", on);
	fetcher_wake(s->fetcher);
	sync_wake(s);
}

int
sync_put(struct sync *s, const char *name, const void *p, size_t len,
    enum object_kind kind)
{
	struct backoff b = { 0 };
	int64_t from;
	int r;

	for (;;) {
		if (sync_stopping(s))
			return -ECANCELED;
		from = clock_mono_ms();
		r = object_put(s->store, name, p, len, kind);
		if (r == -EEXIST && kind == OBJECT_CHAIN)
			return r;
		sync_note(s, r, true);
		if (r == 0)
			break;
		if (!sync_backoff(s, r, &b))
			return -ECANCELED;
	}
	if (s->is_line)
		sync_line_note(s, len, clock_mono_ms() - from);
	mutex_lock(&s->lock);
	s->st.bytes_up += len;
	mutex_unlock(&s->lock);
	return 0;
}

/* ---- numbers and order ---- */

int
sync_pack_number(struct sync *s, uint64_t *ret)
{
	uint8_t p[8];
	uint64_t limit;
	int r = 0;

	mutex_lock(&s->lock);
	while (s->is_reserving)
		cond_wait(&s->changed, &s->lock);
	if (s->pack_next == s->pack_limit) {
		/* One waits for the disk, without the lock, for all. */
		s->is_reserving = true;
		limit = s->pack_limit + SYNC_NUMBERS;
		mutex_unlock(&s->lock);
		put_le64(p, limit);
		r = drive_kv_set(s->drive, SYNC_KV_PACK_NEXT, p, sizeof(p));
		mutex_lock(&s->lock);
		s->is_reserving = false;
		if (r == 0)
			s->pack_limit = limit;
		cond_broadcast(&s->changed);
	}
	if (r == 0)
		*ret = s->pack_next++;
	mutex_unlock(&s->lock);
	return r;
}

static bool
pack_id_eq(const struct pack_id *a, const struct pack_id *b)
{
	return a->n == b->n && a->rand == b->rand &&
	    memcmp(a->dtag.b, b->dtag.b, VAULT_TAG_LEN) == 0;
}

int
sync_unsent_add(struct sync *s, const struct pack_id *id)
{
	struct pack_id *p;
	size_t cap;
	int r = 0;

	mutex_lock(&s->lock);
	if (s->nunsent == s->unsent_cap) {
		cap = s->unsent_cap ? s->unsent_cap * 2 : 16;
		p = realloc(s->unsent, cap * sizeof(*p));
		if (p) {
			s->unsent = p;
			s->unsent_cap = cap;
		} else {
			r = -ENOMEM;
		}
	}
	if (r == 0)
		s->unsent[s->nunsent++] = *id;
	mutex_unlock(&s->lock);
	return r;
}

void
sync_unsent_del(struct sync *s, const struct pack_id *id)
{
	size_t i;

	mutex_lock(&s->lock);
	for (i = 0; i < s->nunsent; i++) {
		if (!pack_id_eq(&s->unsent[i], id))
			continue;
		s->unsent[i] = s->unsent[--s->nunsent];
		break;
	}
	mutex_unlock(&s->lock);
}

bool
sync_is_unsent(struct sync *s, const struct pack_id *id)
{
	bool r = false;
	size_t i;

	mutex_lock(&s->lock);
	for (i = 0; i < s->nunsent && !r; i++)
		r = pack_id_eq(&s->unsent[i], id);
	mutex_unlock(&s->lock);
	return r;
}

/* ---- the pump ---- */

/*
 * The one thread that waits for the drive, on behalf of all others.  Quiet
 * time passes without an event, so while anything waits there the threads
 * look again every quarter of it.
 */
static void
pump_main(void *arg)
{
	struct sync *s = arg;
	struct drive_usage u;
	int64_t step, until;

	step = s->quiet_ms / 4;
	if (step < PUMP_PAUSE_MS)
		step = PUMP_PAUSE_MS;
	while (!sync_stopping(s)) {
		unread_tell(s);
		drive_usage(s->drive, &u);
		until = clock_mono_ms() + (u.staged_blocks || u.outbox_ops ?
		    step : PUMP_IDLE_MS);
		drive_sync_wait(s->drive, until);
		until = clock_mono_ms() + PUMP_PAUSE_MS;
		mutex_lock(&s->lock);
		s->work++;
		cond_broadcast(&s->changed);
		while (!s->is_stopping && clock_mono_ms() < until)
			(void)cond_wait_until(&s->changed, &s->lock, until);
		mutex_unlock(&s->lock);
	}
}

/* ---- start and stop ---- */

static int64_t
or_default(int64_t v, int64_t otherwise)
{
	return v > 0 ? v : otherwise;
}

static unsigned
count_of(unsigned v, unsigned otherwise, unsigned max)
{
	if (v == 0)
		v = otherwise;
	return v < max ? v : max;
}

static void
configure(struct sync *s, const struct sync_conf *c)
{
	s->drive = c->drive;
	s->store = c->store;
	s->keys = c->keys;
	s->quiet_ms = c->quiet_ms < 0 ? 2000 : c->quiet_ms;
	s->publish_ms = or_default(c->publish_ms, 1000);
	s->backoff_min_ms = or_default(c->backoff_min_ms, 1000);
	s->backoff_max_ms = or_default(c->backoff_max_ms, 60 * 1000);
	s->backoff_slow_ms = or_default(c->backoff_slow_ms, 60 * 1000);
	s->poll_ms = or_default(c->poll_ms, 300 * 1000);
	s->nup = count_of(c->uploads, 4, SYNC_UPLOADS_MAX);
	s->ndown = count_of(c->downloads, 8, SYNC_DOWNLOADS_MAX);
	s->ckpt_every = c->checkpoint_segments ? c->checkpoint_segments : 64;
	s->readahead_max = c->readahead_max ? c->readahead_max :
	    16u * 1024 * 1024;
	s->on_link = c->on_link;
	s->on_link_arg = c->arg;
	s->pages.store = c->store;
	s->pages.keys = c->keys;
	sync_line_init(s);
}

/* What an earlier run left in the drive. */
static int
load(struct sync *s) NO_TSA	/* no thread runs yet */
{
	struct buf b = BUF_INIT(SYNC_SMALL_MAX);
	struct ckpt_mark m;
	struct vault_seen own;
	uint64_t seq;
	int r;

	r = drive_kv_get(s->drive, SYNC_KV_REBUILD, &b);
	if (r == 0 && b.len == 1 && b.data[0] == '1')
		r = -EUCLEAN;
	if (r < 0 && r != -ENOENT)
		goto out;
	buf_reset(&b);
	r = value_get(s->drive, SYNC_KV_PACK_NEXT, 8, &b);
	if (r == 0)
		s->pack_next = get_le64(b.data);
	if (r < 0 && r != -ENOENT)
		goto out;
	s->pack_limit = s->pack_next;
	r = ckpt_mark_get(s->drive, &m);
	if (r == 0)
		s->st.checkpoint_seq = m.seq;
	else if (r != -ENOENT)
		goto out;
	r = drive_seen_get(s->drive, &s->keys->self.id, &own);
	if (r == 0)
		s->st.published_seq = own.seq;
	else if (r != -ENOENT)
		goto out;
	s->is_mend_due = accept_mend_is_due(s->drive);
	buf_reset(&b);
	r = drive_publish_pending(s->drive, &seq, &b);
	s->has_pending = r != -ENOENT;
	/* If it is damaged the publisher says so. */
	if (r == -ENOENT || r == -EUCLEAN)
		r = 0;
out:
	buf_done(&b);
	return r;
}

static int
threads_start(struct sync *s)
{
	unsigned i;
	int r;

	r = fetcher_new(s, &s->fetcher);
	if (r < 0)
		return r;
	r = thread_start(&s->pump, "sync-pump", pump_main, s);
	if (r < 0)
		return r;
	s->has_pump = true;
	r = thread_start(&s->publisher, "sync-publish", publish_main, s);
	if (r < 0)
		return r;
	s->has_publisher = true;
	r = thread_start(&s->pinner, "sync-pin", pin_main, s);
	if (r < 0)
		return r;
	s->has_pinner = true;
	for (i = 0; i < s->nup; i++) {
		r = thread_start(&s->up[i], "sync-upload", upload_main, s);
		if (r < 0)
			return r;
		s->up_started++;
	}
	return 0;
}

/* End every wait, then every thread. */
static void
engine_free(struct sync *s) NO_TSA	/* alone at its end */
{
	unsigned i;

	mutex_lock(&s->lock);
	s->is_stopping = true;
	cond_broadcast(&s->changed);
	mutex_unlock(&s->lock);
	store_interrupt(s->store, true);
	drive_sync_kick(s->drive);
	fetcher_stop(s->fetcher);
	for (i = 0; i < s->up_started; i++)
		thread_join(s->up[i]);
	if (s->has_publisher)
		thread_join(s->publisher);
	if (s->has_pinner)
		thread_join(s->pinner);
	if (s->has_pump)
		thread_join(s->pump);
	fetcher_free(s->fetcher);	/* uploads fetched through it, too */
	store_interrupt(s->store, false);
	drive_set_pager(s->drive, NULL);
	free(s->unsent);
	cond_done(&s->changed);
	mutex_done(&s->lock);
	free(s);
}

int
sync_start(const struct sync_conf *c, struct sync **ret, struct err *e)
{
	struct drive_pager pager = { .page = page_list_get };
	struct sync *s;
	int r;

	s = calloc(1, sizeof(*s));
	if (!s)
		return err_set(e, -ENOMEM, "out of memory");
	mutex_init(&s->lock, RANK_SYNC);
	cond_init(&s->changed);
	configure(s, c);
	r = load(s);
	if (r == -EUCLEAN)
		err_set(e, r, "the recovery of this drive was interrupted; "
		    "remove its state directory and run 'coffre recover' "
		    "again");
	else if (r < 0)
		err_wrap(e, r, "cannot read the state of the upload");
	if (r < 0) {
		cond_done(&s->changed);
		mutex_done(&s->lock);
		free(s);
		return r;
	}
	pager.arg = &s->pages;
	drive_set_pager(s->drive, &pager);
	r = threads_start(s);
	if (r < 0) {
		engine_free(s);
		return err_wrap(e, r, "cannot start the upload");
	}
	*ret = s;
	return 0;
}

static bool
is_drained(struct sync *s)
{
	struct drive_usage u;
	bool r;

	drive_usage(s->drive, &u);
	mutex_lock(&s->lock);
	r = u.staged_blocks == 0 && u.outbox_ops == 0 && !s->has_pending &&
	    !s->is_head_dirty && !s->is_ckpt_due;
	mutex_unlock(&s->lock);
	return r;
}

void
sync_stop(struct sync *s, int64_t deadline_ms)
{
	if (!s)
		return;
	if (deadline_ms > 0)
		(void)drive_commit_all(s->drive);
	/* An offline machine with nothing to send need not wait. */
	if (deadline_ms > 0 && !is_drained(s))
		(void)sync_wait(s, deadline_ms, NULL, NULL);
	engine_free(s);
}

int
sync_checkpoint(struct sync *s, struct err *e)
{
	uint64_t mine, fails;
	int r;

	mutex_lock(&s->lock);
	mine = ++s->ckpt_asked;
	fails = s->fails;
	s->kicks++;
	s->work++;
	cond_broadcast(&s->changed);
	while (s->ckpt_done < mine && !s->is_stopping && !s->is_alarm &&
	    s->st.link != SYNC_OFFLINE && s->fails == fails)
		cond_wait(&s->changed, &s->lock);
	if (s->ckpt_done >= mine)
		r = s->ckpt_result;
	else if (s->is_stopping)
		r = -ECANCELED;
	else
		r = s->is_alarm ? -EROFS : -EHOSTUNREACH;
	mutex_unlock(&s->lock);
	if (r == -EAGAIN)
		return err_set(e, r, "changes are still on their way; run "
		    "'coffre sync' first");
	if (r < 0)
		return err_wrap(e, r, "cannot write a checkpoint");
	return 0;
}
