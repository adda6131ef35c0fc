/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "vault/identity.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "crypto/crypto.h"
#include "util/buf.h"

enum device_flag {
	DEVICE_PAPER = 1 << 0,
	DEVICE_ADMIN = 1 << 1,
	DEVICE_WRITER = 1 << 2,
};

#define DEVICE_FLAGS (DEVICE_PAPER | DEVICE_ADMIN | DEVICE_WRITER)
#define LABEL_MAX (sizeof(((struct vault_device *)0)->label) - 1)

void
device_put(struct buf *out, const struct vault_device *d)
{
	uint8_t flags = 0;

	if (d->is_paper)
		flags |= DEVICE_PAPER;
	if (d->is_admin)
		flags |= DEVICE_ADMIN;
	if (d->is_writer)
		flags |= DEVICE_WRITER;
	(void)buf_put(out, d->id.b, VAULT_ID_LEN);
	(void)buf_put(out, d->sign_pub, 32);
	(void)buf_put(out, d->dh_pub, 32);
	(void)buf_put_u8(out, flags);
	(void)buf_put_str16(out, d->label, strnlen(d->label, LABEL_MAX));
}

/* Labels end up on terminals. */
static bool
label_valid(const uint8_t *p, size_t len)
{
	size_t i;

	for (i = 0; i < len; i++)
		if (p[i] < 0x20 || p[i] == 0x7f)
			return false;
	return true;
}

void
device_read(struct rd *r, struct vault_device *ret)
{
	struct vault_device d;
	const uint8_t *label;
	uint8_t flags;
	size_t len;

	memset(&d, 0, sizeof(d));
	rd_copy(r, d.id.b, VAULT_ID_LEN);
	rd_copy(r, d.sign_pub, 32);
	rd_copy(r, d.dh_pub, 32);
	flags = rd_u8(r);
	label = rd_str16(r, LABEL_MAX, &len);
	if (r->err || (flags & ~DEVICE_FLAGS) || !label_valid(label, len)) {
		rd_fail(r);
		return;
	}
	d.is_paper = flags & DEVICE_PAPER;
	d.is_admin = flags & DEVICE_ADMIN;
	d.is_writer = flags & DEVICE_WRITER;
	memcpy(d.label, label, len);
	*ret = d;
}

void
device_list_put(struct buf *out, const struct vault_device *d, size_t n)
{
	size_t i;

	(void)buf_put_u16(out, (uint16_t)n);
	for (i = 0; i < n; i++)
		device_put(out, &d[i]);
}

int
device_list_read(struct rd *r, struct vault_device **ret, size_t *ret_n)
{
	struct vault_device *d;
	size_t i, n;

	n = rd_u16(r);
	if (r->err || n > DEVICES_MAX || n > r->left / DEVICE_MIN_LEN) {
		rd_fail(r);
		return -EPROTO;
	}
	d = calloc(n ? n : 1, sizeof(*d));
	if (!d)
		return -ENOMEM;
	for (i = 0; i < n; i++)
		device_read(r, &d[i]);
	if (r->err) {
		free(d);
		return r->err;
	}
	*ret = d;
	*ret_n = n;
	return 0;
}

static void
label_set(struct vault_device *d, const char *label)
{
	size_t i, n = strnlen(label, LABEL_MAX + 1);

	if (n > LABEL_MAX) {
		/* Do not cut a UTF-8 character in two. */
		for (n = LABEL_MAX; n > 0 && (label[n] & 0xc0) == 0x80; n--)
			;
	}
	for (i = 0; i < n; i++)
		d->label[i] = (uint8_t)label[i] < 0x20 || label[i] == 0x7f ?
		    '?' : label[i];
	d->label[n] = '\0';
}

static int
publics(struct vault_keys *k)
{
	int r;

	r = sign_public(k->sign_seed, k->self.sign_pub);
	if (r == 0)
		r = dh_public(k->dh_secret, k->self.dh_pub);
	return r;
}

int
device_make(struct vault_keys *k, const char *label)
{
	memset(&k->self, 0, sizeof(k->self));
	crypto_random(k->self.id.b, VAULT_ID_LEN);
	crypto_random(k->sign_seed, sizeof(k->sign_seed));
	crypto_random(k->dh_secret, sizeof(k->dh_secret));
	crypto_random(k->local_key, sizeof(k->local_key));
	k->self.is_admin = true;
	k->self.is_writer = true;
	label_set(&k->self, label);
	return publics(k);
}

int
device_from_seed(struct vault_keys *k, const uint8_t seed[static 32])
{
	int r;

	r = vault_derive(PURPOSE_PAPER_SIGN, seed, NULL, NULL, 0,
	    k->sign_seed);
	if (r == 0)
		r = vault_derive(PURPOSE_PAPER_DH, seed, NULL, NULL, 0,
		    k->dh_secret);
	if (r < 0)
		return r;
	k->self.is_paper = true;
	k->self.is_admin = true;
	label_set(&k->self, "recovery key");
	return publics(k);
}

bool
device_same(const struct vault_device *a, const struct vault_device *b)
{
	return vault_id_eq(&a->id, &b->id) &&
	    memcmp(a->sign_pub, b->sign_pub, 32) == 0 &&
	    memcmp(a->dh_pub, b->dh_pub, 32) == 0 &&
	    a->is_paper == b->is_paper;
}
