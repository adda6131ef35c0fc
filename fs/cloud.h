/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FS_CLOUD_H
#define FS_CLOUD_H

#include <stdbool.h>

struct ask;
struct err;
struct opts;
struct secret;

/* cloud - a Nextcloud lets us in by the user's browser. */

/* Is it the address of one? */
bool cloud_is(const char *url);
/* Show where to agree, wait; then o's address has the id of the account, its
 * user the name to log in with, and *ret the password.  a: who asks; NULL: a
 * command. */
int cloud_login(struct opts *o, struct ask *a, struct secret *ret,
    struct err *e);

#endif
