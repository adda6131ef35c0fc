/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TESTS_SPOIL_H
#define TESTS_SPOIL_H

#include <stdint.h>

struct drive;

/* spoil - a drive whose rows are damaged behind its back; failures end the
 * test. */

/* In a transaction; rows that are kept opened are forgotten. */
void spoil_sql(struct drive *d, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
/* The row of that inode does not verify; it is as it was again.  One at a
 * time. */
void spoil_inode(struct drive *d, uint64_t ino);
void spoil_mend(struct drive *d);

#endif
