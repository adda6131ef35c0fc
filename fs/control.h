/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FS_CONTROL_H
#define FS_CONTROL_H

#include <stdbool.h>
#include <stdint.h>

struct err;
struct meter;
struct parts;
struct secret;
struct stage;
struct stage_left;

/*
 * control - the unix socket of a running mount: who may use the drive asks it
 * for its state, to upload now, to check itself, to go.  Only processes of the
 * same user (and root) are heard.
 */
struct control;

struct control_host {
	const struct parts *parts;	/* borrowed until control_stop */
	struct stage *stage;		/* likewise: is the drive there? */
	const char *mountpoint;		/* likewise */
	struct meter *meter;		/* likewise */
	int64_t since_ns;		/* mounted when, real time */
	/* Unmount; when it returns 0 the session ends soon.  1: not mounted
	 * here any more; another mount namespace has it still, and with that
	 * the session ends. */
	int (*unmount)(void *arg, bool is_lazy, struct err *e);
	int (*unlock)(void *arg, const struct secret *s, bool is_slot,
	    struct err *e);
	int (*lock)(void *arg, bool is_forced, struct stage_left *ret,
	    struct err *e);
	void *arg;
};

int control_start(const struct control_host *h, struct control **ret,
    struct err *e);
/* No more requests; waits for those under way.  Whoever asked to unmount is
 * still connected. */
void control_stop(struct control *c);
/* Tell who asked to unmount what is left to upload, and free.  NULL is
 * ignored. */
void control_free(struct control *c, uint64_t ops_left, uint64_t bytes_left);

#endif
