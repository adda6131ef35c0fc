/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "drive/cache.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "util/hash.h"
#include "util/thread.h"

struct key {
	uint64_t ino, idx, bid;
};

struct entry {
	struct opened o;	/* first: what callers hold */
	struct key key;
	unsigned refs;		/* callers, and one for the table */
	TAILQ_ENTRY(entry) lru;
	UT_hash_handle hh;
};

struct cache {
	struct mutex lock;	/* RANK_CACHE */
	uint64_t max, bytes	GUARDED_BY(lock);
	struct entry *table	GUARDED_BY(lock);
	TAILQ_HEAD(, entry) lru	GUARDED_BY(lock);	/* oldest first */
};

int
cache_new(uint64_t max_bytes, struct cache **ret)
{
	struct cache *c = calloc(1, sizeof(*c));

	if (!c)
		return -ENOMEM;
	mutex_init(&c->lock, RANK_CACHE);
	c->max = max_bytes;
	TAILQ_INIT(&c->lru);
	*ret = c;
	return 0;
}

static void
entry_unref(struct entry *e)
{
	union {
		const uint8_t *c;
		uint8_t *p;
	} u = { .c = e->o.data };

	if (--e->refs > 0)
		return;
	free(u.p);
	free(e);
}

static void
entry_remove_locked(struct cache *c, struct entry *e) REQUIRES(c->lock)
{
	HASH_DEL(c->table, e);
	TAILQ_REMOVE(&c->lru, e, lru);
	c->bytes -= e->o.len + sizeof(*e);
	entry_unref(e);
}

void
cache_empty(struct cache *c)
{
	mutex_lock(&c->lock);
	while (!TAILQ_EMPTY(&c->lru))
		entry_remove_locked(c, TAILQ_FIRST(&c->lru));
	mutex_unlock(&c->lock);
}

void
cache_free(struct cache *c)
{
	if (!c)
		return;
	cache_empty(c);
	mutex_done(&c->lock);
	free(c);
}

const struct opened *
cache_get(struct cache *c, uint64_t ino, uint64_t idx, uint64_t bid)
{
	struct key k = { ino, idx, bid };
	struct entry *e;

	mutex_lock(&c->lock);
	HASH_FIND(hh, c->table, &k, sizeof(k), e);
	if (e) {
		e->refs++;
		TAILQ_REMOVE(&c->lru, e, lru);
		TAILQ_INSERT_TAIL(&c->lru, e, lru);
	}
	mutex_unlock(&c->lock);
	return e ? &e->o : NULL;
}

void
cache_unref(struct cache *c, const struct opened *o)
{
	union {
		const struct opened *o;
		struct entry *e;
	} u = { .o = o };

	mutex_lock(&c->lock);
	entry_unref(u.e);
	mutex_unlock(&c->lock);
}

void
cache_add(struct cache *c, uint64_t ino, uint64_t idx, uint64_t bid,
    uint8_t *data, size_t len)
{
	struct entry *e, *old;

	e = calloc(1, sizeof(*e));
	if (!e) {
		free(data);
		return;
	}
	e->o.data = data;
	e->o.len = len;
	e->key = (struct key){ ino, idx, bid };
	e->refs = 1;
	mutex_lock(&c->lock);
	HASH_FIND(hh, c->table, &e->key, sizeof(e->key), old);
	if (old) {
		entry_unref(e);
		mutex_unlock(&c->lock);
		return;
	}
	HASH_ADD(hh, c->table, key, sizeof(e->key), e);
	if (HASH_IS_OUT(e)) {
		entry_unref(e);
		mutex_unlock(&c->lock);
		return;
	}
	TAILQ_INSERT_TAIL(&c->lru, e, lru);
	c->bytes += len + sizeof(*e);
	while (c->bytes > c->max && TAILQ_FIRST(&c->lru) != e)
		entry_remove_locked(c, TAILQ_FIRST(&c->lru));
	mutex_unlock(&c->lock);
}
