/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A line on the control socket: what parses, formats to what parses. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* The program's sources are not in the library. */
#include "fs/control_msg.c"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct control_req q, again;
	struct err e;
	char *s;

	if (control_req_parse((const char *)p, n, &q, &e) < 0)
		return 0;
	s = control_req_format(&q);
	if (!s)
		return 0;
	if (control_req_parse(s, strlen(s) - 1, &again, &e) < 0 ||
	    again.cmd != q.cmd || again.keep != q.keep ||
	    again.ino != q.ino)
		abort();
	free(s);
	return 0;
}
