/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FS_AWAIT_H
#define FS_AWAIT_H

struct err;
struct secret;

/*
 * await - a drive that came up locked waits for a command that takes long to
 * print its passphrase, or for the desktop's keyring: when that is there and
 * unlocked, so is the drive.  Nobody is asked anything.
 */
struct await;

struct await_conf {
	const char *name;	/* of the drive */
	const char *command;	/* borrowed; NULL: it is not waited for */
	/* With the key of the slot, or the passphrase: by another thread, and
	 * at most once a minute until one returns 0. */
	int (*by_key)(void *arg, const struct secret *key, struct err *e);
	int (*by_passphrase)(void *arg, const struct secret *pass,
	    struct err *e);
	void *arg;
};

/* *ret is NULL if there is no command and no slot for the keyring. */
int await_start(const struct await_conf *c, struct await **ret);
/* It is not needed any more; does not wait.  NULL is ignored, as below. */
void await_end(struct await *a);
void await_stop(struct await *a);

#endif
