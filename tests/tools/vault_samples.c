/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdio.h>
#include <string.h>

#include "tests/lib/fix_vault.h"
#include "util/buf.h"

/*
 * vault_samples DIR - write one object of every kind of a device's own, as
 * this version makes them, under the fixed keys of the tests.  What lies in
 * tests/vectors/ was made by this; a new version of the format adds samples
 * under new names and keeps the old ones.
 */

static const char *dir;

static int
sample_write(const char *name, const void *p, size_t len)
{
	char path[4096];
	FILE *f;
	int r;

	(void)snprintf(path, sizeof(path), "%s/%s", dir, name);
	f = fopen(path, "wb");
	if (!f)
		return -1;
	r = fwrite(p, 1, len, f) == len ? 0 : -1;
	return fclose(f) == 0 ? r : -1;
}

static int
write_ops(void)
{
	struct op_list l = { .n = 0 };
	struct buf b = BUF_INIT(1 << 20);
	size_t i;
	int r = 0;

	fix_ops(&l);
	for (i = 0; r == 0 && i < l.n; i++)
		r = op_encode(&l.ops[i], &b);
	if (r == 0)
		r = sample_write("v1-ops.bin", b.data, b.len);
	op_list_done(&l);
	buf_done(&b);
	return r;
}

static int
write_journal(const struct vault_keys *k)
{
	uint8_t hash[VAULT_HASH_LEN];
	struct buf b = BUF_INIT(2 << 20);
	struct vault_head h;
	struct segment s;
	int r;

	fix_segment(k, &s);
	fix_head(&h);
	r = segment_seal(k, &s, &b, hash);
	if (r == 0)
		r = sample_write("v1-segment.bin", b.data, b.len);
	buf_reset(&b);
	if (r == 0)
		r = head_seal(k, &h, &b);
	if (r == 0)
		r = sample_write("v1-head.bin", b.data, b.len);
	segment_done(&s);
	buf_done(&b);
	return r;
}

static int
write_pack(const struct vault_keys *k)
{
	struct vault_id a = fix_id(0x11), b = fix_id(0x12);
	uint8_t sealed[1000];
	const uint8_t *data;
	struct block_ref f;
	struct pack *p;
	size_t len;
	int r = pack_new(k, 9, &p);

	if (r < 0)
		return r;
	len = fix_sealed(k, 0x11, 0, 300, sealed);
	r = pack_add(p, &a, VAULT_CLASS_DATA, 0, sealed, len, &f);
	len = fix_sealed(k, 0x12, 70, 1, sealed);
	if (r == 0)
		r = pack_add(p, &b, VAULT_CLASS_MANIFEST, 70, sealed, len,
		    &f);
	if (r == 0)
		r = pack_end(p, &data, &len);
	if (r == 0)
		r = sample_write("v1-pack.bin", data, len);
	pack_free(p);
	return r;
}

static int
write_checkpoint(const struct vault_keys *k)
{
	uint8_t hash[VAULT_HASH_LEN];
	struct buf b = BUF_INIT(1 << 20);
	struct ckpt_page_ref f;
	struct ckpt_node one, two;
	struct ckpt_root root;
	struct ckpt_page *p;
	int r = ckpt_page_new(&p);

	if (r < 0)
		return r;
	fix_node(&one, 0x11, true);
	fix_node(&two, 0x12, false);
	fix_root(&root);
	r = ckpt_page_add(p, &one);
	if (r == 0)
		r = ckpt_page_add(p, &two);
	if (r == 0)
		r = ckpt_page_seal(k, p, 3, &b, &f);
	if (r == 0)
		r = sample_write("v1-page.bin", b.data, b.len);
	buf_reset(&b);
	if (r == 0)
		r = ckpt_root_seal(k, &root, 4, 5, &b, hash);
	if (r == 0)
		r = sample_write("v1-root.bin", b.data, b.len);
	ckpt_page_free(p);
	ckpt_node_done(&one);
	ckpt_node_done(&two);
	ckpt_root_done(&root);
	buf_done(&b);
	return r;
}

int
main(int argc, char **argv)
{
	struct vault_keys *k;
	int r;

	if (argc != 2) {
		(void)fprintf(stderr, "usage: vault_samples DIR\n");
		return 64;
	}
	dir = argv[1];
	k = fix_keys(0xa1);
	r = write_ops();
	if (r == 0)
		r = write_journal(k);
	if (r == 0)
		r = write_pack(k);
	if (r == 0)
		r = write_checkpoint(k);
	vault_keys_free(k);
	if (r == 0)
		return 0;
	(void)fprintf(stderr, "vault_samples: cannot make or write a sample"
	    " (%d)\n", r);
	return 74;
}
