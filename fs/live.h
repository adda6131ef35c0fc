/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FS_LIVE_H
#define FS_LIVE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct fuse_session;
struct stage;

/*
 * live - open windows show what changed without them.
 *
 * Programs that show a folder watch it by inotify(7).  What goes through the
 * mount they see; of what came by another way (another device, an unlock) the
 * kernel tells nobody, also when it is told that a name or an inode is out of
 * date.  So a thread goes through the mount like any program: it makes the
 * name that is there, takes away the one that is gone, sets the times of what
 * is another, and the kernel makes events of that.  Such requests of this
 * thread are answered here and change nothing.
 *
 * Only what somebody watches is told, and no more than a person can look at.
 * Nobody waits for the thread, and it has nothing open on the mount but for
 * the moment of a few such requests.
 */
struct live;

/* se and s are borrowed.  Before the first request is answered. */
int live_start(struct fuse_session *se, struct stage *s, struct live **ret);
/* The session must have been unmounted.  NULL is ignored in all that follow. */
void live_stop(struct live *l);
/* Nobody may tell of changes any more. */
void live_free(struct live *l);

/* From any thread, after the kernel was told: this name, or with an empty
 * name this inode, is another than it was. */
void live_changed(struct live *l, uint64_t ino, const char *name);
/* Keep off the mount, from the return on, or no longer.  Waits a moment. */
void live_hold(struct live *l, bool on);

/* Does the request come from the caller?  pid: as the request has it. */
bool live_is_own(const struct live *l, uint32_t pid);
/* Take a request as it came from the kernel.  True: it has been answered, or
 * needs no answer.  False: answer it as it stands now. */
bool live_take(struct live *l, void *req, size_t len);

#endif
