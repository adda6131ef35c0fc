/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef STORE_NEXTCLOUD_H
#define STORE_NEXTCLOUD_H

#include <stdbool.h>
#include <stdint.h>

#include "net/nc_json.h"

struct err;
struct store_conf;

/*
 * nextcloud - getting leave to use an account of a Nextcloud or ownCloud, by
 * the user's own browser: the password of the account is never seen here,
 * and what is given can be taken back there.
 */

struct nextcloud_leave {
	char id[NC_TEXT_MAX];		/* in the address of files */
	struct nc_grant grant;		/* wipe it */
};

/*
 * Ask for it, show the address to open (once), and wait until the user has
 * agreed there or deadline_ms has passed (-ETIMEDOUT).  url: nextcloud://…,
 * with or without a user.  stop: -ECANCELED when it says so.
 */
int nextcloud_login(const char *url, const struct store_conf *conf,
    void (*show)(void *arg, const char *login), bool (*stop)(void *arg),
    void *arg, int64_t deadline_ms, struct nextcloud_leave *ret,
    struct err *e);

#endif
