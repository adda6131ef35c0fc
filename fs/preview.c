/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "fs/preview.h"

#include <errno.h>

#include "drive/drive.h"
#include "fs/png.h"
#include "util/buf.h"

#define VERSION_1 1
#define RECORD_HEAD 17

_Static_assert(PREVIEW_MAX <= VAULT_XATTR_MAX, "it is kept as an xattr");

int
preview_read(const uint8_t *p, size_t len, struct preview *ret)
{
	struct rd r = rd_of(p, len);
	struct preview v;

	if (len > PREVIEW_MAX || rd_u8(&r) != VERSION_1)
		return -EBADMSG;
	v.mtime_ns = (int64_t)rd_u64(&r);
	v.size = rd_u64(&r);
	if (r.err)
		return -EBADMSG;
	v.png = p + RECORD_HEAD;
	v.png_len = len - RECORD_HEAD;
	if (png_check(v.png, v.png_len, PREVIEW_SIDE) < 0)
		return -EBADMSG;
	*ret = v;
	return 0;
}

int
preview_write(const struct preview *v, struct buf *out)
{
	(void)buf_put_u8(out, VERSION_1);
	(void)buf_put_u64(out, (uint64_t)v->mtime_ns);
	(void)buf_put_u64(out, v->size);
	return buf_put(out, v->png, v->png_len);
}

bool
preview_is_of(const struct preview *v, const struct drive_attr *a)
{
	return v->mtime_ns == a->mtime_ns && v->size == a->size;
}
