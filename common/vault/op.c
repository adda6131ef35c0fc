/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "vault/op.h"

#include <errno.h>
#include <stdlib.h>

#include "util/buf.h"
#include "vault/op_parts.h"

bool
op_name_valid(const uint8_t *name, size_t len)
{
	if (len < 1 || len > VAULT_NAME_MAX)
		return false;
	if (name[0] == '.' && (len == 1 || (len == 2 && name[1] == '.')))
		return false;
	return !memchr(name, '/', len) && !memchr(name, '\0', len);
}

void
op_device_put(uint8_t target[static OP_DEVICE_LEN], uint32_t maj,
    uint32_t min)
{
	put_le32(target, maj);
	put_le32(target + 4, min);
}

void
op_device_get(const uint8_t target[static OP_DEVICE_LEN], uint32_t *ret_maj,
    uint32_t *ret_min)
{
	*ret_maj = get_le32(target);
	*ret_min = get_le32(target + 4);
}

bool
op_target_check(uint8_t kind, const uint8_t *target, size_t len)
{
	uint32_t maj, min;

	switch (kind) {
	case OP_KIND_SYMLINK:
		return len >= 1 && len <= VAULT_SYMLINK_MAX &&
		    !memchr(target, '\0', len);
	case OP_KIND_CHAR:
	case OP_KIND_BLOCK:
		if (len != OP_DEVICE_LEN)
			return false;
		op_device_get(target, &maj, &min);
		return maj <= OP_MAJOR_MAX && min <= OP_MINOR_MAX;
	default:
		return kind >= OP_KIND_FILE && kind <= OP_KIND_SOCK && len == 0;
	}
}

bool
op_xattr_check(const uint8_t *name, size_t name_len, size_t value_len)
{
	return name_len >= 1 && name_len <= VAULT_XATTR_NAME_MAX &&
	    !memchr(name, '\0', name_len) && value_len <= VAULT_XATTR_MAX;
}

/* ---- attributes and stamps --------------------------------------------- */

bool
op_attr_check(const struct op_attr *a)
{
	return !(a->mask & ~(uint32_t)OP_ATTR_ALL) &&
	    (!(a->mask & OP_ATTR_MODE) || a->mode <= 07777);
}

/* Only the fields that count travel. */
size_t
op_attr_size(const struct op_attr *a)
{
	return 4 + 4 * (size_t)__builtin_popcount(a->mask & 0x07) +
	    8 * (size_t)__builtin_popcount(a->mask & 0x78);
}

void
op_attr_write(struct buf *out, const struct op_attr *a)
{
	(void)buf_put_u32(out, a->mask);
	if (a->mask & OP_ATTR_MODE)
		(void)buf_put_u32(out, a->mode);
	if (a->mask & OP_ATTR_UID)
		(void)buf_put_u32(out, a->uid);
	if (a->mask & OP_ATTR_GID)
		(void)buf_put_u32(out, a->gid);
	if (a->mask & OP_ATTR_ATIME)
		(void)buf_put_u64(out, (uint64_t)a->atime_ns);
	if (a->mask & OP_ATTR_MTIME)
		(void)buf_put_u64(out, (uint64_t)a->mtime_ns);
	if (a->mask & OP_ATTR_CTIME)
		(void)buf_put_u64(out, (uint64_t)a->ctime_ns);
	if (a->mask & OP_ATTR_BTIME)
		(void)buf_put_u64(out, (uint64_t)a->btime_ns);
}

void
op_attr_read(struct rd *r, struct op_attr *ret)
{
	struct op_attr a;

	memset(&a, 0, sizeof(a));
	a.mask = rd_u32(r);
	if (a.mask & OP_ATTR_MODE)
		a.mode = rd_u32(r);
	if (a.mask & OP_ATTR_UID)
		a.uid = rd_u32(r);
	if (a.mask & OP_ATTR_GID)
		a.gid = rd_u32(r);
	if (a.mask & OP_ATTR_ATIME)
		a.atime_ns = (int64_t)rd_u64(r);
	if (a.mask & OP_ATTR_MTIME)
		a.mtime_ns = (int64_t)rd_u64(r);
	if (a.mask & OP_ATTR_CTIME)
		a.ctime_ns = (int64_t)rd_u64(r);
	if (a.mask & OP_ATTR_BTIME)
		a.btime_ns = (int64_t)rd_u64(r);
	if (!op_attr_check(&a))
		rd_fail(r);
	*ret = a;
}

void
op_stamp_write(struct buf *out, const struct op_stamp *s)
{
	(void)buf_put_u64(out, s->lamport);
	(void)buf_put(out, s->dev.b, VAULT_ID_LEN);
	(void)buf_put_u64(out, s->seq);
}

void
op_stamp_read(struct rd *r, struct op_stamp *ret)
{
	ret->lamport = rd_u64(r);
	rd_copy(r, ret->dev.b, VAULT_ID_LEN);
	ret->seq = rd_u64(r);
}

