/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FS_LATER_H
#define FS_LATER_H

#include <stdbool.h>
#include <stdint.h>

/*
 * later - a thread that does something with inodes, a while after somebody
 * said so.  Any thread may call; but for later_hold and later_stop nothing
 * waits.
 */
struct later;

struct later_conf {
	const char *name;	/* of the thread */
	unsigned max;		/* what is more is dropped */
	int64_t retry_ms;	/* before a second try; twice as long before
				 * each further one */
	unsigned tries;
	/* 1: try again.  kind is what was given to later_add. */
	int (*work)(void *arg, unsigned kind, uint64_t ino);
	void *arg;
};

/* Copies c.  Nothing is done before later_add. */
int later_start(const struct later_conf *c, struct later **ret);
/* The same inode twice in a row counts once. */
void later_add(struct later *l, unsigned kind, uint64_t ino,
    int64_t delay_ms);
/* For work that is long: is it to end? */
bool later_is_stopping(struct later *l);
/* Wait for the work under way, which is to end soon; it is done again, and
 * what else there is, after later_go. */
void later_hold(struct later *l);
void later_go(struct later *l);
/* Wait for the work under way, drop the rest.  NULL is ignored. */
void later_stop(struct later *l);

#endif
