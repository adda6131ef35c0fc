/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "vault/op_parts.h"

#include <errno.h>
#include <stdlib.h>

#include "util/buf.h"

/*
 * Lists of blocks and of manifest pages.  Many blocks of a file lie in few
 * packs, so a list starts with the packs, each once and in the order of its
 * first use, and an entry names its pack by number.
 */

#define PACK_ID_LEN (VAULT_TAG_LEN + 8 + 8)
#define REF_LEN (2 + 4 + 4 + VAULT_HASH_LEN)
#define HOLE_LEN (8 + 1)
#define SHARED_LEN (VAULT_ID_LEN + 8 + VAULT_KEY_LEN)
#define IDX_MAX (OP_SIZE_MAX / VAULT_BLOCK_SIZE)

/* The longest manifest page must fit one block. */
_Static_assert(4 + 2 + VAULT_MANIFEST_MAX *
    (PACK_ID_LEN + HOLE_LEN + REF_LEN + SHARED_LEN) <= VAULT_BLOCK_SIZE,
    "manifest page");
_Static_assert(VAULT_PAGES_MAX <= UINT16_MAX, "pack numbers are 16 bits");

/* Packs seen so far while a list is written: an open-addressed table of
 * numbers into packs. */
struct packtab {
	uint16_t *slot;		/* number + 1, 0: free */
	size_t mask;
	const struct pack_id **packs;
	uint16_t *of;		/* pack number of each entry */
	uint32_t n;
};

static bool
pack_id_eq(const struct pack_id *a, const struct pack_id *b)
{
	return a->n == b->n && a->rand == b->rand &&
	    memcmp(a->dtag.b, b->dtag.b, VAULT_TAG_LEN) == 0;
}

static int
packtab_init(struct packtab *t, size_t n)
{
	size_t cap = 16;

	memset(t, 0, sizeof(*t));
	while (cap < 2 * n)
		cap *= 2;
	t->mask = cap - 1;
	t->slot = calloc(cap, sizeof(*t->slot));
	t->packs = calloc(n + 1, sizeof(*t->packs));
	t->of = calloc(n + 1, sizeof(*t->of));
	return t->slot && t->packs && t->of ? 0 : -ENOMEM;
}

static void
packtab_done(struct packtab *t)
{
	free(t->slot);
	free(t->packs);
	free(t->of);
}

static uint16_t
packtab_add(struct packtab *t, const struct pack_id *p)
{
	size_t at;

	/* Neighbours are mostly in one pack. */
	if (t->n && pack_id_eq(t->packs[t->n - 1], p))
		return (uint16_t)(t->n - 1);
	at = (size_t)((p->rand ^ p->n * 0x9e3779b97f4a7c15u) >> 7) & t->mask;
	for (; t->slot[at]; at = (at + 1) & t->mask)
		if (pack_id_eq(t->packs[t->slot[at] - 1], p))
			return (uint16_t)(t->slot[at] - 1);
	t->packs[t->n++] = p;
	t->slot[at] = (uint16_t)t->n;
	return (uint16_t)(t->n - 1);
}

static void
packtab_write(struct buf *out, const struct packtab *t)
{
	uint32_t i;

	(void)buf_put_u16(out, (uint16_t)t->n);
	for (i = 0; i < t->n; i++) {
		(void)buf_put(out, t->packs[i]->dtag.b, VAULT_TAG_LEN);
		(void)buf_put_u64(out, t->packs[i]->n);
		(void)buf_put_u64(out, t->packs[i]->rand);
	}
}

static bool
ref_check(const struct block_ref *f)
{
	return f->len >= 1 && f->len <= VAULT_BLOCK_SIZE &&
	    f->off <= VAULT_PACK_MAX &&
	    f->len + VAULT_SEAL_OVERHEAD <= VAULT_PACK_MAX - f->off;
}

static void
ref_write(struct buf *out, uint16_t pack, const struct block_ref *f)
{
	(void)buf_put_u16(out, pack);
	(void)buf_put_u32(out, f->off);
	(void)buf_put_u32(out, f->len);
	(void)buf_put(out, f->sha, VAULT_HASH_LEN);
}

/* The table as read, and how many have been named so far. */
struct packs {
	struct pack_id *ids;
	uint16_t n, used;
};

/* There is one way only to write a list: each pack is in the table once. */
static int
packs_check(const struct packs *p)
{
	struct packtab t;
	uint16_t i;
	int r = packtab_init(&t, p->n);

	for (i = 0; r == 0 && i < p->n; i++)
		if (packtab_add(&t, &p->ids[i]) != i)
			r = -EPROTO;
	packtab_done(&t);
	return r;
}

