/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FS_SIGNALS_H
#define FS_SIGNALS_H

#include <signal.h>

/*
 * signals - those that end a mount are read from a descriptor.
 */
struct signals {
	int fd;			/* -1: none */
	sigset_t old;
};

/* Before any thread: all of them inherit the mask. */
int signals_init(struct signals *s);
/* The number of the next one; 0: none has come.  Does not wait. */
int signals_next(struct signals *s);
void signals_done(struct signals *s);

#endif
