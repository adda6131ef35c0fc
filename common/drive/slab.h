/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef DRIVE_SLAB_H
#define DRIVE_SLAB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct err;

/*
 * slab - the block file: frames of 128 KiB that hold ciphertext, one block
 * each, written once by pwrite.  What a frame holds is said by rows in the
 * database; the slab only knows how often each frame is referred to.
 *
 * A freed frame is not written again before slab_settle: a power cut may
 * bring back the row that referred to it, and then its bytes must be there.
 * Blocks over some 100 KB belong beside a database rather than in it
 * (sqlite.org/intern-v-extern-blob.html); small ones are rows.
 *
 * Any thread may call.
 */
struct slab;

#define SLAB_FRAME (128u * 1024)
#define SLAB_NONE UINT32_MAX

/* floor: bytes of the disk that frames must leave free; 0: an eighth of it,
 * at most 256 MiB. */
int slab_open(const char *dir, uint64_t floor, struct slab **ret,
    struct err *e);
void slab_close(struct slab *s);

/* At open, before anything else: one reference more. */
int slab_mark(struct slab *s, uint32_t frame);
/* A frame with one reference; -ENOSPC when the disk is (nearly) full. */
int slab_alloc(struct slab *s, uint32_t *ret);
void slab_ref(struct slab *s, uint32_t frame);
/* Drop a reference; the last one sends the frame to wait for slab_settle. */
void slab_free(struct slab *s, uint32_t frame);
/* Drop the reference to a frame that no committed row has named: it may be
 * used again at once. */
void slab_cancel(struct slab *s, uint32_t frame);
int slab_write(struct slab *s, uint32_t frame, const void *p, size_t len);
int slab_read(struct slab *s, uint32_t frame, void *p, size_t len);
/* The same from offset off of the frame on; it says nothing about what comes
 * next. */
int slab_read_part(struct slab *s, uint32_t frame, uint32_t off, void *p,
    size_t len);
/* Somebody wants a few bytes of the frame: are they to be read alone?  Not
 * when that was so several times: then the rest will be wanted too. */
bool slab_in_parts(struct slab *s, uint32_t frame);

/* Is there room on the disk for so many bytes more, above the floor? */
int slab_room(struct slab *s, uint64_t bytes);
/* What is to be left free. */
uint64_t slab_floor(const struct slab *s);
/* Free bytes on the disk above that, as of the last look. */
uint64_t slab_disk_free(struct slab *s);

/* Can there be such a frame?  A number from elsewhere is asked first. */
bool slab_has(const struct slab *s, uint32_t frame);
/* After the marks: give the disk what no frame in use has. */
void slab_trim(struct slab *s);
/* Would slab_settle_end release any? */
bool slab_has_waiting(struct slab *s);
/* Flush to disk what has been written.  One call at a time. */
int slab_sync(struct slab *s);
/* Frames freed before slab_settle_begin may be used again after
 * slab_settle_end: between the two the caller flushes the database. */
uint64_t slab_settle_begin(struct slab *s);
void slab_settle_end(struct slab *s, uint64_t mark);

/* Recency, for eviction: mark as used; was it used since the last ask? */
void slab_touch(struct slab *s, uint32_t frame);
int slab_was_touched(struct slab *s, uint32_t frame);

#endif
