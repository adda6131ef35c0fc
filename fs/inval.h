/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FS_INVAL_H
#define FS_INVAL_H

#include <stdint.h>

struct fuse_session;
struct live;

/*
 * inval - tells the kernel that what it remembers of an inode or a name is
 * out of date.  Telling it may wait for requests under way on that inode, so
 * it is done by a thread of its own, and whoever asks for it never waits.
 */
struct inval;

/* What the kernel was told is then told to l, which may be NULL. */
int inval_start(struct fuse_session *se, struct live *l, struct inval **ret);
/* For drive_set_notify; arg is the struct inval. */
void inval_inode(void *arg, uint64_t ino);
void inval_entry(void *arg, uint64_t parent, const char *name, uint64_t gone);
/* Tell no more; waits a moment for what is being told.  The session may then
 * be unmounted, which closes its descriptor: to write to that number
 * afterwards would be to write to whatever has it then. */
void inval_hold(struct inval *n);
/* End the thread and free.  The session must have been unmounted, so that
 * telling the kernel does not wait.  NULL is ignored. */
void inval_stop(struct inval *n);

#endif
