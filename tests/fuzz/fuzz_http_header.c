/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The heads of a server's answers, line by line as curl gives them. */
#include <stdlib.h>
#include <string.h>

#include "net/http_priv.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

static void
line(struct http_call *c, const uint8_t *p, size_t n)
{
	char *s = malloc(n ? n : 1);	/* no NUL behind it */

	if (!s)
		abort();
	memcpy(s, p, n);
	if (http_on_header(s, 1, n, c) != n)
		abort();
	free(s);
}

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	char etag[40], other[8];
	const struct http_want want[] = {
		{ "ETag", etag, sizeof(etag) },
		{ "X-Subject-Token", other, sizeof(other) },
		{ NULL, NULL, 0 },
	};
	struct http_req q = { .want = want };
	struct http_resp a = { .retry_after_ms = -1 };
	struct http h = { .multi = NULL };
	struct http_call c = { .h = &h, .q = &q, .resp = &a };
	const uint8_t *end;
	size_t len;

	etag[0] = other[0] = '\0';
	mutex_init(&h.lock, RANK_NET);
	for (; n > 0; p += len, n -= len) {
		end = memchr(p, '\n', n);
		len = end ? (size_t)(end - p) + 1 : n;
		line(&c, p, len);
		if (strnlen(etag, sizeof(etag)) == sizeof(etag) ||
		    strnlen(other, sizeof(other)) == sizeof(other) ||
		    strnlen(c.content_range, sizeof(c.content_range)) ==
		    sizeof(c.content_range) || a.retry_after_ms < -1 ||
		    a.retry_after_ms > 86400000)
			abort();
	}
	mutex_done(&h.lock);
	return 0;
}
