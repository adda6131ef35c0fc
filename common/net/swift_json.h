/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef NET_SWIFT_JSON_H
#define NET_SWIFT_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "net/url.h"

struct buf;

/*
 * swift_json - what OpenStack's identity and object services say and want to
 * be told.  Knows nothing of requests.
 *
 * Each reader returns 0, -EPROTO if it is not that document, or -ENOMEM.
 */

/* Who asks for a token, and for which project; what is NULL is left out. */
struct swift_login {
	bool is_app;			/* user: an application credential's
					 * id */
	const char *user, *password;
	const char *domain, *domain_id;		/* of the user */
	const char *project, *project_id;
	const char *project_domain, *project_domain_id;
};
/* Append the body of POST /v3/auth/tokens. */
int swift_json_login(const struct swift_login *l, struct buf *out);

/* The answer to it. */
struct swift_token {
	int64_t life_s;			/* from now; 0: it does not say */
	char storage[URL_MAX + 1];	/* address of the object store */
};
/* -ENOENT: the catalogue has no object store (of that region; NULL: any). */
int swift_json_token(const void *p, size_t len, const char *region,
    const char *interface, struct swift_token *ret);

/* A listing of a container, with versions or without. */
struct swift_entry {
	const char *name;
	uint64_t size;
	const char *version;		/* "": not said */
	bool is_latest;
};
/* Stops when fn returns other than 0 and returns that.  *ret_n: entries. */
int swift_json_list(const void *p, size_t len,
    int (*fn)(void *arg, const struct swift_entry *en), void *arg,
    size_t *ret_n);

/* GET /info; 0: it does not say. */
struct swift_info {
	uint64_t max_file_size, max_name;
	uint64_t max_deletes;		/* in one bulk delete */
};
int swift_json_info(const void *p, size_t len, struct swift_info *ret);

/* {"error": {"message": ...}}, for people. */
int swift_json_error(const void *p, size_t len, char *ret, size_t cap);

#endif
