/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "vault/ckpt_parts.h"

#include <errno.h>
#include <stdlib.h>

#include "util/buf.h"
#include "vault/op_parts.h"

#define DENTRY_MIN (2 * VAULT_ID_LEN + 1 + 1 + OP_STAMP_LEN)
#define XATTR_MIN (1 + 1 + 4)

/* ---- extended attributes ----------------------------------------------- */

bool
ckpt_xattrs_check(const struct ckpt_xattr *x, uint32_t n)
{
	uint32_t i;

	for (i = 0; i < n; i++)
		if (!op_xattr_check(x[i].name, x[i].name_len,
		    x[i].value_len))
			return false;
	return true;
}

void
ckpt_xattrs_write(struct buf *out, const struct ckpt_xattr *x, uint32_t n)
{
	uint32_t i;

	(void)buf_put_u32(out, n);
	for (i = 0; i < n; i++) {
		(void)buf_put_u8(out, x[i].name_len);
		(void)buf_put(out, x[i].name, x[i].name_len);
		(void)buf_put_str32(out, x[i].value, x[i].value_len);
	}
}

static int
xattr_read(struct rd *r, struct ckpt_xattr *x)
{
	const uint8_t *name, *value;
	size_t len;

	x->name_len = rd_u8(r);
	name = rd_take(r, x->name_len);
	value = rd_str32(r, VAULT_XATTR_MAX, &len);
	if (r->err || !op_xattr_check(name, x->name_len, len)) {
		rd_fail(r);
		return -EPROTO;
	}
	x->value_len = (uint32_t)len;
	x->name = malloc(x->name_len);
	x->value = malloc(len ? len : 1);
	if (!x->name || !x->value)
		return -ENOMEM;
	memcpy(x->name, name, x->name_len);
	if (len)
		memcpy(x->value, value, len);
	return 0;
}

int
ckpt_xattrs_read(struct rd *r, struct ckpt_xattr **ret, uint32_t *ret_n)
{
	uint32_t i, n = rd_u32(r);
	struct ckpt_xattr *x;
	int e = 0;

	if (r->err || n > r->left / XATTR_MIN) {
		rd_fail(r);
		return -EPROTO;
	}
	x = calloc(n ? n : 1, sizeof(*x));
	if (!x)
		return -ENOMEM;
	for (i = 0; e == 0 && i < n; i++)
		e = xattr_read(r, &x[i]);
	if (e < 0) {
		ckpt_xattrs_done(x, n);
		return e;
	}
	*ret = x;
	*ret_n = n;
	return 0;
}

void
ckpt_xattrs_done(struct ckpt_xattr *x, uint32_t n)
{
	uint32_t i;

	for (i = 0; x && i < n; i++) {
		free(x[i].name);
		free(x[i].value);
	}
	free(x);
}

/* ---- nodes ------------------------------------------------------------- */

static bool
node_check(const struct ckpt_node *n)
{
	uint32_t i;

	if (vault_id_is_root(&n->id) || !op_attr_check(&n->attr) ||
	    !op_target_check(n->kind, n->target, n->target_len) ||
	    n->content.trunc != 0 || !op_put_check(&n->content) ||
	    !ckpt_xattrs_check(n->xattrs, n->nxattrs))
		return false;
	if (n->ndentries < 1 || (n->kind == OP_KIND_DIR && n->ndentries > 1))
		return false;
	for (i = 0; i < n->ndentries; i++)
		if (vault_id_is_root(&n->dentries[i].id) ||
		    !op_name_valid(n->dentries[i].name,
		    n->dentries[i].name_len))
			return false;
	return true;
}

static void
dentry_write(struct buf *out, const struct ckpt_dentry *d)
{
	(void)buf_put(out, d->id.b, VAULT_ID_LEN);
	(void)buf_put(out, d->parent.b, VAULT_ID_LEN);
	(void)buf_put_u8(out, d->name_len);
	(void)buf_put(out, d->name, d->name_len);
	op_stamp_write(out, &d->placed);
}

int
ckpt_node_write(struct buf *out, const struct ckpt_node *n)
{
	uint32_t i;

	if (!node_check(n))
		return -EINVAL;
	(void)buf_put(out, n->id.b, VAULT_ID_LEN);
	(void)buf_put_u8(out, n->kind);
	op_attr_write(out, &n->attr);
	(void)buf_put(out, n->key, VAULT_KEY_LEN);
	(void)buf_put_str16(out, n->target, n->target_len);
	op_stamp_write(out, &n->created);
	op_stamp_write(out, &n->version);
	(void)buf_put_u32(out, n->ndentries);
	for (i = 0; i < n->ndentries; i++)
		dentry_write(out, &n->dentries[i]);
	ckpt_xattrs_write(out, n->xattrs, n->nxattrs);
	return op_put_write(out, &n->content);
}

static int
dentries_read(struct rd *r, struct ckpt_node *n)
{
	struct ckpt_dentry *d;
	uint32_t i, count = rd_u32(r);

	if (r->err || count > r->left / DENTRY_MIN) {
		rd_fail(r);
		return -EPROTO;
	}
	n->dentries = calloc(count ? count : 1, sizeof(*n->dentries));
	if (!n->dentries)
		return -ENOMEM;
	n->ndentries = count;
	for (i = 0; i < count; i++) {
		d = &n->dentries[i];
		rd_copy(r, d->id.b, VAULT_ID_LEN);
		rd_copy(r, d->parent.b, VAULT_ID_LEN);
		d->name_len = rd_u8(r);
		rd_copy(r, d->name, d->name_len);
		op_stamp_read(r, &d->placed);
	}
	return r->err;
}

static int
target_read(struct rd *r, struct ckpt_node *n)
{
	size_t len;
	const uint8_t *p = rd_str16(r, VAULT_SYMLINK_MAX, &len);

	if (!len)
		return r->err;
	n->target = malloc(len);
	if (!n->target)
		return -ENOMEM;
	memcpy(n->target, p, len);
	n->target_len = (uint16_t)len;
	return 0;
}

int
ckpt_node_read(struct rd *r, struct ckpt_node *ret)
{
	struct ckpt_node n;
	int e;

	memset(&n, 0, sizeof(n));
	rd_copy(r, n.id.b, VAULT_ID_LEN);
	n.kind = rd_u8(r);
	op_attr_read(r, &n.attr);
	rd_copy(r, n.key, VAULT_KEY_LEN);
	e = target_read(r, &n);
	op_stamp_read(r, &n.created);
	op_stamp_read(r, &n.version);
	if (e == 0)
		e = dentries_read(r, &n);
	if (e == 0)
		e = ckpt_xattrs_read(r, &n.xattrs, &n.nxattrs);
	if (e == 0)
		e = op_put_read(r, &n.content);
	if (e == 0 && (r->err || !node_check(&n)))
		e = -EPROTO;
	if (e < 0) {
		rd_fail(r);
		ckpt_node_done(&n);
		return e;
	}
	*ret = n;
	return 0;
}

void
ckpt_node_done(struct ckpt_node *n)
{
	free(n->target);
	free(n->dentries);
	ckpt_xattrs_done(n->xattrs, n->nxattrs);
	op_put_done(&n->content);
	/* It carries a file's key. */
	explicit_bzero(n, sizeof(*n));
}
