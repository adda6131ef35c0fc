/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "crypto/crypto.h"

#include <assert.h>
#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

/*
 * Secrets get pages of their own between two that cannot be touched:
 *	guard | size of the whole, padding, bytes | guard
 * Few and long-lived (device keys, a passphrase), so the pages do not matter.
 */

#define HEAD 64		/* keeps what follows aligned */

static size_t
page_size(void)
{
	long n = sysconf(_SC_PAGESIZE);

	return n > 0 ? (size_t)n : 4096;
}

void *
crypto_secret_alloc(size_t len)
{
	size_t page = page_size(), inner;
	uint8_t *p;

	if (len > SIZE_MAX / 2)
		return NULL;
	inner = (len + HEAD + page - 1) / page * page;
	p = mmap(NULL, inner + 2 * page, PROT_NONE,
	    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (p == MAP_FAILED)
		return NULL;
	if (mprotect(p + page, inner, PROT_READ | PROT_WRITE) < 0) {
		(void)munmap(p, inner + 2 * page);
		return NULL;
	}
	/* Both are best effort: the limit on locked memory may be small, and
	 * refusing to work would not make the secret any safer. */
	(void)mlock(p + page, inner);
	(void)madvise(p + page, inner, MADV_DONTDUMP);
	*(size_t *)(void *)(p + page) = inner;
	return p + page + HEAD;
}

void
crypto_secret_free(void *p)
{
	size_t page = page_size(), inner;
	uint8_t *at = p;

	if (!p)
		return;
	at -= HEAD;
	inner = *(size_t *)(void *)at;
	assert(inner >= page && inner % page == 0);
	crypto_wipe(at, inner);
	(void)munmap(at - page, inner + 2 * page);
}
