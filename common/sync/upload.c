/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "sync/sync_priv.h"

#include <errno.h>
#include <string.h>

#include "util/clock.h"
#include "util/log.h"

#define MUCH_BYTES (8u * SYNC_BATCH_BYTES)
#define PAUSE_MAX_MS 1000	/* after a small batch, at most */

/* One batch on its way: the pack is built once and stays in memory until it
 * is on the store, so that a second try puts the same bytes. */
static int
batch_send(struct sync *s, struct stage_batch *b)
{
	struct pack_list l = { .s = s };
	struct stage_block *k;
	size_t i;
	int r = 0;

	for (i = 0; i < b->n && r == 0; i++) {
		k = &b->blocks[i];
		r = pack_list_add(&l, &k->inode,
		    (enum vault_block_class)k->cls, k->idx, k->sealed,
		    k->sealed_len, &k->ref);
	}
	if (r == 0)
		r = pack_list_put(&l);
	if (r == 0)
		r = trust_confirm(s);
	if (r == 0)
		r = drive_stage_commit(s->drive, b);
	else
		drive_stage_abort(s->drive, b);
	pack_list_done(&l);
	return r;
}

/* After a small batch the next one is left to fill for a moment: a thousand
 * small files that become due one by one are not to make a thousand packs.
 * What has become much is not left for long. */
static bool
is_too_soon(struct sync *s)
{
	struct drive_usage u;
	bool r;

	drive_usage(s->drive, &u);
	mutex_lock(&s->lock);
	r = !s->force && u.staged_bytes < 2 * SYNC_BATCH_BYTES &&
	    clock_mono_ms() < s->take_after_ms;
	if (!r && u.staged_bytes < MUCH_BYTES)
		r = sync_gives_way(s, &s->up_gave_ms);
	mutex_unlock(&s->lock);
	return r;
}

static void
note_taken(struct sync *s, size_t bytes)
{
	int64_t pause = s->quiet_ms < PAUSE_MAX_MS ? s->quiet_ms :
	    PAUSE_MAX_MS;

	if (bytes >= SYNC_BATCH_BYTES / 2)
		return;
	mutex_lock(&s->lock);
	s->take_after_ms = clock_mono_ms() + pause;
	mutex_unlock(&s->lock);
}

static int
upload_one(struct sync *s, struct backoff *wait)
{
	struct stage_batch *b;
	int r;

	if (is_too_soon(s))
		return -EAGAIN;
	r = drive_stage_take(s->drive, SYNC_BATCH_BYTES, s->quiet_ms,
	    sync_forced(s), &b);
	if (r < 0)
		return r;
	note_taken(s, b->bytes);
	r = batch_send(s, b);
	/* What was taken and could not be sent or noted: our own disk. */
	if (r < 0 && r != -ECANCELED)
		(void)sync_backoff(s, r, wait);
	else
		wait->n = 0;
	sync_wake(s);
	return r;
}

/* Wait until there may be something due: uploads wait for the first check
 * of trust.  False at the end. */
static bool
upload_wait(struct sync *s, uint64_t *work, bool is_idle)
{
	bool r;

	mutex_lock(&s->lock);
	while (!s->is_stopping && (!s->is_checked ||
	    (s->is_sparing && s->force == 0) ||
	    (is_idle && *work == s->work)))
		cond_wait(&s->changed, &s->lock);
	*work = s->work;
	r = !s->is_stopping;
	mutex_unlock(&s->lock);
	return r;
}

void
upload_main(void *arg)
{
	struct sync *s = arg;
	struct backoff wait = { 0 };
	bool is_idle = false;
	uint64_t work = 0;
	int r, last = 0;

	while (upload_wait(s, &work, is_idle)) {
		r = upload_one(s, &wait);
		is_idle = r < 0;
		/* The drive could not give or take: its disk, or a block that
		 * must be completed from the store first.  It has waits of
		 * its own and says when to look again. */
		if (r < 0 && r != last && r != -EAGAIN && r != -ECANCELED)
			log_warn("sync: upload waits: %s", strerror(-r));
		last = r;
	}
}
