/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "sync/sync_priv.h"

#include <errno.h>
#include <stdlib.h>

/* Start another pack at the end of the list. */
static int
list_grow(struct pack_list *l)
{
	struct pack **p;
	uint64_t n;
	size_t cap;
	int r = 0;

	if (l->n == l->cap) {
		cap = l->cap ? l->cap * 2 : 4;
		p = realloc(l->packs, cap * sizeof(struct pack *));
		if (!p)
			return -ENOMEM;
		l->packs = p;
		l->cap = cap;
	}
	if (l->nnumbers > 0)
		n = l->numbers[--l->nnumbers];
	else
		r = sync_pack_number(l->s, &n);
	if (r == 0)
		r = pack_new(l->s->keys, n, &l->packs[l->n]);
	if (r < 0)
		return r;
	r = sync_unsent_add(l->s, pack_id_of(l->packs[l->n]));
	if (r < 0) {
		pack_free(l->packs[l->n]);
		return r;
	}
	l->n++;
	return 0;
}

int
pack_list_add(struct pack_list *l, const struct vault_id *inode,
    enum vault_block_class cls, uint64_t idx, const void *sealed, size_t len,
    struct block_ref *ret)
{
	int r;

	if (l->n == 0 || !pack_room(l->packs[l->n - 1], len)) {
		r = list_grow(l);
		if (r < 0)
			return r;
	}
	l->bytes += len;
	return pack_add(l->packs[l->n - 1], inode, cls, idx, sealed, len, ret);
}

int
pack_list_reserve(struct pack_list *l)
{
	int r = 0;

	while (l->nnumbers < PACK_NUMBERS_MAX && r == 0) {
		r = sync_pack_number(l->s, &l->numbers[l->nnumbers]);
		if (r == 0)
			l->nnumbers++;
	}
	return r;
}

int
pack_list_put(struct pack_list *l)
{
	const struct pack_id *id;
	char name[VAULT_PATH_MAX];
	const uint8_t *data;
	size_t i, len;
	int r;

	for (i = 0; i < l->n; i++) {
		id = pack_id_of(l->packs[i]);
		r = pack_end(l->packs[i], &data, &len);
		if (r < 0)
			return r;
		vault_name_pack(&l->s->keys->rtag, id, name);
		r = sync_put(l->s, name, data, len, OBJECT_OWN);
		if (r < 0)
			return r;
		sync_unsent_del(l->s, id);
		mutex_lock(&l->s->lock);
		l->s->st.packs_up++;
		mutex_unlock(&l->s->lock);
	}
	return 0;
}

void
pack_list_done(struct pack_list *l)
{
	size_t i;

	for (i = 0; i < l->n; i++) {
		sync_unsent_del(l->s, pack_id_of(l->packs[i]));
		pack_free(l->packs[i]);
	}
	free(l->packs);
	l->packs = NULL;
	l->n = l->cap = 0;
	l->bytes = 0;
}
