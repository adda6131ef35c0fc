/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FS_CONTROL_PRIV_H
#define FS_CONTROL_PRIV_H

#include <jansson.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "fs/control.h"
#include "fs/control_msg.h"
#include "fs/place.h"
#include "util/thread.h"

#define CONTROL_CONNS 8		/* served at once */

/* One connection and the thread that serves it. */
struct control_conn {
	struct control *c;
	pthread_t thread;
	int fd;
	bool is_used;		/* there is a thread to join */
	atomic_bool is_done;	/* it has ended */
	atomic_bool is_remote;	/* it waits for the store */
	atomic_bool is_kept;	/* it has asked to unmount and hears the end */
	bool is_gone;		/* the client no longer reads */
	const struct secret *secret;	/* came with the request; may be NULL */
};

struct control {
	struct control_host host;
	int dir_fd, listen_fd, stop_fd;
	char file[PLACE_NAME_MAX + 8];	/* in dir_fd */
	pthread_t thread;
	atomic_bool is_stopping;
	struct control_conn conn[CONTROL_CONNS];	/* listener's, then
							 * control_stop's */
	struct mutex lock;
	int byes[CONTROL_CONNS] GUARDED_BY(lock);	/* who asked to
							 * unmount */
	unsigned nbyes GUARDED_BY(lock);
	atomic_flag is_store_busy;	/* one works on the stores as such */
};

/* The mount ends, or is locked by force: so do commands. */
bool control_is_over(const struct control *c);
/* The same for a command (a struct control_conn), whose client may have gone;
 * for who calls back. */
bool control_is_stopped(void *arg);
/* Send a line; takes over o. */
void control_send(struct control_conn *k, json_t *o);
/* control_cmd.c: answer one request. */
void control_answer(struct control_conn *k, const struct control_req *q);
void control_error(struct control_conn *k, int r, const char *msg);
/* control_lock.c: lock and unlock; anything else, while it is locked. */
void control_lock(struct control_conn *k, const struct control_req *q);
void control_locked(struct control_conn *k, const struct control_req *q);
/* control_pin.c: what is to stay here, or to go. */
void control_pin(struct control_conn *k, const struct control_req *q);
/* For the status; NULL: nothing is pinned. */
json_t *control_pins(const struct control_conn *k);
/* control_store.c */
void control_scrub(struct control_conn *k, const struct control_req *q);
/* Stores come, go, are compared. */
void control_store_job(struct control_conn *k, const struct control_req *q);
/* How each store is; an empty array where there is but one. */
json_t *control_stores(const struct control_conn *k);
/* What a probe found of the one at url; NULL: nothing is known. */
json_t *control_probe(const struct control_conn *k, const char *url);
/* What people should know of them, a line each. */
json_t *control_notes(const struct control_conn *k);

#endif
