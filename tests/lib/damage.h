/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TESTS_DAMAGE_H
#define TESTS_DAMAGE_H

#include <stddef.h>
#include <stdint.h>

/* Opens an object: 0 or a negative errno.  What it opens it frees. */
typedef int open_fn(void *arg, const void *p, size_t len);

/* The object opens; with any one bit changed, cut short anywhere, or with
 * something behind it, it does not.  Fails the test otherwise. */
void damage_check(open_fn *open, void *arg, const void *p, size_t len);
/* The content of tests/vectors/NAME, malloc'd. */
void *sample_read(const char *name, size_t *ret_len);

#endif
