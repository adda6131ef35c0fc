/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "sync/ckpt_known.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The default function makes clang complain of its switch. */
#define HASH_FUNCTION HASH_FNV

#include "util/hash.h"

#define KEPT_MAX (1u << 17)	/* pages of either kind, some 200 bytes each */

struct page {
	uint8_t sum[VAULT_HASH_LEN];
	struct ckpt_page_ref ref;
	enum { PAGE_BEFORE, PAGE_READY, PAGE_PUT } state;
	UT_hash_handle hh;
};

struct ckpt_known {
	struct page *pages;
	struct page_cache *lists;
	char last[VAULT_PATH_MAX];	/* newest object put; "": none */
};

void
ckpt_known_free(struct ckpt_known *k)
{
	struct page *p, *next;

	if (!k)
		return;
	p = k->pages;
	HASH_CLEAR(hh, k->pages);	/* the table; the chain is left */
	for (; p; p = next) {
		next = p->hh.next;
		free(p);
	}
	page_cache_free(k->lists);
	free(k);
}

const struct ckpt_page_ref *
ckpt_known_find(struct ckpt_known *k, const uint8_t sum[static VAULT_HASH_LEN])
{
	struct page *p;

	HASH_FIND(hh, k->pages, sum, VAULT_HASH_LEN, p);
	return p ? &p->ref : NULL;
}

int
ckpt_known_add(struct ckpt_known *k, const struct ckpt_page_ref *ref,
    bool is_ready)
{
	struct page *p;

	if (ckpt_known_find(k, ref->sum))
		return 0;
	p = calloc(1, sizeof(*p));
	if (!p)
		return -ENOMEM;
	memcpy(p->sum, ref->sum, VAULT_HASH_LEN);
	p->ref = *ref;
	p->state = is_ready ? PAGE_READY : PAGE_BEFORE;
	HASH_ADD(hh, k->pages, sum, VAULT_HASH_LEN, p);
	if (HASH_IS_OUT(p)) {
		free(p);
		return -ENOMEM;
	}
	return 0;
}

struct page_cache *
ckpt_known_lists(struct ckpt_known *k)
{
	return k->lists;
}

void
ckpt_known_settle(struct ckpt_known *k, const char *last)
{
	struct page *p;

	for (p = k->pages; p; p = p->hh.next)
		if (p->state == PAGE_READY)
			p->state = PAGE_PUT;
	page_cache_settle(k->lists);
	(void)snprintf(k->last, sizeof(k->last), "%s", last);
}

/* ---- from one try to the next ---- */

/* What others refer to can be had again, what was not put is nowhere. */
void
ckpt_known_keep(struct sync *s, struct ckpt_known *k)
{
	struct page *p, *next;
	size_t n;

	HASH_ITER(hh, k->pages, p, next) {
		if (p->state == PAGE_PUT)
			continue;
		HASH_DEL(k->pages, p);
		free(p);
	}
	n = HASH_COUNT(k->pages) + page_cache_trim(k->lists);
	checkpoint_forget(s);
	if (n > 0 && n <= KEPT_MAX)
		s->ckpt_kept = k;
	else
		ckpt_known_free(k);
}

void
checkpoint_forget(struct sync *s)
{
	ckpt_known_free(s->ckpt_kept);
	s->ckpt_kept = NULL;
}

/* A store that went back in time may have lost it, but not if the newest of
 * it is there. */
static int
kept_look(struct sync *s)
{
	struct buf b = BUF_INIT(16);
	struct backoff wait = { 0 };
	int r;

	do {
		r = object_get_range(s->store, s->ckpt_kept->last, 0, 1,
		    OBJECT_ONCE, &b);
		if (r != -ENOENT && r != -ERANGE)
			sync_note(s, r, false);
	} while (store_transient(r) && sync_backoff(s, r, &wait));
	buf_done(&b);
	return r;
}

int
ckpt_known_new(struct sync *s, struct ckpt_known **ret)
{
	struct ckpt_known *k;
	int r = 0;

	if (s->ckpt_kept)
		r = kept_look(s);
	if (r == -ENOENT || r == -ERANGE) {
		checkpoint_forget(s);
		r = 0;
	}
	if (r < 0)
		return r;
	k = s->ckpt_kept;
	s->ckpt_kept = NULL;
	if (!k)
		k = calloc(1, sizeof(*k));
	if (!k)
		return -ENOMEM;
	r = page_cache_load(s->drive, &k->lists);
	if (r < 0)
		ckpt_known_free(k);
	else
		*ret = k;
	return r;
}
