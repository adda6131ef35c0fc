/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/fuzz/fuzz_vault.h"
#include "vault/merge.h"

/*
 * Each five bytes are an op of one of four devices on one of sixteen nodes,
 * however senseless: views end, show each version once, and do not depend on
 * whether there was one in between.
 */

static int
entry(void *arg, const struct merge_entry *e)
{
	struct buf *b = arg;

	(void)buf_put(b, e->parent.b, VAULT_ID_LEN);
	(void)buf_put(b, e->dentry.b, VAULT_ID_LEN);
	(void)buf_put_u32(b, e->rank);
	(void)buf_put_u8(b, e->is_loser);
	(void)buf_put_u64(b, e->has_version ? e->version.seq : 0);
	(void)buf_put(b, e->name, e->name_len);
	return 0;
}

static void
view(struct merge *m, struct buf *b)
{
	struct merge_visitor v = { .entry = entry, .arg = b };

	buf_reset(b);
	if (merge_view(m, &v) < 0)
		abort();
}

static void
feed(struct merge *m, const uint8_t *p, size_t n, struct buf *between)
{
	static const uint16_t types[] = { OP_CREATE, OP_LINK, OP_PLACE,
		OP_PLACE, OP_DELETE, OP_PUT };
	struct merge_seen seen[4];
	struct merge_op o;
	uint64_t seq[4] = { 0 };
	size_t i, k, dev;

	for (i = 0; i + 5 <= n; i += 5) {
		dev = p[i] & 3;
		for (k = 0; k < 4; k++) {
			seen[k].dev = fix_id((uint8_t)(k + 1));
			seen[k].seq = seq[k] * (p[i + 1] >> (2 * k) & 3) / 3;
		}
		memset(&o, 0, sizeof(o));
		o.type = types[p[i] / 4 % 6];
		o.kind = (uint8_t)(1 + p[i + 4] % 3);
		o.lamport = 1 + p[i + 2] % 32;
		o.seq = ++seq[dev];
		o.node = fix_id((uint8_t)(1 + p[i + 3] % 16));
		o.other = fix_id(p[i + 3] / 16);
		o.name = p + i + 4;
		o.name_len = 1;
		if (merge_author(m, &seen[dev].dev, seen, 4) < 0 ||
		    merge_add(m, &o) < 0)
			abort();
		if (between && p[i] & 0x80)
			view(m, between);
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct buf a = BUF_INIT(FUZZ_BODY_MAX), b = BUF_INIT(FUZZ_BODY_MAX);
	struct merge *one, *two;

	if (n > 4096 || merge_new(&one) < 0 || merge_new(&two) < 0)
		return 0;
	feed(one, p, n, NULL);
	feed(two, p, n, &b);
	view(one, &a);
	view(two, &b);
	if (a.err || a.len != b.len ||
	    (a.len && memcmp(a.data, b.data, a.len) != 0))
		abort();
	merge_free(one);
	merge_free(two);
	buf_done(&a);
	buf_done(&b);
	return 0;
}
