/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "net/url.h"
#include "util/buf.h"
#include "util/err.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

/* What was accepted must be one place: printed and read again it is the
 * same. */
static void
same_again(const struct url *u)
{
	struct buf b = BUF_INIT(4 * URL_MAX);
	struct url v;
	const char *text;

	(void)url_origin(&b, u, true);
	(void)url_encode(&b, u->path, true);
	text = buf_cstr(&b);
	if (!text)
		abort();
	if (strlen(text) <= URL_MAX) {
		if (url_parse(text, &v, NULL) < 0)
			abort();
		if (strcmp(u->host, v.host) != 0 ||
		    strcmp(u->path, v.path) != 0 || u->port != v.port)
			abort();
		url_done(&v);
	}
	buf_done(&b);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct buf b = BUF_INIT(4096);
	char *text = malloc(len + 1);
	struct err e = { "" };
	struct url u;

	if (!text)
		return 0;
	if (len)
		memcpy(text, data, len);
	text[len] = '\0';
	if (url_parse(text, &u, &e) == 0) {
		if (u.path[0] != '/' || strstr(u.path, "/../") || !u.host[0])
			abort();
		same_again(&u);
		url_done(&u);
	} else if (!e.msg[0]) {
		abort();
	}
	if (url_href_path(&b, (const char *)data, len) == 0 &&
	    (b.len == 0 || b.data[0] != '/' || memchr(b.data, 0, b.len)))
		abort();
	buf_reset(&b);
	(void)url_decode(&b, (const char *)data, len);
	(void)url_is_slash_added(text, "https://h/a/");
	buf_done(&b);
	free(text);
	return 0;
}