/* Caller frees ret->ids. */
static int
packs_read(struct rd *r, struct packs *ret)
{
	uint16_t i;

	ret->n = rd_u16(r);
	ret->used = 0;
	ret->ids = NULL;
	if (r->err || ret->n > r->left / PACK_ID_LEN) {
		rd_fail(r);
		return -EPROTO;
	}
	ret->ids = calloc(ret->n ? ret->n : 1, sizeof(*ret->ids));
	if (!ret->ids)
		return -ENOMEM;
	for (i = 0; i < ret->n; i++) {
		rd_copy(r, ret->ids[i].dtag.b, VAULT_TAG_LEN);
		ret->ids[i].n = rd_u64(r);
		ret->ids[i].rand = rd_u64(r);
	}
	return packs_check(ret);
}

static void
ref_read(struct rd *r, struct packs *t, struct block_ref *ret)
{
	uint16_t i = rd_u16(r);

	/* And in the order of first use. */
	if (r->err || i >= t->n || i > t->used) {
		rd_fail(r);
		return;
	}
	if (i == t->used)
		t->used++;
	ret->pack = t->ids[i];
	ret->off = rd_u32(r);
	ret->len = rd_u32(r);
	rd_copy(r, ret->sha, VAULT_HASH_LEN);
	if (!ref_check(ret))
		rd_fail(r);
}

/* ---- blocks ------------------------------------------------------------ */

static bool
block_check(const struct op_block *b, uint64_t size)
{
	if (b->idx >= IDX_MAX)
		return false;
	switch (b->kind) {
	case OP_BLOCK_HOLE:
		return true;
	case OP_BLOCK_DATA:
	case OP_BLOCK_SHARED:
		/* What lay behind the end would come back when it grows. */
		return b->idx * VAULT_BLOCK_SIZE < size &&
		    b->from_idx < IDX_MAX && ref_check(&b->ref);
	default:
		return false;
	}
}

bool
op_blocks_check(const struct op_block *b, size_t n, uint64_t size)
{
	size_t i;

	for (i = 0; i < n; i++)
		if (!block_check(&b[i], size) ||
		    (i && b[i].idx <= b[i - 1].idx))
			return false;
	return true;
}

static int
blocks_tab(struct packtab *t, const struct op_block *b, size_t n)
{
	size_t i;
	int r = packtab_init(t, n);

	for (i = 0; r == 0 && i < n; i++)
		if (b[i].kind != OP_BLOCK_HOLE)
			t->of[i] = packtab_add(t, &b[i].ref.pack);
	return r;
}

int
op_blocks_write(struct buf *out, const struct op_block *b, size_t n)
{
	struct packtab t;
	size_t i;
	int r = blocks_tab(&t, b, n);

	if (r < 0)
		goto out;
	(void)buf_put_u32(out, (uint32_t)n);
	packtab_write(out, &t);
	for (i = 0; i < n; i++) {
		(void)buf_put_u64(out, b[i].idx);
		(void)buf_put_u8(out, b[i].kind);
		if (b[i].kind == OP_BLOCK_HOLE)
			continue;
		ref_write(out, t.of[i], &b[i].ref);
		if (b[i].kind != OP_BLOCK_SHARED)
			continue;
		(void)buf_put(out, b[i].from.b, VAULT_ID_LEN);
		(void)buf_put_u64(out, b[i].from_idx);
		(void)buf_put(out, b[i].from_key, VAULT_KEY_LEN);
	}
	r = out->err;
out:
	packtab_done(&t);
	return r;
}

static size_t
tab_size(const struct packtab *t)
{
	return 4 + 2 + (size_t)t->n * PACK_ID_LEN;
}

size_t
op_blocks_size(const struct op_block *b, size_t n)
{
	struct packtab t;
	size_t i, len = 0;

	if (blocks_tab(&t, b, n) < 0)
		goto out;
	len = tab_size(&t) + n * HOLE_LEN;
	for (i = 0; i < n; i++) {
		if (b[i].kind != OP_BLOCK_HOLE)
			len += REF_LEN;
		if (b[i].kind == OP_BLOCK_SHARED)
			len += SHARED_LEN;
	}
out:
	packtab_done(&t);
	return len;
}

static void
block_read(struct rd *r, struct packs *t, struct op_block *ret)
{
	ret->idx = rd_u64(r);
	ret->kind = rd_u8(r);
	if (ret->kind == OP_BLOCK_HOLE)
		return;
	ref_read(r, t, &ret->ref);
	if (ret->kind != OP_BLOCK_SHARED)
		return;
	rd_copy(r, ret->from.b, VAULT_ID_LEN);
	ret->from_idx = rd_u64(r);
	rd_copy(r, ret->from_key, VAULT_KEY_LEN);
}

