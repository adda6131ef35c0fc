/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "store/sftp_msg.h"

#include <errno.h>
#include <string.h>

#define ATTR_SIZE 0x1u
#define ATTR_OWNER 0x2u
#define ATTR_MODE 0x4u
#define ATTR_TIMES 0x8u
#define ATTR_EXTENDED 0x80000000u
#define ATTR_EXTENDED_MAX 64

uint32_t
sftp_be32(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 |
	    (uint32_t)p[2] << 8 | p[3];
}

static uint32_t
take_u32(struct rd *r)
{
	const uint8_t *p = rd_take(r, 4);

	return p ? sftp_be32(p) : 0;
}

static uint64_t
take_u64(struct rd *r)
{
	uint64_t hi = take_u32(r);

	return hi << 32 | take_u32(r);
}

static const uint8_t *
take_str(struct rd *r, size_t *ret_len)
{
	uint32_t n = take_u32(r);

	*ret_len = 0;
	if (r->err)
		return NULL;
	if (n > r->left) {
		rd_fail(r);
		return NULL;
	}
	*ret_len = n;
	return rd_take(r, n);
}

static void
take_attrs(struct rd *r, struct sftp_attrs *a)
{
	uint32_t flags = take_u32(r), n, i;
	size_t len;

	memset(a, 0, sizeof(*a));
	a->has_size = flags & ATTR_SIZE;
	if (a->has_size)
		a->size = take_u64(r);
	if (flags & ATTR_OWNER)
		(void)take_u64(r);
	a->has_mode = flags & ATTR_MODE;
	if (a->has_mode)
		a->mode = take_u32(r);
	a->has_mtime = flags & ATTR_TIMES;
	if (a->has_mtime) {
		(void)take_u32(r);
		a->mtime = take_u32(r);
	}
	if (!(flags & ATTR_EXTENDED))
		return;
	n = take_u32(r);
	if (n > ATTR_EXTENDED_MAX)
		rd_fail(r);
	for (i = 0; i < n && !r->err; i++) {
		(void)take_str(r, &len);
		(void)take_str(r, &len);
	}
}

static bool
is_text(const uint8_t *p, size_t len, const char *text)
{
	return p && len == strlen(text) && memcmp(p, text, len) == 0;
}

static void
take_exts(struct rd *r, struct sftp_msg *m)
{
	const uint8_t *name, *data;
	size_t nlen, dlen;

	while (r->left && !r->err) {
		name = take_str(r, &nlen);
		data = take_str(r, &dlen);
		if (is_text(name, nlen, "posix-rename@openssh.com") &&
		    is_text(data, dlen, "1"))
			m->exts |= SFTP_EXT_POSIX_RENAME;
		if (is_text(name, nlen, "fsync@openssh.com") &&
		    is_text(data, dlen, "1"))
			m->exts |= SFTP_EXT_FSYNC;
		if (is_text(name, nlen, "statvfs@openssh.com") &&
		    is_text(data, dlen, "2"))
			m->exts |= SFTP_EXT_STATVFS;
	}
}

int
sftp_msg_parse(const void *p, size_t len, struct sftp_msg *ret)
{
	struct rd r = rd_of(p, len);
	struct sftp_msg m;

	memset(&m, 0, sizeof(m));
	m.type = (enum sftp_type)rd_u8(&r);
	if (m.type == SFTP_VERSION) {
		m.version = take_u32(&r);
		take_exts(&r, &m);
	} else {
		m.id = take_u32(&r);
	}
	if (m.type == SFTP_STATUS) {
		/* Some leave the text and its language out. */
		m.code = take_u32(&r);
	} else if (m.type == SFTP_HANDLE || m.type == SFTP_DATA) {
		m.data = take_str(&r, &m.len);
		if (m.type == SFTP_HANDLE && m.len > SFTP_HANDLE_MAX)
			rd_fail(&r);
	} else if (m.type == SFTP_ATTRS) {
		take_attrs(&r, &m.attrs);
	} else if (m.type == SFTP_NAME || m.type == SFTP_EXTENDED_REPLY) {
		if (m.type == SFTP_NAME)
			m.names_left = take_u32(&r);
		m.len = r.left;
		m.data = rd_take(&r, m.len);
	} else if (m.type != SFTP_VERSION) {
		rd_fail(&r);
	}
	if (r.err)
		return r.err;
	*ret = m;
	return 0;
}

int
sftp_msg_next(struct sftp_msg *m, struct sftp_name *ret)
{
	struct rd r = rd_of(m->data, m->len);
	struct sftp_name n;
	size_t len;

	if (m->names_left == 0)
		return 0;
	n.name = (const char *)take_str(&r, &n.len);
	(void)take_str(&r, &len);	/* as ls -l shows it */
	take_attrs(&r, &n.attrs);
	if (r.err)
		return r.err;
	m->names_left--;
	m->data = r.p;
	m->len = r.left;
	*ret = n;
	return 1;
}

int
sftp_msg_statvfs(const struct sftp_msg *m, uint64_t *total, uint64_t *avail)
{
	struct rd r = rd_of(m->data, m->len);
	uint64_t unit, blocks, left;

	(void)take_u64(&r);		/* f_bsize */
	unit = take_u64(&r);		/* f_frsize */
	blocks = take_u64(&r);
	(void)take_u64(&r);		/* f_bfree: root's too */
	left = take_u64(&r);		/* f_bavail */
	if (r.err)
		return r.err;
	if (unit == 0 || blocks > UINT64_MAX / unit || left > blocks)
		return -EPROTO;
	*total = blocks * unit;
	*avail = left * unit;
	return 0;
}

void
sftp_msg_u32(struct buf *b, uint32_t v)
{
	uint8_t p[4] = { (uint8_t)(v >> 24), (uint8_t)(v >> 16),
	    (uint8_t)(v >> 8), (uint8_t)v };

	(void)buf_put(b, p, sizeof(p));
}

void
sftp_msg_u64(struct buf *b, uint64_t v)
{
	sftp_msg_u32(b, (uint32_t)(v >> 32));
	sftp_msg_u32(b, (uint32_t)v);
}

void
sftp_msg_str(struct buf *b, const void *p, size_t len)
{
	sftp_msg_u32(b, (uint32_t)len);
	(void)buf_put(b, p, len);
}

size_t
sftp_msg_begin(struct buf *b, enum sftp_type type, uint32_t id)
{
	size_t start = b->len;

	sftp_msg_u32(b, 0);
	(void)buf_put_u8(b, (uint8_t)type);
	sftp_msg_u32(b, id);	/* of SFTP_INIT: the version */
	return start;
}

void
sftp_msg_end(struct buf *b, size_t start)
{
	uint32_t n;

	if (b->err)
		return;
	n = (uint32_t)(b->len - start - 4);
	b->data[start] = (uint8_t)(n >> 24);
	b->data[start + 1] = (uint8_t)(n >> 16);
	b->data[start + 2] = (uint8_t)(n >> 8);
	b->data[start + 3] = (uint8_t)n;
}
