/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "sync/fetch_priv.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "crypto/crypto.h"
#include "store/mirror.h"
#include "util/clock.h"
#include "util/tr.h"

#define GAP_MAX (64u * 1024)		/* bytes skipped within a range */
#define RANGE_MAX (4u * 1024 * 1024)
#define RANGE_LATER_MAX (1024u * 1024)
#define RETRY_MIN_MS 100
#define RETRY_MAX_MS 5000

static size_t
sealed_len(const struct block_ref *ref)
{
	return (size_t)ref->len + VAULT_SEAL_OVERHEAD;
}

/* ---- entries and jobs ---- */

void
fetch_entry_unref_locked(struct entry *e)
{
	if (e->waiters == 0 && !e->job)
		free(e);
}

/* This block is over: whoever waits looks at r. */
static void
entry_end_locked(struct fetcher *f, struct entry *e, int r)
    REQUIRES(f->lock)
{
	assert(f->entries);	/* e is among them */
	HASH_DEL(f->entries, e);
	e->r = r;
	e->job = NULL;
	fetch_entry_unref_locked(e);
}

/* It is not under way any more. */
static void
job_rest_locked(struct fetcher *f, struct job *j) REQUIRES(f->lock)
{
	if (j->is_later)
		f->later--;
	if (j->is_reading) {
		f->reading--;
		f->reading_ms = clock_mono_ms();
	}
	j->is_later = j->is_reading = false;
}

static void
job_end_locked(struct fetcher *f, struct job *j, const int *results, int r)
    REQUIRES(f->lock)
{
	size_t i;

	if (j->rank == FETCH_AHEAD)
		f->ahead_bytes -= j->len;
	job_rest_locked(f, j);
	for (i = 0; i < j->n; i++)
		entry_end_locked(f, j->entries[i], results ? results[i] : r);
	free(j->entries);
	free(j);
	cond_broadcast(&f->changed);
}

static bool
job_waited_locked(const struct job *j)
{
	size_t i;

	for (i = 0; i < j->n; i++)
		if (j->entries[i]->waiters)
			return true;
	return false;
}

static void
job_queue_locked(struct fetcher *f, struct job *j) REQUIRES(f->lock)
{
	j->is_queued = true;
	TAILQ_INSERT_TAIL(&f->jobs[j->rank], j, link);
	cond_broadcast(&f->changed);
}

static int
entry_order(const void *a, const void *b)
{
	const struct entry *x = *(struct entry *const *)a;
	const struct entry *y = *(struct entry *const *)b;
	const struct block_ref *p = &x->want.ref, *q = &y->want.ref;
	int r;

	r = memcmp(p->pack.dtag.b, q->pack.dtag.b, VAULT_TAG_LEN);
	if (r)
		return r;
	if (p->pack.n != q->pack.n)
		return p->pack.n < q->pack.n ? -1 : 1;
	if (p->pack.rand != q->pack.rand)
		return p->pack.rand < q->pack.rand ? -1 : 1;
	return p->off < q->off ? -1 : p->off > q->off;
}

static bool
same_pack(const struct entry *x, const struct entry *y)
{
	const struct pack_id *p = &x->want.ref.pack, *q = &y->want.ref.pack;

	return p->n == q->n && p->rand == q->rand &&
	    memcmp(p->dtag.b, q->dtag.b, VAULT_TAG_LEN) == 0;
}

/* How many of the sorted e[0..n) make one range; its end in *ret_end. */
static size_t
range_of(struct entry **e, size_t n, size_t max, uint64_t *ret_end)
{
	uint64_t start = e[0]->want.ref.off, end, next;
	size_t i;

	end = start + sealed_len(&e[0]->want.ref);
	for (i = 1; i < n && same_pack(e[0], e[i]); i++) {
		next = e[i]->want.ref.off + sealed_len(&e[i]->want.ref);
		if (e[i]->want.ref.off > end + GAP_MAX ||
		    next - start > max)
			break;
		if (next > end)
			end = next;
	}
	*ret_end = end;
	return i;
}

void
fetch_jobs_make_locked(struct fetcher *f, struct entry **e, size_t n,
    enum fetch_rank rank)
{
	uint64_t end;
	struct job *j;
	size_t i, k;

