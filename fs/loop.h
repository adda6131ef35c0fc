/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FS_LOOP_H
#define FS_LOOP_H

#include <stdbool.h>
#include <stddef.h>

struct fuse_session;

/*
 * loop - the threads that answer the kernel.
 *
 * One of them, the leader, reads requests.  What is answered from memory and
 * the local database it answers itself and reads on: a file system is mostly
 * asked small things one after another, and waking another thread for each
 * costs more than the answer.  Before what moves much data or may wait, the
 * lead passes to another thread.  A leader that does not come back from a
 * request in time is deposed, so one slow answer holds up nobody for long.
 * (Leader and followers: Schmidt et al., PLoP 2000.)  Before it sleeps, the
 * leader looks for the next request for as long as to be woken may take, as
 * long as requests do come that soon (Karlin et al., SOSP 1991).
 */
struct loop;

enum loop_way {
	LOOP_PASS = 0,		/* for the session to answer */
	LOOP_ENTERED,		/* likewise; answered() is called then */
	LOOP_ANSWERED,		/* there is nothing left to do */
};
/* Who sees each request before the session does, and may change it. */
struct loop_hook {
	enum loop_way (*request)(void *arg, void *req, size_t len);
	void (*answered)(void *arg);
	void *arg;
};

/* At most threads of them.  Called once the session is mounted.  Returns 0
 * or a negative errno. */
int loop_new(struct fuse_session *se, unsigned threads,
    const struct loop_hook *hook, struct loop **ret);
/* Answer requests until the session has ended, then call ended(arg), which
 * makes waiting requests give up, and return when all threads have.  A
 * negative errno if the session could not go on. */
int loop_run(struct loop *l, void (*ended)(void *arg), void *arg);
/* From any thread: have loop_run end soon. */
void loop_stop(struct loop *l);
void loop_free(struct loop *l);

/* In an answer that is about to wait: somebody else shall read requests.
 * Costs nothing in other threads, or the second time. */
void loop_will_wait(void);
#define LOOP_LENT_MAX 256	/* wait for another of these threads */
#define LOOP_LENT_FAR 96	/* wait for the network */
/* Likewise, and it may wait for long or for another of these threads: until
 * the end it is not one of the most there may be, so that one is left to read.
 * False: so many wait so already.  For another thread it must not, then. */
bool loop_lend(unsigned most);
void loop_lend_end(void);

#endif
