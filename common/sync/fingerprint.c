/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "sync/sync_priv.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "crypto/crypto.h"

static int
by_dev(const void *a, const void *b)
{
	const struct vault_seen *x = a, *y = b;

	return memcmp(x->dev.b, y->dev.b, VAULT_ID_LEN);
}

int
sync_fingerprint(struct drive *d, uint8_t ret[static 16])
{
	static const char label[] = "coffre frontier 1";
	struct vault_seen *all = NULL;
	uint8_t sum[SHA256_LEN], seq[8];
	struct sha256 *h;
	size_t i, n;
	int r;

	r = drive_seen_all(d, &all, &n);
	if (r < 0)
		return r;
	h = sha256_new();
	if (!h) {
		free(all);
		return -ENOMEM;
	}
	if (n)
		qsort(all, n, sizeof(*all), by_dev);
	sha256_add(h, label, sizeof(label));
	for (i = 0; i < n; i++) {
		if (all[i].seq == 0)
			continue;	/* the same as not there */
		put_le64(seq, all[i].seq);
		sha256_add(h, all[i].dev.b, VAULT_ID_LEN);
		sha256_add(h, seq, sizeof(seq));
		sha256_add(h, all[i].hash, VAULT_HASH_LEN);
	}
	sha256_end(h, sum);
	memcpy(ret, sum, 16);
	free(all);
	return 0;
}
