/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FS_NOTIFY_H
#define FS_NOTIFY_H

#include <stdint.h>

struct fuse_session;

/*
 * notify - tells the kernel that what it remembers of an inode or a name is
 * out of date.  Telling it may wait for requests under way on that inode, so
 * it is done by a thread of its own, and whoever asks for it never waits.
 */
struct notify;

int notify_start(struct fuse_session *se, struct notify **ret);
/* For drive_set_notify; arg is the struct notify. */
void notify_inode(void *arg, uint64_t ino);
void notify_entry(void *arg, uint64_t parent, const char *name);
/* End the thread and free.  The session must have been unmounted, so that
 * telling the kernel does not wait.  NULL is ignored. */
void notify_stop(struct notify *n);

#endif
