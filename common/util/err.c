/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "util/err.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

int
err_set(struct err *e, int r, const char *fmt, ...)
{
	va_list ap;

	if (!e)
		return r;
	va_start(ap, fmt);
	(void)vsnprintf(e->msg, sizeof(e->msg), fmt, ap);
	va_end(ap);
	return r;
}

int
err_wrap(struct err *e, int r, const char *fmt, ...)
{
	char old[sizeof(e->msg)], head[256];
	va_list ap;

	if (!e)
		return r;
	va_start(ap, fmt);
	(void)vsnprintf(head, sizeof(head), fmt, ap);
	va_end(ap);
	(void)snprintf(old, sizeof(old), "%s",
	    e->msg[0] ? e->msg : strerror(-r));
	(void)snprintf(e->msg, sizeof(e->msg), "%s: %.*s", head,
	    (int)(sizeof(e->msg) - sizeof(head) - 3), old);
	return r;
}
