/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TESTS_FIX_VAULT_H
#define TESTS_FIX_VAULT_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "crypto/crypto.h"
#include "vault/vault.h"

/*
 * fix_vault - keys and contents that are the same in every run: what the
 * frozen samples in tests/vectors/ were made from.  Header only, so that unit
 * tests, tools and fuzz targets can all have it.  Never change a value: add
 * new ones.
 */

static inline struct vault_id
fix_id(uint8_t b)
{
	struct vault_id id;

	memset(id.b, b, sizeof(id.b));
	return id;
}

/* Keys of device `who` of one drive; the same secrets of the realm. */
static inline struct vault_keys *
fix_keys(uint8_t who)
{
	struct vault_keys *k;

	if (crypto_init() < 0 || vault_keys_new(&k) < 0)
		abort();
	k->drive = fix_id(0xd1);
	k->user = fix_id(0xd2);
	k->realm = fix_id(0xd3);
	memset(k->utag.b, 0xd4, VAULT_TAG_LEN);
	memset(k->rtag.b, 0xd5, VAULT_TAG_LEN);
	k->epoch = 1;
	memset(k->epoch_secret, 0xe1, sizeof(k->epoch_secret));
	memset(k->name_key, 0xe2, sizeof(k->name_key));
	memset(k->sign_seed, who, sizeof(k->sign_seed));
	memset(k->dh_secret, who ^ 0x80, sizeof(k->dh_secret));
	memset(k->local_key, who ^ 0x40, sizeof(k->local_key));
	k->self.id = fix_id(who);
	k->self.is_admin = k->self.is_writer = true;
	(void)snprintf(k->self.label, sizeof(k->self.label), "host %u", who);
	if (sign_public(k->sign_seed, k->self.sign_pub) < 0 ||
	    dh_public(k->dh_secret, k->self.dh_pub) < 0)
		abort();
	vault_device_tag(k, &k->self.id, &k->dtag);
	return k;
}

static inline struct block_ref
fix_ref(uint8_t pack, uint32_t off, uint32_t len)
{
	struct block_ref f;

	memset(&f, 0, sizeof(f));
	memset(f.pack.dtag.b, 0x70, VAULT_TAG_LEN);
	f.pack.n = pack;
	f.pack.rand = 0x1122334455667700u + pack;
	f.off = off;
	f.len = len;
	memset(f.sha, (int)(pack ^ off), VAULT_HASH_LEN);
	return f;
}

static inline struct op_attr
fix_attr(void)
{
	struct op_attr a = { .mask = OP_ATTR_ALL, .mode = 0644, .uid = 0,
		.gid = 1001, .atime_ns = 1600000000000000001,
		.mtime_ns = 1600000000000000002, .ctime_ns = -3,
		.btime_ns = 4 };

	return a;
}

static inline struct op_stamp
fix_stamp(uint8_t dev, uint64_t lamport, uint64_t seq)
{
	struct op_stamp s = { .lamport = lamport, .dev = fix_id(dev),
		.seq = seq };

	return s;
}

static inline void *
fix_copy(const void *p, size_t len)
{
	void *q = malloc(len);

	if (!q)
		abort();
	memcpy(q, p, len);
	return q;
}

/* Three blocks in two packs, one hole, one shared. */
static inline void
fix_blocks(struct op_put *p)
{
	struct op_block b[4];

	memset(b, 0, sizeof(b));
	b[0].idx = 0;
	b[0].kind = OP_BLOCK_DATA;
	b[0].ref = fix_ref(1, 104, VAULT_BLOCK_SIZE);
	b[1].idx = 1;
	b[1].kind = OP_BLOCK_HOLE;
	b[2].idx = 5;
	b[2].kind = OP_BLOCK_SHARED;
	b[2].ref = fix_ref(2, 4096, 77);
	b[2].from = fix_id(0x33);
	b[2].from_idx = 9;
	memset(b[2].from_key, 0x44, VAULT_KEY_LEN);
	b[3].idx = 6;
	b[3].kind = OP_BLOCK_DATA;
	b[3].ref = fix_ref(1, 131216, 1000);
	p->size = 6 * (uint64_t)VAULT_BLOCK_SIZE + 1000;
	p->blocks = (struct op_block *)fix_copy(b, sizeof(b));
	p->nblocks = 4;
}

