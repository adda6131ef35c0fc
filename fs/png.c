/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "fs/png.h"

#include <errno.h>
#include <string.h>

#include "util/buf.h"

#define SIGN_LEN 8
#define HEAD_LEN 13		/* data of IHDR */
#define AROUND 12		/* of a chunk: length, type, checksum */
#define KEY_MAX 79		/* of a text, as the specification says */

static const uint8_t sign[SIGN_LEN] = { 0x89, 'P', 'N', 'G', '\r', '\n', 0x1a,
    '\n' };

struct chunk {
	const uint8_t *all;	/* from the length on */
	const uint8_t *type, *data;
	uint32_t len;		/* of data */
};

static uint32_t
get_be32(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 |
	    (uint32_t)p[2] << 8 | p[3];
}

static void
put_be32(uint8_t *p, uint32_t v)
{
	p[0] = (uint8_t)(v >> 24);
	p[1] = (uint8_t)(v >> 16);
	p[2] = (uint8_t)(v >> 8);
	p[3] = (uint8_t)v;
}

/* CRC-32, half a byte at a time. */
static uint32_t
crc(uint32_t c, const void *data, size_t len)
{
	static const uint32_t t[16] = {
		0x00000000, 0x1db71064, 0x3b6e20c8, 0x26d930ac,
		0x76dc4190, 0x6b6b51f4, 0x4db26158, 0x5005713c,
		0xedb88320, 0xf00f9344, 0xd6d6a3e8, 0xcb61b38c,
		0x9b64c2b0, 0x86d3d2d4, 0xa00ae278, 0xbdbdf21c,
	};
	const uint8_t *p = data;

	c = ~c;
	while (len-- > 0) {
		c ^= *p++;
		c = c >> 4 ^ t[c & 15];
		c = c >> 4 ^ t[c & 15];
	}
	return ~c;
}

/* Read a chunk off the front; false: there is no whole one. */
static bool
chunk_next(struct rd *r, struct chunk *ret)
{
	if (r->left < AROUND)
		return false;
	ret->all = r->p;
	ret->len = get_be32(r->p);
	if (ret->len > r->left - AROUND)
		return false;
	ret->type = rd_take(r, 8) + 4;
	ret->data = ret->len > 0 ? rd_take(r, ret->len) : r->p;
	(void)rd_take(r, 4);
	return true;
}

static bool
is_type(const struct chunk *c, const char *type)
{
	return memcmp(c->type, type, 4) == 0;
}

static bool
sign_take(struct rd *r)
{
	const uint8_t *p = rd_take(r, SIGN_LEN);

	return p && memcmp(p, sign, SIGN_LEN) == 0;
}

static bool
head_is_good(const struct chunk *c, uint32_t side)
{
	static const struct { uint8_t colour, depths; } ways[] = {
		{ 0, 1 | 2 | 4 | 8 }, { 2, 8 }, { 3, 1 | 2 | 4 | 8 },
		{ 4, 8 }, { 6, 8 },
	};
	const uint8_t *p = c->data;
	size_t i;

	if (!is_type(c, "IHDR") || c->len != HEAD_LEN)
		return false;
	if (get_be32(p) == 0 || get_be32(p) > side ||
	    get_be32(p + 4) == 0 || get_be32(p + 4) > side)
		return false;
	/* One way to pack, one to filter; not interlaced. */
	if (p[10] != 0 || p[11] != 0 || p[12] != 0)
		return false;
	for (i = 0; i < sizeof(ways) / sizeof(*ways); i++) {
		if (p[9] == ways[i].colour && p[8] != 0 &&
		    (p[8] & (p[8] - 1)) == 0 && (p[8] & ways[i].depths))
			return true;
	}
	return false;
}

/* Which chunks there have been. */
struct seen {
	uint8_t colour;
	bool palette, alpha, data, other, end;
};

