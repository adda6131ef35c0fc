/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef UTIL_CLOCK_H
#define UTIL_CLOCK_H

#include <stdint.h>

/* clock - the two clocks.  Any thread may call. */

/* Nanoseconds since 1970, as set on this machine: for file times and people. */
int64_t clock_real_ns(void);
/* Milliseconds that only grow: for deadlines and intervals. */
int64_t clock_mono_ms(void);
int64_t clock_mono_us(void);

#endif