static inline struct op *
fix_op(struct op_list *l, uint16_t type, uint8_t node)
{
	struct op *o = op_list_add(l);

	if (!o)
		abort();
	o->type = type;
	if (node)
		o->node = fix_id(node);
	return o;
}

static inline void
fix_puts(struct op_list *l)
{
	struct op_stamp parents[2] = { fix_stamp(0xa1, 5, 2),
		fix_stamp(0xb2, 6, 1) };
	struct op *o = fix_op(l, OP_PUT, 0x11);

	o->put.mtime_ns = 1600000000000000005;
	o->put.ctime_ns = 1600000000000000006;
	o->put.parents = (struct op_stamp *)fix_copy(parents,
	    sizeof(parents));
	o->put.nparents = 2;
	o->put.trunc = 100;
	fix_blocks(&o->put);

	o = fix_op(l, OP_PUT, 0x12);
	o->put.is_inline = true;
	o->put.size = o->put.data_len = 5;
	o->put.data = (uint8_t *)fix_copy("hello", 5);

	o = fix_op(l, OP_PUT, 0x13);
	o->put.size = (uint64_t)1 << 40;
	o->put.pages = (struct op_page *)calloc(2, sizeof(*o->put.pages));
	if (!o->put.pages)
		abort();
	o->put.npages = 2;
	o->put.pages[0].first_idx = 3;
	o->put.pages[0].ref = fix_ref(3, 104, 50000);
	o->put.pages[1].first_idx = 963;
	o->put.pages[1].ref = fix_ref(3, 60000, 40000);
}

/* One op of every kind. */
static inline void
fix_ops(struct op_list *l)
{
	struct op *o = fix_op(l, OP_CREATE, 0x11);

	o->create.kind = OP_KIND_FILE;
	o->create.attr = fix_attr();
	memset(o->create.key, 0x22, VAULT_KEY_LEN);
	o = fix_op(l, OP_CREATE, 0x15);
	o->create.kind = OP_KIND_SYMLINK;
	o->create.attr = fix_attr();
	o->create.target = (uint8_t *)fix_copy("../there", 8);
	o->create.target_len = 8;
	o = fix_op(l, OP_LINK, 0x16);
	o->link.inode = fix_id(0x11);
	o = fix_op(l, OP_PLACE, 0x11);
	memcpy(o->place.name, "na\xc3\xafve.txt", 10);
	o->place.name_len = 10;
	o->place.replaces = fix_id(0x17);
	o = fix_op(l, OP_DELETE, 0x18);
	fix_puts(l);
	o = fix_op(l, OP_ATTR, 0x11);
	o->attr.mask = OP_ATTR_MODE | OP_ATTR_MTIME;
	o->attr.mode = 0600;
	o->attr.mtime_ns = 7;
	o = fix_op(l, OP_XATTR, 0x11);
	memcpy(o->xattr.name, "user.note", 9);
	o->xattr.name_len = 9;
	o->xattr.value = (uint8_t *)fix_copy("blue", 4);
	o->xattr.value_len = 4;
	o = fix_op(l, OP_XATTR, 0x11);
	memcpy(o->xattr.name, "user.old", 8);
	o->xattr.name_len = 8;
	o->xattr.is_removed = true;
	o = fix_op(l, OP_CHECKPOINT, 0);
	o->checkpoint.n = 4;
	o->checkpoint.rand = 0x0102030405060708;
	memset(o->checkpoint.sha, 0x19, VAULT_HASH_LEN);
	(void)fix_op(l, OP_HEARTBEAT, 0);
}

static inline void
fix_seen(struct vault_seen *s, uint8_t dev, uint64_t lamport)
{
	memset(s, 0, sizeof(*s));
	s->dev = fix_id(dev);
	s->seq = 3;
	memset(s->hash, dev ^ 0xff, VAULT_HASH_LEN);
	s->op_seq = 8;
	s->lamport = lamport;
}

static inline void
fix_segment(const struct vault_keys *k, struct segment *s)
{
	memset(s, 0, sizeof(*s));
	s->seq = 7;
	memset(s->prev, 0x5e, VAULT_HASH_LEN);
	s->dev = k->self.id;
	s->first_op = 21;
	s->lamport = 1000;
	s->wall_ns = 1600000000000000009;
	s->seen = (struct vault_seen *)calloc(2, sizeof(*s->seen));
	if (!s->seen)
		abort();
	s->nseen = 2;
	fix_seen(&s->seen[0], 0xb2, 999);
	fix_seen(&s->seen[1], 0xc3, 17);
	fix_ops(&s->ops);
}

