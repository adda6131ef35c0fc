/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef NET_URL_H
#define NET_URL_H

#include <stdbool.h>
#include <stddef.h>

struct buf;
struct err;

/*
 * url - addresses taken apart and put together.  Knows nothing of HTTP.
 *
 * Strict on the way in: a query, a fragment, a password, a dot segment or a
 * control character is refused, so what is parsed is only a place.
 */

#define URL_MAX 2048

struct url {
	char scheme[16];	/* lower case */
	char *user;		/* decoded; NULL: none */
	char *host;		/* lower case, IPv6 without brackets */
	unsigned port;		/* 0: the scheme's own */
	char *path;		/* decoded, starts with '/', no '/' at its end
				 * unless it is "/" */
};

/* Take s apart.  -EINVAL with a message that never shows a password. */
int url_parse(const char *s, struct url *ret, struct err *e);
/* Free the strings of u.  A zeroed u is fine. */
void url_done(struct url *u);

/* Append s with every byte but A-Za-z0-9-_.~ as %XX, upper-case hex; '/' stays
 * if is_path.  Returns 0 or the buffer's failure. */
int url_encode(struct buf *out, const char *s, bool is_path);
/* Append the decoded bytes; -EINVAL for a bad escape or a NUL byte. */
int url_decode(struct buf *out, const char *s, size_t len);
/* Append "https://host:port" (or http). */
int url_origin(struct buf *out, const struct url *u, bool is_tls);
/* Append the decoded path of a reference as found in a WebDAV answer: with
 * or without scheme and host.  -EINVAL if it is not a plain path. */
int url_href_path(struct buf *out, const char *href, size_t len);
/* to is from with nothing but a slash added, on the same scheme, host and
 * port. */
bool url_is_slash_added(const char *from, const char *to);
/* A name or address of this machine itself. */
bool url_is_loopback(const char *host);

#endif
