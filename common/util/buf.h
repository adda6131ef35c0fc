/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef UTIL_BUF_H
#define UTIL_BUF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * buf - a growing byte buffer that is born with a maximum; rd - a reader of
 * bytes that cannot leave them.  All integers are little-endian.
 *
 * Both remember their first failure: after it every further call does
 * nothing (a read gives zeros), so a run of calls needs one check at its
 * end.  Not for use by several threads at once.
 */

struct buf {
	uint8_t *data;		/* NULL while empty */
	size_t len;		/* bytes used */
	size_t cap;		/* bytes there */
	size_t max;		/* never more than this */
	int err;		/* 0, -EFBIG (over max) or -ENOMEM */
};

#define BUF_INIT(m) { .data = NULL, .len = 0, .cap = 0, .max = (m), .err = 0 }

void buf_init(struct buf *b, size_t max);
/* Free the bytes.  The buffer is empty and may be used again. */
void buf_done(struct buf *b);
/* The same for secrets: wiped before they are freed. */
void buf_wipe(struct buf *b);
/* Forget content and failure, keep the memory. */
void buf_reset(struct buf *b);

/* Each returns 0 or the buffer's failure; on failure nothing is appended. */
int buf_put(struct buf *b, const void *p, size_t len);
int buf_put_u8(struct buf *b, uint8_t v);
int buf_put_u16(struct buf *b, uint16_t v);
int buf_put_u32(struct buf *b, uint32_t v);
int buf_put_u64(struct buf *b, uint64_t v);
int buf_put_zero(struct buf *b, size_t len);
/* u16 length, then the bytes. */
int buf_put_str16(struct buf *b, const void *p, size_t len);
/* u32 length, then the bytes. */
int buf_put_str32(struct buf *b, const void *p, size_t len);
int buf_printf(struct buf *b, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
/* Make room for len more bytes; returns where they go, NULL on failure.
 * The caller fills them and adds to b->len. */
void *buf_reserve(struct buf *b, size_t len);
/* Overwrite four bytes already there. */
void buf_set_u32(struct buf *b, size_t at, uint32_t v);
/* The content with a NUL behind it (not counted), or NULL on failure.
 * Borrowed until the next call on b. */
const char *buf_cstr(struct buf *b);

struct rd {
	const uint8_t *p;
	size_t left;
	int err;		/* 0 or -EPROTO */
};

struct rd rd_of(const void *p, size_t len);
uint8_t rd_u8(struct rd *r);
uint16_t rd_u16(struct rd *r);
uint32_t rd_u32(struct rd *r);
uint64_t rd_u64(struct rd *r);
/* Copy len bytes out; zeros on failure. */
void rd_copy(struct rd *r, void *out, size_t len);
/* Borrow len bytes; NULL on failure. */
const uint8_t *rd_take(struct rd *r, size_t len);
/* Borrow a string with u16/u32 length of at most max; NULL on failure (and
 * *ret_len is 0). */
const uint8_t *rd_str16(struct rd *r, size_t max, size_t *ret_len);
const uint8_t *rd_str32(struct rd *r, size_t max, size_t *ret_len);
/* Fail unless everything has been read; returns r->err. */
int rd_end(struct rd *r);
/* Make the reader fail (a value it gave is not acceptable). */
void rd_fail(struct rd *r);

static inline void
put_le16(uint8_t *p, uint16_t v)
{
	p[0] = (uint8_t)v;
	p[1] = (uint8_t)(v >> 8);
}

static inline void
put_le32(uint8_t *p, uint32_t v)
{
	put_le16(p, (uint16_t)v);
	put_le16(p + 2, (uint16_t)(v >> 16));
}

static inline void
put_le64(uint8_t *p, uint64_t v)
{
	put_le32(p, (uint32_t)v);
	put_le32(p + 4, (uint32_t)(v >> 32));
}

static inline uint16_t
get_le16(const uint8_t *p)
{
	return (uint16_t)(p[0] | p[1] << 8);
}

static inline uint32_t
get_le32(const uint8_t *p)
{
	return get_le16(p) | (uint32_t)get_le16(p + 2) << 16;
}

static inline uint64_t
get_le64(const uint8_t *p)
{
	return get_le32(p) | (uint64_t)get_le32(p + 4) << 32;
}

#endif
