/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TESTS_LIB_SAMPLE_H
#define TESTS_LIB_SAMPLE_H

#include <stddef.h>
#include <stdint.h>

/*
 * sample - frozen bytes from a file of "name hex" lines in tests/vectors
 * (or where TEST_VECTORS says).  Fails the test if there is no such line.
 */
struct sample {
	uint8_t *p;	/* with a NUL behind it; caller frees */
	size_t len;
};

struct sample sample_read(const char *file, const char *name);

#endif
