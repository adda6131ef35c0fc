/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdlib.h>
#include <string.h>

#include "crypto/crypto.h"
#include "util/buf.h"
#include "vault/identity.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t len);

/* Offsets in the body, see FORMAT.md. */
#define RTAG_AT 44
#define ADMIN_AT 88
#define CONTENT_LEN 248

/*
 * Genesis as it comes; and the same as the body of an object that is signed,
 * with the drive's id that belongs to it, so that what lies behind the checks
 * is reached.
 */
static void
as_body(const uint8_t *p, size_t len)
{
	static const char label[] = "coffre/1/drive";
	struct buf body = BUF_INIT(GENESIS_MAX), out = BUF_INIT(GENESIS_MAX);
	struct vault_genesis g;
	struct vault_keys k;
	uint8_t h[SHA256_LEN];

	if (len < CONTENT_LEN)
		return;
	memset(&k, 0, sizeof(k));
	if (sign_public(k.sign_seed, k.self.sign_pub) < 0)
		abort();
	memcpy(k.self.id.b, p + ADMIN_AT, VAULT_ID_LEN);
	memcpy(k.rtag.b, p + RTAG_AT, VAULT_TAG_LEN);
	/* The label, so that the hash can be made in one piece. */
	(void)buf_put(&body, label, sizeof(label));
	(void)buf_put(&body, p, len);
	if (body.err == 0) {
		memcpy(body.data + sizeof(label) + ADMIN_AT + VAULT_ID_LEN,
		    k.self.sign_pub, 32);
		sha256(body.data, sizeof(label) + CONTENT_LEN, h);
		memcpy(k.drive.b, h, VAULT_ID_LEN);
		if (envelope_seal(&k, VAULT_GENESIS, 0, NULL, NULL,
		    body.data + sizeof(label), len, &out, NULL) == 0)
			(void)vault_genesis_open(out.data, out.len, &g);
	}
	buf_done(&body);
	buf_done(&out);
}

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t len)
{
	struct vault_genesis g;

	(void)vault_genesis_open(p, len, &g);
	as_body(p, len);
	return 0;
}
