/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>

#include "tests/fuzz/fuzz_vault.h"
#include "vault/ckpt_parts.h"

static int
visit(void *arg, const struct ckpt_node *n)
{
	struct buf *b = arg;

	/* What was read can be written. */
	if (ckpt_node_write(b, n) == -EINVAL)
		abort();
	return 0;
}

static void
try(const struct ckpt_page_ref *ref, const void *p, size_t n)
{
	const struct vault_keys *k = fuzz_keys();
	struct buf b = BUF_INIT(FUZZ_BODY_MAX);

	(void)ckpt_page_open(k, &k->self, ref, p, n, visit, &b);
	buf_done(&b);
}

/* The reference fits the input: first id and sum as a reader would have
 * them, the sum for as much of it as parses. */
static void
ref_make(const uint8_t *p, size_t n, struct ckpt_page_ref *ret)
{
	const struct vault_keys *k = fuzz_keys();
	struct rd r = rd_of(p, n);
	struct ckpt_node node;
	uint32_t i, count = rd_u32(&r);

	memset(ret, 0, sizeof(*ret));
	ret->n = 1;
	memcpy(ret->dtag, k->dtag.b, VAULT_TAG_LEN);
	for (i = 0; i < count; i++) {
		if (ckpt_node_read(&r, &node) < 0)
			break;
		if (i == 0)
			ret->first = node.id;
		ckpt_node_done(&node);
	}
	sha256(p, n - r.left, ret->sum);
}

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct ckpt_page_ref ref;
	struct buf b;

	ref_make(p, n, &ref);
	b = fuzz_seal(VAULT_PAGE, p, n, ref.sha);
	try(&ref, b.data, b.len);
	sha256(p, n, ref.sha);
	try(&ref, p, n);
	buf_done(&b);
	return 0;
}
