/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/lib/damage.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* In an allocation of its own size, so that a read past it is seen. */
static int
open_copy(open_fn *open, void *arg, const uint8_t *p, size_t len)
{
	uint8_t *copy = malloc(len ? len : 1);
	int r;

	ck_assert_ptr_nonnull(copy);
	memcpy(copy, p, len);
	r = open(arg, copy, len);
	free(copy);
	return r;
}

void
damage_check(open_fn *open, void *arg, const void *p, size_t len)
{
	uint8_t *b = malloc(len + 1);
	size_t i;
	int bit;

	ck_assert_ptr_nonnull(b);
	memcpy(b, p, len);
	b[len] = 0;
	ck_assert_int_eq(open(arg, b, len), 0);
	for (i = 0; i < len; i++)
		for (bit = 0; bit < 8; bit++) {
			b[i] ^= (uint8_t)(1 << bit);
			if (open(arg, b, len) >= 0)
				ck_abort_msg("bit %d of byte %zu may change",
				    bit, i);
			b[i] ^= (uint8_t)(1 << bit);
		}
	for (i = 0; i < len; i++)
		if (open_copy(open, arg, b, i) >= 0)
			ck_abort_msg("may be cut to %zu bytes", i);
	ck_assert_int_lt(open(arg, b, len + 1), 0);
	ck_assert_int_eq(open(arg, b, len), 0);
	free(b);
}

void *
sample_read(const char *name, size_t *ret_len)
{
	char path[256];
	uint8_t *p;
	FILE *f;

	(void)snprintf(path, sizeof(path), "tests/vectors/%s", name);
	f = fopen(path, "rb");
	if (!f)
		ck_abort_msg("%s is missing (run at the top of the source)",
		    path);
	p = malloc(1 << 20);
	ck_assert_ptr_nonnull(p);
	*ret_len = fread(p, 1, 1 << 20, f);
	(void)fclose(f);
	return p;
}
