/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "net/url_query.h"
#include "util/err.h"

/* The options behind the '?' of an address. */
int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

static int
on_option(void *arg, const char *name, const char *value, struct err *e)
{
	size_t *left = arg, n = strlen(name) + strlen(value);

	(void)e;
	/* Decoding makes nothing longer. */
	if (!*name || n > *left)
		abort();
	*left -= n;
	return 0;
}

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	char *url = malloc(n + 1), *base = NULL;
	struct err e = { "" };
	size_t left;

	if (!url)
		abort();
	if (n)
		memcpy(url, p, n);
	url[n] = '\0';
	left = strlen(url);
	if (url_query(url, on_option, &left, &base, &e) == 0) {
		if (!base || strchr(base, '?') ||
		    strncmp(base, url, strlen(base)) != 0)
			abort();
	} else if (!e.msg[0]) {
		abort();
	}
	free(base);
	free(url);
	return 0;
}