/* ---- writing ----------------------------------------------------------- */

static bool
create_check(const struct op *o)
{
	return !vault_id_is_root(&o->node) && op_attr_check(&o->create.attr) &&
	    op_target_check(o->create.kind, o->create.target,
	    o->create.target_len);
}

/* The same rules for writer and reader. */
static bool
op_check(const struct op *o)
{
	switch ((enum op_type)o->type) {
	case OP_CREATE:
		return create_check(o);
	case OP_LINK:
		return !vault_id_is_root(&o->node) &&
		    !vault_id_is_root(&o->link.inode) &&
		    !vault_id_eq(&o->node, &o->link.inode);
	case OP_PLACE:
		return !vault_id_is_root(&o->node) &&
		    op_name_valid(o->place.name, o->place.name_len);
	case OP_DELETE:
		return !vault_id_is_root(&o->node);
	case OP_PUT:
		return !vault_id_is_root(&o->node) && op_put_check(&o->put);
	case OP_ATTR:
		return o->attr.mask && op_attr_check(&o->attr);
	case OP_XATTR:
		return op_xattr_check(o->xattr.name, o->xattr.name_len,
		    o->xattr.value_len) &&
		    !(o->xattr.is_removed && o->xattr.value_len);
	case OP_CHECKPOINT:
	case OP_HEARTBEAT:
		return true;
	}
	return false;
}

static int
fields_write(struct buf *out, const struct op *o)
{
	if (o->type != OP_CHECKPOINT && o->type != OP_HEARTBEAT)
		(void)buf_put(out, o->node.b, VAULT_ID_LEN);
	switch ((enum op_type)o->type) {
	case OP_CREATE:
		(void)buf_put_u8(out, o->create.kind);
		op_attr_write(out, &o->create.attr);
		(void)buf_put(out, o->create.key, VAULT_KEY_LEN);
		return buf_put_str16(out, o->create.target,
		    o->create.target_len);
	case OP_LINK:
		return buf_put(out, o->link.inode.b, VAULT_ID_LEN);
	case OP_PLACE:
		(void)buf_put(out, o->place.parent.b, VAULT_ID_LEN);
		(void)buf_put(out, o->place.replaces.b, VAULT_ID_LEN);
		(void)buf_put_u8(out, o->place.name_len);
		return buf_put(out, o->place.name, o->place.name_len);
	case OP_PUT:
		return op_put_write(out, &o->put);
	case OP_ATTR:
		op_attr_write(out, &o->attr);
		return out->err;
	case OP_XATTR:
		(void)buf_put_u8(out, o->xattr.is_removed);
		(void)buf_put_u8(out, o->xattr.name_len);
		(void)buf_put(out, o->xattr.name, o->xattr.name_len);
		return buf_put_str32(out, o->xattr.value, o->xattr.value_len);
	case OP_CHECKPOINT:
		(void)buf_put_u64(out, o->checkpoint.n);
		(void)buf_put_u64(out, o->checkpoint.rand);
		return buf_put(out, o->checkpoint.sha, VAULT_HASH_LEN);
	case OP_DELETE:
	case OP_HEARTBEAT:
		break;
	}
	return out->err;
}

int
op_encode(const struct op *o, struct buf *out)
{
	size_t start = out->len;
	int r;

	if (!op_check(o))
		return -EINVAL;
	(void)buf_put_u16(out, (uint16_t)(o->type | OP_CRITICAL));
	(void)buf_put_u32(out, 0);
	r = fields_write(out, o);
	if (r == 0)
		r = out->err;
	if (r < 0) {
		out->len = start;
		return r;
	}
	buf_set_u32(out, start + 2,
	    (uint32_t)(out->len - start - OP_HEAD_LEN));
	return 0;
}

size_t
op_size(const struct op *o)
{
	const size_t id = OP_HEAD_LEN + VAULT_ID_LEN;

	switch ((enum op_type)o->type) {
	case OP_CREATE:
		return id + 1 + op_attr_size(&o->create.attr) +
		    VAULT_KEY_LEN + 2 + o->create.target_len;
	case OP_LINK:
		return id + VAULT_ID_LEN;
	case OP_PLACE:
		return id + 2 * VAULT_ID_LEN + 1 + o->place.name_len;
	case OP_DELETE:
		return id;
	case OP_PUT:
		return id + op_put_size(&o->put);
	case OP_ATTR:
		return id + op_attr_size(&o->attr);
	case OP_XATTR:
		return id + 2 + o->xattr.name_len + 4 + o->xattr.value_len;
	case OP_CHECKPOINT:
		return OP_HEAD_LEN + 8 + 8 + VAULT_HASH_LEN;
	case OP_HEARTBEAT:
		break;
	}
	return OP_HEAD_LEN;
}

/* ---- reading ----------------------------------------------------------- */

