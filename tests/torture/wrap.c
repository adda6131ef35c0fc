/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What the linker puts around functions of the library (--wrap): the steps
 * that make something durable, allocations, calls of the store.
 */
#include <errno.h>
#include <openssl/crypto.h>
#include <pthread.h>
#include <sqlite3.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "drive/sync.h"
#include "store/store.h"
#include "tests/torture/torture.h"

/* ---- steps --------------------------------------------------------------- */

struct db;
struct slab;

#define AROUND(fn, params, args)					\
	int __real_##fn params;						\
	int __wrap_##fn params;						\
	int								\
	__wrap_##fn params						\
	{								\
		int r;							\
									\
		(void)point(POINT_STEP, #fn, "before");			\
		r = __real_##fn args;					\
		(void)point(POINT_STEP, #fn, "after");			\
		return r;						\
	}

AROUND(db_commit, (struct db *d), (d))
AROUND(redo_settle, (struct db *d), (d))
AROUND(db_sync, (struct db *d), (d))
AROUND(db_checkpoint, (struct db *d), (d))
AROUND(db_checkpoint_all, (struct db *d, bool is_cut), (d, is_cut))
AROUND(slab_sync, (struct slab *s), (s))
AROUND(slab_write, (struct slab *s, uint32_t frame, const void *p,
    size_t len), (s, frame, p, len))
AROUND(drive_stage_commit, (struct drive *d, struct stage_batch *b), (d, b))
AROUND(drive_publish_seal, (struct drive *d, uint64_t ticket,
    const struct segment *s, const uint8_t *hash, const void *object,
    size_t len), (d, ticket, s, hash, object, len))
AROUND(drive_publish_done, (struct drive *d, uint64_t seq), (d, seq))
AROUND(drive_seen_set, (struct drive *d, const struct vault_seen *s), (d, s))
AROUND(drive_kv_set, (struct drive *d, const char *key, const void *p,
    size_t len), (d, key, p, len))

/* ---- the store ----------------------------------------------------------- */

/* Wrappers call the store that they wrap: only the first call counts. */
static _Thread_local int depth;

static const char *
class_of(const char *name)
{
	const char *p;

	if (name[0] == 'u')
		return "chain";
	if (name[0] != 'r' || !(p = strchr(name + 2, '/')))
		return "genesis";
	switch (p[1]) {
	case 'd':
		return "pack";
	case 'j':
		return "segment";
	case 'h':
		return "head";
	case 's':
		return "checkpoint";
	default:
		return "grant";
	}
}

int __real_store_put(struct store *s, const char *name, const void *p,
    size_t len, unsigned flags);
int __wrap_store_put(struct store *s, const char *name, const void *p,
    size_t len, unsigned flags);

int
__wrap_store_put(struct store *s, const char *name, const void *p,
    size_t len, unsigned flags)
{
	char what[32];
	bool due;
	int r;

	if (depth)
		return __real_store_put(s, name, p, len, flags);
	(void)snprintf(what, sizeof(what), "put of a %s:", class_of(name));
	(void)point(POINT_STEP, what, "before");
	due = point(POINT_STORE, what, "fails");
	if (due && !point_is_after())
		return -plan.err;
	depth++;
	r = __real_store_put(s, name, p, len, flags);
	depth--;
	(void)point(POINT_STEP, what, "after");
	return due ? -plan.err : r;
}

int __real_store_get(struct store *s, const char *name, struct buf *out);
int __wrap_store_get(struct store *s, const char *name, struct buf *out);

int
__wrap_store_get(struct store *s, const char *name, struct buf *out)
{
	int r;

	if (depth == 0 && point(POINT_STORE, "get of a", class_of(name)))
		return -plan.err;
	depth++;
	r = __real_store_get(s, name, out);
	depth--;
	return r;
}

int __real_store_get_range(struct store *s, const char *name, uint64_t off,
    size_t len, struct buf *out);
int __wrap_store_get_range(struct store *s, const char *name, uint64_t off,
    size_t len, struct buf *out);

int
__wrap_store_get_range(struct store *s, const char *name, uint64_t off,
    size_t len, struct buf *out)
{
	int r;

	if (depth == 0 && point(POINT_STORE, "range of a", class_of(name)))
		return -plan.err;
	depth++;
	r = __real_store_get_range(s, name, off, len, out);
	depth--;
	return r;
}

int __real_store_list(struct store *s, const char *prefix,
    int (*fn)(void *arg, const char *name, uint64_t size), void *arg);
int __wrap_store_list(struct store *s, const char *prefix,
    int (*fn)(void *arg, const char *name, uint64_t size), void *arg);

int
__wrap_store_list(struct store *s, const char *prefix,
    int (*fn)(void *arg, const char *name, uint64_t size), void *arg)
{
	int r;

	if (depth == 0 && point(POINT_STORE, "list", prefix))
		return -plan.err;
	depth++;
	r = __real_store_list(s, prefix, fn, arg);
	depth--;
	return r;
}

/* ---- allocations --------------------------------------------------------- */

/* One place is not to be looked at a thousand times: how often it was. */
static struct {
	_Atomic uintptr_t at;	/* 0: free */
	atomic_uint visits;
} places[1 << 14];

static unsigned
visit(uintptr_t at)
{
	size_t i, mask = sizeof(places) / sizeof(places[0]) - 1;
	uintptr_t was;

	for (i = (at ^ at >> 14) & mask; ; i = (i + 1) & mask) {
		was = 0;
		if (atomic_compare_exchange_strong(&places[i].at, &was, at) ||
		    was == at)
			return ++places[i].visits;
	}
}

static bool
alloc_fails(const char *what, const void *from)
{
	char where[32];

	if (!shared || !shared->is_armed || !(plan.kinds & POINT_ALLOC))
		return false;
	if (plan.visits && visit((uintptr_t)from) > plan.visits)
		return false;
	/* Told from a known function, as the program lies anywhere. */
	(void)snprintf(where, sizeof(where), "main%+ld",
	    (long)((uintptr_t)from - (uintptr_t)wrap_setup));
	return point(POINT_ALLOC, what, where);
}

#define FROM __builtin_return_address(0)

void *__real_malloc(size_t n);
void *__wrap_malloc(size_t n);
void *__real_calloc(size_t n, size_t size);
void *__wrap_calloc(size_t n, size_t size);
void *__real_realloc(void *p, size_t n);
void *__wrap_realloc(void *p, size_t n);
void *__real_reallocarray(void *p, size_t n, size_t size);
void *__wrap_reallocarray(void *p, size_t n, size_t size);
char *__real_strdup(const char *s);
char *__wrap_strdup(const char *s);
char *__real_strndup(const char *s, size_t n);
char *__wrap_strndup(const char *s, size_t n);
int __real_pthread_create(pthread_t *t, const pthread_attr_t *a,
    void *(*fn)(void *), void *arg);
int __wrap_pthread_create(pthread_t *t, const pthread_attr_t *a,
    void *(*fn)(void *), void *arg);

static void *
none(void)
{
	errno = ENOMEM;
	return NULL;
}

void *
__wrap_malloc(size_t n)
{
	return alloc_fails("malloc", FROM) ? none() : __real_malloc(n);
}

void *
__wrap_calloc(size_t n, size_t size)
{
	return alloc_fails("calloc", FROM) ? none() : __real_calloc(n, size);
}

void *
__wrap_realloc(void *p, size_t n)
{
	return alloc_fails("realloc", FROM) ? none() : __real_realloc(p, n);
}

void *
__wrap_reallocarray(void *p, size_t n, size_t size)
{
	return alloc_fails("reallocarray", FROM) ? none() :
	    __real_reallocarray(p, n, size);
}

char *
__wrap_strdup(const char *s)
{
	return alloc_fails("strdup", FROM) ? none() : __real_strdup(s);
}

char *
__wrap_strndup(const char *s, size_t n)
{
	return alloc_fails("strndup", FROM) ? none() : __real_strndup(s, n);
}

int
__wrap_pthread_create(pthread_t *t, const pthread_attr_t *a,
    void *(*fn)(void *), void *arg)
{
	if (alloc_fails("thread", FROM))
		return EAGAIN;
	return __real_pthread_create(t, a, fn, arg);
}

void *
xalloc(size_t n)
{
	void *p = __real_calloc(1, n ? n : 1);

	if (!p)
		abort();
	return p;
}

/* ---- allocations of libraries -------------------------------------------- */

static sqlite3_mem_methods sqlite_mem;

static void *
sqlite_malloc(int n)
{
	if (point(POINT_LIBALLOC, "malloc", "of SQLite"))
		return NULL;
	return sqlite_mem.xMalloc(n);
}

static void *
sqlite_realloc(void *p, int n)
{
	if (point(POINT_LIBALLOC, "realloc", "of SQLite"))
		return NULL;
	return sqlite_mem.xRealloc(p, n);
}

static void *
ssl_malloc(size_t n, const char *file, int line)
{
	(void)file;
	(void)line;
	if (point(POINT_LIBALLOC, "malloc", "of OpenSSL"))
		return NULL;
	return __real_malloc(n);
}

static void *
ssl_realloc(void *p, size_t n, const char *file, int line)
{
	(void)file;
	(void)line;
	if (point(POINT_LIBALLOC, "realloc", "of OpenSSL"))
		return NULL;
	return __real_realloc(p, n);
}

static void
ssl_free(void *p, const char *file, int line)
{
	(void)file;
	(void)line;
	free(p);
}

/* Some library allocates as it is loaded, and then it is too late: so this
 * comes before that. */
static void
ssl_setup(void)
{
	if (CRYPTO_set_mem_functions(ssl_malloc, ssl_realloc, ssl_free) != 1)
		abort();
}

__attribute__((section(".preinit_array"), used))
static void (*const before_libraries)(void) = ssl_setup;

void
wrap_setup(void)
{
	sqlite3_mem_methods m;

	if (sqlite3_config(SQLITE_CONFIG_GETMALLOC, &sqlite_mem) != SQLITE_OK)
		abort();
	m = sqlite_mem;
	m.xMalloc = sqlite_malloc;
	m.xRealloc = sqlite_realloc;
	if (sqlite3_config(SQLITE_CONFIG_MALLOC, &m) != SQLITE_OK)
		abort();
}
