/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "fs/loop.h"

#include <errno.h>
#include <fcntl.h>
#include <fuse_lowlevel.h>
#include <linux/fuse.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "util/clock.h"
#include "util/log.h"
#include "util/thread.h"

#define LEAD_MS 10		/* a leader's answer may take, about */
#define STOP_MS 50		/* between nudges of those who still read */
#define SPARE_MAX 8		/* followers that are kept */
#define SMALL_MAX 65536u	/* bytes of a read or write answered at once */
#define SPIN_US 50		/* looked for the next request before sleep */
#define SPIN_TRUST 8		/* times in vain until that is given up */

struct worker {
	struct loop *l;
	pthread_t thread;
	struct cond wake;
	struct fuse_buf buf;
	bool is_busy;		/* atomic: it answers a request as leader */
	LIST_ENTRY(worker) all;
	SLIST_ENTRY(worker) spare;
};

struct loop {
	struct fuse_session *se;
	struct loop_hook hook;
	unsigned max;
	struct worker *leader;	/* atomic; written under lock */
	bool is_quiet;		/* atomic: nobody looks after the leader */
	uint32_t turn;		/* atomic: requests of leaders */
	unsigned trust;		/* atomic: the leader's in looking before
				 * sleep; one that was relieved of it may
				 * still look */

	struct mutex lock;	/* RANK_UTIL; guards what follows */
	struct cond watch;	/* for loop_run */
	LIST_HEAD(, worker) all;
	SLIST_HEAD(, worker) spares;	/* the last to come goes first */
	LIST_HEAD(, worker) gone;	/* to be joined */
	unsigned n, nspares;
	unsigned nlent;		/* of n: wait for others of them */
	int error;
	bool is_ended;		/* atomic; written under lock */
};

static _Thread_local struct worker *self;

static void worker_run(void *arg);

/* ---- the lead ------------------------------------------------------------ */

static int
worker_start(struct loop *l, struct worker **ret) REQUIRES(l->lock)
{
	struct worker *w = calloc(1, sizeof(*w));
	int r;

	if (!w)
		return -ENOMEM;
	w->l = l;
	cond_init(&w->wake);
	/* It waits for the lock before it looks at anything. */
	r = thread_start(&w->thread, "fuse", worker_run, w);
	if (r < 0) {
		cond_done(&w->wake);
		free(w);
		return r;
	}
	LIST_INSERT_HEAD(&l->all, w, all);
	l->n++;
	*ret = w;
	return 0;
}

static void
lead_give(struct loop *l, struct worker *w) REQUIRES(l->lock)
{
	if (w)
		__atomic_store_n(&w->is_busy, false, __ATOMIC_RELAXED);
	__atomic_store_n(&l->leader, w, __ATOMIC_RELEASE);
}

/* From the leader to a follower, if there can be one: with all of them busy
 * the first that is done takes it. */
static void
lead_pass(struct loop *l) REQUIRES(l->lock)
{
	struct worker *w;

	/* Those that waited leave by themselves. */
	if (l->is_ended) {
		lead_give(l, NULL);
		return;
	}
	w = SLIST_FIRST(&l->spares);
	if (w) {
		SLIST_REMOVE_HEAD(&l->spares, spare);
		l->nspares--;
	} else if (l->n - l->nlent >= l->max || worker_start(l, &w) < 0) {
		w = NULL;
	}
	lead_give(l, w);
	if (w)
		cond_signal(&w->wake);
}

static bool
is_leader(const struct worker *w)
{
	return __atomic_load_n(&w->l->leader, __ATOMIC_ACQUIRE) == w;
}

void
loop_will_wait(void)
{
	struct worker *w = self;

	if (!w || !is_leader(w))
		return;
	mutex_lock(&w->l->lock);
	if (is_leader(w))
		lead_pass(w->l);
	mutex_unlock(&w->l->lock);
}

bool
loop_lend(unsigned most)
{
	struct worker *w = self;
	struct loop *l;
	bool is_lent;

	if (!w)
		return true;
	l = w->l;
	mutex_lock(&l->lock);
	is_lent = l->nlent < most;
	if (is_lent) {
		l->nlent++;
		if (is_leader(w) || (!l->leader && !l->is_ended))
			lead_pass(l);
	}
	mutex_unlock(&l->lock);
	return is_lent;
}

void
loop_lend_end(void)
{
	struct worker *w = self;

	if (!w)
		return;
	mutex_lock(&w->l->lock);
	w->l->nlent--;
	mutex_unlock(&w->l->lock);
}

