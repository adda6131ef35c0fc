/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A datagram of rtnetlink's. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* The program's sources are not in the library. */
#include "fs/netwatch.c"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	/* Of its own size, so that a byte more is seen. */
	uint8_t *copy = malloc(n ? n : 1);

	if (!copy)
		return 0;
	memcpy(copy, p, n);
	(void)netwatch_parse(copy, n);
	free(copy);
	return 0;
}
