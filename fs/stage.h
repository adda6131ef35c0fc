/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FS_STAGE_H
#define FS_STAGE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "fs/locked.h"
#include "fs/loop.h"
#include "fs/ops.h"

struct err;
struct gate;
struct inval;
struct live;
struct parts;
struct secret;

/*
 * stage - the drive of a mount: brought up when there are keys, taken down
 * when it is locked, while the mount stays.  What the kernel asks goes to the
 * drive or to the note of the locked state.
 */
struct stage {
	struct parts *p;	/* borrowed; its keys come and go */
	const char *mp;		/* borrowed: where it is mounted */
	struct ops_ctx ctx;	/* user data of the session */
	struct inval *inval;	/* NULL: not yet, or no longer */
	struct live *live;	/* borrowed; NULL: not yet */
	/* Names that were taken, as drive_notify; NULL: nobody asks. */
	void (*on_conflicts)(void *arg, unsigned n);
	void *on_conflicts_arg;
	struct gate *requests;	/* of the kernel */
	struct gate *commands;	/* of the control socket */
	struct locked note;
	atomic_flag is_changing;	/* one at a time locks or unlocks */
	atomic_bool is_forced;	/* by force: commands at work give up */
	bool is_lock_due;	/* of rest.c: that could not be done */
	atomic_llong used_ms;	/* when a program last asked for anything */
};

enum stage_how {
	STAGE_WAIT = 0,		/* some seconds, for who uses it */
	STAGE_IDLE,		/* not at all: only if nobody does */
	STAGE_FORCE,
};

struct stage_left {
	uint64_t ops, bytes;	/* not on the store when it was locked */
};

/* p and the path of the mount point are borrowed. */
int stage_init(struct stage *s, struct parts *p, const char *mp,
    struct err *e);
/* Close what is open.  The drive itself is the caller's to close. */
void stage_close(struct stage *s);
/* Free, when the drive tells of changes no longer. */
void stage_done(struct stage *s);
/* With keys: open the drive and its store and let everybody in. */
int stage_up(struct stage *s, struct err *e);
/* The kernel is told of changes from now on; NULL: no longer. */
void stage_set_inval(struct stage *s, struct inval *n);

/* Open the keystore with the passphrase, or the slot for the keyring with its
 * key, and bring the drive up; 0 also if it is up. */
int stage_unlock(struct stage *s, const struct secret *with, bool is_slot,
    struct err *e);
/*
 * Take the drive down: what was written is kept, the keys are wiped, the
 * kernel forgets what it remembered.  -EBUSY: files are open, or a command is
 * at work; forced, the files fail from now on and the commands are ended.  It
 * is also refused when something that was written cannot be committed.
 */
int stage_lock(struct stage *s, enum stage_how how, struct stage_left *ret,
    struct err *e);
bool stage_is_locked(const struct stage *s);
/* Nobody has used the drive for so long, and nothing is to be uploaded that
 * could be. */
bool stage_is_idle(struct stage *s, int64_t for_ms);

/* For commands: the drive is there until stage_leave, or false. */
bool stage_enter(struct stage *s);
void stage_leave(struct stage *s);

/* For the loop: see there. */
enum loop_way stage_request(void *arg, void *req, size_t len);
void stage_answered(void *arg);

#endif
