/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "sync/fetch_priv.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "util/clock.h"

#define WANTS_MAX 4096			/* of one call */
#define LOOK_MS 100			/* between looks at is_interrupted */
#define WAIT_DEFAULT_MS (60 * 1000)

/* ---- the drive's side ---- */

static struct entry *
entry_get_locked(struct fetcher *f, const struct fetch_want *w, bool *is_new)
    REQUIRES(f->lock)
{
	struct want_key key;
	struct entry *e;

	memset(&key, 0, sizeof(key));
	key.ino = w->ino;
	key.idx = w->idx;
	key.bid = w->bid;
	key.pack_n = w->ref.pack.n;
	key.pack_rand = w->ref.pack.rand;
	key.off = w->ref.off;
	HASH_FIND(hh, f->entries, &key, sizeof(key), e);
	*is_new = !e;
	if (e)
		return e;
	e = calloc(1, sizeof(*e));
	if (!e)
		return NULL;
	e->key = key;
	e->want = *w;
	e->r = -EHOSTUNREACH;
	HASH_ADD(hh, f->entries, key, sizeof(e->key), e);
	if (HASH_IS_OUT(e)) {
		free(e);
		e = NULL;
	}
	return e;
}

/* Entries of want[0..n): held ones into mine, new ones are queued. */
static int
wants_add_locked(struct fetcher *f, const struct fetch_want *want, size_t n,
    enum fetch_rank rank, struct entry **mine, struct entry **fresh)
    REQUIRES(f->lock)
{
	size_t i, nfresh = 0, nmine = 0;
	uint64_t bytes = 0;
	struct entry *e;
	bool is_new;
	int r = 0;

	for (i = 0; i < n; i++) {
		/* Read-ahead is bounded; what is over is asked for again when
		 * its turn comes. */
		if (rank == FETCH_AHEAD && (f->s->is_sparing ||
		    f->ahead_bytes + bytes >= f->s->readahead_max))
			break;
		e = entry_get_locked(f, &want[i], &is_new);
		if (!e) {
			r = -ENOMEM;
			break;
		}
		if (is_new) {
			fresh[nfresh++] = e;
			bytes += want[i].ref.len;
		} else if (rank == FETCH_URGENT && e->job) {
			fetch_job_promote_locked(f, e->job);
		}
		if (mine) {
			e->waiters++;
			mine[nmine++] = e;
		}
	}
	fetch_jobs_make_locked(f, fresh, nfresh, rank);
	return r;
}

/* 1: some are not in yet. */
static int
verdict_locked(struct entry **mine, size_t n)
{
	size_t i;
	int r = 0;

	for (i = 0; i < n; i++) {
		if (mine[i]->job)
			r = 1;
		else if (mine[i]->r < 0)
			return mine[i]->r;
	}
	return r;
}

/* Why it took too long, if that is known. */
static int
late_locked(struct entry **mine, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++)
		if (mine[i]->job && mine[i]->job->tries > 0)
			return mine[i]->r == -EIO ? -EIO : -EHOSTUNREACH;
	return -ETIMEDOUT;
}

static int
await_locked(struct fetcher *f, struct entry **mine, size_t n,
    const struct drive_wait *w) REQUIRES(f->lock)
{
	int64_t now = clock_mono_ms(), deadline, until;
	bool stop;
	int r;

	deadline = now + (w && w->timeout_ms > 0 ? w->timeout_ms :
	    WAIT_DEFAULT_MS);
	for (;;) {
		r = verdict_locked(mine, n);
		if (r <= 0)
			return r;
		if (f->is_stopping)
			return -ECANCELED;
		now = clock_mono_ms();
		if (now >= deadline)
			return late_locked(mine, n);
		until = deadline;
		if (w && w->is_interrupted) {
			/* The question goes to a layer above. */
			mutex_unlock(&f->lock);
			stop = w->is_interrupted(w->arg);
			mutex_lock(&f->lock);
			if (stop)
				return -EINTR;
			if (verdict_locked(mine, n) <= 0)
				continue;
			if (until > now + LOOK_MS)
				until = now + LOOK_MS;
		}
		(void)cond_wait_until(&f->changed, &f->lock, until);
	}
}

