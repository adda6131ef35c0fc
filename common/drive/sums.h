/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef DRIVE_SUMS_H
#define DRIVE_SUMS_H

#include <stddef.h>
#include <stdint.h>

#include "crypto/crypto.h"
#include "drive/slab.h"

/*
 * sums - beside the block file, for each of its frames the sums of the parts
 * of the block in it (crypto/crypto.h), by which a part can be had without
 * the rest.
 *
 * They are a hint: never flushed, and written when a frame is, not when its
 * row is.  Whoever finds that they do not fit reads the whole block, which
 * has a tag of its own.
 *
 * Any thread may call.
 */
struct sums;

#define SUMS_PARTS AEAD_PARTS(SLAB_FRAME)
#define SUM_LEN AEAD_TAG_LEN

/* NULL: there is no file, and nothing is in it. */
struct sums *sums_open(const char *dir);
void sums_close(struct sums *s);
void sums_write(struct sums *s, uint32_t frame,
    const uint8_t (*sums)[SUM_LEN], size_t n);
/* Those of parts [first, first + n): 0, or -ENOENT. */
int sums_read(struct sums *s, uint32_t frame, size_t first, size_t n,
    uint8_t (*ret)[SUM_LEN]);

#endif
