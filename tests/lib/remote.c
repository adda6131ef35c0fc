/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/lib/remote.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *
base(void)
{
	const char *url = getenv("STORE_TEST_URL");

	ck_assert_msg(url && strstr(url, "://"), "no STORE_TEST_URL");
	return url;
}

/* Where the host begins and ends. */
static const char *
host_of(const char *url, const char **ret_end)
{
	const char *at = strstr(url, "://") + 3, *user;

	*ret_end = at + strcspn(at, "/?");
	user = memrchr(at, '@', (size_t)(*ret_end - at));
	return user ? user + 1 : at;
}

void
remote_host(char *ret, size_t cap)
{
	const char *end, *at = host_of(base(), &end);

	ck_assert_int_lt(snprintf(ret, cap, "%.*s", (int)(end - at), at),
	    (int)cap);
}

void
remote_url_at(char *ret, size_t cap, const char *host, unsigned port,
    const char *place)
{
	const char *url = base(), *end, *at = host_of(url, &end);
	const char *query = strchrnul(end, '?');
	char at_host[300], escaped[600], *to = escaped;

	if (host)
		(void)snprintf(at_host, sizeof(at_host), "%s:%u", host, port);
	else
		remote_host(at_host, sizeof(at_host));
	ck_assert_uint_lt(strlen(place), sizeof(escaped) / 3);
	for (; *place; place++)
		to += sprintf(to, *place == ' ' ? "%%20" : "%c", *place);
	*to = '\0';
	ck_assert_int_lt(snprintf(ret, cap, "%.*s%s%.*s%s%s",
	    (int)(at - url), url, at_host, (int)(query - end), end, escaped,
	    query), (int)cap);
}

void
remote_url(char *ret, size_t cap, const char *place)
{
	remote_url_at(ret, cap, NULL, 0, place);
}
