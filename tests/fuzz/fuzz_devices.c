/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The list of devices that the drive keeps, and what was accepted. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* What parses is static there. */
#include "common/sync/devices.c"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t len);

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t len)
{
	struct sync_found f = { .n = 0 };
	struct buf b = BUF_INIT(1 << 20);
	size_t i;

	if (buf_put(&b, p, len) == 0 && devices_parse(&b, &f) == 0) {
		if (f.n * RECORD_LEN != len)
			abort();
		for (i = 0; i < f.n; i++)
			if (strlen(f.devices[i].label) >=
			    sizeof(f.devices[i].label))
				abort();
	}
	devices_done(&f);
	buf_done(&b);
	return 0;
}
