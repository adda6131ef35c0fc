/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "net/url.h"

#include <ctype.h>
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "util/buf.h"
#include "util/err.h"

static bool
is_plain(unsigned char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	    (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.' ||
	    c == '~';
}

int
url_encode(struct buf *out, const char *s, bool is_path)
{
	static const char digit[] = "0123456789ABCDEF";
	unsigned char c;

	for (; *s; s++) {
		c = (unsigned char)*s;
		if (is_plain(c) || (is_path && c == '/')) {
			(void)buf_put_u8(out, c);
			continue;
		}
		(void)buf_put_u8(out, '%');
		(void)buf_put_u8(out, (uint8_t)digit[c >> 4]);
		(void)buf_put_u8(out, (uint8_t)digit[c & 15]);
	}
	return out->err;
}

static int
hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

int
url_decode(struct buf *out, const char *s, size_t len)
{
	size_t start = out->len, i;
	int hi, lo, v;

	for (i = 0; i < len; i++) {
		v = (unsigned char)s[i];
		if (v == '%') {
			hi = i + 2 < len ? hex_value(s[i + 1]) : -1;
			lo = i + 2 < len ? hex_value(s[i + 2]) : -1;
			if (hi < 0 || lo < 0)
				goto out;
			v = hi << 4 | lo;
			i += 2;
		}
		if (v == 0)
			goto out;
		(void)buf_put_u8(out, (uint8_t)v);
	}
	return out->err;
out:
	out->len = start;
	return -EINVAL;
}

/* Decode a path, drop empty segments and refuse dot segments: what is left
 * means one place only. */
static int
path_parse(const char *s, size_t len, char **ret)
{
	struct buf raw = BUF_INIT(URL_MAX), out = BUF_INIT(URL_MAX);
	const char *at, *end, *p;
	size_t n;
	int r;

	r = url_decode(&raw, s, len);
	if (r < 0)
		goto out;
	p = buf_cstr(&raw);
	if (!p) {
		r = raw.err;
		goto out;
	}
	for (at = p; *at; at = end) {
		end = strchrnul(at, '/');
		n = (size_t)(end - at);
		while (*end == '/')
			end++;
		if (n == 0)
			continue;
		if ((n == 1 && at[0] == '.') ||
		    (n == 2 && at[0] == '.' && at[1] == '.')) {
			r = -EINVAL;
			goto out;
		}
		(void)buf_put_u8(&out, '/');
		(void)buf_put(&out, at, n);
	}
	if (out.len == 0)
		(void)buf_put_u8(&out, '/');
	p = buf_cstr(&out);
	r = p ? 0 : out.err;
	if (r == 0) {
		*ret = strdup(p);
		r = *ret ? 0 : -ENOMEM;
	}
out:
	buf_done(&raw);
	buf_done(&out);
	return r;
}

static int
port_parse(const char *s, size_t len, unsigned *ret)
{
	unsigned v = 0;
	size_t i;

	if (len == 0 || len > 5)
		return -EINVAL;
	for (i = 0; i < len; i++) {
		if (s[i] < '0' || s[i] > '9')
			return -EINVAL;
		v = v * 10 + (unsigned)(s[i] - '0');
	}
	if (v == 0 || v > 65535)
		return -EINVAL;
	*ret = v;
	return 0;
}

/* "host", "host:port", "[v6]" or "[v6]:port". */
static int
host_parse(const char *s, size_t len, struct url *u)
{
	const char *end, *p;
	bool is_v6 = len > 0 && s[0] == '[';
	size_t n;

	if (is_v6) {
		end = memchr(s, ']', len);
		if (!end)
			return -EINVAL;
		n = (size_t)(++end - s);
	} else {
		end = memchr(s, ':', len);
		n = end ? (size_t)(end - s) : len;
	}
	if (n < len && (s[n] != ':' ||
	    port_parse(s + n + 1, len - n - 1, &u->port) < 0))
		return -EINVAL;
	if (is_v6) {
		s++;
		n -= 2;
	}
	if (n == 0 || n > 255)
		return -EINVAL;
	for (p = s; p < s + n; p++)
		if (is_v6 ? !isxdigit((unsigned char)*p) && *p != ':' &&
		    *p != '.' : (unsigned char)*p < 0x80 &&
		    (!is_plain((unsigned char)*p) || *p == '~'))
			return -EINVAL;
	u->host = strndup(s, n);
	if (!u->host)
		return -ENOMEM;
	for (n = 0; u->host[n]; n++)
		if (u->host[n] >= 'A' && u->host[n] <= 'Z')
			u->host[n] = (char)(u->host[n] - 'A' + 'a');
	return 0;
}

static int
user_parse(const char *s, size_t len, struct url *u)
{
	struct buf b = BUF_INIT(256);
	const char *p;
	int r;

	r = url_decode(&b, s, len);
	p = r == 0 ? buf_cstr(&b) : NULL;
	if (r == 0 && !p)
		r = b.err;
	if (r == 0 && *p) {
		u->user = strdup(p);
		r = u->user ? 0 : -ENOMEM;
	}
	buf_done(&b);
	return r;
}

static int
scheme_parse(const char *s, const char *end, struct url *u)
{
	size_t i, n = (size_t)(end - s);

	if (n == 0 || n >= sizeof(u->scheme))
		return -EINVAL;
	for (i = 0; i < n; i++) {
		if (!isalnum((unsigned char)s[i]))
			return -EINVAL;
		u->scheme[i] = (char)tolower((unsigned char)s[i]);
	}
	return 0;
}

int
url_parse(const char *s, struct url *ret, struct err *e)
{
	struct url u;
	const char *at, *host, *slash, *p;
	int r = -EINVAL;

	memset(&u, 0, sizeof(u));
	at = strstr(s, "://");
	if (!at || strlen(s) > URL_MAX || scheme_parse(s, at, &u) < 0) {
		(void)err_set(e, r, "the address is not of the form "
		    "'scheme://host/path'");
		goto out;
	}
	for (p = s; *p; p++)
		if ((unsigned char)*p <= ' ' || *p == 0x7f || *p == '?' ||
		    *p == '#' || *p == '\\') {
			(void)err_set(e, r, "the address holds a character "
			    "that must be written as '%%%02X'",
			    (unsigned)(unsigned char)*p);
			goto out;
		}
	host = at + 3;
	slash = strchrnul(host, '/');
	at = memrchr(host, '@', (size_t)(slash - host));
	if (at) {
		if (memchr(host, ':', (size_t)(at - host))) {
			(void)err_set(e, r, "an address never holds a "
			    "password: give it when asked, or in the "
			    "password file");
			goto out;
		}
		r = user_parse(host, (size_t)(at - host), &u);
		if (r < 0) {
			(void)err_set(e, r, "the address holds a bad user "
			    "name");
			goto out;
		}
		host = at + 1;
	}
	r = host_parse(host, (size_t)(slash - host), &u);
	if (r < 0) {
		(void)err_set(e, r, "the address holds a bad host or port");
		goto out;
	}
	r = path_parse(slash, strlen(slash), &u.path);
	if (r < 0) {
		(void)err_set(e, r, "the path of the address is bad");
		goto out;
	}
	*ret = u;
	memset(&u, 0, sizeof(u));
out:
	url_done(&u);
	return r;
}

void
url_done(struct url *u)
{
	free(u->user);
	free(u->host);
	free(u->path);
	memset(u, 0, sizeof(*u));
}

int
url_origin(struct buf *out, const struct url *u, bool is_tls)
{
	bool is_v6 = strchr(u->host, ':') != NULL;

	(void)buf_printf(out, "%s://%s%s%s", is_tls ? "https" : "http",
	    is_v6 ? "[" : "", u->host, is_v6 ? "]" : "");
	if (u->port)
		(void)buf_printf(out, ":%u", u->port);
	return out->err;
}

int
url_href_path(struct buf *out, const char *href, size_t len)
{
	const char *at, *end = href + len;
	size_t start = out->len;
	int r;

	while (len && isspace((unsigned char)*href)) {
		href++;
		len--;
	}
	while (len && isspace((unsigned char)end[-1])) {
		end--;
		len--;
	}
	at = memmem(href, len, "://", 3);
	if (at && !memchr(href, '/', (size_t)(at - href))) {
		href = memchr(at + 3, '/', (size_t)(end - at - 3));
		if (!href)
			return -EINVAL;
		len = (size_t)(end - href);
	}
	if (!len || href[0] != '/' || memchr(href, '?', len) ||
	    memchr(href, '#', len))
		return -EINVAL;
	r = url_decode(out, href, len);
	if (r < 0)
		out->len = start;
	return r;
}

static unsigned
port_of(const struct url *u)
{
	if (u->port)
		return u->port;
	return strcmp(u->scheme, "https") == 0 ? 443 : 80;
}

bool
url_is_slash_added(const char *from, const char *to)
{
	struct url a, b;
	size_t n = strlen(to);
	bool is_it;

	memset(&a, 0, sizeof(a));
	memset(&b, 0, sizeof(b));
	is_it = n > 0 && to[n - 1] == '/' && *from &&
	    from[strlen(from) - 1] != '/' &&
	    url_parse(from, &a, NULL) == 0 && url_parse(to, &b, NULL) == 0 &&
	    strcmp(a.scheme, b.scheme) == 0 && strcmp(a.host, b.host) == 0 &&
	    port_of(&a) == port_of(&b) && strcmp(a.path, b.path) == 0 &&
	    !a.user && !b.user;
	url_done(&a);
	url_done(&b);
	return is_it;
}

bool
url_is_loopback(const char *host)
{
	size_t n = strlen(host);

	/* Only the whole address: "127.evil.example" is somebody else. */
	return strcasecmp(host, "localhost") == 0 ||
	    strcmp(host, "::1") == 0 ||
	    (strncmp(host, "127.", 4) == 0 && n <= 15 &&
	    strspn(host, "0123456789.") == n);
}
