/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef SYNC_FETCH_PRIV_H
#define SYNC_FETCH_PRIV_H

#include <sys/queue.h>

/* The default function makes clang complain of its switch. */
#define HASH_FUNCTION HASH_FNV

#include "sync/sync_priv.h"
#include "util/hash.h"

/*
 * fetch - blocks in.  A call's wants become ranges (jobs) that the download
 * threads get; each block has one entry while it is under way, shared by all
 * who want it.  Jobs with a reader behind them come first and are tried until
 * nobody waits any more; read-ahead is tried once.  What pins want comes when
 * there is nothing else, on some of the threads only, in smaller ranges, and
 * is tried once.
 */

#define FETCH_LATER_MAX 2	/* ranges for pins at once */
#define FETCH_LATER_MS 300	/* and none so soon after what a reader got */

enum fetch_rank {
	FETCH_URGENT,		/* somebody waits, or did */
	FETCH_AHEAD,
	FETCH_LATER,		/* for pins */
	FETCH_RANKS,
};

struct want_key {
	uint64_t ino, idx, bid;
	uint64_t pack_n, pack_rand;
	uint64_t off;
};

struct job;

/* One block under way. */
struct entry {
	struct want_key key;
	struct fetch_want want;
	struct job *job;	/* NULL when it is over */
	unsigned waiters;	/* calls that hold it */
	int r;			/* once over; before: how the last try went */
	UT_hash_handle hh;
};

/* Blocks of one pack that are got together. */
struct job {
	TAILQ_ENTRY(job) link;
	struct entry **entries;
	size_t n;
	uint64_t off;
	size_t len;
	enum fetch_rank rank;
	bool is_later;		/* under way as one of FETCH_LATER_MAX */
	bool is_reading;	/* under way for a reader */
	bool is_queued;		/* in the list of its kind */
	unsigned looks;		/* what did not verify is being got again */
	int64_t not_before_ms;
	unsigned tries;
};

TAILQ_HEAD(job_list, job);

struct fetcher {
	struct sync *s;
	struct mutex lock;
	/* New jobs, for the threads; results, for readers; the end. */
	struct cond changed;
	struct job_list jobs[FETCH_RANKS] GUARDED_BY(lock);
	/* Under way for pins, and for readers; when the last of those was. */
	unsigned later GUARDED_BY(lock), reading GUARDED_BY(lock);
	int64_t reading_ms GUARDED_BY(lock);
	struct entry *entries GUARDED_BY(lock);	/* under way, by key */
	uint64_t ahead_bytes GUARDED_BY(lock);	/* read-ahead not got yet */
	unsigned callers GUARDED_BY(lock);
	bool is_stopping GUARDED_BY(lock);
	pthread_t threads[SYNC_DOWNLOADS_MAX];
	unsigned started;
};

/* fetch_job.c */
void fetch_entry_unref_locked(struct entry *e);
/* Make jobs of new entries and queue them; what there is no memory for ends
 * at once. */
void fetch_jobs_make_locked(struct fetcher *f, struct entry **e, size_t n,
    enum fetch_rank rank) REQUIRES(f->lock);
/* A reader has now come to it: it goes first. */
void fetch_job_promote_locked(struct fetcher *f, struct job *j)
    REQUIRES(f->lock);
/* End what nobody will get any more. */
void fetch_queues_drop_locked(struct fetcher *f) REQUIRES(f->lock);
void fetch_download_main(void *fetcher);

#endif
