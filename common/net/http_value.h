/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef NET_HTTP_VALUE_H
#define NET_HTTP_VALUE_H

#include <stdbool.h>
#include <stdint.h>

/*
 * http_value - values of HTTP headers and WebDAV properties, which a server
 * may have filled with anything.  -EPROTO if one is not what it should be.
 */

/* "120" or an HTTP date, as milliseconds from now (now_s: seconds since
 * 1970); never negative, at most a day. */
int http_retry_after(const char *s, int64_t now_s, int64_t *ret_ms);
/* An HTTP date, as seconds since 1970. */
int http_date(const char *s, int64_t *ret_s);
/* Compare entity tags: one may be weak, or stand without its quotes. */
bool http_etag_same(const char *a, const char *b);
/* "bytes FIRST-LAST/TOTAL"; UINT64_MAX as total for '*'. */
int http_content_range(const char *s, uint64_t *ret_first,
    uint64_t *ret_last, uint64_t *ret_total);
/* A decimal number and nothing else but white space round it. */
int http_number(const char *s, uint64_t *ret);
/* The same, perhaps negative: some servers say -3 for "without limit". */
int http_quota(const char *s, int64_t *ret);
/* The code in "HTTP/1.1 200 OK", 100 to 599. */
int http_status(const char *s, int *ret);

#endif
