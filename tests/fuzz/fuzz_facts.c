/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What was found of a store, as a file that anybody may have written; what it
 * says is shown to people. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "store/facts.h"
#include "util/buf.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct buf b = BUF_INIT(1 << 20);
	struct store_facts f, none;
	char path[64];
	int fd;

	fd = memfd_create("facts", MFD_CLOEXEC);
	if (fd < 0 || write(fd, p, n) != (ssize_t)n)
		abort();
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	facts_init(&none);
	if (facts_read(path, &f) == 0) {
		if (f.time_s <= 0)
			abort();
		facts_text(&f, &b);
		facts_changes(&none, &f, &b);
		facts_changes(&f, &none, &b);
	}
	buf_done(&b);
	(void)close(fd);
	return 0;
}
