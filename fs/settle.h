/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FS_SETTLE_H
#define FS_SETTLE_H

#include <stdbool.h>

struct ask;
struct secret;
struct setup;

/* settle - what is asked once a drive is made: the keyring, the login, the
 * mount.  All of it can be done later as well, and no answer is a no. */

/* The exit code. */
int settle(struct ask *a, struct setup *s, bool is_gui);

/*
 * "coffre WORD NAME", a process of its own: nothing that was said here goes
 * along, but the passphrase (NULL: none), through a pipe.  Its exit code; what
 * it says goes to standard error or, without a terminal, to `said`.
 */
#define SETTLE_SAID_MAX 1024
int settle_run(const char *word, const char *name, const struct secret *pass,
    char said[SETTLE_SAID_MAX]);

/* The same of "coffre store password NAME", with that password. */
int settle_password(const char *name, const struct secret *pass,
    char said[SETTLE_SAID_MAX]);

#endif
