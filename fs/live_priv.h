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
 * live_priv - between live.c (the queue, the thread), live_tell.c (its way
 * through the mount) and live_take.c (what its requests are answered).
 */

/* What the thread is about to ask for; its requests are answered by it. */
enum live_what {
	LIVE_NOTHING = 0,
	LIVE_PROVE,		/* to look this name up in the root */
	LIVE_APPEAR,		/* to make this name */
	LIVE_VANISH,		/* to take it away */
	LIVE_TOUCH,		/* to set the times of this inode */
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
	pthread_t thread;
	char proof[2 * 16 + 16];	/* a name that nobody has */
	atomic_uint tid;	/* of the thread; 0: none */

	struct mutex lock;	/* RANK_UTIL; guards what follows */
	struct cond more;	/* a note came, hold or stop; it is out */
	STAILQ_HEAD(, live_note) queue;
	unsigned n;
	bool is_over;		/* some had no room */
	bool is_stopping, is_held;
	bool is_inside;		/* the thread is at work on the mount */
	enum live_what what;
	uint64_t ino;		/* the inode, or the folder of name */
	char name[VAULT_NAME_MAX + 1];
	bool is_proved;		/* the request of LIVE_PROVE has come */
};

/* One thing to tell of in a folder. */
struct live_event {
	uint64_t folder;
	uint64_t touch;		/* this inode; 0: the name itself */
	char *name;		/* "": the folder, which is the root */
};

void live_want(struct live *l, enum live_what what, uint64_t ino,
    const char *name);
/* Whether the name of LIVE_PROVE was asked for since it was wanted. */
bool live_was_proved(struct live *l);

/* Open the root; it is that of this mount.  The descriptor, which keeps it
 * from being unmounted, or a negative errno. */
int live_root(struct live *l);
/* Have the events happen, all in one folder, whose path begins with '/'. */
int live_tell(struct live *l, const char *path, const struct live_event *e,
    size_t n);

#endif
