/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "net/url_query.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "net/url.h"
#include "util/buf.h"
#include "util/err.h"

static const char *
decoded(struct buf *b, const char *s, size_t len)
{
	buf_reset(b);
	return url_decode(b, s, len) == 0 ? buf_cstr(b) : NULL;
}

/* One "name=value". */
static int
option(const char *s, size_t len,
    int (*fn)(void *arg, const char *name, const char *value, struct err *e),
    void *arg, struct err *e)
{
	struct buf nb = BUF_INIT(URL_QUERY_MAX), vb = BUF_INIT(URL_QUERY_MAX);
	const char *eq = memchr(s, '=', len), *name, *value;
	size_t n = eq ? (size_t)(eq - s) : len, i;
	int r = 0;

	for (i = 0; i < len && r == 0; i++)
		if ((unsigned char)s[i] <= ' ' || s[i] == 0x7f || s[i] == '#')
			r = -EINVAL;
	name = r == 0 ? decoded(&nb, s, n) : NULL;
	value = !name ? NULL : eq ? decoded(&vb, eq + 1, len - n - 1) : "";
	if (!name || !value || !*name)
		r = err_set(e, nb.err == -ENOMEM || vb.err == -ENOMEM ?
		    -ENOMEM : -EINVAL, "an option of the address is not of "
		    "the form 'name=value'");
	else
		r = fn(arg, name, value, e);
	buf_done(&nb);
	buf_done(&vb);
	return r;
}

int
url_query(const char *url,
    int (*fn)(void *arg, const char *name, const char *value, struct err *e),
    void *arg, char **ret, struct err *e)
{
	const char *s = strchrnul(url, '?'), *end;
	char *base;
	int r = 0;

	if (strlen(s) > URL_QUERY_MAX)
		return err_set(e, -EINVAL, "the address is too long");
	base = strndup(url, (size_t)(s - url));
	if (!base)
		return err_set(e, -ENOMEM, "out of memory");
	while (*s && r == 0) {
		s++;
		end = strchrnul(s, '&');
		if (end > s)
			r = option(s, (size_t)(end - s), fn, arg, e);
		s = end;
	}
	if (r == 0)
		*ret = base;
	else
		free(base);
	return r;
}
