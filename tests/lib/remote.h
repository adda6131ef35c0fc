/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TESTS_LIB_REMOTE_H
#define TESTS_LIB_REMOTE_H

#include <stddef.h>

/*
 * remote - the address of the store that the environment names
 * (STORE_TEST_URL), with a place under it and perhaps another host.  Options
 * behind its '?' stay there.  Fails the test if it does not fit.
 */

/* place: decoded, as "a place/"; blanks are written as they must be. */
void remote_url(char *ret, size_t cap, const char *place);
/* The same, with this host and port in the place of its own. */
void remote_url_at(char *ret, size_t cap, const char *host, unsigned port,
    const char *place);
/* Its own host and port. */
void remote_host(char *ret, size_t cap);

#endif
