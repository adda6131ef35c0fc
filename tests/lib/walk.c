/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/lib/walk.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "crypto/crypto.h"
#include "util/buf.h"

struct walk walk;

void
walk_restart(void)
{
	vault_recover_free(walk.rec);
	walk.rec = NULL;
	ck_assert_int_eq(vault_recover_begin(walk.seed,
	    walk.birth.genesis->data, walk.birth.genesis->len, &walk.rec), 0);
}

void
walk_setup(void)
{
	ck_assert_int_eq(vault_create("first host", &walk.keys, &walk.birth),
	    0);
	memcpy(walk.seed, walk.birth.recovery_seed, 32);
	walk_restart();
}

void
walk_teardown(void)
{
	vault_recover_free(walk.rec);
	vault_birth_done(&walk.birth);
	vault_keys_free(walk.keys);
	memset(&walk, 0, sizeof(walk));
}

int
walk_chain(const struct buf *b)
{
	return vault_recover_chain(walk.rec, b->data, b->len);
}

int
walk_grant(const struct buf *b)
{
	return vault_recover_grant(walk.rec, b->data, b->len);
}

size_t
walk_ndevices(void)
{
	size_t n;

	(void)vault_recover_devices(walk.rec, &n);
	return n;
}

struct chain
walk_known(uint64_t seq, uint8_t (*hash)[32])
{
	struct chain c = { .seq = seq, .hash = hash, .gen = 1 };
	size_t n;
	const struct vault_device *d = vault_recover_devices(walk.rec, &n);

	c.dev = malloc((n + 1) * sizeof(*c.dev));
	ck_assert_ptr_nonnull(c.dev);
	if (n)
		memcpy(c.dev, d, n * sizeof(*d));
	c.ndev = n;
	return c;
}

struct vault_keys *
walk_stranger(const char *label)
{
	struct vault_keys *k = NULL;

	ck_assert_int_eq(vault_keys_new(&k), 0);
	memcpy(k, walk.keys, sizeof(*k));
	ck_assert_int_eq(device_make(k, label), 0);
	return k;
}

struct buf
walk_record_2(const struct vault_keys *author, const struct chain_change *ch)
{
	struct buf b = BUF_INIT(RECORD_MAX);
	uint8_t hash[1][32], h[32];
	struct chain c;

	sha256(walk.birth.chain->data, walk.birth.chain->len, hash[0]);
	c = walk_known(1, hash);
	ck_assert_int_eq(chain_seal(author, &c, ch, &b, h), 0);
	free(c.dev);
	return b;
}
