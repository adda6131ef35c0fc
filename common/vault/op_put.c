/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "vault/op_parts.h"

#include <errno.h>
#include <stdlib.h>

#include "util/buf.h"

/* A version of a file's content, as a put op and a checkpoint hold it. */

enum put_form {
	FORM_BLOCKS = 0,
	FORM_INLINE = 1,
	FORM_PAGES = 2,
};

#define PUT_FIXED_LEN (8 + 8 + 8 + 8 + 1 + 1)

static enum put_form
put_form(const struct op_put *p)
{
	if (p->is_inline)
		return FORM_INLINE;
	return p->npages ? FORM_PAGES : FORM_BLOCKS;
}

bool
op_put_check(const struct op_put *p)
{
	if (p->size > OP_SIZE_MAX || p->trunc > p->size ||
	    p->nparents > OP_PARENTS_MAX)
		return false;
	switch (put_form(p)) {
	case FORM_INLINE:
		return p->size <= VAULT_INLINE_MAX && p->data_len == p->size &&
		    !p->nblocks && !p->npages;
	case FORM_PAGES:
		return p->npages <= VAULT_PAGES_MAX && !p->nblocks &&
		    op_pages_check(p->pages, p->npages);
	case FORM_BLOCKS:
		return p->nblocks <= VAULT_LIST_MAX &&
		    op_blocks_check(p->blocks, p->nblocks, p->size);
	}
	return false;
}

int
op_put_write(struct buf *out, const struct op_put *p)
{
	uint32_t i;

	(void)buf_put_u64(out, p->size);
	(void)buf_put_u64(out, p->trunc);
	(void)buf_put_u64(out, (uint64_t)p->mtime_ns);
	(void)buf_put_u64(out, (uint64_t)p->ctime_ns);
	(void)buf_put_u8(out, (uint8_t)p->nparents);
	for (i = 0; i < p->nparents; i++)
		op_stamp_write(out, &p->parents[i]);
	(void)buf_put_u8(out, (uint8_t)put_form(p));
	switch (put_form(p)) {
	case FORM_INLINE:
		return buf_put_str16(out, p->data, p->data_len);
	case FORM_PAGES:
		return op_pages_write(out, p->pages, p->npages);
	case FORM_BLOCKS:
		return op_blocks_write(out, p->blocks, p->nblocks);
	}
	return -EINVAL;
}

size_t
op_put_size(const struct op_put *p)
{
	size_t len = PUT_FIXED_LEN + (size_t)p->nparents * OP_STAMP_LEN;
	size_t list = 0;

	switch (put_form(p)) {
	case FORM_INLINE:
		return len + 2 + p->data_len;
	case FORM_PAGES:
		list = op_pages_size(p->pages, p->npages);
		break;
	case FORM_BLOCKS:
		list = op_blocks_size(p->blocks, p->nblocks);
		break;
	}
	return list ? len + list : 0;
}

static int
content_read(struct rd *r, struct op_put *p)
{
	const uint8_t *data;
	size_t n = 0;
	int e;

	switch (rd_u8(r)) {
	case FORM_INLINE:
		data = rd_str16(r, VAULT_INLINE_MAX, &n);
		if (!data)
			return -EPROTO;
		p->data = malloc(n ? n : 1);
		if (!p->data)
			return -ENOMEM;
		memcpy(p->data, data, n);
		p->data_len = (uint32_t)n;
		p->is_inline = true;
		return 0;
	case FORM_PAGES:
		e = op_pages_read(r, VAULT_PAGES_MAX, &p->pages, &n);
		p->npages = (uint32_t)n;
		/* No pages is written as no blocks. */
		return e == 0 && n == 0 ? -EPROTO : e;
	case FORM_BLOCKS:
		e = op_blocks_read(r, VAULT_LIST_MAX, &p->blocks, &n);
		p->nblocks = (uint32_t)n;
		return e;
	default:
		return -EPROTO;
	}
}

int
op_put_read(struct rd *r, struct op_put *ret)
{
	struct op_put p;
	uint32_t i;
	int e = -EPROTO;

	memset(&p, 0, sizeof(p));
	p.size = rd_u64(r);
	p.trunc = rd_u64(r);
	p.mtime_ns = (int64_t)rd_u64(r);
	p.ctime_ns = (int64_t)rd_u64(r);
	p.nparents = rd_u8(r);
	if (r->err || p.nparents > OP_PARENTS_MAX)
		goto out;
	if (p.nparents) {
		p.parents = calloc(p.nparents, sizeof(*p.parents));
		if (!p.parents) {
			e = -ENOMEM;
			goto out;
		}
	}
	for (i = 0; i < p.nparents; i++)
		op_stamp_read(r, &p.parents[i]);
	e = content_read(r, &p);
	if (e == 0 && (r->err || !op_put_check(&p)))
		e = -EPROTO;
	if (e < 0)
		goto out;

	*ret = p;
	memset(&p, 0, sizeof(p));
out:
	if (e < 0)
		rd_fail(r);
	op_put_done(&p);
	return e;
}

void
op_put_done(struct op_put *p)
{
	free(p->parents);
	free(p->data);
	/* Shared blocks carry keys. */
	if (p->blocks)
		explicit_bzero(p->blocks, p->nblocks * sizeof(*p->blocks));
	free(p->blocks);
	free(p->pages);
	memset(p, 0, sizeof(*p));
}