/* A copy of len borrowed bytes; NULL stays NULL for none. */
static int
bytes_copy(const uint8_t *p, size_t len, uint8_t **ret)
{
	uint8_t *q;

	if (!len)
		return 0;
	q = malloc(len);
	if (!q)
		return -ENOMEM;
	memcpy(q, p, len);
	*ret = q;
	return 0;
}

static int
create_read(struct rd *r, struct op *o)
{
	const uint8_t *p;
	size_t n;

	o->create.kind = rd_u8(r);
	op_attr_read(r, &o->create.attr);
	rd_copy(r, o->create.key, VAULT_KEY_LEN);
	p = rd_str16(r, VAULT_SYMLINK_MAX, &n);
	o->create.target_len = (uint16_t)n;
	return bytes_copy(p, n, &o->create.target);
}

static int
xattr_read(struct rd *r, struct op *o)
{
	const uint8_t *p;
	size_t n;
	uint8_t removed = rd_u8(r);

	o->xattr.is_removed = removed != 0;
	o->xattr.name_len = rd_u8(r);
	rd_copy(r, o->xattr.name, o->xattr.name_len);
	p = rd_str32(r, VAULT_XATTR_MAX, &n);
	o->xattr.value_len = (uint32_t)n;
	if (removed > 1)
		rd_fail(r);
	return bytes_copy(p, n, &o->xattr.value);
}

/* The fields of a type that is known. */
static int
fields_read(struct rd *r, struct op *o)
{
	if (o->type != OP_CHECKPOINT && o->type != OP_HEARTBEAT)
		rd_copy(r, o->node.b, VAULT_ID_LEN);
	switch ((enum op_type)o->type) {
	case OP_CREATE:
		return create_read(r, o);
	case OP_LINK:
		rd_copy(r, o->link.inode.b, VAULT_ID_LEN);
		break;
	case OP_PLACE:
		rd_copy(r, o->place.parent.b, VAULT_ID_LEN);
		rd_copy(r, o->place.replaces.b, VAULT_ID_LEN);
		o->place.name_len = rd_u8(r);
		rd_copy(r, o->place.name, o->place.name_len);
		break;
	case OP_PUT:
		return op_put_read(r, &o->put);
	case OP_ATTR:
		op_attr_read(r, &o->attr);
		break;
	case OP_XATTR:
		return xattr_read(r, o);
	case OP_CHECKPOINT:
		o->checkpoint.n = rd_u64(r);
		o->checkpoint.rand = rd_u64(r);
		rd_copy(r, o->checkpoint.sha, VAULT_HASH_LEN);
		break;
	case OP_DELETE:
	case OP_HEARTBEAT:
		break;
	}
	return 0;
}

int
op_decode(struct rd *r, struct op *ret)
{
	uint16_t raw = rd_u16(r);
	uint16_t type = (uint16_t)(raw & ~OP_CRITICAL);
	uint32_t len = rd_u32(r);
	const uint8_t *p = rd_take(r, len);
	struct rd f = rd_of(p, len);
	struct op o;
	int e;

	if (r->err)
		return -EPROTO;
	memset(&o, 0, sizeof(o));
	o.type = type;
	if (type < OP_CREATE || type > OP_HEARTBEAT) {
		if (raw & OP_CRITICAL) {
			rd_fail(r);
			return -EPROTONOSUPPORT;
		}
		*ret = o;
		return 0;
	}
	e = raw & OP_CRITICAL ? fields_read(&f, &o) : -EPROTO;
	if (e == 0 && (rd_end(&f) < 0 || !op_check(&o)))
		e = -EPROTO;
	if (e < 0) {
		rd_fail(r);
		op_done(&o);
		return e;
	}
	*ret = o;
	return 0;
}

void
op_done(struct op *o)
{
	if (!o)
		return;
	switch ((enum op_type)o->type) {
	case OP_CREATE:
		free(o->create.target);
		break;
	case OP_PUT:
		op_put_done(&o->put);
		break;
	case OP_XATTR:
		free(o->xattr.value);
		break;
	case OP_LINK:
	case OP_PLACE:
	case OP_DELETE:
	case OP_ATTR:
	case OP_CHECKPOINT:
	case OP_HEARTBEAT:
		break;
	}
	/* A create op carries a file's key. */
	explicit_bzero(o, sizeof(*o));
}

/* ---- lists ------------------------------------------------------------- */

struct op *
op_list_add(struct op_list *l)
{
	struct op *p, *o;
	size_t cap;

	if (l->n == l->cap) {
		cap = l->cap ? 2 * l->cap : 16;
		p = reallocarray(l->ops, cap, sizeof(*p));
		if (!p)
			return NULL;
		l->ops = p;
		l->cap = cap;
	}
	o = &l->ops[l->n++];
	memset(o, 0, sizeof(*o));
	return o;
}

void
op_list_done(struct op_list *l)
{
	size_t i;

	for (i = 0; i < l->n; i++)
		op_done(&l->ops[i]);
	free(l->ops);
	memset(l, 0, sizeof(*l));
}