	if (n)
		qsort(e, n, sizeof(struct entry *), entry_order);
	for (; n > 0; e += k, n -= k) {
		k = range_of(e, n, rank == FETCH_LATER ? RANGE_LATER_MAX :
		    RANGE_MAX, &end);
		j = calloc(1, sizeof(*j));
		if (j)
			j->entries = calloc(k, sizeof(struct entry *));
		if (!j || !j->entries) {
			free(j);
			for (i = 0; i < k; i++)
				entry_end_locked(f, e[i], -ENOMEM);
			continue;
		}
		for (i = 0; i < k; i++) {
			j->entries[i] = e[i];
			e[i]->job = j;
		}
		j->n = k;
		j->off = e[0]->want.ref.off;
		j->len = (size_t)(end - j->off);
		j->rank = rank;
		if (rank == FETCH_AHEAD)
			f->ahead_bytes += j->len;
		job_queue_locked(f, j);
	}
}

void
fetch_job_promote_locked(struct fetcher *f, struct job *j)
{
	enum fetch_rank was = j->rank;

	if (was == FETCH_URGENT)
		return;
	j->rank = FETCH_URGENT;
	if (was == FETCH_AHEAD)
		f->ahead_bytes -= j->len;
	if (j->is_queued) {
		TAILQ_REMOVE(&f->jobs[was], j, link);
		TAILQ_INSERT_TAIL(&f->jobs[FETCH_URGENT], j, link);
	}
}

/* ---- downloads ---- */

/* The range, or its part of the whole object where parts cannot be had. */
static int
range_get(struct fetcher *f, const struct job *j, struct buf *out)
{
	struct buf whole = BUF_INIT(SYNC_OBJECT_MAX);
	char name[VAULT_PATH_MAX];
	int r;

	vault_name_pack(&f->s->keys->rtag, &j->entries[0]->want.ref.pack,
	    name);
	r = store_get_range(f->s->store, name, j->off, j->len, out);
	if (r != -EOPNOTSUPP)
		return r;
	r = store_get(f->s->store, name, &whole);
	if (r == 0 && (whole.len < j->off || whole.len - j->off < j->len))
		r = -ERANGE;
	if (r == 0)
		r = buf_put(out, whole.data + j->off, j->len);
	buf_done(&whole);
	return r;
}

/* Verify each block and hand it to the drive.  The number that did not
 * verify. */
static size_t
range_deliver(struct fetcher *f, const struct job *j, const struct buf *b,
    int *results)
{
	const struct fetch_want *w;
	const uint8_t *p;
	size_t i, bad = 0;

	for (i = 0; i < j->n; i++) {
		w = &j->entries[i]->want;
		p = b->data + (w->ref.off - j->off);
		results[i] = block_ref_verify(&w->ref, p,
		    sealed_len(&w->ref));
		if (results[i] < 0) {
			results[i] = -EIO;
			bad++;
			continue;
		}
		results[i] = drive_cache_put(f->s->drive, w, p,
		    sealed_len(&w->ref));
	}
	return bad;
}

/* After a try that may go better later: again, if a reader waits. */
static void
job_retry(struct fetcher *f, struct job *j, int r)
{
	int64_t limit = RETRY_MIN_MS;
	unsigned i;
	size_t k;

	for (i = 0; i < j->tries && limit < RETRY_MAX_MS; i++)
		limit *= 2;
	if (limit > f->s->backoff_max_ms)
		limit = f->s->backoff_max_ms;
	mutex_lock(&f->lock);
	if (f->is_stopping || j->rank == FETCH_LATER ||
	    !job_waited_locked(j)) {
		job_end_locked(f, j, NULL, r);
	} else {
		fetch_job_promote_locked(f, j);
		job_rest_locked(f, j);
		j->tries++;
		j->not_before_ms = clock_mono_ms() + 1 +
		    (int64_t)(crypto_random_u64() % (uint64_t)limit);
		for (k = 0; k < j->n; k++)
			j->entries[k]->r = r;
		job_queue_locked(f, j);
	}
	mutex_unlock(&f->lock);
}

static void
job_finish(struct fetcher *f, struct job *j, const int *results, int r)
{
	mutex_lock(&f->lock);
	job_end_locked(f, j, results, r);
	mutex_unlock(&f->lock);
}

static void
count_down(struct sync *s, size_t bytes)
{
	mutex_lock(&s->lock);
	s->st.bytes_down += bytes;
	mutex_unlock(&s->lock);
}

