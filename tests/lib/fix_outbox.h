/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TESTS_FIX_OUTBOX_H
#define TESTS_FIX_OUTBOX_H

#include "tests/lib/fix_drive.h"

/*
 * fix_outbox - a drive and the journal of what it has published: what is in
 * that, what still waits, and that another drive made from it is the same.
 * Failures end the test.
 */

/* Bytes that a segment of any test has room in. */
#define FIX_ALL 900000

/* Device 1, several users, an empty journal; fsck finds nothing at the end. */
void fix_begin(struct fix *f, struct fix_log *l);
void fix_end(struct fix *f, struct fix_log *l);

/* How many ops of that type. */
unsigned fix_count(const struct segment *s, unsigned type);
/* The segment published last. */
const struct segment *fix_last(const struct fix_log *l);
/* How many ops wait. */
uint64_t fix_waiting(struct fix *f);
/* How many of them can be published without an upload; none is. */
size_t fix_publish_held(struct fix *f);
/* A drive made from the journal is the same as this one. */
void fix_same_elsewhere(struct fix *f, const struct fix_log *l);
/* A file whose content is too long to travel inside an op. */
uint64_t fix_write_long(struct fix *f, uint64_t parent, const char *name);

#endif
