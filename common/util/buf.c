/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "util/buf.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "util/big.h"

void
buf_init(struct buf *b, size_t max)
{
	memset(b, 0, sizeof(*b));
	b->max = max;
}

static void
drop(struct buf *b)
{
	if (b->cap >= BIG_MIN)
		big_put(b->data, b->cap);
	else
		free(b->data);
}

void
buf_done(struct buf *b)
{
	drop(b);
	buf_init(b, b->max);
}

void
buf_wipe(struct buf *b)
{
	if (b->data)
		explicit_bzero(b->data, b->cap);
	buf_done(b);
}

void
buf_reset(struct buf *b)
{
	b->len = 0;
	b->err = 0;
}

void *
buf_reserve(struct buf *b, size_t len)
{
	size_t cap;
	uint8_t *p;

	if (b->err)
		return NULL;
	if (len > b->max || b->len > b->max - len) {
		b->err = -EFBIG;
		return NULL;
	}
	if (b->len + len > b->cap || !b->data) {
		cap = b->cap ? b->cap : 256;
		while (cap < b->len + len)
			cap *= 2;
		if (cap - 1 > b->max)
			cap = b->max + 1;
		/* Not realloc: what moves may be secret. */
		p = cap < BIG_MIN ? malloc(cap) : big_get(cap, &cap);
		if (!p) {
			b->err = -ENOMEM;
			return NULL;
		}
		if (b->data) {
			memcpy(p, b->data, b->len);
			explicit_bzero(b->data, b->len);
			drop(b);
		}
		b->data = p;
		b->cap = cap;
	}
	return b->data + b->len;
}

int
buf_put(struct buf *b, const void *p, size_t len)
{
	void *at = buf_reserve(b, len);

	if (!at)
		return b->err;
	if (len)
		memcpy(at, p, len);
	b->len += len;
	return 0;
}

int
buf_put_zero(struct buf *b, size_t len)
{
	void *at = buf_reserve(b, len);

	if (!at)
		return b->err;
	memset(at, 0, len);
	b->len += len;
	return 0;
}

int
buf_put_u8(struct buf *b, uint8_t v)
{
	return buf_put(b, &v, 1);
}

int
buf_put_u16(struct buf *b, uint16_t v)
{
	uint8_t t[2];

	put_le16(t, v);
	return buf_put(b, t, sizeof(t));
}

int
buf_put_u32(struct buf *b, uint32_t v)
{
	uint8_t t[4];

	put_le32(t, v);
	return buf_put(b, t, sizeof(t));
}

int
buf_put_u64(struct buf *b, uint64_t v)
{
	uint8_t t[8];

	put_le64(t, v);
	return buf_put(b, t, sizeof(t));
}

int
buf_put_str16(struct buf *b, const void *p, size_t len)
{
	if (len > UINT16_MAX) {
		if (!b->err)
			b->err = -EFBIG;
		return b->err;
	}
	(void)buf_put_u16(b, (uint16_t)len);
	return buf_put(b, p, len);
}

int
buf_put_str32(struct buf *b, const void *p, size_t len)
{
	if (len > UINT32_MAX) {
		if (!b->err)
			b->err = -EFBIG;
		return b->err;
	}
	(void)buf_put_u32(b, (uint32_t)len);
	return buf_put(b, p, len);
}

int
buf_printf(struct buf *b, const char *fmt, ...)
{
	va_list ap, ap2;
	void *at;
	int n;

	va_start(ap, fmt);
	va_copy(ap2, ap);
	n = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	if (n < 0 && !b->err)
		b->err = -EINVAL;
	at = n < 0 ? NULL : buf_reserve(b, (size_t)n + 1);
	if (at) {
		(void)vsnprintf(at, (size_t)n + 1, fmt, ap2);
		b->len += (size_t)n;
	}
	va_end(ap2);
	return b->err;
}

void
buf_set_u32(struct buf *b, size_t at, uint32_t v)
{
	if (!b->err && at + 4 <= b->len)
		put_le32(b->data + at, v);
}

const char *
buf_cstr(struct buf *b)
{
	char *at;

	b->max++;
	at = buf_reserve(b, 1);
	b->max--;
	if (!at)
		return NULL;
	*at = '\0';
	return (const char *)b->data;
}

struct rd
rd_of(const void *p, size_t len)
{
	struct rd r = { .p = p, .left = len, .err = 0 };

	return r;
}

void
rd_fail(struct rd *r)
{
	r->err = -EPROTO;
	r->left = 0;
}

const uint8_t *
rd_take(struct rd *r, size_t len)
{
	const uint8_t *p = r->p;

	if (r->err || len > r->left) {
		rd_fail(r);
		return NULL;
	}
	r->p += len;
	r->left -= len;
	return p;
}

void
rd_copy(struct rd *r, void *out, size_t len)
{
	const uint8_t *p = rd_take(r, len);

	if (!len)
		return;
	if (p)
		memcpy(out, p, len);
	else
		memset(out, 0, len);
}

uint8_t
rd_u8(struct rd *r)
{
	const uint8_t *p = rd_take(r, 1);

	return p ? *p : 0;
}

uint16_t
rd_u16(struct rd *r)
{
	const uint8_t *p = rd_take(r, 2);

	return p ? get_le16(p) : 0;
}

uint32_t
rd_u32(struct rd *r)
{
	const uint8_t *p = rd_take(r, 4);

	return p ? get_le32(p) : 0;
}

uint64_t
rd_u64(struct rd *r)
{
	const uint8_t *p = rd_take(r, 8);

	return p ? get_le64(p) : 0;
}

static const uint8_t *
rd_str(struct rd *r, size_t len, size_t max, size_t *ret_len)
{
	const uint8_t *p;

	*ret_len = 0;
	if (len > max)
		rd_fail(r);
	p = rd_take(r, len);
	if (p)
		*ret_len = len;
	return p;
}

const uint8_t *
rd_str16(struct rd *r, size_t max, size_t *ret_len)
{
	return rd_str(r, rd_u16(r), max, ret_len);
}

const uint8_t *
rd_str32(struct rd *r, size_t max, size_t *ret_len)
{
	return rd_str(r, rd_u32(r), max, ret_len);
}

int
rd_end(struct rd *r)
{
	if (!r->err && r->left)
		rd_fail(r);
	return r->err;
}
