/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FS_LIVE_PRIV_H
#define FS_LIVE_PRIV_H

#include <stdatomic.h>
#include <sys/queue.h>

#include "fs/live.h"
#include "fs/watchers.h"
#include "util/thread.h"
#include "vault/vault.h"

/*
 * live_priv - between live.c (the queue, the thread), live_tell.c (the caller,
 * who goes through the mount) and live_take.c (what its requests are answered).
 *
 * The caller is a thread that has no descriptors in common with the others.
 * If this process is killed in the middle of a request, the kernel does not
 * let go of whoever waits for the answer until the session's descriptor is
 * closed, and that is when the last who has it has ended.
 */

/* What the caller is about to ask for; its requests are answered by it. */
enum live_what {
	LIVE_NOTHING = 0,
	LIVE_PROVE,		/* to look this name up in the root */
	LIVE_APPEAR,		/* to make this name */
	LIVE_VANISH,		/* to take it away */
	LIVE_TOUCH,		/* to set the times of this inode */
};

/* One thing to tell of in a folder. */
struct live_event {
	uint64_t folder;
	uint64_t touch;		/* this inode; 0: the name itself */
	char *name;		/* "": the folder, which is the root */
};

enum live_job {
	LIVE_IDLE = 0,
	LIVE_DEV,		/* which device the mount is */
	LIVE_TELL,		/* have events happen */
	LIVE_LOOK,		/* look names of the root up */
	LIVE_END,
};

struct live_note {
	STAILQ_ENTRY(live_note) link;
	uint64_t ino;
	char name[];
};

struct live {
	struct fuse_session *se;
	struct stage *stage;
	int fd;			/* of the session */
	pthread_t thread, caller;
	bool has_thread, has_caller;	/* of live_start and live_stop */
	char proof[2 * 16 + 16];	/* a name that nobody has */
	atomic_uint tid;	/* of the caller; 0: none */

	struct mutex lock;	/* RANK_UTIL; guards what follows */
	struct cond more;	/* a note came, hold or stop; it is out */
	STAILQ_HEAD(, live_note) queue;
	unsigned n;
	bool is_over;		/* some had no room */
	bool is_stopping, is_held;
	bool is_inside;		/* the caller is at work on the mount */
	enum live_what what;
	uint64_t ino;		/* the inode, or the folder of name */
	char name[VAULT_NAME_MAX + 1];
	bool is_proved;		/* the request of LIVE_PROVE has come */
	bool is_stale;		/* the kernel shall forget this name */
	enum live_job job;	/* of the caller, who sets it to idle */
	const char *path;	/* of the folder, from '/' on */
	const struct live_event *events;	/* all in it */
	size_t nevents;
	char **looks;		/* of LIVE_LOOK */
	size_t nlooks;
	dev_t dev;
	int result;
	struct cond call;	/* job or is_stale has changed */
};

/* The caller: does jobs until LIVE_END. */
void live_call(void *arg);

#endif