int
op_blocks_read(struct rd *r, size_t max, struct op_block **ret, size_t *ret_n)
{
	struct op_block *b = NULL;
	struct packs t;
	size_t i, n = rd_u32(r);
	int e;

	/* Count against what is there before anything is allocated. */
	if (r->err || n > max || n > r->left / HOLE_LEN) {
		rd_fail(r);
		return -EPROTO;
	}
	e = packs_read(r, &t);
	if (e < 0)
		goto out;
	b = calloc(n ? n : 1, sizeof(*b));
	e = b ? 0 : -ENOMEM;
	for (i = 0; e == 0 && i < n && !r->err; i++)
		block_read(r, &t, &b[i]);
	if (e == 0 && (r->err || t.used != t.n))
		e = -EPROTO;
	if (e < 0)
		goto out;

	*ret = b;
	b = NULL;
	*ret_n = n;
out:
	if (e < 0)
		rd_fail(r);
	free(t.ids);
	free(b);
	return e;
}

int
op_blocks_encode(const struct op_block *b, size_t n, struct buf *out)
{
	if (n > VAULT_MANIFEST_MAX || !op_blocks_check(b, n, OP_SIZE_MAX))
		return -EINVAL;
	return op_blocks_write(out, b, n);
}

int
op_blocks_decode(const void *p, size_t len, struct op_block **ret,
    size_t *ret_n)
{
	struct rd r = rd_of(p, len);
	struct op_block *b = NULL;
	size_t n = 0;
	int e = op_blocks_read(&r, VAULT_MANIFEST_MAX, &b, &n);

	if (e == 0 && (rd_end(&r) < 0 ||
	    !op_blocks_check(b, n, OP_SIZE_MAX))) {
		free(b);
		e = -EPROTO;
	}
	if (e < 0)
		return e;
	*ret = b;
	*ret_n = n;
	return 0;
}

/* ---- manifest pages ---------------------------------------------------- */

bool
op_pages_check(const struct op_page *p, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++)
		if (p[i].first_idx >= IDX_MAX || !ref_check(&p[i].ref) ||
		    (i && p[i].first_idx <= p[i - 1].first_idx))
			return false;
	return true;
}

static int
pages_tab(struct packtab *t, const struct op_page *p, size_t n)
{
	size_t i;
	int r = packtab_init(t, n);

	for (i = 0; r == 0 && i < n; i++)
		t->of[i] = packtab_add(t, &p[i].ref.pack);
	return r;
}

int
op_pages_write(struct buf *out, const struct op_page *p, size_t n)
{
	struct packtab t;
	size_t i;
	int r = pages_tab(&t, p, n);

	if (r < 0)
		goto out;
	(void)buf_put_u32(out, (uint32_t)n);
	packtab_write(out, &t);
	for (i = 0; i < n; i++) {
		(void)buf_put_u64(out, p[i].first_idx);
		ref_write(out, t.of[i], &p[i].ref);
	}
	r = out->err;
out:
	packtab_done(&t);
	return r;
}

size_t
op_pages_size(const struct op_page *p, size_t n)
{
	struct packtab t;
	size_t len = 0;

	if (pages_tab(&t, p, n) == 0)
		len = tab_size(&t) + n * (8 + REF_LEN);
	packtab_done(&t);
	return len;
}

int
op_pages_read(struct rd *r, size_t max, struct op_page **ret, size_t *ret_n)
{
	struct op_page *p = NULL;
	struct packs t;
	size_t i, n = rd_u32(r);
	int e;

	if (r->err || n > max || n > r->left / (8 + REF_LEN)) {
		rd_fail(r);
		return -EPROTO;
	}
	e = packs_read(r, &t);
	if (e < 0)
		goto out;
	p = calloc(n ? n : 1, sizeof(*p));
	e = p ? 0 : -ENOMEM;
	for (i = 0; e == 0 && i < n && !r->err; i++) {
		p[i].first_idx = rd_u64(r);
		ref_read(r, &t, &p[i].ref);
	}
	if (e == 0 && (r->err || t.used != t.n))
		e = -EPROTO;
	if (e < 0)
		goto out;

	*ret = p;
	p = NULL;
	*ret_n = n;
out:
	if (e < 0)
		rd_fail(r);
	free(t.ids);
	free(p);
	return e;
}
