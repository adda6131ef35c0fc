/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef UTIL_THREAD_H
#define UTIL_THREAD_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

/*
 * thread - mutexes with a rank, conditions with a deadline, named threads.
 *
 * The enum of ranks is the lock order: a thread may take a mutex only if its
 * rank is greater than that of every mutex it holds.  Every build asserts it.
 */

enum mutex_rank {
	RANK_MOUNT = 10,	/* fs: tables of a mount */
	RANK_SYNC = 20,		/* sync: queues and state of the engine */
	RANK_FETCH = 22,	/* sync: downloads in flight */
	RANK_FLUSH = 25,	/* drive: one flush to disk at a time */
	RANK_NODE = 30,		/* drive: content of one open inode */
	RANK_DB = 40,		/* drive: the connection and its transaction */
	RANK_NODES = 45,	/* drive: the table of open inodes */
	RANK_CACHE = 50,	/* drive: opened blocks, inode cache */
	RANK_SLAB = 55,		/* drive: frames of the block file */
	RANK_STORE = 60,	/* store: wrappers */
	RANK_NET = 70,		/* net: the curl multi handle */
	RANK_UTIL = 80,		/* leaves */
};

#if defined(__clang__)
#define TSA(x) __attribute__((x))
#else
#define TSA(x)
#endif
#define GUARDED_BY(m) TSA(guarded_var)
#define REQUIRES(...) TSA(exclusive_locks_required(__VA_ARGS__))
#define ACQUIRE(...) TSA(exclusive_lock_function(__VA_ARGS__))
#define RELEASE(...) TSA(unlock_function(__VA_ARGS__))
#define NO_TSA TSA(no_thread_safety_analysis)

struct TSA(lockable) mutex {
	pthread_mutex_t m;
	enum mutex_rank rank;
	unsigned waits;		/* atomic */
};

struct cond {
	pthread_cond_t c;
};

void mutex_init(struct mutex *m, enum mutex_rank rank);
void mutex_done(struct mutex *m);
void mutex_lock(struct mutex *m) ACQUIRE(*m);
void mutex_unlock(struct mutex *m) RELEASE(*m);
/* How often a thread has had to wait for it: what does not hurry looks
 * whether others want it.  Wraps around. */
unsigned mutex_waits(struct mutex *m);

void cond_init(struct cond *c);
void cond_done(struct cond *c);
void cond_wait(struct cond *c, struct mutex *m) REQUIRES(*m);
/* Wait until signalled or clock_mono_ms() has passed deadline_ms; false if
 * it has.  Wakes up early now and then: look at your condition again. */
bool cond_wait_until(struct cond *c, struct mutex *m, int64_t deadline_ms)
    REQUIRES(*m);
/* Wait ms with nobody to wake it: short waits only, and no lock held. */
void thread_pause_ms(int64_t ms);
void cond_signal(struct cond *c);
void cond_broadcast(struct cond *c);

/* Start a thread with a name of at most 15 bytes, signals blocked.  Join it
 * with thread_join.  Returns 0 or a negative errno. */
int thread_start(pthread_t *ret, const char *name, void (*fn)(void *),
    void *arg);
void thread_join(pthread_t t);

#endif