/* Wait to lead.  False: there is nothing more to do. */
static bool
lead_wait(struct worker *w)
{
	struct loop *l = w->l;
	bool is_kept = true;

	if (is_leader(w) && !__atomic_load_n(&l->is_ended, __ATOMIC_RELAXED))
		return true;
	mutex_lock(&l->lock);
	if (!l->leader)
		lead_give(l, w);
	if (l->leader != w && !l->is_ended) {
		is_kept = l->nspares < SPARE_MAX;
		if (is_kept) {
			SLIST_INSERT_HEAD(&l->spares, w, spare);
			l->nspares++;
		}
	}
	while (is_kept && l->leader != w && !l->is_ended)
		cond_wait(&w->wake, &l->lock);
	if (l->is_ended)
		is_kept = false;
	if (!is_kept) {
		LIST_REMOVE(w, all);
		l->n--;
		LIST_INSERT_HEAD(&l->gone, w, all);
		cond_signal(&l->watch);
	}
	mutex_unlock(&l->lock);
	return is_kept;
}

/* ---- a thread ------------------------------------------------------------ */

static void
loop_end(struct loop *l, int error)
{
	struct worker *w;

	mutex_lock(&l->lock);
	if (!l->is_ended)
		l->error = error;
	__atomic_store_n(&l->is_ended, true, __ATOMIC_RELAXED);
	LIST_FOREACH(w, &l->all, all)
		cond_signal(&w->wake);
	cond_signal(&l->watch);
	mutex_unlock(&l->lock);
}

/* Is the request answered without waiting and without much data?  Those that
 * then do wait say so (loop_will_wait) or are noticed (look_after). */
static bool
is_quick(const struct fuse_buf *b)
{
	const struct fuse_in_header *h = b->mem;
	union {
		struct fuse_read_in r;
		struct fuse_write_in w;
	} in;

	if (b->flags & FUSE_BUF_IS_FD || b->size < sizeof(*h))
		return false;
	memset(&in, 0, sizeof(in));
	memcpy(&in, h + 1, b->size - sizeof(*h) < sizeof(in) ?
	    b->size - sizeof(*h) : sizeof(in));
	switch (h->opcode) {
	case FUSE_READ:
		return in.r.size < SMALL_MAX;
	case FUSE_WRITE:
		return in.w.size < SMALL_MAX;
	case FUSE_FSYNC:
	case FUSE_FSYNCDIR:
	case FUSE_FALLOCATE:
	case FUSE_COPY_FILE_RANGE:
		return false;
	default:
		return true;
	}
}

static void
process(struct worker *w)
{
	const struct loop_hook *k = &w->l->hook;
	enum loop_way way;

	way = k->request(k->arg, w->buf.mem, w->buf.size);
	if (way != LOOP_ANSWERED)
		fuse_session_process_buf(w->l->se, &w->buf);
	if (way == LOOP_ENTERED)
		k->answered(k->arg);
}

static void
answer(struct worker *w)
{
	struct loop *l = w->l;

	if (!is_leader(w) || !is_quick(&w->buf)) {
		loop_will_wait();
		process(w);
		return;
	}
	__atomic_store_n(&w->is_busy, true, __ATOMIC_RELAXED);
	(void)__atomic_add_fetch(&l->turn, 1, __ATOMIC_SEQ_CST);
	if (__atomic_load_n(&l->is_quiet, __ATOMIC_SEQ_CST)) {
		mutex_lock(&l->lock);
		__atomic_store_n(&l->is_quiet, false, __ATOMIC_RELAXED);
		cond_signal(&l->watch);
		mutex_unlock(&l->lock);
	}
	process(w);
	__atomic_store_n(&w->is_busy, false, __ATOMIC_RELAXED);
}

/*
 * The next request.  Whoever works on files comes with it some microseconds
 * after the last answer, and to be woken from sleep takes longer: on a virtual
 * machine, whose processor is given back, several times as long.  So the
 * leader looks a while before it sleeps, as long as that is worth it.
 */
static int
receive(struct worker *w)
{
	struct loop *l = w->l;
	struct pollfd p = { .fd = fuse_session_fd(l->se), .events = POLLIN };
	unsigned trust;
	int64_t until;
	int n;

	n = fuse_session_receive_buf(l->se, &w->buf);
	if (n != -EAGAIN)
		return n;
	until = clock_mono_us() + SPIN_US;
	trust = __atomic_load_n(&l->trust, __ATOMIC_RELAXED);
	if (trust > 0) {
		do {
			(void)sched_yield();
			n = fuse_session_receive_buf(l->se, &w->buf);
		} while (n == -EAGAIN && clock_mono_us() < until);
		trust = n != -EAGAIN ? SPIN_TRUST : trust - 1;
		__atomic_store_n(&l->trust, trust, __ATOMIC_RELAXED);
		if (n != -EAGAIN)
			return n;
	}
	if (poll(&p, 1, -1) < 0)
		return -errno;
	if (trust < SPIN_TRUST && clock_mono_us() < until)
		__atomic_store_n(&l->trust, trust + 1, __ATOMIC_RELAXED);
	return fuse_session_receive_buf(l->se, &w->buf);
}