/* What a reader gets of it. */
static int
result_of(int r)
{
	if (r == -EPROTO || r == -ENOENT || r == -EBADMSG || r == -EFBIG)
		return -EIO;
	return r;
}

static int
fetch(void *arg, const struct fetch_want *want, size_t n, size_t need,
    const struct drive_wait *w)
{
	struct fetcher *f = arg;
	struct entry **mine, **fresh;
	size_t i;
	int r;

	if (n > WANTS_MAX)
		n = WANTS_MAX > need ? WANTS_MAX : need;
	if (need > n)
		return -EINVAL;
	for (i = 0; i < n; i++)
		if (want[i].ref.len == 0 || want[i].ref.len >
		    VAULT_BLOCK_SIZE)
			return -EIO;
	mine = calloc(need + 1, sizeof(struct entry *));
	fresh = calloc(n + 1, sizeof(struct entry *));
	if (!mine || !fresh) {
		free(mine);
		free(fresh);
		return -ENOMEM;
	}
	mutex_lock(&f->lock);
	f->callers++;
	r = f->is_stopping ? -ECANCELED :
	    wants_add_locked(f, want, need, w && w->is_patient ?
	    FETCH_LATER : FETCH_URGENT, mine, fresh);
	/* Not all of the rest is no failure. */
	if (r == 0)
		(void)wants_add_locked(f, want + need, n - need,
		    FETCH_AHEAD, NULL, fresh);
	for (i = 0; i < need && mine[i]; i++)
		;
	if (r == 0)
		r = await_locked(f, mine, i, w);
	while (i > 0) {
		mine[--i]->waiters--;
		fetch_entry_unref_locked(mine[i]);
	}
	f->callers--;
	cond_broadcast(&f->changed);
	mutex_unlock(&f->lock);
	free(mine);
	free(fresh);
	return result_of(r);
}

/* What pins want: all of it, when nobody else wants anything. */
int
fetcher_get(struct fetcher *f, const struct fetch_want *want, size_t n)
{
	struct drive_wait w = { .is_patient = true };

	return fetch(f, want, n, n, &w);
}

/* ---- life ---- */

int
fetcher_new(struct sync *s, struct fetcher **ret)
{
	struct drive_fetcher df = { .fetch = fetch };
	struct fetcher *f;
	int i, r = 0;

	f = calloc(1, sizeof(*f));
	if (!f)
		return -ENOMEM;
	f->s = s;
	mutex_init(&f->lock, RANK_FETCH);
	cond_init(&f->changed);
	for (i = 0; i < FETCH_RANKS; i++)
		TAILQ_INIT(&f->jobs[i]);
	while (f->started < s->ndown && r == 0) {
		r = thread_start(&f->threads[f->started], "sync-fetch",
		    fetch_download_main, f);
		if (r == 0)
			f->started++;
	}
	if (r < 0) {
		fetcher_free(f);
		return r;
	}
	df.arg = f;
	drive_set_fetcher(s->drive, &df);
	*ret = f;
	return 0;
}

void
fetcher_wake(struct fetcher *f)
{
	mutex_lock(&f->lock);
	cond_broadcast(&f->changed);
	mutex_unlock(&f->lock);
}

void
fetcher_stop(struct fetcher *f)
{
	if (!f)
		return;
	drive_set_fetcher(f->s->drive, NULL);
	mutex_lock(&f->lock);
	f->is_stopping = true;
	cond_broadcast(&f->changed);
	mutex_unlock(&f->lock);
}

void
fetcher_free(struct fetcher *f)
{
	unsigned i;

	if (!f)
		return;
	fetcher_stop(f);
	for (i = 0; i < f->started; i++)
		thread_join(f->threads[i]);
	mutex_lock(&f->lock);
	fetch_queues_drop_locked(f);
	while (f->callers > 0)
		cond_wait(&f->changed, &f->lock);
	mutex_unlock(&f->lock);
	cond_done(&f->changed);
	mutex_done(&f->lock);
	free(f);
}
