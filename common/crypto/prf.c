/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "crypto/crypto.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "crypto/internal.h"

/*
 * AES-256-CMAC (SP 800-38B) of a | p, as CBC over a buffer: the library's
 * own CMAC takes four times as long, most of it in setting up.
 */

struct prf {
	uint64_t serial;
	uint8_t key[32];
	uint8_t k1[16], k2[16];
};

#define CHUNK 512	/* a folder's number and the longest name fit in */

void
cmac_double(const uint8_t in[static 16], uint8_t out[static 16])
{
	uint8_t top = in[0] >> 7;
	int i;

	for (i = 0; i < 15; i++)
		out[i] = (uint8_t)(in[i] << 1 | in[i + 1] >> 7);
	/* No branch on a secret bit. */
	out[15] = (uint8_t)(in[15] << 1) ^ (uint8_t)(0x87 & -top);
}

/* Encrypt n bytes (whole blocks) in place, continuing the chain. */
static void
cbc(struct crypto_thread *t, uint8_t *p, size_t n)
{
	int len;

	if (EVP_EncryptUpdate(t->cbc, p, &len, p, (int)n) != 1)
		abort();
}

static void
cbc_start(struct crypto_thread *t, const struct prf *f)
{
	static const uint8_t zero[16];
	const uint8_t *key = t->cbc_serial == f->serial ? NULL : f->key;

	if (EVP_EncryptInit_ex2(t->cbc, NULL, key, zero, NULL) != 1)
		abort();
	t->cbc_serial = f->serial;
}

int
prf_new(const uint8_t key[static 32], struct prf **ret)
{
	struct crypto_thread *t = crypto_thread();
	uint8_t l[16] = { 0 };
	struct prf *f;

	f = calloc(1, sizeof(*f));
	if (!f)
		return -ENOMEM;
	f->serial = crypto_serial();
	memcpy(f->key, key, sizeof(f->key));
	cbc_start(t, f);
	cbc(t, l, sizeof(l));
	cmac_double(l, f->k1);
	cmac_double(f->k1, f->k2);
	crypto_wipe(l, sizeof(l));
	*ret = f;
	return 0;
}

void
prf_eval(const struct prf *f, uint64_t a, const void *p, size_t len,
    uint8_t out[static 16])
{
	struct crypto_thread *t = crypto_thread();
	const uint8_t *in = p, *k;
	uint8_t b[CHUNK];
	size_t n, take;

	for (n = 0; n < 8; n++)
		b[n] = (uint8_t)(a >> 8 * n);
	cbc_start(t, f);
	while (len > CHUNK - n) {
		take = CHUNK - n;
		memcpy(b + n, in, take);
		cbc(t, b, CHUNK);
		in += take;
		len -= take;
		n = 0;
	}
	if (len)
		memcpy(b + n, in, len);
	n += len;

	k = f->k1;
	if (n % 16 != 0) {
		k = f->k2;
		b[n++] = 0x80;
		while (n % 16 != 0)
			b[n++] = 0;
	}
	for (take = 0; take < 16; take++)
		b[n - 16 + take] ^= k[take];
	cbc(t, b, n);
	memcpy(out, b + n - 16, 16);
}

void
prf_free(struct prf *f)
{
	if (!f)
		return;
	crypto_wipe(f, sizeof(*f));
	free(f);
}