static void
worker_run(void *arg)
{
	struct worker *w = arg;
	sigset_t nudge;
	int n;

	self = w;
	(void)sigemptyset(&nudge);
	(void)sigaddset(&nudge, SIGUSR1);
	(void)pthread_sigmask(SIG_UNBLOCK, &nudge, NULL);
	while (lead_wait(w)) {
		n = receive(w);
		if (n > 0)
			answer(w);
		else if (n == 0 || fuse_session_exited(w->l->se))
			loop_end(w->l, 0);
		else if (n != -EINTR && n != -EAGAIN)
			loop_end(w->l, n);
	}
}

/* ---- the loop ------------------------------------------------------------ */

int
loop_new(struct fuse_session *se, unsigned threads,
    const struct loop_hook *hook, struct loop **ret)
{
	int fd = fuse_session_fd(se), flags = fcntl(fd, F_GETFL);
	struct loop *l;

	/* Only poll sleeps. */
	if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0)
		return -errno;
	l = calloc(1, sizeof(*l));
	if (!l)
		return -ENOMEM;
	l->se = se;
	l->hook = *hook;
	l->max = threads;
	mutex_init(&l->lock, RANK_UTIL);
	cond_init(&l->watch);
	*ret = l;
	return 0;
}

/* Join those who have left. */
static void
reap(struct loop *l) REQUIRES(l->lock)
{
	struct worker *w;

	while ((w = LIST_FIRST(&l->gone)) != NULL) {
		LIST_REMOVE(w, all);
		mutex_unlock(&l->lock);
		thread_join(w->thread);
		cond_done(&w->wake);
		free(w->buf.mem);
		free(w);
		mutex_lock(&l->lock);
	}
}

/* Depose a leader that has been with one request since the last look.  While
 * there are no requests, wait for the next one. */
static void
look_after(struct loop *l, uint32_t *last) REQUIRES(l->lock)
{
	uint32_t turn;

	if (__atomic_load_n(&l->is_quiet, __ATOMIC_RELAXED))
		cond_wait(&l->watch, &l->lock);
	else
		(void)cond_wait_until(&l->watch, &l->lock, clock_mono_ms() +
		    LEAD_MS);
	turn = __atomic_load_n(&l->turn, __ATOMIC_SEQ_CST);
	if (turn == *last && l->leader) {
		if (__atomic_load_n(&l->leader->is_busy, __ATOMIC_RELAXED)) {
			lead_pass(l);
		} else {
			__atomic_store_n(&l->is_quiet, true, __ATOMIC_SEQ_CST);
			/* One may have come before it could see that. */
			if (__atomic_load_n(&l->turn, __ATOMIC_SEQ_CST) !=
			    turn)
				__atomic_store_n(&l->is_quiet, false,
				    __ATOMIC_RELAXED);
		}
	}
	*last = turn;
}

int
loop_run(struct loop *l, void (*ended)(void *arg), void *arg)
{
	struct worker *w;
	uint32_t last = 0;
	int r;

	mutex_lock(&l->lock);
	lead_pass(l);
	if (!l->leader) {
		l->error = -EAGAIN;
		l->is_ended = true;
	}
	while (!l->is_ended) {
		look_after(l, &last);
		reap(l);
	}
	mutex_unlock(&l->lock);
	ended(arg);
	mutex_lock(&l->lock);
	while (l->n > 0) {
		/* Sent again: one that comes before the read does not end
		 * it. */
		LIST_FOREACH(w, &l->all, all)
			(void)pthread_kill(w->thread, SIGUSR1);
		(void)cond_wait_until(&l->watch, &l->lock, clock_mono_ms() +
		    STOP_MS);
	}
	reap(l);
	r = l->error;
	mutex_unlock(&l->lock);
	return r;
}

void
loop_stop(struct loop *l)
{
	fuse_session_exit(l->se);
	loop_end(l, 0);
}

void
loop_free(struct loop *l)
{
	if (!l)
		return;
	cond_done(&l->watch);
	mutex_done(&l->lock);
	free(l);
}
