/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FS_SUPERVISE_H
#define FS_SUPERVISE_H

/*
 * supervise - keeps a mount going where no service manager does: a process
 * that starts the one that serves again after a crash, once what the crash has
 * left is taken away.  It holds no secret and has no threads.
 */

struct supervise {
	const char *name;	/* of the drive */
	/* In a new process: serve, write a byte to ready_fd when the drive is
	 * of use, and return an exit status. */
	int (*serve)(void *arg, int ready_fd);
	/* Once, when the first one is ready: nobody waits any longer. */
	void (*let_go)(void *arg);
	void *arg;
};

/*
 * Serve until that ends in order, is told to by a signal (which is passed
 * on), or fails in a way that trying again does not change.  Returns an exit
 * status.
 */
int supervise_run(const struct supervise *s);

#endif
