/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "store/backend.h"
#include "util/buf.h"
#include "util/hash.h"

/* store_mem - objects in memory, for tests: the shape of the contract. */
struct object {
	UT_hash_handle hh;
	size_t len;
	uint8_t *data;
	char name[];
};

struct mem {
	struct store base;
	struct mutex lock;
	struct object *objects GUARDED_BY(lock);
};

static struct object *
object_new(const char *name, const void *p, size_t len)
{
	size_t n = strlen(name) + 1;
	struct object *o = calloc(1, sizeof(*o) + n);

	if (!o)
		return NULL;
	o->data = malloc(len ? len : 1);
	if (!o->data) {
		free(o);
		return NULL;
	}
	if (len)
		memcpy(o->data, p, len);
	o->len = len;
	memcpy(o->name, name, n);
	return o;
}

static void
object_free(struct object *o)
{
	if (!o)
		return;
	free(o->data);
	free(o);
}

static int
mem_put(struct store *s, const char *name, const void *p, size_t len,
    unsigned flags)
{
	struct mem *m = (struct mem *)s;
	struct object *o, *old;

	o = object_new(name, p, len);
	if (!o)
		return -ENOMEM;
	mutex_lock(&m->lock);
	HASH_FIND_STR(m->objects, name, old);
	if (old && (flags & STORE_IF_ABSENT)) {
		mutex_unlock(&m->lock);
		object_free(o);
		return -EEXIST;
	}
	HASH_ADD_KEYPTR(hh, m->objects, o->name, strlen(o->name), o);
	if (HASH_IS_OUT(o)) {
		mutex_unlock(&m->lock);
		object_free(o);
		return -ENOMEM;
	}
	if (old)
		HASH_DEL(m->objects, old);
	mutex_unlock(&m->lock);
	object_free(old);
	return 0;
}

static int
mem_get(struct store *s, const char *name, struct buf *out)
{
	struct mem *m = (struct mem *)s;
	struct object *o;
	int r = -ENOENT;

	mutex_lock(&m->lock);
	HASH_FIND_STR(m->objects, name, o);
	if (o && o->len > out->max - out->len)
		r = -EFBIG;
	else if (o)
		r = buf_put(out, o->data, o->len);
	mutex_unlock(&m->lock);
	return r;
}

static int
mem_get_range(struct store *s, const char *name, uint64_t off, size_t len,
    struct buf *out)
{
	struct mem *m = (struct mem *)s;
	struct object *o;
	int r = -ENOENT;

	mutex_lock(&m->lock);
	HASH_FIND_STR(m->objects, name, o);
	if (o && (off > o->len || len > o->len - off))
		r = -ERANGE;
	else if (o)
		r = buf_put(out, o->data + off, len);
	mutex_unlock(&m->lock);
	return r;
}

static int
mem_del(struct store *s, const char *name)
{
	struct mem *m = (struct mem *)s;
	struct object *o;

	mutex_lock(&m->lock);
	HASH_FIND_STR(m->objects, name, o);
	if (o)
		HASH_DEL(m->objects, o);
	mutex_unlock(&m->lock);
	object_free(o);
	return o ? 0 : -ENOENT;
}

/* The names go into a buffer first: fn may call us. */
static int
mem_list(struct store *s, const char *prefix,
    int (*fn)(void *arg, const char *name, uint64_t size), void *arg)
{
	struct mem *m = (struct mem *)s;
	struct buf b = BUF_INIT(SIZE_MAX / 2);
	struct object *o, *next;
	const uint8_t *name;
	struct rd in;
	size_t len, n;
	int r;

	mutex_lock(&m->lock);
	HASH_ITER(hh, m->objects, o, next) {
		if (strncmp(o->name, prefix, strlen(prefix)) != 0)
			continue;
		n = strlen(o->name) + 1;
		(void)buf_put_str16(&b, o->name, n);
		(void)buf_put_u64(&b, o->len);
	}
	mutex_unlock(&m->lock);
	r = b.err;
	in = rd_of(b.data, b.len);
	while (r == 0 && in.left) {
		name = rd_str16(&in, UINT16_MAX, &len);
		r = fn(arg, (const char *)name, rd_u64(&in));
	}
	buf_done(&b);
	return r;
}

static int
mem_space(struct store *s, struct store_space *ret)
{
	(void)s;
	(void)ret;
	return -EOPNOTSUPP;
}

static unsigned
mem_caps(struct store *s)
{
	(void)s;
	return STORE_CAP_IF_ABSENT | STORE_CAP_RANGE | STORE_CAP_ATOMIC_PUT;
}

static int
mem_probe(struct store *s, struct err *e)
{
	unsigned caps = 0;

	return store_probe_run(s, &caps, e);
}

static void
mem_get_hint(struct store *s, struct store_hint *ret)
{
	(void)s;
	(void)ret;
}

/* Nothing here ever waits. */
static void
mem_interrupt(struct store *s, bool on)
{
	(void)s;
	(void)on;
}

static void
mem_close(struct store *s)
{
	struct mem *m = (struct mem *)s;
	struct object *o, *next;

	mutex_lock(&m->lock);
	HASH_ITER(hh, m->objects, o, next) {
		HASH_DEL(m->objects, o);
		object_free(o);
	}
	mutex_unlock(&m->lock);
	mutex_done(&m->lock);
	store_done(s);
	free(m);
}

static const struct store_ops mem_ops = {
	.put = mem_put,
	.get = mem_get,
	.get_range = mem_get_range,
	.del = mem_del,
	.list = mem_list,
	.space = mem_space,
	.caps = mem_caps,
	.probe = mem_probe,
	.get_hint = mem_get_hint,
	.interrupt = mem_interrupt,
	.close = mem_close,
};

int
store_mem_new(struct store **ret)
{
	struct mem *m = calloc(1, sizeof(*m));

	if (!m || store_init(&m->base, &mem_ops, "mem:") < 0) {
		free(m);
		return -ENOMEM;
	}
	mutex_init(&m->lock, RANK_STORE);
	*ret = &m->base;
	return 0;
}
