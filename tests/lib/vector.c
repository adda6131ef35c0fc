/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/lib/vector.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "util/text.h"

struct vector
vector_read(const char *file, const char *name)
{
	const char *dir = getenv("TEST_VECTORS");
	struct vector s = { .p = NULL };
	size_t cap = 0, n = strlen(name);
	char path[512], *line = NULL;
	FILE *f;

	(void)snprintf(path, sizeof(path), "%s/%s",
	    dir ? dir : "tests/vectors", file);
	f = fopen(path, "r");
	ck_assert_msg(f != NULL, "cannot read '%s'", path);
	while (!s.p && getline(&line, &cap, f) > 0) {
		line[strcspn(line, "\n")] = '\0';
		if (strncmp(line, name, n) != 0 || line[n] != ' ')
			continue;
		s.len = strlen(line + n + 1) / 2;
		s.p = calloc(1, s.len + 1);
		ck_assert_ptr_nonnull(s.p);
		ck_assert_int_eq(hex_decode(line + n + 1, s.p, s.len), 0);
	}
	(void)fclose(f);
	free(line);
	ck_assert_msg(s.p != NULL, "no '%s' in '%s'", name, path);
	return s;
}
