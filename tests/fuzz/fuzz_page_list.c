/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A manifest page as it comes from the store: as bytes of its own choice, and
 * as what a device of the drive has sealed. */
#include "tests/fuzz/fuzz_vault.h"

#include "crypto/crypto.h"
#include "store/backend.h"
#include "sync/sync_priv.h"

static const uint8_t file_key[VAULT_KEY_LEN] = { 1, 2, 3 };

/* Get what lies there as the page with this reference. */
static int
page_get(const struct op_page *page, const void *box, size_t len)
{
	struct page_source src = { .keys = fuzz_keys() };
	const struct vault_id inode = fix_id(3);
	char name[VAULT_PATH_MAX];
	struct op_block *list;
	size_t n;
	int r;

	if (store_mem_new(&src.store) < 0)
		abort();
	vault_name_pack(&src.keys->rtag, &page->ref.pack, name);
	if (store_put(src.store, name, box, len, 0) < 0)
		abort();
	r = page_list_get(&src, &inode, file_key, page, &list, &n);
	if (r == 0)
		free(list);
	store_close(src.store);
	return r;
}

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct op_page page = { .first_idx = 7 };
	const struct vault_id inode = fix_id(3);
	uint8_t aad[VAULT_BLOCK_AAD_LEN], *box;
	struct op_block *list;
	struct aead *key;
	size_t count;
	int r, want;

	if (n == 0 || n > VAULT_BLOCK_SIZE)
		return 0;
	box = malloc(n + AEAD_OVERHEAD);
	if (!box || vault_file_key(file_key, &key) < 0)
		abort();
	page.ref = fix_ref(1, 0, (uint32_t)n);
	vault_block_aad(&fuzz_keys()->drive, &fuzz_keys()->realm, &inode,
	    VAULT_CLASS_MANIFEST, page.first_idx, aad);
	if (aead_seal_box(key, aad, sizeof(aad), p, n, box) < 0)
		abort();
	/* The hash is of other bytes. */
	if (page_get(&page, box, n + AEAD_OVERHEAD) == 0)
		abort();
	sha256(box, n + AEAD_OVERHEAD, page.ref.sha);
	r = page_get(&page, box, n + AEAD_OVERHEAD);
	want = op_blocks_decode(p, n, &list, &count);
	if (want == 0)
		free(list);
	if ((r == 0) != (want == 0))
		abort();
	/* The hash is right, and it was not sealed. */
	if (n > AEAD_OVERHEAD) {
		page.ref.len = (uint32_t)(n - AEAD_OVERHEAD);
		sha256(p, n, page.ref.sha);
		if (page_get(&page, p, n) == 0)
			abort();
	}
	aead_free(key);
	free(box);
	return 0;
}
