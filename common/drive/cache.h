/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef DRIVE_CACHE_H
#define DRIVE_CACHE_H

#include <stddef.h>
#include <stdint.h>

/*
 * cache - opened blocks in memory, the least recently used leave first.  A
 * block is named by inode, index and block id; ids are never used twice, so
 * nothing here can be out of date.  Any thread may call.
 */
struct cache;

struct opened {
	const uint8_t *data;
	size_t len;
};

int cache_new(uint64_t max_bytes, struct cache **ret);
void cache_free(struct cache *c);
/* Forget all blocks; those that are borrowed stay until they are given back. */
void cache_empty(struct cache *c);
/* Borrow a block until cache_unref; NULL if it is not here. */
const struct opened *cache_get(struct cache *c, uint64_t ino, uint64_t idx,
    uint64_t bid);
void cache_unref(struct cache *c, const struct opened *o);
/* Takes over data (malloc), also on failure. */
void cache_add(struct cache *c, uint64_t ino, uint64_t idx, uint64_t bid,
    uint8_t *data, size_t len);

#endif
