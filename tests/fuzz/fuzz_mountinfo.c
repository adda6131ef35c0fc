/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Lines of /proc/self/mountinfo: whoever mounts something chooses words in
 * them. */
#include <stdlib.h>

/* The program's sources are not in the library. */
#include "fs/place.c"

#include "fs/mountpoint.c"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	char *line = strndup((const char *)p, n);
	struct shown s = { .major = 0, .minor = 53, .id = { 35 }, .n = 1 };
	char path[PATH_MAX];
	struct mounted m;

	if (!line)
		abort();
	if (line_is_inside(&s, line, "/home/u/Coffre", path) &&
	    strnlen(path, sizeof(path)) == sizeof(path))
		abort();
	memset(&m, 0xee, sizeof(m));
	if (line_parse(line, &m) && (!place_name_valid(m.name) ||
	    strnlen(m.path, sizeof(m.path)) == sizeof(m.path)))
		abort();
	free(line);
	return 0;
}