/* Is it one that makes the picture, where it may be?  1: it is another. */
static int
chunk_judge(const struct chunk *c, struct seen *s)
{
	static const uint32_t alphas[] = { 2, 0, 6, 256 };

	if (is_type(c, "PLTE")) {
		if (s->palette || s->alpha || s->data || c->len == 0 ||
		    c->len > 768 || c->len % 3 != 0 || s->colour == 0 ||
		    s->colour == 4)
			return -EBADMSG;
		s->palette = true;
		return 0;
	}
	if (is_type(c, "tRNS")) {
		if (s->alpha || s->data || s->colour > 3 ||
		    c->len > alphas[s->colour] || (s->colour == 3 &&
		    !s->palette))
			return -EBADMSG;
		s->alpha = true;
		return 0;
	}
	if (is_type(c, "IDAT")) {
		if (s->other || (s->colour == 3 && !s->palette))
			return -EBADMSG;
		s->data = true;
		return 0;
	}
	if (is_type(c, "IEND")) {
		if (!s->data || c->len != 0)
			return -EBADMSG;
		s->end = true;
		return 0;
	}
	/* What must be understood and is not; animations. */
	if ((c->type[0] & 0x20) == 0 || is_type(c, "acTL"))
		return -EBADMSG;
	s->other = s->data;
	return 1;
}

/* out: what png_strip appends to; NULL: others are not allowed. */
static int
walk(const uint8_t *p, size_t len, uint32_t side, struct buf *out)
{
	struct rd r = rd_of(p, len);
	struct seen s = { .data = false };
	struct chunk c;
	int is_other;

	if (!sign_take(&r) || !chunk_next(&r, &c) || !head_is_good(&c, side))
		return -EBADMSG;
	if (out)
		(void)buf_put(out, p, SIGN_LEN);	/* told at the end */
	s.colour = c.data[9];
	is_other = 0;
	for (;;) {
		if (crc(0, c.type, c.len + 4) != get_be32(c.data + c.len))
			return -EBADMSG;
		if (is_other && !out)
			return -EBADMSG;
		if (!is_other && out)
			(void)buf_put(out, c.all, c.len + (size_t)AROUND);
		if (s.end)
			break;
		if (!chunk_next(&r, &c))
			return -EBADMSG;
		is_other = chunk_judge(&c, &s);
		if (is_other < 0)
			return is_other;
	}
	if (out)
		return out->err;
	return r.left > 0 ? -EBADMSG : 0;
}

int
png_check(const uint8_t *p, size_t len, uint32_t side)
{
	return walk(p, len, side, NULL);
}

int
png_strip(const uint8_t *p, size_t len, uint32_t side, struct buf *out)
{
	return walk(p, len, side, out);
}

/* ---- text ---------------------------------------------------------------- */

static int
text_put(struct buf *out, const struct png_text *t)
{
	size_t key = strlen(t->key), value = strlen(t->value);
	uint8_t n[4];
	size_t at;

	if (key == 0 || key > KEY_MAX || value > INT32_MAX / 2)
		return -EINVAL;
	put_be32(n, (uint32_t)(key + 1 + value));
	(void)buf_put(out, n, 4);
	at = out->len;
	(void)buf_put(out, "tEXt", 4);
	(void)buf_put(out, t->key, key + 1);
	(void)buf_put(out, t->value, value);
	if (out->err)
		return out->err;
	put_be32(n, crc(0, out->data + at, out->len - at));
	return buf_put(out, n, 4);
}

int
png_label(const uint8_t *p, size_t len, const struct png_text *t, size_t n,
    struct buf *out)
{
	size_t head = SIGN_LEN + HEAD_LEN + AROUND, i;
	int r;

	if (len < head)
		return -EBADMSG;
	r = buf_put(out, p, head);
	for (i = 0; i < n && r == 0; i++)
		r = text_put(out, &t[i]);
	return r < 0 ? r : buf_put(out, p + head, len - head);
}

const uint8_t *
png_find(const uint8_t *p, size_t len, const char *key, size_t *ret_len)
{
	struct rd r = rd_of(p, len);
	size_t n = strlen(key) + 1;
	struct chunk c;

	if (!sign_take(&r))
		return NULL;
	while (chunk_next(&r, &c)) {
		if (!is_type(&c, "tEXt") || c.len < n ||
		    memcmp(c.data, key, n) != 0)
			continue;
		*ret_len = c.len - n;
		return c.data + n;
	}
	return NULL;
}

bool
png_says(const uint8_t *p, size_t len, const struct png_text *t)
{
	size_t n;
	const uint8_t *v = png_find(p, len, t->key, &n);

	return v && n == strlen(t->value) && memcmp(v, t->value, n) == 0;
}
