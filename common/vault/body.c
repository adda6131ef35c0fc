/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "vault/body.h"

#include <errno.h>
#include <stdlib.h>

#include "util/buf.h"

#define CLASS_MIN 4096u

int
body_pad(struct buf *b)
{
	size_t size = CLASS_MIN;

	if (b->err)
		return b->err;
	while (size < b->len + VAULT_MAC_LEN)
		size *= 4;
	return buf_put_zero(b, size - VAULT_MAC_LEN - b->len);
}

int
body_pad_read(struct rd *r)
{
	size_t n = r->left;
	const uint8_t *p = rd_take(r, n);

	while (p && n)
		if (p[--n]) {
			rd_fail(r);
			break;
		}
	return r->err;
}

/* ---- what had been seen ------------------------------------------------ */

static int
seen_cmp(const void *a, const void *b)
{
	const struct vault_seen *const *x = a, *const *y = b;

	return memcmp((*x)->dev.b, (*y)->dev.b, VAULT_ID_LEN);
}

int
body_seen_write(struct buf *out, const struct vault_seen *s, size_t n,
    const struct vault_id *self)
{
	const struct vault_seen **by_dev;
	size_t i, k = 0;
	int r = -EINVAL;

	by_dev = calloc(n ? n : 1, sizeof(*by_dev));
	if (!by_dev)
		return -ENOMEM;
	for (i = 0; i < n; i++)
		if (!self || !vault_id_eq(&s[i].dev, self))
			by_dev[k++] = &s[i];
	qsort(by_dev, k, sizeof(*by_dev), seen_cmp);
	for (i = 1; i < k; i++)
		if (vault_id_eq(&by_dev[i]->dev, &by_dev[i - 1]->dev))
			goto out;
	r = -EFBIG;
	if (k > VAULT_SEEN_MAX)
		goto out;
	(void)buf_put_u16(out, (uint16_t)k);
	for (i = 0; i < k; i++) {
		(void)buf_put(out, by_dev[i]->dev.b, VAULT_ID_LEN);
		(void)buf_put_u64(out, by_dev[i]->seq);
		(void)buf_put(out, by_dev[i]->hash, VAULT_HASH_LEN);
		(void)buf_put_u64(out, by_dev[i]->op_seq);
		(void)buf_put_u64(out, by_dev[i]->lamport);
	}
	r = out->err;
out:
	free(by_dev);
	return r;
}

int
body_seen_read(struct rd *r, struct vault_seen **ret, uint32_t *ret_n)
{
	struct vault_seen *s;
	uint32_t i, n = rd_u16(r);

	if (r->err || n > VAULT_SEEN_MAX) {
		rd_fail(r);
		return -EPROTO;
	}
	s = calloc(n ? n : 1, sizeof(*s));
	if (!s)
		return -ENOMEM;
	for (i = 0; i < n; i++) {
		rd_copy(r, s[i].dev.b, VAULT_ID_LEN);
		s[i].seq = rd_u64(r);
		rd_copy(r, s[i].hash, VAULT_HASH_LEN);
		s[i].op_seq = rd_u64(r);
		s[i].lamport = rd_u64(r);
		if (i && memcmp(s[i - 1].dev.b, s[i].dev.b,
		    VAULT_ID_LEN) >= 0)
			rd_fail(r);
	}
	if (r->err) {
		free(s);
		return -EPROTO;
	}
	*ret = s;
	*ret_n = n;
	return 0;
}

/* ---- Padmé ------------------------------------------------------------- */

size_t
body_padme(size_t len)
{
	unsigned e, s;
	size_t mask;

	if (len < 2)
		return len;
	e = 63 - (unsigned)__builtin_clzll(len);
	s = e ? 32 - (unsigned)__builtin_clz(e) : 0;
	if (s >= e)
		return len;
	mask = ((size_t)1 << (e - s)) - 1;
	return (len + mask) & ~mask;
}
