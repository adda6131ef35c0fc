/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef NET_NC_JSON_H
#define NET_NC_JSON_H

#include <stdbool.h>
#include <stddef.h>

#include "net/url.h"

/*
 * nc_json - what Nextcloud and ownCloud say in JSON: the log-in by a browser
 * (Login Flow v2) and the OCS interface.  Knows nothing of requests.
 *
 * Each reader returns 0, -EPROTO if it is not that document, or -ENOMEM.
 */

#define NC_TEXT_MAX 256

/* The answer to POST /index.php/login/v2. */
struct nc_flow {
	char token[NC_TEXT_MAX];	/* to poll with */
	char endpoint[URL_MAX + 1];	/* where to poll */
	char login[URL_MAX + 1];	/* for the browser */
};
int nc_json_flow(const void *p, size_t len, struct nc_flow *ret);

/* The answer to a poll, once the user has agreed. */
struct nc_grant {
	char user[NC_TEXT_MAX];		/* to log in with */
	char password[NC_TEXT_MAX];	/* of this program alone */
};
int nc_json_grant(const void *p, size_t len, struct nc_grant *ret);

/* /ocs/v2.php/cloud/user: the id, which is part of the address of files. */
int nc_json_user(const void *p, size_t len, char ret[static NC_TEXT_MAX]);

/* /ocs/v2.php/cloud/capabilities */
struct nc_caps {
	bool has_trash, has_versions;
	char version[32];
};
int nc_json_caps(const void *p, size_t len, struct nc_caps *ret);

#endif