static inline void
fix_head(struct vault_head *h)
{
	memset(h, 0, sizeof(*h));
	h->seq = 7;
	memset(h->hash, 0x51, VAULT_HASH_LEN);
	h->op_seq = 33;
	h->lamport = 1012;
	h->heartbeat_ns = 1600000000000000010;
	h->ckpt_n = 4;
	h->ckpt_rand = 5;
	memset(h->ckpt_sha, 0x52, VAULT_HASH_LEN);
}

/* A sealed block of len plaintext bytes, all of them b. */
static inline size_t
fix_sealed(const struct vault_keys *k, uint8_t b, uint64_t idx, size_t len,
    uint8_t *out)
{
	uint8_t aad[VAULT_BLOCK_AAD_LEN], key[VAULT_KEY_LEN];
	struct vault_id inode = fix_id(b);
	uint8_t *plain = (uint8_t *)malloc(len);
	struct aead *a;

	memset(key, b, sizeof(key));
	if (!plain || vault_file_key(key, &a) < 0)
		abort();
	memset(plain, b, len);
	vault_block_aad(&k->drive, &k->realm, &inode, VAULT_CLASS_DATA, idx,
	    aad);
	if (aead_seal_box(a, aad, sizeof(aad), plain, len, out) < 0)
		abort();
	aead_free(a);
	free(plain);
	return len + AEAD_OVERHEAD;
}

/* Node `b` of a checkpoint: every field used, when full. */
static inline void
fix_node(struct ckpt_node *n, uint8_t b, bool full)
{
	memset(n, 0, sizeof(*n));
	n->id = fix_id(b);
	n->kind = OP_KIND_FILE;
	n->attr = fix_attr();
	memset(n->key, b, VAULT_KEY_LEN);
	n->created = fix_stamp(0xa1, 3, 1);
	n->ndentries = full ? 2 : 1;
	n->dentries = (struct ckpt_dentry *)calloc(2, sizeof(*n->dentries));
	if (!n->dentries)
		abort();
	n->dentries[0].id = n->id;
	memcpy(n->dentries[0].name, "one", 3);
	n->dentries[0].name_len = 3;
	n->dentries[0].placed = fix_stamp(0xa1, 4, 2);
	if (!full)
		return;
	n->version = fix_stamp(0xb2, 6, 1);
	n->dentries[1].id = fix_id(0x7a);
	n->dentries[1].parent = fix_id(0x7b);
	memcpy(n->dentries[1].name, "two", 3);
	n->dentries[1].name_len = 3;
	n->dentries[1].placed = fix_stamp(0xb2, 9, 3);
	n->nxattrs = 1;
	n->xattrs = (struct ckpt_xattr *)calloc(1, sizeof(*n->xattrs));
	if (!n->xattrs)
		abort();
	n->xattrs[0].name = (uint8_t *)fix_copy("user.a", 6);
	n->xattrs[0].name_len = 6;
	n->xattrs[0].value = (uint8_t *)fix_copy("xyz", 3);
	n->xattrs[0].value_len = 3;
	fix_blocks(&n->content);
}

static inline void
fix_root(struct ckpt_root *r)
{
	memset(r, 0, sizeof(*r));
	r->frontier = (struct vault_seen *)calloc(2, sizeof(*r->frontier));
	r->pages = (struct ckpt_page_ref *)calloc(2, sizeof(*r->pages));
	if (!r->frontier || !r->pages)
		abort();
	r->nfrontier = r->npages = 2;
	fix_seen(&r->frontier[0], 0xa1, 1012);
	fix_seen(&r->frontier[1], 0xb2, 999);
	r->lamport = 1012;
	r->root_attr = fix_attr();
	r->root_attr.mode = 0755;
	r->pages[0].n = 1;
	r->pages[0].rand = 2;
	memset(r->pages[0].dtag, 0x61, VAULT_TAG_LEN);
	memset(r->pages[0].sha, 0x62, VAULT_HASH_LEN);
	memset(r->pages[0].sum, 0x63, VAULT_HASH_LEN);
	r->pages[0].first = fix_id(0x10);
	r->pages[1] = r->pages[0];
	r->pages[1].n = 2;
	r->pages[1].first = fix_id(0x80);
}

#endif
