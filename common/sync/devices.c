/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "sync/sync_priv.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "util/log.h"

/* Of one device: ids and keys, flags, label. */
#define RECORD_LEN (VAULT_ID_LEN + 32 + 32 + 1 + 64)

enum {
	FLAG_PAPER = 1 << 0,
	FLAG_ADMIN = 1 << 1,
	FLAG_WRITER = 1 << 2,
	FLAG_REVOKED = 1 << 3,
};

int
devices_save(struct drive *d, const struct sync_found *f)
{
	struct buf b = BUF_INIT(SYNC_DEVICES_MAX * RECORD_LEN);
	const struct vault_device *v;
	size_t i;
	int r;

	for (i = 0; i < f->n; i++) {
		v = &f->devices[i];
		(void)buf_put(&b, v->id.b, VAULT_ID_LEN);
		(void)buf_put(&b, v->sign_pub, 32);
		(void)buf_put(&b, v->dh_pub, 32);
		(void)buf_put_u8(&b, (uint8_t)(
		    (v->is_paper ? FLAG_PAPER : 0) |
		    (v->is_admin ? FLAG_ADMIN : 0) |
		    (v->is_writer ? FLAG_WRITER : 0) |
		    (v->is_revoked ? FLAG_REVOKED : 0)));
		(void)buf_put(&b, v->label, sizeof(v->label));
	}
	r = b.err;
	if (r == 0)
		r = drive_kv_set(d, SYNC_KV_DEVICES, b.data, b.len);
	buf_done(&b);
	return r;
}

static int
devices_parse(const struct buf *b, struct sync_found *f)
{
	struct rd rd = rd_of(b->data, b->len);
	struct vault_device *v;
	uint8_t flags;

	f->devices = calloc(b->len / RECORD_LEN + 1, sizeof(*f->devices));
	if (!f->devices)
		return -ENOMEM;
	while (rd.left >= RECORD_LEN) {
		v = &f->devices[f->n++];
		rd_copy(&rd, v->id.b, VAULT_ID_LEN);
		rd_copy(&rd, v->sign_pub, 32);
		rd_copy(&rd, v->dh_pub, 32);
		flags = rd_u8(&rd);
		v->is_paper = flags & FLAG_PAPER;
		v->is_admin = flags & FLAG_ADMIN;
		v->is_writer = flags & FLAG_WRITER;
		v->is_revoked = flags & FLAG_REVOKED;
		rd_copy(&rd, v->label, sizeof(v->label));
		v->label[sizeof(v->label) - 1] = '\0';
	}
	return rd_end(&rd);
}

int
devices_load(struct drive *d, const struct vault_keys *k,
    struct sync_found *ret)
{
	struct buf b = BUF_INIT(SYNC_DEVICES_MAX * RECORD_LEN);
	struct sync_found f = { .n = 0 };
	int r;

	r = drive_kv_get(d, SYNC_KV_DEVICES, &b);
	if (r == 0) {
		r = devices_parse(&b, &f);
	} else if (r == -ENOENT) {
		f.devices = calloc(1, sizeof(*f.devices));
		r = f.devices ? 0 : -ENOMEM;
		if (r == 0) {
			f.devices[0] = k->self;
			f.n = 1;
		}
	}
	buf_done(&b);
	if (r < 0)
		devices_done(&f);
	else
		*ret = f;
	return r;
}

void
devices_done(struct sync_found *f)
{
	free(f->devices);
	f->devices = NULL;
	f->n = 0;
}

void
sync_found_free(struct sync_found *f)
{
	if (!f)
		return;
	devices_done(f);
	free(f);
}

const struct vault_device *
devices_by_tag(const struct sync_found *f, const struct vault_keys *k,
    const uint8_t dtag[static VAULT_TAG_LEN])
{
	struct vault_tag tag;
	size_t i;

	for (i = 0; i < f->n; i++) {
		vault_device_tag(k, &f->devices[i].id, &tag);
		if (memcmp(tag.b, dtag, VAULT_TAG_LEN) == 0)
			return &f->devices[i];
	}
	return NULL;
}
