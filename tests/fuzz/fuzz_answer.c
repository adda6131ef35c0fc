/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a mount answers on its control socket, as the command line reads and
 * prints it. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The program's sources are not in the library. */
#include "fs/client.c"
#include "fs/control_msg.c"
#include "fs/mountpoint.c"
#include "fs/place.c"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t len);

static void
on_line(void *arg, const json_t *o)
{
	const json_t *q = json_object_get(o, "progress");

	(void)json_integer_value(json_object_get(q, "bytes"));
	(*(unsigned *)arg)++;
}

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t len)
{
	struct err e = { "" };
	unsigned lines = 0;
	json_t *o = NULL;
	FILE *f;
	int r;

	if (len == 0)
		return 0;
	f = fmemopen((void *)(uintptr_t)p, len, "r");
	if (!f)
		return 0;
	r = answers_read(f, on_line, &lines, &o, &e);
	/* A failure has words, a success an object. */
	if (r < 0 ? !e.msg[0] : !json_is_object(o))
		abort();
	json_decref(o);
	(void)fclose(f);
	return 0;
}
