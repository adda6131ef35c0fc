/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "net/http_value.h"

#include <curl/curl.h>
#include <errno.h>
#include <string.h>
#include <strings.h>

#define RETRY_AFTER_MAX_S 86400

static const char *
skip_space(const char *s)
{
	while (*s == ' ' || *s == '\t' || *s == '\r' || *s == '\n')
		s++;
	return s;
}

/* Digits at s; returns what follows them, NULL if there are none or too
 * many. */
static const char *
digits(const char *s, uint64_t *ret)
{
	uint64_t v = 0;
	const char *start = s;

	for (; *s >= '0' && *s <= '9'; s++) {
		if (v > (UINT64_MAX - 9) / 10)
			return NULL;
		v = v * 10 + (uint64_t)(*s - '0');
	}
	if (s == start)
		return NULL;
	*ret = v;
	return s;
}

int
http_number(const char *s, uint64_t *ret)
{
	uint64_t v;

	s = digits(skip_space(s), &v);
	if (!s || *skip_space(s))
		return -EPROTO;
	*ret = v;
	return 0;
}

int
http_quota(const char *s, int64_t *ret)
{
	uint64_t v;
	int sign = 1;

	s = skip_space(s);
	if (*s == '-') {
		sign = -1;
		s++;
	}
	if (*s < '0' || *s > '9' || http_number(s, &v) < 0)
		return -EPROTO;
	if (v > INT64_MAX)
		v = INT64_MAX;
	*ret = sign * (int64_t)v;
	return 0;
}

int
http_date(const char *s, int64_t *ret_s)
{
	time_t t;

	if (strlen(s) > 64)
		return -EPROTO;
	t = curl_getdate(s, NULL);
	if (t < 0)
		return -EPROTO;
	*ret_s = (int64_t)t;
	return 0;
}

/* Without "W/" and quotes. */
static const char *
etag_core(const char *s, size_t *ret_len)
{
	size_t n;

	s = skip_space(s);
	if (strncasecmp(s, "W/", 2) == 0)
		s += 2;
	n = strlen(s);
	if (n >= 2 && s[0] == '"' && s[n - 1] == '"') {
		s++;
		n -= 2;
	}
	*ret_len = n;
	return s;
}

bool
http_etag_same(const char *a, const char *b)
{
	size_t m, n;

	a = etag_core(a, &m);
	b = etag_core(b, &n);
	return m == n && memcmp(a, b, n) == 0;
}

int
http_retry_after(const char *s, int64_t now_s, int64_t *ret_ms)
{
	uint64_t v;
	int64_t left, t;

	if (http_number(s, &v) == 0) {
		left = v > RETRY_AFTER_MAX_S ? RETRY_AFTER_MAX_S : (int64_t)v;
	} else {
		if (http_date(s, &t) < 0)
			return -EPROTO;
		left = t > now_s ? t - now_s : 0;
		if (left > RETRY_AFTER_MAX_S)
			left = RETRY_AFTER_MAX_S;
	}
	*ret_ms = left * 1000;
	return 0;
}

int
http_content_range(const char *s, uint64_t *ret_first, uint64_t *ret_last,
    uint64_t *ret_total)
{
	uint64_t first, last, total = UINT64_MAX;

	s = skip_space(s);
	if (strncasecmp(s, "bytes", 5) != 0)
		return -EPROTO;
	s = digits(skip_space(s + 5), &first);
	if (!s || *s != '-')
		return -EPROTO;
	s = digits(s + 1, &last);
	if (!s || *s != '/')
		return -EPROTO;
	s = s[1] == '*' ? s + 2 : digits(s + 1, &total);
	if (!s || *skip_space(s) || last < first || last >= total)
		return -EPROTO;
	*ret_first = first;
	*ret_last = last;
	*ret_total = total;
	return 0;
}

int
http_status(const char *s, int *ret)
{
	uint64_t v;

	s = skip_space(s);
	if (strncasecmp(s, "HTTP/", 5) != 0)
		return -EPROTO;
	s = strchr(s, ' ');
	s = s ? digits(skip_space(s), &v) : NULL;
	if (!s || (*s && *s != ' ' && *s != '\r' && *s != '\n') || v < 100 ||
	    v > 599)
		return -EPROTO;
	*ret = (int)v;
	return 0;
}
