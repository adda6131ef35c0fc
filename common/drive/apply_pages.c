/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Versions whose blocks are listed in manifest pages, which are asked of the
 * pager: some pages per transaction, and none while the lock is held.
 */
#include "drive/apply_priv.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define PAGES_AT_ONCE 64	/* manifest pages in one transaction */

struct pages {
	struct drive_pager pager;
	const struct vault_id *id;
	const struct op_put *put;
	const struct op_stamp *stamp;
	uint8_t key[VAULT_KEY_LEN];
	uint32_t next;		/* page to come */
	bool is_first;
};

static int
page_next(struct pages *g, struct op_block **ret, size_t *ret_n)
{
	const struct op_page *p = &g->put->pages[g->next];
	int r;

	r = g->pager.page(g->pager.arg, g->id, g->key, p, ret, ret_n);
	/* Spoiled on its way, perhaps. */
	if (lost_is(r))
		r = g->pager.page(g->pager.arg, g->id, g->key, p, ret, ret_n);
	return r;
}

/* The blocks of the next pages; no lock held.  Caller frees *ret. */
static int
pages_fetch(struct pages *g, struct op_block **ret, uint32_t *ret_n)
{
	struct op_block *all = NULL, *one, *t;
	size_t n = 0, k;
	uint32_t j;
	int r = 0;

	for (j = 0; j < PAGES_AT_ONCE && g->next < g->put->npages; j++) {
		one = NULL;
		k = 0;
		r = page_next(g, &one, &k);
		if (r < 0)
			break;
		t = realloc(all, (n + k + 1) * sizeof(*all));
		if (!t) {
			free(one);
			r = -ENOMEM;
			break;
		}
		all = t;
		if (k)
			memcpy(all + n, one, k * sizeof(*all));
		n += k;
		free(one);
		g->next++;
	}
	if (r < 0) {
		free(all);
		return r;
	}
	*ret = all;
	*ret_n = (uint32_t)n;
	return 0;
}

/* Can all be had?  Before the first part of several replaces anything. */
static int
pages_look(struct pages *g)
{
	struct op_block *b;
	uint32_t n;
	int r = 0;

	while (r == 0 && g->next < g->put->npages) {
		r = pages_fetch(g, &b, &n);
		if (r == 0)
			free(b);
	}
	g->next = 0;
	return r;
}

/* A rebuild goes on without it. */
static int
pages_lost(struct drive *d, uint64_t ino)
{
	int r;

	mutex_lock(&d->db_lock);
	r = lost_add(d, ino);
	mutex_unlock(&d->db_lock);
	return r;
}

int
apply_pages(struct apply *a, const struct vault_id *id,
    const struct op_stamp *stamp, const struct op_put *put)
{
	struct pages g = { .id = id, .put = put, .is_first = true };
	struct drive *d = a->d;
	struct op_put part = *put;
	struct inode i;
	int r, got = 0;
	bool may_lose;

	mutex_lock(&d->conf_lock);
	g.pager = d->pager;
	mutex_unlock(&d->conf_lock);
	mutex_lock(&d->db_lock);
	r = apply_find(d, id, &i);
	may_lose = d->is_rebuilding;
	mutex_unlock(&d->db_lock);
	if (r < 0)
		return r == -ENOENT ? 0 : r;
	if (stamp_cmp(stamp, &i.version) <= 0)
		return 0;
	if (!g.pager.page)
		return -EIO;
	memcpy(g.key, i.key, sizeof(g.key));
	part.pages = NULL;
	part.npages = 0;
	if (may_lose && put->npages > PAGES_AT_ONCE)
		got = pages_look(&g);
	while (r == 0 && got == 0 && g.next < put->npages) {
		part.blocks = NULL;
		got = pages_fetch(&g, &part.blocks, &part.nblocks);
		if (got < 0)
			break;
		/* What earlier parts brought stays; the first has said what
		 * it all lies on. */
		if (!g.is_first) {
			part.trunc = part.size;
			part.nparents = 0;
		}
		g.is_first = false;
		r = drive_begin_internal(d);
		if (r == 0)
			r = drive_end(d, apply_put(a, id, g.next ==
			    put->npages ? stamp : NULL, &part));
		free(part.blocks);
	}
	if (r == 0 && got < 0)
		r = may_lose && lost_is(got) ? pages_lost(d, i.ino) : got;
	crypto_wipe(g.key, sizeof(g.key));
	crypto_wipe(&i, sizeof(i));
	return r;
}
