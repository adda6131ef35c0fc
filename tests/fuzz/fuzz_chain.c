/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdlib.h>
#include <string.h>

#include "crypto/crypto.h"
#include "util/buf.h"
#include "vault/identity.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t len);

/*
 * The first byte says what the rest is: 0 a whole record, 1 the body of one
 * that is signed, 2 the sealed content of one that is sealed and signed.  All
 * for a drive made at the start, after its first record.
 */

static struct vault_keys *keys;
static struct vault_birth birth;
static uint8_t prev[VAULT_HASH_LEN];

static void
start(void)
{
	if (keys)
		return;
	if (vault_create("host", &keys, &birth) < 0)
		abort();
	sha256(birth.chain->data, birth.chain->len, prev);
}

static int
make(uint8_t how, const uint8_t *p, size_t len, struct buf *out)
{
	struct buf content = BUF_INIT(RECORD_MAX);
	struct record rec = { .type = VAULT_CHAIN, .seq = 2, .prev = prev };
	uint8_t hash[VAULT_HASH_LEN];
	int r;

	switch (how) {
	case 0:
		return buf_put(out, p, len);
	case 1:
		return envelope_seal(keys, VAULT_CHAIN, 2, prev, NULL, p, len,
		    out, NULL);
	default:
		rec.secret = keys->user_secret;
		rec.secret_len = sizeof(keys->user_secret);
		rec.to = &keys->self;
		rec.nto = 1;
		rec.content = &content;
		r = buf_put(&content, p, len);
		if (r == 0)
			r = record_seal(keys, &rec, out, hash);
		buf_done(&content);
		return r;
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t len)
{
	struct buf b = BUF_INIT(RECORD_MAX + 1);
	struct vault_recovery *r;

	if (len == 0)
		return 0;
	start();
	if (vault_recover_follow(keys, birth.genesis->data,
	    birth.genesis->len, &r) < 0 ||
	    vault_recover_chain(r, birth.chain->data, birth.chain->len) < 0)
		abort();
	if (make(p[0] % 3, p + 1, len - 1, &b) == 0)
		(void)vault_recover_chain(r, b.data, b.len);
	vault_recover_free(r);
	buf_done(&b);
	return 0;
}
