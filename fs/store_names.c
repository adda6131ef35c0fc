/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "fs/store_job.h"
#include "store/store.h"
#include "util/err.h"
#include "util/hash.h"

/* store_names - what a listing told. */
struct one {
	UT_hash_handle hh;
	uint64_t size;
	char name[];
};

struct names {
	struct one *all;
	const struct store_job *job;
};

static int
on_name(void *arg, const char *name, uint64_t size)
{
	size_t n = strlen(name) + 1;
	struct names *l = arg;
	struct one *o;

	/* A probe takes its own away again. */
	if (strncmp(name, "probe/", 6) == 0)
		return 0;
	HASH_FIND_STR(l->all, name, o);
	if (o)
		return 0;
	o = malloc(sizeof(*o) + n);
	if (!o)
		return -ENOMEM;
	o->size = size;
	memcpy(o->name, name, n);
	HASH_ADD_KEYPTR(hh, l->all, o->name, n - 1, o);
	if (HASH_IS_OUT(o)) {
		free(o);
		return -ENOMEM;
	}
	if (HASH_COUNT(l->all) % 1000 == 0 && !l->job->progress(l->job->arg,
	    STORE_JOB_LISTED, HASH_COUNT(l->all)))
		return -ECANCELED;
	return 0;
}

int
names_list(const struct store_job *j, struct store *s, struct names **ret,
    struct err *e)
{
	struct names *l = calloc(1, sizeof(*l));
	struct store_stats st;
	int r;

	if (!l)
		return err_set(e, -ENOMEM, "out of memory");
	l->job = j;
	r = store_list(s, "", on_name, l);
	if (r < 0) {
		names_free(l);
		store_get_stats(s, &st);
		return err_set(e, r, "'%s' cannot be listed: %s",
		    store_url(s), st.last_error[0] ? st.last_error :
		    strerror(-r));
	}
	*ret = l;
	return 0;
}

void
names_free(struct names *l)
{
	struct one *o, *next;

	if (!l)
		return;
	HASH_ITER(hh, l->all, o, next) {
		HASH_DEL(l->all, o);
		free(o);
	}
	free(l);
}

size_t
names_count(const struct names *l)
{
	return HASH_COUNT(l->all);
}

bool
names_has(const struct names *l, const char *name, uint64_t size)
{
	struct one *o;

	HASH_FIND_STR(l->all, name, o);
	return o && o->size >= size;
}

void
names_raise(struct names *l, const struct names *by)
{
	struct one *o, *next, *b;

	HASH_ITER(hh, l->all, o, next) {
		HASH_FIND_STR(by->all, o->name, b);
		if (b && b->size > o->size)
			o->size = b->size;
	}
}

int
names_each(const struct names *l, int (*fn)(void *arg, const char *name,
    uint64_t size), void *arg)
{
	struct one *o, *next;
	int r = 0;

	HASH_ITER(hh, l->all, o, next) {
		r = fn(arg, o->name, o->size);
		if (r != 0)
			break;
	}
	return r;
}