static void
note_altered(struct fetcher *f, const struct job *j, const int *results)
{
	size_t i;

	for (i = 0; i < j->n; i++)
		if (results[i] == -EIO) {
			sync_note_data(f->s, N_("the store gave back altered "
			    "data; it was not used"));
			return;
		}
}

/* What came was not right: once more, and of a mirror from each other
 * member. */
static bool
job_looks_again(struct fetcher *f, struct job *j)
{
	size_t n = store_mirror_count(f->s->store);
	char name[VAULT_PATH_MAX];

	vault_name_pack(&f->s->keys->rtag, &j->entries[0]->want.ref.pack,
	    name);
	store_mirror_reject(f->s->store, name);
	return ++j->looks <= (n ? n : 1);
}

static void
job_run(struct fetcher *f, struct job *j)
{
	struct buf b = BUF_INIT(j->len);
	int *results = calloc(j->n, sizeof(*results));
	int r;

	r = results ? range_get(f, j, &b) : -ENOMEM;
	if (r == -ENOENT || r == -ERANGE) {
		sync_note(f->s, 0, false);
		sync_note_data(f->s, N_("the store no longer has data that "
		    "files here refer to"));
		job_finish(f, j, NULL, -EIO);
	} else if (r < 0) {
		sync_note(f->s, r, false);
		if (r == -EPROTO || store_transient(r))
			job_retry(f, j, r);
		else
			job_finish(f, j, NULL, r);
	} else {
		sync_note(f->s, 0, false);
		count_down(f->s, b.len);
		/* A bit that fell over on the way may stand the next time. */
		if (range_deliver(f, j, &b, results) > 0 &&
		    job_looks_again(f, j)) {
			job_retry(f, j, -EIO);
		} else {
			note_altered(f, j, results);
			job_finish(f, j, results, 0);
		}
	}
	free(results);
	buf_done(&b);
}

/* One for a pin, if no reader is at it. */
static struct job *
later_take_locked(struct fetcher *f, int64_t now, int64_t *ret_until)
    REQUIRES(f->lock)
{
	struct job *j = TAILQ_FIRST(&f->jobs[FETCH_LATER]);
	int64_t at = f->reading_ms + FETCH_LATER_MS;

	/* Whoever ends wakes the others. */
	if (!j || f->reading > 0 || f->later == FETCH_LATER_MAX ||
	    f->s->is_sparing)
		return NULL;
	if (now < at) {
		if (*ret_until > at)
			*ret_until = at;
		return NULL;
	}
	j->is_later = true;
	f->later++;
	return j;
}

/* The next job that may be tried now; otherwise *ret_until says when. */
static struct job *
job_take_locked(struct fetcher *f, int64_t now, int64_t *ret_until)
    REQUIRES(f->lock)
{
	struct job *j;

	*ret_until = now + RETRY_MAX_MS;
	TAILQ_FOREACH(j, &f->jobs[FETCH_URGENT], link) {
		if (j->not_before_ms <= now)
			break;
		if (j->not_before_ms < *ret_until)
			*ret_until = j->not_before_ms;
	}
	if (!j)
		j = TAILQ_FIRST(&f->jobs[FETCH_AHEAD]);
	if (j) {
		j->is_reading = true;
		f->reading++;
	} else {
		j = later_take_locked(f, now, ret_until);
	}
	if (j) {
		TAILQ_REMOVE(&f->jobs[j->rank], j, link);
		j->is_queued = false;
	}
	return j;
}

void
fetch_download_main(void *arg)
{
	struct fetcher *f = arg;
	struct job *j;
	int64_t until;

	mutex_lock(&f->lock);
	while (!f->is_stopping) {
		j = job_take_locked(f, clock_mono_ms(), &until);
		if (!j) {
			(void)cond_wait_until(&f->changed, &f->lock, until);
			continue;
		}
		mutex_unlock(&f->lock);
		job_run(f, j);
		mutex_lock(&f->lock);
	}
	mutex_unlock(&f->lock);
}

static void
queue_drop_locked(struct fetcher *f, struct job_list *l) REQUIRES(f->lock)
{
	struct job *j;

	while ((j = TAILQ_FIRST(l))) {
		TAILQ_REMOVE(l, j, link);
		job_end_locked(f, j, NULL, -ECANCELED);
	}
}

void
fetch_queues_drop_locked(struct fetcher *f)
{
	int i;

	for (i = 0; i < FETCH_RANKS; i++)
		queue_drop_locked(f, &f->jobs[i]);
}
