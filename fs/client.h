/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FS_CLIENT_H
#define FS_CLIENT_H

#include <jansson.h>
#include <stdint.h>

#include "fs/control_msg.h"
#include "fs/place.h"

struct err;
struct secret;

/* client - asks a running mount, over its control socket. */

/* Connect; the descriptor, or -ENOTCONN: the drive is not mounted (by this
 * user). */
int client_connect(const char *name, struct err *e);
/*
 * Ask and wait for the answer.  Lines before the last go to line (may be
 * NULL).  *ret is the last one, also when it says that it failed: then the
 * result is its error with the message in e.  Caller frees *ret with
 * json_decref (it is NULL if there was no answer).  Closes fd.
 */
int client_ask(int fd, const struct control_req *q,
    void (*line)(void *arg, const json_t *o), void *arg, json_t **ret,
    struct err *e);
/* Have a locked drive unlocked, by its passphrase or by the key of its slot
 * for the keyring.  Closes fd. */
int client_unlock(int fd, const struct secret *s, bool is_slot,
    struct err *e);
/* connect and ask */
int client_call(const char *name, const struct control_req *q,
    void (*line)(void *arg, const json_t *o), void *arg, json_t **ret,
    struct err *e);

/* What lies at a path on a mounted drive. */
struct client_path {
	char name[PLACE_NAME_MAX + 1];	/* of the drive */
	uint64_t ino;
};
/* -ENOENT (also: on no drive) with a message. */
int client_path(const char *arg, struct client_path *ret, struct err *e);

/* What a command's NAME|PATH means: a name of a drive, or the drive that is
 * mounted there.  -ENOENT with a message. */
int client_name(const char *arg, char out[static PLACE_NAME_MAX + 1],
    struct err *e);

#endif
