/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef UTIL_BIG_H
#define UTIL_BIG_H

#include <stddef.h>
#include <stdint.h>

/*
 * big - large buffers, used again.  malloc gives each back to the kernel, and
 * touching its pages for the first time costs more than to fill them: with
 * packs and bodies of megabytes that was half of an upload.  A few are kept
 * for who comes next, until big_trim.
 *
 * What they held is not wiped (nor does free wipe it): wipe secrets first.
 * All calls are for any thread and need no lock.
 */

#define BIG_MIN (1u << 20)	/* smaller ones are malloc's */

/* At least len bytes (BIG_MIN or more); how many in *ret_cap.  NULL: no
 * memory. */
void *big_get(size_t len, size_t *ret_cap);
/* Give back what big_get gave, with the *ret_cap it told. */
void big_put(void *p, size_t cap);
/* Free those that nobody has wanted for so long. */
void big_trim(int64_t unused_ms);

#endif
