/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FS_AWAIT_H
#define FS_AWAIT_H

struct err;
struct secret;

/*
 * await - a drive that came up locked waits for the desktop's keyring: when
 * that is there and unlocked, so is the drive.  Nobody is asked anything.
 */
struct await;

/* *ret is NULL if the drive has no slot for the keyring.  unlock is called
 * with the key, by another thread, and at most once a minute until it
 * returns 0. */
int await_start(const char *name, int (*unlock)(void *arg,
    const struct secret *key, struct err *e), void *arg, struct await **ret);
/* It is not needed any more; does not wait.  NULL is ignored, as below. */
void await_end(struct await *a);
void await_stop(struct await *a);

#endif
