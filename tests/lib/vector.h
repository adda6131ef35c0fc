/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TESTS_LIB_VECTOR_H
#define TESTS_LIB_VECTOR_H

#include <stddef.h>
#include <stdint.h>

/*
 * vector - frozen bytes from a file of "name hex" lines in tests/vectors
 * (or where TEST_VECTORS says).  Fails the test if there is no such line.
 */
struct vector {
	uint8_t *p;	/* with a NUL behind it; caller frees */
	size_t len;
};

struct vector vector_read(const char *file, const char *name);

#endif
