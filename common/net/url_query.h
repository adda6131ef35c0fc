/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef NET_URL_QUERY_H
#define NET_URL_QUERY_H

struct err;

/* url_query - the options behind the '?' of an address. */

#define URL_QUERY_MAX 2048

/* Call fn with each option, decoded ("" for one without a value); *ret is the
 * address before them, for the caller to free.  -EINVAL with a message, or
 * what fn returns if it is not 0. */
int url_query(const char *url,
    int (*fn)(void *arg, const char *name, const char *value, struct err *e),
    void *arg, char **ret, struct err *e);

#endif
